/** The parts of a host around its audit log: what keeps it, shows it and vouches for others' logs, and what is done about those that contradict themselves. */
import type { Result } from '../crypto/result.ts';
import type { Monitor } from '../protocols/monitor/index.ts';
import type { RevocationService } from '../protocols/revocation/index.ts';
import type { Statements } from '../protocols/statements/index.ts';
import { mirrors, tiles, type Mirrors, type Tiles } from '../protocols/tiles/index.ts';
import { witness, type Witness, type WitnessContact } from '../protocols/witness/index.ts';
import { logFiles, logStore } from '../storage/log-view.ts';
import { Accusations } from './accusations.ts';
import { AuditKeeper } from './audit-keeper.ts';
import { AuditParties } from './audit-parties.ts';
import { AuditRetention } from './audit-retention.ts';
import type { Built } from './built.ts';
import { monitoring } from './monitoring.ts';
import type { Neighbours } from './neighbours.ts';

/** What the parts around the audit log use of others. */
export interface AuditPartsInit {
  readonly built: Built;
  readonly revocation: RevocationService;
  readonly statements: Statements;
  readonly neighbours: Neighbours;
}

/** The parts around the audit log. */
export class AuditParts {
  readonly keeper: AuditKeeper;
  readonly accusations: Accusations;
  readonly retention: AuditRetention;
  readonly monitor: Monitor;
  readonly witness: Witness;
  readonly tiles: Tiles;
  readonly mirrors: Mirrors;
  readonly #parties: AuditParties;

  constructor({ built, revocation, statements, neighbours }: AuditPartsInit) {
    const { parts, settings, identities, identity, log, past_logs, statement_store } = built;
    const { clock, random, network, store, recorder } = parts;
    const { count: number } = past_logs;
    this.keeper = new AuditKeeper({
      clock, random, network, recorder, keystore: parts.keystore, vault: built.vault, log, number, past_logs, did: identities.node.did,
      host_store: store, store: logStore(store, number), files: logFiles(parts.files, number),
      tiles: () => this.tiles,
      witnessKey: (name) => Promise.resolve(this.#parties.knownWitnessKey(name)),
    }, settings.keeper);
    this.accusations = new Accusations({
      clock, store, recorder, identities, identity, statement_store, statements, log: () => log,
      wasListed: (name) => this.wasListed(name),
    });
    this.#parties = new AuditParties({
      clock, network, identity, revocation, neighbours, exposed: (did) => this.accusations.exposed(did),
    });
    this.retention = new AuditRetention({
      clock, recorder, store, log_store: logStore(store, number), log, past_logs, did: identities.node.did, policy: settings.retention ?? {},
      ...(parts.free_bytes === undefined ? {} : { free_bytes: parts.free_bytes }),
    });
    this.monitor = monitoring({
      clock, random, network, store, log, recorder, identity, neighbours,
      logKey: (origin) => this.logKey(origin),
      place: (did) => this.#parties.place(did),
      witnessKey: (name) => this.#parties.namedWitnessKey(name),
      accuse: (evidence) => this.accusations.report(evidence),
      exposed: (did) => this.accusations.exposed(did),
    });
    this.witness = witness(settings.witness ?? {})({
      clock, random, network, store, log, recorder,
      witness_key: built.witness_key, did: identities.node.did,
      witnesses: () => this.witnesses(),
      logKey: (origin) => this.logKey(origin),
      published: (note) => this.monitor.publish(note),
      past: (origin) => past_logs.named(origin),
      seen: this.monitor, refused: (note) => this.monitor.look(note), isNear: (did) => identity.known(did) !== undefined,
      met: (did) => [...neighbours.nodes()].some(([, node]) => node === did),
      accuse: (evidence) => this.accusations.report(evidence),
      exposed: (did) => this.accusations.exposed(did),
      sponsor: () => this.#parties.operatorOf(identities.node.did),
    });
    this.tiles = tiles()({
      clock, network, recorder,
      own: {
        origin: log.origin, checkpoint: () => this.witness.checkpoint(),
        tile: (level, number, width) => log.tile(level, number, width),
        bundle: (number, width) => log.bundle(number, width),
      },
    });
    for (const source of past_logs.sources()) this.tiles.add(source);
    this.mirrors = mirrors(settings.mirrors ?? {})({
      clock, random, network, store, recorder,
      tiles: this.tiles,
      place: (did) => this.#parties.place(did),
      contradicted: (note) => this.monitor.look(note), successor: (origin) => this.monitor.successor(origin),
      witnessKey: (name) => this.#parties.witnessKey(name),
    });
  }

  /** Whether this host has seen the record of a host name this log or witness, whatever the record says now. */
  wasListed(name: string): boolean {
    return this.monitor.state(name) !== undefined || this.#parties.hasSeenWitness(name);
  }

  /** The verifier key of a log. Fails where no record at hand names it. */
  logKey(origin: string): Promise<Result<string>> {
    return this.#parties.logKey(origin);
  }

  /** The witnesses that this host may ask. */
  witnesses(): readonly WitnessContact[] {
    return this.#parties.witnesses();
  }
}
