import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { allowing } from './bundle-world.ts';
import { NodeProcess, until } from './node-process.ts';
import { inside } from './run-cli.ts';

const test = suite('node/policy-bundles-real');

test('with real processes: published on one host, in force on another within seconds and after kill -9; files are read again when they change and on SIGHUP', async (context) => {
  const folder = context.folder();
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const handler = file('handler.mjs', 'export default ({ arguments: given }) => given;\n');
  const own = file('own.yaml', allowing('read', 'write', 'send'));
  const a = new NodeProcess({ name: 'host-a', folder: join(folder, 'a'), port: 0 });
  context.after(() => a.stop());
  const address = await a.started();
  const plan = { name: 'host-b', folder: join(folder, 'b'), port: 0, join: address };
  let b = new NodeProcess(plan);
  context.after(() => b.stop());
  await b.started();
  const { did } = await a.get('sponsor.create', { name: 'acme', kind: 'org' });
  await b.get('sponsor.create', { name: 'bob' });
  for (const name of ['asker', 'worker']) await b.get('agent.create', { name, sponsor: 'bob', capabilities: ['read:**', 'write:**'], policy: own, handler, authority: 'open' });
  const ask = async (verb: string): Promise<string> => {
    const answer = await b.ask('call', { from: 'asker', to: 'worker', command: `${verb}:x`, arguments: 1 });
    return answer.ok ? answer.value.code ?? answer.value.verdict : answer.failure.code;
  };
  const say = async (expected: string): Promise<void> => {
    await until(expected, async () => `${await ask('read')} ${await ask('write')}` === expected ? true : undefined);
  };
  const [both, first, second, neither] = ['allow allow', 'allow KERNEL_DENIED', 'KERNEL_DENIED allow', 'KERNEL_DENIED KERNEL_DENIED'];
  await say(both);
  await until('the organisation is known', async () => (await b.ask('policy.follow', { organisation: did })).ok ? true : undefined);
  const published = await inside(['policy', 'publish', file('acme.yaml', allowing('read')), '--as', 'acme', '--data', a.folder]);
  assert.is(published.code, 0, published.stderr);
  const denying = file('denying.yaml', 'version: "1.0"\nrules: [{ name: none, condition: data.contains_pii, action: deny }]\n');
  const halting = await inside(['policy', 'publish', denying, '--as', 'acme', '--dry-run', '--data', a.folder]);
  assert.match(halting.stdout, /^warning DENIES_EVERYTHING: no bundle of acme allows anything.*\nfix: .*kind: guard.*\n1 policy would be published/m);
  await say(first);
  const shown = await inside(['policy', 'bundles', '--data', b.folder]);
  assert.match(shown.stdout, /acme\.?.* default +1 +in force/);
  assert.match((await inside(['status', '--data', b.folder])).stdout, /policies +.*default, version 1, in force/);

  await a.stop();
  await b.stop();
  b = new NodeProcess(plan);
  await b.started();
  assert.is(`${await ask('read')} ${await ask('write')}`, first, 'from the first call on, with nobody to ask');
  assert.ok((await b.get('doctor', {})).some(({ name, state, text }) => name.startsWith('policies of') && state === 'ok' && text === 'version 1 is in force'));
  await b.get('policy.unfollow', { organisation: did });
  await say(both);

  file('own.yaml', allowing('write'));
  await say(second);
  file('own.yaml', 'rules: [');
  await until('the broken file is said', async () => (await b.get('policy.bundles', {})).files.length === 2 ? true : undefined);
  await say(second);
  file('own.yaml', allowing('send'));
  process.kill((await b.get('status', {})).process_id, 'SIGHUP');
  await say(neither);
  const { entries } = await b.get('audit.entries', { limit: 200 });
  const kinds = new Set(entries.map(({ payload }) => String(Object(payload).kind)));
  for (const kind of ['policy-following', 'policy-change', 'policy-refused']) assert.ok(kinds.has(kind), kind);
});

test.run();
