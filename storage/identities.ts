import { utf8 } from '../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isStrings, isWhole, type Fields } from '../crypto/canonical.ts';
import {
  isEstablishment, isList, isRetired, isSigned, isWitnessSignature, keys_max, methods_max,
  type DidKind, type Establishment, type RetiredMethod, type Signed, type WitnessSignature,
} from '../crypto/did-events.ts';
import { establishments_max } from '../crypto/did-record.ts';
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

/** A rotation that has been signed and waits for its witnesses. It cannot be given up: they may have signed it. */
export interface PendingRotation {
  readonly establishment: Signed<Establishment>;
  /** The nodes whose witness keys it names, in their order. */
  readonly witness_nodes: readonly string[];
}

/** An identity whose keys lie in the keystore, without the keys. */
export interface StoredIdentity {
  readonly did: string;
  readonly name: string;
  readonly kind: DidKind;
  readonly sponsor: string | null;
  readonly capabilities: readonly string[];
  /** What its keys are called in the keystore. */
  readonly label: string;
  readonly establishments: readonly Signed<Establishment>[];
  readonly witness_signatures: readonly WitnessSignature[];
  /** The DIDs of the nodes that witness the next event, in the order of their keys in the newest one. */
  readonly witness_nodes: readonly string[];
  readonly pending: PendingRotation | null;
  readonly retired: readonly RetiredMethod[];
  readonly successor: string | null;
  readonly predecessor: string | null;
  readonly deactivated: boolean;
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

const isEvent = (value: unknown): value is Signed<Establishment> => isSigned(value, isEstablishment);
const isDidOrNull = (value: unknown): value is string | null => value === null || isDid(value);

function isPending(value: unknown): value is PendingRotation {
  return hasShape(value, ['establishment', 'witness_nodes']) && isEvent(value['establishment']) && isStrings(value['witness_nodes']);
}

function hasHistory(fields: Fields): boolean {
  const { establishments, witness_signatures, witness_nodes, pending, retired, successor, predecessor, deactivated } = fields;
  return isList(establishments, establishments_max, isEvent) && establishments.length > 0
    && isList(witness_signatures, establishments_max * keys_max, isWitnessSignature) && isStrings(witness_nodes)
    && (pending === null || isPending(pending)) && isList(retired, methods_max, isRetired)
    && isDidOrNull(successor) && isDidOrNull(predecessor) && typeof deactivated === 'boolean';
}

/** Whether a value is a stored identity; its signatures are not checked, they are when its record is made. */
export function isStoredIdentity(value: unknown): value is StoredIdentity {
  if (!hasShape(value, [
    'did', 'name', 'kind', 'sponsor', 'capabilities', 'label', 'establishments', 'witness_signatures', 'witness_nodes', 'pending', 'retired',
    'successor', 'predecessor', 'deactivated', 'attestations', 'agent',
  ])) return false;
  const { did, name, kind, sponsor, capabilities, label, attestations, agent }: Fields = value;
  return isDid(did) && typeof name === 'string' && isKind(kind) && isDidOrNull(sponsor) && isStrings(capabilities)
    && typeof label === 'string' && hasHistory(value) && isStrings(attestations) && (agent === null || isAgentSettings(agent));
}

/** Keeps identities, all or none; they are on the disk when the promise resolves. */
export async function keepIdentity(store: Store, ...identities: readonly StoredIdentity[]): Promise<void> {
  await store.batch(identities.map((identity) => ({ space: 'agent', key: utf8(identity.did), value: encodeCbor(identity) })), { sync: true });
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
