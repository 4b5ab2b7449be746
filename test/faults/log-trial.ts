/**
 * A log under trial: a process of its own writes it and tells what was promised
 * to callers; whatever happens to that process or to its disk, the log is then
 * opened again and held against what was told.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { equal, fromHex, toHex, utf8 } from '../../crypto/bytes.ts';
import { parseCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { Frontier } from '../../crypto/merkle.ts';
import { parseNote } from '../../crypto/note.ts';
import { ok, unwrap, type Result } from '../../crypto/result.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import type { Appended, AppendOptions } from '../../storage/audit-queue.ts';
import type { AuditRecord } from '../../storage/audit-reader.ts';
import { diskFiles, type Files } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { random } from '../storage/audit-world.ts';

export const trial_key: SigningKey = signingKey(new Uint8Array(32).fill(3));
export const trial_did = 'did:mesh:btrial';
const subjects = 5;

/** What a caller was promised. */
export interface Acknowledged {
  /** What was appended; tells subject and payload. */
  readonly number: number;
  readonly index: number;
  readonly leaf_hash: string;
  /** Whether it was to outlive a loss of power. */
  readonly durable: boolean;
}

/** Everything that was ever promised about one log, over all lives of its writers. */
export interface Told {
  readonly acknowledged: Acknowledged[];
  /** Root in hex of each signed size. */
  readonly heads: Map<number, string>;
  /** Subjects whose erasure was begun: their payloads may be there or not, until it was confirmed. */
  readonly erasing: Set<string>;
  /** Subjects whose erasure was confirmed. */
  readonly erased: Set<string>;
  /** Codes and reasons of what was refused. */
  readonly refused: string[];
  /** What must never be: two roots at one size. */
  readonly forks: string[];
}

/** Nothing told yet. */
export function nothingTold(): Told {
  return { acknowledged: [], heads: new Map(), erasing: new Set(), erased: new Set(), refused: [], forks: [] };
}

/** What was told up to now, for good. */
export function snapshot({ acknowledged, heads, erasing, erased, refused, forks }: Told): Told {
  return { acknowledged: [...acknowledged], heads: new Map(heads), erasing: new Set(erasing), erased: new Set(erased), refused: [...refused], forks: [...forks] };
}

/** Takes note of a signed head. */
export function toldHead(told: Told, size: number, root: string): void {
  const known = told.heads.get(size);
  if (known !== undefined && known !== root) told.forks.push(`size ${size} was signed with the roots ${known} and ${root}`);
  told.heads.set(size, root);
}

/** Takes note of a line that a writer printed; half a line, as a killed one leaves behind, says nothing. */
export function toldLine(told: Told, line: string): void {
  const [what, ...words] = line.split(' ');
  if (what === 'acknowledged') told.acknowledged.push({ number: Number(words[0]), index: Number(words[1]), leaf_hash: words[2] ?? '', durable: words[3] === 'durable' });
  else if (what === 'head') toldHead(told, Number(words[0]), words[1] ?? '');
  else if (what === 'erasing') told.erasing.add(words[0] ?? '');
  else if (what === 'erased') told.erased.add(words[0] ?? '');
  else if (what === 'refused') told.refused.push(words.join(' '));
}

/** What was told, as the lines that {@link toldLine} reads. */
export function linesOf({ acknowledged, heads }: Told): string[] {
  return [
    ...acknowledged.map(({ number, index, leaf_hash, durable }) => `acknowledged ${number} ${index} ${leaf_hash} ${durable ? 'durable' : 'batched'}`),
    ...[...heads].map(([size, root]) => `head ${size} ${root}`),
  ];
}

/** The subject that some events of a hundred belong to, and no other: one to be erased. */
export function guestOf(number: number): string {
  return `guest-${Math.floor(number / 100)}`;
}

/** Whose event a number is, and of how many bytes: small ones, and now and then one that fills LevelDB's blocks. */
export function eventOf(number: number): { readonly subject: string; readonly payload: Uint8Array } {
  const filler = number % 11 === 0 ? 5_000 : number % 90;
  return { subject: number % 13 === 5 ? guestOf(number) : `subject-${number % subjects}`, payload: utf8(`event ${number} ${'.'.repeat(filler)}`) };
}

/** Appends what a number stands for: every seventh is an entry without payload. */
export function appendNumber(log: AuditLog, number: number, options?: AppendOptions): Promise<Result<Appended>> {
  return number % 7 === 0 ? log.appendRecord('evidence', sha256(utf8(String(number))), options) : log.append(eventOf(number), options);
}

/** Size and root of a checkpoint note. */
export function headOf(note: Uint8Array): { readonly size: number; readonly root: string } {
  const { size, root } = unwrap(parseCheckpoint(unwrap(parseNote(note)).text));
  return { size, root: toHex(root) };
}

/** An open log with what it stands on. */
export interface OpenTrial {
  readonly store: Store;
  readonly files: Files;
  readonly log: AuditLog;
  close(): Promise<void>;
}

/** Opens store, vault and log of a folder, as a node does. */
export async function openTrial(folder: string, create: boolean): Promise<Result<OpenTrial>> {
  const store = await openStore({ kind: 'disk', folder: join(folder, 'store'), create });
  if (!store.ok) return store;
  const files = diskFiles(folder);
  const vault = await openVault({ files, random, create });
  const log = vault.ok
    ? await openAuditLog({ store: store.value, files, vault: vault.value, now: () => 1_700_000_000_000, key: trial_key, did: trial_did, create })
    : vault;
  if (!log.ok) {
    await store.value.close();
    return log;
  }
  const close = async (): Promise<void> => {
    await log.value.close();
    await store.value.close();
  };
  return ok({ store: store.value, files, log: log.value, close });
}

/** How a log was found. `problems` are broken promises; a frozen or refused one says why. */
export interface Verdict {
  readonly outcome: 'whole' | 'frozen' | 'refused';
  readonly reason: string;
  readonly size: number;
  readonly problems: readonly string[];
}

/** Reads a log to its end and recomputes the root of each of its sizes. */
async function readAll(log: AuditLog): Promise<{ readonly records: AuditRecord[]; readonly roots: string[]; readonly failure: string | undefined }> {
  const frontier = new Frontier();
  const records: AuditRecord[] = [];
  const roots = [toHex(frontier.root())];
  for await (const record of log.entries()) {
    if (!record.ok) return { records, roots, failure: record.failure.reason };
    frontier.append(record.value.leaf_hash);
    records.push(record.value);
    roots.push(toHex(frontier.root()));
  }
  return { records, roots, failure: undefined };
}

function brokenPromise(told: Told, { number, index, leaf_hash }: Acknowledged, record: AuditRecord | undefined): string | undefined {
  const what = `the acknowledged entry ${index} (number ${number})`;
  if (record === undefined) return `${what} is not in the log`;
  if (record.index !== index || !equal(record.leaf_hash, fromHex(leaf_hash) ?? new Uint8Array())) return `${what} is another one`;
  if (number % 7 === 0) return undefined;
  const { subject, payload } = eventOf(number);
  if (record.payload === undefined) return told.erasing.has(subject) ? undefined : `${what} has lost its payload`;
  if (told.erased.has(subject)) return `${what} can be read although its subject was erased`;
  return equal(record.payload, payload) && record.subject === subject ? undefined : `${what} has another payload`;
}

/** Holds an open log against what was told; of a frozen one only what it still gives. */
export async function hold(log: AuditLog, told: Told): Promise<string[]> {
  const { records, roots, failure } = await readAll(log);
  const problems = [...told.forks];
  const whole = log.frozen === undefined;
  if (failure !== undefined) problems.push(`reading ended after ${records.length} entries: ${failure}`);
  if (whole && records.length !== log.size()) problems.push(`the log says ${log.size()} entries and gives ${records.length}`);
  for (const acknowledged of told.acknowledged) {
    if (!whole && acknowledged.index >= records.length) continue;
    problems.push(...[brokenPromise(told, acknowledged, records[acknowledged.index])].filter((problem) => problem !== undefined));
  }
  for (const [size, root] of told.heads) {
    if (!whole && size > records.length) continue;
    if (roots[size] !== root) problems.push(`the signed head of size ${size} has another root than the entries: ${roots[size] ?? 'there are fewer'}`);
  }
  const latest = log.latest()?.size ?? 0;
  const promised = Math.max(0, ...told.heads.keys());
  if (whole && latest < promised) problems.push(`the newest head has ${latest} entries, one of ${promised} was given away`);
  return problems;
}

/** Opens the log again, holds it against everything told, and if it is whole goes on with it: one entry, one head. */
export async function judge(folder: string, told: Told): Promise<Verdict> {
  const begun = told.acknowledged.length > 0 || told.heads.size > 0;
  if (!begun && !existsSync(join(folder, 'store'))) return { outcome: 'refused', reason: 'nothing was begun', size: 0, problems: [] };
  const opened = await openTrial(folder, false);
  if (!opened.ok) return { outcome: 'refused', reason: `${opened.failure.code} ${opened.failure.reason}`, size: 0, problems: [...told.forks] };
  const { log, close } = opened.value;
  try {
    const problems = await hold(log, told);
    if (log.frozen !== undefined) return { outcome: 'frozen', reason: log.frozen.reason, size: log.size(), problems };
    const number = 1_000_000 + log.size();
    const { index, leaf_hash } = unwrap(await appendNumber(log, number));
    told.acknowledged.push({ number, index, leaf_hash: toHex(leaf_hash), durable: true });
    const { size, root } = headOf(unwrap(await log.checkpoint()));
    toldHead(told, size, root);
    return { outcome: 'whole', reason: '', size, problems: [...problems, ...told.forks] };
  } finally {
    await close();
  }
}
