/**
 * The thread of one QuickJS program. QuickJS runs as WebAssembly, so the program
 * sees no object of ours: only texts cross, through the two functions below.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { getQuickJS, type QuickJSContext, type QuickJSHandle, type QuickJSRuntime } from 'quickjs-emscripten';
import type { FromQuickJs, QuickJsStart, ToQuickJs } from './quickjs-messages.ts';

const stack_bytes = 512 * 1024;
/** How long the thread is parked before it looks again whether it may go on. */
const park_ms = 1000;

// Runs inside of the sandbox, before the program: what a program does to these objects it does to itself.
const prelude = `((call, print, returned, failed) => {
  const { parse, stringify } = JSON;
  const waiting = new Map();
  let next = 1;
  const text = (value) => { const made = stringify(value); return made === undefined ? 'null' : made; };
  globalThis.agentmesh = Object.freeze({
    call: (action, data = null) => new Promise((resolve, reject) => {
      const id = next++;
      call(id, text({ action, data }));
      waiting.set(id, { resolve, reject });
    }),
  });
  const line = (stream) => (...values) => print(stream, values.map((value) => (typeof value === 'string' ? value : text(value))).join(' '));
  globalThis.console = Object.freeze({ log: line('stdout'), info: line('stdout'), debug: line('stdout'), warn: line('stderr'), error: line('stderr') });
  const answer = (id, ok, answered) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    const value = parse(answered);
    if (ok) return resolve(value);
    reject(Object.assign(new Error(value.reason), { name: 'Denied', code: value.code, rule: value.rule }));
  };
  const run = (program) => { program().then((value) => returned(text(value))).catch((error) => failed(String(error && error.message !== undefined ? error.name + ': ' + error.message : error))); };
  return { answer, run };
})`;

function isStart(value: unknown): value is QuickJsStart {
  return typeof value === 'object' && value !== null && 'program' in value && 'gate' in value;
}

class Program {
  readonly #start: QuickJsStart;
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  #answer: QuickJSHandle | undefined;
  #waiting = 0;
  #ended = false;

  constructor(start: QuickJsStart, runtime: QuickJSRuntime) {
    this.#start = start;
    this.#runtime = runtime;
    this.#context = runtime.newContext();
    const gate = new Int32Array(start.gate);
    runtime.setMemoryLimit(start.memory_bytes);
    runtime.setMaxStackSize(stack_bytes);
    runtime.setInterruptHandler(() => {
      park(gate);
      return false;
    });
  }

  run(): void {
    const context = this.#context;
    const text = (handle: QuickJSHandle): string => this.#textOf(handle);
    const functions = [
      context.newFunction('call', (id, request) => {
        this.#post({ kind: 'call', id: context.getNumber(id), text: text(request) });
        this.#waiting += 1;
      }),
      context.newFunction('print', (stream, line) => this.#post({ kind: 'print', stream: context.getString(stream) === 'stderr' ? 'stderr' : 'stdout', text: `${text(line)}\n` })),
      context.newFunction('returned', (value) => this.#end({ kind: 'returned', text: text(value) })),
      context.newFunction('failed', (reason) => this.#end({ kind: 'failed', code: 'PROGRAM_FAILED', reason: text(reason) })),
    ];
    try {
      const made = context.unwrapResult(context.callFunction(context.unwrapResult(context.evalCode(prelude, 'prelude.js')), context.undefined, functions));
      this.#answer = context.getProp(made, 'answer');
      const program = context.unwrapResult(context.evalCode(`(async () => {${this.#start.program}\n})`, 'program.js'));
      context.unwrapResult(context.callFunction(context.getProp(made, 'run'), context.undefined, program)).dispose();
      this.#pump();
    } catch (error) {
      this.#end({ kind: 'failed', code: 'PROGRAM_FAILED', reason: reasonOf(error) });
    }
  }

  /** The answer to a call of the program. */
  answer({ id, ok, text }: ToQuickJs): void {
    if (this.#ended || this.#answer === undefined) return;
    const context = this.#context;
    this.#waiting -= 1;
    try {
      context.unwrapResult(context.callFunction(this.#answer, context.undefined, context.newNumber(id), ok ? context.true : context.false, context.newString(text))).dispose();
      this.#pump();
    } catch (error) {
      this.#end({ kind: 'failed', code: 'PROGRAM_FAILED', reason: reasonOf(error) });
    }
  }

  #pump(): void {
    const jobs = this.#runtime.executePendingJobs();
    if (jobs.error !== undefined) {
      const failure: unknown = jobs.error.context.dump(jobs.error);
      jobs.error.dispose();
      this.#end({ kind: 'failed', code: 'PROGRAM_FAILED', reason: JSON.stringify(failure) });
    }
    if (!this.#ended && this.#waiting === 0) this.#end({ kind: 'failed', code: 'PROGRAM_FAILED', reason: 'the program waits for something that cannot come' });
  }

  /** A text of the program, measured before it is copied. */
  #textOf(handle: QuickJSHandle): string {
    const context = this.#context;
    if (context.typeof(handle) !== 'string') return '';
    const length = context.getProp(handle, 'length').consume((value) => context.getNumber(value));
    if (length > this.#start.message_bytes) throw new Error(`a message has at most ${this.#start.message_bytes} bytes, this one ${length}`);
    return context.getString(handle);
  }

  #end(last: FromQuickJs): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#post(last);
  }

  #post(message: FromQuickJs): void {
    parentPort?.postMessage(message);
  }
}

/** Holds the thread while the program is stopped. */
function park(gate: Int32Array): void {
  while (Atomics.load(gate, 0) === 1) Atomics.wait(gate, 0, 1, park_ms);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

const start: unknown = workerData;
if (isStart(start)) {
  const program = new Program(start, (await getQuickJS()).newRuntime());
  parentPort?.on('message', (answer: ToQuickJs) => {
    park(new Int32Array(start.gate));
    program.answer(answer);
  });
  program.run();
}
