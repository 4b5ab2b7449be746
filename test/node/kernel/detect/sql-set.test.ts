import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { lexSql, sql_dialects, type SqlDialect } from '../../../../node/kernel/detect/sql-lexer.ts';
import { sqlFacets } from '../../../../node/kernel/detect/sql.ts';
import { suite } from '../../../harness.ts';
import { second_set } from './sql-set-second.ts';
import { third_set } from './sql-set-third.ts';
import { first_set, type SqlGroup } from './sql-set.ts';

const test = suite('node/kernel/detect/sql-set');

interface Figures {
  readonly destructive: number;
  readonly missed: readonly string[];
  readonly harmless: number;
  readonly blocked: readonly string[];
}

function figuresOf(groups: readonly SqlGroup[], dialect: SqlDialect | undefined): Figures {
  const labelled = (destructive: boolean): readonly string[] => groups.filter((group) => group.destructive === destructive).flatMap(({ statements }) => statements);
  const [dangerous, harmless] = [labelled(true), labelled(false)];
  return {
    destructive: dangerous.length,
    missed: dangerous.filter((sql) => !sqlFacets(sql, dialect).destructive),
    harmless: harmless.length,
    blocked: harmless.filter((sql) => sqlFacets(sql, dialect).destructive),
  };
}

// Exact, so that a change of the detector shows.
const expected = {
  first: { postgresql: [139, 108], mysql: [95, 57], sqlite: [56, 43] },
  second: { postgresql: [60, 44], mysql: [49, 30], sqlite: [35, 22] },
  third: { postgresql: [44, 23], mysql: [39, 20], sqlite: [29, 16] },
} as const;

for (const [name, set] of [['first', first_set], ['second', second_set], ['third', third_set]] as const) {
  for (const dialect of sql_dialects) {
    test(`${name} set, ${dialect}: nothing destructive is missed, nothing harmless is blocked`, () => {
      const { destructive, missed, harmless, blocked } = figuresOf(set[dialect], dialect);
      console.log(`  ${name} ${dialect}: recall ${destructive - missed.length}/${destructive}, false blocks ${blocked.length}/${harmless}`);
      assert.equal([destructive, harmless], [...expected[name][dialect]]);
      assert.equal(missed, []);
      assert.equal(blocked, []);
    });
    test(`${name} set, ${dialect}: nothing destructive is missed when the database is not known`, () => {
      assert.equal(figuresOf(set[dialect], undefined).missed, []);
    });
  }
}

const destructive = sql_dialects.flatMap((dialect) => [first_set, second_set, third_set]
  .flatMap((set) => set[dialect].filter((group) => group.destructive).flatMap(({ statements }) => statements))
  .map((sql) => ({ dialect, sql })));

/** The statement again, token by token, with other space, comments and case between and in its words. */
function rewritten(sql: string, dialect: SqlDialect, choices: readonly number[]): string | undefined {
  const tokens = lexSql(sql, dialect);
  // Comments that run, and strings and names that would need escapes of their own, stay as they are.
  if (!tokens.ok || /['"`$\\[@:?]|\/\*M?!/.test(sql)) return undefined;
  const spaces = [' ', '\n', '\t ', '/* x */', ' /* DROP */ ', '/**/'];
  return tokens.value.map(({ kind, text }, index) => {
    const choice = choices[index % choices.length] ?? 0;
    const word = kind === 'word' && choice % 2 === 0 ? text.toLowerCase() : text;
    return `${word}${spaces[choice % spaces.length] ?? ' '}`;
  }).join('');
}

test('space, comments and case between the words never make a destructive statement harmless', () => {
  let tried = 0;
  fc.assert(fc.property(fc.constantFrom(...destructive), fc.array(fc.nat(11), { minLength: 1, maxLength: 12 }), ({ dialect, sql }, choices) => {
    const other = rewritten(sql, dialect, choices);
    if (other === undefined) return;
    tried += 1;
    assert.ok(sqlFacets(other, dialect).destructive, other);
  }), { numRuns: 2_000 });
  assert.ok(tried > 500);
});

test('EXPLAIN ANALYZE, WITH, parentheses and company never make a destructive statement harmless', () => {
  const changes = destructive.filter(({ sql }) => /^(?:DELETE|UPDATE|MERGE|REPLACE)\b[^;\\]*$/i.test(sql) && !sql.includes('/*') && !sql.includes('--') && !sql.includes('#'));
  assert.ok(changes.length > 100);
  const wraps: readonly ((sql: string) => string)[] = [
    (sql) => `EXPLAIN ANALYZE ${sql}`,
    (sql) => `EXPLAIN (VERBOSE, ANALYZE) ${sql}`,
    (sql) => `ANALYZE FORMAT=JSON ${sql}`,
    (sql) => `WITH q AS (SELECT 1) ${sql}`,
    (sql) => `WITH q(a, b) AS (${sql} RETURNING *) SELECT * FROM q`,
    (sql) => `WITH q AS (WITH r AS (SELECT 1) ${sql}) SELECT * FROM q`,
    (sql) => `INSERT INTO log WITH q AS (${sql} RETURNING 1) SELECT * FROM q`,
    (sql) => `PREPARE p AS ${sql}`,
    (sql) => `COPY (${sql} RETURNING 1) TO STDOUT`,
    (sql) => `CREATE TABLE t2 AS WITH q AS (${sql} RETURNING 1) SELECT * FROM q`,
    (sql) => `SELECT 1; ${sql}`,
    (sql) => `BEGIN; ${sql}; COMMIT`,
    (sql) => `/* a */ ${sql} -- b`,
  ];
  for (const { dialect, sql } of changes) for (const wrap of wraps) assert.ok(sqlFacets(wrap(sql), dialect).destructive, wrap(sql));
});

test('OR with a part that is always true makes any keyed change destructive', () => {
  for (const always of ['1 = 1', 'true', "'a' = 'a'", 'NOT false', 'id = id', '2 > 1', 'id IS NOT NULL', "name LIKE '%'", 'EXISTS (SELECT 1)', 'id > -1', 'id IN (id)', '(1)', 'NOT 0', '1 BETWEEN 0 AND 2', 'coalesce(id, 1) = coalesce(id, 1)']) {
    for (const dialect of sql_dialects) {
      for (const sql of [`DELETE FROM t WHERE id = 5 OR ${always}`, `UPDATE t SET a = 1 WHERE (id = 5 OR (b = 2 OR (${always})))`, `DELETE FROM t WHERE ${always} OR id = 5`, `DELETE FROM t WHERE ${always}`]) {
        assert.ok(sqlFacets(sql, dialect).destructive, sql);
      }
      assert.not(sqlFacets(`DELETE FROM t WHERE id = 5 AND (${always})`, dialect).destructive, always);
    }
  }
});

test.run();
