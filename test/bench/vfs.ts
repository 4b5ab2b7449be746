/** The memory file system beside the bare store, the same bytes on the same disk. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { unwrap } from '../../crypto/result.ts';
import { KernelSpace, Policy } from '../../node/kernel/index.ts';
import { treeOf } from '../../node/kernel/memory/mounts.ts';
import { Vfs } from '../../node/kernel/memory/vfs.ts';
import { diskFiles } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { VfsTrees, type VfsTree } from '../../storage/vfs.ts';
import { line, measure, perCpuSecondInTurns, short, type Sample } from './stats.ts';

const file_bytes = 1024;
const files_count = 2000;
const writes = 2000;
const reads = 20_000;

function contentOf(index: number): Uint8Array {
  const bytes = new Uint8Array(file_bytes).fill(index & 255);
  new DataView(bytes.buffer).setUint32(0, index);
  return bytes;
}

function keyOf(index: number): Uint8Array {
  return Buffer.from(`/mem/working/${index % 20}/${index % files_count}`);
}

function pathOf(index: number): readonly string[] {
  return ['mem', 'working', String(index % 20), String(index % files_count)];
}

async function fill(store: Store, tree: VfsTree): Promise<void> {
  const all = Array.from({ length: files_count }, (_, index) => index);
  await store.batch(all.map((index) => ({ space: 'use', key: keyOf(index), value: contentOf(index) })), { sync: true });
  for (let from = 0; from < files_count; from += 500) {
    await Promise.all(all.slice(from, from + 500).map(async (index) => unwrap(await tree.write(pathOf(index), contentOf(index), { mode: 'replace', writer: 'bench', call_id: 'call', labels: [] }))));
  }
}

async function pair(print: (text: string) => void, name: string, ours: () => Promise<Sample>, bare: () => Promise<Sample>): Promise<void> {
  const [own, plain] = [await ours(), await bare()];
  print(line(`vfs: ${name}`, own));
  print(line(`bare store: ${name}`, plain));
  print(`  the file system does ${short(own.per_s / plain.per_s)} of the bare store's rate`);
}

/** Writes and reads of 1 KiB files among 2,000, beside puts and gets of the same bytes; then under a kernel. */
export async function benchVfs(home: string, print: (text: string) => void): Promise<void> {
  const store = unwrap(await openStore({ kind: 'disk', folder: join(home, 'vfs'), create: true }));
  mkdirSync(join(home, 'vfs-vault'));
  const vault = unwrap(await openVault({ files: diskFiles(join(home, 'vfs-vault')), random: (length) => new Uint8Array(randomBytes(length)), create: true }));
  const trees = new VfsTrees({ store, vault, now: () => Date.now() });
  const tree = unwrap(trees.tree(treeOf('agent')));
  await fill(store, tree);
  let version = files_count;
  const write = async (index: number): Promise<void> => {
    version += 1;
    unwrap(await tree.write(pathOf(index), contentOf(version), { mode: 'replace', writer: 'bench', call_id: 'call', labels: [] }));
  };
  const put = (index: number): Promise<void> => {
    version += 1;
    return store.batch([{ space: 'use', key: keyOf(index), value: contentOf(version) }], { sync: true });
  };
  for (const at_once of [1, 64]) {
    await pair(print, `synced writes of 1 KiB, ${at_once} at once`, () => measure(writes, at_once, write), () => measure(writes, at_once, put));
  }
  const [own = 0, plain = 0] = await perCpuSecondInTurns(reads, [
    async (index) => unwrap(await tree.read(pathOf(index))),
    (index) => store.get('use', keyOf(index)),
  ]);
  print(`verified reads of 1 KiB: vfs ${short(own)}, bare store ${short(plain)} a CPU second: ${short(own / plain)}`);
  const policy = unwrap(await Policy.parse("{version: '1.0', name: files, rules: [{name: reads, condition: \"action.type == 'vfs.read'\", action: allow}]}", 'bench'));
  const vfs = new Vfs({ kernel: new KernelSpace({ policies: [policy], loops: 'none' }), trees, agent: 'agent', now: () => Date.now() });
  const [governed = 0] = await perCpuSecondInTurns(reads / 4, [async (index) => unwrap(await vfs.read(`/${pathOf(index).join('/')}`))]);
  print(`the same, decided by a kernel and recorded in memory: ${short(governed)} a CPU second`);
  await store.close();
}
