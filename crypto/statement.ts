/**
 * Statements: signed sentences of one DID that concern everybody, spread by
 * gossip and kept by every node. An endorsement may be replaced by its issuer
 * with a higher `seq`; a revocation is never replaced and never undone.
 *
 * A statement is a token ({@link Token}) with exactly the claims of its kind,
 * so that one statement has one accepted spelling and one hash.
 */
import { fromBase64url, toBase64url } from './bytes.ts';
import { hasShape, isWhole, type Fields } from './canonical.ts';
import { parseCapability } from './capability.ts';
import { isDid } from './did.ts';
import { digest_bytes } from './hash.ts';
import { controllerOf, createToken, decodeToken, type Token, type TokenSigner } from './jwt.ts';
import { fail, ok, type Result } from './result.ts';

/** The highest weight of an endorsement: weights are thousandths. */
export const endorsement_weight_max = 1000;
/** The longest life of an endorsement. */
export const endorsement_lifetime_s_max: number = 90 * 86_400;
/** How long a revocation lives that concerns a single token: longer than any token. */
export const token_revocation_lifetime_s: number = 367 * 86_400;
/** How long a revocation lives that concerns a DID or a key: longer than anybody who could remember it. */
export const lasting_revocation_lifetime_s: number = 36_525 * 86_400;
const why_length_max = 200;
const key_id_length_max = 128;
const token_id_pattern = /^[A-Za-z0-9_-]{22}$/;

/** One DID's word for another. Times are Unix seconds. */
export interface Endorsement {
  readonly kind: 'endorsement';
  readonly iss: string;
  /** The DID that is endorsed. */
  readonly sub: string;
  /** `general`, or the verb of the capabilities that it is limited to. */
  readonly scope: string;
  /** Of two endorsements with one issuer, subject and scope the higher one holds. */
  readonly seq: number;
  readonly nbf: number;
  readonly exp: number;
  /** 0 (withdrawn) to 1000. */
  readonly weight: number;
  readonly why: string;
  /** SHA-256 of the token in base64url. */
  readonly hash: string;
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

/** The end of something. Whether the issuer had the authority is judged where it is used. Times are Unix seconds. */
export interface Revocation {
  readonly kind: 'revocation';
  readonly iss: string;
  readonly target: RevocationTarget;
  readonly seq: number;
  readonly nbf: number;
  readonly exp: number;
  readonly why: string;
  /** SHA-256 of the token in base64url. */
  readonly hash: string;
}

/** Any statement. */
export type Statement = Endorsement | Revocation;

/** A well-formed statement and the token that says it; its signature is not checked yet. */
export interface ParsedStatement {
  readonly statement: Statement;
  readonly token: Token;
}

const isTargetId: { readonly [kind in TargetKind]: (id: string) => boolean } = {
  delegation: (id) => fromBase64url(id)?.length === digest_bytes,
  token: (id) => token_id_pattern.test(id),
  key: (id) => id.length <= key_id_length_max && id.includes('#') && isDid(controllerOf(id)),
  did: isDid,
  agent: isDid,
  sponsorship: isDid,
};

/** Whether a text names something that can be revoked. */
export function isTargetKind(kind: string): kind is TargetKind {
  return Object.hasOwn(isTargetId, kind);
}

function isTarget(value: unknown): value is RevocationTarget {
  if (!hasShape(value, ['kind', 'id'])) return false;
  const { kind, id }: Fields = value;
  return typeof kind === 'string' && Object.hasOwn(isTargetId, kind) && typeof id === 'string'
    && Object.entries(isTargetId).some(([name, is]) => name === kind && is(id));
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

function malformed(reason: string): ReturnType<typeof fail> {
  return fail('STATEMENT_MALFORMED', reason);
}

function endorsementOf(claims: Fields, hash: string): Result<Endorsement> {
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

function revocationOf(claims: Fields, hash: string): Result<Revocation> {
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
  const hash = toBase64url(token.value.hash);
  const { type } = token.value;
  if (type !== 'mesh-endorse+jwt' && type !== 'mesh-revoke+jwt') {
    return fail('TOKEN_TYPE', 'a statement is a mesh-endorse+jwt or a mesh-revoke+jwt');
  }
  const statement = type === 'mesh-endorse+jwt' ? endorsementOf(token.value.claims, hash) : revocationOf(token.value.claims, hash);
  return statement.ok ? ok({ statement: statement.value, token: token.value }) : statement;
}

/** What an endorser decides; the issuer is the signer. */
export type EndorsementPlan = Pick<Endorsement, 'sub' | 'scope' | 'seq' | 'nbf' | 'exp' | 'weight' | 'why'>;

/** Signs an endorsement. Fails with `STATEMENT_MALFORMED` where no peer would take it. */
export async function signEndorsement(signer: TokenSigner, plan: EndorsementPlan): Promise<Result<string>> {
  const { sub, scope, seq, nbf, exp, weight, why } = plan;
  const claims = { sub, scope, seq, nbf, exp, weight, why, v: 1 };
  const checked = endorsementOf({ ...claims, iss: controllerOf(signer.key_id) }, '');
  return checked.ok ? ok(await createToken('mesh-endorse+jwt', signer, claims)) : checked;
}

/** What a revoker decides; the issuer is the signer, the life follows from the target. */
export type RevocationPlan = Pick<Revocation, 'target' | 'seq' | 'nbf' | 'why'>;

/** Signs a revocation. Fails with `STATEMENT_MALFORMED` where no peer would take it. */
export async function signRevocation(signer: TokenSigner, plan: RevocationPlan): Promise<Result<string>> {
  const { target, seq, nbf, why } = plan;
  const claims = { target: { kind: target.kind, id: target.id }, seq, nbf, exp: nbf + revocationLifetime(target.kind), why, v: 1 };
  const checked = revocationOf({ ...claims, iss: controllerOf(signer.key_id) }, '');
  return checked.ok ? ok(await createToken('mesh-revoke+jwt', signer, claims)) : checked;
}
