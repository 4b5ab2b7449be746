/** The agents of this host that do work: their handlers, and how a verified call reaches them. */
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Json } from '../crypto/canonical.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import type { AgentToolbox } from './agent-tools.ts';
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

function isHandler(value: unknown): value is AgentHandler {
  return typeof value === 'function';
}

/**
 * Loads a handler module: an ES module whose default export is the handler.
 * It runs inside the node with the node's rights; the kernel decides what it
 * is asked to do, not what its code can reach.
 *
 * Fails with `HANDLER_UNUSABLE`.
 */
export async function loadHandler(path: string): Promise<Result<AgentHandler>> {
  const absolute = isAbsolute(path) ? path : resolve(path);
  try {
    const module: { readonly default?: unknown } = await import(pathToFileURL(absolute).href);
    if (isHandler(module.default)) return ok(module.default);
    return fail('HANDLER_UNUSABLE', `${absolute} has no function as its default export`, {
      fix: 'export default async function ({ command, arguments: given, caller, signal }) { … }',
    });
  } catch (error) {
    return fail('HANDLER_UNUSABLE', `${absolute} cannot be loaded: ${messageOf(error)}`, { fix: 'check the path and that it is an ES module', cause: error });
  }
}
