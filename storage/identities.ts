import { utf8 } from '../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isStrings, isWhole, type Fields } from '../crypto/canonical.ts';
import type { DidKind } from '../crypto/did-record.ts';
import { isDid } from '../crypto/did.ts';
import type { Store } from './store.ts';

/** How an agent of this host is run. */
export interface AgentSettings {
  /** Path of the module that serves its commands, `null` where a program registers the handler itself. */
  readonly handler: string | null;
  /** Path of its policy file, `null` for none. */
  readonly policy: string | null;
  /** The trust score that callers need, 0..1000. */
  readonly required_trust: number;
  readonly authority: 'delegated' | 'open';
  /** Sponsors besides its own whose delegations it honours. */
  readonly roots: readonly string[];
}

/** An identity whose keys lie in the keystore, without the keys. */
export interface StoredIdentity {
  readonly did: string;
  readonly name: string;
  readonly kind: DidKind;
  readonly sponsor: string | null;
  readonly capabilities: readonly string[];
  /** Encoded genesis event with its signatures. */
  readonly establishment: Uint8Array;
  readonly attestations: readonly string[];
  /** Present for agents. */
  readonly agent: AgentSettings | null;
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isAgentSettings(value: unknown): value is AgentSettings {
  return hasShape(value, ['handler', 'policy', 'required_trust', 'authority', 'roots']) && isStrings(value['roots'])
    && isTextOrNull(value['handler']) && isTextOrNull(value['policy']) && isWhole(value['required_trust'])
    && (value['authority'] === 'delegated' || value['authority'] === 'open');
}

function isKind(value: unknown): value is DidKind {
  return value === 'human' || value === 'org' || value === 'agent' || value === 'node';
}

function isStoredIdentity(value: unknown): value is StoredIdentity {
  if (!hasShape(value, ['did', 'name', 'kind', 'sponsor', 'capabilities', 'establishment', 'attestations', 'agent'])) return false;
  const { did, name, kind, sponsor, capabilities, establishment, attestations, agent }: Fields = value;
  return isDid(did) && typeof name === 'string' && isKind(kind) && (sponsor === null || isDid(sponsor)) && isStrings(capabilities)
    && establishment instanceof Uint8Array && isStrings(attestations) && (agent === null || isAgentSettings(agent));
}

/** Keeps an identity; it is on the disk when the promise resolves. */
export async function keepIdentity(store: Store, identity: StoredIdentity): Promise<void> {
  await store.batch([{ space: 'agent', key: utf8(identity.did), value: encodeCbor(identity) }], { sync: true });
}

/** Every identity of this host, in the order of their DIDs; what cannot be read is named, not dropped in silence. */
export async function loadIdentities(store: Store): Promise<{ readonly identities: readonly StoredIdentity[]; readonly unreadable: number }> {
  const identities: StoredIdentity[] = [];
  let unreadable = 0;
  for await (const [, value] of store.entries('agent', {})) {
    const decoded = decodeCbor(value);
    if (decoded.ok && isStoredIdentity(decoded.value)) identities.push(decoded.value);
    else unreadable += 1;
  }
  return { identities, unreadable };
}
