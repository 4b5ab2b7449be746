/** What this implementation says to the cases of `did.json`. */
import { toBase64url } from '../../crypto/bytes.ts';
import { decodeCbor, type Fields } from '../../crypto/canonical.ts';
import { didDocument } from '../../crypto/did-document.ts';
import { eventHash, isEstablishment, methodId } from '../../crypto/did-events.ts';
import { parseDidKey } from '../../crypto/did-key.ts';
import { compareRecords, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { didOf, parseDid } from '../../crypto/did.ts';
import { sha256 } from '../../crypto/hash.ts';
import { checkPublicKey } from '../../crypto/keys.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import type { Judge } from './judge-delegation.ts';
import { judgeResolution } from './judge-resolution.ts';
import { bytesOf, bytesOfText, numberOf, refusalOf, textOf, textsOf } from './reading.ts';

function judged<T>(result: Result<T>, of: (value: T) => Fields): Fields {
  return result.ok ? of(result.value) : refusalOf(result.failure);
}

function record(input: Fields, text: string): Result<DidRecord> {
  return verifyRecord(bytesOfText(text), { now_ms: numberOf(input, 'now_ms') });
}

function judgeSelection(input: Fields): Fields {
  const records = textsOf(input, 'records').map((text) => unwrap(record(input, text)));
  const [best] = [...records].sort(compareRecords);
  return { index: records.findIndex((each) => each === best) };
}

function judgeGenesis(input: Fields): Fields {
  const bytes = bytesOf(input, 'event');
  const event = unwrap(decodeCbor(bytes));
  if (!isEstablishment(event)) throw new Error('it is an establishment event');
  return { did: didOf(sha256(bytes)), hash: toBase64url(eventHash(event)) };
}

/** By task. */
export const did_judges: { readonly [task: string]: Judge } = {
  'verify record': (input) => judged(record(input, textOf(input, 'record')), ({ did, kind, number, document }) => ({ did, kind, number, sequence: document.sequence, deactivated: document.deactivated })),
  'select record': judgeSelection,
  'DID document': (input) => judged(record(input, textOf(input, 'record')), (value) => ({ document: didDocument(value) })),
  'parse DID': (input) => judged(parseDid(textOf(input, 'did')), ({ digest }) => ({ digest: toBase64url(digest) })),
  'parse did:key': (input) => judged(parseDidKey(textOf(input, 'did')), ({ public_key }) => ({ key: toBase64url(public_key) })),
  'check key': (input) => judged(checkPublicKey(bytesOf(input, 'key')), () => ({ accepted: true })),
  'method id': (input) => ({ id: methodId(bytesOf(input, 'key')) }),
  'DID of a genesis event': judgeGenesis,
  'resolution': judgeResolution,
};
