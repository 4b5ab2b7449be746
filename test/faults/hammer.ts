/**
 * Load: appends from many callers at once, of which others read back entries
 * and check proofs against every head that is given away; then one witness for
 * a thousand logs that all come at once. `node test/faults/hammer.ts [seconds] [logs]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { equal, toHex, utf8 } from '../../crypto/bytes.ts';
import { logOrigin, parseCheckpoint, signCheckpoint, verifyCosignature, type Checkpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { consistencyProof, Frontier, leafHash, verifyConsistency, verifyInclusion } from '../../crypto/merkle.ts';
import { parseNote, parseVerifier, signature_type_log, verifierKey } from '../../crypto/note.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { ClockSense } from '../../protocols/witness/clock-sense.ts';
import { CheckpointWitness } from '../../protocols/witness/rule.ts';
import { encodeRequest } from '../../protocols/witness/wire.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import { openStore } from '../../storage/store.ts';
import { appendNumber, hold, nothingTold, openTrial, toldHead, type Told } from './log-trial.ts';

const callers = 300;
const readers = 4;
const head_ms = 50;

function any<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)];
}

/** One reader: an entry that was acknowledged, and its proof in a tree whose head was given away. */
async function readBack(log: AuditLog, told: Told, heads: readonly Checkpoint[]): Promise<boolean> {
  const acknowledged = any(told.acknowledged);
  const head = any(heads);
  if (acknowledged === undefined || head === undefined) return false;
  const { index, leaf_hash } = acknowledged;
  const record = unwrap(await log.read(index));
  assert.is(toHex(record.leaf_hash), leaf_hash, `entry ${index}`);
  if (index >= head.size) return false;
  unwrap(verifyInclusion({ index, size: head.size, leaf_hash: record.leaf_hash, root: head.root, proof: unwrap(await log.inclusion(index, head.size)) }));
  return true;
}

async function hammerLog(folder: string, seconds: number): Promise<void> {
  const told = nothingTold();
  const { log, close } = unwrap(await openTrial(folder, true));
  const heads: Checkpoint[] = [];
  let number = 0;
  let proofs = 0;
  const end_ms = performance.now() + seconds * 1000;
  const until = async (work: () => Promise<unknown>): Promise<void> => {
    while (performance.now() < end_ms) await work();
  };
  await Promise.all([
    ...Array.from({ length: callers }, () => until(async () => {
      const mine = number;
      number += 1;
      const durable = mine % 3 > 0;
      const { index, leaf_hash } = unwrap(await appendNumber(log, mine, { durable }));
      told.acknowledged.push({ number: mine, index, leaf_hash: toHex(leaf_hash), durable });
    })),
    ...Array.from({ length: readers }, () => until(async () => {
      proofs += await readBack(log, told, heads) ? 1 : 0;
      await sleep(1);
    })),
    until(async () => {
      const head = unwrap(parseCheckpoint(unwrap(parseNote(unwrap(await log.checkpoint()))).text));
      toldHead(told, head.size, toHex(head.root));
      const last = heads.at(-1);
      if (last !== undefined) unwrap(verifyConsistency({ old_size: last.size, old_root: last.root, size: head.size, root: head.root, proof: unwrap(await log.consistency(last.size, head.size)) }));
      heads.push(head);
      await sleep(head_ms);
    }),
  ]);
  await close();
  const again = unwrap(await openTrial(folder, false));
  const problems = await hold(again.log, told);
  await again.close();
  assert.equal(problems, []);
  assert.ok(proofs > 0 && heads.length > 1);
  console.log(`${(number / seconds).toFixed(0)} appends a second from ${callers} callers with 5 KB now and then, ${proofs} proofs and ${heads.length} heads checked beside them, all there after a restart`);
}

/** A log that only its witness knows. */
class SmallLog {
  readonly key: SigningKey;
  readonly origin: string;
  readonly #leaves: Uint8Array[] = [];
  #witnessed = 0;

  constructor(number: number) {
    this.key = signingKey(sha256(utf8(`log ${number}`)));
    this.origin = logOrigin(`did:mesh:b${number}`, this.key.public_key);
  }

  #root(from: number, to: number): Uint8Array {
    const frontier = new Frontier();
    for (const leaf of this.#leaves.slice(from, to)) frontier.append(leaf);
    return frontier.root();
  }

  /** Grows and has its head cosigned. */
  async grow(witness: CheckpointWitness, time_s: number): Promise<void> {
    const old_size = this.#witnessed;
    for (let more = 0; more < 5; more += 1) this.#leaves.push(leafHash(utf8(`${this.origin} ${this.#leaves.length}`)));
    const checkpoint = { origin: this.origin, size: this.#leaves.length, root: this.#root(0, this.#leaves.length) };
    const proof = old_size === 0 ? [] : consistencyProof(old_size, checkpoint.size, ({ level, index }) => this.#root(index * 2 ** level, (index + 1) * 2 ** level));
    const { status, body } = await witness.add(encodeRequest(old_size, proof, signCheckpoint(this.key, checkpoint)));
    assert.is(status, 200, body);
    assert.is(unwrap(verifyCosignature(unwrap(parseVerifier(witness.verifier_key)), checkpoint, body.slice(0, -1))).time_s, time_s);
    this.#witnessed = checkpoint.size;
  }
}

async function hammerWitness(folder: string, count: number): Promise<void> {
  const store = unwrap(await openStore({ kind: 'disk', folder, create: true }));
  const logs = Array.from({ length: count }, (_, number) => new SmallLog(number));
  const keys = new Map(logs.map(({ origin, key }) => [origin, verifierKey(origin, signature_type_log, key.public_key)]));
  const clock = { now: () => 1_700_000_000_000, after: () => (): void => undefined };
  const refuse = (): Promise<void> => Promise.reject(new Error('an honest log was accused'));
  const parts = {
    clock, store, key: signingKey(new Uint8Array(32).fill(9)), did: 'did:mesh:bwitness', sense: new ClockSense(clock), recorder: { record: () => undefined },
    logKey: (origin: string) => Promise.resolve(keys.has(origin) ? ok(keys.get(origin) ?? '') : fail('DID_NOT_FOUND', 'nobody knows it')),
    accuse: refuse, keepEvidence: refuse,
  };
  const start_ms = performance.now();
  const rounds = 3;
  // Each round after the first meets a witness that was restarted.
  for (let round = 0; round < rounds; round += 1) {
    const witness = new CheckpointWitness(parts);
    await Promise.all(logs.map((log) => log.grow(witness, 1_700_000_000)));
  }
  const witness = new CheckpointWitness(parts);
  for (const { origin } of logs) {
    const known = unwrap(parseCheckpoint(unwrap(parseNote(unwrap(await witness.known(origin)))).text));
    assert.ok(known.size === rounds * 5 && equal(utf8(known.origin), utf8(origin)), origin);
  }
  await store.close();
  console.log(`one witness cosigned ${count} logs that came at once, ${rounds} times each: ${((count * rounds * 1000) / (performance.now() - start_ms)).toFixed(0)} a second, each on the disk first`);
}

const [, , seconds = '10', logs = '1000'] = process.argv;
const home = mkdtempSync(join(tmpdir(), 'agentmesh-hammer-'));
try {
  await hammerLog(join(home, 'log'), Number(seconds));
  await hammerWitness(join(home, 'witness'), Number(logs));
} finally {
  rmSync(home, { recursive: true, force: true });
}
