/**
 * What an agent has read that nobody vouches for: labels such as `web` or
 * `injection`, with their source and time. An agent that read hostile text may
 * act on it at any later time, so a label stays until it is cleared by name of
 * the agent, and no shortage of room ever makes an agent look clean.
 */

/** Labels that one agent carries. */
export const taint_labels_per_agent_max = 32;
/** Agents that are told apart. */
export const taint_agents_max = 65_536;
/** Length of a source. */
export const taint_source_characters_max = 256;

/** A label on an agent. */
export interface Taint {
  readonly label: string;
  /** Where the text came from: a tool, a file, a peer. */
  readonly source: string;
  /** When the label was first put on, Unix milliseconds. */
  readonly time_ms: number;
}

/** What an agent does at the command of a peer carries this label, from when the command was allowed until it is done. */
export const peer_label = 'peer';
/** Stands for every label beyond {@link taint_labels_per_agent_max}, or on an agent beyond {@link taint_agents_max}. */
export const taint_overflow_label = 'overflow';
/** Stands for a label that is none: lower-case letters, digits and `._:-`, 1 to 64 of them. */
export const taint_malformed_label = 'malformed';

const label_form = /^[a-z0-9][a-z0-9._:-]{0,63}$/;

/** The labels of all agents of a kernel. */
export class Taints {
  readonly #now: () => number;
  readonly #agents = new Map<string, Map<string, Taint>>();
  readonly #agents_max: number;
  #overflow: Taint | undefined;

  constructor(now: () => number, agents_max: number = taint_agents_max) {
    this.#now = now;
    this.#agents_max = agents_max;
  }

  /** The labels that an agent carries, in the order in which they were put on. */
  labels(agent: string): readonly string[] {
    return this.entries(agent).map(({ label }) => label);
  }

  /** The same with sources and times. Once there were more agents than can be told apart, those without labels of their own carry `overflow`. */
  entries(agent: string): readonly Taint[] {
    const own = this.#agents.get(agent);
    if (own !== undefined) return [...own.values()];
    return this.#overflow === undefined ? [] : [this.#overflow];
  }

  /** Puts a label on an agent. The first source and time of a label are kept. */
  add(agent: string, label: string, source: string): void {
    const taint: Taint = {
      label: label_form.test(label) ? label : taint_malformed_label,
      source: source.slice(0, taint_source_characters_max),
      time_ms: this.#now(),
    };
    const own = this.#agents.get(agent) ?? this.#begin(agent, taint);
    if (own === undefined || own.has(taint.label)) return;
    const name = own.size < taint_labels_per_agent_max - 1 ? taint.label : taint_overflow_label;
    if (!own.has(name)) own.set(name, { ...taint, label: name });
  }

  /** Puts all labels of one agent on another that it calls or starts. */
  inherit(from: string, to: string): void {
    if (from === to) return;
    for (const { label, source } of this.entries(from)) this.add(to, label, source);
  }

  /** Takes all labels off an agent: for whoever has looked at what it will do. */
  clear(agent: string): void {
    this.#agents.delete(agent);
  }

  #begin(agent: string, taint: Taint): Map<string, Taint> | undefined {
    if (this.#agents.size >= this.#agents_max) {
      this.#overflow ??= { ...taint, label: taint_overflow_label };
      return undefined;
    }
    const own = new Map<string, Taint>();
    this.#agents.set(agent, own);
    return own;
  }
}
