import * as assert from 'uvu/assert';
import { concat, utf8 } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { entryLeaf, groupLeaf, log_numbers_max, resealedLeaf } from '../../storage/audit-box.ts';
import { EntrySeal } from '../../storage/entry-seal.ts';
import { encodeLeaf, leaf_index_max } from '../../storage/puncturable-key.ts';
import { suite } from '../harness.ts';
import { auditWorld, code, type AuditWorld } from './audit-world.ts';

const test = suite('storage/entry-seal');
const key = utf8('key of the store');
const bytes = utf8('an answer');

interface Sealing {
  readonly world: AuditWorld;
  readonly seal: EntrySeal;
  /** What was sealed for each entry, by index. */
  readonly sealed: readonly Uint8Array[];
  /** The entries for which what was sealed can still be opened. */
  open(): number[];
}

/** A log whose entries 1 to 12 are of one commit, and 13 to 24 of another; of alice, and every fourth of bob; something is sealed for each. */
async function sealing(): Promise<Sealing> {
  const world = await auditWorld();
  const seal = new EntrySeal({ vault: world.vault, log_number: 0, size: () => world.log.size() });
  const sealed: Uint8Array[] = [new Uint8Array()];
  for (const name of ['alice', 'bob']) unwrap(await world.vault.prepare(name));
  for (const first of [1, 13]) {
    const subjects = Array.from({ length: 12 }, (_, at) => ((first + at) % 4 === 0 ? 'bob' : 'alice'));
    for (const appended of await Promise.all(subjects.map((subject) => world.log.append({ subject, payload: utf8('payload') })))) unwrap(appended);
    for (const [at, subject] of subjects.entries()) sealed.push(unwrap(seal.seal({ subject, index: first + at, key }, bytes)));
  }
  return { world, seal, sealed, open: () => [...sealed.keys()].filter((index) => code(seal.open(key, sealed[index] ?? new Uint8Array())) === 'ok') };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}

test('what was sealed opens for the key of the store that it was sealed for, and nothing else does', async () => {
  const { seal, sealed: [, one = new Uint8Array(), two = new Uint8Array()] } = await sealing();
  assert.equal(unwrap(seal.open(key, one)), bytes);
  assert.is(code(seal.open(utf8('another key'), one)), 'VAULT_SEAL_BROKEN');
  assert.is(code(seal.open(key, concat(two.subarray(0, 25), one.subarray(25)))), 'VAULT_SEAL_BROKEN');
  for (const other of [new Uint8Array(), bytes, one.subarray(0, 24), one.subarray(0, 30), concat(Uint8Array.of(2), one.subarray(1))]) {
    assert.is(code(seal.open(key, other)), 'VAULT_SEAL_BROKEN');
  }
  assert.is(code(seal.seal({ subject: 'nobody', index: 1, key }, bytes)), 'VAULT_ERASED');
});

test('the keys are none that boxes of any log have', () => {
  const last = (leaf_index_max - 1) / 2;
  const leaves = [0, 1, log_numbers_max - 1].flatMap((number) => [0, 1, 2, 2 ** 40, Math.floor(last)].flatMap((index) => [groupLeaf(number, index), entryLeaf(number, index), resealedLeaf(number, index)]));
  assert.is(new Set(leaves.map((leaf) => Buffer.from(encodeLeaf(leaf)).toString('hex'))).size, leaves.length);
});

test('an erasure of an entry takes what was sealed for it and leaves that of the others', async () => {
  const { world, seal, open } = await sealing();
  unwrap(await world.log.erase({ index: 5 }, 'mistake'));
  assert.equal(open(), range(1, 25).filter((index) => index !== 5));
  assert.is(code(seal.seal({ subject: 'alice', index: 5, key }, bytes)), 'VAULT_ERASED', 'nor can anything come after it');
  unwrap(await world.log.erase({ index: 7, beside: 6 }, 'mistake'));
  assert.equal(open(), range(1, 25).filter((index) => index !== 5 && index !== 6), 'of another entry where it says so');
});

test('an erasure of a subject takes all of it, one of everything before an entry all before that, within a commit as well', async () => {
  const { world, open } = await sealing();
  unwrap(await world.log.erase({ subject: 'bob' }, 'art17'));
  const alices = range(1, 25).filter((index) => index % 4 !== 0);
  assert.equal(open(), alices);
  unwrap(await world.log.erase({ before: 7 }, 'retention'));
  assert.equal(open(), alices.filter((index) => index >= 7));
  unwrap(await world.log.erase({ before: 13 }, 'retention'));
  assert.equal(open(), alices.filter((index) => index >= 13));
});

test('an erasure that a crash cuts off takes it when the log is opened again', async () => {
  const { world, open } = await sealing();
  world.files.broken = true;
  assert.is(code(await world.log.erase({ index: 5 }, 'mistake')), 'VAULT_UNWRITABLE');
  assert.ok(open().includes(5));
  world.files.broken = false;
  await world.log.close();
  await world.reopen();
  assert.equal(open(), range(1, 25).filter((index) => index !== 5));
});

test('what belongs to no entry goes with the next one', async () => {
  const { world, seal } = await sealing();
  const sealed = unwrap(seal.seal({ subject: 'alice', index: null, key }, bytes));
  const index = world.log.size();
  unwrap(await world.log.append({ subject: 'alice', payload: utf8('next') }));
  assert.equal(unwrap(seal.open(key, sealed)), bytes);
  unwrap(await world.log.erase({ index }, 'mistake'));
  assert.is(code(seal.open(key, sealed)), 'VAULT_ERASED');
});

test.run();
