/**
 * The kinds of statements: what each one says, and the exact claims that it has.
 * Size, header and signature of the token around them are not looked at here.
 */
import { fromBase64url } from './bytes.ts';
import { hasShape, isWhole, type Fields } from './canonical.ts';
import { parseCapability } from './capability.ts';
import { isDid } from './did.ts';
import { packed_evidence_bytes_max } from './evidence-file.ts';
import { digest_bytes } from './hash.ts';
import { controllerOf } from './jwt.ts';
import type { PolicyBundle } from './policy-bundle.ts';
import { fail, ok, type Result } from './result.ts';

/** The highest weight of an endorsement: weights are thousandths. */
export const endorsement_weight_max = 1000;
/** The longest life of an endorsement. */
export const endorsement_lifetime_s_max: number = 90 * 86_400;
/** The longest token of an endorsement: two of them, as proof against their issuer, must fit into one more token. */
export const endorsement_bytes_max = 1280;
/** How long a revocation lives that concerns a single token: longer than any token. */
export const token_revocation_lifetime_s: number = 367 * 86_400;
/** How long a revocation lives that concerns a DID or a key, and a proof against a DID: longer than anybody who could remember it. */
export const lasting_revocation_lifetime_s: number = 36_525 * 86_400;
/** The longest life of a head: longer than a document of an agent is believed. */
export const head_lifetime_s_max: number = 72 * 3600;
const why_length_max = 200;
const key_id_length_max = 128;
const token_id_pattern = /^[A-Za-z0-9_-]{22}$/;
/** base64url characters of one event in a proof of duplicity; two of them fit into a token. */
const event_length_max = 1400;
/** base64url characters of packed evidence. */
const evidence_length_max: number = Math.ceil(packed_evidence_bytes_max * 4 / 3);

/** What every statement says. Times are Unix seconds. */
interface Said {
  readonly iss: string;
  readonly nbf: number;
  readonly exp: number;
  /** SHA-256 of the token in base64url. */
  readonly hash: string;
}

/** One DID's word for another. */
export interface Endorsement extends Said {
  readonly kind: 'endorsement';
  /** The DID that is endorsed. */
  readonly sub: string;
  /** `general`, or the verb of the capabilities that it is limited to. */
  readonly scope: string;
  /** Of two endorsements with one issuer, subject and scope the higher one holds. */
  readonly seq: number;
  /** 0 (withdrawn) to 1000. */
  readonly weight: number;
  readonly why: string;
}

/**
 * What a revocation takes away: a delegation (by the hash of its token), a
 * token (by its `jti`), a key (by its DID URL), a whole DID, an agent's right
 * to act (its kill), or a sponsor's answering for an agent.
 */
export type TargetKind = 'delegation' | 'token' | 'key' | 'did' | 'agent' | 'sponsorship';

/** What is revoked. */
export interface RevocationTarget {
  readonly kind: TargetKind;
  /** base64url hash, token id, DID URL or DID, as the kind demands. */
  readonly id: string;
}

/** The end of something. Whether the issuer had the authority is judged where it is used. */
export interface Revocation extends Said {
  readonly kind: 'revocation';
  readonly target: RevocationTarget;
  readonly seq: number;
  readonly why: string;
}

/** Which record of the issuer is its newest, so that nobody goes on with an older one. The newest number and sequence hold. */
export interface Head extends Said {
  readonly kind: 'head';
  /** The number of the record's newest establishment event. */
  readonly number: number;
  /** The sequence of the record's document. */
  readonly sequence: number;
  /** SHA-256 of the record in base64url. */
  readonly record: string;
}

/** Proof that a DID has signed two different establishment events of one number. Whoever reports it is the issuer. */
export interface DuplicityProof extends Said {
  readonly kind: 'duplicity';
  /** The DID that is accused. */
  readonly did: string;
  readonly number: number;
  /** base64url of the DAG-CBOR of each signed event, in ascending order of these texts. */
  readonly events: readonly [string, string];
}

/** Proof that a DID has signed two different endorsements under one sequence number, or policy bundles under one version. Whoever reports it is the issuer. */
export interface EquivocationProof extends Said {
  readonly kind: 'equivocation';
  /** The DID that is accused. */
  readonly sub: string;
  /** The two tokens, in ascending order. */
  readonly statements: readonly [string, string];
}

/** Proof that a host's audit log or its witness contradicted itself. Whoever reports it is the issuer. */
export interface AuditEvidence extends Said {
  readonly kind: 'audit-evidence';
  /** The DID of the host that is accused. */
  readonly sub: string;
  /** base64url of the packed evidence file. */
  readonly evidence: string;
}

/** Any statement. */
export type Statement = Endorsement | Revocation | Head | DuplicityProof | EquivocationProof | AuditEvidence | PolicyBundle;

const isTargetId: { readonly [kind in TargetKind]: (id: string) => boolean } = {
  delegation: isDigest,
  token: (id) => token_id_pattern.test(id),
  key: (id) => id.length <= key_id_length_max && id.includes('#') && isDid(controllerOf(id)),
  did: isDid,
  agent: isDid,
  sponsorship: isDid,
};

/** Whether a value is a SHA-256 in base64url. */
export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && value.length === 43 && fromBase64url(value)?.length === digest_bytes;
}

/** Whether a text names something that can be revoked. */
export function isTargetKind(kind: string): kind is TargetKind {
  return Object.hasOwn(isTargetId, kind);
}

/** Whether a value is a kind of target and an id of the form that the kind has. */
export function isTarget(value: unknown): value is RevocationTarget {
  if (!hasShape(value, ['kind', 'id'])) return false;
  const { kind, id }: Fields = value;
  return typeof kind === 'string' && isTargetKind(kind) && typeof id === 'string' && isTargetId[kind](id);
}

/** The life that a revocation of this kind must have, in seconds. */
export function revocationLifetime(kind: TargetKind): number {
  return kind === 'delegation' || kind === 'token' ? token_revocation_lifetime_s : lasting_revocation_lifetime_s;
}

/** Whether a text is a scope of endorsements: `general` or a verb. */
export function isScope(scope: string): boolean {
  return scope !== '*' && parseCapability(`${scope}:*`).ok;
}

// Control, format and surrogate characters would let the text of a stranger dress up a terminal or a log line.
function isWhy(value: unknown): value is string {
  return typeof value === 'string' && value.length <= why_length_max && /^\P{C}*$/u.test(value);
}

/** Two different texts of bounded length in ascending order, so that one pair has one spelling. */
function isPair(value: unknown, length_max: number): value is readonly [string, string] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [first, second]: readonly unknown[] = value;
  return typeof first === 'string' && typeof second === 'string' && first.length <= length_max && second.length <= length_max && first < second;
}

function malformed(reason: string): ReturnType<typeof fail> {
  return fail('STATEMENT_MALFORMED', reason);
}

/** The endorsement that claims of a token make. Fails with `STATEMENT_MALFORMED`. */
export function endorsementOf(claims: Fields, hash: string): Result<Endorsement> {
  if (!hasShape(claims, ['iss', 'sub', 'scope', 'seq', 'nbf', 'exp', 'weight', 'why', 'v']) || claims['v'] !== 1) {
    return malformed('the claims are not those of a version 1 endorsement');
  }
  const { iss, sub, scope, seq, nbf, exp, weight, why }: Fields = claims;
  if (!isDid(iss) || !isDid(sub)) return malformed('issuer and subject of an endorsement are DIDs');
  if (typeof scope !== 'string' || !isScope(scope)) return malformed('the scope of an endorsement is general or one verb');
  if (!isWhole(weight) || weight > endorsement_weight_max) return malformed(`the weight of an endorsement is a whole number from 0 to ${endorsement_weight_max}`);
  if (!isWhy(why)) return malformed(`the reason is printable text of at most ${why_length_max} characters`);
  if (!isWhole(seq) || !isWhole(nbf) || !isWhole(exp) || exp <= nbf || exp - nbf > endorsement_lifetime_s_max) {
    return malformed(`an endorsement has a whole seq and lives at most ${endorsement_lifetime_s_max} s`);
  }
  return ok({ kind: 'endorsement', iss, sub, scope, seq, nbf, exp, weight, why, hash });
}

/** The revocation that claims of a token make. Fails with `STATEMENT_MALFORMED`. */
export function revocationOf(claims: Fields, hash: string): Result<Revocation> {
  if (!hasShape(claims, ['iss', 'target', 'seq', 'nbf', 'exp', 'why', 'v']) || claims['v'] !== 1) {
    return malformed('the claims are not those of a version 1 revocation');
  }
  const { iss, target, seq, nbf, exp, why }: Fields = claims;
  if (!isDid(iss)) return malformed('the issuer of a revocation is a DID');
  if (!isTarget(target)) return malformed('the target of a revocation is a kind and an id of the form that the kind demands');
  if (!isWhy(why)) return malformed(`the reason is printable text of at most ${why_length_max} characters`);
  // One fixed life per kind: a short-lived revocation would undo itself.
  if (!isWhole(seq) || !isWhole(nbf) || !isWhole(exp) || exp - nbf !== revocationLifetime(target.kind)) {
    return malformed(`a revocation of this kind has a whole seq and lives exactly ${revocationLifetime(target.kind)} s`);
  }
  return ok({ kind: 'revocation', iss, target, seq, nbf, exp, why, hash });
}

/** The head that claims of a token make. Fails with `STATEMENT_MALFORMED`. */
export function headOf(claims: Fields, hash: string): Result<Head> {
  if (!hasShape(claims, ['iss', 'number', 'sequence', 'record', 'nbf', 'exp', 'v']) || claims['v'] !== 1) {
    return malformed('the claims are not those of a version 1 head');
  }
  const { iss, number, sequence, record, nbf, exp }: Fields = claims;
  if (!isDid(iss)) return malformed('the issuer of a head is the DID itself');
  if (!isWhole(number) || !isWhole(sequence) || !isDigest(record)) return malformed('a head has a whole number, a whole sequence and the hash of a record');
  if (!isWhole(nbf) || !isWhole(exp) || exp <= nbf || exp - nbf > head_lifetime_s_max) return malformed(`a head lives at most ${head_lifetime_s_max} s`);
  return ok({ kind: 'head', iss, number, sequence, record, nbf, exp, hash });
}

function lasts(nbf: unknown, exp: unknown): boolean {
  return isWhole(nbf) && isWhole(exp) && exp - nbf === lasting_revocation_lifetime_s;
}

/** The proof of duplicity that claims of a token make; what it proves is not looked at. Fails with `STATEMENT_MALFORMED`. */
export function duplicityOf(claims: Fields, hash: string): Result<DuplicityProof> {
  if (!hasShape(claims, ['iss', 'did', 'number', 'events', 'nbf', 'exp', 'v']) || claims['v'] !== 1) {
    return malformed('the claims are not those of a version 1 proof of duplicity');
  }
  const { iss, did, number, events, nbf, exp }: Fields = claims;
  if (!isDid(iss) || !isDid(did)) return malformed('the reporter and the accused of a proof are DIDs');
  if (!isWhole(number) || number < 1) return malformed('a DID has one genesis event by its name: duplicity begins with event 1');
  if (!isPair(events, event_length_max)) return malformed(`a proof of duplicity has two different events of at most ${event_length_max} characters in ascending order`);
  if (!isWhole(nbf) || !isWhole(exp) || !lasts(nbf, exp)) return malformed(`a proof lives exactly ${lasting_revocation_lifetime_s} s`);
  return ok({ kind: 'duplicity', iss, did, number, events, nbf, exp, hash });
}

/** The proof of equivocation that claims of a token make; what it proves is not looked at. Fails with `STATEMENT_MALFORMED`. */
export function equivocationOf(claims: Fields, hash: string): Result<EquivocationProof> {
  if (!hasShape(claims, ['iss', 'sub', 'statements', 'nbf', 'exp', 'v']) || claims['v'] !== 1) {
    return malformed('the claims are not those of a version 1 proof of equivocation');
  }
  const { iss, sub, statements, nbf, exp }: Fields = claims;
  if (!isDid(iss) || !isDid(sub)) return malformed('the reporter and the accused of a proof are DIDs');
  if (!isPair(statements, endorsement_bytes_max)) return malformed('a proof of equivocation has two different statements in ascending order');
  if (!isWhole(nbf) || !isWhole(exp) || !lasts(nbf, exp)) return malformed(`a proof lives exactly ${lasting_revocation_lifetime_s} s`);
  return ok({ kind: 'equivocation', iss, sub, statements, nbf, exp, hash });
}

/** The evidence about a log or a witness that claims of a token hold; what it proves is not looked at. Fails with `STATEMENT_MALFORMED`. */
export function auditEvidenceOf(claims: Fields, hash: string): Result<AuditEvidence> {
  if (!hasShape(claims, ['iss', 'sub', 'evidence', 'nbf', 'exp', 'v']) || claims['v'] !== 1) {
    return malformed('the claims are not those of version 1 audit evidence');
  }
  const { iss, sub, evidence, nbf, exp }: Fields = claims;
  if (!isDid(iss) || !isDid(sub)) return malformed('the reporter and the accused of evidence are DIDs');
  if (typeof evidence !== 'string' || evidence.length === 0 || evidence.length > evidence_length_max || fromBase64url(evidence) === undefined) {
    return malformed(`evidence is base64url of at most ${evidence_length_max} characters`);
  }
  if (!isWhole(nbf) || !isWhole(exp) || !lasts(nbf, exp)) return malformed(`evidence lives exactly ${lasting_revocation_lifetime_s} s`);
  return ok({ kind: 'audit-evidence', iss, sub, evidence, nbf, exp, hash });
}
