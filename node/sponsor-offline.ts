/** A sponsor's device signs a request while no node runs on it. */
import { fromBase64url } from '../crypto/bytes.ts';
import { sponsor_document_lifetime_ms_max, verifyRecord } from '../crypto/did-record.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { buildRecord, nextSequence, ownIdentity } from '../protocols/identity/index.ts';
import { attestSponsorship, parseRequest, responseText, type CheckedRequest } from '../protocols/revocation/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import { loadIdentities, type StoredIdentity } from '../storage/identities.ts';
import type { Keystore } from '../storage/keystore.ts';
import { recordStore, type RecordStore } from '../storage/records.ts';
import { openStatements } from '../storage/statements.ts';
import { system_clock } from './clock.ts';
import type { SponsorRequestView } from './control/sponsor-api.ts';
import type { HeldFolder } from './held-folder.ts';
import { heldKeys } from './identity-keys.ts';
import { named, withinFolder, type KeyFolder } from './keys.ts';
import { mayNotSign, requestView } from './sponsoring.ts';

/** How a request is signed. */
export interface OfflineSigning {
  /** Name or DID of the sponsor. */
  readonly as: string;
  /** Only says what is asked. */
  readonly only_read: boolean;
  /** base64url SHA-256 of the sponsor's evidence. */
  readonly evidence?: string;
}

/** The sponsor's record, valid for 30 days and kept here, so that the node of this folder goes on from its sequence number. */
async function signRecord(sponsor: StoredIdentity, keystore: Keystore, records: RecordStore): Promise<Result<{ readonly bytes: Uint8Array; readonly own: ReturnType<typeof ownIdentity> }>> {
  const keys = heldKeys(keystore, sponsor.label, sponsor.establishments.length - 1);
  if (keys === undefined) return fail('IDENTITY_KEYS_MISSING', `the keys of ${sponsor.name} are not in keys.json`, { fix: 'restore keys.json from a backup' });
  const own = ownIdentity(sponsor, keys, sponsor, sponsor);
  records.claim(sponsor.did);
  const newest = await records.newest(sponsor.did);
  const bytes = buildRecord(own, {
    sequence: nextSequence(own, newest), now_ms: system_clock.now(), lifetime_ms: sponsor_document_lifetime_ms_max,
    services: newest?.document.services ?? [], methods: [], attestations: sponsor.attestations,
  });
  const record = verifyRecord(bytes, { now_ms: system_clock.now() });
  if (!record.ok) return record;
  await records.keep(record.value);
  return ok({ bytes, own });
}

async function signIn({ store }: HeldFolder, keystore: Keystore, read: CheckedRequest, signing: OfflineSigning): Promise<Result<SponsorRequestView & { readonly file: string }>> {
  const { request, record } = read;
  const { identities } = await loadIdentities(store);
  const sponsor = named(identities, signing.as);
  if (sponsor === undefined) return fail('NAME_UNKNOWN', `no ${JSON.stringify(signing.as.slice(0, 80))} has its key in this folder`, { fix: 'agentmesh keys list' });
  const statements = await openStatements({ store, now: () => system_clock.now() });
  const refused = mayNotSign(read, sponsor, statements);
  if (refused !== undefined) return { ok: false, failure: refused };
  const records = recordStore({ store, now: () => system_clock.now() });
  const signed = await signRecord(sponsor, keystore, records);
  if (!signed.ok) return signed;
  const evidence = signing.evidence === undefined ? undefined : fromBase64url(signing.evidence);
  const attestation = await attestSponsorship(signed.value.own.signer, record.did, {
    role: request.role, lifetime_s: request.lifetime_s, now_s: unixSeconds(system_clock), jti: fromBase64url(request.nonce) ?? new Uint8Array(),
    ...(evidence === undefined ? {} : { evidence }),
  });
  const above = sponsor.sponsor === null ? undefined : await records.newest(sponsor.sponsor);
  return ok({
    ...requestView(read),
    file: responseText({ agent: record.did, sponsor: sponsor.did, attestation, records: above === undefined ? [signed.value.bytes] : [signed.value.bytes, above.bytes] }),
  });
}

/**
 * What a request asks, and unless it is only to be read, the response that a
 * sponsor of this folder signs.
 *
 * Fails with a `SPONSOR_…` or `NAME_UNKNOWN` code, or as opening the folder and its keys does.
 */
export async function signOffline(folder: KeyFolder, text: string, signing: OfflineSigning): Promise<Result<SponsorRequestView & { readonly file?: string }>> {
  const read = parseRequest(text, system_clock.now());
  if (!read.ok) return read;
  if (signing.only_read) return ok(requestView(read.value));
  return withinFolder(folder, (held, keystore) => signIn(held, keystore, read.value, signing));
}
