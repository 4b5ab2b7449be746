/**
 * The control API: what the local user may ask a running node over its control
 * socket. The CLI, the demo and a later dashboard all use it, and nothing else.
 * Every method takes one object of parameters and answers with a `Result`.
 */
import type { Result } from '../../crypto/result.ts';
import type { EntryView, ErasedView, ImportView, LogPageView, OwnLogView, VerifiedView } from './audit-entry-views.ts';
import type { ChainCheckView, ChainView } from './delegation-views.ts';
import { signal_params, type SignalControlApi } from './signal-api.ts';
import { approval_params, type ApprovalControlApi } from './approval-api.ts';
import { policy_params, type PolicyControlApi } from './policy-api.ts';
import { run_params, type RunControlApi } from './run-api.ts';
import { sidecar_params, type SidecarControlApi } from './sidecar-api.ts';
import { sponsor_params, type SponsorControlApi } from './sponsor-api.ts';
import { tool_params, type ToolControlApi } from './tool-api.ts';
import { vfs_params, type VfsControlApi } from './vfs-api.ts';
import type { FsckView, RecoveredView, HeadView, ProofView, EvidenceFileView, EvidenceView, ExposureView, SuccessionView, SuspicionView, MirroredLogView, WitnessesView, ArchiveWorkView, RetentionView } from './audit-views.ts';
import type { NodeStatus, AgentView, PeerView, CallView, DelegationView, RevocationPreview, RevocationView, ScoreView, CheckView, IdentityView, VoidedView } from './views.ts';

/** Parameter types that the server checks before a method sees them. */
export type ParamType = 'string' | 'number' | 'boolean' | 'strings' | 'json';

/** Declares one parameter: its type, and whether it may be left out. */
export interface ParamSpec {
  readonly type: ParamType;
  readonly optional?: true;
}

/** A DID, or the local name of an agent, sponsor or contact. */
export type Who = string;

/** Every method with its parameters and its answer. */
export interface ControlApi extends ApprovalControlApi, PolicyControlApi, RunControlApi, SidecarControlApi, SignalControlApi, SponsorControlApi, VfsControlApi, ToolControlApi {
  'status': { params: Record<string, never>; value: NodeStatus };
  'stop': { params: Record<string, never>; value: null };
  'agent.create': {
    params: { name: string; sponsor: Who; capabilities: string[]; parent?: Who; policy?: string; handler?: string; required_trust?: number; authority?: string; roots?: string[] };
    value: AgentView;
  };
  'agent.list': { params: Record<string, never>; value: readonly AgentView[] };
  'did.resolve': { params: { did: Who; fresh?: boolean }; value: { readonly didDocument: unknown; readonly didDocumentMetadata: unknown; readonly didResolutionMetadata: unknown } };
  'did.list': { params: Record<string, never>; value: readonly IdentityView[] };
  'did.rotate': {
    params: { who: Who; emergency?: boolean; bad_since_ms?: number; witnesses?: string[]; witness_threshold?: number };
    value: IdentityView & { readonly storers: number; readonly voided: readonly VoidedView[]; readonly attested_again: readonly string[] };
  };
  'did.deactivate': { params: { who: Who; yes: boolean }; value: IdentityView & { readonly storers: number } };
  'did.succeed': { params: { old: Who; successor: Who }; value: { readonly old: IdentityView & { readonly storers: number }; readonly successor: IdentityView & { readonly storers: number } } };
  'peers': { params: Record<string, never>; value: readonly PeerView[] };
  'join': { params: { address: string }; value: PeerView };
  'verify-peer': { params: { from: Who; peer: Who; required_trust?: number }; value: { readonly verified: boolean; readonly score: ScoreView; readonly session: string } };
  'call': { params: { from: Who; to: Who; command: string; arguments?: unknown; delegation?: string; invocation?: string; approval?: string; wait_ms?: number }; value: CallView };
  'delegate': { params: { from: Who; to: Who; capabilities: string[]; parent?: string; lifetime_s?: number; max_depth?: number; trust?: number; caveats?: unknown }; value: DelegationView };
  'delegation.list': { params: Record<string, never>; value: readonly DelegationView[] };
  'delegation.inspect': { params: { id?: string; chain?: string[] }; value: ChainView };
  'delegation.verify': { params: { id?: string; chain?: string[]; command?: string }; value: ChainCheckView };
  'endorse': { params: { from: Who; subject: Who; weight?: number; why?: string }; value: { readonly statement: string } };
  'revoke': { params: { from: Who; kind: string; target: Who; why: string }; value: RevocationPreview & { readonly statement: string; readonly told_peers: number } };
  'revocation.preview': { params: { from: Who; kind: string; target: Who }; value: RevocationPreview };
  'revocations': { params: { by?: Who; of?: Who; pending?: boolean; limit?: number }; value: { readonly total: number; readonly revocations: readonly RevocationView[] } };
  'trust.show': { params: { subject: Who; observer?: Who }; value: ScoreView };
  'audit.head': { params: { did?: Who; log?: string }; value: HeadView };
  'audit.anchor': { params: Record<string, never>; value: HeadView };
  'audit.prove': { params: { index: number; did?: Who; open?: boolean; log?: string }; value: ProofView };
  'audit.verify': { params: { proof: string; policy?: string }; value: VerifiedView };
  'audit.export': { params: { folder: string; log?: string }; value: { readonly folder: string; readonly size: number; readonly files: number } };
  'audit.entries': {
    params: { before?: number; from?: number; agent?: Who; kind?: string; verdict?: string; since_ms?: number; until_ms?: number; limit?: number; log?: string };
    value: LogPageView;
  };
  'audit.show': { params: { index: number; log?: string }; value: EntryView };
  'audit.erase': { params: { subject?: Who; index?: number; basis: string; log?: string }; value: ErasedView };
  'audit.import': { params: { lines: string[]; subject?: Who; source?: string }; value: ImportView };
  'audit.evidence': { params: Record<string, never>; value: { readonly exposed: readonly ExposureView[]; readonly suspected: readonly SuspicionView[]; readonly succeeded: readonly SuccessionView[] } };
  'audit.evidence.file': { params: { who: Who }; value: EvidenceFileView };
  'audit.evidence.report': { params: { file: string }; value: EvidenceView };
  'audit.witnesses': { params: Record<string, never>; value: WitnessesView };
  'audit.mirrors': { params: Record<string, never>; value: readonly MirroredLogView[] };
  'audit.mirror': { params: { who: Who }; value: MirroredLogView };
  'audit.retention': { params: Record<string, never>; value: RetentionView };
  'audit.archive': { params: { folder: string; before_ms?: number; keep?: number; restore?: boolean }; value: ArchiveWorkView };
  'audit.mirror.drop': { params: { who: Who }; value: { readonly dropped: number } };
  'audit.logs': { params: Record<string, never>; value: readonly OwnLogView[] };
  'audit.fsck': { params: { begin?: boolean }; value: FsckView };
  'audit.recover': { params: { from?: string[]; dry_run?: boolean; log?: string }; value: RecoveredView };
  'audit.succeed': { params: { yes: boolean }; value: { readonly origin: string; readonly verifier_key: string } };
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
  ...signal_params,
  ...sponsor_params,
  ...approval_params,
  ...policy_params,
  ...run_params,
  ...vfs_params,
  ...tool_params,
  ...sidecar_params,
  'agent.create': {
    name: text, sponsor: text, capabilities: texts, parent: text_optional, policy: text_optional,
    handler: text_optional, required_trust: number_optional, authority: text_optional,
    roots: { type: 'strings', optional: true },
  },
  'agent.list': {},
  'did.resolve': { did: text, fresh: { type: 'boolean', optional: true } },
  'did.list': {},
  'did.rotate': {
    who: text, emergency: { type: 'boolean', optional: true }, bad_since_ms: number_optional,
    witnesses: { type: 'strings', optional: true }, witness_threshold: number_optional,
  },
  'did.deactivate': { who: text, yes: { type: 'boolean' } },
  'did.succeed': { old: text, successor: text },
  'peers': {},
  'join': { address: text },
  'verify-peer': { from: text, peer: text, required_trust: number_optional },
  'call': {
    from: text, to: text, command: text, arguments: { type: 'json', optional: true },
    delegation: text_optional, invocation: text_optional, approval: text_optional, wait_ms: number_optional,
  },
  'delegate': {
    from: text, to: text, capabilities: texts, parent: text_optional, lifetime_s: number_optional,
    max_depth: number_optional, trust: number_optional, caveats: { type: 'json', optional: true },
  },
  'delegation.list': {},
  'delegation.inspect': { id: text_optional, chain: { type: 'strings', optional: true } },
  'delegation.verify': { id: text_optional, chain: { type: 'strings', optional: true }, command: text_optional },
  'endorse': { from: text, subject: text, weight: number_optional, why: text_optional },
  'revoke': { from: text, kind: text, target: text, why: text },
  'revocation.preview': { from: text, kind: text, target: text },
  'revocations': { by: text_optional, of: text_optional, pending: { type: 'boolean', optional: true }, limit: number_optional },
  'trust.show': { subject: text, observer: text_optional },
  'audit.head': { did: text_optional, log: text_optional },
  'audit.anchor': {},
  'audit.prove': { index: number, did: text_optional, open: { type: 'boolean', optional: true }, log: text_optional },
  'audit.verify': { proof: text, policy: text_optional },
  'audit.export': { folder: text, log: text_optional },
  'audit.entries': {
    before: number_optional, from: number_optional, agent: text_optional, kind: text_optional, verdict: text_optional,
    since_ms: number_optional, until_ms: number_optional, limit: number_optional, log: text_optional,
  },
  'audit.show': { index: number, log: text_optional },
  'audit.erase': { subject: text_optional, index: number_optional, basis: text, log: text_optional },
  'audit.import': { lines: texts, subject: text_optional, source: text_optional },
  'audit.evidence': {},
  'audit.evidence.file': { who: text },
  'audit.evidence.report': { file: text },
  'audit.witnesses': {},
  'audit.mirrors': {},
  'audit.mirror': { who: text },
  'audit.retention': {},
  'audit.archive': { folder: text, before_ms: number_optional, keep: number_optional, restore: { type: 'boolean', optional: true } },
  'audit.mirror.drop': { who: text },
  'audit.logs': {},
  'audit.fsck': { begin: { type: 'boolean', optional: true } },
  'audit.recover': { from: { type: 'strings', optional: true }, dry_run: { type: 'boolean', optional: true }, log: text_optional },
  'audit.succeed': { yes: { type: 'boolean' } },
  'doctor': {},
};
