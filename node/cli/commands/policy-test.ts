/** `agentmesh policy test`: runs the tests of policies. */
import { FailureError, type Failure } from '../../../crypto/result.ts';
import type { CoverageReport, RuleCoverage } from '../../policy-tools/coverage.ts';
import { runTests, type CaseReport, type TestReport } from '../../policy-tools/test-run.ts';
import type { CommonFlags, Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { exit_codes } from '../exit.ts';
import { readText } from '../input.ts';
import { filesIn, readPolicy, test_file } from '../policy-files.ts';
import { count, visible } from '../view/text.ts';

const progress_ms = 2_000;

/** Flags of `policy test`. */
export interface TestFlags extends CommonFlags {
  readonly coverage: boolean;
  readonly coverageMin?: number | undefined;
}

interface Refused {
  readonly file: string;
  readonly failure: Failure;
}

function failureLines(context: Context, file: string, one: CaseReport): readonly string[] {
  const { expected, verdict, rule, reason, name, line, request } = one;
  const decided = (effect: string, by: string | null | undefined): string => `${effect}${by === undefined ? '' : by === null ? ' by no rule' : ` by ${by}`}`;
  return [
    `${context.paint('red', 'failed')} ${visible(`${file}:${line}: ${name}`)}`,
    `  expected ${visible(decided(expected.verdict, expected.rule))}${expected.reason === undefined ? '' : `, because of ${visible(JSON.stringify(expected.reason))}`}`,
    `  decided  ${visible(decided(verdict, rule))}${request > 1 ? ` at request ${request}` : ''}: ${visible(reason)}`,
  ];
}

function gaps({ policy, rule, held, conjuncts }: RuleCoverage): readonly string[] {
  const sides = conjuncts.flatMap(({ text, seen_true, seen_false }) => [
    ...(seen_true ? [] : [`${policy}: ${rule}: ${text} was never true`]),
    ...(seen_false ? [] : [`${policy}: ${rule}: ${text} was never false`]),
  ]);
  return held ? sides : [`${policy}: ${rule} never held`, ...sides];
}

function printCoverage(context: Context, { rules, seen, points, percent }: CoverageReport): void {
  const held = rules.filter((rule) => rule.held).length;
  context.print(`  coverage ${percent} %: ${held} of ${count(rules.length, 'rule')} held, ${seen} of ${points} points`);
  for (const gap of rules.flatMap(gaps)) context.print(`    ${visible(gap)}`);
}

function printReport(context: Context, report: TestReport, flags: TestFlags): void {
  const failed = report.cases.filter(({ passed }) => !passed);
  const word = failed.length === 0 ? context.paint('green', 'passed') : context.paint('red', `${failed.length} failed`);
  context.print(`${visible(report.file)}: ${count(report.cases.length, 'case')}, ${word}, coverage ${report.coverage.percent} %`);
  for (const one of failed) for (const line of failureLines(context, report.file, one)) context.print(line);
  if (flags.coverage || report.coverage.percent < (flags.coverageMin ?? 0)) printCoverage(context, report.coverage);
}

/** Runs every test file that is named or lies in a named folder. */
export async function test(context: Context, flags: TestFlags, ...paths: string[]): Promise<Outcome> {
  const files = await filesIn(paths, test_file);
  if (!files.ok) return new FailureError(files.failure);
  if (files.value.length === 0) return new FailureError({ code: 'POLICY_TESTS_MISSING', reason: `there is no test in ${paths.join(', ')}`, fix: 'name a file, or a folder with files that end in _test.yaml; agentmesh policy test --help shows one' });
  const reports: TestReport[] = [];
  const refused: Refused[] = [];
  let told_ms = context.now_ms();
  for (const [index, file] of files.value.entries()) {
    const text = await readText(file);
    const report = text.ok ? await runTests(file, text.value, readPolicy) : text;
    if (report.ok) reports.push(report.value);
    else refused.push({ file, failure: report.failure });
    if (!flags.json && report.ok) printReport(context, report.value, flags);
    if (!flags.json && !report.ok) context.print(`${context.paint('red', 'unusable')} ${visible(file)}: ${visible(report.failure.reason)}${report.failure.fix === undefined ? '' : `\n  fix: ${visible(report.failure.fix)}`}`);
    if (context.now_ms() - told_ms < progress_ms) continue;
    told_ms = context.now_ms();
    context.talk(`${index + 1} of ${files.value.length} files`);
  }
  const failed = reports.reduce((sum, { cases }) => sum + cases.filter(({ passed }) => !passed).length, 0);
  const bare = reports.filter(({ coverage }) => coverage.percent < (flags.coverageMin ?? 0)).length;
  if (failed > 0 || refused.length > 0 || bare > 0) context.process.exitCode = exit_codes.failed;
  if (flags.json) return context.printJson({ passed: failed === 0 && refused.length === 0 && bare === 0, failed, files: reports, refused: refused.map(({ file, failure: { code, reason, fix } }) => ({ file, code, reason, ...(fix === undefined ? {} : { fix }) })) });
  const cases = reports.reduce((sum, report) => sum + report.cases.length, 0);
  context.print(`${count(cases, 'case')} in ${count(reports.length, 'file')}, ${failed === 0 ? 'none' : failed} failed${refused.length === 0 ? '' : `, ${count(refused.length, 'file')} unusable`}`);
  if (bare > 0) context.talk(`${count(bare, 'file')} below --coverage-min ${flags.coverageMin}`);
}
