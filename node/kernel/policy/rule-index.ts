/**
 * Finds the rules whose condition can hold for a request. Every rule is filed
 * under the constants that one of its attributes must equal; a shelf of many is
 * filed again by what else they ask for. A rule that is not found has a false
 * part, so looking only at what is found gives the verdict of trying every rule.
 */
import { pathOf, type Expression } from './ast.ts';
import { Attributes, type Attribute } from './attribute.ts';
import { nearest_rules_max } from './bounds.ts';
import type { Conjunct } from './compile.ts';
import { reasonOf } from './explain.ts';
import { findingsOf, type Finding } from './findings.ts';
import type { Rule } from './policy.ts';
import { Check, checksOf, constantOf, isField, partsOf, type Part } from './shortcut.ts';
import type { Value } from './values.ts';

/** A rule that may hold, and what is left to be tested once the index has found it. */
export interface Candidate {
  readonly rule: Rule;
  /** Together as the rule's condition, but that of several faults any is given. */
  readonly checks: Check | undefined;
  /** Why the rule decides when it does, but for what detectors have to add. */
  readonly reason: string;
  /** What detectors have to say when the rule decides. */
  readonly findings: readonly Finding[];
  /** The one to be tried after it. */
  readonly next: Candidate | undefined;
}

/** Rules filed by what they ask for. */
export interface RuleIndex {
  /** The first of those that must always be tried. A chain and no list, because each step into a list of one costs as much as testing what stands in it. */
  readonly always: Candidate | undefined;
  /** Each is to be asked about the request. */
  readonly attributes: readonly AttributeIndex[];
}

/** All the rules of a policy. */
export interface PolicyIndex extends RuleIndex {
  /** The first rules that allow, as many as are searched for the nearest miss. */
  readonly allowing: readonly Rule[];
}

/** Rules that need an attribute to equal one of some constants. */
export interface AttributeIndex {
  readonly attribute: Attribute;
  readonly by_value: ReadonlyMap<Value, RuleIndex>;
  /** What can hold, or be a fault, for a request without the attribute. */
  readonly absent: RuleIndex | undefined;
}

type Constant = string | number | boolean;

/** An attribute that must equal one of these values for a condition to hold. */
interface Key {
  readonly path: readonly string[];
  readonly values: readonly Constant[];
  /** The conjunct that says nothing else, so that it is true where the value is found. */
  readonly conjunct?: Conjunct;
}

interface Filed {
  readonly rule: Rule;
  readonly keys: readonly Key[];
  /** What is not yet known to hold. */
  readonly open: readonly Part[];
  readonly words: Pick<Candidate, 'reason' | 'findings'>;
}

/** Fewer rules than this are tried one by one rather than filed once more. */
const shelf_rules_min = 8;
const levels_max = 4;

/** How rules are filed. `absent_is_fault`: that a comparison with an attribute which the request does not have is a fault, as in strict mode and in CEL. */
export interface IndexOptions {
  readonly absent_is_fault: boolean;
}

interface Filing extends IndexOptions {
  readonly attributes: Attributes;
}

const no_attributes: readonly AttributeIndex[] = [];

/** Files rules. Without options nothing is left out for a request that lacks an attribute. */
export function indexRules(rules: readonly Rule[], options: IndexOptions = { absent_is_fault: true }): PolicyIndex {
  const attributes = new Attributes();
  const filed = rules.map((rule): Filed => ({
    rule, keys: rule.condition.conjuncts.flatMap(keysOfConjunct), open: partsOf(rule.condition.conjuncts, attributes), words: wordsOf(rule),
  }));
  return { ...indexed(filed, { ...options, attributes }, levels_max), allowing: allowingOf(rules) };
}

/** Rules that are not filed at all: every one of them is tried. */
export function unindexed(rules: readonly Rule[]): PolicyIndex {
  const always = rules.reduceRight<Candidate | undefined>((next, rule) => ({ rule, checks: new Check(rule.condition.test), ...wordsOf(rule), next }), undefined);
  return { always, attributes: no_attributes, allowing: allowingOf(rules) };
}

function allowingOf(rules: readonly Rule[]): readonly Rule[] {
  return rules.filter(({ effect }) => effect === 'allow').slice(0, nearest_rules_max);
}

function indexed(rules: readonly Filed[], filing: Filing, levels: number): RuleIndex {
  const few = levels === 0 || (levels < levels_max && rules.length < shelf_rules_min);
  if (few) return { always: tested(rules), attributes: no_attributes };
  const selectivity = selectivityOf(rules);
  const always: Filed[] = [];
  const shelves = new Map<string, { readonly path: readonly string[]; readonly rules: { readonly filed: Filed; readonly key: Key }[] }>();
  for (const filed of rules) {
    const key = best(filed.keys, selectivity);
    if (key === undefined) {
      always.push(filed);
      continue;
    }
    const name = nameOf(key.path);
    const shelf = shelves.get(name) ?? { path: key.path, rules: [] };
    shelves.set(name, shelf);
    shelf.rules.push({ filed, key });
  }
  return { always: tested(always), attributes: [...shelves.values()].map((shelf) => attribute(shelf.path, shelf.rules, filing, levels - 1)) };
}

function tested(rules: readonly Filed[]): Candidate | undefined {
  return rules.reduceRight<Candidate | undefined>((next, { rule, open, words: { reason, findings } }) => ({ rule, checks: checksOf(open), reason, findings, next }), undefined);
}

function wordsOf(rule: Rule): Filed['words'] {
  const { conjuncts, text } = rule.condition;
  return { reason: reasonOf(rule, text), findings: findingsOf(conjuncts) };
}

function attribute(path: readonly string[], rules: readonly { readonly filed: Filed; readonly key: Key }[], filing: Filing, levels: number): AttributeIndex {
  const by_value = new Map<Constant, Filed[]>();
  const name = nameOf(path);
  const others = (filed: Filed): readonly Key[] => filed.keys.filter((key) => nameOf(key.path) !== name);
  for (const { filed, key } of rules) {
    const open = key.conjunct === undefined ? filed.open : filed.open.filter(({ conjunct }) => conjunct !== key.conjunct);
    for (const value of new Set(key.values)) {
      const found = by_value.get(value) ?? [];
      by_value.set(value, found);
      found.push({ ...filed, open, keys: others(filed) });
    }
  }
  return {
    attribute: filing.attributes.of(path),
    by_value: new Map([...by_value].map(([value, found]) => [value, indexed(found, filing, levels)])),
    absent: filing.absent_is_fault ? indexed(rules.map(({ filed }) => ({ ...filed, keys: others(filed) })), filing, levels) : undefined,
  };
}

function nameOf(path: readonly string[]): string {
  return path.join('\0');
}

/** How many values of an attribute the rules tell apart. */
function selectivityOf(rules: readonly Filed[]): ReadonlyMap<string, number> {
  const values = new Map<string, Set<Constant>>();
  for (const key of rules.flatMap(({ keys }) => keys)) {
    const name = nameOf(key.path);
    const seen = values.get(name) ?? new Set();
    values.set(name, seen);
    for (const value of key.values) seen.add(value);
  }
  return new Map([...values].map(([name, seen]) => [name, seen.size]));
}

function best(keys: readonly Key[], selectivity: ReadonlyMap<string, number>): Key | undefined {
  const worth = (key: Key): number => (selectivity.get(nameOf(key.path)) ?? 0) / key.values.length;
  return keys.reduce<Key | undefined>((best_yet, key) => (best_yet === undefined || worth(key) > worth(best_yet) ? key : best_yet), undefined);
}

function keysOfConjunct(conjunct: Conjunct): readonly Key[] {
  const keys = keysOf(conjunct.expression);
  const [only] = keys;
  return only !== undefined && keys.length === 1 && saysOnly(conjunct.expression) ? [{ ...only, conjunct }] : keys;
}

/** What must equal what for an expression to hold: all of the keys. */
function keysOf(expression: Expression): readonly Key[] {
  if (expression.kind !== 'binary') return [];
  const { operator, left, right } = expression;
  if (operator === 'and') return [...keysOf(left), ...keysOf(right)];
  if (operator === 'or') return eitherOf(keysOf(left), keysOf(right));
  if (operator === '==') return [...keyOf(left, [right]), ...keyOf(right, [left])];
  return operator === 'in' && right.kind === 'list' && right.optional === undefined ? keyOf(left, right.items) : [];
}

/** An attribute that both branches of an `or` need must equal what one of them says. */
function eitherOf(left: readonly Key[], right: readonly Key[]): readonly Key[] {
  return left.flatMap((key) => {
    const other = right.find(({ path }) => nameOf(path) === nameOf(key.path));
    return other === undefined ? [] : [{ path: key.path, values: [...key.values, ...other.values] }];
  });
}

/** Whether an expression is nothing but comparisons of one attribute with constants: then it is true for each of its key's values. */
function saysOnly(expression: Expression): boolean {
  if (expression.kind !== 'binary' || expression.operator === 'and') return false;
  return expression.operator !== 'or' || (saysOnly(expression.left) && saysOnly(expression.right));
}

function keyOf(attribute_side: Expression, constants: readonly Expression[]): readonly Key[] {
  const path = pathOf(attribute_side);
  // What detectors compute is not worth computing only to find out which rules would ask for it.
  if (path === undefined || constants.length === 0 || !isField(path)) return [];
  const values = constants.map(constantOf).filter((value) => value !== undefined);
  return values.length === constants.length ? [{ path, values }] : [];
}
