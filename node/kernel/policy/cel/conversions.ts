/** Functions that make a value of one type from another (langdef.md, "Standard definitions"). */
import type { StepBudget } from '../budget.ts';
import { Fault } from '../values.ts';
import { takes, type CelFunctions } from './function.ts';
import { intOf, uintOf } from './operators.ts';
import { parseDuration, parseTimestamp, printDuration, printTimestamp, timestampOf } from './time.ts';
import { Duration, noOverload, Timestamp, typeName, TypeValue, Uint, type CelResult, type CelValue } from './values.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const digits_max = 64;

function wholeOf(text: string, signed: boolean): bigint | Fault {
  const pattern = signed ? /^[+-]?\d+$/ : /^\d+$/;
  return text.length <= digits_max && pattern.test(text) ? BigInt(text.replace(/^\+/, '')) : new Fault(`${shown(text)} is no whole number`);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}

function truncated(value: number): bigint | Fault {
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : new Fault('the double is no whole number');
}

function toInt(value: CelValue): CelResult {
  if (typeof value === 'bigint') return value;
  if (value instanceof Uint) return intOf(value.value);
  if (value instanceof Timestamp) return (value.nanoseconds - (((value.nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)) / 1_000_000_000n;
  // The doubles at both ends of the range are not exact, so they are outside of it.
  if (typeof value === 'number' && Math.abs(value) >= 2 ** 63) return new Fault('the int overflows 64 bits');
  const whole = typeof value === 'number' ? truncated(value) : typeof value === 'string' ? wholeOf(value, true) : noOverload('int', value);
  return whole instanceof Fault ? whole : intOf(whole);
}

function toUint(value: CelValue): CelResult {
  if (value instanceof Uint) return value;
  if (typeof value === 'number' && value >= 2 ** 64) return new Fault('the uint overflows 64 bits');
  if (typeof value === 'number' && value < 0) return new Fault('a uint is not negative');
  const whole = typeof value === 'bigint' ? value
    : typeof value === 'number' ? truncated(value) : typeof value === 'string' ? wholeOf(value, false) : noOverload('uint', value);
  return whole instanceof Fault ? whole : uintOf(whole);
}

function toDouble(value: CelValue): CelResult {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (typeof value !== 'string') return noOverload('double', value);
  if (/^[+-]?nan$/i.test(value)) return Number.NaN;
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(value);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(value) ? Number(value) : new Fault(`${shown(value)} is no number`);
}

/** The text of a value, or a fault where it has none. */
export function toText(value: CelValue, budget: StepBudget): string | Fault {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Timestamp) return printTimestamp(value);
  if (value instanceof Duration) return printDuration(value);
  if (!(value instanceof Uint8Array)) return noOverload('string', value);
  const cost = budget.chargeText(value.length);
  if (cost !== undefined) return cost;
  try {
    return decoder.decode(value);
  } catch {
    return new Fault('the bytes are not UTF-8');
  }
}

const truths: { readonly [text: string]: boolean } = {
  true: true, True: true, TRUE: true, t: true, T: true, 1: true, false: false, False: false, FALSE: false, f: false, F: false, 0: false,
};

function toBool(value: CelValue): CelResult {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return noOverload('bool', value);
  return Object.hasOwn(truths, value) ? truths[value] ?? false : new Fault(`${shown(value)} is neither true nor false`);
}

function toBytes(value: CelValue, budget: StepBudget): CelResult {
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' ? budget.chargeText(value.length) ?? new Uint8Array(Buffer.from(value)) : noOverload('bytes', value);
}

function toTimestamp(value: CelValue): CelResult {
  if (value instanceof Timestamp) return value;
  if (typeof value === 'bigint') return timestampOf(value * 1_000_000_000n);
  return typeof value === 'string' ? parseTimestamp(value) : noOverload('timestamp', value);
}

function toDuration(value: CelValue): CelResult {
  if (value instanceof Duration) return value;
  return typeof value === 'string' ? parseDuration(value) : noOverload('duration', value);
}

function one(call: (value: CelValue, budget: StepBudget) => CelResult): CelFunctions[string] {
  return takes(1, ([value = null], budget) => call(value, budget));
}

/** `int`, `uint`, `double`, `string`, `bool`, `bytes`, `timestamp`, `duration`, `dyn`, `type`. */
export const conversions: CelFunctions = {
  int: one(toInt),
  uint: one(toUint),
  double: one(toDouble),
  string: one(toText),
  bool: one(toBool),
  bytes: one(toBytes),
  timestamp: one(toTimestamp),
  duration: one(toDuration),
  dyn: one((value) => value),
  type: one((value) => new TypeValue(typeName(value))),
};
