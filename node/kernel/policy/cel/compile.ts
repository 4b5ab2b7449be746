/** Compiles expressions to closures that mean what CEL means. */
import { ok, type Result } from '../../../../crypto/result.ts';
import { binding, pathOf, printExpression, type BinaryOperator, type Expression } from '../ast.ts';
import { dialect_functions, withinOf } from '../functions.ts';
import { compilePattern } from '../regex.ts';
import { conditionInvalid } from '../tokenizer.ts';
import { Absence, Fault, firm } from '../values.ts';
import { requestAttribute } from './attributes.ts';
import type { CelContext, CelEvaluator } from './context.ts';
import { compileMacro } from './macros.ts';
import { hasMember, indexed, mapOf, negative, operations, optionallyIndexed, selected } from './operators.ts';
import { functionOf } from './registry.ts';
import { matchesPattern } from './strings.ts';
import { noOverload, Optional, Uint, type CelResult, type CelValue } from './values.ts';

/** Compiles one expression. Fails with `CONDITION_INVALID`. */
export function compileCel(expression: Expression, context: CelContext): Result<CelEvaluator> {
  switch (expression.kind) {
    case 'literal':
      return compileLiteral(expression, context);
    case 'bytes': {
      const { value } = expression;
      return ok(() => value);
    }
    case 'list':
      return compileList(expression, context);
    case 'map':
      return compileMap(expression, context);
    case 'message':
      return conditionInvalid(context.text, expression.at, 'protocol buffer messages are not supported', 'write a map: {\'name\': value}');
    case 'name':
    case 'member':
      return compileAttribute(expression, context);
    case 'index':
      return compileIndex(expression, context);
    case 'call':
      return compileCall(expression, context);
    case 'macro':
      return compileMacro(expression, context);
    case 'unary':
      return compileUnary(expression, context);
    case 'binary':
      return compileBinary(expression, context);
    case 'conditional':
      return compileConditional(expression, context);
  }
}

/** Compiles several expressions. Fails with `CONDITION_INVALID`. */
export function compileAll(expressions: readonly Expression[], context: CelContext): Result<readonly CelEvaluator[]> {
  const evaluators: CelEvaluator[] = [];
  for (const expression of expressions) {
    const evaluator = compileCel(expression, context);
    if (!evaluator.ok) return evaluator;
    evaluators.push(evaluator.value);
  }
  return ok(evaluators);
}

function compileLiteral(literal: Expression & { readonly kind: 'literal' }, context: CelContext, negated = false): Result<CelEvaluator> {
  const { integer, unsigned, value } = literal;
  if (integer === undefined) return ok(() => value);
  const number = negated ? -integer : integer;
  const fits = unsigned === true ? BigInt.asUintN(64, number) === number : BigInt.asIntN(64, number) === number;
  if (!fits) return conditionInvalid(context.text, literal.at, `${number}${unsigned === true ? 'u' : ''} does not fit 64 bits`, `write it as a double: ${number}.0`);
  const whole = unsigned === true ? new Uint(number) : number;
  return ok(() => whole);
}

function compileList(list: Expression & { readonly kind: 'list' }, context: CelContext): Result<CelEvaluator> {
  const items = compileAll(list.items, context);
  if (!items.ok) return items;
  return ok((scope) => {
    const values: CelValue[] = [];
    for (const [index, item] of items.value.entries()) {
      const value = item(scope);
      if (value instanceof Fault) return firm(value);
      if (list.optional?.includes(index) !== true) {
        values.push(value);
        continue;
      }
      if (!(value instanceof Optional)) return noOverload('[?]', value);
      if (value.value !== undefined) values.push(value.value);
    }
    return values;
  });
}

function compileMap(map: Expression & { readonly kind: 'map' }, context: CelContext): Result<CelEvaluator> {
  const keys = compileAll(map.entries.map((entry) => entry.key), context);
  const values = compileAll(map.entries.map((entry) => entry.value), context);
  if (!keys.ok) return keys;
  if (!values.ok) return values;
  return ok((scope) => {
    const entries: (readonly [CelValue, CelValue])[] = [];
    for (const [index, { optional }] of map.entries.entries()) {
      const key = keys.value[index]?.(scope) ?? null;
      if (key instanceof Fault) return firm(key);
      const value = values.value[index]?.(scope) ?? null;
      if (value instanceof Fault) return firm(value);
      if (optional === undefined) entries.push([key, value]);
      else if (!(value instanceof Optional)) return noOverload('{?}', value);
      else if (value.value !== undefined) entries.push([key, value.value]);
    }
    return mapOf(entries);
  });
}

function compileAttribute(expression: Expression & { kind: 'name' | 'member' }, context: CelContext): Result<CelEvaluator> {
  const path = pathOf(expression);
  const root = rootOf(expression);
  const cell = root === undefined || root.rooted === true ? undefined : context.variables.get(root.name);
  if (expression.kind === 'name' && cell !== undefined) {
    return ok(() => (cell.value === undefined ? new Absence(`${expression.name} is not known`) : cell.value));
  }
  if (path !== undefined && cell === undefined) return ok(requestAttribute(path, printExpression(expression), context.null_is_absent === true));
  if (expression.kind === 'name') return ok(() => new Absence(`${expression.name} is not known`));
  const object = compileCel(expression.object, context);
  if (!object.ok) return object;
  const { name, optional } = expression;
  return ok((scope) => {
    const value = object.value(scope);
    if (value instanceof Fault) return value;
    return optional === true ? optionallyIndexed(value, name) : selected(value, name);
  });
}

function rootOf(expression: Expression): (Expression & { readonly kind: 'name' }) | undefined {
  let rest = expression;
  while (rest.kind === 'member') rest = rest.object;
  return rest.kind === 'name' ? rest : undefined;
}

function compileIndex(expression: Expression & { readonly kind: 'index' }, context: CelContext): Result<CelEvaluator> {
  const parts = compileAll([expression.object, expression.index], context);
  if (!parts.ok) return parts;
  const apply = expression.optional === true ? optionallyIndexed : indexed;
  return ok(strict(parts.value, ([object = null, key = null]) => apply(object, key)));
}

/** A function whose arguments must all have values; without its first one it is as absent as that. */
function strict(evaluators: readonly CelEvaluator[], apply: (values: readonly CelValue[]) => CelResult): CelEvaluator {
  return (scope) => {
    const values: CelValue[] = [];
    for (const evaluator of evaluators) {
      const value = evaluator(scope);
      if (value instanceof Fault) return values.length === 0 ? value : firm(value);
      values.push(value);
    }
    return apply(values);
  };
}

type Call = Expression & { readonly kind: 'call' };

function compileCall(call: Call, context: CelContext): Result<CelEvaluator> {
  if (call.name === 'has' && call.receiver === undefined) return compileHas(call, context);
  if (call.name === 'within') return withinOf(call, context.text);
  const found = functionOf(call, context);
  if (found === undefined) return unknownFunction(call, context);
  const [subject, literal] = call.arguments;
  if (call.name === 'matches' && subject !== undefined && literal?.kind === 'literal' && typeof literal.value === 'string' && call.arguments.length === 2) {
    return compileMatches(subject, literal.value, literal.at, context);
  }
  const { least, most } = found.called;
  const fits = found.arguments.length >= least && found.arguments.length <= most && call.named === undefined;
  if (!fits) return conditionInvalid(context.text, call.at, `${call.name} does not take ${found.arguments.length} arguments like this`, `give it ${least === most ? least : `${least} to ${most}`}`);
  const args = compileAll(found.arguments, context);
  if (!args.ok) return args;
  const { budget } = context;
  return ok(strict(args.value, (values) => found.called.call(values, budget)));
}

function unknownFunction(call: Call, { text }: CelContext): ReturnType<typeof conditionInvalid> {
  const fix = call.named === true
    ? 'no function takes named arguments; a rate is written on the rule, as limit: 100/1m'
    : `use one of ${Array.from(dialect_functions).join(', ')}, or a function of CEL such as lowerAscii, split, timestamp`;
  return conditionInvalid(text, call.at, `there is no function ${call.name}`, fix);
}

function compileMatches(subject: Expression, source: string, at: number, context: CelContext): Result<CelEvaluator> {
  const pattern = compilePattern(source);
  if (!pattern.ok) return conditionInvalid(context.text, at, pattern.failure.reason, pattern.failure.fix ?? 'simplify the pattern');
  const text = compileCel(subject, context);
  if (!text.ok) return text;
  return ok((scope) => {
    const value = text.value(scope);
    return value instanceof Fault ? value : matchesPattern(value, pattern.value, context.budget);
  });
}

function compileHas(call: Call, context: CelContext): Result<CelEvaluator> {
  const [attribute] = call.arguments;
  if (attribute?.kind !== 'member' || call.arguments.length !== 1) return conditionInvalid(context.text, call.at, 'has is not used like this', 'write has(agent.role)');
  const object = compileCel(attribute.object, context);
  if (!object.ok) return object;
  return ok((scope) => {
    const value = object.value(scope);
    return value instanceof Fault ? value : hasMember(value, attribute.name);
  });
}

function compileUnary(expression: Expression & { readonly kind: 'unary' }, context: CelContext): Result<CelEvaluator> {
  const { operand, operator } = expression;
  if (operator === '-' && operand.kind === 'literal' && operand.integer !== undefined && operand.unsigned === undefined) return compileLiteral(operand, context, true);
  const value = compileCel(operand, context);
  if (!value.ok) return value;
  return ok(strict([value.value], ([given = null]) => {
    if (operator === '-') return negative(given);
    return typeof given === 'boolean' ? !given : noOverload('!', given);
  }));
}

function compileBinary(expression: Expression & { readonly kind: 'binary' }, context: CelContext): Result<CelEvaluator> {
  const { operator } = expression;
  const one = compileCel(expression.left, context);
  const other = compileCel(expression.right, context);
  if (!one.ok) return one;
  if (!other.ok) return other;
  const [left, right] = [one.value, other.value];
  if (operator === 'and' || operator === 'or') return ok(junction(operator, left, right));
  const apply = operations[operator];
  const { budget } = context;
  // A sum without one of its parts is not absent: else leaving out one part would hide the others.
  const unknown = binding[operator] > binding['=='] ? firm : (fault: Fault): Fault => fault;
  return ok((scope) => {
    const a = left(scope);
    if (a instanceof Fault) return unknown(a);
    const b = right(scope);
    return b instanceof Fault ? unknown(b) : apply(a, b, budget);
  });
}

// The operand that decides alone decides, on whichever side it stands and whatever became of the other.
function junction(operator: BinaryOperator & ('and' | 'or'), left: CelEvaluator, right: CelEvaluator): CelEvaluator {
  const deciding = operator === 'or';
  return (scope) => {
    const a = truth(left(scope), operator);
    if (a === deciding) return deciding;
    const b = truth(right(scope), operator);
    if (b === deciding) return deciding;
    const fault = a instanceof Fault ? a : b;
    return fault instanceof Fault ? firm(fault) : fault;
  };
}

/** A truth, or a fault for everything that is none. */
export function truth(value: CelResult, name: string): boolean | Fault {
  return typeof value === 'boolean' || value instanceof Fault ? value : noOverload(name, value);
}

function compileConditional(expression: Expression & { readonly kind: 'conditional' }, context: CelContext): Result<CelEvaluator> {
  const condition = compileCel(expression.condition, context);
  const then = compileCel(expression.consequent, context);
  const otherwise = compileCel(expression.otherwise, context);
  if (!condition.ok) return condition;
  if (!then.ok) return then;
  if (!otherwise.ok) return otherwise;
  return ok((scope) => {
    const holds = truth(condition.value(scope), '? :');
    if (holds instanceof Fault) return firm(holds);
    return holds ? then.value(scope) : otherwise.value(scope);
  });
}
