/** Who is who among logs and witnesses: keys by name, from the records of the DIDs in the names, and who answers for them. */
import { didOfOrigin } from '../crypto/checkpoint.ts';
import type { DidRecord } from '../crypto/did-record.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Identity } from '../protocols/identity/index.ts';
import { locate } from '../protocols/place.ts';
import type { Network, PeerId } from '../protocols/ports.ts';
import { claimedOperators, type RevocationService } from '../protocols/revocation/index.ts';
import type { WitnessContact } from '../protocols/witness/index.ts';
import type { Neighbours } from './neighbours.ts';
import { namedKey, recordedKey } from './recorded-keys.ts';

/** Operators of nodes whose records are asked for. */
const asked_operators_max = 4096;

/** What knowing the parties uses. */
export interface AuditPartiesParts {
  readonly network: Network;
  readonly identity: Pick<Identity, 'known' | 'resolve'>;
  readonly revocation: Pick<RevocationService, 'operator'>;
  readonly neighbours: Pick<Neighbours, 'nodes'>;
  /** Whether evidence against a host is known. */
  exposed(did: string): boolean;
}

function didOfWitness(name: string): string {
  return name.split('/wit/')[0] ?? '';
}

/** The logs and witnesses that a host has to do with. */
export class AuditParties {
  readonly #parts: AuditPartiesParts;
  readonly #asked_operators = new Set<string>();

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

  /** The vkey of a witness, from the record of the DID in its name. */
  async witnessKey(name: string): Promise<string | undefined> {
    const record = await this.#parts.identity.resolve(didOfWitness(name));
    return record.ok ? recordedKey(record.value, 'witness') : undefined;
  }

  /** The same without asking anybody. */
  knownWitnessKey(name: string): string | undefined {
    const record = this.#parts.identity.known(didOfWitness(name));
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
      const sponsor = this.#operator(record);
      return [{ peer, verifier_key, ...(sponsor === undefined ? {} : { sponsor }) }];
    });
  }

  // The records of those who say that they answer are asked for, each once.
  #operator(node: DidRecord): string | undefined {
    for (const did of claimedOperators(node)) {
      if (this.#parts.identity.known(did) !== undefined || this.#asked_operators.has(did) || this.#asked_operators.size >= asked_operators_max) continue;
      this.#asked_operators.add(did);
      void this.#parts.identity.resolve(did);
    }
    return this.#parts.revocation.operator(node);
  }
}
