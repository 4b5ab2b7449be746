/** Which witnesses are asked and are enough, and what clocks may do to them. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { cosign, logOrigin, openCheckpoint, signCheckpoint, witnessName } from '../../crypto/checkpoint.ts';
import { signingKey } from '../../crypto/keys.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { parseNote, parseVerifier, signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { ok, unwrap } from '../../crypto/result.ts';
import { parseLogPolicy, type LogPolicy } from '../../crypto/tlog-policy.ts';
import { outliers } from '../../protocols/witness/clock-sense.ts';
import { witness_limits, witness_protocol } from '../../protocols/witness/constants.ts';
import { didOfWitness, operatorQuorum, policyQuorum, type WitnessContact } from '../../protocols/witness/quorum.ts';
import { encodeAnswer, encodeRequest } from '../../protocols/witness/wire.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { anchor_heads_max, decodeEntry } from '../../storage/audit-entry.ts';
import { honest, origin, witnessWorld } from '../contract/witness.ts';
import { suite } from '../harness.ts';
import { code } from '../storage/audit-world.ts';
import { append, contactOf, host, makeWorld, type Host, type World } from './witness-world.ts';

const test = suite('protocols/witness policy');
const never = new AbortController().signal;

function contact(peer: string, sponsor?: string): WitnessContact {
  return { peer, verifier_key: `key of ${peer}`, ...(sponsor === undefined ? {} : { sponsor }) };
}

function policyOf(lines: readonly string[]): LogPolicy {
  return unwrap(parseLogPolicy(utf8(`${lines.join('\n')}\n`)));
}

function anchoredWith(of: Host, note: Uint8Array): string[] {
  return unwrap(parseNote(note)).signatures.map(({ name }) => name).filter((name) => name !== of.log.origin);
}

function nameOf({ verifier_key }: WitnessContact): string {
  return verifier_key.split('+')[0] ?? '';
}

test('witnesses of one sponsor are one opinion, however many they are', () => {
  const quorum = operatorQuorum(2, () => undefined);
  const many = Array.from({ length: 12 }, (_, index) => contact(`sybil-${index}`, 'mallory'));
  assert.not(quorum.met(many));
  assert.ok(quorum.met([...many, contact('b', 'bob')]));
  assert.equal(quorum.next([...many, contact('b', 'bob')], []).map(({ peer }) => peer), ['sybil-0', 'b'], 'asking more of them is of no use');
  assert.equal(quorum.next(many.slice(1), [many[0] ?? contact('x')]), [], 'nor is asking them again');
  assert.match(quorum.shortfall(many), /^1 of the 2 /);
  fc.assert(fc.property(fc.array(fc.record({ peer: fc.nat(30), sponsor: fc.option(fc.nat(3), { nil: undefined }) })), fc.integer({ min: 1, max: 4 }), (picks, needed) => {
    const cosigned = picks.map(({ peer, sponsor }) => contact(`peer-${peer}`, sponsor === undefined ? undefined : `sponsor-${sponsor}`));
    const operators = new Set(cosigned.map(({ peer, sponsor }) => sponsor ?? `alone ${peer}`));
    assert.is(operatorQuorum(needed, () => undefined).met(cosigned), operators.size >= needed);
  }));
});

test('sponsored ones come first, one of each sponsor; those of the log\'s own sponsor come last', () => {
  const quorum = operatorQuorum(2, () => 'own');
  const contacts = [contact('mine', 'own'), contact('x'), contact('a1', 'a'), contact('a2', 'a'), contact('y'), contact('b1', 'b')];
  assert.equal(quorum.order(contacts).map(({ peer }) => peer), ['a1', 'b1', 'a2', 'x', 'y', 'mine']);
  const [a1, b1] = [contact('a1', 'a'), contact('b1', 'b')];
  assert.equal(quorum.next(quorum.order(contacts), []).map(({ peer }) => peer), ['a1', 'b1', 'x'], 'three where two are needed');
  assert.equal(quorum.next([contact('b1', 'b'), contact('a2', 'a'), contact('x')], [a1]).map(({ peer }) => peer), ['b1'], 'and then only as many as are missing');
  assert.is(quorum.weakness([a1, b1]), undefined);
  assert.match(quorum.weakness([a1, contact('x')]) ?? '', /^only 1 of the 2 operators/);
  assert.match(quorum.weakness([a1, contact('mine', 'own')]) ?? '', /^only 1 /, 'who answers for the log does not vouch for it');
  assert.match(quorum.weakness([contact('x'), contact('y')]) ?? '', /^none of the 2 operators that are needed is /);
});

test('a log is not anchored by many witnesses of one sponsor', async () => {
  const world = await makeWorld(5);
  const a = host(world, 0);
  const sponsored = (sponsors: readonly string[]): void => void world.contacts.set(a.name, world.hosts.slice(1).map((each, index) => {
    const { peer, verifier_key } = contactOf(each);
    return { peer, verifier_key, sponsor: sponsors[index] ?? '' };
  }));
  await append(a, 'x');
  sponsored(['mallory', 'mallory', 'mallory', 'mallory']);
  assert.is(code(await world.simulator.finish(a.witness.anchor())), 'AUDIT_QUORUM');
  sponsored(['mallory', 'mallory', 'mallory', 'bob']);
  const { note } = unwrap(await world.simulator.finish(a.witness.anchor()));
  assert.equal(anchoredWith(a, note), [1, 4].map((index) => nameOf(contactOf(host(world, index)))).toSorted((x, y) => anchoredWith(a, note).indexOf(x) - anchoredWith(a, note).indexOf(y)));
  assert.is((await a.witness.report()).quorum.weakness, undefined);
});

function policyText(world: World, lines: (key: (index: number) => string) => readonly string[]): LogPolicy {
  return policyOf(lines((index) => host(world, index).witness.verifier_key));
}

test('with a policy only the witnesses that it names are asked, and its quorum decides', async () => {
  const keys = [1, 2, 3, 4].map((index) => signingKey(new Uint8Array(32).fill(80 + index)).public_key);
  const vkeys = keys.map((key, index) => verifierKey(witnessName(`did:mesh:bhost${index + 1}`, key), signature_type_witness, key));
  const lines = [...vkeys.slice(0, 3).map((vkey, index) => `witness w${index + 1} ${vkey}`), 'group two 2 w1 w2', 'group all 1 two w3', 'quorum two'];
  const world = await makeWorld(5, [], (index) => (index === 0 ? { init: { policy: policyOf(lines) } } : {}));
  const a = host(world, 0);
  assert.equal(vkeys[0], host(world, 1).witness.verifier_key);
  await append(a, 'x');
  const anchored = unwrap(await world.simulator.finish(a.witness.anchor()));
  assert.equal(new Set(anchoredWith(a, anchored.note)), new Set([1, 2, 3].map((index) => nameOf(contactOf(host(world, index))))), 'and the fourth host is not asked');
  assert.not(host(world, 4).facts.some(({ kind }) => kind === 'audit.witnessed'));
  world.contacts.set(a.name, [contactOf(host(world, 1)), contactOf(host(world, 3)), contactOf(host(world, 4))]);
  await append(a, 'y');
  const missed = await world.simulator.finish(a.witness.anchor());
  assert.is(code(missed), 'AUDIT_QUORUM');
  if (!missed.ok) assert.match(missed.failure.reason, /^the quorum two of the witness policy is not met by w1, w3|^the quorum two of the witness policy is not met by w3, w1/);
  assert.equal((await a.witness.report()).absent, [vkeys[1]], 'whom the policy names and nobody can ask is said');
  const { met } = policyQuorum(policyText(world, (key) => [`witness w1 ${key(1)}`, 'quorum none']));
  assert.ok(met([]), 'a policy may ask for nobody');
});

test('a policy whose quorum is nobody anchors without cosignatures', async () => {
  const world = await makeWorld(2, [], () => ({ init: { policy: policyOf(['quorum none']) } }));
  await append(host(world, 0), 'x');
  assert.is(unwrap(await world.simulator.finish(host(world, 0).witness.anchor())).cosignatures, 0);
});

test('an exposed host is never asked, and its log never cosigned', async () => {
  const exposed = new Set<string>();
  const world = await makeWorld(4, [], () => ({ parts: { exposed: (did) => exposed.has(did) } }));
  const [a, bad] = [host(world, 0), host(world, 3)];
  assert.is(didOfWitness(contactOf(bad)), bad.did);
  exposed.add(bad.did);
  await append(a, 'x');
  await append(bad, 'y');
  const anchored = unwrap(await world.simulator.finish(a.witness.anchor()));
  assert.is(anchored.cosignatures, 2);
  assert.not(bad.facts.some(({ kind }) => kind === 'audit.witnessed'));
  const refused = await world.simulator.finish(bad.witness.anchor());
  assert.is(code(refused), 'AUDIT_QUORUM');
  if (!refused.ok) assert.match(refused.failure.reason, /answered 403: this log has signed two histories/);
});

test('evidence is told, and kept here where telling fails', async () => {
  for (const fails of [false, true]) {
    const told: Uint8Array[] = [];
    const accuse = (file: Uint8Array): Promise<ReturnType<typeof ok<undefined>>> => {
      told.push(file);
      return fails ? Promise.reject(new Error('not at present')) : Promise.resolve(ok(undefined));
    };
    const world = await makeWorld(3, [], () => ({ parts: { accuse } }));
    const [a, b] = [host(world, 0), host(world, 1)];
    await append(a, 'x');
    unwrap(await world.simulator.finish(a.witness.anchor()));
    const fork = signCheckpoint(a.key, { origin: a.log.origin, size: 2, root: leafHash(utf8('another history')) });
    assert.is((await b.witness.cosign(encodeRequest(2, [], fork))).status, 422);
    assert.is(told.length, 1);
    let kept = 0;
    for await (const [key] of b.store.entries('witness', { gte: utf8('x'), lt: utf8('y') })) kept += key.length > 0 ? 1 : 0;
    assert.is(kept, fails ? 1 : 0, fails ? 'it is not lost' : 'who was told keeps it');
    await b.log.freeze('a test');
    assert.is((await b.witness.cosign(encodeRequest(2, [], fork))).status, 503, 'a host whose own log is in doubt judges no other');
  }
});

test('a witness that is slow does not hold up a head that enough have cosigned', async () => {
  const world = await makeWorld(4);
  const a = host(world, 0);
  const network = simulatedNetwork(world.wire, { id: 'slow', clock: world.simulator.clock('slow'), recorder: { record: () => undefined } });
  network.handle(witness_protocol, witness_limits, () => new Promise(() => undefined));
  unwrap(await network.start());
  unwrap(await world.simulator.finish(network.dial(a.network.addresses()[0] ?? '', { signal: never })));
  world.contacts.set(a.name, [{ peer: 'slow', verifier_key: host(world, 3).witness.verifier_key }, contactOf(host(world, 1)), contactOf(host(world, 2))]);
  await append(a, 'x');
  const since_ms = world.simulator.now_ms;
  // The question what it saw of the log is asked of all, and answered by none that is silent, so it is asked before.
  unwrap(await world.simulator.finish(a.witness.anchor()));
  const first_ms = world.simulator.now_ms - since_ms;
  await append(a, 'y');
  unwrap(await world.simulator.finish(a.witness.anchor()));
  assert.ok(world.simulator.now_ms - since_ms - first_ms < 3000, `${world.simulator.now_ms - since_ms - first_ms} ms`);
  assert.not(a.facts.some(({ kind, peer }) => kind === 'audit.witness-refused' && peer === 'slow'), 'being late is no refusal');
});

test('a cosignature with a time that differs from most others does not count', async () => {
  let ahead_s = 3600;
  const world = await makeWorld(5, [], (index) => (index === 1 ? { ahead_s: () => ahead_s } : {}));
  const a = host(world, 0);
  world.contacts.set(a.name, [1, 2].map((index) => contactOf(host(world, index))));
  await append(a, 'x');
  const missed = await world.simulator.finish(a.witness.anchor());
  assert.is(code(missed), 'AUDIT_QUORUM');
  if (!missed.ok) assert.match(missed.failure.reason, /differs from most others/);
  world.contacts.set(a.name, [1, 2, 3].map((index) => contactOf(host(world, index))));
  const { note } = unwrap(await world.simulator.finish(a.witness.anchor()));
  assert.not(anchoredWith(a, note).includes(nameOf(contactOf(host(world, 1)))), 'its line is left out');
  assert.is(anchoredWith(a, note).length, 2);
  ahead_s = 0;
  await append(a, 'y');
  const again = unwrap(await world.simulator.finish(a.witness.anchor()));
  assert.is(again.cosignatures, 2, 'a clock that is put right makes it silent until its last time is over');
  assert.equal([...outliers(1000, [1000, 1300, 1301, 999])], [1301]);
  assert.equal([...outliers(1000, [4600, 4600])], [], 'the own clock is one of them, and here it is the one that is wrong');
});

test('a witness whose own clock jumps an hour stops as soon as three others have told it the time, and never signs an earlier time', async () => {
  let ahead_s = 0;
  const world = await makeWorld(5, [], (index) => (index === 0 ? { ahead_s: () => ahead_s } : {}));
  const [a, b] = [host(world, 0), host(world, 1)];
  const times: number[] = [];
  const cosignedByA = async (text: string): Promise<number> => {
    await append(b, text);
    world.contacts.set(b.name, [contactOf(a)]);
    await world.simulator.finish(b.witness.anchor());
    const known = await world.simulator.finish(b.witness.askKnown(a.name, b.log.origin));
    if (!known.ok) return 0;
    const opened = unwrap(openCheckpoint(known.value, unwrap(parseVerifier(b.log.verifier_key)), [unwrap(parseVerifier(a.witness.verifier_key))]));
    const { time_s = 0 } = opened.cosignatures[0] ?? {};
    if (times.at(-1) !== time_s) times.push(time_s);
    return opened.checkpoint.size;
  };
  assert.is(await cosignedByA('one'), 2);
  await append(a, 'x');
  unwrap(await world.simulator.finish(a.witness.anchor()));
  ahead_s = 3600;
  assert.ok((await cosignedByA('two')) > 2, 'nothing has told it yet');
  await append(a, 'y');
  await world.simulator.finish(a.witness.anchor());
  const before = await cosignedByA('three');
  assert.is(await cosignedByA('four'), before, 'it cosigns nothing now');
  assert.match((await a.witness.report()).clock_doubt ?? '', /differs from others by -360[01] s/);
  ahead_s = 0;
  await append(a, 'z');
  await world.simulator.finish(a.witness.anchor());
  assert.is((await a.witness.report()).clock_doubt, undefined, 'put right, it has no doubt any more');
  assert.is(await cosignedByA('five'), before, 'but its last time is still ahead');
  await world.simulator.run(world.simulator.now_ms + 3_700_000);
  assert.ok((await cosignedByA('six')) > before);
  assert.equal(times, times.toSorted((x, y) => x - y), 'and no time was smaller than the one before');
});

test('whatever a clock does, the times of one witness for one log never go back', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.oneof(fc.constantFrom(-1, 0, 1, 3600, -3600, 86_400, -86_400), fc.integer({ min: -100_000, max: 100_000 })), { maxLength: 12 }), async (steps_s) => {
    const made = await witnessWorld();
    let size = 0;
    let last_s = 0;
    for (const step_s of steps_s) {
      made.now_ms += 1000 * step_s;
      if (step_s % 2 === 0) made.restart();
      const answer = await made.witness.add(honest.request(size, size + 1));
      const is_back = Math.floor(made.now_ms / 1000) < last_s;
      assert.is(answer.status, is_back ? 503 : 200, answer.body);
      if (answer.status !== 200) continue;
      size += 1;
      const verifier = unwrap(parseVerifier(made.witness.verifier_key));
      const opened = unwrap(openCheckpoint(unwrap(await made.witness.known(origin)), unwrap(parseVerifier(verifierKey(origin, signature_type_log, signingKey(new Uint8Array(32).fill(1)).public_key))), [verifier]));
      const time_s = opened.cosignatures[0]?.time_s ?? 0;
      assert.ok(time_s >= last_s, 'a leap second gives the same time twice at most');
      last_s = time_s;
    }
  }), { numRuns: 40 });
});

test('a host whose clock goes back an hour still publishes', async () => {
  let ahead_s = 0;
  const world = await makeWorld(3, [], (index) => (index === 0 ? { ahead_s: () => ahead_s } : {}));
  const a = host(world, 0);
  for (const { witness } of world.hosts) witness.start();
  await append(a, 'x');
  await world.simulator.run(world.simulator.now_ms + 30_000);
  const anchored = (): number => a.facts.filter(({ kind }) => kind === 'audit.anchored').length;
  assert.is(anchored(), 1);
  ahead_s = -3600;
  await world.simulator.run(world.simulator.now_ms + 30_000);
  assert.ok(anchored() > 1, 'a heartbeat comes at once instead of an hour later');
  for (const { witness } of world.hosts) await world.simulator.finish(witness.stop());
});

test('more heads than one anchor entry holds go into several, each once', async () => {
  const count = 2 * anchor_heads_max + 90;
  const logs = Array.from({ length: count }, (_, index) => {
    const key = signingKey(new Uint8Array(32).fill(1).map((byte, at) => (at < 2 ? (index >> (8 * at)) & 255 : byte)));
    const name = logOrigin(`did:mesh:bmany${index}`, key.public_key);
    return { key, name, vkey: verifierKey(name, signature_type_log, key.public_key) };
  });
  const world = await makeWorld(1, [], () => ({ parts: { logKey: (asked) => Promise.resolve(ok(logs.find(({ name }) => name === asked)?.vkey ?? '')) } }));
  const a = host(world, 0);
  for (const { key, name } of logs) {
    const answer = await a.witness.cosign(encodeRequest(0, [], signCheckpoint(key, { origin: name, size: 1, root: leafHash(utf8(name)) })));
    assert.is(answer.status, 200, answer.body);
  }
  assert.ok((await a.witness.report()).witnessed.every(({ waits_for_anchor }) => waits_for_anchor));
  a.witness.start();
  await world.simulator.run(world.simulator.now_ms + 90_000);
  await world.simulator.finish(a.witness.stop());
  const sizes: number[] = [];
  const seen = new Set<string>();
  for await (const record of a.log.entries()) {
    const { kind, body } = unwrap(decodeEntry(unwrap(record).entry));
    if (kind !== 'anchor') continue;
    sizes.push(body[0] ?? 0);
    for (let at = 1; at < body.length; at += 72) seen.add(Buffer.from(body.subarray(at, at + 32)).toString('hex'));
  }
  assert.equal(sizes, [255, 255, 90]);
  assert.is(seen.size, count);
  assert.not((await a.witness.report()).witnessed.some(({ waits_for_anchor }) => waits_for_anchor));
});

test('a witness does not take another name for its own', async () => {
  const world = await makeWorld(2);
  const [a, b] = [host(world, 0), host(world, 1)];
  // Its log's origin, but under the key of a stranger: the fingerprint in the name is not that key's.
  const thief = signingKey(new Uint8Array(32).fill(9));
  const note = signCheckpoint(thief, { origin: a.log.origin, size: 1, root: leafHash(utf8('x')) });
  assert.is((await b.witness.cosign(encodeRequest(0, [], note))).status, 403);
  const self = signCheckpoint(b.key, { origin: b.log.origin, size: 1, root: leafHash(utf8('x')) });
  assert.is((await b.witness.cosign(encodeRequest(0, [], self))).status, 404, 'nobody witnesses itself');
  assert.ok(cosign(thief, 'a/wit/b', { origin: 'x', size: 1, root: leafHash(utf8('x')) }, 1).length > 0);
  assert.is(encodeAnswer({ status: 404, body: '' }).length, 2);
});

test.run();
