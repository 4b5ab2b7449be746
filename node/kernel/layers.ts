/** The policies in force, in layers of which each must allow: a change takes effect between two decisions, never within one. */
import type { Policy } from './guards.ts';
import { leastBudgets } from './budgets.ts';
import { strictestLoops } from './loops.ts';
import type { Budgets, LoopTerms } from './policy/policy.ts';

/** The layers, highest first. */
export type PolicyLayer = 'organisation' | 'host' | 'agent';

/** What a host sets over the policies that a kernel was built with. Each organisation is a layer of its own: none can allow what another does not. */
export interface HostLayers {
  readonly organisations?: readonly (readonly Policy[])[];
  readonly host?: readonly Policy[];
  readonly agent?: readonly Policy[];
}

/** What a kernel is built with. */
export interface OwnLayers {
  readonly organisation: readonly Policy[];
  readonly host: readonly Policy[];
  readonly agents: { readonly [agent: string]: readonly Policy[] };
}

/** What an agent may use up, and what counts as a loop of it; absent where no policy says. */
export interface Terms {
  readonly budgets: Budgets;
  readonly loops: LoopTerms | undefined;
}

interface InForce {
  readonly layers: readonly (readonly Policy[])[];
  readonly terms: Map<string | undefined, Terms>;
}

/** Whether a policy is for an agent: it names no other one. */
export function isMeantFor(policy: Policy, agent: string, agent_name: string | undefined): boolean {
  return policy.agent === undefined || policy.agent === agent || policy.agent === agent_name;
}

/** Agents whose layers are put together once and kept. */
const kept_agents_max = 1_024;

/** The layers of one kernel. */
export class PolicyLayers {
  #own: OwnLayers;
  #above: HostLayers | undefined;
  readonly #kept = new Map<string, InForce>();

  constructor(own: OwnLayers) {
    this.#own = own;
  }

  /** The policies of the host that the kernel was built with. */
  get host(): readonly Policy[] {
    return this.#own.host;
  }

  /** A host takes the kernel over: its layers stand above all others. */
  takeOver(above: HostLayers): void {
    this.#above = above;
    this.#kept.clear();
  }

  /** Replaces a layer at once: of the host that has taken the kernel over, or else the kernel's own. In the layer `agent` it is for the one that is named. */
  replace(layer: PolicyLayer, policies: readonly Policy[], agent: string): void {
    if (this.#above !== undefined) this.#above = { ...this.#above, ...(layer === 'organisation' ? { organisations: [policies] } : { [layer]: policies }) };
    else if (layer === 'agent') this.#own = { ...this.#own, agents: { ...this.#own.agents, [agent]: policies } };
    else this.#own = { ...this.#own, [layer]: policies };
    this.#kept.clear();
  }

  /** Replaces the layers of all organisations of the host that has taken the kernel over, at once. */
  replaceOrganisations(organisations: readonly (readonly Policy[])[]): void {
    this.#above = { ...this.#above, organisations };
    this.#kept.clear();
  }

  /** The layers of an agent, highest first; the same object as long as nothing has changed. */
  of(agent: string): readonly (readonly Policy[])[] {
    return this.#inForce(agent).layers;
  }

  /** What the policies for an agent say that it may use up and how often it may come again. Policies in shadow say nothing. */
  terms(agent: string, agent_name: string | undefined): Terms {
    const { layers, terms } = this.#inForce(agent);
    const known = terms.get(agent_name);
    if (known !== undefined) return known;
    const policies = layers.flat().filter((policy) => policy.mode === 'enforce' && isMeantFor(policy, agent, agent_name));
    const found: Terms = {
      budgets: leastBudgets(policies.map(({ budgets }) => budgets)),
      loops: strictestLoops(policies.map(({ loops }) => loops).filter((loops) => loops !== undefined)),
    };
    if (terms.size < kept_agents_max) terms.set(agent_name, found);
    return found;
  }

  #inForce(agent: string): InForce {
    const known = this.#kept.get(agent);
    if (known !== undefined) return known;
    const { organisations = [], host = [], agent: own = [] } = this.#above ?? {};
    const { agents } = this.#own;
    const layers = [...organisations, host, own, this.#own.organisation, this.#own.host, Object.hasOwn(agents, agent) ? agents[agent] ?? [] : []];
    // Copied, because what is known of layers is kept by their identity, and whoever gave a list may change it.
    const in_force: InForce = { layers: layers.filter((layer) => layer.length > 0).map((layer) => layer.slice()), terms: new Map() };
    if (this.#kept.size >= kept_agents_max) this.#kept.clear();
    this.#kept.set(agent, in_force);
    return in_force;
  }
}
