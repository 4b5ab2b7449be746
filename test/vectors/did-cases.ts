/** The cases of `did.json`: DIDs, records and which of two records holds. */
import { compare, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, isFields } from '../../crypto/canonical.ts';
import { didDocument } from '../../crypto/did-document.ts';
import {
  attestationsHash, eventHash, methodId, signEvent, witnessedBytes, witnessedHash,
  type DocumentEvent, type Establishment, type RetiredMethod, type Signed, type WitnessSignature,
} from '../../crypto/did-events.ts';
import { encodeRecord, establishments_max, verifyRecord, witnessesOf, type RecordParts } from '../../crypto/did-record.ts';
import { didOf } from '../../crypto/did.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { keyNamed, start_ms } from '../people.ts';
import { refusal, type VectorCase } from './case.ts';

const hour_ms = 3_600_000;
const day_ms = 24 * hour_ms;
const now_ms: number = start_ms + hour_ms;
const daily = keyNamed('vectors, daily');
const witness_keys: readonly SigningKey[] = [0, 1, 2].map((index) => keyNamed(`vectors, witness ${index}`));
/** A public key of order 8 and the identity in a second spelling: both verify what nobody signed. */
const small_order_key: Uint8Array = Uint8Array.from(Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex'));
const non_canonical_key: Uint8Array = Uint8Array.from(Buffer.from('eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'hex'));

/** The update key of an event. */
export const updateKey = (number: number, index: number = 0): SigningKey => keyNamed(`vectors, event ${number}, key ${index}`);

/** Establishment event `number`, committing to the next one's key. */
export function establishment(number: number, before: Establishment | null, changes: Partial<Establishment> = {}): Establishment {
  return {
    type: 'establishment', number, previous: before === null ? null : eventHash(before), kind: 'human', keys: [updateKey(number).public_key], threshold: 1,
    next_keys: [sha256(updateKey(number + 1).public_key)], next_threshold: 1, sponsor: null, bad_since: null, witnesses: [], witness_threshold: 0,
    time: start_ms + number, ...changes,
  };
}

/** The event with signatures of these keys, or of its own. */
export function sign(event: Establishment, ...keys: readonly SigningKey[]): Signed<Establishment> {
  return signEvent(event, (keys.length === 0 ? [updateKey(event.number)] : keys).map((key, index) => ({ index, key })));
}

/** A good document under an event. */
export function documentOf(current: Establishment, changes: Partial<DocumentEvent> = {}): DocumentEvent {
  return {
    type: 'document', establishment: eventHash(current), sequence: 1, time: start_ms, expires: start_ms + 48 * hour_ms,
    methods: [{ id: methodId(daily.public_key), key: daily.public_key, uses: ['authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation'] }],
    retired: [], services: [{ id: 'mesh', type: 'MeshP2P', endpoints: ['/ip4/192.0.2.1/tcp/4001'] }], capabilities: ['read:reports'], name: 'vectors',
    attestations: attestationsHash([]), witnessed: witnessedHash([]), successor: null, predecessor: null, deactivated: false, ...changes,
  };
}

/** A record to make. */
export interface Draft {
  readonly chain?: readonly Signed<Establishment>[];
  readonly document?: Partial<DocumentEvent>;
  readonly signers?: readonly SigningKey[];
  readonly attestations?: readonly string[];
  readonly witness_signatures?: readonly WitnessSignature[];
}

function parts({ chain = [sign(establishment(0, null))], document = {}, signers, attestations = [], witness_signatures = [] }: Draft): RecordParts {
  const current = chain.at(-1);
  if (current === undefined) throw new Error('a draft has events');
  const keys = signers ?? [updateKey(current.event.number)];
  const changes = { witnessed: witnessedHash(witness_signatures), attestations: attestationsHash(attestations), ...document };
  return {
    establishments: chain, document: signEvent(documentOf(current.event, changes), keys.map((key, index) => ({ index, key }))), attestations, witness_signatures,
  };
}

/** The bytes of a draft. */
export const record = (draft: Draft): Uint8Array => encodeRecord(parts(draft));

/** A chain of events, each the heir of the one before; `changes` by number. */
function heirs(count: number, changes: { readonly [number: number]: Partial<Establishment> } = {}): Signed<Establishment>[] {
  const chain: Signed<Establishment>[] = [];
  for (let number = 0; number < count; number += 1) chain.push(sign(establishment(number, chain.at(-1)?.event ?? null, changes[number])));
  return chain;
}

function witnessed(chain: readonly Signed<Establishment>[], ...who: readonly number[]): WitnessSignature[] {
  return chain.flatMap(({ event }, index) => witnessesOf(event, chain[index - 1]?.event).witnesses.length === 0 ? [] : who.map((witness) => {
    const key = witness_keys[witness];
    if (key === undefined) throw new Error('there is no such witness');
    return { number: index, witness, signature: key.sign(witnessedBytes(event)) };
  }));
}

/** A record that is refused. */
export function verify(name: string, bytes: Uint8Array, code: string, at_ms: number = now_ms): VectorCase {
  return { name, task: 'verify record', input: { record: toBase64url(bytes), now_ms: at_ms }, expect: refusal(code) };
}

/** A record that is valid. */
export function accept(name: string, draft: Draft, at_ms: number = now_ms): VectorCase {
  const bytes = record(draft);
  const [genesis] = draft.chain ?? [sign(establishment(0, null))];
  const current = draft.chain?.at(-1)?.event ?? genesis?.event;
  if (genesis === undefined || current === undefined) throw new Error('a draft has events');
  return {
    name, task: 'verify record', input: { record: toBase64url(bytes), now_ms: at_ms },
    expect: { did: didOf(sha256(encodeCbor(genesis.event))), kind: current.kind, number: current.number, sequence: 1, deactivated: draft.document?.deactivated ?? false },
  };
}

/** The record with one member of its outer map changed. */
function patched(draft: Draft, change: (fields: { [name: string]: unknown }) => { readonly [name: string]: unknown }): Uint8Array {
  const fields = unwrap(decodeCbor(record(draft)));
  if (!isFields(fields)) throw new Error('a record is a map');
  return encodeCbor(change({ ...fields }));
}

function retired(changes: Partial<RetiredMethod> = {}): RetiredMethod {
  const key = keyNamed('vectors, former').public_key;
  return { id: methodId(key), key, uses: ['assertionMethod'], until: start_ms, ...changes };
}

function rotated(changes: Partial<Establishment>, ...keys: readonly SigningKey[]): Draft {
  const first = sign(establishment(0, null));
  const second = sign(establishment(1, first.event, changes), ...(keys.length === 0 ? [updateKey(1)] : keys));
  return { chain: [first, second], signers: keys.length === 0 ? [updateKey(1)] : keys };
}

/** A draft with another genesis event. */
export function genesis(changes: Partial<Establishment>): Draft {
  return { chain: [sign(establishment(0, null, changes))] };
}

const witnessing: Partial<Establishment> = { witnesses: witness_keys.map((key) => key.public_key), witness_threshold: 2 };
const two_of_three: Partial<Establishment> = { keys: [0, 1, 2].map((index) => updateKey(0, index).public_key), threshold: 2 };

function accepted(): VectorCase[] {
  const of_two = [sign(establishment(0, null, two_of_three), updateKey(0, 0), updateKey(0, 1))];
  const watched = heirs(2, { 0: witnessing, 1: witnessing });
  return [
    accept('a genesis event and a document', {}),
    accept('three rotations, each with keys that the event before committed to', { chain: heirs(4) }),
    accept('the longest chain of events', { chain: heirs(establishments_max) }),
    accept('two signatures of three keys', { chain: of_two, signers: [updateKey(0, 0), updateKey(0, 1)] }),
    accept('an agent with a sponsor', genesis({ kind: 'agent', sponsor: didOf(sha256(utf8('somebody'))) })),
    accept('events that two of three witnesses signed', { chain: watched, witness_signatures: witnessed(watched, 0, 2) }),
    accept('a retired key that is believed up to the document', { document: { retired: [retired()] } }),
    accept('a rotation after a theft, with a retired key up to that time', { ...rotated({ bad_since: start_ms - day_ms }), document: { retired: [retired({ until: start_ms - day_ms })] } }),
    accept('a document of a human that lives 30 days', { document: { expires: start_ms + 30 * day_ms } }, start_ms + 29 * day_ms),
    accept('a deactivation, which never expires', { document: { deactivated: true } }, start_ms + 1000 * day_ms),
  ];
}

function refusedEncodings(): VectorCase[] {
  const bytes = record({});
  return [
    verify('more than 10,240 bytes', new Uint8Array(10_241), 'RECORD_TOO_LARGE'),
    verify('no bytes', new Uint8Array(), 'RECORD_INVALID'),
    verify('cut short', bytes.subarray(0, bytes.length - 1), 'RECORD_INVALID'),
    verify('a byte after the end', Uint8Array.from([...bytes, 0]), 'RECORD_INVALID'),
    verify('the map length in a longer spelling', Uint8Array.from([0xb8, 5, ...bytes.subarray(1)]), 'RECORD_INVALID'),
    verify('a version that does not exist', patched({}, (fields) => ({ ...fields, version: 2 })), 'RECORD_INVALID'),
    verify('a member too many', patched({}, (fields) => ({ ...fields, extra: 1 })), 'RECORD_INVALID'),
    verify('a member too few', patched({}, (fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'attestations'))), 'RECORD_INVALID'),
    verify('a number with a fraction', patched({}, (fields) => ({ ...fields, version: 1.5 })), 'RECORD_INVALID'),
    verify('attestations that are no list', patched({}, (fields) => ({ ...fields, attestations: 'x' })), 'RECORD_INVALID'),
    verify('an attestation that is no text', patched({}, (fields) => ({ ...fields, attestations: [1] })), 'RECORD_INVALID'),
    verify('a witness signature of another form', patched({}, (fields) => ({ ...fields, witness_signatures: [{ number: 0, witness: 0 }] })), 'RECORD_INVALID'),
    verify('a document that is no signed event', patched({}, (fields) => ({ ...fields, document: {} })), 'RECORD_INVALID'),
    verify('an event that is no signed event', patched({}, (fields) => ({ ...fields, establishments: [{}] })), 'RECORD_INVALID'),
    verify('a later event that repeats what follows from the one before', patched({ chain: heirs(2) }, (fields) => ({ ...fields, establishments: heirs(2) })), 'RECORD_INVALID'),
    verify('no events', patched({}, (fields) => ({ ...fields, establishments: [] })), 'RECORD_INVALID'),
  ];
}

function refusedChains(): VectorCase[] {
  const thief = keyNamed('vectors, thief');
  const stolen: Partial<Establishment> = { keys: [updateKey(0).public_key], next_keys: [sha256(thief.public_key)] };
  const not_committed: Partial<Establishment> = { keys: [thief.public_key], next_keys: [sha256(thief.public_key)] };
  const first = sign(establishment(0, null));
  const two_next = sign(establishment(0, null, { next_keys: [0, 1].map((index) => sha256(updateKey(1, index).public_key)), next_threshold: 2 }));
  const other_signer = signEvent(establishment(0, null), [{ index: 0, key: thief }]);
  const twice = sign(establishment(0, null, two_of_three), updateKey(0, 0));
  return [
    verify('more than 25 events', record({ chain: heirs(establishments_max + 1) }), 'RECORD_INVALID'),
    verify('a genesis event that is not number 0', record({ ...genesis({ number: 1 }), signers: [updateKey(1)] }), 'RECORD_INVALID'),
    verify('a genesis event with an event before', record(genesis({ previous: new Uint8Array(32) })), 'RECORD_INVALID'),
    verify('a genesis event that voids earlier keys', record(genesis({ bad_since: start_ms })), 'RECORD_INVALID'),
    verify('a rotation with the stolen current key', record(rotated(stolen, updateKey(0))), 'RECORD_INVALID'),
    verify('a rotation to a key that nobody committed to', record(rotated(not_committed, thief)), 'RECORD_INVALID'),
    verify('a rotation under another event', record(rotated({ previous: new Uint8Array(32) })), 'RECORD_INVALID'),
    verify('a rotation that skips a number', record({ ...rotated({ number: 2 }) }), 'RECORD_INVALID'),
    verify('a rotation that changes the kind', record(rotated({ kind: 'org' })), 'RECORD_INVALID'),
    verify('a rotation that changes the sponsor', record(rotated({ sponsor: didOf(sha256(utf8('another'))) })), 'RECORD_INVALID'),
    verify('a rotation that goes back in time', record(rotated({ time: start_ms - 1 })), 'RECORD_INVALID'),
    verify('a rotation that voids what is yet to come', record(rotated({ bad_since: start_ms + day_ms })), 'RECORD_INVALID'),
    verify('a rotation with fewer keys than were committed to', record({ chain: [two_next, sign(establishment(1, two_next.event))], signers: [updateKey(1)] }), 'RECORD_INVALID'),
    verify('an event that another key signed', record({ chain: [other_signer] }), 'RECORD_INVALID'),
    verify('an event without signature', record({ chain: [{ event: first.event, signatures: [] }] }), 'RECORD_INVALID'),
    verify('one signature where two are needed', record({ chain: [twice], signers: [updateKey(0, 0), updateKey(0, 1)] }), 'RECORD_INVALID'),
    verify('one signature counted twice', record({ chain: [{ ...twice, signatures: [...twice.signatures, ...twice.signatures] }], signers: [updateKey(0, 0), updateKey(0, 1)] }), 'RECORD_INVALID'),
    verify('one key counted twice', record(genesis({ keys: [updateKey(0).public_key, updateKey(0).public_key], threshold: 2 })), 'RECORD_INVALID'),
    verify('a threshold that cannot be met', record(genesis({ threshold: 2 })), 'RECORD_INVALID'),
    verify('a threshold of nobody', record(genesis({ threshold: 0 })), 'RECORD_INVALID'),
    verify('a key of small order', record(genesis({ keys: [small_order_key] })), 'RECORD_INVALID'),
    verify('a key in a second spelling', record(genesis({ keys: [non_canonical_key] })), 'RECORD_INVALID'),
    verify('an agent for which nobody answers', record(genesis({ kind: 'agent' })), 'RECORD_INVALID'),
  ];
}

function refusedWitnessing(): VectorCase[] {
  const watched = heirs(2, { 0: witnessing, 1: witnessing });
  const good = witnessed(watched, 0, 2);
  const [one, ...rest] = good;
  if (one === undefined) throw new Error('there are witness signatures');
  const dropped = heirs(2, { 0: witnessing });
  const by_another = { ...one, witness: 1 };
  return [
    verify('one witness where two are needed', record({ chain: watched, witness_signatures: rest }), 'RECORD_INVALID'),
    verify('a rotation that drops the witnesses before they have signed', record({ chain: dropped, witness_signatures: witnessed(dropped, 0, 1).filter(({ number }) => number === 0) }), 'RECORD_INVALID'),
    verify('a signature under another witness\'s number', record({ chain: watched, witness_signatures: [by_another, ...rest] }), 'RECORD_INVALID'),
    verify('witnesses in another order', record({ chain: watched, witness_signatures: [...rest, one] }), 'RECORD_INVALID'),
    verify('a witness twice', record({ chain: watched, witness_signatures: [one, one, ...rest] }), 'RECORD_INVALID'),
    verify('a signature of an event that is not there', record({ chain: watched, witness_signatures: [...good, { ...one, number: 2 }] }), 'RECORD_INVALID'),
    verify('witness signatures that the document does not name', record({ chain: watched, witness_signatures: good, document: { witnessed: witnessedHash([]) } }), 'RECORD_INVALID'),
    verify('a witness threshold without witnesses', record(genesis({ witness_threshold: 1 })), 'RECORD_INVALID'),
    verify('two of four witnesses, who could split', record(genesis({ witnesses: [0, 1, 2, 3].map((index) => keyNamed(`vectors, witness ${index}`).public_key), witness_threshold: 2 })), 'RECORD_INVALID'),
    verify('witnesses of whom none is needed', record(genesis({ ...witnessing, witness_threshold: 0 })), 'RECORD_INVALID'),
  ];
}

function refusedDocuments(): VectorCase[] {
  const stranger = keyNamed('vectors, stranger');
  const method = documentOf(establishment(0, null)).methods[0];
  if (method === undefined) throw new Error('a document has a method');
  const agent: Partial<Establishment> = { kind: 'agent', sponsor: didOf(sha256(utf8('somebody'))) };
  return [
    verify('a document under another event', record({ document: { establishment: new Uint8Array(32) } }), 'RECORD_INVALID'),
    verify('a document signed with the key in daily use', record({ signers: [daily] }), 'RECORD_INVALID'),
    verify('a document signed by a stranger', record({ signers: [stranger] }), 'RECORD_INVALID'),
    verify('a document of an agent that claims more than 48 hours', record({ ...genesis(agent), document: { expires: start_ms + 48 * hour_ms + 1 } }), 'RECORD_INVALID'),
    verify('a document of a human that claims more than 30 days', record({ document: { expires: start_ms + 30 * day_ms + 1 } }), 'RECORD_INVALID'),
    verify('a document that has expired', record({}), 'RECORD_EXPIRED', start_ms + 48 * hour_ms),
    verify('a document from the future', record({}), 'RECORD_INVALID', start_ms - 300_001),
    verify('attestations that the document does not name', patched({}, (fields) => ({ ...fields, attestations: ['x'] })), 'RECORD_INVALID'),
    verify('attestations that were stripped', patched({ attestations: ['x'] }, (fields) => ({ ...fields, attestations: [] })), 'RECORD_INVALID'),
    verify('two methods of one name', record({ document: { methods: [method, method] } }), 'RECORD_INVALID'),
    verify('a retired key of the name of one in use', record({ document: { retired: [retired({ id: method.id })] } }), 'RECORD_INVALID'),
    verify('a retired key that is believed beyond the document', record({ document: { retired: [retired({ until: start_ms + 1 })] } }), 'RECORD_INVALID'),
    verify('a retired key that is believed beyond the theft', record({ ...rotated({ bad_since: start_ms - day_ms }), document: { retired: [retired({ until: start_ms - day_ms + 1 })] } }), 'RECORD_INVALID'),
    verify('a key of small order in use', record({ document: { methods: [{ ...method, key: small_order_key }] } }), 'RECORD_INVALID'),
    verify('nine methods', record({ document: { methods: Array.from({ length: 9 }, (_, index) => ({ ...method, id: `key-${index}` })) } }), 'RECORD_INVALID'),
    verify('a name of more than 256 characters', record({ document: { name: 'x'.repeat(257) } }), 'RECORD_INVALID'),
    verify('a successor that is no DID', record({ document: { successor: 'did:web:example.com' } }), 'RECORD_INVALID'),
  ];
}

function select(name: string, better: Draft, worse: Draft): VectorCase {
  return { name, task: 'select record', input: { records: [record(worse), record(better)].map(toBase64url), now_ms }, expect: { index: 1 } };
}

function selections(): VectorCase[] {
  const [smaller = {}, larger = {}] = ['one name', 'another name'].map((name): Draft => ({ document: { name } })).sort((one, other) => compare(sha256(record(one)), sha256(record(other))));
  return [
    select('the higher rotation', { chain: heirs(2), document: { sequence: 1 } }, { chain: heirs(1), document: { sequence: 9 } }),
    select('the higher rotation before a deactivation', { chain: heirs(2) }, { chain: heirs(1), document: { deactivated: true, sequence: 9 } }),
    select('a deactivation before a higher sequence', { document: { deactivated: true } }, { document: { sequence: 9 } }),
    select('the higher sequence', { document: { sequence: 2 } }, { document: { sequence: 1, expires: start_ms + 72 * hour_ms } }),
    select('the smaller hash', smaller, larger),
    select('the later end', { document: { expires: start_ms + 48 * hour_ms } }, { document: { expires: start_ms + 47 * hour_ms } }),
  ];
}

function documents(): VectorCase[] {
  const bytes = record({ document: { successor: didOf(sha256(utf8('the next'))) } });
  return [{
    name: 'the DID document of a record', task: 'DID document', input: { record: toBase64url(bytes), now_ms },
    expect: { document: didDocument(unwrap(verifyRecord(bytes, { now_ms }))) },
  }];
}

/** Every case about DIDs and their records. */
export function didCases(): readonly VectorCase[] {
  return [
    ...accepted(), ...refusedEncodings(), ...refusedChains(), ...refusedWitnessing(), ...refusedDocuments(), ...selections(), ...documents(),
    ...['did:mesh:b', `did:mesh:b${'a'.repeat(51)}`, `did:mesh:b${'A'.repeat(52)}`, `did:mesh:z${'a'.repeat(52)}`, `did:mesh:b${'a'.repeat(51)}1`, 'did:mesh:', 'alice', '']
      .map((did): VectorCase => ({ name: `${JSON.stringify(did)} is no DID`, task: 'parse DID', input: { did }, expect: refusal('DID_INVALID') })),
    { name: 'a DID', task: 'parse DID', input: { did: `did:mesh:b${'a'.repeat(52)}` }, expect: { digest: toBase64url(new Uint8Array(32)) } },
    { name: 'a DID of another method', task: 'parse DID', input: { did: 'did:example:1' }, expect: refusal('DID_METHOD_UNSUPPORTED') },
    { name: 'the fragment of a key', task: 'method id', input: { key: toBase64url(daily.public_key) }, expect: { id: methodId(daily.public_key) } },
  ];
}
