import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { toolMethods } from '../../node/control/tool-methods.ts';
import { Policy } from '../../node/kernel/index.ts';
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

test.run();
