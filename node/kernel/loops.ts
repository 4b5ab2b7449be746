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

interface Step {
  readonly fingerprint: string;
  readonly time_ms: number;
}

interface Trace {
  readonly steps: Step[];
  /** Where the oldest step stands: those before it are gone. */
  first: number;
  /** How often each action is among the steps. */
  readonly counts: Map<string, number>;
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

/** The latest actions of every agent. */
export class Loops {
  readonly #agents = new Map<string, Trace>();

  /** Notes an action, and says in words of what loop it is part, if of any. */
  note(agent: string, fingerprint: string, time_ms: number, { repeats, window_ms }: LoopTerms): string | undefined {
    const trace = this.#trace(agent);
    drop(trace, time_ms - window_ms);
    push(trace, { fingerprint, time_ms });
    const count = trace.counts.get(fingerprint) ?? 0;
    if (count >= repeats) return `the same action with the same arguments ${count} times within ${window_ms} ms`;
    for (let period = 2; period <= loop_period_max; period += 1) {
      // The first round repeats nothing yet and counts all the same.
      const steps = Math.min((trace.runs[period] ?? 0) + period, trace.steps.length - trace.first);
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
    const trace: Trace = { steps: [], first: 0, counts: new Map(), runs: [] };
    this.#agents.set(agent, trace);
    return trace;
  }
}

function push(trace: Trace, step: Step): void {
  const { steps, runs, counts } = trace;
  for (let period = 2; period <= loop_period_max; period += 1) {
    const before = steps.length - period >= trace.first ? steps[steps.length - period] : undefined;
    runs[period] = before?.fingerprint === step.fingerprint ? (runs[period] ?? 0) + 1 : 0;
  }
  steps.push(step);
  counts.set(step.fingerprint, (counts.get(step.fingerprint) ?? 0) + 1);
  if (steps.length - trace.first > loop_actions_max) dropFirst(trace);
}

/** Drops what is older than a time. */
function drop(trace: Trace, since_ms: number): void {
  while ((trace.steps[trace.first]?.time_ms ?? Infinity) <= since_ms) dropFirst(trace);
}

function dropFirst(trace: Trace): void {
  const { steps, counts } = trace;
  const step = steps[trace.first];
  if (step === undefined) return;
  trace.first += 1;
  const left = (counts.get(step.fingerprint) ?? 0) - 1;
  if (left > 0) counts.set(step.fingerprint, left);
  else counts.delete(step.fingerprint);
  // Compacted seldom, so that a step costs the same however many there are.
  if (trace.first >= loop_actions_max) {
    steps.splice(0, trace.first);
    trace.first = 0;
  }
}
