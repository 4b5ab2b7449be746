/** A policy document whatever dialect it is written in, and what its readers check it with. */
import { isFields, type Fields } from '../../../crypto/canonical.ts';
import { fail, type Failure } from '../../../crypto/result.ts';
import { text_characters_max } from './bounds.ts';
import type { CompiledPolicy, DelegationTerms, PolicyWarning, RaisedSignal } from './policy.ts';

/** The keys from the top of a document to a value. */
export type Path = readonly (string | number)[];

/** Where in the document a problem is: the keys from the top. `key` is set when the key itself is the problem. */
export interface Place {
  readonly path: Path;
  readonly key?: true;
  /** Characters into the text of the value. */
  readonly offset?: number;
}

/** What a check that fails gives. */
export type Problem = { readonly ok: false; readonly failure: Failure };

/** `POLICY_INVALID` at a place of the document. */
export function invalid(place: Place, reason: string, fix: string): Problem {
  return fail('POLICY_INVALID', reason, { fix, detail: { ...place } });
}

/** How rules that contradict each other are settled. Deny-overrides where nothing is said. */
export type Strategy = 'deny-overrides' | 'priority-first-match' | 'allow-overrides';

/** A rule as written, with its fields checked. */
export interface RuleDocument {
  readonly name: string;
  readonly condition: string;
  /** Where the condition, or what it was made of, stands. */
  readonly condition_path: Path;
  readonly action?: string;
  readonly limit?: string;
  readonly message?: string;
  readonly priority: number;
  readonly audit?: boolean | string;
  readonly signal?: RaisedSignal;
  readonly place: Path;
  /** That the condition was made by a reader, in the policy language, and does not stand in the file. */
  readonly made?: true;
  /** That no strategy lets another rule switch it off. */
  readonly absolute?: true;
}

/** A policy as written, with its fields checked. */
export interface PolicyDocument extends Pick<CompiledPolicy, 'mode' | 'strict' | 'frameworks' | 'budgets' | 'loops' | 'agent' | 'sponsor' | 'capabilities'> {
  readonly name?: string;
  /** `guard`: what no rule denies is left to other policies. */
  readonly kind?: CompiledPolicy['kind'];
  /** The language of its conditions. */
  readonly conditions: 'policy' | 'cel';
  readonly strategy: Strategy;
  readonly delegation?: DelegationTerms;
  readonly rules: readonly RuleDocument[];
  /** What the author should know about how the document was read. */
  readonly remarks: readonly PolicyWarning[];
}

/** A value as an error shows it. */
export function shown(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value) ?? typeof value).slice(0, 60);
}

/** The texts among the named fields. */
export function texts<Name extends string>(value: Fields, names: readonly Name[]): { [name in Name]?: string } {
  const found: { [name in Name]?: string } = {};
  for (const name of names) {
    const text = value[name];
    if (typeof text === 'string') found[name] = text;
  }
  return found;
}

/** The first key of a mapping that is not known, as a problem. */
export function unknownKey(value: Fields, known: readonly string[], path: Path): Problem | undefined {
  const key = Object.keys(value).find((name) => !known.includes(name));
  return key === undefined
    ? undefined
    : invalid({ path: [...path, key], key: true }, `the key ${shown(key)} has no meaning here`, `use one of ${known.join(', ')}`);
}

/** A field that is neither absent nor a text of the right length, as a problem. */
export function textProblem(value: Fields, key: string, path: Path): Problem | undefined {
  const text = value[key];
  if (text === undefined || (typeof text === 'string' && text !== '' && text.length <= text_characters_max)) return undefined;
  return invalid({ path: [...path, key] }, `${key} is not a text of 1 to ${text_characters_max} characters`, `write ${key}: "…"`);
}

/** A list of mappings, each with its path; any other value is a problem. */
export function mappings(value: unknown, path: Path): readonly (readonly [Fields, Path])[] | Problem {
  if (!Array.isArray(value)) return invalid({ path }, `${shown(path.at(-1))} is not a list`, 'write a list of - key: value');
  const items: (readonly [Fields, Path])[] = [];
  for (const [index, item] of value.entries()) {
    if (!isFields(item)) return invalid({ path: [...path, index] }, `${shown(item)} is not a mapping`, 'write - key: value');
    items.push([item, [...path, index]]);
  }
  return items;
}

/** Whether a check gave a problem. */
export function isProblem(value: unknown): value is Problem {
  return isFields(value) && value['ok'] === false && isFields(value['failure']);
}
