/**
 * Statements: signed sentences of one DID that concern everybody, spread by
 * gossip and kept by every node. An endorsement or a policy bundle may be replaced
 * by its issuer with a higher `seq`, a head by a newer one; revocations and proofs are never
 * replaced by their issuer and never undone.
 *
 * A statement is a token ({@link Token}) with exactly the claims of its kind,
 * so that one statement has one accepted spelling and one hash.
 */
import { equal, fromBase64url, fromUtf8, toBase64url } from './bytes.ts';
import { isFields, type Fields } from './canonical.ts';
import { methodId } from './did-events.ts';
import { keyFor, type DidRecord } from './did-record.ts';
import { misdeeds, packEvidence, statedEvidence, unpackEvidence, verifyEvidence, type VerifiedEvidence } from './fork-evidence.ts';
import { controllerOf, createToken, decodeToken, token_bytes_max, verifyToken, type Token, type TokenSigner, type TokenType } from './jwt.ts';
import { bundlesContradict, policyBundleOf, type PolicyBundle } from './policy-bundle.ts';
import { fail, ok, type Result } from './result.ts';
import {
  auditEvidenceOf, duplicityOf, endorsement_bytes_max, endorsementOf, equivocationOf, headOf, lasting_revocation_lifetime_s, revocationLifetime, revocationOf,
  type AuditEvidence, type DuplicityProof, type Endorsement, type EquivocationProof, type Head, type Revocation, type Statement,
} from './statement-kinds.ts';

export {
  endorsement_bytes_max, endorsement_lifetime_s_max, endorsement_weight_max, head_lifetime_s_max, isTarget, isTargetKind, lasting_revocation_lifetime_s,
  revocationLifetime, token_revocation_lifetime_s,
  type AuditEvidence, type DuplicityProof, type Endorsement, type EquivocationProof, type Head, type Revocation, type RevocationTarget, type Statement, type TargetKind,
} from './statement-kinds.ts';

/** A well-formed statement and the token that says it; its signature is not checked yet. */
export interface ParsedStatement {
  readonly statement: Statement;
  readonly token: Token;
}

const statements_by_type: { readonly [type: string]: (claims: Fields, hash: string) => Result<Statement> } = {
  'mesh-endorse+jwt': endorsementOf,
  'mesh-revoke+jwt': revocationOf,
  'mesh-head+jwt': headOf,
  'mesh-duplicity+jwt': duplicityOf,
  'mesh-equivocation+jwt': equivocationOf,
  'mesh-audit-evidence+jwt': auditEvidenceOf,
  'mesh-bundle+jwt': policyBundleOf,
};

function statementOf(type: string, claims: Fields, hash: string, bytes: number): Result<Statement> {
  const of = Object.hasOwn(statements_by_type, type) ? statements_by_type[type] : undefined;
  if (of === undefined) return fail('TOKEN_TYPE', `a statement is one of ${Object.keys(statements_by_type).join(', ')}`);
  const statement = of(claims, hash);
  if (statement.ok && statement.value.kind === 'endorsement' && bytes > endorsement_bytes_max) {
    return fail('STATEMENT_MALFORMED', `an endorsement has at most ${endorsement_bytes_max} bytes, this one ${bytes}`, { fix: 'give a shorter reason' });
  }
  return statement;
}

/**
 * Size, encoding and shape of a statement's token. Signature and time are the
 * receiver's to check.
 *
 * Fails with `TOKEN_TOO_LARGE`, `TOKEN_MALFORMED`, `TOKEN_HEADER`, `TOKEN_TYPE`
 * (the token is no statement) or `STATEMENT_MALFORMED`.
 */
export function parseStatement(text: string): Result<ParsedStatement> {
  const token = decodeToken(text);
  if (!token.ok) return token;
  const { type, claims, hash } = token.value;
  const statement = statementOf(type, claims, toBase64url(hash), text.length);
  return statement.ok ? ok({ statement: statement.value, token: token.value }) : statement;
}

function fieldsOf(part: string | undefined): Fields {
  const text = part === undefined ? undefined : fromUtf8(Buffer.from(part, 'base64url'));
  const value: unknown = text === undefined ? undefined : JSON.parse(text);
  return isFields(value) ? value : {};
}

/**
 * What a token says that was admitted before, for reading many of them back:
 * the caller has compared its hash, and its spelling was checked then. `undefined`
 * where it is no statement.
 */
export function readStatement(text: string, hash: string): Statement | undefined {
  try {
    const [header, claims] = text.split('.');
    const { typ } = fieldsOf(header);
    const statement = typeof typ === 'string' ? statementOf(typ, fieldsOf(claims), hash, text.length) : undefined;
    return statement?.ok === true ? statement.value : undefined;
  } catch {
    return undefined;
  }
}

async function sign(type: TokenType, signer: TokenSigner, claims: Fields): Promise<Result<string>> {
  const checked = statementOf(type, { ...claims, iss: controllerOf(signer.key_id) }, '', 0);
  if (!checked.ok) return checked;
  const text = await createToken(type, signer, claims);
  if (text.length > token_bytes_max) return fail('STATEMENT_MALFORMED', `a statement has at most ${token_bytes_max} bytes, this one ${text.length}`);
  const parsed = statementOf(type, { ...claims, iss: controllerOf(signer.key_id) }, '', text.length);
  return parsed.ok ? ok(text) : parsed;
}

/** What an endorser decides; the issuer is the signer. */
export type EndorsementPlan = Pick<Endorsement, 'sub' | 'scope' | 'seq' | 'nbf' | 'exp' | 'weight' | 'why'>;

/** Signs an endorsement. Fails with `STATEMENT_MALFORMED` where no peer would take it. */
export function signEndorsement(signer: TokenSigner, plan: EndorsementPlan): Promise<Result<string>> {
  const { sub, scope, seq, nbf, exp, weight, why } = plan;
  return sign('mesh-endorse+jwt', signer, { sub, scope, seq, nbf, exp, weight, why, v: 1 });
}

/** What a revoker decides; the issuer is the signer, the life follows from the target. */
export type RevocationPlan = Pick<Revocation, 'target' | 'seq' | 'nbf' | 'why'>;

/** Signs a revocation. Fails with `STATEMENT_MALFORMED` where no peer would take it. */
export function signRevocation(signer: TokenSigner, plan: RevocationPlan): Promise<Result<string>> {
  const { target, seq, nbf, why } = plan;
  return sign('mesh-revoke+jwt', signer, { target: { kind: target.kind, id: target.id }, seq, nbf, exp: nbf + revocationLifetime(target.kind), why, v: 1 });
}

/** What a head says; the issuer is the signer. */
export type HeadPlan = Pick<Head, 'number' | 'sequence' | 'record' | 'nbf' | 'exp'>;

/** Signs which record of the signer's DID is the newest. Fails with `STATEMENT_MALFORMED` where no peer would take it. */
export function signHead(signer: TokenSigner, plan: HeadPlan): Promise<Result<string>> {
  const { number, sequence, record, nbf, exp } = plan;
  return sign('mesh-head+jwt', signer, { number, sequence, record, nbf, exp, v: 1 });
}

function pairOf(a: string, b: string): readonly [string, string] {
  return a < b ? [a, b] : [b, a];
}

/** What is reported of a DID; the encoded events, in any order. */
export type DuplicityPlan = Pick<DuplicityProof, 'did' | 'number' | 'nbf'> & { readonly events: readonly [Uint8Array, Uint8Array] };

/** Signs a report of two events of one number. Fails with `STATEMENT_MALFORMED` where no peer would take it: events of many keys do not fit. */
export function signDuplicity(signer: TokenSigner, plan: DuplicityPlan): Promise<Result<string>> {
  const { did, number, nbf, events: [a, b] } = plan;
  return sign('mesh-duplicity+jwt', signer, { did, number, events: pairOf(toBase64url(a), toBase64url(b)), nbf, exp: nbf + lasting_revocation_lifetime_s, v: 1 });
}

/** What an organisation decides; the issuer is the signer. */
export type PolicyBundlePlan = Pick<PolicyBundle, 'scope' | 'seq' | 'digest' | 'bytes' | 'nbf' | 'exp'>;

/** Signs that a bundle of policies is in force. Fails with `STATEMENT_MALFORMED` where no peer would take it. */
export function signPolicyBundle(signer: TokenSigner, plan: PolicyBundlePlan): Promise<Result<string>> {
  const { scope, seq, digest, bytes, nbf, exp } = plan;
  return sign('mesh-bundle+jwt', signer, { scope, seq, digest, bytes, nbf, exp, v: 1 });
}

/** What is reported of a DID; the two tokens, in any order. */
export type EquivocationPlan = Pick<EquivocationProof, 'sub' | 'nbf' | 'statements'>;

/** Signs a report of two statements under one `seq`. Fails with `STATEMENT_MALFORMED` where no peer would take it. */
export function signEquivocation(signer: TokenSigner, plan: EquivocationPlan): Promise<Result<string>> {
  const { sub, nbf, statements: [a, b] } = plan;
  return sign('mesh-equivocation+jwt', signer, { sub, statements: pairOf(a, b), nbf, exp: nbf + lasting_revocation_lifetime_s, v: 1 });
}

/** What is reported of a log or a witness: an evidence file, and the time of the report. */
export interface AuditEvidencePlan {
  readonly evidence: Uint8Array;
  readonly nbf: number;
}

/** Signs a report of evidence. Fails with `EVIDENCE_INVALID`, `EVIDENCE_TOO_LARGE`, or `STATEMENT_MALFORMED` where the accused is no DID of ours. */
export async function signAuditEvidence(signer: TokenSigner, { evidence, nbf }: AuditEvidencePlan): Promise<Result<string>> {
  const verified = verifyEvidence(evidence);
  if (!verified.ok) return verified;
  const packed = packEvidence(evidence);
  if (!packed.ok) return packed;
  const { did } = verified.value.accused;
  return sign('mesh-audit-evidence+jwt', signer, { sub: did, evidence: toBase64url(packed.value), nbf, exp: nbf + lasting_revocation_lifetime_s, v: 1 });
}

/**
 * The key with which a DID signs statements under this key id, or signed them at
 * `dated_s`. The id must be made of the key ({@link methodId}): else one id could
 * mean two keys in two records, and honest peers would call each other's
 * statements forged.
 */
export function statementKey(record: DidRecord, key_id: string, dated_s: number): Uint8Array | undefined {
  const key = keyFor(record, key_id, 'assertionMethod', dated_s);
  return key !== undefined && key_id === `${record.did}#${methodId(key)}` ? key : undefined;
}

/** Whether two statements of one issuer say different things where only one can hold: endorsements of one subject and scope under one `seq`, policy bundles of one name under one version. */
export function contradict(a: Statement, b: Statement): boolean {
  if (a.kind === 'policy-bundle' && b.kind === 'policy-bundle') return bundlesContradict(a, b);
  return a.kind === 'endorsement' && b.kind === 'endorsement' && a.iss === b.iss && a.sub === b.sub && a.scope === b.scope && a.seq === b.seq && a.hash !== b.hash;
}

/**
 * Whether a proof of equivocation proves what it says, given the record of the
 * accused: both are its statements, properly signed, and they {@link contradict}
 * each other.
 *
 * Fails with `STATEMENT_UNPROVEN` (no honest peer keeps it), or with
 * `STATEMENT_KEY_UNKNOWN` where the record does not have the key that signed.
 */
export function verifyEquivocation(record: DidRecord, proof: EquivocationProof): Result<void> {
  const unproven = (reason: string): ReturnType<typeof fail> => fail('STATEMENT_UNPROVEN', reason);
  const said: Statement[] = [];
  for (const text of proof.statements) {
    const parsed = parseStatement(text);
    if (!parsed.ok) return unproven(`a statement of the proof is none: ${parsed.failure.reason}`);
    const { statement, token } = parsed.value;
    if (statement.iss !== proof.sub || record.did !== proof.sub) return unproven('a statement of the proof is none of the accused');
    const key = statementKey(record, token.key_id, statement.nbf);
    if (key === undefined) return fail('STATEMENT_KEY_UNKNOWN', `${token.key_id} is not a key with which ${proof.sub} makes statements`);
    if (!verifyToken(token, key)) return unproven('the accused did not sign a statement of the proof');
    said.push(statement);
  }
  const [a, b] = said;
  return a !== undefined && b !== undefined && contradict(a, b) ? ok(undefined) : unproven('the two statements do not contradict each other');
}

/** The evidence file that a statement carries, unverified. Fails with `EVIDENCE_INVALID`. */
export function evidenceFileOf({ evidence }: AuditEvidence): Result<Uint8Array> {
  return unpackEvidence(fromBase64url(evidence) ?? new Uint8Array());
}

/** What a host is accused of by evidence that was admitted, in words: `its audit log signed …`. */
export function misdeedOf(statement: AuditEvidence): string {
  const file = evidenceFileOf(statement);
  const stated = file.ok ? statedEvidence(file.value) : undefined;
  if (stated === undefined) return 'its audit log contradicted itself';
  const { kind } = stated;
  return `its ${kind === 'same-size' || kind === 'leaf-conflict' ? 'audit log' : 'witness'} ${misdeeds[kind]}`;
}

/**
 * Whether the key that evidence is about is the accused host's: its record lists
 * that very key as the key of its log or of its witness, now or formerly. Anybody
 * can name a log after a DID and sign with a key of his own, so nothing else counts.
 * Fails with `STATEMENT_KEY_UNKNOWN`.
 */
export function checkAccused(record: DidRecord, { accused }: VerifiedEvidence): Result<void> {
  const { document, did } = record;
  const is_listed = did === accused.did
    && [...document.methods, ...document.retired].some(({ key, uses }) => uses.includes(accused.role) && equal(key, accused.public_key));
  return is_listed ? ok(undefined) : fail('STATEMENT_KEY_UNKNOWN', `the record of ${accused.did} does not list the accused key as that of its ${accused.role}`);
}

/**
 * What a statement of evidence proves, as far as its file says: it verifies, and
 * is about the host that is accused. Whether the key is that host's, its record
 * says ({@link checkAccused}). Fails with `STATEMENT_UNPROVEN`: no honest peer keeps it.
 */
export function openAuditEvidence(statement: AuditEvidence): Result<VerifiedEvidence> {
  const file = evidenceFileOf(statement);
  const verified = file.ok ? verifyEvidence(file.value) : file;
  if (!verified.ok) return fail('STATEMENT_UNPROVEN', verified.failure.reason, { cause: verified.failure });
  if (verified.value.accused.did !== statement.sub) return fail('STATEMENT_UNPROVEN', 'the evidence is about another host than the one that is accused');
  return verified;
}
