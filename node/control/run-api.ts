/** The part of the control API about programs that run as agents of this host. */
import type { RunEvent } from '../runs.ts';
import type { ParamSpec, Who } from './api.ts';

/** Where the program itself can ask the node, and with which token; null where the sidecar is closed. */
export interface RunSidecar {
  readonly socket: string;
  readonly token: string;
}

/** The methods about runs, with their parameters and answers. */
export interface RunControlApi {
  'run.begin': { params: { agent: Who; tier: string; action: unknown; data: unknown }; value: { readonly id: string; readonly sidecar: RunSidecar | null } };
  'run.next': { params: { id: string }; value: RunEvent };
  'run.call': { params: { id: string; action: unknown; data?: unknown }; value: null };
  'run.end': { params: { id: string; exit_code?: number; code?: string; reason?: string }; value: { readonly index: number } };
}

const text = { type: 'string' } as const;
const text_optional = { type: 'string', optional: true } as const;

/** The parameters of the methods about runs. */
export const run_params: { readonly [Method in keyof RunControlApi]: { readonly [Name in keyof RunControlApi[Method]['params']]: ParamSpec } } = {
  'run.begin': { agent: text, tier: text, action: { type: 'json' }, data: { type: 'json' } },
  'run.next': { id: text },
  'run.call': { id: text, action: { type: 'json' }, data: { type: 'json', optional: true } },
  'run.end': { id: text, exit_code: { type: 'number', optional: true }, code: text_optional, reason: text_optional },
};
