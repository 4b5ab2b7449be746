/** What the commands about the audit log of a node do. */
import { FailureError } from '../../../crypto/result.ts';
import type { HeadView } from '../../control/audit-views.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { writeOutput } from '../input.ts';
import { details } from '../view/table.ts';
import { shellWord, visible } from '../view/text.ts';

/** Flags of the commands that are about one of the logs of the node. */
export interface LogFlags extends CommonFlags {
  readonly log?: string | undefined;
}

/** The log that the flags name, as a parameter. */
export function logParam({ log }: LogFlags): { log?: string } {
  return log === undefined ? {} : { log };
}

/** Flags of `audit head`. */
export interface DidFlags extends LogFlags {
  readonly did?: string | undefined;
}

/** Flags of `audit prove`. */
export interface ProveFlags extends DidFlags {
  readonly proof?: string | undefined;
  readonly policy?: string | undefined;
  readonly open: boolean;
}

/** Flags of `audit verify`. */
export interface VerifyProofFlags extends CommonFlags {
  readonly proof: string;
  readonly policy?: string | undefined;
}

/** Prints text of several lines as it is, but for what a terminal would obey. */
function printText(context: Context, text: string): void {
  for (const line of text.replace(/\n$/, '').split('\n')) context.print(visible(line));
}

function printHead(context: Context, head: HeadView): void {
  printLines(context, details([
    ['log', head.origin],
    ['size', String(head.size)],
    ['root', head.root],
    ...head.cosignatures.map((name, index) => [index === 0 ? 'cosigned by' : '', name] as const),
    ['cosigned by', head.cosignatures.length === 0 ? 'nobody yet' : undefined],
  ]));
  context.print();
  printText(context, head.note);
}

/** `agentmesh audit head`. */
export function head(context: Context, flags: DidFlags): Promise<Outcome> {
  return show(context, flags, 'audit.head', { ...logParam(flags), ...(flags.did === undefined ? {} : { did: flags.did }) }, (value) => printHead(context, value));
}

/** `agentmesh audit anchor`. */
export function anchor(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'audit.anchor', {}, (value) => printHead(context, value));
}

/** `agentmesh audit prove`. */
export async function prove(context: Context, flags: ProveFlags, index: number): Promise<Outcome> {
  const answer = await ask(context, flags, 'audit.prove', {
    index, ...(flags.did === undefined ? {} : { did: flags.did }), ...(flags.open ? { open: true } : {}), ...logParam(flags),
  });
  if (!answer.ok) return new FailureError(answer.failure);
  const { proof, policy } = answer.value;
  for (const [path, text] of [[flags.proof, proof], [flags.policy, policy]] as const) {
    if (path === undefined) continue;
    const written = await writeOutput(path, text);
    if (!written.ok) return new FailureError(written.failure);
    context.talk(`written: ${path}`);
  }
  if (flags.json) context.printJson(answer.value);
  else if (flags.proof === undefined) printText(context, proof);
  if (flags.open) context.talk('this proof shows the payload to whoever gets it');
  context.talk(`anyone can verify it with: agentmesh audit verify --proof ${shellWord(flags.proof ?? '<file>')} --policy ${shellWord(flags.policy ?? '<file>')}`);
}
