/** The sixteen checks of a delegated command, and how a refusal says at which of them it stands, and for which link. */
import { fail, type Failure } from './result.ts';

/** What each step asks, by its number. The numbers are stable: receipts, logs and `agentmesh delegation verify` name them. */
export const step_names: ReadonlyMap<number, string> = new Map([
  [1, 'number and size of the tokens'],
  [2, 'encoding of each token'],
  [3, 'header of each token'],
  [4, 'claims and version of each token'],
  [5, 'type of each token'],
  [6, 'the root is a sponsor\'s own'],
  [7, 'each link continues the one before'],
  [8, 'nobody stands twice in the chain'],
  [9, 'times'],
  [10, 'each link permits less than the one before'],
  [11, 'revocations'],
  [12, 'issuers, their sponsors and their keys'],
  [13, 'signatures'],
  [14, 'the command is for this executor, within the chain and its caveats, and new'],
  [15, 'what is known of revocations is recent enough'],
  [16, 'the decision is recorded'],
]);

/** The link that a refusal is about: its index, the invocation, or the chain as a whole. */
export type Place = number | 'invocation' | null;

/** A refusal of one step. `fix` says what would have passed. */
export interface Refusal {
  readonly code: string;
  readonly reason: string;
  readonly fix: string;
  readonly cause?: Failure;
}

/** A failure that names the step and the link in its `detail`. */
export function refuse(step: number, link: Place, { code, reason, fix, cause }: Refusal): ReturnType<typeof fail> {
  const where = link === null ? '' : link === 'invocation' ? 'invocation: ' : `link ${link}: `;
  return fail(code, `${where}${reason}`, { fix, detail: { step, link }, ...(cause === undefined ? {} : { cause }) });
}

/** A failure of another part as the refusal of a step; where it does not say what would pass, `fix` does. */
export function refuseAs(step: number, link: Place, cause: Failure, fix: string): ReturnType<typeof fail> {
  return refuse(step, link, { code: cause.code, reason: cause.reason, fix: cause.fix ?? fix, cause });
}

/** The step and link that a failure names, if it is a refusal of one of the steps. */
export function placeOf(failure: Failure): { readonly step: number; readonly link: Place } | undefined {
  const step = failure.detail?.['step'];
  const link = failure.detail?.['link'];
  if (typeof step !== 'number' || !step_names.has(step)) return undefined;
  return { step, link: typeof link === 'number' || link === 'invocation' ? link : null };
}

/** A refusal in one sentence: where, why, and what would pass. */
export function explain(failure: Failure): string {
  const place = placeOf(failure);
  const where = place === undefined ? '' : `step ${place.step} (${step_names.get(place.step) ?? ''}): `;
  return `${where}${failure.reason}${failure.fix === undefined ? '' : `; what would pass: ${failure.fix}`}`;
}
