/**
 * The PostgreSQL server's own parser as a second opinion on SQL. It is optional:
 * a WASM module of some megabytes, loaded once when somebody asks for it, and it
 * judges by the syntax tree what the detector judges by tokens. Whoever asks
 * denies what either finds. Reference: libpg_query and PostgreSQL's parsenodes.h.
 */
import { fail, messageOf, ok, type Result } from '../../../crypto/result.ts';
import { harmless_functions } from './sql-functions.ts';

/**
 * What the parser finds: nothing dangerous, something, text that is not
 * PostgreSQL's SQL, or nothing because it has not been loaded or the text is too
 * long to be given to it.
 */
export type SecondOpinion = 'harmless' | 'destructive' | 'unparsed' | 'absent';

/** Length of a text that is given to the parser, whose time grows with the square of it for nested comments. */
export const second_opinion_characters_max = 8_192;

type Parser = (sql: string) => unknown;
let parser: Parser | undefined;

/** Loads the parser, once per process; until then every opinion is `absent`. Fails with `SQL_PARSER_UNAVAILABLE`. */
export async function prepareSqlSecondOpinion(): Promise<Result<void>> {
  if (parser !== undefined) return ok(undefined);
  try {
    const { loadModule, parseSync } = await import('libpg-query');
    await loadModule();
    parser = parseSync;
    return ok(undefined);
  } catch (error) {
    return fail('SQL_PARSER_UNAVAILABLE', `the PostgreSQL parser cannot be loaded: ${messageOf(error)}`, { fix: 'install libpg-query, or do without the second opinion', cause: error });
  }
}

/** The parser's opinion on text read as PostgreSQL. Total: never throws. */
export function sqlSecondOpinion(sql: string): SecondOpinion {
  if (parser === undefined || sql.length > second_opinion_characters_max) return 'absent';
  if (sql.includes('\0')) return 'unparsed';
  let tree: unknown;
  try {
    tree = parser(sql);
  } catch {
    return 'unparsed';
  }
  const statements = fieldOf(tree, 'stmts');
  if (!Array.isArray(statements) || statements.length === 0) return 'unparsed';
  return statements.every((statement) => harmless(fieldOf(statement, 'stmt'))) ? 'harmless' : 'destructive';
}

const nodes_max = 100_000;
/** Statements that are harmless as such; what stands inside them is looked at too. */
const harmless_statements: ReadonlySet<string> = new Set([
  'SelectStmt', 'InsertStmt', 'VariableShowStmt', 'TransactionStmt', 'CreateStmt', 'CreateTableAsStmt', 'IndexStmt', 'CreateSchemaStmt', 'CreateSeqStmt',
  'CreateEnumStmt', 'CompositeTypeStmt', 'CreateDomainStmt', 'CreatedbStmt', 'CreateStatsStmt', 'PrepareStmt', 'DeclareCursorStmt', 'FetchStmt', 'ClosePortalStmt',
  'DeallocateStmt', 'ListenStmt', 'UnlistenStmt', 'VacuumStmt', 'ReindexStmt', 'RefreshMatViewStmt', 'DefineStmt',
]);
/** Statements whose own fields decide. */
const conditional_statements: Readonly<Record<string, (node: unknown) => boolean>> = {
  UpdateStmt: hasWhere,
  DeleteStmt: hasWhere,
  ViewStmt: (node) => fieldOf(node, 'replace') !== true,
  CopyStmt: (node) => fieldOf(node, 'filename') === undefined && fieldOf(node, 'is_program') !== true,
  MergeStmt: (node) => !JSON.stringify(fieldOf(node, 'mergeWhenClauses') ?? []).includes('CMD_DELETE'),
  VariableSetStmt: (node) => /^(?:timezone|client_encoding|datestyle|intervalstyle|statement_timeout|lock_timeout|application_name|TRANSACTION)$/i.test(String(fieldOf(node, 'name'))),
};

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
}

/** A WHERE that is there, and more than a constant. */
function hasWhere(node: unknown): boolean {
  const where = fieldOf(node, 'whereClause');
  return where !== undefined && fieldOf(where, 'A_Const') === undefined;
}

function harmless(statement: unknown): boolean {
  const open: unknown[] = [statement];
  for (let count = 0; open.length > 0; count += 1) {
    if (count > nodes_max) return false;
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    for (const [kind, node] of Object.entries(value)) {
      // EXPLAIN runs its statement only with ANALYZE, which the tree holds as an option.
      if (kind === 'ExplainStmt' && !analyzes(node)) continue;
      if (!allowed(kind, node)) return false;
      open.push(node);
    }
  }
  return true;
}

function analyzes(node: unknown): boolean {
  const options = fieldOf(node, 'options');
  return Array.isArray(options) && options.some((option) => {
    const element = fieldOf(option, 'DefElem');
    return fieldOf(element, 'defname') === 'analyze' && !/"(?:false|off|0)"|"ival":\{\}/.test(JSON.stringify(fieldOf(element, 'arg') ?? true));
  });
}

function allowed(kind: string, node: unknown): boolean {
  if (kind === 'FuncCall') return callAllowed(node);
  if (kind === 'ExplainStmt' || !/^[A-Z]\w*Stmt$/.test(kind)) return true;
  return harmless_statements.has(kind) || conditional_statements[kind]?.(node) === true;
}

function callAllowed(node: unknown): boolean {
  const parts = fieldOf(node, 'funcname');
  if (!Array.isArray(parts)) return false;
  const names = parts.map((part) => String(fieldOf(fieldOf(part, 'String'), 'sval')));
  const [schema] = names.length > 1 ? names : ['pg_catalog'];
  return schema === 'pg_catalog' && harmless_functions.has(names.at(-1)?.toUpperCase() ?? '');
}
