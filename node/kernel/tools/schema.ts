/**
 * JSON Schema (2020-12, and what draft 7 writes differently) for what goes into
 * a tool and comes out of it. A schema may come from anybody, so it is compiled
 * with bounds and checked with a budget: patterns run as automata, references
 * stay within the schema, and no schema can make a check take longer than so many
 * steps. A keyword that would narrow and is not known here is refused, one that
 * only tells something is passed over.
 */
import { isFields, type Fields, type Json } from '../../../crypto/canonical.ts';
import { fail, messageOf, ok, type Result } from '../../../crypto/result.ts';
import {
  additional, all, any, conditional, contains, dependent, items, names, not, one, prefix, properties, Refused, sizeCheck, spend, valueCheck, type Check,
} from './checks.ts';

/** Objects and booleans that are schemas, in one schema. */
export const schema_parts_max = 2048;
/** How deep a schema may nest. */
export const schema_depth_max = 32;
const check_depth_max = 256;

/** A compiled schema. */
export interface Schema {
  /** What is wrong with a value, in words; `undefined` for a value that fits. */
  problem(value: Json): string | undefined;
}

const told_only: ReadonlySet<string> = new Set([
  '$schema', '$id', '$anchor', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples', 'format', 'deprecated', 'readOnly', 'writeOnly',
  'contentEncoding', 'contentMediaType', 'contentSchema', 'then', 'else', 'minContains', 'maxContains', 'additionalItems',
]);
const not_known: ReadonlySet<string> = new Set(['$dynamicRef', '$recursiveRef', 'unevaluatedProperties', 'unevaluatedItems', 'dependencies', 'patternProperties']);
/** Compiles a schema. Fails with `TOOL_SCHEMA_REFUSED`. */
export function compileSchema(schema: unknown): Result<Schema> {
  try {
    const check = new Compiler(schema).root();
    return ok({
      problem(value) {
        try {
          return check(value, '', { steps: 0, depth: 0 });
        } catch (error) {
          if (error instanceof Refused) return error.message;
          throw error;
        }
      },
    });
  } catch (error) {
    if (error instanceof Refused) return fail('TOOL_SCHEMA_REFUSED', `the schema cannot be used: ${messageOf(error)}`, { fix: 'a JSON Schema of draft 2020-12 with patterns that run in linear time' });
    throw error;
  }
}

class Compiler {
  readonly #whole: unknown;
  readonly #at = new Map<string, Check>();
  #parts = 0;

  constructor(schema: unknown) {
    this.#whole = schema;
  }

  root(): Check {
    return this.#compile(this.#whole, 0);
  }

  #compile(schema: unknown, depth: number): Check {
    this.#parts += 1;
    if (this.#parts > schema_parts_max) throw new Refused(`it has more than ${schema_parts_max} parts`);
    if (depth > schema_depth_max) throw new Refused(`it nests deeper than ${schema_depth_max}`);
    if (schema === true) return () => undefined;
    if (schema === false) return (_value, at) => `${at === '' ? 'nothing' : at} is not allowed`;
    if (!isFields(schema)) throw new Refused('a schema is an object, true or false');
    const checks = Object.keys(schema).flatMap((keyword) => this.#keyword(schema, keyword, depth) ?? []);
    return (value, at, run) => {
      run.depth += 1;
      if (run.depth > check_depth_max) throw new Refused('it refers to itself without end');
      for (const check of checks) {
        spend(run, 1);
        const problem = check(value, at, run);
        if (problem === undefined) continue;
        run.depth -= 1;
        return problem;
      }
      run.depth -= 1;
      return undefined;
    };
  }

  #keyword(schema: Fields, keyword: string, depth: number): Check | undefined {
    const given = schema[keyword];
    if (not_known.has(keyword)) throw new Refused(`${keyword} is not known here`);
    if (told_only.has(keyword)) return undefined;
    return valueCheck(keyword, given) ?? sizeCheck(keyword, given) ?? this.#applied(schema, keyword, given, depth + 1);
  }

  #applied(schema: Fields, keyword: string, given: unknown, depth: number): Check | undefined {
    switch (keyword) {
      case '$ref': return this.#reference(given, depth);
      case 'allOf': return all(this.#each(keyword, given, depth));
      case 'anyOf': return any(this.#each(keyword, given, depth));
      case 'oneOf': return one(this.#each(keyword, given, depth));
      case 'not': return not(this.#compile(given, depth));
      case 'if': return conditional(this.#compile(given, depth), this.#compile(schema['then'] ?? true, depth), this.#compile(schema['else'] ?? true, depth));
      case 'properties': return properties(this.#named(keyword, given, depth));
      case 'dependentSchemas': return dependent(this.#named(keyword, given, depth));
      case 'additionalProperties': return additional(this.#compile(given, depth), new Set(Object.keys(isFields(schema['properties']) ? schema['properties'] : {})));
      case 'propertyNames': return names(this.#compile(given, depth));
      case 'prefixItems': return prefix(this.#each(keyword, given, depth));
      case 'items': return this.#items(schema, given, depth);
      case 'contains': return contains(this.#compile(given, depth), bound(schema, 'minContains') ?? 1, bound(schema, 'maxContains') ?? Infinity);
      default: return undefined;
    }
  }

  /** Of draft 7: a list here is what `prefixItems` is today, and `additionalItems` is for the rest. */
  #items(schema: Fields, given: unknown, depth: number): Check {
    if (!Array.isArray(given)) return items(this.#compile(given, depth), Array.isArray(schema['prefixItems']) ? schema['prefixItems'].length : 0);
    const first = prefix(this.#each('items', given, depth));
    const rest = items(this.#compile(schema['additionalItems'] ?? true, depth), given.length);
    return all([first, rest]);
  }

  #each(keyword: string, given: unknown, depth: number): readonly Check[] {
    if (!Array.isArray(given) || given.length === 0) throw new Refused(`${keyword} is a list of schemas`);
    return given.map((part: unknown) => this.#compile(part, depth));
  }

  #named(keyword: string, given: unknown, depth: number): ReadonlyMap<string, Check> {
    if (!isFields(given)) throw new Refused(`${keyword} names schemas`);
    return new Map(Object.entries(given).map(([name, part]) => [name, this.#compile(part, depth)]));
  }

  /** A reference is followed when it is checked, so that a schema may be about itself. */
  #reference(given: unknown, depth: number): Check {
    if (typeof given !== 'string' || !given.startsWith('#')) throw new Refused('a $ref leads to a part of the same schema: #/$defs/name');
    const target = this.#find(given);
    if (!this.#at.has(given)) {
      this.#at.set(given, () => undefined);
      this.#at.set(given, this.#compile(target, depth));
    }
    return (value, at, run) => this.#at.get(given)?.(value, at, run);
  }

  #find(reference: string): unknown {
    let target = this.#whole;
    for (const step of reference === '#' ? [] : reference.slice(2).split('/')) {
      const name = decodePointer(step);
      const next: unknown = Array.isArray(target) ? target[Number(name)] : isFields(target) && Object.hasOwn(target, name) ? target[name] : undefined;
      if (next === undefined) throw new Refused(`there is no ${reference.slice(0, 80)}`);
      target = next;
    }
    return target;
  }
}

function decodePointer(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    throw new Refused(`${step.slice(0, 80)} is no step of a $ref`);
  }
}

function bound(schema: Fields, keyword: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Refused(`${keyword} is a whole number from 0`);
  return value;
}
