export { witness, type Witness, type WitnessReport } from './witness.ts';
export type { WitnessInit } from './parts.ts';
export type { WitnessContact } from './quorum.ts';
export type { WitnessAnswer } from './wire.ts';
export { proofOf } from './desk.ts';
