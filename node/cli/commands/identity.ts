/** What the commands about agents do. */
import { resolve } from 'node:path';
import type { AgentView } from '../../control/views.ts';
import { printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { moment, shortId, visible } from '../view/text.ts';
import { printUnattested } from './sponsor.ts';

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

function printAgent(context: Context, agent: AgentView): void {
  printLines(context, details([
    ['agent', agent.name],
    ['did', agent.did],
    ['sponsor', agent.sponsor],
    ['attested to', agent.attested_until === null ? 'not yet' : moment(agent.attested_until * 1000)],
    ['may', agent.capabilities.join(', ')],
    ['trust needed', String(agent.required_trust)],
    ['authority', agent.authority],
    ['honours', agent.roots.length === 0 ? undefined : agent.roots.join(', ')],
    ['handler', agent.handler ?? 'none'],
    ['policy', agent.policy ?? 'none of its own'],
    ['state', agent.state],
    ['killed', agent.ended ?? undefined],
  ]));
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
  }, (value) => {
    printAgent(context, value);
    if (value.attested_until === null) printUnattested(context, value.name);
  });
}

/** `agentmesh agent list`. */
export function agentList(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'agent.list', {}, (agents) => {
    if (agents.length === 0) return context.talk('there is no agent yet; create one with: agentmesh agent create <name> --sponsor <who> --capability <verb:resource>');
    const columns = [{ title: 'NAME' }, { title: 'STATE' }, { title: 'TRUST NEEDED', right: true }, { title: 'SPONSOR' }, { title: 'DID' }, { title: 'MAY' }];
    const rows = agents.map((agent) => [agent.name, agent.state, String(agent.required_trust), shortId(agent.sponsor), shortId(agent.did), agent.capabilities.join(', ')]);
    printLines(context, table(columns, rows, context.width));
    for (const { name, ended } of agents) if (ended !== null) context.print(`${visible(name)} was killed for good: ${visible(ended)}`);
  });
}
