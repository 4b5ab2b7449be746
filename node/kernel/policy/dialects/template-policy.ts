/** One entry of a template's `policies:` as rules. */
import { isFields, isStrings, type Fields } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { invalid, isProblem, mappings, shown, textProblem, texts, unknownKey, type Path, type RuleDocument } from '../document.ts';
import type { Budgets, PolicyWarning, RaisedSignal } from '../policy.ts';
import { all, any, bothWays, inPayload, made, not, remark } from './making.ts';
import { actionIs, readItem, type Item } from './template-item.ts';
import { readLimits } from './template-limits.ts';

/** The rules of an entry, and what its author should know. */
export interface ReadPolicy {
  readonly rules: readonly RuleDocument[];
  readonly remarks: readonly PolicyWarning[];
  readonly budgets: Budgets;
}

const keys: ReadonlySet<string> = new Set([
  'name', 'description', 'severity', 'category', 'type', 'scope', 'deny', 'allow', 'requires_approval', 'approval_level', 'limits', 'rules', 'action', 'message',
  'audit', 'escalation', 'escalate_to', 'timeout_minutes', 'mode', 'exceptions',
]);

/** How the rules of an entry forbid. */
interface Manner {
  readonly name: string;
  readonly effect: Pick<RuleDocument, 'action' | 'signal' | 'message'>;
  readonly remarks: PolicyWarning[];
}

/** Reads one entry. Fails with `POLICY_INVALID`. */
export function readTemplatePolicy(policy: Fields, path: Path): Result<ReadPolicy> {
  const key = Object.keys(policy).find((name) => !keys.has(name));
  const { name } = policy;
  if (typeof name !== 'string') return invalid({ path }, 'the policy has no name', 'add name: …');
  if (key !== undefined) return invalid({ path: [...path, key], key: true }, `policy ${shown(name)}: ${shown(key)} cannot be kept`, 'take the policy out, and write what it forbids as rules of version 1.0');
  const problem = textProblem(policy, 'name', path) ?? textProblem(policy, 'message', path);
  if (problem !== undefined) return problem;
  const manner = mannerOf(policy, path, name);
  if (!manner.ok) return manner;
  const allowed = itemsOf(policy['allow'], [...path, 'allow'], 'allow');
  if (!allowed.ok) return allowed;
  const denied = itemsOf(policy['deny'], [...path, 'deny'], 'deny');
  if (!denied.ok) return denied;
  const approved = readApprovals(policy, path, manner.value);
  if (!approved.ok) return approved;
  const limits = readLimits(policy['limits'], [...path, 'limits'], name);
  if (!limits.ok) return limits;
  const demands = readDemands(policy['rules'], [...path, 'rules'], manner.value);
  if (!demands.ok) return demands;
  const rules = [
    ...patternRules(policy['deny'], [...path, 'deny'], manner.value),
    ...denialsOf(denied.value, allowed.value, manner.value),
    ...restrictions(denied.value, allowed.value, manner.value),
    ...approved.value, ...limits.value.rules, ...demands.value,
  ];
  if (rules.length === 0 && Object.keys(limits.value.budgets).length === 0 && manner.value.remarks.length + limits.value.remarks.length === 0) return invalid({ path }, `policy ${shown(name)} has nothing that can be kept`, 'take it out, and write what it forbids as rules of version 1.0');
  const dropped = [...denied.value, ...allowed.value].flatMap(({ dropped }) => dropped);
  if (dropped.length > 0) manner.value.remarks.push(remark(`${[...new Set(dropped)].join(', ')} is not looked at: the denial holds without it`, name));
  return ok({ rules, remarks: [...manner.value.remarks, ...limits.value.remarks], budgets: limits.value.budgets });
}

function mannerOf(policy: Fields, path: Path, name: string): Result<Manner> {
  const { action, requires_approval } = policy;
  const remarks: PolicyWarning[] = [];
  if (action !== undefined && action !== 'SIGSTOP' && action !== 'SIGKILL') return invalid({ path: [...path, 'action'] }, `the action is ${shown(action)}`, 'use one of SIGSTOP, SIGKILL');
  const scope = policy['scope'];
  if (scope !== undefined && scope !== 'input' && scope !== 'output' && !isStrings(scope)) return invalid({ path: [...path, 'scope'] }, `the scope is ${shown(scope)}`, 'write scope: [input, output]');
  if (scope === 'input' || scope === 'output' || (isStrings(scope) && scope.length === 1)) remarks.push(remark('it holds for what goes in and what comes out', name));
  if (policy['mode'] !== undefined) remarks.push(remark('its mode is left out: it denies', name));
  if (policy['exceptions'] !== undefined) remarks.push(remark('its exceptions are left out: a text may hold an exception and what is forbidden', name));
  const message = texts(policy, ['message']);
  if (requires_approval === true) {
    remarks.push(remark('it asks for approval, and raises no signal', name));
    return ok({ name, effect: { action: 'require_approval', ...message }, remarks });
  }
  const signal: RaisedSignal | undefined = action;
  return ok({ name, effect: { action: 'deny', ...(signal === undefined ? {} : { signal }), ...message }, remarks });
}

/** The items of a list that are about actions; those with patterns are read elsewhere. */
function itemsOf(value: unknown, path: Path, effect: 'allow' | 'deny' | 'approve'): Result<readonly Item[]> {
  if (value === undefined) return ok([]);
  const items = mappings(value, path);
  if (isProblem(items)) return items;
  const read: Item[] = [];
  for (const [item, place] of items) {
    if ('patterns' in item) {
      const problem = unknownKey(item, ['patterns'], place) ?? (isStrings(item['patterns']) ? undefined : invalid({ path: [...place, 'patterns'] }, 'patterns is not a list of texts', "write patterns: ['\\bDROP\\b']"));
      if (problem !== undefined) return problem;
      if (effect !== 'deny') return invalid({ path: place }, 'only deny has patterns', 'take them out');
      continue;
    }
    const one = readItem(item, place, effect);
    if (!one.ok) return one;
    read.push(one.value);
  }
  return ok(read);
}

/** Of a pattern: what must not follow. Without it the pattern finds more. */
const exception_form = /(?<!\\)\(\?![^()[\]\\]*\)$/;

function patternRules(deny: unknown, path: Path, { name, effect, remarks }: Manner): readonly RuleDocument[] {
  const items: readonly unknown[] = Array.isArray(deny) ? deny : [];
  const patterns = items.flatMap((item, index) => {
    const list = isFields(item) ? item['patterns'] : undefined;
    return isStrings(list) ? list.map((pattern, at) => ({ pattern, place: [...path, index, 'patterns', at] })) : [];
  });
  return patterns.flatMap(({ pattern, place }, index) => {
    const wide = pattern.replace(exception_form, '');
    if (wide !== pattern) remarks.push(remark(`the exception at the end of ${shown(pattern)} is left out: the denial holds without it`, name));
    return bothWays(made(place, { name: `${name}-pattern-${index + 1}`, condition: inPayload(wide), ...effect }));
  });
}

/** A denial of everything else leaves out what the same policy allows; any other denial holds. */
function denialsOf(denied: readonly Item[], allowed: readonly Item[], { name, effect }: Manner): readonly RuleDocument[] {
  return denied.map((item, index) => {
    const exempt = item.whole ? allowed.filter((other) => item.action === '*' || other.action === item.action) : [];
    const condition = exempt.length === 0 ? item.condition : all([item.condition, not(any(exempt.map((other) => other.condition)))]);
    return made(item.place, { name: `${name}-${index + 1}`, condition, ...effect });
  });
}

/** An action that a policy allows under some terms is forbidden beyond them, also where no denial says so. */
function restrictions(denied: readonly Item[], allowed: readonly Item[], { name, effect }: Manner): readonly RuleDocument[] {
  const covered = new Set(denied.filter(({ whole }) => whole).map(({ action }) => action));
  const actions = new Set(allowed.map(({ action }) => action).filter((action) => !covered.has(action) && !covered.has('*')));
  return [...actions].flatMap((action) => {
    const terms = allowed.filter((item) => item.action === action);
    const [first] = terms;
    return first === undefined ? [] : [made(first.place, { name: `${name}-only-${action}`, condition: all([actionIs(action), not(any(terms.map(({ condition }) => condition)))]), ...effect })];
  });
}

function readApprovals(policy: Fields, path: Path, { name, effect, remarks }: Manner): Result<readonly RuleDocument[]> {
  const value = policy['requires_approval'];
  if (value === undefined || typeof value === 'boolean') return ok([]);
  const items = itemsOf(value, [...path, 'requires_approval'], 'approve');
  if (!items.ok) return items;
  remarks.push(remark('who approves is not kept: the sponsor of the agent does', name));
  const message = effect.message === undefined ? {} : { message: effect.message };
  return ok(items.value.map((item, index) => made(item.place, { name: `${name}-approval-${index + 1}`, condition: item.condition, action: 'require_approval', ...message })));
}

const about_logins: ReadonlySet<string> = new Set(['max_concurrent_sessions', 'require_mfa', 'lock_after_failed_attempts', 'lockout_duration_minutes']);

/** Demands on an action that nothing here can check count as not met. */
function readDemands(value: unknown, path: Path, { name, effect, remarks }: Manner): Result<readonly RuleDocument[]> {
  if (value === undefined) return ok([]);
  const items = mappings(value, path);
  if (isProblem(items)) return items;
  const rules: RuleDocument[] = [];
  const logins: string[] = [];
  for (const [index, [item, place]] of items.entries()) {
    const { action } = item;
    if (Object.keys(item).every((key) => about_logins.has(key))) {
      logins.push(...Object.keys(item));
      continue;
    }
    if ('incompatible_roles' in item) {
      return invalid({ path: [...place, 'incompatible_roles'], key: true }, `policy ${shown(name)}: nothing here knows the roles of an agent, so incompatible_roles cannot be kept`, 'take the policy out, and give each duty to an agent of its own: capabilities: in its policy, and what its sponsor delegates to it');
    }
    if (typeof action !== 'string') return invalid({ path: place }, `policy ${shown(name)}: the rule names no action, and cannot be kept`, 'take it out, and write what it forbids as rules of version 1.0');
    const manner = effect.signal === 'SIGKILL' ? effect : { ...(effect.message === undefined ? {} : { message: effect.message }), action: 'require_approval' };
    rules.push(made(place, { name: `${name}-demand-${index + 1}`, condition: actionIs(action), ...manner }));
  }
  if (logins.length > 0) remarks.push(remark(`${logins.join(', ')}: nobody logs in here, an agent proves itself with its key in every handshake; left out`, name));
  if (rules.length > 0) remarks.push(remark(`what it demands cannot be checked here: ${effect.signal === 'SIGKILL' ? 'the action is denied' : 'a human approves'}`, name));
  return ok(rules);
}
