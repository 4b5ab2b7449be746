/** What the `tools` commands do. */
import { fromUtf8 } from '../../../crypto/bytes.ts';
import { fail, FailureError, messageOf, ok, type Result } from '../../../crypto/result.ts';
import type { ToolView } from '../../control/tool-api.ts';
import { printLines, show as showAnswer, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readInput } from '../input.ts';
import { details, table } from '../view/table.ts';
import { jsonText, shellWord, shortId } from '../view/text.ts';

/** Flags of `tools list`. */
export interface ToolsFlags extends CommonFlags {
  readonly agent?: string | undefined;
}

/** Flags of `tools register`. */
export interface RegisterFlags extends CommonFlags {
  readonly token?: string | undefined;
  readonly agent?: readonly string[] | undefined;
}

/** Flags of `tools sign`. */
export interface SignFlags extends CommonFlags {
  readonly from: string;
}

/** Flags of `tools accept`. */
export interface AcceptFlags extends CommonFlags {
  readonly digest: string;
}

async function descriptorIn(path: string): Promise<Result<unknown>> {
  const bytes = await readInput(path);
  if (!bytes.ok) return bytes;
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes.value) ?? '');
    return ok(value);
  } catch (error) {
    return fail('TOOL_INVALID', `${path} is not JSON: ${messageOf(error)}`, { fix: 'one descriptor, as of the Model Context Protocol' });
  }
}

function printTool(context: Context, tool: ToolView): void {
  printLines(context, details([
    ['tool', `${tool.name}  ${tool.version}`],
    ['does', tool.description === '' ? undefined : tool.description],
    ['state', tool.state],
    ['digest', tool.digest],
    ['publisher', tool.publisher ?? 'nobody signed it'],
    ['registered by', tool.owner],
    ['side effects', `${tool.side_effects}, risk ${tool.risk}${tool.requires_approval ? ', only with approval' : ''}${tool.open_world ? ', what comes back taints its caller' : ''}`],
    ['needs', tool.capabilities.length === 0 ? undefined : tool.capabilities.join(', ')],
    ['only for', tool.agents === null ? undefined : tool.agents.join(', ')],
    ['offered', tool.offered ?? undefined],
  ]));
}

/** `agentmesh tools list`. */
export function list(context: Context, flags: ToolsFlags): Promise<Outcome> {
  return showAnswer(context, flags, 'tool.list', flags.agent === undefined ? {} : { agent: flags.agent }, (tools) => {
    if (tools.length === 0) return context.talk('there is no tool; register one with: agentmesh tools register FILE');
    const columns = [{ title: 'NAME' }, { title: 'VERSION' }, { title: 'STATE' }, { title: 'EFFECTS' }, { title: 'RISK', right: true }, { title: 'PUBLISHER' }, { title: 'DIGEST' }];
    printLines(context, table(columns, tools.map((tool) => [tool.name, tool.version, tool.state, tool.side_effects, String(tool.risk), tool.publisher === null ? '-' : shortId(tool.publisher), tool.digest.slice(0, 16)]), context.width));
  });
}

/** `agentmesh tools show`. */
export function show(context: Context, flags: CommonFlags, name: string): Promise<Outcome> {
  return showAnswer(context, flags, 'tool.show', { name }, (tool) => {
    printTool(context, tool);
    context.print();
    context.print(jsonText(tool.descriptor));
    if (tool.offered === null) return;
    context.print();
    context.print(context.paint('yellow', `offered under its name, different in ${tool.differs_in.join(', ')}:`));
    context.print(jsonText(tool.offered_descriptor));
    context.talk(`its calls are refused until: agentmesh tools accept ${shellWord(tool.name)} --digest ${tool.offered}`);
  });
}

/** `agentmesh tools register`. */
export async function register(context: Context, flags: RegisterFlags, path: string): Promise<Outcome> {
  const descriptor = await descriptorIn(path);
  if (!descriptor.ok) return new FailureError(descriptor.failure);
  const params = { descriptor: descriptor.value, ...(flags.token === undefined ? {} : { token: flags.token }), ...(flags.agent === undefined ? {} : { agents: [...flags.agent] }) };
  return showAnswer(context, flags, 'tool.register', params, (tool) => printTool(context, tool));
}

/** `agentmesh tools sign`. */
export async function sign(context: Context, flags: SignFlags, path: string): Promise<Outcome> {
  const descriptor = await descriptorIn(path);
  if (!descriptor.ok) return new FailureError(descriptor.failure);
  return showAnswer(context, flags, 'tool.sign', { descriptor: descriptor.value, from: flags.from }, ({ token }) => context.print(token));
}

/** `agentmesh tools accept`. */
export function accept(context: Context, flags: AcceptFlags, name: string): Promise<Outcome> {
  return showAnswer(context, flags, 'tool.accept', { name, digest: flags.digest }, (tool) => printTool(context, tool));
}

/** `agentmesh tools remove`. */
export function remove(context: Context, flags: CommonFlags, name: string): Promise<Outcome> {
  return showAnswer(context, flags, 'tool.remove', { name }, (removed) => printLines(context, details([['removed', removed.name]])));
}
