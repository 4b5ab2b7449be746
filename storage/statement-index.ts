/** What is kept of statements in memory, and what finds which: everything that a decision asks is answered from here at once. */
import { assert } from '../crypto/assert.ts';
import type { PolicyBundle } from '../crypto/policy-bundle.ts';
import { RecentMap } from '../crypto/recent.ts';
import type { AuditEvidence, DuplicityProof, Endorsement, EquivocationProof, Head, Revocation, Statement, TargetKind } from '../crypto/statement.ts';
import { accusedOf, compareRivals } from './statement-rivals.ts';

/** What one issuer may have in force of each kind. Evidence is found by those who look: throwaway hosts that fork on purpose must not use up the places of a finder. */
export const statements_per_issuer_max: StatementPlaces = {
  endorsement: 1000, revocation: 4096, head: 1, duplicity: 64, equivocation: 64, 'audit-evidence': 1024, 'policy-bundle': 16,
};
/** Numbers of statements by their kind. */
export type StatementPlaces = { readonly [kind in Statement['kind']]: number };
/** What all issuers together may have in force of each kind. */
export const statements_max: StatementPlaces = {
  endorsement: 500_000, revocation: 500_000, head: 500_000, duplicity: 10_000, equivocation: 10_000, 'audit-evidence': 10_000, 'policy-bundle': 10_000,
};
/** Texts that occur in many statements, DIDs most of all, of which each is held in memory once. */
const words_max = 262_144;

/** Lists by name, without empty ones. A list of one, as most are, costs no list. */
class Groups<T extends Statement> {
  readonly #groups = new Map<string, T | Set<T>>();

  add(name: string, item: T): void {
    const group = this.#groups.get(name);
    if (group === undefined) this.#groups.set(name, item);
    else if (group instanceof Set) group.add(item);
    else this.#groups.set(name, new Set([group, item]));
  }

  remove(name: string, item: T): void {
    const group = this.#groups.get(name);
    if (group === item || (group instanceof Set && group.delete(item) && group.size === 0)) this.#groups.delete(name);
  }

  of(name: string): Iterable<T> {
    const group = this.#groups.get(name);
    if (group === undefined) return [];
    return group instanceof Set ? group : [group];
  }
}

/** What one issuer has said. */
class Shelf {
  /** By subject and scope. */
  readonly endorsements = new Map<string, Endorsement>();
  /** By the id of the target. */
  readonly revocations = new Groups<Revocation>();
  /** By name; absent where there is none, as with nearly everybody. */
  bundles: Map<string, PolicyBundle> | undefined;
  readonly counts = new Map<Statement['kind'], number>();
  head: Head | undefined;
  highest_sequence = 0;
}

// The subject alone for the scope that nearly all have: no text of its own for each.
const slotOf = ({ sub, scope }: Endorsement): string => (scope === 'general' ? sub : `${sub} ${scope}`);

const proofSlot = (kind: Statement['kind'], accused: string | undefined): string => `${kind} ${accused ?? ''}`;

/** The statements of a node by what asks for them. */
export class StatementIndex {
  readonly #places: StatementPlaces;
  /** What one issuer may have, where that is less than {@link statements_per_issuer_max} because all places were taken. */
  readonly #shares = new Map<Statement['kind'], number>();
  readonly #entries = new Map<string, Statement>();
  readonly #shelves = new Map<string, Shelf>();
  readonly #by_subject = new Groups<Endorsement>();
  /** One of each kind against each accused. */
  readonly #proofs = new Map<string, Statement>();
  /** Policy bundles by the hash of their statement. */
  readonly #bundles = new Map<string, PolicyBundle>();
  readonly #counts = new Map<Statement['kind'], number>();
  readonly #words = new RecentMap<string, string>(words_max);
  #endorsers: readonly string[] | undefined;

  constructor(places: StatementPlaces = statements_max) {
    this.#places = places;
  }

  /** How many statements there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** All of them. */
  all(): Iterable<Statement> {
    return this.#entries.values();
  }

  /** The statement of a hash. */
  get(hash: string): Statement | undefined {
    return this.#entries.get(hash);
  }

  /** The statement that has the place which another would take: of one issuer, subject and scope, of one head, of one accused. */
  rival(statement: Statement): Statement | undefined {
    switch (statement.kind) {
      case 'endorsement': return this.#shelves.get(statement.iss)?.endorsements.get(slotOf(statement));
      case 'head': return this.#shelves.get(statement.iss)?.head;
      case 'policy-bundle': return this.bundle(statement.iss, statement.scope);
      case 'revocation': return undefined;
      default: return this.#proofs.get(proofSlot(statement.kind, accusedOf(statement)));
    }
  }

  /** Whether a statement holds against another in its place. */
  beats(statement: Statement, rival: Statement): boolean {
    return compareRivals(statement, rival) < 0;
  }

  /** Whether there is no room for one more of this kind by this issuer. Who is depended on always has the whole quota, and a proof against one a place. */
  isFull(statement: Statement, depended: () => ReadonlySet<string>): boolean {
    const { iss, kind } = statement;
    const count = this.#shelves.get(iss)?.counts.get(kind) ?? 0;
    if (count < this.#share(kind) && this.#total(kind) < this.#places[kind]) return false;
    const dids = depended();
    return !dids.has(accusedOf(statement) ?? '') && (count >= statements_per_issuer_max[kind] || !dids.has(iss));
  }

  #total(kind: Statement['kind']): number {
    return this.#counts.get(kind) ?? 0;
  }

  #share(kind: Statement['kind']): number {
    return this.#shares.get(kind) ?? statements_per_issuer_max[kind];
  }

  /**
   * What has to go so that there is room again, once all places of a kind are
   * taken: the share of each issuer is halved as often as it takes, and who has
   * more loses it, so that a few who say very much never keep out the many who
   * say little. Who is depended on loses nothing. The same statements go at
   * every host: those with the largest hashes.
   */
  surplus(kind: Statement['kind'], depended: () => ReadonlySet<string>): readonly Statement[] {
    if (this.#total(kind) < this.#places[kind] || this.#share(kind) <= 1) return [];
    const dids = depended();
    const yielding = [...this.#entries.values()].filter((statement) => statement.kind === kind && !dids.has(statement.iss) && !dids.has(accusedOf(statement) ?? ''));
    const by_issuer = [...Map.groupBy(yielding, ({ iss }) => iss).values()];
    let surplus: readonly Statement[] = [];
    for (let share = this.#share(kind); share > 1 && this.#total(kind) - surplus.length >= this.#places[kind];) {
      share = Math.floor(share / 2);
      const kept = share;
      this.#shares.set(kind, kept);
      surplus = by_issuer.flatMap((said) => (said.length <= kept ? [] : said.sort((a, b) => (a.hash < b.hash ? -1 : 1)).slice(kept)));
    }
    return surplus;
  }

  /** Gives issuers more again of the kinds of which most places have become free. */
  relax(): void {
    for (const [kind, share] of this.#shares) {
      if (this.#total(kind) * 2 < this.#places[kind]) this.#shares.set(kind, Math.min(share * 2, statements_per_issuer_max[kind]));
    }
  }

  /** Adds a statement, whose place is free, and returns the one that is kept: equal, with texts shared with others. */
  add(given: Statement): Statement {
    const statement = this.#shared(given);
    const { iss, hash, kind } = statement;
    const shelf = this.#shelves.get(iss) ?? new Shelf();
    this.#shelves.set(iss, shelf);
    this.#entries.set(hash, statement);
    this.#count(shelf, kind, 1);
    if (kind === 'endorsement' || kind === 'revocation') shelf.highest_sequence = Math.max(shelf.highest_sequence, statement.seq);
    switch (kind) {
      case 'endorsement':
        if (shelf.endorsements.size === 0) this.#endorsers = undefined;
        shelf.endorsements.set(slotOf(statement), statement);
        this.#by_subject.add(statement.sub, statement);
        break;
      case 'revocation': shelf.revocations.add(statement.target.id, statement); break;
      case 'head': shelf.head = statement; break;
      case 'policy-bundle':
        shelf.bundles ??= new Map();
        shelf.bundles.set(statement.scope, statement);
        this.#bundles.set(hash, statement);
        break;
      default: this.#proofs.set(proofSlot(kind, accusedOf(statement)), statement);
    }
    return statement;
  }

  /** Removes a statement by its hash. */
  remove(hash: string): Statement {
    const statement = this.#entries.get(hash);
    const shelf = this.#shelves.get(statement?.iss ?? '');
    assert(statement !== undefined && shelf !== undefined, 'only kept statements are removed');
    this.#entries.delete(hash);
    this.#count(shelf, statement.kind, -1);
    switch (statement.kind) {
      case 'endorsement':
        shelf.endorsements.delete(slotOf(statement));
        if (shelf.endorsements.size === 0) this.#endorsers = undefined;
        this.#by_subject.remove(statement.sub, statement);
        break;
      case 'revocation': shelf.revocations.remove(statement.target.id, statement); break;
      case 'head': shelf.head = undefined; break;
      case 'policy-bundle':
        shelf.bundles?.delete(statement.scope);
        this.#bundles.delete(hash);
        break;
      default: this.#proofs.delete(proofSlot(statement.kind, accusedOf(statement)));
    }
    if (shelf.counts.size === 0) this.#shelves.delete(statement.iss);
    return statement;
  }

  /** An issuer's revocation of a target: of several the one that lasts longest, so that dropping another never undoes it. */
  revocation(kind: TargetKind, id: string, issuer: string): Revocation | undefined {
    let longest: Revocation | undefined;
    for (const each of this.#shelves.get(issuer)?.revocations.of(id) ?? []) {
      if (each.target.kind === kind && (longest === undefined || each.exp > longest.exp)) longest = each;
    }
    return longest;
  }

  /** The endorsements of a subject. */
  endorsements(subject: string): Iterable<Endorsement> {
    return this.#by_subject.of(subject);
  }

  /** The endorsements by an issuer. */
  endorsementsBy(issuer: string): Iterable<Endorsement> {
    return this.#shelves.get(issuer)?.endorsements.values() ?? [];
  }

  /** Everybody who has an endorsement here, in order. */
  endorsers(): readonly string[] {
    this.#endorsers ??= [...this.#shelves].flatMap(([iss, { endorsements }]) => (endorsements.size > 0 ? [iss] : [])).sort();
    return this.#endorsers;
  }

  /** The newest head of a DID. */
  head(did: string): Head | undefined {
    return this.#shelves.get(did)?.head;
  }

  /** The proof that a DID told two histories. */
  duplicity(did: string): DuplicityProof | undefined {
    const proof = this.#proofs.get(proofSlot('duplicity', did));
    return proof?.kind === 'duplicity' ? proof : undefined;
  }

  /** The proof that a DID contradicted itself. */
  equivocation(did: string): EquivocationProof | undefined {
    const proof = this.#proofs.get(proofSlot('equivocation', did));
    return proof?.kind === 'equivocation' ? proof : undefined;
  }

  /** The evidence against the log or the witness of a host. */
  auditEvidence(did: string): AuditEvidence | undefined {
    const proof = this.#proofs.get(proofSlot('audit-evidence', did));
    return proof?.kind === 'audit-evidence' ? proof : undefined;
  }

  /** All evidence against logs and witnesses, one of each host. */
  exposures(): readonly AuditEvidence[] {
    return [...this.#proofs.values()].filter((proof) => proof.kind === 'audit-evidence');
  }

  /** The policy bundle of an issuer with this name. */
  bundle(issuer: string, name: string): PolicyBundle | undefined {
    return this.#shelves.get(issuer)?.bundles?.get(name);
  }

  /** The policy bundles. */
  bundles(): Iterable<PolicyBundle> {
    return this.#bundles.values();
  }

  /** The highest `seq` that an issuer has used, as far as is known. */
  highestSequence(issuer: string): number {
    return this.#shelves.get(issuer)?.highest_sequence ?? 0;
  }

  #count(shelf: Shelf, kind: Statement['kind'], change: number): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + change);
    const count = (shelf.counts.get(kind) ?? 0) + change;
    if (count === 0) shelf.counts.delete(kind);
    else shelf.counts.set(kind, count);
  }

  #word(text: string): string {
    const known = this.#words.get(text);
    if (known === undefined) this.#words.set(text, text);
    return known ?? text;
  }

  #shared(statement: Statement): Statement {
    const iss = this.#word(statement.iss);
    switch (statement.kind) {
      case 'endorsement': return { ...statement, iss, sub: this.#word(statement.sub), scope: this.#word(statement.scope), why: this.#word(statement.why) };
      case 'revocation': return { ...statement, iss, why: this.#word(statement.why) };
      default: return { ...statement, iss };
    }
  }
}
