/**
 * The organisations that this host follows, and their bundles of policies in
 * force. A bundle comes in force when the organisation itself has signed it, in
 * a version above every one that was ever taken, and when it can be read whole;
 * whatever fails of that, the one before stays, also when its time is over: a
 * layer that narrows is never lifted by silence.
 */
import { fromBase64url } from '../crypto/bytes.ts';
import type { PolicyBundle } from '../crypto/policy-bundle.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../crypto/result.ts';
import type { BundleExchange, WantedBundle } from '../protocols/bundle/index.ts';
import type { Clock, Network, Recorder } from '../protocols/ports.ts';
import { every, sleep } from '../protocols/time.ts';
import type { StatementStore } from '../storage/statements.ts';
import { openBundle } from './bundle-policies.ts';
import type { BundleJudge } from './bundle-judging.ts';
import { BundleLooks } from './bundle-looks.ts';
import type { BundleDoubt, BundlesInForce, FollowedBundle } from './bundles-in-force.ts';
import { slotOf, type BundleShelf, type BundleStanding, type Following } from './bundle-shelf.ts';
import type { Policy } from './kernel/index.ts';
import { operator } from './operator.ts';
import { digestsOf, type NotePolicy } from './policy-changes.ts';

/** Organisations that a host has ever followed. */
export const followings_max = 64;
/** Between two looks at what is missing. */
const look_ms = 30_000;
/** From a connection to the first question for what is missing: before, the peer may not answer. */
const settle_ms = 1_500;
/** What is wrong with the bytes of a bundle is wrong for good. */
const lasting: ReadonlySet<string> = new Set(['BUNDLE_MALFORMED', 'BUNDLE_TOO_LARGE', 'BUNDLE_MISNAMED', 'POLICY_INVALID']);

/** What following uses. */
export interface PolicyBundlesParts {
  readonly clock: Clock;
  readonly network: Pick<Network, 'watch'>;
  readonly recorder: Recorder;
  readonly shelf: BundleShelf;
  readonly in_force: BundlesInForce;
  readonly exchange: Pick<BundleExchange, 'fetch'>;
  readonly judge: BundleJudge;
  readonly statement_store: Pick<StatementStore, 'bundle' | 'bundles'>;
  readonly note: NotePolicy;
  /** The organisations above who answers for this host. */
  operators(): Promise<readonly string[]>;
}

/** Follows organisations. */
export class PolicyBundles {
  readonly #parts: PolicyBundlesParts;
  readonly #doubts = new Map<string, BundleDoubt>();
  readonly #looks: BundleLooks;
  readonly #stopping = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();
  #cancel = (): void => undefined;

  constructor(parts: PolicyBundlesParts) {
    this.#parts = parts;
    this.#looks = new BundleLooks(
      (organisation, name) => this.#consider(organisation, name),
      (organisation, name, error) => parts.recorder.record({ kind: 'policy.bundles-failed', organisation, name, reason: messageOf(error) }),
    );
  }

  /** Puts in force again what was. Before any agent works. */
  async load(): Promise<void> {
    const { shelf, in_force } = this.#parts;
    await shelf.load();
    await in_force.open();
    in_force.enforce();
  }

  /** Looks for newer bundles from now on. After the network has started. */
  start(): void {
    const { clock, network, recorder } = this.#parts;
    const failed = (error: unknown): void => recorder.record({ kind: 'policy.bundles-failed', reason: messageOf(error) });
    network.watch((_, state) => {
      if (state === 'connected') clock.after(settle_ms, () => this.#lookAtAll());
    });
    const look = async (): Promise<void> => {
      await this.#followOperators();
      this.#lookAtAll();
    };
    look().catch(failed);
    this.#cancel = every(clock, () => look_ms, look, failed);
  }

  /** Ends what is under way; the policies in force stay. */
  async stop(): Promise<void> {
    this.#cancel();
    this.#stopping.abort();
    await this.#looks.stop();
    await this.#turn;
  }

  /** A statement of a bundle was admitted. */
  heard(statement: PolicyBundle): void {
    if (this.follows(statement.iss)) this.#looks.at(statement.iss, statement.scope);
    else this.#parts.recorder.record({ kind: 'bundle.refused', code: 'BUNDLE_FOREIGN', issuer: statement.iss, name: statement.scope, version: statement.seq });
  }

  /** Whether the bundles of a DID are obeyed here. */
  follows(did: string): boolean {
    return this.#parts.shelf.followings.get(did)?.active === true;
  }

  /** The organisations whose bundles are obeyed. */
  followed(): readonly string[] {
    return this.followings().filter(({ active }) => active).map(({ organisation }) => organisation);
  }

  /** Organisations of which something that was kept cannot be read: everything is denied. */
  damaged(): readonly string[] {
    return [...this.#parts.shelf.damaged];
  }

  /** The organisations that were ever followed, in the order of their DIDs. */
  followings(): readonly Following[] {
    return [...this.#parts.shelf.followings.values()].sort((a, b) => (a.organisation < b.organisation ? -1 : 1));
  }

  /** The bundles of an organisation, in the order of their names. */
  of(organisation: string): readonly FollowedBundle[] {
    const { shelf, in_force } = this.#parts;
    const slots = new Set([...shelf.standings.keys(), ...this.#doubts.keys()].filter((slot) => slot.startsWith(slotOf(organisation, ''))));
    return [...slots].sort().map((slot) => ({ standing: shelf.standings.get(slot), policies: in_force.policies(slot), doubt: this.#doubts.get(slot) }));
  }

  /** Waits until the bundles of an organisation that are known have been judged, at most so long: bytes may have to come from peers. */
  async judged(organisation: string, wait_ms: number): Promise<void> {
    const waiting = new AbortController();
    const long_enough = sleep(this.#parts.clock, wait_ms, waiting.signal);
    await Promise.race([this.#looks.over(organisation), long_enough]);
    waiting.abort();
  }

  /** Why nothing newer of an organisation is taken, if so. */
  barred(organisation: string): Promise<Failure | undefined> {
    return this.#parts.judge.barred(organisation);
  }

  /**
   * Follows an organisation. Fails with `BUNDLE_ISSUER`, `BUNDLE_ISSUER_UNKNOWN`,
   * `BUNDLE_ISSUER_ENDED`, or `FOLLOWINGS_FULL`.
   */
  async follow(organisation: string, { by, required }: { readonly by: Following['by']; readonly required: boolean }): Promise<Result<Following>> {
    const { shelf, in_force, clock, note } = this.#parts;
    const barred = await this.barred(organisation);
    if (barred !== undefined) return { ok: false, failure: barred };
    return this.#inTurn(async () => {
      if (!shelf.followings.has(organisation) && shelf.followings.size >= followings_max) {
        return fail('FOLLOWINGS_FULL', `a host remembers at most ${followings_max} organisations that it followed`, { fix: 'start in a new data folder' });
      }
      const time_ms = clock.now();
      const following: Following = { organisation, by, required, active: true, since_ms: time_ms };
      const mended = await shelf.mend(organisation);
      await note({ kind: 'policy-following', organisation, by: by === 'named' ? operator : 'sponsorship', follows: true, required, time_ms }, [...mended, shelf.followingChange(following)]);
      shelf.followings.set(organisation, following);
      await in_force.open(organisation);
      in_force.enforce();
      this.#lookAtAll();
      return ok(following);
    });
  }

  /** Ends following: its bundles are out of force, and what version was taken is remembered. Fails with `BUNDLE_UNFOLLOWED`. */
  unfollow(organisation: string): Promise<Result<Following>> {
    const { shelf, in_force, clock, note } = this.#parts;
    return this.#inTurn(async () => {
      const known = shelf.followings.get(organisation);
      const is_damaged = shelf.damaged.has(organisation);
      if (!is_damaged && known?.active !== true) return fail('BUNDLE_UNFOLLOWED', `this host does not follow ${organisation}`, { fix: 'agentmesh policy bundles' });
      const time_ms = clock.now();
      const following: Following = { organisation, by: 'named', required: false, since_ms: time_ms, ...known, active: false };
      const mended = is_damaged ? await shelf.mend(organisation) : [];
      await note({ kind: 'policy-following', organisation, by: operator, follows: false, required: following.required, time_ms }, [...mended, shelf.followingChange(following)]);
      shelf.followings.set(organisation, following);
      for (const slot of this.#doubts.keys()) if (slot.startsWith(slotOf(organisation, ''))) this.#doubts.delete(slot);
      in_force.enforce();
      return ok(following);
    });
  }

  async #followOperators(): Promise<void> {
    for (const organisation of await this.#parts.operators()) {
      if (this.#stopping.signal.aborted) return;
      const { followings, damaged } = this.#parts.shelf;
      // Who was unfollowed is not followed again by itself; and what cannot be read, which following would forget, may be the mark.
      if (!followings.has(organisation) && !damaged.has(organisation)) await this.follow(organisation, { by: 'sponsorship', required: false });
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #lookAtAll(): void {
    const { statement_store, shelf, in_force } = this.#parts;
    for (const { iss, scope } of statement_store.bundles()) if (this.follows(iss)) this.#looks.at(iss, scope);
    // What is in force and cannot be read is fetched again, also when its statement is gone.
    for (const [slot, { organisation, name }] of shelf.standings) if (this.follows(organisation) && in_force.policies(slot) === undefined) this.#looks.at(organisation, name);
  }

  async #consider(organisation: string, name: string): Promise<void> {
    const slot = slotOf(organisation, name);
    const { shelf, in_force, statement_store, judge } = this.#parts;
    const standing = shelf.standings.get(slot);
    if (standing !== undefined && in_force.policies(slot) === undefined) await this.#restore(slot, standing);
    const statement = statement_store.bundle(organisation, name);
    if (statement === undefined || (statement.seq === standing?.version && statement.hash === standing.statement)) return;
    const doubt = this.#doubts.get(slot);
    if (doubt?.statement.hash === statement.hash && lasting.has(doubt.failure.code)) return;
    const refused = await judge.refusal(statement, standing);
    const failure = refused ?? await this.#take(slot, statement, standing);
    if (failure === undefined) this.#doubts.delete(slot);
    else await this.#doubt(slot, { statement, failure });
  }

  /** The bytes of what is in force are fetched again where they were lost. */
  async #restore(slot: string, standing: BundleStanding): Promise<void> {
    const { shelf, in_force, recorder } = this.#parts;
    const fetched = await this.#bytesOf({ iss: standing.organisation, digest: standing.digest, bytes: standing.bytes });
    if (!fetched.ok) return;
    const opened = await openBundle(fetched.value, { scope: standing.name, seq: standing.version });
    if (!opened.ok || shelf.standings.get(slot) !== standing) return;
    await shelf.keep([shelf.contentChange(fetched.value)]);
    in_force.set(slot, opened.value);
    in_force.enforce();
    recorder.record({ kind: 'policy.bundle-restored', organisation: standing.organisation, name: standing.name, version: standing.version });
  }

  /** From what is kept here, else from peers. */
  async #bytesOf(wanted: WantedBundle): Promise<Result<Uint8Array>> {
    const { shelf, exchange } = this.#parts;
    const own = await shelf.content(fromBase64url(wanted.digest) ?? new Uint8Array());
    return own === undefined ? exchange.fetch(wanted, this.#stopping.signal) : ok(own);
  }

  /** Fetches, opens and keeps a bundle, and puts it in force. */
  async #take(slot: string, statement: PolicyBundle, before: BundleStanding | undefined): Promise<Failure | undefined> {
    const bytes = await this.#bytesOf(statement);
    if (!bytes.ok) return bytes.failure;
    const opened = await openBundle(bytes.value, statement);
    if (!opened.ok) return opened.failure;
    return this.#inTurn(async () => {
      // It may have been unfollowed while the bundle was fetched, or revoked: whoever gives the bytes has the time in hand.
      if (!this.follows(statement.iss)) return undefined;
      const refused = await this.#parts.judge.refusal(statement, before);
      if (refused === undefined) await this.#keep(slot, statement, { before, bytes: bytes.value, policies: opened.value });
      return refused;
    });
  }

  async #keep(slot: string, statement: PolicyBundle, { before, bytes, policies }: { readonly before: BundleStanding | undefined; readonly bytes: Uint8Array; readonly policies: readonly Policy[] }): Promise<void> {
    const { shelf, in_force, clock, note } = this.#parts;
    const { iss, scope: name, seq: version, digest, exp, hash } = statement;
    const time_ms = clock.now();
    const is_same = before?.version === version;
    const standing: BundleStanding = { organisation: iss, name, version, digest, bytes: bytes.length, statement: hash, exp, accepted_ms: is_same ? before.accepted_ms : time_ms };
    const changes = [shelf.contentChange(bytes), shelf.standingChange(standing)];
    // The same said again, to live longer, changes nothing that decides.
    if (is_same) await shelf.keep(changes);
    else {
      const was = digestsOf(in_force.policies(slot) ?? []);
      await note({ kind: 'policy-change', layer: 'organisation', by: iss, of: iss, name, version, statement: hash, before: was, after: digestsOf(policies), time_ms }, changes);
    }
    shelf.standings.set(slot, standing);
    in_force.set(slot, policies);
    in_force.enforce();
    if (before !== undefined) await shelf.forget(before.digest);
  }

  async #doubt(slot: string, doubt: BundleDoubt): Promise<void> {
    const { clock, note, recorder } = this.#parts;
    const { statement: { iss, scope: name, seq: version, hash }, failure: { code, reason } } = doubt;
    const before = this.#doubts.get(slot);
    this.#doubts.set(slot, doubt);
    if (before?.statement.hash === hash && before.failure.code === code) return;
    // Who cannot be reached now is no refusal; it is tried again.
    if (code === 'BUNDLE_UNAVAILABLE' || code === 'BUNDLE_ISSUER_UNKNOWN') recorder.record({ kind: 'bundle.pending', issuer: iss, name, version, code, reason });
    else await note({ kind: 'policy-refused', layer: 'organisation', of: iss, name, version, statement: hash, code, reason, time_ms: clock.now() });
  }
}
