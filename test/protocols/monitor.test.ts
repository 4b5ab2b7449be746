import * as assert from 'uvu/assert';
import { concat, fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape } from '../../crypto/canonical.ts';
import { cosign, logOrigin, openCheckpoint, signCheckpoint, witnessName, withLines } from '../../crypto/checkpoint.ts';
import { signingKey } from '../../crypto/keys.ts';
import { parseVerifier } from '../../crypto/note.ts';
import { fail, unwrap, type Result } from '../../crypto/result.ts';
import { checkpoint_topic } from '../../protocols/monitor/index.ts';
import { seenNote } from '../../protocols/monitor/seen-note.ts';
import type { Network } from '../../protocols/ports.ts';
import { encodeFailure } from '../../protocols/reply.ts';
import { audit_protocol } from '../../protocols/witness/constants.ts';
import { holdAgainst } from '../../protocols/witness/desk.ts';
import { askConsistency, parseConsistencyAnswer, type ConsistencyAnswer } from '../../protocols/witness/questions.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { decodeFreeze, frozen_file } from '../../storage/audit-freeze.ts';
import { log_keys } from '../../storage/audit-group.ts';
import { suite, type TestContext } from '../harness.ts';
import { interposed } from '../simulated-hosts.ts';
import { code } from '../storage/audit-world.ts';
import { answerAnything, copyOf, MonitorWorld, type FollowingHost } from './monitor-world.ts';

const test = suite('protocols/monitor');

function sizeHeld(by: FollowingHost, of: FollowingHost): number {
  const note = by.monitor.head(of.log.origin);
  return note === undefined ? -1 : unwrap(openCheckpoint(note, unwrap(parseVerifier(of.log.verifier_key)))).checkpoint.size;
}

function kinds(host: FollowingHost): readonly string[] {
  return host.facts.map(({ kind }) => kind);
}

test('every host follows a log to its newest head, and proves each step', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(5);
  const author = world.at(0);
  const others = world.hosts.slice(1);
  for (const text of ['one', 'two', 'three']) {
    const size = await world.grow(author, text);
    await world.pass(5_000);
    assert.equal(others.map((host) => sizeHeld(host, author)), others.map(() => size));
  }
  assert.equal(others.map((host) => host.monitor.state(author.log.origin)), others.map(() => 'trusted'));
  const [view] = others[0]?.monitor.logs() ?? [];
  assert.equal([view?.size, view?.state, view?.did], [author.log.latest()?.size, 'trusted', author.did]);
  assert.is(author.monitor.state(author.log.origin), undefined, 'nobody follows himself');
  assert.equal(world.hosts.flatMap(kinds).filter((kind) => /penalised|failed|suspected/.test(kind)), []);
});

test('who connects later learns the heads that it missed', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(3);
  const size = await world.grow(world.at(0), 'news');
  const late = await world.start({ number: 7 });
  await world.connect(late, world.at(1));
  await world.pass(10_000);
  assert.is(sizeHeld(late, world.at(0)), size);
});

/** Host 0 twice, with a common past and so many entries of its own in each; the second takes no part in gossip and witnesses nothing. */
async function cloned(context: TestContext, sizes: { readonly here: number; readonly there: number }, interpose: (network: Network) => Network = deaf): Promise<{
  readonly world: MonitorWorld;
  readonly a: FollowingHost;
  readonly b: FollowingHost;
  readonly honest: readonly FollowingHost[];
}> {
  const world = new MonitorWorld(context, 'clones');
  await world.startAll(5);
  const a = world.at(0);
  const honest = world.hosts.slice(1);
  await world.grow(a, 'common past');
  await world.pass(5_000);
  const b = await world.start({ number: 0, peer: 'host-0-again', kept: await copyOf(a), interpose });
  for (const each of honest) await world.connect(b, each);
  for (let index = 0; index < sizes.here; index += 1) unwrap(await a.log.append({ subject: 'agent', payload: Uint8Array.of(1, index) }));
  for (let index = 0; index < sizes.there; index += 1) unwrap(await b.log.append({ subject: 'agent', payload: Uint8Array.of(2, index) }));
  return { world, a, b, honest };
}

/** A network over which a host hears of no checkpoint, so that a copy of a host does not stop when it hears of the other. */
function deaf(network: Network): Network {
  return interposed(network, {
    request: (peer, protocol, request, options) => {
      const question = decodeCbor(request);
      const asks_heads = protocol === audit_protocol && question.ok && hasShape(question.value, ['kind', 'after']);
      return asks_heads ? Promise.resolve(fail('PEER_REFUSED', 'it does not want to know')) : network.request(peer, protocol, request, options);
    },
    subscribe: (topic, verify, deliver) => network.subscribe(topic, topic === checkpoint_topic ? () => Promise.resolve('ignore') : verify, deliver),
  });
}

/** Pushes a note to the mesh as host number so and so would pass it on. */
function tell(host: FollowingHost | undefined, note: Uint8Array): void {
  host?.monitor.publish(note);
}

test('two heads of one size are evidence at every host that sees both', async (context) => {
  const { world, a, b, honest } = await cloned(context, { here: 2, there: 2 });
  tell(honest[0], unwrap(await a.log.checkpoint()));
  tell(honest[3], unwrap(await b.log.checkpoint()));
  await world.pass(10_000);
  const found = [honest[1], honest[2]].map((host) => host?.evidence.map(({ verified: { kind, accused } }) => [kind, accused.did, accused.role]));
  assert.equal(found, [[['same-size', a.did, 'log']], [['same-size', a.did, 'log']]]);
  const view = honest[1]?.monitor.logs()[0];
  assert.equal([view?.state, view?.origin], ['exposed', a.log.origin]);
});

test('a host that takes the key of its log out of its record is held to what it signed with it', async (context) => {
  const { world, a, b, honest } = await cloned(context, { here: 2, there: 2 });
  tell(honest[0], unwrap(await a.log.checkpoint()));
  await world.pass(5_000);
  world.unlisted.add(a.log.origin);
  const judge = honest[1];
  if (judge === undefined) throw new Error('nobody judges');
  const kept = await copyOf(judge);
  await world.stop(judge);
  const again = await world.start({ number: judge.number, peer: 'judge-again', kept });
  for (const other of world.hosts) if (other !== again) await world.connect(again, other);
  tell(honest[3], unwrap(await b.log.checkpoint()));
  await world.pass(10_000);
  const found = [honest[2], again].map((host) => host?.evidence.map(({ verified: { kind, accused } }) => [kind, accused.did]));
  assert.equal(found, [[['same-size', a.did]], [['same-size', a.did]]]);
});

test('a checkpoint that another part of the host came upon counts like one that was pushed', async (context) => {
  const { world, a, b, honest } = await cloned(context, { here: 2, there: 2 });
  tell(honest[0], unwrap(await a.log.checkpoint()));
  await world.pass(5_000);
  const judge = honest[1];
  judge?.monitor.look(utf8('no note'));
  assert.equal(judge?.evidence, []);
  judge?.monitor.look(unwrap(await b.log.checkpoint()));
  await world.pass(5_000);
  assert.equal(judge?.evidence.map(({ verified: { kind, accused } }) => [kind, accused.did]), [['same-size', a.did]]);
});

test('two histories of different sizes expose a log that answers, by its own signature', async (context) => {
  const { world, a, b, honest } = await cloned(context, { here: 2, there: 5 });
  tell(honest[0], unwrap(await a.log.checkpoint()));
  await world.pass(5_000);
  // Whoever asks for the proof gets what a liar would have to give: signatures over one of the histories at both sizes.
  world.places.set(0, b.peer);
  answerAnything(b);
  tell(honest[1], unwrap(await b.log.checkpoint()));
  await world.pass(5_000);
  assert.equal(honest.slice(2).map((host) => host.evidence.map(({ verified: { kind } }) => kind)), [['same-size'], ['same-size']]);
});

test('a host that was copied stops when it is shown its other half, and is suspected for not answering', async (context) => {
  const { world, a, b, honest } = await cloned(context, { here: 2, there: 5 });
  tell(honest[0], unwrap(await a.log.checkpoint()));
  await world.pass(5_000);
  tell(honest[1], unwrap(await b.log.checkpoint()));
  await world.pass(5_000);
  assert.is(a.log.frozen?.code, 'AUDIT_FROZEN');
  assert.is(honest[2]?.monitor.state(a.log.origin), 'trusted', 'not at once');
  await world.pass(800_000);
  assert.equal(honest.slice(2).map((host) => host.monitor.state(a.log.origin)), ['suspected', 'suspected']);
  assert.equal(honest.flatMap(({ evidence }) => evidence), []);
});

test('a log that does not answer is suspected after ten minutes, and cleared by an answer, over a restart of who asks', async (context) => {
  const world = new MonitorWorld(context);
  let refuses = true;
  const author = await world.start({
    number: 0,
    interpose: (network) => interposed(network, {
      handle: (protocol, limits, handler) => network.handle(protocol, limits, (request, from, signal) =>
        refuses && protocol === audit_protocol ? Promise.resolve(encodeFailure({ code: 'NO', reason: 'I would rather not' })) : handler(request, from, signal)),
    }),
  });
  for (const number of [1, 2, 3]) {
    const host = await world.start({ number });
    for (const other of world.hosts) if (other !== host) await world.connect(host, other);
  }
  await world.pass(2_000);
  const { origin } = author.log;
  const [one, two, three] = [world.at(1), world.at(2), world.at(3)];
  await world.grow(author, 'one');
  await world.pass(5_000);
  await world.grow(author, 'two');
  await world.pass(500_000);
  assert.equal([one, two, three].map((host) => host.monitor.state(origin)), ['trusted', 'trusted', 'trusted'], 'not before ten minutes');
  await world.pass(200_000);
  assert.equal([one, two, three].map((host) => host.monitor.state(origin)), ['suspected', 'suspected', 'suspected']);
  const [first] = one.monitor.logs();
  assert.match(first?.reason ?? '', /has not proven that its checkpoints of \d+ and \d+ entries are of one history/);
  assert.is(kinds(one).filter((kind) => kind === 'audit.suspected').length, 1);
  const kept = await copyOf(three);
  await world.stop(three);
  const again = await world.start({ number: 3, peer: 'host-3-again', kept });
  assert.is(again.monitor.state(origin), 'suspected', 'it is remembered');
  for (const other of world.hosts) if (other !== again) await world.connect(again, other);
  refuses = false;
  await world.pass(80_000);
  assert.equal([one, two, again].map((host) => host.monitor.state(origin)), ['trusted', 'trusted', 'trusted']);
  assert.equal([one, two, again].map((host) => kinds(host).filter((kind) => kind === 'audit.cleared').length), [1, 1, 1]);
  assert.is(sizeHeld(again, author), author.log.latest()?.size);
});

test('an answer that proves nothing is no answer', async (context) => {
  const other = signingKey(new Uint8Array(32).fill(200));
  const wrong: readonly ((answer: ConsistencyAnswer, origin: string) => Uint8Array)[] = [
    () => utf8('what?'),
    ({ old, next }) => encodeCbor({ old, next, proof: [] }),
    ({ old, next, proof }) => encodeCbor({ old, next, proof: proof.map((hash) => hash.toReversed()) }),
    ({ old, next, proof }) => encodeCbor({ old: next, next: old, proof }),
    ({ next, proof }, origin) => encodeCbor({ old: signCheckpoint(other, { origin, size: 2, root: new Uint8Array(32) }), next, proof }),
    ({ old, proof }, origin) => encodeCbor({ old, next: signCheckpoint(other, { origin, size: 5, root: new Uint8Array(32) }), proof }),
  ];
  for (const [index, spoil] of wrong.entries()) {
    const world = new MonitorWorld(context, `wrong ${index}`);
    const author = await world.start({
      number: 0,
      interpose: (network) => interposed(network, {
        handle: (protocol, limits, handler) => network.handle(protocol, limits, async (request, from, signal) => {
          const answer = await handler(request, from, signal);
          const parsed = protocol === audit_protocol ? parseConsistencyAnswer(answer) : undefined;
          return parsed?.ok === true ? spoil(parsed.value, author.log.origin) : answer;
        }),
      }),
    });
    for (const number of [1, 2, 3]) {
      const host = await world.start({ number });
      for (const each of world.hosts) if (each !== host) await world.connect(host, each);
    }
    await world.grow(author, 'one');
    await world.pass(5_000);
    await world.grow(author, 'two', 'three');
    await world.pass(700_000);
    assert.equal(world.hosts.slice(1).map((host) => host.monitor.state(author.log.origin)), ['suspected', 'suspected', 'suspected'], `answer ${index}`);
    assert.equal(world.hosts.flatMap(({ evidence }) => evidence), [], 'what others signed is no evidence');
    while (world.hosts.length > 0) await world.stop(world.at(0));
  }
});

test('a log that only a neighbour can reach is proven to the others by what it gave the neighbour', async (context) => {
  const world = new MonitorWorld(context);
  const [author, one, two, three] = [await world.start({ number: 0, quorum: 1 }), await world.start({ number: 1 }), await world.start({ number: 2 }), await world.start({ number: 3 })];
  world.wire.partition([author.peer], [two.peer, three.peer]);
  await world.connect(author, one);
  await world.connect(one, two);
  await world.connect(two, three);
  await world.pass(5_000);
  for (const text of ['one', 'two', 'three']) {
    await world.grow(author, text);
    await world.pass(60_000);
  }
  await world.pass(700_000);
  assert.equal([one, two, three].map((host) => sizeHeld(host, author)), [one, two, three].map(() => author.log.latest()?.size));
  assert.equal([one, two, three].flatMap(kinds).filter((kind) => kind === 'audit.suspected'), []);
});

test('a host that is gone and has published nothing new is not suspected', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(4);
  const author = world.at(0);
  await world.grow(author, 'one');
  await world.pass(5_000);
  const { origin } = author.log;
  await world.stop(author);
  await world.pass(3_600_000);
  assert.equal(world.hosts.map((host) => host.monitor.state(origin)), ['trusted', 'trusted', 'trusted']);
});

test('a host that is gone is not suspected because somebody shows an old checkpoint of it around', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(4);
  const author = world.at(0);
  const { origin } = author.log;
  const small = unwrap(await author.log.checkpoint());
  for (const text of ['one', 'two', 'three']) {
    await world.grow(author, text);
    await world.pass(5_000);
  }
  const note = unwrap(await author.log.cosigned());
  const newcomers = [await world.start({ number: 8 }), await world.start({ number: 9 })];
  for (const newcomer of newcomers) for (const other of world.hosts.slice(0, 4)) await world.connect(newcomer, other);
  tell(world.at(1), note);
  await world.pass(10_000);
  await world.stop(author);
  tell(world.at(1), small);
  await world.pass(3_600_000);
  assert.equal(newcomers.map((host) => host.monitor.state(origin)), ['trusted', 'trusted']);
  const shown = (): Promise<readonly number[]> => Promise.all(newcomers.map(async ({ monitor }) => (await monitor.page('')).notes.filter((each) => unwrap(seenNote(each)).origin === origin).length));
  assert.equal(await shown(), [2, 2], 'the question is open');
  // Once it is there again it is asked, and has to answer.
  const back = await world.start({ number: 0, peer: 'host-0-back', kept: await copyOf(author) });
  world.places.set(0, back.peer);
  for (const other of world.hosts) if (other !== back) await world.connect(back, other);
  await world.pass(80_000);
  assert.equal(await shown(), [1, 1], 'and answered');
});

test('who is alone suspects nobody for not answering', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(4);
  const [author, lone] = [world.at(0), world.at(3)];
  await world.grow(author, 'one');
  await world.pass(5_000);
  await world.grow(author, 'two');
  await world.pass(60);
  world.wire.partition(['host-3'], ['host-0', 'host-1', 'host-2']);
  await world.pass(3_600_000);
  assert.is(lone.monitor.state(author.log.origin), 'trusted');
  assert.is(kinds(lone).filter((kind) => kind === 'audit.suspected').length, 0);
});

test('a host that was put back to an older copy stops when it hears its own newer checkpoint', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(4);
  const author = world.at(0);
  await world.grow(author, 'kept');
  const old = await copyOf(author);
  await world.grow(author, 'lost');
  await world.pass(5_000);
  await world.stop(author);
  const back = await world.start({ number: 0, peer: 'host-0-back', kept: old });
  assert.is(back.log.frozen, undefined, 'nothing on its own disk tells it');
  await world.connect(back, world.at(1));
  await world.pass(10_000);
  assert.is(back.log.frozen?.code, 'AUDIT_FROZEN');
  assert.ok(kinds(back).includes('audit.frozen'));
});

test('a frozen log keeps the largest checkpoint that it is shown, and what was damaged is no second history', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(4);
  const author = world.at(0);
  await world.grow(author, 'kept');
  const old = await copyOf(author);
  await world.grow(author, 'lost');
  const middle = author.log.latest();
  const largest = await world.grow(author, 'lost too');
  const damaged = await copyOf(author);
  await world.pass(5_000);
  await world.stop(author);
  const back = await world.start({ number: 0, peer: 'host-0-back', kept: old });
  await back.log.freeze('a witness holds more', 'history', middle?.note);
  await world.connect(back, world.at(1));
  await world.pass(10_000);
  const kept = await back.files.read(frozen_file);
  assert.is(unwrap(seenNote(decodeFreeze(kept ?? new Uint8Array()).note ?? new Uint8Array())).size, largest);
  await world.stop(back);
  for await (const [key] of damaged.store.entries('log', { gte: log_keys.group(1), lt: utf8('h') })) await damaged.store.batch([{ space: 'log', key }], { sync: true });
  const broken = await world.start({ number: 0, peer: 'host-0-broken', kept: damaged });
  assert.equal([broken.log.frozen?.detail?.['cause'], broken.log.size() < largest], ['damage', true]);
  await world.connect(broken, world.at(1));
  await world.pass(10_000);
  const asked = await world.simulator.finish(holdAgainst(broken.log, world.at(1).monitor.head(broken.log.origin) ?? new Uint8Array(), 'a peer'));
  assert.equal([asked.ok, broken.log.frozen?.detail?.['cause']], [false, 'damage'], 'it can be filled again');
});

test('a peer that only followed a log tells its rolled-back host what it has seen, before that signs', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(6);
  const author = world.at(0);
  await world.grow(author, 'kept');
  const old = await copyOf(author);
  await world.grow(author, 'lost');
  await world.pass(5_000);
  const cosigners = world.hosts.filter((host) => host.facts.some(({ kind, origin }) => kind === 'audit.witnessed' && origin === author.log.origin));
  const follower = world.hosts.find((host) => host !== author && !cosigners.includes(host));
  assert.ok(follower !== undefined, 'three are asked, so somebody only followed');
  await world.stop(author);
  for (const cosigner of cosigners) await world.stop(cosigner);
  const back = await world.start({ number: 0, peer: 'host-0-back', kept: old, interpose: deaf });
  if (follower !== undefined) await world.connect(back, follower);
  unwrap(await back.log.append({ subject: 'agent', payload: Uint8Array.of(9) }));
  const anchored = await world.simulator.finish(back.witness.anchor());
  assert.is(anchored.ok, false);
  assert.is(back.log.frozen?.code, 'AUDIT_FROZEN');
});

test('what is no checkpoint of a log is held against the sender, and what nobody can resolve is not passed on', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(3);
  const [author, honest] = [world.at(0), world.at(1)];
  await world.grow(author, 'one');
  await world.pass(5_000);
  const note = author.monitor.head(honest.log.origin) ?? unwrap(await author.log.cosigned());
  const sent: Uint8Array[] = [
    utf8('no note'), note.subarray(0, note.length - 1), concat(note, new Uint8Array(9_000).fill(0x41)),
    signCheckpoint(author.log_key, { origin: 'nobody', size: 9, root: new Uint8Array(32) }),
    signCheckpoint(author.witness_key, { origin: author.log.origin, size: 9, root: new Uint8Array(32) }),
  ];
  for (const bytes of sent) {
    const before = kinds(honest).filter((kind) => kind === 'network.peer.penalised').length;
    const stranger = simulatedNetwork(world.wire, { id: `stranger-${sent.indexOf(bytes)}`, clock: world.simulator.clock('stranger'), recorder: { record: () => undefined } });
    stranger.subscribe(checkpoint_topic, () => Promise.resolve('ignore'), () => undefined);
    unwrap(await stranger.start());
    await world.get(stranger.dial(`/simulated/${honest.peer}`, { signal: new AbortController().signal }));
    unwrap(await stranger.publish(checkpoint_topic, bytes));
    await world.pass(1_000);
    assert.is(kinds(honest).filter((kind) => kind === 'network.peer.penalised').length, before + 1, `note ${sent.indexOf(bytes)}`);
    await stranger.stop();
  }
  const unknown = signingKey(new Uint8Array(32).fill(3));
  const origin = logOrigin('did:mesh:bnobody', unknown.public_key);
  tell(honest, signCheckpoint(unknown, { origin, size: 5, root: new Uint8Array(32) }));
  await world.pass(1_000);
  assert.equal(world.hosts.map((host) => host.monitor.state(origin)), [undefined, undefined, undefined]);
  assert.equal(world.hosts.map((host) => kinds(host).filter((kind) => kind === 'network.peer.penalised').length), [0, sent.length, 0], 'whom nobody can resolve is no misdeed of who passes it on');
});

test('the desk proves only what this log has signed, and signs nothing new', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(3);
  const [author, asker] = [world.at(0), world.at(1)];
  await world.grow(author, 'one');
  const old = unwrap(await author.log.checkpoint());
  await world.grow(author, 'two');
  const next = unwrap(await author.log.checkpoint());
  const { clock } = { clock: world.simulator.clock('asker') };
  const ask = (notes: { old: Uint8Array; next: Uint8Array }): Promise<Result<ConsistencyAnswer>> =>
    world.simulator.finish(askConsistency({ clock, network: asker.network }, author.peer, notes, new AbortController().signal));
  const answer = unwrap(await ask({ old, next }));
  assert.equal([answer.old, answer.next], [old, next]);
  assert.is(code(await ask({ old: next, next: old })), 'AUDIT_QUESTION_INVALID');
  const forged = signCheckpoint(asker.log_key, { origin: author.log.origin, size: 2, root: new Uint8Array(32) });
  assert.is(code(await ask({ old: forged, next })), 'NOTE_UNSIGNED');
  const theirs = unwrap(await asker.log.checkpoint());
  assert.is(code(await ask({ old: theirs, next })), 'NOTE_UNSIGNED');
  assert.is(code(await ask({ old: utf8('x'), next })), 'NOTE_INVALID');
  assert.is(author.log.frozen, undefined, 'nothing that a stranger can make stops a log');
  const other = signCheckpoint(author.log_key, { origin: author.log.origin, size: 2, root: new Uint8Array(32) });
  assert.is(code(await ask({ old: other, next })), 'AUDIT_FROZEN', 'its own signature over another history does');
});

/** The checkpoint of a log with one more line of a host's witness, whatever that witness knows. */
function cosignedBy(witness: FollowingHost, log: FollowingHost['log'], note: Uint8Array, time_s: number): Uint8Array {
  const { checkpoint, bare } = unwrap(openCheckpoint(note, unwrap(parseVerifier(log.verifier_key))));
  return withLines(bare, [cosign(witness.witness_key, witnessName(witness.did, witness.witness_key.public_key), checkpoint, time_s)]);
}

test('a witness that cosigns two histories is exposed with the log', async (context) => {
  const { world, a, b, honest } = await cloned(context, { here: 2, there: 2 });
  const [liar, , judge] = honest;
  if (liar === undefined || judge === undefined) throw new Error('no witness');
  const time_s = Math.floor(world.simulator.now_ms / 1000) + 60;
  tell(honest[1], cosignedBy(liar, a.log, unwrap(await a.log.checkpoint()), time_s));
  await world.pass(3_000);
  tell(honest[1], cosignedBy(liar, b.log, unwrap(await b.log.checkpoint()), time_s + 1));
  await world.pass(3_000);
  assert.equal(judge.evidence.map(({ verified: { kind, accused } }) => [kind, accused.did]), [['same-size', a.did], ['cosigner-split', liar.did]]);
});

test('a witness that cosigns a smaller tree later is exposed, and the log is not', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(4);
  const author = world.at(0);
  await world.grow(author, 'one');
  const small = unwrap(await author.log.checkpoint());
  await world.grow(author, 'two');
  await world.pass(5_000);
  const held = fromUtf8(world.at(1).monitor.head(author.log.origin) ?? new Uint8Array()) ?? '';
  const liar = world.hosts.find(({ did }) => held.includes(`${did}/wit/`));
  const judges = world.hosts.filter((host) => host !== liar && host !== author);
  if (liar === undefined) throw new Error('nobody cosigned');
  const now_s = Math.floor(world.simulator.now_ms / 1000);
  const honest_time = cosignedBy(liar, author.log, small, now_s - 3_600);
  tell(judges[0], honest_time);
  await world.pass(3_000);
  assert.equal(judges[1]?.evidence, [], 'cosigned before the larger one');
  const forged = cosignedBy({ ...liar, witness_key: signingKey(new Uint8Array(32).fill(1)) }, author.log, small, now_s + 3_600);
  tell(judges[0], forged);
  await world.pass(3_000);
  assert.equal(judges[1]?.evidence, [], 'somebody else signed in its name');
  tell(judges[0], cosignedBy(liar, author.log, small, now_s + 3_600));
  await world.pass(3_000);
  assert.equal(judges[1]?.evidence.map(({ verified: { kind, accused } }) => [kind, accused.did]), [['cosigner-rollback', liar.did]]);
  assert.is(judges[1]?.monitor.state(author.log.origin), 'trusted');
});

test.run();
