/**
 * The memory of the agents of this host: each agent's file system under the
 * kernel that governs it, and its owner's way to look into it, which no policy
 * of an agent refuses and which stands on record all the same.
 */
import { utf8 } from '../crypto/bytes.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import type { Clock, Recorder, Store } from '../protocols/ports.ts';
import { vfs_limits, VfsTrees } from '../storage/vfs.ts';
import type { HousedAgent } from './agent-house.ts';
import type { LocalIdentity } from './identities.ts';
import type { KernelSpace, Policy } from './kernel/index.ts';
import type { ReadOnlyFolder } from './kernel/memory/made.ts';
import { shared_tree } from './kernel/memory/mounts.ts';
import { shared_limits } from './kernel/memory/options.ts';
import { Vfs } from './kernel/memory/vfs.ts';
import { operator } from './operator.ts';

/** Time between two sweeps of what has expired: for trees that nobody changes, where it would go at once. It is not served in between either. */
const sweep_ms = 600_000;

/** What the files of agents use. */
export interface AgentFilesParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly recorder: Recorder;
  /** The kernel under which the owner of the host acts. */
  readonly operator: KernelSpace;
  /** The agent of a DID, where it is at work. */
  housed(did: string): HousedAgent | undefined;
  /** The tools that an agent may know of. */
  tools(did: string): ReadOnlyFolder;
}

/** A policy as its agent may read it. */
function policyText({ name, digest, kind, mode, rules }: Policy): string {
  return `${JSON.stringify({ name, digest, kind, mode, rules: rules.map((rule) => ({ name: rule.name, effect: rule.effect, condition: rule.condition.text, priority: rule.priority })) }, null, 2)}\n`;
}

function policyFolder(policies: () => readonly Policy[]): ReadOnlyFolder {
  return () => new Map(policies().map((policy) => [`${policy.name.replaceAll(/[^\w.-]/g, '_').slice(0, 64)}-${policy.digest.slice(0, 12)}.json`, () => utf8(policyText(policy))]));
}

/** The files of every agent of a host. */
export class AgentFiles {
  readonly #parts: AgentFilesParts;
  readonly #trees: VfsTrees;
  #cancel: (() => void) | undefined;

  constructor(parts: AgentFilesParts) {
    const { clock, store } = parts;
    this.#parts = parts;
    this.#trees = new VfsTrees({ store, now: () => clock.now(), limits: (name) => (name === shared_tree ? shared_limits : vfs_limits) });
  }

  /** Begins to sweep. */
  start(): void {
    const sweep = async (): Promise<void> => {
      try {
        await this.#trees.sweep();
      } catch (error) {
        this.#parts.recorder.record({ kind: 'vfs.sweep.failed', reason: messageOf(error) });
      }
    };
    const next = (): void => {
      this.#cancel = this.#parts.clock.after(sweep_ms, () => void sweep().finally(() => {
        if (this.#cancel !== undefined) next();
      }));
    };
    next();
  }

  /** Ends sweeping. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** The file system of an agent at work, under its kernel. Fails with `AGENT_UNUSABLE`. */
  of(did: string): Result<Vfs> {
    const agent = this.#parts.housed(did);
    if (agent === undefined) return fail('AGENT_UNUSABLE', 'this agent cannot work at present', { fix: 'agentmesh doctor' });
    return ok(this.#with(agent.kernel, did, agent.kernel));
  }

  /** The file system of an agent of this host as its owner has it, whether or not the agent may act. */
  asOperator({ did }: Pick<LocalIdentity, 'did'>): Vfs {
    return this.#with(this.#parts.operator, did, this.#parts.housed(did)?.kernel, operator);
  }

  /** Keeps the state of an agent, at the word of whoever may signal it; gives the root hash. Fails as a snapshot does. */
  async checkpoint(did: string, reason: string): Promise<Result<string>> {
    const kept = await this.asOperator({ did }).snapshot(`checkpoint: ${reason}`);
    return kept.ok ? ok(kept.value.root) : kept;
  }

  #with(kernel: KernelSpace, did: string, governing: KernelSpace | undefined, by?: string): Vfs {
    const { clock, tools } = this.#parts;
    return new Vfs({
      kernel, trees: this.#trees, agent: did, now: () => clock.now(),
      ...(by === undefined ? {} : { by }),
      tools: tools(did),
      policy: policyFolder(() => governing?.policiesOf(did) ?? []),
    });
  }
}
