export { handshake, type Handshake, type LocalParty } from './handshake.ts';
export type { Session } from './sessions.ts';
