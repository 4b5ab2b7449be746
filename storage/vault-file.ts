/** The bytes of the vault file: all subjects with their keys. */
import { bigEndian, concat, equal, fromBigEndian, fromUtf8, utf8 } from '../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { PuncturableKey } from './puncturable-key.ts';

/** Length of the random name under which sealed boxes refer to a subject's key; it says nothing about the subject. */
export const handle_bytes = 16;

const file_version = 2;

/** The key of a subject's payloads, under the handle by which sealed boxes name it. */
export interface SubjectKey {
  readonly subject: string;
  readonly handle: Uint8Array;
  readonly key: PuncturableKey;
}

/**
 * The bytes of the file: `u8 version | per key (u16be length, subject | handle (16) | u32be length, seeds) |
 * SHA-256 of all that`. Not CBOR, whose decoder takes fewer values than a full vault has.
 */
export function encodeKeys(keys: readonly SubjectKey[]): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(file_version)];
  for (const { subject, handle, key } of keys) {
    const [name, seeds] = [utf8(subject), key.encode()];
    parts.push(bigEndian(name.length, 2), name, handle, bigEndian(seeds.length, 4), seeds);
  }
  const body = Buffer.concat(parts);
  return concat(body, sha256(body));
}

/** Parses the file; `undefined` when it is not what was written. */
export function decodeKeys(bytes: Uint8Array): SubjectKey[] | undefined {
  const body = bytes.subarray(0, -digest_bytes);
  if (bytes.length <= digest_bytes || !equal(sha256(body), bytes.subarray(-digest_bytes)) || body[0] !== file_version) return undefined;
  let at = 1;
  const take = (length: number): Uint8Array => {
    at += length;
    return body.subarray(at - length, at);
  };
  const keys: SubjectKey[] = [];
  while (at < body.length) {
    const subject = fromUtf8(take(fromBigEndian(take(2)) ?? 0));
    const handle = take(handle_bytes).slice();
    const key = PuncturableKey.decode(take(fromBigEndian(take(4)) ?? 0));
    if (subject === undefined || handle.length !== handle_bytes || key === undefined) return undefined;
    keys.push({ subject, handle, key });
  }
  return at === body.length ? keys : undefined;
}
