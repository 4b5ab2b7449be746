/** What the detector calls a narrowing WHERE, beside what a database does with it. */
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { sqlFacets } from '../../../../node/kernel/detect/sql.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/detect/sql-rows');

/** Twenty rows whose values lie far apart, so that a comparison that all of them pass says nothing. */
function table(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, name TEXT, flag INT, created_at TEXT)');
  const insert = database.prepare('INSERT INTO t VALUES (?, ?, ?, ?, ?)');
  for (let row = 1; row <= 20; row += 1) {
    insert.run(
      row === 20 ? 9e7 : row,
      [-1e6, 1e9, -3, 0, 5, 1, 7][row % 7] ?? 0,
      ['anna', 'Zebra', '%x', 'zorro', '0a', null][row % 6] ?? null,
      row % 2 === 0 ? null : row % 3,
      row === 3 ? null : ['1980-01-01', '2030-01-01', '2080-05-05', '2015-02-02'][row % 4] ?? null,
    );
  }
  return database;
}

// SQLite orders every number before every text, and a statement does not show the type of a column such as "a":
// the sides of an order are of one type here, except where the name or a function tells.
const column = fc.constantFrom('id', 'name', 'created_at', 't.id', 'rowid', 'lower(name)', 'length(name)', 'date(created_at)', '"id"', '[name]', '(id)', 'name collate nocase');
const amount = fc.constantFrom('a', 'flag', 't.a', '(a)');
const number = fc.constantFrom('0', '1', '-1', '5', '99', '1e9', '2147483647', '-1000000', 'abs(-3)', '1+1');
const value = fc.constantFrom('0', '1', '-1', '5', "'a'", "''", "'%'", "'%%'", "'z'", 'NULL', 'true', 'false', '1+1', "'anna'", '99', 'abs(-3)', "'2015-01-01'", '(1)', '1=1', 'not 0', 'id', '2147483647', "'1'", "x'31'", '1e9', "'~'");
const operator = fc.constantFrom('=', '==', '<', '>', '<=', '>=', '<>', '!=', 'is', 'is not', 'like', 'glob', 'not like');
const joined = (...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> => fc.tuple(...parts).map((texts) => texts.join(' '));
const text = (words: string): fc.Arbitrary<string> => fc.constant(words);

const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    joined(column, operator, value),
    joined(value, operator, column),
    joined(amount, operator, number),
    joined(number, operator, amount),
    joined(amount, text('between'), number, text('and'), number),
    joined(column, text('in ('), value, text(','), value, text(')')),
    joined(column, text('between'), value, text('and'), value),
    joined(column, operator, value, operator, value),
    joined(column, text('='), column),
    joined(text('case when'), value, text('then'), value, text('else'), value, text('end')),
    value,
    column,
    joined(tie('condition'), text('and'), tie('condition')),
    joined(tie('condition'), text('or'), tie('condition')),
    joined(text('not'), tie('condition')),
    joined(text('('), tie('condition'), text(')')),
    joined(text('id in (select id from t where'), tie('condition'), text(')')),
    joined(text('id in (select t.id from t x where'), tie('condition'), text(')')),
    joined(text('exists (select 1 from t x where x.id = t.id and'), tie('condition'), text(')')),
  ),
}));

test('no DELETE that empties a table passes for one that names its rows', () => {
  const database = table();
  let passed = 0;
  fc.assert(fc.property(condition, (where) => {
    if (sqlFacets(`DELETE FROM t WHERE ${where}`, 'sqlite').destructive) return;
    let rows: unknown;
    try {
      rows = database.prepare(`SELECT count(*) AS n FROM t WHERE ${where}`).get();
    } catch {
      return;
    }
    passed += 1;
    assert.not.equal({ ...(typeof rows === 'object' ? rows : {}) }, { n: 20 }, where);
  }), { numRuns: 6_000, seed: 20_261_122 });
  database.close();
  assert.ok(passed > 500, `${passed}`);
});

test.run();
