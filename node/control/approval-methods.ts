/** The control methods about calls that wait for approval. */
import { approval_why_length_max } from '../../crypto/approval.ts';
import { isWhole } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { unixSeconds } from '../../protocols/time.ts';
import { approvalRequestText, parseApprovalRequest, type ApprovalAnswer } from '../approval-request.ts';
import type { ApprovalsPageDoor } from '../approvals-page/door.ts';
import { signAnswer, type PendingApproval } from '../approvals.ts';
import type { Host } from '../host.ts';
import type { ControlMethods } from './api.ts';
import type { ApprovalControlApi, ApprovalsPageView, ApprovalView } from './approval-api.ts';

function viewOf({ id, host, agent, agent_name, action, data, args_hash, policies, policy, rule, reason, peer, taint, approvers, expires_ms }: PendingApproval): ApprovalView {
  return { id, host, agent, agent_name, action, data, args_hash, policies, policy, rule, reason, peer, taint, approvers, expires_ms };
}

function answerOf(verdict: string, why: string): Result<ApprovalAnswer> {
  if (verdict !== 'grant' && verdict !== 'refuse') return fail('PARAMS_INVALID', 'a verdict is grant or refuse');
  if (why.length > approval_why_length_max) return fail('PARAMS_INVALID', `a reason has at most ${approval_why_length_max} characters`);
  return ok({ verdict, why });
}

async function openPage(page: ApprovalsPageDoor, { port, close = false }: ApprovalControlApi['approval.page']['params']): Promise<Result<ApprovalsPageView>> {
  const was_open = page.is_open;
  if (close) {
    await page.shut();
    return ok({ url: null, expires_ms: null, was_open });
  }
  if (port !== undefined && !isWhole(port)) return fail('PARAMS_INVALID', 'a port is a whole number');
  const link = await page.link(port);
  return link.ok ? ok({ ...link.value, was_open }) : link;
}

/** The methods about approvals of a host, and about the page for them. */
export function approvalMethods({ approvals, identities, parts: { clock } }: Pick<Host, 'approvals' | 'identities' | 'parts'>, page: ApprovalsPageDoor): Pick<ControlMethods, keyof ApprovalControlApi> {
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
    'approval.page': (params) => openPage(page, params),
  };
}
