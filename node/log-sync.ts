/** Entries from elsewhere, read, sent to the log in batches, and answered for one by one. */
import { fail, messageOf, ok, unwrap, type Failure, type Result } from '../crypto/result.ts';
import { agent_characters_max, readForeignLine, readForeignLog, type ForeignLog } from './foreign-logs.ts';
import type { Identities } from './identities.ts';
import { import_batch_max, source_characters_max, type Import, type ImportReceipt, type Imports } from './imports.ts';

/** How entries are taken. */
export interface SyncOptions {
  /** Whose entries they are and under whose key they are sealed: a DID, the name of a local agent, or any other name. Where absent, each entry says it. */
  readonly subject?: string;
  /** Where they come from, such as the name of the system: the same entry from two sources is two entries. */
  readonly source?: string;
}

/** What became of one entry, which is number `at` of those given, from 0. */
export type SyncOutcome =
  | (ImportReceipt & { readonly at: number })
  | { readonly state: 'refused'; readonly at: number; readonly code: string; readonly reason: string; readonly fix?: string };

/** What a sync works with. */
export interface SyncParts {
  readonly imports: Imports;
  readonly identities: Pick<Identities, 'find'>;
}

function refusal(at: number, { code, reason, fix }: Failure): SyncOutcome {
  return { state: 'refused', at, code, reason, ...(fix === undefined ? {} : { fix }) };
}

/** Reads one entry: an object, or a line of JSON. Never throws. */
function read(given: unknown, subject: string | undefined): Result<ForeignLog> {
  try {
    return typeof given === 'string' ? readForeignLine(given, subject) : readForeignLog(given, subject);
  } catch (error) {
    // A getter of an object that somebody else made.
    return fail('FOREIGN_LOG_INVALID', `the entry cannot be read: ${messageOf(error)}`);
  }
}

/** Whether entries can be taken in this way. Fails with `IMPORT_SOURCE_INVALID` or `IMPORT_SUBJECT_INVALID`. */
export function checkOptions({ subject, source }: SyncOptions): Result<void> {
  if (source !== undefined && !isName(source, source_characters_max)) return fail('IMPORT_SOURCE_INVALID', `the name of a source has 1 to ${source_characters_max} characters`);
  if (subject !== undefined && !isName(subject, agent_characters_max)) return fail('IMPORT_SUBJECT_INVALID', `the name of a subject has 1 to ${agent_characters_max} characters`);
  return ok(undefined);
}

function isName(text: string, characters_max: number): boolean {
  return text !== '' && Array.from(text).length <= characters_max;
}

/**
 * Takes entries into the log in batches of {@link import_batch_max} and says of each what became of it, in
 * their order. An entry is an object, or a line of JSON. Entries of an agent of this host are sealed under its DID.
 * Throws a `FailureError` where {@link checkOptions} fails.
 */
export async function* syncEntries(parts: SyncParts, logs: Iterable<unknown> | AsyncIterable<unknown>, options: SyncOptions = {}): AsyncGenerator<SyncOutcome, void, undefined> {
  unwrap(checkOptions(options));
  const { subject, source = null } = options;
  const own = (name: string): string => parts.identities.find(name)?.did ?? name;
  let at = 0;
  let batch: { readonly at: number; readonly entry: Result<ForeignLog> }[] = [];
  const flush = async (): Promise<readonly SyncOutcome[]> => {
    const items = batch.flatMap(({ entry }): readonly Import[] => entry.ok ? [{ log: entry.value, subject: own(subject ?? entry.value.agent), source }] : []);
    const taken = await parts.imports.take(items);
    let next = 0;
    const outcomes = batch.map(({ at: number, entry }) => {
      const receipt = entry.ok ? taken[next++] ?? fail('IMPORT_BROKEN', 'the entry was not taken') : entry;
      return receipt.ok ? { ...receipt.value, at: number } : refusal(number, receipt.failure);
    });
    batch = [];
    return outcomes;
  };
  for await (const given of logs) {
    batch.push({ at, entry: read(given, subject) });
    at += 1;
    if (batch.length === import_batch_max) yield* await flush();
  }
  if (batch.length > 0) yield* await flush();
}
