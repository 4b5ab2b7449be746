import * as assert from 'uvu/assert';
import { didDocument, keyDocument, type DidDocument } from '../../crypto/did-document.ts';
import { methodId, signEvent } from '../../crypto/did-events.ts';
import { parseDidKey } from '../../crypto/did-key.ts';
import { encodeRecord, verifyRecord } from '../../crypto/did-record.ts';
import { unwrap } from '../../crypto/result.ts';
import { suite } from '../harness.ts';
import { keyNamed, person, start_ms } from '../people.ts';

const test = suite('crypto/did-document');
const alice = await person('alice');
const bob = await person('bob');
const did_url = /^did:[a-z0-9]+:[A-Za-z0-9._-]+#[A-Za-z0-9._-]+$/;

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('not a list');
  return value;
}

/** What DID Core 1.0 asks of a document: sections 4.1, 5.1 to 5.4. */
function check(document: DidDocument): void {
  assert.is(listOf(document['@context'])[0], 'https://www.w3.org/ns/did/v1');
  const methods = listOf(document['verificationMethod']).map((method) => JSON.parse(JSON.stringify(method)));
  const ids = methods.map(({ id }) => String(id));
  assert.is(new Set(ids).size, ids.length);
  for (const { id, type, controller, publicKeyJwk } of methods) {
    assert.match(id, did_url);
    assert.ok(String(id).startsWith(`${String(document['id'])}#`));
    assert.is(controller, document['id']);
    assert.is(type, 'JsonWebKey2020');
    assert.equal(Object.keys(publicKeyJwk).sort(), ['crv', 'kty', 'x'], 'no private part');
  }
  for (const relationship of ['authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation']) {
    for (const id of listOf(document[relationship])) assert.ok(ids.includes(String(id)), `${relationship} names a method of the document`);
  }
  for (const service of listOf(document['service'] ?? [])) {
    const { id, type, serviceEndpoint } = JSON.parse(JSON.stringify(service));
    assert.match(id, did_url);
    assert.type(type, 'string');
    assert.ok(listOf(serviceEndpoint).length > 0);
  }
}

test('a record\'s document is what DID Core asks for, with services, several keys and retired ones', () => {
  const [log, old] = [keyNamed('log').public_key, keyNamed('old').public_key];
  const document = signEvent({
    ...alice.document,
    methods: [...alice.document.methods, { id: 'log', key: log, uses: ['log' as const] }],
    retired: [{ id: methodId(old), key: old, uses: ['assertionMethod' as const], until: start_ms }],
    services: [{ id: 'mesh', type: 'MeshP2P' as const, endpoints: ['/ip4/203.0.113.9/tcp/4001/p2p/x'] }],
    successor: bob.did,
  }, [{ index: 0, key: keyNamed('alice, update') }]);
  const record = unwrap(verifyRecord(encodeRecord({ establishments: [alice.establishment], document, attestations: [], witness_signatures: [] }), { now_ms: start_ms }));
  const shown = didDocument(record);
  check(shown);
  assert.equal(shown['alsoKnownAs'], [bob.did]);
  assert.equal(shown['authentication'], [alice.signer.key_id]);
  assert.equal(shown['assertionMethod'], [alice.signer.key_id, `${alice.did}#log`]);
  assert.not.ok(JSON.stringify(shown).includes(methodId(old)), 'a retired key is no key of the document');
});

test('the document of a did:key is what DID Core asks for', () => {
  check(keyDocument(unwrap(parseDidKey('did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'))));
});

test.run();
