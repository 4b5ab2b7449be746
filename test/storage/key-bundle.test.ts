import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import type { StoredIdentity } from '../../storage/identities.ts';
import { bundle_bytes_max, keyPrefix, openBundle, sealBundle, type KeyBundle } from '../../storage/key-bundle.ts';
import { suite } from '../harness.ts';
import { person } from '../people.ts';

const test = suite('storage/key-bundle');
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const alice = await person('alice');
const bob = await person('bob');
const node = await person('node', { kind: 'node' });
const label = '0011223344556677';
// Scrypt at its true cost is proved once, below; the rest of the tests need not wait for it.
const cost = 2 ** 4;

function stored({ did, establishment, record }: typeof alice): StoredIdentity {
  return {
    did, name: 'alice', kind: record.kind, sponsor: null, capabilities: [], label, establishments: [establishment], witness_signatures: [], witness_nodes: [],
    pending: null, retired: [], successor: null, predecessor: null, deactivated: false, attestations: [], agent: null,
  };
}

const bundle: KeyBundle = {
  identity: stored(alice), record: alice.record.bytes,
  seeds: new Map(['0/update', '1/update', '0/use'].map((name) => [`${keyPrefix(label)}${name}`, sha256(utf8(name))])),
};

function withSeeds(...names: readonly string[]): KeyBundle {
  return { ...bundle, seeds: new Map([...bundle.seeds, ...names.map((name): [string, Uint8Array] => [`${keyPrefix(label)}${name}`, sha256(utf8(name))])]) };
}

function relabelled(other: string): KeyBundle {
  const seeds = new Map([...bundle.seeds].map(([name, seed]) => [name.replace(keyPrefix(label), keyPrefix(other)), seed]));
  return { ...bundle, seeds, identity: { ...bundle.identity, label: other } };
}

test('what was sealed is there again, and two bundles of one identity share nothing', () => {
  const [one, two] = [sealBundle(bundle, 'travel', random), sealBundle(bundle, 'travel', random)];
  assert.equal(unwrap(openBundle(utf8(one), 'travel')), bundle);
  const cheap = openBundle(utf8(one), 'travel', cost);
  assert.is(cheap.ok ? 'ok' : cheap.failure.code, 'BUNDLE_PASSPHRASE', 'what nobody asks to be cheap is sealed at the cost of a file that travels');
  const parts = (text: string): readonly unknown[] => {
    const { salt, nonce, sealed } = JSON.parse(text);
    return [salt, nonce, sealed];
  };
  assert.not.ok(parts(one).some((part, index) => part === parts(two)[index]));
});

test('a bundle whose parts do not belong together is refused, however well it is sealed', () => {
  const cases: readonly (readonly [string, KeyBundle])[] = [
    ['the events of another', { ...bundle, identity: { ...bundle.identity, establishments: [bob.establishment] } }],
    ['another kind', { ...bundle, identity: { ...bundle.identity, kind: 'org' } }],
    ['a node', { ...bundle, identity: stored(node), record: null }],
    ['a key of another identity', { ...bundle, seeds: new Map([...bundle.seeds, ['peer', sha256(utf8('peer'))]]) }],
    ['the record of another', { ...bundle, record: bob.record.bytes }],
    ['a label that reaches into the names of another identity', relabelled('8899aabbccddeeff/0')],
    ['a label that is none', relabelled('')],
    ['a key for a rotation to come, which its maker would know for good', withSeeds('2/use')],
    ['an update key for a rotation to come', withSeeds('3/update')],
    ['a key of no use', withSeeds('0/else')],
    ['a key of a number that is none', withSeeds('00/use')],
  ];
  for (const [what, changed] of cases) {
    const opened = openBundle(utf8(sealBundle(changed, 'travel', random, cost)), 'travel', cost);
    assert.is(opened.ok ? 'ok' : opened.failure.code, 'BUNDLE_DAMAGED', what);
  }
});

test('the keys of a rotation that was begun come along', () => {
  const begun = withSeeds('1/use', '2/update');
  assert.equal(unwrap(openBundle(utf8(sealBundle(begun, 'travel', random, cost)), 'travel', cost)), begun);
});

test('whatever a file holds, it is refused with a code', () => {
  const codes = /^BUNDLE_(?:DAMAGED|VERSION|PASSPHRASE)$/;
  const refused = (bytes: Uint8Array): void => {
    const opened = openBundle(bytes, 'travel', cost);
    assert.match(opened.ok ? 'ok' : opened.failure.code, codes);
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refused));
  fc.assert(fc.property(fc.json(), (text) => refused(utf8(text))));
  const shape: { readonly [name: string]: unknown } = JSON.parse(sealBundle(bundle, 'travel', random, cost));
  fc.assert(fc.property(fc.constantFrom('salt', 'nonce', 'sealed', 'version', 'protection', 'agentmesh'), fc.jsonValue(), (name, value) => {
    if (value === shape[name]) return;
    refused(utf8(JSON.stringify({ ...shape, [name]: value })));
  }));
  refused(new Uint8Array(bundle_bytes_max + 1));
});

test.run();
