import type { Json } from '../../../crypto/canonical.ts';
import { ok, type Result } from '../../../crypto/result.ts';
import { conjunctsOf, pathOf, printExpression, type BinaryOperator, type Expression } from './ast.ts';
import { callOf } from './functions.ts';
import { normalise } from './normalise.ts';
import { parseCondition } from './parser.ts';
import type { Scope } from './scope.ts';
import { Fault, isList, isRecord, kindOf, memberOf, sameValue, truthOf, type Value } from './values.ts';

/** An expression as a closure over the request. */
export type Evaluator = (scope: Scope) => Value;

/** One of the parts of a condition that must all hold. */
export interface Conjunct {
  readonly text: string;
  readonly expression: Expression;
  readonly test: (scope: Scope) => boolean | Fault;
}

/** A condition ready to run. */
export interface Condition {
  /** Its canonical text. */
  readonly text: string;
  readonly expression: Expression;
  /** Whether it holds for the request. Never throws. */
  readonly test: (scope: Scope) => boolean | Fault;
  readonly conjuncts: readonly Conjunct[];
  readonly warnings: readonly string[];
}

/**
 * Parses and compiles a condition. In strict mode an attribute that the request
 * does not have is a fault, and only true and false are conditions.
 * Fails with `CONDITION_INVALID`.
 */
export function compileCondition(text: string, options: { readonly strict: boolean }): Result<Condition> {
  const parsed = parseCondition(text);
  if (!parsed.ok) return parsed;
  const { expression, warnings } = normalise(parsed.value);
  const compiler: Compiler = { text, strict: options.strict };
  const evaluator = compile(expression, compiler);
  if (!evaluator.ok) return evaluator;
  const conjuncts: Conjunct[] = [];
  for (const part of conjunctsOf(expression)) {
    const test = compile(part, compiler);
    if (!test.ok) return test;
    conjuncts.push({ text: printExpression(part), expression: part, test: (scope) => truthOf(test.value(scope), options.strict) });
  }
  return ok({
    text: printExpression(expression),
    expression,
    test: (scope) => truthOf(evaluator.value(scope), options.strict),
    conjuncts,
    warnings,
  });
}

/** What compiling needs to know: the text for error positions, and the mode. */
export interface Compiler {
  readonly text: string;
  readonly strict: boolean;
}

/** Compiles one expression. Fails with `CONDITION_INVALID`. */
export function compile(expression: Expression, compiler: Compiler): Result<Evaluator> {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return ok(() => value);
    }
    case 'list':
      return compileList(expression.items, compiler);
    case 'name':
    case 'member':
      return compileAttribute(expression, compiler);
    case 'index':
      return compileIndex(expression, compiler);
    case 'call':
      return callOf(expression, compiler, compile);
    case 'unary':
      return compileUnary(expression, compiler);
    case 'binary':
      return compileBinary(expression, compiler);
  }
}

function compileList(items: readonly Expression[], compiler: Compiler): Result<Evaluator> {
  const evaluators: Evaluator[] = [];
  for (const item of items) {
    const evaluator = compile(item, compiler);
    if (!evaluator.ok) return evaluator;
    evaluators.push(evaluator.value);
  }
  if (items.every((item) => item.kind === 'literal')) {
    const constant = items.map((item) => item.value);
    return ok(() => constant);
  }
  return ok((scope) => {
    const values: Json[] = [];
    for (const evaluator of evaluators) {
      const value = evaluator(scope);
      if (value instanceof Fault) return value;
      values.push(value ?? null);
    }
    return values;
  });
}

function known(value: Value, text: string, strict: boolean): Value {
  return value === undefined && strict ? new Fault(`${text} is not known`) : value;
}

function compileAttribute(expression: Expression & { kind: 'name' | 'member' }, compiler: Compiler): Result<Evaluator> {
  const { strict } = compiler;
  const path = pathOf(expression);
  const text = printExpression(expression);
  if (path !== undefined) {
    const [root = '', ...names] = path;
    if (root === 'data' && names.length === 1 && names[0] === 'contains_pii') {
      return ok((scope) => scope.containsPii(strict));
    }
    return ok((scope) => {
      let value: Value = scope.root(root);
      for (const name of names) {
        if (value instanceof Fault) return value;
        value = memberOf(value, name);
      }
      return known(value, text, strict);
    });
  }
  if (expression.kind === 'name') return ok((scope) => known(scope.root(expression.name), text, strict));
  const object = compile(expression.object, compiler);
  if (!object.ok) return object;
  const { name } = expression;
  return ok((scope) => {
    const value = object.value(scope);
    return value instanceof Fault ? value : known(memberOf(value, name), text, strict);
  });
}

function compileIndex(expression: Expression & { kind: 'index' }, compiler: Compiler): Result<Evaluator> {
  const object = compile(expression.object, compiler);
  const index = compile(expression.index, compiler);
  if (!object.ok) return object;
  if (!index.ok) return index;
  const text = printExpression(expression);
  return ok((scope) => {
    const value = object.value(scope);
    const at = index.value(scope);
    if (value instanceof Fault) return value;
    if (at instanceof Fault) return at;
    if (typeof at === 'string') return known(memberOf(value, at), text, compiler.strict);
    if (typeof at !== 'number') return new Fault(`${kindOf(at)} is no index`);
    return known(isList(value) ? value[at] : undefined, text, compiler.strict);
  });
}

function compileUnary(expression: Expression & { kind: 'unary' }, compiler: Compiler): Result<Evaluator> {
  const operand = compile(expression.operand, compiler);
  if (!operand.ok) return operand;
  if (expression.operator === 'not') {
    return ok((scope) => {
      const truth = truthOf(operand.value(scope), compiler.strict);
      return truth instanceof Fault ? truth : !truth;
    });
  }
  return ok((scope) => {
    const value = operand.value(scope);
    if (value instanceof Fault) return value;
    return typeof value === 'number' ? -value : new Fault(`${kindOf(value)} has no negative`);
  });
}

function compileBinary(expression: Expression & { kind: 'binary' }, compiler: Compiler): Result<Evaluator> {
  const left = compile(expression.left, compiler);
  const right = compile(expression.right, compiler);
  if (!left.ok) return left;
  if (!right.ok) return right;
  const { operator } = expression;
  if (operator === 'and' || operator === 'or') return ok(junction(operator === 'or', left.value, right.value, compiler.strict));
  const apply = operations[operator];
  return ok((scope) => {
    const a = left.value(scope);
    if (a instanceof Fault) return a;
    const b = right.value(scope);
    return b instanceof Fault ? b : apply(a, b);
  });
}

// A fault beside an operand that decides alone does not matter, on whichever side it
// stands: so the order of operands, and an index that skips some, never change a verdict.
function junction(deciding: boolean, left: Evaluator, right: Evaluator, strict: boolean): Evaluator {
  return (scope) => {
    const a = truthOf(left(scope), strict);
    if (a === deciding) return deciding;
    const b = truthOf(right(scope), strict);
    if (b === deciding) return deciding;
    return a instanceof Fault ? a : b;
  };
}

type Operation = (a: Json | undefined, b: Json | undefined) => Value;

const operations: { readonly [operator in Exclude<BinaryOperator, 'and' | 'or'>]: Operation } = {
  '==': (a, b) => sameValue(a, b),
  '!=': (a, b) => !sameValue(a, b),
  '<': ordering((order) => order < 0),
  '<=': ordering((order) => order <= 0),
  '>': ordering((order) => order > 0),
  '>=': ordering((order) => order >= 0),
  in: (a, b) => {
    if (isList(b)) return b.some((item) => sameValue(a, item));
    if (b === undefined || b === null) return false;
    if (isRecord(b)) return typeof a === 'string' && Object.hasOwn(b, a);
    if (typeof b !== 'string') return new Fault(`nothing is in ${kindOf(b)}`);
    return typeof a === 'string' && b.includes(a);
  },
  '+': (a, b) => {
    if (typeof a === 'string' && typeof b === 'string') return a + b;
    if (isList(a) && isList(b)) return [...a, ...b];
    return arithmetic('+', a, b, (x, y) => x + y);
  },
  '-': (a, b) => arithmetic('-', a, b, (x, y) => x - y),
  '*': (a, b) => arithmetic('*', a, b, (x, y) => x * y),
  '/': (a, b) => arithmetic('/', a, b, (x, y) => x / y),
  '%': (a, b) => arithmetic('%', a, b, (x, y) => x % y),
};

function ordering(holds: (order: number) => boolean): Operation {
  return (a, b) => {
    if (a === undefined || a === null || b === undefined || b === null) return false;
    if (typeof a === 'number' && typeof b === 'number') return holds(a - b);
    if (typeof a === 'string' && typeof b === 'string') return holds(a < b ? -1 : a > b ? 1 : 0);
    return new Fault(`${kindOf(a)} has no order with ${kindOf(b)}`);
  };
}

function arithmetic(name: string, a: Json | undefined, b: Json | undefined, apply: (x: number, y: number) => number): Value {
  if (typeof a !== 'number' || typeof b !== 'number') return new Fault(`${kindOf(a)} ${name} ${kindOf(b)} has no value`);
  const result = apply(a, b);
  return Number.isFinite(result) ? result : new Fault(`${a} ${name} ${b} has no value`);
}
