/** Untrusted JavaScript in QuickJS, in a thread of its own, so that a loop without end blocks nobody and can be ended at once. */
import { Worker } from 'node:worker_threads';
import { fail, messageOf, type Failure, type Result } from '../../../crypto/result.ts';
import type { Sandboxed, SandboxEnd, SandboxParts } from './index.ts';
import { Border } from './border.ts';
import { stopped_word, unheard_word, type FromQuickJs, type QuickJsStart, type ToQuickJs } from './quickjs-messages.ts';

// The compiled package has the worker beside it as JavaScript.
const worker_file = new URL(import.meta.url.endsWith('.ts') ? './quickjs-worker.ts' : './quickjs-worker.js', import.meta.url);
/** The worker's own heap, outside of the program's memory: for the copies of its messages. */
const worker_heap_mb = 128;

/**
 * Starts a program: the body of an async function, which may call
 * `await agentmesh.call(action, data)` and `console.log`, and whose value is its
 * result. It has the language's own objects and nothing of the host.
 */
export function startQuickJs(program: string, { clock, limits, port }: SandboxParts): Sandboxed {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const start: QuickJsStart = { program, memory_bytes: limits.memory_bytes, message_bytes: limits.message_bytes, calls: limits.calls, words: words.buffer };
  const worker = new Worker(worker_file, { workerData: start, env: {}, stdin: false, resourceLimits: { maxOldGenerationSizeMb: worker_heap_mb } });
  const border = new Border(port, limits);
  const { promise, resolve } = Promise.withResolvers<Result<SandboxEnd>>();
  let over = false;
  const end = (result: Result<SandboxEnd>): void => {
    over = true;
    cancel();
    resolve(result);
    void worker.terminate();
  };
  const kill = (why: Failure): void => end({ ok: false, failure: why });
  const cancel = clock.after(limits.wall_ms, () => kill({ code: 'SANDBOX_TIMEOUT', reason: `the program ran longer than ${limits.wall_ms} ms`, fix: 'give it more time, or less to do' }));
  const answer = (message: ToQuickJs): void => worker.postMessage(message);
  worker.on('message', (message: FromQuickJs) => {
    // Only in the next turn: else a program that never pauses would keep this very turn from ending.
    setImmediate(() => {
      Atomics.sub(words, unheard_word, 1);
      Atomics.notify(words, unheard_word);
    });
    // What was on its way when the program was ended is not done any more.
    if (over) return;
    if (message.kind === 'call') void border.call(message.id, message.text, answer);
    else if (message.kind === 'print') border.print(message.stream, message.text);
    else if (message.kind === 'failed') end(fail(message.code, message.reason.slice(0, 2000)));
    else end(border.ended(message.text, 0));
  });
  worker.on('error', (error) => end(fail('SANDBOX_FAILED', `the sandbox gave way: ${messageOf(error)}`)));
  worker.on('exit', () => end(fail('SANDBOX_FAILED', 'the sandbox ended before its program')));
  return {
    tier: 'quickjs',
    done: promise,
    pause: () => void Atomics.store(words, stopped_word, 1),
    resume() {
      Atomics.store(words, stopped_word, 0);
      Atomics.notify(words, stopped_word);
    },
    kill,
  };
}
