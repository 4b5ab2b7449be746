import * as assert from 'uvu/assert';
import { fail, ok, unwrap, type Result } from '../../../crypto/result.ts';
import {
  Denied, KernelSpace, memoryRecorder, Policy, type Call, type DecisionRecord, type FlightRecorder, type KernelInit, type OutcomeRecord,
} from '../../../node/kernel/index.ts';
import { suite } from '../../harness.ts';
import { policyOf } from './policy/samples.ts';

const test = suite('node/kernel/kernel');

const allow_all = policyOf([{ name: 'all', condition: 'true', action: 'allow' }]);

/** A kernel whose every step is noted in order. */
function observed(init: KernelInit = {}, faults: Partial<FlightRecorder> = {}): { kernel: KernelSpace; steps: string[]; records: (DecisionRecord | OutcomeRecord)[]; attached: unknown[] } {
  const steps: string[] = [];
  const records: (DecisionRecord | OutcomeRecord)[] = [];
  const attached: unknown[] = [];
  const add = (record: DecisionRecord | OutcomeRecord): Promise<Result<{ index: number }>> => {
    // What a recorder gets must have a JSON form that says all of it.
    assert.equal(JSON.parse(JSON.stringify(record)), record);
    steps.push(record.kind === 'decision' ? `decision ${record.verdict}` : `outcome ${record.status}`);
    records.push(record);
    return Promise.resolve(ok({ index: records.length - 1 }));
  };
  const flight_recorder: FlightRecorder = {
    unavailable: () => undefined,
    decision: (record, attach) => {
      attached.push(attach);
      return add(record);
    },
    outcome: add,
    ...faults,
  };
  return { kernel: new KernelSpace({ policies: [allow_all], flight_recorder, clock: { now: () => 1_000, after: () => () => undefined }, ...init }), steps, records, attached };
}

function call<T>(effect: (signal: AbortSignal) => Promise<T>, more: Partial<Call<T>> = {}): Call<T> {
  return { agent: 'a', action: { type: 'read', resource: 'x' }, effect, ...more };
}

const code = <T>(result: Result<T>): string => (result.ok ? 'ok' : result.failure.code);

async function thrown(promise: Promise<unknown>): Promise<Denied> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Denied) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('the decision is recorded before the effect, the outcome after it', async () => {
  const { kernel, steps, records } = observed();
  const result = unwrap(await kernel.run(call(() => {
    steps.push('effect');
    return Promise.resolve(7);
  }, { data: { b: 1, a: 2 }, context: { trust_score: 612.7, sponsor: 'did:mesh:s', peer: 'p', delegation: { root: 'did:mesh:s', depth: 2, capabilities: ['read:*'] } } })));
  assert.is(result.value, 7);
  assert.equal(steps, ['decision allow', 'effect', 'outcome done']);
  const [decision, outcome] = records;
  assert.equal(decision, {
    kind: 'decision', call_id: result.call_id, agent: 'a', action: { type: 'read', resource: 'x' },
    // SHA-256 of {"a":2,"b":1}.
    args_hash: 'd3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772', policies: [allow_all.digest], verdict: 'allow', code: null, rule: 'all', policy: 'sample',
    reason: 'rule all allows because true', obligations: [], errors: [], scope: [['read:**']], trust_score: 612, sponsor: 'did:mesh:s', peer: 'p',
    delegation: { root: 'did:mesh:s', depth: 2, capabilities: ['read:*'] }, time_ms: 1_000, sandbox: 'none', enforcement: 'cooperative', taint: [], audit: 'durable',
  });
  assert.equal(outcome, {
    kind: 'outcome', call_id: result.call_id, agent: 'a', decision: 0, status: 'done', reason: null,
    // SHA-256 of "7".
    result_hash: '7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451', time_ms: 1_000, duration_ms: 0, audit: 'durable',
  });
});

test('without a record of the decision there is no effect', async () => {
  for (const decision of [
    () => Promise.resolve(fail('DISK_FULL', 'the disk is full')),
    () => Promise.reject(new Error('broken')),
    (): never => {
      throw new Error('broken');
    },
  ]) {
    const { kernel } = observed({}, { decision });
    let ran = false;
    const result = await kernel.run(call(() => {
      ran = true;
      return Promise.resolve();
    }));
    assert.is(code(result), 'AUDIT_UNAVAILABLE');
    assert.not(ran);
    assert.is(result.ok ? undefined : result.failure.detail?.['effect_ran'], false);
  }
});

test('an effect whose outcome cannot be recorded is reported as such', async () => {
  const { kernel } = observed({}, { outcome: () => Promise.resolve(fail('DISK_FULL', 'the disk is full')) });
  const result = await kernel.run(call(() => Promise.resolve(1)));
  assert.is(code(result), 'AUDIT_UNAVAILABLE');
  assert.is(result.ok ? undefined : result.failure.detail?.['effect_ran'], true);
});

test('a denial is recorded, says why, and runs nothing', async () => {
  const { kernel, steps, records } = observed({ policies: [policyOf([{ name: 'no', condition: "action.type == 'read'", action: 'deny' }])] });
  const result = await kernel.run(call(() => Promise.reject(new Error('ran'))));
  assert.is(code(result), 'KERNEL_DENIED');
  if (!result.ok) {
    assert.match(result.failure.reason, /rule no denies because action.type == 'read'/);
    assert.equal([result.failure.detail?.['rule'], result.failure.detail?.['stage'], result.failure.detail?.['index']], ['no', 'policy', 0]);
  }
  assert.equal(steps, ['decision deny']);
  assert.is(records[0]?.kind === 'decision' ? records[0].code : '', 'KERNEL_DENIED');
});

test('no policy, or none for this agent, is a denial', async () => {
  assert.is(code(await observed({ policies: [] }).kernel.run(call(() => Promise.resolve()))), 'KERNEL_DENIED');
  const other = policyOf([{ name: 'all', condition: 'true', action: 'allow' }], { agent: 'b' });
  const { kernel } = observed({ policies: [other] });
  assert.is(code(await kernel.run(call(() => Promise.resolve()))), 'KERNEL_DENIED');
  assert.is(code(await kernel.run(call(() => Promise.resolve(), { agent: 'b' }))), 'ok');
  assert.is(code(await kernel.run(call(() => Promise.resolve(), { context: { agent_name: 'b' } }))), 'ok');
});

test('organisation, host and agent layers must all allow', async () => {
  const only = (type: string): ReturnType<typeof policyOf> => policyOf([{ name: type, condition: `action.type in ['${type}', 'all']`, action: 'allow' }]);
  const { kernel } = observed({ organisation: [only('x')], policies: [only('y')], agents: { a: [only('z')] } });
  const ask = async (type: string, agent: string): Promise<string> => code(await kernel.run(call(() => Promise.resolve(), { agent, action: { type } })));
  assert.equal([await ask('all', 'a'), await ask('x', 'a'), await ask('y', 'a'), await ask('z', 'a')], ['ok', 'KERNEL_DENIED', 'KERNEL_DENIED', 'KERNEL_DENIED']);
  assert.is(await ask('all', 'constructor'), 'ok');
});

test('what cannot be decided about is denied and recorded', async () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const { kernel, steps } = observed();
  const governed = kernel.govern((input: unknown) => input);
  assert.is((await thrown(governed(cycle))).code, 'CALL_INVALID');
  assert.is((await thrown(governed('x'.repeat(2_000_000)))).code, 'CALL_INVALID');
  assert.is(code(await kernel.run(call(() => Promise.resolve(), { agent: '' }))), 'CALL_INVALID');
  assert.is(code(await kernel.run(call(() => Promise.resolve(), { action: { type: '' } }))), 'CALL_INVALID');
  assert.is(code(await kernel.run(call(() => Promise.resolve(), { context: { delegation: { root: 'r', depth: 1, capabilities: ['nonsense'] } } }))), 'CALL_INVALID');
  assert.equal(steps, Array.from({ length: 5 }, () => 'decision deny'));
});

test('a question is answered without record or charge', () => {
  const { kernel, steps } = observed({ policies: [allow_all, Policy.rateLimit(1, '1m')] });
  for (let index = 0; index < 5; index += 1) assert.is(kernel.decide({ agent: 'a', action: { type: 'read' } }).code, null);
  assert.equal(steps, []);
});

test('what the caller attaches reaches the recorder with the decision', async () => {
  const { kernel, attached } = observed();
  const attach = { nonce: 1 };
  unwrap(await kernel.run(call(() => Promise.resolve(), { attach })));
  assert.is(attached[0], attach);
});

test('a record waits for a batch only where caller or policy say so, and no rule asks for audit', async () => {
  const audit = async (init: KernelInit, more: Partial<Call<void>> = {}): Promise<unknown> => {
    const { kernel, records } = observed(init);
    unwrap(await kernel.run(call(() => Promise.resolve(), more)));
    return records.map((record) => record.audit);
  };
  assert.equal(await audit({}), ['durable', 'durable']);
  assert.equal(await audit({}, { audit: 'batched' }), ['batched', 'batched']);
  const batched = policyOf([{ name: 'reads', condition: "action.type == 'read'", action: 'allow', audit: 'batched' }]);
  assert.equal(await audit({ policies: [batched] }), ['batched', 'batched']);
  const audited = policyOf([{ name: 'watch', condition: 'true', action: 'audit' }]);
  assert.equal(await audit({ policies: [batched, audited] }, { audit: 'batched' }), ['durable', 'durable']);
});

test('a batched record is not waited for, but nothing runs that cannot be recorded', async () => {
  let decide = (): void => undefined;
  const { kernel, steps } = observed({}, {
    decision: () => new Promise((resolve) => {
      decide = () => resolve(ok({ index: 0 }));
    }),
  });
  const running = kernel.run(call(() => {
    steps.push('effect');
    decide();
    return Promise.resolve();
  }, { audit: 'batched' }));
  assert.is(code(await running), 'ok');
  assert.equal(steps, ['effect', 'outcome done']);

  const broken = observed({}, { unavailable: () => ({ code: 'AUDIT_FROZEN', reason: 'frozen' }) });
  const refused = await broken.kernel.run(call(() => {
    broken.steps.push('effect');
    return Promise.resolve();
  }, { audit: 'batched' }));
  assert.is(code(refused), 'AUDIT_UNAVAILABLE');
  assert.not.ok(broken.steps.includes('effect'));
});

test('SIGKILL aborts what runs, at once and for ever, and cannot be undone', async () => {
  const { kernel, steps } = observed();
  let told = false;
  const running = kernel.run(call((signal) => new Promise((resolve) => {
    // An effect that ignores the abort must not hold its caller.
    signal.addEventListener('abort', () => {
      told = true;
      setTimeout(resolve, 20);
    });
  })));
  await new Promise((resolve) => setTimeout(resolve, 5));
  unwrap(await kernel.signal('a', 'SIGKILL', { by: 'did:mesh:s', reason: 'misbehaved' }));
  assert.is(code(await running), 'CALL_ABORTED');
  assert.ok(told);
  const again = await kernel.run(call(() => Promise.resolve()));
  assert.is(code(again), 'AGENT_KILLED');
  assert.match(again.ok ? '' : again.failure.reason, /misbehaved/);
  assert.is(code(await kernel.signal('a', 'SIGCONT')), 'AGENT_KILLED');
  assert.is(code(await kernel.run(call(() => Promise.resolve()))), 'AGENT_KILLED');
  assert.is(code(await kernel.run(call(() => Promise.resolve(), { agent: 'b' }))), 'ok', 'other agents are untouched');
  assert.ok(steps.includes('outcome aborted'));
});

test('SIGPOLICY and SIGTRUST kill', async () => {
  for (const signal of ['SIGPOLICY', 'SIGTRUST'] as const) {
    const { kernel } = observed();
    unwrap(await kernel.signal('a', signal));
    assert.is(code(await kernel.run(call(() => Promise.resolve()))), 'AGENT_KILLED');
  }
});

test('SIGSTOP refuses until SIGCONT, and a signal is recorded', async () => {
  const { kernel, records } = observed();
  unwrap(await kernel.signal('a', 'SIGSTOP', { by: 'root', reason: 'wait' }));
  assert.is(code(await kernel.run(call(() => Promise.resolve()))), 'AGENT_STOPPED');
  assert.is(kernel.decide({ agent: 'a', action: { type: 'read' } }).stage, 'signals');
  unwrap(await kernel.signal('a', 'SIGCONT'));
  assert.is(code(await kernel.run(call(() => Promise.resolve()))), 'ok');
  const [first] = records;
  assert.equal(first?.kind === 'decision' ? first.action : null, { type: 'signal', signal: 'SIGSTOP', number: 1, by: 'root', outcome: 'stopped', state: 'stopped', why: 'wait' });
});

test('an agent killed while its decision is being written does not run', async () => {
  let kill = (): void => undefined;
  const recorder = memoryRecorder();
  const { kernel } = observed({}, {
    async decision(record) {
      kill();
      return recorder.decision(record);
    },
  });
  kill = () => {
    kill = () => undefined;
    void kernel.signal('a', 'SIGKILL');
  };
  let ran = false;
  const result = await kernel.run(call(() => {
    ran = true;
    return Promise.resolve();
  }));
  assert.is(code(result), 'AGENT_KILLED');
  assert.not(ran);
});

test('the caller can give up, before and during the effect', async () => {
  const { kernel } = observed();
  assert.is(code(await kernel.run(call(() => Promise.resolve(), { signal: AbortSignal.abort(new Error('no')) }))), 'CALL_ABORTED');
  const controller = new AbortController();
  const running = kernel.run(call(() => new Promise(() => undefined), { signal: controller.signal }));
  await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort(new Error('enough'));
  assert.is(code(await running), 'CALL_ABORTED');
});

test('the calls of one agent under way are bounded, whether or not they obey; other agents have their own bound', async () => {
  const { kernel } = observed({ calls_per_agent_max: 2 });
  let finish = (): void => undefined;
  const controller = new AbortController();
  const stubborn = call(() => new Promise<void>((resolve) => {
    const before = finish;
    finish = () => {
      before();
      resolve();
    };
  }), { signal: controller.signal });
  const running = [kernel.run(stubborn), kernel.run(stubborn)];
  assert.is(code(await kernel.run(call(() => Promise.resolve()))), 'KERNEL_OVERLOADED');
  assert.is(code(await kernel.run(call(() => Promise.resolve(), { agent: 'b' }))), 'ok');
  controller.abort();
  assert.equal((await Promise.all(running)).map(code), ['CALL_ABORTED', 'CALL_ABORTED']);
  assert.is(code(await kernel.run(call(() => Promise.resolve()))), 'KERNEL_OVERLOADED', 'their work still goes on');
  finish();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.is(code(await kernel.run(call(() => Promise.resolve()))), 'ok');
});

test('stop ends what runs and refuses the rest', async () => {
  const { kernel } = observed();
  const running = kernel.run(call(() => new Promise(() => undefined)));
  await new Promise((resolve) => setTimeout(resolve, 5));
  kernel.stop();
  assert.is(code(await running), 'CALL_ABORTED');
  assert.is(code(await kernel.run(call(() => Promise.resolve()))), 'KERNEL_STOPPED');
});

test('a governed function keeps its parameters, its value and its errors', async () => {
  const { kernel, steps } = observed();
  const add = kernel.govern((a: number, b: number) => a + b);
  const value: number = await add(1, 2);
  assert.is(value, 3);
  const error = new RangeError('mine');
  const failing = kernel.govern(() => Promise.reject(error));
  try {
    await failing();
    assert.unreachable();
  } catch (caught) {
    assert.is(caught, error);
  }
  assert.equal(steps, ['decision allow', 'outcome done', 'decision allow', 'outcome failed']);
});

test('a governed function that is denied throws Denied with the rule and the reason', async () => {
  const { kernel } = observed({ policies: [Policy.noDestructiveSql()] });
  let ran = false;
  const query = kernel.govern((sql: string) => {
    ran = true;
    return sql;
  });
  const denied = await thrown(query('DROP TABLE users'));
  assert.equal([denied.code, denied.rule, ran], ['KERNEL_DENIED', 'no-destructive-sql', false]);
  assert.match(denied.reason, /DROP is not among/);
  assert.is(await query('SELECT * FROM users'), 'SELECT * FROM users');
});

test('approval is asked for with its own code', async () => {
  const { kernel } = observed({ policies: [policyOf([{ name: 'ask', condition: 'true', action: 'require_approval' }])] });
  assert.is((await thrown(kernel.govern(() => 1)())).code, 'APPROVAL_REQUIRED');
});

test('scopes bound what runs inside, intersect when nested, and end with the function', async () => {
  const { kernel } = observed();
  const read = kernel.tool({ name: 'read', action: (resource: string) => ({ type: 'read', resource }), run: (resource) => resource });
  const enter = kernel.govern((resource: string) => read(resource));
  assert.is(await read('anything'), 'anything');
  await kernel.scoped(['read:reports/*', 'write:*'], async () => {
    assert.is(await enter('reports/q1'), 'reports/q1');
    assert.is((await thrown(enter('payroll'))).code, 'SCOPE_EXCEEDED');
    await kernel.scoped(['read:*'], async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      assert.is(await read('reports/q1'), 'reports/q1');
      assert.is((await thrown(read('payroll'))).code, 'SCOPE_EXCEEDED', 'a wider scope inside does not widen');
    });
    assert.is((await thrown(kernel.scoped([], () => read('reports/q1')))).code, 'SCOPE_EXCEEDED');
  });
  assert.is(await read('payroll'), 'payroll');
});

test('in a scope, an action without a resource claims them all, and one that is no capability is refused', async () => {
  const { kernel } = observed();
  const ask = (scope: string, action: Call<void>['action']): Promise<string> => kernel.scoped([scope], async () => code(await kernel.run(call(() => Promise.resolve(), { action }))));
  assert.is(await ask('read:reports', { type: 'read' }), 'SCOPE_EXCEEDED');
  assert.is(await ask('read:*', { type: 'read' }), 'ok');
  assert.is(await ask('tool:search', { type: 'tool', tool: 'search' }), 'ok');
  assert.is(await ask('tool:search', { type: 'tool', tool: 'shell' }), 'SCOPE_EXCEEDED');
  assert.is(await ask('*:**', { type: 'read', resource: '../x' }), 'SCOPE_EXCEEDED');
  assert.is(await ask('read:reports', { type: 'call', name: 'x' }), 'SCOPE_EXCEEDED', 'only govern enters without a capability');
  assert.is((await thrown(Promise.resolve().then(() => kernel.scoped(['Read Everything'], () => 1)))).code, 'CAPABILITY_MALFORMED');
});

test('what a call is delegated bounds everything that it calls, and its agent acts inside', async () => {
  const { kernel, records } = observed();
  const read = kernel.tool({ name: 'read', action: (resource: string) => ({ type: 'read', resource }), run: (resource) => resource });
  const context = { trust_score: 700, delegation: { root: 's', depth: 1, capabilities: ['read:x', 'read:y'] } };
  const result = await kernel.run(call(async () => {
    assert.is(await read('y'), 'y');
    assert.is((await thrown(read('z'))).code, 'SCOPE_EXCEEDED');
    return kernel.current()?.agent;
  }, { agent: 'did:mesh:b', context }));
  assert.is(unwrap(result).value, 'did:mesh:b');
  assert.equal(records.map(({ agent }) => agent), Array.from({ length: records.length }, () => 'did:mesh:b'));
  const inner = records[1];
  assert.equal(inner?.kind === 'decision' ? [inner.trust_score, inner.scope] : [], [700, [['read:x', 'read:y']]]);
  assert.is(kernel.current(), undefined);
});

test('what an aborted call still tries is refused', async () => {
  const { kernel } = observed();
  const read = kernel.tool({ name: 'read', run: (resource: string) => resource });
  const controller = new AbortController();
  let late: Promise<unknown> = Promise.resolve();
  const running = kernel.run(call(async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    late = thrown(read('x'));
    await late;
  }, { signal: controller.signal }));
  await new Promise((resolve) => setTimeout(resolve, 2));
  controller.abort(new Error('over'));
  await running;
  await new Promise((resolve) => setTimeout(resolve, 20));
  const denied = await late;
  assert.is(denied instanceof Denied ? denied.code : '', 'CALL_ABORTED');
});

test('agents at work at the same time keep their own scope, trust and limits', async () => {
  const trusting = policyOf([{ name: 'trusted', condition: 'agent.trust_score >= 500', action: 'allow' }]);
  const { kernel } = observed({ policies: [trusting, Policy.rateLimit(3, '1m')], trustScore: (agent) => (agent === 'good' ? 900 : 100) });
  const step = kernel.tool({ name: 'step', run: () => kernel.current()?.agent });
  const work = (agent: string): Promise<unknown> => kernel.govern(async () => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    return [await step(undefined), await step(undefined), (await thrown(step(undefined))).failure.detail?.['limited']];
  }, { agent })();
  const [good, bad] = await Promise.allSettled([work('good'), work('bad')]);
  assert.equal(good.status === 'fulfilled' ? good.value : good.reason, ['good', 'good', true]);
  assert.is(bad.status, 'rejected');
});

test('an attached agent acts where nobody else is named', async () => {
  const { kernel, records } = observed();
  unwrap(kernel.attach('did:mesh:x', () => ({ sponsor: 'did:mesh:s' })));
  unwrap(kernel.attach('did:mesh:x'));
  assert.is(code(kernel.attach('did:mesh:y')), 'KERNEL_TAKEN');
  await kernel.govern(() => 1)();
  assert.is(records[0]?.agent, 'did:mesh:x');
});

test('arguments changed after the decision do not change what was decided about', async () => {
  const { kernel, records } = observed();
  const args = { list: ['a'] };
  const pending = kernel.run(call(() => Promise.resolve(), { data: args }));
  args.list.push('b');
  assert.is(code(await pending), 'CALL_CHANGED');
  const { kernel: other, records: others } = observed();
  unwrap(await other.run(call(() => Promise.resolve(), { data: { list: ['a'] } })));
  const hash = (record: DecisionRecord | OutcomeRecord | undefined): unknown => (record?.kind === 'decision' ? record.args_hash : undefined);
  assert.is(hash(records[0]), hash(others[0]));
});

test.run();
