export { delegation, type Delegations, type HeldDelegation } from './delegation.ts';
