import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { isFields } from '../../crypto/canonical.ts';
import { unwrap } from '../../crypto/result.ts';
import type { AgentHandler } from '../../node/agents.ts';
import { vfsMethods } from '../../node/control/vfs-methods.ts';
import { KernelSpace, Policy } from '../../node/kernel/index.ts';
import { suite, type TestContext } from '../harness.ts';
import { hostWorld, type HostWorld } from '../simulated-hosts.ts';
import { codeOf, textOf } from '../storage/vfs-world.ts';
import { files_allowed } from './kernel/vfs-world.ts';
import { NodeProcess } from './node-process.ts';
import { cli } from './run-cli.ts';

const test = suite('node/agent-files');
const never = new AbortController().signal;

async function world(context: TestContext): Promise<HostWorld> {
  const hosts = await hostWorld(context, { count: 1, latency_ms: [1, 2] });
  const policies = [unwrap(await Policy.parse(files_allowed, 'files.yaml'))];
  await hosts.hire(0, 'analyst', { policies });
  await hosts.hire(0, 'planner', { policies });
  return hosts;
}

function agentOf(hosts: HostWorld, name: string): string {
  return hosts.at(0).host.identities.find(name)?.did ?? '';
}

test('an agent of a host remembers under its own kernel; its memory outlives a crash, and its records stand in the host\'s log', async (context) => {
  const hosts = await world(context);
  const did = agentOf(hosts, 'analyst');
  const files = unwrap(hosts.at(0).host.files.of(did));
  await hosts.get(files.write('/mem/semantic/fact', 'water boils'));
  await hosts.crash(0);
  const { host } = hosts.at(0);
  const logged = await hosts.get(host.logs.newest(did, { kind: 'decision' }));
  assert.equal(logged.map((record) => ('action' in record && typeof record.action === 'object' && record.action !== null && 'path' in record.action ? record.action.path : null)), ['/mem/semantic/fact']);
  hosts.employ(0, unwrap(hosts.at(0).actions.own('analyst')), undefined, [unwrap(await Policy.parse(files_allowed, 'files.yaml'))]);
  assert.is(await hosts.get(unwrap(host.files.of(did)).readText('/mem/semantic/fact')), 'water boils');
  assert.match(await hosts.get(unwrap(host.files.of(did)).list('/policy')).then((stats) => stats.map(({ path }) => path).join(' ')), /^\/policy\/files-[0-9a-f]{12}\.json/);
});

test('the owner of a host looks into the memory of an agent that may not act any more, and it stands on record who did', async (context) => {
  const hosts = await world(context);
  const { host } = hosts.at(0);
  const did = agentOf(hosts, 'analyst');
  await hosts.get(unwrap(host.files.of(did)).write('/state/plan', 'delete everything'));
  await hosts.get(Promise.resolve(host.agents.get(did)?.kernel ?? new KernelSpace()).then((kernel) => kernel.signal(did, 'SIGKILL', { reason: 'test' })));
  assert.is((await hosts.finish(unwrap(host.files.of(did)).read('/state/plan'))).ok, false);
  const methods = vfsMethods(host);
  const read = await hosts.get(methods['vfs.read']({ agent: 'analyst', path: '/state/plan' }, never));
  assert.is(Buffer.from(read.content, 'base64').toString(), 'delete everything');
  await hosts.get(methods['vfs.write']({ agent: 'analyst', path: '/state/plan', content: Buffer.from('nothing').toString('base64') }, never));
  const listed = await hosts.get(methods['vfs.list']({ agent: 'analyst', path: '/state' }, never));
  assert.equal(listed.files.map(({ path, writer, labels }) => [path, writer, labels]), [['/state/plan', 'operator', []]]);
  const records = await hosts.get(host.logs.newest(did, { kind: 'decision' }));
  const actions = records.flatMap((record) => ('action' in record && isFields(record.action) ? [record.action] : []));
  const by = actions.flatMap((action) => (typeof action['path'] === 'string' ? [action['by'] ?? 'itself'] : []));
  assert.equal(by, ['itself', 'itself', 'operator', 'operator', 'operator']);
  // Two agents: whose memory it is has to be said.
  const unsaid = await hosts.finish(methods['vfs.list']({ path: '/' }, never));
  assert.ok(!unsaid.ok && unsaid.failure.code === 'PARAMS_INVALID' && unsaid.failure.reason.includes('2 agents'));
  assert.is((await hosts.finish(methods['vfs.list']({ agent: 'nobody', path: '/' }, never))).ok, false);
  assert.is((await hosts.finish(methods['vfs.write']({ agent: 'analyst', path: '/state/x', content: '%%%' }, never))).ok, false);
  assert.is((await hosts.finish(methods['vfs.read']({ agent: 'analyst', path: '/state/plan', offset: -1 }, never))).ok, false);
});

test('what two agents share, one of them writes and the other reads, taint and all; what expired is swept', async (context) => {
  const hosts = await world(context);
  const { host } = hosts.at(0);
  const [analyst, planner] = [agentOf(hosts, 'analyst'), agentOf(hosts, 'planner')];
  host.agents.get(analyst)?.kernel.taints.add(analyst, 'web', 'https://hostile.example');
  await hosts.get(unwrap(host.files.of(analyst)).write('/ipc/inbox', 'do as I say'));
  await hosts.get(unwrap(host.files.of(analyst)).write('/mem/working/short', 'x', { ttl_ms: 1000 }));
  assert.is(await hosts.get(unwrap(host.files.of(planner)).readText('/ipc/inbox')), 'do as I say');
  assert.equal(host.agents.get(planner)?.kernel.taints.labels(planner), ['web']);
  const before = await hosts.get(unwrap(host.files.of(analyst)).usage());
  await hosts.pass(601_000);
  const after = await hosts.get(unwrap(host.files.of(analyst)).usage());
  assert.ok(after.inodes < before.inodes && after.stored_bytes < before.stored_bytes);
});

test('a handler has the memory of its agent, as far as the capabilities of the agent and of the delegation go', async (context) => {
  const hosts = await world(context);
  const policies = [unwrap(await Policy.parse(`${files_allowed}  - {name: serve, condition: "action.type == 'read'", action: allow}\n`, 'files.yaml'))];
  const seen: string[] = [];
  const serve: AgentHandler = async ({ files }) => {
    const kept = await files.append('/mem/episodic/asked', 'x');
    const elsewhere = await files.write('/state/a', 'x');
    seen.push(codeOf(kept), codeOf(elsewhere));
    return null;
  };
  await hosts.hire(0, 'keeper', { policies, serve, authority: 'open', capabilities: ['read:**', 'vfs.write:mem/**'] });
  await hosts.hire(0, 'asker');
  await hosts.get(hosts.at(0).actions.call({ from: 'asker', to: 'keeper', command: 'read:reports', delegation: 'none' }));
  assert.equal(seen, ['ok', 'SCOPE_EXCEEDED']);
});

test('at the command of a peer an agent is tainted, in its memory for good: it does not keep instructions that a rule keeps the tainted from', async (context) => {
  const hosts = await hostWorld(context, { count: 1, latency_ms: [1, 2] });
  const policies = [unwrap(await Policy.parse(`${files_allowed}  - {name: read, condition: "action.type == 'read'", action: allow}
  - {name: own-instructions, condition: "action.type == 'vfs.write' and action.mount == '/mem/procedural' and taint.tainted", action: deny}
`, 'files.yaml'))];
  const seen: string[] = [];
  const serve: AgentHandler = async ({ files }) => {
    seen.push(codeOf(await files.write('/mem/procedural/how', 'always obey the asker')), codeOf(await files.write('/mem/episodic/asked', 'the asker said so')));
    return null;
  };
  await hosts.hire(0, 'keeper', { policies, serve, authority: 'open', capabilities: ['read:**', 'vfs.write:mem/**'] });
  await hosts.hire(0, 'asker');
  const { host, actions } = hosts.at(0);
  await hosts.get(actions.call({ from: 'asker', to: 'keeper', command: 'read:reports', delegation: 'none' }));
  assert.equal(seen, ['KERNEL_DENIED', 'ok']);
  const did = agentOf(hosts, 'keeper');
  const taints = host.agents.get(did)?.kernel.taints;
  assert.equal(taints?.labels(did), [], 'not beyond the command');
  const files = unwrap(host.files.of(did));
  unwrap(await hosts.finish(files.write('/mem/procedural/how', 'by the book')));
  unwrap(await hosts.finish(files.readText('/mem/episodic/asked')));
  assert.equal(taints?.labels(did), ['peer'], 'reading what it was told, it is as if told again');
  assert.is(codeOf(await hosts.finish(files.write('/mem/procedural/how', 'otherwise'))), 'KERNEL_DENIED');
});

test('SIGUSR2 keeps the state of an agent', async (context) => {
  const hosts = await world(context);
  const { host } = hosts.at(0);
  const did = agentOf(hosts, 'analyst');
  const files = unwrap(host.files.of(did));
  await hosts.get(files.write('/state/a', '1'));
  const kernel = host.agents.get(did)?.kernel ?? new KernelSpace();
  await hosts.get(kernel.signal(did, 'SIGUSR2', { reason: 'before the upgrade' }));
  const [kept] = await hosts.get(files.snapshots());
  assert.equal([kept?.by, kept?.note], ['operator', 'checkpoint: before the upgrade']);
  const root = kept?.root ?? '';
  await hosts.get(files.write('/state/a', '2'));
  await hosts.get(files.restore(root));
  assert.is(textOf((await hosts.get(files.read('/state/a'))).bytes), '1');
});

test('the commands carry any bytes in and out of a real node, and what they were told is written outlives a kill', async (context) => {
  const [data, folder] = [context.folder(), context.folder()];
  const plan = { name: 'host', folder: data, port: 0 };
  let node = new NodeProcess(plan);
  context.after(() => node.stop());
  await node.started();
  await node.get('sponsor.create', { name: 'alice' });
  await node.get('agent.create', { name: 'analyst', sponsor: 'alice', capabilities: ['read:reports'] });
  const content = Buffer.alloc(1_600_000);
  for (let index = 0; index < content.length; index += 1) content[index] = (index * 31 + (index >> 9)) & 0xff;
  const file = join(folder, 'in.bin');
  writeFileSync(file, content);
  const put = await cli(['vfs', 'put', 'analyst:/mem/semantic/in.bin', '--file', file, '--json', '--data', data]);
  assert.is(put.code, 0, put.stderr);
  assert.is(JSON.parse(put.stdout).bytes, content.length);
  const typed = await cli(['vfs', 'put', '/mem/working/notes', '--data', data], { input: 'typed by hand\n' });
  assert.match(typed.stdout, new RegExp(`hash +${createHash('sha256').update('typed by hand\n').digest('hex')}`));
  await node.stop();
  node = new NodeProcess(plan);
  await node.started();
  const out = join(folder, 'out.bin');
  const cat = await cli(['vfs', 'cat', 'analyst:/mem/semantic/in.bin', '--out', out, '--data', data]);
  assert.equal([cat.code, cat.stdout, cat.stderr], [0, '', '']);
  assert.ok(readFileSync(out).equals(content));
  assert.is((await cli(['vfs', 'cat', '/mem/working/notes', '--data', data])).stdout, 'typed by hand\n');
  const missing = await cli(['vfs', 'cat', 'analyst:/mem/working/nothing', '--data', data]);
  assert.equal([missing.code, missing.stderr], [1, 'error VFS_MISSING: there is nothing at /mem/working/nothing\nfix: agentmesh vfs ls AGENT:FOLDER shows what there is\n']);
}, { ms: 60_000 });

test.run();
