/** Which functions a statement calls, and which tables it names. */
import { harmless_functions, no_functions } from './sql-functions.ts';
import type { SqlToken } from './sql-lexer.ts';
import { depthChange, isSymbol, isWord } from './sql-tokens.ts';

/** A call: the name as it stands, lower case, and whether the function is known to change and reach nothing. */
export interface SqlCall {
  readonly name: string;
  readonly harmless: boolean;
}

/** The calls of a statement, in order. */
export function callsOf(statement: readonly SqlToken[]): readonly SqlCall[] {
  const form: Form = { pairs: pairsOf(statement), head: headOf(statement) };
  return statement.flatMap((_, index) => callAt(statement, index, form) ?? []);
}

interface Form {
  /** For each parenthesis that is part of a pair, the index of the other. */
  readonly pairs: ReadonlyMap<number, number>;
  /** Where the words of a CREATE end that name what it creates, and on what; 0 for other statements. */
  readonly head: number;
}

/** Behind a query's first word ON and USING belong to joins. */
function headOf(statement: readonly SqlToken[]): number {
  if (!isWord(statement[0], 'CREATE')) return 0;
  const query = statement.findIndex((token) => isWord(token, 'SELECT', 'WITH', 'VALUES', 'FROM', 'JOIN', 'WHERE'));
  return query < 0 ? statement.length : query;
}

function pairsOf(statement: readonly SqlToken[]): ReadonlyMap<number, number> {
  const pairs = new Map<number, number>();
  const open: number[] = [];
  for (const [index, token] of statement.entries()) {
    const change = depthChange(token);
    if (change > 0) open.push(index);
    const opened = change < 0 ? open.pop() : undefined;
    if (opened !== undefined) pairs.set(index, opened).set(opened, index);
  }
  return pairs;
}

function callAt(statement: readonly SqlToken[], index: number, form: Form): SqlCall | undefined {
  const token = statement[index];
  if (!isSymbol(statement[index + 1], '(') || token === undefined) return undefined;
  if (token.kind !== 'quoted' && token.kind !== 'word') return undefined;
  let start = index;
  while (isSymbol(statement[start - 1], '.') && start > 1) start -= 2;
  if (start === index && token.kind === 'word' && no_functions.has(token.text)) return undefined;
  if (namesTable(statement, start, index, form)) return undefined;
  const schema = start < index ? statement[start]?.text.toLowerCase() : undefined;
  const name = token.text.toLowerCase();
  const harmless = harmless_functions.has(token.text.toUpperCase()) && (schema === undefined || schema === 'pg_catalog');
  return { name: schema === undefined ? name : `${schema}.${name}`, harmless };
}

/** Whether the name before the parenthesis is a table, a type, a constraint, or an alias or CTE with its columns. */
function namesTable(statement: readonly SqlToken[], start: number, index: number, { pairs, head }: Form): boolean {
  const before = statement[start - 1];
  if (isWord(before, 'INTO', 'TABLE', 'REFERENCES', 'VIEW', 'CONSTRAINT', 'KEY', 'COPY', 'AS', 'ORDINALITY', 'WINDOW') || isSymbol(before, '::')) return true;
  if (isWord(before, 'TABLESAMPLE') && isWord(statement[index], 'SYSTEM', 'BERNOULLI')) return true;
  if (start < head && namesCreated(statement[start - 2], before)) return true;
  if (isPrefixIndex(statement, start, index)) return true;
  if (isWord(statement[0], 'PRAGMA') && (start === 1 || isSymbol(before, '.'))) return true;
  // Behind a parenthesis stands an alias, except in DISTINCT ON (a) f(b).
  if (isSymbol(before, ')')) return !isWord(statement[(pairs.get(start - 1) ?? 0) - 1], 'ON');
  return (isWord(before, 'WITH', 'RECURSIVE') || isSymbol(before, ',')) && beginsCte(statement, pairs.get(index + 1));
}

/** Whether these two words of a CREATE stand before a name: of what it creates, or on what. */
function namesCreated(earlier: SqlToken | undefined, before: SqlToken | undefined): boolean {
  if (isWord(before, 'EXISTS', 'ON', 'INDEX', 'USING', 'FULLTEXT', 'SPATIAL')) return true;
  return (isWord(before, 'ONLY') && isWord(earlier, 'ON')) || (isWord(before, 'OF') && isWord(earlier, 'PARTITION'));
}

/** MySQL indexes the first characters of a column, KEY (name(10)): in a CREATE without expressions, where else a call could look like that. */
function isPrefixIndex(statement: readonly SqlToken[], start: number, index: number): boolean {
  if (!isWord(statement[0], 'CREATE') || statement[index + 2]?.kind !== 'number' || !isSymbol(statement[index + 3], ')')) return false;
  if (!isSymbol(statement[start - 1], '(') && !isSymbol(statement[start - 1], ',')) return false;
  return !statement.some((token, at) => isWord(token, 'SELECT', 'CHECK', 'GENERATED', 'AS') || (isWord(token, 'DEFAULT') && isSymbol(statement[at + 1], '(')));
}

/** `name (columns) AS [NOT MATERIALIZED] (SELECT`: what opens there must be a query, not the column list of a function's result. */
function beginsCte(statement: readonly SqlToken[], close: number | undefined): boolean {
  if (close === undefined || !isWord(statement[close + 1], 'AS')) return false;
  const body = statement.slice(close + 2, close + 9).filter((inner) => !isWord(inner, 'NOT', 'MATERIALIZED'));
  const [open, verb, next] = body;
  if (!isSymbol(open, '(')) return false;
  return isWord(verb, 'SELECT', 'WITH') || (isWord(verb, 'VALUES') && isSymbol(next, '(')) || (isWord(verb, 'INSERT') && isWord(next, 'INTO'))
    || (isWord(verb, 'DELETE') && isWord(next, 'FROM')) || (isWord(verb, 'UPDATE') && isWord(body[3], 'SET'));
}

const before_table: ReadonlySet<string> = new Set(['FROM', 'JOIN', 'INTO', 'UPDATE', 'TABLE', 'VIEW', 'TRUNCATE', 'COPY', 'REPLACE', 'DELETE', 'DESCRIBE', 'DESC', 'USING']);
const between: ReadonlySet<string> = new Set(['ONLY', 'IF', 'EXISTS', 'NOT', 'LATERAL', 'IGNORE', 'LOW_PRIORITY', 'QUICK', 'OR', 'REPLACE', 'ROLLBACK', 'ABORT', 'FAIL', 'TABLE']);
const no_tables: ReadonlySet<string> = new Set(['SELECT', 'SET', 'FROM', 'WHERE', 'VALUES', 'OUTFILE', 'DUMPFILE', 'PROGRAM', 'STDIN', 'STDOUT', 'UNNEST', 'ON', 'DO', 'NOTHING', 'AS', 'WITH', 'FOR']);

/** The tables that a statement names, lower case with their schema, in order and once each: the first is what a change changes. */
export function tablesOf(statement: readonly SqlToken[]): readonly string[] {
  const tables = new Set<string>();
  for (let index = 0; index < statement.length; index += 1) {
    const token = statement[index];
    if (token?.kind !== 'word' || !before_table.has(token.text)) continue;
    let at = index + 1;
    while (statement[at]?.kind === 'word' && between.has(statement[at]?.text ?? '')) at += 1;
    const name = nameAt(statement, at);
    if (name !== undefined) tables.add(name);
  }
  return [...tables];
}

function nameAt(statement: readonly SqlToken[], at: number): string | undefined {
  const first = statement[at];
  if (first === undefined || (first.kind !== 'quoted' && (first.kind !== 'word' || no_tables.has(first.text)))) return undefined;
  const parts = [first.text];
  let next = at + 1;
  while (isSymbol(statement[next], '.') && statement[next + 1] !== undefined) {
    parts.push(statement[next + 1]?.text ?? '');
    next += 2;
  }
  return parts.join('.').toLowerCase();
}
