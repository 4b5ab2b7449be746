/** The cases of `did.json` about DID resolution: what peers answer, what was revoked, and what a client is told. */
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import type { Fields } from '../../crypto/canonical.ts';
import { methodId, type VerificationMethod } from '../../crypto/did-events.ts';
import { rotatedRecord } from '../forks.ts';
import { keyNamed, start_ms, type Person } from '../people.ts';
import type { VectorCase } from './case.ts';
import { a, company, employee, helper, renewed, revoked, sponsor, stranger } from './parties.ts';

const minute_ms = 60_000;
const spare = keyNamed('vectors, spare');
const spare_method: VerificationMethod = { id: methodId(spare.public_key), key: spare.public_key, uses: ['assertionMethod'] };
const spare_id = `${stranger.did}#${spare_method.id}`;
const two_keyed: Uint8Array = renewed(stranger, 'vectors, stranger', { methods: [...stranger.document.methods, spare_method] });

/** What one peer answers to a look-up of a DID. */
interface Answer {
  readonly did: string;
  readonly record: Uint8Array;
}

/** What differs from a look-up of a stranger, whose good record is answered, a minute after the start. */
interface Asked {
  readonly did?: string;
  readonly options?: Fields;
  readonly answers?: readonly Answer[];
  readonly revocations?: readonly string[];
  readonly now_ms?: number;
}

const of = (...people: readonly Person[]): Answer[] => people.map(({ did, record }) => ({ did, record: record.bytes }));

function resolve(name: string, { did = stranger.did, options = {}, answers = of(stranger), revocations = [], now_ms = start_ms + minute_ms }: Asked, expect: Fields): VectorCase {
  return {
    name, task: 'resolution',
    input: { did, options, answers: answers.map((answer) => ({ did: answer.did, record: toBase64url(answer.record) })), revocations, now_ms },
    expect,
  };
}

/** What a client is told of a DID that can be resolved. */
function told(who: Person, changes: Fields = {}): Fields {
  return {
    error: null, document: true, content_type: 'application/did+ld+json', deactivated: false, revoked_by: null, revoked_keys: [], sponsor_status: null,
    keys: [who.signer.key_id], ...changes,
  };
}

const gone: Fields = { document: false, deactivated: true, keys: [] };

function refused(code: string, error: string, type: string): Fields {
  return { refused: code, error, type: `https://www.w3.org/ns/did#${type}`, document: false };
}

const invalid_document = refused('RECORD_INVALID', 'invalidDidDocument', 'INVALID_DID_DOCUMENT');

function records(): VectorCase[] {
  const garbage: Answer = { did: stranger.did, record: utf8('garbage') };
  const [left, right] = ['left', 'right'].map((history) => ({ did: stranger.did, record: rotatedRecord(stranger, 'vectors, stranger', history).bytes }));
  if (left === undefined || right === undefined) throw new Error('there are two histories');
  return [
    resolve('a good record', {}, told(stranger)),
    resolve('the newer of two records', { answers: [...of(stranger), { did: stranger.did, record: two_keyed }] }, told(stranger, { keys: [stranger.signer.key_id, spare_id] })),
    resolve('a DID of which nobody has a record', { answers: [] }, refused('DID_NOT_FOUND', 'notFound', 'NOT_FOUND')),
    resolve('a record that has expired', { now_ms: start_ms + 49 * 60 * minute_ms }, refused('RECORD_EXPIRED', 'notFound', 'NOT_FOUND')),
    resolve('nothing but bytes that are no record', { answers: [garbage, garbage] }, invalid_document),
    resolve('nothing but the record of another DID', { answers: [{ did: stranger.did, record: sponsor.record.bytes }] }, invalid_document),
    resolve('a good record among bytes that are none', { answers: [garbage, ...of(stranger), garbage] }, told(stranger)),
    resolve('two histories of one DID', { answers: [left, right] }, refused('DID_DUPLICITY', 'invalidDidDocument', 'INVALID_DID_DOCUMENT')),
    resolve('a deactivated DID', { answers: [{ did: stranger.did, record: renewed(stranger, 'vectors, stranger', { deactivated: true }) }] }, told(stranger, gone)),
    resolve('a DID of another method', { did: 'did:example:1' }, refused('DID_METHOD_UNSUPPORTED', 'unsupportedDidMethod', 'METHOD_NOT_SUPPORTED')),
    resolve('what is no DID', { did: 'did:mesh:b234' }, refused('DID_INVALID', 'invalidDid', 'INVALID_DID')),
  ];
}

async function revocations(): Promise<VectorCase[]> {
  const both = [{ did: stranger.did, record: two_keyed }];
  const upwards = of(helper, employee, company);
  const of_helper = (changes: Fields = {}): Fields => told(helper, { sponsor_status: 'ok', ...changes });
  return [
    resolve('a DID that revoked itself', { revocations: [await revoked(stranger, { kind: 'did', id: stranger.did })] }, told(stranger, { ...gone, revoked_by: stranger.did })),
    resolve('a DID that somebody else revoked', { answers: of(stranger, sponsor), revocations: [await revoked(sponsor, { kind: 'did', id: stranger.did })] }, told(stranger)),
    resolve('an agent that its sponsor revoked', { did: a.did, answers: of(a, sponsor), revocations: [await revoked(sponsor, { kind: 'agent', id: a.did })] }, told(a, { ...gone, revoked_by: sponsor.did, sponsor_status: 'ok' })),
    resolve('an agent', { did: helper.did, answers: upwards }, of_helper()),
    resolve('an agent that the organisation above its sponsor revoked', { did: helper.did, answers: upwards, revocations: [await revoked(company, { kind: 'agent', id: helper.did })] }, of_helper({ ...gone, revoked_by: company.did })),
    resolve('an agent for which its sponsor answers no more', { did: a.did, answers: of(a, sponsor), revocations: [await revoked(sponsor, { kind: 'sponsorship', id: a.did })] }, told(a, { sponsor_status: 'SPONSOR_WITHDRAWN' })),
    resolve('an agent whose sponsor was revoked', { did: a.did, answers: of(a, sponsor), revocations: [await revoked(sponsor, { kind: 'did', id: sponsor.did })] }, told(a, { sponsor_status: 'SPONSOR_WITHDRAWN' })),
    resolve('an agent whose sponsor nobody knows', { did: a.did, answers: of(a) }, told(a, { sponsor_status: 'SPONSOR_UNKNOWN' })),
    resolve('one of two keys revoked', { answers: both, revocations: [await revoked(stranger, { kind: 'key', id: spare_id })] }, told(stranger, { revoked_keys: [spare_id] })),
    resolve('the only key revoked', { revocations: [await revoked(stranger, { kind: 'key', id: stranger.signer.key_id })] }, told(stranger, { revoked_keys: [stranger.signer.key_id], keys: [] })),
    resolve('a key that somebody else revoked', { answers: [...both, ...of(sponsor)], revocations: [await revoked(sponsor, { kind: 'key', id: spare_id })] }, told(stranger, { keys: [stranger.signer.key_id, spare_id] })),
  ];
}

function options(): VectorCase[] {
  const unsupported = refused('REPRESENTATION_NOT_SUPPORTED', 'representationNotSupported', 'REPRESENTATION_NOT_SUPPORTED');
  const bad = refused('INVALID_OPTIONS', 'invalidOptions', 'INVALID_OPTIONS');
  const another_version = refused('FEATURE_NOT_SUPPORTED', 'featureNotSupported', 'FEATURE_NOT_SUPPORTED');
  const accepts = ['application/did+ld+json', 'application/did+json', 'application/did'].map((accept) => resolve(`accept ${accept}`, { options: { accept } }, told(stranger, { content_type: accept })));
  return [
    ...accepts,
    resolve('accept whatever there is', { options: { accept: '*/*' } }, told(stranger)),
    resolve('accept a list with one of ours', { options: { accept: 'text/html, application/did+json;q=0.9' } }, told(stranger, { content_type: 'application/did+json' })),
    resolve('accept what no document is', { options: { accept: 'text/html' } }, unsupported),
    resolve('accept a form of documents that is not made', { options: { accept: 'application/did+cbor' } }, unsupported),
    resolve('accept a number', { options: { accept: 7 } }, bad),
    resolve('fresh, but how', { options: { fresh: 'yes' } }, bad),
    resolve('noCache, but how', { options: { noCache: 1 } }, bad),
    resolve('a former version by its id', { options: { versionId: '0-0' } }, another_version),
    resolve('a former version by its time', { options: { versionTime: '2026-01-01T00:00:00Z' } }, another_version),
    resolve('an option that nobody knows', { options: { colour: 'red' } }, told(stranger)),
  ];
}

/** Every case about DID resolution. */
export async function resolutionCases(): Promise<readonly VectorCase[]> {
  return [...records(), ...await revocations(), ...options()];
}
