import * as assert from 'uvu/assert';
import { canonicalJson } from '../../../crypto/canonical.ts';
import { fail, ok, unwrap } from '../../../crypto/result.ts';
import { parseSignal, signal_names, signals, type SignalInfo, type SignalName } from '../../../node/kernel/index.ts';
import { parseStanding, standingAfter, standingText } from '../../../node/kernel/signals/records.ts';
import { suite } from '../../harness.ts';
import { call, code, idle, pending, space, turn } from './spaces.ts';

const test = suite('node/kernel/signals');

test('the twelve signals have the names and numbers of the seeds', () => {
  assert.equal(signals, { SIGSTOP: 1, SIGCONT: 2, SIGINT: 3, SIGKILL: 4, SIGTERM: 5, SIGUSR1: 6, SIGUSR2: 7, SIGPOLICY: 8, SIGTRUST: 9, SIGBUDGET: 10, SIGLOOP: 11, SIGDRIFT: 12 });
  assert.equal(signal_names.map((name) => signals[name]), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  for (const name of signal_names) {
    for (const text of [name, name.toLowerCase(), name.slice(3), String(signals[name])]) assert.is(unwrap(parseSignal(text)), name);
  }
  for (const text of ['', 'SIG', 'SIGHUP', '0', '13', 'sigkill ', '*']) assert.is(code(parseSignal(text)), 'SIGNAL_UNKNOWN');
});

test('what each signal does by default, and its record', async () => {
  const expected: readonly (readonly [SignalName, string, string])[] = [
    ['SIGSTOP', 'stopped', 'stopped'], ['SIGCONT', 'continued', 'running'], ['SIGINT', 'stopped', 'stopped'], ['SIGKILL', 'killed', 'killed'],
    ['SIGTERM', 'killed', 'killed'], ['SIGUSR1', 'diagnosed', 'running'], ['SIGUSR2', 'ignored', 'running'], ['SIGPOLICY', 'killed', 'killed'],
    ['SIGTRUST', 'killed', 'killed'], ['SIGBUDGET', 'stopped', 'stopped'], ['SIGLOOP', 'stopped', 'stopped'], ['SIGDRIFT', 'stopped', 'stopped'],
  ];
  for (const [name, outcome, state] of expected) {
    const { kernel, decisions } = space();
    const delivered = unwrap(await kernel.signal('a', name, { by: 'did:mesh:s', reason: 'because' }));
    assert.equal([delivered.outcome, delivered.state, kernel.stateOf('a')], [outcome, state, state], name);
    const record = decisions().find(({ action }) => Object(action).signal === name);
    assert.equal([record?.agent, Object(record?.action).by, Object(record?.action).number, record?.verdict, record?.audit], ['a', 'did:mesh:s', signals[name], 'allow', 'durable'], name);
    assert.match(record?.reason ?? '', `${name}: because`);
    const ran = await kernel.run(idle());
    assert.is(code(ran), { running: 'ok', stopped: 'AGENT_STOPPED', killed: 'AGENT_KILLED' }[delivered.state], name);
  }
});

test('SIGSTOP, SIGKILL, SIGPOLICY and SIGTRUST can be neither masked nor ignored, and a handler of them only watches', async () => {
  for (const name of ['SIGSTOP', 'SIGKILL', 'SIGPOLICY', 'SIGTRUST'] as const) {
    const { kernel } = space();
    for (const disposition of ['ignore', 'block'] as const) assert.is(code(kernel.onSignal('a', name, disposition)), 'SIGNAL_UNMASKABLE');
    const seen: string[] = [];
    unwrap(kernel.onSignal('a', name, ({ signal }) => {
      seen.push(`${signal} ${kernel.stateOf('a')}`);
      throw new Error('swallowed');
    }));
    const delivered = unwrap(await kernel.signal('a', name));
    assert.equal([delivered.outcome, kernel.stateOf('a')], [name === 'SIGSTOP' ? 'stopped' : 'killed', name === 'SIGSTOP' ? 'stopped' : 'killed']);
    await turn();
    assert.equal(seen, [`${name} ${kernel.stateOf('a')}`], 'told, afterwards');
  }
});

test('the kernel acts before anybody is awaited', () => {
  const { kernel } = space();
  void kernel.signal('a', 'SIGSTOP');
  assert.is(kernel.stateOf('a'), 'stopped');
  void kernel.signal('a', 'SIGKILL');
  assert.is(kernel.stateOf('a'), 'killed');
});

test('an agent may ignore or take over what can be caught; a handler that fails or hangs does not undo the default', async () => {
  const { kernel, clock, signals: sent } = space();
  unwrap(kernel.onSignal('a', 'SIGLOOP', 'ignore'));
  assert.is(unwrap(await kernel.signal('a', 'SIGLOOP')).outcome, 'ignored');
  const taken: SignalInfo[] = [];
  unwrap(kernel.onSignal('a', 'SIGDRIFT', (info) => void taken.push(info)));
  assert.equal([unwrap(await kernel.signal('a', 'SIGDRIFT', { by: 'b', reason: 'r' })).outcome, kernel.stateOf('a')], ['handled', 'running']);
  assert.equal(taken.map(({ signal, number, by, reason, count }) => [signal, number, by, reason, count]), [['SIGDRIFT', 12, 'b', 'r', 1]]);
  unwrap(kernel.onSignal('a', 'SIGDRIFT', () => Promise.reject(new Error('no'))));
  const failed = unwrap(await kernel.signal('a', 'SIGDRIFT'));
  assert.equal([failed.outcome, failed.detail, kernel.stateOf('a')], ['stopped', 'the handler failed: no', 'stopped']);
  unwrap(await kernel.signal('a', 'SIGCONT'));
  unwrap(kernel.onSignal('a', 'SIGDRIFT', () => new Promise(() => undefined)));
  const hanging = kernel.signal('a', 'SIGDRIFT');
  await turn();
  clock.pass(5_000);
  assert.equal([unwrap(await hanging).outcome, kernel.stateOf('a')], ['stopped', 'stopped']);
  unwrap(await kernel.signal('a', 'SIGCONT'));
  unwrap(kernel.onSignal('a', 'SIGDRIFT', 'default'));
  assert.is(unwrap(await kernel.signal('a', 'SIGDRIFT')).outcome, 'stopped');
  assert.equal(sent(), ['SIGLOOP ignored', 'SIGDRIFT handled', 'SIGDRIFT stopped', 'SIGCONT continued', 'SIGDRIFT stopped', 'SIGCONT continued', 'SIGDRIFT stopped']);
});

test('masked signals wait, one of each name, and come in the order of their numbers', async () => {
  const { kernel, signals: sent } = space();
  for (const name of ['SIGDRIFT', 'SIGUSR1', 'SIGINT'] as const) unwrap(kernel.onSignal('a', name, 'block'));
  const counts: number[] = [];
  unwrap(kernel.onSignal('a', 'SIGDRIFT', ({ count }) => void counts.push(count)));
  unwrap(kernel.onSignal('a', 'SIGDRIFT', 'block'));
  for (let each = 0; each < 1_000; each += 1) unwrap(await kernel.signal('a', 'SIGDRIFT', { reason: `r${each}` }));
  unwrap(await kernel.signal('a', 'SIGUSR1'));
  unwrap(await kernel.signal('a', 'SIGINT'));
  assert.is(kernel.stateOf('a'), 'running');
  assert.equal(kernel.signalsOf('a').pending.map(({ signal, count, reason }) => [signal, count, reason]), [['SIGINT', 1, 'no reason given'], ['SIGUSR1', 1, 'no reason given'], ['SIGDRIFT', 1_000, 'r999']]);
  const delivered = unwrap(await kernel.unblock('a', ['SIGDRIFT', 'SIGUSR1', 'SIGINT']));
  assert.equal(delivered.map(({ signal, outcome }) => `${signal} ${outcome}`), ['SIGINT stopped', 'SIGUSR1 diagnosed', 'SIGDRIFT handled']);
  assert.equal(counts, [1_000]);
  assert.equal(kernel.signalsOf('a').pending, []);
  assert.equal(unwrap(await kernel.unblock('a', ['SIGINT'])), []);
  assert.is(sent().length, 1_005, 'each one that came, and the three that were delivered afterwards');
});

test('the history of an agent is bounded, and is its own', async () => {
  const { kernel } = space();
  for (let each = 0; each < 100; each += 1) unwrap(await kernel.signal('a', 'SIGUSR1', { reason: `r${each}` }));
  unwrap(await kernel.signal('b', 'SIGSTOP'));
  const { past } = kernel.signalsOf('a');
  assert.is(past.length, 32);
  assert.equal([past[0]?.reason, past.at(-1)?.reason, past.at(-1)?.outcome], ['r68', 'r99', 'diagnosed']);
  assert.equal(kernel.signalsOf('b').past.map(({ signal, outcome }) => `${signal} ${outcome}`), ['SIGSTOP stopped']);
  assert.equal(kernel.signalsOf('nobody').past, []);
});

test('SIGINT lets the running action end, with what it calls itself, and then stops the agent', async () => {
  const { kernel } = space();
  const step = kernel.tool({ name: 'step', run: () => 'done', agent: 'a' });
  const gate = pending();
  const running = kernel.run(call(async () => {
    await gate.effect();
    return step(undefined);
  }));
  await turn();
  assert.is(unwrap(await kernel.signal('a', 'SIGINT')).outcome, 'finishing');
  assert.is(kernel.stateOf('a'), 'stopped');
  assert.is(code(await kernel.run(idle())), 'AGENT_STOPPED', 'nothing new');
  gate.end();
  assert.is(unwrap(await running).value, 'done');
  assert.is(code(await kernel.run(idle())), 'AGENT_STOPPED');
  unwrap(await kernel.signal('a', 'SIGCONT'));
  assert.is(code(await kernel.run(idle())), 'ok');
});

test('SIGCONT takes a SIGINT back while the action still runs; of several ends the first is the reason', async () => {
  const { kernel } = space();
  const gate = pending();
  const running = kernel.run(call(gate.effect));
  await turn();
  unwrap(await kernel.signal('a', 'SIGINT'));
  unwrap(await kernel.signal('a', 'SIGCONT'));
  assert.is(code(await kernel.run(idle())), 'ok');
  gate.end();
  await running;
  assert.is(code(await kernel.run(idle())), 'ok');
  unwrap(await kernel.signal('a', 'SIGTRUST', { reason: 'first' }));
  unwrap(await kernel.signal('a', 'SIGKILL', { reason: 'second' }));
  assert.is(kernel.standingOf('a').reason, 'SIGTRUST: first');
});

test('SIGTERM gives the grace, and then kills; an agent that ends in time is killed at once', async () => {
  for (const obeys of [true, false]) {
    const { kernel, clock, signals: sent } = space({ term_grace_ms: 800 });
    const gate = pending();
    const running = kernel.run(call(gate.effect));
    await turn();
    assert.is(unwrap(await kernel.signal('a', 'SIGTERM', { reason: 'end' })).outcome, 'terminating');
    assert.is(code(await kernel.run(idle())), 'AGENT_STOPPED');
    if (obeys) gate.end();
    await turn();
    assert.is(kernel.stateOf('a'), obeys ? 'killed' : 'stopped');
    clock.pass(799);
    assert.is(kernel.stateOf('a'), obeys ? 'killed' : 'stopped');
    clock.pass(1);
    await turn();
    assert.is(kernel.stateOf('a'), 'killed');
    assert.is(code(await running), obeys ? 'ok' : 'CALL_ABORTED');
    assert.equal(sent(), ['SIGTERM terminating', 'SIGKILL killed']);
    assert.match(kernel.standingOf('a').reason ?? '', obeys ? /it ended in time/ : /did not end within 800 ms/);
  }
});

test('who was told to end is not let go on, and a second SIGTERM or a SIGINT changes nothing', async () => {
  const { kernel, clock, decisions } = space();
  const running = kernel.run(call(() => new Promise(() => undefined)));
  await turn();
  unwrap(await kernel.signal('a', 'SIGTERM', { reason: 'end' }));
  assert.is(code(await kernel.signal('a', 'SIGCONT')), 'AGENT_KILLED');
  for (const name of ['SIGINT', 'SIGTERM', 'SIGSTOP'] as const) unwrap(await kernel.signal('a', name));
  assert.equal(decisions().flatMap((record) => standingAfter(record)?.state ?? []), ['killed', 'killed', 'killed', 'killed'], 'as it is kept');
  clock.pass(5_000);
  assert.is(kernel.stateOf('a'), 'killed');
  assert.is(code(await running), 'CALL_ABORTED');
});

test('SIGUSR1 tells what is known of an agent, SIGUSR2 keeps its state', async () => {
  const { kernel } = space({ checkpoint: (agent, reason) => Promise.resolve(ok(`root of ${agent} for ${reason}`)) });
  unwrap(await kernel.run(idle()));
  kernel.taints.add('a', 'web', 'fetch');
  const { detail } = unwrap(await kernel.signal('a', 'SIGUSR1'));
  assert.equal([Object(detail).state, Object(detail).running, Object(detail).spending.calls, Object(detail).taint, Object(detail).policies.length], ['running', 0, 1, ['web'], 1]);
  assert.equal(unwrap(await kernel.signal('a', 'SIGUSR2', { reason: 'r' })).detail, 'root of a for r');
  for (const checkpoint of [() => Promise.resolve(fail('DISK_FULL', 'full')), () => Promise.reject(new Error('full')), (): never => {
    throw new Error('full');
  }]) {
    const broken = unwrap(await space({ checkpoint }).kernel.signal('a', 'SIGUSR2'));
    assert.equal([broken.outcome, broken.detail], ['failed', 'full']);
  }
});

test('what was started before SIGSTOP cannot act after it: neither timers nor promises nor child contexts', async () => {
  const { kernel, decisions } = space();
  const acted: string[] = [];
  const act = kernel.tool({ name: 'act', run: (how: string) => void acted.push(how) });
  const attempts: Promise<unknown>[] = [];
  const attempt = (how: string): void => void attempts.push(act(how).then(() => 'ok', (error: unknown) => Object(error).code));
  const [gate, started] = [pending(), pending()];
  const running = kernel.run(call(async () => {
    started.end();
    setTimeout(() => attempt('timer'), 1);
    setImmediate(() => attempt('immediate'));
    void gate.effect().then(() => attempt('promise'));
    void kernel.scoped(['tool:act'], async () => {
      await gate.effect();
      attempt('child context');
    });
    queueMicrotask(() => void gate.effect().then(() => setTimeout(() => attempt('timer of a microtask'), 1)));
    await gate.effect();
    attempt('the action itself');
  }));
  await started.effect();
  const stopped = kernel.signal('a', 'SIGSTOP');
  gate.end();
  unwrap(await stopped);
  await running;
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
  assert.equal([acted, attempts.length], [[], 6]);
  assert.equal(new Set(await Promise.all(attempts)), new Set(['AGENT_STOPPED']));
  const refused = decisions().filter(({ code: refusal }) => refusal === 'AGENT_STOPPED');
  assert.is(refused.length, 1, 'the first stands in the record, the others with it');
});

test('what an agent has forked while SIGINT lets it end does not outlive the action that forked it', async () => {
  const { kernel } = space();
  const act = kernel.tool({ name: 'act', run: () => 'acted' });
  const [action, fork] = [pending(), pending()];
  let forked: Promise<unknown> = Promise.resolve();
  const running = kernel.run(call(async () => {
    forked = fork.effect().then(() => act(undefined)).then(() => 'ok', (error: unknown) => Object(error).code);
    await action.effect();
  }));
  const other = pending();
  const second = kernel.run(call(other.effect));
  await turn();
  unwrap(await kernel.signal('a', 'SIGINT'));
  action.end();
  await running;
  fork.end();
  assert.is(await forked, 'AGENT_STOPPED', 'another action still runs, but it is not its own');
  other.end();
  await second;
});

test('a stopped agent that goes on trying fills no record: what repeats is counted, and recorded together', async () => {
  const { kernel, clock, decisions } = space();
  unwrap(await kernel.signal('a', 'SIGSTOP'));
  for (let each = 0; each < 5_000; each += 1) assert.is(code(await kernel.run(idle())), 'AGENT_STOPPED');
  const refused = (): readonly (number | undefined)[] => decisions().filter(({ code: refusal }) => refusal === 'AGENT_STOPPED').map(({ repeated }) => repeated);
  assert.equal(refused(), [undefined]);
  clock.pass(10_000);
  assert.equal(refused(), [undefined, 4_999]);
  for (let each = 0; each < 7; each += 1) await kernel.run(idle());
  kernel.stop();
  assert.equal(refused(), [undefined, 4_999, 7], 'also at the end');
  const other = space();
  unwrap(await other.kernel.signal('a', 'SIGSTOP'));
  await other.kernel.run(idle());
  other.clock.pass(30_000);
  await other.kernel.run(idle());
  assert.is(other.decisions().filter(({ code: refusal }) => refusal === 'AGENT_STOPPED').length, 2, 'one that comes again later is recorded by itself');
});

test('observers hear of every signal, outside of any call, and can end it', async () => {
  const { kernel } = space();
  const heard: unknown[] = [];
  const end = unwrap(kernel.observeSignals(({ agent, signal }, outcome) => void heard.push([agent, signal, outcome, kernel.current()])));
  await kernel.run(call(async () => unwrap(await kernel.signal('b', 'SIGSTOP'))));
  end();
  unwrap(await kernel.signal('b', 'SIGCONT'));
  assert.equal(heard, [['b', 'SIGSTOP', 'stopped', undefined]]);
});

test('callbacks that throw break nothing: neither an observer, nor the score of an agent', async () => {
  const { kernel } = space();
  unwrap(kernel.observeSignals(() => {
    throw new Error('observer');
  }));
  assert.is(code(await kernel.signal('a', 'SIGSTOP')), 'ok');
  assert.is(code(await kernel.signal('a', 'SIGCONT')), 'ok');
  const broken = space({
    calls_per_agent_max: 1, budgets: { calls: 1 }, trustScore: () => {
      throw new Error('score');
    },
  });
  assert.is(code(await broken.kernel.run(idle())), 'KERNEL_DENIED');
  assert.equal([code(await broken.kernel.signal('a', 'SIGSTOP')), broken.kernel.stateOf('a')], ['AUDIT_UNAVAILABLE', 'stopped']);
  for (let each = 0; each < 5; each += 1) assert.not((await broken.kernel.run(idle())).ok);
  broken.clock.pass(20_000);
  await turn();
});

test('neither what a handler throws nor the reason that a sender gives keeps a signal out of the record', async () => {
  for (const error of [Object.create(null), new Error('x'.repeat(3_000_000)), new Error('half of a pair: \ud800')] as const) {
    const { kernel, decisions } = space();
    unwrap(kernel.onSignal('a', 'SIGBUDGET', () => {
      throw error;
    }));
    assert.is(unwrap(await kernel.signal('a', 'SIGBUDGET', { reason: `half of a pair: \ud800${'x'.repeat(100_000)}` })).outcome, 'stopped');
    const record = decisions().at(-1);
    assert.equal([record?.code, record === undefined ? undefined : standingAfter(record)?.state], [null, 'stopped']);
    assert.ok(JSON.stringify(record).length < 20_000 && canonicalJson({ ...record }).length > 0);
  }
});

test('who is signalled inherits nothing from the call in which that is done', async () => {
  const { kernel, decisions } = space();
  kernel.taints.add('a', 'web', 'fetch');
  await kernel.run(call(() => kernel.scoped(['read:x'], async () => unwrap(await kernel.signal('b', 'SIGSTOP')))));
  const record = decisions().find(({ agent }) => agent === 'b');
  assert.equal([record?.taint, record?.scope, kernel.taints.labels('b')], [[], [], []]);
});

test('a signal that cannot be recorded has acted all the same', async () => {
  const { kernel } = space({ flight_recorder: { unavailable: () => undefined, decision: () => Promise.resolve(fail('DISK_FULL', 'full')), outcome: () => Promise.resolve(fail('DISK_FULL', 'full')) } });
  assert.equal([code(await kernel.signal('a', 'SIGKILL')), kernel.stateOf('a')], ['AUDIT_UNAVAILABLE', 'killed']);
});

test('the state that a record says is kept and put back; one that cannot be read has stopped the agent', async () => {
  const { kernel, decisions } = space();
  const standings = async (name: SignalName): Promise<unknown> => {
    unwrap(await kernel.signal('a', name, { reason: 'why' }));
    const record = decisions().at(-1);
    return record === undefined ? undefined : standingAfter(record);
  };
  assert.equal(await standings('SIGSTOP'), { state: 'stopped', reason: 'why' });
  assert.equal(await standings('SIGCONT'), { state: 'running', reason: null });
  const running = kernel.run(call(() => new Promise(() => undefined)));
  await turn();
  assert.equal(await standings('SIGTERM'), { state: 'killed', reason: 'SIGTERM: why' }, 'the grace does not outlive the process');
  assert.equal(await standings('SIGKILL'), { state: 'killed', reason: 'SIGKILL: why' });
  await running;
  const [other] = decisions();
  if (other !== undefined) assert.is(standingAfter({ ...other, action: { type: 'read' } }), undefined);
  for (const standing of [{ state: 'stopped', reason: 'x' }, { state: 'killed', reason: null }] as const) {
    assert.equal(parseStanding(standingText(standing)), standing);
    const { kernel: again } = space();
    unwrap(again.restore('a', parseStanding(standingText(standing))));
    assert.is(again.stateOf('a'), standing.state);
  }
  for (const text of ['', 'null', '{}', '{"state":"RUNNING"}', '[1]']) assert.is(parseStanding(text).state, 'stopped');
});

test.run();
