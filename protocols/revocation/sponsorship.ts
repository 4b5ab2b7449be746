/**
 * Sponsorship: a human or an organisation that answers for an agent. The
 * agent's genesis event names the sponsor, the sponsor's attestation confirms
 * it for at most 90 days, and a revocation ends it at once.
 */
import { assert } from '../../crypto/assert.ts';
import { toBase64url } from '../../crypto/bytes.ts';
import { hasShape, isWhole, type Fields } from '../../crypto/canonical.ts';
import { isDid } from '../../crypto/did.ts';
import { keyFor, type DidRecord } from '../../crypto/did-record.ts';
import { checkWindow, createToken, decodeLastingToken, verifyToken, type TokenSigner } from '../../crypto/jwt.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Revocation, TargetKind } from '../../crypto/statement.ts';
import { attestation_lifetime_s_max, role_length_max } from './constants.ts';

const token_id_bytes = 16;
const token_id_pattern = /^[A-Za-z0-9_-]{22}$/;
const role_pattern = /^\P{C}+$/u;

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
}

/** The sponsor's token that it answers for an agent. The plan's bounds are the caller's promise. */
export function attestSponsorship(signer: TokenSigner, agent_did: string, plan: AttestationPlan): Promise<string> {
  assert(isDid(agent_did), 'a sponsor answers for a DID');
  assert(plan.lifetime_s >= 1 && plan.lifetime_s <= attestation_lifetime_s_max, 'an attestation lives at most 90 days');
  assert(plan.role.length <= role_length_max && role_pattern.test(plan.role), 'a role is 1 to 64 printable characters');
  assert(plan.jti.length === token_id_bytes, 'a token id has 16 bytes');
  return createToken('mesh-sponsor+jwt', signer, {
    sub: agent_did, role: plan.role, nbf: plan.now_s, exp: plan.now_s + plan.lifetime_s, jti: toBase64url(plan.jti), v: 1,
  });
}

function isRevoked(evidence: SponsorshipEvidence, kind: TargetKind, id: string, issuer: string): boolean {
  return evidence.revocation(kind, id, issuer) !== undefined;
}

function withdrawn(reason: string): ReturnType<typeof fail> {
  return fail('SPONSOR_WITHDRAWN', reason, { fix: 'the agent needs a new identity under a sponsor who answers for it' });
}

/** The sponsor of an agent, if it may be one at all. */
function checkSponsor(agent: DidRecord, evidence: SponsorshipEvidence): Result<DidRecord> {
  const { sponsor, did } = agent;
  if (sponsor === null) return fail('SPONSOR_MISSING', `${did} names no sponsor`);
  if (sponsor === did) return fail('SPONSOR_SELF', `${did} names itself as its sponsor`);
  if (isRevoked(evidence, 'sponsorship', did, sponsor)) return withdrawn(`${sponsor} no longer answers for ${did}`);
  const record = evidence.record(sponsor);
  if (record === undefined) {
    return fail('SPONSOR_UNKNOWN', `the record of the sponsor ${sponsor} is not known`, { fix: 'connect to a peer that has it' });
  }
  if (record.kind !== 'human' && record.kind !== 'org') {
    return fail('SPONSOR_KIND', `the sponsor of ${did} is ${record.kind === 'agent' ? 'an agent' : 'a node'}, not a human or an organisation`);
  }
  if (record.document.deactivated || isRevoked(evidence, 'did', sponsor, sponsor)) return withdrawn(`the sponsor ${sponsor} is deactivated or revoked`);
  return ok(record);
}

/** Whether one token is this sponsor's valid attestation of this agent. */
function checkAttestation(text: string, agent: DidRecord, sponsor: DidRecord, evidence: SponsorshipEvidence): Result<void> {
  const forged = (reason: string): ReturnType<typeof fail> => fail('SPONSOR_FORGED', reason);
  const token = decodeLastingToken(text, 'mesh-sponsor+jwt');
  if (!token.ok) return forged(`the attestation is no token of a sponsor: ${token.failure.reason}`);
  const { claims } = token.value;
  if (!hasShape(claims, ['iss', 'sub', 'role', 'nbf', 'exp', 'jti', 'v']) || claims['v'] !== 1) return forged('the claims are not those of a version 1 attestation');
  const { iss, sub, role, nbf, exp, jti }: Fields = claims;
  if (iss !== sponsor.did || sub !== agent.did) return forged('the attestation is by another sponsor or for another agent');
  if (typeof role !== 'string' || role.length > role_length_max || !role_pattern.test(role) || typeof jti !== 'string' || !token_id_pattern.test(jti)
    || !isWhole(nbf) || !isWhole(exp) || exp <= nbf || exp - nbf > attestation_lifetime_s_max) {
    return forged('a claim of the attestation has the wrong form, or it lives longer than 90 days');
  }
  const key = keyFor(sponsor, token.value.key_id, 'assertionMethod');
  if (key === undefined || !verifyToken(token.value, key)) return forged(`the attestation is not signed with a key of ${sponsor.did}`);
  if (isRevoked(evidence, 'key', token.value.key_id, sponsor.did)) return withdrawn(`${sponsor.did} revoked the key that signed its attestation of ${agent.did}`);
  if (isRevoked(evidence, 'token', jti, sponsor.did)) return withdrawn(`${sponsor.did} revoked its attestation of ${agent.did}`);
  const window = checkWindow({ nbf, exp }, evidence.now_s);
  if (!window.ok) return fail('SPONSOR_EXPIRED', `the attestation is not in force: ${window.failure.reason}`, { fix: 'its sponsor must attest again' });
  return ok(undefined);
}

// A failure that says more about the agent comes first.
const severity: readonly string[] = ['SPONSOR_WITHDRAWN', 'SPONSOR_EXPIRED', 'SPONSOR_FORGED'];

/**
 * Why nobody answers for an agent, if so; other kinds of DIDs need no sponsor.
 * Codes: `SPONSOR_MISSING`, `SPONSOR_SELF`, `SPONSOR_WITHDRAWN`,
 * `SPONSOR_UNKNOWN`, `SPONSOR_KIND`, `SPONSOR_EXPIRED`, `SPONSOR_FORGED`.
 */
export function unsponsored(record: DidRecord, evidence: SponsorshipEvidence): Failure | undefined {
  if (record.kind !== 'agent') return undefined;
  const sponsor = checkSponsor(record, evidence);
  if (!sponsor.ok) return sponsor.failure;
  let worst: Failure = { code: 'SPONSOR_MISSING', reason: `no attestation by ${sponsor.value.did} came with the record of ${record.did}`, fix: 'its sponsor must attest it' };
  for (const text of record.attestations) {
    const attestation = checkAttestation(text, record, sponsor.value, evidence);
    if (attestation.ok) return undefined;
    const { failure } = attestation;
    if (worst.code === 'SPONSOR_MISSING' || severity.indexOf(failure.code) < severity.indexOf(worst.code)) worst = failure;
  }
  return worst;
}
