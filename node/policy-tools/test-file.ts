/** Files of tests for policies (`*_test.yaml`): their shape, checked field by field. */
import { isFields, isStrings, type Fields } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { policy_bytes_max } from '../kernel/policy/bounds.ts';
import { shown } from '../kernel/policy/document.ts';
import type { Verdict } from '../kernel/policy/policy.ts';
import type { PolicyRequest } from '../kernel/policy/scope.ts';
import { requestOf } from './request.ts';

/** The most cases of one file. */
export const cases_max = 10_000;
/** The most times that one case makes its request. */
export const repeat_max = 100_000;

/** One expectation. */
export interface PolicyCase {
  readonly name: string;
  readonly request: PolicyRequest;
  readonly expect: Verdict['effect'];
  /** The rule that must have decided; null when none may have. */
  readonly rule?: string | null;
  /** What the reason must contain. */
  readonly reason?: string;
  /** How many requests of the same kind come first, unchecked. */
  readonly after: number;
  /** How often the request is made; each must be decided as expected. */
  readonly repeat: number;
  /** How long after those before it comes, in milliseconds. */
  readonly at_ms: number;
  /** Line in the file, from 1. */
  readonly line: number;
}

/** A file of tests. */
export interface PolicyTests {
  /** The policies on trial, as written: relative to the file. */
  readonly policies: readonly string[];
  readonly strict: boolean;
  readonly cases: readonly PolicyCase[];
}

const top_keys = ['policy', 'strict', 'cases'];
const case_keys = ['name', 'request', 'expect', 'rule', 'reason', 'after', 'repeat', 'at'];
const effects: readonly Verdict['effect'][] = ['allow', 'deny', 'require_approval'];
const units_ms: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

type Refuse = (path: readonly (string | number)[], reason: string, fix: string) => { readonly ok: false; readonly failure: { readonly code: string; readonly reason: string; readonly fix?: string } };

/** Reads a file of tests. Fails with `POLICY_TEST_INVALID`; the reason begins with file, line and column. */
export async function readTests(text: string, file: string): Promise<Result<PolicyTests>> {
  const at = (line: number, column: number, reason: string, fix: string): ReturnType<Refuse> => fail('POLICY_TEST_INVALID', `${file}:${line}:${column}: ${reason}`, { fix, detail: { file, line, column } });
  if (text.length > policy_bytes_max) return at(1, 1, `the file has more than ${policy_bytes_max} characters`, 'split it');
  const { readYaml } = await import('../kernel/policy/yaml.ts');
  const yaml = readYaml(text);
  if (!yaml.ok) return at(Number(yaml.failure.detail?.['line'] ?? 1), Number(yaml.failure.detail?.['column'] ?? 1), yaml.failure.reason, yaml.failure.fix ?? 'check the indentation');
  const { document, positionOf } = yaml.value;
  const refuse: Refuse = (path, reason, fix) => {
    const { line, column } = positionOf({ path });
    return at(line, column, reason, fix);
  };
  return checkTests(document, refuse, (path) => positionOf({ path }).line);
}

function checkTests(document: unknown, refuse: Refuse, lineOf: (path: readonly (string | number)[]) => number): Result<PolicyTests> {
  if (!isFields(document)) return refuse([], 'a file of tests is a mapping', 'start with policy: file.yaml and cases:');
  const unknown = Object.keys(document).find((key) => !top_keys.includes(key));
  if (unknown !== undefined) return refuse([unknown], `the key ${shown(unknown)} has no meaning here`, `use one of ${top_keys.join(', ')}`);
  const { policy, strict = false, cases } = document;
  const policies = typeof policy === 'string' ? [policy] : policy;
  if (!isStrings(policies) || policies.length === 0) return refuse(['policy'], 'it is not said which policy is on trial', 'write policy: file.yaml, relative to this file');
  if (typeof strict !== 'boolean') return refuse(['strict'], 'strict is not a boolean', 'write strict: true');
  if (!Array.isArray(cases) || cases.length === 0) return refuse(['cases'], 'there is no list of cases', 'write cases: and a list of - name, request, expect');
  if (cases.length > cases_max) return refuse(['cases'], `there are ${cases.length} cases, ${cases_max} are allowed`, 'split the file');
  const read: PolicyCase[] = [];
  for (const [index, item] of cases.entries()) {
    const path = ['cases', index];
    const one = checkCase(item, (keys, reason, fix) => refuse([...path, ...keys], reason, fix), lineOf(path));
    if (!one.ok) return one;
    read.push(one.value);
  }
  return ok({ policies, strict, cases: read });
}

function checkCase(value: unknown, refuse: Refuse, line: number): Result<PolicyCase> {
  if (!isFields(value)) return refuse([], 'a case is a mapping', 'write - name: …, request: …, expect: …');
  const unknown = Object.keys(value).find((key) => !case_keys.includes(key));
  if (unknown !== undefined) return refuse([unknown], `the key ${shown(unknown)} has no meaning here`, `use one of ${case_keys.join(', ')}`);
  const { name, rule, reason } = value;
  const expect = effects.find((effect) => effect === value['expect']);
  if (typeof name !== 'string') return refuse([], 'the case has no name', 'add name: …');
  if (expect === undefined) return refuse(['expect'], `it is expected that the answer is ${shown(value['expect'])}`, `use one of ${effects.join(', ')}`);
  if (rule !== undefined && rule !== null && typeof rule !== 'string') return refuse(['rule'], 'rule is not the name of a rule', 'write rule: no-pii-export, or rule: null where no rule may decide');
  if (reason !== undefined && typeof reason !== 'string') return refuse(['reason'], 'reason is not a text', 'write a part of the reason');
  const request = requestOf(value['request']);
  if (!request.ok) return refuse(['request'], request.failure.reason, 'write request: { action: { type: export } }');
  const counts = countsOf(value);
  if (counts === undefined) return refuse([], `after, repeat or at is not what it must be`, `write after: 100 and repeat: 100 (up to ${repeat_max}) and at: 90s, 5m or 1h`);
  return ok({ name, request: request.value, expect, line, ...counts, ...(rule === undefined ? {} : { rule }), ...(reason === undefined ? {} : { reason }) });
}

function countsOf({ after = 0, repeat = 1, at = '0s' }: Fields): Pick<PolicyCase, 'after' | 'repeat' | 'at_ms'> | undefined {
  const whole = (value: unknown, least: number): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= repeat_max;
  const [, digits, unit = ''] = typeof at === 'string' ? /^(\d{1,9})(ms|s|m|h|d)$/.exec(at) ?? [] : [];
  return whole(after, 0) && whole(repeat, 1) && digits !== undefined ? { after, repeat, at_ms: Number(digits) * (units_ms[unit] ?? 0) } : undefined;
}
