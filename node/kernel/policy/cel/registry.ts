/** All the functions of CEL that are here, and how a call finds its own. */
import { pathOf, type Expression } from '../ast.ts';
import { collections } from './collections.ts';
import type { CelContext } from './context.ts';
import { conversions } from './conversions.ts';
import type { CelFunction, CelFunctions } from './function.ts';
import { math } from './math.ts';
import { strings } from './strings.ts';
import { times } from './times.ts';

/** Every function, by name: `size` is global, `.split` has a receiver, `math.abs` a namespace. */
const cel_functions: CelFunctions = { ...conversions, ...times, ...strings, ...math, ...collections };

/** A function and what it is given. */
export interface Found {
  readonly called: CelFunction;
  readonly arguments: readonly Expression[];
}

/** The function that a call names, and its arguments: a receiver that is no variable may be a namespace. */
export function functionOf(call: Expression & { readonly kind: 'call' }, { variables }: Pick<CelContext, 'variables'>): Found | undefined {
  const [receiver, ...rest] = call.arguments;
  if (call.receiver === undefined || receiver === undefined) return named(call.name, call.arguments);
  const path = pathOf(receiver);
  const namespaced = path === undefined || variables.has(path[0] ?? '') ? undefined : named(`${path.join('.')}.${call.name}`, rest);
  return namespaced ?? named(`.${call.name}`, call.arguments);
}

function named(name: string, args: readonly Expression[]): Found | undefined {
  const called = Object.hasOwn(cel_functions, name) ? cel_functions[name] : undefined;
  return called === undefined ? undefined : { called, arguments: args };
}
