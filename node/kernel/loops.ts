/** Agents that go round in circles: the same action again and again, or the same few in turn. */
import { sha256 } from '../../crypto/hash.ts';
import { toHex, utf8 } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical.ts';
import type { LoopTerms } from './policy/policy.ts';

/**
 * What holds where no policy says otherwise: a hundred times a second for ten
 * seconds, which no honest polling reaches and every runaway loop does.
 */
export const loop_terms_default: LoopTerms = { repeats: 1_000, window_ms: 10_000 };
/** The longest cycle that is noticed as one. */
export const loop_period_max = 8;
/** Actions that are remembered of one agent. */
export const loop_actions_max = 4_096;
/** Agents whose actions are remembered; the one that acted least recently is forgotten first. */
export const loop_agents_max = 1_024;

const fingerprint_characters_max = 192;
/** A cycle has gone round so often before it is called one. */
const rounds_min = 3;

/** An action that is among the steps, and how often. */
interface Known {
  readonly fingerprint: string;
  count: number;
}

interface Step {
  readonly action: Known;
  readonly time_ms: number;
}

interface Trace {
  /** A ring: each step stands at its number modulo {@link loop_actions_max}. */
  readonly steps: Step[];
  /** The number of the oldest step: those before it are gone. */
  first: number;
  /** The number of the step that comes next. */
  next: number;
  readonly known: Map<string, Known>;
  /** By period: how many steps up to the last are each the same as the one a period before. */
  readonly runs: number[];
}

/** The strictest of several terms: what each of them calls a loop is one. */
export function strictestLoops(all: readonly LoopTerms[]): LoopTerms | undefined {
  if (all.length === 0) return undefined;
  return { repeats: Math.min(...all.map(({ repeats }) => repeats)), window_ms: Math.max(...all.map(({ window_ms }) => window_ms)) };
}

/** What an action is known again by: with the same arguments it is the same. */
export function fingerprintOf(action: Json, args_hash: string | null): string {
  const text = `${args_hash ?? ''} ${JSON.stringify(action)}`;
  return text.length <= fingerprint_characters_max ? text : toHex(sha256(utf8(text)));
}

/**
 * The latest actions of every agent. They are not kept over a restart: windows are short, a loop that goes on is
 * noticed again within one, and an agent that was stopped for a loop stays stopped.
 */
export class Loops {
  readonly #agents = new Map<string, Trace>();

  /** Notes an action, and says in words of what loop it is part, if of any. */
  note(agent: string, fingerprint: string, time_ms: number, { repeats, window_ms }: LoopTerms): string | undefined {
    const trace = this.#trace(agent);
    drop(trace, time_ms - window_ms);
    const { count } = push(trace, fingerprint, time_ms);
    if (count >= repeats) return `the same action with the same arguments ${count} times within ${window_ms} ms`;
    for (let period = 2; period <= loop_period_max; period += 1) {
      // The first round repeats nothing yet and counts all the same.
      const steps = Math.min((trace.runs[period] ?? 0) + period, trace.next - trace.first);
      if (steps >= Math.max(repeats, rounds_min * period) && steps > period) return `the same ${period} actions in turn, ${steps} within ${window_ms} ms`;
    }
    return undefined;
  }

  /** Begins anew: the agent was let go on. */
  forget(agent: string): void {
    this.#agents.delete(agent);
  }

  #trace(agent: string): Trace {
    const known = this.#agents.get(agent);
    if (known !== undefined) {
      this.#agents.delete(agent);
      this.#agents.set(agent, known);
      return known;
    }
    if (this.#agents.size >= loop_agents_max) {
      const [idlest] = this.#agents.keys();
      if (idlest !== undefined) this.#agents.delete(idlest);
    }
    const trace: Trace = { steps: [], first: 0, next: 0, known: new Map(), runs: [] };
    this.#agents.set(agent, trace);
    return trace;
  }
}

function push(trace: Trace, fingerprint: string, time_ms: number): Known {
  const { steps, runs, known, next } = trace;
  if (next - trace.first === loop_actions_max) dropFirst(trace);
  let action = known.get(fingerprint);
  if (action === undefined) {
    action = { fingerprint, count: 0 };
    known.set(fingerprint, action);
  }
  action.count += 1;
  for (let period = 2; period <= loop_period_max; period += 1) {
    const before = next - period >= trace.first ? steps[(next - period) % loop_actions_max] : undefined;
    runs[period] = before?.action === action ? (runs[period] ?? 0) + 1 : 0;
  }
  steps[next % loop_actions_max] = { action, time_ms };
  trace.next += 1;
  return action;
}

/** Drops what is older than a time. */
function drop(trace: Trace, since_ms: number): void {
  while (trace.first < trace.next && (trace.steps[trace.first % loop_actions_max]?.time_ms ?? Infinity) <= since_ms) dropFirst(trace);
}

function dropFirst(trace: Trace): void {
  const action = trace.steps[trace.first % loop_actions_max]?.action;
  trace.first += 1;
  if (action === undefined) return;
  action.count -= 1;
  if (action.count === 0) trace.known.delete(action.fingerprint);
}
