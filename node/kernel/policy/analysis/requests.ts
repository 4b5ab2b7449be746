/** Requests built from the values of attributes. */
import type { Json } from '../../../../crypto/canonical.ts';
import { Scope, type PolicyRequest } from '../scope.ts';
import { Fault, isRecord, memberOf, type Value } from '../values.ts';

/** An attribute and the value it is to have; `undefined` leaves it out. */
export interface Setting {
  readonly path: readonly string[];
  readonly value: Json | undefined;
}

type Tree = Map<string, Tree | { readonly value: Json }>;

/** The request in which the attributes have these values as conditions see them. Of an object and an attribute inside it the latter counts. */
export function requestOf(settings: readonly Setting[]): PolicyRequest {
  const root: Tree = new Map();
  for (const { path, value } of settings.toSorted((a, b) => a.path.length - b.path.length)) {
    if (value === undefined) continue;
    let tree = root;
    for (const name of path.slice(0, -1)) {
      const inner = tree.get(name);
      const next: Tree = inner instanceof Map ? inner : new Map();
      tree.set(name, next);
      tree = next;
    }
    tree.set(path.at(-1) ?? '', { value: asWritten(path, value) });
  }
  return asRecord(root);
}

/** A trust score below one would be read as a share of a thousand. */
function asWritten(path: readonly string[], value: Json): Json {
  const score = path.length === 2 && path[0] === 'agent' && path[1] === 'trust_score';
  return score && typeof value === 'number' && value > 0 && value < 1 ? value / 1000 : value;
}

function asRecord(tree: Tree): { readonly [name: string]: Json } {
  return Object.fromEntries([...tree].map(([name, inner]) => [name, inner instanceof Map ? asRecord(inner) : inner.value]));
}

/** The value of an attribute as a condition sees it. */
export function valueAt(scope: Scope, path: readonly string[]): Value {
  const [root = '', ...names] = path;
  let value: Value = scope.root(root);
  for (const name of names) value = value instanceof Fault ? value : memberOf(value, name);
  return value;
}

/** Requests in which the attribute is seen to have the value: for an absent one with and without what it would stand in. */
export function scopesWith(path: readonly string[], value: Json | undefined): readonly Scope[] {
  const requests = value === undefined
    ? path.map((_, length) => requestOf(length === 0 ? [] : [{ path: path.slice(0, length), value: {} }]))
    : [requestOf([{ path, value }])];
  return requests.map((request) => new Scope(request)).filter((scope) => same(valueAt(scope, path), value));
}

function same(a: Value, b: Json | undefined): boolean {
  return !(a instanceof Fault) && (a === undefined || b === undefined ? a === b : JSON.stringify(a) === JSON.stringify(b));
}

/** The attributes that a request sets, deepest first, so that each can be tried without. */
export function attributesOf(request: PolicyRequest): readonly (readonly string[])[] {
  const paths: (readonly string[])[] = [];
  const walk = (value: Json | undefined, path: readonly string[]): void => {
    if (value !== undefined && isRecord(value)) for (const [name, inner] of Object.entries(value)) walk(inner, [...path, name]);
    if (path.length > 0) paths.push(path);
  };
  walk(requestAsJson(request), []);
  return paths;
}

function requestAsJson(request: PolicyRequest): { readonly [name: string]: Json } {
  return Object.fromEntries(Object.entries(request).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** The request without one of its attributes. */
export function without(request: PolicyRequest, path: readonly string[]): PolicyRequest {
  const remove = (value: { readonly [name: string]: Json }, [name = '', ...rest]: readonly string[]): { readonly [name: string]: Json } => {
    const inner = value[name];
    return Object.fromEntries(Object.entries(value).flatMap(([own, kept]) => {
      if (own !== name) return [[own, kept]];
      return rest.length === 0 || inner === undefined || !isRecord(inner) ? [] : [[own, remove(inner, rest)]];
    }));
  };
  return remove(requestAsJson(request), path);
}
