import { pathOf, type Expression } from './ast.ts';
import type { Rule } from './policy.ts';
import type { Scope } from './scope.ts';
import { memberOf, type Value } from './values.ts';

/** Finds the rules whose condition can hold for a request. */
export type RuleIndex = (scope: Scope) => Iterable<Rule>;

interface Key {
  readonly path: readonly string[];
  readonly values: readonly string[];
}

interface Bucket {
  readonly path: readonly string[];
  readonly by_value: Map<string, Rule[]>;
  readonly all: Rule[];
}

/**
 * Files every rule under the equality (`action.type == 'x'`, or `in [...]`) that
 * tells most rules apart. A rule that is not found has a false conjunct, so
 * looking only at what is found gives the same verdict as trying every rule.
 */
export function indexRules(rules: readonly Rule[]): RuleIndex {
  const keys = rules.map((rule) => rule.condition.conjuncts.flatMap(({ expression }) => keyOf(expression)));
  const selectivity = new Map<string, Set<string>>();
  for (const key of keys.flat()) {
    const name = key.path.join('.');
    const values = selectivity.get(name) ?? new Set();
    for (const value of key.values) values.add(value);
    selectivity.set(name, values);
  }
  const always: Rule[] = [];
  const buckets = new Map<string, Bucket>();
  for (const [index, rule] of rules.entries()) {
    const [best] = (keys[index] ?? []).toSorted((a, b) => worth(selectivity, b) - worth(selectivity, a));
    if (best === undefined) always.push(rule);
    else file(buckets, best, rule);
  }
  return (scope) => found(scope, always, [...buckets.values()]);
}

function worth(selectivity: ReadonlyMap<string, ReadonlySet<string>>, key: Key): number {
  return (selectivity.get(key.path.join('.'))?.size ?? 0) / key.values.length;
}

function file(buckets: Map<string, Bucket>, key: Key, rule: Rule): void {
  const name = key.path.join('.');
  const bucket: Bucket = buckets.get(name) ?? { path: key.path, by_value: new Map<string, Rule[]>(), all: [] };
  buckets.set(name, bucket);
  bucket.all.push(rule);
  for (const value of new Set(key.values)) {
    const rules = bucket.by_value.get(value) ?? [];
    rules.push(rule);
    bucket.by_value.set(value, rules);
  }
}

function* found(scope: Scope, always: readonly Rule[], buckets: readonly Bucket[]): Iterable<Rule> {
  yield* always;
  for (const { path, by_value, all } of buckets) {
    const [root = '', ...names] = path;
    let value: Value = scope.root(root);
    for (const name of names) value = memberOf(value, name);
    // An absent attribute is a fault to a strict rule, and a fault may count as a match.
    if (value === undefined) yield* all;
    else if (typeof value === 'string') yield* by_value.get(value) ?? [];
  }
}

function keyOf(expression: Expression): readonly Key[] {
  if (expression.kind !== 'binary') return [];
  const { operator, left, right } = expression;
  if (operator === '==') {
    const key = equality(left, right) ?? equality(right, left);
    return key === undefined ? [] : [key];
  }
  const path = operator === 'in' && right.kind === 'list' ? indexable(left) : undefined;
  if (path === undefined || right.kind !== 'list' || right.items.length === 0) return [];
  const values = right.items.flatMap((item) => (item.kind === 'literal' && typeof item.value === 'string' ? [item.value] : []));
  return values.length === right.items.length ? [{ path, values }] : [];
}

function equality(attribute: Expression, literal: Expression): Key | undefined {
  const path = indexable(attribute);
  return path !== undefined && literal.kind === 'literal' && typeof literal.value === 'string' ? { path, values: [literal.value] } : undefined;
}

// What detectors compute is not worth computing only to find out which rules would ask for it.
const computed_roots: ReadonlySet<string> = new Set(['data', 'sql', 'path']);

function indexable(expression: Expression): readonly string[] | undefined {
  const path = pathOf(expression);
  return path === undefined || computed_roots.has(path[0] ?? '') ? undefined : path;
}
