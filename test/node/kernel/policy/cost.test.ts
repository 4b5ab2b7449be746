import * as assert from 'uvu/assert';
import type { Json } from '../../../../crypto/canonical.ts';
import { unwrap } from '../../../../crypto/result.ts';
import { compileCondition } from '../../../../node/kernel/policy/compile.ts';
import { Scope } from '../../../../node/kernel/policy/scope.ts';
import { Fault } from '../../../../node/kernel/policy/values.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/policy/cost');
/** Processor time of one evaluation, with room for slow machines: what these stand for took from one second to ninety. */
const most_ms = 400;

type Payload = { readonly [name: string]: Json };
type Mode = 'policy' | 'cel';
const languages: readonly Mode[] = ['policy'];

function items(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function names(count: number): Payload {
  return Object.fromEntries(items(count).map((index) => [`name-${index}`, 1]));
}

function nested(depth: number): Json {
  let value: Json = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { inner: value };
  return value;
}

function evaluated(text: string, data: Payload, mode: Mode = 'policy'): { readonly outcome: boolean | Fault; readonly cpu_ms: number } {
  const { test: holds } = unwrap(compileCondition(text, { strict: false, mode }));
  const scope = new Scope({ data }, '/');
  const before = process.cpuUsage();
  const outcome = holds(scope);
  const { user, system } = process.cpuUsage(before);
  return { outcome, cpu_ms: (user + system) / 1_000 };
}

function either(count: number, part: (index: number) => string): string {
  return items(count).map(part).join(' or ');
}

const wide = { list: items(50_000), object: names(10_000) };
const text = 'aé'.repeat(500_000);
const costly: readonly (readonly [text: string, data: Payload, modes?: readonly Mode[]])[] = [
  ['data.list.exists(x, size(data.object) == 5)', wide, ['policy', 'cel']],
  ['data.list.exists(x, not data.object)', wide],
  ['data.list.exists(x, data.object and false)', wide],
  ['data.list.exists(x, data.object ? false : false)', wide],
  ['data.list.exists(x, data.object.exists(k, true) and false)', wide],
  ['data.list.exists(x, data.object.exists(k, true) && false)', wide, ['cel']],
  ['data.list.exists(x, data.object == {})', wide, ['policy', 'cel']],
  ["data.list.exists(x, data.object == {'a': 1})", wide],
  ['data.list.exists(x, optional.ofNonZeroValue(data.object).hasValue() && false)', wide, ['cel']],
  [either(40, (index) => `data.text.lowerAscii() == '${index}'`), { text }],
  [either(40, (index) => `data.text.trim() == '${index}'`), { text: ' '.repeat(1_000_000) }],
  [either(40, (index) => `strings.quote(data.text) == '${index}'`), { text: text.slice(0, 200_000) }],
  [either(40, (index) => `data.text.substring(${index}) == 'x'`), { text: text.slice(0, 200_000) }],
  [either(40, (index) => `data.text.indexOf('x${index}') == 1`), { text: text.slice(0, 200_000) }],
  [either(40, (index) => `data.text.replace('a', '${index}') == 'x'`), { text: text.slice(0, 200_000) }],
  [either(60, (index) => `data.text matches '(.*a){100}${index}'`), { text: 'a'.repeat(16_384) }],
  ["data.list.exists(x, data.text matches '(a|b)+c')", { list: items(50_000), text: 'abab' }],
  ["data.zones.exists(zone, timestamp('2026-01-01T00:00:00Z').getHours(zone) > 99)", { zones: items(3).flatMap(() => Intl.supportedValuesOf('timeZone')) }, ['policy', 'cel']],
  ["data.patterns.exists(pattern, 'x'.matches(pattern))", { patterns: items(20_000).map((index) => `(y{900})${index}`) }, ['cel']],
];

for (const [condition, data, modes] of costly) {
  for (const mode of modes ?? languages) {
    test(`${mode}: what a payload can make of ${condition.slice(0, 90)} is bounded, and costs the whole condition its truth`, () => {
      const { outcome, cpu_ms } = evaluated(condition, data, mode);
      assert.ok(outcome instanceof Fault);
      assert.match(outcome.reason, 'takes more than 250000 steps');
      assert.ok(cpu_ms < most_ms, `${cpu_ms} ms`);
    });
  }
}

test('spaces inside of a text are looked at once', () => {
  const { outcome, cpu_ms } = evaluated("data.text.trim() == 'x'", { text: `x${' '.repeat(500_000)}x` });
  assert.is(outcome, false);
  assert.ok(cpu_ms < most_ms, `${cpu_ms} ms`);
});

test('a duration is short, whatever the text', () => {
  const { outcome, cpu_ms } = evaluated("duration(data.text) > duration('1h')", { text: '1s'.repeat(500_000) });
  assert.ok(outcome instanceof Fault);
  assert.ok(cpu_ms < most_ms, `${cpu_ms} ms`);
});

test('a value that nests too deep is a fault of whatever looks into it, and never an exception', () => {
  const deep = nested(30_000);
  const also = nested(30_000);
  for (const condition of ['data.deep == data.also', 'data.deep in [data.also]', 'optional.of(data.deep) == optional.of(data.also)', "dyn(data.deep) == 'x'", 'data.deep.flatten(99999) == []', "'%s'.format([data.deep]) == 'x'"]) {
    for (const mode of ['policy', 'cel'] as const) {
      const { outcome } = evaluated(condition, { deep, also }, mode);
      // CEL's dyn() gives the value as it is, which is no text.
      if (mode === 'cel' && condition.startsWith('dyn')) assert.is(outcome, false);
      else assert.ok(outcome instanceof Fault, `${mode}: ${condition}`);
    }
  }
  assert.is(evaluated('data.deep == data.also', { deep: nested(200), also: nested(200) }).outcome, true);
});

test('an object with more names than a call may have arguments is merged', () => {
  const condition = 'size(data.list.transformMapEntry(index, value, value)) > 1';
  for (const mode of ['policy', 'cel'] as const) assert.not.throws(() => evaluated(condition, { list: [names(200_000)] }, mode));
});

test('honest texts of a megabyte are read by every function of the dialect', () => {
  const long = `${'Select name from users where id = 7; '.repeat(25_000)}DROP TABLE users`;
  for (const condition of ["data.text.lowerAscii() contains 'drop table'", "data.text.trim() contains 'DROP'", "data.text.upperAscii().endsWith('DROP TABLE USERS')", "data.text contains 'DROP' and size(data.text) > 1000"]) {
    assert.is(evaluated(condition, { text: long }).outcome, true, condition);
  }
  assert.is(evaluated(either(4, (index) => `data.text matches '(?i)drop\\\\s+table|x${index}y'`), { text: long.slice(-16_384) }).outcome, true);
});

test.run();
