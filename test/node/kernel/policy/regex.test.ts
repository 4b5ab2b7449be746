import { run } from '@bufbuild/cel';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { unwrap } from '../../../../crypto/result.ts';
import { pattern_input_characters_max } from '../../../../node/kernel/policy/bounds.ts';
import { compilePattern } from '../../../../node/kernel/policy/regex.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/policy/regex');

test('agrees with the language\'s own matcher on patterns that both know', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '[a-c]', '\\d', '\\w', '\\s', '\\b', '^', '$', '(a|b)', '(?:ab)', '(a*b)', '()', '\\.', '[\\d-]', 'x');
  const piece = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{1,3}', '{0,}', '*?'))
    // Both engines refuse or differ on repeating what has no width.
    .map(([one, quantifier]) => (/^(?:\\b|\^|\$)$/.test(one) ? one : one + quantifier));
  const pattern = fc.array(fc.oneof(piece, fc.constant('|')), { maxLength: 6 }).map((parts) => parts.join(''));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'x', '1', '.', '-', ' ', '\n', '_'), maxLength: 10 });
  fc.assert(fc.property(pattern, text, (source, subject) => {
    assert.is(unwrap(compilePattern(source)).matches(subject), new RegExp(source, 'u').test(subject), `${source} on ${JSON.stringify(subject)}`);
  }), { numRuns: 3_000 });
});

for (const [source, subject, expected] of [
  ['(?i)drop\\s+table', 'DROP  Table', true],
  ['(?i)[a-z]{3}', 'ÄBC', false],
  ['^\\d{4}$', '12345', false],
  ['[]a]', ']', true],
  ['é', 'caf\u00e9', true],
  ['^.$', '😀', true],
  ['[\\]\\\\]', '\\', true],
  ['(?i)\\p{Lu}', 'a', true],
  ['(?i)^[^[:upper:]]$', 'a', false],
  ['(?i)^\\P{Lu}$', 'a', false],
  ['\\p{Greek}', 'x\u03b1', true],
  ['(?m)^b$', 'a\nb\nc', true],
  ['^b$', 'a\nb\nc', false],
  ['(?s)a.b', 'a\nb', true],
  ['a.b', 'a\nb', false],
  ['(?i:A)B', 'aB', true],
  ['(?i:A)B', 'ab', false],
  ['(?P<first>a)(?<second>b)', 'ab', true],
  ['^\\Qa.b*\\E$', 'a.b*', true],
  ['\\x41\\x{1f600}\\102', 'A\u{1f600}B', true],
  ['drop\\stable', 'drop\u00a0table', false],
] as const) {
  test(`${source} on ${subject} is ${expected}`, () => assert.is(unwrap(compilePattern(source)).matches(subject), expected));
}

test('agrees with RE2 where its syntax is its own', () => {
  const atom = fc.constantFrom('a', 'B', '.', '\\pL', '\\p{Lu}', '\\P{Greek}', '[[:alpha:]]', '[^[:digit:]]', '\\x41', '\\x{3b1}', '\\Qa.b\\E', '\\s', '^', '$', '\\A', '\\z', '\\b', '\\B');
  const group = fc.tuple(fc.constantFrom('(?i)', '(?s)', '(?m)', '(?i:', '(?P<n>', '(?<n>', '(?-i:', '(?ims:', '(?:', '('), fc.array(atom, { maxLength: 3 }))
    .map(([opening, inner]) => `${opening}${inner.join('')}${opening.endsWith(')') ? '' : ')'}`);
  const pattern = fc.array(fc.oneof(atom, group, fc.constant('|')), { maxLength: 4 }).map((parts) => parts.join(''));
  const text = fc.string({ unit: fc.constantFrom('a', 'A', 'b', 'B', 'α', 'Ä', '1', '.', ' ', '\n', '\v', '\u00a0', '😀'), maxLength: 6 });
  fc.assert(fc.property(pattern, text, (source, subject) => {
    const theirs = run('text.matches(pattern)', { text: subject, pattern: source });
    const ours = compilePattern(source);
    assert.is(ours.ok ? ours.value.matches(subject) : 'refused', typeof theirs === 'boolean' ? theirs : 'refused', `${source} on ${JSON.stringify(subject)}`);
  }), { numRuns: 2_000 });
});

test('patterns that stall other matchers are answered at once', () => {
  const subject = 'a'.repeat(pattern_input_characters_max - 1);
  for (const source of ['(a+)+$', '(a|a)*b', '(a|aa)+$', '([a-zA-Z]+)*!', 'a*a*a*a*a*a*a*b', '(.*)(.*)(.*)(.*)[^a]', '(x+x+)+y', '((a{0,9}){0,9})b', '(a*)*b']) {
    const started = process.hrtime.bigint();
    unwrap(compilePattern(source)).matches(`${subject}!`);
    assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 2_000, source);
  }
});

test('what cannot be matched in one pass, or is malformed, or too large is refused with the fix', () => {
  for (const source of ['(a)\\1', '(?=a)b', '(?!a)', '(?<=a)b', '(?<name>a)\\k<name>', 'a**', '(a', 'a)', '[a', '[b-a]', '*a', 'a{3,1}', '\\', '\\q', '(a{1000}){1000}', 'a'.repeat(600), '\\p{Nothing}', '(?x)a', '\\x{110000}']) {
    const compiled = compilePattern(source);
    assert.is(compiled.ok ? 'compiled' : compiled.failure.code, 'PATTERN_REFUSED', source);
    assert.ok(!compiled.ok && compiled.failure.fix);
  }
});

test('a text beyond the bound has no answer', () => {
  assert.is(unwrap(compilePattern('a')).matches('a'.repeat(pattern_input_characters_max + 1)), undefined);
});

test('no pattern makes the compiler throw', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...Array.from('ab()[]{}*+?|\\^$.-0123,:ik\u{1f600}')), maxLength: 30 }), fc.string({ maxLength: 20 }), (source, subject) => {
    const compiled = compilePattern(source);
    if (compiled.ok) assert.type(compiled.value.matches(subject), 'boolean');
  }), { numRuns: 3_000 });
});

test.run();
