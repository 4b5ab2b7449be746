/** Long searches for differences: `node test/fuzz/main.ts policy [--runs N] [--seed S]`. */
import { parseArgs } from 'node:util';
import type { CompileOptions } from '../../node/kernel/policy/compile.ts';
import { fuzzPolicy } from './policy.ts';

const runs_default = 100_000;
const languages: readonly CompileOptions[] = [
  { strict: false, mode: 'policy' }, { strict: true, mode: 'policy' }, { strict: false, mode: 'cel' },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: String(runs_default) }, seed: { type: 'string', default: String(Date.now() % 2 ** 31) } },
});
const [runs, seed] = [Number(values.runs), Number(values.seed)];
if (positionals.join(' ') !== 'policy' || !Number.isSafeInteger(runs) || !Number.isSafeInteger(seed)) {
  console.error('usage: node test/fuzz/main.ts policy [--runs N] [--seed S]');
  process.exitCode = 2;
} else {
  for (const options of languages) {
    const report = fuzzPolicy({ runs, seed }, options);
    console.log(`${options.mode}${options.strict ? ', strict' : ''}: ${report.runs} runs from seed ${seed}: ${report.difference ?? 'no difference'}`);
    if (report.difference !== undefined) process.exitCode = 1;
  }
}
