import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { fileWatch } from '../../node/file-watch.ts';
import { policyMethods, policyChecks } from '../../node/control/policy-methods.ts';
import { unwrap } from '../../crypto/result.ts';
import { suite, type TestContext } from '../harness.ts';
import { hostWorld } from '../simulated-hosts.ts';
import { allowing, BundleWorld } from './bundle-world.ts';

const test = suite('node/host-policies');

interface Office {
  readonly at: BundleWorld;
  readonly host_file: string;
  readonly agent_file: string;
  /** Says to the host that a file has changed. */
  changed(file: string): void;
  watched(): readonly string[];
}

/** A host with a policy file of its own and an agent with another. */
async function office(context: TestContext, { host = allowing('read', 'write'), agent = allowing('read', 'write', 'delete') } = {}): Promise<Office> {
  const folder = context.folder();
  const [host_file, agent_file] = [join(folder, 'host.yaml'), join(folder, 'agent.yaml')];
  writeFileSync(host_file, host);
  writeFileSync(agent_file, agent);
  const watched = new Map<string, () => void>();
  const world = await hostWorld(context, {
    count: 1, settings: { policy: host_file },
    watch_file: (file, changed) => {
      watched.set(file, changed);
      return () => void watched.delete(file);
    },
  });
  const org = await world.get(world.at(0).actions.createSponsor('acme', 'org'));
  const at = new BundleWorld(world, org);
  await world.get(world.at(0).actions.createSponsor('sponsor-0', 'human'));
  at.agents.set(0, await world.get(world.at(0).actions.createAgent({ name: 'clerk', sponsor: 'sponsor-0', capabilities: ['read:**'], policy: agent_file })));
  return { at, host_file, agent_file, changed: (file) => watched.get(file)?.(), watched: () => [...watched.keys()].sort() };
}

function verdicts({ at }: Office): Promise<readonly string[]> {
  return Promise.all(['read', 'write', 'delete'].map((type) => at.verdict(0, type)));
}

/** Files are read in real time, whatever time it is in the world. */
function read(): Promise<void> {
  return sleep(150);
}

const [yes, no] = ['allow', 'KERNEL_DENIED'];

test('files are read again at the word of the operator, each for its layer, and what was changed is on record', async (context) => {
  const there = await office(context);
  const { at, host_file, agent_file } = there;
  assert.equal(await verdicts(there), [yes, yes, no]);
  const { host, actions } = at.world.at(0);
  const reload = (): ReturnType<ReturnType<typeof policyMethods>['policy.reload']> => at.world.finish(policyMethods(host, actions)['policy.reload']({}, new AbortController().signal));
  assert.equal(unwrap(await reload()).map(({ layer, agent_name, state }) => [layer, agent_name, state]), [['host', null, 'unchanged'], ['agent', 'clerk', 'unchanged']]);
  writeFileSync(host_file, allowing('read', 'write', 'delete'));
  writeFileSync(agent_file, allowing('read', 'delete'));
  assert.equal(await verdicts(there), [yes, yes, no], 'a file alone changes nothing');
  assert.equal(unwrap(await reload()).map(({ state }) => state), ['changed', 'changed']);
  assert.equal(await verdicts(there), [yes, no, yes]);
  const changes = await at.records(0, 'policy-change');
  assert.equal(changes.map(({ layer, by, of, before, after }) => [layer, by, of, Array.isArray(before) && before.length, Array.isArray(after) && after.length]), [['host', 'operator', null, 1, 1], ['agent', 'operator', at.agents.get(0)?.did, 1, 1]]);
  assert.equal(at.world.at(0).host.agents.hostPolicies.map(({ digest }) => digest), changes[0]?.['after']);
});

test('a broken or missing file changes nothing and is said once in the log, in the diagnosis as long as it lasts', async (context) => {
  const there = await office(context);
  const { at, host_file, agent_file } = there;
  const { policies } = at.world.at(0).host;
  for (const text of ['', 'version: "1.0"\nrules:\n  - { name: x, condition: "action.type ==", action: allow }\n', 'x: [', '\u0000']) {
    writeFileSync(host_file, text);
    const reloaded = await at.world.finish(policies.files.reload('SIGHUP'));
    assert.equal(reloaded.map(({ state }) => state), ['refused', 'unchanged'], JSON.stringify(text));
    assert.equal(await verdicts(there), [yes, yes, no]);
    await at.world.finish(policies.files.reload('SIGHUP'));
  }
  rmSync(agent_file);
  const [, gone] = await at.world.finish(policies.files.reload('SIGHUP'));
  assert.is(gone?.failure?.code, 'POLICY_UNREADABLE');
  assert.equal(await verdicts(there), [yes, yes, no]);
  assert.equal((await at.records(0, 'policy-refused')).map(({ layer, code }) => [layer, code]), [...Array.from({ length: 4 }, () => ['host', 'POLICY_INVALID']), ['agent', 'POLICY_UNREADABLE']]);
  const checks = await at.world.finish(policyChecks(at.world.at(0).host));
  assert.equal(checks.map(({ name, state }) => [name, state]), [['policy of this host', 'failed'], ['policy of clerk', 'failed']]);
  writeFileSync(host_file, allowing('read'));
  writeFileSync(agent_file, allowing('read'));
  await at.world.finish(policies.files.reload('SIGHUP'));
  assert.equal(await verdicts(there), [yes, no, no]);
  assert.equal(await at.world.finish(policyChecks(at.world.at(0).host)), []);
});

test('a file that changes is read once it has rested, and no step of an edit before', async (context) => {
  const there = await office(context);
  const { at, host_file, agent_file } = there;
  assert.equal(there.watched(), [agent_file, host_file].sort(), 'the file of an agent that came later is watched too');
  // In the middle of an edit the file allows more than it will in the end.
  writeFileSync(host_file, allowing('read', 'write', 'delete'));
  there.changed(host_file);
  await at.world.pass(200);
  assert.equal(await verdicts(there), [yes, yes, no]);
  writeFileSync(host_file, allowing('read'));
  there.changed(host_file);
  await at.world.pass(200);
  assert.equal(await verdicts(there), [yes, yes, no]);
  await at.world.pass(300);
  await read();
  assert.equal(await verdicts(there), [yes, no, no]);
  assert.equal((await at.records(0, 'policy-change')).map(({ by }) => by), ['file']);
  // One that never rests is read all the same.
  writeFileSync(host_file, allowing('write'));
  for (let step = 0; step < 30; step += 1) {
    there.changed(host_file);
    await at.world.pass(200);
  }
  await read();
  assert.equal(await verdicts(there), [no, yes, no]);
});

test('an agent whose file was broken at the start works once it is mended', async (context) => {
  const there = await office(context);
  const { at, agent_file } = there;
  writeFileSync(agent_file, 'broken: [');
  await at.world.restart(0);
  const { host } = at.world.at(0);
  const did = at.agents.get(0)?.did ?? '';
  assert.is(host.agents.get(did), undefined);
  assert.is((await at.world.finish(host.policies.files.reload('operator')))[1]?.state, 'refused');
  writeFileSync(agent_file, allowing('write'));
  assert.is((await at.world.finish(host.policies.files.reload('operator')))[1]?.state, 'changed');
  assert.equal(await verdicts(there), [no, yes, no]);
});

test('the files of a real folder are watched through it: a new file in place of the old one is seen, others are not, an absent folder is told of', async (context) => {
  const folder = context.folder();
  const file = join(folder, 'policy.yaml');
  writeFileSync(file, 'a');
  const facts: string[] = [];
  const watch = fileWatch({ record: ({ kind }) => void facts.push(kind) });
  const seen: string[] = [];
  const stop = watch(file, () => void seen.push(file));
  context.after(stop);
  writeFileSync(join(folder, 'other.yaml'), 'b');
  await sleep(150);
  assert.equal(seen, []);
  writeFileSync(`${file}.new`, 'c');
  renameSync(`${file}.new`, file);
  for (let wait = 0; wait < 40 && seen.length === 0; wait += 1) await sleep(50);
  assert.ok(seen.length > 0);
  watch(join(folder, 'absent', 'policy.yaml'), () => undefined)();
  assert.equal(facts, ['policy.unwatched']);
});

test.run();
