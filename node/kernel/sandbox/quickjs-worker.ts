/**
 * The thread of one QuickJS program. QuickJS runs as WebAssembly, so the program
 * sees no object of ours: only texts cross, through the two functions below.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { newQuickJSWASMModuleFromVariant, newVariant, RELEASE_SYNC, type QuickJSContext, type QuickJSHandle, type QuickJSRuntime } from 'quickjs-emscripten';
import { stopped_word, unheard_messages_max, unheard_word, type FromQuickJs, type QuickJsStart, type ToQuickJs } from './quickjs-messages.ts';

const stack_bytes = 512 * 1024;
/** How long the thread is parked before it looks again whether it may go on. */
const park_ms = 1000;
/** Of the language, though no library of types that we use has it. */
declare const WebAssembly: { readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => object };
/** A page of WebAssembly, how many QuickJS begins with, and how many it can have at most. */
const [page_bytes, first_pages, pages_max] = [65_536, 256, 32_768];

// Runs inside of the sandbox, before the program: what a program does to these objects it does to itself.
const prelude = `((call, print, returned, failed) => {
  const { parse, stringify } = JSON;
  const waiting = new Map();
  let next = 1;
  const text = (value) => { const made = stringify(value); return made === undefined ? 'null' : made; };
  globalThis.agentmesh = Object.freeze({
    call: (action, data = null) => new Promise((resolve, reject) => {
      const id = next++;
      if (!call(id, text({ action, data }))) throw Object.assign(new Error('too many calls are under way: await some of them first'), { name: 'Denied', code: 'SANDBOX_OVERLOADED', rule: null });
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
  return typeof value === 'object' && value !== null && 'program' in value && 'words' in value;
}

class Program {
  readonly #start: QuickJsStart;
  readonly #words: Int32Array;
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  #answer: QuickJSHandle | undefined;
  #waiting = 0;
  #ended = false;

  constructor(start: QuickJsStart, runtime: QuickJSRuntime) {
    this.#start = start;
    this.#runtime = runtime;
    this.#context = runtime.newContext();
    this.#words = new Int32Array(start.words);
    runtime.setMemoryLimit(memoryOf(start));
    runtime.setMaxStackSize(stack_bytes);
    runtime.setInterruptHandler(() => {
      park(this.#words);
      return false;
    });
  }

  run(): void {
    const context = this.#context;
    const text = (handle: QuickJSHandle): string => this.#textOf(handle);
    const functions = [
      context.newFunction('call', (id, request) => {
        // Refused here, else their answers would fill a queue that a program in a loop never looks into.
        if (this.#waiting >= this.#start.calls) return context.false;
        this.#post({ kind: 'call', id: context.getNumber(id), text: text(request) });
        this.#waiting += 1;
        return context.true;
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
      const given = [context.newNumber(id), ok ? context.true : context.false, context.newString(text)];
      const answered = context.callFunction(this.#answer, context.undefined, ...given);
      for (const handle of given) handle.dispose();
      context.unwrapResult(answered).dispose();
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

  /** Sends a message as soon as there is room for it. */
  #post(message: FromQuickJs): void {
    const words = this.#words;
    park(words);
    while (Atomics.load(words, unheard_word) >= unheard_messages_max) Atomics.wait(words, unheard_word, unheard_messages_max, park_ms);
    Atomics.add(words, unheard_word, 1);
    parentPort?.postMessage(message);
  }
}

/** Holds the thread while the program is stopped. */
function park(words: Int32Array): void {
  while (Atomics.load(words, stopped_word) === 1) Atomics.wait(words, stopped_word, 1, park_ms);
}

function memoryOf({ memory_bytes }: QuickJsStart): number {
  return Math.min(memory_bytes, (pages_max - first_pages) * page_bytes);
}

/** QuickJS with no more memory than the program may use: built for WebAssembly it does not know how large what it has allocated is, and its own limit holds for single pieces alone. */
async function boundedRuntime(start: QuickJsStart): Promise<QuickJSRuntime> {
  const memory = new WebAssembly.Memory({ initial: first_pages, maximum: first_pages + Math.ceil(memoryOf(start) / page_bytes) });
  return (await newQuickJSWASMModuleFromVariant(newVariant(RELEASE_SYNC, { wasmMemory: memory }))).newRuntime();
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

const start: unknown = workerData;
if (isStart(start)) {
  const program = new Program(start, await boundedRuntime(start));
  parentPort?.on('message', (answer: ToQuickJs) => {
    park(new Int32Array(start.words));
    program.answer(answer);
  });
  program.run();
}
