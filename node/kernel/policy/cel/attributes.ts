import { Absence, Fault } from '../values.ts';
import type { CelEvaluator } from './context.ts';
import { hasMember, selected } from './operators.ts';
import { TypeValue, type CelResult } from './values.ts';

const type_names: ReadonlySet<string> = new Set([
  'bool', 'int', 'uint', 'double', 'string', 'bytes', 'list', 'map', 'null_type', 'type', 'optional_type',
  'google.protobuf.Timestamp', 'google.protobuf.Duration',
]);

/** An attribute of the request. Names with dots in them are tried first, longest first, as CEL resolves them. */
export function requestAttribute(path: readonly string[], text: string, null_is_absent: boolean): CelEvaluator {
  if (path.join('.') === 'data.contains_pii') return (scope) => scope.containsPii(true);
  const starts = path.map((_, index) => ({ root: path.slice(0, path.length - index).join('.'), names: path.slice(path.length - index) }));
  const absence = new Absence(`${text} is not known`);
  return (scope) => {
    for (const { root, names } of starts) {
      const found = scope.root(root);
      const start: CelResult | undefined = found === undefined && type_names.has(root) ? new TypeValue(root) : found;
      const value = start === undefined ? undefined : selectedAll(start, names, absence);
      if (value !== undefined) return value === null && null_is_absent ? absence : value;
    }
    return absence;
  };
}

function selectedAll(start: CelResult, names: readonly string[], absence: Absence): CelResult {
  let value = start;
  for (const name of names) {
    if (value instanceof Fault) return value;
    // Of what is no map, nothing is there.
    if (hasMember(value, name) !== true) return absence;
    value = selected(value, name);
  }
  return value;
}
