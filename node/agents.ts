/** The agents of this host that do work: their handlers, and how a verified call reaches them. */
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isFields, isStrings, type Json } from '../crypto/canonical.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import type { AgentTool, AgentToolbox } from './agent-tools.ts';
import type { Vfs } from './kernel/memory/vfs.ts';

/** A command as a handler sees it: everything in it has been verified and allowed. */
export interface AgentCall {
  /** `verb:resource`. */
  readonly command: string;
  readonly arguments: Json;
  /** The DID of the agent that asks. */
  readonly caller: string;
  /** What the agent remembers: its own files and those that agents share. */
  readonly files: Vfs;
  /** The tools that it may call. */
  readonly tools: AgentToolbox;
  /** The delegation under which it asks, absent where it acts in its own name. */
  readonly delegation?: AgentDelegation;
  /** Aborts when the caller is gone, the time is up, or the agent is stopped. */
  readonly signal: AbortSignal;
}

/** A verified delegation as a handler sees it. */
export interface AgentDelegation {
  readonly id: string;
  /** The sponsor whose authority it is. */
  readonly root: string;
  /** What may be done under it. */
  readonly scope: readonly string[];
  /** The tokens, root first. */
  readonly chain: readonly string[];
}

/** Does the work of an agent. What it returns must be a JSON value; what it throws becomes an error in the receipt. */
export type AgentHandler = (call: AgentCall) => unknown;

/** What a handler module brings. */
export interface HandlerModule {
  /** Its default export; absent where the agent only serves tools. */
  readonly handler: AgentHandler | undefined;
  /** Its export `tools`. */
  readonly tools: readonly AgentTool[];
}

/** Tools that one handler module may bring. */
export const handler_tools_max = 64;

function isHandler(value: unknown): value is AgentHandler {
  return typeof value === 'function';
}

function isTool(value: unknown): value is AgentTool {
  if (!isFields(value)) return false;
  const { descriptor, run, token, agents } = value;
  return isFields(descriptor) && typeof run === 'function' && (token === undefined || typeof token === 'string') && (agents === undefined || isStrings(agents));
}

function areTools(value: unknown): value is readonly AgentTool[] {
  return Array.isArray(value) && value.length <= handler_tools_max && value.every(isTool);
}

/**
 * Loads a handler module: an ES module whose default export is the handler, and whose export
 * `tools` has the tools that the agent registers and serves, as `{ descriptor, run }`.
 * It runs inside the node with the node's rights; the kernel decides what it
 * is asked to do, not what its code can reach.
 *
 * Fails with `HANDLER_UNUSABLE`.
 */
export async function loadHandler(path: string): Promise<Result<HandlerModule>> {
  const absolute = isAbsolute(path) ? path : resolve(path);
  try {
    const { default: handler, tools = [] }: { readonly default?: unknown; readonly tools?: unknown } = await import(pathToFileURL(absolute).href);
    if (!areTools(tools)) {
      return fail('HANDLER_UNUSABLE', `the export tools of ${absolute} is no list of at most ${handler_tools_max} tools`, { fix: 'export const tools = [{ descriptor: { name, description, inputSchema }, run: async ({ input, caller, signal }) => … }]' });
    }
    if (isHandler(handler)) return ok({ handler, tools });
    if (handler === undefined && tools.length > 0) return ok({ handler, tools });
    return fail('HANDLER_UNUSABLE', `${absolute} has no function as its default export`, {
      fix: 'export default async function ({ command, arguments: given, caller, signal }) { … }',
    });
  } catch (error) {
    return fail('HANDLER_UNUSABLE', `${absolute} cannot be loaded: ${messageOf(error)}`, { fix: 'check the path and that it is an ES module', cause: error });
  }
}
