/** What the detectors find in labelled texts, and how fast they are. */
import { loadModule, parseSync } from 'libpg-query';
import { injectionSignals } from '../../node/kernel/detect/injection.ts';
import { pathOutside } from '../../node/kernel/detect/path.ts';
import { findPii } from '../../node/kernel/detect/pii.ts';
import { findSecrets } from '../../node/kernel/detect/secret.ts';
import { sqlIn } from '../../node/kernel/detect/sql-payload.ts';
import { sqlFacets } from '../../node/kernel/detect/sql.ts';
import { sql_dialects, type SqlDialect } from '../../node/kernel/detect/sql-lexer.ts';
import * as injection_sets from '../node/kernel/detect/injection-set.ts';
import * as pii_sets from '../node/kernel/detect/pii-set.ts';
import * as secret_sets from '../node/kernel/detect/secret-set.ts';
import { second_set } from '../node/kernel/detect/sql-set-second.ts';
import { third_set } from '../node/kernel/detect/sql-set-third.ts';
import { first_set, type SqlGroup } from '../node/kernel/detect/sql-set.ts';
import { perCpuSecondInTurns, short } from './stats.ts';

/** `name: recall a/b, precision a/c` of a detector on labelled texts. */
export function quality(name: string, labelled: readonly { readonly text: string; readonly positive: boolean }[], detects: (text: string) => boolean): string {
  const positive = labelled.filter((one) => one.positive);
  const found = positive.filter(({ text }) => detects(text)).length;
  const wrong = labelled.filter((one) => !one.positive && detects(one.text)).length;
  const precision = found + wrong === 0 ? 1 : found / (found + wrong);
  return `${name.padEnd(40)} recall ${short(found / Math.max(positive.length, 1))} (${found}/${positive.length})   precision ${short(precision)} (${wrong} of ${labelled.length - positive.length} blocked falsely)`;
}

/** Microseconds that half of the texts stay under, each the best of a few runs, which is what the code costs without the machine's other work. */
export function medianMicroseconds(texts: readonly string[], work: (text: string) => unknown): number {
  const durations = texts.map((text) => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 7; run += 1) {
      const since = performance.now();
      work(text);
      best = Math.min(best, performance.now() - since);
    }
    return best * 1000;
  });
  return durations.toSorted((a, b) => a - b)[Math.floor(durations.length / 2)] ?? 0;
}

/** A line for each of several works over the same texts, in turns. */
export async function throughput(texts: readonly string[], works: Readonly<Record<string, (text: string) => unknown>>): Promise<readonly string[]> {
  const all = Object.values(works).map((work) => (index: number): unknown => work(texts[index % texts.length] ?? ''));
  const rates = await perCpuSecondInTurns(5_000, all);
  return Object.entries(works).map(([name, work], index) => `${name.padEnd(58)} p50 ${short(medianMicroseconds(texts, work)).padStart(7)} µs   ${short(rates[index] ?? 0).padStart(7)}/s of one core`);
}

const textsOf = (groups: readonly SqlGroup[]): { text: string; positive: boolean }[] => groups.flatMap(({ destructive, statements }) => statements.map((text) => ({ text, positive: destructive })));

async function benchSql(print: (text: string) => void): Promise<void> {
  const sets = { first: first_set, second: second_set, third: third_set };
  for (const [name, set] of Object.entries(sets)) {
    for (const dialect of sql_dialects) print(quality(`sql, ${name} set, ${dialect}`, textsOf(set[dialect]), (text) => sqlFacets(text, dialect).destructive));
  }
  await loadModule();
  const texts = (dialect: SqlDialect): string[] => Object.values(sets).flatMap((set) => textsOf(set[dialect])).map(({ text }) => text);
  const postgresql = texts('postgresql');
  const lines = await throughput(postgresql, {
    'sql, dialect known (PostgreSQL)': (text) => sqlFacets(text, 'postgresql'),
    'sql, dialect not known': (text) => sqlFacets(text),
    'sql found in a payload': (text) => sqlIn([{ field: 'sql', text }], 'call'),
    'libpg-query, parse alone': (text) => {
      try {
        return parseSync(text);
      } catch {
        return undefined;
      }
    },
  });
  for (const line of lines) print(line);
  const sentence = 'Please update the quarterly report and select the figures that the board wants to see before we meet on Tuesday. '.repeat(9);
  for (const line of await throughput([sentence], { 'sql looked for in 1 kB of prose': (text) => sqlIn([{ field: 'body', text }], 'call') })) print(line);
}

/** Sets and detectors of personal data, secrets and injections, under the names of the report. */
const text_detectors = {
  'personal data': { sets: pii_sets, detects: (text: string): boolean => findPii(text).length > 0 },
  secrets: { sets: secret_sets, detects: (text: string): boolean => findSecrets(text).length > 0 },
  injection: { sets: injection_sets, detects: (text: string): boolean => injectionSignals(text).score >= 0.5 },
} as const;

async function benchTexts(print: (text: string) => void): Promise<void> {
  for (const [name, { sets: { developed, held_out }, detects }] of Object.entries(text_detectors)) {
    for (const [which, set] of Object.entries({ developed, 'held-out': held_out })) {
      print(quality(`${name}, ${which} set`, set.map(({ kind, text }) => ({ text, positive: kind !== 'clean' })), detects));
    }
    for (const line of await throughput(developed.map(({ text }) => text), { [name]: detects })) print(line);
  }
  const folder = process.cwd();
  for (const line of await throughput(['package.json', 'node/kernel/kernel.ts', '../x', 'node/none/deep.ts'], { 'path against a folder': (path) => pathOutside([path], [folder], folder) })) print(line);
}

/** Precision, recall and throughput of the detectors. */
export async function benchDetectors(_home: string, print: (text: string) => void): Promise<void> {
  await benchSql(print);
  await benchTexts(print);
}
