/** What the keywords of a JSON Schema check. A check says what is wrong with a value, in words, or nothing. */
import { canonicalJson, isFields, isStrings, type Json } from '../../../crypto/canonical.ts';
import { compilePattern } from '../policy/regex.ts';

/** Steps of one check. */
export const check_steps_max = 200_000;

/** How far a check has come. */
export interface Run {
  steps: number;
  depth: number;
}

/** Checks a value at a place, which is a path like `/items/3`. Throws {@link Refused} where it would take too long. */
export type Check = (value: Json, at: string, run: Run) => string | undefined;

/** Says why a schema, or a value, is not looked at further. */
export class Refused extends Error {}

/** Pays for a part of a check before it is done. Throws {@link Refused} when nothing is left. */
export function spend(run: Run, steps: number): void {
  run.steps += steps;
  if (run.steps > check_steps_max) throw new Refused('to check this would take too long');
}

function spendOnText(run: Run, text: string): void {
  spend(run, 1 + (text.length >> 4));
}

function spendOnItems(run: Run, items_of: readonly unknown[]): void {
  spend(run, 1 + (items_of.length >> 3));
}

/** Pays for reading all of a value. */
function spendOn(run: Run, value: Json): void {
  if (typeof value === 'string') return spendOnText(run, value);
  spend(run, 1);
  if (isList(value)) for (const item of value) spendOn(run, item);
  else if (isObject(value)) {
    for (const [name, inner] of namedIn(run, value)) {
      spendOnText(run, name);
      spendOn(run, inner);
    }
  }
}

/** The properties of an object, paid for. */
function namedIn(run: Run, value: { readonly [name: string]: Json }): readonly (readonly [string, Json])[] {
  const named = Object.entries(value);
  spend(run, 1 + named.length);
  return named;
}

function charactersOf(run: Run, text: string): number {
  spendOnText(run, text);
  return Array.from(text).length;
}

const type_names = ['null', 'boolean', 'object', 'array', 'number', 'integer', 'string'];

function typeOf(value: Json): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isType(value: Json, name: string): boolean {
  return name === typeOf(value) || (name === 'integer' && typeof value === 'number' && Number.isInteger(value));
}

function isWhole(value: number): boolean {
  // Decimal fractions have no exact form: 0.3 is a multiple of 0.1.
  return Math.abs(value - Math.round(value)) <= 1e-9 * Math.max(1, Math.abs(value));
}

/** `type`, `const`, `enum` and `pattern`; `undefined` for every other keyword. */
export function valueCheck(keyword: string, given: unknown): Check | undefined {
  switch (keyword) {
    case 'type': {
      const types = typeof given === 'string' ? [given] : isStrings(given) ? given : [];
      if (types.length === 0 || !types.every((name) => type_names.includes(name))) throw new Refused(`type is one or several of ${type_names.join(', ')}`);
      return (value, at) => (types.some((name) => isType(value, name)) ? undefined : `${at === '' ? 'it' : at} is ${typeOf(value)}, not ${types.join(' or ')}`);
    }
    case 'const':
    case 'enum': {
      if (keyword === 'enum' && !Array.isArray(given)) throw new Refused('enum is a list of values');
      const accepted = new Set((Array.isArray(given) && keyword === 'enum' ? given : [given]).map((value: unknown) => canonicalJson(value)));
      const longest = Math.max(0, ...[...accepted].map(({ length }) => length));
      return (value, at, run) => {
        // A text that is longer than any of them need not be read.
        const is_short = typeof value !== 'string' || value.length <= longest;
        if (is_short) spendOn(run, value);
        return is_short && accepted.has(canonicalJson(value)) ? undefined : `${at === '' ? 'it' : at} is none of the accepted values ${[...accepted].slice(0, 8).join(', ').slice(0, 200)}`;
      };
    }
    case 'pattern': {
      const pattern = typeof given === 'string' ? compilePattern(given) : undefined;
      if (pattern?.ok !== true) throw new Refused(`the pattern ${JSON.stringify(given).slice(0, 80)}: ${pattern === undefined ? 'is no text' : pattern.failure.reason}`);
      return (value, at, run) => {
        if (typeof value !== 'string') return undefined;
        spendOnText(run, value);
        return pattern.value.matches(value) === true ? undefined : `${at === '' ? 'it' : at} does not match ${String(given).slice(0, 80)}`;
      };
    }
    default: return undefined;
  }
}

const sizes: { readonly [keyword: string]: (value: Json, limit: number, run: Run) => boolean } = {
  minimum: (value, limit) => typeof value !== 'number' || value >= limit,
  maximum: (value, limit) => typeof value !== 'number' || value <= limit,
  exclusiveMinimum: (value, limit) => typeof value !== 'number' || value > limit,
  exclusiveMaximum: (value, limit) => typeof value !== 'number' || value < limit,
  multipleOf: (value, limit) => typeof value !== 'number' || isWhole(value / limit),
  // A character is one or two units of a text: mostly these need not be counted.
  minLength: (value, limit, run) => typeof value !== 'string' || value.length >= 2 * limit || (value.length >= limit && charactersOf(run, value) >= limit),
  maxLength: (value, limit, run) => typeof value !== 'string' || value.length <= limit || (value.length <= 2 * limit && charactersOf(run, value) <= limit),
  minItems: (value, limit) => !isList(value) || value.length >= limit,
  maxItems: (value, limit) => !isList(value) || value.length <= limit,
  minProperties: (value, limit, run) => !isObject(value) || namedIn(run, value).length >= limit,
  maxProperties: (value, limit, run) => !isObject(value) || namedIn(run, value).length <= limit,
};

/** Bounds, `required`, `dependentRequired` and `uniqueItems`; `undefined` for every other keyword. */
export function sizeCheck(keyword: string, given: unknown): Check | undefined {
  if (keyword === 'required' || keyword === 'dependentRequired') return requiredCheck(keyword, given);
  if (keyword === 'uniqueItems') {
    if (typeof given !== 'boolean') throw new Refused('uniqueItems is true or false');
    return (value, at, run) => {
      if (!given || !isList(value)) return undefined;
      spendOn(run, value);
      return new Set(value.map((item) => canonicalJson(item))).size === value.length ? undefined : `${at === '' ? 'it' : at} has equal items`;
    };
  }
  const fits = Object.hasOwn(sizes, keyword) ? sizes[keyword] : undefined;
  if (fits === undefined) return undefined;
  if (typeof given !== 'number' || !Number.isFinite(given) || (keyword === 'multipleOf' && given <= 0)) throw new Refused(`${keyword} is a number`);
  return (value, at, run) => (fits(value, given, run) ? undefined : `${at === '' ? 'it' : at} is beyond ${keyword} ${given}`);
}

function requiredCheck(keyword: string, given: unknown): Check {
  const wanted = keyword === 'required' ? { '': given } : given;
  if (!isFields(wanted) || !Object.values(wanted).every(isStrings)) throw new Refused(`${keyword} names properties`);
  const rules = Object.entries(wanted).map(([given_name, needed]) => ({ given_name, needed: isStrings(needed) ? needed : [] }));
  return (value, at, run) => {
    if (!isObject(value)) return undefined;
    for (const { given_name, needed } of rules) {
      spendOnItems(run, needed);
      if (keyword === 'dependentRequired' && !Object.hasOwn(value, given_name)) continue;
      const absent = needed.find((name) => !Object.hasOwn(value, name));
      if (absent !== undefined) return `${at}/${absent.slice(0, 80)} is missing`;
    }
    return undefined;
  };
}

/** Every check must pass. */
export function all(checks: readonly Check[]): Check {
  return (value, at, run) => {
    for (const check of checks) {
      const problem = check(value, at, run);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** One check must pass. */
export function any(checks: readonly Check[]): Check {
  return (value, at, run) => {
    let first: string | undefined;
    for (const check of checks) {
      const problem = check(value, at, run);
      if (problem === undefined) return undefined;
      first ??= problem;
    }
    return first;
  };
}

/** Exactly one check must pass. */
export function one(checks: readonly Check[]): Check {
  return (value, at, run) => {
    const problems = checks.map((check) => check(value, at, run));
    const fitting = problems.filter((problem) => problem === undefined).length;
    if (fitting === 1) return undefined;
    return fitting === 0 ? problems[0] : `${at === '' ? 'it' : at} fits ${fitting} of several forms of which it must have one`;
  };
}

/** The check must not pass. */
export function not(check: Check): Check {
  return (value, at, run) => (check(value, at, run) === undefined ? `${at === '' ? 'it' : at} has a form that is ruled out` : undefined);
}

/** One check or another, by a third. */
export function conditional(condition: Check, yes: Check, no: Check): Check {
  return (value, at, run) => (condition(value, at, run) === undefined ? yes : no)(value, at, run);
}

/** The values of named properties, where they are there. */
export function properties(checks: ReadonlyMap<string, Check>): Check {
  return (value, at, run) => {
    if (!isObject(value)) return undefined;
    for (const [name, check] of checks) {
      const inner = Object.hasOwn(value, name) ? value[name] : undefined;
      const problem = inner === undefined ? undefined : check(inner, `${at}/${name}`, run);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** The whole object, where a property is there. */
export function dependent(checks: ReadonlyMap<string, Check>): Check {
  return (value, at, run) => (isObject(value) ? all([...checks].filter(([name]) => Object.hasOwn(value, name)).map(([, check]) => check))(value, at, run) : undefined);
}

/** The values of all properties but the known ones. */
export function additional(check: Check, known: ReadonlySet<string>): Check {
  return (value, at, run) => {
    if (!isObject(value)) return undefined;
    for (const [name, inner] of namedIn(run, value)) {
      const problem = known.has(name) ? undefined : check(inner, `${at}/${name.slice(0, 80)}`, run);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** The names of all properties. */
export function names(check: Check): Check {
  return (value, at, run) => {
    if (!isObject(value)) return undefined;
    return all(namedIn(run, value).map(([name]): Check => () => check(name, `the name ${at}/${name.slice(0, 80)}`, run)))(value, at, run);
  };
}

/** The first items, one check each. */
export function prefix(checks: readonly Check[]): Check {
  return (value, at, run) => (isList(value) ? all(value.slice(0, checks.length).map((item, index): Check => () => checks[index]?.(item, `${at}/${index}`, run)))(value, at, run) : undefined);
}

/** All items from one on. */
export function items(check: Check, from: number): Check {
  return (value, at, run) => {
    if (!isList(value)) return undefined;
    spendOnItems(run, value);
    for (const [index, item] of value.entries()) {
      const problem = index < from ? undefined : check(item, `${at}/${index}`, run);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** So many items must pass. */
export function contains(check: Check, least: number, most: number): Check {
  return (value, at, run) => {
    if (!isList(value)) return undefined;
    spendOnItems(run, value);
    const found = value.filter((item, index) => check(item, `${at}/${index}`, run) === undefined).length;
    return found >= least && found <= most ? undefined : `${at === '' ? 'it' : at} has ${found} items of a form of which there must be ${least} to ${most}`;
  };
}
