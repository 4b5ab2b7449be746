/** Logs and witnesses in memory that sign whatever a test asks for, honest or not. */
import { utf8 } from '../../crypto/bytes.ts';
import { cosign, logOrigin, signCheckpoint, witnessName, withLines, type Checkpoint } from '../../crypto/checkpoint.ts';
import type { LeafProof } from '../../crypto/fork-evidence.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import { consistencyProof, foldNodes, inclusionProof, leafHash, nodeHash, rootNodes, type TreeNode } from '../../crypto/merkle.ts';
import { signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { formatProof } from '../../crypto/tlog-proof.ts';

/** A tree of leaf hashes. */
export class TestTree {
  readonly leaves: Uint8Array[];

  constructor(leaves: readonly Uint8Array[] = []) {
    this.leaves = [...leaves];
  }

  append(content: string): void {
    this.leaves.push(leafHash(utf8(content)));
  }

  readonly #hashAt = ({ level, index }: TreeNode): Uint8Array => {
    const leaf = this.leaves[index];
    if (level === 0 && leaf !== undefined) return leaf;
    return nodeHash(this.#hashAt({ level: level - 1, index: 2 * index }), this.#hashAt({ level: level - 1, index: 2 * index + 1 }));
  };

  root(size: number): Uint8Array {
    return foldNodes(rootNodes(size), this.#hashAt);
  }

  inclusion(index: number, size: number): Uint8Array[] {
    return inclusionProof(index, size, this.#hashAt);
  }

  consistency(old_size: number, size: number): Uint8Array[] {
    return old_size === 0 || old_size > size ? [] : consistencyProof(old_size, size, this.#hashAt);
  }
}

/** A log of a host: its key and its trees; an honest one has one tree. */
export class TestLog {
  readonly key: SigningKey;
  readonly origin: string;
  readonly verifier_key: string;

  constructor(did: string, key: SigningKey) {
    this.key = key;
    this.origin = logOrigin(did, key.public_key);
    this.verifier_key = verifierKey(this.origin, signature_type_log, key.public_key);
  }

  head(tree: TestTree, size: number = tree.leaves.length): Checkpoint {
    return { origin: this.origin, size, root: tree.root(size) };
  }

  /** The bare checkpoint of a size. */
  note(tree: TestTree, size?: number): Uint8Array {
    return signCheckpoint(this.key, this.head(tree, size));
  }

  /** The proof of a leaf under the bare checkpoint of a size. */
  leaf(tree: TestTree, index: number, size: number = tree.leaves.length): LeafProof {
    return { leaf_hash: tree.leaves[index] ?? new Uint8Array(32), proof: formatProof({ index, hashes: tree.inclusion(index, size), checkpoint: this.note(tree, size) }) };
  }
}

/** A witness that cosigns what it is told to. */
export class TestWitness {
  readonly key: SigningKey;
  readonly name: string;
  readonly verifier_key: string;

  constructor(did: string, key: SigningKey) {
    this.key = key;
    this.name = witnessName(did, key.public_key);
    this.verifier_key = verifierKey(this.name, signature_type_witness, key.public_key);
  }

  /** The note with the cosignature of this time. */
  cosigned(log: TestLog, head: Checkpoint, time_s: number): Uint8Array {
    return withLines(signCheckpoint(log.key, head), [cosign(this.key, this.name, head, time_s)]);
  }
}

/** A tree of so many leaves that depend on their place and on a word. */
export function treeOf(size: number, word = ''): TestTree {
  return new TestTree(Array.from({ length: size }, (_, index) => leafHash(utf8(`${word}${index}`))));
}
