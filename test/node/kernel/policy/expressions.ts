import * as fc from 'fast-check';
import { reserved_words, type BinaryOperator, type Expression, type MacroName, type MapEntry } from '../../../../node/kernel/policy/ast.ts';

const prefixes: ReadonlySet<string> = new Set(['r', 'b', 'rb', 'br', 'cel', 'as', 'if', 'for', 'let', 'var', 'None']);
const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,6}$/).filter((text) => !reserved_words.has(text) && !prefixes.has(text));
const operators: readonly BinaryOperator[] = ['or', 'and', '==', '!=', '<', '<=', '>', '>=', 'in', '+', '-', '*', '/', '%'];
const one_variable: readonly MacroName[] = ['all', 'exists', 'exists_one', 'map', 'filter', 'sortBy', 'optMap', 'optFlatMap', 'bind'];
const two_variables: readonly MacroName[] = ['all', 'exists', 'exists_one', 'transformList', 'transformMap', 'transformMapEntry'];
const marked = fc.boolean();

function numberOf([integer, unsigned]: readonly [bigint, boolean]): Expression {
  return { kind: 'literal', value: Number(integer), integer, ...(unsigned ? { unsigned } : {}), at: 0 };
}

function nameOf([text, rooted]: readonly [string, boolean]): Expression {
  return { kind: 'name', name: text, ...(rooted ? { rooted } : {}), at: 0 };
}

function indexOf([object, place, optional]: readonly [Expression, number, boolean]): Expression {
  return { kind: 'index', object, index: numberOf([BigInt(place), false]), ...(optional ? { optional } : {}), at: 0 };
}

function listOf([items, optional]: readonly [readonly Expression[], boolean]): Expression {
  return { kind: 'list', items, ...(optional && items.length > 0 ? { optional: [items.length - 1] } : {}), at: 0 };
}

function entryOf({ key, value, optional }: { readonly key: Expression; readonly value: Expression; readonly optional: boolean }): MapEntry {
  return { key, value, ...(optional ? { optional } : {}) };
}

const literal: fc.Arbitrary<Expression> = fc.oneof(
  fc.oneof(fc.constantFrom(null, true, false), fc.string({ maxLength: 6 }), fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }))
    // A negative zero is written with a sign, which is another expression.
    .map((value): Expression => ({ kind: 'literal', value: Object.is(value, -0) ? 0 : value, at: 0 })),
  fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n }), marked).map(numberOf),
  fc.uint8Array({ maxLength: 4 }).map((value): Expression => ({ kind: 'bytes', value, at: 0 })),
);

/** Any expression that the grammar can say. */
export const expression: fc.Arbitrary<Expression> = fc.letrec<{ node: Expression }>((tie) => {
  const node = tie('node');
  const entry = fc.record({ key: node, value: node, optional: marked }).map(entryOf);
  return {
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      literal,
      fc.tuple(name, marked).map(nameOf),
      fc.tuple(node, fc.oneof(name, fc.string({ maxLength: 4 }))).map(([object, text]): Expression => ({ kind: 'member', object, name: text, at: 0 })),
      fc.tuple(node, fc.oneof(name, fc.constantFrom('a-b', 'x y', 'in'))).map(([object, text]): Expression => ({ kind: 'member', object, name: text, optional: true, at: 0 })),
      fc.tuple(node, fc.nat(9), marked).map(indexOf),
      fc.tuple(fc.array(node, { maxLength: 3 }), marked).map(listOf),
      fc.array(entry, { maxLength: 2 }).map((entries): Expression => ({ kind: 'map', entries, at: 0 })),
      fc.tuple(fc.constantFrom('contains', 'startsWith', 'size', 'f'), fc.array(node, { maxLength: 3 }))
        .map(([called, args]): Expression => ({ kind: 'call', name: called, arguments: args, at: 0 })),
      fc.tuple(node, fc.constantFrom('split', 'getHours'), fc.array(node, { maxLength: 2 }))
        .map(([receiver, called, args]): Expression => ({ kind: 'call', name: called, arguments: [receiver, ...args], receiver: true, at: 0 })),
      fc.tuple(fc.constantFrom(...one_variable), node, name, node)
        .map(([macro, range, variable, body]): Expression => ({ kind: 'macro', name: macro, range, variables: [variable], bodies: [body], at: 0 })),
      fc.tuple(fc.constantFrom(...two_variables), node, fc.uniqueArray(name, { minLength: 2, maxLength: 2 }), node)
        .map(([macro, range, variables, body]): Expression => ({ kind: 'macro', name: macro, range, variables, bodies: [body], at: 0 })),
      fc.tuple(fc.constantFrom('not' as const, '-' as const), node).map(([operator, operand]): Expression => ({ kind: 'unary', operator, operand, at: 0 })),
      fc.tuple(fc.constantFrom(...operators), node, node).map(([operator, left, right]): Expression => ({ kind: 'binary', operator, left, right, at: 0 })),
      fc.tuple(node, node, node).map(([condition, consequent, otherwise]): Expression => ({ kind: 'conditional', condition, consequent, otherwise, at: 0 })),
    ),
  };
}).node;
