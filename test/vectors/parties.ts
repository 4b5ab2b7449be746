/** Who takes part in the cases about delegations, and what a verifier is given about them. */
import type { Fields } from '../../crypto/canonical.ts';
import { toBase64url } from '../../crypto/bytes.ts';
import { signEvent, type DocumentEvent } from '../../crypto/did-events.ts';
import { encodeRecord } from '../../crypto/did-record.ts';
import { unwrap } from '../../crypto/result.ts';
import { signRevocation, type RevocationTarget } from '../../crypto/statement.ts';
import { attestSponsorship } from '../../protocols/revocation/index.ts';
import { agentOf, keyNamed, person, start_ms, start_s, type Person } from '../people.ts';

/** A human who answers for the agents. */
export const sponsor: Person = await person('vectors, sponsor');
/** An organisation. */
export const company: Person = await person('vectors, company', { kind: 'org' });
/** A human for whom the organisation answers. */
export const employee: Person = await person('vectors, employee', {
  sponsor: company.did,
  attest: async (did) => [await attestSponsorship(company.signer, did, { role: 'employer', lifetime_s: 90 * 86_400, now_s: start_s, jti: new Uint8Array(16) })],
});
/** Agents of the sponsor. */
export const a: Person = await agentOf(sponsor, 'vectors, a');
/** Agents of the sponsor. */
export const b: Person = await agentOf(sponsor, 'vectors, b');
/** Agents of the sponsor. */
export const c: Person = await agentOf(sponsor, 'vectors, c');
/** An agent of the employee. */
export const helper: Person = await agentOf(employee, 'vectors, helper');
/** An agent of the sponsor to whom nothing is delegated. */
export const mallory: Person = await agentOf(sponsor, 'vectors, mallory');
/** An agent of another human, who executes. */
export const executor: Person = await agentOf(employee, 'vectors, executor');
/** A human who answers for nobody. */
export const stranger: Person = await person('vectors, stranger');

/** The newer record of somebody, under the same genesis event, with another document. */
export function renewed(of: Person, name: string, changes: Partial<DocumentEvent>): Uint8Array {
  const document = { ...of.document, sequence: of.document.sequence + 1, ...changes };
  return encodeRecord({
    establishments: [of.establishment], document: signEvent(document, [{ index: 0, key: keyNamed(`${name}, update`) }]), attestations: of.record.attestations, witness_signatures: [],
  });
}

/** A signed revocation. */
export async function revoked(by: Person, target: RevocationTarget): Promise<string> {
  return unwrap(await signRevocation(by.signer, { target, seq: start_ms, nbf: start_s, why: '' }));
}

/** What differs from a verifier who knows everybody's record and no revocation, a minute after the start. */
export interface Knowledge {
  readonly people?: readonly Person[];
  /** Records besides those of people. */
  readonly records?: readonly Uint8Array[];
  readonly revocations?: readonly string[];
  readonly now_s?: number;
}

/** The same as input of a case. */
export function knowledge({ people = [sponsor, a, b, c], records = [], revocations = [], now_s = start_s + 60 }: Knowledge): Fields {
  return { records: [...people.map(({ record }) => record.bytes), ...records].map(toBase64url), revocations, now_s };
}
