/** The `limits:` of a template as rate limits. */
import { ok, type Result } from '../../../../crypto/result.ts';
import { invalid, isProblem, mappings, shown, type Path, type RuleDocument } from '../document.ts';
import type { PolicyWarning } from '../policy.ts';
import { made, remark } from './making.ts';
import { actionIs } from './template-item.ts';

// A session has no end that the kernel knows of: the longest period of a limit stands for it.
const periods: { readonly [key: string]: string } = { max_per_minute: 'minute', max_per_hour: 'hour', max_per_day: 'day', max_per_session: '366d' };

/** Reads the list. Fails with `POLICY_INVALID`. */
export function readLimits(value: unknown, path: Path, name: string): Result<{ readonly rules: readonly RuleDocument[]; readonly remarks: readonly PolicyWarning[] }> {
  if (value === undefined) return ok({ rules: [], remarks: [] });
  const items = mappings(value, path);
  if (isProblem(items)) return items;
  const rules: RuleDocument[] = [];
  let session = false;
  for (const [item, place] of items) {
    const { action, ...limits } = item;
    const key = Object.keys(limits).find((limit) => !Object.hasOwn(periods, limit));
    if (key !== undefined || typeof action !== 'string') {
      return invalid(key === undefined ? { path: place } : { path: [...place, key], key: true }, `policy ${shown(name)}: the limit ${shown(key ?? action)} cannot be kept`, 'take it out; budgets: { calls, tokens, cost, wall_time_ms } in a policy of version 1.0 bound what an agent may use up');
    }
    for (const [limit, count] of Object.entries(limits)) {
      if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1) return invalid({ path: [...place, limit] }, `${limit} is ${shown(count)}`, `write ${limit}: 10`);
      session ||= limit === 'max_per_session';
      rules.push(made([...place, limit], { name: `${name}-${action}-${limit}`, condition: actionIs(action), limit: `${count}/${periods[limit] ?? 'day'}` }));
    }
  }
  return ok({ rules, remarks: session ? [remark('a session has no end that the kernel knows of: what it may do in one, it may do in a year', name)] : [] });
}
