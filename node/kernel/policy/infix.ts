import { binding, type BinaryOperator } from './ast.ts';
import type { Token } from './tokenizer.ts';

const symbol_operators: { readonly [symbol: string]: BinaryOperator } = {
  '||': 'or', '&&': 'and', '==': '==', '!=': '!=', '<': '<', '<=': '<=', '>': '>', '>=': '>=',
  '+': '+', '-': '-', '*': '*', '/': '/', '%': '%',
};
const word_operators: { readonly [word: string]: BinaryOperator } = { or: 'or', OR: 'or', and: 'and', AND: 'and', in: 'in', IN: 'in' };
const call_operators: ReadonlySet<string> = new Set(['contains', 'matches', 'startsWith', 'endsWith']);
/** What may stand between two operands: an operator, or the name of a call. `negated` is `not in`. */
export type Infix = {
  readonly binding: number;
  readonly tokens: number;
} & ({ readonly operator: BinaryOperator; readonly negated: boolean } | { readonly operator?: undefined; readonly call: string });

/** The operator that a token begins, looking at the one after it; `undefined` when it begins none. */
export function infixAt(token: Token, after: Token | undefined): Infix | undefined {
  if (token.kind === 'symbol') {
    const operator = symbol_operators[token.text];
    return operator === undefined ? undefined : { operator, binding: binding[operator], tokens: 1, negated: false };
  }
  if (token.kind !== 'word') return undefined;
  if (call_operators.has(token.text)) return { call: token.text, binding: binding.in, tokens: 1 };
  const not_in = /^(?:not|NOT)$/.test(token.text) && after?.kind === 'word' && /^(?:in|IN)$/.test(after.text);
  if (not_in) return { operator: 'in', binding: binding.in, tokens: 2, negated: true };
  const operator = isOperatorWord(token.text) ? word_operators[token.text] : undefined;
  return operator === undefined ? undefined : { operator, binding: binding[operator], tokens: 1, negated: false };
}

/** Whether a word is an operator. */
export function isOperatorWord(text: string): boolean {
  return Object.hasOwn(word_operators, text);
}
