/** Mistakes that show in the text of a condition: values off the scale, of the wrong kind, names that are nearly known ones. */
import type { Json } from '../../../../crypto/canonical.ts';
import { childrenOf, pathOf, printExpression, type BinaryOperator, type Expression } from '../ast.ts';
import type { Rule } from '../policy.ts';
import { literalOf } from './atoms.ts';
import type { Finding } from './finding.ts';
import { meantAttribute, vocabulary, type Described } from './vocabulary.ts';

type Remark = Pick<Finding, 'code' | 'severity' | 'remark' | 'fix'>;

/** The mistakes in the condition of one rule. */
export function lintRule(rule: Rule): readonly Finding[] {
  const remarks = new Map(remarksOn(rule.condition.expression).map((remark) => [remark.remark, remark]));
  for (const remark of repeatedParts(rule)) remarks.set(remark.remark, remark);
  return [...remarks.values()].map(({ code, severity, remark, fix }) => ({ code, severity, remark, fix, rule: rule.name }));
}

function remarksOn(expression: Expression): readonly Remark[] {
  const path = pathOf(expression);
  if (path !== undefined) return nameRemarks(path);
  return [...(expression.kind === 'binary' ? comparisonRemarks(expression) : []), ...childrenOf(expression).flatMap(remarksOn)];
}

function nameRemarks(path: readonly string[]): readonly Remark[] {
  const meant = meantAttribute(path);
  return meant === undefined ? [] : [{
    code: 'ATTRIBUTE_UNKNOWN', severity: 'warning',
    remark: `${path.join('.')} is no attribute that the kernel gives a request, ${meant} is one`, fix: `write ${meant}`,
  }];
}

const mirrored: { readonly [operator: string]: BinaryOperator } = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '==': '==', '!=': '!=' };

function comparisonRemarks(expression: Expression & { kind: 'binary' }): readonly Remark[] {
  const { left, right } = expression;
  const on_left = pathOf(left) !== undefined;
  const path = pathOf(left) ?? pathOf(right);
  const literal = literalOf(on_left ? right : left);
  const described = path === undefined ? undefined : vocabulary.get(path.join('.'));
  if (path === undefined || literal === undefined || described === undefined) return [];
  const about = { name: path.join('.'), described, text: printExpression(expression) };
  const { value } = literal;
  if (expression.operator === 'in') {
    return on_left && Array.isArray(value) ? value.flatMap((item: Json) => valueRemarks(about, '==', item)) : [];
  }
  const operator = on_left ? expression.operator : mirrored[expression.operator];
  return operator === undefined || !Object.hasOwn(mirrored, operator) ? [] : valueRemarks(about, operator, value);
}

interface About {
  readonly name: string;
  readonly described: Described;
  /** The comparison as written. */
  readonly text: string;
}

function valueRemarks({ name, described, text }: About, operator: BinaryOperator, value: Json): readonly Remark[] {
  const { kind, values } = described;
  if (value === null || kind === 'any') return [];
  if (kindOf(value) !== kind) {
    return [{
      code: 'KIND_MISTAKEN', severity: 'error', remark: `${text} compares ${name}, which is ${kind_names[kind]}, with ${kind_names[kindOf(value)]}`,
      fix: `compare it with ${kind_names[kind]}${kind === 'number' ? `, e.g. ${name} >= ${described.most === undefined ? 1 : Math.ceil(described.most / 2)}` : ''}`,
    }];
  }
  if (values !== undefined && typeof value === 'string' && !values.includes(value)) {
    return [{ code: 'VALUE_UNKNOWN', severity: 'error', remark: `${text}: ${name} is never '${value}'`, fix: `use one of ${values.join(', ')}` }];
  }
  return typeof value === 'number' ? scaleRemarks({ name, described, text }, operator, value) : [];
}

type Kind = Described['kind'];
const kind_names: { readonly [kind in Kind]: string } = { number: 'a number', text: 'a text', flag: 'true or false', list: 'a list', any: 'anything' };

function kindOf(value: Json): Kind {
  if (typeof value === 'number') return 'number';
  if (typeof value === 'string') return 'text';
  return typeof value === 'boolean' ? 'flag' : Array.isArray(value) ? 'list' : 'any';
}

/** That a comparison gives the same for the whole scale, or is meant for another scale. */
function scaleRemarks({ name, described: { least, most }, text }: About, operator: BinaryOperator, value: number): readonly Remark[] {
  if (least === undefined) return [];
  if (most !== undefined && most >= 100 && value > 0 && value <= 1) {
    return [{
      code: 'SCALE_MISTAKEN', severity: 'warning', remark: `${text} is read on the scale of ${name}, which goes from ${least} to ${most}`,
      fix: `write ${value * most} for the share ${value}`,
    }];
  }
  const outcome = overScale(operator, value, least, most ?? Infinity);
  if (outcome === undefined) return [];
  const scale = most === undefined ? `starts at ${least}` : `goes from ${least} to ${most}`;
  return [{
    code: 'SCALE_MISTAKEN', severity: outcome ? 'warning' : 'error',
    remark: `${text} is ${outcome ? 'always' : 'never'} true: ${name} ${scale}`, fix: most === undefined ? `compare with ${least} or more` : `compare with a number between ${least} and ${most}`,
  }];
}

/** What a comparison gives for every number of a scale; `undefined` when that depends on the number. */
function overScale(operator: BinaryOperator, value: number, least: number, most: number): boolean | undefined {
  const outside = value < least || value > most;
  if (operator === '==' || operator === '!=') return outside ? operator === '!=' : undefined;
  if (operator === '<') return value > most ? true : value <= least ? false : undefined;
  if (operator === '<=') return value >= most ? true : value < least ? false : undefined;
  if (operator === '>') return value < least ? true : value >= most ? false : undefined;
  return value <= least ? true : value > most ? false : undefined;
}

function repeatedParts({ condition, name }: Rule): readonly Remark[] {
  const seen = new Set<string>();
  return condition.conjuncts.flatMap(({ text }): readonly Remark[] => {
    if (!seen.has(text)) {
      seen.add(text);
      return [];
    }
    return [{ code: 'CONDITION_REPEATED', severity: 'warning', remark: `the condition of rule ${name} says ${text} twice`, fix: 'write it once, or mend one of them' }];
  });
}
