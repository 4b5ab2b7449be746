/**
 * `did:web`, read-only (W3C CCG did:web method): the document of a DID that is a
 * web address. Whoever holds the address or its certificate decides what it
 * says, so it is for talking with others and never a party of the mesh.
 *
 * A name in a token makes this host send a request, so it goes out only over
 * https, to public addresses, small, quick, and without following anybody.
 */
import { lookup } from 'node:dns/promises';
import { request } from 'node:https';
import { BlockList, isIP } from 'node:net';
import { fromUtf8 } from '../crypto/bytes.ts';
import { isFields, type Fields } from '../crypto/canonical.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { checkOptions, resolutionError, type Resolution, type ResolutionOptions } from '../protocols/identity/index.ts';
import { deadline } from '../protocols/time.ts';
import type { Clock } from '../protocols/ports.ts';

/** The largest document that is read. */
export const web_document_bytes_max = 65_536;
/** Time from the look-up of the name to the last byte. */
export const web_ms_max = 5000;
const methods_max = 64;
const https_port = 443;
const relationships: readonly string[] = ['authentication', 'assertionMethod', 'keyAgreement', 'capabilityInvocation', 'capabilityDelegation'];

/** Where the document of a `did:web` lies. */
export interface WebPlace {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** How a document is fetched: what a test puts in the place of the world. */
export interface WebParts {
  readonly clock: Clock;
  /** The addresses of a name. Rejects where there are none. */
  readonly addresses?: (host: string) => Promise<readonly string[]>;
  /** Whether a request may go to an address; public ones alone when absent. */
  readonly mayReach?: (address: string) => boolean;
  /** Certificates (PEM) to trust besides those of the system. */
  readonly authority?: string;
}

const private_addresses = new BlockList();
// IANA special-purpose address registries (RFC 6890): whatever is not globally reachable.
for (const [network, bits] of [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.0.2.0', 24],
  ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4],
] as const) private_addresses.addSubnet(network, bits, 'ipv4');
const public_ipv6 = new BlockList();
public_ipv6.addSubnet('2000::', 3, 'ipv6');
// Within the global range: documentation, Teredo and 6to4, which carry IPv4 addresses of anybody's choice, and benchmarks.
for (const [network, bits] of [['2001:db8::', 32], ['2001::', 23], ['2002::', 16], ['3fff::', 20]] as const) private_addresses.addSubnet(network, bits, 'ipv6');

/** Whether an address is reachable by everybody, and so is none of this host's own network. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !private_addresses.check(address, 'ipv4');
  return family === 6 && public_ipv6.check(address, 'ipv6') && !private_addresses.check(address, 'ipv6');
}

/**
 * Where the document of a `did:web` lies. Fails with `DID_METHOD_UNSUPPORTED` for
 * other methods, and with `DID_INVALID`: a domain name, optionally a port as
 * `%3A8443`, and path parts of letters, digits, dots, hyphens and underscores.
 */
export function parseDidWeb(did: string): Result<WebPlace> {
  if (!did.startsWith('did:web:')) return fail('DID_METHOD_UNSUPPORTED', `${did.slice(0, 80)} is not a did:web`);
  const invalid = fail('DID_INVALID', 'a did:web is did:web:example.com, with a port as %3A8443 and path parts after colons');
  const [name = '', ...parts] = did.slice('did:web:'.length).split(':');
  const match = /^([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?:%3[Aa]([1-9][0-9]{0,4}))?$/.exec(name);
  const [, host = '', port = String(https_port)] = match ?? [];
  const is_name = /^(?!.*\.\.)(?=.*[A-Za-z]).+\.[A-Za-z][A-Za-z0-9-]*$/.test(host) && isIP(host) === 0;
  const are_parts = parts.every((part) => /^[A-Za-z0-9._-]{1,128}$/.test(part) && !/^\.+$/.test(part));
  if (did.length > 1024 || !is_name || Number(port) > 65_535 || !are_parts) return invalid;
  const path = parts.length === 0 ? '/.well-known/did.json' : `/${parts.join('/')}/did.json`;
  return ok({ host: host.toLowerCase(), port: Number(port), path });
}

/** One address of a name that may be reached: the request goes to it and to no other, so that a second answer of the name server changes nothing. */
async function pinnedAddress({ host }: WebPlace, parts: WebParts): Promise<Result<string>> {
  const { addresses = async (name: string) => (await lookup(name, { all: true })).map(({ address }) => address), mayReach = isPublicAddress } = parts;
  const found = await addresses(host).catch((): readonly string[] => []);
  const [first] = found;
  if (first === undefined) return fail('DID_NOT_FOUND', `the name ${host} has no address`);
  return found.every(mayReach) ? ok(first) : fail('ADDRESS_PRIVATE', `${host} has an address that is not public: nothing is asked there`);
}

/** The body of one GET. Fails with `DID_NOT_FOUND`, `DOCUMENT_INVALID` or `LOOKUP_TIMEOUT`. */
function fetched({ host, port, path }: WebPlace, address: string, authority: string | undefined, signal: AbortSignal): Promise<Result<Uint8Array>> {
  return new Promise((resolve) => {
    const asked = request({
      host: address, servername: host, port, path, method: 'GET', agent: false, signal,
      headers: { host: port === https_port ? host : `${host}:${port}`, accept: 'application/did+ld+json, application/json' },
      ...(authority === undefined ? {} : { ca: authority }),
    }, (response) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      const end = (result: Result<Uint8Array>): void => {
        resolve(result);
        asked.destroy();
      };
      // A redirect may lead anywhere, also into this host's own network.
      if (response.statusCode !== 200) return end(fail('DID_NOT_FOUND', `${host} answered ${response.statusCode ?? 'nothing'} instead of 200; redirects are not followed`));
      response.on('data', (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes > web_document_bytes_max) return end(fail('DOCUMENT_INVALID', `the document has more than ${web_document_bytes_max} bytes`));
        chunks.push(chunk);
      });
      response.on('end', () => resolve(response.complete ? ok(Buffer.concat(chunks)) : fail('DID_NOT_FOUND', `${host} broke off its answer`)));
      response.on('error', (error) => resolve(fail('DID_NOT_FOUND', `${host} broke off its answer: ${messageOf(error)}`)));
    });
    asked.on('error', (error) => resolve(signal.aborted
      ? fail('LOOKUP_TIMEOUT', `${host} did not answer within ${web_ms_max / 1000} s`)
      : fail('DID_NOT_FOUND', `${host} cannot be asked: ${messageOf(error)}`)));
    asked.end();
  });
}

function isMethod(value: unknown, did: string): value is Fields {
  return isFields(value) && typeof value['id'] === 'string' && (value['id'].startsWith(`${did}#`) || value['id'].startsWith('#'))
    && typeof value['type'] === 'string' && typeof value['controller'] === 'string';
}

/** The document in a body: JSON of this DID whose relationships name methods that are there. Fails with `DOCUMENT_INVALID`. */
export function parseWebDocument(bytes: Uint8Array, did: string): Result<Fields> {
  const invalid = (reason: string): ReturnType<typeof fail> => fail('DOCUMENT_INVALID', reason);
  const text = fromUtf8(bytes);
  let document: unknown;
  try {
    document = text === undefined ? undefined : JSON.parse(text);
  } catch {
    return invalid('the document is not JSON');
  }
  if (!isFields(document)) return invalid('the document is not a JSON object');
  if (document['id'] !== did) return invalid('the document is that of another DID');
  const methods = document['verificationMethod'] ?? [];
  if (!Array.isArray(methods) || methods.length > methods_max || !methods.every((method) => isMethod(method, did))) return invalid('a verification method is malformed');
  const full = (id: unknown): unknown => typeof id === 'string' && id.startsWith('#') ? did + id : id;
  const ids = new Set(methods.map((method: Fields) => full(method['id'])));
  if (ids.size !== methods.length) return invalid('two verification methods have one id');
  for (const name of relationships) {
    const named = document[name] ?? [];
    const is_good = Array.isArray(named) && named.length <= methods_max && named.every((item) => ids.has(full(item)) || isMethod(item, did));
    if (!is_good) return invalid(`${name} names a verification method that is not there`);
  }
  return ok(document);
}

async function webDocument(did: string, parts: WebParts): Promise<Result<Fields>> {
  const place = parseDidWeb(did);
  if (!place.ok) return place;
  const limit = deadline(parts.clock, web_ms_max);
  try {
    const address = await Promise.race([pinnedAddress(place.value, parts), aborted(limit.signal, place.value.host)]);
    if (!address.ok) return address;
    const body = await fetched(place.value, address.value, parts.authority, limit.signal);
    return body.ok ? parseWebDocument(body.value, did) : body;
  } finally {
    limit.done();
  }
}

function aborted(signal: AbortSignal, host: string): Promise<Result<never>> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(fail('LOOKUP_TIMEOUT', `the name ${host} was not found within ${web_ms_max / 1000} s`)), { once: true });
  });
}

/** Resolves a `did:web` in the form of W3C DID Resolution. Never rejects for what it is asked. */
export async function resolveWeb(did: string, options: ResolutionOptions, parts: WebParts): Promise<Resolution> {
  const checked = checkOptions(options);
  if (!checked.ok) return resolutionError(checked.failure);
  const document = await webDocument(did, parts);
  if (!document.ok) return resolutionError(document.failure);
  return { didDocument: document.value, didDocumentMetadata: { mesh: { source: 'web' } }, didResolutionMetadata: { contentType: checked.value.media_type } };
}
