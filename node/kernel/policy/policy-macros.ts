/** Macros of CEL in the policy language: an absent list is an empty one, and truth is what it is elsewhere in the policy. */
import type { Json } from '../../../crypto/canonical.ts';
import { ok, type Result } from '../../../crypto/result.ts';
import type { Expression } from './ast.ts';
import { weightOf } from './cel/macros.ts';
import type { Compiler, Evaluator } from './compile.ts';
import type { Scope } from './scope.ts';
import { conditionInvalid } from './tokenizer.ts';
import { Fault, isList, isRecord, kindOf, truthOf, type Value } from './values.ts';

type Macro = Expression & { readonly kind: 'macro' };
type Compile = (expression: Expression, compiler: Compiler) => Result<Evaluator>;
interface Cell {
  value: Value;
}
/** The body of a macro with its variables set to each item in turn. */
interface Loop {
  readonly bodies: readonly Evaluator[];
  readonly cells: readonly Cell[];
  readonly weight: number;
  readonly compiler: Compiler;
}

const quantifiers: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one']);

/** Compiles a macro. Fails with `CONDITION_INVALID`. */
export function compilePolicyMacro(macro: Macro, compiler: Compiler, compile: Compile): Result<Evaluator> {
  if (macro.name === 'block' || macro.name === 'sortBy') {
    return conditionInvalid(compiler.text, macro.at, `${macro.name} is for policies with conditions: cel`, 'add conditions: cel to the policy');
  }
  compiler.meter.used = true;
  const range = compile(macro.range, compiler);
  if (!range.ok) return range;
  const cells = macro.variables.map((): Cell => ({ value: undefined }));
  const variables = new Map([...compiler.variables, ...macro.variables.map((name, index) => [name, cells[index] ?? { value: undefined }] as const)]);
  const bodies: Evaluator[] = [];
  for (const body of macro.bodies) {
    const evaluator = compile(body, { ...compiler, variables });
    if (!evaluator.ok) return evaluator;
    bodies.push(evaluator.value);
  }
  const loop: Loop = { bodies, cells, weight: 1 + weightOf(macro.bodies), compiler };
  const run = macro.name === 'bind' ? bound : quantifiers.has(macro.name) ? quantified : collected;
  return ok((scope) => {
    const value = range.value(scope);
    return value instanceof Fault ? value : run(macro, loop, value, scope);
  });
}

type Given = Exclude<Value, Fault>;

function bound(_macro: Macro, { bodies, cells }: Loop, value: Given, scope: Scope): Value {
  const [cell] = cells;
  if (cell !== undefined) cell.value = value;
  return bodies[0]?.(scope);
}

/** What the variables run over: pairs of index or key, and value, made as they are needed. */
function* pairsOf(range: Given): Iterable<readonly [string | number, Json]> {
  if (isList(range)) yield* range.entries();
  else if (isRecord(range)) yield* Object.entries(range);
}

/** The fault of a range that is neither list nor object, or an object that cannot be paid for; an absent one is empty. */
function rangeFault(macro: Macro, range: Given, { compiler }: Loop): Fault | undefined {
  // All of its names are read, even where the first item decides.
  if (isRecord(range)) return compiler.meter.budget.charge(2 * Object.keys(range).length);
  const runs = range === undefined || range === null || isList(range);
  return runs ? undefined : new Fault(`${macro.name} does not run over ${kindOf(range)}`);
}

/** Sets the variables; a fault when the budget is spent. */
function turn({ cells, weight, compiler }: Loop, [key, value]: readonly [string | number, Json], over_list: boolean): Fault | undefined {
  const [one, two] = cells;
  if (one !== undefined) one.value = two === undefined && over_list ? value : key;
  if (two !== undefined) two.value = value;
  return compiler.meter.budget.charge(weight);
}

// A fault beside an item that decides alone does not matter, as with and and or.
function quantified(macro: Macro, loop: Loop, range: Given, scope: Scope): Value {
  const unfit = rangeFault(macro, range, loop);
  if (unfit !== undefined) return unfit;
  const deciding = macro.name === 'exists';
  let count = 0;
  let fault: Fault | undefined;
  for (const pair of pairsOf(range)) {
    const cost = turn(loop, pair, isList(range));
    if (cost !== undefined) return cost;
    const holds = truthOf(loop.bodies[0]?.(scope), loop.compiler.strict, loop.compiler.meter.budget);
    if (holds instanceof Fault) fault ??= holds;
    else if (macro.name !== 'exists_one' && holds === deciding) return deciding;
    else if (holds) count += 1;
  }
  return fault ?? (macro.name === 'exists_one' ? count === 1 : !deciding);
}

function collected(macro: Macro, loop: Loop, range: Given, scope: Scope): Value {
  const unfit = rangeFault(macro, range, loop);
  if (unfit !== undefined) return unfit;
  const [first, second] = loop.bodies;
  const filters = macro.name === 'filter' || second !== undefined;
  const items: Json[] = [];
  const entries: [string, Json][] = [];
  for (const pair of pairsOf(range)) {
    const cost = turn(loop, pair, isList(range));
    if (cost !== undefined) return cost;
    const kept = filters ? truthOf(first?.(scope), loop.compiler.strict, loop.compiler.meter.budget) : true;
    if (kept instanceof Fault) return kept;
    if (!kept) continue;
    const value = macro.name === 'filter' ? loop.cells[0]?.value : (second ?? first)?.(scope);
    if (value instanceof Fault) return value;
    if (macro.name === 'transformMap') entries.push([String(pair[0]), value ?? null]);
    else if (macro.name !== 'transformMapEntry') items.push(value ?? null);
    else if (isRecord(value)) for (const entry of Object.entries(value)) entries.push(entry);
    else return new Fault(`transformMapEntry does not take ${kindOf(value)}`);
  }
  return macro.name === 'transformMap' || macro.name === 'transformMapEntry' ? Object.fromEntries(entries) : items;
}
