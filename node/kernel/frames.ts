/** Where code runs: in whose governed call, and in which scopes. Follows promises and timers, so that agents at work at the same time stay apart. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Capability } from '../../crypto/capability.ts';
import type { CallContext } from './call.ts';
import type { Admission } from './signals/gate.ts';

/** The governed call that code runs in. */
export interface CurrentCall {
  readonly agent: string;
  readonly call_id: string;
  /** Aborts when the call must end. */
  readonly signal: AbortSignal;
  /** What taints everything that is done in it, and nothing afterwards. */
  readonly labels: readonly string[];
}

/** What code inherits from the calls and scopes around it. */
export interface Frame {
  readonly agent?: string;
  readonly context?: CallContext;
  /** Outermost first. */
  readonly scopes: readonly (readonly Capability[])[];
  readonly call?: CurrentCall;
  /** Of the enclosing call. */
  readonly admission?: Admission;
}

const outside: Frame = { scopes: [] };

/** The frames of one kernel. */
export class Frames {
  readonly #frames = new AsyncLocalStorage<Frame>();

  /** The innermost frame; an empty one outside of any. */
  here(): Frame {
    return this.#frames.getStore() ?? outside;
  }

  /** Runs code, and whatever it starts, in a frame. */
  run<T>(frame: Frame, inside: () => T): T {
    return this.#frames.run(frame, inside);
  }

  /** Runs code as if it had not been started from any governed call. */
  outside<T>(run: () => T): T {
    return this.#frames.run(outside, run);
  }
}
