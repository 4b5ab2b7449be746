/** Policies on trial: what they would decide, with counters of their own and a clock that is told the time. */
import { evaluateLayers } from '../kernel/policy/evaluate.ts';
import { Meter } from '../kernel/policy/limit.ts';
import type { CompiledPolicy, Verdict } from '../kernel/policy/policy.ts';
import type { PolicyRequest, Scope } from '../kernel/policy/scope.ts';

function enforced(policy: CompiledPolicy): CompiledPolicy {
  return policy.mode === 'enforce' ? policy : Object.assign({}, policy, { mode: 'enforce' as const });
}

/** Policies that decide together, as those of one host do; those in shadow mode as if they were enforced. */
export class Trial {
  readonly policies: readonly CompiledPolicy[];
  #time_ms = 0;
  #meter: Meter;

  constructor(policies: readonly CompiledPolicy[]) {
    this.policies = policies.map(enforced);
    this.#meter = new Meter(() => this.#time_ms);
  }

  /** Forgets what was counted, and the time. */
  reset(): void {
    this.#time_ms = 0;
    this.#meter = new Meter(() => this.#time_ms);
  }

  /** Decides about a request that comes at a time (Unix milliseconds); rate limits are charged. Time does not go back. */
  decide(request: PolicyRequest | Scope, time_ms: number): Verdict {
    this.#time_ms = Math.max(this.#time_ms, time_ms);
    return evaluateLayers([this.policies], request, this.#meter, { charge: true });
  }
}
