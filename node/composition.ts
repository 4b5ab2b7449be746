/** The parts of a host put together: each is given the narrow parts that it uses, in the order in which they need each other. */
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import { ok, unwrap, type Result } from '../crypto/result.ts';
import type { AuditEvidence } from '../crypto/statement.ts';
import { delegation, type Delegations } from '../protocols/delegation/index.ts';
import { handshake, type Handshake } from '../protocols/handshake/index.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { IdentityWitnesses } from '../protocols/identity-witness/index.ts';
import { message, type Message } from '../protocols/message/index.ts';
import { caughtUp, freshness, revocation, revocation_age_ms_max, type Freshness, type RevocationService } from '../protocols/revocation/index.ts';
import type { Monitor } from '../protocols/monitor/index.ts';
import { statements, type Statements } from '../protocols/statements/index.ts';
import { mirrors, tiles, type Mirrors, type Tiles } from '../protocols/tiles/index.ts';
import { trust, type Trust } from '../protocols/trust/index.ts';
import { witness, type Witness, type WitnessContact } from '../protocols/witness/index.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import { EntrySeal } from '../storage/entry-seal.ts';
import type { Keystore } from '../storage/keystore.ts';
import { logFiles, logStore } from '../storage/log-view.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { Vault } from '../storage/vault.ts';
import { Accusations } from './accusations.ts';
import { AgentFiles } from './agent-files.ts';
import { AgentHouse, type HousedAgent } from './agent-house.ts';
import { AgentTools } from './agent-tools.ts';
import { ApprovalDesk } from './approvals.ts';
import { AuditKeeper } from './audit-keeper.ts';
import { AuditParties } from './audit-parties.ts';
import { announce } from './announcing.ts';
import { Authority } from './authority.ts';
import { AuditRetention } from './audit-retention.ts';
import { Books } from './books.ts';
import type { Doubts } from './doubts.ts';
import { auditRecorder } from './flight-recorder.ts';
import { Endings } from './endings.ts';
import { reportEquivocation } from './equivocations.ts';
import { FlightLogs } from './flight-logs.ts';
import type { Host, HostParts, HostSettings } from './host.ts';
import type { Identities } from './identities.ts';
import { Imports } from './imports.ts';
import type { KernelSpace } from './kernel/index.ts';
import { stopEach } from './lifecycle.ts';
import { monitoring } from './monitoring.ts';
import { Neighbours } from './neighbours.ts';
import { reaffirmAll } from './reaffirming.ts';
import { operatorKernel } from './operator.ts';
import type { PastLogs } from './own-logs.ts';
import { PolicySources } from './policy-sources.ts';
import { Runs } from './runs.ts';

/** What exists before the parts are put together. */
export interface Built {
  readonly doubts: Doubts;
  readonly parts: HostParts;
  readonly settings: HostSettings;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly identity_witnesses: IdentityWitnesses;
  readonly log: AuditLog;
  readonly vault: Vault;
  readonly past_logs: PastLogs;
  readonly statement_store: StatementStore;
  readonly witness_key: NonNullable<ReturnType<Keystore['key']>>;
}

/** Everything that is built; parts refer to each other through it, so that none has to exist before the one that it calls later. */
export class Composition implements Host {
  readonly parts: HostParts;
  readonly settings: HostSettings;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly statement_store: StatementStore;
  readonly statements: Statements;
  readonly trust: Trust;
  readonly revocation: RevocationService;
  readonly freshness: Freshness;
  readonly handshake: Handshake;
  readonly delegations: Delegations;
  readonly message: Message;
  readonly log: AuditLog;
  readonly past_logs: PastLogs;
  readonly keeper: AuditKeeper;
  readonly witness: Witness;
  readonly monitor: Monitor;
  readonly tiles: Tiles;
  readonly mirrors: Mirrors;
  readonly neighbours: Neighbours;
  readonly accusations: Accusations;
  readonly agents: AgentHouse;
  readonly approvals: ApprovalDesk;
  readonly policies: PolicySources;
  readonly runs: Runs;
  readonly files: AgentFiles;
  readonly tools: AgentTools;
  readonly books: Books;
  readonly retention: AuditRetention;
  readonly logs: FlightLogs;
  readonly imports: Imports;
  readonly authority: Authority;
  readonly endings: Endings;
  readonly identity_witnesses: IdentityWitnesses;
  readonly #parties: AuditParties;
  readonly #operator: KernelSpace;

  constructor(built: Built) {
    const { parts, settings, identities, log, statement_store } = built;
    const { clock, random, network, store, recorder } = parts;
    this.parts = parts;
    this.settings = settings;
    this.identities = identities;
    this.identity = built.identity;
    this.identity_witnesses = built.identity_witnesses;
    this.log = log;
    this.past_logs = built.past_logs;
    const { count: number } = built.past_logs;
    this.keeper = new AuditKeeper({
      clock, random, network, recorder, keystore: parts.keystore, vault: built.vault, log, number, past_logs: built.past_logs, did: identities.node.did,
      host_store: store, store: logStore(store, number), files: logFiles(parts.files, number),
      tiles: () => this.tiles,
      witnessKey: (name) => Promise.resolve(this.#parties.knownWitnessKey(name)),
    }, settings.keeper);
    this.statement_store = statement_store;
    this.statements = statements({
      ...built.doubts.heard,
      revocation: (revoked) => this.endings.revoked(revoked),
      auditEvidence: (evidence) => this.#exposed(evidence),
      policyBundle: (bundle) => this.policies.bundles.heard(bundle),
      equivocated: (issuer, tokens) => reportEquivocation({ clock, recorder, identities, store: statement_store, statements: this.statements }, issuer, tokens),
    })({
      clock, random, network, store: statement_store, identity: this.identity, recorder,
      wasListed: (name) => this.#wasListed(name),
    });
    this.accusations = new Accusations({
      clock, store, recorder, identities, identity: this.identity, statement_store, statements: this.statements, log: () => this.log,
      wasListed: (name) => this.#wasListed(name),
    });
    this.revocation = revocation({
      clock, store: statement_store, identity: this.identity, statements: this.statements,
      duplicity: (did) => this.identity.duplicity(did),
    });
    this.freshness = freshness({
      clock, recorder, age_ms_max: { ...revocation_age_ms_max, ...settings.revocation_age_ms_max },
      completeAsOf: () => this.statements.completeAsOf(),
      answerable: (did) => this.revocation.answerable(did),
      isLocal: (did) => identities.find(did) !== undefined,
    });
    this.authority = new Authority({
      clock, identities, identity: this.identity, revocation: this.revocation, freshness: this.freshness, required_trust: settings.required_trust,
      trust: () => this.trust,
      changes: () => this.identity.changes + statement_store.changes,
      policyDigest: (did) => this.agents.policyDigest(did),
      nodeAt: (peer) => this.neighbours.did(peer),
      exposed: (did) => this.accusations.exposed(did),
    });
    const { authority } = this;
    this.trust = trust({ roots: (observer) => authority.roots(observer) })({
      clock, store, statements: statement_store, exchange: this.statements, identity: this.identity, revocation: this.revocation, recorder,
    });
    this.neighbours = new Neighbours({ clock, network, identities, recorder, handshake: () => this.handshake });
    this.handshake = handshake({
      clock, random, network, identity: this.identity, recorder,
      party: (did) => authority.party(did),
      inadmissible: (local, remote, required, peer) => authority.inadmissible(local, remote, required, peer),
      met: (session) => {
        if (this.identity.known(session.remote)?.kind === 'node') this.neighbours.met(session);
        // Agents may have shaken hands before their host said who it is.
        if (this.accusations.exposed(session.remote)) this.handshake.closeAt(session.peer, identities.node.did);
      },
    });
    this.#parties = new AuditParties({
      clock, network, identity: this.identity, revocation: this.revocation, neighbours: this.neighbours, exposed: (did) => this.accusations.exposed(did),
    });
    this.delegations = delegation({
      clock, random, network, store, identity: this.identity, recorder,
      own: (did) => identities.find(did),
      evidence: () => authority.evidence(),
      honoured: () => authority.honoured(),
      completed: (completion, mark) => this.books.completed(completion, mark),
    });
    this.logs = new FlightLogs(log);
    this.imports = new Imports({ clock, random, store, log });
    this.books = new Books({ clock, log, trust: this.trust, store, recorder });
    this.retention = new AuditRetention({
      clock, recorder, store, log_store: logStore(store, number), log, past_logs: built.past_logs, did: identities.node.did, policy: settings.retention ?? {},
      ...(parts.free_bytes === undefined ? {} : { free_bytes: parts.free_bytes }),
    });
    this.approvals = new ApprovalDesk({
      clock, random, host: identities.node.did, identity: this.identity, revocation: this.revocation,
      find: (who) => identities.find(who),
      note: (rejected) => log.append({ subject: identities.node.did, payload: canonicalJsonBytes(rejected) }, { durable: false }),
    }, settings.approval_ms);
    this.runs = new Runs({ clock, random });
    this.agents = new AgentHouse({
      approvals: this.approvals,
      clock, random, store, log, identities, trust: this.trust, recorder,
      barred: (did) => authority.barredDid(did),
      unrecordable: () => this.retention.refusal(),
      checkpoint: (did, reason) => this.files.checkpoint(did, reason),
      belongings: (did) => ({ files: unwrap(this.files.of(did)), tools: unwrap(this.tools.of(did)) }),
      housed: (agent) => {
        this.endings.endIfRevoked(agent);
        this.policies.files.watchAll();
      },
      served: (chain, invocation) => this.delegations.served(chain, invocation),
    });
    this.#operator = operatorKernel({ clock, random, flight_recorder: auditRecorder(log, () => this.retention.refusal()) });
    const housed = (did: string): HousedAgent | undefined => this.agents.get(did);
    this.tools = new AgentTools({ clock, store, recorder, housed, identity: this.identity, revocation: this.revocation, operator: this.#operator, did: identities.node.did });
    this.files = new AgentFiles({ clock, store, recorder, housed, operator: this.#operator, tools: (did) => this.tools.folder(did) });
    this.endings = new Endings({ clock, recorder, identity: this.identity, revocation: this.revocation, handshake: () => this.handshake, agents: () => this.agents.list() });
    this.policies = new PolicySources({
      clock, random, network, store, recorder, log, identities, statement_store, identity: this.identity, revocation: this.revocation, statements: this.statements, agents: this.agents,
      file: settings.policy, watch: parts.watch_file,
    });
    this.message = message({
      clock, random, network, store, identity: this.identity, handshake: this.handshake, recorder, origin: log.origin,
      executor: (did) => authority.executor(did),
      caughtUp: async (parties) => {
        await caughtUp({ clock, network, completeAsOf: () => this.statements.completeAsOf() });
        await this.statements.reconsider(new Set(parties.flatMap((did) => this.revocation.answerable(did))));
      },
      evidence: () => authority.evidence(),
      distrusted: (observer, subject, required) => authority.distrusted(observer, subject, Math.max(required, authority.requiredTrust(observer))),
      execute: (call, signal) => this.agents.execute(call, signal),
      entry_seal: new EntrySeal({ vault: built.vault, log_number: number, size: () => log.size() }),
      refused: (executor, invocation, failure) => this.books.recordRefusal(executor, invocation, failure),
      settled: (observer, subject, receipt, receipt_hash, changes) => this.books.settled(observer, subject, receipt, receipt_hash, changes),
    });
    this.monitor = monitoring({
      clock, random, network, store, log, recorder, identity: this.identity, neighbours: this.neighbours,
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
      past: (origin) => this.past_logs.named(origin),
      seen: this.monitor, refused: (note) => this.monitor.look(note), isNear: (did) => this.identity.known(did) !== undefined,
      met: (did) => [...this.neighbours.nodes()].some(([, node]) => node === did),
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
    for (const source of this.past_logs.sources()) this.tiles.add(source);
    this.mirrors = mirrors(settings.mirrors ?? {})({
      clock, random, network, store, recorder,
      tiles: this.tiles,
      place: (did) => this.#parties.place(did),
      contradicted: (note) => this.monitor.look(note), successor: (origin) => this.monitor.successor(origin),
      witnessKey: (name) => this.#parties.witnessKey(name),
    });
  }

  /** Evidence against a host came: what its agents have agreed with ours ends. */
  #exposed(evidence: AuditEvidence): void {
    this.accusations.heard(evidence);
    for (const [peer, did] of this.neighbours.nodes()) if (did === evidence.sub) this.handshake.closeAt(peer, this.identities.node.did);
  }

  /** Whether this host has seen the record of a host name this log or witness, whatever the record says now. */
  #wasListed(name: string): boolean {
    return this.monitor.state(name) !== undefined || this.#parties.hasSeenWitness(name);
  }

  logKey(origin: string): Promise<Result<string>> {
    return this.#parties.logKey(origin);
  }

  witnesses(): readonly WitnessContact[] {
    return this.#parties.witnesses();
  }

  async start(): Promise<Result<void>> {
    this.identity.start();
    await this.identity_witnesses.start();
    this.statements.start();
    await this.trust.start();
    this.handshake.start();
    await this.delegations.start();
    await this.message.start();
    this.neighbours.start();
    await this.accusations.load();
    await this.monitor.start();
    await this.retention.start();
    await this.policies.load();
    const agents = await this.agents.start(this.settings.policy);
    if (!agents.ok) return agents;
    await this.tools.start();
    this.files.start();
    await this.identities.hold();
    this.endings.start();
    await this.mirrors.start();
    const listening = await this.parts.network.start();
    if (!listening.ok) return listening;
    if (!this.log.frozen) this.witness.start();
    this.identities.start({
      mayAttest: (agent_did) => this.authority.mayBeAttested(agent_did),
      deactivated: (deactivated) => this.endings.deactivated(deactivated),
      published: (published, record) => void announce({ ...this.parts, statements: this.statements }, published, record),
    });
    this.policies.start();
    this.accusations.start();
    this.keeper.start();
    void reaffirmAll({ recorder: this.parts.recorder, statement_store: this.statement_store, revocation: this.revocation }, this.identities.list('human', 'org', 'agent', 'node'));
    return ok(undefined);
  }

  stop(): Promise<void> {
    return stopEach(
      () => this.neighbours.stop(),
      () => this.identities.stop(),
      () => this.mirrors.stop(),
      () => this.witness.stop(),
      () => this.monitor.stop(),
      () => this.accusations.stop(),
      () => this.endings.stop(),
      () => this.policies.stop(),
      () => this.files.stop(),
      () => this.#operator.stop('the node is stopping'),
      () => this.agents.stop(),
      () => this.message.stop(),
      () => this.statements.stop(),
      () => this.parts.network.stop(),
      () => this.books.stop(),
      () => this.retention.stop(),
      () => this.keeper.stop(),
      () => this.log.close(),
    );
  }
}
