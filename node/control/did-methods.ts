/** The control methods about the identities of this host: listing, rotating, deactivating, and naming a successor. */
import { toBase64url } from '../../crypto/bytes.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { currentEvent, signsFor } from '../../protocols/identity/index.ts';
import type { Changed } from '../identity-changes.ts';
import type { Host } from '../host.ts';
import type { LocalIdentity, Witnessing } from '../identities.ts';
import { reaffirm } from '../reaffirming.ts';
import type { ControlApi, ControlMethods } from './api.ts';
import type { IdentityView, VoidedView } from './views.ts';

type DidMethods = Pick<ControlMethods, 'did.list' | 'did.rotate' | 'did.deactivate' | 'did.succeed'>;

const voided_shown_max = 1000;

function viewOf(host: Host, identity: LocalIdentity): IdentityView {
  const record = host.identity.known(identity.did);
  const { witnesses, witness_threshold, number } = currentEvent(identity);
  const { name, kind, did, deactivated, pending, successor, predecessor, retired } = identity;
  return {
    name, kind, did, number, successor, predecessor,
    sequence: record?.document.sequence ?? null,
    expires_ms: record?.document.expires ?? null,
    state: deactivated ? 'deactivated' : pending === null ? 'active' : 'waiting for witnesses',
    keys: record?.document.methods.map(({ id, uses }) => ({ id: `${did}#${id}`, uses })) ?? [],
    retired: (deactivated ? [] : retired).map(({ id, until }) => ({ id: `${did}#${id}`, until_ms: until })),
    witnesses: witnesses.length,
    witness_threshold,
  };
}

/** The chains held here that rest on a link which this identity signed with a key that no longer holds. */
function voidedBy(host: Host, identity: LocalIdentity): readonly VoidedView[] {
  const now_s = host.parts.clock.now() / 1000;
  return host.delegations.list().flatMap(({ links }): readonly VoidedView[] => {
    const last = links.at(-1);
    if (last === undefined || last.exp <= now_s) return [];
    const is_void = links.some((link) => link.iss === identity.did && !signsFor(identity, link.token.key_id, link.nbf));
    return is_void ? [{ id: toBase64url(last.token.hash), holder: last.aud, capabilities: last.capabilities.map(({ text }) => text), exp: last.exp }] : [];
  }).slice(0, voided_shown_max);
}

/** Who countersigns, from the parameters of a request; the threshold is all of them where it is not given. */
export function witnessingOf(host: Host, nodes: readonly string[] | undefined, threshold: number | undefined): Result<Witnessing | undefined> {
  if (nodes === undefined) return threshold === undefined ? ok(undefined) : fail('WITNESS_THRESHOLD', 'a threshold needs witnesses', { fix: 'name them with --witness' });
  const dids: string[] = [];
  for (const who of nodes) {
    const did = who === 'node' ? ok(host.identities.node.did) : host.identities.didOf(who);
    if (!did.ok) return did;
    dids.push(did.value);
  }
  return ok({ nodes: dids, threshold: threshold ?? dids.length });
}

async function rotate(host: Host, params: ControlApi['did.rotate']['params']): Promise<Result<ControlApi['did.rotate']['value']>> {
  const { who, emergency, bad_since_ms } = params;
  const witnesses = witnessingOf(host, params.witnesses, params.witness_threshold);
  if (!witnesses.ok) return witnesses;
  const attested = new Map(host.identities.list('agent').map(({ did, attestations }) => [did, attestations[0]]));
  const rotated = await host.identities.rotate(who, {
    ...(emergency === undefined ? {} : { emergency }),
    ...(bad_since_ms === undefined ? {} : { bad_since_ms }),
    ...(witnesses.value === undefined ? {} : { witnesses: witnesses.value }),
  });
  if (!rotated.ok) return rotated;
  const { identity, storers } = rotated.value;
  await reaffirm({ recorder: host.parts.recorder, statement_store: host.statement_store, revocation: host.revocation }, identity);
  if (identity.kind === 'org') await host.policies.publishing.renew();
  const attested_again = host.identities.list('agent').filter(({ did, attestations, sponsor }) => sponsor === identity.did && attested.get(did) !== attestations[0]);
  return ok({ ...viewOf(host, identity), storers, voided: voidedBy(host, identity), attested_again: attested_again.map(({ name }) => name) });
}

function changedView(host: Host, { identity, storers }: Changed): IdentityView & { readonly storers: number } {
  return { ...viewOf(host, identity), storers };
}

/** The methods about the identities of a host. */
export function didMethods(host: Host): DidMethods {
  return {
    'did.list': () => Promise.resolve(ok(host.identities.list('node', 'org', 'human', 'agent').map((identity) => viewOf(host, identity)))),
    'did.rotate': (params) => rotate(host, params),
    'did.deactivate': async ({ who, yes }) => {
      if (!yes) return fail('CONFIRMATION_NEEDED', 'a deactivation is final: the DID never signs, acts or answers for anybody again', { fix: 'say so with --yes' });
      const ended = await host.identities.deactivate(who);
      return ended.ok ? ok(changedView(host, ended.value)) : ended;
    },
    'did.succeed': async ({ old, successor }) => {
      const named = await host.identities.succeed(old, successor);
      return named.ok ? ok({ old: changedView(host, named.value.old), successor: changedView(host, named.value.successor) }) : named;
    },
  };
}
