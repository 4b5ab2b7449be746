/**
 * What a piece of SQL would do. It reads text, not the database: the boundary
 * that holds is a database role that may only read.
 */
import { callsOf, tablesOf } from './sql-calls.ts';
import { changing_functions } from './sql-functions.ts';
import { readingsOf, sql_dialects, type SqlDialect, type SqlToken } from './sql-lexer.ts';
import { sqlSecondOpinion, type SecondOpinion } from './sql-second-opinion.ts';
import { explainsOnly, problemsOf, reasons_max, verbOf } from './sql-statement.ts';
import { isSymbol, isWord } from './sql-tokens.ts';
import { narrows, whereOf } from './sql-where.ts';
import { reading_verbs, writing_words } from './sql-words.ts';

/**
 * What a policy can ask about SQL.
 *
 * Destructive is what loses or rewrites data beyond rows that a condition names
 * (DROP, TRUNCATE, REPLACE, an UPDATE or DELETE without a WHERE that evidently
 * narrows), what changes or replaces schema, rights or settings, what runs code
 * (CALL, DO, EXECUTE, triggers, a function that is not known to be harmless) and
 * what reaches files or the network (COPY, LOAD DATA, ATTACH, INTO OUTFILE).
 * Text that cannot be read as SQL is destructive too. Not destructive, and not
 * read-only either: INSERT, upserts, an UPDATE or DELETE that names its rows,
 * CREATE TABLE, INDEX or VIEW where there was none.
 */
export interface SqlFacets {
  /** The first verb, upper case; `UNREADABLE` when the text is not SQL that we understand. */
  readonly verb: string;
  readonly destructive: boolean;
  /** Whether the text evidently changes nothing at all: no data, no locks, no session. */
  readonly read_only: boolean;
  readonly statements: number;
  /** What WHERE does for the worst UPDATE, DELETE or SELECT at the top: `none` there, `all` rows as far as its form shows, or `some`. */
  readonly where: 'none' | 'all' | 'some';
  /** The first table that is named, lower case with its schema; empty when there is none. */
  readonly target: string;
  readonly tables: readonly string[];
  /** The functions that are called, lower case with their schema. */
  readonly functions: readonly string[];
  /** What the text was read as: one dialect, or `any` when each was tried and the worst counts. */
  readonly dialect: SqlDialect | 'any';
  /** What PostgreSQL's own parser finds, where it has been loaded; text for PostgreSQL that it cannot parse counts as destructive. */
  readonly second_opinion: SecondOpinion;
  /** Why it is destructive, in words; empty when it is not. */
  readonly reasons: readonly string[];
}

const names_max = 64;
const where_order = ['none', 'all', 'some'] as const;
const opinion_order = ['destructive', 'absent', 'harmless', 'unparsed'] as const;

/** The facets of SQL in one dialect, or in the worst of all when the database is not known. Total: never throws, bounded by the lexer's limits. */
export function sqlFacets(sql: string, dialect?: SqlDialect): SqlFacets {
  const [first, ...others] = (dialect === undefined ? sql_dialects : [dialect]).map((one) => inDialect(sql, one));
  const facets = others.reduce(worse, first ?? unreadable('no dialect', 'any'));
  return { ...facets, dialect: dialect ?? 'any', second_opinion: secondOpinion(sql, dialect) };
}

function secondOpinion(sql: string, dialect: SqlDialect | undefined): SecondOpinion {
  if (dialect === 'mysql' || dialect === 'sqlite') return 'unparsed';
  const opinion = sqlSecondOpinion(sql);
  return opinion === 'unparsed' && dialect === 'postgresql' ? 'destructive' : opinion;
}

/** Of two facets the destructive one, with the reasons and the names of both. */
export function worse(a: SqlFacets, b: SqlFacets): SqlFacets {
  const worst = b.destructive && !a.destructive ? b : a;
  return {
    verb: worst.verb,
    destructive: a.destructive || b.destructive,
    read_only: a.read_only && b.read_only,
    statements: Math.max(a.statements, b.statements),
    where: where_order.find((where) => a.where === where || b.where === where) ?? 'none',
    target: worst.target,
    tables: union(a.tables, b.tables),
    functions: union(a.functions, b.functions),
    dialect: a.dialect === b.dialect ? a.dialect : 'any',
    second_opinion: opinion_order.find((opinion) => a.second_opinion === opinion || b.second_opinion === opinion) ?? 'unparsed',
    reasons: union(a.reasons, b.reasons).slice(0, reasons_max),
  };
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].slice(0, names_max);
}

function unreadable(reason: string, dialect: SqlFacets['dialect']): SqlFacets {
  return { verb: 'UNREADABLE', destructive: true, read_only: false, statements: 0, where: 'none', target: '', tables: [], functions: [], dialect, second_opinion: 'unparsed', reasons: [reason] };
}

function inDialect(sql: string, dialect: SqlDialect): SqlFacets {
  const readings = readingsOf(sql, dialect);
  if (!readings.ok) return unreadable(`${dialect}: ${readings.failure.reason}`, dialect);
  const [first, ...others] = readings.value.map((tokens) => facetsOf(tokens, dialect));
  return others.reduce(worse, first ?? unreadable('there is no statement', dialect));
}

function facetsOf(tokens: readonly SqlToken[], dialect: SqlDialect): SqlFacets {
  const statements = splitStatements(tokens);
  const [first] = statements;
  if (first === undefined) return unreadable('there is no statement', dialect);
  const reasons = [...new Set(statements.flatMap((statement) => problemsOf(statement, dialect)))].slice(0, reasons_max);
  const tables = union(statements.flatMap(tablesOf), []);
  return {
    verb: verbOf(first),
    destructive: reasons.length > 0,
    read_only: reasons.length === 0 && statements.every(readsOnly),
    statements: statements.length,
    where: whereFacet(statements, dialect),
    target: tables[0] ?? '',
    tables,
    functions: union(statements.flatMap((statement) => callsOf(statement).map(({ name }) => name)), []),
    dialect,
    second_opinion: 'unparsed',
    reasons,
  };
}

function whereFacet(statements: readonly (readonly SqlToken[])[], dialect: SqlDialect): SqlFacets['where'] {
  const found = new Set(statements.map((statement) => {
    const where = whereOf(statement);
    return where === undefined ? 'none' : narrows(where, dialect) ? 'some' : 'all';
  }));
  return where_order.find((where) => found.has(where)) ?? 'none';
}

function readsOnly(statement: readonly SqlToken[]): boolean {
  if (explainsOnly(statement)) return true;
  if (!reading_verbs.has(verbOf(statement))) return false;
  if (verbOf(statement) === 'PRAGMA' && statement.some((token) => isSymbol(token, '='))) return false;
  return !statement.some((token, index) => token.kind === 'word' && (isSymbol(statement[index + 1], '(')
    ? changing_functions.has(token.text)
    : writing_words.has(token.text) || (token.text === 'FOR' && isWord(statement[index + 1], 'NO', 'KEY'))));
}

function splitStatements(tokens: readonly SqlToken[]): readonly (readonly SqlToken[])[] {
  const statements: SqlToken[][] = [[]];
  for (const token of tokens) {
    if (isSymbol(token, ';')) statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((statement) => statement.length > 0);
}
