/** On a real disk: what a call leaves on both hosts, and that an erasure takes all of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Json } from '../../crypto/canonical.ts';
import { unwrap } from '../../crypto/result.ts';
import { AgentIdentity, createNode, KernelSpace, Policy, type Node } from '../../node/index.ts';
import { suite } from '../harness.ts';
import { until } from './node-process.ts';

const test = suite('node/erased-calls');

/** Names of the files of a folder that contain one of these words. */
function filesWith(folder: string, words: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .filter((entry) => words.some((word) => readFileSync(join(entry.parentPath, entry.name)).includes(word))).map(({ name }) => name);
}

function kernel(): KernelSpace {
  return new KernelSpace({ policies: [Policy.noDestructiveSql()] });
}

test('arguments, answers and resources of a call are in no file of either host once their agents are erased, and the call is not run again', async (context) => {
  const [there, here] = [join(context.folder(), 'there'), join(context.folder(), 'here')];
  const nodes: Node[] = [];
  const up = async (data: string, bootstrap: readonly string[] = []): Promise<Node> => {
    const node = unwrap(await createNode({ data, name: 'host', control: false, listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap }));
    nodes.push(node);
    return node;
  };
  context.after(async () => {
    for (const node of nodes) await node.stop();
  });
  const words = ['argument', 'answer', 'resource'].map((what) => `${what}-${randomBytes(12).toString('hex')}`);
  const [argument = '', answer = '', resource = ''] = words;
  const served: Json[] = [];
  const serve = (worker: AgentIdentity): void => worker.serve(({ arguments: given }) => {
    served.push(given);
    return { finding: answer };
  });
  let executor = await up(there);
  let caller = await up(here, executor.addresses);
  unwrap(await executor.actions.createSponsor('alice', 'human'));
  unwrap(await caller.actions.createSponsor('bob', 'human'));
  const desk = await AgentIdentity.create({ node: executor, name: 'desk', sponsor: 'alice', capabilities: ['read:**'], authority: 'open', kernel: kernel() });
  const { did } = desk;
  serve(desk);
  const boss = await AgentIdentity.create({ node: caller, name: 'boss', sponsor: 'bob', capabilities: ['read:**'], kernel: kernel() });
  const plan = { from: 'boss', to: did, command: `read:patients/${resource}`, arguments: { diagnosis: argument } };
  const ask = (invocation?: string): ReturnType<typeof caller.actions.call> => caller.actions.call({ ...plan, ...(invocation === undefined ? {} : { invocation }) });
  const first = await until('the call is answered', async () => {
    const answered = await ask();
    return answered.ok ? answered.value : undefined;
  });
  assert.equal([first.result, served], [{ finding: answer }, [plan.arguments]]);
  const restart = async (): Promise<void> => {
    await caller.stop();
    await executor.stop();
    nodes.length = 0;
    executor = await up(there);
    caller = await up(here, executor.addresses);
    serve(AgentIdentity.open({ node: executor, name: 'desk', kernel: kernel() }));
    AgentIdentity.open({ node: caller, name: 'boss', kernel: kernel() });
  };
  const repeat = (): ReturnType<typeof until<{ readonly receipt_token: string; readonly receipt: { readonly code: string | null } }>> => until('the repetition is answered', async () => {
    const again = await ask(first.invocation);
    return again.ok ? again.value : undefined;
  });
  assert.is((await repeat()).receipt_token, first.receipt_token);
  await restart();
  assert.is((await repeat()).receipt_token, first.receipt_token, 'also after a restart');

  const left = (): string[] => [...filesWith(there, words), ...filesWith(here, words)];
  for (const [node, subject] of [[executor, did], [caller, boss.did]] as const) unwrap(await node.host.log.erase({ subject }, 'art17'));
  assert.equal(left(), []);
  assert.is((await repeat()).receipt.code, 'OUTCOME_UNKNOWN');
  await restart();
  assert.equal(left(), []);
  assert.is((await repeat()).receipt.code, 'OUTCOME_UNKNOWN');
  assert.equal(served, [plan.arguments], 'it ran once');
}, { ms: 60_000 });

test.run();
