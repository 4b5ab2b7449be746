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
  const node = await up(context, here);
  const mine = ['--data', here];
  worked(await inside(['sponsor', 'create', 'alice', ...mine]));
  for (const name of ['clerk', 'caller']) {
    const serving = name === 'clerk' ? ['--handler', file('handler.mjs'), '--authority', 'open', '--policy', file('policy.yaml')] : ['--policy', file('open.yaml')];
    worked(await inside(['agent', 'create', name, '--sponsor', 'alice', '--capability', 'delete:**', ...serving, ...mine]));
  }
  const ask = (...more: readonly string[]): Promise<Ended> => inside(['call', 'clerk', 'delete:records', '--from', 'caller', '--arguments', '{"row":7}', ...mine, ...(more.length > 0 ? more : ['--wait', '2m'])]);
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
  await comesAgain(node, ask);
});

/** A call that nobody holds open: told at once, taken up by hand, waited for, and given up with Ctrl-C. */
async function comesAgain({ host: { approvals } }: Node, ask: (...more: readonly string[]) => Promise<Ended>): Promise<void> {
  const told = await ask('--json');
  assert.is(told.code, 4);
  const { code, result }: { code: string; result: { approval: { request: string } } } = JSON.parse(told.stdout);
  const { request } = result.approval;
  assert.is(code, 'APPROVAL_PENDING');
  assert.match(told.stderr, `--approval ${request}`);
  const given_up = ask('--approval', request, '--wait', '2m');
  await until('Ctrl-C is listened for', () => Promise.resolve(process.listenerCount('SIGINT') > 0 ? true : undefined));
  process.emit('SIGINT');
  assert.is((await given_up).code, 130);
  assert.is(process.listenerCount('SIGINT'), 0);
  assert.is(approvals.list().length, 1, 'the request goes on');
  unwrap(await approvals.answerAs(request, 'grant'));
  assert.match(worked(await ask('--approval', request)), /"row": 7/);
  assert.match((await ask('--approval', request)).stdout, 'APPROVAL_UNKNOWN');
  assert.is((await ask('--wait', '16m')).code, 2);
  const patient = ask('--wait', '2m');
  const id = await until('a call is kept for its peer', () => Promise.resolve(approvals.list().find((one) => approvals.keptFor({ request: one.id, call_id: null }) !== undefined)?.id));
  unwrap(await approvals.answerAs(id, 'grant'));
  const ended = await patient;
  assert.match(worked(ended), /"row": 7/);
  assert.match(ended.stderr, `Ctrl-C stops that: request ${id}`);
}

test('the page for approvals: a link is printed, and nothing opened', async (context) => {
  const data = context.folder();
  await up(context, data);
  const opened = await inside(['approvals', 'page', '--data', data]);
  assert.match(worked(opened), /^http:\/\/127\.0\.0\.1:\d+\/#[\w-]{43}\n$/);
  assert.match(opened.stderr, 'works once');
  const { origin } = new URL(opened.stdout.trim());
  assert.is((await fetch(origin)).status, 200);
  assert.match((await inside(['approvals', 'page', '--close', '--data', data])).stderr, 'the page is closed');
  assert.is(await fetch(origin).then(() => 'open', () => 'closed'), 'closed');
  assert.match((await inside(['approvals', 'page', '--close', '--data', data])).stderr, 'was not open');
});

test.run();
