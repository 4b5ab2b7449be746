/**
 * The conformance suite of CEL (github.com/google/cel-spec, tests/simple, as
 * @bufbuild/cel-spec packages it), without what needs protocol buffers. What is
 * not passed is named here with the reason, and every count is exact.
 */
import * as assert from 'uvu/assert';
import type { Value } from '@bufbuild/cel-spec/cel/expr/value_pb.js';
import { getConformanceSuite, type IncrementalTestSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import { StepBudget } from '../../../../node/kernel/policy/budget.ts';
import { compileCel } from '../../../../node/kernel/policy/cel/compile.ts';
import type { CelScope } from '../../../../node/kernel/policy/cel/context.ts';
import { celEquals, CelMap, TypeValue, typeName, Uint, type CelResult, type CelValue } from '../../../../node/kernel/policy/cel/values.ts';
import { parseCondition } from '../../../../node/kernel/policy/parser.ts';
import { Fault } from '../../../../node/kernel/policy/values.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/policy/cel-conformance');

type Original = IncrementalTestSuite['tests'][number]['original'];

/** Messages of protocol buffers: their literals, enums, well-known wrappers, and bindings of them. */
const protobuf = /TestAllTypes|google\.protobuf\.(?!Timestamp|Duration)|proto[23]|NullValue|GlobalEnum|NestedEnum|objectValue|enumValue/;

/** Files that are about protocol buffers as a whole. */
const protobuf_files: ReadonlySet<string> = new Set(['dynamic', 'enums', 'proto2', 'proto2_ext', 'proto3', 'wrappers']);

/** Tests that are not passed, by the start of their path, with the reason. */
const skipped: readonly (readonly [path: string, reason: string])[] = [
  ['basic/functions/unbound_is_runtime_error', 'an unknown function is refused when the policy is loaded, before anything is evaluated'],
  ['parse/receiver_function_names/', 'the same: the suite expects `a.if() || true` to load'],
  ['namespace/namespace/', 'a condition has no container that its names are looked up in first'],
];

function textOf(original: Original): string {
  const relevant = [original.container, original.bindings, original.typeEnv, original.resultMatcher];
  return `${original.expr} ${JSON.stringify(relevant, (key, value: unknown) => (key.startsWith('$') ? undefined : typeof value === 'bigint' ? String(value) : value))}`;
}

function valueOf(value: Value): CelValue {
  const { kind } = value;
  switch (kind.case) {
    case 'int64Value':
    case 'doubleValue':
    case 'boolValue':
    case 'stringValue':
    case 'bytesValue':
      return kind.value;
    case 'uint64Value':
      return new Uint(kind.value);
    case 'nullValue':
      return null;
    case 'typeValue':
      return new TypeValue(kind.value);
    case 'listValue':
      return kind.value.values.map(valueOf);
    case 'mapValue': {
      const map = new CelMap();
      for (const { key, value: entry } of kind.value.entries) {
        if (key !== undefined && entry !== undefined) map.add(valueOf(key), valueOf(entry));
      }
      return map;
    }
    default:
      throw new Error(`no value of kind ${kind.case}`);
  }
}

function evaluated(original: Original): CelResult {
  const roots = new Map(Object.entries(original.bindings).map(([name, { kind }]) => {
    if (kind.case !== 'value') throw new Error(`no binding of kind ${kind.case}`);
    return [name, valueOf(kind.value)] as const;
  }));
  const parsed = parseCondition(original.expr, { cel: true });
  if (!parsed.ok) return new Fault(parsed.failure.reason);
  const compiled = compileCel(parsed.value, { text: original.expr, variables: new Map(), budget: new StepBudget() });
  if (!compiled.ok) return new Fault(compiled.failure.reason);
  const scope: CelScope = { root: (name) => roots.get(name), containsPii: () => false, pathsWithin: () => false };
  return compiled.value(scope);
}

/** Why a test is not passed, or undefined when it is. */
function failureOf(original: Original): string | undefined {
  const result = evaluated(original);
  const { resultMatcher } = original;
  const shown = result instanceof Fault ? `error: ${result.reason}` : `${typeName(result)} ${JSON.stringify(result, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))}`;
  if (resultMatcher.case === 'evalError') return result instanceof Fault ? undefined : shown;
  if (result instanceof Fault) return shown;
  const expected = resultMatcher.case === 'value' ? resultMatcher.value : resultMatcher.case === 'typedResult' ? resultMatcher.value.result : undefined;
  const value = expected === undefined ? true : valueOf(expected);
  const both_nan = Number.isNaN(value) && Number.isNaN(result);
  const same = both_nan || (typeName(value) === typeName(result) && celEquals(value, result, new StepBudget()) === true);
  return same ? undefined : shown;
}

/** All tests with their path. */
function* testsOf(group: IncrementalTestSuite, path: string): Iterable<{ path: string; original: Original }> {
  for (const { original, name } of group.tests) yield { path: `${path}/${name}`, original };
  for (const inner of group.suites) yield* testsOf(inner, path === '' ? inner.name : `${path}/${inner.name}`);
}

test('every test of the suite that needs no protocol buffers is passed, or skipped with a reason', () => {
  const counts = { protobuf: 0, untyped: 0, skipped: 0, passed: 0 };
  const failures: string[] = [];
  for (const { path, original } of testsOf(getConformanceSuite(), '')) {
    const file = path.split('/')[0] ?? '';
    const known = skipped.find(([start]) => path.startsWith(start));
    if (protobuf_files.has(file) || protobuf.test(textOf(original))) counts.protobuf += 1;
    // Only the type that a checker deduces is asked for, and there is no checker.
    else if (original.resultMatcher.case === 'typedResult' && original.resultMatcher.value.result === undefined) counts.untyped += 1;
    else if (known !== undefined) {
      counts.skipped += 1;
      if (failureOf(original) === undefined) failures.push(`${path} is passed, so it is not to be skipped`);
    } else {
      const failure = failureOf(original);
      if (failure === undefined) counts.passed += 1;
      else failures.push(`${path}: ${original.expr} gives ${failure}`);
    }
  }
  assert.is(failures.join('\n'), '');
  assert.equal(counts, { protobuf: 694, untyped: 14, skipped: 20, passed: 1_616 });
});

test.run();
