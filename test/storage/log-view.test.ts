import * as assert from 'uvu/assert';
import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { logOrigin, openCheckpoint, signCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { verifyConsistency, verifyInclusion, leafHash } from '../../crypto/merkle.ts';
import { parseVerifier, signature_type_log, verifierKey, type Verifier } from '../../crypto/note.ts';
import { unwrap } from '../../crypto/result.ts';
import { decodeEntry, encodeEntry } from '../../storage/audit-entry.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import { memoryFiles } from '../../storage/files.ts';
import { closeLog, openNewestLog, openPastLog, type LogChainParts } from '../../storage/log-chain.ts';
import { closeBody, followsFrom, parseGenesis, type HeldCheckpoint } from '../../storage/log-succession.ts';
import { logFiles, logStore } from '../../storage/log-view.ts';
import { openStore } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { suite } from '../harness.ts';
import { appendEvents, code, did, random } from './audit-world.ts';

const test = suite('storage/log-view');

const keys: readonly SigningKey[] = [1, 2, 3].map((seed) => signingKey(new Uint8Array(32).fill(seed)));

function originOf(number: number): string {
  return logOrigin(did, keys[number]?.public_key ?? new Uint8Array());
}

function verifierOf(number: number): Verifier {
  return unwrap(parseVerifier(verifierKey(originOf(number), signature_type_log, keys[number]?.public_key ?? new Uint8Array())));
}

async function chain(): Promise<LogChainParts> {
  const [store, files] = [unwrap(await openStore({ kind: 'memory' })), memoryFiles()];
  return { store, files, vault: unwrap(await openVault({ files, random, create: true })), now: () => 1_700_000_000_000, keys: keys.slice(0, 1), did };
}

async function open(parts: LogChainParts, count: number, create = false): Promise<AuditLog> {
  return unwrap(await openNewestLog({ ...parts, keys: keys.slice(0, count), create }));
}

test('logs in one store and one folder do not see each other, whatever the range', async () => {
  const store = unwrap(await openStore({ kind: 'memory' }));
  const views = [0, 1, 2].map((number) => logStore(store, number));
  for (const [number, view] of views.entries()) {
    for (const letter of ['g', 'k']) await view.batch([{ space: 'log', key: utf8(`${letter}1`), value: Uint8Array.of(number) }, { space: 'log', key: utf8(`${letter}2`), value: Uint8Array.of(number) }], { sync: false });
    await view.batch([{ space: 'meta', key: utf8('x'), value: Uint8Array.of(number) }], { sync: false });
  }
  for (const [number, view] of views.entries()) {
    assert.equal(await view.get('log', utf8('g1')), Uint8Array.of(number));
    assert.equal(await view.get('meta', utf8('x')), Uint8Array.of(2), 'other spaces are everybody\'s');
    const ranges = [{ gte: utf8('g') }, { gt: utf8('g1') }, { gte: utf8('g'), lt: utf8('h') }, { lte: utf8('g2') }, { gte: utf8('g'), reverse: true, limit: 1 }];
    const found: string[][] = [];
    for (const range of ranges) {
      const names: string[] = [];
      for await (const [key, value] of view.entries('log', range)) {
        names.push(new TextDecoder().decode(key));
        assert.equal(value, Uint8Array.of(number));
      }
      found.push(names.filter((name) => /^[gk]\d$/.test(name)));
    }
    const expected = [['g1', 'g2', 'k1', 'k2'], ['g2', 'k1', 'k2'], ['g1', 'g2'], ['g1', 'g2'], ['k2']];
    assert.equal(found, expected, `log ${number}`);
  }
  const files = memoryFiles();
  await logFiles(files, 0).write('head', utf8('a'));
  await logFiles(files, 3).write('head', utf8('b'));
  assert.equal([await files.read('head'), await files.read('head-3'), await logFiles(files, 1).read('head')], [utf8('a'), utf8('b'), undefined]);
  await logFiles(files, 3).remove('head');
  assert.equal([await files.read('head'), await files.read('head-3')], [utf8('a'), undefined]);
});

test('a successor begins with the last checkpoint of the log before it, which ends with its name', async () => {
  const parts = await chain();
  const first = await open(parts, 1, true);
  await appendEvents(first, 5);
  unwrap(await first.checkpoint());
  await appendEvents(first, 2);
  await first.close();
  const second = await open(parts, 2);
  assert.is(second.frozen, undefined);
  assert.is(second.origin, originOf(1));
  assert.is(second.size(), 1);
  const past = unwrap(await openPastLog({ ...parts, keys: keys.slice(0, 2) }, 0));
  assert.is(past.size(), 9, 'genesis, seven events, and the closing entry');
  const last = unwrap(decodeEntry(unwrap(await past.read(8)).entry));
  assert.equal([last.kind, unwrap(parseGenesis(last.body)).kind], ['genesis', 'close']);
  assert.equal(last.body, closeBody(verifierOf(1).text));
  const genesis = unwrap(parseGenesis(unwrap(decodeEntry(unwrap(await second.read(0)).entry)).body));
  assert.equal(genesis.kind === 'successor' ? genesis.note : undefined, past.latest()?.note);
  assert.is(past.latest()?.size, 9, 'the last head covers the closing entry');
});

test('a closed log takes no entry and signs nothing new, and proves everything that it has', async () => {
  const parts = await chain();
  const first = await open(parts, 1, true);
  await appendEvents(first, 6);
  unwrap(await closeLog(first, verifierOf(1).text));
  assert.is(code(await first.append({ subject: 'agent', payload: utf8('late') })), 'AUDIT_CLOSED');
  await open(parts, 2);
  const past = unwrap(await openPastLog({ ...parts, keys: keys.slice(0, 2) }, 0));
  assert.is(code(await past.append({ subject: 'agent', payload: utf8('late') })), 'AUDIT_CLOSED');
  assert.is(code(await past.checkpoint()), 'AUDIT_CLOSED');
  const { size, root } = unwrap(openCheckpoint(past.latest()?.note ?? new Uint8Array(), verifierOf(0))).checkpoint;
  const record = unwrap(await past.read(3));
  unwrap(verifyInclusion({ index: 3, size, root, leaf_hash: leafHash(record.entry), proof: unwrap(await past.inclusion(3, size)) }));
  unwrap(verifyConsistency({ old_size: 2, old_root: unwrap(await past.rootAt(2)), size, root, proof: unwrap(await past.consistency(2, size)) }));
  assert.equal(record.payload, utf8('payload 2'), 'payloads stay readable too');
});

test('a log that was frozen for a second history is followed without being written to, and still proves what it has', async () => {
  const parts = await chain();
  const first = await open(parts, 1, true);
  await appendEvents(first, 4);
  unwrap(await first.checkpoint());
  await first.freeze('a witness holds more');
  assert.is((await open(parts, 1)).frozen?.code, 'AUDIT_FROZEN');
  const second = await open(parts, 2);
  assert.is(second.frozen, undefined);
  await appendEvents(second, 3);
  const past = unwrap(await openPastLog({ ...parts, keys: keys.slice(0, 2) }, 0));
  assert.is(past.size(), 5, 'nothing was added');
  assert.is(code(await past.inclusion(2, 5)), 'ok');
  const third = await open(parts, 3);
  assert.equal([third.origin, third.size()], [originOf(2), 1]);
  assert.is(unwrap(await openPastLog({ ...parts, keys }, 1)).size(), 5);
});

/** A log of 5 entries that is frozen because others hold larger checkpoints of it, opened again, and its successor. */
async function frozenAndFollowed(shown: readonly number[]): Promise<{ readonly entry: Uint8Array; readonly held: (size: number) => HeldCheckpoint; readonly reason: string }> {
  const parts = await chain();
  const first = await open(parts, 1, true);
  await appendEvents(first, 4);
  unwrap(await first.checkpoint());
  const note = (size: number): Uint8Array => signCheckpoint(keys[0] ?? signingKey(new Uint8Array(32)), { origin: originOf(0), size, root: sha256(utf8(`root ${size}`)) });
  for (const [at, size] of shown.entries()) await (at === 1 ? await open(parts, 1) : first).freeze(`somebody\n holds ${size}`, 'history', note(size));
  await first.freeze('a stranger', 'history', signCheckpoint(signingKey(new Uint8Array(32).fill(9)), { origin: originOf(0), size: 99, root: sha256(utf8('x')) }));
  const reason = (await open(parts, 1)).frozen?.reason ?? '';
  const second = await open(parts, 2);
  return { entry: unwrap(await second.read(0)).entry, held: (size) => ({ note: note(size), verifier: verifierOf(0) }), reason };
}

test('a successor begins with the largest checkpoint that others showed, and says how many entries are left', async () => {
  const { entry, held, reason } = await frozenAndFollowed([9, 61]);
  assert.match(reason, /somebody holds 61$/);
  const { ended, entries_lost } = unwrap(followsFrom(entry, originOf(1), held(61)));
  assert.equal([ended.size, entries_lost], [61, 56]);
  assert.is(unwrap(followsFrom(entry, originOf(1), held(70))).entries_lost, 65, 'somebody has seen more still');
  const genesis = unwrap(parseGenesis(unwrap(decodeEntry(entry)).body));
  assert.is(genesis.kind === 'successor' ? genesis.kept : undefined, 5);
});

test('a smaller checkpoint, shown later, replaces none', async () => {
  const { entry, held, reason } = await frozenAndFollowed([61, 9]);
  assert.match(reason, /somebody holds 61$/);
  assert.is(unwrap(followsFrom(entry, originOf(1), held(61))).ended.size, 61);
});

test('a succession that was cut off anywhere is finished at the next start', async () => {
  const parts = await chain();
  const first = await open(parts, 1, true);
  await appendEvents(first, 3);
  unwrap(await closeLog(first, verifierOf(1).text));
  const second = await open(parts, 2);
  assert.is(second.size(), 1);
  assert.is(unwrap(await openPastLog({ ...parts, keys: keys.slice(0, 2) }, 0)).size(), 5, 'closed once');
  // Between the first entry and the first head.
  await parts.files.remove('head-1');
  const again = await open(parts, 2);
  assert.equal([again.frozen, again.size()], [undefined, 1]);
  await appendEvents(again, 2);
  await parts.files.remove('head-1');
  assert.match((await open(parts, 2)).frozen?.reason ?? '', /signed head is missing/, 'a head that was lost later is damage');
});

test('the closing entry is the last one and under the last head, whatever is appended meanwhile and wherever it is cut off', async () => {
  const parts = await chain();
  const first = await open(parts, 1, true);
  await appendEvents(first, 3);
  const late = Array.from({ length: 100 }, async (_, at) => {
    for (let turn = 0; turn < 5 * at; turn += 1) await Promise.resolve();
    return first.append({ subject: 'agent', payload: utf8('late') });
  });
  unwrap(await closeLog(first, verifierOf(1).text));
  const taken = (await Promise.all(late)).filter(({ ok }) => ok).length;
  assert.is(first.size(), 5 + taken);
  assert.is(unwrap(await first.read(first.size() - 1)).kind, 'genesis');
  assert.is(first.latest()?.size, first.size());
  const cut = await chain();
  const other = await open(cut, 1, true);
  await appendEvents(other, 3);
  unwrap(await other.checkpoint());
  const head = await cut.files.read('head') ?? new Uint8Array();
  unwrap(await other.appendRecord('genesis', closeBody(verifierOf(1).text)));
  assert.equal(await cut.files.read('head'), head, 'killed before the head was signed');
  const second = await open(cut, 2);
  const past = unwrap(await openPastLog({ ...cut, keys: keys.slice(0, 2) }, 0));
  assert.equal([past.size(), past.latest()?.size], [5, 5]);
  const genesis = unwrap(parseGenesis(unwrap(decodeEntry(unwrap(await second.read(0)).entry)).body));
  assert.equal(genesis.kind === 'successor' ? genesis.note : undefined, past.latest()?.note);
});

test('a log that was closed is not written to when the key of its successor is gone', async () => {
  const parts = await chain();
  await (await open(parts, 1, true)).close();
  await (await open(parts, 2)).close();
  assert.is(code(await openNewestLog({ ...parts, keys: keys.slice(0, 1), create: false })), 'IDENTITY_KEYS_MISSING');
});

test('an auditor links two logs by the genesis entry alone', async () => {
  const parts = await chain();
  const first = await open(parts, 1, true);
  await appendEvents(first, 4);
  const early = unwrap(await first.checkpoint());
  await appendEvents(first, 4);
  await first.close();
  const second = await open(parts, 2);
  const past = unwrap(await openPastLog({ ...parts, keys: keys.slice(0, 2) }, 0));
  const { entry } = unwrap(await second.read(0));
  const last = past.latest()?.note ?? new Uint8Array();
  assert.equal(unwrap(followsFrom(entry, originOf(1), { note: last, verifier: verifierOf(0) })).entries_lost, 0);
  const proof = unwrap(await past.consistency(5, 10));
  assert.is(unwrap(followsFrom(entry, originOf(1), { note: early, verifier: verifierOf(0), proof })).ended.size, 10);
  assert.is(code(followsFrom(entry, originOf(1), { note: early, verifier: verifierOf(0) })), 'AUDIT_SUCCESSION_UNPROVEN');
  assert.is(code(followsFrom(entry, originOf(1), { note: early, verifier: verifierOf(0), proof: proof.toReversed() })), 'AUDIT_SUCCESSION_UNPROVEN');
  const key = keys[0] ?? signingKey(new Uint8Array(32));
  const other = (size: number): Uint8Array => signCheckpoint(key, { origin: originOf(0), size, root: sha256(utf8('other')) });
  assert.is(code(followsFrom(entry, originOf(1), { note: other(10), verifier: verifierOf(0) })), 'AUDIT_SUCCESSION_FORKED');
  assert.is(unwrap(followsFrom(entry, originOf(1), { note: other(14), verifier: verifierOf(0) })).entries_lost, 4, 'it had signed more than the successor follows');
  assert.is(code(followsFrom(entry, originOf(0), { note: last, verifier: verifierOf(0) })), 'AUDIT_NOT_SUCCESSOR', 'no log follows itself');
  assert.is(code(followsFrom(entry, originOf(1).replace('bhost', 'bother'), { note: last, verifier: verifierOf(0) })), 'AUDIT_NOT_SUCCESSOR', 'nor that of another host');
  const stranger = signCheckpoint(keys[2] ?? key, { origin: originOf(2), size: 1, root: sha256(utf8('x')) });
  assert.is(code(followsFrom(entry, originOf(1), { note: stranger, verifier: verifierOf(2) })), 'AUDIT_NOT_SUCCESSOR');
  assert.is(code(followsFrom(unwrap(await past.read(0)).entry, originOf(1), { note: last, verifier: verifierOf(0) })), 'AUDIT_GENESIS_INVALID', 'the first log follows none');
  assert.is(code(followsFrom(unwrap(await past.read(1)).entry, originOf(1), { note: last, verifier: verifierOf(0) })), 'AUDIT_GENESIS_INVALID');
  assert.is(code(followsFrom(utf8('junk'), originOf(1), { note: last, verifier: verifierOf(0) })), 'AUDIT_ENTRY_INVALID');
});

test('the body of a genesis entry is nothing, a checkpoint or a vkey', () => {
  assert.is(unwrap(parseGenesis(new Uint8Array())).kind, 'first');
  const vkey = verifierOf(0).text;
  assert.is(unwrap(parseGenesis(utf8(`${vkey}\n`))).kind, 'close');
  const note = fromUtf8(signCheckpoint(signingKey(new Uint8Array(32).fill(9)), { origin: originOf(0), size: 4, root: sha256(utf8('x')) })) ?? '';
  for (const kept of ['4', '5', '-1', '03', 'x', '']) assert.is(code(parseGenesis(utf8(`${note}\nkept ${kept}\n`))), 'AUDIT_GENESIS_INVALID', kept);
  assert.is(unwrap(parseGenesis(utf8(`${note}\nkept 3\n`))).kind, 'successor');
  for (const text of ['x', '\n', vkey, `${vkey}\n\n`, 'origin\n1\nroot\n']) assert.is(code(parseGenesis(utf8(text))), 'AUDIT_GENESIS_INVALID', JSON.stringify(text));
  const entry = encodeEntry({ kind: 'genesis', time_ms: 1, body: utf8('junk') });
  assert.is(code(followsFrom(entry, originOf(1), { note: new Uint8Array(), verifier: verifierOf(0) })), 'AUDIT_GENESIS_INVALID');
});

test.run();
