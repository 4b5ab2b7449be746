/** The forms in which calls are governed: functions, tools, messages and model calls as passages of the one pipeline. */
import type { Json } from '../../crypto/canonical.ts';
import { usageOf, type Usage } from './budgets.ts';
import type { Action, OutputTerms } from './call.ts';
import type { OutputType } from './output.ts';

/** How a function is governed. */
export interface GovernOptions<Arguments extends readonly unknown[]> {
  /** Who acts; by default the agent of the enclosing call, or the kernel's own. */
  readonly agent?: string;
  /** What the arguments mean; by default `{type: 'call', name}`. */
  readonly action?: (...args: Arguments) => Action;
  /** Labels that the agent carries after it. */
  readonly taints?: readonly string[];
}

interface FormInit<Input, Output> {
  /** Who acts; by default the agent of the enclosing call, or the kernel's own. */
  readonly agent?: string;
  /** What the input means, beside what the form says itself. */
  readonly action?: (input: Input) => Action;
  /** Labels that the agent carries afterwards, because of what it has read: `web`, say. */
  readonly taints?: readonly string[];
  /** What a call is expected to use; it is refused when the budget has less. */
  readonly expected?: Usage;
  /** What a call has used, from what came back. */
  readonly usage?: (output: Output) => Usage | undefined;
}

/** A tool to be governed: action `{type: 'tool', tool}`, and `tool_result` for what comes back. */
export interface ToolInit<Input, Output> extends FormInit<Input, Output> {
  readonly name: string;
  readonly run: (input: Input, signal: AbortSignal) => Output | Promise<Output>;
}

/** Messages to be governed: action `{type: 'message', to}`, and `message_reply` for the answer. */
export interface MessageInit<Content, Reply> extends FormInit<Content, Reply> {
  /** A DID, an address, a channel. */
  readonly to: string;
  readonly send: (content: Content, signal: AbortSignal) => Reply | Promise<Reply>;
}

/** Calls of a model to be governed: action `{type: 'model_call', model}`, and `model_output` for the answer. */
export interface ModelInit<Prompt, Answer> extends FormInit<Prompt, Answer> {
  readonly model: string;
  /** Who runs it. */
  readonly provider?: string;
  /** `usage` of the answer is read where {@link FormInit.usage} is not given. */
  readonly call: (prompt: Prompt, signal: AbortSignal) => Answer | Promise<Answer>;
}

/** One governed call of a form. */
export interface Formed<Input, Output> {
  readonly agent: string | undefined;
  readonly action: () => Action;
  readonly data: Input;
  readonly effect: (signal: AbortSignal, input: Input) => Promise<Output>;
  readonly entering: boolean;
  readonly output?: OutputTerms<Output>;
  readonly taints?: readonly string[];
  readonly expected?: Usage;
  readonly usage?: (output: Output) => Usage | undefined;
}

function formed<Input, Output>(init: FormInit<Input, Output>, own: Action, input: Input, type: OutputType, run: (input: Input, signal: AbortSignal) => Output | Promise<Output>): Formed<Input, Output> {
  const { agent, action, taints, expected, usage } = init;
  return {
    agent,
    // What the form says stands under what the program says, but for its type.
    action: () => ({ ...own, ...action?.(input) }),
    data: input,
    effect: async (signal, given) => await run(given, signal),
    entering: false,
    output: { type },
    ...(taints === undefined ? {} : { taints }),
    ...(expected === undefined ? {} : { expected }),
    ...(usage === undefined ? {} : { usage }),
  };
}

/** A call of a governed function. Entering it needs no capability of its own; what it does inside does. */
export function functionCall<Arguments extends readonly unknown[], Value>(fn: (...args: Arguments) => Value, options: GovernOptions<Arguments>, args: Arguments): Formed<{ readonly args: Arguments }, Awaited<Value>> {
  return {
    agent: options.agent,
    action: () => options.action?.(...args) ?? { type: 'call', name: fn.name },
    data: { args },
    effect: async (_signal, given): Promise<Awaited<Value>> => await fn(...given.args),
    entering: options.action === undefined,
    ...(options.taints === undefined ? {} : { taints: options.taints }),
  };
}

/** A call of a governed tool. */
export function toolCall<Input, Output>(init: ToolInit<Input, Output>, input: Input): Formed<Input, Output> {
  return formed(init, { type: 'tool', tool: init.name }, input, 'tool_result', init.run);
}

/** A governed message. */
export function messageCall<Content, Reply>(init: MessageInit<Content, Reply>, content: Content): Formed<Content, Reply> {
  return formed(init, { type: 'message', to: init.to }, content, 'message_reply', init.send);
}

/** A governed call of a model. */
export function modelCall<Prompt, Answer>(init: ModelInit<Prompt, Answer>, prompt: Prompt): Formed<Prompt, Answer> {
  const provider: { readonly [name: string]: Json } = init.provider === undefined ? {} : { provider: init.provider };
  return formed({ usage: usageOf, ...init }, { type: 'model_call', model: init.model, ...provider }, prompt, 'model_output', init.call);
}
