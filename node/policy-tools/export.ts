/** A compiled policy as a document of version 1.0, whatever dialect it came in. */
import type { RateLimit } from '../kernel/policy/limit.ts';
import type { CompiledPolicy, Rule } from '../kernel/policy/policy.ts';

/** A policy document: JSON values only. */
export interface PolicyDocumentForm {
  readonly version: '1.0';
  readonly rules: readonly object[];
  readonly [key: string]: unknown;
}

const units: readonly (readonly [unit: string, ms: number])[] = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000]];

function limitText({ count, period_ms }: RateLimit): string {
  const [unit, ms] = units.find(([, length]) => period_ms % length === 0) ?? ['ms', 1];
  return `${count}/${period_ms / ms}${unit}`;
}

/** The document that compiles to the same rules, with their conditions in plain form. */
export function documentFormOf(policy: CompiledPolicy): PolicyDocumentForm {
  const { name, kind, mode, strict, agent, sponsor, capabilities, frameworks, delegation, budgets, loops, conditions } = policy;
  return {
    version: '1.0',
    name,
    ...(kind === 'guard' ? { kind } : {}),
    ...(mode === 'shadow' ? { mode } : {}),
    ...(strict ? { strict } : {}),
    ...(conditions === 'cel' ? { conditions } : {}),
    ...(agent === undefined ? {} : { agent }),
    ...(sponsor === undefined ? {} : { sponsor }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(budgets === undefined ? {} : { budgets }),
    ...(loops === undefined ? {} : { loops }),
    rules: policy.rules.map(ruleForm),
    ...(frameworks.length === 0 ? {} : { compliance: { frameworks } }),
    ...(delegation === undefined ? {} : { delegation }),
  };
}

/** What a rule does as the action of a document; `undefined` for a bare limit. */
export function actionOf({ effect, obligations }: Rule): string | undefined {
  if (effect === 'limit') return obligations.find((obligation) => obligation !== 'audit');
  return effect === 'observe' ? obligations[0] : effect;
}

function ruleForm(rule: Rule): object {
  const { name, condition, priority, obligations, message, limit, batched, signal } = rule;
  const action = actionOf(rule);
  const audited = obligations.includes('audit') && action !== 'audit';
  return {
    name,
    condition: condition.text,
    ...(action === undefined ? {} : { action }),
    ...(limit === undefined ? {} : { limit: limitText(limit) }),
    ...(signal === undefined ? {} : { signal }),
    ...(message === undefined ? {} : { message }),
    ...(priority === 0 ? {} : { priority }),
    ...(audited ? { audit: true } : batched ? { audit: 'batched' } : {}),
  };
}
