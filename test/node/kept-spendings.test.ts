/** Budgets that outlive what counts them: kernels, restarts, crashes, and damage. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { signalMethods } from '../../node/control/signal-methods.ts';
import { spending_kept_interval_ms } from '../../node/kernel/budgets.ts';
import { KernelSpace, Policy } from '../../node/kernel/index.ts';
import { Meter } from '../../node/kernel/policy/limit.ts';
import { createNode } from '../../node/node.ts';
import { suite, type TestContext } from '../harness.ts';
import { hostWorld, type HostWorld } from '../simulated-hosts.ts';
import { codeOf } from '../storage/vfs-world.ts';

const test = suite('node/kept-spendings');
const never = new AbortController().signal;

function policyText(budgets: string): string {
  return `{version: '1.0', name: frugal, ${budgets === '' ? '' : `budgets: {${budgets}}, `}rules: [{name: all, condition: 'true', action: allow}]}`;
}

/** A host with one agent under a budget, which is employed again after each restart. */
class World {
  readonly hosts: HostWorld;
  readonly did: string;
  readonly policies: readonly Policy[];

  constructor(hosts: HostWorld, did: string, policies: readonly Policy[]) {
    this.hosts = hosts;
    this.did = did;
    this.policies = policies;
  }

  get kernel(): KernelSpace {
    const agent = this.hosts.at(0).host.agents.get(this.did);
    if (agent === undefined) throw new Error('the agent is not at work');
    return agent.kernel;
  }

  get spent(): readonly number[] {
    const { calls, tokens, cost, wall_time_ms } = this.kernel.spending(this.did);
    return [calls, tokens, cost, wall_time_ms];
  }

  async call(used?: { readonly tokens?: number; readonly cost?: number }, ms = 0): Promise<string> {
    const { clock } = this.hosts.at(0).host.parts;
    const outcome = await this.hosts.finish(this.kernel.run({
      agent: this.did, action: { type: 'read' }, ...(used === undefined ? {} : { usage: () => used }),
      effect: () => new Promise<void>((resolve) => { clock.after(ms, resolve); }),
    }));
    return codeOf(outcome) ?? 'ok';
  }

  async restart(): Promise<void> {
    await this.hosts.restart(0);
    this.employ();
  }

  async crash(): Promise<void> {
    await this.hosts.crash(0);
    this.employ();
  }

  employ(): void {
    this.hosts.employ(0, unwrap(this.hosts.at(0).actions.own('worker')), undefined, this.policies);
  }

  async kept(): Promise<Uint8Array | undefined> {
    return this.hosts.at(0).store.get('meta', utf8(`spending ${this.did}`));
  }
}

async function world(context: TestContext, budgets: string): Promise<World> {
  const hosts = await hostWorld(context, { count: 1, latency_ms: [1, 2] });
  const policies = [unwrap(await Policy.parse(policyText(budgets), 'frugal.yaml'))];
  const { did } = await hosts.hire(0, 'worker', { policies });
  return new World(hosts, did, policies);
}

test('calls, tokens and cost go on counting over a restart, a crash and another kernel, and the last call is refused', async (context) => {
  const here = await world(context, 'calls: 6, tokens: 1000, cost: 10');
  assert.equal([await here.call({ tokens: 100, cost: 0.5 }), await here.call()], ['ok', 'ok']);
  await here.restart();
  assert.equal(here.spent.slice(0, 3), [2, 100, 0.5]);
  assert.is(await here.call({ tokens: 50, cost: 1 }), 'ok');
  await here.crash();
  assert.equal(here.spent.slice(0, 3), [3, 150, 1.5]);
  assert.is(await here.call(), 'ok');
  here.employ();
  assert.is(here.spent[0], 4, 'a program that gives its agent another kernel gives it no other budget');
  assert.equal([await here.call(), await here.call(), await here.call()], ['ok', 'ok', 'BUDGET_EXCEEDED']);
  await here.crash();
  assert.equal([here.kernel.stateOf(here.did), here.spent[0]], ['stopped', 6]);
  await here.hosts.get(here.kernel.signal(here.did, 'SIGCONT'));
  assert.is(await here.call(), 'BUDGET_EXCEEDED', 'neither a restart nor SIGCONT gives it anew');
});

test('a kernel brings what it has counted before, once, and what the one before it still ends takes nothing back', async (context) => {
  const here = await world(context, 'calls: 100');
  assert.equal([await here.call(), await here.call()], ['ok', 'ok']);
  const { host, actions } = here.hosts.at(0);
  const { clock, random } = host.parts;
  const kernel = new KernelSpace({ policies: here.policies, clock, random });
  unwrap(await kernel.run({ agent: here.did, action: { type: 'read' }, effect: () => Promise.resolve() }));
  const identity = unwrap(actions.own('worker'));
  unwrap(host.agents.adopt(identity, kernel));
  assert.is(here.spent[0], 3);
  unwrap(host.agents.adopt(identity, kernel));
  assert.is(here.spent[0], 3, 'taken over twice it is counted once');
  const never_ending = (): void => void here.kernel.run({ agent: here.did, action: { type: 'read' }, effect: () => new Promise(() => undefined) });
  never_ending();
  await here.hosts.pass(100);
  here.employ();
  never_ending();
  await here.hosts.pass(100);
  kernel.spent(here.did, { tokens: 1 });
  await here.hosts.pass(100);
  await here.crash();
  assert.is(here.spent[0], 5);
});

test('a counter is to be kept once for each time that it has counted', () => {
  const meter = new Meter(() => 1_000);
  const limit = { count: 2, period_ms: 60_000 };
  meter.charge('unkept', limit);
  assert.equal(meter.counted(), []);
  meter.keep([{ key: 'a', empty_at_ms: 31_000 }]);
  meter.charge('a', limit);
  meter.charge('b', { count: 2, period_ms: 59_999 });
  assert.equal(meter.counted(), [{ key: 'a', empty_at_ms: 61_000 }]);
  assert.equal([meter.counted(), meter.wait('a', limit)], [[], 30_000]);
});

test('only an operator\'s reset gives a budget anew, and that outlives a crash too', async (context) => {
  const here = await world(context, 'calls: 2');
  assert.equal([await here.call(), await here.call(), await here.call()], ['ok', 'ok', 'BUDGET_EXCEEDED']);
  const { host, actions } = here.hosts.at(0);
  await here.hosts.get(signalMethods(host, actions).signal({ agent: 'worker', signal: 'SIGCONT', reset: true }, never));
  await here.crash();
  assert.equal([here.spent[0], await here.call(), await here.call(), await here.call()], [0, 'ok', 'ok', 'BUDGET_EXCEEDED']);
});

test('what was under way at a crash stays charged: the call, what it was expected to use, and its time', async (context) => {
  const here = await world(context, 'calls: 100, tokens: 1000, wall_time_ms: 60000');
  assert.is(await here.call({ tokens: 1 }, 2_000), 'ok');
  void here.kernel.run({ agent: here.did, action: { type: 'read' }, expected: { tokens: 400 }, effect: () => new Promise(() => undefined) });
  await here.hosts.pass(7_400);
  assert.equal(here.spent, [2, 401, 0, 9_400]);
  await here.crash();
  const [calls, tokens, , wall_time_ms = 0] = here.spent;
  assert.equal([calls, tokens], [2, 401]);
  assert.ok(wall_time_ms >= 9_400 && wall_time_ms <= 9_400 + spending_kept_interval_ms, String(wall_time_ms));
  void here.kernel.run({ agent: here.did, action: { type: 'read' }, effect: () => new Promise(() => undefined) });
  await here.hosts.pass(55_000);
  assert.is(here.kernel.stateOf(here.did), 'stopped', 'the running time of both together is over');
  const { host, actions } = here.hosts.at(0);
  await here.hosts.get(signalMethods(host, actions).signal({ agent: 'worker', signal: 'SIGCONT', reset: true }, never));
  await here.crash();
  assert.ok((here.spent[3] ?? Infinity) <= spending_kept_interval_ms, 'time of before the reset counts no more');
});

test('usage that is reported outside of any call stands in the log and outlives a crash', async (context) => {
  const here = await world(context, 'tokens: 1000');
  here.kernel.spent(here.did, { tokens: 300, cost: Infinity });
  await here.hosts.pass(100);
  const [record] = (await here.hosts.get(here.hosts.at(0).host.logs.newest(here.did, { kind: 'spending' })));
  assert.equal([record?.['agent'], record?.['tokens']], [here.did, 300]);
  await here.crash();
  assert.equal(here.spent.slice(0, 3), [0, 300, Number.MAX_SAFE_INTEGER]);
});

test('what was kept and cannot be read is used up; nothing is kept of an agent without a budget', async (context) => {
  const here = await world(context, 'calls: 5');
  assert.is(await here.call(), 'ok');
  for (const damaged of ['', '{}', '{"calls":-1,"cost":0,"epoch":0,"open":0,"tokens":0,"wall_time_ms":0}', '[1]', '{"calls":"1","cost":0,"epoch":0,"open":0,"tokens":0,"wall_time_ms":0}']) {
    await here.hosts.halt(0);
    await here.hosts.at(0).store.batch([{ space: 'meta', key: utf8(`spending ${here.did}`), value: utf8(damaged) }], { sync: true });
    await here.restart();
    assert.equal([await here.call(), here.spent[0]], ['BUDGET_EXCEEDED', Number.MAX_SAFE_INTEGER], damaged);
    await here.hosts.get(here.kernel.signal(here.did, 'SIGCONT'));
  }
  const free = await world(context, '');
  assert.is(await free.call({ tokens: 5 }), 'ok');
  assert.equal([await free.kept(), free.spent[0]], [undefined, 1]);
});

test('a rate limit of a long period goes on counting over a crash, for each caller; one of a short period begins anew', async (context) => {
  const hosts = await hostWorld(context, { count: 1, latency_ms: [1, 2] });
  const text = `{version: '1.0', name: slow, rules: [{name: all, condition: 'true', action: allow}, {name: hourly, condition: "action.type == 'pay'", limit: 3/hour}, {name: short, condition: "action.type == 'look'", limit: 1/50s}]}`;
  const policies = [unwrap(await Policy.parse(text, 'slow.yaml'))];
  const { did } = await hosts.hire(0, 'worker', { policies });
  const here = new World(hosts, did, policies);
  const act = async (type: string): Promise<string> => codeOf(await hosts.finish(here.kernel.run({ agent: did, action: { type }, effect: () => Promise.resolve() }))) ?? 'ok';
  const limits = async (): Promise<number> => {
    let count = 0;
    for await (const _ of hosts.at(0).store.entries('meta', { gte: utf8('limit '), lt: utf8('limit!') })) count += 1;
    return count;
  };
  assert.equal([await act('pay'), await act('pay'), await act('look'), await act('look')], ['ok', 'ok', 'ok', 'KERNEL_DENIED']);
  assert.is(await limits(), 1);
  await here.crash();
  assert.equal([await act('pay'), await act('pay'), await act('look')], ['ok', 'KERNEL_DENIED', 'ok']);
  here.employ();
  assert.is(await act('pay'), 'KERNEL_DENIED', 'nor does another kernel begin anew');
  await hosts.pass(21 * 60_000);
  await here.crash();
  assert.equal([await act('pay'), await act('pay')], ['ok', 'KERNEL_DENIED']);
  await hosts.pass(62 * 60_000);
  await here.crash();
  assert.is(await limits(), 0, 'what is empty again is forgotten');
});

test('a process that is killed in the midst of its calls has spent what it acknowledged, and at most what was under way besides', async (context) => {
  const data = join(context.folder(), 'data');
  const policy = join(context.folder(), 'policy.yaml');
  writeFileSync(policy, policyText('calls: 1000000, tokens: 100000000'));
  const child = spawn(process.execPath, [fileURLToPath(new URL('./spender.ts', import.meta.url)), data, policy], { stdio: ['ignore', 'pipe', 'inherit'] });
  context.after(() => void child.kill('SIGKILL'));
  let acknowledged = 0;
  child.stdout.on('data', (bytes: Buffer) => {
    acknowledged += bytes.length;
    if (acknowledged >= 200) child.kill('SIGKILL');
  });
  await once(child, 'close');
  assert.ok(acknowledged >= 200, String(acknowledged));
  const node = unwrap(await createNode({ name: 'spender', data, listen: [], control: false }));
  context.after(() => node.stop());
  const did = node.host.identities.find('worker')?.did ?? '';
  const { calls = 0, tokens = 0 } = node.host.agents.get(did)?.kernel.spending(did) ?? {};
  assert.ok(calls >= acknowledged && calls <= acknowledged + 64, `${calls} of ${acknowledged} acknowledged`);
  assert.ok(tokens >= 10 * acknowledged, `${tokens} tokens`);
});

test.run();
