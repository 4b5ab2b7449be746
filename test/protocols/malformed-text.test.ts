/** Text formats of transparency logs, mangled in every way that other parsers have been caught to overlook: none has two spellings. */
import * as assert from 'uvu/assert';
import { concat, fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { cosign, logOrigin, parseCheckpoint, signCheckpoint, withLines, witnessName } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { parseNote, signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { ok, unwrap, type Result } from '../../crypto/result.ts';
import { parseLogPolicy } from '../../crypto/tlog-policy.ts';
import { formatProof, parseProof, verifyProof } from '../../crypto/tlog-proof.ts';
import { decodeRequest, encodeRequest } from '../../protocols/witness/wire.ts';
import { suite } from '../harness.ts';

const test = suite('protocols/malformed text');

const log_key = signingKey(new Uint8Array(32).fill(1));
const witness_key = signingKey(new Uint8Array(32).fill(2));
const origin = logOrigin('did:mesh:bhost', log_key.public_key);
const witness = witnessName('did:mesh:bother', witness_key.public_key);
const checkpoint = { origin, size: 31, root: sha256(utf8('root')) };
const note = withLines(signCheckpoint(log_key, checkpoint), [cosign(witness_key, witness, checkpoint, 1_700_000_000)]);
const hashes = [1, 2, 3, 4, 5].map((seed) => sha256(Uint8Array.of(seed)));
const policy = utf8(`log ${verifierKey(origin, signature_type_log, log_key.public_key)}\nwitness w ${verifierKey(witness, signature_type_witness, witness_key.public_key)}\ngroup g 1 w\nquorum g\n`);

/** What a format says of a log; of a policy it is not asked. */
type Parsed = Result<{ readonly origin?: string }>;

function parseSigned(bytes: Uint8Array): Parsed {
  const parsed = parseNote(bytes);
  return parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
}

function parseRequest(bytes: Uint8Array): Parsed {
  const parsed = decodeRequest(bytes);
  return parsed.ok ? ok(parsed.value.checkpoint) : parsed;
}

function parsePolicy(bytes: Uint8Array): Parsed {
  const parsed = parseLogPolicy(bytes);
  return parsed.ok ? ok({}) : parsed;
}

interface Format {
  readonly name: string;
  readonly good: Uint8Array;
  readonly parse: (bytes: Uint8Array) => Parsed;
  readonly codes: RegExp;
  /** Spellings that the format leaves to the writer. */
  readonly free: readonly string[];
}

const formats: readonly Format[] = [
  { name: 'checkpoint', good: note, parse: parseSigned, codes: /^(NOTE|CHECKPOINT)_/, free: [] },
  {
    name: 'proof', good: formatProof({ index: 30, hashes, checkpoint: note, extra: utf8('extra data') }), codes: /^(TLOG_PROOF|NOTE|CHECKPOINT)_/, free: [],
    parse: (bytes) => {
      const proof = parseProof(bytes);
      return proof.ok ? parseSigned(proof.value.checkpoint) : proof;
    },
  },
  { name: 'policy', good: policy, parse: parsePolicy, codes: /^POLICY_/, free: ['blank line at the beginning', 'blank line at the end', 'space at the beginning', 'space at the end of line', 'tab for the first space', 'two spaces for the first'] },
  { name: 'witness request', good: encodeRequest(30, hashes, note), parse: parseRequest, codes: /^(WITNESS_REQUEST|NOTE|CHECKPOINT)_/, free: [] },
];

/** The text with a part replaced at a place. */
function spliced(text: string, at: number, length: number, put: string): string {
  return text.slice(0, at) + put + text.slice(at + length);
}

function* mangledLines(text: string): Generator<readonly [what: string, text: string]> {
  const middle = text.indexOf('\n', text.length / 3);
  yield ['CRLF', text.replaceAll('\n', '\r\n')];
  yield ['one CR', spliced(text, text.indexOf('\n'), 0, '\r')];
  yield ['NUL in the middle', spliced(text, middle - 3, 0, '\0')];
  yield ['NUL at the end', `${text}\0`];
  yield ['no newline at the end', text.slice(0, -1)];
  yield ['blank line at the end', `${text}\n`];
  yield ['blank line at the beginning', `\n${text}`];
  yield ['byte order mark', `\ufeff${text}`];
  yield ['space at the beginning', ` ${text}`];
  yield ['tab for the first space', text.replace(' ', '\t')];
  yield ['two spaces for the first', text.replace(' ', '  ')];
  yield ['no-break space for the first', text.replace(' ', '\u00a0')];
  for (const separator of ['\u2028', '\u0085', '\v', '\f']) yield [`${JSON.stringify(separator)} for a newline`, spliced(text, middle, 1, separator)];
  for (const { index } of text.matchAll(/\n/g)) yield ['space at the end of line', spliced(text, index, 0, ' ')];
}

function* mangledNumbers(text: string): Generator<readonly [what: string, text: string]> {
  for (const { 0: digits, index } of text.matchAll(/(?<=^|\n|old |index |group g )\d+(?=[ \n])/g)) {
    const spellings = [`0${digits}`, `+${digits}`, `-${digits}`, `${digits}.0`, `${digits}e0`, `0x${digits}`, `${digits}_0`, `${digits}n`, '', '9007199254740992', '18446744073709551647', '\u0663\u0661', '\uff13'];
    for (const spelling of spellings) yield [`${JSON.stringify(spelling)} for the number ${digits}`, spliced(text, index, digits.length, spelling)];
  }
}

function* mangledBase64(text: string): Generator<readonly [what: string, text: string]> {
  for (const { 0: token, index } of text.matchAll(/(?<=[\n +])[A-Za-z0-9+/]{8,}={0,2}(?=\n)/g)) {
    const put = (spelling: string): string => spliced(text, index, token.length, spelling);
    const padding = token.split('=').length - 1;
    const last = token.length - padding - 1;
    yield ['a character too few', put(token.slice(0, -1))];
    yield ['padding too much', put(`${token}=`)];
    yield ['a space inside', put(spliced(token, 7, 0, ' '))];
    yield ['a newline inside', put(spliced(token, last - 4, 0, '\n'))];
    yield ['no base64 inside', put(spliced(token, last - 4, 1, '*'))];
    if (padding === 0) continue;
    // The unused bits of the last character have to be zero.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    yield ['spare bits', put(spliced(token, last, 1, alphabet[alphabet.indexOf(token[last] ?? 'A') | 1] ?? ''))];
  }
  if (text.includes('+') || text.includes('/')) {
    const url = text.replaceAll(/[A-Za-z0-9+/]{40,}={0,2}(?=\n)/g, (token) => token.replaceAll('+', '-').replaceAll('/', '_'));
    if (url !== text) yield ['base64url', url];
  }
}

for (const { name, good, parse, codes, free } of formats) {
  test(`a ${name} has one spelling`, () => {
    const text = fromUtf8(good) ?? '';
    assert.ok(parse(good).ok);
    let tried = 0;
    for (const [what, mangled] of [...mangledLines(text), ...mangledNumbers(text), ...mangledBase64(text)]) {
      assert.is.not(mangled, text, what);
      const result = parse(utf8(mangled));
      if (free.includes(what)) continue;
      // The origin is any text: with a mark or a space it is the name of another log, that nobody has a key of.
      if (result.ok && result.value.origin !== undefined && result.value.origin !== origin && result.value.origin.trim() === origin) continue;
      assert.not(result.ok, `${what}: ${JSON.stringify(mangled)}`);
      if (!result.ok) assert.match(result.failure.code, codes, what);
      tried += 1;
    }
    assert.ok(tried > 25, `${tried} spellings`);
    for (const byte of [0x80, 0xc0, 0xff]) assert.not(parse(concat(good.subarray(0, 12), Uint8Array.of(byte), good.subarray(12))).ok, 'bytes that are no UTF-8');
  });

  test(`a ${name} of 10 MB is refused for its size`, () => {
    const flood = concat(good, new Uint8Array(10_000_000).fill(0x0a));
    const before = process.cpuUsage();
    assert.not(parse(flood).ok);
    assert.ok(process.cpuUsage(before).user < 50_000, 'without reading it');
  });
}

test('more than 16 signatures are too many wherever a checkpoint stands', () => {
  const many = (count: number): Uint8Array => withLines(signCheckpoint(log_key, checkpoint), Array.from({ length: count - 1 }, (_, at) => cosign(witness_key, `w${at}`, checkpoint, 5)));
  for (const [count, accepted] of [[16, true], [17, false], [100, false]] as const) {
    const signed = many(count);
    assert.is(parseSigned(signed).ok, accepted, `${count} in a checkpoint`);
    assert.is(decodeRequest(encodeRequest(30, hashes, signed)).ok, accepted, `${count} in a request`);
    const verified = verifyProof(formatProof({ index: 3, hashes, checkpoint: signed }), hashes[0] ?? sha256(), unwrap(parseLogPolicy(utf8(`${(fromUtf8(policy) ?? '').split('\n', 1)[0] ?? ''}\nquorum none\n`))));
    assert.not(verified.ok);
    if (!verified.ok) assert.is(verified.failure.code, accepted ? 'PROOF_INVALID' : 'NOTE_INVALID', `${count} in a proof`);
  }
});

test('an index that is not below the size is no proof of anything', () => {
  const trusted = unwrap(parseLogPolicy(policy));
  for (const index of [31, 32, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    for (const proof of [[], hashes]) {
      const verified = verifyProof(formatProof({ index, hashes: proof, checkpoint: note }), checkpoint.root, trusted);
      assert.is(verified.ok ? 'ok' : verified.failure.code, 'PROOF_INVALID', String(index));
    }
  }
});

test.run();
