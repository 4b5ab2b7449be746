import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { printExpression, type Expression } from '../../../../node/kernel/policy/ast.ts';
import { condition_depth_max, condition_nodes_max } from '../../../../node/kernel/policy/bounds.ts';
import { compileCondition } from '../../../../node/kernel/policy/compile.ts';
import { parseCondition } from '../../../../node/kernel/policy/parser.ts';
import { suite } from '../../../harness.ts';
import { expression } from './samples.ts';

const test = suite('node/kernel/policy/parser');

/** Everything but the offsets. */
function shape(value: Expression): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === 'at' ? undefined : inner)));
}

test('any text gives an expression or CONDITION_INVALID with a place, and never throws', () => {
  const fragments = fc.constantFrom('and', 'or', 'not', 'in', '(', ')', '[', ']', '.', ',', "'", '"', '\\', '==', '<', '!', '-', 'a', '1', '1e', 'r', 'contains', ' ', '\n', '&&', '|');
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fragments).map((parts) => parts.join('')), fc.array(fragments).map((parts) => parts.join(' ')));
  fc.assert(fc.property(text, (condition) => {
    const compiled = compileCondition(condition, { strict: false });
    if (compiled.ok) return;
    assert.is(compiled.failure.code, 'CONDITION_INVALID');
    assert.type(compiled.failure.fix, 'string');
    assert.ok(Number(compiled.failure.detail?.['line']) >= 1 && Number(compiled.failure.detail?.['column']) >= 1);
  }), { numRuns: 2_000 });
});

test('parsing the printed form of an expression gives the expression', () => {
  fc.assert(fc.property(expression, (original) => {
    const parsed = parseCondition(printExpression(original));
    assert.ok(parsed.ok, parsed.ok ? '' : `${printExpression(original)}: ${parsed.failure.reason}`);
    if (parsed.ok) assert.equal(shape(parsed.value), shape(original));
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
  ["count(action='x') > 1", 1, 13, /single =/],
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
