/** Small questions about SQL tokens. */
import type { SqlToken } from './sql-lexer.ts';

/** Whether the token is one of these unquoted words. */
export function isWord(token: SqlToken | undefined, ...texts: readonly string[]): boolean {
  return token?.kind === 'word' && texts.includes(token.text);
}

/** Whether the token is this symbol. */
export function isSymbol(token: SqlToken | undefined, text: string): boolean {
  return token?.kind === 'symbol' && token.text === text;
}

/** How a token changes the parenthesis depth. */
export function depthChange(token: SqlToken): number {
  if (token.kind !== 'symbol') return 0;
  return token.text === '(' ? 1 : token.text === ')' ? -1 : 0;
}

/** The index of the first token outside parentheses that passes, from an index on, or -1. */
export function findOutside(tokens: readonly SqlToken[], passes: (token: SqlToken, index: number) => boolean, from = 0): number {
  let depth = 0;
  for (let index = from; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token === undefined) return -1;
    if (depth === 0 && passes(token, index)) return index;
    depth += depthChange(token);
    if (depth < 0) return -1;
  }
  return -1;
}

/** What stands between a pair of parentheses that encloses all the tokens, or `undefined`. */
export function unwrapped(tokens: readonly SqlToken[]): readonly SqlToken[] | undefined {
  if (!isSymbol(tokens[0], '(')) return undefined;
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    depth += depthChange(token);
    if (depth === 0) return index === tokens.length - 1 ? tokens.slice(1, -1) : undefined;
  }
  return undefined;
}

/** The parts between separators that stand outside parentheses and CASE; the AND of BETWEEN separates nothing. */
export function splitAt(tokens: readonly SqlToken[], separators: readonly string[]): readonly (readonly SqlToken[])[] {
  const parts: SqlToken[][] = [[]];
  let depth = 0;
  let cases = 0;
  let between = false;
  for (const token of tokens) {
    depth += depthChange(token);
    if (isWord(token, 'CASE')) cases += 1;
    if (isWord(token, 'END') && cases > 0) cases -= 1;
    const plain = depth === 0 && cases === 0 && (token.kind === 'word' || token.kind === 'symbol');
    if (plain && token.text === 'BETWEEN') between = true;
    if (!plain || !separators.includes(token.text)) {
      parts.at(-1)?.push(token);
    } else if (between && token.text === 'AND') {
      between = false;
      parts.at(-1)?.push(token);
    } else {
      parts.push([]);
    }
  }
  return parts;
}

/** The tokens as one lower-case text, to compare two expressions. */
export function textOf(tokens: readonly SqlToken[]): string {
  return tokens.map((token) => token.text.toLowerCase()).join(' ');
}
