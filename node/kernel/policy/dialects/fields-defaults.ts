/** The `defaults` block of policies made of fields: thresholds that hold whatever the rules say. */
import { isFields, isStrings } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { invalid, shown, unknownKey, type RuleDocument } from '../document.ts';
import type { PolicyWarning } from '../policy.ts';
import { listed, made, not, remark } from './making.ts';

/** What the defaults say. */
export interface Defaults {
  readonly action?: 'allow' | 'deny';
  readonly rules: readonly RuleDocument[];
  readonly remarks: readonly PolicyWarning[];
}

const thresholds: { readonly [key: string]: (value: number) => string } = {
  max_tokens: (value) => `data.token_count > ${value}`,
  max_tool_calls: (value) => `data.tool_call_count > ${value}`,
  confidence_threshold: (value) => `data.confidence < ${value}`,
  // An agent of no known trust has not enough, and a chain of unknown length is none.
  min_trust_score: (value) => not(`agent.trust_score >= ${value}`),
  max_delegation_depth: (value) => `context.delegation.depth > ${value}`,
};

/** Reads the block. Fails with `POLICY_INVALID`. */
export function readDefaults(value: unknown): Result<Defaults> {
  if (value === undefined) return ok({ rules: [], remarks: [] });
  const path = ['defaults'];
  if (!isFields(value)) return invalid({ path }, 'defaults is not a mapping', 'write defaults: { action: deny }');
  const unknown = unknownKey(value, ['action', ...Object.keys(thresholds), 'allowed_namespaces', 'require_handshake'], path);
  if (unknown !== undefined) return unknown;
  const rules: RuleDocument[] = [];
  for (const [key, conditionOf] of Object.entries(thresholds)) {
    const number = value[key];
    if (number === undefined) continue;
    if (typeof number !== 'number' || !Number.isFinite(number) || number < 0) return invalid({ path: [...path, key] }, `${key} is ${shown(number)}`, 'write a number that is not negative');
    rules.push(made([...path, key], { name: `default-${key.replaceAll('_', '-')}`, condition: conditionOf(number), action: 'deny' }));
  }
  const { action, allowed_namespaces: namespaces, require_handshake } = value;
  if (action !== undefined && action !== 'allow' && action !== 'deny') return invalid({ path: [...path, 'action'] }, `the default action is ${shown(action)}`, 'write action: deny or action: allow');
  if (namespaces !== undefined && !isStrings(namespaces)) return invalid({ path: [...path, 'allowed_namespaces'] }, 'allowed_namespaces is not a list of texts', 'write ["core"]');
  if (namespaces !== undefined && !namespaces.includes('*')) {
    rules.push(made([...path, 'allowed_namespaces'], { name: 'default-allowed-namespaces', condition: not(`agent.namespace in ${listed(namespaces)}`), action: 'deny' }));
  }
  if (require_handshake !== undefined && typeof require_handshake !== 'boolean') return invalid({ path: [...path, 'require_handshake'] }, 'require_handshake is not a boolean', 'write require_handshake: true');
  const remarks = require_handshake === false ? [remark('require_handshake: false changes nothing: every peer proves its identity first')] : [];
  return ok({ rules, remarks, ...(action === undefined ? {} : { action }) });
}
