/** Walk 2 at the executor: session, replay, chain, revocation, trust, kernel, receipt. */
import { bigEndian, concat, equal, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { canonicalJsonBytes, parseCanonicalJson } from '../../crypto/canonical.ts';
import { parseChain, parseInvocation, verifyChain, verifyInvocation, type Chain, type Invocation } from '../../crypto/chain.ts';
import { sha256 } from '../../crypto/hash.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import { explain } from '../../crypto/steps.ts';
import type { Session } from '../handshake/index.ts';
import type { Change, PeerId } from '../ports.ts';
import { encodeFailure } from '../reply.ts';
import { every, unixSeconds } from '../time.ts';
import { message_limits, message_protocol, pruned_at_once_max, receipt_kept_s, result_bytes_max } from './constants.ts';
import type { Execution, Executor, MessageParts, RemoteCall } from './message.ts';
import { Rates } from './rates.ts';
import { decodeRequest, encodeAnswer, signReceipt, type MessageRequest, type Receipt } from './receipt.ts';

interface Opened {
  readonly request: MessageRequest;
  readonly invocation: Invocation;
  readonly executor: Executor;
  readonly session: Session;
  /** That of the executor's payloads when the request came. */
  readonly handle: Uint8Array | undefined;
}

interface Made {
  readonly token: string;
  readonly receipt: Receipt;
  readonly answer: Uint8Array;
}

function refusal(failure: Failure, verdict: 'deny' | 'error'): Execution {
  return { verdict, code: failure.code, rule: null, reason: failure.reason + (failure.fix === undefined ? '' : ` (what would pass: ${failure.fix})`), index: null };
}

/** A request and the claims of its invocation, whose signature is not checked yet. */
function readMessage(bytes: Uint8Array): Result<Pick<Opened, 'request' | 'invocation'>> {
  const request = decodeRequest(bytes);
  if (!request.ok) return request;
  const invocation = parseInvocation(request.value.invocation);
  return invocation.ok ? ok({ request: request.value, invocation: invocation.value }) : invocation;
}

const begun_mark = utf8('begun');

function receiptKey(invocation: Invocation): Uint8Array {
  return concat(bigEndian(invocation.exp, 6), invocation.token.hash);
}

/** The executor's side: every request ends in a signed receipt, and a repetition has one effect. */
export class MessageAnswering {
  readonly #parts: MessageParts;
  /** Calls under way, so that a repetition waits for the first one's receipt. */
  readonly #running = new Map<string, Promise<Uint8Array>>();
  readonly #rates: Rates;
  #stop_pruning = (): void => undefined;

  constructor(parts: MessageParts) {
    this.#parts = parts;
    this.#rates = new Rates(parts);
  }

  async start(): Promise<void> {
    await this.#rates.load();
    this.#parts.network.handle(message_protocol, message_limits, (request, from, signal) => this.#answer(request, from, signal));
    this.#stop_pruning = every(this.#parts.clock, () => receipt_kept_s * 1000, () => this.#prune(), (error) => {
      this.#parts.recorder.record({ kind: 'message.prune.failed', reason: messageOf(error) });
    });
  }

  stop(): void {
    this.#stop_pruning();
  }

  #now_s(): number {
    return unixSeconds(this.#parts.clock);
  }

  /** Drops receipts of invocations that have expired and would be refused for that, and uses that count no more. */
  async #prune(): Promise<void> {
    await this.#rates.prune();
    const before = bigEndian(Math.max(0, this.#now_s() - receipt_kept_s), 6);
    let expired: Change[];
    do {
      expired = [];
      for await (const [key] of this.#parts.store.entries('receipt', { lt: before, limit: pruned_at_once_max })) expired.push({ space: 'receipt', key });
      if (expired.length > 0) await this.#parts.store.batch(expired, { sync: false });
    } while (expired.length === pruned_at_once_max);
  }

  async #answer(bytes: Uint8Array, from: PeerId, signal: AbortSignal): Promise<Uint8Array> {
    const opened = this.#open(bytes, from);
    if (!opened.ok) {
      this.#refused(from, opened.failure);
      return encodeFailure(opened.failure);
    }
    const { invocation } = opened.value;
    const name = toBase64url(invocation.token.hash);
    const running = this.#running.get(name);
    if (running !== undefined) return running;
    const answer = this.#settle(opened.value, signal).finally(() => this.#running.delete(name));
    this.#running.set(name, answer);
    return answer;
  }

  #refused(peer: PeerId, failure: Failure): void {
    this.#parts.recorder.record({ kind: 'message.refused', peer, code: failure.code, reason: explain(failure) });
  }

  /** Shape and session: what fails here has no session, so it gets no signature of ours. */
  #open(bytes: Uint8Array, from: PeerId): Result<Opened> {
    const read = readMessage(bytes);
    if (!read.ok) {
      this.#parts.network.penalise(from, 'malformed message');
      return read;
    }
    const { aud, iss, chl } = read.value.invocation;
    const executor = this.#parts.executor(aud);
    if (executor === undefined) return fail('AGENT_UNKNOWN', `${aud} does not live here`, { fix: 'resolve the DID again' });
    // A repetition may come over a younger session: it is given its receipt, but a command needs the session that it names.
    const session = this.#parts.handshake.session(chl, aud, from) ?? this.#parts.handshake.between(aud, iss, from);
    if (session === undefined || session.remote !== iss) {
      return fail('SESSION_UNKNOWN', 'there is no session of yours with this id', { fix: 'shake hands again' });
    }
    return ok({ ...read.value, executor, session, handle: this.#parts.entry_seal.handleOf(aud) });
  }

  async #settle(opened: Opened, signal: AbortSignal): Promise<Uint8Array> {
    const { store } = this.#parts;
    const { invocation } = opened;
    const key = receiptKey(invocation);
    const stored = await store.get('receipt', key);
    if (stored !== undefined) return this.#repeated(opened, key, stored);
    const unanswered = await this.#unanswered(opened, signal);
    // Nothing was decided, so there is nothing to keep, to record or to count.
    if (unanswered !== undefined) return this.#receipt(opened, unanswered);
    let concluded: Uint8Array | undefined;
    const call = await this.#verify(opened, {
      mark: { space: 'receipt', key, value: begun_mark },
      conclude: async (execution) => {
        const made = await this.#make(opened, execution);
        await this.#noted(opened, made, []);
        concluded = made.answer;
        return this.#kept(opened, key, execution, made);
      },
    });
    if (!call.ok) {
      this.#refused(opened.session.peer, call.failure);
      const index = await this.#parts.refused(opened.executor.identity.did, invocation, call.failure);
      return this.#receipt(opened, { ...refusal(call.failure, 'deny'), index });
    }
    const execution = await this.#parts.execute(call.value, signal);
    // What was done has its receipt already, kept together with the outcome; whatever else came of it gets one now.
    if (execution.verdict === 'allow' && concluded !== undefined) return concluded;
    return this.#receipt(opened, execution, key);
  }

  /** What a caller is told who comes again before a human has answered. Its session has proven who it is, and only its own request is looked at. */
  async #unanswered({ request, invocation, executor }: Opened, signal: AbortSignal): Promise<Execution | undefined> {
    if (request.approval === undefined) return undefined;
    const { approval, wait_ms } = request;
    return this.#parts.unanswered(approval, { executor: executor.identity.did, caller: invocation.iss, ...(wait_ms === undefined ? {} : { wait_ms }) }, signal);
  }

  /** The answer that was kept. Where none can be read any more the command still is not run again. */
  async #repeated(opened: Opened, key: Uint8Array, stored: Uint8Array): Promise<Uint8Array> {
    const kept = equal(stored, begun_mark) ? undefined : this.#parts.entry_seal.open(key, stored);
    if (kept?.ok === true) return kept.value;
    const why = kept === undefined ? 'this host stopped while the command ran' : `this host cannot read any more what it answered: ${kept.failure.reason}`;
    return this.#receipt(opened, refusal({ code: 'OUTCOME_UNKNOWN', reason: `${why}; it is not run again` }, 'error'));
  }

  /** The change that keeps an answer, sealed. None where what it is about was erased meanwhile: the mark that the command has begun then stays. */
  #kept({ executor, handle }: Opened, key: Uint8Array, { index }: Execution, { answer }: Made): readonly Change[] {
    const value = this.#parts.entry_seal.seal({ subject: executor.identity.did, handle, index, key }, answer);
    return value.ok ? [{ space: 'receipt', key, value: value.value }] : [];
  }

  /** Walk 2 between session and kernel: records, chain, revocation, trust. */
  async #verify(opened: Opened, { mark, conclude }: Pick<RemoteCall, 'conclude'> & { readonly mark: Change }): Promise<Result<RemoteCall>> {
    const { identity } = this.#parts;
    const { request, invocation, executor, session } = opened;
    const given = parseCanonicalJson(request.arguments);
    if (!given.ok) return fail('MESSAGE_MALFORMED', `the arguments: ${given.failure.reason}`);
    const links = request.chain.length === 0 ? undefined : parseChain(request.chain);
    if (links?.ok === false) return links;
    const offered = await identity.offer(request.records);
    if (!offered.ok) return offered;
    const parties = [invocation.iss, ...(links?.value ?? []).map((link) => link.iss)];
    await identity.gather(parties);
    await this.#parts.caughtUp(parties);
    const evidence = this.#parts.evidence();
    const chain = links === undefined ? undefined : verifyChain(links.value, evidence);
    if (chain?.ok === false) return chain;
    const valid = verifyInvocation(invocation, {
      executor: executor.identity.did, session: session.id, args_hash: sha256(request.arguments), ...(chain === undefined ? {} : { chain: chain.value }),
    }, evidence);
    if (!valid.ok) return valid;
    if (valid.value.kind !== 'agent') return fail('INVOCATION_KIND', 'only agents give commands', { fix: 'delegate to an agent with a sponsor' });
    const permitted = this.#permitted(executor, invocation, chain?.value);
    if (permitted !== undefined) return { ok: false, failure: permitted };
    // Counted last, when nothing but the kernel can refuse any more.
    const counted = this.#rates.take(chain?.value, invocation, chain !== undefined && !executor.roots.includes(chain.value.root));
    if (!counted.ok) return counted;
    return ok({
      executor: executor.identity.did,
      caller: invocation.iss,
      peer: session.peer,
      command: invocation.command,
      arguments: given.value,
      ...(chain === undefined ? {} : { chain: chain.value }),
      invocation,
      ...(request.approval === undefined ? {} : { approval: request.approval }),
      begun: [mark, ...counted.value],
      conclude,
    });
  }

  /** Trust is asked for again with every command: a session outlives what it began with. */
  #permitted(executor: Executor, invocation: Invocation, chain: Chain | undefined): Failure | undefined {
    if (chain === undefined && executor.authority === 'delegated') {
      return { code: 'DELEGATION_REQUIRED', reason: 'this agent only acts on a delegation', fix: `ask one of ${executor.roots.join(', ')} to delegate ${invocation.command.text}` };
    }
    if (chain !== undefined && executor.authority === 'delegated' && !executor.roots.includes(chain.root)) {
      return { code: 'CHAIN_ROOT_FOREIGN', reason: `the delegation starts at ${chain.root}, whom this agent does not answer to`, fix: `a delegation from ${executor.roots.join(' or ')}` };
    }
    const distrusted = this.#parts.distrusted(executor.identity.did, invocation.iss, chain?.caveats.trust ?? 0);
    return distrusted === undefined ? undefined : { ...distrusted, detail: { ...distrusted.detail, step: 14, link: 'invocation' } };
  }

  /** Signs what became of a call. With a key it is kept for repetitions, unsynced: the decision is durable already, and after a power cut a repetition is refused as of unknown outcome. */
  async #receipt(opened: Opened, execution: Execution, key?: Uint8Array): Promise<Uint8Array> {
    const made = await this.#make(opened, execution);
    await this.#noted(opened, made, key === undefined ? [] : this.#kept(opened, key, execution, made));
    return made.answer;
  }

  #noted(opened: Opened, made: Made, changes: readonly Change[]): Promise<void> {
    return this.#parts.settled(opened.executor.identity.did, opened.invocation.iss, made.receipt, sha256(utf8(made.token)), changes);
  }

  async #make(opened: Opened, execution: Execution): Promise<Made> {
    const { invocation, executor } = opened;
    const result = execution.result === undefined ? null : canonicalJsonBytes(execution.result);
    const fits = result === null || result.length <= result_bytes_max;
    const sent = fits ? result : null;
    const content: Omit<Receipt, 'iss'> = {
      aud: invocation.iss,
      inv: toBase64url(invocation.token.hash),
      cmd: invocation.command.text,
      verdict: fits ? execution.verdict : 'error',
      code: fits ? execution.code : 'RESULT_TOO_LARGE',
      rule: execution.rule,
      reason: fits ? execution.reason : `the command ran, but its result has more than ${result_bytes_max} bytes`,
      res_h: sent === null ? null : toBase64url(sha256(sent)),
      log: execution.index === null ? null : { origin: this.#parts.origin, index: execution.index },
      iat: this.#now_s(),
    };
    const token = await signReceipt(executor.identity.signer, content);
    return { token, receipt: { iss: executor.identity.did, ...content }, answer: encodeAnswer(token, sent) };
  }
}
