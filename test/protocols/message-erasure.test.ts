import * as assert from 'uvu/assert';
import type { Json } from '../../crypto/canonical.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import type { AgentHandler } from '../../node/agents.ts';
import { auditEntryMethods } from '../../node/control/audit-entry-methods.ts';
import type { ControlApi } from '../../node/control/api.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { Policy } from '../../node/kernel/index.ts';
import type { Answered } from '../../protocols/message/index.ts';
import { suite, type TestContext } from '../harness.ts';
import { hostWorld, type HostWorld } from '../simulated-hosts.ts';

const test = suite('protocols/message-erasure');
const never = new AbortController().signal;

interface Pair {
  readonly world: HostWorld;
  readonly worker: LocalIdentity;
  /** What the worker's handler was given, in order. */
  readonly served: Json[];
  /** Asks for something, or again with an earlier invocation. */
  ask(given: Json, invocation?: string): Promise<Result<Answered>>;
  /** The code of the receipt for a repetition, or `same` where it is the same receipt. */
  again(given: Json, before: Answered): Promise<string>;
  erase(target: Omit<ControlApi['audit.erase']['params'], 'basis'>): Promise<void>;
}

/** An asker on host 0 and a worker on host 1. */
async function pair(context: TestContext, serve: AgentHandler = ({ arguments: given }) => given): Promise<Pair> {
  const world = await hostWorld(context, { count: 2 });
  const served: Json[] = [];
  const asker = await world.hire(0, 'asker', { policies: [Policy.rateLimit(100, '1m')] });
  const worker = await world.hire(1, 'worker', {
    authority: 'open',
    serve: (task) => {
      served.push(task.arguments);
      return serve(task);
    },
  });
  const ask: Pair['ask'] = (given, invocation) => world.at(0).actions.call({
    from: asker.did, to: worker.did, command: 'write:reports', arguments: given, ...(invocation === undefined ? {} : { invocation }),
  });
  return {
    world, worker, served, ask,
    again: async (given, before) => {
      const { receipt, receipt_token } = await world.get(ask(given, before.invocation));
      return receipt_token === before.receipt_token ? 'same' : `${receipt.verdict} ${receipt.code}`;
    },
    erase: async (target) => void await world.get(auditEntryMethods(world.at(1).host)['audit.erase']({ ...target, basis: 'art17' }, never)),
  };
}

/** The index of the outcome of a call, from its receipt. */
async function outcomeOf({ world }: Pair, { receipt }: Answered): Promise<number> {
  const { entries } = await world.get(auditEntryMethods(world.at(1).host)['audit.entries']({ kind: 'outcome' }, never));
  const found = entries.find(({ payload }) => JSON.stringify(payload).includes(`"decision":${receipt.log?.index},`));
  assert.ok(found !== undefined, 'the outcome is in the log');
  return found.index;
}

/** What the executor's host keeps for repetitions, as it lies in the store. */
async function receiptsOf({ world }: Pair): Promise<string> {
  const values: Uint8Array[] = [];
  for await (const [, value] of world.at(1).store.entries('receipt', {})) values.push(value);
  return Buffer.concat(values).toString('latin1');
}

test('a repetition after an erasure of the executor is said to be of unknown outcome and is not run again', async (context) => {
  const given = await pair(context);
  const first = await given.world.get(given.ask('one'));
  assert.is(await given.again('one', first), 'same');
  await given.erase({ subject: 'worker' });
  assert.is(await given.again('one', first), 'error OUTCOME_UNKNOWN');
  await given.world.restart(1);
  given.world.employ(1, unwrap(given.world.at(1).actions.own('worker')), () => given.served.push('again'));
  await given.world.get(given.world.at(0).host.identity.resolve(given.worker.did, { fresh: true }));
  assert.is(await given.again('one', first), 'error OUTCOME_UNKNOWN', 'also after a restart');
  assert.equal(given.served, ['one']);
  const later = await given.world.get(given.ask('two'));
  assert.equal([later.receipt.verdict, await given.again('two', later)], ['allow', 'same'], 'what comes after is kept');
});

test('an erasure of the decision or of the outcome of a call takes its answer, and that of no other call', async (context) => {
  const given = await pair(context);
  const words = ['one', 'two', 'three', 'four'];
  const calls = await given.world.finish(Promise.all(words.map((word) => given.ask(word))).then((answers) => answers.map(unwrap)));
  const [first, second] = calls;
  assert.ok(first !== undefined && second !== undefined);
  await given.erase({ index: first.receipt.log?.index ?? -1 });
  await given.erase({ index: await outcomeOf(given, second) });
  const codes: string[] = [];
  for (const [at, call] of calls.entries()) codes.push(await given.again(words[at] ?? '', call));
  assert.equal(codes, ['error OUTCOME_UNKNOWN', 'error OUTCOME_UNKNOWN', 'same', 'same']);
  assert.equal([given.served.length, new Set(given.served)], [4, new Set<Json>(words)]);
});

test('an erasure while a command runs leaves no answer behind, and its caller still gets one', async (context) => {
  const finish = new Map<Json, (value: Json) => void>();
  const given = await pair(context, ({ arguments: what }) => what === 'quick' ? what : new Promise<Json>((resolve) => { finish.set(what, resolve); }));
  await given.world.get(given.ask('quick'));
  for (const [what, erase] of [
    ['one', () => given.erase({ index: given.world.at(1).host.log.size() - 1 })],
    ['two', () => given.erase({ subject: 'worker' })],
  ] as const) {
    const call = given.ask(what);
    await given.world.until('the handler runs', () => given.served.at(-1) === what);
    await erase();
    // What comes after the erasure gives the worker a new key, which the answer must not be sealed with.
    await given.world.get(given.ask('quick'));
    finish.get(what)?.(`done ${what}`);
    const first = await given.world.get(call);
    assert.equal([first.receipt.verdict, first.result], ['allow', `done ${what}`]);
    assert.is(await given.again(what, first), 'error OUTCOME_UNKNOWN', what);
  }
  assert.not.match(await receiptsOf(given), /done/);
  assert.equal(given.served, ['quick', 'one', 'quick', 'two', 'quick']);
});

test('the receipt of a refusal is kept sealed too, and goes with the entry of its decision', async (context) => {
  const given = await pair(context);
  const sql = 'DROP TABLE patients';
  const first = await given.world.get(given.ask(sql));
  assert.equal([first.receipt.verdict, await given.again(sql, first)], ['deny', 'same']);
  assert.not.match(await receiptsOf(given), /receipt|DROP/);
  await given.erase({ index: first.receipt.log?.index ?? -1 });
  assert.is(await given.again(sql, first), 'error OUTCOME_UNKNOWN');
  assert.equal(given.served, []);
});

test.run();
