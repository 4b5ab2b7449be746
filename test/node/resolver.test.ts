import { DIDResolverPlugin } from '@veramo/did-resolver';
import { verifyJWT } from 'did-jwt';
import { Resolver } from 'did-resolver';
import * as assert from 'uvu/assert';
import { toBase64url } from '../../crypto/bytes.ts';
import { signEvent } from '../../crypto/did-events.ts';
import { encodeRecord } from '../../crypto/did-record.ts';
import { createToken } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import { signRevocation, type RevocationTarget } from '../../crypto/statement.ts';
import { createNode, getResolver } from '../../node/index.ts';
import { suite, type TestContext } from '../harness.ts';
import { keyNamed, person, start_ms, start_s, type Person } from '../people.ts';
import { hostWorld, type HostWorld } from '../simulated-hosts.ts';

const test = suite('node/resolver');
const alice = await person('alice');
const key_did = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp';

/** A host that knows a person. */
async function hostWith(context: TestContext, record: Uint8Array): Promise<HostWorld> {
  const world = await hostWorld(context, { count: 1 });
  unwrap(await world.finish(world.at(0).host.identity.offer([record])));
  return world;
}

function deactivated({ establishment, document }: Person): Uint8Array {
  const last = signEvent({ ...document, sequence: 2, deactivated: true }, [{ index: 0, key: keyNamed('alice, update') }]);
  return encodeRecord({ establishments: [establishment], document: last, attestations: [], witness_signatures: [] });
}

test('did-resolver resolves our DIDs, and each failure has its error', async (context) => {
  const world = await hostWith(context, alice.record.bytes);
  const resolver = new Resolver(getResolver(world.at(0)));
  const { didDocument, didDocumentMetadata, didResolutionMetadata } = await world.finish(resolver.resolve(alice.did));
  assert.is(didDocument?.id, alice.did);
  assert.is(didDocument?.verificationMethod?.[0]?.id, alice.signer.key_id);
  assert.is(didDocument?.verificationMethod?.[0]?.publicKeyJwk?.['x'], toBase64url(alice.signer.key.public_key));
  assert.is(didDocumentMetadata.versionId, '0-1');
  assert.equal(didResolutionMetadata, { contentType: 'application/did+ld+json' });
  assert.is((await resolver.resolve(key_did)).didDocument?.id, key_did);
  const errorOf = async (url: string, options = {}): Promise<unknown> => {
    const result = await world.finish(resolver.resolve(url, options));
    assert.is(result.didDocument, null, url);
    return result.didResolutionMetadata.error;
  };
  assert.is(await errorOf(`did:mesh:b${'a'.repeat(52)}`), 'notFound');
  assert.is(await errorOf('did:mesh:b234'), 'invalidDid');
  assert.is(await errorOf('did:key:z234'), 'unsupportedDidMethod');
  assert.is(await errorOf('did:web:example.com'), 'unsupportedDidMethod', 'off unless a program asks for it');
  assert.is(await errorOf(alice.did, { accept: 'text/html' }), 'representationNotSupported');
  assert.is(await errorOf(`${alice.did}?versionId=0-0`), 'featureNotSupported', 'another version is never answered with the newest');
  assert.is(await errorOf(`${alice.did}?versionTime=2020-01-01T00:00:00Z`), 'featureNotSupported');
});

test('did-jwt verifies what an identity of ours signed, and nothing of it once the DID is deactivated', async (context) => {
  const world = await hostWith(context, alice.record.bytes);
  const token = await createToken('mesh-sponsor+jwt', alice.signer, { sub: 'somebody', nbf: start_s, exp: start_s + 3600 });
  const verify = (): ReturnType<typeof verifyJWT> => verifyJWT(token, { resolver: new Resolver(getResolver(world.at(0))), policies: { now: start_s + 60 } });
  const verified = await world.finish(verify());
  assert.is(verified.verified, true);
  assert.is(verified.issuer, alice.did);
  assert.is(verified.signer.id, alice.signer.key_id);
  const forged = `${token.slice(0, -4)}AAAA`;
  const refused = await world.finish(verifyJWT(forged, { resolver: new Resolver(getResolver(world.at(0))), policies: { now: start_s + 60 } }).then(() => 'accepted', () => 'refused'));
  assert.is(refused, 'refused');
  unwrap(await world.finish(world.at(0).host.identity.offer([deactivated(alice)])));
  const ended = await world.finish(new Resolver(getResolver(world.at(0))).resolve(alice.did));
  assert.is(ended.didDocument, null);
  assert.is(ended.didDocumentMetadata.deactivated, true);
  assert.is(ended.didResolutionMetadata.error, undefined);
  assert.is(await world.finish(verify().then(() => 'accepted', () => 'refused')), 'refused');
});

test('Veramo\'s resolver plugin resolves our DIDs and finds their keys', async (context) => {
  const world = await hostWith(context, alice.record.bytes);
  const plugin = new DIDResolverPlugin({ ...getResolver(world.at(0)) });
  const { didDocument, didResolutionMetadata } = await world.finish(plugin.resolveDid({ didUrl: alice.did }));
  assert.is(didDocument?.id, alice.did);
  assert.is(didResolutionMetadata.contentType, 'application/did+ld+json');
  if (didDocument === null) throw new Error('there is no document');
  const method = await plugin.getDIDComponentById({ didDocument, didUrl: alice.signer.key_id, section: 'authentication' });
  assert.is(typeof method === 'string' ? method : method['id'], alice.signer.key_id);
  assert.is((await world.finish(plugin.resolveDid({ didUrl: key_did }))).didDocument?.id, key_did);
  assert.is((await world.finish(plugin.resolveDid({ didUrl: 'did:mesh:b234' }))).didResolutionMetadata.error, 'invalidDid');
});

/** A revocation by somebody is made known at the host. */
async function revoke(world: HostWorld, by: Person, target: RevocationTarget): Promise<void> {
  const text = unwrap(await signRevocation(by.signer, { target, seq: start_ms, nbf: start_s, why: 'stolen' }));
  await world.get(world.at(0).host.statements.publish(text));
}

test('did-jwt verifies nothing of a key that was revoked, and nothing of a DID that was', async (context) => {
  const mallory = await person('mallory');
  for (const target of [{ kind: 'key', id: alice.signer.key_id }, { kind: 'did', id: alice.did }] as const) {
    const world = await hostWith(context, alice.record.bytes);
    unwrap(await world.finish(world.at(0).host.identity.offer([mallory.record.bytes])));
    const resolver = new Resolver(getResolver(world.at(0)));
    const token = await createToken('mesh-sponsor+jwt', alice.signer, { sub: 'somebody', nbf: start_s, exp: start_s + 3600 });
    const verify = (): Promise<string> => world.finish(verifyJWT(token, { resolver, policies: { now: start_s + 60 } }).then(({ verified }) => `verified: ${verified}`, () => 'refused'));
    assert.is(await verify(), 'verified: true');
    await revoke(world, mallory, target);
    assert.is(await verify(), 'verified: true', 'a stranger revokes nothing');
    await revoke(world, alice, target);
    assert.is(await verify(), 'refused', target.kind);
    const { didDocument, didDocumentMetadata, didResolutionMetadata } = await world.finish(resolver.resolve(alice.did));
    assert.is(didResolutionMetadata.error, undefined);
    const { revoked, revoked_keys } = didDocumentMetadata['mesh'];
    if (target.kind === 'key') {
      assert.equal([didDocument?.verificationMethod, didDocument?.authentication, didDocument?.assertionMethod, revoked_keys], [[], [], [], [alice.signer.key_id]]);
    } else {
      assert.equal([didDocument, didDocumentMetadata.deactivated, revoked.by], [null, true, alice.did]);
      assert.match(revoked.why, /was revoked by did:mesh:.*: stolen$/);
      assert.is(revoked.statement, world.at(0).host.statement_store.revocation('did', alice.did, alice.did)?.hash);
    }
  }
});

test('Veramo\'s resolver plugin finds no key that was revoked', async (context) => {
  const world = await hostWith(context, alice.record.bytes);
  await revoke(world, alice, { kind: 'key', id: alice.signer.key_id });
  const plugin = new DIDResolverPlugin({ ...getResolver(world.at(0)) });
  const { didDocument } = await world.finish(plugin.resolveDid({ didUrl: alice.did }));
  if (didDocument === null) throw new Error('there is no document');
  const found = await plugin.getDIDComponentById({ didDocument, didUrl: alice.signer.key_id, section: 'authentication' }).then(() => 'found', () => 'not found');
  assert.is(found, 'not found');
});

test('an agent and its sponsor on another host resolve with who answers for them', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const agent = await world.hire(0, 'scout');
  const resolver = new Resolver(getResolver(world.at(1)));
  const { didDocumentMetadata } = await world.finish(resolver.resolve(agent.did));
  const { mesh } = didDocumentMetadata;
  assert.is(mesh.kind, 'agent');
  assert.is(mesh.sponsor, world.sponsor(0).did);
  assert.is(mesh.sponsor_status, 'ok');
  assert.is(mesh.source, 'dht');
  assert.ok(mesh.answers >= 1);
  assert.is(mesh.duplicity, false);
  assert.equal(mesh.witnesses, { count: 0, threshold: 0 });
  const again = await world.finish(resolver.resolve(agent.did));
  assert.is(again.didDocumentMetadata['mesh'].source, 'cache');
  assert.is((await world.finish(new Resolver(getResolver(world.at(0))).resolve(agent.did))).didDocumentMetadata['mesh'].source, 'own');
  assert.is(start_ms <= Date.parse(didDocumentMetadata.created ?? ''), true);
});

test('a real node resolves itself for did-jwt', async (context) => {
  const node = unwrap(await createNode({ data: context.folder(), name: 'real', control: false, listen: ['/ip4/127.0.0.1/tcp/0'] }));
  context.after(() => node.stop());
  const now_s = Math.floor(Date.now() / 1000);
  const token = await createToken('mesh-sponsor+jwt', node.host.identities.node.signer, { sub: 'somebody', nbf: now_s, exp: now_s + 60 });
  const verified = await verifyJWT(token, { resolver: new Resolver(getResolver(node, { web: true })) });
  assert.is(verified.issuer, node.did);
  const web = await new Resolver(getResolver(node, { web: true })).resolve('did:web:127.0.0.1');
  assert.is(web.didResolutionMetadata.error, 'invalidDid');
});

test.run();
