import { existsSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { printCel, printExpression, type Expression } from '../../../../node/kernel/policy/ast.ts';
import { condition_depth_max, condition_nodes_max } from '../../../../node/kernel/policy/bounds.ts';
import { compileCondition } from '../../../../node/kernel/policy/compile.ts';
import { parseCondition } from '../../../../node/kernel/policy/parser.ts';
import { suite } from '../../../harness.ts';
import { expression } from './expressions.ts';

const test = suite('node/kernel/policy/parser');

const corpus_file = new URL('../../../../../shared/fixtures/policy/conditions-corpus.json', import.meta.url);

function corpus(): readonly string[] {
  const entries: unknown = JSON.parse(readFileSync(corpus_file, 'utf8'));
  assert.ok(Array.isArray(entries));
  return entries.map((entry: { readonly condition: string }) => entry.condition).filter((text) => text !== '');
}

/** Everything but the offsets. */
function shape(value: Expression): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === 'at' ? undefined : typeof inner === 'bigint' ? `${inner}n` : inner)));
}

test('any text gives an expression or CONDITION_INVALID with a place, and never throws', () => {
  const fragments = fc.constantFrom('and', 'or', 'not', 'in', '(', ')', '[', ']', '.', ',', "'", '"', '\\', '==', '<', '!', '-', 'a', '1', '1e', 'r', 'contains', ' ', '\n', '&&', '|');
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fragments).map((parts) => parts.join('')), fc.array(fragments).map((parts) => parts.join(' ')));
  fc.assert(fc.property(text, (condition) => {
    for (const mode of ['policy', 'cel'] as const) {
      const compiled = compileCondition(condition, { strict: false, mode });
      if (compiled.ok) continue;
      assert.is(compiled.failure.code, 'CONDITION_INVALID');
      assert.type(compiled.failure.fix, 'string');
      assert.ok(Number(compiled.failure.detail?.['line']) >= 1 && Number(compiled.failure.detail?.['column']) >= 1);
    }
  }), { numRuns: 2_000 });
});

test('parsing the printed form of an expression gives the expression', () => {
  fc.assert(fc.property(expression, (original) => {
    for (const print of [printExpression, printCel]) {
      const parsed = parseCondition(print(original), { cel: print === printCel });
      assert.ok(parsed.ok, parsed.ok ? '' : `${print(original)}: ${parsed.failure.reason}`);
      if (parsed.ok) assert.equal(shape(parsed.value), shape(original));
    }
  }), { numRuns: 2_000 });
});

const same: readonly [string, string][] = [
  ['a or b and c', 'a or (b and c)'],
  ['not a == b', 'not (a == b)'],
  ['!a == b', '(not a) == b'],
  ['not a and b', '(not a) and b'],
  ['a && !b || c', 'a and (not b) or c'],
  ['a AND b OR NOT c', 'a and b or not c'],
  ['a not in [1, 2]', 'not (a in [1, 2])'],
  ['1 + 2 * 3 - 4', '(1 + (2 * 3)) - 4'],
  ['-a.b + 1 < 2', '((-(a.b)) + 1) < 2'],
  ["a['b'].c", 'a.b.c'],
  ["x contains 'y'", "x.contains('y')"],
  ["x.contains('y')", "contains(x, 'y')"],
  ['a == "it\'s"', "a == 'it\\'s'"],
  ["a matches r'\\d+'", "matches(a, '\\\\d+')"],
  ["a == '\\u0041'", "a == 'A'"],
  ['a ? b : c ? d : e', 'a ? b : (c ? d : e)'],
  ['(a ? b : c) ? d : e', '(a ? b : c) ? d : e'],
  ['a or b ? c : d', '(a or b) ? c : d'],
  ["a == r'\\d' // what comes after is a remark", "a == '\\\\d'"],
  ["a == '''it's'''", "a == 'it\\'s'"],
  ["a == '\\x41\\101\\U00000041'", "a == 'AAA'"],
  ['a == 0x1F', 'a == 31'],
  ['a.`b-c`', "a['b-c']"],
  ['.a.b', '.a.b'],
  ['a.matches(/drop\\s+[/]*table/i)', "matches(a, '(?i)drop\\\\s+[/]*table')"],
  ['a.exists_one(x, x > 1)', 'a.existsOne(x, x > 1)'],
];
for (const [one, other] of same) {
  test(`${one} means ${other}`, () => {
    const [a, b] = [parseCondition(one), parseCondition(other)];
    assert.ok(a.ok && b.ok, a.ok ? '' : a.failure.reason);
    if (a.ok && b.ok) assert.is(printExpression(a.value), printExpression(b.value));
  });
}

const refused: readonly [string, number, number, RegExp][] = [
  ["action.type = 'x'", 1, 13, /single =/],
  ['a and', 1, 6, /ends where a value/],
  ['a == (b or c', 1, 13, /parenthesis is not closed/],
  ['a in [1, 2', 1, 11, /list is not closed/],
  ["a == 'b", 1, 6, /does not end/],
  ['a\n  and and b', 2, 7, /where a value is expected/],
  ["action.type == 'export' garbage", 1, 25, /"garbage" is not expected/],
  ['a < b < c', 1, 7, /cannot be chained/],
  ['temp > 120F', 1, 8, /not a number/],
  ["a matches '\\d'", 1, 12, /not an escape/],
  ['a $ b', 1, 3, /no meaning/],
  ['', 1, 1, /ends where a value/],
  ["count(action='x') > 1", 1, 1, /no function count/],
  ["contains(text='x', part='y')", 1, 1, /not used like this/],
  ['a ? b', 1, 6, /no :/],
  ['{a: 1', 1, 6, /map is not closed/],
  ['a.map(1, 2)', 1, 2, /map is not used like this/],
  ['a.all(x)', 1, 2, /all is not used like this/],
  ['a.all(x, x, x)', 1, 2, /all is not used like this/],
  ['cel.bind(a, b)', 1, 4, /cel.bind is not used like this/],
  ['Message{name: 1}', 1, 8, /protocol buffer/],
  ["a == 'b\nc'", 1, 6, /does not end/],
  ["a == '\\ud800'", 1, 7, /not an escape/],
  ["a == b'\\u0041'", 1, 8, /not an escape/],
  ['1.5u', 1, 1, /not a whole number/],
  ["a.matches(/x/y)", 1, 11, /flags y/],
  ['nosuch(a)', 1, 1, /no function nosuch/],
  ['has(a)', 1, 1, /not used like this/],
  ['data.within(1)', 1, 5, /not used like this/],
  ['contains(a)', 1, 1, /not used like this/],
];
for (const [text, line, column, reason] of refused) {
  test(`${JSON.stringify(text)} is refused with its place`, () => {
    const compiled = compileCondition(text, { strict: false });
    assert.not(compiled.ok);
    if (compiled.ok) return;
    assert.match(compiled.failure.reason, reason);
    assert.equal([compiled.failure.detail?.['line'], compiled.failure.detail?.['column']], [line, column]);
    assert.ok(compiled.failure.fix);
  });
}

const cel_only: readonly [string, boolean][] = [
  ['a < b == c', true],
  ['package == 1', false],
  ['a.package == 1', true],
  ['18446744073709551615u > 1u', true],
  ['18446744073709551616u > 1u', false],
  ['9223372036854775808 > 1', false],
  ['-9223372036854775808 < 1', true],
];
for (const [text, loads] of cel_only) {
  test(`${text} ${loads ? 'is' : 'is not'} a condition of CEL`, () => assert.is(compileCondition(text, { strict: false, mode: 'cel' }).ok, loads));
}

const corpus_name = 'of the conditions people wrote for other systems, all that are conditions are read';
if (!existsSync(corpus_file)) test.skip(corpus_name, 'the shared fixtures are not here');
else test(corpus_name, () => {
  const conditions = corpus();
  const refused = conditions.filter((text) => !parseCondition(text).ok);
  assert.is(conditions.length, 231);
  // Four sentences, a number with a unit, and a pattern that was cut off.
  assert.equal(refused.map((text) => text.slice(0, 20)).sort(), [
    'Use database transac', 'code.matches(/api[_-', 'crosses trust bounda', 'path matches /etc/* ', 'water_heater.temp > ', 'when to apply',
  ]);
  const uncompiled = conditions.filter((text) => !refused.includes(text) && !compileCondition(text, { strict: false }).ok);
  assert.equal(uncompiled, ["count(action='execute_command', window='1m') > 100"]);
});

test('size and depth are bounded', () => {
  const wide = Array.from({ length: condition_nodes_max }, () => 'a').join(' or ');
  const deep = `${'('.repeat(condition_depth_max)}a${')'.repeat(condition_depth_max)}`;
  const nots = `${'not '.repeat(5_000)}a`.slice(-8_000);
  for (const text of [wide, deep, nots, `a == '${'x'.repeat(9_000)}'`, '-'.repeat(8_000), '['.repeat(8_000), 'a['.repeat(4_000)]) {
    const parsed = parseCondition(text);
    assert.is(parsed.ok ? 'parsed' : parsed.failure.code, 'CONDITION_INVALID');
  }
  assert.ok(parseCondition(Array.from({ length: condition_nodes_max / 2 }, () => 'a').join(' or ')).ok);
});

test.run();
