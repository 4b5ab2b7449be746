import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { decodeCbor, encodeCbor, isFields } from '../../crypto/canonical.ts';
import { didDocument } from '../../crypto/did-document.ts';
import {
  attestationsHash, eventHash, methodId, signEvent, witnessedBytes, witnessedHash, witnesses_max,
  type DocumentEvent, type Establishment, type RetiredMethod, type Signed, type WitnessSignature,
} from '../../crypto/did-events.ts';
import { compareRecords, encodeRecord, establishments_max, keyFor, keyIds, record_bytes_max, statedRecord, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
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
  readonly witness_signatures: readonly WitnessSignature[];
}

const keyOf = (number: number): SigningKey => keyNamed(`event ${number}`);

/** Establishment event `number`, committing to the next one's key. */
function establishment(number: number, before: Establishment | null, changes: Partial<Establishment> = {}): Establishment {
  return {
    type: 'establishment', number, previous: before === null ? null : eventHash(before), kind: 'human', keys: [keyOf(number).public_key], threshold: 1,
    next_keys: [sha256(keyOf(number + 1).public_key)], next_threshold: 1, sponsor: null, bad_since: null, witnesses: [], witness_threshold: 0, time: start_ms + number, ...changes,
  };
}

function signed(event: Establishment, ...keys: readonly SigningKey[]): Signed<Establishment> {
  return signEvent(event, (keys.length === 0 ? [keyOf(event.number)] : keys).map((key, index) => ({ index, key })));
}

function documentOf(current: Establishment, changes: Partial<DocumentEvent> = {}): DocumentEvent {
  return {
    type: 'document', establishment: eventHash(current), sequence: 1, time: start_ms, expires: start_ms + 48 * hour_ms,
    methods: [{ id: 'use', key: keyNamed('use').public_key, uses: ['assertionMethod', 'authentication'] }],
    retired: [],
    services: [{ id: 'mesh', type: 'MeshP2P', endpoints: ['/ip4/127.0.0.1/tcp/1'] }], capabilities: ['read:reports'], name: 'alice',
    attestations: attestationsHash([]), witnessed: witnessedHash([]), successor: null, predecessor: null, deactivated: false, ...changes,
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
    witness_signatures: [],
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
  return { establishments: [first, second], document: signEvent(documentOf(second.event), [{ index: 0, key: signer }]), attestations: [], witness_signatures: [] };
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
  assert.is(codeOf({ establishments: [signed(first), signed(both, a, b)], document, attestations: [], witness_signatures: [] }), 'accepted');
  const twice = establishment(1, first, { keys: [a.public_key, a.public_key], threshold: 2 });
  const forged = signEvent(documentOf(twice), [{ index: 0, key: a }, { index: 1, key: a }]);
  assert.is(codeOf({ establishments: [signed(first), signed(twice, a, a)], document: forged, attestations: [], witness_signatures: [] }), 'RECORD_INVALID');
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
    assert.is(codeOf({ establishments: [signed(event)], document: signEvent(documentOf(event), [{ index: 0, key: keyOf(0) }]), attestations: [], witness_signatures: [] }), 'RECORD_INVALID', JSON.stringify(changes));
  }
});

/** A record of one event with these changes, and a document with those. */
function single(changes: Partial<Establishment>, document_changes: Partial<DocumentEvent> = {}): Draft {
  const event = establishment(0, null, changes);
  return { establishments: [signed(event)], document: signEvent(documentOf(event, document_changes), [{ index: 0, key: keyOf(0) }]), attestations: [], witness_signatures: [] };
}

test('a document lives at most 48 hours, that of a human or an organisation 30 days', () => {
  const sponsor = verified(draft(1)).did;
  const kinds = [['node', null, 48], ['agent', sponsor, 48], ['human', null, 720], ['org', null, 720]] as const;
  for (const [kind, of, hours] of kinds) {
    const expires = start_ms + hours * hour_ms;
    assert.is(codeOf(single({ kind, sponsor: of }, { expires })), 'accepted', kind);
    assert.is(codeOf(single({ kind, sponsor: of }, { expires: expires + 1 })), 'RECORD_INVALID', kind);
  }
});

test('a document has an end, and is not from the future', () => {
  const record = draft(1);
  assert.is(codeOf(record, { now_ms: start_ms + 48 * hour_ms }), 'RECORD_EXPIRED');
  assert.is(codeOf(record, { now_ms: start_ms + 48 * hour_ms - 1 }), 'accepted');
  assert.is(codeOf(record, { now_ms: start_ms - hour_ms }), 'RECORD_INVALID');
});

test('size and count are bounded', () => {
  const large = verifyRecord(new Uint8Array(record_bytes_max + 1), at);
  assert.is(large.ok ? '' : large.failure.code, 'RECORD_TOO_LARGE');
  assert.is(codeOf(draft(establishments_max)), 'accepted');
  const many = codeOf(draft(establishments_max + 1));
  assert.ok(many === 'RECORD_INVALID' || many === 'RECORD_TOO_LARGE', many);
});

test('an agent that was rotated as often as can be leaves room for former keys, addresses and an attestation', () => {
  const sponsor = verified(draft(1)).did;
  const events: Establishment[] = [];
  for (let number = 0; number < establishments_max; number += 1) events.push(establishment(number, events.at(-1) ?? null, { kind: 'agent', sponsor }));
  const current = events.at(-1);
  if (current === undefined) throw new Error('there are events');
  const retired = Array.from({ length: 8 }, (_, index): RetiredMethod => ({ id: methodId(keyNamed(`former ${index}`).public_key), key: keyNamed(`former ${index}`).public_key, uses: ['assertionMethod', 'capabilityDelegation'], until: start_ms }));
  const endpoints = Array.from({ length: 8 }, (_, index) => `/ip4/192.0.2.${index}/tcp/4001/p2p/${'k'.repeat(52)}`);
  const attestations = ['a'.repeat(800)];
  const document = documentOf(current, { retired, services: [{ id: 'mesh', type: 'MeshP2P', endpoints }], attestations: attestationsHash(attestations) });
  const record: Draft = { establishments: events.map((event) => signed(event)), document: signEvent(document, [{ index: 0, key: keyOf(current.number) }]), attestations, witness_signatures: [] };
  assert.equal(verified(record).establishments, record.establishments, 'what the bytes leave out is what the event before says');
});

test('there is one encoding of a record: an event that repeats what the one before says is none', () => {
  const encoded = unwrap(decodeCbor(encodeRecord(draft(2))));
  const [first, second] = draft(2).establishments;
  const inFull = (establishments: readonly unknown[]): boolean => verifyRecord(encodeCbor({ ...(isFields(encoded) ? encoded : {}), establishments }), at).ok;
  assert.not.ok(inFull([first, second]));
  if (!isFields(encoded) || !Array.isArray(encoded['establishments'])) throw new Error('a record has events');
  assert.ok(inFull(encoded['establishments']));
  assert.not.ok(inFull([encoded['establishments'][1]]), 'and none stands first that is not the genesis event');
});

test('a record under another DID\'s digest is another DID', () => {
  const other = establishment(0, null, { time: start_ms + 1 });
  const record = verified({ establishments: [signed(other)], document: signEvent(documentOf(other), [{ index: 0, key: keyOf(0) }]), attestations: [], witness_signatures: [] });
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
    return codeOf({ establishments: [signed(first)], document: signEvent(documentOf(first), [{ index: 0, key: keyOf(0) }]), attestations: [], witness_signatures: [] });
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

const former: RetiredMethod = { id: 'former', key: keyNamed('former').public_key, uses: ['assertionMethod'], until: start_ms };

test('a retired key counts only for what is dated before its end, only for its uses, and never for what happens now', () => {
  const record = verified(draft(2, { retired: [former] }));
  const id = `${record.did}#former`;
  const until_s = start_ms / 1000;
  assert.equal(keyFor(record, id, 'assertionMethod', until_s - 1), former.key);
  assert.is(keyFor(record, id, 'assertionMethod', until_s), undefined, 'at its end');
  assert.is(keyFor(record, id, 'assertionMethod'), undefined, 'now');
  assert.is(keyFor(record, id, 'capabilityInvocation', until_s - 1), undefined, 'another use');
  assert.equal(keyFor(record, `${record.did}#use`, 'assertionMethod', until_s + 1_000_000), keyNamed('use').public_key, 'the one in use has no end');
  assert.equal(keyIds(record, 'assertionMethod'), [`${record.did}#use`]);
  const ended = verified(draft(2, { retired: [former], deactivated: true }));
  assert.equal(keyFor(ended, id, 'assertionMethod', until_s - 1), former.key, 'what was said before a deactivation stays said');
  assert.is(keyFor(ended, id, 'assertionMethod'), undefined, 'a deactivated DID says nothing now');
  assert.is(keyFor(ended, `${ended.did}#use`, 'assertionMethod', until_s - 1), undefined, 'what its tombstone calls a key in use is none');
});

test('a retired key is believed no longer than it was in use, and none has the name of another', () => {
  assert.is(codeOf(draft(2, { retired: [former] })), 'accepted');
  assert.is(codeOf(draft(2, { retired: [{ ...former, until: start_ms + 1 }] })), 'RECORD_INVALID', 'until after the document');
  assert.is(codeOf(draft(2, { retired: [{ ...former, id: 'use' }] })), 'RECORD_INVALID');
  assert.is(codeOf(draft(2, { retired: [former, former] })), 'RECORD_INVALID');
  const many = Array.from({ length: 9 }, (_, index) => ({ ...former, id: `former-${index}` }));
  assert.is(codeOf(draft(2, { retired: many.slice(1) })), 'accepted');
  assert.is(codeOf(draft(2, { retired: many })), 'RECORD_INVALID', 'nine');
});

test('after a theft no former key is believed for longer than it was safe', () => {
  const bad_since = start_ms - hour_ms;
  const stolen = (until: number): Draft => {
    const first = establishment(0, null);
    const second = establishment(1, first, { bad_since });
    return { ...rotated(signed(second), keyOf(1), signed(first)), document: signEvent(documentOf(second, { retired: [{ ...former, until }] }), [{ index: 0, key: keyOf(1) }]) };
  };
  assert.is(codeOf(stolen(bad_since)), 'accepted');
  assert.is(codeOf(stolen(bad_since + 1)), 'RECORD_INVALID');
  const first = establishment(0, null);
  assert.is(codeOf(rotated(signed(establishment(1, first, { bad_since: start_ms + 2 })), keyOf(1))), 'RECORD_INVALID', 'bad since after the rotation');
  assert.is(codeOf(single({ bad_since: start_ms })), 'RECORD_INVALID', 'no key is older than the genesis event');
});

test('a document may name a DID that takes its place and one whose place it takes, and nothing else there', () => {
  const { did } = verified(draft(2));
  const record = verified(draft(1, { successor: did, predecessor: did }));
  assert.is(record.document.successor, did);
  assert.equal(didDocument(record)['alsoKnownAs'], [did, did]);
  assert.is(codeOf(draft(1, { successor: 'alice' })), 'RECORD_INVALID');
  assert.is(codeOf(draft(1, { predecessor: 'did:web:example.com' })), 'RECORD_INVALID');
});

test('two of three keys must sign, event and document alike', () => {
  const [a, b, c] = [keyOf(0), keyNamed('second'), keyNamed('third')];
  const event = establishment(0, null, { keys: [a.public_key, b.public_key, c.public_key], threshold: 2 });
  const by = (...indices: readonly number[]): { readonly index: number; readonly key: SigningKey }[] => indices.map((index) => ({ index, key: [a, b, c][index] ?? a }));
  const record = (events: readonly number[], documents: readonly number[]): Draft => ({
    establishments: [signEvent(event, by(...events))], document: signEvent(documentOf(event), by(...documents)), attestations: [], witness_signatures: [],
  });
  for (const pair of [[0, 1], [0, 2], [1, 2], [0, 1, 2]]) assert.is(codeOf(record(pair, pair)), 'accepted', pair.join());
  assert.is(codeOf(record([0], [0, 1])), 'RECORD_INVALID', 'one signs the event');
  assert.is(codeOf(record([0, 1], [2])), 'RECORD_INVALID', 'one signs the document');
  assert.is(codeOf(record([1, 0], [0, 1])), 'RECORD_INVALID', 'in another order');
  assert.is(codeOf(record([0, 0], [0, 1])), 'RECORD_INVALID', 'one twice');
});

const witnessKey = (index: number): SigningKey => keyNamed(`witness ${index}`);
const three = [0, 1, 2].map((index) => witnessKey(index).public_key);

function countersigned(event: Establishment, witness: number, key: SigningKey = witnessKey(witness)): WitnessSignature {
  return { number: event.number, witness, signature: key.sign(witnessedBytes(event)) };
}

/** A record of these events, whose document names these witness signatures. */
function witnessedRecord(events: readonly Establishment[], witness_signatures: readonly WitnessSignature[]): Draft {
  const current = events.at(-1) ?? establishment(0, null);
  return {
    establishments: events.map((event) => signed(event)),
    document: signEvent(documentOf(current, { witnessed: witnessedHash(witness_signatures) }), [{ index: 0, key: keyOf(current.number) }]),
    attestations: [], witness_signatures,
  };
}

test('an event is countersigned by the witnesses that the one before names, the genesis event by its own', () => {
  const first = establishment(0, null, { witnesses: three, witness_threshold: 2 });
  const others = [keyNamed('other witness').public_key];
  const second = establishment(1, first, { witnesses: others, witness_threshold: 1 });
  const third = establishment(2, second);
  const genesis = [countersigned(first, 0), countersigned(first, 2)];
  assert.is(codeOf(witnessedRecord([first], genesis)), 'accepted');
  assert.is(codeOf(witnessedRecord([first], genesis.slice(1))), 'RECORD_INVALID', 'one of two');
  assert.is(codeOf(witnessedRecord([first], [])), 'RECORD_INVALID', 'none');
  const by_old = [countersigned(second, 0), countersigned(second, 1)];
  assert.is(codeOf(witnessedRecord([first, second], [...genesis, ...by_old])), 'accepted');
  const by_new = [countersigned(second, 0, keyNamed('other witness'))];
  assert.is(codeOf(witnessedRecord([first, second], [...genesis, ...by_new])), 'RECORD_INVALID', 'by witnesses whom the event itself names, as a thief would');
  const last = countersigned(third, 0, keyNamed('other witness'));
  assert.is(codeOf(witnessedRecord([first, second, third], [...genesis, ...by_old, last])), 'accepted');
  assert.is(codeOf(witnessedRecord([first, second, third], [...genesis, ...by_old])), 'RECORD_INVALID', 'the last event lacks its witness');
});

test('witness signatures cannot be repeated, reordered, swapped, added or stripped by others', () => {
  const first = establishment(0, null, { witnesses: three, witness_threshold: 2 });
  const [a, b, c] = [countersigned(first, 0), countersigned(first, 1), countersigned(first, 2)];
  const good = witnessedRecord([first], [a, b]);
  assert.is(codeOf(good), 'accepted');
  assert.is(codeOf({ ...good, witness_signatures: [a, c] }), 'RECORD_INVALID', 'another good one, but not the one that the document names');
  assert.is(codeOf({ ...good, witness_signatures: [a, b, c] }), 'RECORD_INVALID', 'one more');
  const wrong: readonly (readonly WitnessSignature[])[] = [
    [b, a], [a, a], [a, { ...b, witness: 2 }], [a, { ...b, number: 1 }], [a, { ...b, witness: 3 }], [a, b, { ...c, signature: new Uint8Array(64) }], [a, b, { ...c, number: 7 }],
  ];
  for (const [index, list] of wrong.entries()) assert.is(codeOf(witnessedRecord([first], list)), 'RECORD_INVALID', String(index));
});

test('a list of witnesses is distinct, bounded, made of strong keys, and needs more than half of them', () => {
  const [one] = three;
  if (one === undefined) throw new Error('there are three witnesses');
  const many = Array.from({ length: witnesses_max + 1 }, (_, index) => witnessKey(index).public_key);
  const wrong: readonly Partial<Establishment>[] = [
    { witnesses: three, witness_threshold: 0 }, { witnesses: three, witness_threshold: 4 }, { witnesses: [], witness_threshold: 1 },
    { witnesses: [one, one], witness_threshold: 2 }, { witnesses: [new Uint8Array(32)], witness_threshold: 1 }, { witnesses: many, witness_threshold: 5 },
    { witnesses: many.slice(1), witness_threshold: 4 },
  ];
  for (const changes of wrong) {
    const event = establishment(0, null, changes);
    const signer = event.witnesses === three ? 0 : 1;
    const signatures = event.witnesses.slice(0, event.witness_threshold).map((_, index) => countersigned(event, index, witnessKey(index + signer)));
    assert.is(codeOf(witnessedRecord([event], signatures)), 'RECORD_INVALID', JSON.stringify(changes));
  }
  const most = establishment(0, null, { witnesses: many.slice(1), witness_threshold: 5 });
  assert.is(codeOf(witnessedRecord([most], [0, 1, 2, 3, 4].map((index) => countersigned(most, index, witnessKey(index + 1))))), 'accepted');
});

test('every field of a record with witnesses, retired keys and places is bound', () => {
  const first = establishment(0, null, { witnesses: three, witness_threshold: 2 });
  const second = establishment(1, first, { bad_since: start_ms });
  const witness_signatures = [countersigned(first, 0), countersigned(first, 1), countersigned(second, 1), countersigned(second, 2)];
  const { did } = verified(draft(1));
  const event = documentOf(second, { retired: [former], witnessed: witnessedHash(witness_signatures), successor: did, predecessor: did });
  const record: Draft = { establishments: [signed(first), signed(second)], document: signEvent(event, [{ index: 0, key: keyOf(1) }]), attestations: [], witness_signatures };
  assert.is(codeOf(record), 'accepted');
  const original = unwrap(decodeCbor(encodeRecord(record)));
  for (const path of leaves(original)) {
    const result = verifyRecord(encodeCbor(withLeaf(original, path)), at);
    assert.is(result.ok ? 'accepted' : result.failure.code, 'RECORD_INVALID', path.join('.'));
  }
});

test('the name of a verification method is made of its key', () => {
  assert.match(methodId(keyNamed('use').public_key), /^key-[a-z2-7]{16}$/);
  assert.is.not(methodId(keyNamed('use').public_key), methodId(keyNamed('former').public_key));
});

test('the DID document has the parts of DID Core under absolute names', () => {
  const record = verified(draft(1));
  const document = didDocument(record);
  assert.is(document['id'], record.did);
  assert.equal(document['assertionMethod'], [`${record.did}#use`]);
  assert.equal(document['capabilityDelegation'], []);
});

test.run();
