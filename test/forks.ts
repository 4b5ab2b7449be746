/** People who tell two histories: different second establishment events, each signed as it must be. */
import { attestationsHash, eventHash, methodId, signEvent, witnessedHash, type DocumentEvent, type Establishment, type Signed } from '../crypto/did-events.ts';
import { encodeRecord, verifyRecord, type DidRecord } from '../crypto/did-record.ts';
import { sha256 } from '../crypto/hash.ts';
import { unwrap } from '../crypto/result.ts';
import { keyNamed, start_ms, type Person } from './people.ts';

/** The second establishment event of somebody made by `person(name)`; each `history` commits to another next key. */
export function secondEvent(of: Person, name: string, history: string, changes: Partial<Establishment> = {}): Signed<Establishment> {
  const key = keyNamed(`${name}, next`);
  return signEvent<Establishment>({
    ...of.establishment.event,
    number: 1,
    previous: eventHash(of.establishment.event),
    keys: [key.public_key],
    next_keys: [sha256(keyNamed(`${name}, ${history}`).public_key)],
    ...changes,
  }, [{ index: 0, key }]);
}

/** The record of somebody after a rotation. */
export function rotatedRecord(of: Person, name: string, history: string, changes: Partial<DocumentEvent> = {}): DidRecord {
  const second = secondEvent(of, name, history);
  const use = keyNamed(`${name}, ${history}, use`);
  const document = signEvent<DocumentEvent>({
    ...of.document,
    establishment: eventHash(second.event),
    methods: [{ id: methodId(use.public_key), key: use.public_key, uses: ['authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation'] }],
    attestations: attestationsHash([]),
    witnessed: witnessedHash([]),
    ...changes,
  }, [{ index: 0, key: keyNamed(`${name}, next`) }]);
  const bytes = encodeRecord({ establishments: [of.establishment, second], document, attestations: [], witness_signatures: [] });
  return unwrap(verifyRecord(bytes, { now_ms: start_ms }));
}
