/**
 * The memory of the agents of this host: each agent's file system under the
 * kernel that governs it, and its owner's way to look into it, which no policy
 * of an agent refuses and which stands on record all the same.
 */
import { utf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import { fail, FailureError, messageOf, ok, type Result } from '../crypto/result.ts';
import type { Clock, Recorder, Store } from '../protocols/ports.ts';
import type { ErasureBasis } from '../storage/audit-entry.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { Vault } from '../storage/vault.ts';
import { vfs_limits, VfsTrees, type VfsErased } from '../storage/vfs.ts';
import type { HousedAgent } from './agent-house.ts';
import type { LocalIdentity } from './identities.ts';
import type { KernelSpace, Policy } from './kernel/index.ts';
import type { ReadOnlyFolder } from './kernel/memory/made.ts';
import { shared_tree, subjectOf, treeOf, treeOfSubject } from './kernel/memory/mounts.ts';
import { shared_limits } from './kernel/memory/options.ts';
import { Vfs } from './kernel/memory/vfs.ts';
import { operator } from './operator.ts';

/** Time between two sweeps of what has expired: for trees that nobody changes, where it would go at once. It is not served in between either. */
const sweep_ms = 600_000;

/** What the files of agents use. */
export interface AgentFilesParts {
  readonly clock: Clock;
  readonly store: Store;
  /** Seals what agents remember, each agent's under its own key. */
  readonly vault: Vault;
  /** Takes down what is erased. */
  readonly log: Pick<AuditLog, 'append' | 'frozen'>;
  /** The host's own name in its log. */
  readonly host: string;
  readonly recorder: Recorder;
  /** The kernel under which the owner of the host acts. */
  readonly operator: KernelSpace;
  /** The agent of a DID, where it is at work. */
  housed(did: string): HousedAgent | undefined;
  /** Whether a DID is that of an agent of this host. */
  isAgent(did: string): boolean;
  /** The tools that an agent may know of. */
  tools(did: string): ReadOnlyFolder;
}

/** What an erasure took of an agent's memory. */
export interface MemoryErased extends VfsErased {
  /** Files among those that agents share, which it wrote last. */
  readonly shared: number;
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
    const { clock, store, vault } = parts;
    this.#parts = parts;
    this.#trees = new VfsTrees({ store, vault, now: () => clock.now(), limits: (name) => (name === shared_tree ? shared_limits : vfs_limits), subject: subjectOf });
  }

  /** Seals what an older program left in the clear, ends erasures that were interrupted, and begins to sweep. Fails with `VFS_DAMAGED`, `VFS_UNAVAILABLE` or a `VAULT_` code where something would stay in the clear. */
  async start(): Promise<Result<void>> {
    const sealed = await this.#trees.seal();
    if (!sealed.ok) return sealed;
    if (sealed.value.sealed + sealed.value.left > 0) this.#parts.recorder.record({ kind: 'vfs.sealed', ...sealed.value });
    await this.#recorded('vfs.erasure.unfinished', async () => {
      const finished = await this.#trees.finish();
      if (!finished.ok) throw new FailureError(finished.failure);
    });
    const sweep = (): Promise<void> => this.#recorded('vfs.sweep.failed', () => this.#trees.sweep());
    const next = (): void => {
      this.#cancel = this.#parts.clock.after(sweep_ms, () => void sweep().finally(() => {
        if (this.#cancel !== undefined) next();
      }));
    };
    next();
    return ok(undefined);
  }

  /** What fails here stops nothing. */
  async #recorded(kind: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.recorder.record({ kind, reason: messageOf(error) });
    }
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

  /**
   * Makes all that an agent ever remembered unreadable for good, and what it wrote among what agents share. The log says
   * so before it is done, as far as it takes entries. Fails with `VFS_BUSY`, `VFS_UNAVAILABLE`, or an `AUDIT_` or `VAULT_` code.
   */
  async erase(did: string, basis: ErasureBasis): Promise<Result<MemoryErased & { /** Entry of the log; null where it is frozen. */ readonly entry: number | null }>> {
    const { log, host } = this.#parts;
    const told = log.frozen === undefined ? await log.append({ subject: host, payload: canonicalJsonBytes({ kind: 'memory.erased', agent: did, basis }) }) : undefined;
    if (told?.ok === false) return told;
    const tree = this.#trees.tree(treeOf(did));
    const own = tree.ok ? await tree.value.erase() : tree;
    const shared = own.ok ? await this.#eraseShared(did) : own;
    if (!own.ok) return own;
    await this.#trees.removeLeft(treeOf(did));
    return shared.ok ? ok({ ...own.value, shared: shared.value, entry: told?.value.index ?? null }) : shared;
  }

  /**
   * Does what destroys the key of a subject, and with it makes unreadable what it remembers where it is an agent; tells how
   * much that was, `null` where there was no memory. Fails as the work does, or as {@link erase} does.
   */
  async eraseWith<T>(subject: string, work: () => Promise<Result<T>>): Promise<Result<{ readonly done: T; readonly memory: MemoryErased | null }>> {
    const handle = this.#parts.vault.handleOf(subject);
    const kept = handle === undefined ? undefined : await this.#kept(subject, handle);
    if (kept === undefined && !this.#parts.isAgent(subject)) {
      const done = await work();
      return done.ok ? ok({ done: done.value, memory: null }) : done;
    }
    const shared = await this.#eraseShared(subject);
    const done = shared.ok ? await work() : shared;
    if (!done.ok) return done;
    // What of it stays on the disk nobody can read any more.
    if (handle !== undefined) await this.#trees.discard(treeOfSubject(subject), handle);
    await this.#trees.removeLeft(treeOfSubject(subject));
    const nothing = kept === undefined && (!shared.ok || shared.value === 0);
    return ok({ done: done.value, memory: nothing ? null : { ...kept ?? { inodes: 0, bytes: 0, snapshots: 0 }, shared: shared.ok ? shared.value : 0 } });
  }

  /** What a subject remembers; nothing where it cannot be read, `undefined` where there is no memory. */
  async #kept(subject: string, handle: Uint8Array): Promise<VfsErased | undefined> {
    if (!await this.#trees.has(handle)) return undefined;
    const tree = this.#trees.tree(treeOfSubject(subject));
    const usage = tree.ok ? await tree.value.usage() : tree;
    if (!usage.ok) return { inodes: 0, bytes: 0, snapshots: 0 };
    const { inodes, bytes, snapshots } = usage.value;
    return { inodes, bytes, snapshots };
  }

  /** Makes what an agent wrote among what agents share unreadable, also what is removed there already; tells how many files still stood there. */
  async #eraseShared(did: string): Promise<Result<number>> {
    let files = 0;
    const tree = this.#trees.tree(shared_tree);
    if (!tree.ok) return tree;
    const erased = await tree.value.erase(({ writer }) => {
      if (writer === did) files += 1;
      return writer !== did;
    });
    // Where it cannot be told who wrote what, all of it goes: nothing there lives longer than a day.
    const done = !erased.ok && erased.failure.code === 'VFS_DAMAGED' ? await tree.value.erase() : erased;
    return done.ok ? ok(files) : done;
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
