import { randomBytes } from 'node:crypto';
import { utf8 } from '../../crypto/bytes.ts';
import { encodeCbor } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { bundle_bytes_max, keyPrefix, openBundle, parseBundle, sealBundle, type KeyBundle } from '../../storage/key-bundle.ts';
import { suite } from '../harness.ts';
import { asJson, testParser } from '../hostile-bytes.ts';
import { person } from '../people.ts';

const test = suite('storage/parsers');
const alice = await person('alice');
const label = '0011223344556677';
/** What scrypt costs is meant to be felt, so that the bounds are those of everything besides. */
const cost = 2;

const bundle: KeyBundle = {
  identity: {
    did: alice.did, name: 'alice', kind: 'human', sponsor: null, capabilities: [], label, establishments: [alice.establishment], witness_signatures: [], witness_nodes: [],
    pending: null, retired: [], successor: null, predecessor: null, deactivated: false, attestations: [], agent: null,
  },
  record: alice.record.bytes,
  seeds: new Map(['0/update', '1/update', '0/use'].map((name) => [`${keyPrefix(label)}${name}`, sha256(utf8(name))])),
};

testParser(test, {
  name: 'bundle of keys', parse: (bytes) => openBundle(bytes, 'travel', cost), bytes_max: bundle_bytes_max,
  samples: asJson(sealBundle(bundle, 'travel', (length) => new Uint8Array(randomBytes(length)), cost)),
});

testParser(test, {
  name: 'content of a bundle of keys', parse: parseBundle, bytes_max: bundle_bytes_max,
  samples: [encodeCbor({ identity: bundle.identity, seeds: Object.fromEntries(bundle.seeds), record: bundle.record })],
});

test.run();
