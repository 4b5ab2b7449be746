/** Agents with memory file systems under policies, for tests. */
import { unwrap } from '../../../crypto/result.ts';
import { KernelSpace, memoryRecorder, Policy, type DecisionRecord, type OutcomeRecord } from '../../../node/kernel/index.ts';
import { shared_limits } from '../../../node/kernel/memory/options.ts';
import { shared_tree } from '../../../node/kernel/memory/mounts.ts';
import { Vfs, type VfsInit } from '../../../node/kernel/memory/vfs.ts';
import { openStore, type Store } from '../../../storage/store.ts';
import type { Vault } from '../../../storage/vault.ts';
import { vfs_limits, VfsTrees } from '../../../storage/vfs.ts';
import { freshVault } from '../../storage/vfs-world.ts';

/** A policy that lets everything about files be done. */
export const files_allowed = `
version: "1.0"
name: files
rules:
  - name: files
    condition: action.type in ['vfs.read', 'vfs.list', 'vfs.write', 'vfs.delete', 'vfs.snapshot', 'vfs.restore']
    action: allow
`;

/** Agents over one store. */
export interface FileWorld {
  readonly kernel: KernelSpace;
  readonly store: Store;
  readonly vault: Vault;
  readonly trees: VfsTrees;
  readonly taints: KernelSpace['taints'];
  now_ms: number;
  agent(name: string, more?: Partial<VfsInit>): Vfs;
  /** The decisions about an agent, oldest first. */
  decisions(agent: string): readonly DecisionRecord[];
  outcomes(agent: string): readonly OutcomeRecord[];
}

/** Agents under a policy, each with a file system of its own. */
export async function fileWorld(policy: string = files_allowed): Promise<FileWorld> {
  const recorder = memoryRecorder();
  const store = unwrap(await openStore({ kind: 'memory' }));
  const world = { now_ms: 1_800_000_000_000 };
  const now = (): number => world.now_ms;
  const vault = await freshVault();
  const kernel = new KernelSpace({ policies: [unwrap(await Policy.parse(policy, 'test.yaml'))], flight_recorder: recorder });
  const trees = new VfsTrees({ store, vault, now, limits: (name) => (name === shared_tree ? shared_limits : vfs_limits) });
  return Object.assign(world, {
    kernel, store, vault, trees, taints: kernel.taints,
    agent: (name: string, more: Partial<VfsInit> = {}) => new Vfs({ kernel, trees, agent: name, now, ...more }),
    decisions: (agent: string) => recorder.getLogs(agent).filter((record) => record.kind === 'decision'),
    outcomes: (agent: string) => recorder.getLogs(agent).filter((record) => record.kind === 'outcome'),
  });
}
