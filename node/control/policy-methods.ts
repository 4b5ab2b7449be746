/** The control methods about policies in force, and what a diagnosis says of them. */
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Actions } from '../actions.ts';
import { bundle_name_default } from '../bundle-publishing.ts';
import type { Following } from '../bundle-shelf.ts';
import type { FollowedBundle } from '../bundles-in-force.ts';
import type { Host } from '../host.ts';
import type { ReloadedPolicy } from '../host-policies.ts';
import type { ControlMethods } from './api.ts';
import type { BundleState, BundleView, ForeignBundleView, OrganisationView, PolicyControlApi, RefusalView, ReloadView } from './policy-api.ts';
import type { CheckView, NodeStatus } from './views.ts';

/** Bundles of others that are listed. */
const foreign_max = 100;
/** Time that following waits for bundles to be fetched and judged before it answers. */
const judging_wait_ms = 5_000;

type Policies = Pick<Host, 'policies' | 'identities' | 'identity' | 'statement_store' | 'parts'>;

function refusalView({ code, reason, fix }: Failure): RefusalView {
  return { code, reason, fix: fix ?? null };
}

function nameOf({ identities, identity }: Policies, did: string): string | null {
  return identities.find(did)?.name ?? identity.known(did)?.document.name ?? null;
}

function stateOf({ standing, policies }: FollowedBundle, follows: boolean, now_ms: number): BundleState {
  if (standing === undefined) return 'not yet';
  if (!follows) return 'not followed';
  if (policies === undefined) return 'unreadable';
  return standing.exp * 1000 <= now_ms ? 'expired' : 'in force';
}

function bundleView(bundle: FollowedBundle, follows: boolean, now_ms: number): BundleView {
  const { standing, policies = [], doubt } = bundle;
  return {
    name: standing?.name ?? doubt?.statement.scope ?? '',
    version: standing?.version ?? null,
    digest: standing?.digest ?? null,
    state: stateOf(bundle, follows, now_ms),
    expires_ms: standing === undefined ? null : standing.exp * 1000,
    accepted_ms: standing?.accepted_ms ?? null,
    policies: policies.map(({ name, digest }) => ({ name, digest })),
    refused: doubt === undefined ? null : { version: doubt.statement.seq, ...refusalView(doubt.failure) },
  };
}

async function organisationView(host: Policies, { organisation, by, required, active, since_ms }: Following): Promise<OrganisationView> {
  const { bundles } = host.policies;
  const barred = await bundles.barred(organisation);
  return {
    did: organisation, name: nameOf(host, organisation), follows: active, by, required, since_ms,
    barred: barred === undefined ? null : refusalView(barred),
    bundles: bundles.of(organisation).map((bundle) => bundleView(bundle, active, host.parts.clock.now())),
  };
}

function foreignBundles(host: Policies): readonly ForeignBundleView[] {
  const { bundles } = host.policies;
  return host.statement_store.bundles().filter(({ iss }) => !bundles.follows(iss)).slice(0, foreign_max)
    .map(({ iss, scope, seq }) => ({ did: iss, organisation_name: nameOf(host, iss), name: scope, version: seq, code: 'BUNDLE_FOREIGN' }));
}

function reloadView({ failure, ...reloaded }: ReloadedPolicy): ReloadView {
  return { ...reloaded, refused: failure === null ? null : refusalView(failure) };
}

async function publish(host: Policies, actions: Actions, { as, name = bundle_name_default, files, texts, dry_run: dry = false }: PolicyControlApi['policy.publish']['params']): Promise<Result<PolicyControlApi['policy.publish']['value']>> {
  const own = actions.own(as);
  if (!own.ok) return own;
  if (files.length !== texts.length) return fail('PARAMS_INVALID', 'files and texts have the same length, place by place');
  const published = await host.policies.publishing.publish(own.value, name, files.map((file, place) => ({ file, text: texts[place] ?? '' })), { dry });
  return published.ok ? ok({ ...published.value, warnings: published.value.warnings.map(refusalView) }) : published;
}

/** The methods about policies in force. */
export function policyMethods(host: Policies, actions: Actions): Pick<ControlMethods, keyof PolicyControlApi> {
  const { identities, policies: { bundles, publishing, files } } = host;
  const viewed = async (following: Result<Following>): Promise<Result<OrganisationView>> => (following.ok ? ok(await organisationView(host, following.value)) : following);
  return {
    'policy.publish': (params) => publish(host, actions, params),
    'policy.bundle': async ({ organisation, name = bundle_name_default }) => {
      const did = identities.didOf(organisation);
      if (!did.ok) return did;
      const last = await publishing.last(did.value, name);
      return last.ok ? ok({ organisation: did.value, ...last.value }) : last;
    },
    'policy.bundles': async () => ok({
      organisations: await Promise.all(bundles.followings().map((following) => organisationView(host, following))),
      foreign: foreignBundles(host),
      files: files.refused().map(reloadView),
    }),
    'policy.follow': async ({ organisation, required = false }) => {
      const did = identities.didOf(organisation);
      if (!did.ok) return did;
      const following = await bundles.follow(did.value, { by: 'named', required });
      if (following.ok) await bundles.judged(did.value, judging_wait_ms);
      return viewed(following);
    },
    'policy.unfollow': async ({ organisation }) => {
      const did = identities.didOf(organisation);
      return did.ok ? viewed(await bundles.unfollow(did.value)) : did;
    },
    'policy.reload': async () => ok((await files.reload('operator')).map(reloadView)),
  };
}

/** The policies of organisations in a word each. */
export function policyStatus(host: Policies): NodeStatus['policies'] {
  const { bundles } = host.policies;
  return bundles.followed().flatMap((did): NodeStatus['policies'] => {
    const organisation = nameOf(host, did) ?? did;
    const views = bundles.of(did).map((bundle) => bundleView(bundle, true, host.parts.clock.now()));
    return views.length === 0 ? [{ organisation, bundle: null, version: null, state: 'not yet' }] : views.map(({ name, version, state }) => ({ organisation, bundle: name, version, state }));
  });
}

/** What is wrong with the policies in force, or soon may be. */
export async function policyChecks(host: Policies): Promise<readonly CheckView[]> {
  const { bundles, files } = host.policies;
  const checks: CheckView[] = bundles.damaged().map((did) => ({ name: `policies of ${did}`, state: 'failed', text: 'what this host kept of them cannot be read: everything is denied', fix: `agentmesh policy unfollow ${did}, then agentmesh policy follow ${did}` }));
  for (const following of bundles.followings().filter(({ active }) => active)) checks.push(...checksOf(await organisationView(host, following)));
  for (const { file, agent_name, failure } of files.refused()) {
    checks.push({ name: agent_name === null ? 'policy of this host' : `policy of ${agent_name}`, state: 'failed', text: `${file} was refused, what was in force stays: ${failure?.reason ?? ''}`, fix: `${failure?.fix ?? 'mend the file'}, then agentmesh policy reload` });
  }
  return checks;
}

function checksOf({ did, name, required, barred, bundles }: OrganisationView): readonly CheckView[] {
  const who = name ?? did;
  const checks: CheckView[] = [];
  const add = (about: string, state: CheckView['state'], text: string, fix?: string | null): void => void checks.push({ name: about, state, text, ...(fix === undefined || fix === null ? {} : { fix }) });
  if (barred !== null) add(`policies of ${who}`, 'warning', barred.reason, barred.fix);
  const in_force = bundles.filter(({ version }) => version !== null);
  if (in_force.length === 0 && required) add(`policies of ${who}`, 'warning', 'it has no bundle yet, and nothing is allowed until then', 'connect to its host: agentmesh join ADDRESS');
  else if (in_force.length === 0) add(`policies of ${who}`, 'ok', 'it has no bundle yet: the policies of this host decide alone');
  for (const { name: bundle, version, state, refused } of bundles) {
    const about = `policies of ${who}, ${bundle}`;
    if (state === 'unreadable') add(about, 'failed', `version ${version ?? ''} is in force and cannot be read: everything is denied`, 'connect to a host that follows it too: agentmesh join ADDRESS');
    else if (state === 'expired') add(about, 'warning', `version ${version ?? ''} has run out and stays in force`, 'its organisation must publish it again, or: agentmesh policy unfollow');
    else if (state === 'in force' && refused === null) add(about, 'ok', `version ${version ?? ''} is in force`);
    if (refused !== null) add(about, 'warning', `version ${refused.version} is not in force: ${refused.reason}`, refused.fix);
  }
  return checks;
}
