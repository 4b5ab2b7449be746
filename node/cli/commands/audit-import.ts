/** `agentmesh audit import`: logs from elsewhere, a line of JSON each, into the audit log. */
import { FailureError, ok, type Failure, type Result } from '../../../crypto/result.ts';
import type { ImportView } from '../../control/audit-entry-views.ts';
import { ask, printLines, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { line_bytes_max, linesOf, type Line } from '../lines.ts';
import { details } from '../view/table.ts';
import { count, visible } from '../view/text.ts';

const batch_lines_max = 512;
const batch_bytes_max = 786_432;
// The log takes nothing more: what holds for one line holds for all after it.
const ended_codes: ReadonlySet<string> = new Set(['AUDIT_FROZEN', 'AUDIT_CLOSED']);

/** Flags of `audit import`. */
export interface ImportFlags extends CommonFlags {
  readonly file: string;
  readonly subject?: string | undefined;
  readonly source?: string | undefined;
}

type LineOutcome = { readonly line: number } & (ImportView['outcomes'][number] | { readonly state: 'refused'; readonly code: string; readonly reason: string });

interface Report {
  origin: string;
  added: number;
  known: number;
  refused: number;
  /** Every checkpoint of at least this size covers them. */
  size: number;
}

/** Takes one batch; what the node cannot take is told line by line. */
async function send(context: Context, flags: ImportFlags, lines: readonly Line[], told: (outcome: LineOutcome) => void, report: Report): Promise<Result<void>> {
  const texts = lines.map(({ text }) => text ?? '');
  const taken = await ask(context, flags, 'audit.import', {
    lines: texts, ...(flags.subject === undefined ? {} : { subject: flags.subject }), ...(flags.source === undefined ? {} : { source: flags.source }),
  });
  if (!taken.ok) return taken;
  report.origin = taken.value.origin;
  let ended: Failure | undefined;
  for (const outcome of taken.value.outcomes) {
    if (outcome.state === 'refused' && ended_codes.has(outcome.code)) {
      const { code, reason, fix } = outcome;
      ended ??= { code, reason, ...(fix === undefined ? {} : { fix }) };
      continue;
    }
    report[outcome.state] += 1;
    if (outcome.state !== 'refused') report.size = Math.max(report.size, (outcome.index ?? -1) + 1);
    told({ ...outcome, line: lines[outcome.at]?.number ?? 0 });
  }
  return ended === undefined ? ok(undefined) : { ok: false, failure: ended };
}

async function sendAll(context: Context, flags: ImportFlags, told: (outcome: LineOutcome) => void, report: Report): Promise<Result<void>> {
  let batch: Line[] = [];
  let bytes = 0;
  for await (const line of linesOf(flags.file)) {
    if (!line.ok) return line;
    const { number, text } = line.value;
    if (text === undefined) {
      report.refused += 1;
      told({ line: number, state: 'refused', code: 'FOREIGN_LOG_INVALID', reason: `the line is not UTF-8, or has more than ${line_bytes_max} bytes` });
      continue;
    }
    // As the request carries it: quotes and control characters are escaped there.
    const length = Buffer.byteLength(JSON.stringify(text));
    if (batch.length > 0 && (batch.length === batch_lines_max || bytes + length > batch_bytes_max)) {
      const sent = await send(context, flags, batch, told, report);
      if (!sent.ok) return sent;
      batch = [];
      bytes = 0;
    }
    batch.push(line.value);
    bytes += length;
  }
  return batch.length === 0 ? ok(undefined) : send(context, flags, batch, told, report);
}

/** Imports a file. */
export async function importLogs(context: Context, flags: ImportFlags): Promise<Outcome> {
  const outcomes: LineOutcome[] = [];
  const report: Report = { origin: '', added: 0, known: 0, refused: 0, size: 0 };
  const done = await sendAll(context, flags, (outcome) => {
    if (flags.json) outcomes.push(outcome);
    if (outcome.state === 'refused') context.talk(`line ${outcome.line}: ${visible(outcome.code)}: ${visible(outcome.reason)}`);
  }, report);
  const { origin, added, known, refused, size } = report;
  if (!done.ok && done.failure.code === 'FILE_UNREADABLE' && added + known + refused === 0) return new FailureError(done.failure);
  if (flags.json) context.printJson({ origin, added, known, refused, outcomes, checkpoint: { origin, size } });
  else {
    printLines(context, details([
      ['added', count(added, 'entry', 'entries')],
      ['known already', known === 0 ? undefined : count(known, 'entry', 'entries')],
      ['refused', refused === 0 ? undefined : count(refused, 'line')],
      ['covered by', size === 0 ? undefined : `every checkpoint of at least ${size} entries: agentmesh audit anchor`],
    ]));
  }
  if (!done.ok) return new FailureError({ ...done.failure, reason: `${done.failure.reason}; what was taken before is in the log, and is not taken twice` });
  if (refused > 0) return new FailureError({ code: 'IMPORT_INCOMPLETE', reason: `${count(refused, 'line was', 'lines were')} refused`, fix: 'mend them and import the file again: what is in the log is not taken twice' });
}
