/**
 * Parsers under fire: random bytes, good inputs with damage in the bytes and in
 * the values, and floods as large as the parser reads. A parser may answer
 * anything but a throw, and what it answers to bad input is a failure of ours.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { concat, fromBase64url, fromUtf8, toBase64url, utf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes, decodeCbor, encodeCbor, isFields, parseCanonicalJson } from '../crypto/canonical.ts';
import { messageOf } from '../crypto/result.ts';
import type { Test } from './harness.ts';

/** CPU time that no input may take. */
const cpu_ms_max = 50;
/** Memory that no input may take. */
const memory_bytes_max = 10 * 1024 * 1024;
const measured_runs = 6;
/** Less CPU time than it takes to make small things of {@link memory_bytes_max} in all. */
const small_things_ms_min = 1;

/** A parser of bytes or text from outside. */
export interface Parser {
  readonly name: string;
  /** Gives a result, or `undefined`, `false` or a value. Text parsers are given the bytes as latin1 where they are no UTF-8. */
  readonly parse: (bytes: Uint8Array) => unknown;
  /** Good inputs; each is accepted. */
  readonly samples: readonly Uint8Array[];
  /** The most bytes that ever reach it. */
  readonly bytes_max: number;
}

/** A parser of text as a parser of bytes. */
export function ofText(parse: (text: string) => unknown): Parser['parse'] {
  return (bytes) => parse(fromUtf8(bytes) ?? Buffer.from(bytes).toString('latin1'));
}

/** A JSON file as it is, and in canonical form, in which its values are changed one by one. */
export function asJson(text: string): readonly Uint8Array[] {
  return [utf8(text), canonicalJsonBytes(JSON.parse(text))];
}

/** A Uint8Array of its own, with this pattern again and again. */
function filled(length: number, pattern: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.alloc(length, pattern));
}

// ---- damage

const bits: readonly string[] = ['[', '{', '{"a":', ']', '"', '\\', '\\u0000', '\u0000', '.', '..', ',', ':', '#', '/', '*', '**', '+', '=', '-', '—', ' ', '\n', '\n\n', '0', '9999999999999999999', '1e999', 'null', '__proto__', 'did:mesh:b', '\u{1f600}', '\u202e'];
const bytes_of_note: readonly Uint8Array[] = [[0x81], [0xa1], [0xd8, 0x2a], [0x9f], [0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x9a, 0xff, 0xff, 0xff, 0xff], [0xfb], [0xf7], [0xff], [0xc0, 0x80]].map((list) => Uint8Array.from(list));
const fragment = fc.oneof(fc.constantFrom(...bits.map(utf8)), fc.constantFrom(...bytes_of_note), fc.uint8Array({ minLength: 1, maxLength: 12 }));

type Edit = readonly [at: number, kind: 'flip' | 'cut' | 'insert' | 'replace' | 'repeat', what: Uint8Array, amount: number];

const edit: fc.Arbitrary<Edit> = fc.tuple(
  fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom('flip', 'cut', 'insert', 'replace', 'repeat'), fragment, fc.integer({ min: 1, max: 40 }),
);

function edited(bytes: Uint8Array, [place, kind, what, amount]: Edit): Uint8Array {
  const at = Math.floor(place * bytes.length);
  const before = bytes.subarray(0, at);
  const after = bytes.subarray(at);
  switch (kind) {
    case 'flip': return bytes.map((byte, index) => (index === at ? byte ^ (1 << (amount % 8)) : byte));
    case 'cut': return concat(before, after.subarray(amount));
    case 'insert': return concat(before, what, after);
    case 'replace': return concat(before, what, after.subarray(what.length));
    case 'repeat': return concat(before, ...Array.from({ length: amount }, () => after.subarray(0, amount)), after);
  }
}

const strange: readonly unknown[] = [
  null, true, 0, -1, 1.5, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, '', 'x', '*', '#', 'did:key:z6Mk', 'x'.repeat(300), '\u0000', [], [null], [[]], {}, { a: null }, { length: 1 },
  new Uint8Array(), new Uint8Array(32), new Uint8Array(65),
];

/** The value with something strange in the place of each of its parts, with each part taken away, and with each part twice. */
function* variantsOf(value: unknown): Generator {
  yield* strange;
  if (!(Array.isArray(value) || isFields(value))) return;
  const entries: [string, unknown][] = Object.entries(value);
  const whole = (list: readonly (readonly [string, unknown])[]): unknown => (Array.isArray(value) ? list.map(([, item]) => item) : Object.fromEntries(list));
  for (const [at, [name, inner]] of entries.entries()) {
    yield whole(entries.toSpliced(at, 1));
    yield whole([...entries, [`${name}2`, inner]]);
    for (const variant of variantsOf(inner)) yield whole(entries.with(at, [name, variant]));
  }
}

/** The variants of a value as bytes, without those that have no form in the encoding. */
function* encodedVariants(value: unknown, encode: (variant: unknown) => Uint8Array): Generator<Uint8Array> {
  for (const variant of variantsOf(value)) {
    let bytes: Uint8Array | undefined;
    try {
      bytes = encode(variant);
    } catch {
      bytes = undefined;
    }
    if (bytes !== undefined) yield bytes;
  }
}

/** Good input with one part changed: CBOR, JSON and tokens are taken apart and put together well-formed, so that what looks at shapes is reached. */
function* reshaped(bytes: Uint8Array): Generator<Uint8Array> {
  const decoded = decodeCbor(bytes);
  if (decoded.ok) yield* encodedVariants(decoded.value, encodeCbor);
  const json = parseCanonicalJson(bytes);
  if (json.ok) yield* encodedVariants(json.value, canonicalJsonBytes);
  const parts = (fromUtf8(bytes) ?? '').split('.');
  for (const [at, part] of parts.entries()) {
    const inside = parseCanonicalJson(fromBase64url(part) ?? new Uint8Array());
    if (inside.ok) yield* encodedVariants(inside.value, (variant) => utf8(parts.with(at, toBase64url(canonicalJsonBytes(variant))).join('.')));
  }
}

/** Bytes that somebody hostile might send: noise, and good inputs with damage. */
export function damaged(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const damage = fc.tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 4 })).map(([bytes, edits]) => edits.reduce(edited, bytes));
  return fc.oneof({ weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) }, { weight: 3, arbitrary: damage });
}

// ---- verdicts

/** Checks that an answer is a value or a failure with its code and words. */
export function checkAnswer(answer: unknown): void {
  if (!isFields(answer) || answer['ok'] !== false) return;
  const { failure } = answer;
  assert.ok(isFields(failure), 'a failure comes with the reason');
  if (!isFields(failure)) return;
  assert.match(String(failure['code']), /^[A-Z][A-Z0-9_]+$/);
  assert.ok(typeof failure['reason'] === 'string' && failure['reason'].length > 0, 'a failure says why');
  assert.ok(failure['reason'].length < 5000, 'a failure does not repeat its input');
}

/** Whether an answer says yes. */
function isAccepted(answer: unknown): boolean {
  return isFields(answer) && 'ok' in answer ? answer['ok'] === true : answer !== undefined && answer !== false;
}

// ---- floods

const flood_patterns: readonly string[] = [
  '\u0000', 'a', 'A', '[', '{', '{"a":', '[[],', '"', '\\', '"\\', '.', ':', ',', '\n', '\n\n', ' ', '\t', '9', '1,', '-', '=', '+', '*', '/', '*/', '**/', '—', '— a ', '#', '\u{1f600}', ' \n', 'part 0\n\n', 'group a any ',
];

function cborHead(major: number, count: number): Uint8Array {
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(1, count);
  head[0] = (major << 5) | 26;
  return head;
}

/** The largest inputs: patterns over the whole length, long lists and maps, deep nesting, and good inputs that go on and on. */
function* floods({ samples, bytes_max }: Parser): Generator<readonly [name: string, bytes: Uint8Array]> {
  for (const pattern of flood_patterns) yield [`${JSON.stringify(pattern)} again and again`, filled(bytes_max, utf8(pattern))];
  for (const byte of [0x80, 0x81, 0x82, 0xa0, 0xa1, 0xc1, 0xd8, 0xf6, 0xff]) yield [`byte ${byte} again and again`, filled(bytes_max, Uint8Array.of(byte))];
  for (const [name, item] of [['numbers', [0]], ['lists', [0x80]], ['maps', [0xa0]], ['texts', [0x61, 0x61]], ['bytes', [0x41, 0x00]], ['deep lists', [0x81, 0x81, 0x81, 0x00]]] as const) {
    const count = Math.max(1, Math.floor((bytes_max - 5) / item.length));
    yield [`a list of ${name}`, concat(cborHead(4, count), filled(count * item.length, Uint8Array.from(item)))];
  }
  const names = Array.from({ length: Math.max(1, Math.floor(bytes_max / 6)) }, (_, index) => index.toString(36).padStart(4, 'k'));
  yield ['a map of many fields', new Uint8Array(Buffer.concat([cborHead(5, names.length), ...names.map((name) => Buffer.from(`d${name}\u0000`))]))];
  const object = (named: readonly string[]): Uint8Array => utf8(`{${named.map((name) => `"${name}":0`).join(',')}}`);
  const fitting = names.slice(0, Math.max(1, Math.floor(bytes_max / 9) - 1));
  yield ['an object of many fields', object(fitting.toSorted())];
  yield ['an object of many fields in no order', object(fitting)];
  yield ['an object of many numbered fields', object(fitting.slice(0, Math.ceil(fitting.length / 2)).map((_, index) => String(10_000_000 + index)))];
  for (const [index, sample] of samples.entries()) {
    yield [`sample ${index} again and again`, filled(bytes_max, sample)];
    const half = Math.floor(sample.length / 2);
    const rest = Math.max(0, bytes_max - sample.length);
    for (const pattern of ['a', '\n', '\u0000']) yield [`sample ${index} with ${JSON.stringify(pattern)} inside`, concat(sample.subarray(0, half), filled(rest, utf8(pattern)), sample.subarray(half))];
  }
}

/** The least CPU time of some runs, in ms: others on the machine, the collector and the compiler only ever add to it. */
function leastCpu(parse: () => unknown, enough_ms: number): number {
  let least_ms = Infinity;
  for (let run = 0; run < measured_runs && least_ms > enough_ms; run += 1) {
    const start = process.cpuUsage();
    checkAnswer(parse());
    const { user, system } = process.cpuUsage(start);
    least_ms = Math.min(least_ms, (user + system) / 1000);
  }
  return least_ms;
}

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The least growth of the memory in use over some runs, in bytes, with what a run leaves behind not yet collected. */
function leastMemory(parse: () => unknown, enough_bytes: number, collected: 'minor' | 'major'): number {
  let least_bytes = Infinity;
  for (let run = 0; run < measured_runs && least_bytes > enough_bytes; run += 1) {
    // Twice, for the memory of buffers is given back while the program goes on, and in full only at the next collection, of whichever kind.
    if (typeof collect === 'function') for (const type of [collected, 'minor']) collect({ type });
    const before = usedBytes();
    parse();
    least_bytes = Math.min(least_bytes, usedBytes() - before);
  }
  return least_bytes;
}

// ---- the tests

/** Declares the tests of one parser. */
export function testParser(test: Test, parser: Parser): void {
  const { name, parse, samples } = parser;
  test(`${name}: good input is accepted, and damage never makes it throw`, () => {
    for (const sample of samples) {
      assert.ok(sample.length <= parser.bytes_max, 'a sample is within the bounds');
      assert.ok(isAccepted(parse(sample)), `${name} accepts its sample: ${JSON.stringify(parse(sample))?.slice(0, 300)}`);
    }
    const survives = (bytes: Uint8Array): void => {
      try {
        checkAnswer(parse(bytes));
      } catch (error) {
        throw new Error(`${name} on ${Buffer.from(bytes).toString('base64')}: ${messageOf(error)}`, { cause: error });
      }
    };
    for (const sample of samples) for (const bytes of reshaped(sample)) survives(bytes);
    fc.assert(fc.property(damaged(samples), survives), { numRuns: 200 });
  });

  test(`${name}: no flood takes ${cpu_ms_max} ms or ${memory_bytes_max} bytes`, () => {
    const costs: { readonly what: string; readonly bytes: Uint8Array; readonly cpu_ms: number }[] = [];
    for (const [what, bytes] of floods(parser)) {
      const cpu_ms = leastCpu(() => parse(bytes), cpu_ms_max / 2);
      assert.ok(cpu_ms < cpu_ms_max, `${what}: ${cpu_ms} ms of CPU`);
      const used_bytes = leastMemory(() => parse(bytes), memory_bytes_max / 2, 'minor');
      assert.ok(used_bytes < memory_bytes_max, `${what}: ${used_bytes} bytes`);
      costs.push({ what, bytes, cpu_ms });
    }
    // A buffer is there at once and shows above. Many small things take time to make, some ms for as many as count here, and
    // show for certain only when all garbage was collected before: that is too slow for every flood, and needed only for the slowest.
    const slowest = costs.filter(({ cpu_ms }) => cpu_ms > small_things_ms_min).toSorted((a, b) => b.cpu_ms - a.cpu_ms).slice(0, 3);
    for (const { what, bytes } of slowest) {
      const used_bytes = leastMemory(() => parse(bytes), memory_bytes_max / 2, 'major');
      assert.ok(used_bytes < memory_bytes_max, `${what}: ${used_bytes} bytes`);
    }
  });
}
