/** A log on storage of which any one write fails or lies, and on storage that loses power between any two. */
import * as assert from 'uvu/assert';
import { toHex, utf8 } from '../../crypto/bytes.ts';
import { cosign } from '../../crypto/checkpoint.ts';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import type { AppendOptions } from '../../storage/audit-queue.ts';
import type { Files } from '../../storage/files.ts';
import type { Store } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { failingStorage, powerCuts, type FailingStorage, type WriteFault } from '../faults/failing-storage.ts';
import { appendNumber, guestOf, headOf, hold, nothingTold, toldHead, trial_did, trial_key, type Told } from '../faults/log-trial.ts';
import { suite } from '../harness.ts';
import { random } from './audit-world.ts';

const test = suite('storage/audit-faults');
const witness_key = signingKey(new Uint8Array(32).fill(8));

interface Storage {
  readonly store: Store;
  readonly files: Files;
}

/** Opens vault and log as a node does; what fails throws, as it ends the start of a node. */
async function open({ store, files }: Storage, create: boolean): Promise<AuditLog> {
  const vault = unwrap(await openVault({ files, random, create }));
  return unwrap(await openAuditLog({ store, files, vault, now: () => 1_700_000_000_000, key: trial_key, did: trial_did, create }));
}

async function append(log: AuditLog, told: Told, number: number, options?: AppendOptions): Promise<void> {
  const appended = await appendNumber(log, number, options);
  if (appended.ok) told.acknowledged.push({ number, index: appended.value.index, leaf_hash: toHex(appended.value.leaf_hash), durable: options?.durable ?? true });
  else told.refused.push(`${appended.failure.code} ${appended.failure.reason}`);
}

/** Takes note of a head that is given away. */
async function publish(told: Told, signed: ReturnType<AuditLog['checkpoint']>): Promise<void> {
  const note = await signed;
  if (!note.ok) return void told.refused.push(`${note.failure.code} ${note.failure.reason}`);
  const { size, root } = headOf(note.value);
  toldHead(told, size, root);
}

/** One of everything that writes, durable and batched, alone and together; goes on when something is refused. */
async function everything(log: AuditLog, told: Told, many: number): Promise<void> {
  await Promise.all([1, 2, 5].map((number) => append(log, told, number)));
  await publish(told, log.checkpoint());
  await append(log, told, 18, { durable: false });
  await append(log, told, 3, { durable: false });
  await publish(told, log.signedAt(Math.min(3, log.size())));
  // Asked for while entries are batched: what it signs may not vanish with them.
  await publish(told, log.signedAt(log.size()));
  await append(log, told, 4);
  const { root = new Uint8Array(), size = 0 } = log.latest() ?? {};
  await log.addCosignature(size, cosign(witness_key, 'did:mesh:bwitness', { origin: log.origin, size, root }, 1_700_000_000));
  await Promise.all(Array.from({ length: many }, (_, at) => append(log, told, 200 + at, { durable: at % 2 === 0 })));
  await Promise.all([publish(told, log.checkpoint()), append(log, told, 6, { durable: false }), publish(told, log.checkpoint())]);
  told.erasing.add(guestOf(5));
  const erased = await log.erase({ subject: guestOf(5) }, 'art17');
  if (erased.ok) told.erased.add(guestOf(5));
  await append(log, told, 8, { durable: false });
  await append(log, told, 9, { durable: false });
  await publish(told, log.checkpoint());
  await append(log, told, 10, { durable: false });
  await log.close();
}

/** Creates a log and does everything with it, on storage with this fault. */
async function trial(fault: WriteFault | undefined, many: number): Promise<{ readonly storage: FailingStorage; readonly told: Told; readonly created: boolean }> {
  const told = nothingTold();
  const storage = await failingStorage(told);
  storage.fault = fault;
  let created = false;
  try {
    const log = await open(storage, true);
    created = true;
    await everything(log, told, many);
  } catch (error) {
    // A node whose log cannot be created does not start; it promised nothing.
    if (created) throw error;
  }
  storage.fault = undefined;
  return { storage, told, created };
}

/** After a restart: every promise is kept, and the log goes on, or it is frozen and says why. */
async function restart(storage: Storage, told: Told, what: string): Promise<'whole' | 'frozen'> {
  const log = await open(storage, false);
  assert.equal(await hold(log, told), [], what);
  if (log.frozen !== undefined) {
    assert.match(log.frozen.reason, /the audit log is frozen: .{10}/, what);
    await log.close();
    return 'frozen';
  }
  // What comes next is not what would have come: a root signed for a size that was lost must not be signed anew.
  for (const number of [1001, 1002, 1003]) await append(log, told, number);
  await publish(told, log.checkpoint());
  for (let size = 1; size <= log.size(); size += size < 40 ? 1 : 13) await publish(told, log.signedAt(size));
  assert.equal(told.forks, [], what);
  assert.equal(await hold(log, told), [], `${what}, and going on`);
  await log.close();
  return 'whole';
}

for (const mode of ['failed', 'failed but persisted'] as const) {
  test(`each write of a log ${mode}: what was acknowledged is there, no size has two roots, and the log goes on`, async () => {
    const { storage: { writes } } = await trial(undefined, 260);
    assert.ok(writes > 20, `${writes} writes`);
    const outcomes: string[] = [];
    for (let nth = 1; nth <= writes; nth += 1) {
      const { storage, told, created } = await trial({ nth, mode }, 260);
      assert.ok(storage.writes >= nth, `the fault at write ${nth} was reached`);
      if (!created) {
        assert.equal(told.acknowledged, [], `write ${nth}`);
        continue;
      }
      outcomes.push(await restart(storage, told, `write ${nth} ${mode}`));
    }
    assert.ok(outcomes.length > writes / 2);
    assert.equal(outcomes.filter((outcome) => outcome === 'frozen'), [], 'a write that failed once is no lasting doubt');
  }, { ms: 60_000 });
}

test('a second fault after the restart changes nothing', async () => {
  for (let nth = 5; nth <= 25; nth += 4) {
    const { storage, told, created } = await trial({ nth, mode: 'failed but persisted' }, 10);
    if (!created) continue;
    for (let again = 1; again <= 9; again += 2) {
      const second = await failingStorage(told, storage);
      second.fault = { nth: again, mode: 'failed' };
      const log = await open(second, false);
      for (const number of [501, 502]) await append(log, told, number);
      await publish(told, log.checkpoint());
      await log.close();
    }
    await restart(storage, told, `write ${nth}`);
  }
}, { ms: 60_000 });

test('power lost between any two writes, with any end of what was not synced lost: no promise is broken and no size has two roots', async () => {
  const { storage, told: told_at_end } = await trial(undefined, 12);
  const seen = { none: 0, mended: 0, torn: 0, batched_lost: 0 };
  for await (const { store, files, told, gap } of powerCuts(storage.steps, told_at_end)) {
    if (told.heads.size === 0) continue;
    seen[gap] += 1;
    const what = `cut ${seen.none + seen.mended + seen.torn}, gap ${gap}`;
    const found = await open({ store, files }, false);
    await found.close();
    // Batched entries may be lost together with the power, but none below a signed head or before a durable one.
    const kept = told.acknowledged.filter(({ index, durable }) => durable || index < found.size());
    seen.batched_lost += told.acknowledged.length - kept.length;
    assert.is(await restart({ store, files }, { ...told, acknowledged: kept }, what), 'whole', `${what}: ${found.frozen?.reason}`);
  }
  assert.ok(Object.values(seen).every((count) => count > 10), JSON.stringify(seen));
}, { ms: 60_000 });

test('what came with a batched entry and was written anew since is not put back by a later commit', async () => {
  const told = nothingTold();
  const storage = await failingStorage(told);
  const log = await open(storage, true);
  const [changed, gone, kept] = ['changed', 'gone', 'kept'].map(utf8);
  if (changed === undefined || gone === undefined || kept === undefined) return;
  await append(log, told, 1, { durable: false, with: [changed, gone, kept].map((key) => ({ space: 'receipt', key, value: utf8('begun') })) });
  await storage.store.batch([{ space: 'receipt', key: changed, value: utf8('answered') }, { space: 'receipt', key: gone }], { sync: false });
  for (const durable of [false, true]) {
    await append(log, told, durable ? 3 : 2, { durable });
    assert.equal(await storage.store.get('receipt', changed), utf8('answered'));
    assert.is(await storage.store.get('receipt', gone), undefined);
    assert.equal(await storage.store.get('receipt', kept), utf8('begun'));
  }
  await log.close();
});

test.run();
