/** What an agent remembers, made unreadable: by the owner of its host alone, on record, and on a real disk. */
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { isFields } from '../../crypto/canonical.ts';
import { unwrap } from '../../crypto/result.ts';
import { auditEntryMethods } from '../../node/control/audit-entry-methods.ts';
import { vfsMethods } from '../../node/control/vfs-methods.ts';
import { AgentIdentity, createNode, KernelSpace, Policy, type Node } from '../../node/index.ts';
import { shared_tree, subjectOf, treeOf } from '../../node/kernel/memory/mounts.ts';
import { diskFiles } from '../../storage/files.ts';
import { hasEarlierLayout, openStore } from '../../storage/store.ts';
import { VfsTrees } from '../../storage/vfs.ts';
import { suite, type TestContext } from '../harness.ts';
import { hostWorld, type HostWorld } from '../simulated-hosts.ts';
import { oldLayout, oldTree } from '../storage/vfs-old.ts';
import { codeOf, openedVault } from '../storage/vfs-world.ts';
import { files_allowed } from './kernel/vfs-world.ts';

const test = suite('node/agent-erasure');
const never = new AbortController().signal;

interface Office {
  readonly hosts: HostWorld;
  readonly host: ReturnType<HostWorld['at']>['host'];
  readonly analyst: string;
  readonly planner: string;
}

async function office(context: TestContext): Promise<Office> {
  const hosts = await hostWorld(context, { count: 1, latency_ms: [1, 2] });
  const policies = [unwrap(await Policy.parse(files_allowed, 'files.yaml'))];
  await hosts.hire(0, 'analyst', { policies });
  await hosts.hire(0, 'planner', { policies });
  const { host } = hosts.at(0);
  const [analyst, planner] = ['analyst', 'planner'].map((name) => host.identities.find(name)?.did ?? '');
  assert.ok(analyst !== undefined && planner !== undefined);
  for (const did of [analyst, planner]) {
    const files = unwrap(host.files.of(did));
    await hosts.get(files.write('/mem/semantic/fact', `of ${did}`));
    await hosts.get(files.snapshot('kept'));
    await hosts.get(files.write(`/ipc/${did.slice(-8)}`, `from ${did}`));
  }
  return { hosts, host, analyst, planner };
}

/** Where the heads of all trees lie. */
async function headsOf(hosts: HostWorld): Promise<readonly Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for await (const [key] of hosts.at(0).store.entries('vfs', { gte: Buffer.from('t'), lt: Buffer.from('u') })) keys.push(key);
  return keys;
}

/** All that is stored of memories. */
async function recordsOf(hosts: HostWorld): Promise<readonly string[]> {
  const records: string[] = [];
  for await (const parts of hosts.at(0).store.entries('vfs', {})) records.push(parts.map((part) => Buffer.from(part).toString('hex')).join(' '));
  return records;
}

test('the memory of an agent is erased with its kept states and what it shared, on record; nobody else\'s is touched, and the agent goes on', async (context) => {
  const { hosts, host, analyst, planner } = await office(context);
  const methods = vfsMethods(host);
  const erased = await hosts.get(methods['vfs.erase']({ agent: 'analyst', basis: 'consent' }, never));
  assert.equal({ ...erased, entry: null }, { agent: analyst, entry: null, inodes: 3, bytes: 3 + analyst.length, snapshots: 1, shared: 1 });
  const record = await hosts.get(host.log.read(erased.entry ?? -1));
  assert.equal([record.subject, JSON.parse(Buffer.from(record.payload ?? []).toString())], [host.identities.node.did, { agent: analyst, basis: 'consent', kind: 'memory.erased' }]);
  const files = unwrap(host.files.of(analyst));
  assert.is(codeOf(await hosts.finish(files.readText('/mem/semantic/fact'))), 'VFS_MISSING');
  assert.equal(await hosts.get(files.snapshots()), []);
  assert.is(codeOf(await hosts.finish(files.readText(`/ipc/${analyst.slice(-8)}`))), 'VFS_MISSING');
  assert.is(await hosts.get(files.readText(`/ipc/${planner.slice(-8)}`)), `from ${planner}`);
  assert.is(await hosts.get(unwrap(host.files.of(planner)).readText('/mem/semantic/fact')), `of ${planner}`);
  await hosts.get(files.write('/mem/semantic/fact', 'learnt anew'));
  // What the log holds of the agent is another matter.
  const logged = await hosts.get(host.logs.newest(analyst, { kind: 'decision' }));
  assert.ok(logged.some((decision) => 'action' in decision && isFields(decision.action) && decision.action['path'] === '/mem/semantic/fact'));
  await hosts.crash(0);
  const { host: again } = hosts.at(0);
  hosts.employ(0, unwrap(hosts.at(0).actions.own('analyst')), undefined, [unwrap(await Policy.parse(files_allowed, 'files.yaml'))]);
  assert.is(await hosts.get(unwrap(again.files.of(analyst)).readText('/mem/semantic/fact')), 'learnt anew');
});

test('one command erases a subject: its payloads and its memory, under one key and one entry', async (context) => {
  const { hosts, host, analyst, planner } = await office(context);
  const methods = auditEntryMethods(host);
  const size = host.log.size();
  const heads = await headsOf(hosts);
  assert.is(heads.length, 3, 'of two agents, and of what they share');
  const erased = await hosts.get(methods['audit.erase']({ subject: 'analyst', basis: 'art17' }, never));
  assert.equal(erased.memory, { inodes: 3, bytes: 3 + analyst.length, snapshots: 1, shared: 1 });
  assert.ok(erased.payloads > 0);
  assert.equal([erased.subject, erased.entry, host.log.size()], [analyst, size, size + 1]);
  const files = unwrap(host.files.of(analyst));
  assert.is((await headsOf(hosts)).length, 2);
  assert.is(codeOf(await hosts.finish(files.readText('/mem/semantic/fact'))), 'VFS_MISSING');
  assert.is(codeOf(await hosts.finish(files.readText(`/ipc/${analyst.slice(-8)}`))), 'VFS_MISSING');
  assert.is(await hosts.get(unwrap(host.files.of(planner)).readText(`/ipc/${planner.slice(-8)}`)), `from ${planner}`);
  await hosts.get(files.write('/mem/semantic/fact', 'a new life'));
  assert.is(await hosts.get(files.readText('/mem/semantic/fact')), 'a new life');
  // A subject that is no agent here has no memory, and what agents share is left as it is.
  await hosts.get(host.log.append({ subject: 'a customer', payload: new TextEncoder().encode('{}') }));
  const before = await recordsOf(hosts);
  const other = await hosts.get(methods['audit.erase']({ subject: 'a customer', basis: 'art17' }, never));
  assert.equal(await recordsOf(hosts), before);
  assert.equal([other.memory, other.payloads], [null, 1]);
  assert.is(codeOf(await hosts.finish(methods['audit.erase']({ subject: 'nobody', basis: 'art17' }, never))), 'AUDIT_SUBJECT_UNKNOWN');
});

test('what agents share is erased under the name that its key has, and what they remember themselves stays', async (context) => {
  const { hosts, host, analyst } = await office(context);
  await hosts.get(host.log.append({ subject: subjectOf(shared_tree), payload: new TextEncoder().encode('{}') }));
  const erased = await hosts.get(auditEntryMethods(host)['audit.erase']({ subject: subjectOf(shared_tree), basis: 'mistake' }, never));
  assert.is(erased.memory?.inodes, 3);
  const files = unwrap(host.files.of(analyst));
  assert.equal(await hosts.get(files.list('/ipc')), []);
  assert.is(await hosts.get(files.readText('/mem/semantic/fact')), `of ${analyst}`);
  await hosts.get(files.write('/ipc/anew', 'shared'));
  assert.is(await hosts.get(files.readText('/ipc/anew')), 'shared');
});

test('an erasure takes along what a damaged head left in the clear', async (context) => {
  const { hosts, analyst, planner } = await office(context);
  const old = [analyst, planner].flatMap((did) => oldTree(treeOf(did)).changes).map(({ space, key, value }) => ({ space, key, value: key[0] === 'h'.charCodeAt(0) || value === undefined ? new Uint8Array(9) : value }));
  await oldLayout(hosts.at(0).store, old);
  await hosts.crash(0);
  const left = async (): Promise<number> => {
    let found = 0;
    for await (const [key] of hosts.at(0).store.entries('vfs', {})) if (!'ot'.includes(String.fromCharCode(key[0] ?? 0))) found += 1;
    return found;
  };
  assert.is(await left(), old.length);
  await hosts.get(vfsMethods(hosts.at(0).host)['vfs.erase']({ agent: 'analyst', basis: 'art17' }, never));
  assert.is(await left(), old.length / 2);
  await hosts.get(auditEntryMethods(hosts.at(0).host)['audit.erase']({ subject: 'planner', basis: 'art17' }, never));
  assert.is(await left(), 0);
});

test('a frozen log does not hinder an erasure, and a basis that is none does', async (context) => {
  const { hosts, host } = await office(context);
  const methods = vfsMethods(host);
  for (const params of [{ agent: 'analyst', basis: 'because' }, { agent: 'nobody', basis: 'art17' }, { basis: 'art17' }]) assert.not.ok((await hosts.finish(methods['vfs.erase'](params, never))).ok);
  await host.log.freeze('for the test');
  const erased = await hosts.get(methods['vfs.erase']({ agent: 'analyst', basis: 'order' }, never));
  assert.equal([erased.entry, erased.inodes, erased.shared], [null, 3, 1]);
  const whole = await hosts.get(auditEntryMethods(host)['audit.erase']({ subject: 'planner', basis: 'order' }, never));
  assert.equal([whole.entry, whole.memory?.inodes, whole.memory?.shared], [null, 3, 1]);
});

test('an erasure that a crash cut off before the vault forgot is ended by the next start', async (context) => {
  const { hosts, host, analyst } = await office(context);
  const { files } = hosts.at(0);
  const vault_before = await files.read('vault');
  await hosts.get(vfsMethods(host)['vfs.erase']({ agent: 'analyst', basis: 'art17' }, never));
  const holdsFirst = async (): Promise<boolean> => {
    const vault = await openedVault(hosts.at(0).files);
    return vault.holds(vault.handleOf(analyst) ?? new Uint8Array(), { realm: 0xffff, index: 2 ** 48 - 1 });
  };
  assert.not.ok(await holdsFirst());
  await files.write('vault', vault_before ?? new Uint8Array());
  assert.ok(await holdsFirst());
  await hosts.crash(0);
  assert.not.ok(await holdsFirst());
});

test('where nobody can tell who wrote what among the shared files, an erasure takes all of them', async (context) => {
  const { hosts, host, planner } = await office(context);
  const { store } = hosts.at(0);
  const handles = new Map<string, Uint8Array>();
  for await (const [key, value] of store.entries('vfs', { gte: Buffer.from('t'), lt: Buffer.from('u') })) handles.set(Buffer.from(key).toString('hex'), value);
  assert.is(handles.size, 3);
  await hosts.crash(0);
  const { host: again } = hosts.at(0);
  // The head of what is shared is the one that neither agent's erasure takes away.
  for (const [key, value] of handles) await hosts.at(0).store.batch([{ space: 'vfs', key: Buffer.from(key, 'hex'), value: value.slice(0, -1) }], { sync: true });
  await hosts.crash(0);
  const methods = vfsMethods(hosts.at(0).host);
  assert.is(codeOf(await hosts.finish(methods['vfs.list']({ agent: 'planner', path: '/ipc' }, never))), 'VFS_DAMAGED');
  unwrap(await hosts.finish(methods['vfs.erase']({ agent: 'analyst', basis: 'mistake' }, never)));
  assert.equal((await hosts.get(methods['vfs.list']({ agent: 'planner', path: '/ipc' }, never))).files, []);
  assert.ok(again.identities.find('planner')?.did === planner && host !== again);
});

test('a host that starts over a store of the layout before seals what its agents remember', async (context) => {
  const { hosts, analyst } = await office(context);
  const old = oldTree(treeOf('did:mesh:another'));
  const { store } = hosts.at(0);
  await oldLayout(store, old.changes);
  await hosts.crash(0);
  assert.not.ok(await hasEarlierLayout(hosts.at(0).store));
  for await (const [key] of hosts.at(0).store.entries('vfs', {})) assert.ok('ot'.includes(String.fromCharCode(key[0] ?? 0)));
  assert.ok(hosts.at(0).facts.some(({ kind, ...fact }) => kind === 'vfs.sealed' && 'sealed' in fact && fact['sealed'] === 1));
  const { host } = hosts.at(0);
  assert.is(codeOf(await hosts.finish(host.files.asOperator({ did: 'did:mesh:another' }).readText('/a'))), 'VFS_PATH_OUTSIDE');
  assert.is((await hosts.get(host.files.asOperator({ did: 'did:mesh:another' }).snapshots()))[0]?.note, 'kept');
  assert.is(await hosts.get(host.files.asOperator({ did: analyst }).readText('/mem/semantic/fact')), `of ${analyst}`);
});

/** A word in the forms in which it could lie on a disk. */
function formsOf(word: string): readonly Buffer[] {
  const base64 = [0, 1, 2].map((shift) => Buffer.from('-'.repeat(shift) + word).toString('base64').slice(4, -4));
  return [Buffer.from(word), Buffer.from(word, 'utf16le'), ...[Buffer.from(word).toString('hex'), ...base64].map((text) => Buffer.from(text))];
}

function filesWith(folder: string, words: readonly string[]): readonly string[] {
  const forms = words.flatMap(formsOf);
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .filter((entry) => {
      const content = readFileSync(join(entry.parentPath, entry.name));
      return forms.some((form) => content.includes(form));
    }).map(({ name }) => name);
}

test('on a real disk no file ever holds what an agent remembers, and once it is erased a copy of the folder from before opens no more with the vault of now', async (context) => {
  const [data, copy] = [join(context.folder(), 'host'), join(context.folder(), 'copy')];
  let node: Node | undefined;
  context.after(() => node?.stop());
  const up = async (): Promise<Node> => unwrap(await createNode({ data, name: 'host', control: false, listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap: [] }));
  node = await up();
  unwrap(await node.actions.createSponsor('alice', 'human'));
  const kernel = new KernelSpace({ policies: [unwrap(await Policy.parse(files_allowed, 'files.yaml'))] });
  const { did } = await AgentIdentity.create({ node, name: 'desk', sponsor: 'alice', capabilities: ['read:**', 'vfs.write:**', 'vfs.read:**', 'vfs.delete:**', 'vfs.snapshot:**'], kernel });
  const words = ['content', 'name', 'tag', 'note', 'shared', 'removed'].map((what) => `${what}-${randomBytes(12).toString('hex')}`);
  const [content = '', name = '', tag = '', note = '', shared = '', removed = ''] = words;
  const files = unwrap(node.host.files.of(did));
  unwrap(await files.write(`/mem/semantic/${name}`, content.repeat(4000), { tags: [tag] }));
  unwrap(await files.write('/state/removed', removed));
  unwrap(await files.snapshot(note));
  unwrap(await files.remove('/state/removed'));
  unwrap(await files.write('/ipc/box', shared));
  await node.host.parts.store.compact?.('vfs');
  assert.equal(filesWith(data, words), []);
  await node.stop();
  cpSync(data, copy, { recursive: true });
  assert.equal(filesWith(copy, words), []);
  const readable = async (): Promise<readonly string[]> => {
    const store = unwrap(await openStore({ kind: 'disk', folder: join(copy, 'store'), create: false }));
    const trees = new VfsTrees({ store, vault: await openedVault(diskFiles(copy)), now: () => 0, subject: subjectOf });
    const found = [await unwrap(trees.tree(treeOf(did))).read(['mem', 'semantic', name]), await unwrap(trees.tree(shared_tree)).read(['ipc', 'box'])].map(codeOf);
    await store.close();
    return found;
  };
  assert.equal(await readable(), ['ok', 'ok']);
  node = await up();
  const erased = await auditEntryMethods(node.host)['audit.erase']({ subject: did, basis: 'art17' }, never);
  assert.equal([unwrap(erased).memory?.snapshots, unwrap(erased).memory?.shared], [1, 1]);
  await node.stop();
  assert.equal(filesWith(data, words), []);
  cpSync(join(data, 'vault'), join(copy, 'vault'));
  assert.equal(await readable(), ['VFS_MISSING', 'VFS_MISSING']);
}, { ms: 60_000 });

test.run();
