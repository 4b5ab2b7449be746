/** Columns and values of conditions, and which comparisons let most rows through. */
import { harmless_functions } from './sql-functions.ts';
import type { SqlDialect, SqlToken } from './sql-lexer.ts';
import { isSymbol, isWord, splitAt, unwrapped } from './sql-tokens.ts';
import { column_functions, constants, literal_prefix, reserved, units } from './sql-words.ts';

const literal_kinds: ReadonlySet<string> = new Set(['string', 'number', 'parameter']);
const paths: ReadonlySet<string> = new Set(['->', '->>', '#>', '#>>']);
/** From here on an upper bound excludes nothing: of an identifier, and of any number that is no time. */
const identifier_broad_min = 9_999_999;
const number_broad_min = 100_000_000;
/** Seconds and milliseconds since 1970 that are a time between 2001 and 2036 (below 2^31 - 1), and therefore a bound like any other. */
const epoch_ranges = [[1e9, 2.1e9], [1e12, 2.1e12]] as const;
/** A range from nothing up to here is one over everything. */
const range_broad_min = 100_000;
const recorded_times = /creat|insert|updat|modif|regist|added|birth|joined|ordered|placed|logged|recorded|seen|timestamp/;
const identifiers_by_name = /(?:^|[ ._])(?:\w*id|key|no|nr|pk)$/;
const texts_by_name = /name|mail|title|passw|token|uuid|descr|address|city|country|url|slug/;

/** Whether the tokens are one column, possibly inside a function, cast or path that keeps its value apart from others. */
export function isColumn(tokens: readonly SqlToken[], depth = 0): boolean {
  if (depth > 8 || tokens.length === 0 || tokens.length > 64) return false;
  const inner = unwrapped(tokens);
  if (inner !== undefined) return splitAt(inner, [',']).every((part) => isColumn(part, depth + 1));
  const tail = tokens.findIndex((token, index) => index > 0 && (token.kind === 'symbol' ? token.text === '::' || token.text === '[' || paths.has(token.text) : isWord(token, 'COLLATE', 'AT')));
  if (tail > 0 && !isFunction(tokens)) return isColumn(tokens.slice(0, tail), depth + 1) && isTail(tokens.slice(tail));
  if (isFunction(tokens)) return isColumnFunction(tokens, depth);
  return tokens.length % 2 === 1 && tokens.length <= 7
    && tokens.every((token, index) => (index % 2 === 0 ? isName(token) : isSymbol(token, '.')));
}

function isFunction(tokens: readonly SqlToken[]): boolean {
  return tokens[0]?.kind === 'word' && isSymbol(tokens[1], '(') && unwrapped(tokens.slice(1)) !== undefined;
}

function isColumnFunction(tokens: readonly SqlToken[], depth: number): boolean {
  if (!column_functions.has(tokens[0]?.text ?? '')) return false;
  let inside = tokens.slice(2, -1);
  // EXTRACT(YEAR FROM d) and CAST(c AS text), but not as a truth value.
  if (inside[0]?.kind === 'word' && units.has(inside[0].text) && isWord(inside[1], 'FROM')) inside = inside.slice(2);
  const as = inside.findIndex((token) => isWord(token, 'AS'));
  if (as > 0 && inside.slice(as).some((token) => token.text.startsWith('BOOL'))) return false;
  const parts = splitAt(as > 0 ? inside.slice(0, as) : inside, [',']).filter((part) => !(part.length === 1 && units.has(part[0]?.text ?? '')));
  const columns = parts.filter((part) => isColumn(part, depth + 1));
  return columns.length === 1 && parts.every((part) => columns.includes(part) || isValue(part));
}

/** A cast, path, index, collation or time zone behind a column; a cast to a truth value makes all numbers one. */
function isTail(tokens: readonly SqlToken[]): boolean {
  const text = tokens.map(({ kind, text: content }) => (kind === 'symbol' ? content : kind === 'word' || kind === 'quoted' ? `w${content}` : 'v')).join(' ');
  return /^(?:(?::: w(?!BOOL)\S+(?: wPRECISION| wWITH(?:OUT)? wTIME wZONE)?(?: \( v(?: , v)? \))?(?: \[ \])?|(?:->>?|#>>?) v|\[ v \]|wCOLLATE w\S+|wAT wTIME wZONE v)(?: |$))+$/.test(text);
}

function isName(token: SqlToken): boolean {
  return token.kind === 'quoted' || (token.kind === 'word' && !reserved.has(token.text) && !constants.has(token.text));
}

/** Whether the tokens are made of literals, parameters and functions of such: nothing in them changes from row to row. */
export function isValue(tokens: readonly SqlToken[]): boolean {
  let literal = false;
  for (const [index, token] of tokens.entries()) {
    if (literal_kinds.has(token.kind)) literal = true;
    else if (token.kind === 'quoted') return false;
    else if (token.kind === 'word') {
      const found = wordInValue(tokens, index);
      if (found === 'neither') return false;
      literal ||= found === 'value';
    }
  }
  return literal;
}

function wordInValue(tokens: readonly SqlToken[], index: number): 'value' | 'syntax' | 'neither' {
  const word = tokens[index]?.text ?? '';
  const before = tokens[index - 1];
  const next = tokens[index + 1];
  if (isSymbol(next, '(')) {
    if (/^(?:ANY|SOME|ROW)$/.test(word)) return 'syntax';
    if (isSymbol(before, '::') || isWord(before, 'AS')) return 'syntax';
    return harmless_functions.has(word) ? 'value' : 'neither';
  }
  if (constants.has(word)) return 'value';
  if (next?.kind === 'string' && literal_prefix.test(word)) return 'syntax';
  if (word === 'INTERVAL' && next !== undefined && literal_kinds.has(next.kind)) return 'syntax';
  if (word === 'ARRAY' && isSymbol(next, '[')) return 'syntax';
  if (isSymbol(before, '::') || isWord(before, 'AS', 'COLLATE')) return 'syntax';
  if (units.has(word) && before !== undefined && (literal_kinds.has(before.kind) || isWord(tokens[index - 2], 'EXTRACT', 'TIMESTAMPDIFF', 'TIMESTAMPADD'))) return 'syntax';
  if (/^(?:AS|COLLATE|ESCAPE|AT)$/.test(word)) return 'syntax';
  if (isWord(before, 'AT') || (isWord(before, 'TIME', 'WITH', 'WITHOUT') && /^(?:ZONE|TIME)$/.test(word))) return 'syntax';
  return 'neither';
}

/** The one literal that the tokens are, with sign, type and cast taken off, or `undefined`. */
function literalOf(tokens: readonly SqlToken[]): SqlToken | undefined {
  const inner = unwrapped(tokens);
  if (inner !== undefined) return literalOf(inner);
  const cast = tokens.findIndex((token) => isSymbol(token, '::'));
  if (cast > 0) return literalOf(tokens.slice(0, cast));
  const [first, second] = tokens;
  if (tokens.length === 1 && first !== undefined && literal_kinds.has(first.kind)) return first;
  if (tokens.length !== 2 || first === undefined || second === undefined) return undefined;
  if (second.kind === 'number' && (first.text === '-' || first.text === '+')) return { kind: 'number', text: `${first.text}${second.text}` };
  return second.kind === 'string' && first.kind === 'word' && literal_prefix.test(first.text) ? second : undefined;
}

/** Whether `column operator value` is a comparison that most or all rows pass: `LIKE '%'`, `> 0`, `< 9999999999`, `created_at < now()`. */
export function admitsMost(operator: string, value: readonly SqlToken[], column: string, dialect: SqlDialect): boolean {
  const literal = literalOf(value);
  if (/^(?:LIKE|ILIKE|GLOB)$/.test(operator)) return literal?.kind !== 'parameter' && admitsPattern(value);
  if (/^(?:RLIKE|REGEXP|SIMILAR|~|~\*|MATCH|@@)$/.test(operator)) return literal?.kind !== 'parameter' && admitsRegex(value);
  // Where numbers are truth values, every identifier is true.
  if (operator === 'IS') return dialect !== 'postgresql' && isWord(value[0], 'TRUE') && identifiers_by_name.test(column.replaceAll(/[()]/g, '').trim());
  if (operator === '@>') return literal?.kind === 'string' && !/[\p{L}\p{N}]/u.test(literal.text);
  // In MySQL, 'any text' = 0.
  if (/^(?:=|==|<=>)$/.test(operator)) return dialect === 'mysql' && literal?.kind === 'number' && Number(literal.text) === 0 && texts_by_name.test(column);
  if (literal?.kind === 'parameter') return false;
  const lower = operator.startsWith('>');
  // SQLite orders all numbers before all texts before all binary values.
  if (dialect === 'sqlite' && acrossTypes(literal, value, lower, column)) return true;
  if (literal?.kind === 'number') return beyond(Number(literal.text.replaceAll('_', '')), lower, column);
  if (literal?.kind === 'string') return admitsText(literal.text, lower, column);
  return admitsTime(value, lower, column);
}

function acrossTypes(literal: SqlToken | undefined, value: readonly SqlToken[], lower: boolean, column: string): boolean {
  if (lower) return literal?.kind === 'number' && (texts_by_name.test(column) || /^(?:lower|upper|trim|date|datetime|time|strftime|hex) \(/.test(column));
  return isWord(value[0], 'X') || (literal?.kind !== 'number' && /^(?:length|char_length|julianday|unixepoch) \(/.test(column)) || (literal?.kind !== 'number' && identifiers_by_name.test(column.replaceAll(/[()]/g, '').trim()));
}

function beyond(number: number, lower: boolean, column: string): boolean {
  if (lower) return !(number > 1);
  if (identifiers_by_name.test(column)) return !(number < identifier_broad_min);
  return !(number < number_broad_min) && !epoch_ranges.some(([from, to]) => number > from && number < to);
}

function admitsText(text: string, lower: boolean, column: string): boolean {
  const trimmed = text.trim();
  if (/^[-+]?\d+(?:\.\d+)?$/.test(trimmed)) return beyond(Number(trimmed), lower, column);
  const year = /^(\d{4,})-/.exec(trimmed)?.[1];
  if (year !== undefined) return lower ? Number(year) <= 1970 : Number(year) >= 2090;
  return lower ? /^(?:[^\p{L}\p{N}].*|[aA0]?)$/u.test(trimmed) : /^(?:infinity|z*$|zz|[^\p{L}\p{N}]|\P{ASCII})/iu.test(trimmed);
}

/** A bound in time must say a time: `now()` bounds nothing where the column records what has happened. */
function admitsTime(value: readonly SqlToken[], lower: boolean, column: string): boolean {
  const text = value.map((token) => token.text).join(' ');
  if (!/\b(?:NOW|CURRENT_\w+|LOCALTIME\w*|DATE\w*|TIMESTAMP|SYSDATE|CURDATE|UNIX_TIMESTAMP|UTC_\w+|GETDATE|STRFTIME|JULIANDAY|UNIXEPOCH|INTERVAL|TO_\w+|MAKE_\w+|FROM_UNIXTIME|\w*_TIMESTAMP|STR_TO_DATE)\b/.test(text)) return true;
  if ([...text.matchAll(/(\d+)'? ?(?:year|decade|centur|millen)/gi)].some((match) => Number(match[1]) >= 50)) return true;
  const earlier = /-|\b(?:DATE_SUB|SUBDATE|DATE_TRUNC|TO_\w+|MAKE_\w+)\b/.test(text);
  return !lower && !earlier && recorded_times.test(column);
}

function admitsPattern(value: readonly SqlToken[]): boolean {
  const text = value.filter((token) => token.kind === 'string').map((token) => token.text).join('').replaceAll(/\[[^\]]*\]/g, '');
  const letters = text.replaceAll(/[^\p{L}\p{N}]/gu, '').length;
  return value.some((token) => token.kind === 'parameter') ? false : letters < (/^[%_*?]/.test(text) ? 2 : 1);
}

/** A regular expression narrows when it has no alternatives and demands two letters in a row. */
function admitsRegex(value: readonly SqlToken[]): boolean {
  const text = value.filter((token) => token.kind === 'string').map((token) => token.text).join('');
  return text.includes('|') || !/[\p{L}\p{N}]{2}(?![*?{])/u.test(text.replaceAll(/\\.|\[[^\]]*\]/g, ' '));
}

/** Whether the range spans everything: both bounds admit nearly all, or it goes from nothing to very many. */
export function spansMost(low: readonly SqlToken[], high: readonly SqlToken[], column: string, dialect: SqlDialect): boolean {
  if (!admitsMost('>=', low, column, dialect)) return false;
  const top = literalOf(high);
  return admitsMost('<=', high, column, dialect) || (top?.kind === 'number' && Number(top.text) >= range_broad_min);
}
