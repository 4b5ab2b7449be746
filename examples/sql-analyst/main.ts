/**
 * An analyst with SQL protection, on a real database: queries run, everything
 * that would destroy is refused before the database sees it, and personal data
 * does not leave.
 *
 *     node examples/sql-analyst/main.ts
 *     npx agentmesh policy test examples/sql-analyst
 *
 * In a project of your own the first import reads `from 'agentmesh/kernel'`.
 */
import { Denied, KernelSpace, Policy } from '../../node/kernel/index.ts';
import { unwrap } from '../../crypto/result.ts';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

/** What the analyst sent, and what came of it. */
export interface Story {
  readonly attempts: { readonly [sql: string]: string };
  /** Rows of the table at the end. */
  readonly rows_left: number;
}

function salesDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec("CREATE TABLE sales (id INTEGER PRIMARY KEY, region TEXT, total REAL, contact TEXT); INSERT INTO sales (region, total, contact) VALUES ('north', 120.5, 'maria.lopez@example.com'), ('south', 80, 'jan.novak@example.org'), ('north', 10, 'li.wei@example.net');");
  return database;
}

async function tried(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Denied ? `denied by ${error.rule ?? 'default'}` : String(error);
  }
}

/** Lets the analyst work, and says what it could do. */
export async function main(): Promise<Story> {
  const policy = unwrap(await Policy.load(fileURLToPath(new URL('policy.yaml', import.meta.url))));
  const kernel = new KernelSpace({ policies: [policy] });
  const database = salesDatabase();
  const sql = kernel.tool({ name: 'sql', agent: 'analyst', run: ({ statement }: { readonly statement: string }) => JSON.stringify(database.prepare(statement).all()) });
  const report = kernel.govern((text: string) => `sent ${text.length} characters`, { agent: 'analyst', action: () => ({ type: 'export' }) });

  const attempts: Record<string, string> = {};
  for (const statement of [
    'SELECT region, sum(total) AS total FROM sales GROUP BY region ORDER BY region',
    'DELETE FROM sales',
    'DELETE FROM sales WHERE id = id OR 1 < 2',
    'SELECT * FROM sales; DROP TABLE sales',
    '/* only a look */ dRoP/**/tAbLe sales',
    'WITH gone AS (DELETE FROM sales RETURNING *) SELECT * FROM gone',
    "UPDATE sales SET total = 0 WHERE '' = ''",
    'REPLACE INTO sales (id, total) VALUES (1, 0)',
    "ATTACH DATABASE '/tmp/elsewhere.db' AS stolen",
  ]) attempts[statement] = await tried(() => sql({ statement }));
  attempts['report: north 130.5, south 80'] = await tried(() => report('north 130.5, south 80'));
  attempts['report: ask maria.lopez@example.com'] = await tried(() => report('ask maria.lopez@example.com'));

  for (const [statement, ended] of Object.entries(attempts)) console.log(`${statement}\n    ${ended}`);
  const left = Number(database.prepare('SELECT count(*) AS n FROM sales').get()?.['n']);
  console.log(`rows left: ${left} of 3`);
  database.close();
  return { attempts, rows_left: left };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
