/**
 * uvu with two habits added: every test has a deadline and says its name when
 * it misses it, and every test gets a folder that is removed afterwards.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite as uvuSuite } from 'uvu';

const deadline_ms = 60_000;

/** What a test is given. */
export interface TestContext {
  /** An empty folder of the test's own, made when first asked for. */
  folder(): string;
  /** Runs after the test, last registered first, also when it fails. */
  after(clean: () => void | Promise<void>): void;
}

/** Declares a test; `ms` replaces the default deadline of 60 s. */
export interface Test {
  (name: string, body: (context: TestContext) => void | Promise<void>, options?: { ms?: number }): void;
  /** Declares a test that cannot run here, and prints why. */
  skip(name: string, why: string): void;
  /** Ends the suite's declarations. */
  run(): void;
}

async function withDeadline(name: string, limit_ms: number, body: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`"${name}" took longer than its ${limit_ms} ms`)), limit_ms);
  });
  try {
    await Promise.race([body, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A group of tests, named after the file that it tests. */
export function suite(group: string): Test {
  const group_suite = uvuSuite(group);
  let declared = 0;
  const test: Test = (name, body, options = {}) => {
    declared += 1;
    group_suite(name, async () => {
      const cleaners: (() => void | Promise<void>)[] = [];
      const context: TestContext = {
        folder() {
          const folder = mkdtempSync(join(tmpdir(), 'agentmesh-test-'));
          cleaners.push(() => rmSync(folder, { recursive: true, force: true }));
          return folder;
        },
        after: (clean) => void cleaners.push(clean),
      };
      try {
        await withDeadline(`${group}: ${name}`, options.ms ?? deadline_ms, Promise.resolve(body(context)));
      } finally {
        for (const clean of cleaners.reverse()) await clean();
      }
    });
  };
  test.skip = (name, why) => {
    console.log(`skipped: ${group}: ${name}: ${why}`);
    declared += 1;
    group_suite.skip(name, () => undefined);
  };
  test.run = () => {
    if (declared === 0) throw new Error(`${group} has no test`);
    group_suite.run();
  };
  return test;
}
