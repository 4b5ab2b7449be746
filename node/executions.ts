/** What becomes of a remote command, as its caller is told. */
import { pendingRequestOf, type PendingRequest } from '../crypto/approval.ts';
import { toBase64url } from '../crypto/bytes.ts';
import type { Chain } from '../crypto/chain.ts';
import { ok, type Failure, type Result } from '../crypto/result.ts';
import type { Answered, Execution } from '../protocols/message/index.ts';
import type { AgentDelegation } from './agents.ts';
import type { PendingApproval } from './approvals.ts';
import type { OutputTerms } from './kernel/index.ts';

const refusal_codes = new Set(['KERNEL_DENIED', 'APPROVAL_REQUIRED', 'SCOPE_EXCEEDED', 'AGENT_STOPPED', 'AGENT_KILLED', 'KERNEL_STOPPED', 'KERNEL_OVERLOADED', 'CALL_INVALID', 'HANDLER_MISSING', 'BUDGET_EXCEEDED', 'LOOP_DETECTED', 'SIGNAL_UNKNOWN', 'SIGNAL_MISDIRECTED', 'DELEGATION_REQUIRED']);

/** That nothing serves the commands of an agent. */
export const handler_missing: Failure = { code: 'HANDLER_MISSING', reason: 'no program serves this agent at present', fix: 'its host creates it with --handler FILE, or a program registers a handler' };

/** A verified chain as an agent's handler sees it. */
export function delegationOf(chain: Chain): AgentDelegation {
  return {
    id: toBase64url(chain.hash),
    root: chain.root,
    scope: chain.capabilities.map(({ text }) => text),
    chain: chain.links.map((link) => link.token.text),
  };
}

/** Where the refusal of a call stands in the audit log, if it does. */
export function indexIn(failure: Failure): number | null {
  const index = failure.detail?.['index'];
  return typeof index === 'number' ? index : null;
}

/** What a peer is told of a failure: everything about a refusal, nothing about the inside of a handler. */
export function refused(failure: Failure, index: number | null): Execution {
  const rule = failure.detail?.['rule'];
  const is_refusal = refusal_codes.has(failure.code) || failure.detail?.['effect_ran'] === false || failure.code.startsWith('AGENT_') || failure.code.startsWith('APPROVAL_');
  const call_id = failure.detail?.['call_id'];
  return {
    verdict: is_refusal ? 'deny' : 'error',
    code: failure.code,
    rule: typeof rule === 'string' ? rule : null,
    reason: failure.code === 'EFFECT_FAILED'
      ? `the agent's handler failed${typeof call_id === 'string' ? `; its host's log has the reason under call ${call_id}` : ''}`
      : failure.reason + (failure.fix === undefined ? '' : ` (what would pass: ${failure.fix})`),
    index,
  };
}

/** What a caller is told whose command a human has yet to approve: under which name it may come again, and until when. The receipt signs that as the result. */
export function pendingExecution({ id, rule, reason, expires_ms }: PendingApproval, index: number | null): Execution {
  return {
    verdict: 'deny', code: 'APPROVAL_PENDING', rule, index,
    reason: `a human has to approve it, until ${new Date(expires_ms).toISOString()}: ${reason} (what would pass: the same command again, with the request ${id})`,
    result: { approval: { request: id, expires_ms } },
  };
}

/** Where an answer says that a human has yet to approve the command, the request to come again with. */
export function approvalIn({ receipt, result }: Pick<Answered, 'receipt' | 'result'>): PendingRequest | undefined {
  return receipt.verdict === 'deny' && receipt.code === 'APPROVAL_PENDING' ? pendingRequestOf(result) : undefined;
}

/** Rules see the result of an answer, and redact nothing else of it: the rest is signed. */
export const reply: OutputTerms<Result<Answered>> = {
  type: 'message_reply',
  look: (answered) => (answered.ok ? answered.value.result : null),
  mend: (answered, redact) => {
    const result = answered.ok ? redact(answered.value.result ?? null) : undefined;
    if (!answered.ok || result === undefined) return ok(answered);
    return result.ok ? ok(ok({ ...answered.value, result: result.value })) : result;
  },
};
