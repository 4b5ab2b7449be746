import { ok, type Result } from '../../../crypto/result.ts';
import { pathOf, type Expression } from './ast.ts';
import { codePoints } from './cel/strings.ts';
import { payerOf, type Compiler, type Evaluator } from './compile.ts';
import { among, sizeCharge } from './operators.ts';
import { compilePattern } from './regex.ts';
import type { Scope } from './scope.ts';
import { conditionInvalid } from './tokenizer.ts';
import { Fault, isList, isRecord, kindOf, type Value } from './values.ts';

type Call = Expression & { readonly kind: 'call' };
type Compile = (expression: Expression, compiler: Compiler) => Result<Evaluator>;
type Plain = (...values: readonly Exclude<Value, Fault>[]) => Value;

const usage: { readonly [name: string]: string } = {
  contains: "contains(text, 'part')",
  startsWith: "startsWith(text, 'part')",
  endsWith: "endsWith(text, 'part')",
  size: 'size(list)',
  matches: "matches(text, 'pattern')",
  has: 'has(agent.role)',
  within: "path.within('/workspace')",
};

/** Compiles a call of one of the dialect's functions. Fails with `CONDITION_INVALID`. */
export function callOf(call: Call, compiler: Compiler, compile: Compile): Result<Evaluator> {
  if (call.name === 'has') return hasOf(call, compiler, compile);
  if (call.name === 'within') return withinOf(call, compiler.text);
  if (call.name === 'matches') return matchesOf(call, compiler, compile);
  const plain = plain_functions[call.name];
  if (plain === undefined || call.arguments.length !== plain.length || call.named === true) return wrongUse(call, compiler.text);
  const evaluators: Evaluator[] = [];
  for (const argument of call.arguments) {
    const evaluator = compile(argument, compiler);
    if (!evaluator.ok) return evaluator;
    evaluators.push(evaluator.value);
  }
  const payer = payerOf(compiler);
  return ok((scope) => {
    const values: Exclude<Value, Fault>[] = [];
    for (const evaluator of evaluators) {
      const value = evaluator(scope);
      if (value instanceof Fault) return value;
      values.push(value);
    }
    return sizeCharge(payer, values[0], values[1]) ?? plain(...values);
  });
}

/** The functions of the policy language itself; the others are CEL's. */
export const dialect_functions: ReadonlySet<string> = new Set(Object.keys(usage));

function wrongUse(call: Call, text: string): ReturnType<typeof conditionInvalid> {
  return conditionInvalid(text, call.at, `${call.name} is not used like this`, `write ${usage[call.name] ?? call.name}`);
}

const plain_functions: { readonly [name: string]: Plain } = {
  contains: (whole: Exclude<Value, Fault>, part: Exclude<Value, Fault>): Value => {
    if (whole === undefined || whole === null) return false;
    if (isList(whole)) return among(part, whole, undefined);
    return ofTexts('contains', whole, part, (a, b) => a.includes(b));
  },
  startsWith: (whole: Exclude<Value, Fault>, part: Exclude<Value, Fault>): Value => ofTexts('startsWith', whole, part, (a, b) => a.startsWith(b)),
  endsWith: (whole: Exclude<Value, Fault>, part: Exclude<Value, Fault>): Value => ofTexts('endsWith', whole, part, (a, b) => a.endsWith(b)),
  size: (value: Exclude<Value, Fault>): Value => {
    if (value === undefined || value === null) return 0;
    if (typeof value === 'string') return codePoints(value);
    if (isList(value)) return value.length;
    return isRecord(value) ? Object.keys(value).length : new Fault(`${kindOf(value)} has no size`);
  },
};

function ofTexts(name: string, a: Exclude<Value, Fault>, b: Exclude<Value, Fault>, holds: (a: string, b: string) => boolean): Value {
  if (a === undefined || a === null) return false;
  return typeof a === 'string' && typeof b === 'string' ? holds(a, b) : new Fault(`${name} does not take ${kindOf(a)} and ${kindOf(b)}`);
}

function hasOf(call: Call, compiler: Compiler, compile: Compile): Result<Evaluator> {
  const [attribute] = call.arguments;
  if (attribute?.kind !== 'member' || call.arguments.length !== 1) return wrongUse(call, compiler.text);
  // Presence is asked outside strict mode, where absence is a value and no fault.
  const evaluator = compile(attribute, { ...compiler, strict: false });
  if (!evaluator.ok) return evaluator;
  return ok((scope) => {
    const value = evaluator.value(scope);
    return value instanceof Fault ? value : value !== undefined && value !== null;
  });
}

/** `path.within('/workspace')`, in either language. Fails with `CONDITION_INVALID`. */
export function withinOf(call: Call, text: string): Result<(scope: Pick<Scope, 'pathsWithin'>) => boolean | Fault> {
  const [receiver, ...folders] = call.arguments;
  const roots = folders.flatMap((folder) => (folder.kind === 'literal' && typeof folder.value === 'string' ? [folder.value] : []));
  const used_well = receiver !== undefined && pathOf(receiver)?.join('.') === 'path' && roots.length === folders.length && roots.length > 0;
  return used_well ? ok((scope) => scope.pathsWithin(roots)) : wrongUse(call, text);
}

function matchesOf(call: Call, compiler: Compiler, compile: Compile): Result<Evaluator> {
  const [subject, literal] = call.arguments;
  if (subject === undefined || literal?.kind !== 'literal' || typeof literal.value !== 'string' || call.arguments.length !== 2) {
    return wrongUse(call, compiler.text);
  }
  const pattern = compilePattern(literal.value);
  if (!pattern.ok) return conditionInvalid(compiler.text, literal.at, pattern.failure.reason, pattern.failure.fix ?? 'simplify the pattern');
  const evaluator = compile(subject, compiler);
  if (!evaluator.ok) return evaluator;
  const { meter } = compiler;
  meter.used = true;
  return ok((scope) => {
    const value = evaluator.value(scope);
    if (value instanceof Fault) return value;
    if (value === undefined || value === null) return false;
    if (typeof value !== 'string') return new Fault(`matches does not take ${kindOf(value)}`);
    return meter.budget.charge(1) ?? pattern.value.matches(value, meter.budget) ?? new Fault('the text is too long for matches');
  });
}
