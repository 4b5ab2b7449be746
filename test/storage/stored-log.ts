/** A log as it lies in a store, made without its writer, so that tests can damage each of its records. */
import { bigEndian } from '../../crypto/bytes.ts';
import { cosign, logOrigin, signCheckpoint, witnessName } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { parseVerifier, signature_type_log, signature_type_witness, verifierKey, type Verifier } from '../../crypto/note.ts';
import { unwrap } from '../../crypto/result.ts';
import { encodeEntry } from '../../storage/audit-entry.ts';
import { fsckOutcome, type FsckParts, type FsckProgress } from '../../storage/audit-fsck.ts';
import { encodeGroup, encodeState, log_keys } from '../../storage/audit-group.ts';
import { SignedHeads } from '../../storage/audit-heads.ts';
import { LogTree } from '../../storage/audit-tree.ts';
import { memoryFiles, type Files } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { did, log_key } from './audit-world.ts';

export const witness_key: SigningKey = signingKey(new Uint8Array(32).fill(9));
export const witness_did = 'did:mesh:bwitness';
export const witness_name: string = witnessName(witness_did, witness_key.public_key);
export const origin: string = logOrigin(did, log_key.public_key);
export const verifier: Verifier = unwrap(parseVerifier(verifierKey(origin, signature_type_log, log_key.public_key)));

/** The entry at an index. */
export function entryAt(index: number): Uint8Array {
  if (index === 0) return encodeEntry({ kind: 'genesis', time_ms: 1_700_000_000_000, body: new Uint8Array() });
  return encodeEntry({ kind: 'event', time_ms: 1_700_000_000_000 + index, body: sha256(bigEndian(index, 8)) });
}

/** What is to be in a log. */
export interface StoredLogPlan {
  readonly count: number;
  /** Entries of a group. */
  readonly group?: number;
  /** Sizes at which a head was signed and cosigned; the last is in the head file. Boundaries of groups. */
  readonly heads?: readonly number[];
}

/** A log in a store. */
export interface StoredLog {
  readonly store: Store;
  readonly files: Files;
  readonly parts: FsckParts;
  put(key: Uint8Array, value: Uint8Array | undefined): Promise<void>;
  get(key: Uint8Array): Promise<Uint8Array>;
  fsck(): Promise<FsckProgress>;
  /** The names of the damaged records. */
  names(): Promise<readonly string[]>;
}

/** Reads and changes a store as a test wants it. */
export function storedIn(store: Store, files: Files): StoredLog {
  const parts: FsckParts = {
    store, files, verifier,
    witnessKey: (name) => Promise.resolve(name === witness_name ? verifierKey(name, signature_type_witness, witness_key.public_key) : undefined),
  };
  const fsck = (): Promise<FsckProgress> => fsckOutcome(parts);
  return {
    store, files, parts, fsck,
    put: (key, value) => store.batch([{ space: 'log', key, ...(value === undefined ? {} : { value }) }], { sync: false }),
    get: async (key) => Uint8Array.from(await store.get('log', key) ?? new Uint8Array()),
    names: async () => (await fsck()).damaged.map(({ name }) => name),
  };
}

/** Writes a log. */
export async function storedLog({ count, group = 97, heads = [count] }: StoredLogPlan): Promise<StoredLog> {
  const [store, files] = [unwrap(await openStore({ kind: 'memory' })), memoryFiles()];
  const signed = new SignedHeads({ store, files, key: log_key, verifier });
  const tree = new LogTree();
  while (tree.size < count) {
    const first = tree.size;
    const next = Math.min(count, first + group, ...heads.filter((size) => size > first));
    const entries = Array.from({ length: next - first }, (_, at) => entryAt(first + at));
    await store.batch([
      { space: 'log', key: log_keys.group(first), value: encodeGroup({ entries, boxes: [] }) },
      ...entries.flatMap((entry) => tree.append(leafHash(entry), entry)),
      { space: 'log', key: log_keys.state(), value: encodeState({ size: tree.size, root: tree.root(), frontier: tree.frontier, generation: first + 1 }) },
    ], { sync: false });
    if (!heads.includes(tree.size)) continue;
    unwrap(await signed.sign({ origin, size: tree.size, root: tree.root() }));
    unwrap(await signed.addCosignatures(tree.size, [cosign(witness_key, witness_name, { origin, size: tree.size, root: tree.root() }, 1_700_000_000)]));
  }
  return storedIn(store, files);
}

/** Changes one bit of a stored value. */
export async function flip(log: StoredLog, key: Uint8Array, at: number): Promise<void> {
  const bytes = await log.get(key);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  await log.put(key, bytes);
}

/** A checkpoint that the log signed over any root. */
export function checkpointOf(size: number, root: Uint8Array): Uint8Array {
  return signCheckpoint(log_key, { origin, size, root });
}
