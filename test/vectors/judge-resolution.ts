/** What this implementation says to the cases of `did.json` about DID resolution. */
import { isFields, type Fields } from '../../crypto/canonical.ts';
import { parseDid } from '../../crypto/did.ts';
import { equal } from '../../crypto/bytes.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { identity, type Identity, type Resolution } from '../../protocols/identity/index.ts';
import type { Network } from '../../protocols/ports.ts';
import { revocation, type RevocationService } from '../../protocols/revocation/index.ts';
import { Admission } from '../../protocols/statements/admission.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { recordStore } from '../../storage/records.ts';
import { openStatements } from '../../storage/statements.ts';
import { openStore } from '../../storage/store.ts';
import { interposed } from '../simulated-hosts.ts';
import { bytesOf, listOf, numberOf, textOf, textsOf } from './reading.ts';

const recorder = { record: (): void => undefined };

/** A network in which a peer each gives these answers. */
function answering(input: Fields): Network {
  const answers = listOf(input, 'answers').map((answer, index) => ({ key: unwrap(parseDid(textOf(answer, 'did'))).digest, from: `peer-${index}`, value: bytesOf(answer, 'record') }));
  const simulator = new Simulator('resolution');
  const network = simulatedNetwork(new Wire({ simulator }), { id: 'reader', clock: simulator.clock('reader'), recorder });
  return interposed(network, {
    get(_namespace, key) {
      const given = answers.filter((answer) => equal(answer.key, key)).map(({ from, value }) => ({ from, value }));
      return Promise.resolve(given.length === 0 ? fail('RECORD_NOT_FOUND', 'nobody has it', { detail: { asked: 1 } }) : ok(given));
    },
    put: () => Promise.resolve(ok(0)),
    penalise: () => undefined,
  });
}

/** A host that has met these peers and admitted the revocations. */
async function hostOf(input: Fields): Promise<Identity> {
  const now_ms = numberOf(input, 'now_ms');
  const clock = { now: (): number => now_ms, after: () => () => undefined };
  const store = unwrap(await openStore({ kind: 'memory' }));
  const statements = await openStatements({ store, now: clock.now });
  const service: Identity = identity({
    clock, recorder, network: answering(input), records: recordStore({ store, now: clock.now }),
    unsponsored: (record) => revocations.unsponsored(record),
    revokedDid: (did) => revocations.revokedDid(did),
    revokedKey: (key_id) => revocations.revokedKey(key_id),
  });
  const admission = new Admission({ clock, store: statements, recorder, identity: service }, {});
  const revocations: RevocationService = revocation({ clock, store: statements, identity: service, statements: { publish: (text) => admission.admit(text) } });
  for (const text of textsOf(input, 'revocations')) unwrap(await admission.admit(text));
  return service;
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The keys of a document. No relationship names another one. */
function keysOf(document: Fields): readonly unknown[] {
  const { verificationMethod, authentication, assertionMethod, capabilityInvocation, capabilityDelegation } = document;
  const listed = (value: unknown): readonly unknown[] => Array.isArray(value) ? value : [];
  const keys = listed(verificationMethod).map((method) => fieldsOf(method)['id']);
  const used = [authentication, assertionMethod, capabilityInvocation, capabilityDelegation].flatMap(listed);
  return used.every((key) => keys.includes(key)) ? keys : ['a relationship names a key that is not in the document'];
}

function outcomeOf({ didDocument, didDocumentMetadata, didResolutionMetadata }: Resolution): Fields {
  const { error, code, errorObject, contentType } = didResolutionMetadata;
  if (error !== undefined) return { refused: code, error, type: fieldsOf(errorObject)['type'], document: didDocument !== null };
  const { revoked, revoked_keys = [], sponsor_status } = fieldsOf(didDocumentMetadata['mesh']);
  return {
    error: null, document: didDocument !== null, content_type: contentType, deactivated: didDocumentMetadata['deactivated'] === true,
    revoked_by: fieldsOf(revoked)['by'] ?? null, revoked_keys, sponsor_status, keys: keysOf(didDocument ?? {}),
  };
}

/** The outcome of one resolution. */
export async function judgeResolution(input: Fields): Promise<Fields> {
  const host = await hostOf(input);
  return outcomeOf(await host.resolution(textOf(input, 'did'), fieldsOf(input['options'])));
}
