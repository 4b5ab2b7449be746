/**
 * What happens to the identities of this host after they are made: rotation,
 * succession, deactivation. Each is on the disk before anybody hears of it.
 */
import { isWhole } from '../crypto/canonical.ts';
import type { Establishment } from '../crypto/did-events.ts';
import { establishments_max, record_bytes_max, verifyRecord, witnessesOf } from '../crypto/did-record.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { IdentityWitnesses } from '../protocols/identity-witness/index.ts';
import { currentEvent, nextEvent, ownIdentity, retiring, signAs, soleControl, type Identity } from '../protocols/identity/index.ts';
import type { Clock, Random } from '../protocols/ports.ts';
import type { PendingRotation } from '../storage/identities.ts';
import type { Keystore } from '../storage/keystore.ts';
import type { LocalIdentity, Witnessing } from './identities.ts';
import { heldKeys, keysForRotation } from './identity-keys.ts';
import type { Publishing } from './publishing.ts';

/** Room that a rotation leaves in a record for an attestation and addresses to come. */
const reserve_bytes = 1024;

/** What changing identities uses. */
export interface IdentityChangesParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly keystore: Keystore;
  readonly identity: Identity;
  readonly witnesses: IdentityWitnesses;
  readonly publishing: Publishing;
  /** The identity of this host with this DID or name. */
  find(who: string): LocalIdentity | undefined;
  /** Every identity of this host. */
  all(): Iterable<LocalIdentity>;
  /** Stores a changed identity. */
  keep(identity: LocalIdentity): Promise<LocalIdentity>;
}

/** How an identity is rotated. */
export interface RotationPlan {
  /** Whether keys were stolen: what they signed is void. */
  readonly emergency?: boolean;
  /** In an emergency: what the former keys signed before this time still holds, Unix milliseconds. A thief can date back, so that nothing holds where it is absent. */
  readonly bad_since_ms?: number;
  /** Who countersigns the event after this one; those of before where absent. */
  readonly witnesses?: Witnessing;
}

/** An identity that was changed, and how many peers took its new record. */
export interface Changed {
  readonly identity: LocalIdentity;
  readonly storers: number;
}

/** Changes the identities of this host. */
export class IdentityChanges {
  readonly #parts: IdentityChangesParts;
  #succeeding: Promise<unknown> = Promise.resolve();

  constructor(parts: IdentityChangesParts) {
    this.#parts = parts;
  }

  /** The identity of this host with this name, unless it is deactivated. Fails with `NAME_UNKNOWN` or `IDENTITY_DEACTIVATED`. */
  #living(who: string): Result<LocalIdentity> {
    const found = who === '' ? undefined : this.#parts.find(who) ?? (who === 'node' ? this.#parts.find('') : undefined);
    if (found === undefined) return fail('NAME_UNKNOWN', `no ${JSON.stringify(who.slice(0, 80))} has its key on this host`, { fix: 'agentmesh did list' });
    if (found.deactivated) return fail('IDENTITY_DEACTIVATED', `${found.name} is deactivated, which is final`, { fix: 'make a new identity' });
    return ok(found);
  }

  /** Changes an identity as it is when its turn has come, keeps it and publishes it. */
  async #change(did: string, alter: (current: LocalIdentity) => Promise<Result<LocalIdentity>>): Promise<Result<Changed>> {
    const { publishing, keep } = this.#parts;
    const changed = await publishing.inTurn(did, async () => {
      const current = this.#living(did);
      if (!current.ok) return current;
      const altered = await alter(current.value);
      if (!altered.ok) return altered;
      // Before it is stored: an identity whose record nobody takes would be one for ever.
      const record = await publishing.signNext(altered.value);
      const is_rotated = altered.value.establishments.length > current.value.establishments.length;
      if (is_rotated && record.length > record_bytes_max - reserve_bytes) return exhausted(current.value);
      const verified = verifyRecord(record, { now_ms: this.#parts.clock.now() });
      return verified.ok ? ok(await keep(altered.value)) : verified;
    });
    if (!changed.ok) return changed;
    const stored = await publishing.publish(changed.value);
    return ok({ identity: this.#parts.find(did) ?? changed.value, storers: stored.ok ? stored.value : 0 });
  }

  /**
   * Replaces the keys of an identity by those that it committed to. Where its
   * sponsor's own word was signed with a key that is void now, it is given anew.
   *
   * Fails with `NAME_UNKNOWN`, `IDENTITY_DEACTIVATED`, `IDENTITY_BEHIND`, `ROTATIONS_EXHAUSTED`,
   * `BAD_SINCE_INVALID`, a `WITNESS_…` code or `RECORD_TOO_LARGE`. A rotation that lacks
   * witnesses is remembered, and the next call goes on with it.
   */
  async rotate(who: string, plan: RotationPlan = {}): Promise<Result<Changed>> {
    const own = this.#living(who);
    if (!own.ok) return own;
    const { emergency = false, bad_since_ms } = plan;
    if (bad_since_ms !== undefined && (!emergency || !isWhole(bad_since_ms) || bad_since_ms > this.#parts.clock.now())) {
      return fail('BAD_SINCE_INVALID', 'the time since which keys are bad is a whole number of milliseconds, not in the future, and belongs to an emergency', { fix: 'give a time in the past, with --emergency' });
    }
    const changed = await this.#change(own.value.did, (current) => this.#rotated(current, plan));
    if (!changed.ok) return changed;
    for (const agent of this.#parts.all()) {
      if (agent.sponsor === own.value.did && !agent.deactivated) await this.#parts.publishing.publish(agent);
    }
    return changed;
  }

  async #rotated(current: LocalIdentity, plan: RotationPlan): Promise<Result<LocalIdentity>> {
    const { identity, clock, keystore, keep, witnesses } = this.#parts;
    const before = currentEvent(current);
    const newest = await identity.resolve(current.did, { fresh: true });
    if (newest.ok && newest.value.number > before.number) {
      return fail('IDENTITY_BEHIND', `the mesh knows rotation ${newest.value.number} of ${current.name}, this host only ${before.number}`, {
        fix: 'this data folder is an old copy: use the newer one; a second rotation of the same number would bar the DID',
      });
    }
    const begun = current.pending === null ? await this.#begin(current, before, plan) : ok(current.pending);
    if (!begun.ok) return begun;
    const { establishment } = begun.value;
    const establishments = [...current.establishments, establishment];
    const { witness_threshold } = witnessesOf(establishment.event, before);
    // Once a witness has signed it, no other event of this number will ever find enough of them.
    if (witness_threshold > 0 && current.pending === null) await keep({ ...current, pending: begun.value });
    const signatures = witness_threshold === 0 ? ok([]) : await witnesses.collect({ establishments, witness_signatures: current.witness_signatures }, current.witness_nodes);
    if (!signatures.ok) return signatures;
    const keys = heldKeys(keystore, current.label, establishment.event.number);
    if (keys === undefined) return fail('IDENTITY_KEYS_MISSING', `the next keys of ${current.name} are not in keys.json`, { fix: 'restore keys.json from a backup' });
    const history = { establishments, witness_signatures: [...current.witness_signatures, ...signatures.value] };
    const now_ms = clock.now();
    const until_ms = Math.min(badSince(plan) ?? now_ms, establishment.event.bad_since ?? now_ms);
    const retired = retiring(current, { now_ms, until_ms });
    return ok({ ...current, ...ownIdentity(current, keys, history, { ...current, retired }), witness_nodes: begun.value.witness_nodes, pending: null });
  }

  /** Makes the keys and the event of a rotation. */
  async #begin(current: LocalIdentity, before: Establishment, plan: RotationPlan): Promise<Result<PendingRotation>> {
    const number = before.number + 1;
    if (number >= establishments_max) return exhausted(current);
    const { nodes, threshold } = plan.witnesses ?? { nodes: current.witness_nodes, threshold: before.witness_threshold };
    const witness_keys = plan.witnesses === undefined ? ok(before.witnesses) : await this.#parts.witnesses.keysOf(nodes, threshold);
    if (!witness_keys.ok) return witness_keys;
    const now_ms = this.#parts.clock.now();
    const keys = await keysForRotation(this.#parts, current.label, number);
    const event = nextEvent(before, soleControl(keys, witness_keys.value, threshold), { now_ms, bad_since: badSince(plan) });
    return ok({ establishment: signAs(event, event, [keys.update]), witness_nodes: nodes });
  }

  /** Ends an identity for good; its tombstone is published from then on. Fails with `NAME_UNKNOWN`, `IDENTITY_DEACTIVATED` or `NODE_NEEDED`. */
  async deactivate(who: string): Promise<Result<Changed>> {
    const own = this.#living(who);
    if (!own.ok) return own;
    if (own.value.kind === 'node') return fail('NODE_NEEDED', 'a node cannot run without its own identity', { fix: 'stop the node for good, or rotate its keys: agentmesh did rotate node' });
    const now_ms = this.#parts.clock.now();
    return this.#change(own.value.did, (current) => Promise.resolve(ok({
      ...current, deactivated: true, attestations: [], retired: retiring(current, { now_ms, until_ms: now_ms }),
    })));
  }

  /**
   * Says that one identity of this host takes the place of another; the
   * documents of both name each other. It hands over no right.
   * Fails with `NAME_UNKNOWN`, `IDENTITY_DEACTIVATED` or `SUCCESSOR_INVALID`.
   */
  succeed(who: string, successor: string): Promise<Result<{ readonly old: Changed; readonly successor: Changed }>> {
    // One at a time: what fits is judged by both identities, and neither may change meanwhile.
    const named = this.#succeeding.then(() => this.#succeed(who, successor));
    this.#succeeding = named.catch(() => undefined);
    return named;
  }

  async #succeed(who: string, successor: string): Promise<Result<{ readonly old: Changed; readonly successor: Changed }>> {
    const [old, heir] = [this.#living(who), this.#living(successor)];
    if (!old.ok) return old;
    if (!heir.ok) return heir;
    const wrong = unfit(old.value, heir.value);
    if (wrong !== undefined) return fail('SUCCESSOR_INVALID', wrong, { fix: 'name a new identity of the same kind that takes no other\'s place' });
    // The heir first: a document that names a predecessor means nothing until that one names its successor.
    const named = await this.#change(heir.value.did, (current) => Promise.resolve(ok({ ...current, predecessor: old.value.did })));
    if (!named.ok) return named;
    const changed = await this.#change(old.value.did, (current) => Promise.resolve(ok({ ...current, successor: heir.value.did })));
    return changed.ok ? ok({ old: changed.value, successor: named.value }) : changed;
  }
}

/** From when on everything that the former keys signed is void: in an emergency from the beginning, unless a time is named. */
function badSince({ emergency, bad_since_ms }: RotationPlan): number | null {
  return emergency === true ? bad_since_ms ?? 0 : null;
}

function exhausted({ name, establishments }: LocalIdentity): Result<never> {
  return fail('ROTATIONS_EXHAUSTED', `${name} was rotated ${establishments.length - 1} times; a DID can be at most ${establishments_max - 1} times, and as long as its events fit into a record`, {
    fix: 'make a new identity and let it take the place of this one: agentmesh did succeed OLD --with NEW',
  });
}

/** Why one identity cannot take the place of another, if so. */
function unfit(old: LocalIdentity, heir: LocalIdentity): string | undefined {
  if (old.did === heir.did) return 'a DID does not take its own place';
  if (old.kind !== heir.kind) return `${old.name} is of the kind ${old.kind}, ${heir.name} of the kind ${heir.kind}`;
  if (old.successor !== null && old.successor !== heir.did) return `${old.name} has a successor already: ${old.successor}`;
  if (heir.predecessor !== null && heir.predecessor !== old.did) return `${heir.name} takes the place of another already: ${heir.predecessor}`;
  return heir.successor === null ? undefined : `${heir.name} has a successor itself`;
}
