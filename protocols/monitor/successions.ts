/**
 * Reads the first entries of the logs of hosts that have more than one, and
 * tells how each goes on after the one before. A history may be cut honestly,
 * after a disk was lost; it is no evidence, and it is never silent.
 */
import { openCheckpoint } from '../../crypto/checkpoint.ts';
import { leafHash, verifyInclusion } from '../../crypto/merkle.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import { parseProof } from '../../crypto/tlog-proof.ts';
import { decodeDisclosure } from '../../storage/audit-entry.ts';
import type { Clock, Network, PeerId, Random, Recorder } from '../ports.ts';
import { Gate } from '../statements/gate.ts';
import { askQuestion } from '../witness/questions.ts';
import { asked_at_once_max, first_ask_ms, first_entries_per_round_max, first_entry_bytes_max, retry_ms_min, succession_retry_ms_max, succession_tries_min } from './constants.ts';
import type { FollowedLogs } from './followed-logs.ts';
import type { Followed } from './state.ts';
import { findSuccession, rivalsOf } from './succession.ts';

/** What reading first entries uses. */
export interface SuccessionsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly recorder: Recorder;
  readonly logs: FollowedLogs;
  /** The peer on which a host runs. */
  locate(did: string): Promise<Result<PeerId>>;
  /** Whether the host of a DID has proven to this one who it is. */
  isMet(did: string): boolean;
  /** Whether a host needs no more asking, because there is evidence. */
  exposed(did: string): boolean;
  /** Takes a checkpoint that came with an answer, as if a peer had pushed it. */
  look(note: Uint8Array): void;
}

interface Asking {
  retry_ms: number;
  tries: number;
}

/** The hosts whose logs are being linked, each again and again until it is known how they follow each other. */
export class Successions {
  readonly #parts: SuccessionsParts;
  readonly #asking = new Map<string, Asking>();
  // Strangers that let questions time out delay none of those that are near.
  readonly #gates = { met: new Gate(asked_at_once_max), strange: new Gate(asked_at_once_max) };
  readonly #stopping = new AbortController();
  readonly #cancels = new Set<() => void>();
  readonly #running = new Set<Promise<void>>();

  constructor(parts: SuccessionsParts) {
    this.#parts = parts;
  }

  /** Looks soon at how the logs of a host follow each other, where it has more than one. */
  begin(did: string): void {
    const { random, logs } = this.#parts;
    if (logs.ofHost(did).length < 2 || this.#asking.has(did) || this.#stopping.signal.aborted) return;
    this.#asking.set(did, { retry_ms: retry_ms_min, tries: 0 });
    this.#in(did, first_ask_ms * 2 * random.fraction());
  }

  /** Ends what is under way and asks no more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const cancel of this.#cancels) cancel();
    await Promise.all(this.#running);
  }

  #in(did: string, delay_ms: number): void {
    if (this.#stopping.signal.aborted) return;
    const cancel = this.#parts.clock.after(delay_ms, () => {
      this.#cancels.delete(cancel);
      const gate = this.#parts.isMet(did) ? this.#gates.met : this.#gates.strange;
      const round = gate.run(() => this.#round(did)).finally(() => this.#running.delete(round));
      this.#running.add(round);
    });
    this.#cancels.add(cancel);
  }

  async #round(did: string): Promise<void> {
    const { exposed, random } = this.#parts;
    const asking = this.#asking.get(did);
    if (asking === undefined || this.#stopping.signal.aborted) return;
    if (exposed(did) || !await this.#link(did, asking.tries).catch((error: unknown) => this.#failed(error))) {
      this.#asking.delete(did);
      return;
    }
    asking.tries += 1;
    this.#in(did, asking.retry_ms * (0.8 + 0.4 * random.fraction()));
    asking.retry_ms = Math.min(2 * asking.retry_ms, succession_retry_ms_max);
  }

  #failed(error: unknown): boolean {
    this.#parts.recorder.record({ kind: 'audit.monitor.failed', reason: messageOf(error) });
    return true;
  }

  /** Reads what was not read yet, and notes what all of it says. Gives whether something is left open. */
  async #link(did: string, tries: number): Promise<boolean> {
    const { logs } = this.#parts;
    const unread = logs.ofHost(did).filter((log) => log.succession === undefined && rivalsOf(log, logs.ofHost(did)).length > 0);
    const host = unread.length === 0 ? undefined : await this.#parts.locate(did);
    const entries = new Map<string, Uint8Array>();
    for (const log of unread.slice(0, first_entries_per_round_max)) {
      const entry = host?.ok === true ? await this.#read(host.value, log) : host;
      if (this.#stopping.signal.aborted) return false;
      if (entry?.ok === true) entries.set(log.held.origin, entry.value);
    }
    // Those that name another one first: only then is it known who is not named by any.
    let is_open = false;
    for (let pass = 0; pass < 2; pass += 1) {
      is_open = false;
      for (const { held: { origin } } of logs.ofHost(did)) is_open = this.#settle(origin, entries.get(origin), tries) || is_open;
    }
    return is_open;
  }

  #settle(origin: string, read: Uint8Array | undefined, tries: number): boolean {
    const { logs, recorder } = this.#parts;
    const log = logs.get(origin);
    if (log === undefined) return false;
    const all = logs.ofHost(log.held.did);
    const entry = log.succession?.entry ?? read;
    if (entry === undefined) return rivalsOf(log, all).length > 0;
    const { is_open, unseen, ...found } = findSuccession(log, entry, all);
    if (unseen !== undefined) this.#parts.look(unseen);
    // What may be explained in a moment is told when it was not.
    const is_early = is_open && tries < succession_tries_min && (log.succession?.code ?? null) === null;
    const succession = is_early ? { ...found, code: null } : found;
    const was = log.succession;
    if (was?.after === succession.after && was.code === succession.code && was.entries_lost === succession.entries_lost) return is_open;
    logs.succeeds(origin, succession);
    const { after, code, entries_lost } = succession;
    if (after !== null && code !== null) recorder.record({ kind: 'audit.succeeded', origin, did: log.held.did, after, follows: code === 'ok', code, entries_lost });
    return is_open;
  }

  /** Entry 0 of a log, proven under a checkpoint that the log signed. */
  async #read(peer: PeerId, { held: { origin }, verifier }: Followed): Promise<Result<Uint8Array>> {
    const { clock, network } = this.#parts;
    const answer = await askQuestion({ clock, network }, peer, { kind: 'proof', index: 0, origin }, this.#stopping.signal);
    const proof = answer.ok ? parseProof(answer.value) : answer;
    if (!proof.ok) return proof;
    const { index, extra, hashes, checkpoint: note } = proof.value;
    const disclosed = decodeDisclosure(extra ?? new Uint8Array());
    if (!disclosed.ok) return disclosed;
    const { entry } = disclosed.value;
    if (index !== 0 || entry.length > first_entry_bytes_max) return fail('AUDIT_ANSWER_INVALID', `the answer is not about a first entry of at most ${first_entry_bytes_max} bytes`);
    const opened = openCheckpoint(note, verifier);
    if (!opened.ok) return opened;
    const { size, root } = opened.value.checkpoint;
    const included = verifyInclusion({ index, size, leaf_hash: leafHash(entry), proof: hashes, root });
    if (!included.ok) return included;
    // It has to be of the history that everybody sees.
    this.#parts.look(note);
    return ok(entry);
  }
}
