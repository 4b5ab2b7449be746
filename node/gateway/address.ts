import { isIP } from 'node:net';
import { fail, ok, type Result } from '../../crypto/result.ts';

/** Where a gateway listens. */
export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
}

const loopback_host = '127.0.0.1';
const address_form = /^(?:(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]/\s]*)):)?(?<port>[0-9]{1,5})$/;

/** Parses `HOST:PORT`, `[IPv6]:PORT`, `:PORT` or `PORT`; without a host it is the loopback interface. Fails with `GATEWAY_INVALID`. */
export function parseGateway(text: string): Result<GatewayAddress> {
  const groups = address_form.exec(text)?.groups;
  const port = Number(groups?.['port'] ?? Number.NaN);
  const six = groups?.['six'];
  const host = six ?? (groups?.['host'] || loopback_host);
  const is_host = six === undefined ? isIP(host) === 4 || host === 'localhost' : isIP(host) === 6;
  if (!is_host || !(port <= 65_535)) {
    return fail('GATEWAY_INVALID', 'a gateway listens on an IP address and a port', { fix: 'for example --gateway 127.0.0.1:8080, or 0.0.0.0:8080 for other hosts' });
  }
  return ok({ host, port });
}

/** The URL under which an address is reached. */
export function gatewayUrl({ host, port }: GatewayAddress): string {
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** Whether only this host reaches an address. Names are the same in either case (RFC 4343). */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * Whether a Host header may name this gateway. On the loopback interface only
 * names of the loopback count, or a web page could reach it under a name of its
 * own; elsewhere any name does, since the gateway cannot know its own.
 */
export function isHostAllowed(header: string | undefined, bound: string): boolean {
  const groups = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[0-9a-zA-Z.-]{1,253}))(?::[0-9]{1,5})?$/.exec(header ?? '')?.groups;
  const named = groups?.['six'] ?? groups?.['host'];
  return named !== undefined && (!isLoopback(bound) || isLoopback(named));
}

/** How an address counts for limits: an IPv6 /64 is one subscriber. */
export function limitKey(address: string | undefined): string {
  const plain = (address ?? '').replace(/^::ffff:(?=[0-9.]+$)/, '');
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...gap, ...right].slice(0, 4).join(':');
}
