/** Why a tool is not called, registered or accepted, in the words that its caller or owner is told. */
import { fail, type Failure } from '../../../crypto/result.ts';
import { changedMembers } from './descriptor.ts';
import type { Edition, Shelved } from './shelf.ts';

/** That an agent knows no such tool. */
export function unknown(name: string): Failure {
  return { code: 'TOOL_UNKNOWN', reason: `there is no tool ${JSON.stringify(name.slice(0, 128))} for this agent`, fix: 'list the tools that there are' };
}

/** That what was offered under the name of a tool is another one, and in what. */
export function changed(name: string, pinned: Edition, offered: Edition): Failure {
  const members = changedMembers(pinned.tool.document, offered.tool.document);
  const publisher = pinned.publisher === offered.publisher ? '' : `, and its publisher is ${offered.publisher ?? 'nobody'} instead of ${pinned.publisher ?? 'nobody'}`;
  return fail('TOOL_CHANGED', `the tool ${name} is not the one that was accepted: it differs in ${members.join(', ')}${publisher}`, {
    fix: `look at it, then: agentmesh tools accept ${name} --digest ${offered.tool.digest}`,
    detail: { pinned: pinned.tool.digest, offered: offered.tool.digest, differs_in: members },
  }).failure;
}

/** That nothing does the work of a tool. */
export function unserved(name: string): Failure {
  return { code: 'TOOL_UNAVAILABLE', reason: `no program serves the tool ${name} at present`, fix: 'start the program that registers it, or the agent that serves it' };
}

/** That the name of a tool is somebody else's. */
export function taken(name: string, { owner }: Pick<Shelved, 'owner'>): Failure {
  return { code: 'TOOL_NAME_TAKEN', reason: `the tool ${name} was registered by ${owner}`, fix: 'choose another name' };
}

/** That a value does not fit the schema of a tool, where a check found a problem. */
export function misfit(code: 'TOOL_INPUT_INVALID' | 'TOOL_OUTPUT_INVALID', problem: string | undefined): Failure | undefined {
  return problem === undefined ? undefined : { code, reason: `${code === 'TOOL_INPUT_INVALID' ? 'the input' : 'what came back'} does not fit the schema: ${problem}`, fix: 'the descriptor says what fits' };
}

/** Why an offer is not taken, if so. The owner's offer of what is pinned already opens the tool again. */
export function refusalOf(edition: Edition, known: Shelved | undefined, owner: string, agents: readonly string[] | undefined): Failure | undefined {
  if (known === undefined) return undefined;
  const { name } = edition.tool;
  if (known.owner !== owner) return taken(name, known);
  const is_wider = agents !== undefined && known.agents !== null && agents.some((agent) => !known.agents?.includes(agent));
  if (is_wider) return { code: 'TOOL_NAME_TAKEN', reason: `the tool ${name} was registered for fewer agents`, fix: 'remove it first' };
  const is_same = edition.tool.digest === known.pinned.tool.digest && (edition.publisher === known.pinned.publisher || edition.publisher === null);
  return is_same ? undefined : changed(name, known.pinned, edition);
}
