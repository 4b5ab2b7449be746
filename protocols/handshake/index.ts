export { handshake, type Handshake, type HandshakeParts, type LocalParty, type Session } from './handshake.ts';
