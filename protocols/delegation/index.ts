export { delegation, type Delegations, type DelegationParts, type HeldDelegation, type Issuing } from './delegation.ts';
