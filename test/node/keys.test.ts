import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { fromBase64url, toHex, utf8 } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { exportIdentity, importIdentity, named } from '../../node/keys.ts';
import { createNode, type Node } from '../../node/node.ts';
import { openBundle, sealBundle, type KeyBundle } from '../../storage/key-bundle.ts';
import type { StoredIdentity } from '../../storage/identities.ts';
import { openStore } from '../../storage/store.ts';
import { suite, type TestContext } from '../harness.ts';
import { inside, launch, type Ended } from './run-cli.ts';

const test = suite('node/keys');

/** A data folder in which a node ran that has a sponsor and an agent. */
async function made(context: TestContext, names: readonly string[] = ['alice'], passphrase?: string): Promise<string> {
  const data = join(context.folder(), 'data');
  const node = await up(context, data, passphrase);
  for (const name of names) {
    unwrap(await node.actions.createSponsor(name, 'human'));
    unwrap(await node.actions.createAgent({ name: `agent of ${name}`, sponsor: name, capabilities: ['read:**'] }));
  }
  await node.stop();
  return data;
}

async function up(context: TestContext, data: string, passphrase?: string): Promise<Node> {
  const node = unwrap(await createNode({ data, name: 'test', control: false, ...(passphrase === undefined ? {} : { passphrase }) }));
  context.after(() => node.stop());
  return node;
}

function secretFile(context: TestContext, text: string): string {
  const path = join(context.folder(), 'passphrase');
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return path;
}

function refused({ code, stderr, stdout }: Ended, failure: string): void {
  assert.match(stderr, `error ${failure}: `);
  assert.match(stderr, '\nfix: ');
  assert.equal([code === 0, stdout], [false, '']);
}

function bytesOf(data: string): string {
  return readFileSync(join(data, 'keys.json'), 'utf8');
}

test('the passphrase of a folder is set, changed and taken away with no node running', async (context) => {
  const data = await made(context);
  const run = (...inputs: string[]): Promise<Ended> => inside(['keys', ...inputs, '--data', data]);
  const [first, second] = [secretFile(context, 'first secret'), secretFile(context, 'second secret')];
  const seeds: readonly string[] = Object.values(JSON.parse(bytesOf(data)).keys);
  refused(await run('passphrase'), 'USAGE_INVALID');
  refused(await run('passphrase', '--remove', '--new-passphrase-file', first), 'USAGE_INVALID');
  const folder = await run('passphrase', '--new-passphrase-file', data);
  refused(folder, 'PASSPHRASE_INVALID');
  assert.match(folder.stderr, `${data} is a folder\n`);
  assert.is((await run('passphrase', '--new-passphrase-file', first)).code, 0);
  assert.not.ok(seeds.some((seed) => bytesOf(data).includes(seed)));
  refused(await run('passphrase', '--new-passphrase-file', second), 'KEYSTORE_LOCKED');
  refused(await run('passphrase', '--passphrase-file', second, '--new-passphrase-file', second), 'KEYSTORE_PASSPHRASE');
  assert.is((await run('passphrase', '--passphrase-file', first, '--new-passphrase-file', second)).code, 0);
  assert.is((await createNode({ data, passphrase: 'first secret' })).ok, false);
  const node = await up(context, data, 'second secret');
  assert.is(node.keys_protected, true);
  refused(await run('passphrase', '--passphrase-file', second, '--remove'), 'DATA_LOCKED');
  await node.stop();
  assert.is((await run('passphrase', '--passphrase-file', second, '--remove')).code, 0);
  assert.equal(new Set<unknown>(Object.values(JSON.parse(bytesOf(data)).keys)), new Set(seeds), 'the same keys as at the beginning');
  assert.is(statSync(join(data, 'keys.json')).mode & 0o777, 0o600);
});

test('keys are listed by name, fingerprint and owner, and never shown', async (context) => {
  const data = await made(context);
  const seeds: readonly string[] = Object.values(JSON.parse(bytesOf(data)).keys);
  const before = bytesOf(data);
  const [text, json] = [await inside(['keys', 'list', '--data', data], { AGENTMESH_PASSPHRASE: 'unused' }), await inside(['keys', 'list', '--data', data, '--json'])];
  const { keys, protected: sealed }: { keys: { name: string; fingerprint: string; owner: string | null }[]; protected: boolean } = JSON.parse(json.stdout);
  assert.is(keys.length, seeds.length);
  assert.is(sealed, false);
  assert.is(keys.filter(({ owner }) => owner === 'alice').length, 3);
  assert.is(keys.find(({ name }) => name === 'peer')?.owner, null);
  assert.is(new Set(keys.map(({ fingerprint }) => fingerprint)).size, seeds.length);
  for (const { stdout, stderr } of [text, json]) {
    for (const seed of seeds) assert.not.ok(`${stdout}${stderr}`.includes(seed) || stdout.includes(toHex(fromBase64url(seed) ?? new Uint8Array())));
  }
  assert.match(text.stderr, 'not protected by a passphrase');
  assert.is(bytesOf(data), before, 'a list seals nothing');
  const node = await up(context, data);
  const running: { owners_known: boolean; keys: { owner: string | null }[] } = JSON.parse((await inside(['keys', 'list', '--data', data, '--json'])).stdout);
  assert.equal([running.keys.length, running.keys.every(({ owner }) => owner === null), running.owners_known], [seeds.length, true, false], 'with a node running, but not whose they are');
  const beside = await inside(['keys', 'list', '--data', data]);
  assert.match(beside.stderr, 'whose they are is known to the running node only\nfix: agentmesh did list --json');
  assert.equal([text.stderr.includes('running node'), JSON.parse(json.stdout).owners_known], [false, true]);
  await node.stop();
  refused(await inside(['keys', 'list', '--data', join(data, 'nothing')]), 'DATA_MISSING');
  assert.not.ok(existsSync(join(data, 'nothing')), 'and no folder is made');
});

test('an identity moves to another folder, with its history, and goes on there', async (context) => {
  const [from, to] = [await made(context), await made(context, ['bob'], 'folder secret')];
  const travel = secretFile(context, 'travel secret');
  const out = join(context.folder(), 'alice.keys');
  const old = await up(context, from);
  const { did } = unwrap(old.actions.own('alice'));
  unwrap(await old.host.identities.rotate('alice'));
  const sequence = old.host.identity.known(did)?.document.sequence ?? 0;
  refused(await inside(['keys', 'export', 'alice', '--out', out, '--passphrase-file', travel, '--data', from]), 'DATA_LOCKED');
  await old.stop();
  refused(await inside(['keys', 'export', 'alice', '--out', out, '--data', from]), 'PASSPHRASE_NEEDED');
  refused(await inside(['keys', 'export', 'carol', '--out', out, '--passphrase-file', travel, '--data', from]), 'NAME_UNKNOWN');
  for (const node of ['test', 'node']) refused(await inside(['keys', 'export', node, '--out', out, '--passphrase-file', travel, '--data', from]), 'KEYS_OF_NODE');
  refused(await inside(['keys', 'export', old.did, '--out', out, '--passphrase-file', travel, '--data', from]), 'KEYS_OF_NODE');
  assert.not.ok(existsSync(out));
  const exported = await inside(['keys', 'export', 'alice', '--out', out, '--passphrase-file', travel, '--data', from, '--json']);
  assert.equal({ ...JSON.parse(exported.stdout), file: '' }, { name: 'alice', did, kind: 'human', keys: 5, handler: null, policy: null, file: '' }, 'the keys of two generations, which share one');
  assert.is(statSync(out).mode & 0o777, 0o600);
  refused(await inside(['keys', 'export', 'alice', '--out', out, '--passphrase-file', travel, '--data', from]), 'FILE_EXISTS');
  const importing = ['keys', 'import', out, '--passphrase-file', travel, '--folder-passphrase-file', secretFile(context, 'folder secret'), '--data', to, '--json'];
  assert.equal(JSON.parse((await inside(importing)).stdout).did, did);
  // As if it had been cut off after the keys were written and before the identity was.
  const store = unwrap(await openStore({ kind: 'disk', folder: join(to, 'store'), create: false }));
  await store.batch([{ space: 'agent', key: utf8(did) }], { sync: true });
  await store.close();
  assert.equal(JSON.parse((await inside(importing)).stdout).did, did);
  const node = await up(context, to, 'folder secret');
  const moved = unwrap(node.actions.own('alice'));
  assert.equal([moved.did, moved.establishments.length], [did, 2]);
  await node.host.identities.publishAll();
  const record = node.host.identity.known(did);
  assert.ok((record?.document.sequence ?? 0) > sequence, 'peers refuse a sequence number that they have seen');
  unwrap(await node.actions.createAgent({ name: 'new agent of alice', sponsor: 'alice', capabilities: ['read:**'] }));
});

test('what cannot be imported is refused with its reason, and nothing is written', async (context) => {
  const [from, other] = [await made(context), await made(context)];
  const travel = secretFile(context, 'travel secret');
  const folder = context.folder();
  const out = join(folder, 'alice.keys');
  assert.is((await inside(['keys', 'export', 'alice', '--out', out, '--passphrase-file', travel, '--data', from])).code, 0);
  const before = bytesOf(other);
  const cost = 2 ** 4;
  const importing = async (content: string, code: string, data: string = other, passphrase: string = 'travel secret'): Promise<void> => {
    const imported = await importIdentity({ data, passphrase: undefined }, utf8(content), passphrase, cost);
    assert.is(imported.ok ? 'ok' : imported.failure.code, code);
    assert.is.not(imported.ok ? '' : imported.failure.fix, undefined);
  };
  refused(await inside(['keys', 'import', out, '--passphrase-file', travel, '--data', other]), 'NAME_TAKEN');
  const whole = unwrap(openBundle(readFileSync(out), 'travel secret'));
  const sealed = (bundle: KeyBundle): string => sealBundle(bundle, 'travel secret', (length) => new Uint8Array(randomBytes(length)), cost);
  const text = sealed(whole);
  await importing(text, 'NAME_TAKEN');
  await importing(text, 'IDENTITY_EXISTS', from);
  await importing(text, 'BUNDLE_PASSPHRASE', other, 'wrong');
  const bundle: { readonly [name: string]: string } = JSON.parse(text);
  const flipped = (bundle['sealed'] ?? '').replace(/^(.{9})(.)/, (_, head: string, letter: string) => head + (letter === 'A' ? 'B' : 'A'));
  await importing(JSON.stringify({ ...bundle, sealed: flipped }), 'BUNDLE_PASSPHRASE');
  await importing(JSON.stringify({ ...bundle, version: 2 }), 'BUNDLE_VERSION');
  for (const damage of ['', '{', 'null', '[]', '{}', JSON.stringify({ ...bundle, more: 1 }), JSON.stringify({ ...bundle, nonce: 'AA' }), JSON.stringify({ ...bundle, protection: 'none' }), bytesOf(from)]) {
    await importing(damage, 'BUNDLE_DAMAGED');
  }
  const seeds = new Map([...whole.seeds].filter(([name]) => !name.endsWith('/use')));
  await importing(sealed({ ...whole, seeds, identity: { ...whole.identity, name: 'new' } }), 'BUNDLE_DAMAGED');
  for (const name of [whole.identity.did, '', 'two\nlines', ' ']) await importing(sealed({ ...whole, identity: { ...whole.identity, name } }), 'NAME_INVALID');
  refused(await inside(['keys', 'import', out, '--data', other]), 'PASSPHRASE_NEEDED');
  const agent = { handler: '/tmp/no such.mjs', policy: null, required_trust: 0, authority: 'open', roots: [] } as const;
  await importing(sealed({ ...whole, identity: { ...whole.identity, name: 'new', agent } }), 'BUNDLE_DAMAGED');
  const path = join(folder, 'agent.keys');
  unwrap(await exportIdentity({ data: from, passphrase: undefined }, 'agent of alice', path, 'travel secret', cost));
  const worker = unwrap(openBundle(readFileSync(path), 'travel secret', cost));
  writeFileSync(path, sealBundle({ ...worker, identity: { ...worker.identity, agent } }, 'travel secret', (length) => new Uint8Array(randomBytes(length))));
  const third = await made(context, []);
  assert.match((await inside(['keys', 'import', path, '--passphrase-file', travel, '--data', third])).stderr, 'the next start runs the handler at that path on this host: look that \'/tmp/no such.mjs\' is what you expect\n');
  assert.is(bytesOf(other), before);
  for (const seed of Object.values(JSON.parse(bytesOf(from)).keys)) assert.not.ok(readFileSync(out, 'utf8').includes(String(seed)));
});

test('a name that a deactivation has freed is that of who has it now', () => {
  const one = { did: 'did:mesh:one', name: 'alice', kind: 'human', deactivated: true } as const;
  const two = { ...one, did: 'did:mesh:two', deactivated: false };
  const node = { ...one, did: 'did:mesh:node', kind: 'node', deactivated: false } as const;
  const pick = (who: string, ...present: readonly Parameters<typeof named>[0][number][]): string | undefined => named(present, who)?.did;
  const whole = (short: Pick<StoredIdentity, 'did' | 'name' | 'kind' | 'deactivated'>): StoredIdentity => ({
    sponsor: null, capabilities: [], label: '', establishments: [], witness_signatures: [], witness_nodes: [], pending: null, retired: [],
    successor: null, predecessor: null, attestations: [], agent: null, ...short,
  });
  assert.is(pick('alice', whole(node), whole(one), whole(two)), two.did);
  assert.is(pick(one.did, whole(one), whole(two)), one.did);
  assert.is(pick('alice', whole(one)), one.did, 'to say that it is deactivated');
  assert.is(pick('alice', whole(node)), undefined);
});

test('a node that is killed leaves a folder that the next one takes over', async (context) => {
  const data = join(context.folder(), 'data');
  const child = spawn(process.execPath, [launch, 'up', '--data', data, '--listen', '/ip4/127.0.0.1/tcp/0', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  assert.ok(readdirSync(data).includes('lock'));
  const facts: string[] = [];
  const node = unwrap(await createNode({ data, control: false, recorder: { record: (fact) => void facts.push(`${fact.kind} ${String(fact['process_id'])}`) } }));
  await node.stop();
  assert.ok(facts.includes(`folder.lock-taken-over ${child.pid}`));
  assert.not.ok(readdirSync(data).includes('lock'));
});

test.run();
