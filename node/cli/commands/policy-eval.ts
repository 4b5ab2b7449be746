/** What `agentmesh policy eval` and `policy explain` do. */
import { FailureError, fail, messageOf, ok, type Result } from '../../../crypto/result.ts';
import type { CompiledPolicy, Verdict } from '../../kernel/policy/policy.ts';
import type { PolicyRequest } from '../../kernel/policy/scope.ts';
import { requestOf } from '../../policy-tools/request.ts';
import { Trial } from '../../policy-tools/trial.ts';
import type { CommonFlags, Outcome } from '../ask.ts';
import { lineTaken, type Context } from '../context.ts';
import { exit_codes } from '../exit.ts';
import { line_bytes_max, linesOf, type Line } from '../lines.ts';
import { readPolicies } from '../policy-files.ts';
import { visible } from '../view/text.ts';

/** Flags that every command which tries policies has. */
export interface PolicyFlags extends CommonFlags {
  readonly policy: readonly string[];
  readonly strict: boolean;
}

/** Flags of `policy eval`. */
export interface EvalFlags extends PolicyFlags {
  readonly inputs: string;
}

/** What is answered to one line. */
interface Answer {
  readonly line: number;
  readonly id?: string | number;
  readonly verdict: Verdict['effect'];
  readonly policy: string | null;
  readonly rule: string | null;
  readonly reason: string;
  readonly obligations: readonly string[];
  /** The code of what was wrong with the line: it is denied. */
  readonly error?: string;
  readonly fix?: string;
  readonly would_allow?: string;
  readonly limited?: true;
  readonly retry_after_ms?: number;
  readonly signal?: string;
  readonly errors?: Verdict['errors'];
  readonly shadow?: Verdict['shadow'];
}

interface Read {
  readonly request: PolicyRequest;
  readonly id?: string | number;
  readonly time_ms?: number;
}

function readLine({ text }: Line): Result<Read> {
  if (text === undefined) return fail('REQUEST_INVALID', `the line is longer than ${line_bytes_max} bytes, or not UTF-8`, { fix: 'give one JSON value a line' });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail('REQUEST_INVALID', `the line is not JSON: ${messageOf(error)}`, { fix: 'give one JSON value a line' });
  }
  const request = requestOf(value);
  if (!request.ok) return request;
  const { id, time_ms } = typeof value === 'object' && value !== null ? { id: 'id' in value ? value.id : undefined, time_ms: 'time_ms' in value ? value.time_ms : undefined } : {};
  return ok({
    request: request.value,
    ...(typeof id === 'string' || typeof id === 'number' ? { id } : {}),
    ...(typeof time_ms === 'number' && Number.isFinite(time_ms) ? { time_ms } : {}),
  });
}

function answerOf(line: number, read: Result<Read>, trial: Trial, now_ms: number): Answer {
  if (!read.ok) {
    const { code, reason, fix } = read.failure;
    return { line, verdict: 'deny', policy: null, rule: null, reason, obligations: [], error: code, ...(fix === undefined ? {} : { fix }) };
  }
  const { request, id, time_ms } = read.value;
  const { effect, rule, policy, reason, obligations, batched: _batched, errors, ...more } = trial.decide(request, time_ms ?? now_ms);
  return { line, ...(id === undefined ? {} : { id }), verdict: effect, policy: policy === '' ? null : policy, rule, reason, obligations, ...more, ...(errors.length === 0 ? {} : { errors }) };
}

function inWords(context: Context, { line, verdict, rule, reason, error, fix }: Answer): string {
  const colour = verdict === 'allow' ? 'green' : verdict === 'deny' ? 'red' : 'yellow';
  const what = error === undefined ? visible(reason) : `${error}: ${visible(reason)}${fix === undefined ? '' : ` (${fix})`}`;
  return `${line}: ${context.paint(colour, verdict)}${rule === null ? '' : ` ${visible(rule)}`}: ${what}`;
}

/** Says what is doubtful about policies that are tried. */
export function tellWarnings(context: Context, flags: CommonFlags, policies: readonly CompiledPolicy[]): void {
  if (flags.json) return;
  for (const { name, warnings } of policies) {
    if (warnings.length > 0) context.talk(`${visible(name)}: ${warnings.length === 1 ? '1 remark' : `${warnings.length} remarks`}; agentmesh policy check shows them`);
  }
}

/** `agentmesh policy eval`. */
export async function evaluateLines(context: Context, flags: EvalFlags): Promise<Outcome> {
  const policies = await readPolicies(flags.policy, flags.strict);
  if (!policies.ok) return new FailureError(policies.failure);
  tellWarnings(context, flags, policies.value);
  const trial = new Trial(policies.value);
  let bad = 0;
  for await (const line of linesOf(flags.inputs)) {
    if (!line.ok) return new FailureError(line.failure);
    const answer = answerOf(line.value.number, readLine(line.value), trial, context.now_ms());
    if (answer.error !== undefined) bad += 1;
    if (!await lineTaken(context.process.stdout, flags.json ? JSON.stringify(answer) : inWords(context, answer))) break;
  }
  if (bad === 0) return;
  context.process.exitCode = exit_codes.failed;
  context.talk(`${bad} of the lines ${bad === 1 ? 'was' : 'were'} no request, and denied`);
}
