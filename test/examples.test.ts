import * as assert from 'uvu/assert';
import { main } from '../examples/full-stack.ts';
import { suite } from './harness.ts';

const test = suite('examples');

test('the full-stack example runs: delegated work is done, destructive work denied, too little trust refused', async () => {
  const said: string[] = [];
  const { log } = console;
  console.log = (...parts: unknown[]): void => void said.push(parts.join(' '));
  try {
    const story = await main();
    assert.is(story.result, 'summary of Analyze: rows of SELECT region, sum(total) FROM sales GROUP BY region');
    assert.is(story.denied, 'no-destructive-sql');
    assert.is(story.refusedTrust, 'TRUST_TOO_LOW');
  } finally {
    console.log = log;
  }
  assert.match(said.join('\n'), /answered for by did:mesh:/);
});

test.run();
