import { createPrivateKey, createPublicKey, sign as signWith, verify as verifyWith, type KeyObject } from 'node:crypto';
import { assert } from './assert.ts';
import { compare, toBase64url } from './bytes.ts';
import { RecentMap } from './recent.ts';
import { fail, ok, type Result } from './result.ts';

/** Length of an Ed25519 public key and of its seed (RFC 8032 section 5.1.5). */
export const key_bytes = 32;
/** Length of an Ed25519 signature (RFC 8032 section 5.1.6). */
export const signature_bytes = 64;

const known_keys_max = 4096;

/** An Ed25519 key pair that signs. The seed leaves it only for the keystore. */
export interface SigningKey {
  /** The 32-byte public key. */
  readonly public_key: Uint8Array;
  /** The 32-byte secret from which everything derives: for sealing in the keystore, nothing else. */
  readonly seed: Uint8Array;
  /** Signs the message as it is (PureEdDSA). */
  sign(message: Uint8Array): Uint8Array;
}

const pkcs8_prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const spki_prefix = Buffer.from('302a300506032b6570032100', 'hex');

/** The key pair of a 32-byte seed; the caller brings the randomness. */
export function signingKey(seed: Uint8Array): SigningKey {
  assert(seed.length === key_bytes, 'an Ed25519 seed has 32 bytes');
  const private_key = createPrivateKey({ key: Buffer.concat([pkcs8_prefix, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(private_key).export({ format: 'der', type: 'spki' });
  return {
    public_key: new Uint8Array(spki.subarray(spki_prefix.length)),
    seed: new Uint8Array(seed),
    sign: (message) => new Uint8Array(signWith(null, message, private_key)),
  };
}

// The y coordinates (little-endian hex, sign bit cleared) of the eight points of small order.
// node:crypto verifies forged signatures under them, so nobody may own such a key.
const small_order_y = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);
const small_order_begins = new Set([...small_order_y].map((y) => Number.parseInt(y.slice(0, 2), 16)));
const field_prime_big_endian = Buffer.from('7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed', 'hex');

/**
 * Accepts a public key for use: 32 bytes, canonical y (RFC 8032 section 5.1.3,
 * where we are stricter than most libraries), not of small order.
 * Fails with `KEY_INVALID` or `KEY_WEAK`.
 */
export function checkPublicKey(public_key: Uint8Array): Result<Uint8Array> {
  if (public_key.length !== key_bytes) {
    return fail('KEY_INVALID', `an Ed25519 public key has 32 bytes, this one has ${public_key.length}`);
  }
  const highest = (public_key[key_bytes - 1] ?? 0) & 0x7f;
  // Most keys cannot be among the few that are refused: those begin or end with one of these bytes.
  if (highest !== 0x7f && !small_order_begins.has(public_key[0] ?? 0)) return ok(public_key);
  const y = Uint8Array.from(public_key);
  y[key_bytes - 1] = highest;
  if (compare(Uint8Array.from(y).reverse(), field_prime_big_endian) >= 0) {
    return fail('KEY_INVALID', 'the public key is not in its canonical form');
  }
  if (small_order_y.has(Buffer.from(y).toString('hex'))) {
    return fail('KEY_WEAK', 'the public key is a point of small order, under which anybody can sign');
  }
  return ok(public_key);
}

// Importing a key costs as much as a verification, so imported keys are kept, the oldest dropped first.
const known_keys = new RecentMap<string, KeyObject>(known_keys_max);

function imported(public_key: Uint8Array): KeyObject {
  const name = toBase64url(public_key);
  const known = known_keys.get(name);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: Buffer.concat([spki_prefix, public_key]), format: 'der', type: 'spki' });
  known_keys.set(name, key);
  return key;
}

/**
 * Whether the signature is this key's over this message. One rule set
 * everywhere, so that peers never disagree on a proof: node:crypto decides, and
 * what its versions decide differently is refused before. OpenSSL from 3.5 on
 * refuses a small-order R (the first half of the signature), earlier ones do
 * not; no honest signer makes one, so the rule for keys holds for R as well.
 */
export function verifySignature(public_key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== signature_bytes || !checkPublicKey(public_key).ok) return false;
  if (!checkPublicKey(signature.subarray(0, key_bytes)).ok) return false;
  return verifyWith(null, message, imported(public_key), signature);
}
