/**
 * What every way to a witness must do with an add-checkpoint request (C2SP
 * tlog-witness): run against the rule itself, the mesh protocol and HTTP.
 */
import * as assert from 'uvu/assert';
import { concat, fromUtf8, toBase64, utf8 } from '../../crypto/bytes.ts';
import { checkpointBody, cosign, logOrigin, signCheckpoint, verifyCosignature, withLines } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { consistencyProof, empty_root, Frontier, leafHash, type TreeNode } from '../../crypto/merkle.ts';
import { parseNote, parseVerifier, signature_type_log, signNote, verifierKey } from '../../crypto/note.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import type { Fact } from '../../protocols/ports.ts';
import { ClockSense } from '../../protocols/witness/clock-sense.ts';
import { CheckpointWitness } from '../../protocols/witness/rule.ts';
import { encodeRequest } from '../../protocols/witness/wire.ts';
import { openStore } from '../../storage/store.ts';
import type { Test, TestContext } from '../harness.ts';
import { watched, type WatchedStore } from '../storage/audit-world.ts';

/** The key of the log in these tests. */
export const log_key: SigningKey = signingKey(new Uint8Array(32).fill(1));
/** The key of the witness. */
export const witness_key: SigningKey = signingKey(new Uint8Array(32).fill(2));
/** Its origin. */
export const origin: string = logOrigin('did:mesh:blog', log_key.public_key);
const vkey = verifierKey(origin, signature_type_log, log_key.public_key);

/** A log that can show two histories: they part at the leaf `forked_at`. */
export class Histories {
  readonly #leaves: readonly Uint8Array[];

  constructor(forked_at: number = Number.POSITIVE_INFINITY) {
    this.#leaves = Array.from({ length: 200 }, (_, index) => leafHash(utf8(`entry ${index}${index >= forked_at ? ' forked' : ''}`)));
  }

  root(start: number, end: number): Uint8Array {
    const frontier = new Frontier();
    for (const leaf of this.#leaves.slice(start, end)) frontier.append(leaf);
    return frontier.root();
  }

  note(size: number): Uint8Array {
    return signCheckpoint(log_key, { origin, size, root: this.root(0, size) });
  }

  proof(old_size: number, size: number): Uint8Array[] {
    const hashAt = ({ level, index }: TreeNode): Uint8Array => this.root(index * 2 ** level, (index + 1) * 2 ** level);
    return old_size === 0 || old_size > size ? [] : consistencyProof(old_size, size, hashAt);
  }

  request(old_size: number, size: number): Uint8Array {
    return encodeRequest(old_size, this.proof(old_size, size), this.note(size));
  }
}

/** The history that the log stands by. */
export const honest: Histories = new Histories();
/** Another one of the same log. */
export const forked: Histories = new Histories(3);

/** A witness on a store that can be watched. */
export interface WitnessWorld {
  readonly store: WatchedStore;
  readonly sense: ClockSense;
  readonly evidence: Uint8Array[];
  readonly facts: Fact[];
  now_ms: number;
  /** The largest checkpoint of the log that went around. */
  seen: Uint8Array | undefined;
  /** Checkpoints that the log signed and that were not cosigned. */
  readonly refused: Uint8Array[];
  /** Hosts that have proven who they are. */
  readonly met: Set<string>;
  witness: CheckpointWitness;
  /** The same witness after a restart. */
  restart(): void;
}

/** A witness that knows the log and no other. */
export async function witnessWorld(): Promise<WitnessWorld> {
  const store = watched(unwrap(await openStore({ kind: 'memory' })));
  const evidence: Uint8Array[] = [];
  const facts: Fact[] = [];
  const clock = { now: (): number => made.now_ms, after: () => (): void => undefined };
  const sense = new ClockSense(clock);
  const make = (): CheckpointWitness => new CheckpointWitness({
    clock, store, sense, key: witness_key, did: 'did:mesh:bwitness',
    recorder: { record: (fact) => void facts.push(fact) },
    logKey: (asked): Promise<Result<string>> => Promise.resolve(asked === origin ? ok(vkey) : fail('DID_NOT_FOUND', 'nobody knows it')),
    seen: () => made.seen,
    met: (did) => made.met.has(did),
    refused: (note) => void made.refused.push(note),
    accuse: (file) => {
      evidence.push(file);
      return Promise.resolve();
    },
    keepEvidence: () => Promise.reject(new Error('only the evidence against logs of other systems is kept raw')),
  });
  const made: WitnessWorld = { store, sense, evidence, facts, now_ms: 1_700_000_000_000, seen: undefined, refused: [], met: new Set(), witness: make(), restart: () => { made.witness = make(); } };
  return made;
}

/** An answer, from wherever it came. */
export interface Answered {
  readonly status: number;
  readonly body: string;
}

/** Checks that an answer is this witness's cosignature, and gives its time in Unix seconds. */
export function assertCosigned(witness: CheckpointWitness, answer: Answered, size: number, history: Histories = honest): number {
  assert.is(answer.status, 200, answer.body);
  const verifier = unwrap(parseVerifier(witness.verifier_key));
  return unwrap(verifyCosignature(verifier, { origin, size, root: history.root(0, size) }, answer.body.slice(0, -1))).time_s;
}

/** The size that the witness remembers, or -1. */
export async function knownSize(witness: CheckpointWitness): Promise<number> {
  const known = await witness.known(origin);
  return known.ok ? Number(fromUtf8(unwrap(parseNote(known.value)).text)?.split('\n')[1]) : -1;
}

/** How a test reaches a witness. */
export type OpenWitness = (context: TestContext, world: WitnessWorld) => Promise<(request: Uint8Array) => Promise<Answered>>;

function refusals(): readonly (readonly [string, number | readonly number[], Uint8Array])[] {
  const good = fromUtf8(honest.request(8, 20)) ?? '';
  const proof = honest.proof(8, 20);
  const stranger = signingKey(new Uint8Array(32).fill(5));
  const strange_origin = logOrigin('did:mesh:bother', stranger.public_key);
  const forged_note = signCheckpoint(stranger, { origin, size: 20, root: honest.root(0, 20) });
  const extended = signNote(log_key, origin, concat(checkpointBody({ origin, size: 20, root: honest.root(0, 20) }), utf8('extension\n')));
  return [
    ['old size 0 of a log that is known', 409, honest.request(0, 20)],
    ['a smaller old size', 409, honest.request(5, 20)],
    ['a larger old size', 409, honest.request(9, 20)],
    ['a replay of the first request', 409, honest.request(0, 8)],
    ['an older head', 409, honest.request(0, 5)],
    ['an older head with itself as old', 409, honest.request(5, 5)],
    ['old larger than the head', 400, encodeRequest(8, [], honest.note(5))],
    ['another history', 422, encodeRequest(8, forked.proof(8, 20), forked.note(20))],
    ['another history with the honest proof', 422, encodeRequest(8, proof, forked.note(20))],
    ['no proof', 422, encodeRequest(8, [], honest.note(20))],
    ['a hash too few', 422, encodeRequest(8, proof.slice(1), honest.note(20))],
    ['a hash too many', 422, encodeRequest(8, [...proof, empty_root], honest.note(20))],
    ['garbage', 422, encodeRequest(8, proof.map((hash) => sha256(hash)), honest.note(20))],
    ['same size with a proof', 422, encodeRequest(8, [empty_root], honest.note(8))],
    ['64 hashes', 400, encodeRequest(8, Array.from({ length: 64 }, () => empty_root), honest.note(20))],
    ['an unknown origin', 404, encodeRequest(0, [], signCheckpoint(stranger, { origin: strange_origin, size: 1, root: empty_root }))],
    ['an origin that is no DID', 404, encodeRequest(0, [], signCheckpoint(log_key, { origin: 'example.com/log', size: 1, root: empty_root }))],
    ['a known origin signed under another name', 404, encodeRequest(8, proof, signNote(log_key, 'other', checkpointBody({ origin, size: 20, root: honest.root(0, 20) })))],
    ['a known origin signed by a stranger', 403, encodeRequest(8, proof, forged_note)],
    ['an extension line', 400, encodeRequest(8, proof, extended)],
    ['CRLF', 400, utf8(good.replaceAll('\n', '\r\n'))],
    ['a leading zero', 400, utf8(good.replace('old 8', 'old 08'))],
    ['a plus', 400, utf8(good.replace('old 8', 'old +8'))],
    ['no blank line', 400, utf8(good.replaceAll('\n\n', '\n'))],
    ['a short hash', 400, utf8(good.replace(toBase64(proof[0] ?? empty_root), 'AAAA'))],
    ['nothing', 400, new Uint8Array()],
    ['bytes that are no text', 400, new Uint8Array(100).fill(255)],
    ['far too much', [400, 413], new Uint8Array(10_000_000)],
  ];
}

/** Runs the contract; `at_once` is how many requests the way can carry at a time. */
export function witnessContract(test: Test, way: string, open: OpenWitness, at_once = 100): void {
  test(`${way}: the whole table of refusals, and none of them changes what is remembered`, async (context) => {
    const world = await witnessWorld();
    const ask = await open(context, world);
    assertCosigned(world.witness, await ask(honest.request(0, 8)), 8);
    for (const [what, status, request] of refusals()) {
      const answer = await ask(request);
      assert.ok([status].flat().includes(answer.status), `${what}: ${answer.status} ${answer.body}`);
      if (status === 409) assert.is(answer.body, '8\n', what);
      assert.is(await knownSize(world.witness), 8, what);
    }
    assertCosigned(world.witness, await ask(honest.request(8, 20)), 20);
  });

  test(`${way}: a log of size 0 has one root and needs no proof`, async (context) => {
    const world = await witnessWorld();
    const ask = await open(context, world);
    const at_zero = (root: Uint8Array): Uint8Array => encodeRequest(0, [], signCheckpoint(log_key, { origin, size: 0, root }));
    assert.is((await ask(at_zero(leafHash(utf8('x'))))).status, 422);
    assert.is((await ask(at_zero(empty_root))).status, 200);
    assert.is((await ask(encodeRequest(0, [empty_root], honest.note(4)))).status, 422);
    assertCosigned(world.witness, await ask(honest.request(0, 4)), 4);
  });

  test(`${way}: lines that others forged in the witness's name do not enter its memory`, async (context) => {
    const world = await witnessWorld();
    const ask = await open(context, world);
    const body = { origin, size: 8, root: honest.root(0, 8) };
    const line = cosign(signingKey(new Uint8Array(32).fill(6)), world.witness.name, body, 4_000_000_000);
    assertCosigned(world.witness, await ask(encodeRequest(0, [], withLines(honest.note(8), [line]))), 8);
    const known = unwrap(parseNote(unwrap(await world.witness.known(origin))));
    assert.equal(known.signatures.map(({ name }) => name), [origin, world.witness.name]);
    assert.not(known.signatures.some((signature) => signature.line === line));
  });

  test(`${way}: of ${at_once} requests at once one wins, and nothing is rolled back`, async (context) => {
    const world = await witnessWorld();
    const ask = await open(context, world);
    const first = await Promise.all(Array.from({ length: at_once }, (_, index) => ask(honest.request(0, index + 1))));
    assert.is(first.filter(({ status }) => status === 200).length, 1);
    assert.is(first.filter(({ status }) => status === 409).length, at_once - 1);
    const at = await knownSize(world.witness);
    const second = await Promise.all([at + 5, at + 1, at + 3].map((size) => ask(honest.request(at, size))));
    assert.equal(second.map(({ status }) => status).toSorted((a, b) => a - b), [200, 409, 409]);
    const grown = await knownSize(world.witness);
    assert.ok([at + 1, at + 3, at + 5].includes(grown));
    assertCosigned(world.witness, await ask(honest.request(grown, 150)), 150);
  });

  test(`${way}: a fork is refused with the evidence kept, and the log is never cosigned again`, async (context) => {
    const world = await witnessWorld();
    const ask = await open(context, world);
    assertCosigned(world.witness, await ask(honest.request(0, 8)), 8);
    assert.is((await ask(encodeRequest(8, [], forked.note(8)))).status, 422);
    assert.is(world.evidence.length, 1);
    assert.is((await ask(honest.request(8, 20))).status, 403);
  });
}
