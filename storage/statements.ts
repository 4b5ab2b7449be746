/**
 * Every live statement, durable, with an index in memory that answers at once.
 *
 * What is kept depends on the set of statements that came, never on their
 * order: of several endorsements with one issuer, subject and scope the highest
 * `seq` stays, of two with one `seq` the smaller hash; of policy bundles of one name
 * the highest version; of a DID's heads the newest; of proofs against one DID that with the smaller hash; revocations
 * only accumulate.
 */
import { assert } from '../crypto/assert.ts';
import { bigEndian, equal, fromBase64url, fromBigEndian, fromUtf8, toBase64url, utf8 } from '../crypto/bytes.ts';
import { sha256 } from '../crypto/hash.ts';
import type { PolicyBundle } from '../crypto/policy-bundle.ts';
import {
  contradict, readStatement, type AuditEvidence, type DuplicityProof, type Endorsement, type EquivocationProof, type Head, type Revocation, type Statement, type TargetKind,
} from '../crypto/statement.ts';
import { dayOf, StatementDays, type DayTrie, type StatementDay, type StatementTopic } from './statement-days.ts';
import { StatementIndex } from './statement-index.ts';
import { keptUntil } from './statement-rivals.ts';
import type { PutOutcome, StatementStore, StatementStoreParts } from './statement-store.ts';
import { WriteQueue } from './write-queue.ts';

export { dayOf, statement_topics, topicOf, type StatementDay, type StatementTopic } from './statement-days.ts';
export { statements_per_issuer_max } from './statement-index.ts';
export type { PutOutcome, StatementStore, StatementStoreParts } from './statement-store.ts';

/** Statements between two reports of the progress of loading. */
const loading_step = 50_000;
const complete_key = utf8('statements-complete-as-of');
const time_bytes = 8;

function byHash(a: Statement, b: Statement): number {
  return a.hash < b.hash ? -1 : Number(a.hash > b.hash);
}

function idOf({ hash }: Statement): Uint8Array {
  const id = fromBase64url(hash);
  assert(id !== undefined, 'a statement has a hash');
  return id;
}

class KeptStatements implements StatementStore {
  readonly #parts: StatementStoreParts;
  readonly #index: StatementIndex;
  readonly #days = new StatementDays();
  readonly #sequences = new Map<string, number>();
  /** Tokens that are on their way to the disk. */
  readonly #unsaved = new Map<string, string>();
  readonly #writes: WriteQueue;
  #pruned_day = 0;
  damaged = 0;
  changes = 0;
  complete_as_of_ms = 0;

  constructor(parts: StatementStoreParts) {
    this.#parts = parts;
    this.#index = new StatementIndex(parts.places);
    this.#writes = new WriteQueue(parts.store);
  }

  get size(): number {
    return this.#index.size;
  }

  async load(): Promise<void> {
    let count = 0;
    for await (const [key, value] of this.#parts.store.entries('statement', {})) {
      count += 1;
      if (count % loading_step === 0) this.#parts.loading?.(count);
      const text = equal(sha256(value), key) ? fromUtf8(value) : undefined;
      const statement = text === undefined ? undefined : readStatement(text, toBase64url(key));
      const rival = statement === undefined ? undefined : this.#index.rival(statement);
      if (statement === undefined) this.damaged += 1;
      else if (rival === undefined) this.#insert(statement, key);
    }
    const complete = await this.#parts.store.get('meta', complete_key);
    // What was damaged is missing now, whatever was complete before.
    this.complete_as_of_ms = this.damaged > 0 || complete === undefined ? 0 : fromBigEndian(complete) ?? 0;
    await this.prune();
  }

  judge(statement: Statement): PutOutcome {
    if (this.#index.get(statement.hash) !== undefined) return 'known';
    if (dayOf(statement.exp) < this.#today()) return 'ended';
    const rival = this.#index.rival(statement);
    if (rival === undefined) return this.#index.isFull(statement, this.#depended) ? 'over-quota' : 'new';
    if (contradict(statement, rival)) return 'equivocation';
    return this.#index.beats(statement, rival) ? 'new' : 'stale';
  }

  async put(statement: Statement, text: string): Promise<PutOutcome> {
    const outcome = this.judge(statement);
    const rival = this.#index.rival(statement);
    const kept = outcome === 'new' || (outcome === 'equivocation' && rival !== undefined && this.#index.beats(statement, rival));
    if (!kept) return outcome;
    const id = sha256(utf8(text));
    assert(equal(id, idOf(statement)), 'a statement is stored with its own token');
    const gone = rival === undefined ? [] : [this.#remove(rival)];
    this.#insert(statement, id);
    gone.push(...this.#index.surplus(statement.kind, this.#depended).map((each) => this.#remove(each)));
    const dropped = gone.map((key) => ({ space: 'statement', key }) as const);
    if (!this.has(statement.hash)) {
      await this.#writes.write(dropped);
      return 'over-quota';
    }
    this.#unsaved.set(statement.hash, text);
    try {
      await this.#writes.write([...dropped, { space: 'statement', key: id, value: utf8(text) }]);
    } catch (error) {
      // Not durable, so not kept: the next peer that offers it finds the place free.
      if (this.has(statement.hash)) this.#remove(statement);
      throw error;
    } finally {
      this.#unsaved.delete(statement.hash);
    }
    return outcome;
  }

  readonly #depended = (): ReadonlySet<string> => this.#parts.depended?.() ?? new Set();

  #today(): number {
    return dayOf(this.#parts.now() / 1000);
  }

  #insert(statement: Statement, id: Uint8Array): void {
    this.changes += 1;
    const kept = this.#index.add(statement);
    if (dayOf(kept.exp) >= this.#today()) this.#days.add(kept, id);
  }

  #remove(statement: Statement): Uint8Array {
    this.changes += 1;
    const removed = this.#index.remove(statement.hash);
    const id = idOf(removed);
    this.#days.delete(removed, id);
    return id;
  }

  has(hash: string): boolean {
    return this.#index.get(hash) !== undefined;
  }

  async get(hash: Uint8Array): Promise<string | undefined> {
    const unsaved = this.#unsaved.get(toBase64url(hash));
    if (unsaved !== undefined) return unsaved;
    const value = await this.#parts.store.get('statement', hash);
    return value === undefined ? undefined : fromUtf8(value);
  }

  rival(statement: Statement): string | undefined {
    return this.#index.rival(statement)?.hash;
  }

  days(topic: StatementTopic): readonly StatementDay[] {
    return this.#days.list(topic, this.#today());
  }

  day(topic: StatementTopic, day: number): DayTrie | undefined {
    return day < this.#today() ? undefined : this.#days.trie(topic, day);
  }

  revocation(kind: TargetKind, id: string, issuer: string): Revocation | undefined {
    return this.#index.revocation(kind, id, issuer);
  }

  revocations(): readonly Revocation[] {
    return [...this.#index.all()].filter((statement) => statement.kind === 'revocation');
  }

  #live(endorsements: Iterable<Endorsement>): readonly Endorsement[] {
    const now_s = this.#parts.now() / 1000;
    return [...endorsements].filter((endorsement) => endorsement.exp > now_s).sort(byHash);
  }

  endorsements(subject: string): readonly Endorsement[] {
    return this.#live(this.#index.endorsements(subject));
  }

  endorsementsBy(issuer: string): readonly Endorsement[] {
    return this.#live(this.#index.endorsementsBy(issuer));
  }

  endorsers(): readonly string[] {
    return this.#index.endorsers();
  }

  head(did: string): Head | undefined {
    const head = this.#index.head(did);
    return head !== undefined && head.exp > this.#parts.now() / 1000 ? head : undefined;
  }

  duplicity(did: string): DuplicityProof | undefined {
    return this.#index.duplicity(did);
  }

  equivocation(did: string): EquivocationProof | undefined {
    return this.#index.equivocation(did);
  }

  auditEvidence(did: string): AuditEvidence | undefined {
    return this.#index.auditEvidence(did);
  }

  exposures(): readonly AuditEvidence[] {
    return [...this.#index.exposures()].sort((a, b) => (a.sub < b.sub ? -1 : 1));
  }

  bundle(issuer: string, name: string): PolicyBundle | undefined {
    return this.#index.bundle(issuer, name);
  }

  bundles(): readonly PolicyBundle[] {
    return [...this.#index.bundles()].sort(byHash);
  }

  nextSequence(issuer: string): number {
    // The clock gives a number above all earlier ones even when the store was lost; the memory covers a clock set back.
    const highest = Math.max(this.#index.highestSequence(issuer), this.#sequences.get(issuer) ?? 0);
    const next = Math.max(highest + 1, this.#parts.now());
    this.#sequences.set(issuer, next);
    return next;
  }

  async noteComplete(as_of_ms: number): Promise<void> {
    const now_ms = this.#parts.now();
    // One that lies ahead is from a clock that was wrong, and must not stand in the way for ever.
    if (as_of_ms > now_ms || (as_of_ms <= this.complete_as_of_ms && this.complete_as_of_ms <= now_ms)) return;
    this.complete_as_of_ms = as_of_ms;
    // Unsynced: a time that a power cut takes makes us more careful, not less.
    await this.#parts.store.batch([{ space: 'meta', key: complete_key, value: bigEndian(as_of_ms, time_bytes) }], { sync: false });
  }

  async prune(): Promise<number> {
    const today = this.#today();
    if (today <= this.#pruned_day) return 0;
    this.#pruned_day = today;
    this.#days.dropBefore(today);
    this.#index.relax();
    const ended = [...this.#index.all()].filter((statement) => dayOf(keptUntil(statement)) < today);
    const keys = ended.map((statement) => this.#remove(statement));
    if (keys.length > 0) await this.#parts.store.batch(keys.map((key) => ({ space: 'statement', key })), { sync: false });
    return keys.length;
  }
}

/** Opens the statements of a store and loads their index. What lies there was verified before it was stored: its hash is compared, no signature is checked again. */
export async function openStatements(parts: StatementStoreParts): Promise<StatementStore> {
  const statements = new KeptStatements(parts);
  await statements.load();
  return statements;
}
