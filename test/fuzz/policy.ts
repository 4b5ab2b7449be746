/**
 * Differential fuzzing of policy conditions against @bufbuild/cel: random
 * conditions of the policy language, translated by `toCel`, and random conditions
 * of CEL as they are, each on random requests. Both must be true, false or an
 * error together.
 */
import { run } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import * as fc from 'fast-check';
import type { Json } from '../../crypto/canonical.ts';
import { compileCondition, type CompileOptions } from '../../node/kernel/policy/compile.ts';
import { Scope, type PolicyRequest } from '../../node/kernel/policy/scope.ts';
import { toCel } from '../../node/kernel/policy/to-cel.ts';
import { Fault, isRecord } from '../../node/kernel/policy/values.ts';
import { celCondition, policyCondition, request, roots } from './policy-conditions.ts';

/** How long to search, and from where. */
export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
}

/** What was searched, and the first difference, as small as it could be made. */
export interface FuzzReport {
  readonly runs: number;
  readonly difference?: string;
}

type Outcome = boolean | 'error';

/** The outcome of a condition here. */
function ours(text: string, given: PolicyRequest, options: CompileOptions): Outcome | 'refused' {
  const compiled = compileCondition(text, options);
  if (!compiled.ok) return 'refused';
  const holds = compiled.value.test(new Scope(given, '/'));
  return holds instanceof Fault ? 'error' : holds;
}

/** The outcome of the condition's translation in the other engine, every root bound. */
function theirs(text: string, given: PolicyRequest, options: CompileOptions, translate: typeof toCel): Outcome {
  const compiled = compileCondition(text, options);
  if (!compiled.ok) return 'error';
  const scope = new Scope(given, '/');
  const bindings: Record<string, Json> = {};
  for (const name of roots) {
    const value = scope.root(name);
    if (!(value instanceof Fault) && (value !== undefined || !options.strict)) bindings[name] = value ?? null;
  }
  const value = run(translate(compiled.value.expression, options), bindings, { funcs: strings });
  return typeof value === 'boolean' ? value : 'error';
}

// CEL tells an attribute that was never declared from one that is not there, and the two engines disagree about has() of it.
function requestFor(asked: PolicyRequest, options: CompileOptions): PolicyRequest {
  return options.mode === 'cel' ? Object.fromEntries(roots.map((root) => [root, present(asked[root])])) : asked;
}

/** The fields of an object that are not null. */
function present(value: Json | undefined): Json {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null && field !== '')) : {};
}

/** Searches for a condition and a request on which the two engines differ. Another translation is for seeing that differences are found. */
export function fuzzPolicy({ runs, seed }: FuzzOptions, options: CompileOptions, translate: typeof toCel = toCel): FuzzReport {
  const condition = options.mode === 'cel' ? celCondition : policyCondition;
  const property = fc.property(condition, request, (text, asked) => {
    const given = requestFor(asked, options);
    const here = ours(text, given, options);
    // What the other engine would only find out when it evaluates is refused here when it is loaded.
    return here === 'refused' || here === theirs(text, given, options, translate);
  });
  const found = fc.check(property, { numRuns: runs, seed });
  if (!found.failed) return { runs: found.numRuns };
  const [text = '', asked = {}] = found.counterexample ?? [];
  const given = requestFor(asked, options);
  const compiled = compileCondition(text, options);
  const difference = `seed ${seed}, path ${found.counterexamplePath ?? ''}: ${text}\non ${JSON.stringify(given)}\nhere ${ours(text, given, options)}, there ${theirs(text, given, options, translate)}`
    + `\n${compiled.ok ? translate(compiled.value.expression, options) : ''}`;
  return { runs: found.numRuns, difference };
}

/** How many of a number of random conditions load, so that a search is known to have searched. */
export function shareLoaded({ runs, seed }: FuzzOptions, options: CompileOptions): number {
  const condition = options.mode === 'cel' ? celCondition : policyCondition;
  const texts = fc.sample(condition, { numRuns: runs, seed });
  return texts.filter((text) => compileCondition(text, options).ok).length / texts.length;
}

