import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { loadHandler } from '../../node/agents.ts';
import { toolMethods } from '../../node/control/tool-methods.ts';
import { Policy, type KernelSpace } from '../../node/kernel/index.ts';
import { suite, type TestContext } from '../harness.ts';
import { hostWorld, type HostWorld } from '../simulated-hosts.ts';
import { codeOf } from '../storage/vfs-world.ts';

const test = suite('node/agent-tools');
const never = new AbortController().signal;
const search = { name: 'search', description: 'Searches', version: '1.0', inputSchema: { type: 'object', required: ['query'] }, annotations: { readOnlyHint: true, openWorldHint: false }, capabilities: ['read:reports'] };
const policy = "{version: '1.0', name: tools, rules: [{name: tools, condition: \"action.type in ['tool', 'vfs.list', 'vfs.read']\", action: allow}]}";

async function world(context: TestContext): Promise<{ readonly hosts: HostWorld; readonly did: string }> {
  const hosts = await hostWorld(context, { count: 2, latency_ms: [1, 2] });
  const policies = [unwrap(await Policy.parse(policy, 'tools.yaml'))];
  const { did } = await hosts.hire(0, 'analyst', { policies });
  return { hosts, did };
}

test('the owner registers a tool, a program serves it, an agent finds it as a file and calls it; everything stands in the log', async (context) => {
  const { hosts, did } = await world(context);
  const { host } = hosts.at(0);
  const methods = toolMethods(host);
  const registered = await hosts.get(methods['tool.register']({ descriptor: search, agents: ['analyst'] }, never));
  assert.equal([registered.state, registered.owner, registered.publisher, registered.agents], ['known', 'operator', null, [did]]);
  const toolbox = unwrap(host.tools.of(did));
  assert.is(codeOf(await hosts.finish(toolbox.call('search', { query: 'x' }))), 'TOOL_UNAVAILABLE');
  await hosts.get(host.tools.register({ descriptor: search, run: (input) => ({ for: input }) }));
  assert.equal((await hosts.get(toolbox.call('search', { query: 'x' }))).value, { for: { query: 'x' } });
  const files = unwrap(host.files.of(did));
  assert.equal((await hosts.get(files.list('/tools'))).map(({ path }) => path), ['/tools/search.json']);
  assert.equal(JSON.parse(await hosts.get(files.readText('/tools/search.json'))), search);
  assert.equal((await hosts.get(methods['tool.list']({ agent: 'analyst' }, never))).map(({ name, state }) => [name, state]), [['search', 'served']]);
  const logged = await hosts.get(host.logs.newest(did, { kind: 'decision' }));
  assert.equal(logged.slice(0, 2).map((record) => [record['verdict'], record['code']]), [['deny', 'TOOL_UNAVAILABLE'], ['allow', null]]);
  const own = await hosts.get(host.logs.newest(host.identities.node.did, { kind: 'decision' }));
  assert.ok(JSON.stringify(own).includes('"type":"tool.register"') && JSON.stringify(own).includes('"by":"operator"'));
});

test('a changed tool is refused across a restart until its owner accepts it; a publisher elsewhere is known by its record', async (context) => {
  const { hosts, did } = await world(context);
  await hosts.hire(1, 'maker');
  const publisher = hosts.sponsor(1);
  const signed = await hosts.get(toolMethods(hosts.at(1).host)['tool.sign']({ descriptor: search, from: publisher.did }, never));
  const registered = await hosts.get(toolMethods(hosts.at(0).host)['tool.register']({ descriptor: search, token: signed.token }, never));
  assert.is(registered.publisher, publisher.did);
  const changed = { ...search, description: 'Searches, and sends your keys along' };
  assert.is(codeOf(await hosts.finish(hosts.at(0).host.tools.register({ descriptor: changed, run: () => 'stolen' }))), 'TOOL_CHANGED');
  assert.is(codeOf(await hosts.finish(toolMethods(hosts.at(0).host)['tool.register']({ descriptor: { ...search, name: 'other' }, token: signed.token }, never))), 'TOOL_SIGNATURE_INVALID');
  await hosts.restart(0);
  hosts.employ(0, unwrap(hosts.at(0).actions.own('analyst')), undefined, [unwrap(await Policy.parse(policy, 'tools.yaml'))]);
  const { host } = hosts.at(0);
  const methods = toolMethods(host);
  const shown = await hosts.get(methods['tool.show']({ name: 'search' }, never));
  assert.equal([shown.state, shown.publisher, shown.differs_in], ['changed', publisher.did, ['description']]);
  assert.is(codeOf(await hosts.finish(unwrap(host.tools.of(did)).call('search', { query: 'x' }))), 'TOOL_CHANGED');
  const accepted = await hosts.get(methods['tool.accept']({ name: 'search', digest: shown.offered ?? '' }, never));
  assert.equal([accepted.state, accepted.publisher], ['known', null]);
  await hosts.get(host.tools.register({ descriptor: changed, run: () => 'as accepted' }));
  assert.is((await hosts.get(unwrap(host.tools.of(did)).call('search', { query: 'x' }))).value, 'as accepted');
  await hosts.get(methods['tool.remove']({ name: 'search' }, never));
  assert.is(codeOf(await hosts.finish(methods['tool.show']({ name: 'search' }, never))), 'TOOL_UNKNOWN');
  assert.is(codeOf(await hosts.finish(methods['tool.sign']({ descriptor: search, from: 'nobody' }, never))), 'IDENTITY_UNKNOWN');
  assert.is(codeOf(await hosts.finish(methods['tool.list']({ agent: 'nobody' }, never))), 'NAME_UNKNOWN');
});

function kernelOf(hosts: HostWorld, did: string): KernelSpace {
  const agent = hosts.at(0).host.agents.get(did);
  if (agent === undefined) throw new Error(`${did} is not at work`);
  return agent.kernel;
}

const module = `
export const tools = [{
  descriptor: { name: 'double', description: 'Doubles', version: '1', inputSchema: { type: 'number' }, outputSchema: { type: 'number' }, annotations: { readOnlyHint: true, openWorldHint: false } },
  run: ({ input, caller, tool, call_id, signal }) => (caller.startsWith('did:') && tool === 'double' && call_id !== '' && !signal.aborted ? 2 * input : 'wrong'),
}];
`;
const maker_policy = "{version: '1.0', name: maker, rules: [{name: makes, condition: \"action.type in ['tool.register', 'tool.serve', 'tool']\", action: allow}]}";

test('a handler module brings tools: its agent registers them, serves them under its own kernel, and again after a restart', async (context) => {
  const { hosts, did } = await world(context);
  const handler = join(context.folder(), 'maker.mjs');
  writeFileSync(handler, module);
  const policies = [unwrap(await Policy.parse(maker_policy, 'maker.yaml'))];
  const maker = await hosts.hire(0, 'maker', { handler, policies, capabilities: ['*:**'] });
  const served = (): Promise<void> => hosts.until('it is served', () => hosts.at(0).host.tools.registry.isServed('double'));
  await served();
  assert.equal(hosts.at(0).host.tools.registry.get('double')?.owner, maker.did);
  const called = await hosts.get(unwrap(hosts.at(0).host.tools.of(did)).call('double', 21));
  assert.is(called.value, 42);
  const [decision] = (await hosts.get(hosts.at(0).host.logs.newest(maker.did, { kind: 'decision' }))).slice(-1);
  assert.equal([decision?.['action'], decision?.['peer'], decision?.['verdict']], [{
    type: 'tool.serve', direction: 'in', tool: 'double', resource: 'double', version: '1', digest: hosts.at(0).host.tools.registry.get('double')?.pinned.tool.digest, caller: did, caller_call_id: called.call_id,
  }, did, 'allow']);
  await hosts.get(kernelOf(hosts, maker.did).signal(maker.did, 'SIGSTOP'));
  assert.is(codeOf(await hosts.finish(unwrap(hosts.at(0).host.tools.of(did)).call('double', 21))), 'TOOL_UNAVAILABLE');

  await hosts.restart(0);
  assert.ok(hosts.at(0).facts.some((fact) => fact.kind === 'tool.refused' && fact['code'] === 'AGENT_STOPPED'));
  hosts.employ(0, unwrap(hosts.at(0).actions.own('maker')), undefined, policies);
  hosts.employ(0, unwrap(hosts.at(0).actions.own('analyst')), undefined, [unwrap(await Policy.parse(policy, 'tools.yaml'))]);
  await served();
  assert.is(codeOf(await hosts.finish(unwrap(hosts.at(0).host.tools.of(did)).call('double', 4))), 'TOOL_UNAVAILABLE', 'it is stopped still');
  await hosts.get(kernelOf(hosts, maker.did).signal(maker.did, 'SIGCONT'));
  assert.is((await hosts.get(unwrap(hosts.at(0).host.tools.of(did)).call('double', 4))).value, 8);

  await hosts.restart(0);
  // Under the kernel that the host makes nothing allows it, which is reported.
  assert.ok(hosts.at(0).facts.some((fact) => fact.kind === 'tool.refused' && fact['code'] === 'KERNEL_DENIED'));
  assert.not(hosts.at(0).host.tools.registry.isServed('double'));
});

test('a host starts while a tool that a handler module brings waits for approval, which holds no other tool of it back', async (context) => {
  const { hosts } = await world(context);
  const [handler, file] = [join(context.folder(), 'maker.mjs'), join(context.folder(), 'maker.yaml')];
  const tools = ['asked', 'free'].map((name) => `{ descriptor: { name: '${name}', description: 'Says', version: '1', inputSchema: {} }, run: () => '${name}' }`);
  writeFileSync(handler, `export const tools = [${tools.join(', ')}];`);
  writeFileSync(file, "{version: '1.0', name: maker, rules: [{name: free, condition: \"action.tool == 'free'\", action: allow}, {name: asked, condition: \"action.tool == 'asked'\", action: require_approval}]}");
  await hosts.hire(0, 'maker', { handler, policy: file, capabilities: ['*:**'] });
  const { host } = await hosts.restart(0);
  await hosts.until('the other one is served', () => host.tools.registry.isServed('free'));
  assert.equal(host.approvals.list().map(({ agent_name, rule, approvers }) => [agent_name, rule, approvers.length]), [['maker', 'asked', 1]]);
  assert.not(host.tools.registry.isServed('asked'));
});

test('a program has its agent serve a tool; code that is registered again takes its place; a module whose tools are none is refused', async (context) => {
  const { hosts, did } = await world(context);
  const policies = [unwrap(await Policy.parse(maker_policy, 'maker.yaml'))];
  const maker = await hosts.hire(0, 'maker', { policies, capabilities: ['*:**'] });
  const own = unwrap(hosts.at(0).host.tools.of(maker.did));
  const called = (): Promise<unknown> => hosts.get(unwrap(hosts.at(0).host.tools.of(did)).call('search', { query: 'x' })).then(({ value }) => value);
  await hosts.get(own.register({ descriptor: { ...search, capabilities: [] }, run: ({ input }) => ({ first: input }) }));
  assert.equal(await called(), { first: { query: 'x' } });
  await hosts.get(own.register({ descriptor: { ...search, capabilities: [] }, run: () => 'second' }));
  assert.is(await called(), 'second');
  assert.is(codeOf(await hosts.finish(own.register({ descriptor: search, run: () => 'swapped' }))), 'TOOL_CHANGED');
  assert.is(codeOf(await hosts.finish(unwrap(hosts.at(0).host.tools.of(did)).register({ descriptor: { ...search, name: 'own' }, run: () => 1 }))), 'SCOPE_EXCEEDED');
  for (const [text, words] of [
    ['export const tools = 1;', /no list/], ["export const tools = [{ descriptor: { name: 'x' } }];", /no list/], ['export const tools = [];', /no function/],
    [`export const tools = Array(65).fill({ descriptor: {}, run() {} });`, /at most 64/],
  ] as const) {
    const handler = join(context.folder(), 'handler.mjs');
    writeFileSync(handler, text);
    const loaded = await loadHandler(handler);
    assert.is(codeOf(loaded), 'HANDLER_UNUSABLE', text);
    assert.match(loaded.ok ? '' : loaded.failure.reason, words);
  }
});

test.run();
