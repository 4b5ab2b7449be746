/** The part of the control API about calls that wait for approval. */
import type { Json } from '../../crypto/canonical.ts';
import type { AnsweredApproval } from '../approvals.ts';
import type { ParamSpec, Who } from './api.ts';

/** A call that waits for approval. Times are Unix milliseconds. */
export interface ApprovalView {
  readonly id: string;
  /** DID of the host that asks. */
  readonly host: string;
  readonly agent: string;
  readonly agent_name: string;
  readonly action: Json;
  /** The payload as it will run. */
  readonly data: Json;
  readonly args_hash: string | null;
  readonly policies: readonly string[];
  readonly policy: string | null;
  readonly rule: string | null;
  readonly reason: string;
  /** The peer at whose command the agent acts, if at one's. */
  readonly peer: string | null;
  /** Labels of what the agent has read. */
  readonly taint: readonly string[];
  /** DIDs whose word counts; empty where a request file was read, which does not say. */
  readonly approvers: readonly string[];
  readonly expires_ms: number;
}

/** The page for approvals: a link that opens it, once; none where it was closed. */
export interface ApprovalsPageView {
  readonly url: string | null;
  /** When the link ends, in Unix milliseconds. */
  readonly expires_ms: number | null;
  /** Whether it was open before. */
  readonly was_open: boolean;
}

/** The methods about approvals, with their parameters and answers. `file` is the text of a request, `token` a signed answer. */
export interface ApprovalControlApi {
  'approval.list': { params: Record<string, never>; value: readonly ApprovalView[] };
  'approval.show': { params: { id: string }; value: ApprovalView & { readonly file: string } };
  'approval.answer': { params: { id: string; verdict: string; as?: Who; why?: string }; value: AnsweredApproval };
  'approval.sign': { params: { file: string; as: Who; verdict: string; why?: string }; value: { readonly token: string } };
  'approval.import': { params: { token: string }; value: AnsweredApproval };
  'approval.page': { params: { port?: number; close?: boolean }; value: ApprovalsPageView };
}

const text = { type: 'string' } as const;
const text_optional = { type: 'string', optional: true } as const;

/** The parameters of the methods about approvals. */
export const approval_params: { readonly [Method in keyof ApprovalControlApi]: { readonly [Name in keyof ApprovalControlApi[Method]['params']]: ParamSpec } } = {
  'approval.list': {},
  'approval.show': { id: text },
  'approval.answer': { id: text, verdict: text, as: text_optional, why: text_optional },
  'approval.sign': { file: text, as: text, verdict: text, why: text_optional },
  'approval.import': { token: text },
  'approval.page': { port: { type: 'number', optional: true }, close: { type: 'boolean', optional: true } },
};
