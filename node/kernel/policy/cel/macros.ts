/** Macros of CEL: loops over lists and maps, optionals, and names for values. Every turn pays for the parts that it tries. */
import { ok, type Result } from '../../../../crypto/result.ts';
import { childrenOf, type Expression } from '../ast.ts';
import { conditionInvalid } from '../tokenizer.ts';
import { Fault, firm } from '../values.ts';
import { sortedBy } from './collections.ts';
import { compileCel, truth } from './compile.ts';
import type { Cell, CelContext, CelEvaluator, CelScope } from './context.ts';
import { mapOf } from './operators.ts';
import { entriesOf, isCelList, isCelMap, noOverload, Optional, type CelResult, type CelValue } from './values.ts';

type Macro = Expression & { readonly kind: 'macro' };

/** How many parts an expression has: what one turn of a loop over it costs. */
export function weightOf(expressions: readonly Expression[]): number {
  return expressions.reduce((sum, expression) => sum + 1 + weightOf(childrenOf(expression)), 0);
}

/** Compiles a macro. Fails with `CONDITION_INVALID`. */
export function compileMacro(macro: Macro, context: CelContext): Result<CelEvaluator> {
  if (macro.name === 'block') return compileBlock(macro, context);
  const range = compileCel(macro.range, context);
  if (!range.ok) return range;
  const cells = macro.variables.map((): Cell => ({ value: undefined }));
  const variables = new Map([...context.variables, ...macro.variables.map((name, index) => [name, cells[index] ?? { value: undefined }] as const)]);
  const inner: CelContext = { ...context, variables };
  const bodies: CelEvaluator[] = [];
  for (const body of macro.bodies) {
    const evaluator = compileCel(body, inner);
    if (!evaluator.ok) return evaluator;
    bodies.push(macro.name === 'bind' ? evaluator.value : firmly(evaluator.value));
  }
  const run = running(macro, bodies, cells, weightOf(macro.bodies), context);
  return ok((scope) => {
    const value = range.value(scope);
    return value instanceof Fault ? value : run(value, scope);
  });
}

/** What a turn of a loop lacks does not make the whole loop absent. */
function firmly(body: CelEvaluator): CelEvaluator {
  return (scope) => {
    const value = body(scope);
    return value instanceof Fault ? firm(value) : value;
  };
}

type Run = (range: CelValue, scope: CelScope) => CelResult;

function running(macro: Macro, bodies: readonly CelEvaluator[], cells: readonly Cell[], weight: number, context: CelContext): Run {
  const [first, second] = bodies;
  const [cell] = cells;
  if (first === undefined || cell === undefined) return () => new Fault(`${macro.name} has nothing to do`);
  const turns = (range: CelValue): Turns | Fault => turnsOf(range, cells, macro, context, weight);
  switch (macro.name) {
    case 'bind':
    case 'block':
      return (value, scope) => {
        cell.value = value;
        return first(scope);
      };
    case 'optMap':
    case 'optFlatMap':
      return optionalRun(macro.name, cell, first);
    case 'all':
    case 'exists':
      return (range, scope) => quantified(turns(range), macro.name, first, scope);
    case 'exists_one':
      return (range, scope) => exactlyOne(turns(range), first, scope);
    case 'filter':
      return (range, scope) => collected(turns(range), first, () => cell.value ?? null, scope);
    case 'map':
    case 'transformList':
      return (range, scope) => (second === undefined ? collected(turns(range), undefined, first, scope) : collected(turns(range), first, second, scope));
    case 'transformMap':
      return (range, scope) => {
        const keys = collected(turns(range), second === undefined ? undefined : first, () => cell.value ?? null, scope);
        const values = collected(turns(range), second === undefined ? undefined : first, second ?? first, scope);
        if (keys instanceof Fault || values instanceof Fault) return keys instanceof Fault ? keys : values;
        return isCelList(keys) && isCelList(values) ? mapOf(keys.map((key, index) => [key, values[index] ?? null] as const)) : noOverload(macro.name, range);
      };
    case 'transformMapEntry':
      return (range, scope) => merged(collected(turns(range), second === undefined ? undefined : first, second ?? first, scope));
    case 'sortBy':
      return (range, scope) => {
        const keys = collected(turns(range), undefined, first, scope);
        return isCelList(keys) && isCelList(range) ? sortedBy(range, keys, context.budget) : keys;
      };
  }
}

/** Sets the variables to each item in turn; ends early with a fault when the budget is spent. */
type Turns = Iterable<Fault | undefined>;

function turnsOf(range: CelValue, cells: readonly Cell[], macro: Macro, { budget }: CelContext, weight: number): Turns | Fault {
  const entries = isCelList(range) ? undefined : isCelMap(range) ? entriesOf(range) : noOverload(macro.name, range);
  if (entries instanceof Fault) return entries;
  // All of a map's keys are read, even where the first decides.
  const unpaid = entries === undefined ? undefined : budget.charge(2 * entries.length);
  if (unpaid !== undefined) return unpaid;
  const [one, two] = cells;
  return (function* turn(): Turns {
    const count = isCelList(range) ? range.length : entries?.length ?? 0;
    for (let index = 0; index < count; index += 1) {
      const cost = budget.charge(1 + weight);
      const [key, value]: readonly [CelValue, CelValue] = entries?.[index] ?? [BigInt(index), isCelList(range) ? range[index] ?? null : null];
      if (one !== undefined) one.value = two === undefined && entries === undefined ? value : key;
      if (two !== undefined) two.value = value;
      yield cost;
      if (cost !== undefined) return;
    }
  })();
}

function quantified(turns: Turns | Fault, name: string, body: CelEvaluator, scope: CelScope): CelResult {
  if (turns instanceof Fault) return turns;
  const deciding = name === 'exists';
  let fault: Fault | undefined;
  for (const cost of turns) {
    if (cost !== undefined) return cost;
    const holds = truth(body(scope), name);
    if (holds === deciding) return deciding;
    if (holds instanceof Fault) fault ??= holds;
  }
  return fault ?? !deciding;
}

function exactlyOne(turns: Turns | Fault, body: CelEvaluator, scope: CelScope): CelResult {
  if (turns instanceof Fault) return turns;
  let count = 0;
  for (const cost of turns) {
    const holds = cost ?? truth(body(scope), 'exists_one');
    if (holds instanceof Fault) return holds;
    if (holds) count += 1;
  }
  return count === 1;
}

function collected(turns: Turns | Fault, keep: CelEvaluator | undefined, give: CelEvaluator, scope: CelScope): CelResult {
  if (turns instanceof Fault) return turns;
  const values: CelValue[] = [];
  for (const cost of turns) {
    const kept = cost ?? (keep === undefined ? true : truth(keep(scope), 'filter'));
    if (kept instanceof Fault) return kept;
    const value = kept ? give(scope) : null;
    if (value instanceof Fault) return value;
    if (kept) values.push(value);
  }
  return values;
}

function merged(maps: CelResult): CelResult {
  if (!isCelList(maps)) return maps;
  const entries: (readonly [CelValue, CelValue])[] = [];
  for (const map of maps) {
    if (!isCelMap(map)) return noOverload('transformMapEntry', map);
    for (const entry of entriesOf(map)) entries.push(entry);
  }
  return mapOf(entries);
}

function optionalRun(name: 'optMap' | 'optFlatMap', cell: Cell, body: CelEvaluator): Run {
  return (given, scope) => {
    if (!(given instanceof Optional)) return noOverload(name, given);
    if (given.value === undefined) return given;
    cell.value = given.value;
    const value = body(scope);
    if (value instanceof Fault) return value;
    if (name === 'optMap') return new Optional(value);
    return value instanceof Optional ? value : noOverload(name, value);
  };
}

/** `cel.block([a, b], use)`: each value may use the ones before it; one that nobody uses may fail. */
function compileBlock(macro: Macro, context: CelContext): Result<CelEvaluator> {
  if (macro.range.kind !== 'list') return conditionInvalid(context.text, macro.at, 'cel.block is not used like this', 'write cel.block([first, second], expression)');
  const variables = new Map(context.variables);
  const values: { readonly cell: Cell; readonly evaluator: CelEvaluator }[] = [];
  for (const [index, item] of macro.range.items.entries()) {
    const evaluator = compileCel(item, { ...context, variables: new Map(variables) });
    if (!evaluator.ok) return evaluator;
    const cell: Cell = { value: undefined };
    variables.set(macro.variables[index] ?? '', cell);
    values.push({ cell, evaluator: evaluator.value });
  }
  const body = macro.bodies[0] === undefined ? undefined : compileCel(macro.bodies[0], { ...context, variables });
  if (body === undefined || !body.ok) return body ?? conditionInvalid(context.text, macro.at, 'cel.block has no expression', 'write cel.block([first, second], expression)');
  return ok((scope) => {
    for (const { cell, evaluator } of values) cell.value = evaluator(scope);
    return body.value(scope);
  });
}
