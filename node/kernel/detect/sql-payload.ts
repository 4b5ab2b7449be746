import type { PayloadText } from './payload.ts';
import { lexSqlLeniently, type SqlToken } from './sql-lexer.ts';
import { sqlFacets, worse, type SqlFacets } from './sql.ts';

const sql_fields: ReadonlySet<string> = new Set(['sql', 'statement', 'sql_query', 'sqlquery', 'sql_statement', 'query_sql', 'raw_sql']);
const sql_actions = /(?:^|[._:-])(?:sql|db|database|postgres|postgresql|mysql|sqlite)(?:[._:-]|$)/;
const shape_tokens_max = 512;

/**
 * The facets of all the SQL in a payload, or `undefined` when there is none.
 * SQL is what stands in a field called sql or statement, what a database action
 * carries in its query, and any text that has the shape of a statement: an
 * ordinary sentence that starts with "update" or "select" has not.
 */
export function sqlIn(texts: readonly PayloadText[], action_type: string): SqlFacets | undefined {
  const database_action = sql_actions.test(action_type.toLowerCase());
  let facets: SqlFacets | undefined;
  for (const { field, text } of texts) {
    const named = sql_fields.has(field) || (database_action && /^(?:query|args|command|text|input)$/.test(field) && /\s/.test(text.trim()));
    if (!named && !looksLikeSql(text)) continue;
    const found = sqlFacets(text);
    facets = facets === undefined ? found : worse(facets, found);
  }
  return facets;
}

/** Whether a statement begins at the start of the text or after a semicolon in it. */
export function looksLikeSql(text: string): boolean {
  // Recognised without lexing first: most texts contain no verb at all.
  if (!possible_verb.test(text)) return false;
  // The dialects disagree on what is a comment or a string, so a statement that any of them sees counts.
  return (['postgresql', 'mysql', 'sqlite'] as const).some((dialect) => hasStatement(lexSqlLeniently(text, dialect)))
    || text.split(';').slice(1, shape_tokens_max).some((part) => beginsStatement(lexSqlLeniently(part.slice(0, 1_024), 'postgresql')));
}

const possible_verb = /\b(?:select|insert|replace|update|delete|drop|truncate|alter|create|grant|revoke|with|merge|call|exec|execute|do|copy|explain|prepare|pragma|attach|detach|vacuum|load|rename|set|handler|table|values)\b/i;

function hasStatement(tokens: readonly SqlToken[]): boolean {
  return tokens.some((token, index) => (index === 0 || (token.kind === 'symbol' && token.text === ';'))
    && beginsStatement(tokens.slice(index === 0 ? 0 : index + 1, index + shape_tokens_max)));
}

function beginsStatement(tokens: readonly SqlToken[]): boolean {
  const start = tokens.findIndex((token) => token.text !== '(' || token.kind !== 'symbol');
  const words = tokens.slice(Math.max(start, 0)).map((token) => (token.kind === 'word' || token.kind === 'symbol' ? token.text : token.kind === 'quoted' ? 'NAME' : "'"));
  const [verb = '', second = '', third = '', fourth = ''] = words;
  const has = (word: string): boolean => words.includes(word);
  switch (verb) {
    case 'SELECT':
      return has('FROM') || has('UNION') || /^[*'(\d@-]/.test(second) || /^[(;,]/.test(third) || words.length === 2;
    case 'INSERT':
    case 'REPLACE':
    case 'MERGE':
      return second === 'INTO' || third === 'INTO' || third === 'REPLACE';
    case 'UPDATE':
      return words.slice(2, 10).includes('SET');
    case 'DELETE':
      return second === 'FROM' || listsTables(words.slice(1, 32));
    case 'DROP':
    case 'ALTER':
    case 'CREATE':
    case 'RENAME':
      return words.slice(1, 6).some((word) => object_kinds.has(word));
    case 'TRUNCATE':
      return second === 'TABLE' || words.length <= 3 || third === ';' || third === ',';
    case 'GRANT':
      return has('TO');
    case 'REVOKE':
      return has('FROM');
    case 'WITH':
      return has('AS') && has('(') && (has('SELECT') || has('DELETE') || has('UPDATE') || has('INSERT'));
    case 'EXPLAIN':
      return words.slice(1, 6).some((word) => explained_verbs.has(word)) && (has('FROM') || has('SET') || has('INTO'));
    case 'CALL':
      return third === '(' || fourth === '(';
    case 'EXEC':
    case 'EXECUTE':
      return third === '(' || fourth === '(' || words.length === 2;
    case 'DO':
      return second === "'" || second === 'LANGUAGE';
    case 'PREPARE':
      return third === 'AS' || third === 'FROM';
    case 'PRAGMA':
    case 'VACUUM':
      return words.length <= 8;
    case 'COPY':
      return has('STDIN') || has('STDOUT') || has('PROGRAM') || words.slice(2, 12).some((word, index) => /^(?:FROM|TO)$/.test(word) && words[index + 3] === "'");
    case 'ATTACH':
    case 'DETACH':
      return second === 'DATABASE' || has('AS');
    case 'LOAD':
      return second === 'DATA' || second === 'XML' || second === "'";
    case 'SET':
      return third === '=' || third === 'TO' || fourth === '=';
    default:
      return false;
  }
}

/** `a, b.c FROM`: the tables of a multi-table DELETE, which in a sentence would be words without commas. */
function listsTables(words: readonly string[]): boolean {
  const from = words.indexOf('FROM');
  return from > 0 && words.slice(0, from).every((word, index) => index % 2 === 0 || word === ',' || word === '.');
}

const explained_verbs: ReadonlySet<string> = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'WITH', 'ANALYZE']);
const object_kinds: ReadonlySet<string> = new Set([
  'TABLE', 'DATABASE', 'SCHEMA', 'INDEX', 'VIEW', 'USER', 'ROLE', 'FUNCTION', 'PROCEDURE', 'TRIGGER', 'SEQUENCE', 'TYPE', 'EXTENSION',
  'DOMAIN', 'RULE', 'POLICY', 'SERVER', 'TABLESPACE', 'EVENT', 'OWNED', 'SYSTEM', 'COLUMN', 'LANGUAGE', 'PUBLICATION', 'SUBSCRIPTION',
]);
