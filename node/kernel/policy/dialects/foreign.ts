/** Documents that are policies of other engines: refused, with what to do instead. */
import type { Fields } from '../../../../crypto/canonical.ts';
import { invalid, shown, type Problem } from '../document.ts';

/** Why a document of another engine cannot be loaded, if it is one. */
export function foreignProblem(value: Fields): Problem | undefined {
  if ('agent_control_specification_version' in value) {
    return invalid(
      { path: ['agent_control_specification_version'], key: true },
      'this is a manifest of the Agent Control Specification, whose rules are in Rego, Cedar or an adapter beside it',
      'write its rules in version 1.0; examples/policies has the published templates in that form (general-saas.yaml, conflict-resolution.yaml)',
    );
  }
  if (value['kind'] === 'FederationPolicy') {
    return invalid({ path: ['kind'] }, 'this lists registries to trust, and there is no registry here', 'peers prove their identity themselves: name the sponsors you trust with agentmesh trust');
  }
  if ('package' in value && 'default' in value) return invalid({ path: ['package'], key: true }, `this is a Rego module ${shown(value['package'])}`, 'write its rules in version 1.0');
  return undefined;
}
