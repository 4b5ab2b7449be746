/** The control methods about delegations: issuing, listing, looking at a chain, verifying it step by step. */
import { toBase64url } from '../../crypto/bytes.ts';
import { parseCapability } from '../../crypto/capability.ts';
import { parseCaveats, type Caveats } from '../../crypto/caveats.ts';
import { parseChain, type Delegation } from '../../crypto/chain.ts';
import { actView, delegationChainView } from '../../crypto/interop/views.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import { placeOf, step_names } from '../../crypto/steps.ts';
import type { Delegations, HeldDelegation } from '../../protocols/delegation/index.ts';
import type { Actions } from '../actions.ts';
import type { Host } from '../host.ts';
import type { ControlApi, ControlMethods } from './api.ts';
import type { DelegationView } from './views.ts';
import type { ChainCheckView, ChainView, LinkView, StepView } from './delegation-views.ts';

type DelegationMethods = Pick<ControlMethods, 'delegate' | 'delegation.list' | 'delegation.inspect' | 'delegation.verify'>;

// The first step that needs a command, and the one that only the executor takes.
const command_step = 14;
const executor_step = 16;
/** What can be said of a step without being the executor of a command. */
const part_texts: ReadonlyMap<number, string> = new Map([
  [14, 'capabilities, windows, resources and tools permit it; trust, rates, audience, arguments and newness are for the executor to say'],
  [15, 'by what this host knows; the executor goes by its own knowledge and limits'],
]);

function viewOf(held: HeldDelegation, delivered: boolean, state: string): DelegationView {
  const last = held.links.at(-1);
  return {
    id: held.id, root: held.root, issuer: held.issuer, holder: held.holder,
    capabilities: (last?.capabilities ?? []).map(({ text }) => text), caveats: last?.caveats ?? {},
    depth: held.links.length, exp: held.exp, chain: held.chain, delivered, state,
  };
}

/** A link and what came of verifying the chain that ends with it. */
export function linkView(link: Delegation, state: string, reason: string | null): LinkView {
  return {
    id: toBase64url(link.token.hash), issuer: link.iss, holder: link.aud, capabilities: link.capabilities.map(({ text }) => text),
    caveats: link.caveats, nbf: link.nbf, exp: link.exp, jti: link.jti, state, reason,
  };
}

/** The view of a chain whose links are judged already. */
export function chainView(links: readonly Delegation[], views: readonly LinkView[]): ChainView {
  return {
    id: views.at(-1)?.id ?? '', root: links[0]?.sub ?? '', holder: links.at(-1)?.aud ?? '', exp: Math.min(...links.map(({ exp }) => exp)),
    links: views, chain: links.map(({ token }) => token.text),
  };
}

async function inspect(delegations: Delegations, tokens: readonly string[]): Promise<Result<ChainView>> {
  const links = parseChain(tokens);
  if (!links.ok) return links;
  const views: LinkView[] = [];
  let broken = false;
  for (const [index, link] of links.value.entries()) {
    const verified: Result<unknown> = broken ? ok(undefined) : await delegations.verify(tokens.slice(0, index + 1));
    if (verified.ok) views.push(linkView(link, broken ? 'above' : 'holds', null));
    else views.push(linkView(link, verified.failure.code, verified.failure.reason));
    broken ||= !verified.ok;
  }
  return ok(chainView(links.value, views));
}

function stepsOf(failed: number | undefined, has_command: boolean): readonly StepView[] {
  return [...step_names].map(([step, name]): StepView => {
    const text = part_texts.get(step) ?? null;
    if (step === failed) return { step, name, state: 'failed', text: null };
    if (step >= (has_command ? executor_step : command_step)) return { step, name, state: 'unasked', text: null };
    if (failed !== undefined && step > failed) return { step, name, state: 'unreached', text: null };
    return { step, name, state: text === null ? 'ok' : 'in part', text };
  });
}

async function verify(delegations: Delegations, tokens: readonly string[], command: string | undefined): Promise<Result<ChainCheckView>> {
  const wanted = command === undefined ? ok(undefined) : parseCapability(command);
  if (!wanted.ok) return wanted;
  const verified = await delegations.verify(tokens, wanted.value);
  if (verified.ok) {
    const views = { act: actView(verified.value), delegation_chain: delegationChainView(verified.value) };
    return ok({ holds: true, steps: stepsOf(undefined, command !== undefined), code: null, link: null, reason: null, fix: null, views });
  }
  const { failure } = verified;
  const place = placeOf(failure);
  return place === undefined
    ? verified
    : ok({ holds: false, steps: stepsOf(place.step, command !== undefined), code: failure.code, link: place.link, reason: failure.reason, fix: failure.fix ?? null, views: null });
}

/** The tokens of a chain that is given, or that is kept under an id. */
function tokensOf(delegations: Delegations, { id, chain }: { readonly id?: string; readonly chain?: readonly string[] }): Result<readonly string[]> {
  if ((id === undefined) === (chain === undefined)) return fail('PARAMS_INVALID', 'either id or chain is needed');
  const held = id === undefined ? undefined : delegations.get(id);
  const tokens = chain ?? held?.chain;
  return tokens === undefined ? fail('DELEGATION_UNKNOWN', `this host holds no delegation ${(id ?? '').slice(0, 80)}`, { fix: 'agentmesh delegation list' }) : ok(tokens);
}

function caveatsOf({ caveats = {}, max_depth, trust }: ControlApi['delegate']['params']): Result<Caveats> {
  const parsed = parseCaveats(caveats);
  return parsed.ok
    ? ok({ ...parsed.value.stated, ...(max_depth === undefined ? {} : { max_depth }), ...(trust === undefined ? {} : { trust }) })
    : parsed;
}

async function delegate(actions: Actions, params: ControlApi['delegate']['params']): Promise<Result<DelegationView>> {
  const caveats = caveatsOf(params);
  if (!caveats.ok) return caveats;
  const { from, to, capabilities, parent, lifetime_s } = params;
  const issued = await actions.delegate({
    from, to, capabilities, caveats: caveats.value,
    ...(parent === undefined ? {} : { parent }),
    ...(lifetime_s === undefined ? {} : { lifetime_s }),
  });
  return issued.ok ? ok(viewOf(issued.value.delegation, issued.value.delivered, 'holds')) : issued;
}

function stateOf(verified: Result<unknown>): string {
  const failure: Failure | undefined = verified.ok ? undefined : verified.failure;
  return failure?.code ?? 'holds';
}

/** The methods about delegations. */
export function delegationMethods({ delegations }: Host, actions: Actions): DelegationMethods {
  return {
    'delegate': (params) => delegate(actions, params),
    'delegation.list': async () => {
      const views: DelegationView[] = [];
      for (const held of delegations.list()) views.push(viewOf(held, true, stateOf(await delegations.verify(held.chain))));
      return ok(views);
    },
    'delegation.inspect': async (params) => {
      const tokens = tokensOf(delegations, params);
      return tokens.ok ? inspect(delegations, tokens.value) : tokens;
    },
    'delegation.verify': async (params) => {
      const tokens = tokensOf(delegations, params);
      return tokens.ok ? verify(delegations, tokens.value, params.command) : tokens;
    },
  };
}
