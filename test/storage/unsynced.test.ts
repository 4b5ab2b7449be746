/** A disk that loses power keeps what was synced, and of the rest whatever it likes. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { unsynced_bytes_max, unsynced_changes_max, UnsyncedChanges } from '../../storage/unsynced.ts';
import { suite } from '../harness.ts';
import { auditWorld, did, log_key, type AuditWorld } from './audit-world.ts';

const test = suite('storage/unsynced');

/** The store after a loss of power: all synced batches, and those of the others that `survives` says. */
async function afterPowerLoss(batches: AuditWorld['store']['batches'], survives: (unsynced: number) => boolean): Promise<Store> {
  const store = unwrap(await openStore({ kind: 'memory' }));
  let unsynced = 0;
  for (const { changes, sync } of batches) {
    const is_kept = sync || survives(unsynced);
    unsynced += sync ? 0 : 1;
    if (is_kept) await store.batch(changes, { sync: true });
  }
  return store;
}

/** A world whose batches are all kept, from the first on. */
async function recordedWorld(): Promise<AuditWorld & { readonly all: AuditWorld['store']['batches'] }> {
  const world = await auditWorld();
  const first: { space: 'log'; key: Uint8Array; value: Uint8Array }[] = [];
  for await (const [key, value] of world.store.entries('log', {})) first.push({ space: 'log', key, value });
  world.store.batches.push({ changes: first, sync: true });
  return { ...world, all: world.store.batches };
}

async function reopened({ files, vault }: AuditWorld, store: Store): Promise<AuditLog> {
  return unwrap(await openAuditLog({ store, files, vault, now: () => 1, key: log_key, did, create: false }));
}

// What a host does: an entry that waits for the disk, one that does not, a signed head.
const step = fc.constantFrom('durable', 'batched', 'batched', 'batched', 'burst', 'checkpoint');

test('whatever subset of unsynced batches is lost, the log has no gap and everything acknowledged as durable', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), fc.infiniteStream(fc.boolean()), async (steps, coins) => {
    const world = await recordedWorld();
    let acknowledged = 1;
    for (const [at, what] of steps.entries()) {
      const count = what === 'burst' ? 20 : 1;
      if (what === 'checkpoint') {
        unwrap(await world.log.checkpoint());
        acknowledged = world.log.size();
        continue;
      }
      const appended = await Promise.all(Array.from({ length: count }, () => world.log.append({ subject: 'agent', payload: utf8(`${at}`) }, { durable: what === 'durable' })));
      if (what === 'durable') acknowledged = Math.max(...appended.map((result) => unwrap(result).index)) + 1;
    }
    const store = await afterPowerLoss(world.all, () => coins.next().value ?? false);
    const again = await reopened(world, store);
    assert.is(again.frozen, undefined);
    assert.ok(again.size() >= acknowledged, `${again.size()} entries of ${acknowledged} acknowledged ones`);
    for await (const record of again.entries()) unwrap(record);
    unwrap(await again.append({ subject: 'agent', payload: utf8('goes on') }));
  }), { numRuns: 120 });
});

test('changes that came with an entry are there exactly when the entry is', async () => {
  for (const survivor of [-1, 0, 1, 2]) {
    const world = await recordedWorld();
    for (const name of ['x', 'y', 'z']) {
      unwrap(await world.log.append({ subject: 'agent', payload: utf8(name) }, { durable: false, with: [{ space: 'receipt', key: utf8(name), value: utf8('v') }] }));
    }
    const store = await afterPowerLoss(world.all, (at) => at === survivor);
    const again = await reopened(world, store);
    assert.is(again.frozen, undefined);
    assert.is(again.size(), survivor + 2);
    for (const [at, name] of ['x', 'y', 'z'].entries()) assert.is(await store.get('receipt', utf8(name)) !== undefined, at <= survivor);
  }
});

test('the model would show a gap: without what is carried, a lost batch before a kept one freezes the log', async () => {
  const world = await recordedWorld();
  for (const name of ['x', 'y']) unwrap(await world.log.append({ subject: 'agent', payload: utf8(name) }, { durable: false }));
  const bare = world.all.map(({ changes, sync }) => ({ changes: changes.slice(-2), sync }));
  const store = await afterPowerLoss([{ changes: world.all[0]?.changes ?? [], sync: true }, ...bare.slice(1)], (at) => at === 1);
  assert.match((await reopened(world, store)).frozen?.reason ?? '', /missing/);
});

test('closing the log syncs what was not', async () => {
  const world = await recordedWorld();
  unwrap(await world.log.append({ subject: 'agent', payload: utf8('last') }, { durable: false }));
  await world.log.close();
  assert.is((await reopened(world, await afterPowerLoss(world.all, () => false))).size(), 2);
});

test('a sync comes before too much is written without one', async () => {
  const unsynced = new UnsyncedChanges();
  const change = { space: 'log', key: new Uint8Array(8), value: new Uint8Array(100) } as const;
  for (let count = 0; count < unsynced_changes_max; count += 1) {
    assert.ok(unsynced.admits([change]));
    unsynced.add([change]);
  }
  assert.not.ok(unsynced.admits([change]));
  unsynced.clear();
  assert.ok(unsynced.empty && unsynced.admits([change]));
  assert.not.ok(unsynced.admits([{ ...change, value: new Uint8Array(unsynced_bytes_max) }]));
  const { log, store } = await auditWorld();
  for (let count = 0; count < 300; count += 1) unwrap(await log.append({ subject: 'agent', payload: utf8('p') }, { durable: false }));
  assert.ok(store.batches.filter(({ sync }) => sync).length >= 4);
  assert.ok(store.batches.every(({ changes }) => changes.length <= unsynced_changes_max + 8));
});

test.run();
