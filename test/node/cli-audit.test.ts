import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { approval_ms_max } from '../../node/approvals.ts';
import { answerLimit } from '../../node/cli/ask.ts';
import type { ControlMethod } from '../../node/control/api.ts';
import type { LogEntryView } from '../../node/control/audit-entry-views.ts';
import { createNode } from '../../node/index.ts';
import { suite } from '../harness.ts';
import { did, values, type Answers } from './fake-methods.ts';
import { cli, host, inside, launch, type Ended } from './run-cli.ts';

const test = suite('node/cli/audit');
const origin = `${did}/log/1`;

function entryAt(index: number): LogEntryView {
  return { index, kind: 'event', time_ms: 1_700_000_000_000 + index, leaf_hash: 'bGVhZg', state: 'open', subject: did, about: null, payload: { kind: 'note', number: index } };
}

/** A log of so many entries that answers as a node does, in pages of at most `page_max`. */
function logOf(size: () => number, page_max: number): Answers {
  return {
    'audit.entries': ({ before, from, limit = 100 }) => {
      const count = Math.min(limit, page_max);
      const start = from ?? Math.max(0, (before ?? size()) - count);
      const end = from === undefined ? before ?? size() : Math.min(size(), from + count);
      const next = from === undefined ? (start > 0 ? { before: start } : null) : end < size() ? { from: end } : null;
      return Promise.resolve(ok({ origin, size: size(), entries: Array.from({ length: Math.max(0, end - start) }, (_, at) => entryAt(start + at)), next }));
    },
  };
}

const indexesIn = (text: string): number[] => text.split('\n').flatMap((line) => /^ *(\d+) {2}\d{4}-/.exec(line)?.[1] ?? []).map(Number);

test('tail shows so many of the newest, in as many requests as it takes, the newest last', async (context) => {
  const { run, asked } = await host(context, logOf(() => 100, 8));
  assert.equal(indexesIn((await run('audit', 'tail')).stdout), Array.from({ length: 20 }, (_, at) => 80 + at));
  assert.ok(asked.length <= 3);
  assert.equal(indexesIn((await run('audit', 'tail', '-n', '3')).stdout), [97, 98, 99]);
  assert.equal(indexesIn((await run('audit', 'tail', '-n', '1000')).stdout), Array.from({ length: 100 }, (_, at) => at));
  assert.is((await run('audit', 'tail', '-n', '0')).stdout, '');
  const json = JSON.parse((await run('audit', 'tail', '-n', '10', '--json')).stdout);
  assert.equal(json.entries.map(({ index }: LogEntryView) => index), Array.from({ length: 10 }, (_, at) => 90 + at));
});

test('tail without a match says so, and wrong times are wrong usage', async (context) => {
  const { run } = await host(context, { 'audit.entries': () => Promise.resolve(ok({ origin, size: 4, entries: [], next: null })) });
  assert.equal(await run('audit', 'tail', '--agent', 'nobody'), { code: 0, stdout: '', stderr: 'no entry matches; all of them: agentmesh audit tail -n 100\n' });
  for (const since of ['yesterday', '2026-03-01', '2026-03-01T12:00:00', '-5m']) {
    const ended = await run('audit', 'tail', '--since', since);
    assert.is(ended.code, 2, since);
    assert.match(ended.stderr, /how long ago, e\.g\. 30m, 12h or 7d|since/);
  }
});

test('a line says what was decided about: the resource, the tool, the file or the signal', async (context) => {
  const decision = (action: object): object => ({ kind: 'decision', verdict: 'allow', agent: did, rule: null, action });
  const payloads = [
    decision({ type: 'read', resource: 'reports' }), decision({ type: 'tool', tool: 'search' }), decision({ type: 'file.write', path: '/w/x' }), decision({ type: 'signal', signal: 'SIGSTOP' }), decision({ type: 'call' }),
    { kind: 'approval-rejected', code: 'APPROVAL_UNKNOWN', reason: 'no call waits' },
  ];
  const entries = payloads.map((payload, index) => Object.assign(entryAt(index), { payload }));
  const { data } = await host(context, { 'audit.entries': () => Promise.resolve(ok({ origin, size: entries.length, entries, next: null })) });
  const { stdout } = await inside(['audit', 'tail'], { AGENTMESH_DATA: data, NO_COLOR: '1' }, { columns: 200 });
  for (const words of ['allow read:reports for', 'allow tool:search for', 'allow file.write:/w/x for', 'allow signal:SIGSTOP for', 'allow call for', 'APPROVAL_UNKNOWN: no call waits']) assert.ok(stdout.includes(words), words);
});

test('what was recorded never moves the cursor, and every line fits a terminal of 80 columns', async (context) => {
  const evil = 'x\u001b[2Jy\u202ez\nfake line\u0007';
  const payloads = [
    { kind: evil }, { kind: 'decision', verdict: evil, agent: evil, rule: evil, action: { type: evil, resource: evil } }, { kind: 'refusal', code: evil, command: evil, caller: evil },
    { kind: 'outcome', status: evil, duration_ms: 1, decision: 2 }, { kind: 'completion', worker: evil, issuer: evil }, { kind: 'imported', agent: evil, record: { [evil]: evil } }, evil, [evil], null, 7,
  ];
  const entries = payloads.map((payload, index) => ({ ...entryAt(index), payload, subject: evil }));
  const answers: Answers = {
    'audit.entries': () => Promise.resolve(ok({ origin, size: 9, entries, next: null })),
    'audit.show': ({ index }) => Promise.resolve(ok({ ...values['audit.show'], subject: evil, about: evil, payload: payloads[index] ?? null })),
  };
  const { data } = await host(context, answers);
  const tailed = (await inside(['audit', 'tail'], { AGENTMESH_DATA: data, NO_COLOR: '1' }, { columns: 80 })).stdout;
  for (const line of tailed.split('\n')) assert.ok(Array.from(line).length <= 80, line);
  const shown = await Promise.all(payloads.map((_, index) => inside(['audit', 'show', String(index)], { AGENTMESH_DATA: data })));
  for (const text of [tailed, ...shown.map(({ stdout, stderr }) => stdout + stderr)]) {
    for (const character of ['\u001b', '\u202e', '\u0007', '\nfake']) assert.not(text.includes(character), JSON.stringify(character));
  }
});

test('tail --follow goes on with what is added, each entry once, until Ctrl-C, and then ends well', async (context) => {
  let size = 30;
  const { data } = await host(context, logOf(() => size, 4));
  const child = spawn(process.execPath, [launch, 'audit', 'tail', '-n', '2', '-f', '--json', '--data', data], { env: { ...process.env, NO_COLOR: '1' } });
  context.after(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  const seen = (): number[] => text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line).index);
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 20); });
  };
  await until(() => seen().length === 2);
  size = 41;
  await until(() => seen().length >= 13);
  size = 42;
  await until(() => seen().length >= 14);
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  assert.is(code, 0);
  assert.equal(seen(), Array.from({ length: 14 }, (_, at) => 28 + at));
});

test('tail --follow ends with code 3 when the node stops', async (context) => {
  const { data } = await host(context);
  const ended = await cli(['audit', 'tail', '-f', '--data', join(data, 'none')]);
  assert.is(ended.code, 3);
});

test('an entry is shown with its state in words', async (context) => {
  const shown = { ...values['audit.show'] };
  let next = shown;
  const { run } = await host(context, { 'audit.show': () => Promise.resolve(ok(next)) });
  next = { ...shown, state: 'erased', subject: null, payload: null };
  assert.match((await run('audit', 'show', '12')).stdout, /\npayload +gone: erased, or lost where a damaged log was recovered; the entry and its proofs stay valid\n/);
  next = { ...shown, checkpoint: null };
  assert.match((await run('audit', 'show', '12')).stdout, /\ncheckpoint +none covers it yet: agentmesh audit anchor\n/);
  next = { ...shown, kind: 'anchor', state: 'bare', subject: null, about: '3 heads', payload: null, checkpoint: shown.checkpoint === null ? null : { ...shown.checkpoint, cosignatures: [] } };
  assert.match((await run('audit', 'show', '12')).stdout, /\nkind +anchor\n.*\npayload +none: .*\nabout +3 heads\n.*\ncosigned by +nobody yet\n$/s);
  const lost = await host(context, { 'audit.show': () => Promise.resolve(fail('AUDIT_DAMAGED', 'entry 12 cannot be read: it is missing', { fix: 'run agentmesh doctor' })) });
  assert.equal(await lost.run('audit', 'show', '12'), { code: 5, stdout: '', stderr: 'error AUDIT_DAMAGED: entry 12 cannot be read: it is missing\nfix: run agentmesh doctor\n' });
});

test('nothing is erased without a confirmation, of nothing or of two things', async (context) => {
  const { run, asked } = await host(context);
  const unsure = await run('audit', 'erase', '--subject', 'analyst', '--basis', 'art17');
  assert.equal([unsure.code, unsure.stdout], [2, '']);
  assert.match(unsure.stderr, /^error CONFIRMATION_NEEDED: erase every payload of analyst, and all that it remembers where it is an agent of this host: nobody is at a terminal to confirm it\nfix: the same command with --yes\n$/);
  assert.match((await run('vfs', 'erase', 'analyst', '--basis', 'art17')).stderr, /^error CONFIRMATION_NEEDED: erase everything that analyst remembers, with all kept states: nobody/);
  assert.match((await run('vfs', 'erase', 'analyst:/mem', '--basis', 'art17', '--yes')).stderr, /^error USAGE_INVALID: the memory of an agent is erased as a whole\nfix: /);
  for (const inputs of [[], ['--subject', 'a', '--entry', '1']]) {
    const wrong = await run('audit', 'erase', '--basis', 'art17', '--yes', ...inputs);
    assert.equal([wrong.code, wrong.stderr], [2, 'error USAGE_INVALID: an erasure is of a subject or of one entry\nfix: give either --subject or --entry\n']);
  }
  assert.is((await run('audit', 'erase', '--subject', 'a', '--yes')).code, 2, 'a basis is needed');
  const baseless = await run('audit', 'erase', '--subject', 'a', '--basis', 'whim');
  assert.is(baseless.code, 2);
  assert.match(baseless.stderr, /^error USAGE_INVALID: .*art17/, 'and is one that there is, before anybody is asked to confirm');
  assert.equal(asked, []);
});

test('an erasure says what is left to do, also when the log is frozen', async (context) => {
  const erased = await (await host(context)).run('audit', 'erase', '--entry', '3', '--basis', 'order', '--yes');
  assert.match(erased.stderr, /^backups of the file "vault" still hold the key: destroy those made before now/);
  const frozen = await host(context, { 'audit.erase': () => Promise.resolve(ok({ entry: null, payloads: 1, past_payloads: 0, subject: null, memory: null })) });
  assert.match((await frozen.run('audit', 'erase', '--entry', '3', '--basis', 'order', '--yes')).stdout, /^erased: 1 payload is unreadable for good\nwritten down +nowhere: the audit log is frozen and takes no entry\n$/);
});

test('import sends a file in batches, names what was refused by its line, and takes standard input', async (context) => {
  const batches: (readonly string[])[] = [];
  let index = 0;
  const { data, run } = await host(context, {
    'audit.import': ({ lines, subject, source }) => {
      batches.push(lines);
      assert.equal([subject, source], ['bot', 'otel']);
      return Promise.resolve(ok({ origin, outcomes: lines.map((line, at) => line === 'bad' ? { at, state: 'refused', code: 'FOREIGN_LOG_INVALID', reason: 'not JSON \u001b[2J' } : { at, state: line === 'old' ? 'known' : 'added', index: index++, leaf_hash: 'x' }) }));
    },
  });
  const path = join(data, 'logs.jsonl');
  const many = Array.from({ length: 1200 }, (_, at) => `{"at":${at}}`);
  writeFileSync(path, Buffer.concat([Buffer.from(['{"first":"ü"}\r', '', 'bad', 'old', ...many, 'x'.repeat(600_000), ''].join('\n')), Buffer.from([0xff, 0x0a]), Buffer.from('last')]));
  const ended = await run('audit', 'import', '--file', path, '--subject', 'bot', '--source', 'otel');
  assert.is(ended.code, 1);
  assert.equal(ended.stderr.split('\n'), [
    'line 3: FOREIGN_LOG_INVALID: not JSON \\u001b[2J',
    'line 1205: FOREIGN_LOG_INVALID: the line is not UTF-8, or has more than 524288 bytes', 'line 1206: FOREIGN_LOG_INVALID: the line is not UTF-8, or has more than 524288 bytes',
    'error IMPORT_INCOMPLETE: 3 lines were refused', 'fix: mend them and import the file again: what is in the log is not taken twice', '',
  ]);
  assert.match(ended.stdout, /^added +1202 entries\nknown already +1 entry\nrefused +3 lines\ncovered by +every checkpoint of at least 1203 entries: agentmesh audit anchor\n$/);
  assert.equal(batches.flat().filter((line) => !line.startsWith('{"at"')), ['{"first":"ü"}', 'bad', 'old', 'last']);
  assert.ok(batches.every((lines) => lines.length <= 512) && batches.length >= 3);

  index = 0;
  const piped = await cli(['audit', 'import', '--file', '-', '--subject', 'bot', '--source', 'otel', '--json', '--data', data], { input: '{"a":1}\n{"b":2}' });
  const { outcomes, ...report } = JSON.parse(piped.stdout);
  assert.equal([piped.code, report], [0, { origin, added: 2, known: 0, refused: 0, checkpoint: { origin, size: 2 } }]);
  assert.equal(outcomes.map(({ line, state }: { line: number; state: string }) => [line, state]), [[1, 'added'], [2, 'added']]);
});

test('an import that breaks off says that what was taken stays', async (context) => {
  const { data, run } = await host(context, { 'audit.import': () => Promise.resolve(fail('AUDIT_FROZEN', 'the log is frozen', { fix: 'agentmesh doctor' })) });
  writeFileSync(join(data, 'f'), '{}\n');
  const ended = await run('audit', 'import', '--file', join(data, 'f'));
  assert.is(ended.code, 5);
  assert.match(ended.stderr, /^error AUDIT_FROZEN: the log is frozen; what was taken before is in the log, and is not taken twice\nfix: agentmesh doctor\n$/);
  const midway = await host(context, {
    'audit.import': ({ lines }) => Promise.resolve(ok({ origin, outcomes: lines.map((_, at) => (at === 0 ? { at, state: 'added', index: 7, leaf_hash: 'x' } : { at, state: 'refused', code: 'AUDIT_FROZEN', reason: 'the log is frozen', fix: 'agentmesh doctor' })) })),
  });
  writeFileSync(join(midway.data, 'many'), '{}\n'.repeat(3000));
  const stopped = await midway.run('audit', 'import', '--file', join(midway.data, 'many'));
  assert.equal([stopped.code, stopped.stderr], [5, 'error AUDIT_FROZEN: the log is frozen; what was taken before is in the log, and is not taken twice\nfix: agentmesh doctor\n']);
  assert.match(stopped.stdout, /^added +1 entry\n/);
  assert.is(midway.asked.length, 1, 'no more is sent');
  const missing = await run('audit', 'import', '--file', join(data, 'none'));
  assert.match(missing.stderr, /^error FILE_UNREADABLE: [^;]*\nfix: /);
  assert.is(missing.stdout, '', 'where nothing was sent, nothing is reported');
});

test('CloudEvents go to standard output or a file that nobody else may read, one a line', async (context) => {
  const { data, run, asked } = await host(context, logOf(() => 1100, 500));
  const ended = await run('audit', 'export', '--format', 'cloudevents');
  const events = ended.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(events.map(({ index }: { index: string }) => Number(index)), Array.from({ length: 1100 }, (_, at) => at));
  assert.equal([events[0].specversion, events[0].type, events[0].source], ['1.0', 'io.agentmesh.audit.note', origin]);
  asked.length = 0;
  const file = join(data, 'events.jsonl');
  const written = await run('audit', 'export', '--format', 'cloudevents', '--file', file, '--agent', 'a', '--from', '2026-03-01T12:00:00Z', '--to', '2026-03-02T12:00:00Z');
  assert.equal([written.code, written.stderr], [0, '']);
  assert.is(readFileSync(file, 'utf8'), ended.stdout);
  assert.is(statSync(file).mode & 0o077, 0);
  assert.equal(asked[0]?.params, { agent: 'a', since_ms: Date.UTC(2026, 2, 1, 12), until_ms: Date.UTC(2026, 2, 2, 12), limit: 500, from: 0 });
  assert.equal(JSON.parse((await run('audit', 'export', '--format', 'cloudevents', '--file', file, '--json')).stdout), { file, format: 'cloudevents', events: 1100 });
  const unwritable = await run('audit', 'export', '--format', 'cloudevents', '--file', join(data, 'none', 'x'));
  assert.match(unwritable.stderr, /^error FILE_UNWRITABLE: .*\nfix: /);
});

test('flags of one form of export are refused with the other, with words', async (context) => {
  const { run, asked } = await host(context);
  const wrong: readonly (readonly [inputs: readonly string[], reason: RegExp])[] = [
    [[], /it is not said where the tiles go/],
    [['--dir', 'd', '--agent', 'a'], /--agent is for --format cloudevents; tiles are always the whole log/],
    [['--dir', 'd', '--from', '1h'], /--from is for/], [['--dir', 'd', '--to', '1h'], /--to is for/], [['--dir', 'd', '--file', 'f'], /--file is for/],
    [['--dir', 'd', '--format', 'tiles', '--verdict', 'deny'], /--verdict is for/],
    [['--format', 'cloudevents', '--dir', 'd'], /--dir is for tiles/],
    [['--format', 'cloudevents', '--json'], /JSON lines already/],
  ];
  for (const [inputs, reason] of wrong) {
    const ended = await run('audit', 'export', ...inputs);
    assert.equal([ended.code, ended.stdout], [2, ''], inputs.join(' '));
    assert.match(ended.stderr, reason);
  }
  assert.equal(asked, []);
});

test('with a real node: a large file is imported whole, found, exported, and after its erasure in no file of the folder', async (context) => {
  const data = join(context.folder(), 'data');
  const node = unwrap(await createNode({ data, name: 'audited' }));
  context.after(() => node.stop());
  const run = (...inputs: string[]): Promise<Ended> => inside(['audit', ...inputs], { AGENTMESH_DATA: data });
  const file = join(context.folder(), 'logs.jsonl');
  // Quotes and backslashes, which a request carries escaped and so twice as long.
  const lines = Array.from({ length: 900 }, (_, number) => JSON.stringify({ agent: 'person', time: '2026-03-01T12:00:00Z', number, text: `marker-${number} ${'"\\'.repeat(500)}` }));
  writeFileSync(file, lines.join('\n'));
  const first = await run('import', '--file', file);
  assert.equal([first.code, first.stderr], [0, '']);
  assert.match(first.stdout, /^added +900 entries\n/);
  assert.match((await run('import', '--file', file)).stdout, /^added +0 entries\nknown already +900 entries\n/);
  const shown = JSON.parse((await run('tail', '-n', '2000', '--kind', 'imported', '--agent', 'person', '--json')).stdout);
  assert.equal(shown.entries.map(({ payload }: { payload: { record: unknown } }) => JSON.stringify(payload.record)).length, 900);
  const events = (await run('export', '--format', 'cloudevents', '--agent', 'person')).stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(events.filter(({ type }) => type === 'io.agentmesh.audit.imported').map(({ data: { record } }) => record.number), lines.map((_, number) => number));
  const erased = await run('erase', '--subject', 'person', '--basis', 'art17', '--yes');
  assert.match(erased.stdout, /^erased: 901 payloads are unreadable for good\n/);
  assert.match((await run('tail', '--agent', 'person')).stderr, /no entry matches/);
  assert.match((await run('tail', '-n', '1')).stdout, /erased all payloads of one subject: art17\n$/);
  await node.stop();
  for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) assert.not.ok(readFileSync(join(entry.parentPath, entry.name)).includes('marker-'), entry.name);
  }
}, { ms: 60_000 });

test('what reads a whole log may take as long as ten million entries need, what waits for a human as long as he may take, and nothing else may', () => {
  const minutes = (method: ControlMethod): number => answerLimit(method) / 60_000;
  for (const method of ['audit.export', 'audit.erase', 'audit.recover'] as const) assert.ok(minutes(method) >= 30, method);
  for (const method of ['call', 'run.begin', 'run.call'] as const) assert.ok(answerLimit(method) > approval_ms_max, method);
  for (const method of ['status', 'audit.show', 'audit.fsck'] as const) assert.is(minutes(method), 1, method);
});

test.run();
