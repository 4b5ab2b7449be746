/** A call that waits for a human, through real nodes and the command line alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { createNode, type Node } from '../../node/node.ts';
import { suite, type TestContext } from '../harness.ts';
import { until } from './node-process.ts';
import { cli, inside, type Ended } from './run-cli.ts';

const test = suite('node/cli/approvals');

function worked({ code, stderr, stdout }: Ended): string {
  assert.is(code, 0, stderr);
  return stdout;
}

async function up(context: TestContext, data: string): Promise<Node> {
  const node = unwrap(await createNode({ data, name: 'test' }));
  context.after(() => node.stop());
  return node;
}

test('granted here, refused here, and granted on another device without a node', async (context) => {
  const folder = context.folder();
  const [here, there] = [join(folder, 'here'), join(folder, 'there')];
  const file = (name: string): string => join(folder, name);
  writeFileSync(file('policy.yaml'), 'version: "1.0"\nrules:\n  - { name: ask-first, condition: "action.type == \'delete\'", action: require_approval }\n');
  writeFileSync(file('open.yaml'), 'version: "1.0"\nrules:\n  - { name: all, condition: "true", action: allow }\n');
  writeFileSync(file('handler.mjs'), 'export default ({ arguments: given }) => given;\n');
  await up(context, here);
  const mine = ['--data', here];
  worked(await inside(['sponsor', 'create', 'alice', ...mine]));
  for (const name of ['clerk', 'caller']) {
    const serving = name === 'clerk' ? ['--handler', file('handler.mjs'), '--authority', 'open', '--policy', file('policy.yaml')] : ['--policy', file('open.yaml')];
    worked(await inside(['agent', 'create', name, '--sponsor', 'alice', '--capability', 'delete:**', ...serving, ...mine]));
  }
  const ask = (): Promise<Ended> => inside(['call', 'clerk', 'delete:records', '--from', 'caller', '--arguments', '{"row":7}', ...mine]);
  const waits = (): Promise<string> => until('a call waits', async () => {
    const list: readonly { readonly id: string }[] = JSON.parse(worked(await inside(['approvals', 'list', '--json', ...mine])));
    return list[0]?.id;
  });
  const call = ask();
  const id = await waits();
  assert.match(worked(await cli(['approvals', 'show', id, ...mine])), /agent +clerk[^]*arguments +\{"row":7\}[^]*rule +ask-first/);
  assert.match(worked(await cli(['approvals', 'grant', id, '--why', 'ticket 7', ...mine])), /^granted\n/);
  assert.match(worked(await call), /"row":7|row/);
  const second = ask();
  assert.is((await inside(['approvals', 'grant', id, ...mine])).code, 1, 'an answered request is no more');
  worked(await inside(['approvals', 'refuse', await waits(), '--why', 'not today', ...mine]));
  const refused = await second;
  assert.is(refused.code, 4);
  assert.match(refused.stderr + refused.stdout, /APPROVAL_REFUSED[^]*not today/);
  const third = ask();
  const waiting = await waits();
  worked(await inside(['approvals', 'request', waiting, '--out', file('request.json'), ...mine]));
  const device = await up(context, there);
  worked(await inside(['sponsor', 'create', 'mallory', '--data', there]));
  await device.stop();
  assert.match(worked(await inside(['approvals', 'sign', file('request.json'), '--as', 'mallory', '--data', there])), /^to be signed:\nid/);
  worked(await inside(['approvals', 'sign', file('request.json'), '--as', 'mallory', '--out', file('forged.jwt'), '--data', there]));
  const forged = await inside(['approvals', 'answer', file('forged.jwt'), ...mine]);
  assert.is(forged.code, 4);
  assert.match(forged.stderr, 'APPROVAL_SIGNER');
  worked(await inside(['approvals', 'sign', file('request.json'), '--as', 'alice', '--out', file('answer.jwt'), ...mine]));
  assert.match(worked(await inside(['approvals', 'answer', file('answer.jwt'), ...mine])), /^granted\n/);
  worked(await third);
});

test.run();
