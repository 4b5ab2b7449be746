import { fail, ok, type Failure, type Result } from '../../../crypto/result.ts';
import { condition_characters_max } from './bounds.ts';

/** One word, number, string or symbol of a condition, with the offset where it starts. */
export type Token =
  | { readonly kind: 'word' | 'symbol' | 'end'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly value: number; readonly at: number }
  | { readonly kind: 'string'; readonly text: string; readonly value: string; readonly at: number };

/** The line and column, both counted from 1, of an offset in a text. */
export function positionOf(text: string, at: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** `CONDITION_INVALID` with the place in the condition (`detail.offset`, `line`, `column`) and what to write instead. */
export function conditionInvalid(text: string, at: number, reason: string, fix: string): { readonly ok: false; readonly failure: Failure } {
  const { line, column } = positionOf(text, at);
  return fail('CONDITION_INVALID', `${reason} at line ${line}, column ${column} of the condition`, {
    fix,
    detail: { offset: at, line, column },
  });
}

const word_pattern = /[A-Za-z_]\w*/y;
const number_pattern = /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const symbol_pattern = /&&|\|\||==|!=|<=|>=|[<>!+\-*/%()[\],.]/y;
const space_pattern = /\s+/y;

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** The tokens of a condition, the last of kind `end`. Fails with `CONDITION_INVALID`. */
export function tokenize(text: string): Result<readonly Token[]> {
  if (text.length > condition_characters_max) {
    return conditionInvalid(text, 0, `the condition has ${text.length} characters, ${condition_characters_max} are allowed`, 'split it into several rules');
  }
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const space = matchAt(space_pattern, text, at);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const token = nextToken(text, at);
    if (!token.ok) return token;
    tokens.push(token.value);
    at += token.value.text.length;
  }
  tokens.push({ kind: 'end', text: '', at });
  return ok(tokens);
}

function nextToken(text: string, at: number): Result<Token> {
  const first = text.charAt(at);
  const raw = (first === 'r' || first === 'R') && /['"]/.test(text.charAt(at + 1));
  if (raw) return stringToken(text, at, true);
  if (first === "'" || first === '"') return stringToken(text, at, false);
  const number = matchAt(number_pattern, text, at);
  if (number !== undefined) return numberToken(text, at, number);
  const word = matchAt(word_pattern, text, at);
  if (word !== undefined) return ok({ kind: 'word', text: word, at });
  const symbol = matchAt(symbol_pattern, text, at);
  if (symbol !== undefined) return ok({ kind: 'symbol', text: symbol, at });
  if (first === '=') return conditionInvalid(text, at, 'a single = compares nothing', 'write ==');
  return conditionInvalid(text, at, `the character ${JSON.stringify(first)} has no meaning here`, 'put text in quotes');
}

function numberToken(text: string, at: number, number: string): Result<Token> {
  const after = text.charAt(at + number.length);
  if (/[\w.]/.test(after)) {
    return conditionInvalid(text, at, `${number}${after} is not a number`, 'write a plain decimal number without a unit');
  }
  const value = Number(number);
  if (!Number.isFinite(value)) return conditionInvalid(text, at, `${number} is too large`, 'use a number below 1.8e308');
  return ok({ kind: 'number', text: number, value, at });
}

const escaped: { readonly [character: string]: string } = {
  '\\': '\\', "'": "'", '"': '"', '/': '/', n: '\n', r: '\r', t: '\t',
};

function stringToken(text: string, at: number, raw: boolean): Result<Token> {
  const opening = raw ? at + 1 : at;
  const quote = text.charAt(opening);
  let value = '';
  let index = opening + 1;
  while (index < text.length) {
    const character = text.charAt(index);
    if (character === quote) return ok({ kind: 'string', text: text.slice(at, index + 1), value, at });
    if (raw || character !== '\\') {
      value += character;
      index += 1;
      continue;
    }
    const next = text.charAt(index + 1);
    const unicode = next === 'u' ? /^[0-9A-Fa-f]{4}$/.exec(text.slice(index + 2, index + 6))?.[0] : undefined;
    const meant = unicode === undefined ? escaped[next] : String.fromCharCode(Number.parseInt(unicode, 16));
    if (meant === undefined) {
      return conditionInvalid(text, index, `\\${next} is not an escape`, `write \\\\${next}, or a raw string r'…' in which \\ means itself`);
    }
    value += meant;
    index += unicode === undefined ? 2 : 6;
  }
  return conditionInvalid(text, at, 'the string does not end', `close it with ${quote}`);
}
