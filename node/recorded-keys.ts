import { logOrigin, witnessName } from '../crypto/checkpoint.ts';
import type { DidRecord } from '../crypto/did-record.ts';
import { signature_type_log, signature_type_witness, verifierKey } from '../crypto/note.ts';

/** The vkey, name included, that a DID's record gives for its log or its witness. */
export function recordedKey(record: DidRecord, use: 'log' | 'witness'): string | undefined {
  const method = record.document.methods.find((candidate) => candidate.uses.includes(use));
  if (method === undefined) return undefined;
  return use === 'log'
    ? verifierKey(logOrigin(record.did, method.key), signature_type_log, method.key)
    : verifierKey(witnessName(record.did, method.key), signature_type_witness, method.key);
}
