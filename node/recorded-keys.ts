import { logOrigin, witnessName } from '../crypto/checkpoint.ts';
import type { DidRecord } from '../crypto/did-record.ts';
import { signature_type_log, signature_type_witness, verifierKey } from '../crypto/note.ts';

type Use = 'log' | 'witness';

function vkeyOf(did: string, use: Use, key: Uint8Array): string {
  return use === 'log' ? verifierKey(logOrigin(did, key), signature_type_log, key) : verifierKey(witnessName(did, key), signature_type_witness, key);
}

/** The vkey of the log or the witness of this name, where a DID's record gives its key: the one in use, or one that was. */
export function namedKey({ did, document: { methods, retired } }: DidRecord, use: Use, name: string): string | undefined {
  return [...methods, ...retired].filter(({ uses }) => uses.includes(use)).map(({ key }) => vkeyOf(did, use, key)).find((vkey) => vkey.startsWith(`${name}+`));
}

/** The vkey, name included, that a DID's record gives for its log or its witness. */
export function recordedKey({ did, document: { methods } }: DidRecord, use: Use): string | undefined {
  const method = methods.find(({ uses }) => uses.includes(use));
  return method === undefined ? undefined : vkeyOf(did, use, method.key);
}
