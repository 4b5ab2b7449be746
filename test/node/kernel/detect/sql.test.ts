import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { looksLikeSql, sqlIn } from '../../../../node/kernel/detect/sql-payload.ts';
import type { SqlDialect } from '../../../../node/kernel/detect/sql-lexer.ts';
import { sqlFacets } from '../../../../node/kernel/detect/sql.ts';
import { suite } from '../../../harness.ts';

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

test('facets say the verb, the number of statements and the reasons', () => {
  assert.equal(sqlFacets('drop table t', 'postgresql'), { verb: 'DROP', destructive: true, statements: 1, reasons: ['DROP is not among the statements known to be harmless'] });
  assert.is(sqlFacets('select 1; select 2', 'sqlite').statements, 2);
  assert.is(sqlFacets("'", 'sqlite').verb, 'UNREADABLE');
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
  for (const part of ['(', ',a(', '(update a(', 'a=1 or ', 'a=1 and (', '; update ', '/*', "'"]) {
    const started = process.hrtime.bigint();
    sqlIn([{ field: 'sql', text: `with a as ${part.repeat(20_000)}` }, { field: 'x', text: `delete from t where ${part.repeat(20_000)}` }], '');
    assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 4_000, part);
  }
});

test.run();
