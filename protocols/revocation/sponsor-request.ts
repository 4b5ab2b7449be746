/**
 * A sponsor on another device: the agent's host writes a request into a file,
 * the sponsor's device answers with a file that carries the attestation, and the
 * agent's host checks all of it. The files may go any way, by mail or on a stick:
 * nothing in them is secret, and nothing is believed that the records and the
 * signatures do not show.
 */
import { fromBase64url, toBase64url } from '../../crypto/bytes.ts';
import { hasShape, isFields, isStrings, isWhole, type Fields } from '../../crypto/canonical.ts';
import { record_bytes_max, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { isDid } from '../../crypto/did.ts';
import { token_bytes_max } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { accountable_levels_max } from '../limits.ts';
import { attestation_lifetime_s_max } from './constants.ts';
import { isRole, parseAttestation, type Attestation } from './sponsorship.ts';

const request_kind = 'sponsor-request';
const response_kind = 'sponsor-response';
const file_version = 1;
const nonce_bytes = 16;
/** The largest file of either kind. */
export const sponsor_file_bytes_max: number = 64 * 1024;

/** What a sponsor is asked for. */
export interface SponsorRequest {
  /** The DID for which the sponsor is to answer. */
  readonly agent: string;
  readonly sponsor: string;
  readonly role: string;
  readonly lifetime_s: number;
  /** 16 random bytes in base64url: the attestation bears them as its id, so that it answers this request and no other. */
  readonly nonce: string;
}

/** A request as the sponsor's device reads it: what it asks, and the verified record of who asks. */
export interface CheckedRequest {
  readonly request: SponsorRequest;
  readonly record: DidRecord;
}

/** What the sponsor's device answers. */
export interface SponsorResponse {
  readonly agent: string;
  readonly sponsor: string;
  /** The attestation as a token. */
  readonly attestation: string;
  /** The sponsor's record, and that of the organisation that answers for the sponsor, if one does. */
  readonly records: readonly Uint8Array[];
}

/** The text of a request. Who asks is also written out, for people; what counts is the record. */
export function requestText(request: SponsorRequest, record: DidRecord): string {
  const { name, capabilities } = record.document;
  return `${JSON.stringify({
    agentmesh: request_kind, version: file_version, ...request,
    name, kind: record.kind, capabilities, record: toBase64url(record.bytes),
  }, null, 2)}\n`;
}

/** The text of a response. */
export function responseText({ agent, sponsor, attestation, records }: SponsorResponse): string {
  return `${JSON.stringify({ agentmesh: response_kind, version: file_version, agent, sponsor, attestation, records: records.map(toBase64url) }, null, 2)}\n`;
}

/** The fields of a file of one kind. Fails with `<code>_MALFORMED` or `<code>_VERSION`. */
function parseFile(text: string, kind: string, code: string): Result<Fields> {
  const malformed = (reason: string): ReturnType<typeof fail> => fail(`${code}_MALFORMED`, `this is no ${kind} of agentmesh: ${reason}`, { fix: 'send the whole file, unchanged' });
  if (text.length > sponsor_file_bytes_max) return malformed(`it has more than ${sponsor_file_bytes_max} bytes`);
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return malformed('it is not JSON');
  }
  if (!isFields(file) || file['agentmesh'] !== kind) return malformed('it says that it is something else');
  const { agentmesh: _, version, ...fields } = file;
  if (typeof version === 'number' && version > file_version) {
    return fail(`${code}_VERSION`, `the file has version ${version}, this program knows ${file_version}`, { fix: 'use the same program version on both devices' });
  }
  return version === file_version ? ok(fields) : malformed('it has no version');
}

/** Whether these are the words of a request: a DID, its sponsor, and what is asked for within the bounds of an attestation. */
export function isSponsorRequest(value: unknown): value is SponsorRequest {
  if (!hasShape(value, ['agent', 'sponsor', 'role', 'lifetime_s', 'nonce'])) return false;
  const { agent, sponsor, role, lifetime_s, nonce }: Fields = value;
  return isDid(agent) && isDid(sponsor) && isRole(role) && isWhole(lifetime_s) && lifetime_s >= 1 && lifetime_s <= attestation_lifetime_s_max
    && typeof nonce === 'string' && fromBase64url(nonce)?.length === nonce_bytes;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}

/**
 * Reads a request on the sponsor's device: its form, the record of who asks, and
 * that everything written out for people is what the record says.
 *
 * Fails with `SPONSOR_REQUEST_MALFORMED`, `SPONSOR_REQUEST_VERSION`, `SPONSOR_REQUEST_TAMPERED` or `SPONSOR_REQUEST_EXPIRED`.
 */
export function parseRequest(text: string, now_ms: number): Result<CheckedRequest> {
  const file = parseFile(text, request_kind, 'SPONSOR_REQUEST');
  if (!file.ok) return file;
  const { name, kind, capabilities, record: encoded, ...request } = file.value;
  const bytes = typeof encoded === 'string' && encoded.length <= 2 * record_bytes_max ? fromBase64url(encoded) : undefined;
  if (!isSponsorRequest(request) || bytes === undefined || !isStrings(capabilities)) {
    return fail('SPONSOR_REQUEST_MALFORMED', 'the request lacks a part, or asks for more than 90 days', { fix: 'write it again: agentmesh sponsor request' });
  }
  const record = verifyRecord(bytes, { now_ms });
  if (!record.ok) {
    return record.failure.code === 'RECORD_EXPIRED'
      ? fail('SPONSOR_REQUEST_EXPIRED', 'the request is older than the record in it is valid', { fix: 'write it again: agentmesh sponsor request', cause: record.failure })
      : fail('SPONSOR_REQUEST_TAMPERED', `the record in the request is not good: ${record.failure.reason}`, { fix: 'send the whole file, unchanged', cause: record.failure });
  }
  const { did, sponsor, document } = record.value;
  const is_true = did === request.agent && sponsor === request.sponsor && document.name === name && record.value.kind === kind && isSame(document.capabilities, capabilities);
  if (!is_true) return fail('SPONSOR_REQUEST_TAMPERED', 'the request says something else than the record in it', { fix: 'send the whole file, unchanged' });
  return ok({ request, record: record.value });
}

/** Reads the form of a response. Fails with `SPONSOR_RESPONSE_MALFORMED` or `SPONSOR_RESPONSE_VERSION`. */
export function parseResponse(text: string): Result<SponsorResponse> {
  const file = parseFile(text, response_kind, 'SPONSOR_RESPONSE');
  if (!file.ok) return file;
  const malformed = fail('SPONSOR_RESPONSE_MALFORMED', 'the response lacks a part', { fix: 'send the whole file, unchanged' });
  if (!hasShape(file.value, ['agent', 'sponsor', 'attestation', 'records'])) return malformed;
  const { agent, sponsor, attestation, records }: Fields = file.value;
  if (!isDid(agent) || !isDid(sponsor) || typeof attestation !== 'string' || attestation.length > token_bytes_max) return malformed;
  if (!isStrings(records) || records.length < 1 || records.length >= accountable_levels_max) return malformed;
  const decoded = records.flatMap((record) => fromBase64url(record) ?? []);
  return decoded.length === records.length ? ok({ agent, sponsor, attestation, records: decoded }) : malformed;
}

/**
 * Whether a response answers a request that this host has made, with the very
 * words that were asked for. Who signed is for {@link unsponsored} to judge.
 *
 * Fails with `SPONSOR_RESPONSE_AGENT`, `SPONSOR_RESPONSE_SPONSOR`,
 * `SPONSOR_RESPONSE_UNASKED`, `SPONSOR_RESPONSE_CHANGED` or `SPONSOR_FORGED`.
 */
export function checkResponse(response: SponsorResponse, asked: SponsorRequest | undefined): Result<Attestation> {
  const attestation = parseAttestation(response.attestation);
  if (!attestation.ok) return attestation;
  const { iss, sub, role, nbf, exp, jti } = attestation.value;
  if (asked === undefined) return fail('SPONSOR_RESPONSE_UNASKED', `nothing is asked of a sponsor for ${response.agent}, or it was answered already`, { fix: 'agentmesh sponsor request' });
  if (response.agent !== asked.agent || sub !== asked.agent) return fail('SPONSOR_RESPONSE_AGENT', 'the response is for another agent', { fix: 'import the response to the request of this agent' });
  if (response.sponsor !== asked.sponsor || iss !== asked.sponsor) return fail('SPONSOR_RESPONSE_SPONSOR', 'the response is by somebody else than the sponsor', { fix: `${asked.sponsor} must sign the request` });
  if (jti !== asked.nonce) return fail('SPONSOR_RESPONSE_UNASKED', 'the response answers another request than the newest one', { fix: 'have the newest request signed: agentmesh sponsor request' });
  if (role !== asked.role || exp - nbf !== asked.lifetime_s) return fail('SPONSOR_RESPONSE_CHANGED', 'the response attests another role or lifetime than was asked for', { fix: 'agentmesh sponsor request with what the sponsor agrees to' });
  return attestation;
}
