import { fail, ok, type Failure, type Result } from '../../../crypto/result.ts';
import { condition_characters_max } from './bounds.ts';
import { readString } from './string-literals.ts';

/**
 * One word, number, string, bytes or symbol of a condition, with the offset where
 * it starts. A number without point or exponent carries `integer`. A word in
 * backticks is `quoted`: it can only be a selector.
 */
export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly name: string; readonly quoted?: true; readonly at: number }
  | { readonly kind: 'symbol' | 'end'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly value: number; readonly integer?: bigint; readonly unsigned?: true; readonly at: number }
  | { readonly kind: 'string'; readonly text: string; readonly value: string; readonly at: number }
  | { readonly kind: 'bytes'; readonly text: string; readonly value: Uint8Array; readonly at: number };

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
const selector_pattern = /`[\w.\-/ ]+`/y;
const number_pattern = /0[xX][0-9A-Fa-f]+[uU]?|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?[uU]?/y;
const string_pattern = /(?:[rR][bB]?|[bB][rR]?)?(?:'''|"""|'|")/y;
const symbol_pattern = /&&|\|\||==|!=|<=|>=|[<>!+\-*/%()[\]{},.:?=]/y;
const space_pattern = /(?:\s+|\/\/[^\n]*)+/y;
/** A slash after one of these, or at the start, begins a pattern: nothing could be divided. */
const before_pattern: ReadonlySet<string> = new Set(['(', ',', 'matches']);
const pattern_pattern = /\/((?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([a-z]*)/y;

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
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
      at += space[0].length;
      continue;
    }
    const token = nextToken(text, at, tokens.at(-1)?.text ?? '');
    if (!token.ok) return token;
    tokens.push(token.value);
    at += token.value.text.length;
  }
  tokens.push({ kind: 'end', text: '', at });
  return ok(tokens);
}

function nextToken(text: string, at: number, before: string): Result<Token> {
  const opening = matchAt(string_pattern, text, at);
  if (opening !== undefined) return readString(text, at, opening[0]);
  const number = matchAt(number_pattern, text, at);
  if (number !== undefined) return numberToken(text, at, number[0]);
  const word = matchAt(word_pattern, text, at);
  if (word !== undefined) return ok({ kind: 'word', text: word[0], name: word[0], at });
  const selector = matchAt(selector_pattern, text, at);
  if (selector !== undefined) return ok({ kind: 'word', text: selector[0], name: selector[0].slice(1, -1), quoted: true, at });
  if (text.charAt(at) === '/' && before_pattern.has(before)) return patternToken(text, at);
  const symbol = matchAt(symbol_pattern, text, at);
  if (symbol !== undefined) return ok({ kind: 'symbol', text: symbol[0], at });
  return conditionInvalid(text, at, `the character ${JSON.stringify(text.charAt(at))} has no meaning here`, 'put text in quotes');
}

function numberToken(text: string, at: number, number: string): Result<Token> {
  const end = at + number.length;
  const after = text.slice(end, end + 2);
  // 24.indexOf() is a call on a number; 24. and 24x are nothing.
  if (/^(?:\w|\.(?![A-Za-z_]))/.test(after)) {
    return conditionInvalid(text, at, `${number}${after.charAt(0)} is not a number`, 'write a plain decimal number without a unit');
  }
  const unsigned = /[uU]$/.test(number);
  const digits = unsigned ? number.slice(0, -1) : number;
  const value = Number(digits);
  if (!Number.isFinite(value)) return conditionInvalid(text, at, `${number} is too large`, 'use a number below 1.8e308');
  if (/^(?:\d+|0[xX].*)$/.test(digits)) {
    return ok({ kind: 'number', text: number, value, integer: BigInt(digits), ...(unsigned ? { unsigned } : {}), at });
  }
  if (unsigned) return conditionInvalid(text, at, `${number} is not a whole number`, `write ${digits} without the u`);
  return ok({ kind: 'number', text: number, value, at });
}

/** `/drop\s+table/i` as the text of a pattern, for files that write patterns as JavaScript does. */
function patternToken(text: string, at: number): Result<Token> {
  const found = matchAt(pattern_pattern, text, at);
  if (found === undefined) return conditionInvalid(text, at, 'the pattern does not end', "close it with /, or write it in quotes: matches(text, r'…')");
  const [whole, pattern = '', flags = ''] = found;
  if (/[^igmsu]/.test(flags) || flags.includes('m') || flags.includes('s')) {
    return conditionInvalid(text, at, `the pattern flags ${flags} are not supported`, 'use /…/ or /…/i');
  }
  const value = pattern.replaceAll('\\/', '/');
  return ok({ kind: 'string', text: whole, value: flags.includes('i') ? `(?i)${value}` : value, at });
}
