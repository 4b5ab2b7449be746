/**
 * Approvals: a sponsor's signed word on one call that a policy wants approved.
 * It names the request, the host, the agent and the hash of everything that was
 * asked, so that it can be used for nothing else, and once.
 */
import { assert } from './assert.ts';
import { fromBase64url, toBase64url } from './bytes.ts';
import { canonicalJsonBytes, hasShape, isFields, isWhole, type Fields, type Json } from './canonical.ts';
import { isDid } from './did.ts';
import { digest_bytes, sha256 } from './hash.ts';
import { createToken, decodeToken, type Token, type TokenSigner } from './jwt.ts';
import { fail, ok, type Result } from './result.ts';

/** The longest life of an approval. */
export const approval_lifetime_s_max: number = 15 * 60;
/** The most characters of the reason. */
export const approval_why_length_max = 200;
/** Random bytes that name a request. */
export const approval_request_bytes = 16;
const id_pattern = /^[A-Za-z0-9_-]{22}$/;

/** Whether a text can name a request for approval. */
export function isApprovalRequest(text: string): boolean {
  return id_pattern.test(text);
}

/** A call that waits, as the caller may come again with it. */
export interface PendingRequest {
  readonly request: string;
  /** When it ends unanswered, Unix milliseconds. */
  readonly expires_ms: number;
}

/** The request that the result of an answer names; nothing where it is not of that shape. */
export function pendingRequestOf(result: unknown): PendingRequest | undefined {
  const approval = isFields(result) ? result['approval'] : undefined;
  if (!isFields(approval)) return undefined;
  const { request, expires_ms } = approval;
  return typeof request === 'string' && isApprovalRequest(request) && isWhole(expires_ms) ? { request, expires_ms } : undefined;
}

/** What is asked: the call, and the policies and the rule that want it approved. */
export interface ApprovedAction {
  /** DID or local name. */
  readonly agent: string;
  readonly action: Json;
  /** SHA-256 of the RFC 8785 form of the payload, in hex. */
  readonly args_hash: string | null;
  /** Digests of the policies in force. */
  readonly policies: readonly string[];
  readonly policy: string | null;
  readonly rule: string | null;
}

/** What the approver says, and to what. */
export interface ApprovalPlan {
  /** The id of the request. */
  readonly request: string;
  /** DID of the host that asks. */
  readonly host: string;
  readonly agent: string;
  /** Of {@link approvalHash}. */
  readonly action_hash: Uint8Array;
  readonly verdict: 'grant' | 'refuse';
  /** Up to {@link approval_why_length_max} characters; may be empty. */
  readonly why: string;
  /** Unix seconds. */
  readonly now_s: number;
  /** 1 to {@link approval_lifetime_s_max}. */
  readonly lifetime_s: number;
}

/** An approval taken apart. Times are Unix seconds. */
export interface Approval {
  readonly token: Token;
  readonly iss: string;
  readonly request: string;
  readonly host: string;
  readonly agent: string;
  readonly action_hash: Uint8Array;
  readonly verdict: 'grant' | 'refuse';
  readonly why: string;
  readonly nbf: number;
  readonly exp: number;
}

/** SHA-256 of the RFC 8785 form of what is asked: what an approval is bound to. */
export function approvalHash({ agent, action, args_hash, policies, policy, rule }: ApprovedAction): Uint8Array {
  return sha256(canonicalJsonBytes({ agent, action, args_hash, policies, policy, rule }));
}

/** Signs an approval. The plan's bounds are the caller's promise. */
export function signApproval(signer: TokenSigner, plan: ApprovalPlan): Promise<string> {
  const { request, host, agent, action_hash, verdict, why, now_s, lifetime_s } = plan;
  assert(id_pattern.test(request), 'a request is named by 16 bytes');
  assert(action_hash.length === digest_bytes, 'what is asked is named by its SHA-256');
  assert(lifetime_s >= 1 && lifetime_s <= approval_lifetime_s_max, 'an approval lives at most 15 minutes');
  assert(why.length <= approval_why_length_max, 'a reason has at most 200 characters');
  return createToken('mesh-approval+jwt', signer, {
    req: request, aud: host, sub: agent, act: toBase64url(action_hash), verdict, why, nbf: now_s, exp: now_s + lifetime_s, v: 1,
  });
}

/** Takes an approval apart: its type, its claims and their bounds; whose key signed it, and what for, is not checked. Fails with `APPROVAL_MALFORMED`. */
export function parseApproval(text: string): Result<Approval> {
  const malformed = (reason: string): ReturnType<typeof fail> => fail('APPROVAL_MALFORMED', reason, { fix: 'agentmesh approvals grant ID makes one' });
  const token = decodeToken(text, 'mesh-approval+jwt');
  if (!token.ok) return malformed(`this is no approval: ${token.failure.reason}`);
  const { claims } = token.value;
  if (!hasShape(claims, ['iss', 'aud', 'sub', 'req', 'act', 'verdict', 'why', 'nbf', 'exp', 'v'], []) || claims['v'] !== 1) return malformed('the claims are not those of a version 1 approval');
  const { iss, aud, sub, req, act, verdict, why, nbf, exp }: Fields = claims;
  const action_hash = typeof act === 'string' ? fromBase64url(act) : undefined;
  const are_names = isDid(iss) && isDid(aud) && typeof sub === 'string' && sub !== '' && typeof req === 'string' && id_pattern.test(req);
  if (!are_names || action_hash?.length !== digest_bytes) return malformed('a name or the hash in the approval has the wrong form');
  if ((verdict !== 'grant' && verdict !== 'refuse') || typeof why !== 'string' || why.length > approval_why_length_max) return malformed('the verdict is grant or refuse, and its reason has up to 200 characters');
  if (!isWhole(nbf) || !isWhole(exp) || exp <= nbf || exp - nbf > approval_lifetime_s_max) return malformed('an approval lives at most 15 minutes');
  return ok({ token: token.value, iss, request: req, host: aud, agent: sub, action_hash, verdict, why, nbf, exp });
}
