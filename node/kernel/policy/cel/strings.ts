/** Functions on texts: CEL's own, and its strings extension. Places count code points, as CEL has it. */
import type { StepBudget } from '../budget.ts';
import { compilePattern, type Pattern } from '../regex.ts';
import { Fault } from '../values.ts';
import { formatted } from './format.ts';
import { takes, type CelFunction, type CelFunctions } from './function.ts';
import { isCelList, isCelMap, noOverload, sizeOfMap, type CelResult, type CelValue } from './values.ts';

const patterns_max = 64;
/** What compiling a pattern costs. */
const compiling_steps = 2_500;

/** The size of a text in code points, of bytes, a list or a map. */
function sizeOf(value: CelValue, budget: StepBudget): CelResult {
  if (typeof value === 'string') return budget.charge(1 + value.length / 64) ?? BigInt(codePoints(value));
  if (value instanceof Uint8Array || isCelList(value)) return BigInt(value.length);
  if (!isCelMap(value)) return noOverload('size', value);
  const size = sizeOfMap(value);
  return budget.charge(size) ?? BigInt(size);
}

/** How many code points a text has. */
export function codePoints(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index += 1) {
    if ((text.charCodeAt(index) & 0xfc00) !== 0xdc00) count += 1;
  }
  return count;
}

function texts(name: string, use: (a: string, b: string, budget: StepBudget) => CelResult): CelFunction {
  return takes(2, ([a = null, b = null], budget) => (typeof a === 'string' && typeof b === 'string'
    ? budget.charge(1 + a.length / 16) ?? use(a, b, budget)
    : noOverload(name, a, b)));
}

function text(name: string, use: (a: string, budget: StepBudget) => CelResult): CelFunction {
  return takes(1, ([a = null], budget) => (typeof a === 'string' ? budget.chargeText(a.length) ?? use(a, budget) : noOverload(name, a)));
}

/** A text with the letters of ASCII from `first` to `last` moved to the other case. */
function recased(value: string, first: number, last: number): string {
  const units = Buffer.from(value, 'utf16le');
  for (let at = 0; at < units.length; at += 2) {
    const code = units[at] ?? 0;
    if (units[at + 1] === 0 && code >= first && code <= last) units[at] = code ^ 0x20;
  }
  return units.toString('utf16le');
}

/** Patterns that are computed, compiled once; those that are written are compiled with the condition. */
const patterns = new Map<string, Pattern | Fault>();

/** A pattern that is only known now; a fault where it is refused. */
function patternOf(source: string, budget: StepBudget): Pattern | Fault {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  const cost = budget.charge(compiling_steps);
  if (cost !== undefined) return cost;
  const compiled = compilePattern(source);
  const pattern = compiled.ok ? compiled.value : new Fault(compiled.failure.reason);
  if (patterns.size >= patterns_max) patterns.clear();
  patterns.set(source, pattern);
  return pattern;
}

/** Whether a pattern occurs in a text; pays for what that can cost. */
export function matchesPattern(subject: CelValue, pattern: Pattern, budget: StepBudget): CelResult {
  if (typeof subject !== 'string') return noOverload('matches', subject);
  return budget.charge(1) ?? pattern.matches(subject, budget) ?? new Fault('the text is too long for matches');
}

function indexOf(name: string, last: boolean): CelFunction {
  return takes(2, (args, budget) => {
    const [whole = null, part = null, from] = args;
    if (typeof whole !== 'string' || typeof part !== 'string' || (from !== undefined && typeof from !== 'bigint')) return noOverload(name, ...args);
    const cost = budget.chargeCharacters(whole.length);
    if (cost !== undefined) return cost;
    const points = Array.from(whole);
    const start = from === undefined ? (last ? points.length : 0) : Number(from);
    if (start < 0 || start > points.length) return new Fault(`the index ${start} is out of range`);
    if (last && start === points.length && from !== undefined && part !== '') return new Fault(`the index ${start} is out of range`);
    const unit = points.slice(0, start).join('').length;
    const found = last ? whole.lastIndexOf(part, unit) : whole.indexOf(part, unit);
    return BigInt(found < 0 ? -1 : codePoints(whole.slice(0, found)));
  }, 3);
}

const substring: CelFunction = takes(2, (args, budget) => {
  const [whole = null, from = null, to] = args;
  if (typeof whole !== 'string' || typeof from !== 'bigint' || (to !== undefined && typeof to !== 'bigint')) return noOverload('substring', ...args);
  const cost = budget.chargeCharacters(whole.length);
  if (cost !== undefined) return cost;
  const points = Array.from(whole);
  const end = to === undefined ? points.length : Number(to);
  if (from < 0n || from > BigInt(points.length) || end < 0 || end > points.length || BigInt(end) < from) return new Fault(`the range ${from} to ${end} is out of range`);
  return points.slice(Number(from), end).join('');
}, 3);

const charAt: CelFunction = takes(2, ([whole = null, at = null], budget) => {
  if (typeof whole !== 'string' || typeof at !== 'bigint') return noOverload('charAt', whole, at);
  const points = budget.chargeCharacters(whole.length) ?? Array.from(whole);
  if (points instanceof Fault) return points;
  return at < 0n || at > BigInt(points.length) ? new Fault(`the index ${at} is out of range`) : points[Number(at)] ?? '';
});

/** Splits or joins at a separator no more than a number of times; a negative number is no bound. */
function pieces(whole: string, separator: string, most: number): readonly string[] {
  if (most === 0) return [];
  const all = separator === '' ? Array.from(whole) : whole.split(separator);
  if (most < 0 || all.length <= most) return all;
  return [...all.slice(0, most - 1), all.slice(most - 1).join(separator)];
}

const split: CelFunction = takes(2, (args, budget) => {
  const [whole = null, separator = null, most = -1n] = args;
  if (typeof whole !== 'string' || typeof separator !== 'string' || typeof most !== 'bigint') return noOverload('split', ...args);
  return budget.charge(1 + whole.length) ?? pieces(whole, separator, Number(most));
}, 3);

const replace: CelFunction = takes(3, (args, budget) => {
  const [whole = null, old = null, by = null, most = -1n] = args;
  if (typeof whole !== 'string' || typeof old !== 'string' || typeof by !== 'string' || typeof most !== 'bigint') return noOverload('replace', ...args);
  const cost = budget.charge(1 + whole.length / 4);
  if (cost !== undefined) return cost;
  const between = old === '' ? ['', ...Array.from(whole), ''] : whole.split(old);
  const times = most < 0n ? between.length - 1 : Math.min(Number(most), between.length - 1);
  const long = budget.chargeText(whole.length + times * by.length);
  return long ?? between.slice(0, times + 1).join(by) + between.slice(times + 1).map((part) => old + part).join('');
}, 4);

const join: CelFunction = takes(1, ([list = null, separator = ''], budget) => {
  if (!isCelList(list) || typeof separator !== 'string') return noOverload('join', list, separator);
  const parts: string[] = [];
  let length = 0;
  for (const item of list) {
    if (typeof item !== 'string') return noOverload('join', item);
    length += item.length + separator.length;
    parts.push(item);
  }
  return budget.charge(list.length) ?? budget.chargeText(length) ?? parts.join(separator);
}, 2);

const quoted: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'], ['"', '\\"'], ['\u0007', '\\a'], ['\b', '\\b'], ['\f', '\\f'], ['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t'], ['\v', '\\v'],
]);

function quote(value: string): string {
  return `"${Array.from(value.toWellFormed(), (character) => quoted.get(character) ?? character).join('')}"`;
}

const matches: CelFunction = takes(2, ([subject = null, source = null], budget) => {
  if (typeof source !== 'string' || typeof subject !== 'string') return noOverload('matches', subject, source);
  const pattern = budget.charge(1 + source.length) ?? patternOf(source, budget);
  return pattern instanceof Fault ? pattern : matchesPattern(subject, pattern, budget);
});

/** White space as Unicode has it; `trim()` of JavaScript also takes U+FEFF. */
const space = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

// By hand, because a pattern for spaces at the end starts over at each space of the text.
function trimmed(value: string, budget: StepBudget): CelResult {
  let [from, to] = [0, value.length];
  while (from < to && space.test(value.charAt(from))) from += 1;
  while (to > from && space.test(value.charAt(to - 1))) to -= 1;
  return budget.charge((value.length - to + from) / 4) ?? value.slice(from, to);
}

/** The functions on texts. */
export const strings: CelFunctions = {
  size: takes(1, ([value = null], budget) => sizeOf(value, budget)),
  contains: texts('contains', (a, b) => a.includes(b)),
  startsWith: texts('startsWith', (a, b) => a.startsWith(b)),
  endsWith: texts('endsWith', (a, b) => a.endsWith(b)),
  matches,
  '.charAt': charAt,
  '.indexOf': indexOf('indexOf', false),
  '.lastIndexOf': indexOf('lastIndexOf', true),
  '.lowerAscii': text('lowerAscii', (a) => recased(a, 0x41, 0x5a)),
  '.upperAscii': text('upperAscii', (a) => recased(a, 0x61, 0x7a)),
  '.trim': text('trim', trimmed),
  '.replace': replace,
  '.split': split,
  '.substring': substring,
  '.join': join,
  'strings.quote': text('strings.quote', (a, budget) => budget.chargeCharacters(a.length) ?? quote(a)),
  '.format': takes(2, ([pattern = null, values = null], budget) => (typeof pattern === 'string' && isCelList(values)
    ? formatted(pattern, values, budget)
    : noOverload('format', pattern, values))),
};
