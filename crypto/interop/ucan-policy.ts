/**
 * The policy language of UCAN 1.0 delegations (ucan-wg/delegation, section
 * Policy): statements about the arguments of an invocation. Evaluated in a
 * bounded number of steps, because a policy and its arguments come from
 * strangers.
 */
import { isFields } from '../canonical.ts';
import { fail, ok, type Result } from '../result.ts';

/** Statements within each other. */
export const policy_depth_max = 16;
/** Statements of one policy, those within others included. */
export const policy_statements_max = 256;
/** Statements, values and characters that one evaluation looks at. */
export const policy_steps_max = 20_000;
const selector_characters_max = 512;
const selector_parts_max = 32;

/** One statement, as it stands in a delegation and with its shape checked. */
export type Statement = readonly [operator: string, ...operands: readonly unknown[]];

const equalities: ReadonlySet<unknown> = new Set(['==', '!=']);
const orders: ReadonlySet<unknown> = new Set(['<', '<=', '>', '>=']);

interface Part {
  readonly kind: 'field' | 'index' | 'slice' | 'values';
  readonly field: string;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly is_optional: boolean;
}

const part_pattern = /(?:\.(?<field>[A-Za-z_][A-Za-z0-9_]*)|\.?(?:\["(?<quoted>[^"\\]*)"\]|\[(?<index>-?\d{1,9})\]|\[(?<from>-?\d{1,9})?:(?<to>-?\d{1,9})?\]|(?<values>\[\])))(?<optional>\?)?/y;

function whole(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}

function partOf({ groups = {} }: RegExpExecArray): Part {
  const { field, quoted, index, from, to, values, optional } = groups;
  const name = field ?? quoted;
  const kind = name !== undefined ? 'field' : index !== undefined ? 'index' : values !== undefined ? 'values' : 'slice';
  return { kind, field: name ?? '', from: whole(index ?? from), to: whole(to), is_optional: optional !== undefined };
}

/** The parts of a selector, or `undefined` where it is none. */
function parseSelector(text: unknown): readonly Part[] | undefined {
  if (typeof text !== 'string' || text.length > selector_characters_max || !text.startsWith('.')) return undefined;
  if (text === '.') return [];
  const parts: Part[] = [];
  let at = 0;
  while (at < text.length && parts.length < selector_parts_max) {
    part_pattern.lastIndex = at;
    const match = part_pattern.exec(text);
    if (match === null) return undefined;
    parts.push(partOf(match));
    at = part_pattern.lastIndex;
  }
  return at === text.length ? parts : undefined;
}

function isStatement(value: unknown, depth_left: number, count: { left: number }): value is Statement {
  if (!Array.isArray(value) || depth_left < 1 || (count.left -= 1) < 0) return false;
  const [operator, first, second]: readonly unknown[] = value;
  if (operator === 'not') return value.length === 2 && isStatement(first, depth_left - 1, count);
  if (operator === 'and' || operator === 'or') {
    return value.length === 2 && Array.isArray(first) && first.every((inner) => isStatement(inner, depth_left - 1, count));
  }
  if (value.length !== 3 || parseSelector(first) === undefined) return false;
  if (operator === 'all' || operator === 'any') return isStatement(second, depth_left - 1, count);
  if (operator === 'like') return typeof second === 'string';
  return equalities.has(operator) || (orders.has(operator) && typeof second === 'number');
}

/** Checks the shape of a policy. Fails with `UCAN_MALFORMED`. */
export function parsePolicy(value: unknown): Result<readonly Statement[]> {
  const count = { left: policy_statements_max };
  const isOne = (item: unknown): item is Statement => isStatement(item, policy_depth_max, count);
  if (Array.isArray(value) && value.every(isOne)) return ok(value);
  return fail('UCAN_MALFORMED', `a policy is a list of at most ${policy_statements_max} known statements, nested at most ${policy_depth_max} deep`);
}

class Evaluation {
  #steps_left = policy_steps_max;

  /** Whether the verdict means nothing, because the steps were used up on the way to it. */
  get is_exhausted(): boolean {
    return this.#steps_left < 0;
  }

  /** Takes steps; false when there are none left. */
  #spend(steps: number): boolean {
    this.#steps_left -= steps;
    return this.#steps_left >= 0;
  }

  /** What a selector leads to, or `undefined` where it leads nowhere. */
  #select(data: unknown, selector: unknown): unknown {
    let value = data;
    for (const part of parseSelector(selector) ?? []) {
      if (!this.#spend(1)) return undefined;
      const next = this.#follow(value, part);
      if (next === undefined && !part.is_optional) return undefined;
      value = next ?? null;
    }
    return value;
  }

  #follow(value: unknown, { kind, field, from, to }: Part): unknown {
    if (kind === 'field') return isFields(value) && Object.hasOwn(value, field) ? value[field] : undefined;
    if (kind === 'values') return this.#items(value);
    if (!Array.isArray(value)) return undefined;
    if (kind === 'index') return value.at(from ?? 0);
    return this.#spend(value.length) ? value.slice(from, to) : undefined;
  }

  #equal(a: unknown, b: unknown): boolean {
    if (!this.#spend(1)) return false;
    if (a === b) return true;
    if (Array.isArray(a) || Array.isArray(b)) {
      return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => this.#equal(item, b[at]));
    }
    if (!isFields(a) || !isFields(b)) return false;
    const names = Object.keys(a);
    return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && this.#equal(a[name], b[name]));
  }

  /** Whether the text fits the pattern, in which `*` is any text and `\*` is a star. */
  #like(text: string, pattern: string): boolean {
    if (!this.#spend(pattern.length)) return false;
    const wanted = [...pattern.matchAll(/\\\*|[\s\S]/g)].map(([unit]) => (unit === '*' ? undefined : unit === '\\*' ? '*' : unit));
    let at = 0;
    let wanted_at = 0;
    let star = -1;
    let retry = 0;
    while (at < text.length) {
      if (!this.#spend(1)) return false;
      if (wanted_at < wanted.length && wanted[wanted_at] === undefined) {
        star = wanted_at;
        retry = at;
        wanted_at += 1;
      } else if (wanted_at < wanted.length && wanted[wanted_at] === text[at]) {
        at += 1;
        wanted_at += 1;
      } else if (star >= 0) {
        retry += 1;
        at = retry;
        wanted_at = star + 1;
      } else return false;
    }
    return wanted.slice(wanted_at).every((unit) => unit === undefined);
  }

  #compare(operator: string, a: unknown, b: unknown): boolean {
    if (operator === '==') return this.#equal(a, b);
    if (operator === '!=') return !this.#equal(a, b);
    if (typeof a !== 'number' || typeof b !== 'number') return false;
    if (operator === '<') return a < b;
    if (operator === '<=') return a <= b;
    return operator === '>' ? a > b : a >= b;
  }

  #items(value: unknown): readonly unknown[] | undefined {
    if (Array.isArray(value)) return value;
    return isFields(value) ? Object.values(value) : undefined;
  }

  /** Whether a statement of {@link parsePolicy} holds. A selector that leads nowhere makes it false. */
  holds(statement: unknown, data: unknown): boolean {
    if (!this.#spend(1) || !Array.isArray(statement)) return false;
    const [operator, first, second]: readonly unknown[] = statement;
    const inner: readonly unknown[] = Array.isArray(first) ? first : [];
    if (operator === 'not') return !this.holds(first, data);
    if (operator === 'and') return inner.every((item) => this.holds(item, data));
    // An empty list of alternatives asks for nothing (the published vectors say so).
    if (operator === 'or') return inner.length === 0 || inner.some((item) => this.holds(item, data));
    const value = this.#select(data, first);
    if (value === undefined) return false;
    if (operator === 'like') return typeof value === 'string' && typeof second === 'string' && this.#like(value, second);
    if (operator === 'all') return this.#items(value)?.every((item) => this.holds(second, item)) ?? false;
    if (operator === 'any') return this.#items(value)?.some((item) => this.holds(second, item)) ?? false;
    return typeof operator === 'string' && this.#compare(operator, value, second);
  }
}

/**
 * Whether the arguments of an invocation satisfy every statement of a policy.
 * Fails with `UCAN_POLICY`, or with `UCAN_TOO_COMPLEX` when that would take
 * more than {@link policy_steps_max} steps.
 */
export function checkPolicy(policy: readonly Statement[], args: unknown): Result<void> {
  const evaluation = new Evaluation();
  const violated = policy.find((statement) => !evaluation.holds(statement, args));
  if (evaluation.is_exhausted) return fail('UCAN_TOO_COMPLEX', `the policy takes more than ${policy_steps_max} steps`);
  return violated === undefined ? ok(undefined) : fail('UCAN_POLICY', `the arguments do not satisfy the statement ${violated[0]}`);
}
