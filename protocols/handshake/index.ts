export { handshake, type Handshake, type LocalParty, type Session } from './handshake.ts';
