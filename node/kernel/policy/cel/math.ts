/** CEL's math extension. */
import { Fault } from '../values.ts';
import { takes, type CelFunction, type CelFunctions } from './function.ts';
import { intOf, uintOf } from './operators.ts';
import { isCelList, noOverload, numericOf, Uint, type CelResult, type CelValue } from './values.ts';

const arguments_max = 64;

/** The largest or smallest of numbers of any types, or of one list of them; the first of equals. */
function extreme(name: string, better: (one: bigint | number, other: bigint | number) => boolean): CelFunction {
  return takes(1, (args, budget) => {
    const values = args.length === 1 && isCelList(args[0] ?? null) ? listOf(args[0]) : args;
    const cost = budget.charge(values.length);
    if (cost !== undefined) return cost;
    let best: CelValue | undefined;
    for (const value of values) {
      const number = numericOf(value);
      if (number === undefined) return noOverload(name, value);
      if (best === undefined || better(number, numericOf(best) ?? 0)) best = value;
    }
    return best ?? new Fault(`${name} has nothing to choose from`);
  }, arguments_max);
}

function listOf(value: CelValue | undefined): readonly CelValue[] {
  return value !== undefined && isCelList(value) ? value : [];
}

function double(name: string, use: (value: number) => CelResult): CelFunction {
  return takes(1, ([value = null]) => (typeof value === 'number' ? use(value) : noOverload(name, value)));
}

/** A function that keeps the type of its number. */
function number(name: string, of_double: (value: number) => number, of_whole: (value: bigint) => bigint): CelFunction {
  return takes(1, ([value = null]) => {
    if (typeof value === 'number') return of_double(value);
    if (typeof value === 'bigint') return intOf(of_whole(value));
    return value instanceof Uint ? uintOf(of_whole(value.value)) : noOverload(name, value);
  });
}

function bits(name: string, use: (a: bigint, b: bigint) => bigint): CelFunction {
  return takes(2, ([a = null, b = null]) => {
    if (typeof a === 'bigint' && typeof b === 'bigint') return BigInt.asIntN(64, use(a, b));
    return a instanceof Uint && b instanceof Uint ? new Uint(BigInt.asUintN(64, use(a.value, b.value))) : noOverload(name, a, b);
  });
}

/** Shifts the 64 bits of a number; what leaves them is lost, and right shifts fill with zeros. */
function shift(name: string, use: (bits: bigint, by: bigint) => bigint): CelFunction {
  return takes(2, ([value = null, by = null]) => {
    if (typeof by !== 'bigint' || (typeof value !== 'bigint' && !(value instanceof Uint))) return noOverload(name, value, by);
    if (by < 0n) return new Fault(`${name} does not shift by a negative number`);
    const whole = value instanceof Uint ? value.value : BigInt.asUintN(64, value);
    const moved = by >= 64n ? 0n : BigInt.asUintN(64, use(whole, by));
    return value instanceof Uint ? new Uint(moved) : BigInt.asIntN(64, moved);
  });
}

function roundAwayFromZero(value: number): number {
  const size = Math.abs(value);
  const rounded = size - Math.floor(size) >= 0.5 ? Math.ceil(size) : Math.floor(size);
  return Math.sign(value) < 0 ? -rounded : rounded;
}

/** The `math.` functions. */
export const math: CelFunctions = {
  'math.greatest': extreme('math.greatest', (one, other) => one > other),
  'math.least': extreme('math.least', (one, other) => one < other),
  'math.ceil': double('math.ceil', Math.ceil),
  'math.floor': double('math.floor', Math.floor),
  'math.round': double('math.round', roundAwayFromZero),
  'math.trunc': double('math.trunc', Math.trunc),
  'math.isNaN': double('math.isNaN', Number.isNaN),
  'math.isInf': double('math.isInf', (value) => Math.abs(value) === Infinity),
  'math.isFinite': double('math.isFinite', Number.isFinite),
  'math.abs': number('math.abs', Math.abs, (value) => (value < 0n ? -value : value)),
  'math.sign': number('math.sign', Math.sign, (value) => (value > 0n ? 1n : value < 0n ? -1n : 0n)),
  'math.sqrt': takes(1, ([value = null]) => {
    const given = numericOf(value);
    return given === undefined ? noOverload('math.sqrt', value) : Math.sqrt(Number(given));
  }),
  'math.bitAnd': bits('math.bitAnd', (a, b) => a & b),
  'math.bitOr': bits('math.bitOr', (a, b) => a | b),
  'math.bitXor': bits('math.bitXor', (a, b) => a ^ b),
  'math.bitNot': takes(1, ([value = null]) => {
    if (typeof value === 'bigint') return ~value;
    return value instanceof Uint ? new Uint(BigInt.asUintN(64, ~value.value)) : noOverload('math.bitNot', value);
  }),
  'math.bitShiftLeft': shift('math.bitShiftLeft', (value, by) => value << by),
  'math.bitShiftRight': shift('math.bitShiftRight', (value, by) => value >> by),
};
