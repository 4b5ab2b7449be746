/** What is wrong with one SQL statement, in words. */
import { callsOf, tablesOf } from './sql-calls.ts';
import type { SqlDialect, SqlToken } from './sql-lexer.ts';
import { depthChange, findOutside, isSymbol, isWord } from './sql-tokens.ts';
import { conjunctsOf, joins, narrows, whereOf } from './sql-where.ts';
import {
  catalog_name, creation_modifiers, harmless_creations, harmless_modules, guarding_pragmas, harmless_settings, harmless_verbs, reading_pragmas, transaction_words,
} from './sql-words.ts';

/** Reasons that are kept of one statement. */
export const reasons_max = 8;
/** Changes inside one statement, in WITH, that are looked at. */
const nested_changes_max = 64;
const main_verbs: readonly string[] = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'REPLACE', 'VALUES', 'TABLE'];
const statement_verbs: readonly string[] = [...main_verbs, 'WITH', 'CREATE', 'EXECUTE', 'DROP', 'CALL', 'DECLARE', 'REFRESH'];

/** The verb of a statement, upper case; `UNREADABLE` where it starts with something else. */
export function verbOf(statement: readonly SqlToken[]): string {
  const first = statement.find((token) => !isSymbol(token, '('));
  return first?.kind === 'word' ? first.text : 'UNREADABLE';
}

/** Why the statement is destructive; nothing when it is not. */
export function problemsOf(statement: readonly SqlToken[], dialect: SqlDialect): readonly string[] {
  return [...statementProblems(statement, dialect), ...anywhereProblems(statement, dialect)].slice(0, reasons_max);
}

/** Whether the statement runs what it describes: EXPLAIN does with ANALYZE. */
export function explainsOnly(statement: readonly SqlToken[]): boolean {
  return isWord(statement[0], 'EXPLAIN', 'DESCRIBE', 'DESC') && !analyzes(statement);
}

function statementProblems(statement: readonly SqlToken[], dialect: SqlDialect): readonly string[] {
  const tokens = statement.slice(Math.max(statement.findIndex((token) => !isSymbol(token, '(')), 0));
  const verb = verbOf(tokens);
  const has = (...texts: readonly string[]): boolean => tokens.some((token) => isWord(token, ...texts));
  switch (verb) {
    case 'WITH':
      return withProblems(tokens, dialect);
    case 'EXPLAIN':
    case 'DESCRIBE':
    case 'DESC':
    case 'ANALYZE':
    case 'ANALYSE':
      return explainProblems(tokens, dialect);
    case 'INSERT':
    case 'REPLACE':
      return insertProblems(verb, tokens, dialect);
    case 'UPDATE':
    case 'DELETE':
      return changeProblems(verb, tokens, dialect);
    case 'MERGE':
      return mergeProblems(tokens, dialect);
    case 'CREATE':
      return creationProblems(tokens);
    case 'PRAGMA':
      return pragmaProblems(tokens);
    case 'SET':
      return settingProblems(tokens);
    case 'COPY':
      return copyProblems(tokens);
    case 'PREPARE':
    case 'DECLARE':
      return laterProblems(verb, tokens, dialect);
    case 'REFRESH':
      return has('NO') ? ['REFRESH WITH NO DATA empties the view'] : [];
    case 'VACUUM':
      return has('INTO', 'FULL') ? ['VACUUM INTO writes a file, VACUUM FULL locks the table'] : [];
    case 'BEGIN':
    case 'START':
    case 'COMMIT':
    case 'END':
      return tokens.slice(1).every((token) => token.kind === 'symbol' || transaction_words.has(token.text)) ? [] : [`${verb} does more than with a transaction`];
    default:
      return harmless_verbs.has(verb) ? [] : [`${verb} is not among the statements known to be harmless`];
  }
}

function insertProblems(verb: string, tokens: readonly SqlToken[], dialect: SqlDialect): readonly string[] {
  if (verb === 'REPLACE' || (isWord(tokens[1], 'OR') && isWord(tokens[2], 'REPLACE'))) return [`${verb === 'REPLACE' ? verb : 'INSERT OR REPLACE'} deletes the rows that it replaces`];
  const [table] = tablesOf(tokens.slice(0, 12));
  if (isCatalog(table)) return [`INSERT changes ${table}, which the database runs on`];
  // In SQLite's full-text tables a row under the table's own name is a command.
  const open = findOutside(tokens, (token) => isSymbol(token, '('));
  const commands = dialect === 'sqlite' && open > 0 && tokens[open + 1]?.text.toLowerCase() === table?.split('.').at(-1);
  return commands ? ['INSERT gives a full-text table a command'] : [];
}

function isCatalog(table: string | undefined): boolean {
  return table !== undefined && table.split('.').some((part, index, parts) => (parts.length === 1 || index === 0 || index === parts.length - 1) && catalog_name.test(part) && !(parts.length === 1 && /^(?:mysql|sys|cron)$/.test(part)));
}

function changeProblems(verb: string, tokens: readonly SqlToken[], dialect: SqlDialect): readonly string[] {
  const [table] = tablesOf(tokens);
  if (isCatalog(table)) return [`${verb} changes ${table}, which the database runs on`];
  if (isWord(tokens[1], 'OR') && isWord(tokens[2], 'REPLACE')) return ['UPDATE OR REPLACE deletes rows in the way'];
  const where = whereOf(tokens);
  if (where === undefined) return [`${verb} has no WHERE`];
  if (!narrows(where, dialect)) return [`the WHERE of ${verb} does not compare a column with a value on every branch`];
  return relatesTarget(tokens, where, dialect) ? [] : [`the other tables of ${verb} are not related to the one that it changes`];
}

/** Whether, with several tables, the condition reaches the one that changes: by a column of it, or by a join to it. */
function relatesTarget(tokens: readonly SqlToken[], where: readonly SqlToken[], dialect: SqlDialect): boolean {
  const end = findOutside(tokens, (token) => isWord(token, 'WHERE'));
  const head = tokens.slice(0, end < 0 ? tokens.length : end);
  const updates = isWord(tokens[0], 'UPDATE');
  const from = findOutside(head, (token) => isWord(token, 'FROM', 'USING'), updates ? 1 : 2);
  const set = findOutside(head, (token) => isWord(token, 'SET'));
  const sources = updates && set > 0 ? [...head.slice(0, set), ...(from > set ? head.slice(from) : [])] : head;
  const several = (updates && from > set) || findOutside(sources, (token) => isWord(token, 'JOIN', 'USING') || isSymbol(token, ',')) > 0 || (!updates && !isWord(tokens[1], 'FROM', 'QUICK', 'IGNORE', 'LOW_PRIORITY'));
  if (!several) return true;
  return targetsOf(head, updates ? set : -1).every((target) => reaches(target, head, where, dialect));
}

/** The names of each table that a statement over several tables changes: those that SET or DELETE names, or else the first. */
function targetsOf(head: readonly SqlToken[], set: number): readonly ReadonlySet<string>[] {
  const named = set > 0
    ? head.filter((_, index) => index > set && isSymbol(head[index + 1], '.') && isSymbol(head[index + 3], '=') && (index === set + 1 || isSymbol(head[index - 1], ',')))
    : isWord(head[1], 'FROM') ? [] : head.slice(1, Math.max(head.findIndex((token) => isWord(token, 'FROM')), 1)).filter(({ kind }) => kind !== 'symbol');
  if (named.length > 0) return [...new Set(named.map(({ text }) => text.toLowerCase()))].map((name) => new Set([name]));
  const end = findOutside(head, (token) => isWord(token, 'SET', 'USING', 'JOIN', 'LEFT', 'RIGHT', 'INNER', 'CROSS', 'NATURAL') || isSymbol(token, ','), 1);
  return [new Set(head.slice(1, end < 0 ? head.length : end).filter(({ kind }) => kind !== 'symbol').map(({ text }) => text.toLowerCase()))];
}

function reaches(target: ReadonlySet<string>, head: readonly SqlToken[], where: readonly SqlToken[], dialect: SqlDialect): boolean {
  if (joins(where, dialect, target)) return true;
  if (conjunctsOf(where, dialect).some((part) => isSymbol(part[1], '.') && target.has(part[0]?.text.toLowerCase() ?? '') && narrows(part, dialect))) return true;
  if (head.some((token, index) => isWord(token, 'NATURAL') || (isWord(token, 'USING') && isSymbol(head[index + 1], '(')))) return true;
  return head.some((token, index) => isWord(token, 'ON') && joins(onOf(head.slice(index)), dialect, target));
}

/** The condition of the join whose ON is the first token. */
function onOf(tokens: readonly SqlToken[]): readonly SqlToken[] {
  const end = findOutside(tokens, (token) => isWord(token, 'SET', 'JOIN', 'LEFT', 'RIGHT', 'INNER', 'CROSS', 'WHERE'), 1);
  return tokens.slice(1, end < 0 ? tokens.length : end);
}

function mergeProblems(tokens: readonly SqlToken[], dialect: SqlDialect): readonly string[] {
  if (tokens.some((token) => isWord(token, 'DELETE', 'SOURCE'))) return ['MERGE deletes'];
  const on = whereOf(tokens, 'ON');
  const updates = tokens.some((token) => isWord(token, 'UPDATE'));
  return updates && (on === undefined || !joins(on, dialect)) ? ['the ON of MERGE does not relate two columns'] : [];
}

function creationProblems(tokens: readonly SqlToken[]): readonly string[] {
  const at = tokens.findIndex((token, index) => index > 0 && (token.kind !== 'word' || !creation_modifiers.has(token.text)));
  const what = tokens[at];
  const has = (...texts: readonly string[]): boolean => tokens.some((token, index) => index > at && isWord(token, ...texts));
  if (isWord(what, 'VIRTUAL')) {
    const using = tokens[tokens.findIndex((token) => isWord(token, 'USING')) + 1];
    return harmless_modules.has(using?.text.toUpperCase() ?? '') ? [] : ['the module of the virtual table is not known to keep to the database'];
  }
  if (what?.kind !== 'word' || !harmless_creations.has(what.text)) return [`CREATE ${what?.text ?? ''} can replace, or run later, what nobody checked`];
  if (what.text === 'SCHEMA' && has('CREATE', 'GRANT')) return ['CREATE SCHEMA does more than that'];
  if (tokens.some((token, index) => isWord(token, 'AS') && isWord(tokens[index + 1], 'EXECUTE'))) return ['CREATE TABLE AS EXECUTE hides what will run'];
  if (what.text === 'TABLE' && has('DIRECTORY', 'CONNECTION', 'FEDERATED', 'CONNECT')) return ['the table lies outside the database'];
  return tokens.some((token, index) => isWord(token, 'REPLACE') && !isSymbol(tokens[index + 1], '(')) ? ['REPLACE puts something in the place of what was there'] : [];
}

function pragmaProblems(tokens: readonly SqlToken[]): readonly string[] {
  const at = isSymbol(tokens[2], '.') ? 3 : 1;
  const name = tokens[at]?.text.toUpperCase() ?? '';
  const argument = tokens.length > at + 1;
  // user_version(5) sets what user_version reports, so only the listing pragmas take an argument.
  const takes_argument = /_(?:INFO|XINFO|LIST|CHECK)$/.test(name) && name !== 'CELL_SIZE_CHECK' && isSymbol(tokens[at + 1], '(');
  // What follows `=` is one word or number; with parentheses only the reports are known.
  if (tokens.length === at + 3 && isSymbol(tokens[at + 1], '=') && guarding_pragmas.get(name)?.test(tokens[at + 2]?.text ?? '') === true) return [];
  return reading_pragmas.has(name) && (takes_argument || !argument) ? [] : ['the PRAGMA changes the database or is not known'];
}

function settingProblems(tokens: readonly SqlToken[]): readonly string[] {
  const problem = ['SET can switch safeguards off'];
  const session = isWord(tokens[1], 'SESSION', 'LOCAL') ? 2 : 1;
  const [first, second] = [tokens[session], tokens[session + 1]];
  const writes = tokens.some((token, index) => isWord(token, 'READ') && isWord(tokens[index + 1], 'WRITE'));
  if (isWord(first, 'TRANSACTION', 'CONSTRAINTS') || (isWord(first, 'TIME') && isWord(second, 'ZONE')) || (isWord(first, 'CHARACTER') && isWord(second, 'SET'))) return writes ? problem : [];
  if (findOutside(tokens, (token) => isSymbol(token, ',')) >= 0) return problem;
  if (first?.kind === 'parameter' && first.text.startsWith('@')) return [];
  return first?.kind === 'word' && harmless_settings.has(first.text) ? [] : problem;
}

function copyProblems(tokens: readonly SqlToken[]): readonly string[] {
  const at = findOutside(tokens, (token) => isWord(token, 'TO', 'FROM'));
  return at > 0 && isWord(tokens[at + 1], 'STDOUT', 'STDIN') ? [] : ['COPY reads or writes outside the database'];
}

/** PREPARE name AS statement and DECLARE name CURSOR FOR query: what runs later is judged now. */
function laterProblems(verb: string, tokens: readonly SqlToken[], dialect: SqlDialect): readonly string[] {
  const at = findOutside(tokens, (token) => isWord(token, verb === 'PREPARE' ? 'AS' : 'FOR'), 2);
  return at < 0 ? [`${verb} hides what will run`] : statementProblems(tokens.slice(at + 1), dialect);
}

function optionsEnd(tokens: readonly SqlToken[]): number {
  return tokens.findIndex((token, index) => index > 0 && isWord(token, ...statement_verbs));
}

function analyzes(tokens: readonly SqlToken[]): boolean {
  const end = optionsEnd(tokens);
  return tokens.slice(0, end < 0 ? tokens.length : end).some((token, index) => isWord(token, 'ANALYZE', 'ANALYSE')
    && !/^(?:FALSE|OFF|0)$/i.test(tokens[index + 1]?.text ?? ''));
}

/** EXPLAIN runs its statement with ANALYZE, and so does MariaDB's ANALYZE. */
function explainProblems(tokens: readonly SqlToken[], dialect: SqlDialect): readonly string[] {
  const end = optionsEnd(tokens);
  const maintains = isWord(tokens[0], 'ANALYZE', 'ANALYSE') && isWord(tokens[end], 'TABLE');
  return end > 0 && !maintains && analyzes(tokens) ? statementProblems(tokens.slice(end), dialect) : [];
}

/** Every statement inside WITH: the parenthesised ones, and the one that they lead to. */
function withProblems(tokens: readonly SqlToken[], dialect: SqlDialect): readonly string[] {
  const main = findOutside(tokens, (token, index) => index > 1 && isWord(token, ...main_verbs)
    && !isWord(tokens[index + 1], 'AS') && !isWord(tokens[index - 1], 'WITH', 'RECURSIVE', 'AS', 'BY') && !isSymbol(tokens[index - 1], ','));
  return main < 0 ? ['WITH leads to no known statement'] : statementProblems(tokens.slice(main), dialect);
}

/** What is dangerous wherever it stands: changes inside parentheses, unknown functions, files, commands of a client. */
function anywhereProblems(statement: readonly SqlToken[], dialect: SqlDialect): readonly string[] {
  const problems: string[] = [];
  const explained = explainsOnly(statement);
  let depth = 0;
  let nested = 0;
  for (const [index, token] of statement.entries()) {
    const next = statement[index + 1];
    depth += depthChange(token);
    if (problems.length >= reasons_max) break;
    if (isWord(token, 'OUTFILE', 'DUMPFILE') && (dialect === 'mysql' || isWord(statement[index - 1], 'INTO'))) problems.push(`${token.text} writes a file`);
    // \N is NULL, \g and \G end a statement; behind them a client takes a command, or the next statement.
    if (isSymbol(token, '\\') && !isWord(next, 'N') && !(isWord(next, 'G') && index + 2 === statement.length)) problems.push('a backslash gives a client a command');
    // SQLite takes :name(…) for one parameter, whatever stands inside.
    if (token.kind === 'parameter' && isSymbol(next, '(') && dialect === 'sqlite') problems.push('a parameter with parentheses hides text');
    if (explained || !isSymbol(statement[index - 1], '(')) continue;
    const changes = isWord(token, 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'REPLACE', 'WITH') && !isSymbol(next, '(');
    if (isWord(statement[index - 2], 'AS', 'MATERIALIZED') && isWord(token, 'TRUNCATE', 'DROP', 'ALTER', 'GRANT', 'REVOKE')) problems.push(`${token.text} inside WITH`);
    nested += changes ? 1 : 0;
    if (nested > nested_changes_max) return [...problems, `there are more than ${nested_changes_max} changes inside the statement`];
    if (changes) problems.push(...statementProblems(statement.slice(index, closing(statement, index)), dialect));
  }
  if (explained) return problems;
  for (const { name, harmless } of callsOf(statement)) if (!harmless) problems.push(`the function ${name} is not known to be harmless`);
  return depth === 0 ? problems : [...problems, 'the parentheses do not pair'];
}

/** The index of the parenthesis that closes what is open at an index. */
function closing(statement: readonly SqlToken[], from: number): number {
  let depth = 0;
  for (let index = from; index < statement.length; index += 1) {
    const token = statement[index];
    depth += token === undefined ? 0 : depthChange(token);
    if (depth < 0) return index;
  }
  return statement.length;
}
