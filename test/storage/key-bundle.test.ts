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

test('what was sealed is there again, and two bundles of one identity share nothing', () => {
  const [one, two] = [sealBundle(bundle, 'travel', random), sealBundle(bundle, 'travel', random)];
  assert.equal(unwrap(openBundle(utf8(one), 'travel')), bundle);
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
  ];
  for (const [what, changed] of cases) {
    const opened = openBundle(utf8(sealBundle(changed, 'travel', random)), 'travel');
    assert.is(opened.ok ? 'ok' : opened.failure.code, 'BUNDLE_DAMAGED', what);
  }
});

test('whatever a file holds, it is refused with a code', () => {
  const codes = /^BUNDLE_(?:DAMAGED|VERSION|PASSPHRASE)$/;
  const refused = (bytes: Uint8Array): void => {
    const opened = openBundle(bytes, 'travel');
    assert.match(opened.ok ? 'ok' : opened.failure.code, codes);
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refused));
  fc.assert(fc.property(fc.json(), (text) => refused(utf8(text))));
  const shape: { readonly [name: string]: unknown } = JSON.parse(sealBundle(bundle, 'travel', random));
  // Without the three parts that are opened with scrypt, which takes its time.
  fc.assert(fc.property(fc.constantFrom('salt', 'nonce', 'sealed', 'version', 'protection', 'agentmesh'), fc.jsonValue(), (name, value) => {
    if (value === shape[name]) return;
    refused(utf8(JSON.stringify({ ...shape, [name]: value })));
  }), { numRuns: 40 });
  refused(new Uint8Array(bundle_bytes_max + 1));
});

test.run();
