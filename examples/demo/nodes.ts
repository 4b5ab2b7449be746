/** The demo's node processes: started, asked through their control sockets, stopped and killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { messageOf, unwrap, type Result } from '../../crypto/result.ts';
import type { ControlApi, ControlMethod } from '../../node/control/api.ts';
import { controlClient } from '../../node/control/client.ts';

const launcher = fileURLToPath(new URL('../../node/cli/launch.js', import.meta.url));
const start_ms_max = 20_000;

// Below the ports that systems give to outgoing connections, one of which could take the port before the node does.
const first_port = 20_000;
const ports = 10_000;

/** A port of the loopback interface that nobody listens on. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(first_port, first_port + ports);
    const is_free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (is_free) return port;
  }
}

/** One node process with its own data folder and port. */
export class NodeProcess {
  readonly name: string;
  readonly folder: string;
  readonly #port: number;
  readonly #join: readonly string[];
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(name: string, folder: string, port: number, join: readonly string[]) {
    this.name = name;
    this.folder = folder;
    this.#port = port;
    this.#join = join;
  }

  /** A node that is not running yet, in an empty folder of its own. */
  static async prepare(name: string, home: string, join_addresses: readonly string[]): Promise<NodeProcess> {
    return new NodeProcess(name, join(home, name), await freePort(), join_addresses);
  }

  /** Starts the process and waits until it answers. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [
      launcher, 'up', '--name', this.name, '--data', this.folder, '--listen', `/ip4/127.0.0.1/tcp/${this.#port}`,
      ...this.#join.flatMap((address) => ['--join', address]),
    ], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
    this.#child = child;
    this.#output = '';
    child.stdout.on('data', (text) => (this.#output += String(text)));
    child.stderr.on('data', (text) => (this.#output += String(text)));
    const give_up = Date.now() + start_ms_max;
    while (Date.now() < give_up) {
      if (child.exitCode !== null) throw new Error(`${this.name} did not start: ${this.#output}`);
      if ((await this.ask('status', {})).ok) return;
      await sleep(50);
    }
    throw new Error(`${this.name} did not answer within ${start_ms_max} ms: ${this.#output}`);
  }

  /** Asks the node. */
  ask<Method extends ControlMethod>(method: Method, params: ControlApi[Method]['params']): Promise<Result<ControlApi[Method]['value']>> {
    return controlClient(join(this.folder, 'control.sock')).call(method, params, { signal: AbortSignal.timeout(30_000) });
  }

  /** Asks the node, and throws what it fails with. */
  async get<Method extends ControlMethod>(method: Method, params: ControlApi[Method]['params']): Promise<ControlApi[Method]['value']> {
    return unwrap(await this.ask(method, params));
  }

  /** What the process has printed since it started. */
  get output(): string {
    return this.#output;
  }

  get process_id(): number {
    return this.#child?.pid ?? -1;
  }

  /** Ends the process with a signal, and gives its exit code, or the signal's name. */
  async end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | string> {
    const child = this.#child;
    if (child === undefined) throw new Error(`${this.name} does not run`);
    const over = child.exitCode ?? child.signalCode;
    if (over !== null) return over;
    const ended = new Promise<number | string>((resolve) => child.once('exit', (code, by) => resolve(code ?? by ?? 'unknown')));
    child.kill(signal);
    return ended;
  }
}

/** A temporary home for the folders of all nodes; `remove` deletes it. */
export function temporaryHome(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'agentmesh-demo-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Whether a process still exists. */
export function processExists(process_id: number): boolean {
  try {
    process.kill(process_id, 0);
    return true;
  } catch {
    return false;
  }
}

/** Asks again every 20 ms until the answer is good enough, and gives it with the time that it took. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, limit_ms = 10_000): Promise<{ readonly value: T; readonly took_ms: number }> {
  const since = performance.now();
  let last = '';
  while (performance.now() - since < limit_ms) {
    try {
      const value = await ask();
      if (value !== undefined) return { value, took_ms: Math.round(performance.now() - since) };
    } catch (error) {
      last = `: ${messageOf(error)}`;
    }
    await sleep(20);
  }
  throw new Error(`${what}: not within ${limit_ms} ms${last}`);
}
