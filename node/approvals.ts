/**
 * Calls that wait for a human: a policy wants them approved, and the kernel
 * waits for the signed word of who answers for the agent. Nothing is kept over
 * a restart, because the call that waited is gone then: the log has that it was asked.
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
import type { LocalIdentity } from './identities.ts';
import type { ApprovalGrant, ApprovalQuestion, Approvals } from './kernel/arbiter.ts';
import { Meter, type RateLimit } from './kernel/policy/limit.ts';

/** Calls of one agent that may wait for approval at once. */
export const approvals_per_agent_max = 16;
/** Calls that may wait for approval at once. */
export const approvals_max = 256;
/** How long a call waits for approval where nobody says. */
export const approval_ms_default = 300_000;
/** The longest wait for approval. */
export const approval_ms_max: number = approval_lifetime_s_max * 1000;
/** How long a command of a peer waits: it must be answered while its exchange is open. */
export const peer_approval_ms_max = 45_000;
/** Answers that are refused within a minute before no more are looked at until it is over. */
const wrong_answers: RateLimit = { count: 10, period_ms: 60_000 };

/** A call that waits. */
export interface PendingApproval extends ApprovalQuestion {
  /** Names the request: 16 random bytes, base64url. */
  readonly id: string;
  /** DID of this host. */
  readonly host: string;
  /** What the agent is called here. */
  readonly agent_name: string;
  /** DIDs whose word counts: the agent's sponsor, and the organisation above. */
  readonly approvers: readonly string[];
  /** Unix milliseconds. */
  readonly expires_ms: number;
}

/** An answer as it was given. */
export interface AnsweredApproval {
  readonly id: string;
  readonly agent: string;
  readonly verdict: 'grant' | 'refuse';
  /** DID of who answered. */
  readonly by: string;
  readonly why: string;
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
  /** Writes down an answer that was not accepted. */
  note(rejected: RejectedAnswer): Promise<unknown>;
}

interface Waiting {
  readonly pending: PendingApproval;
  readonly action_hash: Uint8Array;
  settle(result: Result<ApprovalGrant>): void;
}

/** Who is asked, and what they say. */
export class ApprovalDesk implements Approvals {
  readonly #parts: ApprovalsParts;
  readonly #wait_ms: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #wrong: Meter;
  readonly #listeners = new Set<(pending: PendingApproval) => void>();

  constructor(parts: ApprovalsParts, wait_ms: number = approval_ms_default) {
    this.#parts = parts;
    this.#wait_ms = Math.min(wait_ms, approval_ms_max);
    this.#wrong = new Meter(() => parts.clock.now());
  }

  /** The calls that wait, the oldest first. */
  list(): readonly PendingApproval[] {
    return [...this.#waiting.values()].map(({ pending }) => pending);
  }

  /** The call that waits under an id. Fails with `APPROVAL_UNKNOWN`. */
  get(id: string): Result<PendingApproval> {
    const waiting = this.#waiting.get(id);
    return waiting === undefined ? unknown() : ok(waiting.pending);
  }

  /** Tells of every call that begins to wait; the answer ends it. */
  onPending(listener: (pending: PendingApproval) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Waits until the call is approved by who answers for its agent. Fails with
   * `APPROVAL_REFUSED`, `APPROVAL_TIMEOUT`, `APPROVAL_OVERLOADED`, `APPROVAL_UNAVAILABLE`
   * where nobody answers for the agent, or `CALL_ABORTED`.
   */
  decide(question: ApprovalQuestion, signal: AbortSignal): Promise<Result<ApprovalGrant>> {
    const { clock, random, host, revocation } = this.#parts;
    const agent = this.#parts.find(question.agent);
    const approvers = agent === undefined ? [] : revocation.answerable(agent.did).filter((did) => did !== agent.did);
    if (agent === undefined || approvers.length === 0) {
      return Promise.resolve(fail('APPROVAL_UNAVAILABLE', `nobody answers for ${question.agent}, so nobody can approve`, { fix: 'an agent of a node has a sponsor: agentmesh agent create NAME --sponsor WHO' }));
    }
    const of_agent = this.list().filter((pending) => pending.agent === question.agent).length;
    if (of_agent >= approvals_per_agent_max || this.#waiting.size >= approvals_max) {
      return Promise.resolve(fail('APPROVAL_OVERLOADED', `${of_agent} calls of ${agent.name} wait for approval already`, { fix: 'agentmesh approvals list, and answer some of them' }));
    }
    const wait_ms = question.peer === null ? this.#wait_ms : Math.min(this.#wait_ms, peer_approval_ms_max);
    const pending: PendingApproval = {
      ...question, id: toBase64url(random.bytes(approval_request_bytes)), host, agent_name: agent.name, approvers, expires_ms: clock.now() + wait_ms,
    };
    return this.#wait(pending, wait_ms, signal);
  }

  #wait(pending: PendingApproval, wait_ms: number, signal: AbortSignal): Promise<Result<ApprovalGrant>> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(wait_ms, () => settle(fail('APPROVAL_TIMEOUT', `nobody approved it within ${wait_ms} ms`, { fix: 'ask again, and have it answered: agentmesh approvals list' })));
      const aborted = (): void => settle(fail('CALL_ABORTED', 'the call was given up before it was approved'));
      const settle = (result: Result<ApprovalGrant>): void => {
        cancel();
        signal.removeEventListener('abort', aborted);
        this.#waiting.delete(pending.id);
        resolve(result);
      };
      if (signal.aborted) return settle(fail('CALL_ABORTED', 'the call was given up before it was approved'));
      signal.addEventListener('abort', aborted, { once: true });
      this.#waiting.set(pending.id, { pending, action_hash: approvalHash(pending), settle });
      for (const listener of this.#listeners) listener(pending);
    });
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
    const waiting = this.#waiting.get(approval.request);
    if (waiting === undefined) return this.#rejected(approval, unknown());
    const bound = isBound(approval, waiting);
    if (!bound.ok) return this.#rejected(approval, bound);
    const in_time = checkWindow(approval, unixSeconds(clock));
    if (!in_time.ok) return this.#rejected(approval, fail('APPROVAL_EXPIRED', `the approval is not in force: ${in_time.failure.reason}`, { fix: 'answer again' }));
    const signed = await this.#isSigned(approval);
    if (!signed.ok) return this.#rejected(approval, signed);
    // It may have been answered while the signer's record was looked up.
    if (this.#waiting.get(approval.request) !== waiting) return this.#rejected(approval, unknown());
    const { iss: by, verdict, why } = approval;
    waiting.settle(verdict === 'grant'
      ? ok({ id: approval.request, by, token: approval.token.text })
      : fail('APPROVAL_REFUSED', `${by} refused it${why === '' ? '' : `: ${why}`}`, { detail: { by, token: approval.token.text } }));
    return ok({ id: approval.request, agent: approval.agent, verdict, by, why });
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

function unknown(): Result<never> {
  return fail('APPROVAL_UNKNOWN', 'no call waits under this id: it was answered, it timed out, or the node was restarted', { fix: 'agentmesh approvals list' });
}

/** Whether an approval says what was asked, by one who may say it. */
function isBound({ iss, host, agent, action_hash }: Approval, { pending, action_hash: asked }: Waiting): Result<void> {
  if (host !== pending.host) return fail('APPROVAL_HOST', `the approval is for the host ${host}`, { fix: `sign one for ${pending.host}` });
  if (agent !== pending.agent) return fail('APPROVAL_AGENT', `the approval is for the agent ${agent}`, { fix: `sign one for ${pending.agent}` });
  if (!equal(action_hash, asked)) return fail('APPROVAL_ACTION', 'the approval is for another action, other arguments or other policies', { fix: 'sign what agentmesh approvals show says' });
  return pending.approvers.includes(iss)
    ? ok(undefined)
    : fail('APPROVAL_SIGNER', `${iss} does not answer for ${pending.agent_name}`, { fix: `one of ${pending.approvers.join(', ')} must sign` });
}

/** What a request asks to be signed, as it is shown and bound. */
export type ApprovalRequest = Pick<PendingApproval, 'id' | 'host' | 'agent' | 'agent_name' | 'action' | 'args_hash' | 'policies' | 'policy' | 'rule' | 'reason' | 'expires_ms'> & { readonly data: Json };

/** Signs the answer to a request. */
export function signAnswer(own: Pick<LocalIdentity, 'signer'>, request: Omit<ApprovalRequest, 'data'>, answer: { readonly verdict: 'grant' | 'refuse'; readonly why: string; readonly now_s: number }): Promise<string> {
  const { id, host, agent } = request;
  return signApproval(own.signer, { request: id, host, agent, action_hash: approvalHash(request), lifetime_s: approval_lifetime_s_max, ...answer });
}
