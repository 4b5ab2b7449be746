/** The bytes of the vault file: all subjects with their keys, and the one key that all boxes need besides. */
import { hash } from 'node:crypto';
import { equal, fromBigEndian, fromUtf8 } from '../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { PuncturableKey, seed_record_bytes } from './puncturable-key.ts';
import { handle_bytes, type SubjectKey, type VaultKeys } from './vault-keys.ts';

const file_version = 3;

/**
 * The bytes of the file: `u8 version | u32be length, seeds of the common key | per subject (u16be length,
 * name | handle (16) | u32be length, seeds) | SHA-256 of all that`. Not CBOR, whose decoder takes fewer
 * values than a full vault has.
 */
export function encodeKeys({ common, subjects }: VaultKeys): Uint8Array {
  let length = 1 + 4 + common.seeds * seed_record_bytes + digest_bytes;
  for (const { subject, key } of subjects) length += 2 + Buffer.byteLength(subject) + handle_bytes + 4 + key.seeds * seed_record_bytes;
  const bytes = Buffer.allocUnsafeSlow(length);
  const putSeeds = (key: PuncturableKey, at: number): number => key.encodeInto(bytes, bytes.writeUInt32BE(key.seeds * seed_record_bytes, at));
  let at = putSeeds(common, bytes.writeUInt8(file_version));
  for (const { subject, handle, key } of subjects) {
    const name_bytes = bytes.write(subject, at + 2);
    bytes.writeUInt16BE(name_bytes, at);
    bytes.set(handle, at + 2 + name_bytes);
    at = putSeeds(key, at + 2 + name_bytes + handle_bytes);
  }
  bytes.write(hash('sha256', bytes.subarray(0, at), 'binary'), at, digest_bytes, 'latin1');
  return bytes;
}

/** Parses the file; `undefined` when it is not what was written. */
export function decodeKeys(bytes: Uint8Array): VaultKeys | undefined {
  const body = bytes.subarray(0, -digest_bytes);
  if (bytes.length <= digest_bytes || !equal(sha256(body), bytes.subarray(-digest_bytes)) || body[0] !== file_version) return undefined;
  let at = 1;
  const take = (length: number): Uint8Array => {
    at += length;
    return body.subarray(at - length, at);
  };
  const common = PuncturableKey.decode(take(fromBigEndian(take(4)) ?? 0));
  if (common === undefined) return undefined;
  const subjects: SubjectKey[] = [];
  while (at < body.length) {
    const subject = fromUtf8(take(fromBigEndian(take(2)) ?? 0));
    const handle = take(handle_bytes).slice();
    const key = PuncturableKey.decode(take(fromBigEndian(take(4)) ?? 0));
    if (subject === undefined || handle.length !== handle_bytes || key === undefined) return undefined;
    subjects.push({ subject, handle, key });
  }
  return at === body.length ? { common, subjects } : undefined;
}
