/** Who is who among logs and witnesses: keys by name, from the records of the DIDs in the names, and who answers for them. */
import { didOfOrigin, didOfWitnessName } from '../crypto/checkpoint.ts';
import type { DidRecord } from '../crypto/did-record.ts';
import { RecentMap } from '../crypto/recent.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Identity } from '../protocols/identity/index.ts';
import { locate } from '../protocols/place.ts';
import type { Clock, Network, PeerId } from '../protocols/ports.ts';
import { claimedOperators, type RevocationService } from '../protocols/revocation/index.ts';
import type { WitnessContact } from '../protocols/witness/index.ts';
import type { Neighbours } from './neighbours.ts';
import { namedKey, recordedKey } from './recorded-keys.ts';

/** Operators of nodes of whom it is remembered when their records were asked for. */
const asked_operators_max = 4096;
/** Between two look-ups of an operator whose record could not be had. */
const asked_rest_ms = 300_000;
/** Witnesses whose keys are remembered although a record may name them no more. */
const seen_witnesses_max = 8192;

/** What knowing the parties uses. */
export interface AuditPartiesParts {
  readonly clock: Pick<Clock, 'now'>;
  readonly network: Network;
  readonly identity: Pick<Identity, 'known' | 'resolve'>;
  readonly revocation: Pick<RevocationService, 'operator'>;
  readonly neighbours: Pick<Neighbours, 'nodes'>;
  /** Whether evidence against a host is known. */
  exposed(did: string): boolean;
}

function nameOf(verifier_key: string): string {
  return verifier_key.split('+')[0] ?? '';
}

/** The logs and witnesses that a host has to do with. */
export class AuditParties {
  readonly #parts: AuditPartiesParts;
  readonly #asked_ms = new RecentMap<string, number>(asked_operators_max);
  // Who has cosigned two stories may take the key out of his record.
  readonly #seen_witnesses = new RecentMap<string, string>(seen_witnesses_max);

  constructor(parts: AuditPartiesParts) {
    this.#parts = parts;
  }

  /** The vkey of a log, from the record of the DID in its origin. Fails with `AUDIT_ORIGIN_INVALID`, `AUDIT_LOG_UNKNOWN`, or as resolving does. */
  async logKey(origin: string): Promise<Result<string>> {
    const did = didOfOrigin(origin);
    if (did === undefined) return fail('AUDIT_ORIGIN_INVALID', 'the log is not named after a DID');
    const record = await this.#parts.identity.resolve(did);
    if (!record.ok) return record;
    const key = namedKey(record.value, 'log', origin);
    if (key !== undefined) return ok(key);
    // A host that began a successor has a newer record.
    const newest = await this.#parts.identity.resolve(did, { fresh: true });
    const newer_key = newest.ok ? namedKey(newest.value, 'log', origin) : undefined;
    return newer_key === undefined ? fail('AUDIT_LOG_UNKNOWN', `the record of ${did} does not name the log ${origin}`) : ok(newer_key);
  }

  /** The vkey of the witness of exactly this name, as the record of its host gives it now or has given it. Fails with `AUDIT_WITNESS_UNKNOWN`, or as resolving does. */
  async namedWitnessKey(name: string): Promise<Result<string>> {
    const seen = this.#seen_witnesses.get(name);
    if (seen !== undefined) return ok(seen);
    const record = await this.#parts.identity.resolve(didOfWitnessName(name));
    if (!record.ok) return record;
    const key = namedKey(record.value, 'witness', name);
    if (key === undefined) return fail('AUDIT_WITNESS_UNKNOWN', `the record of ${record.value.did} names no such witness`);
    this.#seen_witnesses.set(name, key);
    return ok(key);
  }

  /** Whether this host has seen a record name the witness of this name. */
  hasSeenWitness(name: string): boolean {
    return this.#seen_witnesses.get(name) !== undefined;
  }

  /** The vkey of a witness, from the record of the DID in its name. */
  async witnessKey(name: string): Promise<string | undefined> {
    const record = await this.#parts.identity.resolve(didOfWitnessName(name));
    return record.ok ? recordedKey(record.value, 'witness') : undefined;
  }

  /** The same without asking anybody. */
  knownWitnessKey(name: string): string | undefined {
    const record = this.#parts.identity.known(didOfWitnessName(name));
    return record === undefined ? undefined : recordedKey(record, 'witness');
  }

  /** Where the host of a DID can be reached. Fails as resolving and locating do. */
  async place(did: string): Promise<Result<PeerId>> {
    const record = await this.#parts.identity.resolve(did);
    return record.ok ? locate(this.#parts.network, record.value) : record;
  }

  /** Who answers for the node of a DID, as far as its record is at hand. */
  operatorOf(did: string): string | undefined {
    const record = this.#parts.identity.known(did);
    return record === undefined ? undefined : this.#operator(record);
  }

  /** The peers that can witness, and the vkeys of their witness keys; nobody who is exposed. */
  witnesses(): readonly WitnessContact[] {
    return [...this.#parts.neighbours.nodes()].flatMap(([peer, did]) => {
      const record = this.#parts.exposed(did) ? undefined : this.#parts.identity.known(did);
      const verifier_key = record === undefined ? undefined : recordedKey(record, 'witness');
      if (record === undefined || verifier_key === undefined) return [];
      this.#seen_witnesses.set(nameOf(verifier_key), verifier_key);
      const sponsor = this.#operator(record);
      return [{ peer, verifier_key, ...(sponsor === undefined ? {} : { sponsor }) }];
    });
  }

  // The records of those who say that they answer are asked for, now and then until they are had.
  #operator(node: DidRecord): string | undefined {
    for (const did of claimedOperators(node)) {
      const now_ms = this.#parts.clock.now();
      if (this.#parts.identity.known(did) !== undefined || now_ms - (this.#asked_ms.get(did) ?? -Infinity) < asked_rest_ms) continue;
      this.#asked_ms.set(did, now_ms);
      void this.#parts.identity.resolve(did);
    }
    return this.#parts.revocation.operator(node);
  }
}
