/** The part of the control API about the sidecar. */
import type { ParamSpec, Who } from './api.ts';

/** The sidecar as it stands. */
export interface SidecarView {
  /** The path of its socket; null where it is closed. */
  readonly socket: string | null;
  /** Where it listens on the loopback interface; null where it does not. */
  readonly url: string | null;
  /** The agents that have a token. */
  readonly tokens: readonly { readonly agent: string; readonly did: string; readonly issued_ms: number }[];
  /** The programs that have introduced themselves since it was opened. */
  readonly programs: readonly { readonly agent: string; readonly name: string; readonly framework: string | null; readonly version: string | null; readonly time_ms: number }[];
  /** Decided calls without an outcome. */
  readonly open_calls: number;
  /** Streams of signals. */
  readonly streams: number;
  /** Streams of calls, of programs that serve tools. */
  readonly tool_streams: number;
}

/** The methods about the sidecar. */
export interface SidecarControlApi {
  'sidecar.token': { params: { agent: Who; revoke?: boolean }; value: { readonly agent: string; readonly did: string; readonly token: string | null; readonly socket: string | null; readonly url: string | null } };
  'sidecar.status': { params: Record<string, never>; value: SidecarView };
}

/** The parameters of the methods about the sidecar. */
export const sidecar_params: { readonly [Method in keyof SidecarControlApi]: { readonly [Name in keyof SidecarControlApi[Method]['params']]: ParamSpec } } = {
  'sidecar.token': { agent: { type: 'string' }, revoke: { type: 'boolean', optional: true } },
  'sidecar.status': {},
};
