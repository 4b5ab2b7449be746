/**
 * The envelopes of UCAN 1.0 (ucan-wg/spec 1.0.0 and 1.0.0-rc.1), taken apart:
 * a signature and what it signs, in DAG-CBOR, with a varsig header that says
 * how. Parties are Ed25519 `did:key`s, the only ones whose signature can be
 * checked from the token alone.
 */
import { concat, equal, fromHex, toBase32, toBase64 } from '../bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isFields, isWhole, type Fields, type Json } from '../canonical.ts';
import { parseCapability } from '../capability.ts';
import { keyOfDidKey } from '../did-key.ts';
import { digest_bytes, sha256 } from '../hash.ts';
import { fail, ok, type Result } from '../result.ts';
import { parsePolicy, type Statement } from './ucan-policy.ts';

/** The largest token that is read. */
export const ucan_bytes_max = 16_384;
/** The most proofs of one invocation. */
export const ucan_proofs_max = 8;
const depth_max = 32;
const command_characters_max = 512;
const command_pattern = /^\/$|^(?:\/[^/\s\p{Lu}\p{C}]+)+$/u;

/** varsig 1: EdDSA over edwards25519 with SHA-512, payload in DAG-CBOR. */
const ed25519_header = fromHex('3401ed01ed011371') ?? new Uint8Array();
/** CIDv1, DAG-CBOR, SHA-256 of 32 bytes. */
const cid_prefix = Uint8Array.of(0x01, 0x71, 0x12, 0x20);

interface Common {
  /** Who signed, and its public key. */
  readonly issuer: string;
  readonly key: Uint8Array;
  readonly subject: string | null;
  readonly command: string;
  /** Unix seconds; `null` where it never ends. */
  readonly expires: number | null;
  readonly not_before: number | null;
  readonly meta: Json;
  /** SHA-256 of the envelope, which is what a CID of it holds. */
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
  readonly signed: Uint8Array;
}

/** A delegation, its signature not checked yet. */
export interface UcanDelegation extends Common {
  readonly kind: 'delegation';
  readonly audience: string;
  readonly policy: readonly Statement[];
}

/** An invocation, its signature not checked yet. */
export interface UcanInvocation extends Common {
  readonly kind: 'invocation';
  readonly subject: string;
  readonly audience: string | null;
  readonly arguments: Json;
  /** Hashes of the delegations that it rests on, root first. */
  readonly proofs: readonly Uint8Array[];
}

/** Either kind of token. */
export type UcanToken = UcanDelegation | UcanInvocation;

function malformed(reason: string): ReturnType<typeof fail> {
  return fail('UCAN_MALFORMED', reason);
}

/** The CID of a token with this hash, as text. */
export function cidOf(hash: Uint8Array): string {
  return `b${toBase32(concat(cid_prefix, hash))}`;
}

/** The bytes of a link, which the decoder gives as an object that is its own `/`. */
function linkBytes(value: unknown): Uint8Array | undefined {
  if (!isFields(value)) return undefined;
  const { bytes } = value;
  return bytes instanceof Uint8Array && value['/'] === bytes ? bytes : undefined;
}

function proofHash(value: unknown): Uint8Array | undefined {
  const bytes = linkBytes(value);
  const is_hash = bytes?.length === cid_prefix.length + digest_bytes && equal(bytes.subarray(0, cid_prefix.length), cid_prefix);
  return is_hash ? bytes?.subarray(cid_prefix.length) : undefined;
}

/** Decoded DAG-CBOR as DAG-JSON data, or `undefined` where that is too deep or has a number that JSON cannot carry. */
function plain(value: unknown, depth_left = depth_max): Json | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || typeof value === 'number') return value;
  if (value instanceof Uint8Array) return { '/': { bytes: toBase64(value).replaceAll('=', '') } };
  const link = linkBytes(value);
  if (link !== undefined) return { '/': `b${toBase32(link)}` };
  if (depth_left < 1) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => plain(item, depth_left - 1));
    return items.some((item) => item === undefined) ? undefined : items.filter((item) => item !== undefined);
  }
  // A map with this key would pass for bytes or for a link.
  if (!isFields(value) || Object.hasOwn(value, '/')) return undefined;
  const entries: [string, Json][] = [];
  for (const [name, inner] of Object.entries(value)) {
    const item = plain(inner, depth_left - 1);
    if (item === undefined) return undefined;
    entries.push([name, item]);
  }
  // Assigned one by one, a field named __proto__ would be signed and never seen.
  return Object.fromEntries(entries);
}

function isTimeOrNull(value: unknown): value is number | null {
  return value === null || isWhole(value);
}

function commonOf(payload: Fields, envelope: Pick<Common, 'hash' | 'signature' | 'signed'>): Result<Common> {
  const { iss, sub, cmd, exp, nbf = null, nonce, meta = {} } = payload;
  if (typeof iss !== 'string' || (sub !== null && typeof sub !== 'string')) return malformed('issuer and subject are DIDs');
  const key = keyOfDidKey(iss);
  if (!key.ok) return fail('UCAN_PRINCIPAL', `the issuer is not a did:key with an Ed25519 key: ${key.failure.reason}`, { cause: key.failure });
  if (typeof cmd !== 'string' || cmd.length > command_characters_max || !command_pattern.test(cmd)) {
    return malformed('a command is a lower-case path such as /msg/send');
  }
  if (!isTimeOrNull(exp) || !isTimeOrNull(nbf)) return malformed('times are whole seconds or null');
  if (!(nonce instanceof Uint8Array)) return malformed('the nonce is not bytes');
  const meta_data = isFields(meta) ? plain(meta) : undefined;
  if (meta_data === undefined) return malformed('meta is not a map of plain data');
  return ok({ issuer: iss, key: key.value, subject: sub, command: cmd, expires: exp, not_before: nbf, meta: meta_data, ...envelope });
}

function delegationOf(payload: Fields, common: Common): Result<UcanDelegation> {
  const { aud, pol } = payload;
  if (typeof aud !== 'string' || !keyOfDidKey(aud).ok) return fail('UCAN_PRINCIPAL', 'the audience is not a did:key with an Ed25519 key');
  const policy = parsePolicy(plain(pol));
  return policy.ok ? ok({ kind: 'delegation', ...common, audience: aud, policy: policy.value }) : policy;
}

function invocationOf(payload: Fields, common: Common): Result<UcanInvocation> {
  const { aud = null, prf, args } = payload;
  if (common.subject === null) return malformed('an invocation has a subject');
  if (aud !== null && (typeof aud !== 'string' || !keyOfDidKey(aud).ok)) return fail('UCAN_PRINCIPAL', 'the audience is not a did:key with an Ed25519 key');
  if (!Array.isArray(prf) || prf.length > ucan_proofs_max) return malformed(`proofs are a list of at most ${ucan_proofs_max} links`);
  const proofs = prf.map(proofHash).filter((hash) => hash !== undefined);
  if (proofs.length !== prf.length) return malformed('a proof is not a link to DAG-CBOR by SHA-256');
  const args_data = isFields(args) ? plain(args) : undefined;
  if (args_data === undefined) return malformed('the arguments are not a map of plain data');
  return ok({ kind: 'invocation', ...common, subject: common.subject, audience: aud, arguments: args_data, proofs });
}

const delegation_fields: readonly string[] = ['iss', 'aud', 'sub', 'cmd', 'pol', 'nonce', 'exp'];
const invocation_fields: readonly string[] = ['iss', 'sub', 'cmd', 'args', 'prf', 'nonce', 'exp'];

/**
 * Takes an envelope apart: size, deterministic encoding, header, exact fields.
 * No signature is checked.
 *
 * Fails with `UCAN_TOO_LARGE`, `UCAN_MALFORMED`, `UCAN_HEADER` or `UCAN_PRINCIPAL`.
 */
export function parseUcan(bytes: Uint8Array): Result<UcanToken> {
  if (bytes.length > ucan_bytes_max) return fail('UCAN_TOO_LARGE', `a UCAN of at most ${ucan_bytes_max} bytes is read, this one has ${bytes.length}`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return fail('UCAN_MALFORMED', decoded.failure.reason, { cause: decoded.failure });
  const [signature, content, ...more]: readonly unknown[] = Array.isArray(decoded.value) ? decoded.value : [];
  if (more.length > 0 || !(signature instanceof Uint8Array) || !isFields(content)) return malformed('an envelope is a signature and what it signs');
  const tag = Object.keys(content).find((name) => name !== 'h') ?? '';
  const [, kind] = /^ucan\/(dlg|inv)@1\.0\.0(?:-rc\.1)?$/.exec(tag) ?? [];
  const header = content['h'];
  const payload = content[tag];
  if (kind === undefined || Object.keys(content).length !== 2) return fail('UCAN_HEADER', 'this is no delegation or invocation of UCAN 1.0.0');
  if (!(header instanceof Uint8Array) || !equal(header, ed25519_header)) return fail('UCAN_HEADER', 'the signature is not Ed25519 over DAG-CBOR');
  const required = kind === 'dlg' ? delegation_fields : invocation_fields;
  const optional = kind === 'dlg' ? ['meta', 'nbf'] : ['aud', 'meta', 'nbf', 'iat', 'cause'];
  if (!hasShape(payload, required, optional)) return malformed(`the fields are not those of a UCAN ${kind === 'dlg' ? 'delegation' : 'invocation'}`);
  const common = commonOf(payload, { hash: sha256(bytes), signature, signed: encodeCbor(content) });
  if (!common.ok) return common;
  return kind === 'dlg' ? delegationOf(payload, common.value) : invocationOf(payload, common.value);
}

/** What a command permits in our grammar: itself and everything below it; nothing where a segment has no form there. */
export function capabilitiesOf(command: string): readonly string[] {
  const path = command.slice(1);
  // A star is a name in a command and a wildcard in a capability.
  if (path.includes('*')) return [];
  const texts = path === '' ? ['invoke:**'] : [`invoke:${path}`, `invoke:${path}/**`];
  return texts.every((text) => parseCapability(text).ok) ? texts : [];
}
