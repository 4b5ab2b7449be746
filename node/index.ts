/** The package's public face. */
export { createNode, type Node } from './node.ts';
export type { NodeConfig } from './config.ts';
export { AuditBridge, type AuditBridgeInit, type SyncReport } from './audit-bridge.ts';
export type { SyncOptions, SyncOutcome } from './log-sync.ts';
export type { LoggedRecord } from './flight-logs.ts';
export { AgentIdentity, TrustBridge, type AgentIdentityInit, type DelegatedTask, type OutgoingMessage, type PeerVerification, type Reply } from './library.ts';
export {
  Denied, KernelSpace, memoryRecorder, Policy, type Action, type DecisionRecord, type Delivered, type Disposition, type KernelInit, type MessageInit, type ModelInit, type OutcomeRecord, type PolicyLayer,
  type SignalInfo, type SignalName, type Spending, type ToolInit, type Usage,
} from './kernel/index.ts';
export { prepareSqlSecondOpinion } from './kernel/detect/sql-second-opinion.ts';
export type { AgentTool, AgentToolbox, AgentTools } from './agent-tools.ts';
export type { ServedCall } from './tool-serving.ts';
export type { AgentCall, AgentHandler } from './agents.ts';
export type { ToolOffer } from './kernel/tools/registry.ts';
export type { Vfs } from './kernel/memory/vfs.ts';
export { getResolver, type MethodResolver, type MethodResolvers, type ResolverInit } from './resolver.ts';
export { controlClient, type ControlClient } from './control/client.ts';
export type { ControlApi } from './control/api.ts';
export { FailureError, unwrap, type Failure, type Result } from '../crypto/result.ts';
