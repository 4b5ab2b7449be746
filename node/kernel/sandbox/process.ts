/**
 * A program as a process group of its own. It talks to the kernel over file
 * descriptor 3, one JSON object a line: `{"id": 1, "action": {…}, "data": …}`
 * is a call, answered by `{"id": 1, "ok": true, "value": …}` or `{"id": 1, "ok": false,
 * "code": …, "reason": …, "rule": …}`; `{"result": …}` hands in its result.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Duplex, type Readable } from 'node:stream';
import { toHex } from '../../../crypto/bytes.ts';
import { isFields } from '../../../crypto/canonical.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../../crypto/result.ts';
import { system_random } from '../../clock.ts';
import { Border, type BorderAnswer } from './border.ts';
import { filter_descriptor, hasRun, status_descriptor, whyNotRun } from './bubblewrap.ts';
import { mark_variable, startedBy, startOf } from './descendants.ts';
import type { Sandboxed, SandboxEnd, SandboxParts } from './index.ts';
import { inheritedDescriptors } from './inherited.ts';
import { wrapperOf, type CommandLine, type ProcessProgram } from './wrapper.ts';

/** The descriptor of the channel, told to the program as `AGENTMESH_CHANNEL`. */
export const channel_descriptor = 3;

/** How long what a program has printed is still waited for after its end. */
const drain_ms_max = 1000;
/** How often those are looked for who were started while the others were signalled. */
const signal_rounds_max = 16;
/** What bubblewrap says of a program, in characters. */
const status_characters_max = 4096;
/** A descriptor beyond this cannot be kept from a program. */
const covered_descriptor_max = 65_535;

/** A process, and whether its streams are those of our own process. */
export interface ProcessPlan extends ProcessProgram {
  readonly tier: 'none' | 'process' | 'bwrap';
  readonly stdio: 'piped' | 'inherited';
}

/**
 * Starts a program. Fails with `SANDBOX_UNAVAILABLE`, `PROGRAM_UNKNOWN`, `WORKSPACE_FORBIDDEN` or `WORKSPACE_MISSING`; what fails
 * later is in `done`.
 */
export function startProcess(plan: ProcessPlan, parts: SandboxParts): Result<Sandboxed> {
  const mark = toHex(system_random.bytes(16));
  const environment = {
    // Under bubblewrap there is no home, and the programs of many need one.
    ...(plan.tier === 'bwrap' ? { HOME: '/tmp' } : {}),
    ...plan.environment, AGENTMESH_CHANNEL: String(channel_descriptor), [mark_variable]: mark,
  };
  const line = wrapperOf(plan.tier, { ...plan, environment }, parts.limits);
  if (!line.ok) return line;
  const inherited = inheritedDescriptors();
  const beyond = inherited.find((descriptor) => descriptor > covered_descriptor_max);
  if (beyond !== undefined) return fail('SANDBOX_UNAVAILABLE', `descriptor ${beyond} of this process is open to every program that it starts`, { fix: `start this process without it: ${beyond}>&-` });
  const nothing = openSync('/dev/null', 'r+');
  const child = spawn(line.value.command, line.value.args, {
    cwd: plan.workspace,
    env: environment,
    // A group of its own, so that signals reach all that it starts.
    detached: true,
    stdio: streamsOf(plan.stdio, line.value, inherited, nothing),
  });
  closeSync(nothing);
  return ok(new ProcessRun(plan.tier, child, line.value, mark, parts));
}

/** The descriptors of a program; over those that it would inherit, nothing is laid. */
function streamsOf(stdio: ProcessPlan['stdio'], { bubblewrap }: CommandLine, inherited: readonly number[], nothing: number): StdioOptions {
  const given = [
    ...(stdio === 'inherited' ? ['inherit', 'inherit', 'inherit'] as const : ['ignore', 'pipe', 'pipe'] as const), 'pipe' as const,
    ...(bubblewrap === undefined ? [] : ['pipe', 'pipe'] as const),
  ];
  return Array.from({ length: Math.max(given.length, ...inherited.map((descriptor) => descriptor + 1)) }, (_, i) => given[i] ?? (inherited.includes(i) ? nothing : 'ignore'));
}

class ProcessRun implements Sandboxed {
  readonly tier: ProcessPlan['tier'];
  readonly done: Promise<Result<SandboxEnd>>;
  readonly #child: ChildProcess;
  readonly #bubblewrap: CommandLine['bubblewrap'];
  readonly #mark: string;
  readonly #since: number;
  readonly #border: Border;
  readonly #settle: (result: Result<SandboxEnd> | Promise<Result<SandboxEnd>>) => void;
  readonly #message_bytes: number;
  #result: string | undefined;
  #status = '';
  #failure: Failure | undefined;
  #is_over = false;

  constructor(tier: ProcessPlan['tier'], child: ChildProcess, { bubblewrap }: CommandLine, mark: string, { clock, limits, port }: SandboxParts) {
    this.tier = tier;
    this.#child = child;
    this.#bubblewrap = bubblewrap;
    this.#mark = mark;
    this.#since = child.pid === undefined ? 0 : startOf(child.pid);
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
    if (bubblewrap !== undefined) this.#confine(bubblewrap.filter);
    child.on('error', (error) => this.#settle(fail('PROGRAM_FAILED', `the program cannot be started: ${messageOf(error)}`)));
    child.on('exit', (code, signal) => {
      // What it has started and left behind must not outlive it.
      this.#signal('SIGKILL');
      // Somebody who left the group may hold its streams open.
      const stop_waiting = clock.after(drain_ms_max, () => this.#ended(code, signal));
      child.on('close', () => {
        stop_waiting();
        this.#ended(code, signal);
      });
    });
  }

  pause(): void {
    // What cannot be stopped must not run.
    if (!this.#signal('SIGSTOP')) this.kill({ code: 'SANDBOX_KILLED', reason: 'the program starts others faster than they can be stopped' });
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  kill(why: Failure): void {
    this.#failure ??= why;
    this.#signal('SIGKILL');
  }

  /** Gives bubblewrap its filter, and listens to what it says of the program. */
  #confine(filter: Uint8Array): void {
    const streams: readonly unknown[] = this.#child.stdio;
    const [given, status] = [streams[filter_descriptor], streams[status_descriptor]];
    if (!(given instanceof Duplex) || !(status instanceof Duplex)) return;
    // It may end before it has read.
    given.on('error', () => undefined);
    given.end(filter);
    status.on('error', () => undefined);
    status.on('data', (bytes: Buffer) => { this.#status = (this.#status + bytes.toString('latin1')).slice(-status_characters_max); });
  }

  /** Sends a signal to everything in the group, what the program has started too, and to who has left the group: whether nobody new was found at last. */
  #signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    // After its end the number may be another's.
    if (pid === undefined || this.#is_over) return true;
    send(-pid, name);
    const reached = new Set<number>();
    for (let round = 0; round < signal_rounds_max; round += 1) {
      // What bubblewrap has started is among the descendants, and ends with it.
      const is_running = exitCode === null && signalCode === null;
      const started = startedBy({ pid: is_running ? pid : undefined, mark: this.tier === 'bwrap' ? undefined : this.#mark, since: this.#since });
      const fresh = started.filter((each) => !reached.has(each));
      for (const each of fresh) send(each, name);
      // Who is held or dead starts nothing more; who goes on may.
      if (fresh.length === 0 || name === 'SIGCONT') return true;
      for (const each of fresh) reached.add(each);
    }
    return false;
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#is_over) return;
    this.#is_over = true;
    // Who left the group would have a way in after the end, and keep our own process from ending.
    for (const stream of this.#child.stdio) stream?.destroy();
    if (this.#failure !== undefined) this.#settle({ ok: false, failure: this.#failure });
    else if (code === null) this.#settle(fail('SANDBOX_FAILED', `the program was ended by ${signal ?? 'a signal'}`, { fix: 'it may have used more memory or processor time than it was given' }));
    else if (this.#bubblewrap !== undefined && !hasRun(this.#status)) this.#settle(whyNotRun(this.#bubblewrap.path));
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
    // What was on its way when the program was ended is not done any more.
    if (this.#failure !== undefined || this.#is_over) return;
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
