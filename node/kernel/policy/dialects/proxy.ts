/**
 * Policies of AgentMesh's MCP proxy: rules by tool name, the first that names the
 * tool decides. A rule that allows under conditions denies where they do not hold.
 */
import { isFields, isStrings, type Fields } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { rules_max } from '../bounds.ts';
import { invalid, isProblem, mappings, shown, textProblem, texts, unknownKey, type Path, type PolicyDocument, type RuleDocument } from '../document.ts';
import { all, any, documentOf, inPayload, isAction, literal, made, not } from './making.ts';
import { oneOf } from './native.ts';

const top_keys = ['version', 'name', 'description', 'mode', 'rules', 'rate_limits', 'audit'];
const rule_keys = ['tool', 'action', 'reason', 'conditions', 'rate_limit'];
const periods = ['second', 'minute', 'hour', 'day'];

/** Whether a document is of this dialect: its rules name tools. */
export function isProxyDocument(value: Fields): boolean {
  const rules = Array.isArray(value['rules']) ? value['rules'] : [];
  return rules.some((rule) => isFields(rule) && 'tool' in rule);
}

/** Reads such a document. Fails with `POLICY_INVALID`. */
export function readProxyDocument(value: Fields): Result<PolicyDocument> {
  const problem = unknownKey(value, top_keys, []) ?? oneOf(value, 'version', ['1.0']) ?? oneOf(value, 'mode', ['enforce', 'shadow']) ?? textProblem(value, 'name', []);
  if (problem !== undefined) return problem;
  const items = mappings(value['rules'], ['rules']);
  if (isProblem(items)) return items;
  if (items.length > rules_max) return invalid({ path: ['rules'] }, `there are ${items.length} rules, ${rules_max} are allowed`, 'split the policy');
  const rules: RuleDocument[] = [];
  const earlier: string[] = [];
  for (const [index, [item, path]] of items.entries()) {
    const rule = readRule(item, path, { earlier, index });
    if (!rule.ok) return rule;
    rules.push(...rule.value);
    if (typeof item['tool'] === 'string') earlier.push(item['tool']);
  }
  const global = readGlobal(value['rate_limits']);
  if (!global.ok) return global;
  return ok(documentOf({ ...texts(value, ['name']), mode: value['mode'] === 'shadow' ? 'shadow' : 'enforce', rules: [...rules, ...global.value], remarks: [] }));
}

function readGlobal(value: unknown): Result<readonly RuleDocument[]> {
  if (value === undefined) return ok([]);
  const path = ['rate_limits'];
  if (!isFields(value)) return invalid({ path }, 'rate_limits is not a mapping', 'write rate_limits: { global: { requests: 100, per: minute } }');
  const unknown = unknownKey(value, ['global'], path);
  if (unknown !== undefined) return unknown;
  const limit = rateOf(value['global'], [...path, 'global']);
  return limit.ok ? ok([made([...path, 'global'], { name: 'global-rate-limit', condition: 'true', limit: limit.value })]) : limit;
}

function rateOf(value: unknown, path: Path): Result<string> {
  const rate = isFields(value) ? value : {};
  const { requests, per } = rate;
  const right = typeof requests === 'number' && Number.isSafeInteger(requests) && typeof per === 'string' && periods.includes(per) && unknownKey(rate, ['requests', 'per'], path) === undefined;
  return right ? ok(`${requests}/${per}`) : invalid({ path }, `${shown(value)} is not a rate`, `write { requests: 10, per: minute }, per one of ${periods.join(', ')}`);
}

function named(tool: string): string | undefined {
  if (tool === '*') return 'true';
  if (!/^[\w.:/-]+\*?$/.test(tool)) return undefined;
  if (!tool.endsWith('*')) return isAction(tool);
  const start = literal(tool.slice(0, -1));
  return `startsWith(action.type, ${start}) or (has(action.tool) and startsWith(action.tool, ${start}))`;
}

/** Whether two names can mean the same tool. */
function meet(tool: string, other: string): boolean {
  const [start, begin] = [tool, other].map((name) => (name.endsWith('*') ? name.slice(0, -1) : undefined));
  if (start !== undefined && begin !== undefined) return start.startsWith(begin) || begin.startsWith(start);
  if (start !== undefined) return other.startsWith(start);
  return begin === undefined ? tool === other : tool.startsWith(begin);
}

/** That the tool has one of these names. */
function namedBy(tools: readonly string[]): string {
  const plain = tools.filter((tool) => !tool.endsWith('*'));
  return any([...(plain.length === 0 ? [] : [isAction(...plain)]), ...tools.filter((tool) => tool.endsWith('*')).map((tool) => named(tool) ?? 'true')]);
}

function readRule(rule: Fields, path: Path, { earlier, index }: { readonly earlier: readonly string[]; readonly index: number }): Result<readonly RuleDocument[]> {
  const problem = unknownKey(rule, rule_keys, path) ?? textProblem(rule, 'tool', path) ?? textProblem(rule, 'reason', path);
  if (problem !== undefined) return problem;
  const { tool, action, reason } = rule;
  const own = typeof tool === 'string' ? named(tool) : undefined;
  if (typeof tool !== 'string' || own === undefined) return invalid({ path: [...path, 'tool'] }, `${shown(tool)} names no tool`, 'write tool: "read_file", "git_*" or "*"');
  if (action !== 'allow' && action !== 'deny') return invalid({ path: [...path, 'action'] }, `the action is ${shown(action)}`, 'use one of allow, deny');
  const violated = readViolations(rule['conditions'], [...path, 'conditions']);
  if (!violated.ok) return violated;
  const limit = rule['rate_limit'] === undefined ? undefined : rateOf(rule['rate_limit'], [...path, 'rate_limit']);
  if (limit?.ok === false) return limit;
  if (action === 'deny' && (violated.value.length > 0 || limit !== undefined)) return invalid({ path }, 'a denial has neither conditions nor a rate', 'leave them out');
  const before = earlier.filter((other) => meet(tool, other));
  const first = before.length === 0 ? own : all([own, not(namedBy(before))]);
  const base = { name: `${index + 1}-${tool}`, condition: first, condition_path: [...path, 'tool'], ...(typeof reason === 'string' ? { message: reason } : {}) };
  return ok([
    made(path, { ...base, action, ...(limit === undefined ? {} : { limit: limit.value }) }),
    ...violated.value.map(([condition, place], at) => made(place, { ...base, name: `${base.name}-condition-${at + 1}`, condition: all([first, condition]), condition_path: place, action: 'deny' })),
  ]);
}

/** What must not be, for each condition with its place. */
function readViolations(value: unknown, path: Path): Result<readonly (readonly [string, Path])[]> {
  const items = mappings(value ?? [], path);
  if (isProblem(items)) return items;
  const violations: (readonly [string, Path])[] = [];
  for (const [item, place] of items) {
    const unknown = unknownKey(item, ['path_not_contains', 'argument_not_matches'], place);
    if (unknown !== undefined) return unknown;
    const { path_not_contains: parts = [], argument_not_matches: patterns = {} } = item;
    if (!isStrings(parts)) return invalid({ path: [...place, 'path_not_contains'] }, 'path_not_contains is not a list of texts', 'write [".env"]');
    if (!isFields(patterns) || !isStrings(Object.values(patterns))) return invalid({ path: [...place, 'argument_not_matches'] }, 'argument_not_matches is not a mapping of patterns', 'write { query: "(?i)drop" }');
    // Looked for in every text of the payload: an argument by another name avoids nothing.
    for (const part of parts) violations.push([`payload.texts.exists(text, contains(text, ${literal(part)}))`, [...place, 'path_not_contains']]);
    for (const [argument, pattern] of Object.entries(patterns)) violations.push([inPayload(String(pattern)), [...place, 'argument_not_matches', argument]]);
  }
  return ok(violations);
}
