import * as assert from 'uvu/assert';
import { ok } from '../../crypto/result.ts';
import { exitCodeOf } from '../../node/cli/exit.ts';
import { fraction, lifetime, wholeNumber } from '../../node/cli/flags.ts';
import { details, table } from '../../node/cli/view/table.ts';
import { bytesText, distanceTo, duration, jsonText, moment, shellWord, shortId, visible } from '../../node/cli/view/text.ts';
import type { FileView } from '../../node/control/vfs-api.ts';
import { suite } from '../harness.ts';
import { did } from './fake-methods.ts';
import { host, inside } from './run-cli.ts';

const test = suite('node/cli/view');

test('values read well', () => {
  assert.equal([0, 840, 12_000, 65_000, 3_600_000, 7_500_000, 200_000_000].map(duration), ['0 ms', '840 ms', '12 s', '1 min 5 s', '1 h', '2 h 5 min', '2 d 7 h']);
  assert.equal([distanceTo(5000, 1000), distanceTo(1000, 5000)], ['in 4 s', '4 s ago']);
  assert.equal([moment(0), moment(Number.NaN)], ['1970-01-01 00:00:00Z', 'NaN']);
  assert.equal([0, 1023, 1536, 52_428_800].map(bytesText), ['0 B', '1023 B', '1.5 KiB', '50 MiB']);
  assert.equal([shortId(did), shortId('did:mesh:short'), shortId('12D3KooWAbCdEfGhIj')], ['did:mesh:bafkre…52zy', 'did:mesh:short', '12D3Ko…GhIj']);
  assert.equal([visible('a\tb\u2028'), jsonText('\u0085'), shellWord("it's")], ['a\\u0009b\\u2028', '"\\u0085"', `'it'\\''s'`]);
  // What shows nothing though it is no control: selectors of variants, joiners, fillers, an empty Braille cell.
  assert.equal(['a\ufe0f', 'a\u034f', 'a\u3164', 'a\u1160', 'a\u2800', 'a\u{e0100}'].map(visible), ['a\\ufe0f', 'a\\u034f', 'a\\u3164', 'a\\u1160', 'a\\u2800', 'a\\udb40\\udd00']);
  for (const text of ['\u{e0041}', '\u{1d173}1', '\u200b', '\ufe0f']) assert.is(JSON.parse(jsonText(text)), text, 'an escape in JSON stays the character');
  assert.equal([lifetime('90s'), lifetime('7d'), fraction('0.8'), fraction('1'), wholeNumber('12')], [90, 604_800, 0.8, 1, 12]);
  for (const wrong of ['', '-1', '1.1', '0x1', 'Infinity', '1e1']) {
    assert.throws(() => fraction(wrong), /expected/);
    assert.throws(() => lifetime(wrong), /expected/);
    assert.throws(() => wholeNumber(wrong), /expected/);
  }
});

test('what an agent remembers is shown on a terminal without a byte that it would obey, and given on as it is', async (context) => {
  const content = 'a\tb\n\u001b]0;title\u0007\u202e\u009bc';
  const file: FileView = { kind: 'file', path: '/state/x', bytes: 9, inodes: null, hash: '0', modified_ms: 0, expires_ms: null, writer: null, call_id: null, tags: [], labels: [] };
  const { data, run } = await host(context, { 'vfs.read': async () => ok({ file, offset: 0, content: Buffer.from(content).toString('base64'), more: false }) });
  assert.is((await run('vfs', 'cat', '/state/x')).stdout, content);
  const shown = await inside(['vfs', 'cat', '/state/x'], { AGENTMESH_DATA: data }, { columns: 80 });
  assert.is(shown.stdout, 'a\tb\n\\u001b]0;title\\u0007\\u202e\\u009bc');
});

test('a table fits the width: cells are cut, and where that is not enough, rows become lists', () => {
  const columns = [{ title: 'NAME' }, { title: 'SIZE', right: true }, { title: 'TEXT' }];
  const rows = [['analyst', '7', 'a long text that goes on and on'], ['b', '1234', 'short']];
  assert.equal(table(columns, rows, Number.POSITIVE_INFINITY), ['NAME     SIZE  TEXT', 'analyst     7  a long text that goes on and on', 'b        1234  short']);
  for (let width = 26; width < 60; width += 1) {
    for (const line of table(columns, rows, width)) assert.ok(line.length <= width, `${width}: ${line}`);
  }
  assert.equal(table(columns, rows, 26), ['NAME     SIZE  TEXT', 'analyst     7  a long tex…', 'b        1234  short']);
  assert.equal(table(columns, [['b', '1234', 'short']], 10), ['name  b', 'size  1234', 'text  short']);
  assert.equal(details([['a', '1'], ['longer', undefined], ['bcd', '2']]), ['a    1', 'bcd  2']);
});

test('exit codes of failures that differ by a hair', () => {
  assert.is(exitCodeOf({ code: 'POLICY_INVALID' }), 1);
  assert.is(exitCodeOf({ code: 'TRUST_INVALID' }), 1);
  assert.is(exitCodeOf({ code: 'SPONSOR_UNKNOWN' }), 4);
  assert.is(exitCodeOf({ code: 'SPONSOR_WITHDRAWN' }), 4);
  assert.is(exitCodeOf({ code: 'REVOKED' }), 4);
  assert.is(exitCodeOf({ code: 'STORE_LOCKED' }), 1);
  assert.is(exitCodeOf({ code: 'STORE_UNREADABLE' }), 5);
});

test.run();
