/** The answering side: one signature for one event of a number of a DID, remembered before it is given. */
import { concat, equal } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape } from '../../crypto/canonical.ts';
import {
  eventHash, isEstablishment, isList, isSigned, isWitnessSignature, keys_max, witnessedBytes, type Establishment, type Signed,
} from '../../crypto/did-events.ts';
import { checkEstablishments, checkWitnesses, establishments_max, witnessesOf } from '../../crypto/did-record.ts';
import { didOf } from '../../crypto/did.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { History } from '../identity/index.ts';
import type { PeerId } from '../ports.ts';
import { encodeFailure } from '../reply.ts';
import { event_ahead_ms_max, identity_witness_limits, witnessed_dids_max, witnessed_dids_per_peer_max } from './constants.ts';
import type { IdentityWitnessParts } from './index.ts';

const isEvent = (value: unknown): value is Signed<Establishment> => isSigned(value, isEstablishment);

/** The hash of an event that was signed or stands under one that was, and who asked first. */
interface Witnessed {
  readonly event: Uint8Array;
  readonly peer: PeerId;
}

/** A checked request: the chain with its newest event, which is the one to sign. */
export interface Request extends History {
  readonly digest: Uint8Array;
  readonly last: Signed<Establishment>;
}

function parseWitnessed(bytes: Uint8Array): Witnessed | undefined {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !hasShape(decoded.value, ['event', 'peer'])) return undefined;
  const { event, peer } = decoded.value;
  return event instanceof Uint8Array && event.length === digest_bytes && typeof peer === 'string' ? { event, peer } : undefined;
}

function storeKey(digest: Uint8Array, number: number): Uint8Array {
  return concat(digest, Uint8Array.of(number));
}

/**
 * Verifies a request: size, shape, the whole chain, and the witnesses of every event before the newest.
 * Fails with `WITNESS_REQUEST` or as {@link checkEstablishments} and {@link checkWitnesses} do.
 */
export function parseRequest(bytes: Uint8Array): Result<Request> {
  const invalid = (reason: string): ReturnType<typeof fail> => fail('WITNESS_REQUEST', reason);
  const decoded = bytes.length > identity_witness_limits.request_bytes_max ? undefined : decodeCbor(bytes);
  const value = decoded?.ok === true ? decoded.value : undefined;
  if (!hasShape(value, ['version', 'establishments', 'witness_signatures']) || value['version'] !== 1) return invalid('not a version 1 request');
  const { establishments, witness_signatures } = value;
  if (!isList(establishments, establishments_max, isEvent) || !isList(witness_signatures, establishments_max * keys_max, isWitnessSignature)) {
    return invalid('the events or the signatures of witnesses are malformed');
  }
  const current = checkEstablishments(establishments);
  if (!current.ok) return current;
  const witnessed = checkWitnesses(establishments.slice(0, -1), witness_signatures);
  if (!witnessed.ok) return witnessed;
  const [genesis, last] = [establishments[0], establishments.at(-1)];
  if (genesis === undefined || last === undefined) return invalid('there is no event');
  return ok({ establishments, witness_signatures, digest: eventHash(genesis.event), last });
}

/** A witness of establishment events. */
export class EventWitness {
  readonly #parts: IdentityWitnessParts;
  /** How many DIDs each peer has brought. */
  readonly #brought = new Map<PeerId, number>();
  #dids = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: IdentityWitnessParts) {
    this.#parts = parts;
  }

  /** Counts what is stored. */
  async load(): Promise<void> {
    let last: Uint8Array = new Uint8Array();
    for await (const [key, value] of this.#parts.store.entries('identity_event', {})) {
      const digest = key.subarray(0, digest_bytes);
      if (!equal(digest, last)) this.#count(parseWitnessed(value)?.peer ?? '');
      last = digest;
    }
  }

  #count(peer: PeerId): void {
    this.#dids += 1;
    this.#brought.set(peer, (this.#brought.get(peer) ?? 0) + 1);
  }

  /** Answers a request, never throws for what a peer sent. */
  async answer(bytes: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const { recorder, network } = this.#parts;
    const request = parseRequest(bytes);
    if (!request.ok) network.penalise(from, 'a request to witness what no honest host would send');
    const witnessed = request.ok ? await this.#inTurn(() => this.#witness(request.value, from)) : request;
    if (witnessed.ok) return encodeCbor({ signature: witnessed.value });
    const { code, reason } = witnessed.failure;
    recorder.record({ kind: 'identity-witness.refused', peer: from, code, reason });
    return encodeFailure(witnessed.failure);
  }

  /** One after the other: two events of one number that come together must meet. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #witness({ digest, establishments, last }: Request, from: PeerId): Promise<Result<Uint8Array>> {
    const { store, key, clock } = this.#parts;
    const { event } = last;
    if (!witnessesOf(event, establishments.at(-2)?.event).witnesses.some((witness) => equal(witness, key.public_key))) {
      return fail('WITNESS_NOT_NAMED', 'this node is not a witness of that event', { fix: 'ask the nodes whose keys the event before names' });
    }
    if (event.time > clock.now() + event_ahead_ms_max) return fail('WITNESS_TIME', 'the event is dated in the future', { fix: 'set the clock' });
    const known = await this.#known(digest);
    const conflict = establishments.find((signed) => !equal(known.get(signed.event.number) ?? eventHash(signed.event), eventHash(signed.event)));
    if (conflict !== undefined) return this.#conflict(didOf(digest), conflict.event.number);
    if (known.size === 0) {
      if (this.#dids >= witnessed_dids_max) return fail('WITNESS_FULL', `this node witnesses ${witnessed_dids_max} DIDs already`, { fix: 'name another node' });
      if ((this.#brought.get(from) ?? 0) >= witnessed_dids_per_peer_max) return fail('WITNESS_QUOTA', `a peer may bring ${witnessed_dids_per_peer_max} DIDs`, { fix: 'name another node' });
    }
    // The events before it as well: who stands under one history must not sign another, also where it begins before this witness was asked.
    const unknown = establishments.filter((signed) => !known.has(signed.event.number));
    if (unknown.length > 0) {
      // On the disk before the signature exists: after a crash, another event of a number would find no memory of this one.
      await store.batch(unknown.map((signed) => (
        { space: 'identity_event', key: storeKey(digest, signed.event.number), value: encodeCbor({ event: eventHash(signed.event), peer: from } satisfies Witnessed) }
      )), { sync: true });
      if (known.size === 0) this.#count(from);
    }
    return ok(key.sign(witnessedBytes(event)));
  }

  /** The hashes of the events of a DID that were signed here, and of those before them, by number. */
  async #known(digest: Uint8Array): Promise<ReadonlyMap<number, Uint8Array>> {
    const known = new Map<number, Uint8Array>();
    for await (const [key, value] of this.#parts.store.entries('identity_event', { gte: storeKey(digest, 0), lte: storeKey(digest, establishments_max) })) {
      const witnessed = parseWitnessed(value);
      if (witnessed === undefined) throw new Error('broken invariant: what a witness has stored can be read');
      known.set(key[digest_bytes] ?? 0, witnessed.event);
    }
    return known;
  }

  /** Two events of one number, both properly signed: one of them may be that of a thief, so that it is nobody's here to say which. */
  #conflict(did: string, number: number): Result<never> {
    this.#parts.recorder.record({ kind: 'identity-witness.conflict', did, number });
    return fail('WITNESS_CONFLICT', `this witness has signed under another event ${number} of ${did}`, { fix: 'go on with the event that was signed' });
  }
}
