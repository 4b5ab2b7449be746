/** The control methods about a host's own log, on whole hosts in the simulator. */
import * as assert from 'uvu/assert';
import { fromUtf8, toBase64url, toHex, utf8 } from '../../crypto/bytes.ts';
import { fail, unwrap, type Result } from '../../crypto/result.ts';
import { auditEntryMethods } from '../../node/control/audit-entry-methods.ts';
import { auditMethods } from '../../node/control/audit-methods.ts';
import type { ControlMethods } from '../../node/control/api.ts';
import type { LogEntryView } from '../../node/control/audit-entry-views.ts';
import { FlightLogs, page_entries_max, type LogPlace, type LogQuery } from '../../node/flight-logs.ts';
import { Policy } from '../../node/kernel/index.ts';
import type { Network } from '../../protocols/ports.ts';
import { spaces, type Space } from '../../storage/store.ts';
import { codeOf, hostWorld, interposed, type HostWorld } from '../simulated-hosts.ts';
import { appendEvents, auditWorld } from '../storage/audit-world.ts';
import { suite, type TestContext } from '../harness.ts';

const test = suite('node/audit-methods');
const never = new AbortController().signal;
const secret_argument = 'patient-4711-diagnosis';
const human = 'Katharina.Mustermann@clinic.example';

type Methods = Pick<ControlMethods, 'audit.entries' | 'audit.show' | 'audit.erase' | 'audit.import' | 'audit.prove' | 'audit.verify'>;

function methodsOf(world: HostWorld, index: number): Methods {
  const { host } = world.at(index);
  return { ...auditEntryMethods(host), ...auditMethods(host) };
}

/** Two hosts; an agent of the first has called one of the second: once allowed, once denied. */
async function calledWorld(context: TestContext, interpose?: (network: Network) => Network): Promise<HostWorld> {
  const world = await hostWorld(context, { count: 3, latency_ms: [5, 20], ...(interpose === undefined ? {} : { interpose }) });
  await world.hire(0, 'caller', { sponsor: human, policies: [Policy.rateLimit(100, '1m')] });
  const executor = await world.hire(1, 'executor', { sponsor: `${human}.org`, authority: 'open' });
  const call = (given: string): Promise<Result<unknown>> => world.finish(world.at(0).actions.call({ from: 'caller', to: executor.did, command: 'read:records', arguments: { query: given } }));
  assert.is(codeOf(await call(secret_argument)), 'ok');
  assert.is(codeOf(await call(`DROP TABLE ${secret_argument}`)), 'ok');
  await world.pass(1000);
  return world;
}

const recordedKind = ({ payload }: LogEntryView): unknown => typeof payload === 'object' && payload !== null && 'kind' in payload ? payload.kind : undefined;

test('entries are selected by agent, verdict, kind and time, and come in the order of the log', async (context) => {
  const world = await calledWorld(context);
  const methods = methodsOf(world, 1);
  const page = async (params: Parameters<Methods['audit.entries']>[0]): Promise<readonly LogEntryView[]> => (await world.get(methods['audit.entries'](params, never))).entries;
  const all = await page({});
  assert.equal(all.map(({ index }) => index), all.map((_, at) => at), 'all of them, from the genesis entry');
  const denied = await page({ verdict: 'deny' });
  assert.equal(denied.map(recordedKind), ['decision']);
  const of_agent = await page({ agent: 'executor' });
  assert.equal(of_agent, await page({ agent: world.at(1).host.identities.find('executor')?.did ?? '' }));
  assert.equal(of_agent, all.filter(({ subject }) => subject === of_agent[0]?.subject));
  assert.ok(of_agent.some((entry) => recordedKind(entry) === 'outcome'));
  assert.equal((await page({ kind: 'outcome' })).map(recordedKind), ['outcome']);
  assert.equal((await page({ kind: 'genesis' })).map(({ about }) => about), ['the log begins']);
  const [{ time_ms } = { time_ms: 0 }] = denied;
  assert.ok((await page({ since_ms: time_ms, until_ms: time_ms })).some(({ index }) => index === denied[0]?.index));
  assert.equal(await page({ since_ms: time_ms + 3_600_000 }), []);
  assert.equal(await page({ agent: 'nobody here' }), []);
});

test('what makes no sense is refused, and says what would', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const methods = methodsOf(world, 0);
  for (const params of [{ verdict: 'maybe' }, { before: -1 }, { from: 0.5 }, { before: 1, from: 1 }]) assert.is(codeOf(await world.finish(methods['audit.entries'](params, never))), 'PARAMS_INVALID', JSON.stringify(params));
  assert.is(codeOf(await world.finish(methods['audit.entries']({ limit: -1 }, never))), 'LOG_FILTER_INVALID');
  assert.is(codeOf(await world.finish(methods['audit.show']({ index: 10_000 }, never))), 'AUDIT_NO_ENTRY');
  assert.is(codeOf(await world.finish(methods['audit.erase']({ basis: 'art17' }, never))), 'PARAMS_INVALID');
  assert.is(codeOf(await world.finish(methods['audit.erase']({ subject: 'a', index: 1, basis: 'art17' }, never))), 'PARAMS_INVALID');
  assert.is(codeOf(await world.finish(methods['audit.erase']({ index: 0, basis: 'because' }, never))), 'PARAMS_INVALID');
  assert.is(codeOf(await world.finish(methods['audit.erase']({ index: 0, basis: 'art17' }, never))), 'AUDIT_NO_PAYLOAD');
  assert.is(codeOf(await world.finish(methods['audit.import']({ lines: [], source: '' }, never))), 'IMPORT_SOURCE_INVALID');
});

test('an entry is shown with the checkpoint that covers it, once one does', async (context) => {
  const world = await calledWorld(context);
  const methods = methodsOf(world, 1);
  const { entries } = await world.get(methods['audit.entries']({ kind: 'decision' }, never));
  const index = entries[0]?.index ?? -1;
  const anchored = await world.get(world.at(1).host.witness.anchor());
  const shown = await world.get(methods['audit.show']({ index }, never));
  assert.is(recordedKind(shown), 'decision');
  assert.is(shown.checkpoint?.note, fromUtf8(anchored.note));
  assert.is(shown.checkpoint?.cosignatures.length, 2, 'both other hosts cosigned it');
  const { index: fresh } = await world.get(world.at(1).host.log.append({ subject: 'x', payload: utf8('{}') }));
  assert.is((await world.get(methods['audit.show']({ index: fresh }, never))).checkpoint, null);
});

test('an opened proof shows the payload, verifies, and fails when the payload is another; an erased one cannot be opened', async (context) => {
  const world = await calledWorld(context);
  const methods = methodsOf(world, 1);
  const { entries } = await world.get(methods['audit.entries']({ verdict: 'deny' }, never));
  const [entry] = entries;
  if (entry === undefined) throw new Error('a denial was recorded');
  await world.get(world.at(1).host.witness.anchor());
  const { index } = entry;
  const closed = await world.get(methods['audit.prove']({ index }, never));
  assert.is((await world.get(methods['audit.verify']({ proof: closed.proof }, never))).payload, null);
  const opened = await world.get(methods['audit.prove']({ index, open: true }, never));
  const verified = await world.get(methods['audit.verify']({ proof: opened.proof, policy: opened.policy }, never));
  assert.equal(JSON.parse(verified.payload ?? ''), entry.payload);
  assert.is(verified.leaf_hash, closed.leaf_hash);
  const extra = /^extra (.+)$/m.exec(opened.proof)?.[1] ?? '';
  const bytes = Buffer.from(extra, 'base64');
  bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1;
  assert.is(codeOf(await world.finish(methods['audit.verify']({ proof: opened.proof.replace(extra, bytes.toString('base64')) }, never))), 'DISCLOSURE_INVALID');
  assert.is(codeOf(await world.finish(methods['audit.prove']({ index: 0, open: true }, never))), 'AUDIT_NO_PAYLOAD');
  assert.is(codeOf(await world.finish(methodsOf(world, 0)['audit.prove']({ index, open: true, did: world.at(1).host.identities.node.did }, never))), 'PARAMS_INVALID');

  await world.get(methods['audit.import']({ lines: ['{"agent":"elsewhere","time":1700000000}'] }, never));
  const [secret] = (await world.get(methods['audit.entries']({ kind: 'import-key' }, never))).entries;
  await world.get(world.at(1).host.witness.anchor());
  assert.is(codeOf(await world.finish(methods['audit.prove']({ index: secret?.index ?? -1, open: true }, never))), 'AUDIT_PAYLOAD_SECRET');

  const erased = await world.get(methods['audit.erase']({ index, basis: 'mistake' }, never));
  assert.is(erased.payloads, 1);
  assert.is((await world.get(methods['audit.show']({ index: erased.entry ?? -1 }, never))).about, `erased the payload of entry ${index}: mistake`);
  assert.is(codeOf(await world.finish(methods['audit.prove']({ index, open: true }, never))), 'AUDIT_ERASED');
  assert.is((await world.get(methods['audit.show']({ index }, never))).state, 'erased');
  for (const { proof, policy } of [closed, opened]) unwrap(await world.finish(methods['audit.verify']({ proof, policy }, never)));
});

test('the payloads of an agent are erased by its name, and those of others stay', async (context) => {
  const world = await calledWorld(context);
  const methods = methodsOf(world, 1);
  await world.get(methods['audit.import']({ lines: ['{"agent":"elsewhere","time":"2026-03-01T12:00:00Z"}'] }, never));
  const before = (await world.get(methods['audit.entries']({ agent: 'executor' }, never))).entries;
  const erased = await world.get(methods['audit.erase']({ subject: 'executor', basis: 'art17' }, never));
  assert.equal([erased.payloads, erased.subject], [before.length, world.at(1).host.identities.find('executor')?.did]);
  for (const { index } of before) assert.is((await world.get(methods['audit.show']({ index }, never))).state, 'erased');
  assert.equal((await world.get(methods['audit.entries']({ agent: 'executor' }, never))).entries, []);
  const imported = (await world.get(methods['audit.entries']({ agent: 'elsewhere' }, never))).entries;
  assert.equal(imported.map(({ payload }) => payload)[0], { kind: 'import-key' }, 'the key itself is never shown');
  assert.is(imported.length, 2, 'the import and its key');
  const logs = unwrap(await world.finish(world.at(1).host.logs.newest(undefined)));
  assert.is(logs.filter(({ kind }) => kind === 'erased').length, before.length, 'they are said to be erased');
  assert.is((await world.get(methods['audit.erase']({ subject: 'elsewhere', basis: 'consent' }, never))).payloads, 2, 'by a name elsewhere');
});

test('a frozen log refuses an import once, and not every line of it', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const methods = methodsOf(world, 0);
  await world.finish(world.at(0).host.log.freeze('a witness has seen more'));
  assert.is(codeOf(await world.finish(methods['audit.import']({ lines: ['{"agent":"a"}', '{"agent":"b"}'] }, never))), 'AUDIT_FROZEN');
});

test('pages walk the whole log from either end, whatever is selected, and meet every entry once', async () => {
  const { log } = await auditWorld();
  for (let round = 0; round < 20; round += 1) {
    await appendEvents(log, 1, 'rare');
    await Promise.all(Array.from({ length: 60 }, () => appendEvents(log, 1, 'common')));
  }
  const logs = new FlightLogs(log);
  const walk = async (query: LogQuery, start: LogPlace, limit: number): Promise<number[]> => {
    const found: number[] = [];
    let place: LogPlace | undefined = start;
    while (place !== undefined) {
      const page: Awaited<ReturnType<FlightLogs['page']>> = await logs.page(query, place, limit);
      const indexes = unwrap(page).entries.map(({ record }) => record.index);
      assert.ok(indexes.length <= limit);
      if ('before' in start) found.unshift(...indexes);
      else found.push(...indexes);
      place = unwrap(page).next;
    }
    return found;
  };
  const all = Array.from({ length: log.size() }, (_, index) => index);
  const rare = await walk({ agent: 'rare' }, { from: 0 }, 1000);
  assert.is(rare.length, 20);
  for (const limit of [1, 13, 512, page_entries_max]) {
    if (limit > 1) assert.equal(await walk({}, { from: 0 }, limit), all);
    if (limit > 1) assert.equal(await walk({}, { before: log.size() }, limit), all);
    assert.equal(await walk({ agent: 'rare' }, { before: log.size() }, limit), rare);
    assert.equal(await walk({ agent: 'rare' }, { from: 0 }, limit), rare);
  }
  assert.is(unwrap(await logs.newest('rare', { limit: 3 })).length, 3);
  assert.equal(unwrap(await logs.newest('rare', { limit: 3 })).map(({ index }) => index), rare.slice(-3));
});

test('a time is found in the log although the clock stepped back', async () => {
  let now_ms = 1_700_000_000_000;
  const { log } = await auditWorld(() => now_ms);
  const times: number[] = [];
  for (let at = 0; at < 300; at += 1) {
    now_ms += at % 50 === 49 ? -500_000 : 30_000;
    await appendEvents(log, 1);
    times.push(now_ms);
  }
  const logs = new FlightLogs(log);
  for (const [from, to] of [[times[40], times[60]], [times[99], times[120]], [times[0], times[299]], [times[299], undefined], [undefined, times[3]]] as const) {
    const found = unwrap(await logs.newest(undefined, { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }));
    assert.is(found.length, times.filter((time_ms) => time_ms >= (from ?? 0) && time_ms <= (to ?? Infinity)).length);
  }
});

test('where the archive is away, what is not archived is given, and the rest is said to be archived', async () => {
  let now_ms = 1_700_000_000_000;
  const { log } = await auditWorld(() => now_ms);
  for (let at = 0; at < 90; at += 1) {
    now_ms += 60_000;
    await appendEvents(log, 1);
  }
  const away = fail('AUDIT_ARCHIVED', 'the archive is away');
  const logs = new FlightLogs({
    size: () => log.size(),
    read: (index) => index < 50 ? Promise.resolve(away) : log.read(index),
    entries: async function* entries(range = {}) {
      if ((range.from ?? 0) < 50) yield away;
      else yield* log.entries(range);
    },
  });
  const page = unwrap(await logs.page({}, { before: 91 }));
  assert.ok(page.entries.length > 0 && page.entries.every(({ record }) => record.index >= 50));
  if (page.next === undefined) throw new Error('there is more');
  assert.is(codeOf(await logs.page({}, page.next)), 'AUDIT_ARCHIVED');
  assert.is(unwrap(await logs.newest(undefined, { limit: 20 })).length, 20);
  assert.is(unwrap(await logs.newest(undefined, { from: now_ms - 5 * 60_000 })).length, 6, 'a time is found without them');
  assert.is(codeOf(await logs.newest(undefined, { to: 1_700_000_000_000 })), 'AUDIT_ARCHIVED', 'what was then is not said to be nothing');
});

/** Everything that lies or leaves in the clear: leaves, tiles, bundles, checkpoints, and every byte on the wires. */
test('nothing personal is in leaves, checkpoints, tiles or what hosts say about logs, and arguments reach nobody but the executor', async (context) => {
  const sent: { readonly from: string; readonly to: string; readonly protocol: string; readonly bytes: Uint8Array }[] = [];
  const world = await calledWorld(context, (network) => interposed(network, {
    request: async (peer, protocol, bytes, options) => {
      sent.push({ from: network.id, to: peer, protocol, bytes });
      const answer = await network.request(peer, protocol, bytes, options);
      if (answer.ok) sent.push({ from: peer, to: network.id, protocol, bytes: answer.value });
      return answer;
    },
    publish: (topic, bytes) => {
      sent.push({ from: network.id, to: 'everyone', protocol: topic, bytes });
      return network.publish(topic, bytes);
    },
  }));
  for (const { host } of world.hosts) await world.finish(host.witness.anchor());
  await world.get(methodsOf(world, 1)['audit.import']({ lines: [`{"agent":"elsewhere","time":"2026-03-01T12:00:00Z","text":"${secret_argument}"}`] }, never));
  for (const { host } of world.hosts) await world.finish(host.witness.anchor());
  await world.pass(120_000);
  assert.ok(sent.length > 20, 'bytes were seen');
  const humans = world.hosts.flatMap(({ host }) => host.identities.list('human')).flatMap(({ name, did }) => [name, did]);
  assert.ok(humans.length >= 4);
  const agents = world.hosts.flatMap(({ host }) => host.identities.list('agent')).flatMap(({ name, did }) => [name, did]);
  const private_words = [secret_argument, 'DROP TABLE', ...humans, ...agents, 'elsewhere'];

  for (const { host, store } of world.hosts) {
    const public_bytes: Uint8Array[] = [];
    for await (const record of host.log.entries()) public_bytes.push(unwrap(record).entry);
    public_bytes.push(unwrap(await host.log.cosigned()), unwrap(await host.log.tile(0, 0, host.log.size())), unwrap(await host.log.bundle(0, host.log.size())));
    for (const word of private_words) for (const bytes of public_bytes) assert.not.ok(holds(bytes, word), `${word} in a public part of the log`);
    // Sealed or not at all: no payload lies in the clear in the whole of the log's part of the store, nor among the marks of imports.
    for (const space of ['log', 'import', 'witness'] as const) {
      for await (const [key, value] of entriesOf(store, space)) for (const word of private_words) assert.not.ok(holds(key, word) || holds(value, word), `${word} in space ${space}`);
    }
  }
  const about_logs = sent.filter(({ protocol }) => /audit|witness|tile|checkpoint|ckpt/.test(protocol));
  assert.ok(about_logs.length > 5, 'logs were spoken about');
  for (const { protocol, bytes } of about_logs) for (const word of private_words) assert.not.ok(holds(bytes, word), `${word} in ${protocol}`);
  // The arguments go to the executor, whose handler gives them back, and to nobody else.
  for (const { from, to, protocol, bytes } of sent) {
    if (holds(bytes, secret_argument)) assert.equal([from, to].sort(), ['host-0', 'host-1'], protocol);
  }
});

/** Whether bytes hold a text: as it is, or in one of the forms in which text lies within others. */
function holds(bytes: Uint8Array, word: string): boolean {
  const haystack = Buffer.from(bytes);
  const plain = Buffer.from(word);
  if (haystack.includes(plain) || haystack.includes(toHex(utf8(word)))) return true;
  // Base64 of a text shows at three offsets; the characters at the ends depend on what is beside it.
  return [0, 1, 2].some((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), plain]);
    const inner = toBase64url(shifted).slice(Math.ceil(offset * 4 / 3) + 1, -2);
    return inner.length > 8 && (haystack.includes(inner) || haystack.includes(inner.replaceAll('-', '+').replaceAll('_', '/')));
  });
}

function entriesOf(store: { entries(space: Space, range: object): AsyncIterable<readonly [Uint8Array, Uint8Array]> }, space: Space): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
  assert.ok(space in spaces);
  return store.entries(space, {});
}

test('the search for private words would find them in every form', () => {
  for (const form of [secret_argument, toHex(utf8(secret_argument)), toBase64url(utf8(secret_argument)), toBase64url(utf8(`x${secret_argument}y`)), toBase64url(utf8(`xy${secret_argument}`))]) {
    assert.ok(holds(utf8(`...${form}...`), secret_argument), form);
  }
  assert.not.ok(holds(utf8('something else that is long enough'), secret_argument));
});

test.run();
