/** Invocations: the command that the holder of a chain, or an agent in its own name, gives to one executor. */
import { equal, fromBase64url, toBase64url } from './bytes.ts';
import { contains, parseCapability, type Capability } from './capability.ts';
import { hasShape, isWhole, type Fields } from './canonical.ts';
import { commonOpening, exceeded } from './caveats.ts';
import { isHashText, isTokenId, refuseToken, type Chain } from './delegation.ts';
import { isDid } from './did.ts';
import type { DidRecord } from './did-record.ts';
import { checkIssuer, checkKeyRevocation, checkSignature, type Evidence, type Signing } from './evidence.ts';
import { checkWindow, decodeToken, type Token } from './jwt.ts';
import { RecentMap } from './recent.ts';
import { ok, type Result } from './result.ts';
import { refuse, refuseAs } from './steps.ts';

/** The longest life of an invocation. */
export const invocation_lifetime_s_max = 120;
const session_characters_max = 64;
const known_invocations_max = 1024;

/** An invocation's claims. Times are Unix seconds. */
export interface Invocation {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly command: Capability;
  /** SHA-256 of the arguments' RFC 8785 form, base64url. */
  readonly args_h: string;
  /** The last link's hash, or `null` where the invoker acts in its own name. */
  readonly prf: string | null;
  readonly nonce: string;
  readonly iat: number;
  readonly exp: number;
  /** The handshake session that it is bound to. */
  readonly chl: string;
  readonly token: Token;
}

function malformed(reason: string, fix: string): ReturnType<typeof refuse> {
  return refuse(4, 'invocation', { code: 'INVOCATION_MALFORMED', reason, fix });
}

function invocationOf(token: Token): Result<Invocation> {
  const { claims } = token;
  if (!hasShape(claims, ['iss', 'aud', 'sub', 'cmd', 'args_h', 'prf', 'nonce', 'iat', 'exp', 'chl', 'v']) || claims['v'] !== 1) {
    return malformed('the claims are not those of a version 1 invocation', 'exactly iss, aud, sub, cmd, args_h, prf, nonce, iat, exp, chl and v 1');
  }
  const { iss, aud, sub, cmd, args_h, prf, nonce, iat, exp, chl }: Fields = claims;
  if (!isDid(iss) || !isDid(aud) || !isDid(sub) || typeof cmd !== 'string' || !isHashText(args_h) || (prf !== null && !isHashText(prf))
    || !isTokenId(nonce) || !isWhole(iat) || !isWhole(exp) || typeof chl !== 'string' || chl.length > session_characters_max) {
    return malformed('a claim has the wrong form', 'DIDs, whole numbers, SHA-256 hashes and a 16-byte nonce in base64url, as agentmesh call writes them');
  }
  const command = parseCapability(cmd);
  if (!command.ok || command.value.verb === '*' || command.value.path.some((segment) => segment.startsWith('*'))) {
    return malformed('a command names one verb and one resource, without wildcards', 'a command such as read:reports/today');
  }
  return ok({ iss, aud, sub, command: command.value, args_h, prf, nonce, iat, exp, chl, token });
}

// A command is looked at by several parts on its way, and again when it is repeated.
const known = new RecentMap<string, Invocation>(known_invocations_max);

/**
 * Steps 1 to 5 for an invocation token; its signature is checked by
 * {@link verifyInvocation}. Fails with `INVOCATION_MALFORMED` or a `TOKEN_…` code.
 */
export function parseInvocation(text: string): Result<Invocation> {
  const remembered = known.get(text);
  if (remembered !== undefined) return ok(remembered);
  const token = decodeToken(text, 'mesh-inv+jwt');
  if (!token.ok) return refuseToken('invocation', token.failure);
  const invocation = invocationOf(token.value);
  if (invocation.ok) known.set(text, invocation.value);
  return invocation;
}

/** What an invocation must fit to. */
export interface InvocationContext {
  /** The DID of the agent that is asked to execute. */
  readonly executor: string;
  /** The handshake session over which it came. */
  readonly session: string;
  /** The hash of the arguments that came with it. */
  readonly args_hash: Uint8Array;
  /** The chain that came with it, verified; absent where the invoker acts in its own name. */
  readonly chain?: Chain;
}

function refused(code: string, reason: string, fix: string): ReturnType<typeof refuse> {
  return refuse(14, 'invocation', { code, reason, fix });
}

/**
 * Whether a chain permits a command at `now_s`: its capabilities, and the
 * resources, tools and windows of every link. Rates and trust are counted and
 * scored at the executor. Fails with `CHAIN_EXCEEDED` or `INVOCATION_WINDOW`.
 */
export function permits(chain: Chain, command: Capability, now_s: number): Result<void> {
  if (!chain.capabilities.some((capability) => contains(capability, command))) {
    return refused('CHAIN_EXCEEDED', `${command.text} is not among what was delegated`, `any of ${chain.capabilities.map(({ text }) => text).join(', ')}`);
  }
  const opening = (): number | undefined => commonOpening(chain.links.map(({ terms }) => terms), now_s);
  for (const [index, { terms }] of chain.links.entries()) {
    const refusal = exceeded(terms, command, now_s, opening);
    if (refusal !== undefined) return refuse(14, index, refusal);
  }
  return ok(undefined);
}

function checkAddress(invocation: Invocation, context: InvocationContext, now_s: number): Result<void> {
  if (invocation.aud !== context.executor) return refused('INVOCATION_AUDIENCE', `it is addressed to ${invocation.aud}`, `a command to ${context.executor}`);
  if (invocation.chl !== context.session) return refused('INVOCATION_SESSION', 'it was made for another session', 'shake hands again');
  if (invocation.exp <= invocation.iat || invocation.exp - invocation.iat > invocation_lifetime_s_max) {
    return refused('INVOCATION_LIFETIME', `an invocation lives at most ${invocation_lifetime_s_max} s`, `exp after iat, at most ${invocation_lifetime_s_max} s`);
  }
  const window = checkWindow({ nbf: invocation.iat, exp: invocation.exp }, now_s);
  if (!window.ok) return refused('INVOCATION_EXPIRED', window.failure.reason, 'send a new invocation');
  const claimed = fromBase64url(invocation.args_h);
  if (claimed === undefined || !equal(claimed, context.args_hash)) {
    return refused('INVOCATION_ARGUMENTS', 'the arguments are not the ones that were signed', 'the arguments whose hash the invocation names');
  }
  return ok(undefined);
}

function checkAuthority(invocation: Invocation, chain: Chain | undefined, now_s: number): Result<void> {
  if (chain === undefined) {
    if (invocation.prf === null && invocation.sub === invocation.iss) return ok(undefined);
    return refused('INVOCATION_CHAIN', 'the chain that it refers to did not come with it', 'the chain along with it, or a command in the invoker\'s own name');
  }
  if (invocation.prf !== toBase64url(chain.hash) || invocation.sub !== chain.root) return refused('INVOCATION_CHAIN', 'it refers to another chain', 'the chain that it was made under');
  if (invocation.iss !== chain.holder) {
    return refused('INVOCATION_HOLDER', `the chain was given to ${chain.holder}, not to ${invocation.iss}`, `a command of ${chain.holder}, or a chain that was given to ${invocation.iss}`);
  }
  return permits(chain, invocation.command, now_s);
}

/**
 * Step 14, then who signed (11 to 13), then step 15: audience, session, life
 * of at most 120 s, the very arguments, holder, command within the chain and
 * the caveats of each of its links; the invoker's record, key and signature;
 * and whether enough is known of revocations. Whether the nonce is new, the
 * rate free and the trust enough is for the executor to say, as part of step 14.
 *
 * Fails with an `INVOCATION_…`, `CHAIN_…` or `SPONSOR_…` code, `REVOKED` or `REVOCATION_STALE`.
 */
export function verifyInvocation(invocation: Invocation, context: InvocationContext, evidence: Evidence): Result<DidRecord> {
  const { chain } = context;
  const address = checkAddress(invocation, context, evidence.now_s);
  if (!address.ok) return address;
  const authority = checkAuthority(invocation, chain, evidence.now_s);
  if (!authority.ok) return authority;
  const signing: Signing = { token: invocation.token, place: 'invocation', use: 'capabilityInvocation' };
  const revocation = checkKeyRevocation(signing, evidence);
  if (!revocation.ok) return revocation;
  const signer = checkIssuer(signing, evidence);
  if (!signer.ok) return signer;
  const signature = checkSignature(signing, signer.value);
  if (!signature.ok) return signature;
  const parties = new Set([...(chain?.links.map(({ iss }) => iss) ?? []), invocation.iss]);
  const stale = evidence.fresh(invocation.command.verb, [...parties]);
  if (stale !== undefined) return refuseAs(15, 'invocation', stale, 'the same after the next complete exchange with peers');
  return ok(signer.value.record);
}
