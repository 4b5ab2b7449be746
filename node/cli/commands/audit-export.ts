/** `agentmesh audit export`: the log as plain tiles, or its entries as CloudEvents. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { FailureError, messageOf, type Failure, type Result } from '../../../crypto/result.ts';
import { cloudEvent } from '../../cloud-events.ts';
import type { LogPageView } from '../../control/audit-entry-views.ts';
import { ask, printLines, show, type Outcome } from '../ask.ts';
import { lineTaken, type Context } from '../context.ts';
import { details } from '../view/table.ts';
import { logParam } from './audit.ts';
import type { SelectFlags } from './audit-entries.ts';

const page_entries = 500;

/** Flags of `audit export`. */
export interface ExportFlags extends SelectFlags {
  readonly dir?: string | undefined;
  readonly format?: 'tiles' | 'cloudevents' | undefined;
  readonly file?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** Why the flags do not go together, if so. */
function contradiction(flags: ExportFlags): Failure | undefined {
  const usage = (reason: string, fix: string): Failure => ({ code: 'USAGE_INVALID', reason, fix });
  if (flags.format === 'cloudevents') {
    if (flags.dir !== undefined) return usage('--dir is for tiles; CloudEvents are JSON lines', 'give --file, or let them go to standard output');
    return flags.json && flags.file === undefined ? usage('the events are JSON lines already', 'leave out --json, or give --file') : undefined;
  }
  const chosen = (['agent', 'kind', 'verdict', 'from', 'to', 'file'] as const).find((name) => flags[name] !== undefined);
  if (chosen !== undefined) return usage(`--${chosen} is for --format cloudevents; tiles are always the whole log, or they would prove nothing`, 'leave it out, or add --format cloudevents');
  return flags.dir === undefined ? usage('it is not said where the tiles go', 'give --dir <folder>, or --format cloudevents') : undefined;
}

type Write = (line: string) => Promise<void>;

/** Writes every selected entry as one line. */
async function writeEvents(context: Context, flags: ExportFlags, write: Write): Promise<FailureError | number> {
  const { agent, kind, verdict, from, to } = flags;
  const query = {
    ...(agent === undefined ? {} : { agent }), ...(kind === undefined ? {} : { kind }), ...(verdict === undefined ? {} : { verdict }),
    ...(from === undefined ? {} : { since_ms: from }), ...(to === undefined ? {} : { until_ms: to }), ...logParam(flags), limit: page_entries,
  };
  let events = 0;
  let place: { from: number } | undefined = { from: 0 };
  while (place !== undefined) {
    const page: Result<LogPageView> = await ask(context, flags, 'audit.entries', { ...query, from: place.from });
    if (!page.ok) return new FailureError(page.failure);
    const { origin, entries, next }: LogPageView = page.value;
    for (const entry of entries) await write(JSON.stringify(cloudEvent(origin, entry)));
    events += entries.length;
    place = next !== null && 'from' in next ? { from: next.from } : undefined;
  }
  return events;
}

async function toFile(context: Context, flags: ExportFlags, file: string): Promise<Outcome> {
  const unwritable = (error: unknown): FailureError => new FailureError({ code: 'FILE_UNWRITABLE', reason: `${file} cannot be written: ${messageOf(error)}`, fix: 'name a file in a folder that you may write to' });
  const stream = createWriteStream(file, { mode: 0o600 });
  try {
    await once(stream, 'open');
    const written = await writeEvents(context, flags, async (line) => {
      if (!stream.write(`${line}\n`)) await once(stream, 'drain');
    });
    stream.end();
    await once(stream, 'close');
    if (written instanceof FailureError) return written;
    const report = { file, format: 'cloudevents', events: written };
    if (flags.json) context.printJson(report);
    else printLines(context, details([['file', file], ['events', String(written)]]));
  } catch (error) {
    return unwritable(error);
  }
}

/** Exports the log. */
export async function exportLog(context: Context, flags: ExportFlags): Promise<Outcome> {
  const wrong = contradiction(flags);
  if (wrong !== undefined) return new FailureError(wrong);
  if (flags.format === 'cloudevents' && flags.file !== undefined) return toFile(context, flags, resolve(flags.file));
  if (flags.format === 'cloudevents') {
    const written = await writeEvents(context, flags, async (line) => void await lineTaken(context.process.stdout, line));
    return written instanceof FailureError ? written : undefined;
  }
  return show(context, flags, 'audit.export', { folder: resolve(flags.dir ?? ''), ...logParam(flags) }, ({ folder, size, files }) => printLines(context, details([
    ['folder', folder], ['entries', String(size)], ['files', String(files)],
  ])));
}
