import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { fromHex, toHex, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import {
  consistencyProof, empty_root, Frontier, inclusionProof, leafHash, nodeHash, verifyConsistency, verifyInclusion, type TreeNode,
} from '../../crypto/merkle.ts';
import { suite } from '../harness.ts';
import { vectorText, withVectors } from '../vectors.ts';

const test = suite('crypto/merkle');

/** The tree as RFC 6962 section 2.1 defines it, word for word and in linear time: the judge of everything here. */
function split(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (only === undefined) return sha256(new Uint8Array());
  if (leaves.length === 1) return only;
  const k = split(leaves.length);
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

function naivePath(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return m < k
    ? [...naivePath(m, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naivePath(m - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))];
}

function naiveSubproof(m: number, leaves: readonly Uint8Array[], whole: boolean): Uint8Array[] {
  if (m === leaves.length) return whole ? [] : [naiveRoot(leaves)];
  const k = split(leaves.length);
  return m <= k
    ? [...naiveSubproof(m, leaves.slice(0, k), whole), naiveRoot(leaves.slice(k))]
    : [...naiveSubproof(m - k, leaves.slice(k), false), naiveRoot(leaves.slice(0, k))];
}

const leavesOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, index) => leafHash(utf8(`entry ${index}`)));

const hashAtOf = (leaves: readonly Uint8Array[]) => ({ level, index }: TreeNode): Uint8Array =>
  naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

const texts = (hashes: readonly Uint8Array[]): string[] => hashes.map(toHex);

test('a frontier has the root of the naive tree at every size', () => {
  const leaves = leavesOf(130);
  const frontier = new Frontier();
  assert.is(toHex(frontier.root()), toHex(empty_root));
  for (const [index, leaf] of leaves.entries()) {
    frontier.append(leaf);
    assert.is(toHex(frontier.root()), toHex(naiveRoot(leaves.slice(0, index + 1))));
    assert.is(toHex(new Frontier(frontier.size, frontier.hashes).root()), toHex(frontier.root()));
  }
});

test('every inclusion proof is that of RFC 6962, verifies, and verifies nothing else', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (size, pick, other) => {
    const leaves = leavesOf(size);
    const index = pick % size;
    const leaf_hash = leaves[index] ?? empty_root;
    const root = naiveRoot(leaves);
    const proof = inclusionProof(index, size, hashAtOf(leaves));
    assert.equal(texts(proof), texts(naivePath(index, leaves)));
    const claim = { index, size, leaf_hash, proof, root };
    assert.ok(verifyInclusion(claim).ok);
    const wrong_index = other % size;
    assert.is(verifyInclusion({ ...claim, index: wrong_index }).ok, wrong_index === index);
    assert.not(verifyInclusion({ ...claim, leaf_hash: leafHash(utf8('another')) }).ok);
    assert.not(verifyInclusion({ ...claim, proof: [...proof, root] }).ok);
    assert.not(verifyInclusion({ ...claim, root: leafHash(root) }).ok);
    const extra = leafHash(utf8('extra'));
    assert.not(verifyInclusion({ ...claim, proof: [...proof, extra], root: nodeHash(extra, root) }).ok, 'a root that fits a longer proof is that of another tree');
    if (size > 1) assert.not(verifyInclusion({ ...claim, proof: proof.slice(1) }).ok);
  }), { numRuns: 300 });
});

test('every consistency proof is that of RFC 6962, verifies, and verifies nothing else', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (size, pick, flip) => {
    const leaves = leavesOf(size);
    const old_size = 1 + (pick % size);
    const proof = consistencyProof(old_size, size, hashAtOf(leaves));
    assert.equal(texts(proof), texts(naiveSubproof(old_size, leaves, true)));
    const claim = { old_size, old_root: naiveRoot(leaves.slice(0, old_size)), size, root: naiveRoot(leaves), proof };
    assert.ok(verifyConsistency(claim).ok);
    assert.not(verifyConsistency({ ...claim, old_root: leafHash(claim.old_root) }).ok);
    assert.not(verifyConsistency({ ...claim, root: leafHash(claim.root) }).ok);
    assert.not(verifyConsistency({ ...claim, proof: [...proof, claim.root] }).ok);
    const extra = leafHash(utf8('extra'));
    const longer = { ...claim, proof: [...proof, extra], old_root: nodeHash(extra, claim.old_root), root: nodeHash(extra, claim.root) };
    assert.not(verifyConsistency(longer).ok);
    const changed = proof.map((hash, at) => (at === flip % proof.length ? leafHash(hash) : hash));
    if (proof.length > 0) assert.not(verifyConsistency({ ...claim, proof: changed }).ok);
  }), { numRuns: 300 });
});

test('numbers beyond 2^53, long proofs and short hashes are refused before any hashing', () => {
  const hash = leafHash(utf8('x'));
  const claim = { index: 0, size: 1, leaf_hash: hash, proof: [], root: hash };
  assert.ok(verifyInclusion(claim).ok);
  for (const size of [2 ** 53, Number.NaN, 1.5, -1, 0]) assert.not(verifyInclusion({ ...claim, size }).ok, String(size));
  assert.not(verifyInclusion({ ...claim, root: hash.subarray(1), leaf_hash: hash.subarray(1) }).ok);
  assert.not(verifyInclusion({ ...claim, size: 2 ** 40, proof: Array.from({ length: 64 }, () => hash) }).ok);
  assert.not(verifyConsistency({ old_size: 0, old_root: empty_root, size: 1, root: hash, proof: [] }).ok, 'the empty tree proves nothing');
  assert.not(verifyConsistency({ old_size: 2, old_root: hash, size: 1, root: hash, proof: [] }).ok);
});

test('a tree of 2^53 - 2 leaves still takes one more, exactly', () => {
  const size = Number.MAX_SAFE_INTEGER - 1;
  const hashes = Array.from({ length: 52 }, (_, index) => leafHash(utf8(String(index))));
  const frontier = new Frontier(size, hashes);
  frontier.append(leafHash(utf8('last')));
  assert.is(frontier.size, Number.MAX_SAFE_INTEGER);
  assert.is(frontier.hashes.length, 53);
  assert.throws(() => frontier.append(leafHash(utf8('too many'))), /2\^53/);
});

interface Reference {
  readonly leafInputsHex: readonly string[];
  readonly rootHashesHexFromSize1: readonly string[];
  readonly emptyRootHex: string;
}

withVectors(test, 'audit/rfc6962', 'RFC 6962 reference leaves give the reference roots', () => {
  const reference: Reference = JSON.parse(vectorText('audit/rfc6962/rfc6962.json'));
  assert.is(toHex(empty_root), reference.emptyRootHex);
  const frontier = new Frontier();
  for (const [index, hex] of reference.leafInputsHex.entries()) {
    frontier.append(leafHash(fromHex(hex) ?? new Uint8Array()));
    assert.is(toHex(frontier.root()), reference.rootHashesHexFromSize1[index]);
  }
  assert.is(frontier.size, 8);
});

test.run();
