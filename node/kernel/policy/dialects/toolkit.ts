/**
 * Policies of the Agent Governance Toolkit (`apiVersion: governance.toolkit/v1`):
 * conditions in words like those of version 1.0, with `ruleAction` or `effect`
 * for the action, `enabled`, `agents`, `approvers`. There the first match in the
 * order of priority decided; here every denial holds unless `strategy` asks for that.
 */
import { isFields, isStrings, type Fields } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { rules_max } from '../bounds.ts';
import { invalid, isProblem, mappings, shown, textProblem, texts, unknownKey, type Path, type PolicyDocument, type RuleDocument } from '../document.ts';
import type { PolicyWarning } from '../policy.ts';
import { repeatedName } from './fields.ts';
import { documentOf, remark } from './making.ts';
import { oneOf, strategies, strategyRemarks } from './native.ts';
import { checkCompliance, checkDelegation } from './terms.ts';

const api_version = 'governance.toolkit/v1';
const top_keys = ['apiVersion', 'version', 'kind', 'name', 'description', 'metadata', 'agent', 'agents', 'scope', 'default_action', 'defaultAction', 'rules', 'strategy', 'sponsor', 'capabilities', 'compliance', 'delegation'];
const rule_keys = ['name', 'description', 'condition', 'action', 'ruleAction', 'effect', 'limit', 'approvers', 'priority', 'enabled', 'surfaces', 'message'];
const own_top_keys = ['apiVersion', 'agents', 'defaultAction', 'scope'];
const own_rule_keys = ['ruleAction', 'effect', 'approvers', 'enabled', 'surfaces'];
const actions = ['allow', 'deny', 'warn', 'log', 'audit', 'require_approval'];

/** Whether a document has a key that only this dialect has. */
export function isToolkitDocument(value: Fields): boolean {
  const rules = Array.isArray(value['rules']) ? value['rules'] : [];
  return own_top_keys.some((key) => key in value) || rules.some((rule) => isFields(rule) && own_rule_keys.some((key) => key in rule));
}

/** Reads such a document. Fails with `POLICY_INVALID`. */
export function readToolkitDocument(value: Fields): Result<PolicyDocument> {
  const problem = unknownKey(value, top_keys, [])
    ?? (value['apiVersion'] === undefined ? oneOf(value, 'version', ['1.0']) : oneOf(value, 'apiVersion', [api_version]))
    ?? oneOf(value, 'default_action', ['allow', 'deny']) ?? oneOf(value, 'defaultAction', ['allow', 'deny'])
    ?? oneOf(value, 'strategy', strategies) ?? oneOf(value, 'scope', ['global', 'tenant', 'agent'])
    ?? textProblem(value, 'name', []) ?? textProblem(value, 'agent', []) ?? textProblem(value, 'sponsor', []);
  if (problem !== undefined) return problem;
  if (value['scope'] === 'tenant') return invalid({ path: ['scope'] }, 'there are no tenants here, and what it allows would be allowed to every agent', 'write agents: [NAME], one file for each, or scope: global');
  if (value['scope'] === 'agent' && value['agent'] === undefined && value['agents'] === undefined) return invalid({ path: ['scope'] }, 'the scope is one agent, and none is named', 'write agents: [NAME]');
  const agent = agentOf(value);
  if (!agent.ok) return agent;
  if (value['capabilities'] !== undefined && !isStrings(value['capabilities'])) return invalid({ path: ['capabilities'] }, 'capabilities is not a list of texts', 'write - "read:reports"');
  const frameworks = checkCompliance(value['compliance']);
  if (!frameworks.ok) return frameworks;
  const delegation = checkDelegation(value['delegation']);
  if (!delegation.ok) return delegation;
  const items = mappings(value['rules'], ['rules']);
  if (isProblem(items)) return items;
  if (items.length > rules_max) return invalid({ path: ['rules'] }, `there are ${items.length} rules, ${rules_max} are allowed`, 'split the policy');
  const kind = (value['default_action'] ?? value['defaultAction']) === 'allow' ? 'guard' : 'file';
  const rules: RuleDocument[] = [];
  const strategy = strategies.find((name) => name === value['strategy']) ?? 'deny-overrides';
  const remarks: PolicyWarning[] = [...strategyRemarks(strategy)];
  if (strategy === 'deny-overrides' && outranked(items.map(([item]) => item))) {
    remarks.push(remark('priority only says which rule is reported: a denial holds also where an allow has the higher priority; strategy: priority-first-match changes that'));
  }
  for (const [item, path] of items) {
    const rule = readRule(item, path, kind);
    if (!rule.ok) return rule;
    rules.push(...rule.value.rules);
    remarks.push(...rule.value.remarks);
  }
  return repeatedName(rules) ?? ok(documentOf({
    ...texts(value, ['name', 'sponsor']), ...(agent.value === undefined ? {} : { agent: agent.value }), kind, strategy, rules, remarks, frameworks: frameworks.value,
    ...(isStrings(value['capabilities']) ? { capabilities: value['capabilities'] } : {}),
    ...(delegation.value === undefined ? {} : { delegation: delegation.value }),
  }));
}

function agentOf({ agent, agents }: Fields): Result<string | undefined> {
  if (agents === undefined) return ok(typeof agent === 'string' ? agent : undefined);
  if (!isStrings(agents)) return invalid({ path: ['agents'] }, 'agents is not a list of texts', 'write agents: ["*"]');
  if (agents.includes('*')) return ok(undefined);
  return agents.length === 1 && agent === undefined
    ? ok(agents[0])
    : invalid({ path: ['agents'] }, 'a policy is for one agent or for all of them', 'write agents: ["*"], or one file for each agent');
}

/** Whether an allow stands above a denial. */
function outranked(rules: readonly Fields[]): boolean {
  const ranked = rules.map((rule) => ({ action: actionOf(rule), priority: typeof rule['priority'] === 'number' ? rule['priority'] : 0 }));
  const denying = ranked.filter(({ action }) => action === 'deny' || action === 'require_approval').map(({ priority }) => priority);
  return ranked.some(({ action, priority }) => action === 'allow' && denying.some((other) => other <= priority));
}

function actionOf(rule: Fields): unknown {
  return rule['ruleAction'] ?? rule['effect'] ?? rule['action'];
}

interface Read {
  readonly rules: readonly RuleDocument[];
  readonly remarks: readonly PolicyWarning[];
}

function readRule(rule: Fields, path: Path, kind: 'file' | 'guard'): Result<Read> {
  const problem = unknownKey(rule, rule_keys, path) ?? textProblem(rule, 'name', path) ?? textProblem(rule, 'limit', path) ?? textProblem(rule, 'message', path);
  if (problem !== undefined) return problem;
  const { name, condition = 'true', priority = 0, enabled = true, approvers, surfaces } = rule;
  if (typeof name !== 'string') return invalid({ path }, 'the rule has no name', 'add name: …');
  if (typeof condition !== 'string') return invalid({ path: [...path, 'condition'] }, `the rule ${shown(name)} has no condition in words`, "write condition: \"action.type == 'export'\"");
  if (typeof priority !== 'number' || !Number.isFinite(priority)) return invalid({ path: [...path, 'priority'] }, 'priority is not a number', 'write priority: 10');
  if (typeof enabled !== 'boolean') return invalid({ path: [...path, 'enabled'] }, 'enabled is not a boolean', 'write enabled: true');
  if (!enabled) return ok({ rules: [], remarks: [remark('it is not enabled, and left out', name)] });
  const action = actionOf(rule);
  if (['ruleAction', 'effect', 'action'].some((key) => rule[key] !== undefined && rule[key] !== action)) {
    return invalid({ path }, `the rule ${shown(name)} says two actions`, 'keep one of action, ruleAction and effect');
  }
  const limited = rule['limit'] !== undefined;
  if (action === undefined ? !limited : typeof action !== 'string' || !actions.includes(action)) {
    return invalid({ path }, `the rule ${shown(name)} has the action ${shown(action)}`, `use one of ${actions.join(', ')}`);
  }
  if (surfaces !== undefined && !isStrings(surfaces)) return invalid({ path: [...path, 'surfaces'] }, 'surfaces is not a list of texts', 'leave it out');
  if (surfaces !== undefined && action !== 'deny' && action !== 'require_approval') {
    return invalid({ path: [...path, 'surfaces'] }, 'an allow for some surfaces alone cannot be kept', "say it in the condition, e.g. action.type == 'tool_result'");
  }
  const base: RuleDocument = { name, condition, condition_path: [...path, 'condition'], priority, place: path, ...texts(rule, ['limit', 'message']) };
  const watching = kind === 'file' && !limited && (action === 'warn' || action === 'log' || action === 'audit');
  return ok({
    rules: [{ ...base, ...(typeof action === 'string' ? { action } : {}) }, ...(watching ? [{ ...base, name: `${name}-permits`, action: 'allow' }] : [])],
    remarks: [
      ...(watching ? [remark('it permits what it watches, as in the dialect of the file', name)] : []),
      ...(approvers === undefined ? [] : [remark('its approvers are not kept: the sponsor of the agent approves', name)]),
      ...(surfaces === undefined ? [] : [remark('it holds on every surface', name)]),
    ],
  });
}
