/** The cases of `did.json` about keys: which count, and what their names are. */
import { concat, fromHex, toBase64url } from '../../crypto/bytes.ts';
import { encodeCbor, type Fields } from '../../crypto/canonical.ts';
import { eventHash, signEvent, type Establishment } from '../../crypto/did-events.ts';
import { sha256 } from '../../crypto/hash.ts';
import { keyNamed, start_ms } from '../people.ts';
import { refusal, type VectorCase } from './case.ts';

const base58_digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const base32_digits = 'abcdefghijklmnopqrstuvwxyz234567';

/** `did:key:z` and the base58 number of `0xed01` and the key, written down once more from the method's text. */
function didKey(public_key: Uint8Array, codec: Uint8Array = Uint8Array.of(0xed, 0x01)): string {
  let value = 0n;
  for (const byte of concat(codec, public_key)) value = value * 256n + BigInt(byte);
  let text = '';
  for (; value > 0n; value /= 58n) text = base58_digits.charAt(Number(value % 58n)) + text;
  return `did:key:z${text}`;
}

/** Base32 in lower case without padding (RFC 4648), digit by digit. */
function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => base32_digits.charAt(Number.parseInt(five.padEnd(5, '0'), 2))).join('');
}

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error('keys are hexadecimal');
  return bytes;
}

const prime_minus_1 = `ec${'ff'.repeat(30)}7f`;
const weak: readonly (readonly [name: string, hex: string])[] = [
  ['the identity', `01${'00'.repeat(31)}`], ['order 2', prime_minus_1], ['order 4', '00'.repeat(32)], ['order 4, the other sign', `${'00'.repeat(31)}80`],
  ['order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'], ['order 8, the other sign', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85'],
  ['order 8, the other y', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'], ['order 8, the other y and sign', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'],
];
const second_spellings: readonly (readonly [name: string, hex: string])[] = [
  ['the prime itself', `ed${'ff'.repeat(30)}7f`], ['one above the prime', `ee${'ff'.repeat(30)}7f`], ['the highest y', `${'ff'.repeat(31)}7f`], ['the highest y with the sign', 'ff'.repeat(32)],
];

function keys(): VectorCase[] {
  const judged = (name: string, key: Uint8Array, expect: Fields): VectorCase => ({ name: `key: ${name}`, task: 'check key', input: { key: toBase64url(key) }, expect });
  const good = keyNamed('vectors, daily').public_key;
  return [
    judged('one of an honest pair', good, { accepted: true }),
    ...weak.map(([name, text]) => judged(`of small order, ${name}`, hex(text), refusal('KEY_WEAK'))),
    ...second_spellings.map(([name, text]) => judged(`not in its canonical form, ${name}`, hex(text), refusal('KEY_INVALID'))),
    judged('31 bytes', good.subarray(1), refusal('KEY_INVALID')), judged('33 bytes', concat(good, Uint8Array.of(0)), refusal('KEY_INVALID')), judged('no bytes', new Uint8Array(), refusal('KEY_INVALID')),
  ];
}

function keyDids(): VectorCase[] {
  const good = ['one', 'two', 'three'].map((name) => keyNamed(`vectors, did:key ${name}`).public_key);
  const refused = (name: string, did: string, code: string): VectorCase => ({ name: `did:key: ${name}`, task: 'parse did:key', input: { did }, expect: refusal(code) });
  const [key = new Uint8Array(32)] = good;
  const did = didKey(key);
  const [, small_order = ''] = weak[4] ?? [];
  const [, second = ''] = second_spellings[1] ?? [];
  return [
    ...good.map((each, index): VectorCase => ({ name: `did:key: of key ${index}`, task: 'parse did:key', input: { did: didKey(each) }, expect: { key: toBase64url(each) } })),
    refused('cut short', did.slice(0, -1), 'DID_INVALID'), refused('too long', `${did}1`, 'DID_INVALID'), refused('a digit that base58 does not have', `${did.slice(0, -1)}0`, 'DID_INVALID'), refused('without its base', did.replace(':z', ':'), 'DID_INVALID'),
    refused('with a fragment', `${did}#key`, 'DID_INVALID'), refused('nothing', 'did:key:', 'DID_INVALID'), refused('of a key of small order', didKey(hex(small_order)), 'DID_INVALID'), refused('of a key in a second spelling', didKey(hex(second)), 'DID_INVALID'),
    refused('of an X25519 key', didKey(key, Uint8Array.of(0xec, 0x01)), 'DID_METHOD_UNSUPPORTED'), refused('another method', 'did:web:example.com', 'DID_METHOD_UNSUPPORTED'), refused('no DID', 'key', 'DID_METHOD_UNSUPPORTED'),
  ];
}

function names(): VectorCase[] {
  const update = keyNamed('vectors, event 0, key 0');
  const { event } = signEvent<Establishment>({
    type: 'establishment', number: 0, previous: null, kind: 'human', keys: [update.public_key], threshold: 1, next_keys: [sha256(keyNamed('vectors, event 1, key 0').public_key)], next_threshold: 1, sponsor: null,
    bad_since: null, witnesses: [], witness_threshold: 0, time: start_ms,
  }, [{ index: 0, key: update }]);
  const key = keyNamed('vectors, another').public_key;
  return [
    { name: 'the DID of a genesis event', task: 'DID of a genesis event', input: { event: toBase64url(encodeCbor(event)) }, expect: { did: `did:mesh:b${base32(sha256(encodeCbor(event)))}`, hash: toBase64url(eventHash(event)) } },
    { name: 'the fragment of another key', task: 'method id', input: { key: toBase64url(key) }, expect: { id: `key-${base32(sha256(key)).slice(0, 16)}` } },
  ];
}

/** Every case about keys and names. */
export function keyCases(): readonly VectorCase[] {
  return [...keys(), ...keyDids(), ...names()];
}
