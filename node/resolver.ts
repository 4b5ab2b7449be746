/** DID resolution for programs that use `did-resolver` or what is built on it, such as `did-jwt` and Veramo. */
import type { Resolution, ResolutionOptions } from '../protocols/identity/index.ts';
import { resolutionError } from '../protocols/identity/index.ts';
import type { Host } from './host.ts';

/** The document of a result, in the form that `did-resolver` declares. */
export interface ResolvedDocument {
  readonly id: string;
  readonly [name: string]: unknown;
}

/** What `did-resolver` has parsed of a DID URL. */
export interface ParsedDid {
  readonly did: string;
  readonly query?: string;
}

/** A result as `did-resolver` understands it. */
export interface ResolverResult {
  didDocument: ResolvedDocument | null;
  didDocumentMetadata: { readonly [name: string]: unknown };
  didResolutionMetadata: { readonly [name: string]: unknown };
}

/** Resolves DIDs of one method: a `DIDResolver` of `did-resolver`. Never rejects for what it is asked. */
export type MethodResolver = (did: string, parsed: ParsedDid | undefined, resolver: unknown, options: ResolutionOptions | undefined) => Promise<ResolverResult>;

/** A resolver for each method: the registry that `new Resolver(...)` of `did-resolver` takes. */
export interface MethodResolvers {
  readonly mesh: MethodResolver;
  readonly key: MethodResolver;
  readonly web?: MethodResolver;
  readonly [method: string]: MethodResolver;
}

/** What is resolved besides `did:mesh` and `did:key`. */
export interface ResolverInit {
  /** Also `did:web`, which lets whoever names a DID make this host ask a web server. */
  readonly web?: boolean;
}

/** The parts of a node that resolve. */
export interface ResolvingNode {
  readonly host: Pick<Host, 'identity'> & { readonly parts: Pick<Host['parts'], 'clock'> };
}

function asResult({ didDocument, didDocumentMetadata, didResolutionMetadata }: Resolution, did: string): ResolverResult {
  return { didDocument: didDocument === null ? null : { ...didDocument, id: did }, didDocumentMetadata, didResolutionMetadata };
}

/** The query of a DID URL may ask for another version than the newest, which must not be answered with the newest. */
function withQuery(options: ResolutionOptions, query: string | undefined): ResolutionOptions {
  const asked = new URLSearchParams(query ?? '');
  const versions = ['versionId', 'versionTime'].flatMap((name): (readonly [string, string])[] => {
    const value = asked.get(name);
    return value === null ? [] : [[name, value]];
  });
  return { ...options, ...Object.fromEntries(versions) };
}

function method(resolve: (did: string, options: ResolutionOptions) => Promise<Resolution>): MethodResolver {
  return async (did, parsed, _resolver, options) => {
    if (parsed !== undefined && parsed.did !== did) return asResult(resolutionError({ code: 'DID_INVALID', reason: 'a DID is resolved, not a DID URL' }), did);
    return asResult(await resolve(did, withQuery(options ?? {}, parsed?.query)), did);
  };
}

/**
 * The DID methods of a node for `did-resolver`: `new Resolver(getResolver(node))`.
 * A DID that is deactivated or revoked has no document, so that verifiers which
 * overlook the metadata find no key either; nor is a revoked key in a document.
 */
export function getResolver(node: ResolvingNode, init: ResolverInit = {}): MethodResolvers {
  const { identity, parts: { clock } } = node.host;
  const mesh = method((did, options) => identity.resolution(did, options));
  if (init.web !== true) return { mesh, key: mesh };
  // Few programs ask for it, and it brings the TLS client.
  const web = method(async (did, options) => (await import('./did-web.ts')).resolveWeb(did, options, { clock }));
  return { mesh, key: mesh, web };
}
