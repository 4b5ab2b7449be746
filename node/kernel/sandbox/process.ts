/**
 * A program as a process group of its own. It talks to the kernel over file
 * descriptor 3, one JSON object a line: `{"id": 1, "action": {…}, "data": …}`
 * is a call, answered by `{"id": 1, "ok": true, "value": …}` or `{"id": 1, "ok": false,
 * "code": …, "reason": …, "rule": …}`; `{"result": …}` hands in its result.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { Duplex, type Readable } from 'node:stream';
import { isFields } from '../../../crypto/canonical.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../../crypto/result.ts';
import { Border, type BorderAnswer } from './border.ts';
import { descendantsOf } from './descendants.ts';
import type { Sandboxed, SandboxEnd, SandboxParts } from './index.ts';
import { wrapperOf, type ProcessProgram } from './wrapper.ts';

/** The descriptor of the channel, told to the program as `AGENTMESH_CHANNEL`. */
export const channel_descriptor = 3;

/** How long what a program has printed is still waited for after its end. */
const drain_ms_max = 1000;

/** A process, and whether its streams are those of our own process. */
export interface ProcessPlan extends ProcessProgram {
  readonly tier: 'none' | 'process' | 'bwrap';
  readonly stdio: 'piped' | 'inherited';
}

/** Starts a program. Fails with `SANDBOX_UNAVAILABLE` or `PROGRAM_UNKNOWN`; what fails later is in `done`. */
export function startProcess(plan: ProcessPlan, parts: SandboxParts): Result<Sandboxed> {
  const environment = { ...plan.environment, AGENTMESH_CHANNEL: String(channel_descriptor) };
  const line = wrapperOf(plan.tier, { ...plan, environment }, parts.limits);
  if (!line.ok) return line;
  const own = plan.stdio === 'inherited';
  const child = spawn(line.value.command, line.value.args, {
    cwd: plan.workspace,
    env: environment,
    // A group of its own, so that signals reach all that it starts.
    detached: true,
    stdio: own ? ['inherit', 'inherit', 'inherit', 'pipe'] : ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  return ok(new ProcessRun(plan.tier, child, parts));
}

class ProcessRun implements Sandboxed {
  readonly tier: ProcessPlan['tier'];
  readonly done: Promise<Result<SandboxEnd>>;
  readonly #child: ChildProcess;
  readonly #border: Border;
  readonly #settle: (result: Result<SandboxEnd>) => void;
  readonly #message_bytes: number;
  #result: string | undefined;
  #failure: Failure | undefined;

  constructor(tier: ProcessPlan['tier'], child: ChildProcess, { clock, limits, port }: SandboxParts) {
    this.tier = tier;
    this.#child = child;
    this.#border = new Border(port, limits);
    this.#message_bytes = limits.message_bytes;
    const { promise, resolve } = Promise.withResolvers<Result<SandboxEnd>>();
    this.done = promise;
    const cancel = clock.after(limits.wall_ms, () => this.kill({ code: 'SANDBOX_TIMEOUT', reason: `the program ran longer than ${limits.wall_ms} ms`, fix: 'give it more time, or less to do' }));
    this.#settle = (result) => {
      cancel();
      resolve(result);
    };
    for (const stream of ['stdout', 'stderr'] as const) this.#print(stream, child[stream]);
    const channel: unknown = child.stdio[channel_descriptor];
    if (channel instanceof Duplex) this.#serve(channel);
    child.on('error', (error) => this.#settle(fail('PROGRAM_FAILED', `the program cannot be started: ${messageOf(error)}`)));
    child.on('exit', (code, signal) => {
      // What it has started and left behind must not outlive it.
      this.#signal('SIGKILL');
      // Somebody who left the group may hold its streams open.
      clock.after(drain_ms_max, () => this.#ended(code, signal));
    });
    child.on('close', (code, signal) => this.#ended(code, signal));
  }

  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  kill(why: Failure): void {
    this.#failure ??= why;
    this.#signal('SIGKILL');
  }

  /** Sends a signal to everything in the group, what the program has started too, and to who has left the group. */
  #signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined) return;
    const left = exitCode === null && signalCode === null ? descendantsOf(pid) : [];
    send(-pid, name);
    for (const each of left) send(each, name);
    if (name === 'SIGCONT') return;
    // What was started meanwhile; who is held or dead starts nothing more.
    const late = left.length === 0 ? [] : descendantsOf(pid).filter((each) => !left.includes(each));
    for (const each of late) send(each, name);
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    // Who left the group would have a way in after the end, and keep our own process from ending.
    for (const stream of this.#child.stdio) stream?.destroy();
    if (this.#failure !== undefined) this.#settle({ ok: false, failure: this.#failure });
    else if (code === null) this.#settle(fail('SANDBOX_FAILED', `the program was ended by ${signal ?? 'a signal'}`, { fix: 'it may have used more memory or processor time than it was given' }));
    else this.#settle(this.#border.ended(this.#result, code));
  }

  #print(stream: 'stdout' | 'stderr', readable: Readable | null): void {
    readable?.setEncoding('utf8');
    readable?.on('data', (text: string) => this.#border.print(stream, text));
  }

  #serve(channel: Duplex): void {
    let rest = '';
    // The program may have gone while it is answered.
    channel.on('error', () => undefined);
    // Who does not read the answers is not listened to until he does.
    const answer = (given: BorderAnswer): void => {
      if (!channel.write(`${answerText(given)}\n`)) channel.pause();
    };
    channel.on('drain', () => channel.resume());
    channel.setEncoding('utf8');
    channel.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > this.#message_bytes) {
        this.kill({ code: 'SANDBOX_MESSAGE', reason: `a message has at most ${this.#message_bytes} characters` });
        rest = '';
      }
      for (const line of lines) this.#message(line, answer);
    });
  }

  #message(line: string, answer: (answer: BorderAnswer) => void): void {
    const read = this.#border.read(line);
    if (!read.ok || !isFields(read.value)) return this.kill({ code: 'SANDBOX_MESSAGE', reason: read.ok ? 'a message is a JSON object' : read.failure.reason });
    const { id, result } = read.value;
    if (typeof id === 'number') void this.#border.call(id, line, answer);
    else this.#result = JSON.stringify(result ?? null);
  }
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

function answerText({ id, ok: is_ok, text }: BorderAnswer): string {
  return is_ok ? `{"id":${id},"ok":true,"value":${text}}` : `{"id":${id},"ok":false,${text.slice(1)}`;
}
