export { identity, type Identity } from './identity.ts';
export { buildRecord, establish, ownIdentity, use_key_id, type IdentityKeys, type IdentityPlan, type OwnIdentity } from './controller.ts';
