/**
 * Sponsorship: who answers for an agent. The agent's genesis event names the
 * sponsor, the sponsor's attestation confirms it for at most 90 days, and a
 * revocation ends it at once. A human may in turn be answered for by an
 * organisation, in the same way; nobody stands above an organisation.
 */
import { assert } from '../../crypto/assert.ts';
import { fromBase64url, toBase64url } from '../../crypto/bytes.ts';
import { hasShape, isWhole, type Fields } from '../../crypto/canonical.ts';
import { isDid } from '../../crypto/did.ts';
import type { DidKind } from '../../crypto/did-events.ts';
import { keyFor, type DidRecord } from '../../crypto/did-record.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { checkWindow, createToken, decodeLastingToken, verifyToken, type Token, type TokenSigner } from '../../crypto/jwt.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Revocation, TargetKind } from '../../crypto/statement.ts';
import { attestation_lifetime_s_max, role_length_max } from './constants.ts';

const token_id_bytes = 16;
const token_id_pattern = /^[A-Za-z0-9_-]{22}$/;
const role_pattern = /^\P{C}+$/u;
/** Who may answer for whom. */
const sponsor_kinds: { readonly [kind in DidKind]: readonly DidKind[] } = { agent: ['human', 'org'], human: ['org'], org: [], node: [] };
const kind_words: { readonly [kind in DidKind]: string } = { agent: 'an agent', human: 'a human', org: 'an organisation', node: 'a node' };

/** What is known when a sponsorship is judged. */
export interface SponsorshipEvidence {
  readonly now_s: number;
  /** The verified record of a DID, if it is known. */
  record(did: string): DidRecord | undefined;
  /** A DID's revocation of a target, if there is one. */
  revocation(kind: TargetKind, id: string, issuer: string): Revocation | undefined;
}

/** What a sponsor attests. Times are Unix seconds. */
export interface AttestationPlan {
  /** In what capacity the sponsor answers: 1 to 64 printable characters. */
  readonly role: string;
  /** 1 to {@link attestation_lifetime_s_max}. */
  readonly lifetime_s: number;
  readonly now_s: number;
  /** 16 random bytes: the token's id. */
  readonly jti: Uint8Array;
  /** SHA-256 of what the sponsor went by, a contract or a ticket; the document itself stays with the sponsor. */
  readonly evidence?: Uint8Array;
}

/** What an attestation says. Times are Unix seconds. */
export interface Attestation {
  readonly token: Token;
  readonly iss: string;
  readonly sub: string;
  readonly role: string;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  /** base64url SHA-256 of the sponsor's evidence, where it names any. */
  readonly evd: string | undefined;
}

/** Whether a party of one kind may answer for one of another. */
export function mayAnswerFor(sponsor: DidKind, subject: DidKind): boolean {
  return sponsor_kinds[subject].includes(sponsor);
}

/** Whether this can be a role: 1 to 64 printable characters. */
export function isRole(role: unknown): role is string {
  return typeof role === 'string' && role.length <= role_length_max && role_pattern.test(role);
}

/**
 * The sponsor's token that it answers for an agent, or an organisation's for a
 * human. It names the DID and no event of it: the DID is the hash of the genesis
 * event, which binds kind and sponsor for ever, and a rotation of the agent's
 * keys must not end what the sponsor said. The plan's bounds are the caller's promise.
 */
export function attestSponsorship(signer: TokenSigner, agent_did: string, plan: AttestationPlan): Promise<string> {
  assert(isDid(agent_did), 'a sponsor answers for a DID');
  assert(plan.lifetime_s >= 1 && plan.lifetime_s <= attestation_lifetime_s_max, 'an attestation lives at most 90 days');
  assert(isRole(plan.role), 'a role is 1 to 64 printable characters');
  assert(plan.jti.length === token_id_bytes, 'a token id has 16 bytes');
  assert(plan.evidence === undefined || plan.evidence.length === digest_bytes, 'evidence is named by its SHA-256');
  return createToken('mesh-sponsor+jwt', signer, {
    sub: agent_did, role: plan.role, nbf: plan.now_s, exp: plan.now_s + plan.lifetime_s, jti: toBase64url(plan.jti), v: 1,
    ...(plan.evidence === undefined ? {} : { evd: toBase64url(plan.evidence) }),
  });
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && fromBase64url(value)?.length === digest_bytes;
}

/** Takes an attestation apart: its type, its claims and their bounds; whose key signed it is not checked. Fails with `SPONSOR_FORGED`. */
export function parseAttestation(text: string): Result<Attestation> {
  const forged = (reason: string): ReturnType<typeof fail> => fail('SPONSOR_FORGED', reason, { fix: 'its sponsor must attest again' });
  const token = decodeLastingToken(text, 'mesh-sponsor+jwt');
  if (!token.ok) return forged(`the attestation is no token of a sponsor: ${token.failure.reason}`);
  const { claims } = token.value;
  if (!hasShape(claims, ['iss', 'sub', 'role', 'nbf', 'exp', 'jti', 'v'], ['evd']) || claims['v'] !== 1) return forged('the claims are not those of a version 1 attestation');
  const { iss, sub, role, nbf, exp, jti, evd }: Fields = claims;
  const are_names = isDid(iss) && isDid(sub) && isRole(role) && typeof jti === 'string' && token_id_pattern.test(jti) && (evd === undefined || isDigest(evd));
  if (!are_names || !isWhole(nbf) || !isWhole(exp) || exp <= nbf || exp - nbf > attestation_lifetime_s_max) {
    return forged('a claim of the attestation has the wrong form, or it lives longer than 90 days');
  }
  return ok({ token: token.value, iss, sub, role, nbf, exp, jti, evd });
}

function isRevoked(evidence: SponsorshipEvidence, kinds: readonly TargetKind[], id: string, issuers: readonly (string | null)[]): boolean {
  return issuers.some((issuer) => issuer !== null && kinds.some((kind) => evidence.revocation(kind, id, issuer) !== undefined));
}

function withdrawn(reason: string): ReturnType<typeof fail> {
  return fail('SPONSOR_WITHDRAWN', reason, { fix: 'the agent needs a new identity under a sponsor who answers for it' });
}

/** The sponsor of an agent or a human, if it may be one at all. */
function checkSponsor(subject: DidRecord, evidence: SponsorshipEvidence, below: readonly string[]): Result<DidRecord> {
  const { sponsor, did, kind } = subject;
  if (sponsor === null) return fail('SPONSOR_MISSING', `${did} names no sponsor`, { fix: 'an agent is made under a human or an organisation' });
  if (sponsor === did) return fail('SPONSOR_SELF', `${did} names itself as its sponsor`, { fix: 'somebody else must answer for it' });
  // A DID is the hash of an event that holds the sponsor, so that no ring can be made; should it ever be, this walk still ends.
  if (below.includes(sponsor)) return fail('SPONSOR_CYCLE', `${did} names as its sponsor ${sponsor}, for whom it answers itself`, { fix: 'somebody outside the ring must answer' });
  if (kind === 'org') return fail('SPONSOR_DEPTH', `the organisation ${did} names a sponsor, and nobody stands above an organisation`, { fix: 'organisation, human, agent: no more levels' });
  if (isRevoked(evidence, ['sponsorship'], did, [sponsor])) return withdrawn(`${sponsor} no longer answers for ${did}`);
  const record = evidence.record(sponsor);
  if (record === undefined) {
    return fail('SPONSOR_UNKNOWN', `the record of the sponsor ${sponsor} is not known`, { fix: 'connect to a peer that has it, or take in what the sponsor signs: agentmesh sponsor request' });
  }
  const allowed = sponsor_kinds[kind];
  if (!allowed.includes(record.kind)) {
    return fail('SPONSOR_KIND', `the sponsor of ${did} is ${kind_words[record.kind]}, not ${allowed.map((name) => kind_words[name]).join(' or ')}`, { fix: 'organisation, human, agent: each answers for the next' });
  }
  if (record.document.deactivated) return fail('SPONSOR_DEACTIVATED', `the sponsor ${sponsor} is deactivated`, { fix: 'the agent needs a new identity under a sponsor who answers for it' });
  if (isRevoked(evidence, ['did', 'agent'], sponsor, [sponsor, record.sponsor])) return withdrawn(`the sponsor ${sponsor} is revoked`);
  return ok(record);
}

/** Whether one token is this sponsor's valid attestation of this subject. */
function checkAttestation(text: string, subject: DidRecord, sponsor: DidRecord, evidence: SponsorshipEvidence): Result<void> {
  const parsed = parseAttestation(text);
  if (!parsed.ok) return parsed;
  const { token, iss, sub, nbf, jti } = parsed.value;
  const forged = (reason: string): ReturnType<typeof fail> => fail('SPONSOR_FORGED', reason, { fix: 'its sponsor must attest again' });
  if (iss !== sponsor.did || sub !== subject.did) return forged('the attestation is by another sponsor or for another agent');
  // By its date: a planned rotation of the sponsor's keys takes back nothing that was signed before.
  const key = keyFor(sponsor, token.key_id, 'assertionMethod', nbf);
  if (key === undefined || !verifyToken(token, key)) return forged(`the attestation is not signed with a key of ${sponsor.did}`);
  if (isRevoked(evidence, ['key'], token.key_id, [sponsor.did, sponsor.sponsor])) return withdrawn(`the key is revoked with which ${sponsor.did} signed its attestation of ${subject.did}`);
  if (isRevoked(evidence, ['token'], jti, [sponsor.did, sponsor.sponsor])) return withdrawn(`the attestation of ${subject.did} by ${sponsor.did} is revoked`);
  const window = checkWindow(parsed.value, evidence.now_s);
  if (!window.ok) return fail('SPONSOR_EXPIRED', `the attestation of ${subject.did} is not in force: ${window.failure.reason}`, { fix: 'its sponsor must attest again: agentmesh sponsor renew' });
  return ok(undefined);
}

// A failure that says more about the agent comes first.
const severity: readonly string[] = ['SPONSOR_WITHDRAWN', 'SPONSOR_EXPIRED', 'SPONSOR_FORGED'];

/** Whether a sponsor attests a subject now: one good attestation of those in its record is enough. */
function checkAttestations(subject: DidRecord, sponsor: DidRecord, evidence: SponsorshipEvidence): Result<void> {
  let worst: Failure = { code: 'SPONSOR_MISSING', reason: `no attestation by ${sponsor.did} came with the record of ${subject.did}`, fix: 'its sponsor must attest it' };
  for (const text of subject.attestations) {
    const attestation = checkAttestation(text, subject, sponsor, evidence);
    if (attestation.ok) return attestation;
    const { failure } = attestation;
    if (worst.code === 'SPONSOR_MISSING' || severity.indexOf(failure.code) < severity.indexOf(worst.code)) worst = failure;
  }
  return { ok: false, failure: worst };
}

/** One level of accountability: who answers for whom, and why not, if so. */
export interface Accountability {
  readonly subject: DidRecord;
  /** The sponsor's DID; `null` where nobody needs to answer. */
  readonly sponsor: string | null;
  readonly failure: Failure | undefined;
}

/**
 * Who answers for whom, from an agent up to a human or an organisation that
 * answers for itself. The walk ends at the first level that fails.
 */
export function accountability(record: DidRecord, evidence: SponsorshipEvidence): readonly Accountability[] {
  const levels: Accountability[] = [];
  const below: string[] = [];
  let subject: DidRecord | undefined = record;
  while (subject !== undefined) {
    const { kind, sponsor: named, did }: DidRecord = subject;
    if (kind === 'node' || (named === null && kind !== 'agent')) {
      levels.push({ subject, sponsor: null, failure: undefined });
      return levels;
    }
    const sponsor: Result<DidRecord> = checkSponsor(subject, evidence, below);
    const checked: Result<unknown> = sponsor.ok ? checkAttestations(subject, sponsor.value, evidence) : sponsor;
    levels.push({ subject, sponsor: named, failure: checked.ok ? undefined : { ...checked.failure, detail: { did, sponsor: named } } });
    below.push(did);
    subject = checked.ok && sponsor.ok ? sponsor.value : undefined;
  }
  return levels;
}

/**
 * Why nobody answers for an agent, if so, or for the human behind it; the detail
 * names the level. Nodes, organisations and humans who name no sponsor answer for
 * themselves. Codes: `SPONSOR_MISSING`, `SPONSOR_SELF`, `SPONSOR_CYCLE`, `SPONSOR_DEPTH`,
 * `SPONSOR_UNKNOWN`, `SPONSOR_KIND`, `SPONSOR_DEACTIVATED`, `SPONSOR_WITHDRAWN`,
 * `SPONSOR_EXPIRED`, `SPONSOR_FORGED`.
 */
export function unsponsored(record: DidRecord, evidence: SponsorshipEvidence): Failure | undefined {
  return accountability(record, evidence).at(-1)?.failure;
}

/** Who says in a record to answer for a node; whether they do is for {@link operatorOf} to judge. */
export function claimedOperators(node: DidRecord): readonly string[] {
  return node.attestations.flatMap((text) => {
    const parsed = parseAttestation(text);
    return parsed.ok ? [parsed.value.iss] : [];
  });
}

/**
 * The human or organisation that answers for a node, if one does. A node names
 * none in its genesis event: its owner may attest it at any time, and what counts
 * is one attestation in its record that holds now.
 */
export function operatorOf(node: DidRecord, evidence: SponsorshipEvidence): string | undefined {
  if (node.kind !== 'node') return undefined;
  return claimedOperators(node).find((did) => {
    const operator = evidence.record(did);
    if (operator === undefined || operator.document.deactivated || (operator.kind !== 'human' && operator.kind !== 'org')) return false;
    if (isRevoked(evidence, ['sponsorship'], node.did, [did]) || isRevoked(evidence, ['did', 'agent'], did, [did, operator.sponsor])) return false;
    return checkAttestations(node, operator, evidence).ok;
  });
}
