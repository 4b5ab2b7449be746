/** What a person waits for: a node to listen, the CLI to answer. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unwrap } from '../../crypto/result.ts';
import { controlClient } from '../../node/control/client.ts';
import { line, measure, short } from './stats.ts';

const launcher = fileURLToPath(new URL('../../node/cli/launch.js', import.meta.url));

function cli(...words: readonly string[]): Promise<void> {
  const { status, stderr } = spawnSync(process.execPath, [launcher, ...words], { encoding: 'utf8' });
  return status === 0 ? Promise.resolve() : Promise.reject(new Error(stderr));
}

/** Starts a node and waits for its word that it is up. */
async function up(data: string): Promise<{ readonly took_ms: number; stop(): Promise<void> }> {
  const since = performance.now();
  const child = spawn(process.execPath, [launcher, 'up', '--data', data, '--listen', '/ip4/127.0.0.1/tcp/0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve) => {
    let output = '';
    child.stdout.on('data', (text) => {
      output += String(text);
      if (output.includes('Ctrl-C stops it')) resolve();
    });
  });
  return {
    took_ms: performance.now() - since,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Runs the benchmark and prints it. */
export async function benchStart(home: string, print: (text: string) => void): Promise<void> {
  const first: number[] = [];
  const again: number[] = [];
  for (let run = 0; run < 5; run += 1) {
    const data = join(home, `start-${run}`);
    const made = await up(data);
    await made.stop();
    first.push(made.took_ms);
    const node = await up(data);
    again.push(node.took_ms);
    await node.stop();
  }
  print(`up to listening, first start (keys and log are made): median ${short(median(first))} ms of ${first.length}`);
  print(`up to listening, later starts:                        median ${short(median(again))} ms of ${again.length}`);
  const data = join(home, 'start-0');
  const node = await up(data);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const status = unwrap(await controlClient(join(data, 'control.sock')).call('status', {}));
  print(`idle resident memory: ${short(status.memory_bytes / 1024 / 1024)} MiB`);
  print(line('agentmesh --help, whole process (aim: 60 ms)', await measure(20, 1, () => cli('--help'))));
  print(line('agentmesh status, whole process (aim: 150 ms)', await measure(20, 1, () => cli('status', '--data', data))));
  print(line('node -e 0, for comparison', await measure(20, 1, () => Promise.resolve(spawnSync(process.execPath, ['-e', '0'])))));
  await node.stop();
}
