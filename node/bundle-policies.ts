/** Bundles as policies in force: what a bundle compiles to, and what stands in for one that is missing. */
import { fail, ok, unwrap, type Result } from '../crypto/result.ts';
import type { PolicyBundle } from '../crypto/policy-bundle.ts';
import { parseBundle, type BundleContent } from '../protocols/bundle/index.ts';
import { Policy } from './kernel/index.ts';
import { compilePolicy } from './kernel/policy/load.ts';

/** What of a statement says which bundle is meant. */
export type NamedBundle = Pick<PolicyBundle, 'scope' | 'seq'>;

/** Compiles the policies of a bundle. Fails with `POLICY_INVALID`; the reason names bundle, version and file. */
export async function compileBundle({ name, version, policies }: BundleContent): Promise<Result<readonly Policy[]>> {
  const compiled: Policy[] = [];
  for (const { file, text } of policies) {
    const policy = await Policy.parse(text, `${name}@${version}/${file}`);
    if (!policy.ok) return policy;
    compiled.push(policy.value);
  }
  return ok(compiled);
}

/**
 * The policies of a bundle whose bytes were compared with the statement's hash.
 * Fails with `BUNDLE_MALFORMED`, `BUNDLE_TOO_LARGE`, `BUNDLE_MISNAMED` where the bundle
 * calls itself otherwise than its statement does, or `POLICY_INVALID`.
 */
export async function openBundle(bytes: Uint8Array, { scope, seq }: NamedBundle): Promise<Result<readonly Policy[]>> {
  const content = parseBundle(bytes);
  if (!content.ok) return content;
  const { name, version } = content.value;
  if (name !== scope || version !== seq) {
    return fail('BUNDLE_MISNAMED', `the bundle calls itself ${name} in version ${version}, its statement ${scope} in version ${seq}`, { fix: 'its organisation must publish it again: agentmesh policy publish' });
  }
  return compileBundle(content.value);
}

/** Whether policies that decide together as one layer allow nothing, whatever comes. What is in shadow mode does not decide, and guards alone leave the decision to other layers. */
export function allowNothing(policies: readonly Policy[]): boolean {
  const enforced = policies.filter(({ mode }) => mode === 'enforce');
  return enforced.some(({ kind }) => kind !== 'guard')
    && !enforced.some(({ rules }) => rules.some(({ effect }) => effect === 'allow' || effect === 'require_approval'));
}

function nothing(name: string, message: string): Policy {
  return unwrap(compilePolicy({ version: '1.0', name, rules: [{ name, condition: 'true', action: 'deny', message }] }));
}

/** Stands in for a bundle that is in force and cannot be had or read: what it would have forbidden is not known, so everything is. */
export const unavailable: Policy = nothing('organisation-policies-unavailable', 'a bundle of policies that is in force here cannot be read: agentmesh policy bundles');
/** Stands in for the first bundle of an organisation without which nothing may happen. */
export const awaited: Policy = nothing('organisation-policies-awaited', 'this host waits for the first bundle of policies of its organisation: agentmesh policy bundles');
