/**
 * Delegation chains: authority that starts at an accountable sponsor and can
 * only narrow on its way. Decided offline from the tokens, the records of the
 * DIDs in them and the revocations that are known; the failure names the step
 * and the link. Steps as numbered in ARCHITECTURE.md, cheapest first, so that
 * a hostile chain is refused before it costs a signature check.
 */
import { equal, fromBase64url, toBase64url } from './bytes.ts';
import { capabilities_max, contains, firstWidened, narrows, parseCapabilities, parseCapability, type Capability } from './capability.ts';
import { hasShape, isFields, isStrings, isWhole, type Fields } from './canonical.ts';
import { isDid } from './did.ts';
import { keyFor, type DidRecord, type KeyUse } from './did-record.ts';
import { digest_bytes } from './hash.ts';
import { checkWindow, decodeLastingToken, decodeToken, verifyToken, type Token } from './jwt.ts';
import { fail, ok, type Failure, type Result } from './result.ts';

/** Links in one chain. */
export const chain_links_max = 8;
/** Bytes of all tokens of a chain together. */
export const chain_bytes_max = 16_384;
/** The longest life of an invocation. */
export const invocation_lifetime_s_max = 120;
const delegation_lifetime_s_max = 366 * 86_400;
const token_id_pattern = /^[A-Za-z0-9_-]{22}$/;

/** What a link may add to narrow its holder. An absent caveat is inherited from the link above. */
export interface Caveats {
  /** How many further links may follow this one. */
  readonly max_depth?: number;
  /** The trust score that the invoker must have at the executor, 0..1000. */
  readonly trust?: number;
}

/** One verified link's claims. Times are Unix seconds. */
export interface Delegation {
  readonly iss: string;
  readonly aud: string;
  /** The root authority, equal in every link. */
  readonly sub: string;
  readonly capabilities: readonly Capability[];
  readonly caveats: Caveats;
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

/** An invocation's claims: the command that the holder of a chain, or an agent in its own name, gives. */
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

/** What a verifier knows when it decides. Nothing here asks the network. */
export interface Evidence {
  readonly now_s: number;
  /** The verified record of a DID, if it is known. */
  record(did: string): DidRecord | undefined;
  /** Why this link does not hold any more, if somebody with authority over it revoked it. `above` are the links before it. */
  revoked(link: Delegation, above: readonly Delegation[]): Failure | undefined;
  /** Why nobody may sign with this key any more, if its DID or the sponsor of its DID revoked it. */
  revokedKey(key_id: string): Failure | undefined;
  /** Why the sponsor does not answer for an agent, if so. */
  unsponsored(record: DidRecord): Failure | undefined;
}

function refuse(step: number, link: number | 'invocation' | null, code: string, reason: string, more: { fix?: string; cause?: Failure } = {}): ReturnType<typeof fail> {
  const where = link === null ? '' : link === 'invocation' ? 'invocation: ' : `link ${link}: `;
  return fail(code, `${where}${reason}`, { ...more, detail: { step, link } });
}

function isCaveats(value: unknown): value is Caveats {
  return hasShape(value, [], ['max_depth', 'trust'])
    && (value['max_depth'] === undefined || isWhole(value['max_depth']))
    && (value['trust'] === undefined || (isWhole(value['trust']) && value['trust'] <= 1000));
}

function isHashText(value: unknown): value is string {
  return typeof value === 'string' && fromBase64url(value)?.length === digest_bytes;
}

function delegationOf(token: Token, link: number): Result<Delegation> {
  const { claims } = token;
  if (!hasShape(claims, ['iss', 'aud', 'sub', 'cap', 'cav', 'prf', 'dpt', 'nbf', 'exp', 'jti', 'v']) || claims['v'] !== 1) {
    return refuse(4, link, 'CHAIN_MALFORMED', 'the claims are not those of a version 1 delegation');
  }
  const { iss, aud, sub, cap, cav, prf, dpt, nbf, exp, jti }: Fields = claims;
  if (isFields(cav) && !isCaveats(cav)) {
    return refuse(4, link, 'CHAIN_CAVEAT_UNKNOWN', `a caveat of ${Object.keys(cav).join(', ')} is unknown or malformed, and what is not understood is not granted`);
  }
  if (!isDid(iss) || !isDid(aud) || !isDid(sub) || !isStrings(cap) || cap.length < 1 || cap.length > capabilities_max || !isCaveats(cav)
    || (prf !== null && !isHashText(prf)) || !isWhole(dpt) || !isWhole(nbf) || !isWhole(exp)
    || typeof jti !== 'string' || !token_id_pattern.test(jti)) {
    return refuse(4, link, 'CHAIN_MALFORMED', 'a claim has the wrong form');
  }
  const capabilities = parseCapabilities(cap);
  if (!capabilities.ok) return refuse(4, link, 'CHAIN_MALFORMED', capabilities.failure.reason, { cause: capabilities.failure });
  return ok({ iss, aud, sub, capabilities: capabilities.value, caveats: cav, prf, dpt, nbf, exp, jti, token });
}

/**
 * Steps 1 to 5: size, encoding, header, claims and type of each link. No
 * signature is checked; the result tells whose records are needed.
 */
export function parseChain(tokens: readonly string[]): Result<readonly Delegation[]> {
  if (tokens.length === 0) return refuse(1, null, 'CHAIN_EMPTY', 'there is no link');
  if (tokens.length > chain_links_max) return refuse(1, null, 'CHAIN_TOO_LONG', `a chain has at most ${chain_links_max} links, this one ${tokens.length}`);
  const size = tokens.reduce((sum, token) => sum + token.length, 0);
  if (size > chain_bytes_max) return refuse(1, null, 'CHAIN_TOO_LONG', `a chain has at most ${chain_bytes_max} bytes, this one ${size}`);
  const links: Delegation[] = [];
  for (const [index, text] of tokens.entries()) {
    const token = decodeLastingToken(text, 'mesh-dlg+jwt');
    if (!token.ok) return refuse(2, index, token.failure.code, token.failure.reason, { cause: token.failure });
    const link = delegationOf(token.value, index);
    if (!link.ok) return link;
    links.push(link.value);
  }
  return ok(links);
}

function checkSplice(link: Delegation, index: number, parent: Delegation | undefined): Result<void> {
  if (parent === undefined) {
    if (link.iss !== link.sub || link.prf !== null || link.dpt !== 0) {
      return refuse(6, index, 'CHAIN_ROOT', 'the first link is not the sponsor\'s own: iss must equal sub, prf be null and dpt 0');
    }
    return ok(undefined);
  }
  if (link.prf !== toBase64url(parent.token.hash)) return refuse(7, index, 'CHAIN_SPLICED', 'it was not issued under the link before it');
  if (link.iss !== parent.aud) return refuse(7, index, 'CHAIN_SPLICED', `it is issued by ${link.iss}, but the link before was given to ${parent.aud}`);
  if (link.sub !== parent.sub || link.dpt !== parent.dpt + 1) return refuse(7, index, 'CHAIN_SPLICED', 'root authority or depth do not continue the link before');
  return ok(undefined);
}

function checkTimes(link: Delegation, index: number, parent: Delegation | undefined, now_s: number): Result<void> {
  if (link.exp <= link.nbf || link.exp - link.nbf > delegation_lifetime_s_max) return refuse(9, index, 'CHAIN_EXPIRY', 'its life is empty or longer than a year');
  if (parent !== undefined && (link.exp > parent.exp || link.nbf < parent.nbf)) {
    return refuse(9, index, 'CHAIN_EXPIRY', 'it is valid outside the time of the link above', { fix: `nbf from ${parent.nbf} and exp up to ${parent.exp}` });
  }
  const window = checkWindow(link, now_s);
  if (!window.ok) {
    const code = window.failure.code === 'TOKEN_EXPIRED' ? 'CHAIN_EXPIRED' : 'CHAIN_NOT_YET_VALID';
    return refuse(9, index, code, window.failure.reason, { fix: 'ask the issuer for a new delegation' });
  }
  return ok(undefined);
}

function checkNarrowing(link: Delegation, index: number, parent: Delegation | undefined, inherited: Caveats): Result<void> {
  if (parent === undefined) return ok(undefined);
  const widened = firstWidened(parent.capabilities, link.capabilities);
  if (widened !== undefined) {
    return refuse(10, index, 'CHAIN_WIDENED', `${widened.text} is not contained in the link above`, {
      fix: `any of ${parent.capabilities.map((capability) => capability.text).join(', ')} or less`,
    });
  }
  const depth_left = inherited.max_depth;
  if (depth_left !== undefined && depth_left < 1) return refuse(10, index, 'CHAIN_TOO_DEEP', 'the link above may not be delegated further');
  if (depth_left !== undefined && link.caveats.max_depth !== undefined && link.caveats.max_depth >= depth_left) {
    return refuse(10, index, 'CHAIN_WIDENED', `max_depth ${link.caveats.max_depth} is not below the ${depth_left} of the link above`);
  }
  if (inherited.trust !== undefined && link.caveats.trust !== undefined && link.caveats.trust < inherited.trust) {
    return refuse(10, index, 'CHAIN_WIDENED', `trust ${link.caveats.trust} is below the ${inherited.trust} that the link above demands`);
  }
  const tighter = link.exp < parent.exp || link.nbf > parent.nbf || narrows(parent.capabilities, link.capabilities)
    || (link.caveats.max_depth !== undefined && link.caveats.max_depth < (depth_left ?? chain_links_max) - 1)
    || (link.caveats.trust ?? 0) > (inherited.trust ?? 0);
  if (!tighter) {
    return refuse(10, index, 'CHAIN_NOT_NARROWED', 'it passes on everything that it was given', {
      fix: 'delegate fewer capabilities, a shorter time or a tighter caveat',
    });
  }
  return ok(undefined);
}

/** The caveats in force below a link: its own where it has them, else the inherited ones, one level less deep. */
function combine(inherited: Caveats, own: Caveats): Caveats {
  const depth_left = inherited.max_depth === undefined ? undefined : inherited.max_depth - 1;
  const max_depth = own.max_depth ?? depth_left;
  const trust = own.trust ?? inherited.trust;
  return { ...(max_depth === undefined ? {} : { max_depth }), ...(trust === undefined ? {} : { trust }) };
}

function checkSigner(token: Token, link: number | 'invocation', use: KeyUse, evidence: Evidence): Result<DidRecord> {
  const issuer = String(token.claims['iss']);
  const record = evidence.record(issuer);
  if (record === undefined) return refuse(12, link, 'CHAIN_ISSUER_UNKNOWN', `the record of ${issuer} is not known`, { fix: 'send the record along, or connect to a peer that has it' });
  if (record.document.deactivated) return refuse(12, link, 'CHAIN_ISSUER_DEACTIVATED', `${issuer} is deactivated`);
  const unsponsored = evidence.unsponsored(record);
  if (unsponsored !== undefined) return refuse(12, link, unsponsored.code, unsponsored.reason, { cause: unsponsored });
  const revoked = evidence.revokedKey(token.key_id);
  if (revoked !== undefined) return refuse(11, link, revoked.code, revoked.reason, { cause: revoked });
  const key = keyFor(record, token.key_id, use);
  if (key === undefined) return refuse(12, link, 'CHAIN_KEY_UNKNOWN', `${token.key_id} is not a key that ${issuer} may use so now`);
  if (!verifyToken(token, key)) return refuse(13, link, 'CHAIN_FORGED', `the signature is not that of ${issuer}`);
  return ok(record);
}

/**
 * Steps 6 to 13 over parsed links: splice, loops, times, narrowing, revocation,
 * then records and signatures.
 *
 * Fails with `CHAIN_ROOT`, `CHAIN_SPLICED`, `CHAIN_LOOP`, `CHAIN_EXPIRY`,
 * `CHAIN_EXPIRED`, `CHAIN_NOT_YET_VALID`, `CHAIN_WIDENED`, `CHAIN_NOT_NARROWED`,
 * `CHAIN_TOO_DEEP`, `REVOKED`, `CHAIN_ISSUER_UNKNOWN`,
 * `CHAIN_ISSUER_DEACTIVATED`, a `SPONSOR_…` code, `CHAIN_KEY_UNKNOWN` or `CHAIN_FORGED`;
 * `detail` names `step` and `link`.
 */
export function verifyChain(links: readonly Delegation[], evidence: Evidence): Result<Chain> {
  const first = links[0];
  const last = links.at(-1);
  if (first === undefined || last === undefined) return refuse(1, null, 'CHAIN_EMPTY', 'there is no link');
  let parent: Delegation | undefined;
  let caveats: Caveats = {};
  for (const [index, link] of links.entries()) {
    const splice = checkSplice(link, index, parent);
    if (!splice.ok) return splice;
    if (links.slice(0, index + 1).some((earlier) => earlier.iss === link.aud)) {
      return refuse(8, index, 'CHAIN_LOOP', `${link.aud} already stands above this link`);
    }
    const times = checkTimes(link, index, parent, evidence.now_s);
    if (!times.ok) return times;
    const narrowing = checkNarrowing(link, index, parent, caveats);
    if (!narrowing.ok) return narrowing;
    caveats = parent === undefined ? link.caveats : combine(caveats, link.caveats);
    parent = link;
  }
  for (const [index, link] of links.entries()) {
    const revoked = evidence.revoked(link, links.slice(0, index));
    if (revoked !== undefined) return refuse(11, index, revoked.code, revoked.reason, { cause: revoked });
  }
  for (const [index, link] of links.entries()) {
    const signer = checkSigner(link.token, index, 'capabilityDelegation', evidence);
    if (!signer.ok) return signer;
    if (index === 0 && signer.value.kind !== 'human' && signer.value.kind !== 'org') {
      return refuse(6, index, 'CHAIN_ROOT', `authority starts at a human or an organisation, not at ${signer.value.kind === 'agent' ? 'an agent' : 'a node'}`);
    }
  }
  return ok({
    links, root: first.sub, holder: last.aud, capabilities: last.capabilities, caveats,
    exp: Math.min(...links.map((link) => link.exp)), hash: last.token.hash,
  });
}

/** The claims of an invocation token; its signature is checked by {@link verifyInvocation}. */
export function parseInvocation(text: string): Result<Invocation> {
  const token = decodeToken(text, 'mesh-inv+jwt');
  if (!token.ok) return refuse(2, 'invocation', token.failure.code, token.failure.reason, { cause: token.failure });
  const { claims } = token.value;
  if (!hasShape(claims, ['iss', 'aud', 'sub', 'cmd', 'args_h', 'prf', 'nonce', 'iat', 'exp', 'chl', 'v']) || claims['v'] !== 1) {
    return refuse(4, 'invocation', 'INVOCATION_MALFORMED', 'the claims are not those of a version 1 invocation');
  }
  const { iss, aud, sub, cmd, args_h, prf, nonce, iat, exp, chl }: Fields = claims;
  if (!isDid(iss) || !isDid(aud) || !isDid(sub) || typeof cmd !== 'string' || !isHashText(args_h) || (prf !== null && !isHashText(prf))
    || typeof nonce !== 'string' || !token_id_pattern.test(nonce) || !isWhole(iat) || !isWhole(exp) || typeof chl !== 'string' || chl.length > 64) {
    return refuse(4, 'invocation', 'INVOCATION_MALFORMED', 'a claim has the wrong form');
  }
  const command = parseCapability(cmd);
  if (!command.ok || command.value.verb === '*' || command.value.path.some((segment) => segment.startsWith('*'))) {
    return refuse(4, 'invocation', 'INVOCATION_MALFORMED', 'a command names one verb and one resource, without wildcards');
  }
  return ok({ iss, aud, sub, command: command.value, args_h, prf, nonce, iat, exp, chl, token: token.value });
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

/**
 * Step 14 and the invoker's signature: audience, holder, command within the
 * chain, life of at most 120 s, the very arguments. Whether the nonce is new is
 * for the executor's store to say.
 *
 * Fails with an `INVOCATION_…`, `CHAIN_…` or `SPONSOR_…` code, or `REVOKED`.
 */
export function verifyInvocation(invocation: Invocation, context: InvocationContext, evidence: Evidence): Result<DidRecord> {
  const refused = (code: string, reason: string, fix?: string): ReturnType<typeof fail> =>
    refuse(14, 'invocation', code, reason, fix === undefined ? {} : { fix });
  const { chain } = context;
  if (invocation.aud !== context.executor) return refused('INVOCATION_AUDIENCE', `it is addressed to ${invocation.aud}`);
  if (invocation.chl !== context.session) return refused('INVOCATION_SESSION', 'it was made for another session', 'shake hands again');
  if (invocation.exp <= invocation.iat || invocation.exp - invocation.iat > invocation_lifetime_s_max) {
    return refused('INVOCATION_LIFETIME', `an invocation lives at most ${invocation_lifetime_s_max} s`);
  }
  const window = checkWindow({ nbf: invocation.iat, exp: invocation.exp }, evidence.now_s);
  if (!window.ok) return refused('INVOCATION_EXPIRED', window.failure.reason, 'send a new invocation');
  const claimed = fromBase64url(invocation.args_h);
  if (claimed === undefined || !equal(claimed, context.args_hash)) return refused('INVOCATION_ARGUMENTS', 'the arguments are not the ones that were signed');
  if (chain === undefined) {
    if (invocation.prf !== null || invocation.sub !== invocation.iss) return refused('INVOCATION_CHAIN', 'the chain that it refers to did not come with it');
  } else {
    if (invocation.prf !== toBase64url(chain.hash) || invocation.sub !== chain.root) return refused('INVOCATION_CHAIN', 'it refers to another chain');
    if (invocation.iss !== chain.holder) return refused('INVOCATION_HOLDER', `the chain was given to ${chain.holder}, not to ${invocation.iss}`);
    if (!chain.capabilities.some((capability) => contains(capability, invocation.command))) {
      return refused('CHAIN_EXCEEDED', `${invocation.command.text} is not among what was delegated`, `any of ${chain.capabilities.map((capability) => capability.text).join(', ')}`);
    }
  }
  return checkSigner(invocation.token, 'invocation', 'capabilityInvocation', evidence);
}
