/** What does the work of tools: one program of each at a time, for the very descriptor that it knows. */
import type { Json } from '../../../crypto/canonical.ts';
import type { Tool } from './descriptor.ts';

/** A call of a tool, as what does its work sees it besides the input. */
export interface ToolCall {
  readonly tool: Tool;
  /** Who calls, under the name that its kernel has for it. */
  readonly agent: string;
  /** The call in the caller's record; null outside of any. */
  readonly call_id: string | null;
  /** The labels of what the caller has read. */
  readonly labels: readonly string[];
  /** Puts labels on the caller when it is done: of whatever does the work, which has read more than what it was given. */
  taint(labels: readonly string[]): void;
}

/** What a tool does: gets what was decided about, gives back plain data. */
export type ToolRunner = (input: Json, signal: AbortSignal, call: ToolCall) => unknown;

/** A program that does the work of a tool. */
export interface ToolService {
  /** Whose it is: an agent, or the operator of the host. */
  readonly by: string;
  /** The digest of the descriptor that it does the work of. */
  readonly digest: string;
  readonly run: ToolRunner;
  /** Told why it serves no more, where something else has ended that. Only a program of this process does without. */
  readonly ended?: (reason: string) => void;
}

/** A tool that is served. */
export interface Serving {
  readonly tool: Tool;
  /** Ends it. */
  release(): void;
}

/** The programs of a host's tools. */
export class ToolServices {
  readonly #programs = new Map<string, ToolService>();

  /** What does the work of a tool, whichever descriptor it knows. */
  get(name: string): ToolService | undefined {
    return this.#programs.get(name);
  }

  /** Has a program do the work from now on, in the place of any before it. The function that comes back ends that. */
  put(name: string, program: ToolService): () => void {
    this.end(name, 'another program serves the tool now');
    this.#programs.set(name, program);
    return () => {
      if (this.#programs.get(name) === program) this.#programs.delete(name);
    };
  }

  /** Ends the service of a tool, and tells the program where that wants to know. */
  end(name: string, reason: string): void {
    const program = this.#programs.get(name);
    this.#programs.delete(name);
    program?.ended?.(reason);
  }
}
