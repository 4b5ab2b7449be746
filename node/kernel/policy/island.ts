/**
 * Parts of the policy language that only CEL has: its functions, and values such
 * as timestamps that JSON has not. Such a part is compiled as CEL up to where its
 * value is one of JSON again; an attribute that it lacks makes the part absent.
 */
import type { Json } from '../../../crypto/canonical.ts';
import { ok, type Result } from '../../../crypto/result.ts';
import { childrenOf, type Expression } from './ast.ts';
import { value_depth_max } from './bounds.ts';
import type { StepBudget } from './budget.ts';
import { compileCel } from './cel/compile.ts';
import { printDuration, printTimestamp } from './cel/time.ts';
import { Duration, entriesOf, isCelList, isCelMap, Optional, Timestamp, TypeValue, Uint, type CelResult } from './cel/values.ts';
import type { Compiler, Evaluator } from './compile.ts';
import { dialect_functions } from './functions.ts';
import { Absence, Fault, tooDeep, type Value } from './values.ts';

/** Functions whose values JSON has not. */
const beyond_json: ReadonlySet<string> = new Set(['timestamp', 'duration', 'bytes', 'type', 'of', 'none', 'ofNonZeroValue', 'decode', 'first', 'last', 'or']);
/** Functions whose value is one of JSON whatever they are given. */
const always_json: ReadonlySet<string> = new Set([
  'int', 'uint', 'double', 'string', 'bool', 'size', 'has', 'hasValue', 'getFullYear', 'getMonth', 'getDate', 'getDayOfMonth',
  'getDayOfWeek', 'getDayOfYear', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds', 'encode', 'format',
]);
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in']);

/** Whether an expression's value may be one that JSON has not. */
function isBeyondJson(expression: Expression): boolean {
  switch (expression.kind) {
    case 'bytes':
      return true;
    case 'call':
      if (dialect_functions.has(expression.name) || always_json.has(expression.name)) return false;
      return beyond_json.has(expression.name) || expression.arguments.some(isBeyondJson);
    case 'binary':
      return !comparisons.has(expression.operator) && expression.operator !== 'and' && expression.operator !== 'or'
        && (isBeyondJson(expression.left) || isBeyondJson(expression.right));
    case 'unary':
      return expression.operator === '-' && isBeyondJson(expression.operand);
    case 'conditional':
      return isBeyondJson(expression.consequent) || isBeyondJson(expression.otherwise);
    case 'macro':
      if (expression.name === 'optMap' || expression.name === 'optFlatMap') return true;
      return !['all', 'exists', 'exists_one'].includes(expression.name) && childrenOf(expression).some(isBeyondJson);
    default:
      return childrenOf(expression).some(isBeyondJson);
  }
}

/** Whether an expression is to be compiled as CEL. */
export function isIsland(expression: Expression): boolean {
  switch (expression.kind) {
    case 'call':
      return !dialect_functions.has(expression.name) || expression.arguments.some(isBeyondJson);
    case 'binary':
      return expression.operator !== 'and' && expression.operator !== 'or' && (isBeyondJson(expression.left) || isBeyondJson(expression.right));
    case 'macro':
      return isBeyondJson(expression) || isBeyondJson(expression.range);
    case 'unary':
      return expression.operator === '-' && isBeyondJson(expression.operand);
    case 'member':
    case 'index':
    case 'list':
    case 'map':
    case 'conditional':
      return isBeyondJson(expression);
    default:
      return expression.kind === 'bytes';
  }
}

/** Compiles a part as CEL. Fails with `CONDITION_INVALID`. */
export function compileIsland(expression: Expression, { text, variables, meter, strict }: Compiler): Result<Evaluator> {
  meter.used = true;
  const evaluator = compileCel(expression, { text, variables, budget: meter.budget, null_is_absent: !strict });
  if (!evaluator.ok) return evaluator;
  return ok((scope) => {
    const value = evaluator.value(scope);
    return value instanceof Absence && !strict ? undefined : jsonOf(value, meter.budget);
  });
}

/** A value of CEL as JSON; an empty optional is absent. What is no number has no value: every comparison with it would be false. */
function jsonOf(value: CelResult, budget: StepBudget, depth: number = 0): Value {
  if (typeof value === 'number' && !Number.isFinite(value)) return new Fault('NaN and infinity are no values of a policy');
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? Number(value) : value;
  if (value instanceof Fault) return value;
  if (depth > value_depth_max) return tooDeep();
  if (value instanceof Uint) return Number(value.value);
  if (value instanceof Optional) return value.value === undefined ? undefined : jsonOf(value.value, budget, depth + 1);
  if (value instanceof Timestamp) return printTimestamp(value);
  if (value instanceof Duration) return printDuration(value);
  if (value instanceof TypeValue) return value.name;
  if (isCelList(value)) {
    const items: Json[] = [];
    for (const item of value) {
      const json = budget.charge(1) ?? jsonOf(item, budget, depth + 1);
      if (json instanceof Fault) return json;
      items.push(json ?? null);
    }
    return items;
  }
  if (!isCelMap(value)) return new Fault('bytes are no value of a policy');
  const entries: [string, Json][] = [];
  for (const [key, item] of entriesOf(value)) {
    const json = budget.charge(1) ?? jsonOf(item, budget, depth + 1);
    if (json instanceof Fault) return json;
    if (typeof key !== 'string') return new Fault('only texts are keys of an object');
    entries.push([key, json ?? null]);
  }
  return Object.fromEntries(entries);
}
