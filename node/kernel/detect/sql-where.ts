/**
 * Whether a WHERE clause narrows. Instead of hunting for every way to write
 * "always true", it asks for something positive: on every branch of OR a
 * comparison of a column with a value.
 */
import type { SqlToken } from './sql-lexer.ts';
import { column_functions, harmless_functions, value_words } from './sql-words.ts';

const where_depth_max = 64;
const clause_ends: ReadonlySet<string> = new Set(['RETURNING', 'ORDER', 'LIMIT', 'GROUP', 'HAVING', 'WINDOW', 'WHEN', 'UNION', 'EXCEPT', 'INTERSECT', 'FETCH', 'OFFSET', 'FOR']);
const comparisons: ReadonlySet<string> = new Set(['=', '<', '>', '<=', '>=', '<=>', '==', 'LIKE', 'ILIKE', 'IN', 'IS', 'BETWEEN', 'GLOB']);

/** The tokens of the WHERE clause of a statement that starts at the first token, or `undefined`. */
export function whereOf(tokens: readonly SqlToken[], keyword = 'WHERE'): readonly SqlToken[] | undefined {
  let depth = 0;
  let start = -1;
  for (const [index, token] of tokens.entries()) {
    depth += depthChange(token);
    if (depth < 0) return start < 0 ? undefined : tokens.slice(start, index);
    if (depth > 0 || token.kind !== 'word') continue;
    if (start < 0 && token.text === keyword) start = index + 1;
    else if (start >= 0 && clause_ends.has(token.text)) return tokens.slice(start, index);
  }
  return start < 0 ? undefined : tokens.slice(start);
}

/** Whether the condition holds for some rows only, as far as its form shows. */
export function narrows(condition: readonly SqlToken[], depth = 0): boolean {
  if (depth > where_depth_max || condition.length === 0) return false;
  const inner = unwrapped(condition);
  if (inner !== undefined) return narrows(inner, depth + 1);
  const branches = split(condition, ['OR', '||', 'XOR']);
  if (branches.length > 1) return branches.every((branch) => narrows(branch, depth + 1));
  const parts = split(condition, ['AND', '&&']);
  if (parts.length > 1) return parts.some((part) => narrows(part, depth + 1));
  return comparesColumn(condition, depth);
}

/** Whether an ON condition relates columns of two tables. */
export function joins(condition: readonly SqlToken[]): boolean {
  return split(condition, ['OR', '||', 'XOR']).every((branch) => split(branch, ['AND', '&&']).some((part) => {
    const at = part.findIndex((token) => token.text === '=');
    const [left, right] = [part.slice(0, at), part.slice(at + 1)];
    return at > 0 && isColumn(left) && isColumn(right) && textOf(left) !== textOf(right);
  }));
}

/** How a token changes the parenthesis depth. */
export function depthChange(token: SqlToken): number {
  if (token.kind !== 'symbol') return 0;
  return token.text === '(' ? 1 : token.text === ')' ? -1 : 0;
}

function textOf(tokens: readonly SqlToken[]): string {
  return tokens.map((token) => token.text.toLowerCase()).join(' ');
}

function unwrapped(tokens: readonly SqlToken[]): readonly SqlToken[] | undefined {
  if (tokens[0]?.text !== '(' || tokens[0].kind !== 'symbol') return undefined;
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    depth += depthChange(token);
    if (depth === 0) return index === tokens.length - 1 ? tokens.slice(1, -1) : undefined;
  }
  return undefined;
}

function split(tokens: readonly SqlToken[], separators: readonly string[]): readonly (readonly SqlToken[])[] {
  const parts: SqlToken[][] = [[]];
  let depth = 0;
  let between = false;
  for (const token of tokens) {
    depth += depthChange(token);
    const plain = depth === 0 && (token.kind === 'word' || token.kind === 'symbol');
    if (plain && token.text === 'BETWEEN') between = true;
    if (!plain || !separators.includes(token.text)) {
      parts.at(-1)?.push(token);
    } else if (between && token.text === 'AND') {
      // The AND of BETWEEN a AND b separates two bounds.
      between = false;
      parts.at(-1)?.push(token);
    } else {
      parts.push([]);
    }
  }
  return parts;
}

function comparesColumn(condition: readonly SqlToken[], depth: number): boolean {
  let nested = 0;
  const at = condition.findIndex((token) => {
    nested += depthChange(token);
    return nested === 0 && (token.kind === 'symbol' || token.kind === 'word') && comparisons.has(token.text);
  });
  if (at <= 0) return false;
  const operator = condition[at]?.text ?? '';
  const left = condition.slice(0, at);
  const right = condition.slice(at + 1);
  // Compared a second time (`a = b = c`), the result of the first comparison is what counts.
  if (right.some((token) => token.kind === 'symbol' && comparisons.has(token.text) && operator !== 'IN')) return false;
  if (operator === 'IS') return isColumn(left) && right.length === 1 && /^(?:NULL|TRUE|FALSE)$/.test(right[0]?.text ?? '');
  if (operator === 'IN') return isColumn(left) && narrowsList(right, depth);
  if (operator === 'BETWEEN') return isColumn(left) && isValue(right.filter((token) => token.text !== 'AND'));
  if (isColumn(left) && isValue(right)) return !admitsEverything(operator, right);
  return operator !== 'LIKE' && isValue(left) && isColumn(right) && !admitsEverything(operator, left);
}

function narrowsList(right: readonly SqlToken[], depth: number): boolean {
  const list = unwrapped(right);
  if (list === undefined) return right.length === 1 && right[0]?.kind === 'parameter';
  if (list[0]?.text !== 'SELECT' || list[0].kind !== 'word') return isValue(list.filter((token) => token.text !== ','));
  const inner = whereOf(list);
  return inner !== undefined && narrows(inner, depth + 1);
}

/** `LIKE '%'`, `> 0`, `>= ''`: comparisons that most or all rows pass. */
function admitsEverything(operator: string, value: readonly SqlToken[]): boolean {
  const text = value.map((token) => token.text).join('');
  if (/^(?:LIKE|ILIKE|GLOB)$/.test(operator)) return /^[%_*]*$/.test(text);
  return /^(?:<|>|<=|>=)$/.test(operator) && /^(?:-?[01](?:\.0*)?|)$/.test(text);
}

function isColumn(tokens: readonly SqlToken[]): boolean {
  const inner = unwrapped(tokens);
  if (inner !== undefined) return isColumn(inner);
  const [first, second] = tokens;
  if (first?.kind === 'word' && column_functions.has(first.text) && second?.text === '(' && tokens.at(-1)?.text === ')') {
    return tokens.slice(2, -1).filter((token) => isName(token)).length === 1;
  }
  return tokens.length % 2 === 1 && tokens.length <= 7
    && tokens.every((token, index) => (index % 2 === 0 ? isName(token) : token.kind === 'symbol' && token.text === '.'));
}

function isName(token: SqlToken): boolean {
  return token.kind === 'quoted' || (token.kind === 'word' && !(value_words.has(token.text) && token.text !== 'DATE' && token.text !== 'UUID'));
}

function isValue(tokens: readonly SqlToken[]): boolean {
  if (tokens.length === 0) return false;
  let literal = false;
  for (const [index, token] of tokens.entries()) {
    const before = tokens[index - 1];
    if (token.kind === 'string' || token.kind === 'number' || token.kind === 'parameter') literal = true;
    else if (token.kind === 'quoted') return false;
    else if (token.kind === 'word') {
      const calls = tokens[index + 1]?.text === '(' && harmless_functions.has(token.text);
      const type = before?.text === '::';
      if (!calls && !type && !value_words.has(token.text)) return false;
      literal ||= calls || value_words.has(token.text);
    }
  }
  return literal;
}
