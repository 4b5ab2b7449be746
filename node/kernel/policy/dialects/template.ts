/**
 * The policy templates of Agent OS (a `kernel:` block, then `policies:` with
 * `deny`, `allow`, `requires_approval` and `limits`). A template forbids, and
 * leaves the rest to the other policies: it is read as a guard. Denial by a
 * signal stays a denial, and the kernel raises the signal. What restricts an
 * agent and cannot be kept is refused with its line.
 */
import { isFields, isStrings, type Fields } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { rules_max } from '../bounds.ts';
import { invalid, isProblem, mappings, shown, unknownKey, type PolicyDocument, type RuleDocument } from '../document.ts';
import type { PolicyWarning } from '../policy.ts';
import { repeatedName } from './fields.ts';
import { documentOf, remark } from './making.ts';
import { readTemplatePolicy } from './template-policy.ts';

/** What decides nothing about an action: read, and left out with a remark. */
const beside: readonly string[] = ['notifications', 'integrations', 'alerts', 'cost_tracking', 'settings', 'tls', 'retry', 'cache'];
const known: ReadonlySet<string> = new Set(['kernel', 'description', 'signals', 'policies', 'audit', 'compliance', ...beside]);

/** Whether a document is a template: it has a `kernel:` block. */
export function isTemplate(value: Fields): boolean {
  return isFields(value['kernel']);
}

/** Reads a template. Fails with `POLICY_INVALID`. */
export function readTemplate(value: Fields): Result<PolicyDocument> {
  const key = Object.keys(value).find((name) => !known.has(name));
  if (key !== undefined) {
    return invalid({ path: [key], key: true }, `${shown(key)} restricts what an agent may do in a way that cannot be kept`, 'take it out, and write what it forbids as rules of version 1.0');
  }
  const kernel = isFields(value['kernel']) ? value['kernel'] : {};
  const unknown = unknownKey(kernel, ['version', 'mode', 'template'], ['kernel']);
  if (unknown !== undefined) return unknown;
  if (kernel['version'] !== '1.0') return invalid({ path: ['kernel', 'version'] }, `the version is ${shown(kernel['version'])}`, 'write version: "1.0", with the quotes');
  if (kernel['mode'] !== 'strict' && kernel['mode'] !== 'permissive') return invalid({ path: ['kernel', 'mode'] }, `the mode is ${shown(kernel['mode'])}`, 'use one of strict, permissive');
  const items = mappings(value['policies'], ['policies']);
  if (isProblem(items)) return items;
  const rules: RuleDocument[] = [];
  const remarks: PolicyWarning[] = beside.filter((name) => name in value).map((name) => remark(`${name} decides about no action, and is left out`));
  if ('audit' in value) remarks.push(remark('audit is left out: every decision is recorded in the audit log of the host'));
  for (const [item, path] of items) {
    const read = readTemplatePolicy(item, path);
    if (!read.ok) return read;
    rules.push(...read.value.rules);
    remarks.push(...read.value.remarks);
  }
  if (rules.length > rules_max) return invalid({ path: ['policies'] }, `there are ${rules.length} rules, ${rules_max} are allowed`, 'split the template');
  const name = kernel['template'];
  return repeatedName(rules) ?? ok(documentOf({
    ...(typeof name === 'string' && name !== '' ? { name } : {}),
    kind: 'guard',
    strict: kernel['mode'] === 'strict',
    frameworks: frameworksOf(value['compliance']),
    rules,
    remarks,
  }));
}

function frameworksOf(compliance: unknown): readonly string[] {
  const { framework, frameworks } = isFields(compliance) ? compliance : {};
  const names = typeof framework === 'string' ? [framework] : isStrings(frameworks) ? frameworks : [];
  return names.map((name) => name.toLowerCase());
}
