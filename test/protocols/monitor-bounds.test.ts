import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { encodeCbor } from '../../crypto/canonical.ts';
import { logOrigin, signCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { parseVerifier, signature_type_log, verifierKey } from '../../crypto/note.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { checkpoint_topic } from '../../protocols/monitor/index.ts';
import { asked_at_once_max, followed_logs_max, heads_per_page_max, heads_take_ms_max, met_logs_max, notes_per_log_window_max, open_challenges_max, owing_ms_max, pushes_per_window_max, quiet_ms_max, rivals_per_log_window_max } from '../../protocols/monitor/constants.ts';
import { Challenges } from '../../protocols/monitor/challenges.ts';
import { FollowedLogs } from '../../protocols/monitor/followed-logs.ts';
import { pageOf } from '../../protocols/monitor/heads.ts';
import { seenNote, type SeenNote } from '../../protocols/monitor/seen-note.ts';
import type { Network } from '../../protocols/ports.ts';
import { audit_limits, audit_protocol, questions_per_window_max } from '../../protocols/witness/constants.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { openStore } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { code } from '../storage/audit-world.ts';
import { MonitorWorld } from './monitor-world.ts';

const test = suite('protocols/monitor-bounds');
const key = signingKey(new Uint8Array(32).fill(9));
const public_key = key.public_key;

/** A note of somebody's log; nobody looks at its signature here. */
function noteOf(number: number, size = 1, root = 'root'): SeenNote {
  const origin = logOrigin(`did:mesh:b${number}`, public_key);
  const line = `\n— ${origin} ${Buffer.alloc(68, 1).toString('base64')}\n`;
  return unwrap(seenNote(utf8(`${origin}\n${size}\n${Buffer.from(sha256(utf8(`${root}${size}`))).toString('base64')}\n${line}`)));
}

function begin(logs: FollowedLogs, note: SeenNote): boolean {
  return logs.begin(note, unwrap(parseVerifier(verifierKey(note.origin, signature_type_log, public_key))));
}

async function followedLogs(met: (did: string) => boolean = () => false, exposed: ReadonlySet<string> = new Set()): Promise<{ readonly logs: FollowedLogs; pass(ms: number): void }> {
  let now_ms = 1_700_000_000_000;
  const store = unwrap(await openStore({ kind: 'memory' }));
  const clock = { now: () => now_ms, after: () => () => undefined };
  const logs = new FollowedLogs({ clock, store, recorder: { record: () => undefined }, isMet: met, exposed: (did) => exposed.has(did) });
  return { logs, pass: (ms) => { now_ms += ms; } };
}

test('strangers cannot keep out the logs of hosts that were met, and one that was long quiet makes room', async () => {
  const { logs, pass } = await followedLogs((did) => did.startsWith('did:mesh:b9000'));
  for (let number = 0; number < followed_logs_max; number += 1) assert.ok(begin(logs, noteOf(number)));
  assert.not.ok(begin(logs, noteOf(8_000_000)), 'there is no place for another stranger');
  for (let number = 0; number < met_logs_max; number += 1) assert.ok(begin(logs, noteOf(90_000_000 + number)));
  assert.not.ok(begin(logs, noteOf(90_009_999)), 'nor for ever more of those that were met');
  assert.ok(logs.challenge(noteOf(0, 2)));
  pass(quiet_ms_max + 1);
  assert.ok(begin(logs, noteOf(8_000_000)));
  assert.is(logs.all().length, followed_logs_max + met_logs_max);
  assert.is(logs.get(noteOf(1).origin), undefined, 'the quiet one is gone');
  assert.ok(logs.get(noteOf(0).origin) !== undefined, 'the one that owes an answer is not');
  await logs.written();
});

test('logs that are exposed, or never answer, do not hold their places for ever', async () => {
  const exposed = new Set<string>();
  const { logs, pass } = await followedLogs(() => false, exposed);
  for (let number = 0; number < followed_logs_max; number += 1) {
    begin(logs, noteOf(number));
    logs.challenge(noteOf(number, 2));
  }
  exposed.add('did:mesh:b7');
  assert.ok(begin(logs, noteOf(8_000_000)));
  assert.is(logs.get(noteOf(7).origin), undefined, 'of the exposed one nothing has to be remembered');
  pass(quiet_ms_max + 1);
  assert.ok(begin(logs, noteOf(8_000_001)), 'in the place of another stranger who has nothing open');
  assert.not.ok(begin(logs, noteOf(8_000_002)), 'who owes an answer is not forgotten so soon');
  pass(owing_ms_max);
  assert.ok(begin(logs, noteOf(8_000_002)));
  await logs.written();
});

test('a log has so many open challenges, in the order of their sizes, and no more', async () => {
  const { logs } = await followedLogs();
  begin(logs, noteOf(0, 10));
  for (let number = 0; number < open_challenges_max; number += 1) assert.ok(logs.challenge(noteOf(0, 30 - number)));
  assert.not.ok(logs.challenge(noteOf(0, 40)));
  const sizes = logs.get(noteOf(0).origin)?.open.map(({ note }) => note.size) ?? [];
  assert.equal(sizes, sizes.toSorted((a, b) => a - b));
  assert.not.ok(logs.challenge(noteOf(1, 5)), 'of a log that is not followed nothing is open');
  logs.explained(noteOf(0, 28));
  assert.is(logs.get(noteOf(0).origin)?.held.size, 28);
  assert.ok(logs.knows(noteOf(0, 10)), 'what was proven is remembered');
  assert.is(logs.rival(noteOf(0, 10, 'other'))?.size, 10);
  await logs.written();
});

test('pages hold every log once, with what is open about it, and lead to the end', async () => {
  const { logs } = await followedLogs();
  for (let number = 0; number < 150; number += 1) begin(logs, noteOf(number));
  logs.challenge(noteOf(7, 2));
  const own = { origin: 'did:mesh:bme/log/0', note: utf8('mine') };
  const notes: Uint8Array[] = [];
  let after: string | null = '';
  let pages = 0;
  while (after !== null) {
    const page = pageOf(logs, own, after);
    assert.ok(page.notes.length <= heads_per_page_max);
    notes.push(...page.notes);
    after = page.after;
    pages += 1;
  }
  assert.is(pages, 3);
  const texts = notes.map((note) => Buffer.from(note).toString());
  assert.is(new Set(texts).size, 152);
  assert.ok(texts.includes('mine') && texts.includes(Buffer.from(noteOf(7, 2).bytes).toString()));
  await logs.written();
});

test('the largest checkpoint that was seen counts before it is proven', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(3);
  const [author, other] = [world.at(0), world.at(1)];
  await world.grow(author, 'one');
  await world.pass(5_000);
  const size = await world.grow(author, 'two');
  await world.pass(60);
  const { origin } = author.log;
  assert.match(Buffer.from(other.monitor.largest(origin) ?? []).toString(), new RegExp(`\n${size}\n`));
  assert.not.match(Buffer.from(other.monitor.head(origin) ?? []).toString(), new RegExp(`\n${size}\n`));
});

test('a peer that asks without end is told to wait, and the others are not', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(3);
  const [author, one, two] = [world.at(0), world.at(1), world.at(2)];
  for (let question = 0; question < questions_per_window_max + 10; question += 1) await world.simulator.finish(one.witness.askHead(author.peer));
  assert.is(code(await world.simulator.finish(one.witness.askHead(author.peer))), 'AUDIT_BUSY');
  assert.is(code(await world.simulator.finish(two.witness.askHead(author.peer))), 'ok');
  await world.pass(61_000);
  assert.is(code(await world.simulator.finish(one.witness.askHead(author.peer))), 'ok');
});

test('of a peer that pushes without end so many notes are looked at, and honest news goes on', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(4);
  const [author, honest] = [world.at(0), world.at(1)];
  await world.grow(author, 'one');
  await world.pass(5_000);
  const flooder = simulatedNetwork(world.wire, { id: 'flooder', clock: world.simulator.clock('flooder'), recorder: { record: () => undefined } });
  flooder.subscribe(checkpoint_topic, () => Promise.resolve('ignore'), () => undefined);
  unwrap(await flooder.start());
  await world.get(flooder.dial(`/simulated/${honest.peer}`, { signal: new AbortController().signal }));
  const root = new Uint8Array(32);
  for (let number = 0; number < pushes_per_window_max; number += 1) {
    unwrap(await flooder.publish(checkpoint_topic, signCheckpoint(key, { origin: logOrigin(`did:mesh:b${number}`, public_key), size: 1, root })));
  }
  await world.pass(2_000);
  const late = signCheckpoint(key, { origin: author.log.origin, size: 99, root });
  unwrap(await flooder.publish(checkpoint_topic, late));
  await world.pass(2_000);
  assert.is(honest.facts.filter(({ kind }) => kind === 'network.peer.penalised').length, 0, 'not even a forgery is looked at any more');
  const size = await world.grow(author, 'two');
  await world.pass(5_000);
  assert.match(Buffer.from(honest.monitor.head(author.log.origin) ?? []).toString(), new RegExp(`\n${size}\n`));
});

test('who shows many old checkpoints of a log around does not keep its news out', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(4);
  const [author, gossip] = [world.at(0), world.at(1)];
  const old_sizes = Array.from({ length: notes_per_log_window_max + 10 }, (_, index) => index + 2);
  await world.grow(author, ...old_sizes.map(String));
  await world.pass(5_000);
  const judge = await world.start({ number: 8 });
  for (const other of world.hosts) if (other !== judge) await world.connect(judge, other);
  await world.pass(70_000);
  for (const size of old_sizes) gossip.monitor.publish(unwrap(await author.log.signedAt(size)));
  await world.pass(5_000);
  const size = await world.grow(author, 'news');
  await world.pass(5_000);
  assert.is(unwrap(seenNote(judge.monitor.head(author.log.origin) ?? new Uint8Array())).size, size);
});

test('who repeats what contradicts a log does not keep the accuser busy, where accusing is not possible yet', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(3);
  const author = world.at(0);
  let accused = 0;
  const judge = await world.start({
    number: 8,
    accuse: () => {
      accused += 1;
      return Promise.resolve(fail('EVIDENCE_FULL', 'no place'));
    },
  });
  for (const other of world.hosts) if (other !== judge) await world.connect(judge, other);
  const size = await world.grow(author, 'one');
  await world.pass(5_000);
  const flooder = simulatedNetwork(world.wire, { id: 'flooder', clock: world.simulator.clock('flooder'), recorder: { record: () => undefined } });
  flooder.subscribe(checkpoint_topic, () => Promise.resolve('ignore'), () => undefined);
  unwrap(await flooder.start());
  await world.get(flooder.dial(`/simulated/${judge.peer}`, { signal: new AbortController().signal }));
  for (let number = 0; number < 200; number += 1) {
    const rival = signCheckpoint(author.log_key, { origin: author.log.origin, size, root: sha256(utf8(String(number))) });
    unwrap(await flooder.publish(checkpoint_topic, rival));
  }
  await world.pass(5_000);
  assert.ok(accused > 0 && accused <= 2 * rivals_per_log_window_max, `${accused} times`);
  await world.pass(800_000);
  assert.is(judge.monitor.state(author.log.origin), 'suspected', 'what cannot be made known is not forgotten');
});

test('a peer that gives its pages slowly and without end keeps nobody else waiting for long', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(3);
  const author = world.at(0);
  await world.grow(author, 'one');
  await world.pass(5_000);
  const judge = await world.start({ number: 8 });
  const clock = world.simulator.clock('slow');
  const slow = simulatedNetwork(world.wire, { id: 'slow', clock, recorder: { record: () => undefined } });
  let page = 0;
  slow.handle(audit_protocol, audit_limits, async () => {
    await new Promise<void>((resolve) => { clock.after(8_000, resolve); });
    page += 1;
    return encodeCbor({ notes: [], after: `did:mesh:b${String(page).padStart(6, '0')}` });
  });
  unwrap(await slow.start());
  await world.get(slow.dial(`/simulated/${judge.peer}`, { signal: new AbortController().signal }));
  await world.pass(10_000);
  await world.connect(judge, author);
  await world.pass(heads_take_ms_max + 10_000);
  assert.is.not(judge.monitor.head(author.log.origin), undefined);
  assert.ok(page < 10, `${page} pages`);
  await slow.stop();
});

test('strangers whose hosts let every question time out do not delay those to hosts that were met', async (context) => {
  const { simulator, wire } = new MonitorWorld(context);
  const never = new AbortController().signal;
  const networkOf = (id: string): Network => simulatedNetwork(wire, { id, clock: simulator.clock(id), recorder: { record: () => undefined } });
  const [judge, slow, near] = [networkOf('judge'), networkOf('slow'), networkOf('near')];
  slow.handle(audit_protocol, audit_limits, () => new Promise(() => undefined));
  let asked = 0;
  near.handle(audit_protocol, audit_limits, () => {
    asked += 1;
    return Promise.resolve(utf8('what?'));
  });
  for (const each of [judge, slow, near]) unwrap(await each.start());
  for (const id of ['slow', 'near']) unwrap(await simulator.finish(judge.dial(`/simulated/${id}`, { signal: never })));
  const { logs } = await followedLogs();
  const signed = (number: number, size: number): SeenNote => unwrap(seenNote(signCheckpoint(key, { origin: noteOf(number).origin, size, root: sha256(utf8(String(size))) })));
  const met = 999;
  const challenges = new Challenges({
    clock: simulator.clock('judge'), random: simulator.random('judge'), network: judge, recorder: { record: () => undefined }, logs,
    verifier: (origin) => Promise.resolve(parseVerifier(verifierKey(origin, signature_type_log, public_key))),
    locate: (did) => Promise.resolve(ok(did === `did:mesh:b${met}` ? 'near' : 'slow')),
    isMet: (did) => did === `did:mesh:b${met}`,
    exposed: () => false,
    forked: () => Promise.resolve(),
  });
  for (const number of [...Array.from({ length: 2 * asked_at_once_max }, (_, index) => index), met]) {
    begin(logs, signed(number, 1));
    for (const size of [2, 3, 4]) logs.challenge(signed(number, size));
    if (number === met) await simulator.run(simulator.now_ms + 2_000);
    challenges.begin(noteOf(number).origin);
  }
  const before = asked;
  await simulator.run(simulator.now_ms + 2_000);
  assert.ok(asked > before, 'it is asked at once');
  await simulator.finish(challenges.stop());
  for (const each of [judge, slow, near]) await each.stop();
  await logs.written();
});

test('of an exposed log nothing is taken, asked or passed on', async (context) => {
  const world = new MonitorWorld(context);
  await world.startAll(4);
  const [author, judge, other] = [world.at(0), world.at(1), world.at(2)];
  await world.grow(author, 'one');
  await world.pass(5_000);
  const { origin } = author.log;
  const note = unwrap(await author.log.checkpoint());
  const size = unwrap(seenNote(note)).size;
  const forged = signCheckpoint(author.log_key, { origin, size, root: new Uint8Array(32) });
  other.monitor.publish(note);
  await world.pass(2_000);
  other.monitor.publish(forged);
  await world.pass(2_000);
  assert.is(judge.monitor.state(origin), 'exposed');
  const before = judge.monitor.largest(origin);
  other.monitor.publish(signCheckpoint(author.log_key, { origin, size: size + 5, root: new Uint8Array(32) }));
  await world.pass(700_000);
  assert.equal(judge.monitor.largest(origin), before);
  assert.is(judge.evidence.length, 1);
});

test.run();
