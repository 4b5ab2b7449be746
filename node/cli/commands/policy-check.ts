/** What `agentmesh policy check` and `policy diff` do. */
import { FailureError, type Failure } from '../../../crypto/result.ts';
import { checkPolicy } from '../../kernel/policy/analysis/check.ts';
import { comparePolicies, narrows, type Behaviour, type Comparison, type Difference, type Narrowing } from '../../kernel/policy/analysis/compare.ts';
import type { Finding } from '../../kernel/policy/analysis/finding.ts';
import type { CompiledPolicy } from '../../kernel/policy/policy.ts';
import type { CommonFlags, Outcome } from '../ask.ts';
import type { Context, Style } from '../context.ts';
import { exit_codes } from '../exit.ts';
import { filesIn, readPolicy, readPolicySource, test_file } from '../policy-files.ts';
import { count, duration, shellWord, visible } from '../view/text.ts';

/** Flags of `policy check`. */
export interface CheckFlags extends CommonFlags {
  readonly strict: boolean;
  readonly narrows?: string | undefined;
}

/** A finding with its place in the file. */
interface PlacedFinding extends Omit<Finding, 'code'> {
  readonly code: string;
  readonly line: number;
  readonly column: number;
}

interface CheckedFile {
  readonly file: string;
  readonly policy: string | null;
  readonly rules: number;
  readonly findings: readonly PlacedFinding[];
  readonly narrows?: Narrowing;
}

/** `agentmesh policy check`. */
export async function check(context: Context, flags: CheckFlags, ...paths: string[]): Promise<Outcome> {
  const parent = flags.narrows === undefined ? undefined : await readPolicy(flags.narrows, false);
  if (parent?.ok === false) return new FailureError(parent.failure);
  const named = await filesIn(paths, /\.ya?ml$/);
  if (!named.ok) return new FailureError(named.failure);
  const files = named.value.filter((file) => !test_file.test(file));
  const tests = named.value.length - files.length;
  if (files.length === 0) return new FailureError({ code: 'POLICY_MISSING', reason: `there is no policy in ${paths.join(', ')}`, fix: tests > 0 ? `these are tests of policies: agentmesh policy test ${paths.join(' ')}` : 'name a file, or a folder with files that end in .yaml' });
  if (tests > 0 && !flags.json) context.talk(`${count(tests, 'file')} of tests left out: agentmesh policy test`);
  const checked: CheckedFile[] = [];
  for (const file of files) checked.push(await checkFile(file, parent?.value));
  if (flags.json) context.printJson({ files: checked });
  else for (const one of checked) printChecked(context, one, flags.narrows);
  const failing = new Set(flags.strict ? ['error', 'warning'] : ['error']);
  const failed = checked.some(({ findings, narrows: proof }) => findings.some(({ severity }) => failing.has(severity)) || (proof !== undefined && proof.answer !== 'narrows'));
  if (failed) context.process.exitCode = exit_codes.failed;
}

async function checkFile(file: string, parent: CompiledPolicy | undefined): Promise<CheckedFile> {
  const read = await readPolicySource(file, false);
  if (!read.ok) return { file, policy: null, rules: 0, findings: [unreadable(file, read.failure)], ...(parent === undefined ? {} : { narrows: { answer: 'unknown', widenings: [] } }) };
  const { policy, lines } = read.value;
  const findings: PlacedFinding[] = [];
  for (const finding of checkPolicy(policy)) {
    const line = policy.rules.find(({ name }) => name === finding.rule)?.line ?? 1;
    findings.push({ ...finding, line, column: columnOf(lines[line - 1]) });
  }
  return { file, policy: policy.name, rules: policy.rules.length, findings, ...(parent === undefined ? {} : { narrows: narrows(policy, parent) }) };
}

/** Where the text of a line begins, after indentation and the dash of a list. */
function columnOf(line: string = ''): number {
  return Math.max(0, line.search(/[^\s-]/)) + 1;
}

function unreadable(file: string, { code, reason, fix = 'mend the file', detail = {} }: Failure): PlacedFinding {
  const line = typeof detail['line'] === 'number' ? detail['line'] : 1;
  const column = typeof detail['column'] === 'number' ? detail['column'] : 1;
  const place = `${file}:${line}:${column}: `;
  return { code, severity: 'error', remark: reason.startsWith(place) ? reason.slice(place.length) : reason, fix, line, column };
}

const styles: { readonly [severity in Finding['severity']]: Style } = { error: 'red', warning: 'yellow', note: 'dim' };

function printChecked(context: Context, { file, rules, policy, findings, narrows: proof }: CheckedFile, parent: string | undefined): void {
  for (const { line, column, severity, code, remark, fix, request } of findings) {
    context.print(`${visible(file)}:${line}:${column}: ${context.paint(styles[severity], severity)} ${code} ${visible(remark)}`);
    context.print(`  fix: ${visible(fix)}`);
    if (request !== undefined) context.print(`  e.g. ${visible(JSON.stringify(request))}`);
  }
  if (policy !== null && findings.length === 0) context.print(`${visible(file)}: ${count(rules, 'rule')}, nothing found`);
  if (proof === undefined || parent === undefined || policy === null) return;
  if (proof.answer === 'narrows') context.print(`${visible(file)}: ${context.paint('green', 'proven')}: it allows nothing that ${visible(parent)} does not`);
  else if (proof.answer === 'unknown') context.print(`${visible(file)}: ${context.paint('yellow', 'not proven')}: whether it allows more than ${visible(parent)} could not be decided; simplify the conditions`);
  else {
    context.print(`${visible(file)}: ${context.paint('red', 'widens')}: it allows what ${visible(parent)} does not`);
    for (const widening of proof.widenings) printDifference(context, widening, [parent, file]);
  }
}

/** `agentmesh policy diff`. */
export async function diff(context: Context, flags: CommonFlags, old_file: string, new_file: string): Promise<Outcome> {
  const old = await readPolicy(old_file, false);
  const next = old.ok ? await readPolicy(new_file, false) : old;
  if (!old.ok || !next.ok) {
    const failure = old.ok ? next : old;
    context.process.exitCode = exit_codes.usage;
    return failure.ok ? undefined : new FailureError(failure.failure);
  }
  const comparison = comparePolicies(old.value, next.value);
  if (flags.json) context.printJson(comparison);
  else printComparison(context, comparison, [old_file, new_file]);
  context.process.exitCode = comparison.answer === 'equal' ? exit_codes.ok : comparison.answer === 'different' ? exit_codes.failed : exit_codes.usage;
}

function printComparison(context: Context, { answer, complete, differences, settings, counters }: Comparison, files: readonly [old: string, next: string]): void {
  for (const difference of differences) printDifference(context, difference, files);
  for (const { name, old, new: next } of settings) context.print(visible(`${name}: ${JSON.stringify(old)} → ${JSON.stringify(next)}`));
  for (const name of counters) context.print(visible(`limit of rule ${name}: no limit of the other version counts the same requests together`));
  if (answer === 'equal') context.print(`${context.paint('green', 'equal')}: both decide the same about every request`);
  if (!complete) {
    context.print(`${context.paint('yellow', 'not proven')}: there may be ${differences.length > 0 ? 'further ' : ''}differences that could not be decided; simplify the conditions`);
  }
}

function printDifference(context: Context, { request, old, new: next }: Difference, [old_file, new_file]: readonly [old: string, next: string]): void {
  const text = JSON.stringify(request);
  context.print(context.paint('bold', `${behaviourText(old)} → ${behaviourText(next)}`));
  context.print(`  request  ${visible(text)}`);
  context.print(`  old      ${visible(`${verdictText(old)}: ${old.reason}`)}`);
  context.print(`  new      ${visible(`${verdictText(next)}: ${next.reason}`)}`);
  context.print(`  try      ${visible(`agentmesh policy explain --policy ${shellWord(new_file)} --input ${shellWord(text)}`)}`);
  if (old_file === new_file) context.talk('both names are the same file');
}

function verdictText({ effect, rule }: Behaviour): string {
  return `${effect}${rule === null ? ', by no rule' : `, by rule ${rule}`}`;
}

function behaviourText({ effect, limits, obligations, signal }: Behaviour): string {
  const rates = limits.map((limit) => {
    const [number = '', period = ''] = limit.split('/');
    return `${number} per ${duration(Number.parseInt(period, 10))}`;
  });
  return [
    effect,
    ...(rates.length === 0 ? [] : [`limited to ${rates.join(' and ')}`]),
    ...(obligations.length === 0 ? [] : [`with ${obligations.join(', ')}`]),
    ...(signal === null || signal === undefined ? [] : [`raising ${signal}`]),
  ].join(' ');
}
