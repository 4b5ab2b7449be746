/** Runs the tests of policies. */
import { dirname, isAbsolute, join } from 'node:path';
import { ok, type Result } from '../../crypto/result.ts';
import type { CompiledPolicy, Verdict } from '../kernel/policy/policy.ts';
import { Scope } from '../kernel/policy/scope.ts';
import { Coverage, type CoverageReport } from './coverage.ts';
import { readTests, type PolicyCase } from './test-file.ts';
import { Trial } from './trial.ts';

/** What became of one case. */
export interface CaseReport {
  readonly name: string;
  readonly line: number;
  readonly passed: boolean;
  readonly expected: { readonly verdict: Verdict['effect']; readonly rule?: string | null; readonly reason?: string };
  readonly verdict: Verdict['effect'];
  readonly rule: string | null;
  readonly reason: string;
  /** Which of the requests of a case that repeats itself, from 1. */
  readonly request: number;
}

/** What became of a file. */
export interface TestReport {
  readonly file: string;
  readonly policies: readonly string[];
  readonly cases: readonly CaseReport[];
  readonly coverage: CoverageReport;
}

/** Compiles the policy that a path names. */
export type ReadPolicy = (path: string, strict: boolean) => Promise<Result<CompiledPolicy>>;

/**
 * Runs a file of tests. Every case begins with nothing counted. Fails with
 * `POLICY_TEST_INVALID`, or as reading its policies does.
 */
export async function runTests(file: string, text: string, readPolicy: ReadPolicy): Promise<Result<TestReport>> {
  const tests = await readTests(text, file);
  if (!tests.ok) return tests;
  const policies: CompiledPolicy[] = [];
  for (const name of tests.value.policies) {
    const policy = await readPolicy(isAbsolute(name) ? name : join(dirname(file), name), tests.value.strict);
    if (!policy.ok) return policy;
    policies.push(policy.value);
  }
  const trial = new Trial(policies);
  const coverage = new Coverage(policies);
  const cases = tests.value.cases.map((one) => {
    coverage.note(new Scope(one.request));
    return runCase(one, trial);
  });
  return ok({ file, policies: policies.map(({ name }) => name), cases, coverage: coverage.report() });
}

function runCase(one: PolicyCase, trial: Trial): CaseReport {
  trial.reset();
  const { name, line, request, expect, rule, reason, at_ms } = one;
  for (let before = 0; before < one.after; before += 1) trial.decide(request, 0);
  let number = 1;
  let verdict = trial.decide(request, at_ms);
  while (number < one.repeat && asExpected(one, verdict)) {
    number += 1;
    verdict = trial.decide(request, at_ms);
  }
  return {
    name, line,
    passed: asExpected(one, verdict),
    expected: { verdict: expect, ...(rule === undefined ? {} : { rule }), ...(reason === undefined ? {} : { reason }) },
    verdict: verdict.effect,
    rule: verdict.rule,
    reason: verdict.reason,
    request: number,
  };
}

function asExpected({ expect, rule, reason }: PolicyCase, verdict: Verdict): boolean {
  return verdict.effect === expect && (rule === undefined || verdict.rule === rule) && (reason === undefined || verdict.reason.includes(reason));
}
