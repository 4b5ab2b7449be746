/** DID Core 1.0 documents, as JSON-LD. Every relationship names a method of the same document, and every id is a DID URL. */
import { toBase64url } from './bytes.ts';
import type { KeyUse } from './did-events.ts';
import type { KeyDid } from './did-key.ts';
import type { DidRecord } from './did-record.ts';

/** A DID document. */
export interface DidDocument {
  readonly [name: string]: unknown;
}

const contexts: readonly string[] = ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/suites/jws-2020/v1'];

function verificationMethod(id: string, controller: string, key: Uint8Array): DidDocument {
  return { id, type: 'JsonWebKey2020', controller, publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: toBase64url(key) } };
}

/** The document of a record. */
export function didDocument({ did, document }: Pick<DidRecord, 'did' | 'document'>): DidDocument {
  const url = (id: string): string => `${did}#${id}`;
  const alsoKnownAs = [document.successor, document.predecessor].filter((other) => other !== null);
  const withUse = (...wanted: readonly KeyUse[]): readonly string[] => document.methods
    .filter((method) => wanted.some((use) => method.uses.includes(use)))
    .map((method) => url(method.id));
  return {
    '@context': contexts,
    id: did,
    ...(alsoKnownAs.length === 0 ? {} : { alsoKnownAs }),
    verificationMethod: document.methods.map((method) => verificationMethod(url(method.id), did, method.key)),
    authentication: withUse('authentication'),
    assertionMethod: withUse('assertionMethod', 'log', 'witness', 'eventWitness'),
    capabilityInvocation: withUse('capabilityInvocation'),
    capabilityDelegation: withUse('capabilityDelegation'),
    service: document.services.map((service) => ({ id: url(service.id), type: service.type, serviceEndpoint: service.endpoints })),
  };
}

/**
 * The document of a `did:key`. It says nothing of key agreement: no key of the
 * mesh is used to encrypt, so none is derived from a key that signs.
 */
export function keyDocument({ did, multibase, public_key }: KeyDid): DidDocument {
  const id = `${did}#${multibase}`;
  return {
    '@context': contexts,
    id: did,
    verificationMethod: [verificationMethod(id, did, public_key)],
    authentication: [id],
    assertionMethod: [id],
    capabilityInvocation: [id],
    capabilityDelegation: [id],
  };
}
