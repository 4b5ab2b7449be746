/**
 * Programs that `agentmesh run` has started as agents of this host: they run in
 * the terminal of whoever started them, and this node decides, records, and
 * tells the runner when to hold or end them.
 */
import { AsyncResource } from 'node:async_hooks';
import { toBase64url, toHex, utf8 } from '../crypto/bytes.ts';
import type { Json } from '../crypto/canonical.ts';
import { sha256 } from '../crypto/hash.ts';
import { fail, FailureError, messageOf, ok, type Result } from '../crypto/result.ts';
import type { Clock, Random } from '../protocols/ports.ts';
import type { HousedAgent } from './agent-house.ts';
import { indexIn } from './executions.ts';
import type { Action, Outcome, SandboxTier } from './kernel/index.ts';

/** Programs that may run at once. */
export const runs_max = 256;
/** How long a question for the next event waits before it is answered with nothing new. */
export const event_wait_ms = 10_000;
/** A runner that has not asked for so long is gone, and its run with it. */
export const runner_silence_ms = 30_000;

/** What a runner is told. */
export type RunEvent = { readonly kind: 'nothing' | 'stop' | 'continue' } | { readonly kind: 'kill'; readonly reason: string };

/** How a program ended, as its runner says. */
export interface RunEnd {
  readonly exit_code: number | null;
  readonly failure: { readonly code: string; readonly reason: string } | null;
}

/** What is asked of the kernel at the start. */
export interface RunStart {
  readonly tier: SandboxTier;
  readonly action: Action;
  readonly data: Json;
}

/** What runs use. */
export interface RunsParts {
  readonly clock: Clock;
  readonly random: Random;
}

/** A run that has begun. */
export interface Begun {
  readonly id: string;
  /** With what the program itself, rather than its runner, speaks: worth nothing after its end. */
  readonly token: string;
}

/** Who speaks with the token of a run. */
export type RunSpeaker = Pick<Run, 'agent' | 'tier' | 'within' | 'over'>;

interface Run {
  readonly agent: HousedAgent;
  readonly tier: SandboxTier;
  readonly within: AsyncResource;
  /** Aborts with the end of the run. */
  readonly over: AbortSignal;
  /** What the runner must do and has not been told: of stop and continue the last one holds, and after a kill nothing. */
  untold: RunEvent | undefined;
  heard(): void;
  wake: (() => void) | undefined;
  readonly end: (end: RunEnd) => void;
  readonly outcome: Promise<Result<Outcome<RunEnd>>>;
}

/** The programs that run as agents of this host. */
export class Runs {
  readonly #parts: RunsParts;
  readonly #runs = new Map<string, Run>();
  /** By the hash of its token, so that no comparison tells anything of one. */
  readonly #speakers = new Map<string, Run>();

  constructor(parts: RunsParts) {
    this.#parts = parts;
  }

  /** Asks the kernel whether a program may start. Fails with `RUNS_OVERLOADED`, or as the kernel does. */
  async begin(agent: HousedAgent, start: RunStart): Promise<Result<Begun>> {
    if (this.#runs.size >= runs_max) return fail('RUNS_OVERLOADED', `${runs_max} programs run already`, { fix: 'wait until one has ended' });
    const id = toBase64url(this.#parts.random.bytes(16));
    const token = toBase64url(this.#parts.random.bytes(32));
    const begun = Promise.withResolvers<Result<Begun>>();
    const { identity: { did, capabilities }, kernel } = agent;
    const outcome: Run['outcome'] = kernel.scoped(capabilities, () => kernel.run<RunEnd>({
      agent: did, action: start.action, data: start.data,
      context: { sandbox: start.tier },
      effect: (signal) => this.#running({ id, token }, agent, start.tier, signal, () => outcome, () => begun.resolve(ok({ id, token }))),
    }));
    const ended = await Promise.race([begun.promise, outcome]);
    if (!ended.ok) return ended;
    return 'id' in ended.value ? ok(ended.value) : fail('RUN_UNKNOWN', 'the run ended before it began');
  }

  async #running({ id, token }: Begun, agent: HousedAgent, tier: SandboxTier, signal: AbortSignal, outcome: () => Run['outcome'], begun: () => void): Promise<RunEnd> {
    const { clock } = this.#parts;
    const { promise, resolve, reject } = Promise.withResolvers<RunEnd>();
    const over = new AbortController();
    let cancel = (): void => undefined;
    const run: Run = {
      agent, tier, over: over.signal, within: new AsyncResource('agentmesh.run'), untold: undefined, wake: undefined, end: resolve,
      heard() {
        cancel();
        cancel = clock.after(runner_silence_ms, () => reject(new Error('whoever ran it has gone')));
      },
      outcome: Promise.resolve().then(outcome),
    };
    const tell = (event: RunEvent): void => {
      if (run.untold?.kind !== 'kill') run.untold = event;
      run.wake?.();
    };
    const observing = agent.kernel.observeSignals((info, came) => {
      if (info.agent === agent.identity.did && (came === 'stopped' || came === 'continued')) tell({ kind: came === 'stopped' ? 'stop' : 'continue' });
    });
    if (!observing.ok) throw new FailureError(observing.failure);
    const kill = (): void => tell({ kind: 'kill', reason: messageOf(signal.reason) });
    signal.addEventListener('abort', kill, { once: true });
    const speaking = toHex(sha256(utf8(token)));
    this.#runs.set(id, run);
    this.#speakers.set(speaking, run);
    run.heard();
    begun();
    try {
      const end = await promise;
      if (end.failure !== null) throw new FailureError(end.failure);
      return end;
    } finally {
      cancel();
      observing.value();
      signal.removeEventListener('abort', kill);
      run.within.emitDestroy();
      this.#runs.delete(id);
      this.#speakers.delete(speaking);
      over.abort(new Error('the run of the program has ended'));
    }
  }

  /** The program that a token was given to, while it runs. */
  speaker(token: string): RunSpeaker | undefined {
    return this.#speakers.get(toHex(sha256(utf8(token))));
  }

  #run(id: string): Result<Run> {
    const run = this.#runs.get(id);
    if (run === undefined) return fail('RUN_UNKNOWN', 'no program runs under this id', { fix: 'it has ended, or the node was restarted' });
    run.heard();
    return ok(run);
  }

  /** What the runner must do next; `nothing` after a while. Fails with `RUN_UNKNOWN`. */
  async next(id: string, signal: AbortSignal): Promise<Result<RunEvent>> {
    const run = this.#run(id);
    if (!run.ok) return run;
    if (run.value.untold === undefined) {
      await new Promise<void>((resolve) => {
        const cancel = this.#parts.clock.after(event_wait_ms, resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
        run.value.wake = (): void => {
          cancel();
          resolve();
        };
      });
    }
    // Who has hung up is told nothing: it would be lost.
    if (signal.aborted) return ok({ kind: 'nothing' });
    const event = run.value.untold ?? { kind: 'nothing' };
    run.value.untold = undefined;
    return ok(event);
  }

  /** Decides and records what a program asks for; doing it is the program's own. Fails with `RUN_UNKNOWN`, or as the kernel does. */
  async call(id: string, action: Action, data: Json): Promise<Result<null>> {
    const run = this.#run(id);
    if (!run.ok) return run;
    const { agent: { identity: { did }, kernel }, tier, within } = run.value;
    const made = await within.runInAsyncScope(() => kernel.run<null>({ agent: did, action, data, context: { sandbox: tier }, effect: () => Promise.resolve(null) }));
    return made.ok ? ok(null) : made;
  }

  /** Takes the end of a program, and gives where the start was recorded. Fails with `RUN_UNKNOWN`, or as the kernel does. */
  async end(id: string, end: RunEnd): Promise<Result<{ readonly index: number }>> {
    const run = this.#run(id);
    if (!run.ok) return run;
    run.value.end(end);
    const outcome = await run.value.outcome;
    if (outcome.ok) return ok({ index: outcome.value.index });
    const index = indexIn(outcome.failure);
    // That it failed or was ended is recorded, and that is all that was asked.
    return index === null ? outcome : ok({ index });
  }
}
