import type { Json } from '../../../crypto/canonical.ts';
import { ok, type Result } from '../../../crypto/result.ts';
import { conjunctsOf, pathOf, printExpression, type Expression } from './ast.ts';
import { StepBudget, overspent } from './budget.ts';
import { compileCel, truth } from './cel/compile.ts';
import { callOf } from './functions.ts';
import { compileIsland, isIsland } from './island.ts';
import { normalise } from './normalise.ts';
import { isOrder, junction, operations, strictly } from './operators.ts';
import { parseCondition } from './parser.ts';
import { compilePolicyMacro } from './policy-macros.ts';
import type { Scope } from './scope.ts';
import { conditionInvalid } from './tokenizer.ts';
import { Absence, Fault, isList, kindOf, memberOf, truthOf, type Value } from './values.ts';

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

/** How conditions are read. */
export interface CompileOptions {
  /** An attribute that the request does not have is a fault, and only true and false are conditions. */
  readonly strict: boolean;
  /** `cel` gives every operator the meaning of CEL's specification; `policy`, the default, that of the seeds. */
  readonly mode?: 'policy' | 'cel';
}

/** What compiling needs to know: the text for error positions, the mode, the variables of the macros around, and what pays for loops. */
export interface Compiler {
  readonly text: string;
  readonly strict: boolean;
  readonly variables: ReadonlyMap<string, { readonly value: Value }>;
  readonly meter: Meter;
}

/** The budget of a condition, and whether any part of it has to pay. */
export interface Meter {
  readonly budget: StepBudget;
  used: boolean;
}

/**
 * Parses and compiles a condition. In the policy language numbers are doubles and
 * an absent attribute is a value, unless `strict`; functions of CEL are there
 * too, and take their arguments as CEL does. Fails with `CONDITION_INVALID`.
 */
export function compileCondition(text: string, options: CompileOptions): Result<Condition> {
  const cel = options.mode === 'cel';
  const parsed = parseCondition(text, { cel });
  if (!parsed.ok) return parsed;
  const { expression, warnings } = cel ? { expression: parsed.value, warnings: [] } : normalise(parsed.value);
  const test = cel ? compileCelTest : compileTest;
  const whole = test(expression, text, options.strict);
  if (!whole.ok) return whole;
  const conjuncts: Conjunct[] = [];
  const parts = conjunctsOf(expression);
  for (const part of parts) {
    const compiled = parts.length === 1 ? whole : test(part, text, options.strict);
    if (!compiled.ok) return compiled;
    conjuncts.push({ text: printExpression(part), expression: part, test: compiled.value });
  }
  return ok({ text: printExpression(expression), expression, test: whole.value, conjuncts, warnings });
}

function compileTest(expression: Expression, text: string, strict: boolean): Result<Conjunct['test']> {
  const meter: Meter = { budget: new StepBudget(), used: false };
  const evaluator = compile(expression, { text, strict, variables: new Map(), meter });
  if (!evaluator.ok) return evaluator;
  const plain: Conjunct['test'] = (scope) => truthOf(evaluator.value(scope), strict);
  return ok(meter.used ? metered(meter.budget, plain) : plain);
}

function compileCelTest(expression: Expression, text: string): Result<Conjunct['test']> {
  const budget = new StepBudget();
  const evaluator = compileCel(expression, { text, variables: new Map(), budget });
  return evaluator.ok ? ok(metered(budget, (scope) => truth(evaluator.value(scope), 'a condition'))) : evaluator;
}

// A condition that went beyond its budget has no truth, even where a || would have hidden that.
function metered(budget: StepBudget, test: Conjunct['test']): Conjunct['test'] {
  return (scope) => {
    budget.reset();
    const holds = test(scope);
    return budget.spent ? overspent : holds;
  };
}

/** What pays for looking at large values: only a loop does much of that. */
export function payerOf({ variables, meter }: Compiler): StepBudget | undefined {
  return variables.size > 0 ? meter.budget : undefined;
}

/** Compiles one expression of the policy language. Fails with `CONDITION_INVALID`. */
export function compile(expression: Expression, compiler: Compiler): Result<Evaluator> {
  if (isIsland(expression)) return compileIsland(expression, compiler);
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return ok(() => value);
    }
    case 'bytes':
      return compileIsland(expression, compiler);
    case 'list':
      return compileList(expression, compiler);
    case 'map':
      return compileMap(expression, compiler);
    case 'message':
      return conditionInvalid(compiler.text, expression.at, 'protocol buffer messages are not supported', "write a map: {'name': value}");
    case 'name':
    case 'member':
      return compileAttribute(expression, compiler);
    case 'index':
      return compileIndex(expression, compiler);
    case 'call':
      return callOf(expression, compiler, compile);
    case 'macro':
      return compilePolicyMacro(expression, compiler, compile);
    case 'unary':
      return compileUnary(expression, compiler);
    case 'binary':
      return compileBinary(expression, compiler);
    case 'conditional':
      return compileConditional(expression, compiler);
  }
}

function compileAll(expressions: readonly Expression[], compiler: Compiler): Result<readonly Evaluator[]> {
  const evaluators: Evaluator[] = [];
  for (const expression of expressions) {
    const evaluator = compile(expression, compiler);
    if (!evaluator.ok) return evaluator;
    evaluators.push(evaluator.value);
  }
  return ok(evaluators);
}

function compileList(list: Expression & { readonly kind: 'list' }, compiler: Compiler): Result<Evaluator> {
  const { items, optional } = list;
  const evaluators = compileAll(items, compiler);
  if (!evaluators.ok) return evaluators;
  if (items.every((item) => item.kind === 'literal') && optional === undefined) {
    const constant = items.map((item) => item.value);
    return ok(() => constant);
  }
  return ok((scope) => {
    const values: Json[] = [];
    for (const [index, evaluator] of evaluators.value.entries()) {
      const value = evaluator(scope);
      if (value instanceof Fault) return value;
      if (value !== undefined || optional?.includes(index) !== true) values.push(value ?? null);
    }
    return values;
  });
}

function compileMap(map: Expression & { readonly kind: 'map' }, compiler: Compiler): Result<Evaluator> {
  const keys = compileAll(map.entries.map((entry) => entry.key), compiler);
  const values = compileAll(map.entries.map((entry) => entry.value), compiler);
  if (!keys.ok) return keys;
  if (!values.ok) return values;
  return ok((scope) => {
    const entries: [string, Json][] = [];
    for (const [index, { optional }] of map.entries.entries()) {
      const key = keys.value[index]?.(scope);
      const value = values.value[index]?.(scope);
      if (key instanceof Fault) return key;
      if (value instanceof Fault) return value;
      if (typeof key !== 'string') return new Fault(`${kindOf(key)} is no key of an object`);
      if (value !== undefined || optional === undefined) entries.push([key, value ?? null]);
    }
    const object = Object.fromEntries(entries);
    return Object.keys(object).length === entries.length ? object : new Fault('a key stands twice in an object');
  });
}

function known(value: Value, absence: Absence | undefined): Value {
  return value === undefined ? absence : value;
}

/** The fault of an attribute that is not there, in strict mode; CEL's `a.?b` is there or not, never a fault. */
function absenceOf(expression: Expression, strict: boolean): Absence | undefined {
  const optional = (expression.kind === 'member' || expression.kind === 'index') && expression.optional === true;
  return strict && !optional ? new Absence(`${printExpression(expression)} is not known`) : undefined;
}

function compileAttribute(expression: Expression & { kind: 'name' | 'member' }, compiler: Compiler): Result<Evaluator> {
  const { strict, variables } = compiler;
  const absence = absenceOf(expression, strict);
  if (expression.kind === 'name') {
    const { name } = expression;
    const variable = expression.rooted === true ? undefined : variables.get(name);
    return ok(variable === undefined ? (scope: Scope) => known(scope.root(name), absence) : () => known(variable.value, absence));
  }
  const path = pathOf(expression);
  if (path !== undefined && !variables.has(path[0] ?? '')) {
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
      return known(value, absence);
    });
  }
  const object = compile(expression.object, compiler);
  if (!object.ok) return object;
  const { name } = expression;
  return ok((scope) => {
    const value = object.value(scope);
    return value instanceof Fault ? value : known(memberOf(value, name), absence);
  });
}

function compileIndex(expression: Expression & { kind: 'index' }, compiler: Compiler): Result<Evaluator> {
  const object = compile(expression.object, compiler);
  const index = compile(expression.index, compiler);
  if (!object.ok) return object;
  if (!index.ok) return index;
  const absence = absenceOf(expression, compiler.strict);
  return ok((scope) => {
    const value = object.value(scope);
    const at = index.value(scope);
    if (value instanceof Fault) return value;
    if (at instanceof Fault) return at;
    if (typeof at === 'string') return known(memberOf(value, at), absence);
    if (typeof at !== 'number') return new Fault(`${kindOf(at)} is no index`);
    return known(isList(value) ? value[at] : undefined, absence);
  });
}

function compileUnary(expression: Expression & { kind: 'unary' }, compiler: Compiler): Result<Evaluator> {
  const operand = compile(expression.operand, compiler);
  if (!operand.ok) return operand;
  if (expression.operator === 'not') {
    const payer = payerOf(compiler);
    return ok((scope) => {
      const holds = truthOf(operand.value(scope), compiler.strict, payer);
      return holds instanceof Fault ? holds : !holds;
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
  const payer = payerOf(compiler);
  if (operator === 'and' || operator === 'or') return ok(junction(operator === 'or', left.value, right.value, compiler.strict, payer));
  const apply = compiler.strict && isOrder(operator) ? strictly(operations[operator]) : operations[operator];
  return ok((scope) => {
    const a = left.value(scope);
    if (a instanceof Fault) return a;
    const b = right.value(scope);
    return b instanceof Fault ? b : apply(a, b, payer);
  });
}

function compileConditional(expression: Expression & { readonly kind: 'conditional' }, compiler: Compiler): Result<Evaluator> {
  const condition = compile(expression.condition, compiler);
  const then = compile(expression.consequent, compiler);
  const otherwise = compile(expression.otherwise, compiler);
  if (!condition.ok) return condition;
  if (!then.ok) return then;
  if (!otherwise.ok) return otherwise;
  const payer = payerOf(compiler);
  return ok((scope) => {
    const holds = truthOf(condition.value(scope), compiler.strict, payer);
    if (holds instanceof Fault) return holds;
    return holds ? then.value(scope) : otherwise.value(scope);
  });
}
