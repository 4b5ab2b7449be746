/**
 * Policies whose conditions are mappings of field, operator and value: the
 * policy documents of Agent OS and the trust policies of AgentMesh. Their rules
 * were tried in the order of priority and the first match decided; here every
 * denial holds, which is never milder.
 */
import { isFields, isStrings, type Fields } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { rules_max } from '../bounds.ts';
import { invalid, isProblem, mappings, shown, textProblem, texts, unknownKey, type Path, type PolicyDocument, type Problem, type RuleDocument } from '../document.ts';
import type { PolicyWarning } from '../policy.ts';
import { all, any, bothWays, documentOf, inPayload, isAction, listed, literal, made, payload_texts, remark, undecided } from './making.ts';
import { readDefaults } from './fields-defaults.ts';

const top_keys = ['version', 'name', 'description', 'scope', 'rules', 'defaults', 'metadata'];
const rule_keys = ['name', 'id', 'description', 'condition', 'conditions', 'action', 'priority', 'message'];
const known_roots: ReadonlySet<string> = new Set(['action', 'agent', 'context', 'data', 'sandbox', 'taint']);
const renamed: { readonly [field: string]: string } = {
  trust_score: 'agent.trust_score', delegation_depth: 'context.delegation.depth', tool_name: 'action.tool', agent_id: 'agent.id', agent_did: 'agent.did',
};
const comparisons: { readonly [operator: string]: string } = { eq: '==', ne: '!=', gt: '>', gte: '>=', lt: '<', lte: '<=' };
const operators = [...Object.keys(comparisons), 'in', 'not_in', 'matches', 'contains'];
const actions: { readonly [action: string]: string } = {
  allow: 'allow', deny: 'deny', block: 'deny', require_approval: 'require_approval', escalate: 'require_approval',
  warn: 'warn', log: 'log', audit: 'audit', rate_limit: 'rate_limit',
};

/** Whether a document is of this dialect: its rules have conditions of fields, or it has defaults. */
export function isFieldsDocument(value: Fields): boolean {
  const rules = Array.isArray(value['rules']) ? value['rules'] : [];
  return isFields(value['defaults']) || rules.some((rule) => isFields(rule) && (isFields(rule['condition']) || Array.isArray(rule['conditions'])) && !('tool' in rule));
}

/** Reads such a document. Fails with `POLICY_INVALID`. */
export function readFieldsDocument(value: Fields): Result<PolicyDocument> {
  const unknown = unknownKey(value, top_keys, []) ?? textProblem(value, 'name', []);
  if (unknown !== undefined) return unknown;
  if (value['version'] !== '1.0') return invalid({ path: ['version'] }, `the version is ${shown(value['version'])}`, 'write version: "1.0", with the quotes');
  const items = mappings(value['rules'] ?? [], ['rules']);
  if (isProblem(items)) return items;
  if (items.length > rules_max) return invalid({ path: ['rules'] }, `there are ${items.length} rules, ${rules_max} are allowed`, 'split the policy');
  const defaults = readDefaults(value['defaults']);
  if (!defaults.ok) return defaults;
  const allowing = items.some(([rule]) => rule['action'] === 'allow');
  const kind = (defaults.value.action ?? (allowing ? 'deny' : 'allow')) === 'allow' ? 'guard' : 'file';
  const rules: RuleDocument[] = [];
  const remarks: PolicyWarning[] = [...defaults.value.remarks, ...(defaults.value.action === undefined ? [undecided(kind)] : [])];
  for (const [item, path] of items) {
    const rule = readRule(item, path, { kind, rate: rateOf(value['metadata']) });
    if (!rule.ok) return rule;
    rules.push(...rule.value);
    if (kind === 'file' && rule.value.some(({ name }) => name.endsWith('-permits'))) remarks.push(remark('it permits what it watches, as in the dialect of the file', rule.value[0]?.name));
  }
  const twice = repeatedName([...rules, ...defaults.value.rules]);
  if (twice !== undefined) return twice;
  return ok(documentOf({ ...texts(value, ['name']), kind, rules: [...rules, ...defaults.value.rules], remarks }));
}

/** Two rules of one name, as a problem. */
export function repeatedName(rules: readonly RuleDocument[]): Problem | undefined {
  const names = new Set<string>();
  const twice = rules.find(({ name }) => names.size === names.add(name).size);
  return twice === undefined ? undefined : invalid({ path: twice.place }, `two rules are called ${shown(twice.name)}`, 'give each rule its own name');
}

function rateOf(metadata: unknown): number | undefined {
  const rate = isFields(metadata) ? metadata['max_calls_per_minute'] : undefined;
  return typeof rate === 'number' && Number.isSafeInteger(rate) && rate > 0 ? rate : undefined;
}

interface Setting {
  readonly kind: 'file' | 'guard';
  readonly rate: number | undefined;
}

function readRule(rule: Fields, path: Path, { kind, rate }: Setting): Result<readonly RuleDocument[]> {
  const unknown = unknownKey(rule, rule_keys, path) ?? textProblem(rule, 'name', path) ?? textProblem(rule, 'id', path) ?? textProblem(rule, 'message', path);
  if (unknown !== undefined) return unknown;
  const { name = rule['id'], action, priority = 0 } = rule;
  if (typeof name !== 'string') return invalid({ path }, 'the rule has no name', 'add name: …');
  if (typeof priority !== 'number' || !Number.isFinite(priority)) return invalid({ path: [...path, 'priority'] }, 'priority is not a number', 'write priority: 10');
  const meaning = typeof action === 'string' && Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (meaning === undefined) return invalid({ path: [...path, 'action'] }, `there is no action ${shown(action)}`, `use one of ${Object.keys(actions).join(', ')}`);
  const condition = readConditions(rule, path);
  if (!condition.ok) return condition;
  const base = made(path, { name, condition: condition.value, priority, condition_path: [...path, 'condition' in rule ? 'condition' : 'conditions'], ...texts(rule, ['message']) });
  if (meaning === 'rate_limit') {
    if (rate === undefined) return invalid({ path: [...path, 'action'] }, 'rate_limit says no rate', 'write metadata: { max_calls_per_minute: 10 }');
    return ok([{ ...base, ...(kind === 'file' ? { action: 'allow' } : {}), limit: `${rate}/minute` }]);
  }
  if (meaning === 'deny' && condition.value.includes(payload_texts)) return ok(bothWays({ ...base, action: meaning }));
  const watching = kind === 'file' && ['warn', 'log', 'audit'].includes(meaning);
  return ok([{ ...base, action: meaning }, ...(watching ? [{ ...base, name: `${name}-permits`, action: 'allow' }] : [])]);
}

function readConditions(rule: Fields, path: Path): Result<string> {
  if ('condition' in rule === 'conditions' in rule) return invalid({ path }, 'the rule has not exactly one of condition and conditions', 'write condition: { field: …, operator: …, value: … }');
  if ('condition' in rule) return readCondition(rule['condition'], [...path, 'condition']);
  const list = mappings(rule['conditions'], [...path, 'conditions']);
  if (isProblem(list)) return list;
  if (list.length === 0) return invalid({ path: [...path, 'conditions'] }, 'there is no condition', 'write - field: …, operator: …, value: …');
  const parts: string[] = [];
  for (const [item, place] of list) {
    const part = readCondition(item, place);
    if (!part.ok) return part;
    parts.push(part.value);
  }
  return ok(all(parts));
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function isPlainList(value: unknown): value is readonly (string | number | boolean)[] {
  return Array.isArray(value) && value.every(isPlain);
}

function readCondition(value: unknown, path: Path): Result<string> {
  if (!isFields(value)) return invalid({ path }, 'the condition is not a mapping', 'write { field: trust_score, operator: lt, value: 200 }');
  const unknown = unknownKey(value, ['field', 'operator', 'value'], path);
  if (unknown !== undefined) return unknown;
  const { field, operator, value: operand } = value;
  if (typeof field !== 'string' || !/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/.test(field)) return invalid({ path: [...path, 'field'] }, `${shown(field)} is not the name of a field`, 'write field: trust_score');
  if (typeof operator !== 'string' || !operators.includes(operator)) return invalid({ path: [...path, 'operator'] }, `there is no operator ${shown(operator)}`, `use one of ${operators.join(', ')}`);
  const listing = operator === 'in' || operator === 'not_in';
  if (listing ? !isPlainList(operand) : !isPlain(operand)) {
    return invalid({ path: [...path, 'value'] }, `${shown(operand)} is nothing to compare with`, listing ? 'write value: [a, b]' : 'write value: 10');
  }
  if ((operator === 'matches' || operator === 'contains') && typeof operand !== 'string') return invalid({ path: [...path, 'value'] }, `${shown(operand)} is not a text`, 'write value: "…"');
  return ok(comparison(field, operator, isPlainList(operand) ? operand : isPlain(operand) ? [operand] : []));
}

function attributeOf(field: string): string {
  const [root = ''] = field.split('.');
  if (Object.hasOwn(renamed, field)) return renamed[field] ?? field;
  return known_roots.has(root) && root !== field ? field : `data.${field}`;
}

function comparison(field: string, operator: string, operands: readonly (string | number | boolean)[]): string {
  const [operand = ''] = operands;
  const attribute = attributeOf(field);
  const names = isStrings(operands) ? operands : [];
  if (field === 'tool_name' && names.length > 0) {
    if (operator === 'eq' || operator === 'in') return isAction(...names);
    if (operator === 'ne' || operator === 'not_in') return `not (${isAction(...names)})`;
  }
  if (operator === 'in') return `${attribute} in ${listed(operands)}`;
  if (operator === 'not_in') return `not (${attribute} in ${listed(operands)})`;
  const plain = operator === 'matches' || operator === 'contains' ? `${operator}(${attribute}, ${literal(operand)})` : `${attribute} ${comparisons[operator] ?? '=='} ${literal(operand)}`;
  // What an action carries is its payload, under whatever name.
  return field === 'content' && operator === 'matches' ? any([plain, inPayload(String(operand))]) : plain;
}
