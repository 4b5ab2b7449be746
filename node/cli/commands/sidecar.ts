/** What the `sidecar` commands do: the local HTTP API for agents in any language. */
import { FailureError } from '../../../crypto/result.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { count, moment, shortId, visible } from '../view/text.ts';

/** Flags of `sidecar token`. */
export interface TokenFlags extends CommonFlags {
  readonly revoke: boolean;
}

/** `agentmesh sidecar token`. */
export async function token(context: Context, flags: TokenFlags, agent: string): Promise<Outcome> {
  const answer = await ask(context, flags, 'sidecar.token', { agent, ...(flags.revoke ? { revoke: true } : {}) });
  if (!answer.ok) return new FailureError(answer.failure);
  const { value } = answer;
  if (flags.json) return context.printJson(value);
  if (value.token === null) return printLines(context, details([['revoked', value.agent]]));
  context.print(value.token);
  context.talk(`whoever has it acts as ${visible(value.agent)}; it is shown this once, and ends an earlier one`);
  context.talk(value.socket === null ? 'the sidecar is closed: start the node with --sidecar' : `use it on ${visible(value.url ?? value.socket)}: Authorization: Bearer <token>`);
}

/** `agentmesh sidecar status`. */
export function status(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'sidecar.status', {}, ({ socket, url, tokens, programs, open_calls, streams, tool_streams }) => {
    printLines(context, details([
      ['socket', socket ?? 'closed; agentmesh up --sidecar opens it'], ['loopback', url ?? undefined],
      ['under way', `${count(open_calls, 'open call')}, ${count(streams, 'stream')} of signals, ${count(tool_streams, 'stream')} of tool calls`],
    ]));
    if (tokens.length > 0) {
      context.print();
      printLines(context, table([{ title: 'AGENT' }, { title: 'DID' }, { title: 'TOKEN SINCE' }], tokens.map(({ agent, did, issued_ms }) => [agent, shortId(did), moment(issued_ms)]), context.width));
    }
    if (programs.length > 0) {
      context.print();
      const rows = programs.map(({ agent, name, framework, version, time_ms }) => [agent, visible(name), visible(framework ?? '-'), visible(version ?? '-'), moment(time_ms)]);
      printLines(context, table([{ title: 'AGENT' }, { title: 'PROGRAM' }, { title: 'FRAMEWORK' }, { title: 'VERSION' }, { title: 'INTRODUCED' }], rows, context.width));
    }
    if (tokens.length === 0) context.talk('no agent has a token; agentmesh sidecar token AGENT issues one');
  });
}

/** `agentmesh sidecar openapi`. */
export async function openapi(context: Context): Promise<Outcome> {
  const { sidecarDocument } = await import('../../sidecar/index.ts');
  context.printJson(sidecarDocument());
}
