/** Runs the command line for tests: as a process of its own, or within this one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { WriteStream } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { unwrap } from '../../crypto/result.ts';
import type { Screen } from '../../node/cli/context.ts';
import { application, main } from '../../node/cli/main.ts';
import { serveControl } from '../../node/control/server.ts';
import { controlSocketPath } from '../../node/control/socket.ts';
import type { TestContext } from '../harness.ts';
import { fakeMethods, type Answers } from './fake-methods.ts';

/** The entry of the command line. */
export const launch: string = fileURLToPath(new URL('../../node/cli/launch.js', import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a process of its own is run. */
export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly node?: string;
  readonly node_flags?: readonly string[];
  readonly program?: string;
}

/** Runs the command line as a process of its own. */
export async function cli(inputs: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { node = process.execPath, node_flags = [], program = launch, input = '' } = options;
  const child = spawn(node, [...node_flags, program, ...inputs], { env: { ...process.env, NO_COLOR: '1', ...options.env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); });
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code]: unknown[] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, stdout, stderr };
}

/** The moment of commands that run against {@link host}: what they show must not depend on the day of the test. */
const frozen_ms = Date.UTC(2026, 2, 1, 12);

/** The terminal and the clock that a command within this process sees. */
export interface Surroundings {
  /** Characters a line; stdout is then a terminal. */
  readonly columns?: number;
  /** The wall clock; the machine's if not given. */
  readonly now_ms?: () => number;
}

/** Runs the command line in this process, which saves the start of another one. */
export async function inside(inputs: readonly string[], env: NodeJS.ProcessEnv = {}, { columns, ...clock }: Surroundings = {}): Promise<Ended> {
  const texts = { stdout: '', stderr: '' };
  const screen = (name: 'stdout' | 'stderr'): Screen => {
    const stream = new PassThrough();
    stream.on('data', (chunk: Buffer) => { texts[name] += chunk.toString(); });
    return columns === undefined ? stream : Object.assign(stream, { isTTY: true, columns, getColorDepth: WriteStream.prototype.getColorDepth });
  };
  const host: Parameters<typeof main>[1] = { stdout: screen('stdout'), stderr: screen('stderr'), env, ...clock };
  await main(inputs, host);
  return { code: Number(host.exitCode), ...texts };
}

/** The words of every command. */
export function routes(): readonly (readonly string[])[] {
  const walk = (target: unknown, words: readonly string[]): readonly (readonly string[])[] => {
    if (typeof target !== 'object' || target === null || !('getAllEntries' in target) || typeof target.getAllEntries !== 'function') return [words];
    const entries: readonly { name: { original: string }; target: unknown }[] = target.getAllEntries();
    return entries.flatMap((entry) => walk(entry.target, [...words, entry.name.original]));
  };
  return walk(application().root, []);
}

/** Serves fake methods on a data folder of the test and returns how to run the command line against it. */
export async function host(context: TestContext, answers: Answers = {}): Promise<{
  readonly data: string;
  readonly asked: { method: string; params: unknown }[];
  run(...inputs: string[]): Promise<Ended>;
}> {
  const data = context.folder();
  const { methods, asked } = fakeMethods(answers);
  const server = unwrap(await serveControl({ socket_path: controlSocketPath(data), methods, recorder: { record: () => undefined } }));
  context.after(() => server.close());
  return { data, asked, run: (...inputs) => inside(inputs, { AGENTMESH_DATA: data }, { now_ms: () => frozen_ms }) };
}
