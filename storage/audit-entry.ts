/**
 * The bytes of log entries. An entry is what the tree hashes; it never holds a
 * payload, only a commitment to one, so that it can be public and eternal.
 */
import { assert } from '../crypto/assert.ts';
import { bigEndian, concat, equal, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import { digest_bytes, hmacSha256 } from '../crypto/hash.ts';
import { fail, ok, type Result } from '../crypto/result.ts';

/** The longest entry: its length has two bytes in C2SP tlog-tiles bundles. */
export const entry_bytes_max = 65_535;
/** Length of the header that all entries share: version, kind, time, flags. */
export const entry_header_bytes = 12;
/** The most checkpoints in one anchor entry: their count has one byte. */
export const anchor_heads_max = 255;
/** Length of the secret that blinds a commitment. */
export const commitment_salt_bytes = 32;

const entry_version = 1;
const commitment_label = utf8('mesh-audit-commit/v1\0');
const anchor_head_bytes = digest_bytes + 8 + digest_bytes;

/** The kinds of entries and their number on disk. `genesis` also closes a log, naming its successor. */
export const entry_kinds = { event: 1, anchor: 2, receipt: 3, erasure: 4, genesis: 5, evidence: 6 } as const;

/** The name of a kind of entry. */
export type EntryKind = keyof typeof entry_kinds;

/** An entry, taken apart. `time_ms` is Unix time as the host's clock said. */
export interface AuditEntry {
  readonly kind: EntryKind;
  readonly time_ms: number;
  readonly body: Uint8Array;
}

// One entry, all entries before one, a subject: see erasureBody.
const erasure_body_bytes: ReadonlySet<number> = new Set([9, 10, 17]);

/** Which bodies a kind accepts, by length. */
const body_rules: { readonly [kind in EntryKind]: (body: Uint8Array) => boolean } = {
  event: (body) => body.length === digest_bytes,
  anchor: (body) => (body[0] ?? 0) > 0 && body.length === 1 + (body[0] ?? 0) * anchor_head_bytes,
  receipt: (body) => body.length === 8 + digest_bytes,
  erasure: (body) => erasure_body_bytes.has(body.length),
  genesis: (body) => body.length <= entry_bytes_max - entry_header_bytes,
  evidence: (body) => body.length === digest_bytes,
};

const kinds_by_number = new Map<number, EntryKind>();
for (const kind of ['event', 'anchor', 'receipt', 'erasure', 'genesis', 'evidence'] as const) kinds_by_number.set(entry_kinds[kind], kind);

/** Whether a body has the shape of its kind. */
export function isBodyOf(kind: EntryKind, body: Uint8Array): boolean {
  return body_rules[kind](body);
}

/** The bytes of an entry: `u8 version | u8 kind | u64be time_ms | u16be flags (0) | body`. */
export function encodeEntry({ kind, time_ms, body }: AuditEntry): Uint8Array {
  return entryEncoder(time_ms)(kind, body);
}

/** {@link encodeEntry} for many entries of one moment. */
export function entryEncoder(time_ms: number): (kind: EntryKind, body: Uint8Array) => Uint8Array {
  const header = concat(Uint8Array.of(entry_version, 0), bigEndian(time_ms, 8), new Uint8Array(2));
  return (kind, body) => {
    assert(isBodyOf(kind, body), 'an entry body has the shape of its kind');
    const bytes = new Uint8Array(entry_header_bytes + body.length);
    bytes.set(header);
    bytes[1] = entry_kinds[kind];
    bytes.set(body, entry_header_bytes);
    return bytes;
  };
}

/** Parses an entry. Fails with `AUDIT_ENTRY_INVALID`. */
export function decodeEntry(bytes: Uint8Array): Result<AuditEntry> {
  const kind = kinds_by_number.get(bytes[1] ?? 0);
  const time_ms = fromBigEndian(bytes.subarray(2, 10));
  const body = bytes.subarray(entry_header_bytes);
  const plain = bytes[0] === entry_version && bytes[10] === 0 && bytes[11] === 0;
  if (!plain || kind === undefined || time_ms === undefined || bytes.length > entry_bytes_max || !isBodyOf(kind, body)) {
    return fail('AUDIT_ENTRY_INVALID', `an entry has version ${entry_version}, a known kind, no flags and a body of that kind's length`);
  }
  return ok({ kind, time_ms, body });
}

/** Commitment to a payload: HMAC-SHA-256 under a 32-byte salt, which without that salt says nothing about the payload. */
export function commitment(salt: Uint8Array, payload: Uint8Array): Uint8Array {
  return hmacSha256(salt, commitment_label, payload);
}

/** A peer's checkpoint as an anchor entry keeps it. */
export interface AnchoredHead {
  /** SHA-256 of the log's origin. */
  readonly origin_hash: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Body of an anchor entry: `u8 n | n x (origin hash, u64be size, root)`, 1 to {@link anchor_heads_max} heads. */
export function anchorBody(heads: readonly AnchoredHead[]): Uint8Array {
  assert(heads.length > 0 && heads.length <= anchor_heads_max, 'an anchor entry holds 1 to 255 heads');
  return concat(Uint8Array.of(heads.length), ...heads.flatMap(({ origin_hash, size, root }) => [origin_hash, bigEndian(size, 8), root]));
}

/** Body of a receipt entry: the own size that a quorum cosigned, and the SHA-256 of the cosigned note. */
export function receiptBody(size: number, note_hash: Uint8Array): Uint8Array {
  return concat(bigEndian(size, 8), note_hash);
}

/**
 * Why payloads were erased, and the byte that says so: a request under article 17
 * GDPR, consent withdrawn, the end of the retention time, an order of a court
 * or authority, something that should never have been recorded.
 */
export const erasure_bases = { art17: 1, consent: 2, retention: 3, order: 4, mistake: 5 } as const;

/** The name of a reason to erase. */
export type ErasureBasis = keyof typeof erasure_bases;

/** Whether a text names a reason to erase. */
export function isErasureBasis(text: string): text is ErasureBasis {
  return Object.hasOwn(erasure_bases, text);
}

/** What an erasure entry says was made unreadable: one entry, every entry before one, or all of the subject that had this handle. */
export type ErasedPart = { readonly index: number } | { readonly before: number } | { readonly handle: Uint8Array };

/** Body of an erasure entry: `u64be index | u8 basis`, `u64be before | u8 basis | u8 0`, or `u8 basis | handle (16)`. */
export function erasureBody(part: ErasedPart, basis: ErasureBasis): Uint8Array {
  const reason = Uint8Array.of(erasure_bases[basis]);
  if ('handle' in part) return concat(reason, part.handle);
  return 'index' in part ? concat(bigEndian(part.index, 8), reason) : concat(bigEndian(part.before, 8), reason, Uint8Array.of(0));
}

/** Parses the body of an erasure entry; `basis` is its byte where this program has no name for it. Fails with `AUDIT_ENTRY_INVALID`. */
export function parseErasure(body: Uint8Array): Result<{ readonly part: ErasedPart; readonly basis: ErasureBasis | number }> {
  const number = body.length === 17 ? 0 : fromBigEndian(body.subarray(0, 8));
  if (!isBodyOf('erasure', body) || number === undefined) return fail('AUDIT_ENTRY_INVALID', 'the body of an erasure entry has 9, 10 or 17 bytes');
  const code = body[body.length === 17 ? 0 : 8] ?? 0;
  const basis = (['art17', 'consent', 'retention', 'order', 'mistake'] as const).find((name) => erasure_bases[name] === code) ?? code;
  if (body.length === 17) return ok({ part: { handle: body.slice(1) }, basis });
  return ok({ part: body.length === 9 ? { index: number } : { before: number }, basis });
}

/** What the owner of a log gives along with a proof so that the verifier can compute the leaf. */
export interface Disclosure {
  readonly entry: Uint8Array;
  /** Only when the owner shows the payload. */
  readonly opened?: { readonly salt: Uint8Array; readonly payload: Uint8Array };
}

/** A disclosure as the `extra` data of a proof file: `u16be length | entry | [salt | payload]`. */
export function encodeDisclosure({ entry, opened }: Disclosure): Uint8Array {
  const head = concat(bigEndian(entry.length, 2), entry);
  return opened === undefined ? head : concat(head, opened.salt, opened.payload);
}

/**
 * Parses a disclosure and holds a shown payload against the entry's commitment.
 * The entry itself is proven only by the inclusion proof of its leaf hash.
 *
 * Fails with `DISCLOSURE_INVALID`, or `AUDIT_ENTRY_INVALID`.
 */
export function decodeDisclosure(bytes: Uint8Array): Result<Disclosure & { readonly parsed: AuditEntry }> {
  const length = fromBigEndian(bytes.subarray(0, 2)) ?? 0;
  const entry = bytes.subarray(2, 2 + length);
  const rest = bytes.subarray(2 + length);
  if (bytes.length < 2 || entry.length !== length || (rest.length > 0 && rest.length < commitment_salt_bytes)) {
    return fail('DISCLOSURE_INVALID', 'a disclosure is a length, an entry, and nothing or a salt with the payload');
  }
  const parsed = decodeEntry(entry);
  if (!parsed.ok) return parsed;
  if (rest.length === 0) return ok({ entry, parsed: parsed.value });
  const salt = rest.subarray(0, commitment_salt_bytes);
  const payload = rest.subarray(commitment_salt_bytes);
  if (parsed.value.kind !== 'event' || !equal(parsed.value.body, commitment(salt, payload))) {
    return fail('DISCLOSURE_INVALID', 'the payload shown is not the one that the entry commits to');
  }
  return ok({ entry, parsed: parsed.value, opened: { salt, payload } });
}
