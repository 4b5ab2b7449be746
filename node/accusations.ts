/** Evidence against logs and witnesses: it is verified, kept for good, written into the own log, and told to everybody. */
import { concat, equal, toHex, utf8 } from '../crypto/bytes.ts';
import { statedEvidence, verifyEvidence, type EvidenceKind, type VerifiedEvidence } from '../crypto/fork-evidence.ts';
import { sha256 } from '../crypto/hash.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { checkAccused, evidenceFileOf, misdeedOf, signAuditEvidence, type AuditEvidence } from '../crypto/statement.ts';
import type { Change, Clock, Recorder, Store } from '../protocols/ports.ts';
import type { Identities as Records, Statements } from '../protocols/statements/index.ts';
import { every, unixSeconds } from '../protocols/time.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { Identities } from './identities.ts';

/** Files of evidence that are kept. */
export const evidence_files_max = 10_000;
/** Files of evidence against one key that are kept: one says all, and more come only from who makes them on purpose. */
export const evidence_files_per_key_max = 8;
/** Time between two attempts to publish what could not be published, because nobody had the record of the accused. */
export const republish_ms = 300_000;

/** Why publishing fails that a newer record, a free place or time mends. */
const may_change: ReadonlySet<string> = new Set(['STATEMENT_ISSUER_UNKNOWN', 'STATEMENT_KEY_UNKNOWN', 'STATEMENT_QUOTA']);
const first_key = utf8('x');
const key_end = utf8('y');

/** What accusing uses. */
export interface AccusationsParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly recorder: Recorder;
  readonly identities: { readonly node: Pick<Identities['node'], 'did' | 'signer'> };
  readonly identity: Pick<Records, 'resolve'>;
  readonly statement_store: Pick<StatementStore, 'auditEvidence' | 'exposures'>;
  readonly statements: Pick<Statements, 'publish'>;
  /** Whether this host has seen the record of a DID name that log or witness, whatever the record says now. */
  wasListed(name: string): boolean;
  /** The log of this host, as it is at present. */
  log(): Pick<AuditLog, 'appendRecord'>;
}

/** A host that was proven to have contradicted itself. */
export interface Exposure {
  /** The host that is accused. */
  readonly did: string;
  /** The name of the log or witness; empty where the file cannot be read. */
  readonly name: string;
  readonly kind: EvidenceKind | null;
  /** What it did, in words. */
  readonly misdeed: string;
  /** When it was reported, Unix milliseconds, as the reporter says. */
  readonly since_ms: number;
  /** The DID of the reporter. */
  readonly by: string;
  /** The statement that says so, by its hash. */
  readonly statement: string;
}

interface Kept {
  readonly name: string;
  readonly did: string;
}

function exposureOf(statement: AuditEvidence): Exposure {
  const { sub, iss, nbf, hash } = statement;
  const file = evidenceFileOf(statement);
  const stated = file.ok ? statedEvidence(file.value) : undefined;
  return { did: sub, name: stated?.name ?? '', kind: stated?.kind ?? null, misdeed: misdeedOf(statement), since_ms: nbf * 1000, by: iss, statement: hash };
}

/** Takes evidence from the parts of this host that find it, and from auditors. */
export class Accusations {
  readonly #parts: AccusationsParts;
  /** What is kept, by its SHA-256 in hex. */
  readonly #kept = new Map<string, Kept>();
  /** Kept evidence that others cannot be told, whatever time brings. */
  readonly #untellable = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();
  #stop = (): void => undefined;
  #is_stopped = false;

  constructor(parts: AccusationsParts) {
    this.#parts = parts;
  }

  /** Loads what was kept. Before anybody reports. */
  async load(): Promise<void> {
    const { store, recorder } = this.#parts;
    for await (const [key, bytes] of store.entries('witness', { gte: first_key, lt: key_end })) {
      const verified = verifyEvidence(bytes);
      const hash = sha256(bytes);
      if (!verified.ok || !equal(key, concat(first_key, hash))) {
        recorder.record({ kind: 'audit.evidence-unreadable', evidence: toHex(key.subarray(1)) });
        continue;
      }
      this.#remember(toHex(hash), verified.value);
    }
  }

  /** Publishes what is kept against hosts that are not exposed, now and every few minutes: nobody has told it yet, or it has lost its place. After the network has started. */
  start(): void {
    const { clock, recorder } = this.#parts;
    const failed = (error: unknown): void => recorder.record({ kind: 'audit.evidence-unsent', reason: messageOf(error) });
    void this.#tellAll().catch(failed);
    const cancel = every(clock, () => republish_ms, () => this.#tellAll(), failed);
    this.#stop = () => {
      this.#is_stopped = true;
      cancel();
    };
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#stop();
    await this.#turn;
  }

  /**
   * Verifies an evidence file and holds the accused key against the record of the
   * host that it is named after; keeps the file together with an entry in the own
   * log, each file once; tells everybody, once a host. A record that cannot be had
   * now delays only the telling.
   *
   * Fails with `EVIDENCE_INVALID`, with `STATEMENT_KEY_UNKNOWN` where the record
   * does not list the key, or with `EVIDENCE_FULL`.
   */
  async report(evidence: Uint8Array): Promise<Result<void>> {
    const verified = verifyEvidence(evidence);
    if (!verified.ok) return verified;
    const theirs = await this.#checkKey(verified.value);
    return theirs.ok ? this.#inTurn(() => this.#take(evidence, verified.value)) : theirs;
  }

  /** Whether a host was proven to have contradicted itself. */
  exposed(did: string): boolean {
    return this.#parts.statement_store.auditEvidence(did) !== undefined;
  }

  /** Every host that was, ordered by DID. */
  list(): readonly Exposure[] {
    return this.#parts.statement_store.exposures().map(exposureOf);
  }

  /** The evidence file against a host, by its DID. Fails with `EVIDENCE_UNKNOWN`. */
  file(did: string): Result<{ readonly exposure: Exposure; readonly file: Uint8Array }> {
    const statement = this.#parts.statement_store.auditEvidence(did);
    if (statement === undefined) return fail('EVIDENCE_UNKNOWN', `nothing is proven against ${did} here`, { fix: 'agentmesh audit evidence list shows against whom there is evidence' });
    const file = evidenceFileOf(statement);
    return file.ok ? ok({ exposure: exposureOf(statement), file: file.value }) : file;
  }

  /** Evidence was admitted, whoever reported it. */
  heard(statement: AuditEvidence): void {
    const { did, name, kind, by, statement: hash } = exposureOf(statement);
    this.#parts.recorder.record({ kind: 'audit.exposed', did, name, evidence: kind, by, statement: hash, own: did === this.#parts.identities.node.did });
  }

  async #checkKey(verified: VerifiedEvidence): Promise<Result<void>> {
    const { identity } = this.#parts;
    if (this.#parts.wasListed(verified.accused.name)) return ok(undefined);
    const known = await identity.resolve(verified.accused.did);
    if (!known.ok) return ok(undefined);
    const checked = checkAccused(known.value, verified);
    if (checked.ok) return checked;
    const fresh = await identity.resolve(verified.accused.did, { fresh: true });
    return fresh.ok ? checkAccused(fresh.value, verified) : checked;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #remember(hash: string, { accused: { name, did } }: VerifiedEvidence): void {
    this.#kept.set(hash, { name, did });
  }

  async #take(evidence: Uint8Array, verified: VerifiedEvidence): Promise<Result<void>> {
    const bytes = sha256(evidence);
    const hash = toHex(bytes);
    const { name } = verified.accused;
    if (!this.#kept.has(hash)) {
      const against_key = [...this.#kept.values()].filter((kept) => kept.name === name).length;
      if (against_key >= evidence_files_per_key_max || this.#kept.size >= evidence_files_max) {
        return fail('EVIDENCE_FULL', `${evidence_files_per_key_max} files of evidence against one key are kept, and ${evidence_files_max} in all`);
      }
      await this.#keep(bytes, evidence);
      this.#remember(hash, verified);
      this.#parts.recorder.record({ kind: 'audit.evidence-kept', name, type: verified.kind, evidence: hash });
    }
    await this.#tell(hash);
    return ok(undefined);
  }

  async #keep(hash: Uint8Array, evidence: Uint8Array): Promise<void> {
    const { store } = this.#parts;
    const change: Change = { space: 'witness', key: concat(first_key, hash), value: evidence };
    const kept = await this.#parts.log().appendRecord('evidence', hash, { with: [change] });
    // A frozen log takes no entry, but the evidence against another must not be lost for that.
    if (!kept.ok) await store.batch([change], { sync: true });
  }

  async #tellAll(): Promise<void> {
    for (const hash of this.#kept.keys()) {
      if (this.#is_stopped) return;
      // One turn each: nobody who reports waits for all of them.
      await this.#inTurn(() => this.#tell(hash));
    }
  }

  /** Signs and publishes kept evidence with the key of the node: it proves itself, so it matters little who reports it. Of one host one proof is enough. */
  async #tell(hash: string): Promise<void> {
    const { clock, store, recorder, identities, statements } = this.#parts;
    const kept = this.#kept.get(hash);
    if (kept === undefined || this.#untellable.has(hash) || this.exposed(kept.did)) return;
    const bytes = await store.get('witness', concat(first_key, new Uint8Array(Buffer.from(hash, 'hex'))));
    if (bytes === undefined) return;
    const signed = await signAuditEvidence(identities.node.signer, { evidence: bytes, nbf: unixSeconds(clock) });
    const published = signed.ok ? await statements.publish(signed.value) : signed;
    if (published.ok || published.failure.code === 'STATEMENT_STALE') return;
    if (!may_change.has(published.failure.code)) this.#untellable.add(hash);
    recorder.record({ kind: 'audit.evidence-unsent', evidence: hash, code: published.failure.code, reason: published.failure.reason });
  }
}
