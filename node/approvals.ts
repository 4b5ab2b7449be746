/**
 * Calls that wait for a human: a policy wants them approved, and the kernel
 * waits for the signed word of who answers for the agent. A peer's call is not
 * held open for long: its peer is told the name of the request, and comes again
 * with it. Nothing is kept over a restart: the log has that it was asked.
 */
import { equal, toBase64url } from '../crypto/bytes.ts';
import { approval_lifetime_s_max, approval_request_bytes, approvalHash, parseApproval, signApproval, type Approval } from '../crypto/approval.ts';
import type { Json } from '../crypto/canonical.ts';
import { keyFor } from '../crypto/did-record.ts';
import { checkWindow, verifyToken } from '../crypto/jwt.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { Clock, Random } from '../protocols/ports.ts';
import type { RevocationService } from '../protocols/revocation/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import { forgotten, isBound, settledOf, untilEnded, WaitingCalls, type PendingApproval, type SettledApproval, type TakingUp, type WaitingCall } from './approval-waiting.ts';
import type { LocalIdentity } from './identities.ts';
import type { ApprovalGrant, ApprovalQuestion, Approvals } from './kernel/arbiter.ts';
import type { KernelSpace } from './kernel/index.ts';
import { Meter, type RateLimit } from './kernel/policy/limit.ts';

export { approvals_per_agent_max, approvals_per_peer_max, peer_approvals_per_agent_max, taking_up_ms_max, type PendingApproval, type SettledApproval } from './approval-waiting.ts';

/** How long a call waits for approval where nobody says. */
export const approval_ms_default = 300_000;
/** The longest wait for approval. */
export const approval_ms_max: number = approval_lifetime_s_max * 1000;
/** How long what an agent does at a peer's command waits: the peer must be answered while its exchange is open. */
export const peer_approval_ms_max = 45_000;
/** How long the command itself of a peer waits before the peer is told under which name its request goes on. */
export const told_after_ms = 2_000;
/** The longest that a peer that comes again is kept waiting before it is told that nobody has answered yet. */
export const held_ms_max = 25_000;
/** Answers that are refused within a minute before no more are looked at until it is over. */
const wrong_answers: RateLimit = { count: 10, period_ms: 60_000 };

/** An answer as it was given. */
export interface AnsweredApproval {
  readonly id: string;
  readonly agent: string;
  readonly verdict: 'grant' | 'refuse';
  /** DID of who answered. */
  readonly by: string;
  readonly why: string;
}

/** What is written down of an answer to a call that its peer has yet to take up: the record of its decision may never come. */
export interface KeptAnswer extends AnsweredApproval {
  readonly kind: 'approval-answered';
  readonly token: string;
  readonly time_ms: number;
}

/** What is written down of an answer that was not accepted. */
export interface RejectedAnswer {
  readonly kind: 'approval-rejected';
  readonly id: string | null;
  readonly by: string | null;
  readonly code: string;
  readonly reason: string;
  readonly time_ms: number;
}

/** What approving uses. */
export interface ApprovalsParts {
  readonly clock: Clock;
  readonly random: Random;
  /** DID of this host. */
  readonly host: string;
  readonly identity: Pick<Identity, 'resolve'>;
  readonly revocation: Pick<RevocationService, 'answerable' | 'revokedDid' | 'revokedKey'>;
  /** The identity of this host with this DID or name. */
  find(who: string): LocalIdentity | undefined;
  /** Writes down an answer that no record of a decision holds. */
  note(answer: RejectedAnswer | KeptAnswer): Promise<unknown>;
}

/** Who is asked, and what they say. */
export class ApprovalDesk implements Approvals {
  readonly #parts: ApprovalsParts;
  readonly #wait_ms: number;
  readonly #calls: WaitingCalls;
  readonly #wrong: Meter;
  readonly #watched = new WeakSet<Pick<KernelSpace, 'observeSignals'>>();
  readonly #pending_listeners = new Set<(pending: PendingApproval) => void>();
  readonly #settled_listeners = new Set<(settled: SettledApproval) => void>();

  constructor(parts: ApprovalsParts, wait_ms: number = approval_ms_default) {
    this.#parts = parts;
    this.#wait_ms = Math.min(wait_ms, approval_ms_max);
    this.#calls = new WaitingCalls(parts.clock, (waiting) => this.#settled(waiting));
    this.#wrong = new Meter(() => parts.clock.now());
  }

  /** The calls that wait, the oldest first. */
  list(): readonly PendingApproval[] {
    return this.#calls.list();
  }

  /** The call that waits under an id. Fails with `APPROVAL_UNKNOWN`. */
  get(id: string): Result<PendingApproval> {
    const waiting = this.#calls.waiting(id);
    return waiting === undefined ? unknown() : ok(waiting.pending);
  }

  /** Tells of every call that begins to wait; the answer ends it. */
  onPending(listener: (pending: PendingApproval) => void): () => void {
    this.#pending_listeners.add(listener);
    return () => void this.#pending_listeners.delete(listener);
  }

  /** Tells of every call that waits no more; the answer ends it. */
  onSettled(listener: (settled: SettledApproval) => void): () => void {
    this.#settled_listeners.add(listener);
    return () => void this.#settled_listeners.delete(listener);
  }

  /** Ends what waits of an agent that is killed: what it was sent could not be taken up any more. Every kernel is watched once. */
  watch(kernel: Pick<KernelSpace, 'observeSignals'>): void {
    if (this.#watched.has(kernel)) return;
    this.#watched.add(kernel);
    kernel.observeSignals((info, outcome) => {
      if (outcome === 'killed') for (const waiting of this.#calls.of(info.agent)) this.#calls.end(waiting, fail('AGENT_KILLED', 'the agent was killed'));
    });
  }

  #settled({ pending, ending }: WaitingCall): void {
    if (ending === undefined) return;
    for (const listener of this.#settled_listeners) listener(settledOf(pending, ending));
  }

  /**
   * Waits until the call is approved by who answers for its agent. Fails with
   * `APPROVAL_REFUSED`, `APPROVAL_TIMEOUT`, `APPROVAL_OVERLOADED`, `APPROVAL_UNAVAILABLE`
   * where nobody answers for the agent, or `CALL_ABORTED`; where it can be brought again
   * also with `APPROVAL_PENDING`, and then with `APPROVAL_UNKNOWN` or `APPROVAL_ACTION`.
   */
  decide(question: ApprovalQuestion, signal: AbortSignal): Promise<Result<ApprovalGrant>> {
    const { clock, random, host, revocation } = this.#parts;
    const { later } = question;
    if (later !== null && later.request !== null) return this.#takeUp(later.request, question, signal);
    const agent = this.#parts.find(question.agent);
    const approvers = agent === undefined ? [] : revocation.answerable(agent.did).filter((did) => did !== agent.did);
    if (agent === undefined || approvers.length === 0) {
      return Promise.resolve(fail('APPROVAL_UNAVAILABLE', `nobody answers for ${question.agent}, so nobody can approve`, { fix: 'an agent of a node has a sponsor: agentmesh agent create NAME --sponsor WHO' }));
    }
    const room = this.#calls.room(question, agent.name);
    if (!room.ok) return Promise.resolve(room);
    if (signal.aborted) return Promise.resolve(given_up);
    const wait_ms = question.peer === null || later !== null ? this.#wait_ms : Math.min(this.#wait_ms, peer_approval_ms_max);
    const pending: PendingApproval = {
      ...question, id: toBase64url(random.bytes(approval_request_bytes)), host, agent_name: agent.name, approvers, expires_ms: clock.now() + wait_ms,
    };
    const waiting = this.#calls.add(pending);
    for (const listener of this.#pending_listeners) listener(pending);
    return this.#wait(waiting, signal);
  }

  async #wait(waiting: WaitingCall, signal: AbortSignal): Promise<Result<ApprovalGrant>> {
    const { pending } = waiting;
    await untilEnded(this.#parts.clock, waiting, signal, pending.later === null ? undefined : told_after_ms);
    if (waiting.ending !== undefined) return granted(waiting.ending);
    if (!signal.aborted) {
      waiting.is_kept = true;
      return stillPending(pending);
    }
    this.#calls.end(waiting, given_up);
    return given_up;
  }

  /** A call that comes again: it gets what was answered, once, and only if it is the same call. */
  async #takeUp(id: string, question: ApprovalQuestion, signal: AbortSignal): Promise<Result<ApprovalGrant>> {
    const waiting = this.#calls.kept(id, question);
    if (waiting === undefined) return forgotten();
    if (!equal(waiting.action_hash, approvalHash(question))) {
      return fail('APPROVAL_ACTION', 'the request was for another action, other arguments or other policies', { fix: 'repeat exactly what was asked then, or ask anew without the request' });
    }
    await untilEnded(this.#parts.clock, waiting, signal, told_after_ms);
    if (signal.aborted) return given_up;
    const { ending } = waiting;
    if (ending === undefined) return stillPending(waiting.pending);
    if (!this.#calls.forget(waiting)) return forgotten();
    if (!ending.ok) return ending;
    // Since it was given, its signer may have been revoked, or its time may be over.
    const holds = await this.#holds(ending.value);
    return holds.ok ? granted(ending) : holds;
  }

  /**
   * Waits for the answer to a call that its peer takes up, no longer than the peer does and
   * {@link held_ms_max} at most. Gives the call where there is none yet, and nothing where it has one, or where there is no such call of that peer.
   */
  async unanswered(id: string, who: TakingUp, signal: AbortSignal, wait_ms: number = held_ms_max): Promise<PendingApproval | undefined> {
    const waiting = this.#calls.kept(id, who);
    if (waiting === undefined) return undefined;
    await untilEnded(this.#parts.clock, waiting, signal, Math.min(wait_ms, held_ms_max));
    return waiting.ending === undefined ? waiting.pending : undefined;
  }

  /** The request of a call that goes on waiting for its peer to come again: by its name, or by the call that began it. It may have been answered just now. */
  keptFor(who: { readonly request: string | undefined; readonly call_id: unknown }): PendingApproval | undefined {
    return this.#calls.keptFor(who)?.pending;
  }

  /**
   * Signs an answer with the key of an approver on this host, and takes it.
   * Fails as {@link answer} does, or with `APPROVAL_SIGNER` or `APPROVAL_ELSEWHERE`.
   */
  async answerAs(id: string, verdict: 'grant' | 'refuse', options: { readonly as?: string; readonly why?: string } = {}): Promise<Result<AnsweredApproval>> {
    const pending = this.get(id);
    if (!pending.ok) return this.#rejected(null, pending);
    const { approvers, agent_name } = pending.value;
    const own = options.as === undefined ? approvers.map((did) => this.#parts.find(did)).find((found) => found !== undefined) : this.#parts.find(options.as);
    if (own === undefined) {
      return fail('APPROVAL_ELSEWHERE', `the key of ${options.as ?? `who answers for ${agent_name}`} is not on this host`, { fix: `agentmesh approvals request ${id} --out FILE, and have it signed where the key is` });
    }
    const signed = await signAnswer(own, pending.value, { verdict, why: options.why ?? '', now_s: unixSeconds(this.#parts.clock) });
    return this.answer(signed);
  }

  /**
   * Takes a signed answer, once. Fails with `APPROVAL_MALFORMED`, `APPROVAL_UNKNOWN`, `APPROVAL_HOST`,
   * `APPROVAL_AGENT`, `APPROVAL_ACTION`, `APPROVAL_SIGNER`, `APPROVAL_EXPIRED`, `APPROVAL_FORGED`, `REVOKED`, a `DID_…` code,
   * or `APPROVAL_GUESSED` after too many answers that were none.
   */
  async answer(text: string): Promise<Result<AnsweredApproval>> {
    const { clock } = this.#parts;
    const wait_ms = this.#wrong.wait('', wrong_answers);
    if (wait_ms > 0) return fail('APPROVAL_GUESSED', 'too many answers were none', { fix: `try again in ${Math.ceil(wait_ms / 1000)} s` });
    const parsed = parseApproval(text.trim());
    if (!parsed.ok) return this.#rejected(null, parsed);
    const approval = parsed.value;
    const waiting = this.#calls.waiting(approval.request);
    if (waiting === undefined) return this.#rejected(approval, unknown());
    const bound = isBound(approval, waiting);
    if (!bound.ok) return this.#rejected(approval, bound);
    const holds = await this.#holds(approval);
    if (!holds.ok) return this.#rejected(approval, holds);
    // It may have been answered while the signer's record was looked up.
    if (this.#calls.waiting(approval.request) !== waiting) return this.#rejected(approval, unknown());
    const { iss: by, verdict, why } = approval;
    const answered = { id: approval.request, agent: approval.agent, verdict, by, why };
    const ending = verdict === 'grant' ? ok(approval) : fail('APPROVAL_REFUSED', `${by} refused it${why === '' ? '' : `: ${why}`}`, { detail: { by, why, token: approval.token.text } });
    const { is_kept } = waiting;
    this.#calls.end(waiting, ending);
    if (is_kept) await this.#parts.note({ kind: 'approval-answered', ...answered, token: approval.token.text, time_ms: clock.now() });
    return ok(answered);
  }

  /** Whether an approval is in force and its signer's. Fails with `APPROVAL_EXPIRED`, `APPROVAL_FORGED`, `REVOKED` or a `DID_…` code. */
  async #holds(approval: Approval): Promise<Result<void>> {
    const in_time = checkWindow(approval, unixSeconds(this.#parts.clock));
    return in_time.ok ? this.#isSigned(approval) : fail('APPROVAL_EXPIRED', `the approval is not in force: ${in_time.failure.reason}`, { fix: 'answer again' });
  }

  async #isSigned({ iss, nbf, token }: Approval): Promise<Result<void>> {
    const { identity, revocation } = this.#parts;
    const record = await identity.resolve(iss);
    if (!record.ok) return record;
    const key = keyFor(record.value, token.key_id, 'assertionMethod', nbf);
    if (key === undefined || !verifyToken(token, key)) return fail('APPROVAL_FORGED', `the approval is not signed with a key of ${iss}`, { fix: 'the sponsor itself must sign' });
    const revoked = revocation.revokedDid(iss) ?? revocation.revokedKey(token.key_id);
    return revoked === undefined ? ok(undefined) : { ok: false, failure: revoked };
  }

  async #rejected(approval: Approval | null, result: Result<never> | Result<void>): Promise<Result<never>> {
    if (result.ok) return fail('APPROVAL_UNKNOWN', 'no answer');
    const { code, reason } = result.failure;
    if (this.#wrong.wait('', wrong_answers) === 0) this.#wrong.charge('', wrong_answers);
    await this.#parts.note({ kind: 'approval-rejected', id: approval?.request ?? null, by: approval?.iss ?? null, code, reason, time_ms: this.#parts.clock.now() });
    return { ok: false, failure: result.failure };
  }
}

const given_up: Result<never> = fail('CALL_ABORTED', 'the call was given up before it was approved');

function granted(ending: Result<Approval>): Result<ApprovalGrant> {
  return ending.ok ? ok({ id: ending.value.request, by: ending.value.iss, token: ending.value.token.text }) : ending;
}

function stillPending({ expires_ms }: PendingApproval): Result<never> {
  return fail('APPROVAL_PENDING', `a human has to approve it, until ${new Date(expires_ms).toISOString()}`, { fix: 'the same call again, with the request that this answer names' });
}

function unknown(): Result<never> {
  return fail('APPROVAL_UNKNOWN', 'no call waits under this id: it was answered, taken up or timed out, or the node was restarted', { fix: 'agentmesh approvals list' });
}

/** What a request asks to be signed, as it is shown and bound. */
export type ApprovalRequest = Pick<PendingApproval, 'id' | 'host' | 'agent' | 'agent_name' | 'action' | 'args_hash' | 'policies' | 'policy' | 'rule' | 'reason' | 'expires_ms'> & { readonly data: Json };

/** Signs the answer to a request. */
export function signAnswer(own: Pick<LocalIdentity, 'signer'>, request: Omit<ApprovalRequest, 'data'>, answer: { readonly verdict: 'grant' | 'refuse'; readonly why: string; readonly now_s: number }): Promise<string> {
  const { id, host, agent } = request;
  return signApproval(own.signer, { request: id, host, agent, action_hash: approvalHash(request), lifetime_s: approval_lifetime_s_max, ...answer });
}
