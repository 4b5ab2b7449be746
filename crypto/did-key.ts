/**
 * `did:key`, read-only: a DID that is an Ed25519 public key and nothing else
 * (W3C CCG did:key method). Nothing can be rotated, revoked or attested about
 * it, so it is never a sponsor and never the root of an authority.
 */
import { fail, ok, type Result } from './result.ts';
import { checkPublicKey, key_bytes } from './keys.ts';

const prefix = 'did:key:';
/** Multicodec `ed25519-pub`, 0xed as an unsigned varint. */
const ed25519_codec = [0xed, 0x01] as const;
const base58_alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
/** Digits of the base58 number that 34 bytes with this codec make. */
const digits = 47;

/** A parsed `did:key`. */
export interface KeyDid {
  readonly did: string;
  /** The text after `did:key:`, which is the fragment of its one key as well. */
  readonly multibase: string;
  readonly public_key: Uint8Array;
}

/** The bytes of a base58btc number of a known length, or `undefined`. */
function fromBase58(text: string, length: number): Uint8Array | undefined {
  let value = 0n;
  for (const character of text) {
    const digit = base58_alphabet.indexOf(character);
    if (digit < 0) return undefined;
    value = value * 58n + BigInt(digit);
  }
  const hex = value.toString(16).padStart(length * 2, '0');
  return hex.length === length * 2 ? new Uint8Array(Buffer.from(hex, 'hex')) : undefined;
}

/**
 * Parses a `did:key` of an Ed25519 key. Fails with `DID_METHOD_UNSUPPORTED` for
 * other methods and other kinds of keys, and with `DID_INVALID` for what is no
 * `did:key`, or one of a key that is weak or not in its canonical form.
 */
export function parseDidKey(did: string): Result<KeyDid> {
  if (!did.startsWith(prefix)) return fail('DID_METHOD_UNSUPPORTED', `${did.slice(0, 80)} is not a did:key`);
  const multibase = did.slice(prefix.length);
  if (!/^z[1-9A-HJ-NP-Za-km-z]{1,2000}$/.test(multibase)) {
    return fail('DID_INVALID', 'a did:key is did:key:z followed by base58btc digits', { fix: 'copy the whole DID' });
  }
  if (!multibase.startsWith('z6Mk')) return fail('DID_METHOD_UNSUPPORTED', 'only a did:key of an Ed25519 key is understood: it begins with did:key:z6Mk');
  const bytes = multibase.length === digits + 1 ? fromBase58(multibase.slice(1), ed25519_codec.length + key_bytes) : undefined;
  if (bytes === undefined || bytes[0] !== ed25519_codec[0] || bytes[1] !== ed25519_codec[1]) {
    return fail('DID_INVALID', 'a did:key of an Ed25519 key has 47 base58btc digits', { fix: 'copy the whole DID' });
  }
  const public_key = bytes.subarray(ed25519_codec.length);
  const checked = checkPublicKey(public_key);
  return checked.ok ? ok({ did, multibase, public_key }) : fail('DID_INVALID', checked.failure.reason, { cause: checked.failure });
}

/** The public key that a `did:key` is. Fails as {@link parseDidKey} does. */
export function keyOfDidKey(did: string): Result<Uint8Array> {
  const parsed = parseDidKey(did);
  return parsed.ok ? ok(parsed.value.public_key) : parsed;
}
