export { witness, type Anchored, type Witness, type WitnessInit, type WitnessParts } from './witness.ts';
export type { Refusal, WitnessContact } from './collector.ts';
export { audit_protocol, witness_protocol } from './constants.ts';
export { proofOf } from './desk.ts';
