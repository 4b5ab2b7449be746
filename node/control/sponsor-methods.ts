/** The control methods about sponsors. */
import { fromBase64url } from '../../crypto/bytes.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { parseAttestation, type Accountability } from '../../protocols/revocation/index.ts';
import { attestationsOf } from '../attesting.ts';
import type { Host } from '../host.ts';
import type { LocalIdentity } from '../identities.ts';
import type { Node } from '../node.ts';
import { requestView, Sponsoring } from '../sponsoring.ts';
import type { ControlMethods } from './api.ts';
import { witnessingOf } from './did-methods.ts';
import type { AccountabilityLevel, SponsorControlApi, SponsorshipView, SponsorView } from './sponsor-api.ts';

/** When the last attestation of an identity ends, Unix seconds; `null` where it has none. */
export function attestedUntil(identity: LocalIdentity): number | null {
  const ends = attestationsOf(identity).filter(({ iss }) => iss === identity.sponsor).map(({ exp }) => exp);
  return ends.length === 0 ? null : Math.max(...ends);
}

function sponsorView(identity: LocalIdentity): SponsorView {
  const { name, did, kind, sponsor, deactivated } = identity;
  return { name, did, kind: kind === 'org' ? 'org' : 'human', deactivated, organisation: sponsor, attested_until: attestedUntil(identity) };
}

function sponsorshipView(identity: LocalIdentity): SponsorshipView {
  const [last] = attestationsOf(identity);
  return {
    agent: identity.did, name: identity.name, sponsor: identity.sponsor ?? last?.iss ?? '', role: last?.role ?? '', until: last?.exp ?? 0, evidence: last?.evd ?? null,
  };
}

function levelView(host: Host, { subject, sponsor, failure }: Accountability): AccountabilityLevel {
  const parsed = subject.attestations.map((text) => parseAttestation(text)).flatMap((result) => result.ok && result.value.iss === sponsor ? [result.value] : []);
  const last = parsed.toSorted((a, b) => b.exp - a.exp)[0];
  return {
    did: subject.did, name: host.identities.find(subject.did)?.name ?? subject.document.name, kind: subject.kind, sponsor,
    role: last?.role ?? null, until: last?.exp ?? null, evidence: last?.evd ?? null,
    code: failure?.code ?? null, reason: failure?.reason ?? null, fix: failure?.fix ?? null,
  };
}

function evidenceOf(text: string | undefined): Result<{ readonly evidence?: Uint8Array }> {
  if (text === undefined) return ok({});
  const evidence = fromBase64url(text);
  return evidence?.length === digest_bytes ? ok({ evidence }) : fail('PARAMS_INVALID', 'evidence is named by the base64url of its SHA-256');
}

function termsOf({ role, lifetime_s }: { readonly role?: string; readonly lifetime_s?: number }): { role?: string; lifetime_s?: number } {
  return { ...(role === undefined ? {} : { role }), ...(lifetime_s === undefined ? {} : { lifetime_s }) };
}

async function create(node: Node, params: SponsorControlApi['sponsor.create']['params']): Promise<Result<SponsorView>> {
  const { name, kind = 'human', organisation, witnesses, witness_threshold } = params;
  if (kind !== 'human' && kind !== 'org') return fail('PARAMS_INVALID', 'a sponsor is a human or an org');
  if (kind === 'org' && organisation !== undefined) return fail('SPONSOR_DEPTH', 'nobody answers for an organisation', { fix: 'leave --organisation out, or create a human' });
  const witnessing = witnessingOf(node.host, witnesses, witness_threshold);
  if (!witnessing.ok) return witnessing;
  const created = await node.actions.createSponsor(name, kind, witnessing.value, organisation);
  return created.ok ? ok(sponsorView(created.value)) : created;
}

/** The methods about sponsors of a node. */
export function sponsorMethods(node: Node): Pick<ControlMethods, keyof SponsorControlApi> {
  const { host } = node;
  const sponsoring = new Sponsoring(host);
  return {
    'sponsor.create': (params) => create(node, params),
    'sponsor.list': () => Promise.resolve(ok(host.identities.list('human', 'org').map(sponsorView))),
    'sponsor.renew': async (params) => {
      const evidence = evidenceOf(params.evidence);
      if (!evidence.ok) return evidence;
      const renewed = await sponsoring.renew(params.agent, { ...termsOf(params), ...evidence.value });
      return renewed.ok ? ok(sponsorshipView(renewed.value)) : renewed;
    },
    'sponsor.host': async ({ sponsor, ...params }) => {
      const attested = await sponsoring.host(sponsor, termsOf(params));
      return attested.ok ? ok(sponsorshipView(attested.value)) : attested;
    },
    'sponsor.withdraw': ({ agent, why }) => sponsoring.withdraw(agent, why),
    'sponsor.show': async ({ who }) => {
      const levels = await sponsoring.show(who);
      if (!levels.ok) return levels;
      const views = levels.value.map((level) => levelView(host, level));
      return ok({ did: views[0]?.did ?? '', answered: views.every(({ code }) => code === null), levels: views });
    },
    'sponsor.request': async (params) => {
      const made = await sponsoring.request(params.agent, termsOf(params));
      if (!made.ok) return made;
      const read = sponsoring.read(made.value.text);
      return read.ok ? ok({ ...requestView(read.value), file: made.value.text }) : read;
    },
    'sponsor.read': ({ file }) => {
      const read = sponsoring.read(file);
      return Promise.resolve(read.ok ? ok(requestView(read.value)) : read);
    },
    'sponsor.sign': async (params) => {
      const evidence = evidenceOf(params.evidence);
      if (!evidence.ok) return evidence;
      const signed = await sponsoring.sign(params.file, params.as, evidence.value.evidence);
      return signed.ok ? ok({ ...requestView(signed.value), file: signed.value.text }) : signed;
    },
    'sponsor.import': async ({ file }) => {
      const imported = await sponsoring.import(file);
      return imported.ok ? ok(sponsorshipView(imported.value)) : imported;
    },
  };
}
