import { ok, type Result } from '../../../crypto/result.ts';
import type { Expression, MacroName } from './ast.ts';
import { conditionInvalid } from './tokenizer.ts';

/** How many variables a macro may bind, and how many expressions follow them. */
interface Form {
  readonly name: MacroName;
  readonly variables: number;
  readonly bodies: readonly number[];
  readonly usage: string;
}

const forms: { readonly [called: string]: readonly Form[] } = {
  all: [{ name: 'all', variables: 1, bodies: [1], usage: 'list.all(x, x > 0)' }, { name: 'all', variables: 2, bodies: [1], usage: '' }],
  exists: [{ name: 'exists', variables: 1, bodies: [1], usage: "list.exists(x, x == 'a')" }, { name: 'exists', variables: 2, bodies: [1], usage: '' }],
  exists_one: [{ name: 'exists_one', variables: 1, bodies: [1], usage: "list.exists_one(x, x == 'a')" }, { name: 'exists_one', variables: 2, bodies: [1], usage: '' }],
  existsOne: [{ name: 'exists_one', variables: 1, bodies: [1], usage: "list.existsOne(x, x == 'a')" }, { name: 'exists_one', variables: 2, bodies: [1], usage: '' }],
  map: [{ name: 'map', variables: 1, bodies: [1, 2], usage: 'list.map(x, x + 1)' }],
  filter: [{ name: 'filter', variables: 1, bodies: [1], usage: 'list.filter(x, x > 0)' }],
  sortBy: [{ name: 'sortBy', variables: 1, bodies: [1], usage: 'list.sortBy(x, x.name)' }],
  transformList: [{ name: 'transformList', variables: 2, bodies: [1, 2], usage: 'list.transformList(i, x, x + i)' }],
  transformMap: [{ name: 'transformMap', variables: 2, bodies: [1, 2], usage: 'map.transformMap(key, value, value + 1)' }],
  transformMapEntry: [{ name: 'transformMapEntry', variables: 2, bodies: [1, 2], usage: 'map.transformMapEntry(key, value, {value: key})' }],
  optMap: [{ name: 'optMap', variables: 1, bodies: [1], usage: 'optional.optMap(x, x + 1)' }],
  optFlatMap: [{ name: 'optFlatMap', variables: 1, bodies: [1], usage: 'optional.optFlatMap(x, x.?name)' }],
};

/**
 * The macro that a call with a receiver is, as an expression; `undefined` when it is
 * an ordinary call. Fails with `CONDITION_INVALID` where it is a macro used wrongly.
 */
export function macroOf(text: string, object: Expression, name: string, args: readonly Expression[], at: number): Result<Expression> | undefined {
  if (object.kind === 'name' && object.name === 'cel') return celMacroOf(text, name, args, at);
  if (!Object.hasOwn(forms, name)) return undefined;
  const choices = forms[name] ?? [];
  for (const form of choices) {
    if (!form.bodies.includes(args.length - form.variables)) continue;
    // all(a, b, c) has two variables or none of the macro's forms: the second argument says which.
    const variables = variablesOf(args.slice(0, form.variables));
    if (variables !== undefined) return ok({ kind: 'macro', name: form.name, range: object, variables, bodies: args.slice(form.variables), at });
  }
  return conditionInvalid(text, at, `${name} is not used like this`, `write ${choices[0]?.usage ?? name}: a plain name first, then what to ask of it`);
}

function variablesOf(args: readonly Expression[]): readonly string[] | undefined {
  const names = args.flatMap((argument) => (argument.kind === 'name' && argument.rooted === undefined ? [argument.name] : []));
  return names.length === args.length && new Set(names).size === names.length ? names : undefined;
}

/** `cel.bind(name, value, use)`, `cel.block([values], use)`, and the slots `cel.index(n)` and `cel.iterVar(n, m)` that optimisers write. */
function celMacroOf(text: string, name: string, args: readonly Expression[], at: number): Result<Expression> | undefined {
  const [first, second, third] = args;
  if (name === 'bind') {
    const variables = first === undefined ? undefined : variablesOf([first]);
    if (variables === undefined || second === undefined || third === undefined || args.length !== 3) {
      return conditionInvalid(text, at, 'cel.bind is not used like this', 'write cel.bind(name, value, expression)');
    }
    return ok({ kind: 'macro', name: 'bind', range: second, variables, bodies: [third], at });
  }
  if (name === 'block') {
    if (first?.kind !== 'list' || second === undefined || args.length !== 2) {
      return conditionInvalid(text, at, 'cel.block is not used like this', 'write cel.block([first, second], expression)');
    }
    const variables = first.items.map((_, index) => `@index:${index}`);
    return ok({ kind: 'macro', name: 'block', range: first, variables, bodies: [second], at });
  }
  if (name !== 'index' && name !== 'iterVar') return undefined;
  const slots = args.map((argument) => (argument.kind === 'literal' && argument.integer !== undefined ? String(argument.integer) : 'x'));
  if (slots.includes('x') || slots.length !== (name === 'index' ? 1 : 2)) {
    return conditionInvalid(text, at, `cel.${name} is not used like this`, `write cel.${name}(${name === 'index' ? '0' : '0, 0'})`);
  }
  return ok({ kind: 'name', name: `@${name === 'index' ? 'index' : 'it'}:${slots.join(':')}`, at });
}
