/**
 * Signed tokens: JSON Web Tokens (RFC 7519) in JWS compact form (RFC 7515),
 * narrowed until one signed statement has exactly one accepted spelling.
 *
 * did-jwt creates them; it never decides on one. Its verifier accepts nested
 * and mismatched tokens, so {@link decodeToken} and {@link verifyToken} are the gate.
 */
import { createJWS } from 'did-jwt';
import { base64urlView, equal, fromBase64url, toBase64url, utf8 } from './bytes.ts';
import { parseCanonicalJson, isFields, type Fields } from './canonical.ts';
import { sha256Text } from './hash.ts';
import { verifySignature, type SigningKey } from './keys.ts';
import { RecentMap } from './recent.ts';
import { fail, ok, type Failure, type Result } from './result.ts';

/** The longest token that is ever looked at. */
export const token_bytes_max = 4096;
const header_bytes_max = 512;
const clock_skew_s = 30;
const verified_tokens_max = 4096;
const decoded_tokens_max = 4096;
const malformed_tokens_max = 1024;
const headers_max = 4096;

/** The token types of this project, as they stand in the header's `typ`. */
export type TokenType =
  | 'mesh-dlg+jwt'
  | 'mesh-inv+jwt'
  | 'mesh-rcpt+jwt'
  | 'mesh-done+jwt'
  | 'mesh-sponsor+jwt'
  | 'mesh-endorse+jwt'
  | 'mesh-revoke+jwt'
  | 'mesh-head+jwt'
  | 'mesh-duplicity+jwt'
  | 'mesh-equivocation+jwt'
  | 'mesh-audit-evidence+jwt'
  | 'mesh-bundle+jwt'
  | 'mesh-approval+jwt'
  | 'mesh-tool+jwt';

/** A token that is well-formed but whose signature nobody has checked yet. */
export interface Token {
  readonly text: string;
  readonly type: string;
  /** The DID URL of the verification method that is said to have signed. */
  readonly key_id: string;
  /** The claims, not yet checked against the schema of their type. */
  readonly claims: Fields;
  /** SHA-256 of the token's text: its name everywhere. */
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
}

/** Signs with a key that we hold, in the name of one verification method. */
export interface TokenSigner {
  /** `did:…#fragment` of the verification method. */
  readonly key_id: string;
  readonly key: SigningKey;
}

/** The DID that a DID URL belongs to. */
export function controllerOf(key_id: string): string {
  const hash_mark = key_id.indexOf('#');
  return hash_mark < 0 ? key_id : key_id.slice(0, hash_mark);
}

/** Creates a token over claims that are JSON values. `iss` is set to the signer's DID. */
export async function createToken(type: TokenType, signer: TokenSigner, claims: Fields): Promise<string> {
  // did-jwt types `typ` as the literal 'JWT', although it passes any header on.
  const header: { [member: string]: string } = { alg: 'EdDSA', typ: type, kid: signer.key_id };
  return createJWS(
    { ...claims, iss: controllerOf(signer.key_id) },
    (data) => Promise.resolve(toBase64url(signer.key.sign(typeof data === 'string' ? utf8(data) : data))),
    header,
    { canonicalize: true },
  );
}

function decodePart(text: string, name: 'header' | 'payload'): Result<Fields> {
  const bytes = base64urlView(text);
  if (bytes === undefined) return fail('TOKEN_MALFORMED', `the ${name} is not canonical base64url`, { fix: 'base64url without padding, and no bits that decode to nothing' });
  const parsed = parseCanonicalJson(bytes);
  const more = { fix: `a ${name} that is one JSON object in its RFC 8785 form`, detail: { part: name } };
  if (!parsed.ok) return fail('TOKEN_MALFORMED', `the ${name}: ${parsed.failure.reason}`, { ...more, cause: parsed.failure });
  return isFields(parsed.value) ? ok(parsed.value) : fail('TOKEN_MALFORMED', `the ${name} is not a JSON object`, more);
}

interface Header {
  readonly typ: string;
  readonly kid: string;
}

// All tokens of one type that one key signs have the same header.
const headers = new RecentMap<string, Header>(headers_max);

function decodeHeader(text: string): Result<Header> {
  const known = headers.get(text);
  if (known !== undefined) return ok(known);
  const decoded = decodePart(text, 'header');
  if (!decoded.ok) return decoded;
  const { alg, typ, kid } = decoded.value;
  if (Object.keys(decoded.value).length !== 3 || alg !== 'EdDSA' || typeof typ !== 'string' || typeof kid !== 'string') {
    return fail('TOKEN_HEADER', 'the header must be exactly alg EdDSA, typ and kid', {
      fix: 'sign with EdDSA and no further header members',
    });
  }
  const header = { typ, kid };
  headers.set(text, header);
  return ok(header);
}

/**
 * Takes a token apart without checking its signature: size, base64url, header
 * of exactly `alg` EdDSA, `typ` and `kid`, canonical claims, and an issuer who
 * is the controller of the key.
 *
 * Fails with `TOKEN_TOO_LARGE`, `TOKEN_MALFORMED`, `TOKEN_HEADER` or `TOKEN_TYPE`.
 */
export function decodeToken(text: string, type?: TokenType): Result<Token> {
  if (text.length > token_bytes_max) {
    return fail('TOKEN_TOO_LARGE', `a token has at most ${token_bytes_max} bytes, this one ${text.length}`);
  }
  const parts = text.split('.');
  const [header_text, claims_text, signature_text] = parts;
  if (parts.length !== 3 || header_text === undefined || claims_text === undefined || signature_text === undefined) {
    return fail('TOKEN_MALFORMED', 'a token has three parts');
  }
  if (header_text.length > header_bytes_max) return fail('TOKEN_TOO_LARGE', `a header has at most ${header_bytes_max} bytes`);
  const header = decodeHeader(header_text);
  if (!header.ok) return header;
  const { typ, kid } = header.value;
  if (type !== undefined && typ !== type) return fail('TOKEN_TYPE', `this is a ${typ} where a ${type} is needed`);
  const claims = decodePart(claims_text, 'payload');
  if (!claims.ok) return claims;
  if (claims.value['iss'] !== controllerOf(kid)) {
    return fail('TOKEN_HEADER', 'the issuer is not the controller of the key that signed');
  }
  const signature = fromBase64url(signature_text);
  if (signature === undefined) return fail('TOKEN_MALFORMED', 'the signature is not canonical base64url');
  return ok({ text, type: typ, key_id: kid, claims: claims.value, hash: sha256Text(text), signature });
}

const decoded_tokens = new RecentMap<string, Token>(decoded_tokens_max);
// What is malformed stays so. It is known by its whole text, so nobody can spoil another's token.
const malformed_tokens = new RecentMap<string, { readonly type: TokenType; readonly failure: Failure }>(malformed_tokens_max);

/** {@link decodeToken} for tokens that come again and again, attestations and delegations: the verdict on a text is remembered. */
export function decodeLastingToken(text: string, type: TokenType): Result<Token> {
  if (text.length > token_bytes_max) return decodeToken(text, type);
  const known = decoded_tokens.get(text);
  if (known !== undefined && known.type === type) return ok(known);
  const malformed = malformed_tokens.get(text);
  if (malformed !== undefined && malformed.type === type) return { ok: false, failure: malformed.failure };
  const decoded = decodeToken(text, type);
  if (decoded.ok) decoded_tokens.set(text, decoded.value);
  else malformed_tokens.set(text, { type, failure: decoded.failure });
  return decoded;
}

// Whether a signature is good under a key never changes, and the same few attestations and chains are
// looked at with every call. Bad ones have a memo of their own, so that a flood of them drives out nothing good.
const good_signatures = new RecentMap<Token, Uint8Array>(verified_tokens_max);
const bad_signatures = new RecentMap<Token, Uint8Array>(malformed_tokens_max);

function isKnown(known: Uint8Array | undefined, public_key: Uint8Array): boolean {
  return known !== undefined && (known === public_key || equal(known, public_key));
}

/** Whether the token's signature is that of the given public key. Asked again about the same token object, it answers from memory. */
export function verifyToken(token: Token, public_key: Uint8Array): boolean {
  if (isKnown(good_signatures.get(token), public_key)) return true;
  if (isKnown(bad_signatures.get(token), public_key)) return false;
  // A decoded token is base64url and dots, so its bytes are its characters.
  const is_good = verifySignature(public_key, Buffer.from(token.text.slice(0, token.text.lastIndexOf('.')), 'latin1'), token.signature);
  (is_good ? good_signatures : bad_signatures).set(token, public_key);
  return is_good;
}

/**
 * Whether a token's time window holds at `now_s` (Unix seconds), with 30 s of
 * skew. Fails with `TOKEN_NOT_YET_VALID` or `TOKEN_EXPIRED`.
 */
export function checkWindow(window: { readonly nbf: number; readonly exp: number }, now_s: number): Result<void> {
  if (window.nbf > now_s + clock_skew_s) {
    return fail('TOKEN_NOT_YET_VALID', `valid from ${isoTime(window.nbf)}, it is ${isoTime(now_s)}`);
  }
  if (window.exp <= now_s - clock_skew_s) {
    return fail('TOKEN_EXPIRED', `expired at ${isoTime(window.exp)}, it is ${isoTime(now_s)}`, {
      fix: 'ask the issuer for a new one',
    });
  }
  return ok(undefined);
}

/** ISO 8601 text of Unix seconds. */
export function isoTime(unix_s: number): string {
  const time = new Date(unix_s * 1000);
  return Number.isNaN(time.getTime()) ? `${unix_s} s` : time.toISOString();
}
