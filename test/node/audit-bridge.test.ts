import { join } from 'node:path';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { fromUtf8, toBase64url, toHex, utf8 } from '../../crypto/bytes.ts';
import { canonicalJson } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { FailureError, unwrap } from '../../crypto/result.ts';
import { foreign_bytes_max, readForeignLine, readForeignLog } from '../../node/foreign-logs.ts';
import { Imports, import_batch_max } from '../../node/imports.ts';
import { AuditBridge, createNode, type Node, type SyncOutcome } from '../../node/index.ts';
import { syncEntries, type SyncOptions } from '../../node/log-sync.ts';
import { auditWorld, code, random, type AuditWorld } from '../storage/audit-world.ts';
import { suite, type TestContext } from '../harness.ts';

const test = suite('node/audit-bridge');
const time = '2026-03-01T12:00:00Z';
const clock = { now: () => 1_800_000_000_000 };
const nobody = { find: () => undefined };
const chance = { bytes: random, fraction: () => 0.5 };

function importsOver(world: AuditWorld): Imports {
  return new Imports({ clock, random: chance, store: world.store, log: world.log });
}

async function collected<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

async function sync(imports: Imports, logs: Iterable<unknown>, options: SyncOptions = {}): Promise<SyncOutcome[]> {
  return collected(syncEntries({ imports, identities: nobody }, logs, options));
}

/** What was recorded of the entries that are in the log. */
async function recorded(world: AuditWorld): Promise<{ readonly index: number; readonly subject: string | undefined; readonly payload: { readonly [name: string]: unknown } }[]> {
  const found = [];
  for await (const record of world.log.entries()) {
    const { index, subject, payload } = unwrap(record);
    const text = payload === undefined ? undefined : fromUtf8(payload);
    if (text !== undefined) found.push({ index, subject, payload: JSON.parse(text) });
  }
  return found.filter(({ payload }) => payload.kind === 'imported');
}

test('entries are read for agent and time in the forms in which others keep them', () => {
  const noon_ms = Date.UTC(2026, 2, 1, 12);
  const forms: readonly (readonly [entry: object, agent: string, happened_ms: number])[] = [
    [{ agent_id: 'carbon-auditor', timestamp: time, action: 'database_write', verdict: 'blocked' }, 'carbon-auditor', noon_ms],
    [{ kind: 'decision', agent: 'did:mesh:a', time_ms: noon_ms, verdict: 'deny' }, 'did:mesh:a', noon_ms],
    [{ agent: { id: 'a', name: 'A' }, ts: noon_ms / 1000 }, 'a', noon_ms],
    [{ agentId: 'a', time: '2026-03-01T13:00:00.250+01:00' }, 'a', noon_ms + 250],
    [{ timeUnixNano: `${noon_ms}000000`, attributes: [{ key: 'gen_ai.agent.id', value: { stringValue: 'otel-agent' } }], body: { stringValue: 'hi' } }, 'otel-agent', noon_ms],
    [{ startTimeUnixNano: `${noon_ms}000000`, name: 'span', resource: { attributes: [{ key: 'service.name', value: { stringValue: 'billing' } }] } }, 'billing', noon_ms],
    [{ timestamp: noon_ms * 1000, attributes: { 'agent.id': 'a' } }, 'a', noon_ms],
  ];
  for (const [entry, agent, happened_ms] of forms) {
    const read = unwrap(readForeignLog(entry));
    assert.equal([read.agent, read.happened_ms, read.record], [agent, happened_ms, entry], JSON.stringify(entry));
    assert.is(unwrap(readForeignLine(JSON.stringify(Object.fromEntries(Object.entries(entry).reverse())))).digest, read.digest, 'whatever the order of its fields');
  }
});

test('what is no entry is refused with its reason, whatever it is', () => {
  let deep: unknown = 0;
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  const cyclic: { agent: string; time: string; self?: unknown } = { agent: 'a', time };
  cyclic.self = cyclic;
  const refusals: readonly (readonly [entry: unknown, code: string])[] = [
    [null, 'FOREIGN_LOG_INVALID'], ['text', 'FOREIGN_LOG_INVALID'], [[{ agent: 'a', time }], 'FOREIGN_LOG_INVALID'], [7, 'FOREIGN_LOG_INVALID'],
    [{ time }, 'FOREIGN_LOG_AGENT'], [{ agent: '', time }, 'FOREIGN_LOG_AGENT'], [{ agent: 'a'.repeat(257), time }, 'FOREIGN_LOG_AGENT'],
    [{ agent: 'a' }, 'FOREIGN_LOG_TIME'], [{ agent: 'a', time: 'yesterday' }, 'FOREIGN_LOG_TIME'], [{ agent: 'a', time: -5 }, 'FOREIGN_LOG_TIME'], [{ agent: 'a', time: '2026-03-01T12:00:00' }, 'FOREIGN_LOG_TIME'],
    [{ agent: 'a', time, text: 'x'.repeat(foreign_bytes_max) }, 'FOREIGN_LOG_TOO_LARGE'], [{ agent: 'a', time, deep }, 'FOREIGN_LOG_TOO_LARGE'], [cyclic, 'FOREIGN_LOG_TOO_LARGE'],
    [{ agent: 'a', time, many: Array.from({ length: 40_000 }, () => 0) }, 'FOREIGN_LOG_TOO_LARGE'], [{ agent: 'a', time, number: 5n }, 'FOREIGN_LOG_INVALID'], [{ agent: 'a', time, lone: '\ud800' }, 'FOREIGN_LOG_INVALID'],
  ];
  for (const [entry, expected] of refusals) assert.is(code(readForeignLog(entry)), expected);
  assert.is(code(readForeignLine('{"agent":')), 'FOREIGN_LOG_INVALID');
  assert.is(code(readForeignLine('{"__proto__":{"agent":"a","time":1}}')), 'FOREIGN_LOG_AGENT', 'what is inherited does not count');
});

test('no object makes reading throw, and what is read has bounds', () => {
  fc.assert(fc.property(fc.oneof(fc.anything(), fc.object({ key: fc.constantFrom('agent', 'time', 'attributes', 'resource', 'x') })), (value) => {
    const read = readForeignLog(value, 'subject');
    if (read.ok) assert.ok(canonicalJson(read.value.record).length <= foreign_bytes_max && Number.isFinite(read.value.happened_ms));
  }));
});

test('every entry gets a receipt that its proof can be held against, and is sealed under its agent', async () => {
  const world = await auditWorld();
  const logs = Array.from({ length: 5 }, (_, at) => ({ agent: `agent-${at % 2}`, time, at }));
  const outcomes = await sync(importsOver(world), logs, { source: 'agent-os' });
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.state !== 'added' || outcome.index === null) throw new Error(JSON.stringify(outcome));
    const { entry, subject, payload } = unwrap(await world.log.read(outcome.index));
    assert.is(toBase64url(leafHash(entry)), outcome.leaf_hash);
    assert.is(subject, `agent-${at % 2}`);
    const { digest, ...rest } = JSON.parse(fromUtf8(payload ?? new Uint8Array()) ?? '');
    assert.equal(rest, { kind: 'imported', agent: `agent-${at % 2}`, time_ms: clock.now(), happened_ms: Date.UTC(2026, 2, 1, 12), source: 'agent-os', record: logs[at] });
    assert.is(typeof digest, 'string');
  }
});

test('a second sync adds nothing and gives the same receipts, also after a restart and in other batches', async () => {
  const world = await auditWorld();
  const logs = Array.from({ length: 700 }, (_, at) => ({ agent: `agent-${at % 3}`, time, at }));
  const first = await sync(importsOver(world), logs);
  assert.is(first.filter(({ state }) => state === 'added').length, 700);
  const size = world.log.size();
  const log = await world.reopen();
  const again = await sync(new Imports({ clock, random: chance, store: world.store, log }), [...logs.slice(300), ...logs.slice(0, 300)]);
  assert.is(log.size(), size);
  const receipts = (outcomes: readonly SyncOutcome[]): unknown[] => outcomes.map((outcome) => outcome.state === 'refused' ? outcome : [outcome.index, outcome.leaf_hash]);
  assert.equal(new Set(again.map(({ state }) => state)), new Set(['known']));
  assert.equal(receipts(again), receipts([...first.slice(300), ...first.slice(0, 300)]));
});

test('twins in one batch, and syncs at the same time, make one entry; another source makes another', async () => {
  const world = await auditWorld();
  const imports = importsOver(world);
  const entry = { agent: 'a', time, text: 'once' };
  assert.equal((await sync(imports, [entry, { time, text: 'once', agent: 'a' }])).map(({ state }) => state), ['added', 'known']);
  const [one, two] = await Promise.all([sync(imports, [{ ...entry, text: 'two' }]), sync(imports, [{ ...entry, text: 'two' }])]);
  assert.equal([...one, ...two].map(({ state }) => state).sort(), ['added', 'known']);
  assert.is((await recorded(world)).length, 2);
  assert.equal((await sync(imports, [entry], { source: 'other' })).map(({ state }) => state), ['added']);
  assert.is((await recorded(world)).length, 3);
});

test('the bad ones are refused in their place and the rest is taken', async () => {
  const world = await auditWorld();
  const good = { agent: 'a', time };
  const hostile = { get agent(): string { throw new Error('no'); }, time };
  const outcomes = await sync(importsOver(world), [good, 7, { time }, hostile, '{"agent":"b","time":"2026-03-01T12:00:00Z"}', '{']);
  assert.equal(outcomes.map((outcome) => outcome.state === 'refused' ? outcome.code : outcome.state), ['added', 'FOREIGN_LOG_INVALID', 'FOREIGN_LOG_AGENT', 'FOREIGN_LOG_INVALID', 'added', 'FOREIGN_LOG_INVALID']);
  assert.equal(outcomes.map(({ at }) => at), [0, 1, 2, 3, 4, 5]);
  for (const outcome of outcomes) if (outcome.state === 'refused') assert.ok(outcome.reason.length > 0);
});

test('a crash between any two writes makes neither a second entry nor a lost one', async () => {
  const logs = Array.from({ length: 6 }, (_, at) => ({ agent: `agent-${at % 2}`, time, at }));
  let cuts = 0;
  for (let failing = 0, is_cut = true; is_cut; failing += 1) {
    const world = await auditWorld();
    let count = 0;
    world.store.intercept = (write) => {
      count += 1;
      return count > failing ? Promise.reject(new Error('power cut')) : write();
    };
    const cut = await sync(importsOver(world), logs.slice(0, 3));
    await sync(importsOver(world), logs.slice(3));
    is_cut = count > failing;
    cuts += is_cut ? 1 : 0;
    world.store.intercept = (write) => write();
    const log = await world.reopen();
    const after = await sync(new Imports({ clock, random: chance, store: world.store, log }), logs);
    const acknowledged = cut.flatMap((outcome) => outcome.state === 'refused' ? [] : [outcome.index]);
    assert.equal(after.filter((_, at) => at < acknowledged.length).map((outcome) => outcome.state === 'refused' ? outcome : outcome.index).slice(0, acknowledged.length), acknowledged);
    const digests = (await recorded({ ...world, log })).map(({ payload }) => payload['digest']);
    assert.equal([digests.length, new Set(digests).size], [6, 6], `a cut at write ${failing}`);
  }
  assert.ok(cuts > 1, 'there were writes to cut');
});

test('thousands of entries share their commits', async () => {
  const world = await auditWorld();
  await sync(importsOver(world), Array.from({ length: 4 * import_batch_max }, (_, at) => ({ agent: 'a', time, at })));
  assert.ok(world.store.batches.length <= 12, `${world.store.batches.length} batches for ${4 * import_batch_max} entries`);
});

test('once a subject is erased, its marks say nothing about what was taken', async () => {
  const world = await auditWorld();
  const entry = { agent: 'person', time, text: 'low entropy' };
  await sync(importsOver(world), [entry, { agent: 'other', time }]);
  const marks: string[] = [];
  for await (const [key, value] of world.store.entries('import', {})) marks.push(`${toBase64url(key)} ${toBase64url(value)}`);
  const { digest } = unwrap(readForeignLog(entry));
  for (const mark of marks) assert.not(mark.includes(digest), 'no plain digest lies in the store');
  unwrap(await world.log.erase({ subject: 'person' }, 'art17'));
  const known = await sync(importsOver(world), [entry, { agent: 'other', time }]);
  assert.equal(known.map(({ state }) => state), ['added', 'known'], 'nobody can tell any more that it was there');
  const keys: string[] = [];
  for await (const record of world.log.entries({ subject: 'person' })) keys.push(JSON.parse(fromUtf8(unwrap(record).payload ?? new Uint8Array()) ?? '').kind);
  assert.equal(keys, ['import-key', 'imported'], 'and what is marked now has a new key of its own');
});

test('agents elsewhere cannot take every place in the vault, and an erased one gives its place back', async () => {
  const world = await auditWorld();
  const parts = { clock, random: chance, store: world.store, subjects_max: 3 };
  const imports = new Imports({ ...parts, log: world.log });
  const states = (outcomes: readonly SyncOutcome[]): string[] => outcomes.map((outcome) => outcome.state === 'refused' ? outcome.code : outcome.state);
  const entries = ['a', 'b', 'c', 'd'].map((agent) => ({ agent, time }));
  assert.equal(states(await sync(imports, entries)), ['added', 'added', 'added', 'IMPORT_SUBJECTS_FULL']);
  assert.equal(states(await sync(new Imports({ ...parts, log: await world.reopen() }), entries)), ['known', 'known', 'known', 'IMPORT_SUBJECTS_FULL']);
  const log = await world.reopen();
  unwrap(await log.erase({ subject: 'b' }, 'art17'));
  assert.equal(states(await sync(new Imports({ ...parts, log }), [...entries.slice(2), ...entries.slice(0, 1)])), ['known', 'added', 'known']);
});

test('the store holds no name of a subject, nor a hash of one', async () => {
  const world = await auditWorld();
  await sync(importsOver(world), [{ agent: 'person', time }]);
  const traces = [utf8('person'), sha256(utf8('person'))].map((bytes) => toHex(bytes));
  for (const space of ['import', 'log', 'meta'] as const) {
    for await (const [key, value] of world.store.entries(space, {})) for (const trace of traces) assert.not(`${toHex(key)} ${toHex(value)}`.includes(trace));
  }
});

test('a frozen log takes nothing and says so of every entry', async () => {
  const world = await auditWorld();
  await world.log.freeze('a test');
  assert.equal((await sync(importsOver(world), [{ agent: 'a', time }, { agent: 'b', time }])).map((outcome) => outcome.state === 'refused' ? outcome.code : outcome.state), ['AUDIT_FROZEN', 'AUDIT_FROZEN']);
});

async function up(context: TestContext): Promise<Node> {
  const node = unwrap(await createNode({ data: join(context.folder(), 'data'), name: 'bridge', control: false }));
  context.after(() => node.stop());
  return node;
}

test('a program syncs the logs of its own agents and reads them back from the node', async (context) => {
  const node = await up(context);
  unwrap(await node.actions.createSponsor('alice', 'human'));
  const agent = unwrap(await node.actions.createAgent({ name: 'analyst', sponsor: 'alice', capabilities: [] }));
  const bridge = new AuditBridge();
  assert.is(bridge.node, node);
  async function* logs(): AsyncGenerator<object> {
    yield { agent_id: 'analyst', timestamp: time, verdict: 'blocked' };
    yield { agent_id: 'elsewhere', timestamp: time };
    yield { nothing: true };
  }
  const report = await bridge.syncLogs(logs(), { source: 'agent-os' });
  assert.equal([report.added, report.known, report.refused], [2, 0, 1]);
  assert.is(report.checkpoint.origin, node.host.log.origin);
  const head = unwrap(await node.host.log.rootAt(report.checkpoint.size));
  assert.is(head.length, 32);
  const mine = await node.getLogs('analyst', { kind: 'imported' });
  assert.equal(mine.map(({ agent: name, kind, record }) => [name, kind, record]), [['analyst', 'imported', { agent_id: 'analyst', timestamp: time, verdict: 'blocked' }]]);
  assert.equal(await node.getLogs(agent.did, { kind: 'imported' }), mine, 'sealed under the DID of the agent, and found by both');
  const everything = await node.getLogs();
  assert.equal((await bridge.syncLogs(node.getLogs(agent.did), { source: 'self' })).refused, 0, 'what a node gives, a bridge takes');
  const walked = await collected(node.eachLog('analyst'));
  assert.ok(walked.length > everything.filter(({ agent: name }) => name === 'analyst').length);
});

test('a bridge without a node, with a bad source or a bad filter says so', async (context) => {
  const thrown = async (work: () => Promise<unknown>): Promise<string> => {
    try {
      await work();
      return 'nothing';
    } catch (error) {
      return error instanceof FailureError ? error.code : String(error);
    }
  };
  assert.is(await thrown(() => new AuditBridge().syncLogs([])), 'NODE_MISSING');
  const node = await up(context);
  assert.is(await thrown(() => new AuditBridge({ node, source: '' }).syncLogs([])), 'IMPORT_SOURCE_INVALID');
  assert.is(await thrown(() => new AuditBridge({ node, subject: '' }).syncLogs([])), 'IMPORT_SUBJECT_INVALID');
  assert.is(await thrown(() => node.getLogs(undefined, { limit: -1 })), 'LOG_FILTER_INVALID');
  assert.equal(await new AuditBridge({ node }).syncLogs([]), { added: 0, known: 0, refused: 0, outcomes: [], checkpoint: { origin: node.host.log.origin, size: 0 } });
});

test.run();
