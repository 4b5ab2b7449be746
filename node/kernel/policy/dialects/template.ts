/**
 * The policy templates of Agent OS (a `kernel:` block, then `policies:` with
 * `deny`, `allow`, `requires_approval` and `limits`). A template forbids, and
 * leaves the rest to the other policies: it is read as a guard. Denial by a
 * signal stays a denial, and the kernel raises the signal. What restricts an
 * agent and cannot be kept is refused with its line.
 */
import { isFields, isStrings, type Fields } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { leastBudgets } from '../../budgets.ts';
import { rules_max } from '../bounds.ts';
import { invalid, isProblem, mappings, shown, unknownKey, type PolicyDocument, type RuleDocument } from '../document.ts';
import type { Budgets, PolicyWarning } from '../policy.ts';
import { repeatedName } from './fields.ts';
import { documentOf, remark } from './making.ts';
import { readTemplatePolicy } from './template-policy.ts';

/** What decides nothing about an action: read, and left out with a remark. */
const beside: readonly string[] = ['notifications', 'integrations', 'alerts', 'cost_tracking', 'settings', 'tls', 'retry', 'cache'];
const known: ReadonlySet<string> = new Set(['kernel', 'description', 'signals', 'policies', 'audit', 'compliance', ...beside]);

const rates = 'take it out, and write in version 1.0: rules with limit: "100/minute", budgets: { calls, tokens, cost, wall_time_ms } for all that an agent may use up, loops: { repeats, window_ms }';
const refused_else: readonly [why: string, fix: string] = ['', 'take it out, and write what it forbids as rules of version 1.0'];
/** Why, and what to write instead. */
const refused: { readonly [key: string]: readonly [why: string, fix: string] } = {
  network: [': it is for a proxy, and only actions are decided about here', 'take it out, and under policies: write name: network, allow: [{ action: http_request, domains: [api.example.com] }], deny: [{ action: http_request, domains: ["*"] }]'],
  rate_limits: [': tokens in a minute are not counted', rates],
  global_limits: [': how many requests run at once is not counted', rates],
};

/** Whether a document is a template: it has a `kernel:` block. */
export function isTemplate(value: Fields): boolean {
  return isFields(value['kernel']);
}

/** Reads a template. Fails with `POLICY_INVALID`. */
export function readTemplate(value: Fields): Result<PolicyDocument> {
  const key = Object.keys(value).find((name) => !known.has(name));
  if (key !== undefined) {
    const [why, fix] = Object.hasOwn(refused, key) ? refused[key] ?? refused_else : refused_else;
    return invalid({ path: [key], key: true }, `${shown(key)} restricts what an agent may do in a way that cannot be kept${why}`, fix);
  }
  const kernel = isFields(value['kernel']) ? value['kernel'] : {};
  const unknown = unknownKey(kernel, ['version', 'mode', 'template'], ['kernel']);
  if (unknown !== undefined) return unknown;
  if (kernel['version'] !== '1.0') return invalid({ path: ['kernel', 'version'] }, `the version is ${shown(kernel['version'])}`, 'write version: "1.0", with the quotes');
  if (kernel['mode'] !== 'strict' && kernel['mode'] !== 'permissive') return invalid({ path: ['kernel', 'mode'] }, `the mode is ${shown(kernel['mode'])}`, 'use one of strict, permissive');
  const items = mappings(value['policies'], ['policies']);
  if (isProblem(items)) return items;
  const rules: RuleDocument[] = [];
  let budgets: Budgets = {};
  const remarks: PolicyWarning[] = beside.filter((name) => name in value).map((name) => remark(`${name} decides about no action, and is left out`));
  if ('audit' in value) remarks.push(remark('audit is left out: every decision is recorded in the audit log of the host'));
  for (const [item, path] of items) {
    const read = readTemplatePolicy(item, path);
    if (!read.ok) return read;
    rules.push(...read.value.rules);
    remarks.push(...read.value.remarks);
    budgets = leastBudgets([budgets, read.value.budgets]);
  }
  if (rules.length > rules_max) return invalid({ path: ['policies'] }, `there are ${rules.length} rules, ${rules_max} are allowed`, 'split the template');
  const name = kernel['template'];
  return repeatedName(rules) ?? ok(documentOf({
    ...(typeof name === 'string' && name !== '' ? { name } : {}),
    kind: 'guard',
    strict: kernel['mode'] === 'strict',
    frameworks: frameworksOf(value['compliance']),
    ...(Object.keys(budgets).length === 0 ? {} : { budgets }),
    rules,
    remarks,
  }));
}

function frameworksOf(compliance: unknown): readonly string[] {
  const { framework, frameworks } = isFields(compliance) ? compliance : {};
  const names = typeof framework === 'string' ? [framework] : isStrings(frameworks) ? frameworks : [];
  return names.map((name) => name.toLowerCase());
}
