import * as assert from 'uvu/assert';
import { main as auditBridge } from '../examples/audit-bridge.ts';
import { main } from '../examples/full-stack.ts';
import { suite } from './harness.ts';

const test = suite('examples');

/** What an example says, and what it tells its test. */
async function ran<T>(example: () => Promise<T>): Promise<{ readonly story: T; readonly said: string }> {
  const said: string[] = [];
  const { log } = console;
  console.log = (...parts: unknown[]): void => void said.push(parts.join(' '));
  try {
    return { story: await example(), said: said.join('\n') };
  } finally {
    console.log = log;
  }
}

test('the audit-bridge example runs: logs are taken once, proved without a node, and erased', async () => {
  const { story } = await ran(auditBridge);
  assert.equal([story.added, story.refused, story.readable_after_erasure], [[2, 0], ['the entry names no agent'], 0]);
  assert.match(story.verified, /^verified\n.*"sql":"DROP TABLE emissions"/s);
});

test('the full-stack example runs: delegated work is done, destructive work denied, too little trust refused', async () => {
  const { story, said } = await ran(main);
  assert.is(story.result, 'summary of Analyze: rows of SELECT region, sum(total) FROM sales GROUP BY region');
  assert.is(story.denied, 'no-destructive-sql');
  assert.is(story.refusedTrust, 'TRUST_TOO_LOW');
  assert.match(said, /answered for by did:mesh:/);
});

test.run();
