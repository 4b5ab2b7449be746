/** Long searches for differences: `node test/fuzz/main.ts policy|analysis [--runs N] [--seed S]`. */
import { parseArgs } from 'node:util';
import type { CompileOptions } from '../../node/kernel/policy/compile.ts';
import { fuzzAnalysis } from './analysis.ts';
import { fuzzPolicy, type FuzzReport } from './policy.ts';

const runs_default = { policy: 100_000, analysis: 2_000 } as const;
const languages: readonly CompileOptions[] = [
  { strict: false, mode: 'policy' }, { strict: true, mode: 'policy' }, { strict: false, mode: 'cel' },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string' }, seed: { type: 'string', default: String(Date.now() % 2 ** 31) } },
});
const [part, ...rest] = positionals;
const seed = Number(values.seed);
if ((part !== 'policy' && part !== 'analysis') || rest.length > 0 || !Number.isSafeInteger(Number(values.runs ?? 1)) || !Number.isSafeInteger(seed)) {
  console.error('usage: node test/fuzz/main.ts policy|analysis [--runs N] [--seed S]');
  process.exitCode = 2;
} else {
  const runs = Number(values.runs ?? runs_default[part]);
  if (part === 'analysis') report('analysis', fuzzAnalysis({ runs, seed }));
  else for (const options of languages) report(`${options.mode ?? 'policy'}${options.strict ? ', strict' : ''}`, fuzzPolicy({ runs, seed }, options));
}

function report(name: string, { runs, difference }: FuzzReport): void {
  console.log(`${name}: ${runs} runs from seed ${seed}: ${difference ?? 'no difference'}`);
  if (difference !== undefined) process.exitCode = 1;
}
