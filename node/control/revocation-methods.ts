/** The control methods about revocations: making one, saying before what it would end, and listing those that are known. */
import { toBase64url } from '../../crypto/bytes.ts';
import { calledIn } from '../../crypto/did-record.ts';
import type { Delegation } from '../../crypto/delegation.ts';
import { controllerOf } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Revocation, RevocationTarget } from '../../crypto/statement.ts';
import type { RevocationService } from '../../protocols/revocation/index.ts';
import type { Actions } from '../actions.ts';
import type { Host } from '../host.ts';
import type { ControlApi, ControlMethods } from './api.ts';
import type { EndingView, RevocationPreview, RevocationView } from './views.ts';

type RevocationMethods = Pick<ControlMethods, 'revoke' | 'revocation.preview' | 'revocations'>;

const revocations_listed_max = 1000;
const endings_shown_max = 100;

function chainsOf(host: Host): readonly (readonly Delegation[])[] {
  return host.delegations.list().map(({ links }) => links);
}

function nameOf(host: Host, did: string): string | null {
  const record = host.identity.known(did);
  return host.identities.find(did)?.name ?? (record === undefined ? null : calledIn(record));
}

/** The agents of this host and the delegations held here that hold by one service and no longer by the other. */
function endingsBetween(host: Host, before: RevocationService, after: RevocationService): readonly EndingView[] {
  const agents = host.identities.list('agent')
    .filter(({ did }) => before.ended(did) === undefined && after.ended(did) !== undefined)
    .map(({ did, name }): EndingView => ({ kind: 'agent', id: did, name, holder: null }));
  const isOver = (service: RevocationService, links: readonly Delegation[]): boolean => links.some((link, index) =>
    service.revoked(link, links.slice(0, index)) !== undefined || service.revokedKey(link.token.key_id) !== undefined || service.ended(link.iss) !== undefined);
  const delegations = chainsOf(host).filter((links) => !isOver(before, links) && isOver(after, links)).flatMap((links): readonly EndingView[] => {
    const last = links.at(-1);
    return last === undefined ? [] : [{ kind: 'delegation', id: toBase64url(last.token.hash), name: nameOf(host, last.aud), holder: last.aud }];
  });
  return [...agents, ...delegations];
}

function previewOf(host: Host, iss: string, target: RevocationTarget): RevocationPreview {
  const supposed: Revocation = { kind: 'revocation', iss, target, seq: 0, nbf: 0, exp: 0, why: '', hash: '' };
  const endings = endingsBetween(host, host.revocation, host.revocation.supposing(supposed));
  return {
    kind: target.kind, target: target.id, target_name: targetName(host, target), by: iss,
    state: host.revocation.standing(supposed, chainsOf(host)),
    ends: endings.slice(0, endings_shown_max), ends_count: endings.length,
  };
}

function targetName(host: Host, { kind, id }: RevocationTarget): string | null {
  return kind === 'delegation' || kind === 'token' ? null : nameOf(host, controllerOf(id));
}

function viewOf(host: Host, revocation: Revocation, chains: readonly (readonly Delegation[])[]): RevocationView {
  const { iss, target, nbf, exp, why, hash } = revocation;
  return {
    statement: hash, time_ms: nbf * 1000, kind: target.kind, target: target.id, target_name: targetName(host, target), by: iss, by_name: nameOf(host, iss),
    why, state: host.revocation.standing(revocation, chains), expires_ms: exp * 1000,
  };
}

function newestFirst(a: Revocation, b: Revocation): number {
  return b.nbf - a.nbf || (a.hash < b.hash ? -1 : 1);
}

/** Whether a revocation is of what was asked for: its very target, or a key of it. */
function isOf(revocation: Revocation, of: string): boolean {
  return revocation.target.id === of || (revocation.target.kind === 'key' && controllerOf(revocation.target.id) === of);
}

function listed(host: Host, params: ControlApi['revocations']['params']): Result<ControlApi['revocations']['value']> {
  const { limit = revocations_listed_max, pending = false } = params;
  if (!Number.isInteger(limit) || limit < 1 || limit > revocations_listed_max) return fail('PARAMS_INVALID', `limit is a whole number from 1 to ${revocations_listed_max}`);
  const by = params.by === undefined ? undefined : host.identities.didOf(params.by);
  if (by?.ok === false) return by;
  // A token or a delegation has an id that is nobody's name.
  const named = params.of === undefined ? undefined : host.identities.find(params.of)?.did ?? params.of;
  const chains = chainsOf(host);
  const found = host.statement_store.revocations()
    .filter((revocation) => (by === undefined || revocation.iss === by.value) && (named === undefined || isOf(revocation, named))
      && (!pending || host.revocation.standing(revocation, chains) === 'pending'))
    .sort(newestFirst);
  return ok({ total: found.length, revocations: found.slice(0, limit).map((revocation) => viewOf(host, revocation, chains)) });
}

/** The control methods about revocations. */
export function revocationMethods(host: Host, actions: Actions): RevocationMethods {
  return {
    'revoke': async ({ from, kind, target, why }) => {
      const planned = actions.revocationOf(from, kind, target);
      if (!planned.ok) return planned;
      // What it ends is found out before: afterwards it has ended.
      const preview = previewOf(host, planned.value.from.did, planned.value.target);
      const revoked = await actions.revoke(from, kind, target, why);
      return revoked.ok ? ok({ ...preview, statement: revoked.value.hash, told_peers: host.parts.network.peers().length }) : revoked;
    },
    'revocation.preview': ({ from, kind, target }) => {
      const planned = actions.revocationOf(from, kind, target);
      return Promise.resolve(planned.ok ? ok(previewOf(host, planned.value.from.did, planned.value.target)) : planned);
    },
    'revocations': (params) => Promise.resolve(listed(host, params)),
  };
}
