/** The kernel as others see it. */
export { Denied, type Action, type Call, type CallContext, type Decision, type Outcome, type Question } from './call.ts';
export { Policy } from './guards.ts';
export { KernelSpace, type CurrentCall, type GovernOptions, type KernelInit, type ToolInit } from './kernel.ts';
export type { Preset } from './presets.ts';
export {
  memoryRecorder, type DecisionRecord, type DelegationContext, type FlightRecorder, type LogFilter, type MemoryRecorder, type OutcomeRecord,
} from './recorder.ts';
export type { SignalName } from './signals.ts';
export type { PolicyError, PolicyWarning, Verdict } from './policy/policy.ts';
