/** What the commands about sponsors, agents and DIDs do. */
import { resolve } from 'node:path';
import type { AgentView, SponsorView } from '../../control/api.ts';
import { printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { jsonText, shortId, visible } from '../view/text.ts';

/** Flags of `sponsor create`. */
export interface SponsorCreateFlags extends CommonFlags {
  readonly kind: 'human' | 'org';
}

/** Flags of `agent create`. */
export interface AgentCreateFlags extends CommonFlags {
  readonly sponsor: string;
  readonly capability: readonly string[];
  readonly parent?: string | undefined;
  readonly policy?: string | undefined;
  readonly handler?: string | undefined;
  readonly requiredTrust?: number | undefined;
  readonly authority?: 'delegated' | 'open' | undefined;
  readonly root?: readonly string[] | undefined;
}

/** Flags of `did resolve`. */
export interface ResolveFlags extends CommonFlags {
  readonly fresh: boolean;
}

function printSponsor(context: Context, sponsor: SponsorView): void {
  printLines(context, details([['sponsor', sponsor.name], ['did', sponsor.did], ['kind', sponsor.kind]]));
}

function printAgent(context: Context, agent: AgentView): void {
  printLines(context, details([
    ['agent', agent.name],
    ['did', agent.did],
    ['sponsor', agent.sponsor],
    ['may', agent.capabilities.join(', ')],
    ['trust needed', String(agent.required_trust)],
    ['authority', agent.authority],
    ['honours', agent.roots.length === 0 ? undefined : agent.roots.join(', ')],
    ['handler', agent.handler ?? 'none'],
    ['policy', agent.policy ?? 'none of its own'],
    ['state', agent.state],
  ]));
}

/** `agentmesh sponsor create`. */
export function sponsorCreate(context: Context, flags: SponsorCreateFlags, name: string): Promise<Outcome> {
  return show(context, flags, 'sponsor.create', { name, kind: flags.kind }, (value) => printSponsor(context, value));
}

/** `agentmesh sponsor list`. */
export function sponsorList(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'sponsor.list', {}, (sponsors) => {
    if (sponsors.length === 0) return context.talk('there is no sponsor yet; create one with: agentmesh sponsor create <name>');
    printLines(context, table([{ title: 'NAME' }, { title: 'KIND' }, { title: 'DID' }], sponsors.map(({ name, kind, did }) => [name, kind, shortId(did)]), context.width));
  });
}

/** `agentmesh agent create`. */
export function agentCreate(context: Context, flags: AgentCreateFlags, name: string): Promise<Outcome> {
  const { sponsor, capability, parent, policy, handler, requiredTrust, authority, root = [] } = flags;
  return show(context, flags, 'agent.create', {
    name,
    sponsor,
    capabilities: [...capability],
    ...(parent === undefined ? {} : { parent }),
    // The node has another working folder.
    ...(policy === undefined ? {} : { policy: resolve(policy) }),
    ...(handler === undefined ? {} : { handler: resolve(handler) }),
    ...(requiredTrust === undefined ? {} : { required_trust: requiredTrust }),
    ...(authority === undefined ? {} : { authority }),
    ...(root.length === 0 ? {} : { roots: [...root] }),
  }, (value) => printAgent(context, value));
}

/** `agentmesh agent list`. */
export function agentList(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'agent.list', {}, (agents) => {
    if (agents.length === 0) return context.talk('there is no agent yet; create one with: agentmesh agent create <name> --sponsor <who> --capability <verb:resource>');
    const columns = [{ title: 'NAME' }, { title: 'STATE' }, { title: 'TRUST NEEDED', right: true }, { title: 'SPONSOR' }, { title: 'DID' }, { title: 'MAY' }];
    const rows = agents.map((agent) => [agent.name, agent.state, String(agent.required_trust), shortId(agent.sponsor), shortId(agent.did), agent.capabilities.join(', ')]);
    printLines(context, table(columns, rows, context.width));
  });
}

/** `agentmesh did resolve`. */
export function didResolve(context: Context, flags: ResolveFlags, did: string): Promise<Outcome> {
  return show(context, flags, 'did.resolve', { did, fresh: flags.fresh }, ({ didDocument, didDocumentMetadata, didResolutionMetadata }) => {
    context.print(jsonText(didDocument));
    for (const metadata of [didDocumentMetadata, didResolutionMetadata]) {
      if (typeof metadata !== 'object' || metadata === null) continue;
      for (const [name, value] of Object.entries(metadata)) context.talk(`${visible(name)}: ${visible(typeof value === 'string' ? value : JSON.stringify(value) ?? '')}`);
    }
  });
}
