import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { concat, equal, fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { checkpointBody, logOrigin, signCheckpoint, withLines } from '../../crypto/checkpoint.ts';
import {
  cosignerRollbackEvidence, cosignerSplitEvidence, evidence_bytes_max, leafConflictEvidence, packed_evidence_bytes_max, packEvidence, sameSizeEvidence,
  statedEvidence, unpackEvidence, verifyEvidence, type EvidenceKind,
} from '../../crypto/fork-evidence.ts';
import { foldNodes, inclusionNodes, leafHash, nodeHash } from '../../crypto/merkle.ts';
import { signature_type_log, signature_type_witness, signNote, verifierKey } from '../../crypto/note.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { formatProof } from '../../crypto/tlog-proof.ts';
import { keyNamed, person } from '../people.ts';
import { suite } from '../harness.ts';
import { TestLog, TestWitness, treeOf } from './fork-evidence-world.ts';

const test = suite('crypto/fork-evidence');

const { did } = await person('accused');
const log = new TestLog(did, keyNamed('log'));
const witness = new TestWitness(did, keyNamed('witness'));
const bystander = new TestWitness((await person('bystander')).did, keyNamed('bystander'));
const watched = new TestLog((await person('watched')).did, keyNamed('watched'));
const [tree, other] = [treeOf(7, 'a'), treeOf(7, 'b')];
const notes = [log.note(tree), log.note(other)] as const;
const cosigned = (which: typeof tree, size: number, time_s: number): Uint8Array => witness.cosigned(watched, watched.head(which, size), time_s);

const files: { readonly [kind in EvidenceKind]: Uint8Array } = {
  'same-size': unwrap(sameSizeEvidence(log.verifier_key, notes)),
  'leaf-conflict': unwrap(leafConflictEvidence(log.verifier_key, [log.leaf(tree, 3, 5), log.leaf(other, 3, 7)])),
  'cosigner-split': unwrap(cosignerSplitEvidence(witness.verifier_key, [cosigned(tree, 7, 100), cosigned(other, 7, 200)])),
  'cosigner-rollback': unwrap(cosignerRollbackEvidence(witness.verifier_key, [cosigned(tree, 7, 100), cosigned(tree, 5, 101)])),
};
const kinds: readonly EvidenceKind[] = ['same-size', 'leaf-conflict', 'cosigner-split', 'cosigner-rollback'];

function refused(result: Result<unknown>, why: string): void {
  assert.is(result.ok ? 'it counts' : result.failure.code, 'EVIDENCE_INVALID', why);
}

test('each kind says who is accused of what, from nothing but the file', () => {
  for (const kind of kinds) {
    const said = unwrap(verifyEvidence(files[kind]));
    const is_log = kind === 'same-size' || kind === 'leaf-conflict';
    assert.is(said.kind, kind);
    assert.equal(said.accused, {
      did, role: is_log ? 'log' : 'witness', name: is_log ? log.origin : witness.name, verifier_key: is_log ? log.verifier_key : witness.verifier_key,
      public_key: is_log ? log.key.public_key : witness.key.public_key,
    });
    assert.is(said.origin, is_log ? log.origin : watched.origin);
    assert.ok(said.reason.includes(said.accused.name) && said.reason.includes(said.origin), said.reason);
    assert.equal(statedEvidence(files[kind]), { kind, name: said.accused.name });
  }
  const sizes = kinds.map((kind) => unwrap(verifyEvidence(files[kind])).sizes.toSorted());
  assert.equal(sizes, [[7, 7], [5, 7], [7, 7], [5, 7]]);
  assert.match(unwrap(verifyEvidence(files['cosigner-rollback'])).reason, /7 entries at 100, 5 entries at 101/);
});

test('one misdeed has one spelling, whatever else stood in the notes and in whatever order they came', () => {
  const note = withLines(notes[0], [fromUtf8(bystander.cosigned(log, log.head(tree), 9))?.split('\n').at(-2) ?? '']);
  assert.equal(unwrap(sameSizeEvidence(log.verifier_key, [notes[1], note])), files['same-size']);
  assert.equal(unwrap(leafConflictEvidence(log.verifier_key, [log.leaf(other, 3, 7), log.leaf(tree, 3, 5)])), files['leaf-conflict']);
  assert.equal(unwrap(cosignerSplitEvidence(witness.verifier_key, [cosigned(other, 7, 200), cosigned(tree, 7, 100)])), files['cosigner-split']);
  assert.equal(unwrap(cosignerRollbackEvidence(witness.verifier_key, [cosigned(tree, 5, 101), cosigned(tree, 7, 100)])), files['cosigner-rollback']);
  const [first = '', second = ''] = (fromUtf8(files['same-size']) ?? '').split('part ').slice(1);
  const head = (fromUtf8(files['same-size']) ?? '').split('part ')[0] ?? '';
  unwrap(verifyEvidence(utf8(`${head}part ${first}part ${second}`)));
  refused(verifyEvidence(utf8(`${head}part ${second}part ${first}`)), 'the other order');
  refused(verifyEvidence(utf8(`${head}part ${note.length}\n${fromUtf8(note) ?? ''}\npart ${second}`)), 'a signature too many');
});

test('what an honest log and an honest witness sign proves nothing', () => {
  const { verifier_key } = log;
  refused(sameSizeEvidence(verifier_key, [notes[0], notes[0]]), 'the same head twice');
  refused(sameSizeEvidence(verifier_key, [notes[0], log.note(other, 5)]), 'two sizes');
  refused(leafConflictEvidence(verifier_key, [log.leaf(tree, 3, 5), log.leaf(tree, 3, 7)]), 'the same leaf');
  refused(leafConflictEvidence(verifier_key, [log.leaf(tree, 2), log.leaf(tree, 3)]), 'two places');
  refused(cosignerSplitEvidence(witness.verifier_key, [cosigned(tree, 7, 100), cosigned(tree, 7, 200)]), 'one tree, cosigned twice');
  refused(cosignerSplitEvidence(witness.verifier_key, [cosigned(tree, 7, 100), witness.cosigned(log, log.head(other), 100)]), 'two logs');
  refused(cosignerRollbackEvidence(witness.verifier_key, [cosigned(tree, 5, 100), cosigned(tree, 7, 101)]), 'a tree that grew');
  refused(cosignerRollbackEvidence(witness.verifier_key, [cosigned(tree, 7, 100), cosigned(tree, 5, 100)]), 'two in one second');
  refused(cosignerRollbackEvidence(witness.verifier_key, [cosigned(tree, 7, 100), witness.cosigned(log, log.head(tree, 5), 101)]), 'two logs');
});

test('nobody is accused by the word of another key', () => {
  const stranger = keyNamed('stranger');
  const forged = signCheckpoint(stranger, log.head(other));
  refused(sameSizeEvidence(log.verifier_key, [notes[0], forged]), 'a head of another key in the name of the log');
  const both = [tree, other].map((which) => signCheckpoint(stranger, log.head(which)));
  refused(sameSizeEvidence(verifierKey(log.origin, signature_type_log, stranger.public_key), [both[0] ?? forged, both[1] ?? forged]), 'a key that the name does not commit to');
  refused(sameSizeEvidence(witness.verifier_key, [cosigned(tree, 7, 100), cosigned(other, 7, 200)]), 'a witness is no log');
  refused(cosignerSplitEvidence(log.verifier_key, notes), 'a log is no witness');
  refused(sameSizeEvidence(verifierKey(log.origin, signature_type_witness, log.key.public_key), notes), 'a type that the name does not have');
  const elsewhere = logOrigin('did:mesh:belsewhere', log.key.public_key);
  const renamed = [tree, other].map((which) => signCheckpoint(log.key, { ...log.head(which), origin: elsewhere }));
  refused(sameSizeEvidence(log.verifier_key, [notes[0], renamed[1] ?? forged]), 'the same key under another origin');
  const abroad = [tree, other].map((which) => signNote(log.key, log.origin, checkpointBody({ ...log.head(which), origin: 'example.com/log' })));
  refused(sameSizeEvidence(log.verifier_key, [abroad[0] ?? forged, abroad[1] ?? forged]), 'two heads of another log, signed with the key and name of this one');
  const plain = verifierKey('example.com/log', signature_type_log, log.key.public_key);
  refused(sameSizeEvidence(plain, notes), 'a name without a DID');
  for (const base of ['https://example.com', 'did:', 'x/did:mesh:ba']) refused(sameSizeEvidence(verifierKey(logOrigin(base, log.key.public_key), signature_type_log, log.key.public_key), notes), base);
});

test('an inner node of the tree is no leaf, and a proof of another leaf is none', () => {
  const inner = nodeHash(tree.leaves[2] ?? leafHash(utf8('')), tree.leaves[3] ?? leafHash(utf8('')));
  const above = inclusionNodes(2, 7).slice(1).map((nodes) => foldNodes(nodes, ({ level, index }) => (level === 0 ? tree.leaves[index] ?? inner : nodeHash(tree.leaves[2 * index] ?? inner, tree.leaves[2 * index + 1] ?? inner))));
  const climbed = { leaf_hash: inner, proof: formatProof({ index: 1, hashes: above, checkpoint: notes[0] }) };
  refused(leafConflictEvidence(log.verifier_key, [log.leaf(tree, 1), climbed]), 'a node one level up');
  const wrong = { ...log.leaf(tree, 3), leaf_hash: leafHash(utf8('never logged')) };
  refused(leafConflictEvidence(log.verifier_key, [log.leaf(tree, 3), wrong]), 'a leaf that was never logged');
  refused(leafConflictEvidence(log.verifier_key, [log.leaf(tree, 3), { ...wrong, leaf_hash: new Uint8Array(31) }]), 'half a hash');
});

test('no flipped bit leaves evidence valid', () => {
  for (const kind of kinds) {
    const file = files[kind];
    for (let at = 0; at < file.length; at += 1) {
      for (const bit of [1, 4, 32, 128]) {
        const changed = Uint8Array.from(file);
        changed[at] = (changed[at] ?? 0) ^ bit;
        if (verifyEvidence(changed).ok) assert.unreachable(`${kind}: bit ${bit} of byte ${at}`);
      }
    }
  }
});

test('malformed files are refused', () => {
  const text = fromUtf8(files['same-size']) ?? '';
  const bad = [
    '', text.slice(0, -1), `${text}\n`, `${text}part 0\n\n`, text.replace('part ', 'part 0'), text.replace('part ', 'part +'), text.replace(/part \d+/, 'part 99999999'),
    text.replace('kind same-size', 'kind leaf-conflict'), text.replace('kind same-size', 'kind cosigner-split'), text.replace('kind same-size', 'kind toString'),
    text.replace('kind same-size', 'same-size'), text.replace('v1', 'v2'), text.replaceAll('\n', '\r\n'), text.replace('vkey ', 'vkey  '), text.slice(0, text.lastIndexOf('part ')),
  ];
  for (const each of bad) refused(verifyEvidence(utf8(each)), JSON.stringify(each.slice(0, 60)));
  refused(verifyEvidence(new Uint8Array(evidence_bytes_max + 1)), 'a flood');
  refused(verifyEvidence(concat(files['same-size'], new Uint8Array(evidence_bytes_max))), 'a long tail');
  const [head = ''] = text.split('part ');
  refused(verifyEvidence(utf8(head + 'part 0\n\n'.repeat(1000))), 'a thousand empty parts');
});

test('packed evidence comes back as it was, and a packed flood does not come back', () => {
  for (const kind of kinds) {
    const packed = unwrap(packEvidence(files[kind]));
    assert.ok(packed.length <= packed_evidence_bytes_max);
    assert.ok(equal(unwrap(unpackEvidence(packed)), files[kind]));
  }
  const bomb = packEvidence(new Uint8Array(1_000_000));
  refused(bomb.ok ? unpackEvidence(bomb.value) : bomb, 'a megabyte of zeros');
  refused(unpackEvidence(new Uint8Array(packed_evidence_bytes_max + 1)), 'too long');
  refused(unpackEvidence(utf8('not packed')), 'noise');
});

test('evidence against the longest names, and of leaves of large logs, fits into a statement; above, the builder refuses', () => {
  const long = `did:web:${'x'.repeat(210)}`;
  const long_log = new TestLog(long, keyNamed('log'));
  unwrap(sameSizeEvidence(long_log.verifier_key, [long_log.note(tree), long_log.note(other)]));
  const long_witness = new TestWitness(long, keyNamed('witness'));
  unwrap(cosignerRollbackEvidence(long_witness.verifier_key, [long_witness.cosigned(long_log, long_log.head(tree), 2 ** 50), long_witness.cosigned(long_log, long_log.head(tree, 5), 2 ** 51)]));
  // A leaf of a large tree without the tree: any siblings lead to some root, and the log signs it.
  const proven = (height: number, hashes: readonly Uint8Array[], word: string): { readonly leaf_hash: Uint8Array; readonly proof: Uint8Array } => {
    const leaf_hash = leafHash(utf8(word));
    const root = hashes.reduce((hash, sibling, level) => (level < height / 2 ? nodeHash(sibling, hash) : nodeHash(hash, sibling)), leaf_hash);
    const index = 2 ** Math.ceil(height / 2) - 1;
    return { leaf_hash, proof: formatProof({ index, hashes, checkpoint: signCheckpoint(log.key, { origin: log.origin, size: 2 ** height, root }) }) };
  };
  const siblings = (count: number): readonly Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(randomBytes(32)));
  const conflict = (height: number, common: number): Result<Uint8Array> => {
    const left = siblings(common);
    return leafConflictEvidence(log.verifier_key, [proven(height, [...left, ...siblings(height - common)], 'one'), proven(height, [...left, ...siblings(height - common)], 'other')]);
  };
  unwrap(verifyEvidence(unwrap(conflict(19, 0))));
  unwrap(verifyEvidence(unwrap(conflict(24, 12))));
  const large = conflict(40, 0);
  assert.is(large.ok ? 'it fits' : large.failure.code, 'EVIDENCE_TOO_LARGE');
});

test.run();
