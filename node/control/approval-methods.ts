/** The control methods about calls that wait for approval. */
import { approval_why_length_max } from '../../crypto/approval.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { unixSeconds } from '../../protocols/time.ts';
import { approvalRequestText, parseApprovalRequest, type ApprovalAnswer } from '../approval-request.ts';
import { signAnswer, type PendingApproval } from '../approvals.ts';
import type { Host } from '../host.ts';
import type { ControlMethods } from './api.ts';
import type { ApprovalControlApi, ApprovalView } from './approval-api.ts';

function viewOf({ id, host, agent, agent_name, action, data, args_hash, policies, policy, rule, reason, approvers, expires_ms }: PendingApproval): ApprovalView {
  return { id, host, agent, agent_name, action, data, args_hash, policies, policy, rule, reason, approvers, expires_ms };
}

function answerOf(verdict: string, why: string): Result<ApprovalAnswer> {
  if (verdict !== 'grant' && verdict !== 'refuse') return fail('PARAMS_INVALID', 'a verdict is grant or refuse');
  if (why.length > approval_why_length_max) return fail('PARAMS_INVALID', `a reason has at most ${approval_why_length_max} characters`);
  return ok({ verdict, why });
}

/** The methods about approvals of a host. */
export function approvalMethods({ approvals, identities, parts: { clock } }: Pick<Host, 'approvals' | 'identities' | 'parts'>): Pick<ControlMethods, keyof ApprovalControlApi> {
  return {
    'approval.list': () => Promise.resolve(ok(approvals.list().map(viewOf))),
    'approval.show': ({ id }) => {
      const pending = approvals.get(id);
      return Promise.resolve(pending.ok ? ok({ ...viewOf(pending.value), file: approvalRequestText(pending.value) }) : pending);
    },
    'approval.answer': async ({ id, verdict, as, why = '' }) => {
      const answer = answerOf(verdict, why);
      return answer.ok ? approvals.answerAs(id, answer.value.verdict, { why, ...(as === undefined ? {} : { as }) }) : answer;
    },
    'approval.sign': async ({ file, as, verdict, why = '' }) => {
      const answer = answerOf(verdict, why);
      if (!answer.ok) return answer;
      const request = parseApprovalRequest(file);
      if (!request.ok) return request;
      const own = as === '' ? undefined : identities.find(as);
      if (own === undefined) return fail('NAME_UNKNOWN', `no ${JSON.stringify(as.slice(0, 80))} has its key on this host`, { fix: 'agentmesh sponsor list' });
      return ok({ token: await signAnswer(own, request.value, { ...answer.value, now_s: unixSeconds(clock) }) });
    },
    'approval.import': ({ token }) => approvals.answer(token),
  };
}
