/** What a diagnosis says of the sponsorships of this host. */
import { isoTime } from '../../crypto/jwt.ts';
import { attestation_warning_s } from '../../protocols/revocation/constants.ts';
import { unixSeconds } from '../../protocols/time.ts';
import type { Host } from '../host.ts';
import type { LocalIdentity } from '../identities.ts';
import type { CheckView } from './views.ts';
import { attestedUntil } from './sponsor-methods.ts';

/** What is wrong with the sponsorship of an identity, or will be soon. */
function checkOf(host: Host, identity: LocalIdentity, now_s: number): CheckView | undefined {
  const { identities, identity: service, revocation } = host;
  const { name, did, sponsor, deactivated } = identity;
  if (sponsor === null || deactivated) return undefined;
  const is_here = identities.find(sponsor) !== undefined;
  const fix = is_here ? `agentmesh sponsor renew ${JSON.stringify(name)}` : `agentmesh sponsor request ${JSON.stringify(name)} --out FILE, and have the sponsor sign it`;
  const until = attestedUntil(identity);
  const record = service.known(did);
  if (until === null) return { name: `sponsorship of ${name}`, state: 'warning', text: 'its sponsor has not signed yet; it can do nothing until then', fix };
  const failure = record === undefined ? undefined : revocation.unsponsored(record);
  if (failure !== undefined) return { name: `sponsorship of ${name}`, state: 'failed', text: failure.reason, fix: failure.code === 'SPONSOR_EXPIRED' ? fix : failure.fix ?? 'agentmesh sponsor show' };
  // Where the sponsor's key is here, the node renews in time by itself.
  if (is_here || until - now_s > attestation_warning_s) return undefined;
  return { name: `sponsorship of ${name}`, state: 'warning', text: `its attestation ends at ${isoTime(until)}, and the sponsor's key is elsewhere`, fix };
}

/** The sponsorships of this host that lack something, or will in 14 days. */
export function sponsorshipChecks(host: Host): readonly CheckView[] {
  const now_s = unixSeconds(host.parts.clock);
  return host.identities.list('human', 'agent').flatMap((identity) => checkOf(host, identity, now_s) ?? []);
}
