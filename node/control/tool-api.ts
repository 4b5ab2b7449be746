/** The part of the control API about tools. */
import type { ParamSpec, Who } from './api.ts';

/** A tool of this host. */
export interface ToolView {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** SHA-256 of the RFC 8785 form of the descriptor, in hex. */
  readonly digest: string;
  /** Who signed the descriptor. */
  readonly publisher: string | null;
  /** Who registered it. */
  readonly owner: string;
  readonly side_effects: string;
  readonly risk: number;
  readonly requires_approval: boolean;
  readonly capabilities: readonly string[];
  readonly open_world: boolean;
  /** The agents that may know of it; null for all. */
  readonly agents: readonly string[] | null;
  /** `served`: a program does its work at present; `changed`: another descriptor was offered and waits to be accepted. */
  readonly state: 'served' | 'known' | 'changed';
  /** The digest of what was offered under its name and waits to be accepted. */
  readonly offered: string | null;
}

/** The methods about tools. */
export interface ToolControlApi {
  'tool.list': { params: { agent?: Who }; value: readonly ToolView[] };
  'tool.show': { params: { name: string }; value: ToolView & { readonly descriptor: unknown; readonly offered_descriptor: unknown; readonly differs_in: readonly string[] } };
  'tool.register': { params: { descriptor: unknown; token?: string; agents?: Who[] }; value: ToolView };
  'tool.sign': { params: { descriptor: unknown; from: Who }; value: { readonly name: string; readonly digest: string; readonly publisher: string; readonly token: string } };
  'tool.accept': { params: { name: string; digest: string }; value: ToolView };
  'tool.remove': { params: { name: string }; value: { readonly name: string } };
}

const text = { type: 'string' } as const;
const text_optional = { type: 'string', optional: true } as const;

/** The parameters of the methods about tools. */
export const tool_params: { readonly [Method in keyof ToolControlApi]: { readonly [Name in keyof ToolControlApi[Method]['params']]: ParamSpec } } = {
  'tool.list': { agent: text_optional },
  'tool.show': { name: text },
  'tool.register': { descriptor: { type: 'json' }, token: text_optional, agents: { type: 'strings', optional: true } },
  'tool.sign': { descriptor: { type: 'json' }, from: text },
  'tool.accept': { name: text, digest: text },
  'tool.remove': { name: text },
};
