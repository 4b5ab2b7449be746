/** The shape of a policy document, checked field by field; whatever is not known is refused. */
import { isFields, isStrings, type Fields } from '../../../crypto/canonical.ts';
import { fail, ok, type Failure, type Result } from '../../../crypto/result.ts';
import { rules_max, text_characters_max } from './bounds.ts';

/** Where in the document a problem is: the keys from the top. `key` is set when the key itself is the problem. */
export interface Place {
  readonly path: readonly (string | number)[];
  readonly key?: true;
  /** Characters into the text of the value. */
  readonly offset?: number;
}

/** `POLICY_INVALID` at a place of the document. */
export function invalid(place: Place, reason: string, fix: string): { readonly ok: false; readonly failure: Failure } {
  return fail('POLICY_INVALID', reason, { fix, detail: { ...place } });
}

/** A rule as written, with its fields checked. */
export interface RuleDocument {
  readonly name: string;
  readonly condition: string;
  readonly action?: string;
  readonly limit?: string;
  readonly message?: string;
  readonly priority: number;
  readonly audit?: boolean | string;
  readonly place: readonly (string | number)[];
}

/** A policy as written, with its fields checked. */
export interface PolicyDocument {
  readonly name?: string;
  readonly strict: boolean;
  readonly agent?: string;
  readonly sponsor?: string;
  readonly capabilities?: readonly string[];
  readonly frameworks: readonly string[];
  readonly delegation?: { readonly allow: boolean; readonly max_depth?: number; readonly must_narrow: boolean };
  readonly rules: readonly RuleDocument[];
}

const top_keys = [
  'version', 'name', 'description', 'agent', 'sponsor', 'capabilities', 'rules', 'policies', 'compliance', 'delegation', 'default_action', 'strict',
];
const rule_keys = ['name', 'description', 'condition', 'action', 'limit', 'message', 'priority', 'audit'];

/** Checks a policy document of version 1.0. Fails with `POLICY_INVALID`, `detail.path` says where. */
export function checkDocument(value: unknown): Result<PolicyDocument> {
  if (!isFields(value)) return invalid({ path: [] }, 'a policy is a mapping', 'start with version: "1.0" and rules:');
  const unknown = unknownKey(value, top_keys, []);
  if (unknown !== undefined) return unknown;
  if (value['version'] !== '1.0') {
    return invalid({ path: ['version'] }, `the version is ${shown(value['version'])}`, 'write version: "1.0", with the quotes');
  }
  if (value['default_action'] !== undefined && value['default_action'] !== 'deny') {
    return invalid({ path: ['default_action'] }, 'what no rule allows is denied', "leave default_action out, and allow with a rule whose condition is 'true'");
  }
  for (const key of ['name', 'description', 'agent', 'sponsor']) {
    const problem = textProblem(value, key, []);
    if (problem !== undefined) return problem;
  }
  if (value['strict'] !== undefined && typeof value['strict'] !== 'boolean') return invalid({ path: ['strict'] }, 'strict is not a boolean', 'write strict: true');
  if (value['capabilities'] !== undefined && !isStrings(value['capabilities'])) {
    return invalid({ path: ['capabilities'] }, 'capabilities is not a list of texts', 'write - "read:reports"');
  }
  return assemble(value);
}

function assemble(value: Fields): Result<PolicyDocument> {
  const frameworks = checkCompliance(value['compliance']);
  if (!frameworks.ok) return frameworks;
  const delegation = checkDelegation(value['delegation']);
  if (!delegation.ok) return delegation;
  const rules = checkRules(value);
  if (!rules.ok) return rules;
  return ok({
    ...texts(value, ['name', 'agent', 'sponsor']),
    ...(isStrings(value['capabilities']) ? { capabilities: value['capabilities'] } : {}),
    ...(delegation.value === undefined ? {} : { delegation: delegation.value }),
    strict: value['strict'] === true,
    frameworks: frameworks.value,
    rules: rules.value,
  });
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60);
}

function texts<Name extends string>(value: Fields, names: readonly Name[]): { [name in Name]?: string } {
  const found: { [name in Name]?: string } = {};
  for (const name of names) {
    const text = value[name];
    if (typeof text === 'string') found[name] = text;
  }
  return found;
}

type Problem = ReturnType<typeof invalid>;

function unknownKey(value: Fields, known: readonly string[], path: readonly (string | number)[]): Problem | undefined {
  const key = Object.keys(value).find((name) => !known.includes(name));
  return key === undefined
    ? undefined
    : invalid({ path: [...path, key], key: true }, `the key ${shown(key)} has no meaning here`, `use one of ${known.join(', ')}`);
}

function textProblem(value: Fields, key: string, path: readonly (string | number)[]): Problem | undefined {
  const text = value[key];
  if (text === undefined || (typeof text === 'string' && text !== '' && text.length <= text_characters_max)) return undefined;
  return invalid({ path: [...path, key] }, `${key} is not a text of 1 to ${text_characters_max} characters`, `write ${key}: "…"`);
}

function checkCompliance(value: unknown): Result<readonly string[]> {
  if (value === undefined) return ok([]);
  const path = ['compliance'];
  if (!isFields(value)) return invalid({ path }, 'compliance is not a mapping', 'write compliance: { frameworks: ["hipaa"] }');
  const unknown = unknownKey(value, ['frameworks'], path);
  if (unknown !== undefined) return unknown;
  const frameworks = value['frameworks'] ?? [];
  return isStrings(frameworks) ? ok(frameworks) : invalid({ path: [...path, 'frameworks'] }, 'frameworks is not a list of texts', 'write ["hipaa", "gdpr"]');
}

function checkDelegation(value: unknown): Result<PolicyDocument['delegation']> {
  if (value === undefined) return ok(undefined);
  const path = ['delegation'];
  if (!isFields(value)) return invalid({ path }, 'delegation is not a mapping', 'write delegation: { allow: true, max_depth: 2 }');
  const unknown = unknownKey(value, ['allow', 'max_depth', 'must_narrow'], path);
  if (unknown !== undefined) return unknown;
  const { allow = false, max_depth, must_narrow = true } = value;
  if (typeof allow !== 'boolean') return invalid({ path: [...path, 'allow'] }, 'allow is not a boolean', 'write allow: true');
  if (typeof must_narrow !== 'boolean') return invalid({ path: [...path, 'must_narrow'] }, 'must_narrow is not a boolean', 'write must_narrow: true');
  if (max_depth === undefined) return ok({ allow, must_narrow });
  const whole = typeof max_depth === 'number' && Number.isSafeInteger(max_depth) && max_depth >= 0 && max_depth <= 8;
  return whole ? ok({ allow, must_narrow, max_depth }) : invalid({ path: [...path, 'max_depth'] }, 'max_depth is not a whole number from 0 to 8', 'write max_depth: 2');
}

function checkRules(value: Fields): Result<readonly RuleDocument[]> {
  if (value['rules'] !== undefined && value['policies'] !== undefined) {
    return invalid({ path: ['policies'], key: true }, 'there are both rules and policies', 'put all rules under rules');
  }
  const key = value['policies'] === undefined ? 'rules' : 'policies';
  const list = value[key];
  if (!Array.isArray(list)) return invalid({ path: list === undefined ? [] : [key] }, 'there is no list of rules', 'write rules: and a list of - name, condition, action');
  if (list.length > rules_max) return invalid({ path: [key] }, `there are ${list.length} rules, ${rules_max} are allowed`, 'split the policy');
  const rules: RuleDocument[] = [];
  const names = new Set<string>();
  for (const [index, item] of list.entries()) {
    const rule = checkRule(item, [key, index]);
    if (!rule.ok) return rule;
    if (names.has(rule.value.name)) return invalid({ path: [key, index, 'name'] }, `two rules are called ${shown(rule.value.name)}`, 'give each rule its own name');
    names.add(rule.value.name);
    rules.push(rule.value);
  }
  return ok(rules);
}

function checkRule(value: unknown, place: readonly (string | number)[]): Result<RuleDocument> {
  if (!isFields(value)) return invalid({ path: place }, 'a rule is a mapping', 'write - name: …, condition: …, action: …');
  const unknown = unknownKey(value, rule_keys, place);
  if (unknown !== undefined) return unknown;
  for (const key of ['name', 'description', 'message', 'action', 'limit']) {
    const problem = textProblem(value, key, place);
    if (problem !== undefined) return problem;
  }
  const { name, condition, priority = 0, audit } = value;
  if (typeof name !== 'string') return invalid({ path: place }, 'the rule has no name', 'add name: …');
  if (typeof condition !== 'string') {
    return invalid({ path: condition === undefined ? place : [...place, 'condition'] }, `the rule ${shown(name)} has no condition in words`, "write condition: \"action.type == 'export'\", or 'true' for always");
  }
  if (typeof priority !== 'number' || !Number.isFinite(priority)) return invalid({ path: [...place, 'priority'] }, 'priority is not a number', 'write priority: 10');
  if (audit !== undefined && typeof audit !== 'boolean' && audit !== 'durable' && audit !== 'batched') {
    return invalid({ path: [...place, 'audit'] }, 'audit is neither a boolean nor durable nor batched', 'write audit: true');
  }
  return ok({ name, condition, priority, place, ...(audit === undefined ? {} : { audit }), ...texts(value, ['action', 'limit', 'message']) });
}
