/**
 * The control API: what the local user may ask a running node over its control
 * socket. The CLI, the demo and a later dashboard all use it, and nothing else.
 * Every method takes one object of parameters and answers with a `Result`.
 */
import type { Result } from '../../crypto/result.ts';

/** Parameter types that the server checks before a method sees them. */
export type ParamType = 'string' | 'number' | 'boolean' | 'strings' | 'json';

/** Declares one parameter: its type, and whether it may be left out. */
export interface ParamSpec {
  readonly type: ParamType;
  readonly optional?: true;
}

/** A DID, or the local name of an agent, sponsor or contact. */
export type Who = string;

/** What a node says of itself. Times are Unix milliseconds. */
export interface NodeStatus {
  readonly did: string;
  readonly name: string;
  readonly peer_id: string;
  readonly addresses: readonly string[];
  readonly data: string;
  readonly version: string;
  readonly process_id: number;
  readonly started_ms: number;
  readonly peers: number;
  readonly agents: number;
  readonly statements: number;
  readonly audit: { readonly origin: string; readonly size: number; readonly cosigned_size: number; readonly cosignatures: number; readonly frozen: { readonly code: string; readonly reason: string; readonly fix?: string } | null };
  readonly memory_bytes: number;
  /** What was refused or went wrong since the start, and how often. */
  readonly troubles: readonly { readonly what: string; readonly count: number }[];
}

/** A sponsor whose key is held here. */
export interface SponsorView {
  readonly name: string;
  readonly did: string;
  readonly kind: 'human' | 'org';
}

/** An agent that lives on this host. */
export interface AgentView {
  readonly name: string;
  readonly did: string;
  readonly sponsor: string;
  readonly capabilities: readonly string[];
  readonly required_trust: number;
  readonly handler: string | null;
  readonly policy: string | null;
  readonly authority: 'delegated' | 'open';
  /** Sponsors besides its own whose delegations it honours. */
  readonly roots: readonly string[];
  readonly state: 'running' | 'stopped' | 'killed';
}

/** A connected peer; `did` once the handshake with its node is done. */
export interface PeerView {
  readonly peer_id: string;
  readonly did: string | null;
  readonly name: string | null;
  readonly address: string;
  readonly direction: 'inbound' | 'outbound';
  readonly since_ms: number;
}

/** The answer to a call: the executor's signed receipt, taken apart, and the result if it was allowed. */
export interface CallView {
  readonly verdict: 'allow' | 'deny' | 'error';
  readonly code: string | null;
  readonly rule: string | null;
  readonly reason: string;
  readonly result: unknown;
  /** The invocation token: sending it again has no second effect. */
  readonly invocation: string;
  readonly receipt: string;
  readonly receipt_hash: string;
  readonly executor: string;
  readonly audit: { readonly origin: string; readonly index: number } | null;
  readonly duration_ms: number;
}

/** A delegation with the chain that leads to it. Times are Unix seconds. */
export interface DelegationView {
  /** SHA-256 of the last token, base64url. */
  readonly id: string;
  readonly root: string;
  readonly issuer: string;
  readonly holder: string;
  readonly capabilities: readonly string[];
  readonly depth: number;
  readonly exp: number;
  readonly chain: readonly string[];
  /** Whether the holder's host took it. */
  readonly delivered: boolean;
}

/** A trust score with every item's exact share. */
export interface ScoreView {
  readonly observer: string;
  readonly subject: string;
  readonly score: number;
  readonly confidence: number;
  readonly tier: string;
  readonly items: readonly { readonly kind: string; readonly effect: number; readonly text: string; readonly from?: string; readonly statement?: string }[];
}

/** A log head with its cosignatures, as a C2SP signed note. */
export interface HeadView {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly note: string;
  readonly cosignatures: readonly string[];
}

/** An inclusion proof as a C2SP tlog-proof file, and the tlog-policy under which it can be verified. */
export interface ProofView {
  readonly index: number;
  readonly proof: string;
  readonly policy: string;
  readonly leaf_hash: string;
}

/** What a verified proof says. */
export interface VerifiedView {
  readonly origin: string;
  readonly index: number;
  readonly size: number;
  readonly leaf_hash: string;
  readonly cosignatures: number;
}

/** One line of a diagnosis. */
export interface CheckView {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly text: string;
  readonly fix?: string;
}

/** One entry of the flight recorder. */
export interface LogEntryView {
  readonly index: number;
  readonly kind: string;
  readonly time_ms: number;
  readonly payload: unknown;
}

/** Every method with its parameters and its answer. */
export interface ControlApi {
  'status': { params: Record<string, never>; value: NodeStatus };
  'stop': { params: Record<string, never>; value: null };
  'sponsor.create': { params: { name: string; kind?: string }; value: SponsorView };
  'sponsor.list': { params: Record<string, never>; value: readonly SponsorView[] };
  'agent.create': {
    params: { name: string; sponsor: Who; capabilities: string[]; parent?: Who; policy?: string; handler?: string; required_trust?: number; authority?: string; roots?: string[] };
    value: AgentView;
  };
  'agent.list': { params: Record<string, never>; value: readonly AgentView[] };
  'did.resolve': { params: { did: Who; fresh?: boolean }; value: { readonly didDocument: unknown; readonly didDocumentMetadata: unknown; readonly didResolutionMetadata: unknown } };
  'peers': { params: Record<string, never>; value: readonly PeerView[] };
  'join': { params: { address: string }; value: PeerView };
  'verify-peer': { params: { from: Who; peer: Who; required_trust?: number }; value: { readonly verified: boolean; readonly score: ScoreView; readonly session: string } };
  'call': { params: { from: Who; to: Who; command: string; arguments?: unknown; delegation?: string; invocation?: string }; value: CallView };
  'delegate': { params: { from: Who; to: Who; capabilities: string[]; parent?: string; lifetime_s?: number; max_depth?: number; trust?: number }; value: DelegationView };
  'delegation.list': { params: Record<string, never>; value: readonly DelegationView[] };
  'endorse': { params: { from: Who; subject: Who; weight?: number; why?: string }; value: { readonly statement: string } };
  'revoke': { params: { from: Who; kind: string; target: Who; why: string }; value: { readonly statement: string } };
  'trust.show': { params: { subject: Who; observer?: Who }; value: ScoreView };
  'audit.head': { params: { did?: Who }; value: HeadView };
  'audit.anchor': { params: Record<string, never>; value: HeadView };
  'audit.prove': { params: { index: number; did?: Who }; value: ProofView };
  'audit.verify': { params: { proof: string; policy?: string }; value: VerifiedView };
  'audit.export': { params: { folder: string }; value: { readonly folder: string; readonly size: number; readonly files: number } };
  'audit.log': { params: { from?: number; limit?: number }; value: readonly LogEntryView[] };
  'doctor': { params: Record<string, never>; value: readonly CheckView[] };
}

/** The name of a control method. */
export type ControlMethod = keyof ControlApi;

/** The implementation of every method. */
export type ControlMethods = {
  readonly [Method in ControlMethod]: (params: ControlApi[Method]['params'], signal: AbortSignal) => Promise<Result<ControlApi[Method]['value']>>;
};

const text = { type: 'string' } as const;
const text_optional = { type: 'string', optional: true } as const;
const number = { type: 'number' } as const;
const number_optional = { type: 'number', optional: true } as const;
const texts = { type: 'strings' } as const;

/** The parameters of every method, for the server's check. */
export const control_params: { readonly [Method in ControlMethod]: { readonly [Name in keyof ControlApi[Method]['params']]: ParamSpec } } = {
  'status': {},
  'stop': {},
  'sponsor.create': { name: text, kind: text_optional },
  'sponsor.list': {},
  'agent.create': {
    name: text, sponsor: text, capabilities: texts, parent: text_optional, policy: text_optional,
    handler: text_optional, required_trust: number_optional, authority: text_optional,
    roots: { type: 'strings', optional: true },
  },
  'agent.list': {},
  'did.resolve': { did: text, fresh: { type: 'boolean', optional: true } },
  'peers': {},
  'join': { address: text },
  'verify-peer': { from: text, peer: text, required_trust: number_optional },
  'call': {
    from: text, to: text, command: text, arguments: { type: 'json', optional: true },
    delegation: text_optional, invocation: text_optional,
  },
  'delegate': {
    from: text, to: text, capabilities: texts, parent: text_optional, lifetime_s: number_optional,
    max_depth: number_optional, trust: number_optional,
  },
  'delegation.list': {},
  'endorse': { from: text, subject: text, weight: number_optional, why: text_optional },
  'revoke': { from: text, kind: text, target: text, why: text },
  'trust.show': { subject: text, observer: text_optional },
  'audit.head': { did: text_optional },
  'audit.anchor': {},
  'audit.prove': { index: number, did: text_optional },
  'audit.verify': { proof: text, policy: text_optional },
  'audit.export': { folder: text },
  'audit.log': { from: number_optional, limit: number_optional },
  'doctor': {},
};
