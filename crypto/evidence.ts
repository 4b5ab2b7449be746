/** What a verifier of chains and commands knows, and the checks of who signed: revocations, records, sponsors, keys, signatures. */
import type { Delegation } from './delegation.ts';
import type { KeyUse } from './did-events.ts';
import { keyFor, type DidRecord } from './did-record.ts';
import { verifyToken, type Token } from './jwt.ts';
import { ok, type Failure, type Result } from './result.ts';
import { refuse, refuseAs, type Place } from './steps.ts';

/** What a verifier knows when it decides. Nothing here asks the network. */
export interface Evidence {
  readonly now_s: number;
  /** The verified record of a DID, if it is known. */
  record(did: string): DidRecord | undefined;
  /** Why this link does not hold any more, if somebody with authority over it revoked it. `above` are the links before it. */
  revoked(link: Delegation, above: readonly Delegation[]): Failure | undefined;
  /** Why nobody may sign with this key any more, if its DID or the sponsor of its DID revoked it. */
  revokedKey(key_id: string): Failure | undefined;
  /** Why the sponsor does not answer for an agent, if so. */
  unsponsored(record: DidRecord): Failure | undefined;
  /** Why too little is known of revocations to let these parties give a command with this verb, if so: `REVOCATION_STALE`. */
  fresh(verb: string, parties: readonly string[]): Failure | undefined;
  /**
   * Stands for everything that the answers come from besides the time: an
   * object that is replaced by another with every record, revocation or key
   * that is added or changed. Where it is absent, nothing that can change is remembered.
   */
  readonly state?: object;
}

/** Who is said to have signed what, and when. */
export interface Signing {
  readonly token: Token;
  readonly place: Place;
  readonly use: KeyUse;
  /** What the token says of its own time, Unix seconds, where a retired key may count; absent where only keys in use do. */
  readonly dated_s?: number;
}

/** Step 11 for a key: it is not revoked. */
export function checkKeyRevocation({ token, place }: Signing, evidence: Evidence): Result<void> {
  const revoked = evidence.revokedKey(token.key_id);
  return revoked === undefined ? ok(undefined) : refuseAs(11, place, revoked, 'a token that is signed with another key');
}

/** A signer with the key that the record gives. */
export interface Signer {
  readonly record: DidRecord;
  readonly key: Uint8Array;
}

/** Step 12: the issuer is known, active and answered for, and the key is one that it may use so. */
export function checkIssuer({ token, place, use, dated_s }: Signing, evidence: Evidence): Result<Signer> {
  const issuer = String(token.claims['iss']);
  const record = evidence.record(issuer);
  if (record === undefined) {
    return refuse(12, place, { code: 'CHAIN_ISSUER_UNKNOWN', reason: `the record of ${issuer} is not known`, fix: 'send the record along, or connect to a peer that has it' });
  }
  if (record.document.deactivated) {
    return refuse(12, place, { code: 'CHAIN_ISSUER_DEACTIVATED', reason: `${issuer} is deactivated`, fix: 'a delegation or a command of somebody who is active' });
  }
  const unsponsored = evidence.unsponsored(record);
  if (unsponsored !== undefined) return refuseAs(12, place, unsponsored, `an issuer for whom a sponsor answers`);
  const key = keyFor(record, token.key_id, use, dated_s);
  if (key === undefined) {
    return refuse(12, place, { code: 'CHAIN_KEY_UNKNOWN', reason: `${token.key_id} is not a key that ${issuer} may use so`, fix: `a token signed with a key that the newest record of ${issuer} lists under ${use}` });
  }
  return ok({ record, key });
}

/** Step 13: the signature is that of the key. */
export function checkSignature({ token, place }: Signing, { record, key }: Signer): Result<void> {
  if (verifyToken(token, key)) return ok(undefined);
  return refuse(13, place, { code: 'CHAIN_FORGED', reason: `the signature is not that of ${record.did}`, fix: `the token as ${record.did} signed it` });
}
