/**
 * What a piece of SQL would do. It fails closed: unreadable text, an unknown
 * verb, an unknown function, several statements, an UPDATE or DELETE whose WHERE
 * does not evidently narrow are all destructive. It reads text, not the
 * database: the boundary that holds is a database role that may only read.
 */
import { depthChange, joins, narrows, whereOf } from './sql-where.ts';
import { lexSql, sql_dialects, type SqlDialect, type SqlToken } from './sql-lexer.ts';
import {
  creation_modifiers, harmless_creations, harmless_functions, no_functions, reading_pragmas, reading_verbs,
} from './sql-words.ts';

/** What a policy can ask about SQL. */
export interface SqlFacets {
  /** The first verb, upper case; `UNREADABLE` when the text is not SQL that we understand. */
  readonly verb: string;
  readonly destructive: boolean;
  readonly statements: number;
  /** Why it is destructive, in words; empty when it is not. */
  readonly reasons: readonly string[];
}

const reasons_max = 8;

/** The facets of SQL in one dialect, or in the worst of all when the database is not known. */
export function sqlFacets(sql: string, dialect?: SqlDialect): SqlFacets {
  const [first, ...others] = (dialect === undefined ? sql_dialects : [dialect]).map((one) => inDialect(sql, one));
  return others.reduce(worse, first ?? unreadable('no dialect'));
}

/** Of two facets the destructive one, with the reasons of both. */
export function worse(a: SqlFacets, b: SqlFacets): SqlFacets {
  const worst = b.destructive && !a.destructive ? b : a;
  return {
    verb: worst.verb,
    destructive: a.destructive || b.destructive,
    statements: Math.max(a.statements, b.statements),
    reasons: [...new Set([...a.reasons, ...b.reasons])].slice(0, reasons_max),
  };
}

function unreadable(reason: string): SqlFacets {
  return { verb: 'UNREADABLE', destructive: true, statements: 0, reasons: [reason] };
}

function inDialect(sql: string, dialect: SqlDialect): SqlFacets {
  const tokens = lexSql(sql, dialect);
  if (!tokens.ok) return unreadable(`${dialect}: ${tokens.failure.reason}`);
  const statements = splitStatements(tokens.value);
  const [first] = statements;
  if (first === undefined) return unreadable('there is no statement');
  const reasons = statements.flatMap((statement) => [...statementProblems(statement), ...anywhereProblems(statement)]);
  if (statements.length > 1) reasons.push(`there are ${statements.length} statements`);
  return {
    verb: verbOf(first),
    destructive: reasons.length > 0,
    statements: statements.length,
    reasons: [...new Set(reasons)].slice(0, reasons_max),
  };
}

function splitStatements(tokens: readonly SqlToken[]): readonly (readonly SqlToken[])[] {
  const statements: SqlToken[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'symbol' && token.text === ';') statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((statement) => statement.length > 0);
}

function verbOf(statement: readonly SqlToken[]): string {
  const first = statement.find((token) => token.text !== '(' || token.kind !== 'symbol');
  return first?.kind === 'word' ? first.text : 'UNREADABLE';
}

function isWord(token: SqlToken | undefined, ...texts: readonly string[]): boolean {
  return token?.kind === 'word' && texts.includes(token.text);
}

/** What is wrong with the statement that starts at the first token, inner statements of WITH and EXPLAIN included. */
function statementProblems(statement: readonly SqlToken[]): readonly string[] {
  const start = statement.findIndex((token) => token.text !== '(' || token.kind !== 'symbol');
  const tokens = statement.slice(start);
  const verb = verbOf(tokens);
  const has = (...texts: readonly string[]): boolean => tokens.some((token) => isWord(token, ...texts));
  switch (verb) {
    case 'WITH':
      return withProblems(tokens);
    case 'EXPLAIN':
    case 'DESCRIBE':
    case 'DESC':
      return explainProblems(tokens);
    case 'INSERT':
      return isWord(tokens[1], 'OR') && isWord(tokens[2], 'REPLACE') ? ['INSERT OR REPLACE deletes the rows that it replaces'] : [];
    case 'UPDATE':
    case 'DELETE':
      return changeProblems(verb, tokens);
    case 'MERGE':
      return mergeProblems(tokens);
    case 'CREATE':
      return creationProblems(tokens);
    case 'PRAGMA':
      return pragmaProblems(tokens);
    case 'SET':
      return isWord(tokens[1], 'TRANSACTION', 'NAMES') || (isWord(tokens[1], 'TIME') && isWord(tokens[2], 'ZONE')) ? [] : ['SET can switch safeguards off'];
    case 'COPY':
      return isWord(tokens.at(-1), 'STDOUT') && !has('PROGRAM') ? [] : ['COPY reads or writes outside the database'];
    case 'VACUUM':
      return has('INTO', 'FULL') ? ['VACUUM INTO writes a file'] : [];
    default:
      return reading_verbs.has(verb) ? [] : [`${verb} is not among the statements known to be harmless`];
  }
}

function changeProblems(verb: string, tokens: readonly SqlToken[]): readonly string[] {
  const where = whereOf(tokens);
  if (where === undefined) return [`${verb} has no WHERE`];
  return narrows(where) ? [] : [`the WHERE of ${verb} does not compare a column with a value on every branch`];
}

function mergeProblems(tokens: readonly SqlToken[]): readonly string[] {
  if (tokens.some((token) => isWord(token, 'DELETE', 'SOURCE'))) return ['MERGE deletes'];
  const on = whereOf(tokens, 'ON');
  const updates = tokens.some((token) => isWord(token, 'UPDATE'));
  return updates && (on === undefined || !joins(on)) ? ['the ON of MERGE does not relate two columns'] : [];
}

function creationProblems(tokens: readonly SqlToken[]): readonly string[] {
  const what = tokens.slice(1).find((token) => token.kind !== 'word' || !creation_modifiers.has(token.text));
  if (what?.kind === 'word' && harmless_creations.has(what.text)) return [];
  return [`CREATE ${what?.text ?? ''} can replace, or run later, what nobody checked`];
}

function pragmaProblems(tokens: readonly SqlToken[]): readonly string[] {
  const name = tokens.findLast((token, index) => token.kind === 'word' && index > 0 && index <= 3 && tokens[index + 1]?.text !== '.' && (index === 1 || tokens[index - 1]?.text === '.'));
  const assigns = tokens.some((token) => token.kind === 'symbol' && token.text === '=');
  // user_version(5) sets what user_version reports, so only the listing pragmas take an argument.
  const takes_argument = /_(?:INFO|XINFO|LIST|CHECK)$/.test(name?.text ?? '');
  const argument = tokens.some((token) => token.text === '(' && token.kind === 'symbol');
  if (name !== undefined && reading_pragmas.has(name.text) && !assigns && (takes_argument || !argument)) return [];
  return ['the PRAGMA changes the database or is not known'];
}

function explainProblems(tokens: readonly SqlToken[]): readonly string[] {
  const options: ReadonlySet<string> = new Set(['SELECT', 'WITH', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'REPLACE', 'CREATE', 'EXECUTE', 'TABLE', 'VALUES', 'DROP', 'CALL']);
  const at = tokens.findIndex((token, index) => index > 0 && token.kind === 'word' && options.has(token.text));
  const analyzes = tokens.slice(0, at < 0 ? tokens.length : at).some((token) => isWord(token, 'ANALYZE', 'ANALYSE'));
  // Without ANALYZE nothing runs.
  return analyzes && at > 0 ? statementProblems(tokens.slice(at)) : [];
}

/** Every statement inside WITH: the parenthesised ones, and the one that they lead to. */
function withProblems(tokens: readonly SqlToken[]): readonly string[] {
  const main_verbs = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'REPLACE', 'VALUES', 'TABLE'];
  let depth = 0;
  const main = tokens.findIndex((token, index) => {
    depth += depthChange(token);
    return depth === 0 && index > 1 && isWord(token, ...main_verbs) && tokens[index - 1]?.text === ')';
  });
  return main < 0 ? ['WITH leads to no known statement'] : statementProblems(tokens.slice(main));
}

/** What is dangerous wherever it stands: changes inside parentheses, unknown functions, files. */
function anywhereProblems(statement: readonly SqlToken[]): readonly string[] {
  const problems: string[] = [];
  const explained = isWord(statement[0], 'EXPLAIN', 'DESCRIBE', 'DESC') && !statement.some((token) => isWord(token, 'ANALYZE', 'ANALYSE'));
  for (const [index, token] of statement.entries()) {
    const before = statement[index - 1];
    if (problems.length >= reasons_max) break;
    if (isWord(token, 'OUTFILE', 'DUMPFILE')) problems.push(`${token.text} writes a file`);
    if (explained) continue;
    if (before?.text === '(' && isWord(token, 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'REPLACE') && statement[index + 1]?.text !== '(') {
      problems.push(...statementProblems(statement.slice(index)));
    }
    const called = functionAt(statement, index);
    if (called !== undefined) problems.push(`the function ${called} is not known to be harmless`);
  }
  return problems;
}

function functionAt(statement: readonly SqlToken[], index: number): string | undefined {
  const token = statement[index];
  const next = statement[index + 1];
  if (next?.kind !== 'symbol' || next.text !== '(' || token === undefined) return undefined;
  if (token.kind !== 'quoted' && (token.kind !== 'word' || no_functions.has(token.text))) return undefined;
  let start = index;
  while (statement[start - 1]?.text === '.') start -= 2;
  if (namesTable(statement, start, index)) return undefined;
  const schema = start < index ? statement[start]?.text.toUpperCase() : undefined;
  const harmless = harmless_functions.has(token.text.toUpperCase()) && (schema === undefined || schema === 'PG_CATALOG');
  return harmless ? undefined : token.text.toLowerCase();
}

/** Whether the name before the parenthesis is a table, a constraint or a CTE with its columns. */
function namesTable(statement: readonly SqlToken[], start: number, index: number): boolean {
  const before = statement[start - 1];
  if (isWord(before, 'INTO', 'TABLE', 'REFERENCES', 'VIEW', 'CONSTRAINT', 'KEY')) return true;
  const creates = isWord(statement[0], 'CREATE');
  if (creates && isWord(before, 'EXISTS', 'ON', 'INDEX', 'USING')) return true;
  if (isWord(statement[0], 'PRAGMA') && (start === 1 || before?.text === '.')) return true;
  // INSERT INTO t AS x (…) and WITH name (…) AS (…).
  if (isWord(statement[0], 'INSERT', 'REPLACE') && isWord(before, 'AS')) return true;
  if (!isWord(statement[0], 'WITH') || !(isWord(before, 'WITH', 'RECURSIVE') || before?.text === ',')) return false;
  let depth = 0;
  for (let at = index + 1; at < statement.length; at += 1) {
    const token = statement[at];
    if (token === undefined) return false;
    depth += depthChange(token);
    if (depth === 0) return isWord(statement[at + 1], 'AS');
  }
  return false;
}
