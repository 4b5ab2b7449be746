/** The bytes of a governed message: request, receipt, answer. */
import { isApprovalRequest } from '../../crypto/approval.ts';
import { fromBase64url, toBase64url } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isStrings, isWhole, type Fields } from '../../crypto/canonical.ts';
import { chain_links_max, parseInvocation } from '../../crypto/chain.ts';
import { isDid } from '../../crypto/did.ts';
import { keyFor, type DidRecord } from '../../crypto/did-record.ts';
import { digest_bytes, sha256 } from '../../crypto/hash.ts';
import { createToken, decodeToken, verifyToken, type TokenSigner } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { shortened } from '../reply.ts';
import { arguments_bytes_max, code_bytes_max, reason_bytes_max, result_bytes_max, rule_bytes_max } from './constants.ts';

/** A request as it travels. */
export interface MessageRequest {
  /** The invocation token, which also names the session. */
  readonly invocation: string;
  /** The delegation chain that it rests on, root first; empty where the invoker acts in its own name. */
  readonly chain: readonly string[];
  /** Records that the executor may need to verify the chain offline. */
  readonly records: readonly Uint8Array[];
  /** RFC 8785 bytes of the arguments. */
  readonly arguments: Uint8Array;
  /** The request for approval that the same command began earlier; a request of version 2 has it, and only that. */
  readonly approval?: string;
  /** How long the caller still waits for the answer to that request, in milliseconds; the executor's own maximum where absent. */
  readonly wait_ms?: number;
}

/** What the executor signs about an invocation. Times are Unix seconds. */
export interface Receipt {
  readonly iss: string;
  readonly aud: string;
  /** SHA-256 of the invocation token, base64url. */
  readonly inv: string;
  readonly cmd: string;
  readonly verdict: 'allow' | 'deny' | 'error';
  readonly code: string | null;
  readonly rule: string | null;
  readonly reason: string;
  /** SHA-256 of the result's bytes, base64url; `null` without a result. */
  readonly res_h: string | null;
  /** Where the decision stands in the executor's audit log; `null` when it came to no decision. */
  readonly log: { readonly origin: string; readonly index: number } | null;
  readonly iat: number;
}

/** The wire form of a request. */
export function encodeRequest(request: MessageRequest): Uint8Array {
  return encodeCbor({ version: request.approval === undefined ? 1 : 2, ...request });
}

/** Reads a request. Fails with `MESSAGE_MALFORMED`. */
export function decodeRequest(bytes: Uint8Array): Result<MessageRequest> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return fail('MESSAGE_MALFORMED', decoded.failure.reason);
  const { value } = decoded;
  if (!hasShape(value, ['version', 'invocation', 'chain', 'records', 'arguments'], ['approval', 'wait_ms']) || value['version'] !== (value['approval'] === undefined ? 1 : 2)) {
    return fail('MESSAGE_MALFORMED', 'not a message of version 1, nor one of version 2 with the approval that it takes up');
  }
  const { invocation, chain, records, arguments: given, approval, wait_ms }: Fields = value;
  const isBytes = (item: unknown): item is Uint8Array => item instanceof Uint8Array;
  if (typeof invocation !== 'string' || !isStrings(chain) || chain.length > chain_links_max
    || !Array.isArray(records) || !records.every(isBytes) || !isBytes(given) || (approval !== undefined && (typeof approval !== 'string' || !isApprovalRequest(approval)))
    || (wait_ms !== undefined && (approval === undefined || !isWhole(wait_ms)))) {
    return fail('MESSAGE_MALFORMED', 'a field of the message has the wrong form');
  }
  if (given.length > arguments_bytes_max) return fail('MESSAGE_MALFORMED', `arguments have at most ${arguments_bytes_max} bytes`);
  return ok({ invocation, chain, records, arguments: given, ...(approval === undefined ? {} : { approval }), ...(wait_ms === undefined ? {} : { wait_ms }) });
}

/** Signs a receipt. Words that are too long for a token are shortened. */
export async function signReceipt(signer: TokenSigner, receipt: Omit<Receipt, 'iss'>): Promise<string> {
  const { reason, rule, code } = receipt;
  return createToken('mesh-rcpt+jwt', signer, {
    ...receipt,
    reason: shortened(reason, reason_bytes_max),
    rule: rule === null ? null : shortened(rule, rule_bytes_max),
    code: code === null ? null : shortened(code, code_bytes_max),
    v: 1,
  });
}

/** The wire form of an answer: the receipt, and the result where there is one. */
export function encodeAnswer(receipt: string, result: Uint8Array | null): Uint8Array {
  return encodeCbor({ receipt, result });
}

/** An answer taken apart, its receipt not yet verified. */
export interface MessageAnswer {
  readonly receipt: string;
  readonly result: Uint8Array | null;
}

/** Reads an answer. Fails with `RECEIPT_MALFORMED`. */
export function decodeAnswer(bytes: Uint8Array): Result<MessageAnswer> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !hasShape(decoded.value, ['receipt', 'result'])) return fail('RECEIPT_MALFORMED', 'the peer answered without a receipt');
  const { receipt, result } = decoded.value;
  if (typeof receipt !== 'string' || (result !== null && !(result instanceof Uint8Array)) || (result?.length ?? 0) > result_bytes_max) {
    return fail('RECEIPT_MALFORMED', 'the peer\'s answer has the wrong form');
  }
  return ok({ receipt, result });
}

function isLogPlace(value: unknown): value is Receipt['log'] {
  return value === null || (hasShape(value, ['origin', 'index']) && typeof value['origin'] === 'string' && value['origin'].length <= 255 && isWhole(value['index']));
}

function isVerdict(value: unknown): value is Receipt['verdict'] {
  return value === 'allow' || value === 'deny' || value === 'error';
}

function isHashOrNull(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && fromBase64url(value)?.length === digest_bytes);
}

function isWordOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function receiptOf(claims: Fields): Receipt | undefined {
  if (!hasShape(claims, ['iss', 'aud', 'inv', 'cmd', 'verdict', 'code', 'rule', 'reason', 'res_h', 'log', 'iat', 'v']) || claims['v'] !== 1) return undefined;
  const { iss, aud, inv, cmd, verdict, code, rule, reason, res_h, log, iat }: Fields = claims;
  if (!isDid(iss) || !isDid(aud) || typeof inv !== 'string' || typeof cmd !== 'string' || !isVerdict(verdict) || !isWordOrNull(code)
    || !isWordOrNull(rule) || typeof reason !== 'string' || !isHashOrNull(res_h) || !isLogPlace(log) || !isWhole(iat)) return undefined;
  // In the order of RFC 8785, so that the caller's kernel need not sort what it hashes.
  return { aud, cmd, code, iat, inv, iss, log, reason, res_h, rule, verdict };
}

/**
 * Verifies that a receipt is the executor's word about this very invocation
 * and result. Fails with `RECEIPT_MALFORMED`, `RECEIPT_FORGED` or `RECEIPT_MISMATCH`.
 */
export function verifyReceipt(answer: MessageAnswer, invocation: string, executor: DidRecord): Result<Receipt> {
  const token = decodeToken(answer.receipt, 'mesh-rcpt+jwt');
  if (!token.ok) return fail('RECEIPT_MALFORMED', token.failure.reason, { cause: token.failure });
  const receipt = receiptOf(token.value.claims);
  if (receipt === undefined) return fail('RECEIPT_MALFORMED', 'the receipt\'s claims have the wrong form');
  const key = keyFor(executor, token.value.key_id, 'assertionMethod');
  if (receipt.iss !== executor.did || key === undefined || !verifyToken(token.value, key)) {
    return fail('RECEIPT_FORGED', `the receipt is not signed by ${executor.did}`);
  }
  const asked = parseInvocation(invocation);
  if (!asked.ok || receipt.aud !== asked.value.iss || receipt.cmd !== asked.value.command.text) {
    return fail('RECEIPT_MISMATCH', 'the receipt is for another caller or about another command');
  }
  const result_hash = answer.result === null ? null : toBase64url(sha256(answer.result));
  if (receipt.inv !== toBase64url(asked.value.token.hash) || receipt.res_h !== result_hash) {
    return fail('RECEIPT_MISMATCH', 'the receipt is about another invocation or another result');
  }
  return ok(receipt);
}
