import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { unwrap } from '../../../crypto/result.ts';
import { leastBudgets, usageOf } from '../../../node/kernel/budgets.ts';
import type { KernelInit, Policy } from '../../../node/kernel/index.ts';
import type { Budgets } from '../../../node/kernel/policy/policy.ts';
import { suite } from '../../harness.ts';
import { allow_all, call, code, idle, pending, space, thrown, turn } from './spaces.ts';

const test = suite('node/kernel/budgets');

const budgeted = (budgets: Budgets): typeof allow_all => ({ ...allow_all, budgets });

test('the calls of an agent are counted before they run; one too many is denied, recorded, and stops it', async () => {
  const { kernel, decisions, signals } = space({ budgets: { calls: 2 } });
  let ran = 0;
  const work = call(() => Promise.resolve(ran += 1));
  assert.equal([code(await kernel.run(work)), code(await kernel.run(work)), code(await kernel.run(work)), code(await kernel.run(work))], ['ok', 'ok', 'BUDGET_EXCEEDED', 'AGENT_STOPPED']);
  assert.is(ran, 2);
  const denied = decisions().find((record) => record.code === 'BUDGET_EXCEEDED');
  assert.equal([denied?.verdict, denied?.reason], ['deny', 'the budget of a is 2 calls, and this makes it 3']);
  assert.equal(signals(), ['SIGBUDGET stopped']);
  assert.match(kernel.standingOf('a').reason ?? '', /^SIGBUDGET: the budget of a is 2 calls/);
  assert.is(code(await kernel.run(idle({ agent: 'b' }))), 'ok', 'each agent has its own');
  const { detail } = unwrap(await kernel.signal('a', 'SIGCONT'));
  assert.equal(detail, { code: 'BUDGET_EXCEEDED', reason: 'the budget of a is 2 calls, and this makes it 3', fix: 'agentmesh signal a SIGCONT --reset gives it the whole budget anew; or raise the budget in the policy' });
  assert.is(code(await kernel.run(work)), 'BUDGET_EXCEEDED', 'SIGCONT gives nothing back');
  kernel.resetSpending('a');
  assert.is(unwrap(await kernel.signal('a', 'SIGCONT')).detail, null);
  assert.is(code(await kernel.run(work)), 'ok');
});

test('a denied call and a question use nothing up', async () => {
  const { kernel } = space({ budgets: { calls: 1 } });
  for (let each = 0; each < 5; each += 1) assert.is(kernel.decide({ agent: 'a', action: { type: 'read' } }).code, null);
  assert.is(code(await kernel.run(idle({ action: { type: '' } }))), 'CALL_INVALID');
  assert.equal(kernel.spending('a'), { calls: 0, tokens: 0, cost: 0, wall_time_ms: 0 });
  unwrap(await kernel.run(idle()));
  assert.is(kernel.decide({ agent: 'a', action: { type: 'read' } }).stage, 'budget');
});

test('of all layers and the kernel itself the least budget holds, measure by measure', async () => {
  const most = async (init: KernelInit): Promise<number> => {
    const { kernel } = space(init);
    for (let each = 0; each < 20; each += 1) if (!(await kernel.run(idle())).ok) return each;
    return Infinity;
  };
  assert.is(await most({ policies: [budgeted({ calls: 5 })], organisation: [budgeted({ calls: 3 })], agents: { a: [budgeted({ calls: 4 })] }, budgets: { calls: 7 } }), 3);
  assert.is(await most({ policies: [budgeted({ calls: 5 }), budgeted({ calls: 6 })], agents: { a: [budgeted({ calls: 2 })], b: [budgeted({ calls: 1 })] } }), 2);
  assert.is(await most({ policies: [budgeted({ calls: 5 })], budgets: { calls: 1 } }), 1);
  assert.is(await most({ policies: [{ ...budgeted({ calls: 1 }), agent: 'b' }, allow_all] }), Infinity, 'one for another agent');
  assert.is(await most({ policies: [{ ...budgeted({ calls: 1 }), mode: 'shadow' }, allow_all] }), Infinity, 'one in shadow');
  fc.assert(fc.property(fc.array(fc.record({ calls: fc.nat(), tokens: fc.nat(), cost: fc.nat() }, { requiredKeys: [] })), (all) => {
    const least = leastBudgets(all);
    for (const measure of ['calls', 'tokens', 'cost'] as const) {
      const said = all.map((each) => each[measure]).filter((each) => each !== undefined);
      assert.is(least[measure], said.length === 0 ? undefined : Math.min(...said));
    }
  }));
});

test('a model is charged with what its answer says that it used, and beyond the budget the agent is stopped', async () => {
  const { kernel, signals } = space({ budgets: { tokens: 100, cost: 1 } });
  const ask = kernel.model({ model: 'm', agent: 'a', call: (tokens: number) => ({ text: 'hello', usage: { input_tokens: tokens - 1, output_tokens: 1, cost: 0.25 } }) });
  assert.is((await ask(60)).text, 'hello');
  assert.equal(kernel.spending('a'), { calls: 1, tokens: 60, cost: 0.25, wall_time_ms: 0 });
  assert.is((await ask(60)).text, 'hello', 'what was used is known only afterwards');
  await turn();
  assert.equal(signals(), ['SIGBUDGET stopped']);
  assert.is((await thrown(ask(1))).code, 'AGENT_STOPPED');
  assert.match(kernel.standingOf('a').reason ?? '', /is 100 tokens, and this makes it 120/);
});

test('what a call is expected to use is kept for it, so that many at once cannot go beyond the budget together', async () => {
  const { kernel } = space({ budgets: { tokens: 100 } });
  const gate = pending();
  const ask = kernel.model({ model: 'm', agent: 'a', expected: { tokens: 40 }, call: () => gate.effect().then(() => ({ usage: { tokens: 10 } })) });
  const answers = [ask(1), ask(2), ask(3)].map((answer) => answer.then(() => 'ok', (error: unknown) => Object(error).code));
  await turn();
  gate.end();
  // The first two are on their way when the third stops the agent.
  assert.equal(await Promise.all(answers), ['ok', 'ok', 'BUDGET_EXCEEDED']);
  assert.is(kernel.spending('a').tokens, 20, 'and what was not used is given back');
});

test('a call that was under way when the budget was given anew counts with what it really used, and gives nothing back of before', async () => {
  for (const [used, tokens] of [[10, 10], [undefined, 0], [60, 60]] as const) {
    const { kernel } = space({ budgets: { tokens: 100 } });
    const gate = pending();
    const asked = kernel.run({ ...call(gate.effect), expected: { tokens: 40, cost: 3 }, usage: () => (used === undefined ? undefined : { tokens: used, cost: 0 }) });
    await turn();
    kernel.resetSpending('a');
    gate.end();
    unwrap(await asked);
    assert.equal(kernel.spending('a'), { calls: 0, tokens, cost: 0, wall_time_ms: 0 });
  }
});

test('what is given back never makes a spending less than nothing, not by what fractions lose either', async () => {
  const { kernel } = space({ budgets: { cost: 10 } });
  const gates = [0.7, 0.1].map((cost) => {
    const gate = pending();
    return { gate, asked: kernel.run({ ...call(gate.effect), expected: { cost }, usage: () => ({ cost: 0 }) }) };
  });
  await turn();
  for (const { gate, asked } of gates) {
    gate.end();
    unwrap(await asked);
  }
  assert.is(kernel.spending('a').cost, 0);
});

test('usage that is no amount uses the budget up', async () => {
  for (const usage of [{ tokens: Number.NaN }, { tokens: -5 }, { tokens: 'many' }, { tokens: Infinity }, { total_tokens: -1 }, { cost: -1 }]) {
    const { kernel } = space({ budgets: { tokens: 1_000, cost: 1_000 } });
    await kernel.model({ model: 'm', agent: 'a', call: () => ({ usage }) })(1);
    await turn();
    assert.is(kernel.stateOf('a'), 'stopped', JSON.stringify(usage));
  }
  const { kernel } = space({ budgets: { tokens: 1_000 } });
  const hostile = kernel.tool({
    name: 't', agent: 'a', run: () => 1,
    usage: () => {
      throw new Error('no bill');
    },
  });
  assert.is(await hostile(1), 1);
  await turn();
  assert.is(kernel.stateOf('a'), 'stopped');
});

test('the usage of an answer is read from the forms that models have', () => {
  assert.equal([
    usageOf({ usage: { tokens: 3, cost: 0.5 } }), usageOf({ usage: { total_tokens: 9 } }), usageOf({ usage: { prompt_tokens: 2, completion_tokens: 3 } }),
    usageOf({ usage: { inputTokens: 4, outputTokens: 5, totalTokens: 9 } }), usageOf({ usage: {} }), usageOf('text'), usageOf(null), usageOf({ usage: 7 }),
  ], [{ tokens: 3, cost: 0.5 }, { tokens: 9 }, { tokens: 5 }, { tokens: 9 }, {}, undefined, undefined, undefined]);
});

test('usage that is reported later is charged too', async () => {
  const { kernel, signals } = space({ budgets: { cost: 2 } });
  kernel.spent('a', { cost: 2 });
  assert.equal(signals(), []);
  kernel.spent('a', { cost: 0.5 });
  await turn();
  assert.equal(signals(), ['SIGBUDGET stopped']);
});

test('running time is that of the clock on the wall, whatever runs at once or inside; at its end everything is aborted', async () => {
  const { kernel, clock, records, signals } = space({ budgets: { wall_time_ms: 1_000 } });
  const aborted: string[] = [];
  const slow = (name: string): ReturnType<typeof kernel.run> => kernel.run(call((signal) => new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      aborted.push(name);
      reject(new Error('aborted'));
    });
  })));
  const quick = pending();
  const first = kernel.run(call(quick.effect));
  await turn();
  clock.pass(400);
  quick.end();
  await first;
  clock.pass(10_000);
  assert.is(kernel.spending('a').wall_time_ms, 400, 'while nothing runs no time runs');
  const one = slow('x');
  await turn();
  clock.pass(100);
  const running = [one, slow('y')];
  await turn();
  assert.is(kernel.spending('a').wall_time_ms, 500, 'also while it runs');
  clock.pass(499);
  assert.equal([aborted, kernel.stateOf('a')], [[], 'running']);
  clock.pass(1);
  assert.equal((await Promise.all(running)).map(code), ['CALL_ABORTED', 'CALL_ABORTED']);
  assert.equal([aborted, kernel.stateOf('a'), kernel.spending('a').wall_time_ms], [['x', 'y'], 'stopped', 1_000]);
  assert.equal(signals(), ['SIGBUDGET stopped']);
  const outcomes = records.filter((record) => record.kind === 'outcome' && record.status === 'aborted');
  assert.is(outcomes.length, 2);
  assert.match(outcomes[0]?.reason ?? '', /is 1000 wall_time_ms/);
  unwrap(await kernel.signal('a', 'SIGCONT'));
  assert.is(code(await kernel.run(idle())), 'BUDGET_EXCEEDED');
});

test('a timer is left over from no call', async () => {
  const { kernel, clock } = space({ budgets: { wall_time_ms: 1_000 } });
  for (let each = 0; each < 10; each += 1) unwrap(await kernel.run(idle()));
  assert.is(clock.timers, 0);
});

test('an agent that takes SIGBUDGET its own way gets no more for it', async () => {
  const { kernel, signals } = space({ budgets: { calls: 1 } });
  unwrap(kernel.onSignal('a', 'SIGBUDGET', 'ignore'));
  unwrap(await kernel.run(idle()));
  for (let each = 0; each < 50; each += 1) assert.is(code(await kernel.run(idle())), 'BUDGET_EXCEEDED');
  await turn();
  assert.equal(signals(), ['SIGBUDGET ignored'], 'and is not told over and over');
});

test('a policy that is replaced brings its own budget, for what comes after', async () => {
  const { kernel } = space({ policies: [budgeted({ calls: 1 })] });
  unwrap(await kernel.run(idle()));
  const more: readonly Policy[] = [budgeted({ calls: 3 })];
  kernel.replacePolicies('host', more);
  assert.equal([code(await kernel.run(idle())), code(await kernel.run(idle())), code(await kernel.run(idle()))], ['ok', 'ok', 'BUDGET_EXCEEDED']);
});

test.run();
