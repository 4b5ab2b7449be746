import * as assert from 'uvu/assert';
import { unwrap } from '../../../crypto/result.ts';
import { KernelSpace, memoryRecorder } from '../../../node/kernel/index.ts';
import { suite } from '../../harness.ts';

const test = suite('node/kernel/recorder');

test('logs are given by agent, time and verdict, and the oldest are dropped first', async () => {
  let now = 0;
  const flight_recorder = memoryRecorder(6);
  const kernel = new KernelSpace({ policy: 'permissive', flight_recorder, clock: { now: () => now, after: () => () => undefined } });
  const act = (agent: string, sql: string): Promise<unknown> => kernel.run({ agent, action: { type: 'query', sql }, effect: () => Promise.resolve(1) });
  unwrap(await kernel.run({ agent: 'old', action: { type: 'read' }, effect: () => Promise.resolve(1) }));
  for (const [agent, sql] of [['a', 'SELECT 1'], ['b', 'SELECT 1'], ['a', 'DROP TABLE t']] as const) {
    now += 10;
    await act(agent, sql);
  }
  assert.equal(flight_recorder.getLogs('a').map(({ kind, time_ms }) => [kind, time_ms]), [['decision', 10], ['outcome', 10], ['decision', 30]]);
  assert.equal(flight_recorder.getLogs('a', { verdict: 'deny' }).map(({ time_ms }) => time_ms), [30]);
  assert.equal(flight_recorder.getLogs(undefined, { from: 20, to: 29 }).map(({ agent }) => agent), ['b', 'b']);
  assert.equal(flight_recorder.getLogs('a', { kind: 'outcome' }).map(({ kind }) => kind), ['outcome']);
  assert.equal(flight_recorder.getLogs('a', { limit: 1 }).map(({ time_ms }) => time_ms), [30], 'the newest');
  assert.equal(flight_recorder.getLogs('a', { limit: 0 }), []);
  assert.is(flight_recorder.getLogs('old').length, 1, 'its decision is the oldest of seven');
});

test.run();
