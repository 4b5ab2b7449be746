import * as assert from 'uvu/assert';
import { methodId, signEvent, type DocumentEvent } from '../../crypto/did-events.ts';
import { encodeRecord, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { resolution, type ResolutionParts } from '../../protocols/identity/resolution.ts';
import type { Resolution, ResolutionOptions } from '../../protocols/identity/index.ts';
import { suite } from '../harness.ts';
import { agentOf, keyNamed, person, start_ms, type Person } from '../people.ts';

const test = suite('protocols/resolution');
const alice = await person('alice');
const bob = await person('bob');
const scout = await agentOf(alice, 'scout');

/** Somebody's record with another document. */
function changed(of: Person, name: string, changes: Partial<DocumentEvent>): DidRecord {
  const document = signEvent({ ...of.document, ...changes }, [{ index: 0, key: keyNamed(`${name}, update`) }]);
  return unwrap(verifyRecord(encodeRecord({ establishments: [of.establishment], document, attestations: of.record.attestations, witness_signatures: [] }), { now_ms: start_ms }));
}

/** Resolves from these records. */
function parts(records: readonly DidRecord[], more: Partial<ResolutionParts> = {}): ResolutionParts {
  return {
    resolve(did) {
      const record = records.find((known) => known.did === did);
      return Promise.resolve(record === undefined ? fail('DID_NOT_FOUND', 'nobody has it') : ok({ record, source: 'dht' as const, answers: 3, age_ms: 40 }));
    },
    ...more,
  };
}

function shown({ didDocumentMetadata, didResolutionMetadata }: Resolution): { readonly [name: string]: unknown } {
  return JSON.parse(JSON.stringify({ ...didDocumentMetadata, ...didResolutionMetadata }));
}

test('each failure has the string of did-resolver and the problem object of the W3C draft', async () => {
  for (const [code, error, type] of [
    ['DID_INVALID', 'invalidDid', 'INVALID_DID'], ['DID_METHOD_UNSUPPORTED', 'unsupportedDidMethod', 'METHOD_NOT_SUPPORTED'], ['DID_NOT_FOUND', 'notFound', 'NOT_FOUND'],
    ['RECORD_EXPIRED', 'notFound', 'NOT_FOUND'], ['RECORD_INVALID', 'invalidDidDocument', 'INVALID_DID_DOCUMENT'], ['DID_DUPLICITY', 'invalidDidDocument', 'INVALID_DID_DOCUMENT'], ['LOOKUP_TIMEOUT', 'internalError', 'INTERNAL_ERROR'], ['ANYTHING_ELSE', 'internalError', 'INTERNAL_ERROR'],
  ] as const) {
    const failed = await resolution(alice.did, {}, { resolve: () => Promise.resolve(fail(code, 'the reason', { fix: 'the fix' })) });
    assert.is(failed.didDocument, null);
    const { error: text, errorObject, message } = shown(failed);
    assert.is(text, error, code);
    assert.is(message, 'the reason');
    const { title, ...problem } = JSON.parse(JSON.stringify(errorObject));
    assert.equal(problem, { type: `https://www.w3.org/ns/did#${type}`, detail: 'the reason (the fix)' });
    assert.ok(String(title).length > 5);
  }
  const thrown = await resolution(alice.did, {}, { resolve: () => Promise.reject(new Error('the disk is gone')) });
  assert.is(shown(thrown)['error'], 'internalError');
});

test('options that cannot be met fail before anybody is asked', async () => {
  const cases: readonly (readonly [ResolutionOptions, string])[] = [
    [{ accept: 'text/html' }, 'representationNotSupported'], [{ accept: '' }, 'representationNotSupported'], [{ accept: 'application/did+cbor' }, 'representationNotSupported'],
    [{ fresh: JSON.parse('"yes"') }, 'invalidOptions'], [{ accept: JSON.parse('7') }, 'invalidOptions'], [{ cache: 'no' }, 'invalidOptions'], [{ noCache: 1 }, 'invalidOptions'],
    [{ versionId: '0-1' }, 'featureNotSupported'], [{ versionTime: '2026-01-01T00:00:00Z' }, 'featureNotSupported'],
  ];
  for (const [options, error] of cases) {
    const asked = await resolution(alice.did, options, { resolve: () => Promise.reject(new Error('nobody is to be asked')) });
    assert.is(shown(asked)['error'], error, JSON.stringify(options));
  }
});

test('media types of documents are answered in kind, and no-cache options ask afresh', async () => {
  const fresh: boolean[] = [];
  const answering: ResolutionParts = {
    resolve(_did, asked) {
      fresh.push(asked);
      return Promise.resolve(ok({ record: alice.record, source: 'cache' as const, answers: 0, age_ms: null }));
    },
  };
  for (const [accept, type] of [
    [undefined, 'application/did+ld+json'], ['application/did+json', 'application/did+json'], ['application/did', 'application/did'], ['*/*', 'application/did+ld+json'],
    ['text/html, application/did+json;q=0.9', 'application/did+json'],
  ] as const) {
    assert.is(shown(await resolution(alice.did, accept === undefined ? {} : { accept }, answering))['contentType'], type);
  }
  fresh.length = 0;
  for (const options of [{}, { cache: true }, { fresh: true }, { cache: false }, { noCache: true }]) await resolution(alice.did, options, answering);
  assert.equal(fresh, [false, false, true, true, true]);
});

test('the metadata say when, which version, who answers for it and how it is known', async () => {
  const { created, updated, nextUpdate, versionId, mesh, deactivated, equivalentId } = shown(await resolution(scout.did, {}, parts([scout.record, alice.record], { unsponsored: () => undefined })));
  assert.is(created, '2026-01-01T00:00:00Z');
  assert.is(updated, '2026-01-01T00:00:00Z');
  assert.is(nextUpdate, '2026-01-03T00:00:00Z');
  assert.is(versionId, '0-1');
  assert.is(deactivated, undefined);
  assert.is(equivalentId, undefined);
  const { record: _, ...rest } = JSON.parse(JSON.stringify(mesh));
  assert.equal(rest, {
    kind: 'agent', name: 'scout', sponsor: alice.did, capabilities: [], sponsor_status: 'ok', witnesses: { count: 0, threshold: 0 }, duplicity: false, source: 'dht', answers: 3, age_ms: 40,
  });
  const meshOf = async (did: string, more: Partial<ResolutionParts>): Promise<{ readonly [name: string]: unknown }> =>
    JSON.parse(JSON.stringify(shown(await resolution(did, {}, parts([scout.record, alice.record], more)))['mesh']));
  assert.is((await meshOf(scout.did, { unsponsored: () => ({ code: 'SPONSOR_EXPIRED', reason: 'over' }) }))['sponsor_status'], 'SPONSOR_EXPIRED');
  assert.is((await meshOf(alice.did, { unsponsored: () => undefined }))['sponsor_status'], null, 'nobody has to answer for a human');
});

test('the sponsor and the organisation above it are looked up before it is said who answers', async () => {
  const acme = await person('acme', { kind: 'org' });
  const bob = await person('bob', { sponsor: acme.did });
  const clerk = await agentOf(bob, 'clerk');
  const asked: string[] = [];
  const { resolve } = parts([clerk.record, bob.record, acme.record]);
  await resolution(clerk.did, {}, { resolve: (did, fresh) => (asked.push(did), resolve(did, fresh)), unsponsored: () => undefined });
  assert.equal(asked, [clerk.did, bob.did, acme.did]);
});

test('a successor is the canonical DID where both documents say so, and not where one alone does', async () => {
  const old = changed(alice, 'alice', { successor: bob.did });
  const heir = changed(bob, 'bob', { predecessor: alice.did });
  const both = parts([old, heir]);
  const of_old = shown(await resolution(alice.did, {}, both));
  assert.equal([of_old['canonicalId'], of_old['equivalentId']], [bob.did, [bob.did]]);
  const of_heir = shown(await resolution(bob.did, {}, both));
  assert.equal([of_heir['canonicalId'], of_heir['equivalentId']], [undefined, [alice.did]]);
  for (const records of [[old, bob.record], [old], [alice.record, heir]]) {
    const asked = records[0] === alice.record ? bob.did : alice.did;
    const { canonicalId, equivalentId } = shown(await resolution(asked, {}, parts(records)));
    assert.equal([canonicalId, equivalentId], [undefined, undefined], 'one side alone');
  }
});

test('a deactivated DID has metadata and no document', async () => {
  const ended = await resolution(alice.did, {}, parts([changed(alice, 'alice', { deactivated: true })]));
  assert.is(ended.didDocument, null);
  assert.is(shown(ended)['deactivated'], true);
  assert.is(shown(ended)['error'], undefined);
});

test('a revoked DID has no document and counts as deactivated, and it is said by whom and why', async () => {
  const asked: string[] = [];
  const { resolve } = parts([scout.record, alice.record]);
  const ended = await resolution(scout.did, {}, {
    resolve: (did, fresh) => (asked.push(did), resolve(did, fresh)),
    revokedDid(did) {
      assert.equal([did, asked], [scout.did, [scout.did, alice.did]], 'who may have revoked it is looked up before');
      return { code: 'REVOKED', reason: 'it ran wild', detail: { kind: 'agent', id: did, by: alice.did, statement: 'hash' } };
    },
  });
  assert.is(ended.didDocument, null);
  const { deactivated, error, mesh } = shown(ended);
  assert.equal([deactivated, error], [true, undefined]);
  assert.equal(JSON.parse(JSON.stringify(mesh)).revoked, { by: alice.did, why: 'it ran wild', statement: 'hash' });
});

test('a revoked key is in no part of the document, and is named', async () => {
  const spare = { id: methodId(keyNamed('spare').public_key), key: keyNamed('spare').public_key, uses: ['authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation'] as const };
  const of_two = changed(alice, 'alice', { methods: [...alice.document.methods, spare] });
  const whole = await resolution(alice.did, {}, parts([of_two], { revokedKey: () => undefined }));
  const revoked = await resolution(alice.did, {}, parts([of_two], { revokedKey: (key_id) => key_id === alice.signer.key_id ? { code: 'REVOKED', reason: 'lost' } : undefined }));
  assert.is(JSON.stringify(whole.didDocument).split(alice.signer.key_id).length - 1, 5, 'as a method and in four relationships');
  assert.is(JSON.stringify(revoked.didDocument).includes(alice.signer.key_id), false);
  assert.is(JSON.stringify(revoked.didDocument).split(spare.id).length - 1, 5);
  const { deactivated, mesh } = shown(revoked);
  assert.equal([deactivated, JSON.parse(JSON.stringify(mesh)).revoked_keys, JSON.parse(JSON.stringify(shown(whole)['mesh'])).revoked_keys], [undefined, [alice.signer.key_id], undefined]);
});

test('an agent for which nobody answers keeps its document', async () => {
  const left = await resolution(scout.did, {}, parts([scout.record, alice.record], { unsponsored: () => ({ code: 'SPONSOR_WITHDRAWN', reason: 'over' }), revokedDid: () => undefined, revokedKey: () => undefined }));
  assert.is(left.didDocument?.['id'], scout.did);
  const { deactivated, mesh } = shown(left);
  assert.equal([deactivated, JSON.parse(JSON.stringify(mesh)).sponsor_status], [undefined, 'SPONSOR_WITHDRAWN']);
});

test('a did:key needs nobody, and a weak one is no DID', async () => {
  const nobody: ResolutionParts = { resolve: () => Promise.reject(new Error('nobody is to be asked')) };
  const did = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp';
  const { didDocument, didDocumentMetadata } = await resolution(did, {}, nobody);
  assert.is(didDocument?.['id'], did);
  assert.equal(didDocumentMetadata, { mesh: { source: 'key' } });
  assert.is(shown(await resolution(`${did}x`, {}, nobody))['error'], 'invalidDid');
  assert.is(shown(await resolution('did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme', {}, nobody))['error'], 'unsupportedDidMethod');
});

test.run();
