/** What the `vfs` commands do: the memory of an agent, as the owner of its host has it. */
import { FailureError, fail, ok, type Result } from '../../../crypto/result.ts';
import { vfs_limits } from '../../../storage/vfs-rules.ts';
import type { ErasureBasis } from '../../../storage/audit-entry.ts';
import type { FileView, MemoryErasedView, SnapshotView, VfsControlApi } from '../../control/vfs-api.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import { confirmed } from '../confirm.ts';
import type { Context } from '../context.ts';
import { readInput, writeOutput } from '../input.ts';
import { details, table } from '../view/table.ts';
import { bytesText, count, distanceTo, moment, shortId, visible, visibleLines } from '../view/text.ts';

// In base64, with what stands around it, below what one request may have.
const page_bytes = 720_000;

/** Flags of `vfs cat`. */
export interface CatFlags extends CommonFlags {
  readonly out?: string | undefined;
}

/** Flags of `vfs put`. */
export interface PutFlags extends CommonFlags {
  readonly file?: string | undefined;
  readonly append: boolean;
  readonly create: boolean;
  readonly ifHash?: string | undefined;
  readonly ttl?: number | undefined;
  readonly tag?: readonly string[] | undefined;
}

/** Flags of `vfs rm`. */
export interface RemoveFlags extends CommonFlags {
  readonly recursive: boolean;
}

/** Flags of `vfs snapshot`. */
export interface SnapshotFlags extends CommonFlags {
  readonly note?: string | undefined;
}

/** Flags that name a kept state. */
export interface RootFlags extends CommonFlags {
  readonly root: string;
}

/** Flags of `vfs diff`. */
export interface DiffFlags extends CommonFlags {
  readonly from: string;
  readonly to?: string | undefined;
}

/** Flags of `vfs erase`. */
export interface EraseMemoryFlags extends CommonFlags {
  readonly basis: ErasureBasis;
  readonly yes: boolean;
}

/** Whose memory, and what in it: `AGENT:/PATH`, `/PATH` or `AGENT`. */
function target(text: string): { readonly agent?: string; readonly path: string } {
  if (text.startsWith('/')) return { path: text };
  const colon = text.indexOf(':/');
  return colon < 0 ? { agent: text, path: '/' } : { agent: text.slice(0, colon), path: text.slice(colon + 1) };
}

function owner(text: string): { agent?: string } {
  const { agent } = target(text);
  return agent === undefined ? {} : { agent };
}

function printFiles(context: Context, files: readonly FileView[]): void {
  const columns = [{ title: 'SIZE', right: true }, { title: 'CHANGED' }, { title: 'EXPIRES' }, { title: 'WRITER' }, { title: 'TAINT' }, { title: 'PATH' }];
  printLines(context, table(columns, files.map((file) => [
    file.kind === 'folder' ? count(file.inodes ?? 0, 'entry', 'entries') : bytesText(file.bytes),
    file.modified_ms === null ? '-' : moment(file.modified_ms),
    file.expires_ms === null ? '-' : distanceTo(file.expires_ms, context.now_ms()),
    file.writer === null ? '-' : shortId(file.writer),
    file.labels.length === 0 ? '-' : file.labels.join(', '),
    file.kind === 'folder' ? `${file.path}/` : file.path,
  ]), context.width));
}

/** `agentmesh vfs ls`. */
export async function list(context: Context, flags: CommonFlags, where: string = '/'): Promise<Outcome> {
  const files: FileView[] = [];
  for (let after = ''; ;) {
    const page = await ask(context, flags, 'vfs.list', { ...target(where), ...(after === '' ? {} : { after }) });
    if (!page.ok) return new FailureError(page.failure);
    files.push(...page.value.files);
    if (page.value.next === null) break;
    after = page.value.next;
  }
  if (flags.json) context.printJson({ files, next: null });
  else if (files.length === 0) context.talk('nothing is there');
  else printFiles(context, files);
}

type Page = VfsControlApi['vfs.read']['value'];

async function contentOf(context: Context, flags: CommonFlags, where: string): Promise<Result<{ readonly first: Page; readonly bytes: Buffer }>> {
  const first = await ask(context, flags, 'vfs.read', target(where));
  if (!first.ok) return first;
  const pieces = [Buffer.from(first.value.content, 'base64')];
  let { more } = first.value;
  for (let offset = pieces[0]?.length ?? 0; more;) {
    const page = await ask(context, flags, 'vfs.read', { ...target(where), offset });
    if (!page.ok) return page;
    if (page.value.file.hash !== first.value.file.hash) return fail('VFS_CONFLICT', 'the file was changed while it was read', { fix: 'read it again' });
    const piece = Buffer.from(page.value.content, 'base64');
    pieces.push(piece);
    offset += piece.length;
    more = page.value.more && piece.length > 0;
  }
  return ok({ first: first.value, bytes: Buffer.concat(pieces) });
}

/** `agentmesh vfs cat`. */
export async function cat(context: Context, flags: CatFlags, where: string): Promise<Outcome> {
  const read = await contentOf(context, flags, where);
  if (!read.ok) return new FailureError(read.failure);
  const { first, bytes } = read.value;
  if (flags.out !== undefined) {
    const written = await writeOutput(flags.out, bytes);
    if (!written.ok) return new FailureError(written.failure);
  }
  if (flags.json) context.printJson({ ...first, content: bytes.toString('base64'), more: false });
  else if (flags.out === undefined) context.process.stdout.write(context.process.stdout.isTTY === true ? visibleLines(bytes.toString()) : bytes);
  if (first.file.labels.length > 0) context.talk(`it carries the taint ${first.file.labels.join(', ')}: whoever wrote it had read what nobody vouches for`);
}

/** `agentmesh vfs put`. */
export async function put(context: Context, flags: PutFlags, where: string): Promise<Outcome> {
  if (flags.append && flags.create) return new FailureError({ code: 'USAGE_INVALID', reason: 'a file is appended to or created', fix: 'give one of --append and --create' });
  const input = await readInput(flags.file ?? '-', vfs_limits.file_bytes_max);
  if (!input.ok) return new FailureError(input.failure);
  const terms = { ...(flags.ttl === undefined ? {} : { ttl_ms: 1000 * flags.ttl }), ...(flags.tag === undefined ? {} : { tags: [...flags.tag] }) };
  let mode = flags.append ? 'append' : flags.create ? 'create' : 'replace';
  let if_hash = flags.ifHash;
  let written: FileView | undefined;
  for (let at = 0; written === undefined || at < input.value.length; at += page_bytes) {
    const content = Buffer.from(input.value.subarray(at, at + page_bytes)).toString('base64');
    const page = await ask(context, flags, 'vfs.write', { ...target(where), content, mode, ...terms, ...(if_hash === undefined ? {} : { if_hash }) });
    if (!page.ok) return new FailureError(at === 0 ? page.failure : { ...page.failure, reason: `${page.failure.reason}; ${at} of ${input.value.length} bytes are written` });
    written = page.value;
    mode = 'append';
    if_hash = page.value.hash ?? undefined;
  }
  if (flags.json) context.printJson(written);
  else printLines(context, details([['written', written.path], ['size', bytesText(written.bytes)], ['hash', written.hash ?? undefined], ['expires', written.expires_ms === null ? undefined : moment(written.expires_ms)]]));
}

/** `agentmesh vfs rm`. */
export function remove(context: Context, flags: RemoveFlags, where: string): Promise<Outcome> {
  return show(context, flags, 'vfs.remove', { ...target(where), ...(flags.recursive ? { recursive: true } : {}) }, ({ path }) => printLines(context, details([['removed', path]])));
}

function printSnapshot(context: Context, { root, taken_ms, note, inodes, bytes }: SnapshotView): void {
  printLines(context, details([['snapshot', root], ['taken', moment(taken_ms)], ['note', note === '' ? undefined : note], ['holds', `${count(inodes, 'entry', 'entries')}, ${bytesText(bytes)}`]]));
}

/** `agentmesh vfs snapshot`. */
export function snapshot(context: Context, flags: SnapshotFlags, whose: string = '/'): Promise<Outcome> {
  return show(context, flags, 'vfs.snapshot', { ...owner(whose), ...(flags.note === undefined ? {} : { note: flags.note }) }, (taken) => printSnapshot(context, taken));
}

/** `agentmesh vfs snapshots`. */
export function snapshots(context: Context, flags: CommonFlags, whose: string = '/'): Promise<Outcome> {
  return show(context, flags, 'vfs.snapshots', owner(whose), (kept) => {
    if (kept.length === 0) return context.talk('no state is kept; keep the present one with: agentmesh vfs snapshot');
    const columns = [{ title: 'TAKEN' }, { title: 'BY' }, { title: 'ENTRIES', right: true }, { title: 'SIZE', right: true }, { title: 'NOTE' }, { title: 'ROOT' }];
    printLines(context, table(columns, kept.map((one) => [moment(one.taken_ms), shortId(one.by), String(one.inodes), bytesText(one.bytes), one.note, one.root]), context.width));
  });
}

/** `agentmesh vfs restore`. */
export function restore(context: Context, flags: RootFlags, where: string = '/'): Promise<Outcome> {
  return show(context, flags, 'vfs.restore', { ...target(where), root: flags.root }, ({ root, path }) => printLines(context, details([['restored', path], ['as it was in', root]])));
}

/** `agentmesh vfs drop`. */
export function drop(context: Context, flags: RootFlags, whose: string = '/'): Promise<Outcome> {
  return show(context, flags, 'vfs.drop', { ...owner(whose), root: flags.root }, ({ root }) => printLines(context, details([['dropped', root]])));
}

/** `agentmesh vfs diff`. */
export function diff(context: Context, flags: DiffFlags, whose: string = '/'): Promise<Outcome> {
  return show(context, flags, 'vfs.diff', { ...owner(whose), from: flags.from, ...(flags.to === undefined ? {} : { to: flags.to }) }, (changes) => {
    if (changes.length === 0) context.talk('the two are the same');
    else printLines(context, table([{ title: 'CHANGE' }, { title: 'PATH' }], changes.map(({ change, path }) => [change, path]), context.width));
  });
}

/** What an erasure took of an agent's memory, in words. */
export function memoryText({ inodes, bytes, snapshots, shared }: MemoryErasedView): string {
  const parts = [`${count(inodes, 'entry', 'entries')} of ${bytesText(bytes)}`, count(snapshots, 'kept state')];
  return [...parts, ...(shared === 0 ? [] : [`${count(shared, 'file')} in /ipc`])].join(', ');
}

/** `agentmesh vfs erase`. */
export async function erase(context: Context, flags: EraseMemoryFlags, whose: string = ''): Promise<Outcome> {
  if (whose.includes('/')) return new FailureError({ code: 'USAGE_INVALID', reason: 'the memory of an agent is erased as a whole', fix: 'name the agent alone; vfs rm removes a file or folder' });
  const who = whose === '' ? {} : { agent: whose };
  const sure = flags.yes ? undefined : await confirmed(context, `erase everything that ${whose === '' ? 'the agent' : visible(whose)} remembers, with all kept states`);
  if (sure?.ok === false) return new FailureError(sure.failure);
  return show(context, flags, 'vfs.erase', { ...who, basis: flags.basis }, (erased) => {
    context.print(context.paint('green', `erased: ${memoryText(erased)}: unreadable for good`));
    printLines(context, details([
      ['agent', erased.agent],
      ['written down', erased.entry === null ? 'nowhere: the audit log is frozen and takes no entry' : `as entry ${erased.entry} of the log`],
    ]));
    context.talk('what the audit log says of its calls, paths of files among it, goes with agentmesh audit erase --subject; backups of the file "vault" still hold the key: destroy those made before now');
  });
}
