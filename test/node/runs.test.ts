/** What a runner is told of the program that it runs. */
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import type { Runs } from '../../node/runs.ts';
import type { SignalName } from '../../node/kernel/index.ts';
import { suite, type TestContext } from '../harness.ts';
import { hostWorld, type HostWorld } from '../simulated-hosts.ts';

const test = suite('node/runs');
const never = new AbortController().signal;

interface World {
  readonly hosts: HostWorld;
  readonly runs: Runs;
  readonly id: string;
  send(...signals: readonly SignalName[]): Promise<void>;
}

async function world(context: TestContext): Promise<World> {
  const hosts = await hostWorld(context, { count: 1, latency_ms: [1, 2] });
  const { did } = await hosts.hire(0, 'runner');
  const { host } = hosts.at(0);
  const agent = host.agents.get(did);
  if (agent === undefined) throw new Error('there is no agent');
  const { id } = await hosts.get(host.runs.begin(agent, { tier: 'process', action: { type: 'read' }, data: null }));
  return { hosts, runs: host.runs, id, async send(...signals) { for (const signal of signals) await hosts.get(agent.kernel.signal(did, signal)); } };
}

test('of stop and continue the last one is told, however many came, and after a kill nothing else', async (context) => {
  const { hosts, runs, id, send } = await world(context);
  for (let count = 0; count < 50; count += 1) await send('SIGSTOP', 'SIGCONT');
  await send('SIGSTOP');
  assert.equal(unwrap(await runs.next(id, never)), { kind: 'stop' });
  const waiting = runs.next(id, never);
  await send('SIGCONT');
  assert.equal(await hosts.get(waiting), { kind: 'continue' });
  await send('SIGSTOP', 'SIGKILL');
  assert.is(unwrap(await runs.next(id, never)).kind, 'kill');
});

test('what came while a runner hung up is told to it when it asks again', async (context) => {
  const { hosts, runs, id, send } = await world(context);
  const asking = new AbortController();
  const asked = runs.next(id, asking.signal);
  asking.abort();
  const sent = send('SIGSTOP');
  assert.equal(await hosts.get(asked), { kind: 'nothing' });
  await sent;
  assert.equal(unwrap(await runs.next(id, never)), { kind: 'stop' });
});

test.run();
