/** Real node processes for tests, each with a data folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, unwrap, type Result } from '../../crypto/result.ts';
import type { ControlApi, ControlMethod } from '../../node/control/api.ts';
import { controlClient } from '../../node/control/client.ts';
import { controlSocketPath } from '../../node/control/socket.ts';
import { launch } from './run-cli.ts';

/** How long a node may take to start, and several to meet. */
export const start_ms_max = 30_000;

/** Asks again and again until there is an answer. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, limit_ms = 30_000): Promise<T> {
  const end = performance.now() + limit_ms;
  let last = '';
  while (performance.now() < end) {
    try {
      const value = await ask();
      if (value !== undefined) return value;
    } catch (error) {
      last = `: ${messageOf(error)}`;
    }
    await sleep(50);
  }
  throw new Error(`${what}: not within ${limit_ms} ms${last}`);
}

/** How a node process is started. */
export interface NodeProcessPlan {
  readonly name: string;
  readonly folder: string;
  /** 0 for a free one. */
  readonly port: number;
  readonly join?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** A node process with its own folder. */
export class NodeProcess {
  readonly folder: string;
  readonly #child: ChildProcess;
  #output = '';

  constructor({ name, folder, port, join, env = {} }: NodeProcessPlan) {
    this.folder = folder;
    const joining = join === undefined ? [] : ['--join', join];
    this.#child = spawn(process.execPath, [launch, 'up', '--name', name, '--data', folder, '--listen', `/ip4/127.0.0.1/tcp/${port}`, ...joining], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', (chunk: Buffer) => { this.#output += chunk.toString(); });
  }

  ask<Method extends ControlMethod>(method: Method, params: ControlApi[Method]['params']): Promise<Result<ControlApi[Method]['value']>> {
    return controlClient(controlSocketPath(this.folder)).call(method, params, { signal: AbortSignal.timeout(20_000) });
  }

  async get<Method extends ControlMethod>(method: Method, params: ControlApi[Method]['params']): Promise<ControlApi[Method]['value']> {
    return unwrap(await this.ask(method, params));
  }

  /** Waits until it answers, and gives the address at which it listens. */
  async started(): Promise<string> {
    const address = await until('a node starts', async () => {
      if (this.#child.exitCode !== null) throw new Error(this.#output);
      const status = await this.ask('status', {});
      return status.ok ? status.value.addresses[0] : undefined;
    }, start_ms_max);
    return address;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
