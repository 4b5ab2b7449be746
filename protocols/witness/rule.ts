/**
 * What a witness does with a checkpoint (C2SP tlog-witness, add-checkpoint): it
 * cosigns only what provably continues what it cosigned before, and it never
 * answers before that is on the disk.
 */
import { concat, equal, toHex, utf8 } from '../../crypto/bytes.ts';
import { cosign, didOfOrigin, isKeyOfName, openCheckpoint, witnessName, withLines } from '../../crypto/checkpoint.ts';
import { sameSizeEvidence } from '../../crypto/fork-evidence.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import { empty_root, verifyConsistency } from '../../crypto/merkle.ts';
import { parseVerifier, signature_type_log, signature_type_witness, verifierKey, type Verifier } from '../../crypto/note.ts';
import { fail, messageOf, ok, unwrap, type Result } from '../../crypto/result.ts';
import type { AnchoredHead } from '../../storage/audit-entry.ts';
import type { Change, Clock, Recorder, Store } from '../ports.ts';
import type { LookUps } from '../statements/look-ups.ts';
import { unixSeconds } from '../time.ts';
import type { ClockSense } from './clock-sense.ts';
import { waiting_per_log_max, wanted_logs_max, witnessed_logs_max } from './constants.ts';
import { baseOf, recalled, rivalsAmong, shownBeyond, type ShownCheckpoint, type SignedCheckpoint } from './recall.ts';
import { decodeState, encodeState, originOfState, stateKey, stateKeyOfHash, type WitnessState } from './state.ts';
import { decodeRequest, type CheckpointRequest, type WitnessAnswer, type WitnessStatus } from './wire.ts';

/** What a witness uses. */
export interface CheckpointWitnessParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly recorder: Recorder;
  readonly key: SigningKey;
  readonly did: string;
  readonly sense: ClockSense;
  /** The vkey of a log, found by resolving the DID in its origin. */
  logKey(origin: string): Promise<Result<string>>;
  /** Logs that are none of the mesh, by origin, and are cosigned all the same. */
  readonly foreign?: ReadonlyMap<string, Verifier>;
  /** The largest checkpoint of a log that this host has seen, whoever cosigned it. */
  seen?(origin: string): Uint8Array | undefined;
  /** Hears of every checkpoint that its log signed and that was not cosigned: it may be of another history. */
  refused?(note: Uint8Array): void;
  /** Whether the record of a DID is at hand, so that resolving it costs nobody anything. */
  isNear?(did: string): boolean;
  /** Whether a host has proven to this one who it is. */
  met?(did: string): boolean;
  /** Whether evidence against the host of a log is known. */
  exposed?(did: string): boolean;
  /** Keeps an evidence file against a log and tells others. */
  accuse(evidence: Uint8Array): Promise<void>;
  /** Makes the proof that a foreign log contradicts itself durable: its SHA-256 becomes an entry of the own log, in one batch with the change. */
  keepEvidence(hash: Uint8Array, change: Change): Promise<void>;
}

/** A log that this witness cosigns. Times are Unix seconds. */
export interface WitnessedLog extends Pick<WitnessState, 'origin' | 'size' | 'time_s' | 'exposed'> {
  /** Whether that head waits for the next anchor entry of the own log; after a restart all that were cosigned before count as written. */
  readonly waits_for_anchor: boolean;
}

const exposed_reason = 'this log has signed two histories and is never cosigned again';
const state_range = { gte: utf8('w'), lt: utf8('x') };

function answer(status: WitnessStatus, body: string): WitnessAnswer {
  return { status, body };
}

/** A witness: remembers the newest checkpoint that it cosigned of every log. */
export class CheckpointWitness {
  readonly name: string;
  readonly #verifier: Verifier;
  readonly #parts: CheckpointWitnessParts;
  readonly #turns = new Map<string, { waiting: number; last: Promise<unknown> }>();
  readonly #anchors = new Map<string, AnchoredHead>();
  #logs: number | undefined;

  constructor(parts: CheckpointWitnessParts) {
    this.#parts = parts;
    this.name = witnessName(parts.did, parts.key.public_key);
    this.#verifier = unwrap(parseVerifier(verifierKey(this.name, signature_type_witness, parts.key.public_key)));
  }

  /** The vkey under which its cosignatures verify. */
  get verifier_key(): string {
    return this.#verifier.text;
  }

  /** Answers an add-checkpoint request. Never throws. `lookups` bounds what whoever sent it makes this host look up; without it, the caller does. */
  async add(bytes: Uint8Array, lookups?: LookUps): Promise<WitnessAnswer> {
    const request = decodeRequest(bytes);
    const { status, body } = request.ok ? await this.#judge(request.value, lookups) : answer(400, request.failure.reason);
    const { origin, size } = request.ok ? request.value.checkpoint : { origin: null, size: null };
    const fact = { origin, size, status };
    this.#parts.recorder.record(status === 200 ? { kind: 'audit.witnessed', ...fact } : { kind: 'audit.refused', ...fact, reason: body });
    return answer(status, body);
  }

  async #judge(request: CheckpointRequest, lookups: LookUps | undefined): Promise<WitnessAnswer> {
    const { checkpoint, note, old_size } = request;
    const log = await this.#log(request, lookups);
    if (log === undefined) return answer(503, 'too many hosts are being looked up');
    if (!log.ok) return answer(404, log.failure.reason);
    const opened = openCheckpoint(note, log.value);
    if (!opened.ok) return answer(403, opened.failure.reason);
    const did = didOfOrigin(checkpoint.origin);
    if (did !== undefined && this.#parts.exposed?.(did) === true) return answer(403, exposed_reason);
    if (old_size > checkpoint.size) return answer(400, `the old size ${old_size} is larger than the checkpoint's ${checkpoint.size}`);
    if (checkpoint.size === 0 && !equal(checkpoint.root, empty_root)) return answer(422, 'a tree of size 0 has the root of the empty tree');
    // Lines of others are dropped here: they are not ours to keep.
    const { bare } = opened.value;
    const decided = await this.#inTurn(checkpoint.origin, () => this.#decide({ ...request, note: bare }, log.value));
    if (decided.status === 409 || decided.status === 422) this.#parts.refused?.(bare);
    return decided;
  }

  /** The newest checkpoint of a log that this witness cosigned, with that cosignature. Fails with `WITNESS_LOG_UNKNOWN` or `WITNESS_STATE_DAMAGED`. */
  async known(origin: string): Promise<Result<Uint8Array>> {
    const state = await this.#state(origin);
    if (!state.ok) return state;
    return state.value === undefined ? fail('WITNESS_LOG_UNKNOWN', 'this witness has cosigned no checkpoint of that log') : ok(state.value.note);
  }

  /** As {@link known}, for the log whose origin has this SHA-256. */
  async knownByHash(origin_hash: Uint8Array): Promise<Result<Uint8Array>> {
    const bytes = await this.#parts.store.get('witness', stateKeyOfHash(origin_hash));
    const origin = bytes === undefined ? undefined : originOfState(bytes);
    const is_hashed = origin !== undefined && equal(sha256(utf8(origin)), origin_hash);
    return is_hashed ? this.known(origin) : fail('WITNESS_LOG_UNKNOWN', 'this witness has cosigned no checkpoint of that log');
  }

  /** The heads cosigned since the last call, at most `count`, to be anchored in the own log. */
  takeAnchors(count: number): readonly AnchoredHead[] {
    const taken = [...this.#anchors].slice(0, count);
    for (const [name] of taken) this.#anchors.delete(name);
    return taken.map(([, head]) => head);
  }

  /** Takes back heads that could not be anchored, unless a newer one of the same log waits. */
  returnAnchors(heads: readonly AnchoredHead[]): void {
    for (const head of heads) {
      const name = toHex(head.origin_hash);
      if (!this.#anchors.has(name)) this.#anchors.set(name, head);
    }
  }

  /** What this witness remembers of every log, at most `count` of them. */
  async list(count: number): Promise<readonly WitnessedLog[]> {
    const logs: WitnessedLog[] = [];
    for await (const [, value] of this.#parts.store.entries('witness', { ...state_range, limit: count })) {
      const state = decodeState(value, originOfState(value) ?? '');
      if (!state.ok) continue;
      const { origin, size, time_s, exposed } = state.value;
      logs.push({ origin, size, time_s, exposed, waits_for_anchor: this.#anchors.has(toHex(sha256(utf8(origin)))) });
    }
    return logs;
  }

  async #log({ checkpoint, signatures }: CheckpointRequest, lookups: LookUps | undefined): Promise<Result<Verifier> | undefined> {
    const { origin } = checkpoint;
    const foreign = this.#parts.foreign?.get(origin);
    if (foreign !== undefined) return ok(foreign);
    const unknown = fail('WITNESS_LOG_UNKNOWN', `no log ${origin} is known here`);
    const did = didOfOrigin(origin);
    // Resolving a DID may cost network requests, so what can be seen without comes first.
    if (did === undefined || did === this.#parts.did || !signatures.some(({ name }) => name === origin)) return unknown;
    const ask = (): Promise<Result<string>> => this.#parts.logKey(origin);
    const vkey = lookups === undefined || this.#parts.isNear?.(did) !== false ? await ask() : await lookups.ask(did, ask);
    if (vkey === undefined) return undefined;
    if (!vkey.ok) return fail('WITNESS_LOG_UNKNOWN', `the log ${origin} could not be resolved: ${vkey.failure.reason}`, { cause: vkey.failure });
    const verifier = parseVerifier(vkey.value);
    if (!verifier.ok) return verifier;
    const { name, type, public_key } = verifier.value;
    return name === origin && type === signature_type_log && isKeyOfName(origin, public_key) ? verifier : unknown;
  }

  // Two requests for one log must not both see the old state, or the later write would roll back the earlier.
  async #inTurn(origin: string, work: () => Promise<WitnessAnswer>): Promise<WitnessAnswer> {
    const turn = this.#turns.get(origin) ?? { waiting: 0, last: Promise.resolve() };
    if (turn.waiting >= waiting_per_log_max) return answer(503, 'too many requests for this log are waiting');
    this.#turns.set(origin, turn);
    turn.waiting += 1;
    const done = turn.last.then(work).catch((error: unknown) => answer(503, `the witness could not write its state: ${messageOf(error)}`));
    turn.last = done;
    const decided = await done;
    turn.waiting -= 1;
    if (turn.waiting === 0) this.#turns.delete(origin);
    return decided;
  }

  async #decide(request: CheckpointRequest, log: Verifier): Promise<WitnessAnswer> {
    const { checkpoint, note, old_size } = request;
    const { origin } = checkpoint;
    const loaded = await this.#state(origin);
    if (!loaded.ok) return answer(503, loaded.failure.reason);
    if (loaded.value?.exposed === true) return answer(403, exposed_reason);
    const bytes = this.#parts.seen?.(origin);
    const seen = bytes === undefined ? undefined : shownBeyond(loaded.value, bytes, log, this.#verifier);
    const state = seen === undefined ? loaded.value : await this.#recall(loaded.value, seen);
    const rivals = rivalsAmong([{ ...checkpoint, note }, state, seen].filter((each) => each !== undefined));
    if (rivals !== undefined) await this.#expose(state, rivals, log);
    // A tree that others saw cosigned is as good as cosigned here: to sign less, or other, would be to deny it.
    const base = baseOf(checkpoint, state, seen);
    const base_size = base?.size ?? 0;
    if (old_size !== base_size) return answer(409, `${base_size}\n`);
    if (rivals !== undefined) return answer(422, `this log has signed two trees of ${rivals[0].size} entries`);
    const inconsistent = inconsistency(request, base);
    if (inconsistent !== undefined) return answer(422, inconsistent);
    if (state === undefined && await this.#isFull(origin)) return answer(403, 'this host witnesses as many logs already as it can');
    const time_s = unixSeconds(this.#parts.clock);
    const doubt = time_s < (state?.time_s ?? 1) ? 'the clock has gone back since the last cosignature' : this.#parts.sense.doubt();
    return doubt === undefined ? this.#cosign(request, time_s, state === undefined) : answer(503, doubt);
  }

  async #cosign({ checkpoint, note }: CheckpointRequest, time_s: number, is_new: boolean): Promise<WitnessAnswer> {
    const { origin, size, root } = checkpoint;
    const line = cosign(this.#parts.key, this.name, checkpoint, time_s);
    const state: WitnessState = { origin, size, root, note: withLines(note, [line]), time_s, exposed: false };
    await this.#keep(state, is_new);
    const origin_hash = sha256(utf8(origin));
    this.#anchors.set(toHex(origin_hash), { origin_hash, size, root });
    return answer(200, `${line}\n`);
  }

  /** Takes over the own cosignature under a note where it says more than what is remembered. */
  async #recall(state: WitnessState | undefined, seen: ShownCheckpoint): Promise<WitnessState | undefined> {
    const known = recalled(state, seen);
    if (known === undefined || known === state) return state;
    await this.#keep(known, state === undefined);
    this.#parts.recorder.record({ kind: 'audit.witness-recalled', origin: known.origin, size: known.size, time_s: known.time_s, remembered: state?.size ?? null });
    return known;
  }

  async #keep(state: WitnessState, is_new: boolean): Promise<void> {
    await this.#parts.store.batch([{ space: 'witness', key: stateKey(state.origin), value: encodeState(state) }], { sync: true });
    if (is_new && this.#logs !== undefined) this.#logs += 1;
  }

  async #expose(state: WitnessState | undefined, rivals: readonly [SignedCheckpoint, SignedCheckpoint], log: Verifier): Promise<void> {
    const [one, other] = rivals.map(({ note }) => openCheckpoint(note, log));
    if (one?.ok !== true || other?.ok !== true) return;
    const { origin, size } = one.value.checkpoint;
    const notes = [one.value.bare, other.value.bare] as const;
    const evidence = sameSizeEvidence(log.text, notes);
    const proof = evidence.ok ? evidence.value : concat(...notes);
    const hash = sha256(proof);
    if (evidence.ok) await this.#parts.accuse(proof);
    // A log whose name does not hold its key has no evidence that anybody else would believe; its two notes are kept here.
    else await this.#parts.keepEvidence(hash, { space: 'witness', key: concat(utf8('y'), hash), value: proof });
    if (state !== undefined) await this.#keep({ ...state, exposed: true }, false);
    this.#parts.recorder.record({ kind: 'audit.fork-evidence', origin, size, evidence: toHex(hash) });
  }

  async #state(origin: string): Promise<Result<WitnessState | undefined>> {
    try {
      const bytes = await this.#parts.store.get('witness', stateKey(origin));
      return bytes === undefined ? ok(undefined) : decodeState(bytes, origin);
    } catch (error) {
      return fail('WITNESS_STATE_DAMAGED', `the witness state cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  async #isFull(origin: string): Promise<boolean> {
    if (this.#logs === undefined) {
      let logs = 0;
      for await (const entry of this.#parts.store.entries('witness', state_range)) logs += entry.length > 0 ? 1 : 0;
      this.#logs = logs;
    }
    const is_wanted = this.#parts.foreign?.has(origin) === true || this.#parts.met?.(didOfOrigin(origin) ?? '') === true;
    return this.#logs >= witnessed_logs_max + (is_wanted ? wanted_logs_max : 0);
  }
}

function inconsistency({ checkpoint, old_size, proof }: CheckpointRequest, base: SignedCheckpoint | undefined): string | undefined {
  // Everything continues the empty tree, so nothing needs to be proven from there.
  if (old_size === 0 || base === undefined) return proof.length === 0 ? undefined : 'from size 0 the proof is empty';
  const consistent = verifyConsistency({ old_size, old_root: base.root, size: checkpoint.size, root: checkpoint.root, proof });
  return consistent.ok ? undefined : consistent.failure.reason;
}
