/** What people do about sponsorship on a running host: renew, withdraw, look up who answers, and have a sponsor on another device sign. */
import { fromBase64url, fromUtf8, toBase64url, utf8 } from '../crypto/bytes.ts';
import { fail, ok, type Failure, type Result } from '../crypto/result.ts';
import { calledIn, sponsor_document_lifetime_ms_max, verifyRecord, type DidRecord } from '../crypto/did-record.ts';
import { attestation_lifetime_s_max } from '../protocols/revocation/constants.ts';
import {
  accountability, checkResponse, isRole, isSponsorRequest, mayAnswerFor, parseRequest, parseResponse, requestText, responseText, unsponsored,
  type Accountability, type CheckedRequest, type SponsorRequest, type SponsorshipEvidence,
} from '../protocols/revocation/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { SponsorTerms } from './attesting.ts';
import type { SponsorRequestView } from './control/sponsor-api.ts';
import type { Host } from './host.ts';
import type { LocalIdentity } from './identities.ts';

const nonce_bytes = 16;
/** Failures that a sponsor's answer mends, which brings an attestation and the sponsor's record; any other one stays whatever a sponsor signs. */
const mended_codes = new Set(['SPONSOR_MISSING', 'SPONSOR_EXPIRED', 'SPONSOR_FORGED', 'SPONSOR_UNKNOWN']);

/** A request as it is shown to the sponsor before anything is signed. */
export function requestView({ request, record }: CheckedRequest): SponsorRequestView {
  const { agent, sponsor, role, lifetime_s } = request;
  return { agent, name: calledIn(record), kind: record.kind, capabilities: record.document.capabilities, sponsor, role, lifetime_s };
}

/** Checks what a sponsor is to attest. Fails with `SPONSOR_ROLE` or `SPONSOR_LIFETIME`. */
export function checkTerms({ role, lifetime_s }: SponsorTerms): Result<void> {
  if (role !== undefined && !isRole(role)) return fail('SPONSOR_ROLE', 'a role has 1 to 64 printable characters', { fix: 'for example: owner' });
  if (lifetime_s !== undefined && !(Number.isSafeInteger(lifetime_s) && lifetime_s >= 1 && lifetime_s <= attestation_lifetime_s_max)) {
    return fail('SPONSOR_LIFETIME', 'an attestation lives at most 90 days', { fix: 'for example 30d' });
  }
  return ok(undefined);
}

/** Sponsorship on a host. */
export class Sponsoring {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  #evidence(more: readonly DidRecord[] = []): SponsorshipEvidence {
    const { identity, statement_store, parts } = this.#host;
    return {
      now_s: unixSeconds(parts.clock),
      record: (did) => more.find((record) => record.did === did) ?? identity.known(did),
      revocation: (kind, id, issuer) => statement_store.revocation(kind, id, issuer),
    };
  }

  /** An identity of this host for which somebody has to answer. Fails with `NAME_UNKNOWN`, `IDENTITY_DEACTIVATED` or `SPONSOR_NEEDLESS`. */
  #subject(who: string): Result<LocalIdentity & { readonly sponsor: string }> {
    const found = who === '' ? undefined : this.#host.identities.find(who);
    if (found === undefined) return fail('NAME_UNKNOWN', `no ${JSON.stringify(who.slice(0, 80))} has its key on this host`, { fix: 'agentmesh agent list, agentmesh sponsor list; an agent elsewhere is attested from its own host' });
    if (found.deactivated) return fail('IDENTITY_DEACTIVATED', `${found.name} is deactivated, which is final`, { fix: 'make a new identity' });
    const { sponsor } = found;
    return sponsor === null ? fail('SPONSOR_NEEDLESS', `${found.name} answers for itself`, { fix: 'sponsors answer for agents, and organisations for humans' }) : ok({ ...found, sponsor });
  }

  /** Why no attestation would help, if so. */
  #lost(subject: { readonly did: string }, record: DidRecord | undefined): Failure | undefined {
    const revoked = this.#host.revocation.revokedDid(subject.did);
    if (revoked !== undefined || record === undefined) return revoked;
    // A failure further up concerns the sponsor's own sponsor, and no word of the sponsor mends it; but its word can be given meanwhile.
    const [level] = accountability(record, this.#evidence());
    return level?.failure !== undefined && !mended_codes.has(level.failure.code) ? level.failure : undefined;
  }

  /** Attests an agent of this host again, with the sponsor's key that is here, and publishes its record. Fails with `NAME_UNKNOWN`, `SPONSOR_…` or `REVOKED`. */
  async renew(who: string, terms: SponsorTerms): Promise<Result<LocalIdentity>> {
    const { identities } = this.#host;
    const subject = this.#subject(who);
    if (!subject.ok) return subject;
    const checked = checkTerms(terms);
    if (!checked.ok) return checked;
    const sponsor = identities.find(subject.value.sponsor);
    if (sponsor === undefined) {
      return fail('SPONSOR_ELSEWHERE', `the key of ${subject.value.sponsor} is not on this host`, { fix: `agentmesh sponsor request ${JSON.stringify(subject.value.name)} --out FILE, and have the sponsor sign it` });
    }
    if (sponsor.deactivated) return fail('SPONSOR_DEACTIVATED', `${sponsor.name} is deactivated`, { fix: 'the agent needs a new identity under a sponsor who answers for it' });
    const lost = this.#lost(subject.value, this.#host.identity.known(subject.value.did));
    if (lost !== undefined) return { ok: false, failure: lost };
    return this.#accept(subject.value.did, await identities.attesting.attest(sponsor, subject.value.did, terms));
  }

  /** Has a human or an organisation whose key is here answer for this host, and publishes its record. Fails with `NAME_UNKNOWN`, `SPONSOR_…` or `REVOKED`. */
  async host(who: string, terms: SponsorTerms): Promise<Result<LocalIdentity>> {
    const { identities } = this.#host;
    const sponsor = identities.find(who);
    if (sponsor === undefined || who === '') return fail('NAME_UNKNOWN', `no ${JSON.stringify(who.slice(0, 80))} has its key on this host`, { fix: 'agentmesh sponsor list, or agentmesh sponsor create NAME' });
    if (sponsor.kind !== 'human' && sponsor.kind !== 'org') return fail('SPONSOR_KIND', `${sponsor.name} cannot answer for a host`, { fix: 'humans and organisations do: agentmesh sponsor list' });
    if (sponsor.deactivated) return fail('SPONSOR_DEACTIVATED', `${sponsor.name} is deactivated`, { fix: 'name another sponsor' });
    const checked = checkTerms(terms);
    if (!checked.ok) return checked;
    return this.#accept(identities.node.did, await identities.attesting.attest(sponsor, identities.node.did, { role: 'operator', ...terms }));
  }

  async #accept(did: string, attestation: string): Promise<Result<LocalIdentity>> {
    const { identities } = this.#host;
    const accepted = await identities.publishing.inTurn(did, async () => {
      const current = identities.find(did);
      return current === undefined ? undefined : identities.attesting.accept(current, attestation);
    });
    if (accepted === undefined) return fail('NAME_UNKNOWN', `${did} is not on this host any more`);
    await identities.publish(accepted);
    return ok(accepted);
  }

  /** Takes a sponsor's word back for good: its agent stops, wherever it runs. Done once; asked again it names the same statement. Fails with `NAME_UNKNOWN`, `DID_…`, `SPONSOR_…` or a `STATEMENT_…` code. */
  async withdraw(who: string, why: string): Promise<Result<{ readonly statement: string; readonly agent: string; readonly sponsor: string }>> {
    const { identities, identity, revocation, statement_store } = this.#host;
    const did = identities.didOf(who);
    if (!did.ok) return did;
    const record = await identity.resolve(did.value);
    if (!record.ok) return record;
    const sponsor = record.value.sponsor ?? this.#host.revocation.operator(record.value) ?? null;
    if (sponsor === null) return fail('SPONSOR_NEEDLESS', `nobody answers for ${who} but itself`, { fix: 'agentmesh revoke did, or agentmesh did deactivate' });
    const own = identities.find(sponsor);
    if (own === undefined) return fail('SPONSOR_ELSEWHERE', `the key of the sponsor ${sponsor} is not on this host`, { fix: 'withdraw where the sponsor\'s key is' });
    const before = statement_store.revocation('sponsorship', did.value, sponsor);
    if (before !== undefined) return ok({ statement: before.hash, agent: did.value, sponsor });
    const revoked = await revocation.revoke(own.signer, { kind: 'sponsorship', id: did.value }, why);
    return revoked.ok ? ok({ statement: revoked.value.hash, agent: did.value, sponsor }) : revoked;
  }

  /** Who answers for a DID, level by level, as far as the records can be found. Fails with `NAME_UNKNOWN` or a `DID_…` code. */
  async show(who: string): Promise<Result<readonly Accountability[]>> {
    const { identities, identity } = this.#host;
    const did = identities.didOf(who);
    if (!did.ok) return did;
    const record = await identity.resolve(did.value);
    if (!record.ok) return record;
    await identity.gather([did.value]);
    const levels = accountability(record.value, this.#evidence());
    const revoked = this.#host.revocation.revokedDid(did.value);
    const [first, ...above] = levels;
    return ok(revoked === undefined || first === undefined ? levels : [{ ...first, failure: revoked }, ...above]);
  }

  /** The request that a sponsor on another device can sign; the newest one of an identity counts. Fails with `NAME_UNKNOWN`, `SPONSOR_…` or `REVOKED`. */
  async request(who: string, terms: SponsorTerms): Promise<Result<{ readonly text: string; readonly request: SponsorRequest; readonly name: string }>> {
    const { identity, parts: { random, store, clock } } = this.#host;
    const subject = this.#subject(who);
    if (!subject.ok) return subject;
    const checked = checkTerms(terms);
    if (!checked.ok) return checked;
    const { did, sponsor, name } = subject.value;
    const known = identity.known(did);
    const lost = this.#lost(subject.value, known);
    if (lost !== undefined) return { ok: false, failure: lost };
    if (known === undefined || known.document.expires <= clock.now()) return fail('RECORD_EXPIRED', `the record of ${name} is not valid now`, { fix: 'restart the node, which signs it anew' });
    const request: SponsorRequest = { agent: did, sponsor, role: terms.role ?? 'sponsor', lifetime_s: terms.lifetime_s ?? attestation_lifetime_s_max, nonce: toBase64url(random.bytes(nonce_bytes)) };
    await store.batch([{ space: 'meta', key: requestKey(did), value: utf8(JSON.stringify(request)) }], { sync: true });
    return ok({ text: requestText(request, known), request, name });
  }

  /** What a request asks, on the sponsor's device, before it is signed. Fails with a `SPONSOR_REQUEST_…` code. */
  read(text: string): Result<CheckedRequest> {
    return parseRequest(text, this.#host.parts.clock.now());
  }

  /**
   * Signs a request with a sponsor's key that is here. The answer carries the
   * sponsor's record, valid for 30 days, and the record of who answers for the sponsor.
   * Fails with a `SPONSOR_…` code, `NAME_UNKNOWN` or `RECORD_TOO_LARGE`.
   */
  async sign(text: string, as: string, evidence?: Uint8Array): Promise<Result<CheckedRequest & { readonly text: string }>> {
    const { identities, identity, statement_store } = this.#host;
    const read = this.read(text);
    if (!read.ok) return read;
    const { request, record } = read.value;
    const sponsor = identities.find(as);
    if (sponsor === undefined || as === '') return fail('NAME_UNKNOWN', `no ${JSON.stringify(as.slice(0, 80))} has its key on this host`, { fix: 'agentmesh sponsor list' });
    const refused = mayNotSign(read.value, sponsor, statement_store);
    if (refused !== undefined) return { ok: false, failure: refused };
    const attestation = await identities.attesting.attest(sponsor, record.did, {
      role: request.role, lifetime_s: request.lifetime_s, jti: fromBase64url(request.nonce) ?? new Uint8Array(), ...(evidence === undefined ? {} : { evidence }),
    });
    const bytes = await identities.publishing.inTurn(sponsor.did, async () => {
      const held = await identity.hold(await identities.publishing.signNext(sponsor, sponsor_document_lifetime_ms_max));
      return held.ok ? ok(held.value.bytes) : held;
    });
    if (!bytes.ok) return bytes;
    const above = sponsor.sponsor === null ? undefined : identity.known(sponsor.sponsor);
    const records = above === undefined ? [bytes.value] : [bytes.value, above.bytes];
    return ok({ ...read.value, text: responseText({ agent: record.did, sponsor: sponsor.did, attestation, records }) });
  }

  /**
   * Takes in what a sponsor on another device has signed: checks all of it, keeps it
   * and publishes the record. A response is taken in once.
   * Fails with a `SPONSOR_…`, `RECORD_…` or `KEY_…` code.
   */
  async import(text: string): Promise<Result<LocalIdentity>> {
    const { identities, identity, parts: { clock, store } } = this.#host;
    const response = parseResponse(text);
    if (!response.ok) return response;
    const { agent, attestation } = response.value;
    const asked = await this.#asked(agent);
    const checked = checkResponse(response.value, asked);
    if (!checked.ok) return checked;
    const subject = this.#subject(agent);
    if (!subject.ok) return subject;
    const records: DidRecord[] = [];
    for (const bytes of response.value.records) {
      const record = verifyRecord(bytes, { now_ms: clock.now() });
      if (!record.ok) return record;
      records.push(record.value);
    }
    const [first, ...above] = records;
    if (first?.did !== subject.value.sponsor || above.some(({ did }) => did !== first.sponsor)) {
      return fail('SPONSOR_RESPONSE_SPONSOR', 'the records in the response are not those of the sponsor', { fix: 'have the request signed again: agentmesh sponsor sign' });
    }
    const known = identity.known(agent);
    if (known === undefined) return fail('RECORD_EXPIRED', `the record of ${subject.value.name} is not known`, { fix: 'restart the node, which signs it anew' });
    // What this host knows already of the sponsor, perhaps that it was rotated or deactivated since, counts against what the file says.
    const held = await identity.keep(records);
    const failure = this.#host.revocation.revokedDid(agent) ?? unsponsored({ ...known, attestations: [attestation] }, this.#evidence(held));
    if (failure !== undefined) return { ok: false, failure };
    const accepted = await this.#accept(agent, attestation);
    if (!accepted.ok) return accepted;
    await store.batch([{ space: 'meta', key: requestKey(agent) }], { sync: true });
    for (const { bytes } of identities.attesting.carried()) await identity.publish(bytes);
    return accepted;
  }

  async #asked(agent: string): Promise<SponsorRequest | undefined> {
    const stored = await this.#host.parts.store.get('meta', requestKey(agent));
    const parsed: unknown = stored === undefined ? undefined : JSON.parse(fromUtf8(stored) ?? 'null');
    return isSponsorRequest(parsed) ? parsed : undefined;
  }
}

function requestKey(did: string): Uint8Array {
  return utf8(`sponsor-request/${did}`);
}

/** Why a sponsor must not sign a request, if so. Codes `SPONSOR_OTHER`, `SPONSOR_DEACTIVATED`, `IDENTITY_DEACTIVATED`, `SPONSOR_KIND` or `SPONSOR_WITHDRAWN`. */
export function mayNotSign({ request, record }: CheckedRequest, sponsor: Pick<LocalIdentity, 'did' | 'name' | 'kind' | 'deactivated'>, statements: Pick<StatementStore, 'revocation'>): Failure | undefined {
  if (request.sponsor !== sponsor.did) {
    return fail('SPONSOR_OTHER', `${calledIn(record)} names ${request.sponsor} as its sponsor, for good, and not ${sponsor.name}`, { fix: 'sign as the sponsor that is named, or make a new agent' }).failure;
  }
  if (sponsor.deactivated) return fail('SPONSOR_DEACTIVATED', `${sponsor.name} is deactivated`, { fix: 'the agent needs a new identity under a sponsor who answers for it' }).failure;
  if (record.document.deactivated) return fail('IDENTITY_DEACTIVATED', `${calledIn(record)} is deactivated`, { fix: 'there is nothing to answer for' }).failure;
  if (!mayAnswerFor(sponsor.kind, record.kind)) return fail('SPONSOR_KIND', `${sponsor.name} cannot answer for ${calledIn(record)}`, { fix: 'organisations answer for humans, both for agents' }).failure;
  const endings = ['sponsorship', 'did', 'agent'] as const;
  if (endings.some((kind) => statements.revocation(kind, record.did, sponsor.did) !== undefined)) return fail('SPONSOR_WITHDRAWN', `${sponsor.name} has ended its sponsorship of ${calledIn(record)}, which is final`, { fix: 'make a new agent' }).failure;
  return undefined;
}
