/** W3C DID Resolution: options, results, metadata and errors. */
import { toBase64url } from '../../crypto/bytes.ts';
import { didDocument, keyDocument, type DidDocument } from '../../crypto/did-document.ts';
import type { VerificationMethod } from '../../crypto/did-events.ts';
import { parseDidKey } from '../../crypto/did-key.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import { accountable_levels_max } from '../limits.ts';
import type { IdentityParts, Resolution, ResolutionOptions } from './index.ts';

/** A resolved record and where it came from. */
export interface Provenance {
  readonly record: DidRecord;
  readonly source: 'own' | 'cache' | 'dht';
  /** Peers that answered the last look-up with a valid record. */
  readonly answers: number;
  /** Since the record was last confirmed; `null` when it never was in this run. */
  readonly age_ms: number | null;
}

/** What resolution uses. */
export interface ResolutionParts extends Pick<IdentityParts, 'unsponsored' | 'revokedDid' | 'revokedKey'> {
  resolve(did: string, fresh: boolean): Promise<Result<Provenance>>;
}

/** An error of DID Resolution section 10: the name in its type URL, and the string that `did-resolver` knows. */
interface ErrorName {
  readonly type: string;
  readonly error: string;
  readonly title: string;
}

const internal_error: ErrorName = { type: 'INTERNAL_ERROR', error: 'internalError', title: 'The resolver failed' };
const invalid_document: ErrorName = { type: 'INVALID_DID_DOCUMENT', error: 'invalidDidDocument', title: 'The DID document cannot be believed' };
const not_found: ErrorName = { type: 'NOT_FOUND', error: 'notFound', title: 'The DID was not found' };
const error_names: { readonly [code: string]: ErrorName } = {
  DID_INVALID: { type: 'INVALID_DID', error: 'invalidDid', title: 'Not a valid DID' },
  DID_METHOD_UNSUPPORTED: { type: 'METHOD_NOT_SUPPORTED', error: 'unsupportedDidMethod', title: 'The DID method is not supported' },
  DID_NOT_FOUND: not_found,
  RECORD_EXPIRED: not_found,
  RECORD_INVALID: invalid_document,
  DID_DUPLICITY: invalid_document,
  DOCUMENT_INVALID: invalid_document,
  REPRESENTATION_NOT_SUPPORTED: { type: 'REPRESENTATION_NOT_SUPPORTED', error: 'representationNotSupported', title: 'The media type is not supported' },
  INVALID_OPTIONS: { type: 'INVALID_OPTIONS', error: 'invalidOptions', title: 'The options are not valid' },
  FEATURE_NOT_SUPPORTED: { type: 'FEATURE_NOT_SUPPORTED', error: 'featureNotSupported', title: 'The feature is not supported' },
};

const ld_json = 'application/did+ld+json';
const media_types: readonly string[] = [ld_json, 'application/did+json', 'application/did'];

/** The result of a resolution that failed. */
export function resolutionError({ code, reason, fix }: Failure): Resolution {
  const { type, error, title } = error_names[code] ?? internal_error;
  return {
    didDocument: null,
    didDocumentMetadata: code === 'DID_DUPLICITY' ? { mesh: { duplicity: true } } : {},
    didResolutionMetadata: {
      error,
      errorObject: { type: `https://www.w3.org/ns/did#${type}`, title, detail: fix === undefined ? reason : `${reason} (${fix})` },
      code,
      message: reason,
    },
  };
}

/** What options mean. Fails with `INVALID_OPTIONS`, `FEATURE_NOT_SUPPORTED` or `REPRESENTATION_NOT_SUPPORTED`. */
export function checkOptions(options: ResolutionOptions): Result<{ readonly media_type: string; readonly fresh: boolean }> {
  const { accept = ld_json, fresh = false, cache = true, noCache = false, versionId, versionTime } = options;
  if (typeof accept !== 'string') return fail('INVALID_OPTIONS', 'accept is a media type');
  for (const [name, value] of Object.entries({ fresh, cache, noCache })) {
    if (typeof value !== 'boolean') return fail('INVALID_OPTIONS', `${name} is true or false`);
  }
  if (versionId !== undefined || versionTime !== undefined) {
    return fail('FEATURE_NOT_SUPPORTED', 'only the newest version of a document can be had: leave out versionId and versionTime');
  }
  // A list in the manner of HTTP is no media type of ours, but may name one.
  const media_type = accept.split(',').map((item) => item.split(';')[0]?.trim() ?? '').find((item) => media_types.includes(item) || item === '*/*');
  if (media_type === undefined) return fail('REPRESENTATION_NOT_SUPPORTED', `a document can be had as ${media_types.join(', ')}`);
  return ok({ media_type: media_type === '*/*' ? ld_json : media_type, fresh: fresh || cache === false || noCache === true });
}

/** The DID that takes another's place, or whose place it took, where both say so: `canonicalId` and `equivalentId` of DID Core section 7.1.3. */
async function equivalents({ did, document }: DidRecord, parts: ResolutionParts): Promise<{ readonly [name: string]: unknown }> {
  const agrees = async (other: string | null, back: 'successor' | 'predecessor'): Promise<string | undefined> => {
    const found = other === null ? undefined : await parts.resolve(other, false);
    return found?.ok === true && found.value.record.document[back] === did ? found.value.record.did : undefined;
  };
  const successor = await agrees(document.successor, 'predecessor');
  const predecessor = await agrees(document.predecessor, 'successor');
  const others = [successor, predecessor].filter((other) => other !== undefined);
  return { ...(others.length === 0 ? {} : { equivalentId: others }), ...(successor === undefined ? {} : { canonicalId: successor }) };
}

/** Looks up the sponsor, and the organisation that answers for it: without their records nobody can say what they may end. */
async function resolveAbove(record: DidRecord, parts: ResolutionParts): Promise<void> {
  let above = record.sponsor;
  for (let level = 1; level < accountable_levels_max && above !== null; level += 1) {
    const resolved = await parts.resolve(above, false);
    above = resolved.ok ? resolved.value.record.sponsor : null;
  }
}

/** Whether somebody answers for the subject: `ok`, the code of what is wrong, or `null` where nobody has to. */
function sponsorStatus(record: DidRecord, parts: ResolutionParts): string | null {
  if (record.sponsor === null && record.kind !== 'agent') return null;
  return parts.unsponsored?.(record)?.code ?? 'ok';
}

/** What of a record was revoked with authority: everything, or keys of it; and what is left of its document. */
function revocations({ did, document }: DidRecord, parts: ResolutionParts): { readonly didDocument: DidDocument | null; readonly mesh: { readonly [name: string]: unknown } } {
  const ended = parts.revokedDid?.(did);
  const urlOf = ({ id }: VerificationMethod): string => `${did}#${id}`;
  const revoked_keys = document.methods.map(urlOf).filter((key_id) => parts.revokedKey?.(key_id) !== undefined);
  const methods = document.methods.filter((method) => !revoked_keys.includes(urlOf(method)));
  return {
    // Who overlooks the metadata finds no key either.
    didDocument: document.deactivated || ended !== undefined ? null : didDocument({ did, document: { ...document, methods } }),
    mesh: {
      ...(ended === undefined ? {} : { revoked: { by: ended.detail?.['by'], why: ended.reason, statement: ended.detail?.['statement'] } }),
      ...(revoked_keys.length === 0 ? {} : { revoked_keys }),
    },
  };
}

async function meshResolution(did: string, fresh: boolean, media_type: string, parts: ResolutionParts): Promise<Resolution> {
  const resolved = await parts.resolve(did, fresh);
  if (!resolved.ok) return resolutionError(resolved.failure);
  const { record, source, answers, age_ms } = resolved.value;
  const { document, created_ms, number, hash, sponsor, kind, current } = record;
  await resolveAbove(record, parts);
  const revoked = revocations(record, parts);
  return {
    didDocument: revoked.didDocument,
    didDocumentMetadata: {
      created: isoSeconds(created_ms),
      updated: isoSeconds(document.time),
      nextUpdate: isoSeconds(document.expires),
      versionId: `${number}-${document.sequence}`,
      ...(revoked.didDocument === null ? { deactivated: true } : {}),
      ...await equivalents(record, parts),
      mesh: {
        kind, name: document.name, sponsor, capabilities: document.capabilities, record: toBase64url(hash),
        ...(parts.unsponsored === undefined ? {} : { sponsor_status: sponsorStatus(record, parts) }),
        ...revoked.mesh,
        witnesses: { count: current.witnesses.length, threshold: current.witness_threshold },
        duplicity: false, source, answers, age_ms,
      },
    },
    didResolutionMetadata: { contentType: media_type },
  };
}

/** DID Core section 7.3: XML Schema dateTime in UTC without fractions of a second. */
function isoSeconds(time_ms: number): string {
  return `${new Date(time_ms).toISOString().slice(0, -'.000Z'.length)}Z`;
}

/** The resolution of a `did:key`, which needs nobody. */
function keyResolution(did: string, media_type: string): Resolution {
  const parsed = parseDidKey(did);
  if (!parsed.ok) return resolutionError(parsed.failure);
  return { didDocument: keyDocument(parsed.value), didDocumentMetadata: { mesh: { source: 'key' } }, didResolutionMetadata: { contentType: media_type } };
}

/** Resolves a `did:mesh` or a `did:key`. Never rejects for what it is asked. */
export async function resolution(did: string, options: ResolutionOptions, parts: ResolutionParts): Promise<Resolution> {
  const checked = checkOptions(options);
  if (!checked.ok) return resolutionError(checked.failure);
  const { media_type, fresh } = checked.value;
  if (did.startsWith('did:key:')) return keyResolution(did, media_type);
  try {
    return await meshResolution(did, fresh, media_type, parts);
  } catch (error) {
    return resolutionError({ code: 'RESOLVER_FAILED', reason: messageOf(error) });
  }
}
