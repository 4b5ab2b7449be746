/**
 * Every live statement, durable, with an index in memory that answers at once.
 *
 * What is kept depends on the set of statements that came, never on their
 * order: of several endorsements with one issuer, subject and scope the highest
 * `seq` stays, of two with one `seq` the smaller hash; revocations only
 * accumulate.
 */
import { compare, equal, fromBase64url, fromUtf8, utf8 } from '../crypto/bytes.ts';
import { sha256 } from '../crypto/hash.ts';
import { endorsement_lifetime_s_max, parseStatement, type Endorsement, type Revocation, type Statement, type TargetKind } from '../crypto/statement.ts';
import { assert } from '../crypto/assert.ts';
import type { Store } from './store.ts';

/** Endorsements that one issuer may have in force. */
export const endorsements_per_issuer_max = 1000;
/** Revocations that one issuer may have made. */
export const revocations_per_issuer_max = 4096;
/** Endorsements of all issuers together. */
export const endorsements_max = 50_000;
/** Revocations of all issuers together. */
export const revocations_max = 50_000;

/**
 * What became of a statement: `new` is kept; `known` was kept before; `stale`
 * has a newer one in its place; `equivocation` has another payload under its
 * `seq` (the smaller hash is kept); `over-quota` finds no room.
 */
export type PutOutcome = 'new' | 'known' | 'stale' | 'equivocation' | 'over-quota';

/** The statements of a node. */
export interface StatementStore {
  /** What {@link StatementStore.put} would say, without writing. */
  judge(statement: Statement): PutOutcome;
  /** Keeps a verified statement; resolves after it is on the disk. */
  put(statement: Statement, text: string): Promise<PutOutcome>;
  /** Whether a statement of this hash (base64url) is kept. */
  has(hash: string): boolean;
  /** The token of a hash. */
  get(hash: Uint8Array): Promise<string | undefined>;
  /** Up to `count` hashes of live statements in ascending order, from the first one above `after`. */
  ids(after: Uint8Array | null, count: number): readonly Uint8Array[];
  /** This issuer's revocation of this target. */
  revocation(kind: TargetKind, id: string, issuer: string): Revocation | undefined;
  /** The live endorsements of a subject, ordered by hash. */
  endorsements(subject: string): readonly Endorsement[];
  /** The live endorsements by an issuer, ordered by hash. */
  endorsementsBy(issuer: string): readonly Endorsement[];
  /** Everybody who has an endorsement here, in order. */
  endorsers(): readonly string[];
  /** The next `seq` for an issuer whose key we hold: never the same twice. */
  nextSequence(issuer: string): number;
  /** Drops what has run out and says how many that were. */
  prune(): Promise<number>;
  /** Stored entries that could not be read when the store was opened: they are fetched again from peers. */
  readonly damaged: number;
  /** How many statements are kept. */
  readonly size: number;
}

interface Entry {
  readonly id: Uint8Array;
  readonly statement: Statement;
}

const slotOf = (endorsement: Endorsement): string => `${endorsement.iss} ${endorsement.sub} ${endorsement.scope}`;
const targetOf = (kind: TargetKind, id: string, issuer: string): string => `${kind} ${id} ${issuer}`;

// An endorsement stays past its own end until everything that its issuer could have said before has ended as well:
// dropped earlier, an older one with a later end could come back from a peer.
function keptUntil(statement: Statement): number {
  return statement.kind === 'revocation' ? statement.exp : statement.nbf + endorsement_lifetime_s_max;
}

function byHash(a: Statement, b: Statement): number {
  return a.hash < b.hash ? -1 : Number(a.hash > b.hash);
}

/** Lists by name, without empty ones. */
class Groups<T> {
  readonly #groups = new Map<string, Set<T>>();

  add(name: string, item: T): void {
    const group = this.#groups.get(name);
    if (group === undefined) this.#groups.set(name, new Set([item]));
    else group.add(item);
  }

  remove(name: string, item: T): void {
    const group = this.#groups.get(name);
    if (group?.delete(item) === true && group.size === 0) this.#groups.delete(name);
  }

  of(name: string): ReadonlySet<T> {
    return this.#groups.get(name) ?? new Set();
  }

  names(): readonly string[] {
    return [...this.#groups.keys()].sort();
  }
}

class IndexedStatements implements StatementStore {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #slots = new Map<string, Endorsement>();
  readonly #by_subject = new Groups<Endorsement>();
  readonly #by_issuer = new Groups<Endorsement>();
  readonly #revocations = new Map<string, Revocation>();
  readonly #revocations_by = new Groups<Revocation>();
  readonly #sequences = new Map<string, number>();
  #revocation_count = 0;
  #sorted: readonly Entry[] | undefined;
  damaged = 0;

  constructor(parts: { readonly store: Store; readonly now: () => number }) {
    this.#store = parts.store;
    this.#now = parts.now;
  }

  get size(): number {
    return this.#entries.size;
  }

  async load(): Promise<void> {
    for await (const [key, value] of this.#store.entries('statement', {})) {
      const text = fromUtf8(value);
      const parsed = text === undefined ? undefined : parseStatement(text);
      if (parsed?.ok === true && equal(parsed.value.token.hash, key)) this.#insert(parsed.value.statement);
      else this.damaged += 1;
    }
    await this.prune();
  }

  judge(statement: Statement): PutOutcome {
    if (this.#entries.has(statement.hash)) return 'known';
    if (statement.kind === 'revocation') {
      const full = this.#revocations_by.of(statement.iss).size >= revocations_per_issuer_max || this.#revocation_count >= revocations_max;
      return full ? 'over-quota' : 'new';
    }
    const current = this.#slots.get(slotOf(statement));
    if (current !== undefined) {
      if (statement.seq === current.seq) return 'equivocation';
      return statement.seq < current.seq ? 'stale' : 'new';
    }
    const full = this.#by_issuer.of(statement.iss).size >= endorsements_per_issuer_max || this.#slots.size >= endorsements_max;
    return full ? 'over-quota' : 'new';
  }

  async put(statement: Statement, text: string): Promise<PutOutcome> {
    const outcome = this.judge(statement);
    const replaced = statement.kind === 'endorsement' ? this.#slots.get(slotOf(statement)) : undefined;
    const kept = outcome === 'new' || (outcome === 'equivocation' && replaced !== undefined && byHash(statement, replaced) < 0);
    if (!kept) return outcome;
    const id = sha256(utf8(text));
    assert(equal(id, fromBase64url(statement.hash) ?? new Uint8Array()), 'a statement is stored with its own token');
    const gone = replaced === undefined ? [] : [this.#remove(replaced)];
    this.#insert(statement);
    try {
      await this.#store.batch([
        ...gone.map((key) => ({ space: 'statement', key }) as const),
        { space: 'statement', key: id, value: utf8(text) },
      ], { sync: true });
    } catch (error) {
      // Not durable, so not kept: the next peer that offers it finds the place free.
      if (this.#entries.has(statement.hash)) this.#remove(statement);
      throw error;
    }
    return outcome;
  }

  #insert(statement: Statement): void {
    const id = fromBase64url(statement.hash);
    assert(id !== undefined, 'a statement has a hash');
    this.#entries.set(statement.hash, { id, statement });
    this.#sorted = undefined;
    if (statement.kind === 'endorsement') {
      this.#slots.set(slotOf(statement), statement);
      this.#by_subject.add(statement.sub, statement);
      this.#by_issuer.add(statement.iss, statement);
      return;
    }
    const target = targetOf(statement.target.kind, statement.target.id, statement.iss);
    // Of several for one target the one that lasts longest answers, so that dropping another never undoes it.
    const other = this.#revocations.get(target);
    if (other === undefined || statement.exp > other.exp) this.#revocations.set(target, statement);
    this.#revocations_by.add(statement.iss, statement);
    this.#revocation_count += 1;
  }

  #remove(statement: Statement): Uint8Array {
    const entry = this.#entries.get(statement.hash);
    assert(entry !== undefined, 'only kept statements are removed');
    this.#entries.delete(statement.hash);
    this.#sorted = undefined;
    if (statement.kind === 'endorsement') {
      this.#slots.delete(slotOf(statement));
      this.#by_subject.remove(statement.sub, statement);
      this.#by_issuer.remove(statement.iss, statement);
      return entry.id;
    }
    const target = targetOf(statement.target.kind, statement.target.id, statement.iss);
    if (this.#revocations.get(target) === statement) this.#revocations.delete(target);
    this.#revocations_by.remove(statement.iss, statement);
    this.#revocation_count -= 1;
    return entry.id;
  }

  has(hash: string): boolean {
    return this.#entries.has(hash);
  }

  async get(hash: Uint8Array): Promise<string | undefined> {
    const value = await this.#store.get('statement', hash);
    return value === undefined ? undefined : fromUtf8(value);
  }

  ids(after: Uint8Array | null, count: number): readonly Uint8Array[] {
    this.#sorted ??= [...this.#entries.values()].sort((a, b) => compare(a.id, b.id));
    const now_s = this.#now() / 1000;
    const page: Uint8Array[] = [];
    for (let index = firstAbove(this.#sorted, after); index < this.#sorted.length && page.length < count; index += 1) {
      const entry = this.#sorted[index];
      if (entry !== undefined && entry.statement.exp > now_s) page.push(entry.id);
    }
    return page;
  }

  revocation(kind: TargetKind, id: string, issuer: string): Revocation | undefined {
    return this.#revocations.get(targetOf(kind, id, issuer));
  }

  #live(endorsements: ReadonlySet<Endorsement>): readonly Endorsement[] {
    const now_s = this.#now() / 1000;
    return [...endorsements].filter((endorsement) => endorsement.exp > now_s).sort(byHash);
  }

  endorsements(subject: string): readonly Endorsement[] {
    return this.#live(this.#by_subject.of(subject));
  }

  endorsementsBy(issuer: string): readonly Endorsement[] {
    return this.#live(this.#by_issuer.of(issuer));
  }

  endorsers(): readonly string[] {
    return this.#by_issuer.names();
  }

  nextSequence(issuer: string): number {
    // The clock gives a number above all earlier ones even when the store was lost; the memory covers a clock set back.
    const issued = [...this.#by_issuer.of(issuer), ...this.#revocations_by.of(issuer)].map((statement) => statement.seq);
    const highest = issued.reduce((a, b) => Math.max(a, b), this.#sequences.get(issuer) ?? 0);
    const next = Math.max(highest + 1, this.#now());
    this.#sequences.set(issuer, next);
    return next;
  }

  async prune(): Promise<number> {
    const now_s = this.#now() / 1000;
    const ended = [...this.#entries.values()].filter(({ statement }) => keptUntil(statement) <= now_s);
    const keys = ended.map(({ statement }) => this.#remove(statement));
    if (keys.length > 0) await this.#store.batch(keys.map((key) => ({ space: 'statement', key })), { sync: false });
    return keys.length;
  }
}

function firstAbove(sorted: readonly Entry[], after: Uint8Array | null): number {
  if (after === null) return 0;
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = sorted[middle];
    if (entry !== undefined && compare(entry.id, after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Opens the statements of a store and loads their index. `now` gives Unix milliseconds. */
export async function openStatements(parts: { readonly store: Store; readonly now: () => number }): Promise<StatementStore> {
  const statements = new IndexedStatements(parts);
  await statements.load();
  return statements;
}
