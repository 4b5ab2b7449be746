import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { textClasses, type TextPredicate } from '../../../../../node/kernel/policy/analysis/texts.ts';
import { suite } from '../../../../harness.ts';

const test = suite('node/kernel/policy/analysis/texts');

function answer({ kind, text: literal }: TextPredicate, text: string): string {
  if (kind === 'order') return text < literal ? 'before' : text === literal ? 'equal' : 'after';
  const holds = { startsWith: text.startsWith(literal), endsWith: text.endsWith(literal), contains: text.includes(literal) }[kind];
  return String(holds);
}

const alphabet = ['a', 'b', '/'] as const;
const short = fc.array(fc.constantFrom(...alphabet), { maxLength: 3 }).map((characters) => characters.join(''));
const predicate: fc.Arbitrary<TextPredicate> = fc.record({ kind: fc.constantFrom('startsWith' as const, 'endsWith', 'contains', 'order'), text: short });

function textsUpTo(length: number): readonly string[] {
  return length === 0 ? [''] : ['', ...textsUpTo(length - 1).flatMap((text) => [...alphabet, 'c'].map((character) => character + text))];
}

const texts = textsUpTo(5);

test('every combination of answers that a text gives is found, with a text that gives it', () => {
  fc.assert(fc.property(fc.uniqueArray(predicate, { maxLength: 4, selector: (one) => `${one.kind} ${one.text}` }), fc.uniqueArray(short, { maxLength: 3 }), (predicates, points) => {
    const classes = textClasses(predicates, new Set(points));
    if (classes === undefined) return;
    const signature = (text: string): string => predicates.map((one) => answer(one, text)).join(' ');
    const found = new Set(classes.map(signature));
    assert.is(found.size, classes.length, 'two classes are one');
    for (const text of classes) assert.not.ok(points.includes(text));
    for (const text of texts) if (!points.includes(text)) assert.ok(found.has(signature(text)), JSON.stringify({ text, predicates, points, classes }));
  }), { numRuns: 300 });
});

test('prefixes of each other, and a text between two, have classes of their own', () => {
  const classes = textClasses([{ kind: 'startsWith', text: '/a' }, { kind: 'startsWith', text: '/a/b' }], new Set());
  assert.equal(classes?.map((text) => [text.startsWith('/a'), text.startsWith('/a/b')]).sort(), [[false, false], [true, false], [true, true]]);
  const ordered = textClasses([{ kind: 'order', text: 'a' }, { kind: 'order', text: 'c' }], new Set(['a', 'c']));
  assert.ok(ordered?.some((text) => text > 'a' && text < 'c'));
  assert.ok(ordered?.some((text) => text > 'c'));
  assert.ok(ordered?.some((text) => text < 'a'));
});

test('more combinations than are worth walking are given up', () => {
  const many = Array.from({ length: 20 }, (_, index): TextPredicate => ({ kind: 'contains', text: String.fromCharCode(97 + index).repeat(3) }));
  assert.is(textClasses(many, new Set()), undefined);
  assert.is(textClasses(Array.from({ length: 100 }, (_, index): TextPredicate => ({ kind: 'startsWith', text: `/${index}` })), new Set()), undefined);
});

test.run();
