import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { logOrigin, signCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { parseVerifier, signature_type_log, verifierKey } from '../../crypto/note.ts';
import { unwrap } from '../../crypto/result.ts';
import { linked_logs_max } from '../../protocols/monitor/constants.ts';
import { FollowedLogs } from '../../protocols/monitor/followed-logs.ts';
import { seenNote, type SeenNote } from '../../protocols/monitor/seen-note.ts';
import type { Followed } from '../../protocols/monitor/state.ts';
import { findSuccession } from '../../protocols/monitor/succession.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { encodeEntry } from '../../storage/audit-entry.ts';
import { successorBody } from '../../storage/log-succession.ts';
import { openStore } from '../../storage/store.ts';
import { suite } from '../harness.ts';

const test = suite('protocols/monitor-succession');

const keyOf = (number: number): ReturnType<typeof signingKey> => signingKey(new Uint8Array(32).fill(number + 1));
const originOf = (number: number, host = 'a'): string => logOrigin(`did:mesh:b${host}`, keyOf(number).public_key);

function noteOf(number: number, size: number, { tree = '', host = 'a', by = number } = {}): SeenNote {
  return unwrap(seenNote(signCheckpoint(keyOf(by), { origin: originOf(number, host), size, root: sha256(utf8(`${size}${tree}`)) })));
}

function followed(number: number, size: number, ...open: readonly number[]): Followed {
  const verifier = unwrap(parseVerifier(verifierKey(originOf(number), signature_type_log, keyOf(number).public_key)));
  const challenges = open.map((each) => ({ note: noteOf(number, each), since_ms: 1, unanswered_ms: 0, tries: 0 }));
  return { verifier, held: noteOf(number, size), since_ms: number, news_ms: number, open: challenges, suspected_ms: null };
}

function genesis(body: Uint8Array): Uint8Array {
  return encodeEntry({ kind: 'genesis', time_ms: 1, body });
}

function bodyAfter({ bytes, size }: SeenNote, kept: number): Uint8Array {
  return successorBody({ note: bytes, size }, kept);
}

function found(before: Followed, body: Uint8Array): readonly unknown[] {
  const log = followed(1, 3);
  const { after, code, entries_lost, is_open, unseen } = findSuccession(log, genesis(body), [before, log]);
  return [after, code, entries_lost, is_open, unseen !== undefined];
}

test('entries are lost against the largest checkpoint that the log before signed, proven to continue the others or not', () => {
  const ended = noteOf(0, 21);
  assert.equal(found(followed(0, 21), bodyAfter(ended, 21)), [originOf(0), 'ok', 0, false, false]);
  assert.equal(found(followed(0, 61), bodyAfter(ended, 21)), [originOf(0), 'ok', 40, false, false]);
  assert.equal(found(followed(0, 21, 40, 61), bodyAfter(ended, 21)), [originOf(0), 'ok', 40, false, false], 'it may still owe the proof');
  assert.equal(found(followed(0, 61), bodyAfter(noteOf(0, 61), 17)), [originOf(0), 'ok', 44, false, false], 'the host says it itself');
});

test('what is not proven yet is open, and what is wrong is said', () => {
  assert.equal(found(followed(0, 9), bodyAfter(noteOf(0, 21), 15)), [originOf(0), 'AUDIT_SUCCESSION_UNPROVEN', 6, true, true]);
  assert.equal(found(followed(0, 21), bodyAfter(noteOf(0, 21, { tree: 'other' }), 21)), [originOf(0), 'AUDIT_SUCCESSION_FORKED', 0, false, true], 'which is evidence');
  assert.equal(found(followed(0, 21), bodyAfter(noteOf(0, 21, { by: 7 }), 21)), [originOf(0), 'AUDIT_NOT_SUCCESSOR', 21, false, false], 'not signed by the log before');
  assert.equal(found(followed(0, 21), new Uint8Array()), [originOf(0), 'AUDIT_GENESIS_INVALID', 21, true, false], 'the other one was not read yet');
  assert.equal(found(followed(0, 21), utf8('rubbish')).slice(0, 3), [originOf(0), 'AUDIT_GENESIS_INVALID', 21]);
  assert.equal(found(followed(0, 21), bodyAfter(noteOf(5, 9), 9)), [originOf(0), 'AUDIT_NOT_SUCCESSOR', 21, true, true], 'a log between them');
  assert.equal(found(followed(0, 21), bodyAfter(noteOf(5, 9, { host: 'other' }), 9)), [originOf(0), 'AUDIT_NOT_SUCCESSOR', 21, true, false], 'a log of another host is not looked for');
  assert.equal(found(followed(0, 21), bodyAfter(noteOf(1, 2), 2)), [originOf(0), 'AUDIT_NOT_SUCCESSOR', 21, true, false], 'it does not follow itself');
});

test('of two logs that name none the one followed later is told, and circles end', () => {
  const [one, two] = [followed(0, 21), followed(1, 3)];
  const read = { entry: genesis(new Uint8Array()), after: null, code: 'ok', entries_lost: 0 };
  const { after, code, is_open } = findSuccession(two, read.entry, [{ ...one, succession: read }, two]);
  assert.equal([after, code, is_open], [originOf(0), 'AUDIT_GENESIS_INVALID', false]);
  assert.equal(findSuccession(one, read.entry, [one, two]).after, null);
  const circle = [{ ...one, succession: { ...read, after: originOf(1) } }, { ...two, succession: { ...read, after: originOf(0) } }, followed(2, 4)];
  assert.is(findSuccession(followed(2, 4), read.entry, circle).code, 'AUDIT_GENESIS_INVALID');
});

test('of a host with very many logs those that were followed last are held against each other', async () => {
  const simulator = new Simulator('many');
  const store = unwrap(await openStore({ kind: 'memory' }));
  const logs = new FollowedLogs({ clock: simulator.clock('a'), store, recorder: { record: () => undefined }, isMet: () => true, exposed: () => false });
  for (let number = 0; number < linked_logs_max + 4; number += 1) {
    const { held, verifier } = followed(number, 5);
    assert.ok(logs.begin(held, verifier));
    await simulator.run(simulator.now_ms + 10);
  }
  const linked = logs.ofHost('did:mesh:ba').map(({ held }) => held.origin);
  assert.equal([linked.length, linked.at(-1), linked.includes(originOf(3))], [linked_logs_max, originOf(linked_logs_max + 3), false]);
  assert.equal(logs.ofHost('did:mesh:bnobody'), []);
});

test.run();
