/** What happens to open calls and streams in the course of time. */
import { createServer, get, IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { unwrap } from '../../../crypto/result.ts';
import { system_random } from '../../../node/clock.ts';
import { Policy } from '../../../node/kernel/index.ts';
import type { Caller } from '../../../node/sidecar/caller.ts';
import { OpenCalls } from '../../../node/sidecar/calls.ts';
import { SignalFeeds } from '../../../node/sidecar/feeds.ts';
import { answer_ms_max, heartbeat_ms, outcome_ms_max } from '../../../node/sidecar/limits.ts';
import type { Clock } from '../../../protocols/ports.ts';
import { suite, type TestContext } from '../../harness.ts';
import { hostWorld, type HostWorld } from '../../simulated-hosts.ts';
import { codeOf } from '../../storage/vfs-world.ts';

const test = suite('node/sidecar/calls');
const reads = "{version: '1.0', name: reads, rules: [{name: reads, condition: \"action.type == 'read'\", action: allow}]}";

interface World {
  readonly hosts: HostWorld;
  readonly caller: Caller;
  readonly calls: OpenCalls;
}

async function world(context: TestContext, policy: string = reads): Promise<World> {
  const hosts = await hostWorld(context, { count: 1, latency_ms: [1, 2] });
  const { did } = await hosts.hire(0, 'analyst', { policies: [unwrap(await Policy.parse(policy, 'policy.yaml'))] });
  const { host } = hosts.at(0);
  const agent = host.agents.get(did);
  if (agent === undefined) throw new Error('there is no analyst');
  const caller: Caller = { agent, tier: 'none', act: (work) => agent.kernel.scoped(agent.identity.capabilities, work) };
  return { hosts, caller, calls: new OpenCalls({ clock: host.parts.clock, onPending: (listener) => host.approvals.onPending(listener) }) };
}

test('a call whose outcome nobody records in time has failed, and gives its place back', async (context) => {
  const { hosts, caller, calls } = await world(context);
  const open = await hosts.get(calls.reserve(caller, { action: { type: 'read', resource: 'x' } }));
  const call_id = open.call_id ?? '';
  assert.equal([open.state, calls.open], ['open', 1]);
  await hosts.pass(outcome_ms_max - 10_000);
  assert.is(unwrap(calls.status(caller, call_id)).state, 'open');
  await hosts.pass(20_000);
  const over = unwrap(calls.status(caller, call_id));
  assert.equal([over.state, calls.open], ['failed', 0]);
  assert.match(over.reason, /nobody recorded its outcome/);
  assert.is(codeOf(await hosts.finish(calls.record(caller, call_id, { status: 'done' }))), 'CALL_RECORDED');
  const [outcome] = await hosts.get(hosts.at(0).host.logs.newest(caller.agent.identity.did, { kind: 'outcome' }));
  assert.equal([outcome?.['status'], outcome?.['call_id']], ['failed', call_id]);
});

test('SIGTERM lets an open call be recorded within its grace, and begins nothing new; SIGKILL aborts it', async (context) => {
  const { hosts, caller, calls } = await world(context);
  const { agent: { identity: { did }, kernel } } = caller;
  const open = await hosts.get(calls.reserve(caller, { action: { type: 'read', resource: 'x' } }));
  const second = await hosts.get(calls.reserve(caller, { action: { type: 'read', resource: 'y' } }));
  await hosts.get(kernel.signal(did, 'SIGTERM'));
  const refused = await hosts.get(calls.reserve(caller, { action: { type: 'read', resource: 'z' } }));
  assert.equal([refused.state, refused.code], ['refused', 'AGENT_STOPPED']);
  assert.is((await hosts.get(calls.record(caller, open.call_id ?? '', { status: 'done', result: 1 }))).status, 'done');
  await hosts.pass(6_000);
  assert.equal([unwrap(calls.status(caller, second.call_id ?? '')).state, kernel.stateOf(did)], ['aborted', 'killed']);
});

test('a result that must not be given on leaves no call behind that is said to be done', async (context) => {
  const { hosts, caller, calls } = await world(context, `${reads.slice(0, -2)}, {name: silent, condition: "action.type == 'tool_result'", action: deny}]}`);
  const open = await hosts.get(calls.reserve(caller, { action: { type: 'read', resource: 'x' } }));
  const call_id = open.call_id ?? '';
  assert.is(codeOf(await hosts.finish(calls.record(caller, call_id, { status: 'done', result: 'a secret' }))), 'OUTPUT_DENIED');
  const { state, code, data } = unwrap(calls.status(caller, call_id));
  assert.equal([state, code, data], ['failed', 'OUTPUT_DENIED', null]);
});

test('what calls have brought is not held once they are over, however many are remembered', async (context) => {
  const { hosts, caller, calls } = await world(context);
  const result_length = 1_000_000;
  const results: WeakRef<object>[] = [];
  for (let count = 0; count < 8; count += 1) {
    const { call_id } = await hosts.get(calls.reserve(caller, { action: { type: 'read', resource: 'x' } }));
    const result = ['x'.repeat(result_length)];
    results.push(new WeakRef(result));
    await hosts.get(calls.record(caller, call_id ?? '', { status: 'done', result }));
    assert.is(unwrap(calls.status(caller, call_id ?? '')).state, 'done');
  }
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('nothing collects garbage here');
  await hosts.pass(60_000);
  collect();
  const held = results.filter((result) => result.deref() !== undefined).length;
  assert.ok(held <= 1, `${held} results of calls that are over are held`);
});

interface Timer {
  readonly delay_ms: number;
  readonly run: () => void;
  over: boolean;
}

/** A clock that stands, with what waits for it. */
function stillClock(): { readonly clock: Clock; readonly timers: readonly Timer[] } {
  const timers: Timer[] = [];
  const after: Clock['after'] = (delay_ms, run) => {
    const timer: Timer = { delay_ms, run, over: false };
    timers.push(timer);
    return () => { timer.over = true; };
  };
  return { clock: { now: () => 0, after }, timers };
}

test('a stream that is over is not held for a reader that does not read it to its end', async (context) => {
  const { caller } = await world(context);
  const { clock, timers } = stillClock();
  const feeds = new SignalFeeds({ clock, random: system_random });
  const ends = new AbortController();
  for (const [end, over] of [[() => feeds.end(), undefined], [() => ends.abort(), ends.signal]] as const) {
    // Nobody is connected: whatever is written stays.
    const socket = new Socket();
    const response = new ServerResponse(new IncomingMessage(socket));
    response.assignSocket(socket);
    unwrap(feeds.stream(over === undefined ? caller : { ...caller, over }, undefined, response));
    end();
    assert.is(feeds.open, 1);
    for (const timer of timers.filter(({ delay_ms, over: is_over }) => delay_ms === heartbeat_ms && !is_over)) timer.run();
    timers.findLast(({ delay_ms }) => delay_ms === answer_ms_max)?.run();
    await new Promise((resolve) => { setImmediate(resolve); });
    assert.is(feeds.open, 0);
    assert.equal(timers.filter(({ over: is_over, delay_ms }) => !is_over && delay_ms === answer_ms_max).length, 0);
  }
});

test('a stream shows that it lives, and stops when its reader hangs up', async (context) => {
  const { caller } = await world(context);
  const { clock, timers } = stillClock();
  const feeds = new SignalFeeds({ clock, random: system_random });
  const server = createServer((_request, response) => unwrap(feeds.stream(caller, undefined, response)));
  context.after(() => new Promise<void>((resolve) => { server.close(() => resolve()); }));
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
    });
  });
  const response = await new Promise<IncomingMessage>((resolve) => { get({ host: '127.0.0.1', port }, resolve); });
  let heard = '';
  response.on('data', (bytes: Buffer) => { heard += bytes.toString(); });
  assert.equal(timers.map(({ delay_ms }) => delay_ms), [heartbeat_ms]);
  timers[0]?.run();
  timers[1]?.run();
  while (!heard.includes(': still here\n\n: still here\n\n')) await new Promise((resolve) => { setImmediate(resolve); });
  assert.equal([timers.length, feeds.open], [3, 1]);
  response.destroy();
  while (feeds.open > 0) await new Promise((resolve) => { setImmediate(resolve); });
  assert.is(timers[2]?.over, true);
});

test.run();
