/** Proofs and cosignatures: how long they are, and what they cost beside the bare hashes and signatures in them. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign, verify } from 'node:crypto';
import { join } from 'node:path';
import { utf8 } from '../../crypto/bytes.ts';
import { cosign, logOrigin, signCheckpoint, witnessName, withLines } from '../../crypto/checkpoint.ts';
import { signingKey } from '../../crypto/keys.ts';
import { consistencyProof, inclusionProof, leafHash, nodeHash, foldNodes, rootNodes, verifyConsistency, verifyInclusion, type HashAt } from '../../crypto/merkle.ts';
import { signature_type_log, verifierKey } from '../../crypto/note.ts';
import { ok, unwrap } from '../../crypto/result.ts';
import { formatProof } from '../../crypto/tlog-proof.ts';
import { system_clock, system_random } from '../../node/clock.ts';
import { ClockSense } from '../../protocols/witness/clock-sense.ts';
import { CheckpointWitness } from '../../protocols/witness/rule.ts';
import { encodeRequest } from '../../protocols/witness/wire.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { perCpuSecondInTurns, short } from './stats.ts';

const hash_bytes = 32;

/** All perfect subtrees of a tree of so many entries, each level in one piece of memory. */
function tree(size: number): HashAt {
  let level = new Uint8Array(hash_bytes * size);
  for (let index = 0; index < size; index += 1) level.set(leafHash(utf8(String(index))), hash_bytes * index);
  const levels = [level];
  while (level.length >= 2 * hash_bytes) {
    const above = new Uint8Array(hash_bytes * Math.floor(level.length / (2 * hash_bytes)));
    for (let at = 0; at < above.length; at += hash_bytes) {
      above.set(nodeHash(level.subarray(2 * at, 2 * at + hash_bytes), level.subarray(2 * at + hash_bytes, 2 * at + 2 * hash_bytes)), at);
    }
    levels.push(above);
    level = above;
  }
  return ({ level: height, index }) => levels[height]?.subarray(hash_bytes * index, hash_bytes * (index + 1)) ?? new Uint8Array();
}

function percent(ours: number | undefined, bare: number | undefined): string {
  return `${short(100 * (ours ?? 0) / (bare ?? Number.NaN))} %`;
}

async function benchProofs(print: (text: string) => void): Promise<void> {
  const log_key = signingKey(system_random.bytes(hash_bytes));
  const origin = logOrigin('did:mesh:bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', log_key.public_key);
  const witnesses = [1, 2].map(() => signingKey(system_random.bytes(hash_bytes)));
  for (const size of [1_000, 10_000, 100_000, 1_000_000]) {
    // One less than a round number: a tree that is ragged everywhere.
    const entries = size - 1;
    const hashAt = tree(entries);
    const root = foldNodes(rootNodes(entries), hashAt);
    const index = Math.floor(entries / 3);
    const old_size = Math.floor(entries * 0.7);
    const old_root = foldNodes(rootNodes(old_size), hashAt);
    const proof = inclusionProof(index, entries, hashAt);
    const consistency = consistencyProof(old_size, entries, hashAt);
    const checkpoint = { origin, size: entries, root };
    const note = withLines(signCheckpoint(log_key, checkpoint), witnesses.map((key) => cosign(key, witnessName('did:mesh:bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', key.public_key), checkpoint, 1_700_000_000)));
    const file = formatProof({ index, hashes: proof, checkpoint: note });
    const leaf_hash = leafHash(utf8(String(index)));
    const input = new Uint8Array(65);
    const bare = (hashes: number) => (): void => {
      for (let count = 0; count < hashes; count += 1) hash('sha256', input, 'binary');
    };
    const [included, bare_included, consistent, bare_consistent] = await perCpuSecondInTurns(6_000, [
      () => unwrap(verifyInclusion({ index, size: entries, leaf_hash, proof, root })), bare(proof.length),
      () => unwrap(verifyConsistency({ old_size, old_root, size: entries, root, proof: consistency })), bare(2 * consistency.length),
    ]);
    print(`tree of ${short(entries)}: proof file ${file.length} bytes with 2 cosignatures (${note.length} of them the note), ${proof.length} hashes; consistency ${consistency.length} hashes`);
    print(`  inclusion verified ${short(included ?? 0)}/s of processor time, ${percent(included, bare_included)} of what its ${proof.length} hashes alone allow`);
    print(`  consistency verified ${short(consistent ?? 0)}/s, ${percent(consistent, bare_consistent)} of what ${2 * consistency.length} hashes alone allow`);
  }
}

/** A witness on a store, and a log that grows by one entry with each request. */
function cosigning(store: Store): () => Promise<void> {
  const log_key = signingKey(system_random.bytes(hash_bytes));
  const origin = logOrigin('did:mesh:bbench', log_key.public_key);
  const vkey = verifierKey(origin, signature_type_log, log_key.public_key);
  const witness = new CheckpointWitness({
    clock: system_clock, store, recorder: { record: () => undefined }, key: signingKey(system_random.bytes(hash_bytes)), did: 'did:mesh:bwitness', sense: new ClockSense(system_clock),
    logKey: () => Promise.resolve(ok(vkey)), accuse: () => Promise.resolve(), keepEvidence: () => Promise.resolve(),
  });
  const hashAt = tree(8_192);
  let size = 0;
  return async () => {
    // At the end of the tree the same head is cosigned anew, as a heartbeat is.
    const next = Math.min(size + 1, 8_192);
    const note = signCheckpoint(log_key, { origin, size: next, root: foldNodes(rootNodes(next), hashAt) });
    const { status, body } = await witness.add(encodeRequest(size, size === 0 || size === next ? [] : consistencyProof(size, next, hashAt), note));
    if (status !== 200) throw new Error(body);
    size = next;
  };
}

async function benchCosigning(home: string, print: (text: string) => void): Promise<void> {
  const folder = join(home, 'audit-proofs');
  const disk = unwrap(await openStore({ kind: 'disk', folder, create: true }));
  const memory = unwrap(await openStore({ kind: 'memory' }));
  const unsynced: Store = { get: (...given) => disk.get(...given), entries: (...given) => disk.entries(...given), close: () => disk.close(), batch: (changes) => disk.batch(changes, { sync: false }) };
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const [key, public_key] = [createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })), createPublicKey(publicKey.export({ format: 'pem', type: 'spki' }))];
  const message = system_random.bytes(180);
  const signature = sign(null, message, key);
  // A head costs the log one signature, and the witness one verification and one signature.
  const bare = (): void => {
    sign(null, message, key);
    verify(null, message, public_key, signature);
    sign(null, message, key);
  };
  const [signed, in_memory, on_disk] = await perCpuSecondInTurns(2_000, [bare, cosigning(memory), cosigning(unsynced)]);
  print(`head signed, judged and cosigned: ${short(in_memory ?? 0)}/s of processor time without a disk, ${percent(in_memory, signed)} of its three bare Ed25519 operations; ${short(on_disk ?? 0)}/s with a store on the disk, ${percent(on_disk, signed)}`);
  const durable = cosigning(disk);
  const count = 300;
  // In turns, so that both meet the same disk.
  const spent_ms = { bare: 0, cosigned: 0 };
  for (let at = 0; at < count; at += 1) {
    const since = performance.now();
    await disk.batch([{ space: 'meta', key: utf8('bare'), value: system_random.bytes(1_000) }], { sync: true });
    const between = performance.now();
    await durable();
    spent_ms.bare += between - since;
    spent_ms.cosigned += performance.now() - between;
  }
  const [synced, persisted] = [1000 * count / spent_ms.bare, 1000 * count / spent_ms.cosigned];
  print(`cosigned after it is on the disk: ${short(persisted)}/s one after the other, ${percent(persisted, synced)} of bare synced batches (${short(synced)}/s)`);
  await disk.close();
  await memory.close();
}

/** Runs the benchmark and prints it. */
export async function benchAuditProofs(home: string, print: (text: string) => void): Promise<void> {
  await benchProofs(print);
  await benchCosigning(home, print);
}
