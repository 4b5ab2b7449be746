/** No honest host can be accused, whatever is made of what it signed; every forger can. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { concat, fromUtf8, toHex, utf8 } from '../../crypto/bytes.ts';
import { cosign, logOrigin, signCheckpoint, withLines, witnessName } from '../../crypto/checkpoint.ts';
import {
  cosignerRollbackEvidence, cosignerSplitEvidence, leafConflictEvidence, sameSizeEvidence, verifyEvidence, type EvidenceKind, type LeafProof,
} from '../../crypto/fork-evidence.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { formatProof, parseProof } from '../../crypto/tlog-proof.ts';
import type { Random } from '../../protocols/ports.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { damaged } from '../hostile-bytes.ts';
import { suite } from '../harness.ts';
import { keyNamed, person } from '../people.ts';
import { HonestHost, type Material, type Tempter } from './fork-evidence-history.ts';
import { TestLog, TestWitness, treeOf } from './fork-evidence-world.ts';

const test = suite('crypto/fork-evidence fuzz');

/** How many histories are tried; a long search sets it in the environment. */
const histories = Number(process.env['AGENTMESH_TEST_HISTORIES'] ?? 8);
const steps = 80;
const attempts = 400;

const dids = await Promise.all(['victim', 'second', 'third'].map(async (name) => (await person(name)).did));
const attacker_key = keyNamed('attacker');
const tempter_did = (await person('tempter')).did;

interface Honest {
  readonly hosts: readonly HonestHost[];
  readonly material: Material;
  /** The vkeys of every honest log and witness. */
  readonly verifier_keys: readonly string[];
  readonly random: Random;
  readonly tempter: Tempter;
}

async function honest(seed: number): Promise<Honest> {
  const random = new Simulator(`honest ${seed}`).random('history');
  const hosts: HonestHost[] = [];
  for (const did of dids) hosts.push(await HonestHost.make(did, [keyNamed(`${did} log`), keyNamed(`${did} witness`)], random));
  const stories = [treeOf(12, 'a'), treeOf(12, 'a')] as const;
  stories[1].leaves.splice(5, 7, ...treeOf(7, 'b').leaves);
  const tempter: Tempter = { log: new TestLog(tempter_did, keyNamed('tempter')), stories, caught: [] };
  for (const host of hosts) host.meet(hosts, tempter);
  const material: Material = { notes: [], leaves: [] };
  for (let step = 0; step < steps; step += 1) await pick(random, hosts).step(pick(random, hosts), material);
  return { hosts, material, random, tempter, verifier_keys: hosts.flatMap(({ verifier_key, witness }) => [verifier_key, witness.verifier_key]) };
}

function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[Math.floor(random.fraction() * list.length)];
  if (item === undefined) throw new Error('there is something to pick');
  return item;
}

/** A note and its lines taken apart, to be put together otherwise. */
function taken(note: Uint8Array): { readonly text: string; readonly lines: readonly string[] } {
  const [text = '', lines = ''] = (fromUtf8(note) ?? '').split('\n\n');
  return { text: `${text}\n`, lines: lines.split('\n').filter((line) => line !== '') };
}

/** A note of the attacker: one of theirs as it is, with lines of others, with other words, or signed with his own key in the name of the victim. */
function note({ material, hosts, random }: Honest): Uint8Array {
  const [one, other] = [taken(pick(random, material.notes)), taken(pick(random, material.notes))];
  const put = (text: string, lines: readonly string[]): Uint8Array => utf8(`${text}\n${lines.map((line) => `${line}\n`).join('')}`);
  switch (Math.floor(random.fraction() * 6)) {
    case 0: case 1: return pick(random, material.notes);
    case 2: return put(one.text, [...other.lines, ...one.lines]);
    case 3: return put(other.text, one.lines);
    case 4: {
      const [origin = '', size = '', root = ''] = one.text.split('\n');
      const changed = random.fraction() < 0.5 ? `${origin}\n${Number(size) + 1}\n${root}\n` : `${origin}\n${size}\n${taken(pick(random, material.notes)).text.split('\n')[2] ?? root}\n`;
      return put(changed, [...one.lines, ...other.lines]);
    }
    default: {
      const victim = pick(random, hosts);
      const origin = random.fraction() < 0.5 ? victim.origin : logOrigin(victim.did, attacker_key.public_key);
      const head = { origin, size: Math.floor(random.fraction() * 20), root: leafHash(random.bytes(4)) };
      const name = random.fraction() < 0.5 ? victim.witness.name : witnessName(victim.did, attacker_key.public_key);
      return withLines(signCheckpoint(attacker_key, head), [cosign(attacker_key, name, head, 1 + Math.floor(random.fraction() * 100))]);
    }
  }
}

function leaf(world: Honest): LeafProof {
  const { material, random } = world;
  if (material.leaves.length === 0) return { leaf_hash: leafHash(random.bytes(4)), proof: note(world) };
  const [one, other] = [pick(random, material.leaves), pick(random, material.leaves)];
  const parsed = unwrap(parseProof(one.proof));
  switch (Math.floor(random.fraction() * 5)) {
    case 0: return one;
    case 1: return { ...one, leaf_hash: other.leaf_hash };
    case 2: return { ...one, proof: formatProof({ ...parsed, checkpoint: note(world) }) };
    case 3: return { ...one, proof: formatProof({ ...parsed, index: unwrap(parseProof(other.proof)).index }) };
    // An inner node in the place of a leaf: its proof is shorter.
    default: return { leaf_hash: parsed.hashes[0] ?? one.leaf_hash, proof: formatProof({ ...parsed, index: Math.floor(parsed.index / 2), hashes: parsed.hashes.slice(1) }) };
  }
}

const notes_of: { readonly [kind in Exclude<EvidenceKind, 'leaf-conflict'>]: (key: string, notes: readonly [Uint8Array, Uint8Array]) => Result<Uint8Array> } = {
  'same-size': sameSizeEvidence, 'cosigner-split': cosignerSplitEvidence, 'cosigner-rollback': cosignerRollbackEvidence,
};

function attempt(world: Honest, key: string): Result<Uint8Array> {
  const kind = pick<EvidenceKind>(world.random, ['same-size', 'leaf-conflict', 'cosigner-split', 'cosigner-rollback']);
  return kind === 'leaf-conflict' ? leafConflictEvidence(key, [leaf(world), leaf(world)]) : notes_of[kind](key, [note(world), note(world)]);
}

/** All that can be built against a key from every two notes and every two proofs. */
function everything(key: string, { notes, leaves }: Material): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  const add = (built: Result<Uint8Array>): void => void (built.ok && found.push(built.value));
  // What the key did not sign is refused first, so only what bears its name is put together.
  const name = utf8(key.split('+')[0] ?? '');
  const named = [...new Map(notes.filter((each) => Buffer.from(each).includes(Buffer.from(name))).map((each) => [toHex(each), each])).values()];
  for (const [at, one] of named.entries()) {
    for (const other of named.slice(at + 1)) for (const build of Object.values(notes_of)) add(build(key, [one, other]));
  }
  for (const [at, one] of leaves.entries()) for (const other of leaves.slice(at + 1)) add(leafConflictEvidence(key, [one, other]));
  return found;
}

/** Files of the attacker's own: he contradicts himself in every way, in the names of the victims. */
function ownFiles(): readonly Uint8Array[] {
  const [tree, other] = [treeOf(6, 'a'), treeOf(6, 'b')];
  return dids.flatMap((did) => {
    const log = new TestLog(did, attacker_key);
    const witness = new TestWitness(did, attacker_key);
    const cosigned = (which: typeof tree, size: number, time_s: number): Uint8Array => witness.cosigned(log, log.head(which, size), time_s);
    return [
      sameSizeEvidence(log.verifier_key, [log.note(tree), log.note(other)]),
      leafConflictEvidence(log.verifier_key, [log.leaf(tree, 1), log.leaf(other, 1, 4)]),
      cosignerSplitEvidence(witness.verifier_key, [cosigned(tree, 6, 1), cosigned(other, 6, 2)]),
      cosignerRollbackEvidence(witness.verifier_key, [cosigned(tree, 6, 1), cosigned(tree, 5, 2)]),
    ].map((built) => unwrap(built));
  });
}

const own_files = ownFiles();

function assertInnocent({ verifier_keys }: Honest, file: Uint8Array): void {
  const verified = verifyEvidence(file);
  if (verified.ok && verifier_keys.includes(verified.value.accused.verifier_key)) assert.unreachable(`${verified.value.reason}\n${Buffer.from(file).toString('base64')}`);
}

test('an honest host is never exposed, whatever is made of all that it ever gave out', async () => {
  let given_out = 0;
  let caught = 0;
  await fc.assert(fc.asyncProperty(fc.integer(), async (seed) => {
    const world = await honest(seed);
    caught += everything(world.tempter.log.verifier_key, world.material).length;
    given_out += world.material.notes.length + world.material.leaves.length;
    for (const key of world.verifier_keys) assert.is(everything(key, world.material).length, 0, key);
    for (let count = 0; count < attempts; count += 1) {
      const built = attempt(world, pick(world.random, world.verifier_keys));
      if (built.ok) assertInnocent(world, built.value);
    }
  }), { numRuns: histories });
  assert.ok(given_out > histories * 15, 'the histories are not empty');
  assert.ok(caught > 0, 'the same search finds the log that told two stories');
});

test('nor by files that are cut, bent and put together from others', async () => {
  const world = await honest(7);
  const verifier_line = /vkey [^\n]+/;
  const renamed = own_files.flatMap((file) => world.verifier_keys.map((key) => utf8(Buffer.from(file).toString('latin1').replace(verifier_line, `vkey ${key}`))));
  for (const file of renamed) assertInnocent(world, file);
  const parts = [...world.material.notes, ...world.material.leaves.flatMap(({ proof, leaf_hash }) => [proof, leaf_hash])];
  const written = fc.tuple(
    fc.constantFrom('same-size', 'leaf-conflict', 'cosigner-split', 'cosigner-rollback'), fc.constantFrom(...world.verifier_keys), fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 4 }),
  ).map(([kind, key, chosen]) => concat(utf8(`mesh-audit-evidence/v1\nkind ${kind}\nvkey ${key}\n`), ...chosen.flatMap((part) => [utf8(`part ${part.length}\n`), part, utf8('\n')])));
  fc.assert(fc.property(fc.oneof(written, damaged([...own_files, ...renamed])), (file) => assertInnocent(world, file)), { numRuns: 2000 });
});

test('every forger is caught: two stories, another leaf, a witness that signs twice or goes back', () => {
  fc.assert(fc.property(fc.record({
    size: fc.integer({ min: 2, max: 40 }), part: fc.nat(), smaller: fc.nat(), at: fc.nat(), time_s: fc.integer({ min: 1, max: 2 ** 32 }), later_s: fc.integer({ min: 1, max: 1000 }),
  }), ({ size, part, smaller, at, time_s, later_s }) => {
    const log = new TestLog(dids[0] ?? '', keyNamed('forger'));
    const witness = new TestWitness(dids[1] ?? '', keyNamed('forging witness'));
    const tree = treeOf(size);
    // The two stories part somewhere before the end.
    const parted = part % size;
    const other = treeOf(size);
    other.leaves.splice(parted, size - parted, ...treeOf(size - parted, 'other').leaves);
    const seen = parted + 1 + (at % (size - parted));
    const between = parted + 1 + (smaller % (size - parted));
    const expect = (material: Material, key: string, kind: EvidenceKind): void => {
      const kinds = everything(key, material).map((file) => unwrap(verifyEvidence(file)).kind);
      assert.equal([...new Set(kinds)], [kind]);
    };
    expect({ notes: [log.note(tree, seen), log.note(other, seen)], leaves: [] }, log.verifier_key, 'same-size');
    expect({ notes: [], leaves: [log.leaf(tree, parted, seen), log.leaf(other, parted, between)] }, log.verifier_key, 'leaf-conflict');
    const cosigned = (which: typeof tree, which_size: number, when_s: number): Uint8Array => witness.cosigned(log, log.head(which, which_size), when_s);
    expect({ notes: [cosigned(tree, seen, time_s), cosigned(other, seen, time_s + later_s - 1)], leaves: [] }, witness.verifier_key, 'cosigner-split');
    expect({ notes: [cosigned(tree, size, time_s), cosigned(tree, smaller % size, time_s + later_s)], leaves: [] }, witness.verifier_key, 'cosigner-rollback');
  }), { numRuns: 100 });
});

test('what the attacker makes under a victim\'s name is evidence against nobody but his own key', () => {
  for (const file of own_files) {
    const { accused } = unwrap(verifyEvidence(file));
    assert.equal(accused.public_key, attacker_key.public_key);
    assert.ok([logOrigin(accused.did, attacker_key.public_key), witnessName(accused.did, attacker_key.public_key)].includes(accused.name));
    assert.ok(([signature_type_log, signature_type_witness] as const).some((type) => verifierKey(accused.name, type, attacker_key.public_key) === accused.verifier_key));
  }
});

test.run();
