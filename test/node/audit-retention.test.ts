import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { AuditRetention } from '../../node/audit-retention.ts';
import { createNode } from '../../node/node.ts';
import { PastLogs } from '../../node/own-logs.ts';
import type { Fact } from '../../protocols/ports.ts';
import { encodeState, stateKey } from '../../protocols/witness/state.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { openAuditLog } from '../../storage/audit-log.ts';
import { memoryFiles } from '../../storage/files.ts';
import { openNewestLog } from '../../storage/log-chain.ts';
import { logStore } from '../../storage/log-view.ts';
import { erasedBeforeChange, type RetentionPolicy } from '../../storage/retention.ts';
import { openStore } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { suite, type TestContext } from '../harness.ts';
import { code, did, log_key, random } from '../storage/audit-world.ts';
import { cli } from './run-cli.ts';

const test = suite('node/audit-retention');
const day_ms = 86_400_000;

/** A log on virtual time with the retention of a policy. */
async function world(policy: RetentionPolicy, free_bytes = 1e12) {
  const simulator = new Simulator('retention');
  const clock = simulator.clock('host');
  const store = unwrap(await openStore({ kind: 'memory' }));
  const files = memoryFiles();
  const vault = unwrap(await openVault({ files, random, create: true }));
  const log = unwrap(await openAuditLog({ store, files, vault, now: () => clock.now(), key: log_key, did, create: true }));
  const facts: Fact[] = [];
  const disk = { free_bytes };
  const retention = new AuditRetention({
    clock, store, log_store: store, log, did, policy, recorder: { record: (fact) => void facts.push(fact) }, free_bytes: () => Promise.resolve(disk.free_bytes),
  });
  const append = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at += 1) unwrap(await log.append({ subject: `agent ${at % 2}`, payload: utf8(`payload ${at}`) }));
  };
  const pass = (ms: number): Promise<void> => simulator.run(clock.now() + ms);
  const opened = async (): Promise<number[]> => {
    const indexes: number[] = [];
    for await (const entry of log.entries()) if (unwrap(entry).payload !== undefined) indexes.push(unwrap(entry).index);
    return indexes;
  };
  const kinds = async (): Promise<string> => {
    let letters = '';
    for await (const entry of log.entries()) letters += unwrap(entry).kind === 'erasure' ? 'E' : '.';
    return letters;
  };
  return { clock, store, log, retention, facts, disk, append, pass, opened, kinds };
}

test('by default everything is kept, for ever', async () => {
  const { retention, append, pass, opened, store, log } = await world({});
  await append(5);
  unwrap(await log.checkpoint());
  await store.batch([{ space: 'witness', key: stateKey('x'), value: encodeState({ origin: 'x', size: 1, root: random(32), note: random(9), time_s: 1, exposed: false }) }], { sync: false });
  await retention.start();
  await pass(5_000 * day_ms);
  assert.equal(await opened(), [1, 2, 3, 4, 5]);
  assert.is(log.size(), 6);
  assert.ok(await store.get('witness', stateKey('x')));
  assert.equal(unwrap(await retention.due()), { payloads_before: undefined, checkpoints: [], witnessed: [] });
  await retention.stop();
});

test('payloads past their days are erased in the next round, once, and the erasure is an entry', async () => {
  const { retention, append, pass, opened, kinds, log } = await world({ payload_days: 30 });
  await append(4);
  await pass(20 * day_ms);
  await append(3);
  await retention.start();
  await pass(9 * day_ms);
  assert.equal(await opened(), [1, 2, 3, 4, 5, 6, 7], 'none is 30 days old');
  await pass(3 * day_ms);
  assert.equal(await opened(), [5, 6, 7]);
  assert.is(await kinds(), '........E');
  await pass(10 * day_ms);
  assert.is(await kinds(), '........E', 'a round without anything to do writes nothing');
  await pass(15 * day_ms);
  assert.equal(await opened(), []);
  assert.is(log.frozen, undefined);
  await retention.stop();
  await pass(20 * day_ms);
  assert.is(await kinds(), '........EE', 'nothing happens after the end');
});

test('what a frozen log holds grows old too, and so does what a log holds that lost its end', async () => {
  const frozen = await world({ payload_days: 30, checkpoint_days: 30 });
  await frozen.append(4);
  await frozen.log.freeze('a witness has seen more');
  await frozen.pass(31 * day_ms);
  unwrap(await frozen.retention.run());
  assert.equal(await frozen.opened(), []);
  const shorter = await world({ payload_days: 30 });
  await shorter.append(4);
  await shorter.store.batch([erasedBeforeChange(100)], { sync: false });
  await shorter.pass(31 * day_ms);
  unwrap(await shorter.retention.run());
  assert.equal(await shorter.opened(), []);
});

test('payloads of the logs before the newest are erased by their age too, and the newest says so', async () => {
  const simulator = new Simulator('past logs');
  const clock = simulator.clock('host');
  const [store, files] = [unwrap(await openStore({ kind: 'memory' })), memoryFiles()];
  const vault = unwrap(await openVault({ files, random, create: true }));
  const keys = [log_key, signingKey(new Uint8Array(32).fill(8))];
  const chain = { store, files, vault, now: () => clock.now(), keys, did };
  const first = unwrap(await openNewestLog({ ...chain, keys: keys.slice(0, 1), create: true }));
  for (let at = 0; at < 3; at += 1) unwrap(await first.append({ subject: 'agent', payload: utf8(`old ${at}`) }));
  await first.close();
  const log = unwrap(await openNewestLog({ ...chain, create: false }));
  const past_logs = new PastLogs(chain);
  const retention = new AuditRetention({ clock, store, log_store: logStore(store, 1), log, past_logs, did, policy: { payload_days: 30 }, recorder: { record: () => undefined } });
  const payloads = async (number: number): Promise<number> => {
    let count = 0;
    for await (const record of unwrap(await past_logs.log(number)).entries()) count += unwrap(record).payload === undefined ? 0 : 1;
    return count;
  };
  await simulator.run(clock.now() + 29 * day_ms);
  unwrap(await retention.run());
  assert.is(await payloads(0), 3);
  await simulator.run(clock.now() + 2 * day_ms);
  unwrap(await log.append({ subject: 'agent', payload: utf8('young') }));
  unwrap(await retention.run());
  assert.is(await payloads(0), 0);
  const said = unwrap(await log.read(log.size() - 1)).payload ?? new Uint8Array();
  assert.equal(JSON.parse(Buffer.from(said).toString()), { kind: 'erased', origin: first.origin, before: 5, basis: 'retention' });
  const size = log.size();
  unwrap(await retention.run());
  assert.is(log.size(), size, 'once');
  assert.is(unwrap(await log.read(size - 2)).payload?.length, 5, 'what is young stays');
});

test('what a witness remembers goes when a log was not seen for its days, but never of one that was exposed', async () => {
  const { retention, pass, store, clock } = await world({ witness_days: 365, checkpoint_days: 30 });
  const now_s = clock.now() / 1000;
  const put = (origin: string, days: number, exposed: boolean): Promise<void> => store.batch([
    { space: 'witness', key: stateKey(origin), value: encodeState({ origin, size: 1, root: random(32), note: random(9), time_s: now_s - days * 86_400, exposed }) },
  ], { sync: false });
  await put('old', 366, false);
  await put('exposed', 900, true);
  await put('young', 300, false);
  await store.batch([{ space: 'witness', key: utf8('w'), value: utf8('damaged') }], { sync: false });
  assert.equal(unwrap(await retention.due()).witnessed, ['old']);
  await retention.start();
  await pass(2 * 60_000);
  const kept = await Promise.all(['old', 'exposed', 'young'].map(async (origin) => await store.get('witness', stateKey(origin)) !== undefined));
  assert.equal(kept, [false, true, true]);
  assert.ok(await store.get('witness', utf8('w')), 'what cannot be read is not judged');
  await retention.stop();
});

test('the budget holds from the start on, is measured again and again, and frees the way by itself', async () => {
  const { retention, pass, disk, facts } = await world({ free_disk_bytes_min: 1_000 }, 999);
  await retention.start();
  const refusal = retention.refusal();
  assert.is(refusal?.code, 'AUDIT_DISK_BUDGET');
  assert.match(refusal?.fix ?? '', /^move old entries to another disk: agentmesh audit archive --dir FOLDER/);
  disk.free_bytes = 1_100;
  assert.ok(retention.refusal(), 'not measured yet');
  await pass(11_000);
  assert.is(retention.refusal(), undefined);
  assert.is(retention.level(), 'near');
  disk.free_bytes = 5_000;
  await pass(11_000);
  assert.equal(facts.map(({ kind, level }) => [kind, level]), [['audit.disk', 'full'], ['audit.disk', 'near'], ['audit.disk', 'ok']]);
  await retention.stop();
});

test('only one work on an archive is under way, and who asks for the same one gets it', async (context) => {
  const { retention, append, log, store } = await world({});
  await append(600);
  unwrap(await log.checkpoint());
  const folder = join(context.folder(), 'archive');
  const order = { kind: 'archive', folder, keep: 10 } as const;
  const [first, second] = [unwrap(retention.begin(order)), unwrap(retention.begin({ ...order }))];
  assert.is(first, second);
  assert.is(code(retention.begin({ kind: 'restore', folder })), 'AUDIT_ARCHIVE_BUSY');
  assert.is(unwrap(await first.ended).next, 512);
  assert.is(retention.work, first, 'its end is kept until it was told');
  retention.told(first);
  assert.is(unwrap(await unwrap(retention.begin({ kind: 'restore', folder })).ended).first, 0);
  assert.ok(await store.get('log', utf8('a')) === undefined);
});

const listen = ['/ip4/127.0.0.1/tcp/0'];

async function nodeWith(context: TestContext, data: string, retention: RetentionPolicy) {
  const node = unwrap(await createNode({ name: 'host', data, listen, retention }));
  context.after(() => node.stop());
  return node;
}

test('a real node archives, says so, starts again without the folder, and takes everything back', async (context) => {
  const data = context.folder();
  const folder = join(context.folder(), 'archive');
  const node = await nodeWith(context, data, { audit_disk_bytes_max: 100_000_000 });
  const { log } = node.host;
  await Promise.all(Array.from({ length: 700 }, async (_, at) => unwrap(await log.append({ subject: node.did, payload: utf8(`payload ${at}`) }))));
  unwrap(await log.checkpoint());
  const archived = await cli(['audit', 'archive', '--dir', folder, '--keep', '100', '--data', data]);
  assert.match(archived.stdout, /^archived: 512 entries to /, archived.stderr);
  const shown = await cli(['audit', 'retention', '--data', data]);
  assert.match(shown.stdout, /of which 512 are archived\n/);
  assert.match(shown.stdout, /disk +\S+ [KM]iB, of at most 95 MiB\n/);
  assert.match(shown.stdout, /0 +511 +there +/);
  const again = await cli(['audit', 'archive', '--dir', folder, '--keep', '100', '--data', data]);
  assert.match(again.stderr, /AUDIT_NOTHING_TO_ARCHIVE/);
  await node.stop();
  renameSync(folder, `${folder}-away`);
  const next = await nodeWith(context, data, {});
  assert.is(next.frozen, undefined);
  assert.is(code(await next.host.log.read(3)), 'AUDIT_ARCHIVED');
  const doctor = await cli(['doctor', '--data', data]);
  assert.match(doctor.stdout, /entries 0 to 511 cannot be read: .*archive is not there/);
  const proof = await cli(['audit', 'prove', '3', '--data', data]);
  assert.match(proof.stderr, /AUDIT_ARCHIVED/);
  const restored = await cli(['audit', 'archive', '--restore', '--dir', `${folder}-away`, '--data', data, '--json']);
  assert.is(restored.code, 0, restored.stderr);
  assert.equal(unwrap(await next.host.log.read(3)).payload !== undefined, true);
  assert.ok(existsSync(join(`${folder}-away`, 'checkpoint')), 'the folder stays');
});

test('a real node without room refuses governed actions, says what to do, and works otherwise', async (context) => {
  const data = context.folder();
  const node = await nodeWith(context, data, { free_disk_bytes_min: 2 ** 52 });
  unwrap(await node.actions.createSponsor('alice', 'human'));
  const folder = context.folder();
  const [policy, handler] = [join(folder, 'policy.yaml'), join(folder, 'handler.mjs')];
  writeFileSync(policy, 'version: "1.0"\nrules:\n  - name: reads\n    condition: "action.type == \'read\'"\n    action: allow\n');
  writeFileSync(handler, 'export default () => 1;\n');
  for (const name of ['asker', 'worker']) unwrap(await node.actions.createAgent({ name, sponsor: 'alice', capabilities: ['read:**'], authority: 'open', policy, handler }));
  const size = node.host.log.size();
  const answered = await node.actions.call({ from: 'asker', to: 'worker', command: 'read:reports', arguments: {} });
  assert.is(code(answered), 'AUDIT_UNAVAILABLE');
  assert.match(JSON.stringify(answered), /are to stay free.*agentmesh audit archive --dir/);
  assert.is(node.host.log.size(), size, 'nothing governed was recorded');
  const doctor = await cli(['doctor', '--data', data]);
  assert.match(doctor.stdout, /governed actions are refused/);
  assert.match(doctor.stdout, /agentmesh audit archive --dir/);
  assert.is(doctor.code, 1);
});

test('a retention policy that is none stops the start', async (context) => {
  assert.is(code(await createNode({ data: context.folder(), listen, retention: { payload_days: 0 } })), 'RETENTION_INVALID');
});

test.run();
