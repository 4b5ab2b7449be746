import { textsOf, type PayloadText } from './payload.ts';
import { lexSqlLeniently, type SqlDialect, type SqlToken } from './sql-lexer.ts';
import { sqlFacets, worse, type SqlFacets } from './sql.ts';

const sql_fields: ReadonlySet<string> = new Set([
  'sql', 'statement', 'statements', 'sql_query', 'sqlquery', 'sql_statement', 'sql_text', 'query_sql', 'raw_sql', 'raw_query', 'db_query', 'ddl', 'dml',
]);
const sql_actions = /(?:^|[._:/-])(?:sql|db|database|postgres|postgresql|pg|psql|mysql|mariadb|sqlite|sqlite3)(?:[._:/-]|$)/;
const named_dialects: readonly (readonly [RegExp, SqlDialect])[] = [
  [/(?:^|[._:/-])(?:postgres|postgresql|pg|psql)(?:[._:/-]|$)/, 'postgresql'],
  [/(?:^|[._:/-])(?:mysql|mariadb)(?:[._:/-]|$)/, 'mysql'],
  [/(?:^|[._:/-])sqlite3?(?:[._:/-]|$)/, 'sqlite'],
];
const shape_tokens_max = 512;
/** Statements inside a longer text that are looked at. */
const embedded_max = 32;
/** Length of a text that is looked at as JSON. */
const json_characters_max = 65_536;

/**
 * The facets of all the SQL in a payload, or `undefined` when there is none.
 * SQL is what stands in a field called sql or statement, what a database action
 * carries in its query, and any text that has the shape of a statement, also in
 * JSON inside a text, in a code block, or in capitals behind a colon or on a new
 * line: an ordinary sentence that starts with "update" or "select" has not. The
 * dialect is what the action's name says, otherwise all; never what an argument
 * says. A place that a template leaves open (`{{id}}`) is no value.
 */
export function sqlIn(texts: readonly PayloadText[], action_type: string): SqlFacets | undefined {
  const action = action_type.toLowerCase();
  const dialect = named_dialects.filter(([name]) => name.test(action));
  return sqlOf(texts, sql_actions.test(action), dialect.length === 1 ? dialect[0]?.[1] : undefined, 0);
}

function sqlOf(texts: readonly PayloadText[], database_action: boolean, dialect: SqlDialect | undefined, depth: number): SqlFacets | undefined {
  let facets: SqlFacets | undefined;
  const add = (found: SqlFacets | undefined): void => {
    if (found !== undefined) facets = facets === undefined ? found : worse(facets, found);
  };
  for (const { field, text } of texts) {
    const inner = depth === 0 ? textsInJson(text) : undefined;
    if (inner !== undefined) {
      add(sqlOf(inner, database_action, dialect, depth + 1));
      continue;
    }
    const named = sql_fields.has(field) || (database_action && /^(?:query|args|command|text|input)$/.test(field) && /\s/.test(text.trim()));
    if (named || looksLikeSql(text)) add(sqlFacets(text, dialect));
    else for (const statement of embeddedIn(text)) add(sqlFacets(statement, dialect));
  }
  return facets;
}

function textsInJson(text: string): readonly PayloadText[] | undefined {
  if (text.length > json_characters_max || !/^\s*[{[]/.test(text)) return undefined;
  try {
    return textsOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Statements inside prose: what a code block holds, and what begins in capitals behind a colon, a quote or a line's end. */
function embeddedIn(text: string): readonly string[] {
  if (!possible_verb.test(text)) return [];
  const blocks = [...text.matchAll(/```(?:[a-z]*\n)?([^`]+)```|`([^`]{8,})`/gi)].slice(0, embedded_max).map((match) => match[1] ?? match[2] ?? '');
  const behind = [...text.matchAll(embedded_statement)].slice(0, embedded_max).map((match) => untilBreak(text.slice(match.index), text.charAt(match.index - 1)));
  return [...blocks.filter((block) => looksLikeSql(block)), ...behind];
}

/** The text up to where a statement in prose ends: the quote that opened it, a code block, an empty line. */
function untilBreak(text: string, opened_by: string): string {
  const end = /["'`]/.test(opened_by) ? text.indexOf(opened_by) : -1;
  return (end < 0 ? text : text.slice(0, end)).split(/\n\s*\n|```/, 1)[0] ?? '';
}

/** In prose, only capitals in the order of a statement are taken for one. */
const embedded_statement = new RegExp(String.raw`(?<=[:;\n"'\x60>=(]\s{0,4}|\b(?:run|execute|query|statement|command|and|then) )(?:SELECT\s[^;]{1,300}?\sFROM\s|SELECT\s+\w+\(|INSERT\s+INTO\s|REPLACE\s+INTO\s|`
  + String.raw`UPDATE\s+[^\s]+(?:\s+[^\s]+){0,2}\s+SET\s|DELETE\s+FROM\s|(?:DROP|ALTER|CREATE|RENAME)\s+(?:[A-Z]+\s+){0,3}(?:TABLE|DATABASE|SCHEMA|INDEX|VIEW|USER|ROLE|FUNCTION|TRIGGER)\s|`
  + String.raw`TRUNCATE\s+TABLE\s|GRANT\s+[A-Z]+\s|MERGE\s+INTO\s|WITH\s+\w+\s+AS\s*\(|COPY\s+\w+\s+(?:TO|FROM)\s|VACUUM\s+INTO\s|LOAD\s+DATA\s)`, 'g');

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
      return namesObject(words.slice(1, 6));
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

/** `IF EXISTS`, `OR REPLACE` and the like may stand before the kind of an object, words of a sentence may not. */
function namesObject(words: readonly string[]): boolean {
  const kind = words.findIndex((word) => object_kinds.has(word));
  return kind >= 0 && !words.slice(0, kind).some((word) => /^(?:A|AN|THE|THIS|THAT|MY|YOUR|OUR|ME|US|TO|OF|FOR|AND|NEW)$/.test(word));
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
