/** Version 1.0 of the policy document, in both forms of the seeds (`rules:` and `policies:`); whatever is not known is refused. */
import { isFields, isStrings, type Fields } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { rules_max } from '../bounds.ts';
import { invalid, shown, textProblem, texts, unknownKey, type Path, type PolicyDocument, type Problem, type RuleDocument, type Strategy } from '../document.ts';
import type { PolicyWarning } from '../policy.ts';
import { checkBudgets, checkCompliance, checkDelegation, checkLoops, checkSandbox } from './terms.ts';

const top_keys = [
  'version', 'name', 'description', 'agent', 'sponsor', 'capabilities', 'rules', 'policies', 'compliance', 'delegation', 'default_action', 'strict',
  'kind', 'mode', 'conditions', 'strategy', 'budgets', 'loops', 'sandbox',
];
const rule_keys = ['name', 'description', 'condition', 'action', 'limit', 'message', 'priority', 'audit', 'signal'];
/** The strategies that a document can ask for. */
export const strategies: readonly Strategy[] = ['deny-overrides', 'priority-first-match', 'allow-overrides'];

/** Checks a policy document of version 1.0. Fails with `POLICY_INVALID`, `detail.path` says where. */
export function readNative(value: Fields): Result<PolicyDocument> {
  const unknown = unknownKey(value, top_keys, []);
  if (unknown !== undefined) return unknown;
  if (value['version'] !== '1.0') {
    return invalid({ path: ['version'] }, `the version is ${shown(value['version'])}`, 'write version: "1.0", with the quotes');
  }
  if (value['default_action'] !== undefined && value['default_action'] !== 'deny') {
    return invalid({ path: ['default_action'] }, 'what no rule allows is denied', "leave default_action out, and allow with a rule whose condition is 'true'; a policy that only forbids says kind: guard");
  }
  for (const key of ['name', 'description', 'agent', 'sponsor']) {
    const problem = textProblem(value, key, []);
    if (problem !== undefined) return problem;
  }
  if (value['strict'] !== undefined && typeof value['strict'] !== 'boolean') return invalid({ path: ['strict'] }, 'strict is not a boolean', 'write strict: true');
  if (value['capabilities'] !== undefined && !isStrings(value['capabilities'])) {
    return invalid({ path: ['capabilities'] }, 'capabilities is not a list of texts', 'write - "read:reports"');
  }
  return oneOf(value, 'kind', ['file', 'guard']) ?? oneOf(value, 'mode', ['enforce', 'shadow']) ?? oneOf(value, 'conditions', ['policy', 'cel']) ?? oneOf(value, 'strategy', strategies) ?? assemble(value);
}

/** A field that is neither absent nor one of some texts, as a problem. */
export function oneOf(value: Fields, key: string, known: readonly string[]): Problem | undefined {
  const given = value[key];
  if (given === undefined || (typeof given === 'string' && known.includes(given))) return undefined;
  return invalid({ path: [key] }, `${key} is ${shown(given)}`, `use one of ${known.join(', ')}`);
}

/** What the author of a strategy should know. */
export function strategyRemarks(strategy: Strategy): readonly PolicyWarning[] {
  return strategy === 'deny-overrides' ? [] : [{
    rule: '',
    remark: `with the strategy ${strategy} a rule that allows can switch off one that denies; without it every denial holds`,
  }];
}

function assemble(value: Fields): Result<PolicyDocument> {
  const frameworks = checkCompliance(value['compliance']);
  if (!frameworks.ok) return frameworks;
  const delegation = checkDelegation(value['delegation']);
  if (!delegation.ok) return delegation;
  const budgets = checkBudgets(value['budgets']);
  if (!budgets.ok) return budgets;
  const loops = checkLoops(value['loops']);
  if (!loops.ok) return loops;
  const sandbox = checkSandbox(value['sandbox']);
  if (!sandbox.ok) return sandbox;
  const rules = checkRules(value, sandbox.value);
  if (!rules.ok) return rules;
  const strategy = strategies.find((name) => name === value['strategy']) ?? 'deny-overrides';
  if (strategy !== 'deny-overrides' && value['conditions'] === 'cel') {
    return invalid({ path: ['strategy'] }, `the strategy ${strategy} is for conditions of the policy language`, 'leave conditions: cel or the strategy out');
  }
  return ok({
    ...texts(value, ['name', 'agent', 'sponsor']),
    ...(isStrings(value['capabilities']) ? { capabilities: value['capabilities'] } : {}),
    ...(delegation.value === undefined ? {} : { delegation: delegation.value }),
    ...(budgets.value === undefined ? {} : { budgets: budgets.value }),
    ...(loops.value === undefined ? {} : { loops: loops.value }),
    ...(value['kind'] === 'guard' ? { kind: 'guard' } : {}),
    mode: value['mode'] === 'shadow' ? 'shadow' : 'enforce',
    conditions: value['conditions'] === 'cel' ? 'cel' : 'policy',
    strict: value['strict'] === true,
    strategy,
    frameworks: frameworks.value,
    rules: rules.value,
    remarks: strategyRemarks(strategy),
  });
}

function checkRules(value: Fields, besides: readonly RuleDocument[]): Result<readonly RuleDocument[]> {
  if (value['rules'] !== undefined && value['policies'] !== undefined) {
    return invalid({ path: ['policies'], key: true }, 'there are both rules and policies', 'put all rules under rules');
  }
  const key = value['policies'] === undefined ? 'rules' : 'policies';
  const list = value[key];
  if (!Array.isArray(list)) return invalid({ path: list === undefined ? [] : [key] }, 'there is no list of rules', 'write rules: and a list of - name, condition, action');
  if (list.length > rules_max) return invalid({ path: [key] }, `there are ${list.length} rules, ${rules_max} are allowed`, 'split the policy');
  const rules: RuleDocument[] = [...besides];
  const names = new Set<string>(besides.map(({ name }) => name));
  for (const [index, item] of list.entries()) {
    const rule = checkRule(item, [key, index]);
    if (!rule.ok) return rule;
    if (names.has(rule.value.name)) return invalid({ path: [key, index, 'name'] }, `two rules are called ${shown(rule.value.name)}`, 'give each rule its own name');
    names.add(rule.value.name);
    rules.push(rule.value);
  }
  return ok(rules);
}

function checkRule(value: unknown, place: Path): Result<RuleDocument> {
  if (!isFields(value)) return invalid({ path: place }, 'a rule is a mapping', 'write - name: …, condition: …, action: …');
  const unknown = unknownKey(value, rule_keys, place);
  if (unknown !== undefined) return unknown;
  for (const key of ['name', 'description', 'message', 'action', 'limit']) {
    const problem = textProblem(value, key, place);
    if (problem !== undefined) return problem;
  }
  const { name, condition, priority = 0, audit, signal } = value;
  if (typeof name !== 'string') return invalid({ path: place }, 'the rule has no name', 'add name: …');
  if (typeof condition !== 'string') {
    return invalid({ path: condition === undefined ? place : [...place, 'condition'] }, `the rule ${shown(name)} has no condition in words`, "write condition: \"action.type == 'export'\", or 'true' for always");
  }
  if (typeof priority !== 'number' || !Number.isFinite(priority)) return invalid({ path: [...place, 'priority'] }, 'priority is not a number', 'write priority: 10');
  if (audit !== undefined && typeof audit !== 'boolean' && audit !== 'durable' && audit !== 'batched') {
    return invalid({ path: [...place, 'audit'] }, 'audit is neither a boolean nor durable nor batched', 'write audit: true');
  }
  if (signal !== undefined && signal !== 'SIGSTOP' && signal !== 'SIGKILL') {
    return invalid({ path: [...place, 'signal'] }, `signal is ${shown(signal)}`, 'use one of SIGSTOP, SIGKILL');
  }
  if (signal !== undefined && value['action'] !== 'deny') return invalid({ path: [...place, 'signal'] }, 'only a rule that denies raises a signal', 'write action: deny');
  return ok({
    name, condition, priority, place,
    condition_path: [...place, 'condition'],
    ...(audit === undefined ? {} : { audit }),
    ...(signal === undefined ? {} : { signal }),
    ...texts(value, ['action', 'limit', 'message']),
  });
}
