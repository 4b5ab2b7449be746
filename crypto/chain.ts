/**
 * Delegation chains: authority that starts at an accountable sponsor and can
 * only narrow on its way. Decided offline from the tokens, the records of the
 * DIDs in them and the revocations that are known; the failure names the step
 * and the link. Steps as numbered in {@link step_names}, cheapest first, so
 * that a hostile chain is refused before it costs a signature check.
 */
import { assert } from './assert.ts';
import { toBase64url } from './bytes.ts';
import { firstWidened, narrows } from './capability.ts';
import { combine, inherit, no_terms, tightens, widenedCaveat, type Terms } from './caveats.ts';
import { links_remembered_max, type Chain, type Delegation } from './delegation.ts';
import { checkIssuer, checkKeyRevocation, checkSignature, type Evidence, type Signer, type Signing } from './evidence.ts';
import { checkWindow } from './jwt.ts';
import { RecentMap } from './recent.ts';
import { ok, type Result } from './result.ts';
import { refuse, refuseAs } from './steps.ts';

export { chain_links_max, type Caveats } from './caveats.ts';
export { chain_bytes_max, parseChain, type Chain, type Delegation } from './delegation.ts';
export type { Evidence } from './evidence.ts';
export { invocation_lifetime_s_max, parseInvocation, verifyInvocation, type Invocation } from './invocation.ts';

const delegation_lifetime_s_max = 366 * 86_400;

/** A link with what stands above it. */
interface Position {
  readonly link: Delegation;
  readonly index: number;
  readonly above: readonly Delegation[];
  readonly parent: Delegation | undefined;
}

function checkRoot({ link, index, parent }: Position): Result<void> {
  if (parent !== undefined || (link.iss === link.sub && link.prf === null && link.dpt === 0)) return ok(undefined);
  return refuse(6, index, { code: 'CHAIN_ROOT', reason: 'the first link is not the sponsor\'s own: iss must equal sub, prf be null and dpt 0', fix: 'the whole chain, from the sponsor\'s own delegation on' });
}

function checkRootKind({ link, index, parent }: Position, evidence: Evidence): Result<void> {
  const kind = parent === undefined ? evidence.record(link.iss)?.kind : undefined;
  // Of an unknown root nothing can be said yet; it is refused with the other issuers.
  if (kind === undefined || kind === 'human' || kind === 'org') return ok(undefined);
  return refuse(6, index, { code: 'CHAIN_ROOT', reason: `authority starts at a human or an organisation, not at ${kind === 'agent' ? 'an agent' : 'a node'}`, fix: 'a delegation that a sponsor issued' });
}

function checkSplice({ link, index, parent }: Position): Result<void> {
  if (parent === undefined) return ok(undefined);
  const spliced = (reason: string): ReturnType<typeof refuse> => refuse(7, index, { code: 'CHAIN_SPLICED', reason, fix: 'the links as they were issued, one under the other' });
  if (link.prf !== toBase64url(parent.token.hash)) return spliced('it was not issued under the link before it');
  if (link.iss !== parent.aud) return spliced(`it is issued by ${link.iss}, but the link before was given to ${parent.aud}`);
  if (link.sub !== parent.sub || link.dpt !== parent.dpt + 1) return spliced('root authority or depth do not continue the link before');
  return ok(undefined);
}

function checkLoop({ link, index, above }: Position): Result<void> {
  if (link.iss !== link.aud && above.every((earlier) => earlier.iss !== link.aud)) return ok(undefined);
  return refuse(8, index, { code: 'CHAIN_LOOP', reason: `${link.aud} already stands above this link`, fix: 'a holder who does not stand in the chain yet' });
}

function checkLife({ link, index, parent }: Position): Result<void> {
  const expiry = (reason: string, fix: string): ReturnType<typeof refuse> => refuse(9, index, { code: 'CHAIN_EXPIRY', reason, fix });
  if (link.exp <= link.nbf || link.exp - link.nbf > delegation_lifetime_s_max) {
    return expiry('its life is empty or longer than a year', `exp after nbf, at most ${delegation_lifetime_s_max} s`);
  }
  if (parent !== undefined && (link.exp > parent.exp || link.nbf < parent.nbf)) {
    return expiry('it is valid outside the time of the link above', `nbf from ${parent.nbf} and exp up to ${parent.exp}`);
  }
  return ok(undefined);
}

function checkNow({ link, index }: Position, now_s: number): Result<void> {
  const window = checkWindow(link, now_s);
  if (window.ok) return window;
  const code = window.failure.code === 'TOKEN_EXPIRED' ? 'CHAIN_EXPIRED' : 'CHAIN_NOT_YET_VALID';
  return refuse(9, index, { code, reason: window.failure.reason, fix: code === 'CHAIN_EXPIRED' ? 'ask the issuer for a new delegation' : 'the same later, or a delegation that holds now' });
}

function checkNarrowing({ link, index, parent }: Position, above: Terms): Result<void> {
  if (parent === undefined) return ok(undefined);
  const widened = firstWidened(parent.capabilities, link.capabilities);
  if (widened !== undefined) {
    return refuse(10, index, {
      code: 'CHAIN_WIDENED', reason: `${widened.text} is not contained in the link above`, fix: `any of ${parent.capabilities.map(({ text }) => text).join(', ')} or less`,
    });
  }
  const inherited = inherit(above);
  if (inherited === undefined) {
    return refuse(10, index, { code: 'CHAIN_TOO_DEEP', reason: 'the link above may not be delegated further', fix: `a command of ${parent.aud} itself, or a delegation with a larger max_depth` });
  }
  const looser = widenedCaveat(inherited, link.terms);
  if (looser !== undefined) return refuse(10, index, looser);
  const tighter = link.exp < parent.exp || link.nbf > parent.nbf || narrows(parent.capabilities, link.capabilities) || tightens(inherited, link.terms);
  if (!tighter) {
    return refuse(10, index, { code: 'CHAIN_NOT_NARROWED', reason: 'it passes on everything that it was given', fix: 'delegate fewer capabilities, a shorter time or a tighter caveat' });
  }
  return ok(undefined);
}

function termsBelow({ link, parent }: Position, above: Terms): Terms {
  return combine(parent === undefined ? no_terms : inherit(above) ?? no_terms, link.terms);
}

/** What is remembered of a link that was good below this parent. */
interface Verified {
  readonly parent: Delegation | undefined;
  readonly terms: Terms;
  /** What was known, and when, as the link and its issuer last were found good: neither changes within a second. */
  held?: { readonly state: object; readonly now_s: number };
  /** The chain that it ends, once all of it was good. */
  chain?: Chain;
}

// The verified beginnings of chains. A link is an object of its own as long as it is remembered, and
// a beginning is known only below the very parent that it was verified under, so nothing can be
// put in the place of what was verified.
const verified = new RecentMap<Delegation, Verified>(links_remembered_max);

function positionsOf(links: readonly Delegation[]): readonly Position[] {
  return links.map((link, index) => ({ link, index, above: links.slice(0, index), parent: links[index - 1] }));
}

/** How many links from the root on are known to fit together. */
function knownLength(links: readonly Delegation[]): number {
  let parent: Delegation | undefined;
  for (const [index, link] of links.entries()) {
    const known = verified.get(link);
    if (known === undefined || known.parent !== parent) return index;
    parent = link;
  }
  return links.length;
}

function firstRefusal(positions: readonly Position[], check: (position: Position) => Result<void>): Result<void> {
  for (const position of positions) {
    const checked = check(position);
    if (!checked.ok) return checked;
  }
  return ok(undefined);
}

/** Steps 6 to 10: what depends on the tokens alone only from the link `from` on. What passes is remembered. */
function checkForm(positions: readonly Position[], from: number, evidence: Evidence): Result<void> {
  const rest = positions.slice(from);
  const steps: readonly (readonly [readonly Position[], (position: Position) => Result<void>])[] = [
    [rest, checkRoot], [positions, (position) => checkRootKind(position, evidence)], [rest, checkSplice], [rest, checkLoop],
    [rest, checkLife], [positions, (position) => checkNow(position, evidence.now_s)],
  ];
  for (const [subjects, check] of steps) {
    const checked = firstRefusal(subjects, check);
    if (!checked.ok) return checked;
  }
  const parent = rest[0]?.parent;
  const above = parent === undefined ? undefined : verified.get(parent);
  assert(parent === undefined || above !== undefined, 'what stands above an unknown link is known');
  let terms = above?.terms ?? no_terms;
  return firstRefusal(rest, (position) => {
    const narrowing = checkNarrowing(position, terms);
    if (!narrowing.ok) return narrowing;
    terms = termsBelow(position, terms);
    verified.set(position.link, { parent: position.parent, terms });
    return narrowing;
  });
}

/** Steps 11 to 13 for links that nobody found good in this second under what is known now. */
function checkStanding(positions: readonly Position[], evidence: Evidence): Result<void> {
  const revocation = firstRefusal(positions, ({ link, index, above }) => {
    const revoked = evidence.revoked(link, above);
    return revoked === undefined ? checkKeyRevocation(signingOf(link, index), evidence) : refuseAs(11, index, revoked, 'a delegation that is not revoked');
  });
  if (!revocation.ok) return revocation;
  const signers = new Map<Position, Signer>();
  const issuers = firstRefusal(positions, (position) => {
    const signer = checkIssuer(signingOf(position.link, position.index), evidence);
    if (signer.ok) signers.set(position, signer.value);
    return signer.ok ? ok(undefined) : signer;
  });
  if (!issuers.ok) return issuers;
  for (const [{ link, index }, signer] of signers) {
    const signature = checkSignature(signingOf(link, index), signer);
    if (!signature.ok) return signature;
  }
  return ok(undefined);
}

function signingOf(link: Delegation, index: number): Signing {
  return { token: link.token, place: index, use: 'capabilityDelegation', dated_s: link.nbf };
}

function hasHeld(link: Delegation, { state, now_s }: Evidence): boolean {
  const held = verified.get(link)?.held;
  return held !== undefined && held.state === state && held.now_s === now_s;
}

function remember(links: readonly Delegation[], { state, now_s }: Evidence): void {
  if (state === undefined) return;
  for (const link of links) {
    const known = verified.get(link);
    if (known !== undefined) known.held = { state, now_s };
  }
}

/** The chain as its links say; a matter of the tokens alone, like what is remembered of its last link. */
function chainOf(links: readonly Delegation[], first: Delegation, last: Delegation): Chain {
  const known = verified.get(last);
  // Without its terms a chain would have no caveats: that must not be a matter of what is remembered.
  assert(known !== undefined, 'a link that was just verified is remembered');
  known.chain ??= {
    links, root: first.sub, holder: last.aud, capabilities: last.capabilities, caveats: known.terms.stated,
    exp: Math.min(...links.map((link) => link.exp)), hash: last.token.hash,
  };
  return known.chain;
}

/**
 * Steps 6 to 13 over parsed links, each for every link before the next: root,
 * splice, loops, times, narrowing, revocations, then issuers, and signatures
 * last. What depends on the tokens alone is not checked again for a beginning
 * of a chain that passed, and the rest not again within a second in which
 * nothing became known.
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
  if (first === undefined || last === undefined) return refuse(1, null, { code: 'CHAIN_EMPTY', reason: 'there is no link', fix: 'at least one link' });
  const known = knownLength(links);
  if (known === links.length && links.every((link) => hasHeld(link, evidence))) return ok(chainOf(links, first, last));
  const positions = positionsOf(links);
  const formed = checkForm(positions, known, evidence);
  if (!formed.ok) return formed;
  const standing = checkStanding(positions.filter(({ link }) => !hasHeld(link, evidence)), evidence);
  if (!standing.ok) return standing;
  remember(links, evidence);
  return ok(chainOf(links, first, last));
}
