/** The `limits:` of a template: rates, budgets, the size of a single call, and what a sandbox holds. */
import { ok, type Result } from '../../../../crypto/result.ts';
import { invalid, isProblem, mappings, shown, type Path, type Problem, type RuleDocument } from '../document.ts';
import { sandbox_tiers, type Budgets, type PolicyWarning } from '../policy.ts';
import { all, any, made, not, remark } from './making.ts';
import { actionIs } from './template-item.ts';

// A session has no end that the kernel knows of: the longest period of a limit stands for it.
const periods: { readonly [key: string]: string } = { max_per_minute: 'minute', max_per_hour: 'hour', max_per_day: 'day', max_per_session: '366d' };
const budget_form = /^max_(cost|tokens)_per_(?:day|week|month|session)(?:_usd)?$/;
const held_by_sandbox: ReadonlySet<string> = new Set(['memory_mb', 'cpu_percent', 'disk_write_mb']);
const least_sandbox = 'process';

/** What the limits of a policy make. */
export interface ReadLimits {
  readonly rules: readonly RuleDocument[];
  readonly remarks: readonly PolicyWarning[];
  readonly budgets: Budgets;
}

interface Reading {
  readonly name: string;
  readonly rules: RuleDocument[];
  /** Once each, whatever gave rise to them. */
  readonly remarks: Set<string>;
  readonly budgets: { cost?: number; tokens?: number };
}

/** Reads the list. Fails with `POLICY_INVALID`. */
export function readLimits(value: unknown, path: Path, name: string): Result<ReadLimits> {
  const reading: Reading = { name, rules: [], remarks: new Set(), budgets: {} };
  const items = value === undefined ? [] : mappings(value, path);
  if (isProblem(items)) return items;
  for (const [{ action, ...limits }, place] of items) {
    if (action !== undefined && typeof action !== 'string') return invalid({ path: [...place, 'action'] }, `the limit is for ${shown(action)}`, 'write action: http_request');
    for (const [limit, count] of Object.entries(limits)) {
      if (typeof count !== 'number' || !Number.isFinite(count) || count <= 0) return invalid({ path: [...place, limit] }, `${limit} is ${shown(count)}`, `write ${limit}: 10`);
      const problem = readLimit({ action, limit, count, place: [...place, limit] }, reading);
      if (problem !== undefined) return problem;
    }
  }
  return ok({ rules: reading.rules, remarks: [...reading.remarks].map((text) => remark(text, name)), budgets: reading.budgets });
}

interface Limit {
  readonly action: string | undefined;
  readonly limit: string;
  readonly count: number;
  readonly place: Path;
}

function readLimit(given: Limit, { name, rules, remarks, budgets }: Reading): Problem | undefined {
  const { action, limit, count, place } = given;
  const [, measure] = budget_form.exec(limit) ?? [];
  if (Object.hasOwn(periods, limit) && action !== undefined) {
    if (!Number.isSafeInteger(count)) return invalid({ path: place }, `${limit} is ${count}`, `write ${limit}: 10`);
    rules.push(made(place, { name: `${name}-${action}-${limit}`, condition: actionIs(action), limit: `${count}/${periods[limit] ?? 'day'}` }));
    if (limit === 'max_per_session') remarks.add('a session has no end that the kernel knows of: what it may do in one, it may do in a year');
  } else if (measure === 'cost' || measure === 'tokens') {
    budgets[measure] = Math.min(count, budgets[measure] ?? Infinity);
    remarks.add('what an agent may spend is one budget, the least that is said of any action and period; it begins anew with agentmesh signal AGENT SIGCONT --reset');
  } else if (limit === 'max_tokens_per_call') {
    rules.push(made(place, { name: `${name}-${action ?? 'llm_call'}-${limit}`, condition: all([actionIs(action ?? 'llm_call'), tokensAbove(count)]), action: 'deny' }));
    remarks.add('a model call says how many tokens it may take, as data.max_tokens or data.token_count, or is denied');
  } else if (held_by_sandbox.has(limit)) {
    const level = sandbox_tiers.indexOf(least_sandbox);
    rules.push(made(place, {
      name: `${name}-${limit}`, condition: not(`sandbox.level >= ${level}`), action: 'deny',
      message: `the policy limits ${limit}: run the agent in the sandbox ${least_sandbox} or a stronger one (agentmesh run --sandbox ${least_sandbox})`,
    }));
    remarks.add(`memory, processor and disk are held by a sandbox, with limits of its own and not the numbers here: without the sandbox ${least_sandbox} or a stronger one everything is denied`);
  } else if (limit === 'max_concurrent_sessions') {
    remarks.add('max_concurrent_sessions always holds: an agent has one session');
  } else {
    return invalid({ path: place, key: true }, `policy ${shown(name)}: the limit ${shown(limit)} cannot be kept`, 'take it out; limit: "100/minute" on a rule and budgets: { calls, tokens, cost, wall_time_ms } in a policy of version 1.0 bound what an agent may use up');
  }
  return undefined;
}

/** That a call asks for more tokens, or for an amount that it does not state. */
function tokensAbove(count: number): string {
  const fields = ['data.max_tokens', 'data.token_count'];
  return any([
    ...fields.map((field) => `has(${field}) and ${not(`${field} <= ${count}`)}`),
    not(any(fields.map((field) => `has(${field})`))),
  ]);
}
