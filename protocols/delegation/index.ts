export type { Completion } from './completion.ts';
export { delegation, type Delegations } from './delegation.ts';
export type { HeldDelegation } from './kept.ts';
