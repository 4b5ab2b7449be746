/** The logs before the newest are as usable as it: read, proven, exported, checked, mended and erased. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { concat, fromUtf8, toHex, utf8 } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { auditEntryMethods } from '../../node/control/audit-entry-methods.ts';
import { auditKeeperMethods, logChecks } from '../../node/control/audit-keeper-methods.ts';
import { auditMethods } from '../../node/control/audit-methods.ts';
import type { ControlMethods } from '../../node/control/api.ts';
import { createNode, type Node } from '../../node/node.ts';
import { log_keys } from '../../storage/audit-group.ts';
import { logStore } from '../../storage/log-view.ts';
import { openStore } from '../../storage/store.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf, failureOf, hostWorld, type HostWorld, type SimulatedHost } from '../simulated-hosts.ts';
import { inside } from './run-cli.ts';

const test = suite('node/past-logs');
const never = new AbortController().signal;

type Methods = Pick<ControlMethods, 'audit.head' | 'audit.show' | 'audit.entries' | 'audit.prove' | 'audit.verify' | 'audit.export' | 'audit.erase' | 'audit.logs' | 'audit.recover'>;

function methodsOf({ host }: SimulatedHost): Methods {
  return { ...auditEntryMethods(host), ...auditMethods(host), ...auditKeeperMethods(host) };
}

async function write({ host: { log } }: SimulatedHost, world: HostWorld, subject: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await world.get(log.append({ subject, payload: utf8(JSON.stringify({ kind: 'note', text: `${subject} ${index}` })) }));
}

/** A host with two logs: `old` wrote five entries into the first, which was anchored, and three into the second. */
async function succeeded(context: TestContext, count = 1): Promise<{ readonly world: HostWorld; readonly origin: string }> {
  const world = await hostWorld(context, { count, settings: { keeper: { fsck_period_ms: 60_000 } } });
  const first = world.at(0);
  await write(first, world, 'old', 5);
  if (count > 1) await world.get(first.host.witness.anchor());
  const { origin } = first.host.log;
  await write(first, world, 'late', 2);
  await world.get(first.host.keeper.succeed());
  await write(await world.restart(0), world, 'old', 3);
  return { world, origin };
}

async function damageFirst(world: HostWorld): Promise<void> {
  await world.at(0).store.batch([{ space: 'log', key: log_keys.state() }], { sync: true });
}

test('an earlier log is shown, listed, proven and exported by its number and by its origin', async (context) => {
  const { world, origin } = await succeeded(context, 3);
  const methods = methodsOf(world.at(0));
  const listed = await world.get(methods['audit.logs']({}, never));
  assert.equal(listed.map(({ number, newest, frozen }) => [number, newest, frozen]), [[0, false, null], [1, true, null]]);
  const { size } = await world.get(world.at(0).host.past_logs.log(0)).then((log) => ({ size: log.size() }));
  assert.equal([listed[0]?.origin, listed[0]?.size], [origin, size]);
  for (const log of ['0', origin]) {
    const page = await world.get(methods['audit.entries']({ agent: 'old', log }, never));
    assert.equal([page.origin, page.entries.length], [origin, 5]);
    const [{ index } = { index: -1 }] = page.entries;
    const shown = await world.get(methods['audit.show']({ index, log }, never));
    assert.equal([shown.origin, shown.payload, (shown.checkpoint?.cosignatures.length ?? 0) > 0], [origin, { kind: 'note', text: 'old 0' }, true]);
    const { proof, policy } = await world.get(methods['audit.prove']({ index, log, open: true }, never));
    const verified = await world.get(methods['audit.verify']({ proof, policy }, never));
    assert.equal([verified.origin, verified.payload, verified.cosignatures > 0], [origin, '{"kind":"note","text":"old 0"}', true]);
    assert.is((await world.get(methods['audit.head']({ log }, never))).origin, origin);
  }
  // Nobody cosigns a closed log any more: its end is proven under its own last signature.
  const closing = await world.get(methods['audit.prove']({ index: size - 1, log: '0' }, never));
  const ended = await world.get(methods['audit.verify']({ proof: closing.proof, policy: closing.policy }, never));
  assert.equal([ended.kind, ended.cosignatures, ended.index], ['genesis', 0, size - 1]);
  const folder = join(context.folder(), 'export');
  await world.get(methods['audit.export']({ folder, log: '0' }, never));
  assert.ok(readFileSync(join(folder, 'checkpoint'), 'utf8').startsWith(`${origin}\n`));
  assert.is((await world.get(methods['audit.entries']({ agent: 'old' }, never))).entries.length, 3, 'the newest where nothing is said');
  for (const log of ['2', 'nonsense', '99999']) {
    const refused = failureOf(await world.finish(methods['audit.show']({ index: 0, log }, never)));
    assert.equal([refused.code, refused.fix], ['AUDIT_LOG_UNKNOWN', 'agentmesh audit logs lists them'], log);
  }
  const did = world.at(1).host.identities.node.did;
  assert.is(codeOf(await world.finish(methods['audit.prove']({ index: 0, did, log: '0' }, never))), 'PARAMS_INVALID');
  assert.is(codeOf(await world.finish(methods['audit.head']({ did, log: '0' }, never))), 'PARAMS_INVALID');
});

test('damage in an earlier log is found without an order, told by doctor, stops nothing, and is mended', async (context) => {
  const { world } = await succeeded(context);
  await damageFirst(world);
  const { host } = await world.restart(0);
  await world.until('the start looks at earlier logs too', () => (host.keeper.pastDamage(0)?.damaged_count ?? 0) > 0, 30_000);
  assert.is(host.log.frozen, undefined);
  assert.is(codeOf(await world.finish(host.log.append({ subject: 'x', payload: utf8('{}') }))), 'ok');
  await world.until('the round ends', () => host.keeper.round.ended_ms !== undefined);
  assert.equal(host.keeper.round.damaged.map(({ log, name }) => [log, name]), [[0, 'tree state']]);
  const [newest, past] = logChecks(host);
  assert.equal([newest?.state, past?.name, past?.state], ['ok', 'audit log 0', 'failed']);
  assert.match(past?.text ?? '', /tree state: /);
  const methods = methodsOf(world.at(0));
  const needless = failureOf(await world.finish(methods['audit.recover']({}, never)));
  assert.equal([needless.code, needless.fix], ['AUDIT_RECOVERY_NEEDLESS', 'log 0 is damaged: agentmesh audit recover --log 0']);
  assert.is(codeOf(await world.finish(methods['audit.prove']({ index: 0, log: '0' }, never))), 'AUDIT_FROZEN', 'a damaged log proves nothing');
  await world.get(methods['audit.recover']({ log: '0' }, never));
  assert.is(codeOf(await world.finish(methods['audit.prove']({ index: 0, log: '0' }, never))), 'ok', 'without a restart');
  const told = (await world.get(methods['audit.entries']({}, never))).entries.map(({ payload }) => payload).filter((payload) => typeof payload === 'object' && payload !== null && 'kind' in payload && payload.kind === 'recovered');
  assert.equal(told.length, 1, 'the newest log says it, once');
  await world.until('the next round', () => !host.keeper.round.running);
  assert.equal([host.keeper.round.damaged, logChecks(host).length], [[], 1]);
  assert.is(codeOf(await world.finish(methods['audit.recover']({ log: '0' }, never))), 'AUDIT_RECOVERY_NEEDLESS');
});

test('an earlier log that is damaged while it is open proves nothing from the next round on; evidence is looked at once, with the newest', async (context) => {
  const { world } = await succeeded(context);
  const { host } = world.at(0);
  const methods = methodsOf(world.at(0));
  await world.until('the first round ends', () => host.keeper.round.ended_ms !== undefined && !host.keeper.round.running, 120_000);
  assert.is(codeOf(await world.finish(methods['audit.prove']({ index: 0, log: '0' }, never))), 'ok');
  await damageFirst(world);
  await world.until('it is found', () => (host.keeper.pastDamage(0)?.damaged_count ?? 0) > 0, 600_000);
  assert.is(codeOf(await world.finish(methods['audit.prove']({ index: 0, log: '0' }, never))), 'AUDIT_FROZEN');
  await world.at(0).store.batch([{ space: 'witness', key: concat(utf8('x'), new Uint8Array(32)), value: utf8('not that') }], { sync: true });
  await world.until('it is frozen', () => host.log.frozen !== undefined, 600_000);
  await world.until('the round ends', () => !host.keeper.round.running);
  assert.equal(host.keeper.round.damaged.map(({ log, name }) => [log, name.split(' ')[0]]), [[null, 'evidence'], [0, 'tree']]);
});

test('an earlier log is not opened anew while something is erased in it', async (context) => {
  const { world } = await succeeded(context);
  const { past_logs } = world.at(0).host;
  await world.pass(60_000);
  const log = await world.get(past_logs.log(0));
  let end = (): void => undefined;
  const held = log.holdErasures(() => new Promise<void>((resolve) => { end = resolve; }));
  const reopened = past_logs.reopen(0);
  await world.pass(1_000);
  assert.is(await past_logs.opened(0), log);
  end();
  await Promise.all([held, reopened]);
  assert.is(await past_logs.opened(0), undefined);
});

test('what is erased in an earlier log by who had it before it was opened anew stays erased', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { log, keeper } = world.at(0).host;
  const appended = await world.finish(Promise.all(['a', 'b', 'c'].map((text) => log.append({ subject: 'old', payload: utf8(text) }))));
  const [kept, first, second] = appended.map((each) => unwrap(each).index);
  assert.ok(kept !== undefined && first !== undefined && second !== undefined);
  await world.get(keeper.succeed());
  const { past_logs } = (await world.restart(0)).host;
  const before = await world.get(past_logs.log(0));
  await world.finish(past_logs.reopen(0));
  const after = await world.get(past_logs.log(0));
  assert.is.not(after, before);
  for (const erased of await world.finish(Promise.all([before.erase({ index: first }, 'art17'), after.erase({ index: second }, 'art17')]))) unwrap(erased);
  const payloads = await world.finish(Promise.all([kept, first, second].map((index) => after.read(index))));
  assert.equal(payloads.map((record) => unwrap(record).payload === undefined), [false, true, true]);
});

test('an earlier log that nothing here can fill says that only copies help', async (context) => {
  const { world } = await succeeded(context);
  const groups: Uint8Array[] = [];
  const store = logStore(world.at(0).store, 0);
  for await (const [key] of store.entries('log', {})) if (key[0] === log_keys.group(0)[0] || key[0] === log_keys.bundle(0)[0]) groups.push(key);
  await store.batch(groups.map((key) => ({ space: 'log', key })), { sync: true });
  const methods = methodsOf(world.at(0));
  const refused = failureOf(await world.finish(methods['audit.recover']({ log: '0' }, never)));
  assert.is(refused.code, 'AUDIT_UNRECOVERABLE');
  assert.match(refused.fix ?? '', /^only a copy helps: /);
  assert.is(world.at(0).host.log.frozen, undefined);
});

test('the payloads of a subject are counted and gone in all logs; that of one entry of an earlier log is written down in the newest', async (context) => {
  const { world, origin } = await succeeded(context);
  const methods = methodsOf(world.at(0));
  const past = (await world.get(methods['audit.entries']({ agent: 'late', log: '0' }, never))).entries;
  const [{ index } = { index: -1 }] = past;
  const one = await world.get(methods['audit.erase']({ index, log: '0', basis: 'order' }, never));
  assert.equal([one.payloads, one.past_payloads], [1, 1]);
  assert.equal((await world.get(methods['audit.show']({ index: one.entry ?? -1 }, never))).payload, { kind: 'erased', origin, index, basis: 'order' });
  assert.equal(await Promise.all(past.map(async (entry) => (await world.get(methods['audit.show']({ index: entry.index, log: '0' }, never))).state)), ['erased', 'open'], 'the other stays');
  const size = world.at(0).host.log.size();
  assert.is(codeOf(await world.finish(methods['audit.erase']({ index, log: '0', basis: 'order' }, never))), 'AUDIT_ERASED');
  assert.is(world.at(0).host.log.size(), size, 'what was not done is not written down');
  assert.is(codeOf(await world.finish(methods['audit.erase']({ subject: 'old', log: '0', basis: 'art17' }, never))), 'PARAMS_INVALID');
  const all = await world.get(methods['audit.erase']({ subject: 'old', basis: 'art17' }, never));
  assert.equal([all.payloads, all.past_payloads], [8, 5]);
  await world.restart(0);
  const after = methodsOf(world.at(0));
  assert.equal((await world.get(after['audit.entries']({ agent: 'old', log: '0' }, never))).entries, []);
  const { entries } = await world.get(after['audit.entries']({ log: '0' }, never));
  assert.not.match(JSON.stringify(entries), /old \d|late 0/);
  assert.match(JSON.stringify(entries), /late 1/);
});

async function up(context: TestContext, data: string): Promise<Node> {
  const node = unwrap(await createNode({ name: 'test', data }));
  context.after(() => node.stop());
  return node;
}

test('the help of what opens the store of a stopped node says that this changes its files', async () => {
  for (const name of ['fsck', 'recover']) assert.match((await inside(['audit', name, '--help'])).stdout.replace(/\s+/g, ' '), /LevelDB store, which rewrites files of its own [^.]*: copy the folder first if it is evidence\./, name);
});

test('on the folder of a stopped node the earlier log is checked, mended by its number, and the newest says so at the next start', async (context) => {
  const data = join(context.folder(), 'data');
  const run = (...inputs: string[]): ReturnType<typeof inside> => inside(['audit', ...inputs, '--data', data]);
  const node = await up(context, data);
  for (let index = 0; index < 3; index += 1) unwrap(await node.host.log.append({ subject: 'agent', payload: utf8('{}') }));
  unwrap(await node.host.keeper.succeed());
  await node.stop();
  await (await up(context, data)).stop();
  const store = unwrap(await openStore({ kind: 'disk', folder: join(data, 'store'), create: false }));
  await store.batch([{ space: 'log', key: log_keys.state() }], { sync: true });
  await store.close();
  const found = await run('fsck');
  assert.equal([found.code, /\nlog 0: tree state +/.test(found.stdout), /audit recover --log 0/.test(found.stderr)], [5, true, true], found.stdout + found.stderr);
  assert.match((await run('recover', '--log', '7')).stderr, /AUDIT_LOG_UNKNOWN/);
  const mended = await run('recover', '--log', '0');
  assert.equal([mended.code, mended.stderr], [0, 'start the node: its log says what was done\n']);
  assert.is((await run('fsck')).code, 0);
  const head = readFileSync(join(data, 'head'));
  writeFileSync(join(data, 'head'), 'no head');
  writeFileSync(join(data, 'frozen'), 'history: it has signed more');
  assert.match((await run('recover', '--log', '0')).stderr, /AUDIT_HISTORY: [^]*fix: only a copy helps: /);
  writeFileSync(join(data, 'head'), head);
  rmSync(join(data, 'frozen'));
  const again = await up(context, data);
  const told = unwrap(await again.host.logs.newest(undefined, { kind: 'recovered' }));
  assert.equal(told.map(({ origin }) => origin), [node.host.log.origin]);
});

test('what was erased in an earlier log is nowhere in the data folder, neither the payload nor its salt nor a key that opens it', async (context) => {
  const data = join(context.folder(), 'data');
  const node = await up(context, data);
  const [alone, beside] = [toHex(randomBytes(16)), toHex(randomBytes(16))];
  const { index } = unwrap(await node.host.log.append({ subject: 'somebody', payload: utf8(alone) }));
  unwrap(await node.host.log.append({ subject: 'somebody', payload: utf8(beside) }));
  unwrap(await node.host.keeper.succeed());
  await node.stop();
  const on = await up(context, data);
  const { salt = new Uint8Array() } = unwrap(await unwrap(await on.host.past_logs.log(0)).read(index));
  const vault = readFileSync(join(data, 'vault'));
  const seed_at = vault.indexOf('somebody') + 'somebody'.length + 16 + 4 + 9;
  const seed = vault.subarray(seed_at, seed_at + 32);
  const onDisk = (needle: Uint8Array | string): boolean => readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile()).some((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(Buffer.from(needle)));
  assert.ok(salt.length > 0 && onDisk(seed), 'the search would find it');
  const erased = await inside(['audit', 'erase', '--entry', String(index), '--log', '0', '--basis', 'art17', '--yes', '--data', data]);
  assert.is(erased.code, 0, erased.stderr);
  assert.match(erased.stdout, /^erased: 1 payload is unreadable for good\nin earlier logs +1 of them\nwritten down +as entry \d+ of the newest log: a closed one takes no entry\n$/);
  await on.stop();
  for (const needle of [alone, salt, seed]) assert.not.ok(onDisk(needle));
  const again = await up(context, data);
  const past = unwrap(await again.host.past_logs.log(0));
  assert.equal([unwrap(await past.read(index)).payload, fromUtf8(unwrap(await past.read(index + 1)).payload ?? new Uint8Array())], [undefined, beside]);
});

test('an erasure in an earlier log that was cut off is ended by the host itself, as soon as it can', async (context) => {
  const { world } = await succeeded(context);
  const first = world.at(0);
  const past = await world.get(first.host.past_logs.log(0));
  const [{ index } = { index: -1 }, { index: next } = { index: -1 }] = (await world.get(methodsOf(first)['audit.entries']({ agent: 'late', log: '0' }, never))).entries;
  const marks = async (): Promise<number> => {
    let count = 0;
    for await (const [key] of logStore(world.at(0).store, 0).entries('log', { gte: log_keys.erasure(0), lte: log_keys.erasure(Number.MAX_SAFE_INTEGER) })) count += key.length > 0 ? 1 : 0;
    return count;
  };
  const { write } = first.files;
  first.files.write = (name, bytes) => (name === 'vault' ? Promise.reject(new Error('the disk is full')) : write.call(first.files, name, bytes));
  assert.is(codeOf(await world.finish(past.erase({ index }, 'order'))), 'VAULT_UNWRITABLE');
  assert.is(await marks(), 1);
  const { host } = await world.restart(0);
  assert.is(codeOf(await world.finish(host.past_logs.log(0))), 'VAULT_UNWRITABLE', 'no log with a payload that should be gone');
  assert.is(await marks(), 1);
  first.files.write = write;
  await world.until('the next round', () => host.keeper.round.ended_ms !== undefined, 30_000);
  await world.pass(120_000);
  assert.is(await marks(), 0);
  const ended = await world.get(host.past_logs.log(0));
  assert.is((await world.get(ended.read(index))).payload, undefined);
  const broken: typeof write = (name, bytes) => (name === 'vault' ? Promise.reject(new Error('the disk is full')) : write.call(first.files, name, bytes));
  first.files.write = broken;
  assert.is(codeOf(await world.finish(ended.erase({ index: next }, 'order'))), 'VAULT_UNWRITABLE');
  const again = await world.restart(0);
  assert.is(codeOf(await world.finish(again.host.past_logs.log(0))), 'VAULT_UNWRITABLE');
  first.files.write = write;
  assert.is((await world.get((await world.get(again.host.past_logs.log(0))).read(next))).payload, undefined, 'what could not be opened is tried again');
});

test.run();
