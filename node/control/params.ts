/** What a request may say: the method's name and its parameters, checked before the method sees them. */
import { isFields, isStrings } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { control_params, type ControlApi, type ControlMethod, type ParamSpec, type ParamType } from './api.ts';

/** How deep the JSON of a request may nest. */
export const json_depth_max = 64;
const suggestions_max = 3;
const name_characters_max = 64;

const accepts: { readonly [Type in ParamType]: (value: unknown) => boolean } = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  boolean: (value) => typeof value === 'boolean',
  strings: isStrings,
  json: () => true,
};
const descriptions: { readonly [Type in ParamType]: string } = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  strings: 'a list of strings',
  json: 'a JSON value',
};

/** Whether this is the name of a control method. */
export function isControlMethod(name: string): name is ControlMethod {
  return Object.hasOwn(control_params, name);
}

/** Number of single-character edits between two words (Levenshtein distance). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The up to three names that the wrong one most likely meant, nearest first. */
export function nearNames(wrong: string, names: readonly string[]): readonly string[] {
  const word = wrong.slice(0, name_characters_max).toLowerCase();
  return names
    .map((name) => ({ name, edits: name.includes(word) && word !== '' ? 1 : distance(word, name) }))
    .filter(({ name, edits }) => edits <= Math.max(2, name.length / 3))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, suggestions_max)
    .map(({ name }) => name);
}

function meant(wrong: string, names: readonly string[]): string {
  const near = nearNames(wrong, names);
  return near.length > 0 ? `did you mean ${near.join(' or ')}?` : `known are ${names.length === 0 ? 'none' : names.join(', ')}`;
}

/** The method of that name. Fails with `METHOD_UNKNOWN`, naming the nearest ones. */
export function findMethod(name: string): Result<ControlMethod> {
  if (isControlMethod(name)) return ok(name);
  return fail('METHOD_UNKNOWN', `there is no control method ${JSON.stringify(name.slice(0, name_characters_max))}`, { fix: meant(name, Object.keys(control_params)) });
}

function invalid(method: ControlMethod, field: string | null, reason: string, fix?: string): ReturnType<typeof fail> {
  return fail('PARAMS_INVALID', `${method}: ${reason}`, { ...(fix === undefined ? {} : { fix }), detail: { method, field } });
}

function problemOf(method: ControlMethod, specs: { readonly [name: string]: ParamSpec }, value: unknown): ReturnType<typeof fail> | undefined {
  if (!isFields(value)) return invalid(method, null, 'the parameters must be one JSON object');
  for (const [name, spec] of Object.entries(specs)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    if (given === undefined) {
      if (spec.optional !== true) return invalid(method, name, `${name} is missing`, `give ${name} as ${descriptions[spec.type]}`);
    } else if (!accepts[spec.type](given)) {
      return invalid(method, name, `${name} must be ${descriptions[spec.type]}`);
    }
  }
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(specs, name));
  if (unknown === undefined) return undefined;
  return invalid(method, unknown, `there is no parameter ${JSON.stringify(unknown.slice(0, name_characters_max))}`, meant(unknown, Object.keys(specs)));
}

/**
 * Checks a request's parameters against the method's table: every required one
 * is there, each has its type, and there are no others.
 *
 * Fails with `PARAMS_INVALID`; `detail.field` names the parameter.
 */
export function checkParams<Method extends ControlMethod>(method: Method, value: unknown): Result<ControlApi[Method]['params']> {
  let problem: ReturnType<typeof fail> | undefined;
  const matches = (candidate: unknown): candidate is ControlApi[Method]['params'] => {
    problem = problemOf(method, control_params[method], candidate);
    return problem === undefined;
  };
  if (matches(value)) return ok(value);
  return problem ?? invalid(method, null, 'the parameters have the wrong form');
}

/** Whether the text nests no deeper than {@link json_depth_max}; asked before it is parsed, so that no recursion ever sees more. */
export function isShallow(text: string): boolean {
  let depth = 0;
  let in_string = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (in_string) {
      if (character === '\\') at += 1;
      else if (character === '"') in_string = false;
    } else if (character === '"') in_string = true;
    else if (character === '[' || character === '{') {
      depth += 1;
      if (depth > json_depth_max) return false;
    } else if (character === ']' || character === '}') depth -= 1;
  }
  return true;
}
