import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { fail, ok } from '../../crypto/result.ts';
import { suite } from '../harness.ts';
import { values } from './fake-methods.ts';
import { host } from './run-cli.ts';

const test = suite('node/cli-policy-bundles');

function policy(...actions: readonly string[]): string {
  return `version: "1.0"\nrules:\n${actions.map((action) => `  - { name: ${action}s, condition: "action.type == '${action}'", action: allow }\n`).join('')}`;
}

test('publishing says first what a file allows that it did not allow before, and what is new or gone', async (context) => {
  const { run, asked } = await host(context);
  const folder = context.folder();
  const [wider, other] = [join(folder, 'analyst.yaml'), join(folder, 'other.yaml')];
  writeFileSync(wider, policy('read', 'delete'));
  writeFileSync(other, policy('write'));
  const ended = await run('policy', 'publish', wider, other, '--as', 'acme');
  assert.is(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^warning: analyst\.yaml allows what version 2 does not\n {2}deny → allow {2}\{.*delete.*\}\nwarning: other\.yaml is new/);
  assert.match(ended.stdout, /published\norganisation .*\nbundle +default\nversion +3\n/);
  assert.equal(asked, [
    { method: 'policy.bundle', params: { organisation: 'acme' } },
    { method: 'policy.publish', params: { as: 'acme', files: ['analyst.yaml', 'other.yaml'], texts: [policy('read', 'delete'), policy('write')] } },
  ]);
  const gone = await run('policy', 'publish', other, '--as', 'acme', '--name', 'privacy', '--json');
  const { change, ...published } = JSON.parse(gone.stdout);
  assert.equal(published, values['policy.publish']);
  assert.equal(change, { widened: [], added: ['other.yaml'], removed: ['analyst.yaml'] });
});

test('what narrows is published without a word, and a dry run publishes nothing', async (context) => {
  const { run, asked } = await host(context);
  const file = join(context.folder(), 'analyst.yaml');
  writeFileSync(file, 'version: "1.0"\nrules:\n  - { name: some, condition: "action.type == \'read\' and agent.trust_score > 500", action: allow }\n');
  const ended = await run('policy', 'publish', file, '--as', 'acme', '--dry-run');
  assert.equal([ended.code, ended.stdout], [0, '1 policy would be published as version 3 of default\n']);
  assert.equal(asked.map(({ method }) => method), ['policy.bundle', 'policy.publish']);
  assert.is(Object(asked[1]?.params).dry_run, true, 'the node judges it, and publishes nothing');
});

test('what would halt all who follow is said, with how to mend it, and published', async (context) => {
  const warnings = [{ code: 'DENIES_EVERYTHING', reason: 'no bundle of acme allows anything', fix: 'add a rule' }];
  const { run } = await host(context, { 'policy.publish': () => Promise.resolve(ok({ ...values['policy.publish'], warnings })) });
  const file = join(context.folder(), 'analyst.yaml');
  writeFileSync(file, policy('read'));
  const warned = 'warning DENIES_EVERYTHING: no bundle of acme allows anything\nfix: add a rule\n';
  const ended = await run('policy', 'publish', file, '--as', 'acme');
  assert.is(ended.code, 0, ended.stderr);
  assert.ok(ended.stdout.startsWith(`${warned}published\n`), ended.stdout);
  assert.is((await run('policy', 'publish', file, '--as', 'acme', '--dry-run')).stdout, `${warned}1 policy would be published as version 3 of default\n`);
  for (const more of [[], ['--dry-run']]) assert.equal(JSON.parse((await run('policy', 'publish', file, '--as', 'acme', '--json', ...more)).stdout).warnings, warnings);
});

test('what was published before is said to be so', async (context) => {
  const { run } = await host(context, { 'policy.publish': () => Promise.resolve(ok({ ...values['policy.publish'], version: 2, unchanged: true })) });
  const file = join(context.folder(), 'analyst.yaml');
  writeFileSync(file, policy('read'));
  assert.match((await run('policy', 'publish', file, '--as', 'acme')).stdout, /^unchanged: they were published before\norganisation .*\nbundle +default\nversion +2\n/);
  assert.is((await run('policy', 'publish', file, '--as', 'acme', '--dry-run')).stdout, 'unchanged: they are version 2 already\n');
});

test('the first version is compared with nothing; what cannot be read or compiled is not published', async (context) => {
  const { run, asked } = await host(context, { 'policy.bundle': () => Promise.resolve(fail('BUNDLE_UNKNOWN', 'none')) });
  const folder = context.folder();
  const [good, broken] = [join(folder, 'good.yaml'), join(folder, 'broken.yaml')];
  writeFileSync(good, policy('read'));
  writeFileSync(broken, 'version: "1.0"\nrules:\n  - { name: a, condition: "action.type ==", action: allow }\n');
  assert.is((await run('policy', 'publish', good, '--as', 'acme')).code, 0);
  asked.length = 0;
  const ended = await run('policy', 'publish', good, broken, '--as', 'acme');
  assert.is(ended.code, 1);
  assert.match(ended.stderr, /^error POLICY_INVALID: .*broken\.yaml:3:/);
  assert.is((await run('policy', 'publish', join(folder, 'none.yaml'), '--as', 'acme')).code, 1);
  assert.is((await run('policy', 'publish', good, good, '--as', 'acme')).code, 1);
  assert.equal(asked, [], 'the node is not even asked');
  const unsigned = await host(context, { 'policy.publish': () => Promise.resolve(fail('BUNDLE_ISSUER', 'alice is no organisation', { fix: 'make one' })) });
  assert.match((await unsigned.run('policy', 'publish', good, '--as', 'alice')).stderr, /^error BUNDLE_ISSUER: alice is no organisation\nfix: make one\n$/m);
});

test.run();
