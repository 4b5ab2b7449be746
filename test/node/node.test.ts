import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { fromBase64url, toHex } from '../../crypto/bytes.ts';
import { unwrap, type Failure, type Result } from '../../crypto/result.ts';
import { recoverFolder } from '../../node/audit-offline.ts';
import type { NodeConfig } from '../../node/config.ts';
import { controlMethods } from '../../node/control/methods.ts';
import { marker_file } from '../../node/data-folder.ts';
import { createNode, type Node } from '../../node/node.ts';
import type { Fact } from '../../protocols/ports.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf, failureOf } from '../simulated-hosts.ts';

const test = suite('node/node');

/** A data folder that is not there yet, in a short path for its socket. */
function place(context: TestContext): string {
  return join(context.folder(), 'data');
}

async function up(context: TestContext, config: NodeConfig): Promise<Node> {
  const node = unwrap(await createNode({ name: 'test', ...config }));
  context.after(() => node.stop());
  return node;
}

async function failing(config: NodeConfig): Promise<Failure> {
  const node = await createNode({ name: 'test', ...config });
  if (node.ok) await node.value.stop();
  const failure = failureOf(node);
  assert.ok(failure.reason.length > 10 && failure.fix !== undefined, `${failure.code} has a reason and a fix: ${JSON.stringify(config)}`);
  return failure;
}

test('a folder belongs to one running node, and the second is told so without harm to the first', async (context) => {
  const data = place(context);
  const node = await up(context, { data });
  const failure = await failing({ data });
  assert.is(failure.code, 'DATA_LOCKED');
  assert.match(failure.fix ?? '', '--data');
  assert.is(codeOf(await node.actions.createSponsor('alice', 'human')), 'ok', 'the first works on');
  await node.stop();
  assert.is((await up(context, { data })).did, node.did, 'and when it has stopped the folder is free');
});

test('a start that fails names its reason and leaves the folder as it was, so that the next one goes on', async (context) => {
  const folder = context.folder();
  const data = join(folder, 'data');
  const taken = createServer();
  await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
  context.after(() => void taken.close());
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const policy = join(folder, 'policy.yaml');
  writeFileSync(policy, 'version: "1.0"\nrules:\n  - name: broken\n    condition: "action.type = 1"\n    action: allow\n');
  const refusals: readonly (readonly [NodeConfig, string])[] = [
    [{ listen: [`/ip4/127.0.0.1/tcp/${port}`] }, 'ADDRESS_IN_USE'],
    [{ listen: ['127.0.0.1:4001'] }, 'ADDRESS_INVALID'],
    [{ listen: ['/ip4/192.0.2.1/tcp/4001'] }, 'ADDRESS_INVALID'],
    [{ bootstrap: ['/dns4/nowhere'] }, 'ADDRESS_INVALID'],
    [{ policy }, 'POLICY_INVALID'],
    [{ policy: join(folder, 'none.yaml') }, 'POLICY_UNREADABLE'],
    [{ required_trust: 0.5 }, 'TRUST_INVALID'],
    [{ data: join(folder, 'x'.repeat(100)) }, 'CONTROL_PATH_TOO_LONG'],
  ];
  assert.is((await failing({ data, name: '../..' })).code, 'NAME_INVALID');
  const twice = async (): Promise<void> => {
    for (const [config, code] of refusals) assert.is((await failing({ data, ...config })).code, code, JSON.stringify(config));
  };
  await twice();
  const node = await up(context, { data });
  const agent = unwrap(await node.actions.createSponsor('alice', 'human'));
  await node.stop();
  await twice();
  const again = await up(context, { data });
  assert.is(again.did, node.did);
  assert.is(again.frozen, undefined);
  assert.is(unwrap(again.actions.own('alice')).did, agent.did);
  const { reason, detail } = await failing({ data: place(context), policy });
  assert.match(reason, `${policy}:4:`);
  assert.is(detail?.['line'], 4);
  assert.type(detail?.['column'], 'number');
});

test('folders that are somebody else\'s, open to others, or no folders are refused', async (context) => {
  const foreign = context.folder();
  writeFileSync(join(foreign, 'thesis.txt'), 'years of work');
  assert.is((await failing({ data: foreign })).code, 'DATA_FOREIGN');
  assert.equal(readdirSync(foreign), ['thesis.txt']);
  const data = place(context);
  await (await up(context, { data })).stop();
  chmodSync(data, 0o755);
  assert.is((await failing({ data })).code, 'DATA_OPEN_TO_OTHERS');
  chmodSync(data, 0o700);
  rmSync(join(data, 'store'), { recursive: true });
  assert.is((await failing({ data })).code, 'STORE_UNREADABLE', 'a lost store is not taken for an empty one');
  const file = join(foreign, 'thesis.txt');
  assert.is((await failing({ data: file })).code, 'DATA_UNUSABLE');
});

test('a passphrase seals the keys, and no other opens them', async (context) => {
  const data = place(context);
  const node = await up(context, { data, passphrase: 'correct horse' });
  assert.is(node.keys_protected, true);
  await node.stop();
  assert.is((await failing({ data })).code, 'KEYSTORE_LOCKED');
  const wrong = await failing({ data, passphrase: 'wrong horse' });
  assert.is(wrong.code, 'KEYSTORE_PASSPHRASE');
  assert.not.match(JSON.stringify(wrong), 'wrong horse');
  assert.is((await up(context, { data, passphrase: 'correct horse' })).did, node.did);
});

test('lost or damaged keys are said to be lost, and nothing new is made in their place', async (context) => {
  const data = place(context);
  await (await up(context, { data })).stop();
  const keys = join(data, 'keys.json');
  const text = readFileSync(keys, 'utf8');
  writeFileSync(keys, '{');
  assert.is((await failing({ data })).code, 'KEYSTORE_DAMAGED');
  rmSync(keys);
  assert.is((await failing({ data })).code, 'IDENTITY_KEYS_MISSING');
  assert.not.ok(existsSync(keys));
  writeFileSync(keys, text, { mode: 0o600 });
  assert.is(codeOf(await createNode({ data }).then(stopped)), 'ok');
});

async function stopped(node: Result<Node>): Promise<Result<Node>> {
  if (node.ok) await node.value.stop();
  return node;
}

test('a first start that was cut off begins anew, whatever it has left behind', async (context) => {
  const data = place(context);
  const first = await up(context, { data });
  await first.actions.createSponsor('alice', 'human');
  await first.stop();
  const marker = readFileSync(join(data, marker_file), 'utf8');
  writeFileSync(join(data, marker_file), marker.replace('true', 'false'));
  const second = await up(context, { data });
  assert.is.not(second.did, first.did);
  assert.is(second.frozen, undefined);
  assert.is(second.host.identities.list('human').length, 0);
  await second.stop();
  writeFileSync(join(data, marker_file), marker.replace('true', 'false'));
  writeFileSync(join(data, 'keys.json'), '{"half');
  writeFileSync(join(data, 'head'), 'garbage');
  writeFileSync(join(data, 'vault'), 'garbage');
  const third = await up(context, { data });
  assert.is(third.frozen, undefined);
  await third.stop();
  assert.is((await up(context, { data })).did, third.did, 'and from then on it is that node');
});

test('after a restart everything is there: node, agents, delegations, contacts and log', async (context) => {
  const folder = context.folder();
  const data = join(folder, 'data');
  const handler = join(folder, 'handler.mjs');
  writeFileSync(handler, 'export default ({ arguments: given }) => ({ given });\n');
  const policy = join(folder, 'policy.yaml');
  writeFileSync(policy, 'version: "1.0"\nrules:\n  - name: reads\n    condition: "action.type == \'read\'"\n    action: allow\n');
  const node = await up(context, { data });
  unwrap(await node.actions.createSponsor('alice@company.com', 'human'));
  const plan = { sponsor: 'alice@company.com', capabilities: ['read:**', 'write:**'], policy, handler };
  const [asker, worker] = [unwrap(await node.actions.createAgent({ name: 'asker', ...plan })), unwrap(await node.actions.createAgent({ name: 'worker', ...plan }))];
  const { delegation, delivered } = unwrap(await node.actions.delegate({ from: 'alice@company.com', to: asker.did, capabilities: ['read:**', 'write:**'] }));
  assert.ok(delivered);
  unwrap(await node.actions.endorse('alice@company.com', worker.did, 900, 'known for years'));
  const call = async (on: Node, command: string): Promise<string | null> => unwrap(await on.actions.call({ from: 'asker', to: 'worker', command, arguments: 1 })).receipt.rule;
  assert.is(await call(node, 'read:reports'), 'reads');
  const [size, addresses] = [node.host.log.size(), node.addresses];
  await node.stop();
  const again = await up(context, { data });
  assert.equal([again.did, again.peer_id], [node.did, node.peer_id]);
  assert.is.not(addresses[0], undefined);
  assert.equal(again.host.identities.list('agent').map(({ did }) => did).toSorted((a, b) => a < b ? -1 : 1), [asker.did, worker.did].toSorted((a, b) => a < b ? -1 : 1));
  assert.is(unwrap(again.actions.own('worker')).agent?.handler, handler);
  assert.equal(again.host.delegations.get(delegation.id)?.chain, delegation.chain);
  assert.is(again.frozen, undefined);
  assert.ok(again.host.log.size() >= size);
  assert.is(again.host.statement_store.endorsements(worker.did).length, 1);
  assert.is(await call(again, 'read:reports'), 'reads', 'handler and policy are loaded again');
  const denied = await again.actions.call({ from: 'asker', to: 'worker', command: 'write:reports' });
  assert.is(codeOf(denied), 'KERNEL_DENIED', 'and so is what it denies');
});

test('a secret key lies in the keystore and in no other file', async (context) => {
  const data = place(context);
  const node = await up(context, { data });
  unwrap(await node.actions.createSponsor('alice', 'human'));
  unwrap(await node.actions.createAgent({ name: 'a', sponsor: 'alice', capabilities: ['read:**'] }));
  unwrap(await node.actions.endorse('alice', 'a', 500, ''));
  await node.stop();
  const { keys }: { readonly keys: { readonly [name: string]: string } } = JSON.parse(readFileSync(join(data, 'keys.json'), 'utf8'));
  const seeds = Object.values(keys);
  assert.is(seeds.length, 4 + 3 * 3, 'the node\'s four, and three of each identity');
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== 'keys.json');
  assert.ok(files.length > 4);
  let bytes_read = 0;
  for (const { name, parentPath } of files) {
    const bytes = readFileSync(join(parentPath, name));
    bytes_read += bytes.length;
    for (const seed of seeds) {
      const raw = fromBase64url(seed) ?? new Uint8Array();
      for (const form of [seed, toHex(raw), Buffer.from(raw).toString('base64')]) assert.not.ok(bytes.includes(form), `${name} shows a key`);
      assert.not.ok(bytes.includes(Buffer.from(raw)), `${name} holds a key`);
    }
  }
  assert.ok(bytes_read > 5000);
  assert.ok(files.some(({ name, parentPath }) => readFileSync(join(parentPath, name)).includes('alice')), 'the search would find what is there');
});

test('a stop right after a call, and in the middle of others, leaves nothing that fails later', async (context) => {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  process.on('unhandledRejection', note);
  context.after(() => void process.off('unhandledRejection', note));
  const first = await up(context, { data: place(context) });
  const second = await up(context, { data: place(context), bootstrap: first.addresses });
  for (const node of [first, second]) unwrap(await node.actions.createSponsor('alice', 'human'));
  const handler = join(context.folder(), 'handler.mjs');
  writeFileSync(handler, 'export default () => 1;\n');
  const policy = join(context.folder(), 'policy.yaml');
  writeFileSync(policy, 'version: "1.0"\nrules:\n  - name: all\n    condition: "true"\n    action: allow\n');
  const agent = { sponsor: 'alice', capabilities: ['read:**'], handler, policy, authority: 'open' } as const;
  const worker = unwrap(await second.actions.createAgent({ name: 'worker', ...agent }));
  unwrap(await first.actions.createAgent({ name: 'asker', ...agent }));
  const call = (): Promise<Result<unknown>> => first.actions.call({ from: 'asker', to: worker.did, command: 'read:x' });
  await eventually(async () => (await call()).ok);
  const under_way = Array.from({ length: 20 }, call);
  unwrap(await call());
  const began_ms = Date.now();
  await Promise.all([first.stop(), second.stop()]);
  assert.ok(Date.now() - began_ms < 2000, `both stopped within ${Date.now() - began_ms} ms`);
  await Promise.all(under_way);
  await new Promise((resolve) => {
    setTimeout(resolve, 200);
  });
  assert.equal(rejections, []);
});

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    if (await holds()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  throw new Error('it never came true');
}

test('a store of which something could not be read comes up frozen, however short its loss, until a recovery has looked at it', async (context) => {
  const data = place(context);
  const node = await up(context, { data });
  unwrap(await node.actions.createSponsor('alice', 'human'));
  await node.stop();
  const folder = join(data, 'store');
  const [name = ''] = readdirSync(folder).filter((each) => each.endsWith('.log')).toSorted().toReversed();
  const bytes = readFileSync(join(folder, name));
  const at = bytes.length - 20;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(join(folder, name), bytes);
  const again = await up(context, { data });
  assert.match(again.frozen?.reason ?? '', /left out what it could not read: .*dropping \d+ bytes/);
  await again.stop();
  const third = await up(context, { data });
  assert.match(third.frozen?.reason ?? '', /left out/, 'also when LevelDB has nothing more to say');
  await third.stop();
  unwrap(await recoverFolder(data, [], false));
  assert.is((await up(context, { data })).frozen, undefined);
});

test('an empty folder that exists may become a node\'s', async (context) => {
  const data = place(context);
  mkdirSync(data, { mode: 0o755 });
  await up(context, { data });
  assert.ok(existsSync(join(data, marker_file)));
});

test('a start in which something breaks is a failure with its cause, and the folder is free again', async (context) => {
  const data = place(context);
  const { did } = await up(context, { data }).then(async (node) => {
    await node.stop();
    return node;
  });
  const keys = join(data, 'keys.json');
  renameSync(keys, `${keys}.away`);
  mkdirSync(keys);
  const failure = await failing({ data });
  assert.is(failure.code, 'NODE_START_FAILED');
  assert.ok(failure.cause instanceof Error);
  rmSync(keys, { recursive: true });
  renameSync(`${keys}.away`, keys);
  assert.is((await up(context, { data })).did, did);
});

test('a stop that is asked for and fails is told of, and does not end the process', async (context) => {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  process.on('unhandledRejection', note);
  context.after(() => void process.off('unhandledRejection', note));
  const facts: Fact[] = [];
  const node = await up(context, { data: place(context), control: false, recorder: { record: (fact) => void facts.push(fact) } });
  const failing_node: Node = new Proxy(node, {
    get: (target, name) => name === 'stop' ? () => Promise.reject(new Error('stuck')) : Reflect.get(target, name, target),
  });
  unwrap(await controlMethods(failing_node).stop({}, new AbortController().signal));
  await eventually(() => Promise.resolve(facts.some(({ kind, reason }) => kind === 'node.stop.failed' && reason === 'stuck')));
  assert.equal(rejections, []);
});

test.run();
