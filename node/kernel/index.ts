/** The kernel as others see it. */
export { Denied, type Action, type Call, type CallContext, type Decision, type Outcome, type OutputTerms, type Question } from './call.ts';
export { redact, type Finding } from './detect/finding.ts';
export { injectionSignals, type InjectionFacets } from './detect/injection.ts';
export { findPii, type PiiOptions } from './detect/pii.ts';
export { findSecrets } from './detect/secret.ts';
export { sqlFacets, type SqlFacets } from './detect/sql.ts';
export { GovernedFiles, type FileStatus, type FilesInit } from './files/governed-files.ts';
export { Policy } from './guards.ts';
export type { ApprovalGrant, ApprovalQuestion, Approvals } from './arbiter.ts';
export type { Spending, Usage } from './budgets.ts';
export type { Delivered, PastSignal, SignalOutcome, SignalWhy } from './signals/delivery.ts';
export type { Disposition, SignalHandler, SignalInfo } from './signals/dispositions.ts';
export type { GovernOptions, MessageInit, ModelInit, ToolInit } from './forms.ts';
export type { CurrentCall } from './frames.ts';
export type { HostLayers, PolicyLayer } from './layers.ts';
export { KernelSpace } from './kernel.ts';
export type { KernelInit, TakeOver } from './kernel-init.ts';
export type { Preset } from './presets.ts';
export {
  enforcementOf, memoryRecorder, type ApprovalRecord, type DecisionRecord, type DelegationContext, type FlightRecorder, type LogFilter, type MemoryRecorder, type OutcomeRecord, type SandboxTier,
} from './recorder.ts';
export { runSandboxed, type SandboxEnd, type SandboxInit, type SandboxLimits, type SandboxPlan } from './sandbox/index.ts';
export { parseSignal, resumption, signal_names, signals, type SignalName, type Standing } from './signals/gate.ts';
export type { PolicyError, PolicyWarning, Verdict } from './policy/policy.ts';
