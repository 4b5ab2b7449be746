import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { decodeCbor, encodeCbor, isFields } from '../../crypto/canonical.ts';
import {
  attestationsHash, compareRecords, didDocument, encodeRecord, establishments_max, eventHash, keyFor, record_bytes_max, signEvent, statedRecord, verifyRecord, type DidRecord,
  type DocumentEvent, type Establishment, type Signed,
} from '../../crypto/did-record.ts';
import { didOf } from '../../crypto/did.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { suite } from '../harness.ts';
import { keyNamed, start_ms } from '../people.ts';

const test = suite('crypto/did-record');
const hour_ms = 3_600_000;
const at = { now_ms: start_ms + hour_ms };

interface Draft {
  readonly establishments: readonly Signed<Establishment>[];
  readonly document: Signed<DocumentEvent>;
  readonly attestations: readonly string[];
}

const keyOf = (number: number): SigningKey => keyNamed(`event ${number}`);

/** Establishment event `number`, committing to the next one's key. */
function establishment(number: number, before: Establishment | null, changes: Partial<Establishment> = {}): Establishment {
  return {
    type: 'establishment', number, previous: before === null ? null : eventHash(before), kind: 'human', keys: [keyOf(number).public_key], threshold: 1,
    next_keys: [sha256(keyOf(number + 1).public_key)], next_threshold: 1, sponsor: null, time: start_ms + number, ...changes,
  };
}

function signed(event: Establishment, ...keys: readonly SigningKey[]): Signed<Establishment> {
  return signEvent(event, (keys.length === 0 ? [keyOf(event.number)] : keys).map((key, index) => ({ index, key })));
}

function documentOf(current: Establishment, changes: Partial<DocumentEvent> = {}): DocumentEvent {
  return {
    type: 'document', establishment: eventHash(current), sequence: 1, time: start_ms, expires: start_ms + 48 * hour_ms,
    methods: [{ id: 'use', key: keyNamed('use').public_key, uses: ['assertionMethod', 'authentication'] }],
    services: [{ id: 'mesh', type: 'MeshP2P', endpoints: ['/ip4/127.0.0.1/tcp/1'] }], capabilities: ['read:reports'], name: 'alice',
    attestations: attestationsHash([]), deactivated: false, ...changes,
  };
}

/** A record of `count` establishment events. */
function draft(count: number, changes: Partial<DocumentEvent> = {}): Draft {
  const events: Establishment[] = [];
  for (let number = 0; number < count; number += 1) events.push(establishment(number, events.at(-1) ?? null));
  const current = events.at(-1);
  if (current === undefined) throw new Error('a record has events');
  return {
    establishments: events.map((event) => signed(event)),
    document: signEvent(documentOf(current, changes), [{ index: 0, key: keyOf(count - 1) }]),
    attestations: [],
  };
}

function verified(record: Draft): DidRecord {
  return unwrap(verifyRecord(encodeRecord(record), at));
}

function codeOf(record: Draft, now: typeof at = at): string {
  const result = verifyRecord(encodeRecord(record), now);
  return result.ok ? 'accepted' : result.failure.code;
}

/** A record whose second event is this one, with a document that fits it. */
function rotated(second: Signed<Establishment>, signer: SigningKey, first: Signed<Establishment> = signed(establishment(0, null))): Draft {
  return { establishments: [first, second], document: signEvent(documentOf(second.event), [{ index: 0, key: signer }]), attestations: [] };
}

test('a record says what its events say, under the DID of its genesis event', () => {
  const record = verified(draft(3));
  assert.is(record.did, didOf(eventHash(establishment(0, null))));
  assert.is(record.number, 2);
  assert.is(record.kind, 'human');
  assert.equal(keyFor(record, `${record.did}#use`, 'assertionMethod'), keyNamed('use').public_key);
});

type Path = readonly (string | number)[];

/** The paths to every value in a decoded record that holds no others. */
function leaves(value: unknown, path: Path = []): Path[] {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, [...path, Array.isArray(value) ? Number(name) : name]));
}

/** Another value of the same type. */
function changedLeaf(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.map((byte, index) => (index === 5 ? byte ^ 1 : byte));
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  return typeof value === 'string' ? `${value}x` : 'did:mesh:x';
}

function withLeaf(value: unknown, path: Path): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return changedLeaf(value);
  if (Array.isArray(value)) return value.map((inner: unknown, index) => (index === name ? withLeaf(inner, rest) : inner));
  return isFields(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === name ? withLeaf(inner, rest) : inner])) : value;
}

test('every field that is changed without its key makes the record invalid', () => {
  const original = unwrap(decodeCbor(encodeRecord(draft(3))));
  const paths = leaves(original);
  assert.ok(paths.length > 50, 'all fields are tried');
  for (const path of paths) {
    const result = verifyRecord(encodeCbor(withLeaf(original, path)), at);
    assert.is(result.ok ? 'accepted' : result.failure.code, 'RECORD_INVALID', path.join('.'));
  }
});

test('no flipped bit and no cut survives', () => {
  const bytes = encodeRecord(draft(2));
  fc.assert(fc.property(fc.nat(bytes.length - 1), fc.nat(7), (position, bit) => {
    const changed = bytes.map((byte, index) => (index === position ? byte ^ (1 << bit) : byte));
    assert.is(verifyRecord(changed, at).ok, false);
    assert.is(verifyRecord(bytes.subarray(0, position), at).ok, false);
  }), { numRuns: 300 });
});

test('a stolen current key cannot rotate: the next keys are committed to', () => {
  const thief = keyNamed('thief');
  const first = establishment(0, null);
  const stolen = establishment(1, first, { keys: [thief.public_key] });
  assert.is(codeOf(rotated(signed(stolen, thief), thief)), 'RECORD_INVALID');
  assert.is(codeOf(rotated(signed(establishment(1, first), keyOf(0)), keyOf(1))), 'RECORD_INVALID', 'signed with the old key');
  const honest = establishment(1, first);
  assert.is(codeOf(rotated(signed(honest), keyOf(1))), 'accepted');
  assert.is(codeOf(rotated(signed(honest), keyOf(0))), 'RECORD_INVALID', 'the document signed with the old key');
});

test('one committed key does not stand for two', () => {
  const a = keyNamed('next a');
  const b = keyNamed('next b');
  const first = establishment(0, null, { next_keys: [sha256(a.public_key), sha256(b.public_key)], next_threshold: 2 });
  const both = establishment(1, first, { keys: [a.public_key, b.public_key], threshold: 2 });
  const document = signEvent(documentOf(both), [{ index: 0, key: a }, { index: 1, key: b }]);
  assert.is(codeOf({ establishments: [signed(first), signed(both, a, b)], document, attestations: [] }), 'accepted');
  const twice = establishment(1, first, { keys: [a.public_key, a.public_key], threshold: 2 });
  const forged = signEvent(documentOf(twice), [{ index: 0, key: a }, { index: 1, key: a }]);
  assert.is(codeOf({ establishments: [signed(first), signed(twice, a, a)], document: forged, attestations: [] }), 'RECORD_INVALID');
  const alone = establishment(1, first, { keys: [a.public_key] });
  assert.is(codeOf(rotated(signed(alone, a), a, signed(first))), 'RECORD_INVALID', 'one of two keys is too few');
});

test('signatures cannot be added, repeated or reordered by others', () => {
  const record = draft(1);
  const { event, signatures } = record.document;
  const [own] = signatures;
  if (own === undefined) throw new Error('the document is signed');
  const junk = { key: 1, signature: new Uint8Array(64) };
  for (const list of [[own, own], [own, junk], [junk, own], []]) {
    assert.is(codeOf({ ...record, document: { event, signatures: list } }), 'RECORD_INVALID');
  }
});

test('events must follow each other: hash, number, kind, sponsor, time', () => {
  const first = establishment(0, null);
  const wrong: readonly Partial<Establishment>[] = [{ number: 2 }, { previous: new Uint8Array(32) }, { previous: null }, { kind: 'org' }, { sponsor: verified(draft(1)).did }, { time: start_ms - 1 }];
  for (const changes of wrong) {
    const second = establishment(1, first, changes);
    assert.is(codeOf(rotated(signEvent(second, [{ index: 0, key: keyOf(1) }]), keyOf(1))), 'RECORD_INVALID', JSON.stringify(changes));
  }
  assert.is(codeOf({ ...draft(1), establishments: [] }), 'RECORD_INVALID');
});

test('weak keys, doubled method names, agents without sponsor and thresholds of none are refused', () => {
  const weak = new Uint8Array(32);
  const method = { id: 'use', key: keyNamed('use').public_key, uses: ['authentication'] } as const;
  assert.is(codeOf(draft(1, { methods: [{ ...method, key: weak }] })), 'RECORD_INVALID');
  assert.is(codeOf(draft(1, { methods: [method, method] })), 'RECORD_INVALID');
  assert.is(codeOf(draft(1, { methods: [{ ...method, id: 'Use me' }] })), 'RECORD_INVALID');
  for (const changes of [{ kind: 'agent' }, { threshold: 0 }, { threshold: 2 }, { next_keys: [] }, { next_threshold: 0 }, { keys: [weak] }] satisfies Partial<Establishment>[]) {
    const event = establishment(0, null, changes);
    assert.is(codeOf({ establishments: [signed(event)], document: signEvent(documentOf(event), [{ index: 0, key: keyOf(0) }]), attestations: [] }), 'RECORD_INVALID', JSON.stringify(changes));
  }
});

test('a document lives at most 48 hours, has an end, and is not from the future', () => {
  const record = draft(1);
  assert.is(codeOf(record, { now_ms: start_ms + 48 * hour_ms }), 'RECORD_EXPIRED');
  assert.is(codeOf(record, { now_ms: start_ms + 48 * hour_ms - 1 }), 'accepted');
  assert.is(codeOf(record, { now_ms: start_ms - hour_ms }), 'RECORD_INVALID');
  assert.is(codeOf(draft(1, { expires: start_ms + 48 * hour_ms + 1 })), 'RECORD_INVALID');
});

test('size and count are bounded', () => {
  const large = verifyRecord(new Uint8Array(record_bytes_max + 1), at);
  assert.is(large.ok ? '' : large.failure.code, 'RECORD_TOO_LARGE');
  assert.is(codeOf(draft(establishments_max)), 'accepted');
  const many = codeOf(draft(establishments_max + 1));
  assert.ok(many === 'RECORD_INVALID' || many === 'RECORD_TOO_LARGE', many);
});

test('a record under another DID\'s digest is another DID', () => {
  const other = establishment(0, null, { time: start_ms + 1 });
  const record = verified({ establishments: [signed(other)], document: signEvent(documentOf(other), [{ index: 0, key: keyOf(0) }]), attestations: [] });
  assert.is.not(record.did, verified(draft(1)).did);
});

test('whoever stores a record can neither strip nor swap its attestations', () => {
  const tokens = ['first', 'second'];
  const record: Draft = { ...draft(1, { attestations: attestationsHash(tokens) }), attestations: tokens };
  assert.is(codeOf(record), 'accepted');
  for (const attestations of [[], ['first'], ['second', 'first'], ['first', 'other']]) assert.is(codeOf({ ...record, attestations }), 'RECORD_INVALID');
});

test('everybody picks the same of two records: rotation, deactivated, sequence, end, hash', () => {
  const plain = verified(draft(1));
  const later = verified(draft(1, { sequence: 2 }));
  const longer = verified(draft(1, { expires: start_ms + 47 * hour_ms }));
  const rotation = verified(draft(2));
  const ended = verified(draft(1, { deactivated: true }));
  const order = [rotation, ended, later, plain, longer];
  fc.assert(fc.property(fc.shuffledSubarray(order, { minLength: order.length }), (shuffled) => {
    assert.equal([...shuffled].sort(compareRecords).map(({ hash }) => hash), order.map(({ hash }) => hash));
  }), { numRuns: 30 });
  assert.is(keyFor(ended, `${ended.did}#use`, 'assertionMethod'), undefined, 'a deactivated DID signs nothing');
});

test('a key that was rotated away cannot deactivate the DID', () => {
  const stolen = verified(draft(1, { deactivated: true, sequence: 1_000_000 }));
  assert.ok(compareRecords(verified(draft(2)), stolen) < 0);
  const ended = verified(draft(2, { deactivated: true }));
  assert.ok(compareRecords(ended, verified(draft(2, { sequence: 9 }))) < 0, 'the key that holds now can');
});

test('no time in a record is in the future, or none at all', () => {
  const at_genesis = (time: number): string => {
    const first = establishment(0, null, { time });
    return codeOf({ establishments: [signed(first)], document: signEvent(documentOf(first), [{ index: 0, key: keyOf(0) }]), attestations: [] });
  };
  assert.is(at_genesis(start_ms), 'accepted');
  assert.is(at_genesis(start_ms + 2 * hour_ms), 'RECORD_INVALID');
  assert.is(at_genesis(9e15), 'RECORD_INVALID');
  const second = establishment(1, establishment(0, null), { time: start_ms + 2 * hour_ms });
  assert.is(codeOf(rotated(signed(second), keyOf(1))), 'RECORD_INVALID', 'a rotation');
  assert.is(codeOf(draft(1, { deactivated: true, expires: 8_640_000_000_000_000 })), 'accepted');
  assert.is(codeOf(draft(1, { deactivated: true, expires: 8_640_000_000_000_001 })), 'RECORD_INVALID', 'no date can name it');
});

test('what a stored record says of itself is read without verifying it', () => {
  const stated = statedRecord(encodeRecord(draft(3, { deactivated: true })));
  assert.is(stated?.number, 2);
  assert.is(stated?.document.deactivated, true);
  assert.is(statedRecord(new Uint8Array()), undefined);
});

test('a key serves only its uses and only under its full name', () => {
  const record = verified(draft(1));
  assert.is(keyFor(record, `${record.did}#use`, 'capabilityDelegation'), undefined);
  assert.is(keyFor(record, `${record.did}#other`, 'assertionMethod'), undefined);
  assert.is(keyFor(record, '#use', 'assertionMethod'), undefined);
  assert.is(keyFor(record, `${record.did.slice(0, -1)}#use`, 'assertionMethod'), undefined);
});

test('the DID document has the parts of DID Core under absolute names', () => {
  const record = verified(draft(1));
  const document = didDocument(record);
  assert.is(document['id'], record.did);
  assert.equal(document['assertionMethod'], [`${record.did}#use`]);
  assert.equal(document['capabilityDelegation'], []);
});

test.run();
