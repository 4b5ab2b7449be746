/** Delegation tokens: what one link of a chain says, and taking a chain apart without checking a signature. */
import { fromBase64url } from './bytes.ts';
import { capabilities_max, parseCapabilities, type Capability } from './capability.ts';
import { hasShape, isStrings, isWhole, type Fields } from './canonical.ts';
import { chain_links_max, parseCaveats, type Caveats, type Terms } from './caveats.ts';
import { isDid } from './did.ts';
import { digest_bytes } from './hash.ts';
import { decodeLastingToken, type Token } from './jwt.ts';
import { RecentMap } from './recent.ts';
import { fail, ok, type Failure, type Result } from './result.ts';
import { refuse, refuseAs, type Place } from './steps.ts';

/** Bytes of all tokens of a chain together. */
export const chain_bytes_max = 16_384;
/** Links of which it is remembered what they say, and what they were good for. */
export const links_remembered_max = 4096;
const token_id_pattern = /^[A-Za-z0-9_-]{22}$/;

/** One link's claims. Times are Unix seconds. */
export interface Delegation {
  readonly iss: string;
  readonly aud: string;
  /** The root authority, equal in every link. */
  readonly sub: string;
  readonly capabilities: readonly Capability[];
  /** What this link itself says. */
  readonly caveats: Caveats;
  /** The same taken apart. */
  readonly terms: Terms;
  /** SHA-256 of the parent token in base64url, `null` in the root. */
  readonly prf: string | null;
  readonly dpt: number;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  readonly token: Token;
}

/** A chain whose every check has passed. */
export interface Chain {
  readonly links: readonly Delegation[];
  /** The sponsor at the root. */
  readonly root: string;
  /** Who may use it. */
  readonly holder: string;
  readonly capabilities: readonly Capability[];
  /** All caveats of all links together. */
  readonly caveats: Caveats;
  /** When the first link expires, Unix seconds. */
  readonly exp: number;
  /** The last link's token hash. */
  readonly hash: Uint8Array;
}

/** Whether a claim is the SHA-256 of a token in base64url. */
export function isHashText(value: unknown): value is string {
  return typeof value === 'string' && fromBase64url(value)?.length === digest_bytes;
}

/** Whether a claim is the base64url of 16 bytes, as token ids and nonces are. */
export function isTokenId(value: unknown): value is string {
  return typeof value === 'string' && token_id_pattern.test(value);
}

const form = 'a token as agentmesh delegate issues it';

// What a failure to decode says about the step; whatever is not named here is the encoding, step 2.
const step_of_code: ReadonlyMap<string, number> = new Map([['TOKEN_TOO_LARGE', 1], ['TOKEN_HEADER', 3], ['TOKEN_TYPE', 5]]);
const step_of_part: ReadonlyMap<unknown, number> = new Map([['header', 3], ['payload', 4]]);

/** A failure to decode a token as the refusal of its step: size 1, encoding 2, header 3, claims 4, type 5. */
export function refuseToken(link: Place, failure: Failure): ReturnType<typeof fail> {
  return refuseAs(step_of_code.get(failure.code) ?? step_of_part.get(failure.detail?.['part']) ?? 2, link, failure, form);
}

function malformed(reason: string, fix: string = form, cause?: Failure): ReturnType<typeof fail> {
  return fail('CHAIN_MALFORMED', reason, { fix, ...(cause === undefined ? {} : { cause }) });
}

function delegationOf(token: Token): Result<Delegation> {
  const { claims } = token;
  if (!hasShape(claims, ['iss', 'aud', 'sub', 'cap', 'cav', 'prf', 'dpt', 'nbf', 'exp', 'jti', 'v']) || claims['v'] !== 1) {
    return malformed('the claims are not those of a version 1 delegation', 'exactly iss, aud, sub, cap, cav, prf, dpt, nbf, exp, jti and v 1');
  }
  const { iss, aud, sub, cap, cav, prf, dpt, nbf, exp, jti }: Fields = claims;
  const terms = parseCaveats(cav);
  if (!terms.ok) return terms;
  if (!isDid(iss) || !isDid(aud) || !isDid(sub)) return malformed('iss, aud or sub is not a DID', 'exactly one did:mesh each');
  if (!isStrings(cap) || cap.length < 1 || cap.length > capabilities_max) return malformed('cap is not a list of capabilities', `1 to ${capabilities_max} capabilities`);
  // One set of capabilities has one spelling.
  if (cap.some((text, index) => index > 0 && text <= (cap[index - 1] ?? ''))) return malformed('cap is not in order, each once', 'the capabilities in ascending order of their characters, each once');
  if ((prf !== null && !isHashText(prf)) || !isWhole(dpt) || !isWhole(nbf) || !isWhole(exp) || !isTokenId(jti)) {
    return malformed('a claim has the wrong form', 'prf a SHA-256 or null, dpt, nbf and exp whole numbers, jti 16 bytes, both in base64url');
  }
  const capabilities = parseCapabilities(cap);
  if (!capabilities.ok) return malformed(capabilities.failure.reason, capabilities.failure.fix, capabilities.failure);
  return ok({ iss, aud, sub, capabilities: capabilities.value, caveats: terms.value.stated, terms: terms.value, prf, dpt, nbf, exp, jti, token });
}

// What a token says never changes. Those that come again and again are the same objects, and so are their links.
const known = new RecentMap<Token, Result<Delegation>>(links_remembered_max);

function linkOf(text: string, index: number): Result<Delegation> {
  const token = decodeLastingToken(text, 'mesh-dlg+jwt');
  if (!token.ok) return refuseToken(index, token.failure);
  let link = known.get(token.value);
  if (link === undefined) {
    link = delegationOf(token.value);
    known.set(token.value, link);
  }
  return link.ok ? link : refuseAs(4, index, link.failure, form);
}

/**
 * Steps 1 to 5, link by link: size, encoding, header, claims and type. No
 * signature is checked; the result tells whose records are needed.
 *
 * Fails with `CHAIN_EMPTY`, `CHAIN_TOO_LONG`, `CHAIN_MALFORMED`,
 * `CHAIN_CAVEAT_UNKNOWN` or a `TOKEN_…` code.
 */
export function parseChain(tokens: readonly string[]): Result<readonly Delegation[]> {
  if (tokens.length === 0) return refuse(1, null, { code: 'CHAIN_EMPTY', reason: 'there is no link', fix: `1 to ${chain_links_max} links` });
  if (tokens.length > chain_links_max) {
    return refuse(1, null, { code: 'CHAIN_TOO_LONG', reason: `a chain has at most ${chain_links_max} links, this one ${tokens.length}`, fix: 'a delegation nearer to its root' });
  }
  const size = tokens.reduce((sum, token) => sum + token.length, 0);
  if (size > chain_bytes_max) {
    return refuse(1, null, { code: 'CHAIN_TOO_LONG', reason: `a chain has at most ${chain_bytes_max} bytes, this one ${size}`, fix: 'fewer links, or fewer capabilities in each' });
  }
  const links: Delegation[] = [];
  for (const [index, text] of tokens.entries()) {
    const link = linkOf(text, index);
    if (!link.ok) return link;
    links.push(link.value);
  }
  return ok(links);
}
