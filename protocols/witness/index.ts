export { witness, type Witness, type WitnessInit } from './witness.ts';
export type { WitnessContact } from './collector.ts';
export { proofOf } from './desk.ts';
