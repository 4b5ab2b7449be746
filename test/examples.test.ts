import * as assert from 'uvu/assert';
import { main as auditBridge } from '../examples/audit-bridge.ts';
import { main as codingAssistant } from '../examples/coding-assistant/main.ts';
import { main as customerService } from '../examples/customer-service/main.ts';
import { main } from '../examples/full-stack.ts';
import { main as sqlAnalyst } from '../examples/sql-analyst/main.ts';
import { inside } from './node/run-cli.ts';
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

test('the coding assistant works on sources and cannot delete production files: not by name, detour, link or shell', async () => {
  const { story } = await ran(codingAssistant);
  const refused = 'KERNEL_DENIED no-change-in-production';
  assert.equal(story, {
    'write src/main.ts': 'done',
    'delete src/old.ts': 'done',
    'read production/config.json': 'done',
    'delete production/config.json': refused,
    'delete src/../production/config.json': refused,
    'delete src/shortcut/config.json, a link': refused,
    'read /etc/passwd': 'KERNEL_DENIED',
    'shell: rm -rf production/': refused,
    'shell: npm test': 'done',
    'deploy': 'APPROVAL_REQUIRED deploying-is-for-humans',
    'production': 'untouched',
  });
});

test('the analyst reads, and no statement that destroys reaches the database', async () => {
  const { story } = await ran(sqlAnalyst);
  assert.is(story.rows_left, 3);
  const ended = Object.values(story.attempts);
  assert.is(ended[0], '[{"region":"north","total":130.5},{"region":"south","total":80}]');
  assert.equal(ended.slice(1, -2), Array.from({ length: 8 }, () => 'denied by destructive-sql'));
  assert.equal(ended.slice(-2), ['sent 21 characters', 'denied by no-pii-export']);
});

test('the customer-service bot gives no personal data out, and is stopped when it goes round in circles', async () => {
  const { story } = await ran(customerService);
  assert.not.match(JSON.stringify(story), /maria\.lopez|4111|AKIA/);
  assert.is(story.steps['say it'], '"sent: Your address is [EMAIL], the key is [AWS_ACCESS_KEY]."');
  assert.is(story.steps['export customers'], 'KERNEL_DENIED no-pii-export');
  assert.is(story.steps['export totals'], '"exported 1 rows"');
  assert.is(story.steps['export totals again, now tainted'], 'APPROVAL_REQUIRED strangers-give-no-orders');
  assert.is(story.steps['the same question, third time'], 'LOOP_DETECTED');
  assert.is(story.steps['anything after that'], 'AGENT_STOPPED');
  assert.equal(story.signals.map((signal) => signal.split(':')[0]), ['bot SIGLOOP']);
});

test('the policies of the examples pass their tests', async () => {
  for (const folder of ['coding-assistant', 'sql-analyst', 'customer-service', 'policies', 'python']) {
    const ended = await inside(['policy', 'test', `examples/${folder}`, '--coverage-min', '90']);
    assert.is(ended.code, 0, ended.stdout + ended.stderr);
  }
});

test.run();
