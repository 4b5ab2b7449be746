import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { looksLikeSql, sqlIn } from '../../../../node/kernel/detect/sql-payload.ts';
import type { SqlDialect } from '../../../../node/kernel/detect/sql-lexer.ts';
import { sqlFacets } from '../../../../node/kernel/detect/sql.ts';
import { prepareSqlSecondOpinion, sqlSecondOpinion } from '../../../../node/kernel/detect/sql-second-opinion.ts';
import { Denied, KernelSpace, Policy, unwrap } from '../../../../node/index.ts';
import { suite } from '../../../harness.ts';
import { second_set } from './sql-set-second.ts';
import { first_set } from './sql-set.ts';

const test = suite('node/kernel/detect/sql');

interface SqlCase {
  readonly dialect: SqlDialect;
  readonly verdict: 'allow' | 'deny';
  readonly sql: string;
}

function labelled(): readonly SqlCase[] | undefined {
  try {
    return JSON.parse(readFileSync(new URL('../../../../../shared/fixtures/policy/sql-cases.json', import.meta.url), 'utf8'));
  } catch {
    return undefined;
  }
}

const cases = labelled();
if (cases === undefined) {
  test.skip('the labelled statements', 'the shared fixtures are not here');
} else {
  test('no dangerous statement of the labelled set is missed, and none is blocked falsely', () => {
    const dangerous = cases.filter(({ verdict }) => verdict === 'deny');
    const missed = dangerous.filter(({ sql, dialect }) => !sqlFacets(sql, dialect).destructive);
    const blocked = cases.filter(({ sql, dialect, verdict }) => verdict === 'allow' && sqlFacets(sql, dialect).destructive);
    console.log(`  sql: recall ${dangerous.length - missed.length}/${dangerous.length}, false blocks ${blocked.length}/${cases.length - dangerous.length}`);
    assert.ok(dangerous.length >= 40);
    assert.equal(missed.map(({ sql }) => sql), []);
    assert.equal(blocked.map(({ sql }) => sql), []);
  });

  test('without knowing the database, nothing dangerous is missed either', () => {
    assert.equal(cases.filter(({ sql, verdict }) => verdict === 'deny' && sqlIn([{ field: 'args', text: sql }], 'call')?.destructive !== true), []);
  });
}

// Statements that are not in the labelled set, by what they try.
const dangerous: readonly [SqlDialect, string][] = [
  ['postgresql', 'DELETE FROM t WHERE NOT false'],
  ['postgresql', 'DELETE FROM t WHERE 2 > 1'],
  ['postgresql', 'DELETE FROM t WHERE EXISTS (SELECT 1)'],
  ['postgresql', 'DELETE FROM t WHERE id = 1 OR 1 = 1'],
  ['postgresql', "DELETE FROM t WHERE name LIKE '%'"],
  ['postgresql', 'DELETE FROM t WHERE id IS NOT NULL'],
  ['postgresql', 'DELETE FROM t WHERE id > 0'],
  ['postgresql', 'DELETE FROM t WHERE id = 1 IS NOT NULL'],
  ['postgresql', 'DELETE FROM t WHERE id = id + 0'],
  ['postgresql', 'DELETE FROM t WHERE id IN (SELECT id FROM t)'],
  ['postgresql', 'DELETE FROM t USING u WHERE t.id = u.id'],
  ['postgresql', "SELECT query_to_xml('DELETE FROM t', true, true, '')"],
  ['postgresql', 'SELECT "pg_sleep"(100)'],
  ['postgresql', 'SELECT pg_catalog.pg_terminate_backend(1)'],
  ['postgresql', 'SELECT other.count(1)'],
  ['postgresql', 'SELECT * FROM (DELETE FROM t RETURNING *) x'],
  ['postgresql', 'WITH a AS (SELECT 1), b AS (UPDATE t SET x = 1 RETURNING 1) SELECT * FROM b'],
  ['postgresql', 'EXPLAIN (ANALYZE, VERBOSE) DELETE FROM t'],
  ['postgresql', 'MERGE INTO t USING s ON 1 = 1 WHEN MATCHED THEN UPDATE SET a = 1'],
  ['postgresql', 'COPY t FROM PROGRAM \'id\''],
  ['postgresql', 'LOCK TABLE t'],
  ['postgresql', 'SET ROLE postgres'],
  ['postgresql', 'SELECT $a$ unterminated'],
  ['postgresql', ''],
  ['mysql', "SELECT 1 -- \n; DROP TABLE t"],
  ['mysql', 'SELECT 1 --1; DROP TABLE t'],
  ['mysql', '/*M!100000 DROP TABLE t */'],
  ['mysql', "SELECT LOAD_FILE('/etc/passwd')"],
  ['mysql', "HANDLER t OPEN"],
  ['sqlite', 'SELECT /* /* not nested */ 1; DROP TABLE t /* */'],
  ['sqlite', "SELECT load_extension('x')"],
  ['sqlite', 'PRAGMA user_version = 5'],
  ['sqlite', 'PRAGMA journal_mode(DELETE)'],
  ['sqlite', 'PRAGMA main.writable_schema(1)'],
];
const harmless: readonly [SqlDialect, string][] = [
  ['postgresql', "UPDATE t SET a = 'x' WHERE id = '5'::int"],
  ['postgresql', 'UPDATE t SET a = (SELECT max(b) FROM u) WHERE t.id = $1'],
  ['postgresql', "DELETE FROM t WHERE created_at < now() - interval '30 days'"],
  ['postgresql', 'DELETE FROM t WHERE id BETWEEN 1 AND 5 AND b = 2'],
  ['postgresql', "DELETE FROM t WHERE (lower(email) = 'x' OR id IN (1, 2)) AND true"],
  ['postgresql', 'SELECT count(DISTINCT a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d) FROM t'],
  ['postgresql', 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT * FROM c'],
  ['postgresql', 'MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)'],
  ['postgresql', "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, n VARCHAR(255) DEFAULT 'x', u INT REFERENCES u(id))"],
  ['postgresql', 'CREATE UNIQUE INDEX i ON t USING btree (a, b)'],
  ['postgresql', 'SELECT * FROM t;'],
  ['postgresql', 'SELECT /* /* nested */ ; DROP TABLE t */ 1'],
  ['mysql', 'INSERT INTO `db`.`t` (a, b) VALUES (1, now())'],
  ['mysql', "SELECT \"it's; DROP TABLE t\""],
  ['sqlite', 'DELETE FROM [a table] WHERE [a column] = ?'],
];
for (const [dialect, sql] of dangerous) test(`${dialect}: destructive: ${sql}`, () => assert.ok(sqlFacets(sql, dialect).destructive));
for (const [dialect, sql] of harmless) test(`${dialect}: harmless: ${sql}`, () => assert.equal(sqlFacets(sql, dialect).reasons, []));

test('a name with columns behind CREATE is no call, and a call in its query, its defaults and its indexes is one', () => {
  for (const sql of [
    'CREATE TABLE d PARTITION OF measures (taken NOT NULL) FOR VALUES IN (1)', 'CREATE INDEX i ON ONLY measures (taken)', 'CREATE TABLE IF NOT EXISTS measures (taken int)',
    'CREATE TABLE m (a int, FOREIGN KEY (a) REFERENCES n (a) ON DELETE SET NULL (a))', "SELECT pg_input_is_valid('1', 'int'), int4multirange(), has_type_privilege('t', 'usage')",
  ]) assert.equal(sqlFacets(sql, 'postgresql').reasons, [], sql);
  assert.equal(sqlFacets('CREATE TABLE m (a text, FULLTEXT words (a), SPATIAL places (a))', 'mysql').reasons, []);
  for (const dialect of ['postgresql', 'mysql', 'sqlite'] as const) {
    for (const sql of [
      'CREATE TABLE d AS SELECT * FROM a JOIN b ON wipe(a.x)', 'CREATE TABLE d AS SELECT * FROM a JOIN b ON wipe(a.x) = 1', 'CREATE TABLE d AS WITH q AS (SELECT 1) SELECT * FROM a JOIN q ON wipe(1)', 'CREATE VIEW d AS SELECT * FROM a JOIN b ON wipe(1)',
      'CREATE TABLE d PARTITION OF measures (taken DEFAULT wipe()) FOR VALUES IN (1)', 'CREATE TABLE d (a int DEFAULT (wipe()))', 'CREATE INDEX i ON measures (wipe(taken))', 'CREATE TABLE d AS SELECT 1 FROM b WHERE a = ONLY wipe(1)',
    ]) assert.ok(sqlFacets(sql, dialect).functions.includes('wipe') && sqlFacets(sql, dialect).destructive, `${dialect}: ${sql}`);
  }
});

test('facets say the verb, the number of statements and the reasons', () => {
  assert.equal(sqlFacets('drop table t', 'mysql'), {
    verb: 'DROP', destructive: true, read_only: false, statements: 1, where: 'none', target: 't', tables: ['t'], functions: [], dialect: 'mysql',
    second_opinion: 'unparsed', reasons: ['DROP is not among the statements known to be harmless'],
  });
  assert.is(sqlFacets('select 1; select 2', 'sqlite').statements, 2);
  assert.is(sqlFacets("'", 'sqlite').verb, 'UNREADABLE');
});

test('facets name the tables, the functions and what WHERE does', () => {
  const { target, tables, functions, where, dialect } = sqlFacets('UPDATE public."Users" u SET n = lower(x) FROM other o WHERE o.id = u.id AND u.k = my.f(1)', 'postgresql');
  assert.equal({ target, tables, functions, where, dialect }, { target: 'public.users', tables: ['public.users', 'other'], functions: ['lower', 'my.f'], where: 'all', dialect: 'postgresql' });
  assert.is(sqlFacets('DELETE FROM t').where, 'none');
  assert.is(sqlFacets('DELETE FROM t WHERE id = 1').where, 'some');
  assert.is(sqlFacets('DELETE FROM t WHERE 1').where, 'all');
  assert.is(sqlFacets('SELECT 1').dialect, 'any');
});

test('read_only is what changes nothing: no rows, no locks, no sequence, no object', () => {
  for (const sql of ['SELECT a FROM t WHERE b = 1', 'WITH a AS (SELECT 1) SELECT * FROM a', 'EXPLAIN DELETE FROM t', 'VALUES (1)', 'BEGIN', 'SELECT replace(a, b, c), "update" FROM t']) {
    assert.ok(sqlFacets(sql, 'postgresql').read_only, sql);
  }
  for (const sql of [
    'INSERT INTO t VALUES (1)', 'UPDATE t SET a = 1 WHERE id = 2', 'SELECT a FROM t FOR UPDATE', 'SELECT a FROM t FOR NO KEY UPDATE', 'SELECT a FROM t FOR SHARE', "SELECT nextval('s')",
    'SELECT a INTO b FROM t', 'CREATE TABLE t (a int)', 'SELECT unknown_function(1)', 'WITH a AS (DELETE FROM t WHERE id = 1 RETURNING *) SELECT * FROM a', 'DROP TABLE t', 'EXPLAIN ANALYZE INSERT INTO t VALUES (1)', '',
  ]) assert.not(sqlFacets(sql, 'postgresql').read_only, sql);
});

// What looks harmless in one reading and is not in another.
const disguised: readonly [SqlDialect, string][] = [
  ['postgresql', 'SELECT 1 -- a\r; DROP TABLE t'],
  ['postgresql', "SELECT E'a'\n'\\'' ; DROP TABLE x; --'"],
  ['sqlite', "SELECT :x(') ;DROP TABLE t; --')"],
  ['mysql', 'DELETE FROM t /*!99999 WHERE id = 5 */'],
  ['mysql', 'DELETE FROM t WHERE id = 5 /*!50000 OR 1=1 */ /*!99999 AND id=5 */'],
  ['mysql', 'BEGIN NOT ATOMIC DELETE FROM users; END'],
  ['mysql', 'UPDATE a, b SET b.admin = 1 WHERE a.id = 1'],
  ['postgresql', 'UPDATE a SET x = 1 FROM b WHERE b.k = 1'],
  ['postgresql', 'DELETE FROM t WHERE CASE WHEN 1=1 THEN true ELSE x AND id = 5 AND y END'],
  ['postgresql', 'DELETE FROM t WHERE id = @id'],
  ['postgresql', 'DELETE FROM t WHERE day = (day)+0'],
  ['postgresql', 'DELETE FROM t WHERE id::bool = true'],
  ['postgresql', 'DELETE FROM t WHERE id IN (SELECT t.id FROM r WHERE r.a = 1)'],
  ['postgresql', 'DELETE FROM t WHERE id < 10 OR id = 10 OR id > 10'],
  ['postgresql', 'DELETE FROM t WHERE a = true OR a = false'],
  ['postgresql', 'WITH x AS (SELECT 1) SEARCH BREADTH FIRST BY values SET ord DELETE FROM users'],
  ['postgresql', "SELECT * FROM a, evil('x') AS (values int)"],
  ['postgresql', 'CREATE TABLE t (a int DEFAULT evil(1))'],
  ['postgresql', '\u017fELECT 1'],
];
for (const [dialect, sql] of disguised) test(`${dialect}: disguised: ${JSON.stringify(sql)}`, () => assert.ok(sqlFacets(sql, dialect).destructive));

test('the second opinion adds what the parser sees, and without the parser nobody passes who asks for it', async () => {
  const rule = Policy.noDestructiveSql({ second_opinion: true });
  const ask = async (sql: string): Promise<string> => {
    const kernel = new KernelSpace({ policies: [rule] });
    const run = kernel.govern(async (call: { sql: string }) => call.sql);
    return run({ sql }).then(() => 'allowed', (error: unknown) => (error instanceof Denied ? 'denied' : String(error)));
  };
  assert.is(sqlFacets('SELECT 1', 'postgresql').second_opinion, 'absent');
  assert.is(await ask('SELECT 1'), 'denied');
  unwrap(await prepareSqlSecondOpinion());
  assert.is(sqlFacets('SELECT count(*) FROM t', 'postgresql').second_opinion, 'harmless');
  assert.is(sqlFacets('EXPLAIN (ANALYZE) DELETE FROM t', 'postgresql').second_opinion, 'destructive');
  assert.is(sqlFacets('EXPLAIN (ANALYZE off) DELETE FROM t', 'postgresql').second_opinion, 'harmless');
  assert.is(sqlFacets('this is no SQL', 'postgresql').second_opinion, 'destructive');
  assert.is(sqlFacets('this is no SQL').second_opinion, 'unparsed');
  assert.is(sqlFacets(`SELECT 1 ${'-- x\n'.repeat(2_000)}`, 'postgresql').second_opinion, 'absent');
  assert.is(sqlFacets('SELECT 1', 'mysql').second_opinion, 'unparsed');
  assert.is(await ask('SELECT 1'), 'allowed');
  assert.is(await ask('DELETE FROM t WHERE 1 = 1'), 'denied');
  const opinions = [first_set, second_set].flatMap((set) => set.postgresql).flatMap(({ destructive, statements }) => statements.map((sql) => ({ destructive, opinion: sqlSecondOpinion(sql) })));
  assert.equal(opinions.filter(({ destructive, opinion }) => !destructive && opinion === 'destructive'), []);
  assert.ok(opinions.filter(({ destructive, opinion }) => destructive && opinion !== 'harmless').length > 120);
});

test('SQL is found inside JSON, code and prose, and judged without what stands around it', () => {
  const found = (text: string, type = 'call'): unknown => {
    const facets = sqlIn([{ field: 'x', text }], type);
    return facets === undefined ? undefined : `${facets.verb} ${facets.destructive}`;
  };
  assert.is(found('{"steps": [{"q": "DROP TABLE x"}]}'), 'DROP true');
  assert.is(found('Here you are:\n```sql\nSELECT a FROM b\n```\nBye; thanks'), 'SELECT false');
  assert.is(found('Here you are:\n```sql\nDELETE FROM users\n```'), 'DELETE true');
  assert.is(found('Please run: DROP TABLE users'), 'DROP true');
  assert.is(found('db.query("DELETE FROM users")'), 'DELETE true');
  assert.is(found('first line\nUPDATE users SET admin = 1\n\nregards'), 'UPDATE true');
  for (const text of ['Dear team: UPDATE on the project. We set goals.', 'NOTE: CREATE a table for guests', 'Steps: SELECT the item, then DELETE it', 'Drop the table reservations', '{"note": "Select the best option"}', 'say `hello there` to them']) {
    assert.is(found(text), undefined, text);
  }
});

test('the dialect is what the action is called, never what the payload says', () => {
  const dollar = { field: 'query', text: 'SELECT $$; DROP TABLE x; $$ FROM t' };
  assert.is(sqlIn([dollar], 'postgres_query')?.destructive, false);
  assert.is(sqlIn([dollar, { field: 'dialect', text: 'postgresql' }], 'database_query')?.destructive, true);
  assert.is(sqlIn([dollar], 'mysql.query')?.dialect, 'mysql');
  assert.is(sqlIn([dollar], 'mysql_to_postgres')?.dialect, 'any');
});

test('a sentence is not taken for SQL', () => {
  for (const text of [
    'Update the quarterly report', 'Select the best option, please', 'Select a restaurant; tell me', 'Delete old files from the list please',
    'With regards to your letter', 'Call Alice', 'Set up a meeting', "Explain the user's problem", 'Drop me a line', 'Create a summary',
    'Grant me a wish', 'Truncate this text to ten words', 'Copy that from me to you', 'Analyze: revenue by region',
  ]) assert.not(looksLikeSql(text), text);
});

test('SQL is found wherever in the payload it stands', () => {
  const found = (field: string, text: string, type = 'call'): boolean | undefined => sqlIn([{ field, text }], type)?.destructive;
  assert.is(found('args', "Robert'); DROP TABLE students;--"), true);
  assert.is(found('args', '/* hello */ drop table x'), true);
  assert.is(found('sql', 'gibberish'), true);
  assert.is(found('query', 'wipe everything', 'database_query'), true);
  assert.is(found('query', 'best restaurants in town', 'search'), undefined);
  assert.is(found('args', 'SELECT * FROM t'), false);
});

test('any text gets an answer in bounded time, and one that does not read as SQL is destructive', () => {
  const piece = fc.constantFrom('select ', 'delete from t ', 'where ', '(', ')', "'", '"', '`', '/*', '*/', '--', '#', ';', '$$', '\\', 'a=1 ', ' or ', ' and ', 'with a as (', '[', ']', '\n', 'count(', '/*!', 'between 1 and ');
  fc.assert(fc.property(fc.oneof(fc.string(), fc.array(piece, { maxLength: 20 }).map((parts) => parts.join(''))), (sql) => {
    const facets = sqlFacets(sql);
    assert.is(facets.destructive, facets.reasons.length > 0);
    looksLikeSql(sql);
  }), { numRuns: 1_000 });
  for (const part of ['(', ',a(', '(update a(', 'a=1 or ', 'a<1 or ', 'a=1 and (', '; update ', '/*', "'", '-- x\n', '(delete from t where a=1 and ', 'a in (select b from c where d=1 and ']) {
    const started = process.cpuUsage();
    // As long as the bounds on characters and tokens allow, and beyond.
    for (const times of [1_000, 4_000, 20_000]) {
      sqlIn([{ field: 'sql', text: `with a as ${part.repeat(times)}` }, { field: 'x', text: `delete from t where ${part.repeat(times)}` }], '');
    }
    const { user, system } = process.cpuUsage(started);
    assert.ok(user + system < 4_000_000, `${part} took ${(user + system) / 1000} ms`);
  }
});

test.run();
