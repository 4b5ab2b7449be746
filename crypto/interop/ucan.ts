/**
 * Reading UCAN 1.0 tokens: who delegated what to whom, in our terms.
 *
 * A bridge for the eye. What is read here is checked as UCAN demands and then
 * shown; it grants nothing in the mesh, whose authority starts at accountable
 * sponsors, and a `did:key` is none.
 */
import { equal, fromBase64, fromBase64url } from '../bytes.ts';
import type { Json } from '../canonical.ts';
import { isoTime } from '../jwt.ts';
import { verifySignature } from '../keys.ts';
import { fail, ok, type Result } from '../result.ts';
import { checkPolicy, type Statement } from './ucan-policy.ts';
import { capabilitiesOf, cidOf, parseUcan, ucan_bytes_max, ucan_proofs_max, type UcanDelegation, type UcanInvocation, type UcanToken } from './ucan-token.ts';

/** A UCAN in our terms. Times are Unix seconds. */
export interface UcanView {
  readonly kind: 'delegation' | 'invocation';
  /** Its CID. */
  readonly id: string;
  readonly issuer: string;
  readonly audience: string | null;
  /** The root authority; `null` in a delegation of whatever its issuer is given (a powerline). */
  readonly subject: string | null;
  readonly command: string;
  /** The command in our grammar under the verb `invoke`, as far as it has a form there. A policy narrows it further. */
  readonly capabilities: readonly string[];
  /** The statements about arguments; empty in an invocation. */
  readonly policy: readonly Statement[];
  /** What it is invoked with; `null` in a delegation. */
  readonly arguments: Json;
  readonly not_before: number | null;
  readonly expires: number | null;
  readonly meta: Json;
  /** The delegations that it rests on, root first. */
  readonly proofs: readonly UcanView[];
  /** Whether signatures, times and the rules of the chain were checked and hold. */
  readonly verified: boolean;
}

function viewOf(token: UcanToken, proofs: readonly UcanToken[], verified: boolean): UcanView {
  const { kind, issuer, audience, subject, command, not_before, expires, meta, hash } = token;
  return {
    kind, id: cidOf(hash), issuer, audience, subject, command, capabilities: capabilitiesOf(command),
    policy: token.kind === 'delegation' ? token.policy : [],
    arguments: token.kind === 'invocation' ? token.arguments : null,
    not_before, expires, meta, proofs: proofs.map((proof) => viewOf(proof, [], verified)), verified,
  };
}

/** The bytes of a UCAN file: as they are, or in base64 or base64url. Any other text is taken for bytes, and refused as such. */
export function ucanBytes(file: Uint8Array): Uint8Array {
  if (file.length > 2 * ucan_bytes_max) return file;
  const text = Buffer.from(file).toString('latin1').trim();
  if (!/^[A-Za-z0-9+/_-]+=*$/.test(text)) return file;
  return fromBase64(text) ?? fromBase64url(text) ?? file;
}

function checkTime({ expires, not_before, kind }: UcanToken, now_s: number): Result<void> {
  if (expires !== null && expires <= now_s) return fail('UCAN_EXPIRED', `the ${kind} expired at ${isoTime(expires)}`);
  if (not_before !== null && not_before > now_s) return fail('UCAN_NOT_YET_VALID', `the ${kind} holds from ${isoTime(not_before)}`);
  return ok(undefined);
}

function checkSignature({ key, signed, signature, kind, issuer }: UcanToken): Result<void> {
  return verifySignature(key, signed, signature) ? ok(undefined) : fail('UCAN_FORGED', `the signature of the ${kind} is not that of ${issuer}`);
}

function covers(parent: string, child: string): boolean {
  return parent === '/' || child === parent || child.startsWith(`${parent}/`);
}

/** The delegations that an invocation names, in its order, out of those that came with it. */
function resolveProofs(invocation: UcanInvocation, given: readonly Uint8Array[]): Result<readonly UcanDelegation[]> {
  const tokens: UcanToken[] = [];
  for (const bytes of given) {
    const token = parseUcan(bytes);
    if (!token.ok) return token;
    tokens.push(token.value);
  }
  const proofs: UcanDelegation[] = [];
  for (const hash of invocation.proofs) {
    const proof = tokens.find((token) => equal(token.hash, hash));
    if (proof === undefined) return fail('UCAN_PROOF_MISSING', `the proof ${cidOf(hash)} did not come with it`, { fix: 'give the delegation along' });
    if (proof.kind !== 'delegation') return fail('UCAN_MALFORMED', 'an invocation stands among the proofs');
    proofs.push(proof);
  }
  return ok(proofs);
}

/** Whether a chain of proofs leads from the subject to who invokes, and no link gives more than it was given. */
function checkLinks(invocation: UcanInvocation, proofs: readonly UcanDelegation[]): Result<void> {
  const [root] = proofs;
  if (root === undefined) {
    return invocation.issuer === invocation.subject
      ? ok(undefined)
      : fail('UCAN_ROOT', `${invocation.issuer} shows no delegation by the subject ${invocation.subject}`);
  }
  if (root.issuer !== root.subject) return fail('UCAN_ROOT', 'the first proof is not the subject\'s own');
  for (const [index, proof] of proofs.entries()) {
    const next = proofs[index + 1] ?? invocation;
    if (next.issuer !== proof.audience) return fail('UCAN_AUDIENCE', `proof ${index} was given to ${proof.audience}, but ${next.issuer} goes on from it`);
    if (proof.subject !== null && proof.subject !== invocation.subject) return fail('UCAN_SUBJECT', `proof ${index} is about ${proof.subject}, not about ${invocation.subject}`);
    if (!covers(proof.command, next.command)) return fail('UCAN_COMMAND', `${next.command} is not within ${proof.command} of proof ${index}`);
  }
  return ok(undefined);
}

function checkInvocation(invocation: UcanInvocation, proofs: readonly UcanDelegation[], now_s: number): Result<void> {
  for (const proof of proofs) {
    const time = checkTime(proof, now_s);
    if (!time.ok) return time;
  }
  const links = checkLinks(invocation, proofs);
  if (!links.ok) return links;
  for (const proof of proofs) {
    const signature = checkSignature(proof);
    if (!signature.ok) return signature;
  }
  // Not before the signatures: only who holds a key of the chain may make us evaluate anything.
  for (const { policy } of proofs) {
    const satisfied = checkPolicy(policy, invocation.arguments);
    if (!satisfied.ok) return satisfied;
  }
  return ok(undefined);
}

/** Shows a UCAN of which nothing was checked but its form. Fails with the codes of {@link parseUcan}. */
export function readUcan(bytes: Uint8Array): Result<UcanView> {
  const token = parseUcan(bytes);
  return token.ok ? ok(viewOf(token.value, [], false)) : token;
}

/**
 * Verifies a UCAN at `now_s` (Unix seconds) with the delegations that came with
 * it, in any order, and shows it. A delegation alone is verified by its time
 * and signature, since only an invocation names what it rests on.
 *
 * Fails with the codes of {@link parseUcan} and with `UCAN_EXPIRED`,
 * `UCAN_NOT_YET_VALID`, `UCAN_FORGED`, `UCAN_PROOF_MISSING`, `UCAN_ROOT`,
 * `UCAN_AUDIENCE`, `UCAN_SUBJECT`, `UCAN_COMMAND`, `UCAN_POLICY` or
 * `UCAN_TOO_COMPLEX`.
 */
export function importUcan(bytes: Uint8Array, proofs: readonly Uint8Array[], now_s: number): Result<UcanView> {
  if (proofs.length > ucan_proofs_max) return fail('UCAN_TOO_LARGE', `at most ${ucan_proofs_max} proofs are read`);
  const token = parseUcan(bytes);
  if (!token.ok) return token;
  const time = checkTime(token.value, now_s);
  if (!time.ok) return time;
  const signature = checkSignature(token.value);
  if (!signature.ok) return signature;
  if (token.value.kind === 'delegation') return ok(viewOf(token.value, [], true));
  const resolved = resolveProofs(token.value, proofs);
  if (!resolved.ok) return resolved;
  const checked = checkInvocation(token.value, resolved.value, now_s);
  return checked.ok ? ok(viewOf(token.value, resolved.value, true)) : checked;
}
