/** The blocks of a policy besides its rules: compliance, delegation, budgets, loops, the least sandbox. */
import { isFields, isStrings, type Fields } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { invalid, unknownKey, type Path, type RuleDocument } from '../document.ts';
import { sandbox_tiers, type Budgets, type DelegationTerms, type LoopTerms } from '../policy.ts';

const delegation_depth_max = 8;

/** The frameworks of the `compliance` block. */
export function checkCompliance(value: unknown): Result<readonly string[]> {
  if (value === undefined) return ok([]);
  const path = ['compliance'];
  if (!isFields(value)) return invalid({ path }, 'compliance is not a mapping', 'write compliance: { frameworks: ["hipaa"] }');
  const unknown = unknownKey(value, ['frameworks'], path);
  if (unknown !== undefined) return unknown;
  const frameworks = value['frameworks'] ?? [];
  return isStrings(frameworks) ? ok(frameworks) : invalid({ path: [...path, 'frameworks'] }, 'frameworks is not a list of texts', 'write ["hipaa", "gdpr"]');
}

/** The `delegation` block. */
export function checkDelegation(value: unknown): Result<DelegationTerms | undefined> {
  if (value === undefined) return ok(undefined);
  const path = ['delegation'];
  if (!isFields(value)) return invalid({ path }, 'delegation is not a mapping', 'write delegation: { allow: true, max_depth: 2 }');
  const unknown = unknownKey(value, ['allow', 'max_depth', 'must_narrow'], path);
  if (unknown !== undefined) return unknown;
  const { allow = false, max_depth, must_narrow = true } = value;
  if (typeof allow !== 'boolean') return invalid({ path: [...path, 'allow'] }, 'allow is not a boolean', 'write allow: true');
  if (typeof must_narrow !== 'boolean') return invalid({ path: [...path, 'must_narrow'] }, 'must_narrow is not a boolean', 'write must_narrow: true');
  if (max_depth === undefined) return ok({ allow, must_narrow });
  const whole = typeof max_depth === 'number' && Number.isSafeInteger(max_depth) && max_depth >= 0 && max_depth <= delegation_depth_max;
  return whole
    ? ok({ allow, must_narrow, max_depth })
    : invalid({ path: [...path, 'max_depth'] }, `max_depth is not a whole number from 0 to ${delegation_depth_max}`, 'write max_depth: 2');
}

/** The named fields of a mapping, each a number above 0. */
function positives<Name extends string>(value: Fields, names: readonly Name[], path: Path): Result<{ [name in Name]?: number }> {
  const found: { [name in Name]?: number } = {};
  for (const name of names) {
    const number = value[name];
    if (number === undefined) continue;
    if (typeof number !== 'number' || !Number.isFinite(number) || number <= 0) {
      return invalid({ path: [...path, name] }, `${name} is not a number above 0`, `write ${name}: 1000`);
    }
    found[name] = number;
  }
  return ok(found);
}

/** The `budgets` block: what an agent may use up. */
export function checkBudgets(value: unknown): Result<Budgets | undefined> {
  if (value === undefined) return ok(undefined);
  const path = ['budgets'];
  const names = ['calls', 'tokens', 'cost', 'wall_time_ms'] as const;
  if (!isFields(value)) return invalid({ path }, 'budgets is not a mapping', 'write budgets: { calls: 1000, wall_time_ms: 60000 }');
  return unknownKey(value, names, path) ?? positives(value, names, path);
}

/** The `loops` block: how often one action may come again. */
export function checkLoops(value: unknown): Result<LoopTerms | undefined> {
  if (value === undefined) return ok(undefined);
  const path = ['loops'];
  if (!isFields(value)) return invalid({ path }, 'loops is not a mapping', 'write loops: { repeats: 20, window_ms: 60000 }');
  const read = unknownKey(value, ['repeats', 'window_ms'], path) ?? positives(value, ['repeats', 'window_ms'], path);
  if (!read.ok) return read;
  const { repeats, window_ms } = read.value;
  if (repeats === undefined || window_ms === undefined) return invalid({ path }, 'loops has not both repeats and window_ms', 'write loops: { repeats: 20, window_ms: 60000 }');
  return Number.isSafeInteger(repeats) && repeats >= 2
    ? ok({ repeats, window_ms })
    : invalid({ path: [...path, 'repeats'] }, 'repeats is not a whole number from 2 on', 'write repeats: 20');
}

/** The least sandbox as a rule that denies what runs in a weaker one, or in one that nobody names. */
export function checkSandbox(value: unknown): Result<readonly RuleDocument[]> {
  if (value === undefined) return ok([]);
  const path = ['sandbox'];
  const level = sandbox_tiers.findIndex((tier) => tier === value);
  if (level < 0) return invalid({ path }, `there is no sandbox ${JSON.stringify(value)}`, `use one of ${sandbox_tiers.join(', ')}`);
  return ok([{
    name: 'sandbox',
    condition: `not (sandbox.level >= ${level})`,
    condition_path: path,
    action: 'deny',
    message: `the policy requires the sandbox ${sandbox_tiers[level]} or a stronger one`,
    priority: 0,
    place: path,
    made: true,
    absolute: true,
  }]);
}
