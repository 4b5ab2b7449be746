export { identity, type Identity, type IdentityParts, type Resolution } from './identity.ts';
export { buildRecord, establish, ownIdentity, use_key_id, type IdentityKeys, type IdentityPlan, type OwnIdentity, type RecordPlan } from './controller.ts';
