export type { GatewayAddress } from './address.ts';
export { serveGateway, type Gateway, type GatewayParts } from './gateway.ts';
