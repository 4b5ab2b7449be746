/**
 * The memory file system as an agent has it: every access is an action that the
 * kernel decides about and records, `vfs.read`, `vfs.list`, `vfs.write`,
 * `vfs.delete`, `vfs.snapshot` or `vfs.restore`, with the path as its resource.
 * A file carries the taint of its writer, and gives it to whoever reads it.
 */
import { fromUtf8, toHex, utf8 } from '../../../crypto/bytes.ts';
import type { Json } from '../../../crypto/canonical.ts';
import { sha256 } from '../../../crypto/hash.ts';
import { fail, FailureError, ok, unwrap, type Failure, type Result } from '../../../crypto/result.ts';
import { parseVfsPath, vfsPathText, type VfsDifference, type VfsSnapshot, type VfsStat, type VfsTree, type VfsTrees, type VfsUsage } from '../../../storage/vfs.ts';
import type { Action, Call } from '../call.ts';
import type { KernelSpace } from '../kernel.ts';
import { madeFile, madeList, madeStat, no_files, type ReadFile, type ReadOnlyFolder } from './made.ts';
import { emptyFolder, labelsOf, mountsBelow, placeOf, resourceOf, shared_tree, treeOf, unchangeable, type Place } from './mounts.ts';
import { checkWrite, shared_ttl_ms_default, shared_ttl_ms_max, vfs_note_characters_max, vfs_page_entries_max, vfs_piece_bytes_max, type WriteOptions } from './options.ts';
import { changedMeanwhile, checkPart, contentIn, decoded, originOf, pieceOf, unchanged, unredactable, widened, type Origin, type Part } from './part.ts';

/** What the file system of an agent is built from. */
export interface VfsInit {
  readonly kernel: Pick<KernelSpace, 'run' | 'current' | 'taints'>;
  readonly trees: VfsTrees;
  /** DID or local name. */
  readonly agent: string;
  readonly now: () => number;
  /** Who acts in the agent's place, where it is not the agent itself. */
  readonly by?: string;
  readonly tools?: ReadOnlyFolder;
  readonly policy?: ReadOnlyFolder;
}

interface Access<T> {
  readonly type: `vfs.${'read' | 'list' | 'write' | 'delete' | 'snapshot' | 'restore'}`;
  readonly path: string;
  /** Further members of the action. */
  readonly more?: { readonly [name: string]: Json };
  readonly data?: Json;
  readonly changes: boolean;
  readonly invalid?: Failure | undefined;
  readonly work: (place: Place, data: Json | undefined) => Promise<Result<T>>;
  readonly output?: Call<T>['output'];
}

const shown_path_characters_max = 1024;

/** The memory file system of one agent. Whatever the kernel refuses fails with its codes, the rest with those of the tree. */
export class Vfs {
  readonly #init: VfsInit;

  constructor(init: VfsInit) {
    this.#init = init;
  }

  /**
   * Reads a file or a part of it, which rules about what comes back see with what stands around it. Reading a file that
   * carries labels puts them on the agent. Fails also with `VFS_MISSING`, `VFS_NOT_FILE`, `VFS_OPTIONS_INVALID`,
   * `VFS_CONFLICT` when it was changed while it was decided about, or `VFS_DAMAGED`.
   */
  async read(path: string, part: Part = {}): Promise<Result<ReadFile>> {
    const { offset = 0, length = Number.MAX_SAFE_INTEGER } = part;
    const checked = checkPart(part);
    const before = await this.#originAt(path);
    let read: ReadFile | undefined;
    let around = '';
    const given = await this.#access<{ readonly content: string }>({
      type: 'vfs.read', path, changes: false, more: before, invalid: checked.ok ? undefined : checked.failure,
      output: {
        type: 'tool_result',
        look: () => ({ content: around }),
        mend: (value, redact) => (value.content === around ? redact(value) : unchanged(value, redact(around), around)),
      },
      work: async (place) => {
        const wide = widened({ offset, length });
        const found = await this.#content(place, wide);
        if (!found.ok) return found;
        const { stat, bytes } = found.value;
        if (JSON.stringify(originOf(stat)) !== JSON.stringify(before)) return changedMeanwhile(stat.path);
        around = decoded(bytes);
        read = { stat, bytes: bytes.slice(offset - wide.offset, offset - wide.offset + length) };
        this.#met([stat]);
        return ok({ content: decoded(read.bytes) });
      },
    });
    if (!given.ok) return given;
    if (read === undefined) return fail('VFS_UNAVAILABLE', 'nothing was read');
    const { content } = given.value;
    return ok(content === decoded(read.bytes) ? read : { ...read, bytes: utf8(content) });
  }

  /** A file's text. Fails also with `VFS_NOT_TEXT`. */
  async readText(path: string): Promise<Result<string>> {
    const read = await this.read(path);
    if (!read.ok) return read;
    const text = fromUtf8(read.value.bytes);
    return text === undefined ? fail('VFS_NOT_TEXT', `${read.value.stat.path} is not UTF-8`, { fix: 'read its bytes' }) : ok(text);
  }

  /** What is known of a file or folder, without its content: a `vfs.list`. */
  stat(path: string): Promise<Result<VfsStat>> {
    return this.#access({
      type: 'vfs.list', path, changes: false,
      work: async (place) => {
        const stat = await this.#stat(place);
        if (stat.ok) this.#met([stat.value]);
        return stat;
      },
    });
  }

  /** What is in a folder, by name, behind `after`, at most 1,000 at once. */
  list(path: string, { after = '', limit = vfs_page_entries_max }: { readonly after?: string; readonly limit?: number } = {}): Promise<Result<readonly VfsStat[]>> {
    const page = { after, limit: Math.max(0, Math.min(limit, vfs_page_entries_max)) };
    return this.#access({
      type: 'vfs.list', path, changes: false,
      work: async (place) => {
        const listed = await this.#list(place, page);
        if (listed.ok) this.#met(listed.value);
        return listed;
      },
    });
  }

  /**
   * Writes a file, in one step whatever its length; folders above it are made.
   * Each piece of up to 983,040 bytes is an action of its own, so that rules about
   * contents see everything. Fails also with `VFS_EXISTS`, `VFS_CONFLICT`, `VFS_QUOTA` or `VFS_OPTIONS_INVALID`.
   */
  async write(path: string, content: string | Uint8Array, options: WriteOptions = {}): Promise<Result<VfsStat>> {
    const bytes = typeof content === 'string' ? utf8(content.toWellFormed()) : Uint8Array.from(content);
    const checked = checkWrite(options, bytes.length);
    const hash = checked.ok ? toHex(sha256(bytes)) : null;
    const pieces = Math.max(1, Math.ceil(bytes.length / vfs_piece_bytes_max));
    const piece = <T>(index: number, work: (place: Place, redacted: string | undefined) => Promise<Result<T>>): Promise<Result<T>> => {
      const data = { content: decoded(pieceOf(bytes, index)) };
      return this.#access({
        type: 'vfs.write', path, changes: true, data, invalid: checked.ok ? undefined : checked.failure,
        more: { mode: options.mode ?? 'replace', bytes: bytes.length, sha256: hash, ...(pieces === 1 ? {} : { piece: index + 1, pieces }) },
        work: (place, seen) => work(place, seen === data ? undefined : contentIn(seen)),
      });
    };
    for (let index = 0; index < pieces - 1; index += 1) {
      const decided = await piece(index, (_place, redacted) => Promise.resolve(redacted === undefined ? ok(null) : unredactable()));
      if (!decided.ok) return decided;
    }
    return piece(pieces - 1, async (place, redacted) => {
      if (redacted !== undefined && pieces > 1) return unredactable();
      return this.#write(place, redacted === undefined ? bytes : utf8(redacted), options);
    });
  }

  /** Adds to the end of a file, which is made where there is none. Fails as `write` does. */
  append(path: string, content: string | Uint8Array, options: Omit<WriteOptions, 'mode'> = {}): Promise<Result<VfsStat>> {
    return this.write(path, content, { ...options, mode: 'append' });
  }

  /** Makes a folder, and those above it: a `vfs.write`. Fails also with `VFS_EXISTS`, or with `VFS_READ_ONLY` in /ipc, where a folder goes with its last file. */
  mkdir(path: string): Promise<Result<void>> {
    return this.#access({ type: 'vfs.write', path, changes: true, more: { mode: 'folder' }, work: (place) => this.#tree(place, (tree) => tree.mkdir(place.path)) });
  }

  /** Removes a file, or a folder with all that is in it. Fails also with `VFS_MISSING`, `VFS_NOT_EMPTY` or `VFS_CONFLICT`. */
  remove(path: string, options: { readonly recursive?: boolean; readonly if_hash?: string } = {}): Promise<Result<void>> {
    return this.#access({ type: 'vfs.delete', path, changes: true, more: { recursive: options.recursive ?? false }, work: (place) => this.#tree(place, (tree) => tree.remove(place.path, options)) });
  }

  /** Keeps the present state of everything that is the agent's own. Fails also with `VFS_QUOTA`. */
  snapshot(note: string = ''): Promise<Result<VfsSnapshot>> {
    const short = note.toWellFormed().slice(0, vfs_note_characters_max);
    return this.#access({ type: 'vfs.snapshot', path: '/', changes: false, more: { note: short }, work: () => this.#own((tree) => tree.snapshot(this.#init.by ?? this.#init.agent, short)) });
  }

  /** How full it is: a `vfs.list`. */
  usage(): Promise<Result<VfsUsage>> {
    return this.#access({ type: 'vfs.list', path: '/', changes: false, more: { usage: true }, work: () => this.#own((tree) => tree.usage()) });
  }

  /** The states that are kept, oldest first: a `vfs.list`. */
  snapshots(): Promise<Result<readonly VfsSnapshot[]>> {
    return this.#access({ type: 'vfs.list', path: '/', changes: false, more: { snapshots: true }, work: () => this.#own((tree) => tree.snapshots()) });
  }

  /** Brings everything that is the agent's own, or what is at one path, back to a state that is kept, in one step. Fails also with `VFS_SNAPSHOT_UNKNOWN`. */
  restore(root: string, path: string = '/'): Promise<Result<void>> {
    return this.#access({ type: 'vfs.restore', path, changes: false, more: { root: root.slice(0, 64) }, work: (place) => this.#own((tree) => tree.restore(root, place.path)) });
  }

  /** Keeps a state no more: a `vfs.delete`. Fails also with `VFS_SNAPSHOT_UNKNOWN`. */
  drop(root: string): Promise<Result<void>> {
    return this.#access({ type: 'vfs.delete', path: '/', changes: false, more: { root: root.slice(0, 64) }, work: () => this.#own((tree) => tree.drop(root)) });
  }

  /** The files in which a kept state differs from another one, or from the present: a `vfs.list`. Fails also with `VFS_SNAPSHOT_UNKNOWN`. */
  diff(from: string, to?: string): Promise<Result<readonly VfsDifference[]>> {
    return this.#access({ type: 'vfs.list', path: '/', changes: false, more: { root: from.slice(0, 64) }, work: () => this.#own((tree) => tree.diff(from, to)) });
  }

  /** One governed access. A path that is none is a denial on record, under the code of what is wrong with it. */
  async #access<T>(access: Access<T>): Promise<Result<T>> {
    const { kernel, agent, by } = this.#init;
    const place = placed(access);
    const problem = place.ok ? access.invalid : place.failure;
    const shown = access.path.slice(0, shown_path_characters_max).toWellFormed();
    const action: Action = place.ok
      ? { type: access.type, resource: resourceOf(place.value.path), path: vfsPathText(place.value.path), mount: place.value.mount, ...access.more, ...(by === undefined ? {} : { by }) }
      : { type: access.type, path: shown, mount: null, ...(by === undefined ? {} : { by }) };
    const outcome = await kernel.run<T>({
      agent, action,
      ...(problem === undefined ? {} : { problem }),
      ...(access.data === undefined || problem !== undefined ? {} : { data: access.data }),
      ...(access.output === undefined ? {} : { output: access.output }),
      audit: access.type === 'vfs.read' || access.type === 'vfs.list' ? 'batched' : 'durable',
      effect: async (_signal, data) => unwrap(place.ok ? await access.work(place.value, data) : place),
    });
    if (outcome.ok) return ok(outcome.value.value);
    const { failure } = outcome;
    return { ok: false, failure: failure.code === 'EFFECT_FAILED' && failure.cause instanceof FailureError ? failure.cause.failure : failure };
  }

  /** A label that the call carries anyway ends with it. */
  #met(stats: readonly VfsStat[]): void {
    const { agent, kernel } = this.#init;
    const carried = kernel.current()?.labels ?? [];
    for (const stat of stats) {
      for (const label of labelsOf(stat)) if (!carried.includes(label)) kernel.taints.add(agent, label, `${stat.kind} ${stat.path}`);
    }
  }

  /** The tree that a place lies in. */
  async #tree<T>({ mount }: Place, use: (tree: VfsTree) => Promise<Result<T>>): Promise<Result<T>> {
    const tree = this.#init.trees.tree(mount === '/ipc' ? shared_tree : treeOf(this.#init.agent));
    return tree.ok ? use(tree.value) : tree;
  }

  async #own<T>(use: (tree: VfsTree) => Promise<Result<T>>): Promise<Result<T>> {
    const tree = this.#init.trees.tree(treeOf(this.#init.agent));
    return tree.ok ? use(tree.value) : tree;
  }

  async #originAt(path: string): Promise<Origin> {
    const parsed = parseVfsPath(path);
    const place = parsed.ok ? placeOf(parsed.value) : parsed;
    const stat = place.ok ? await this.#stat(place.value) : place;
    return stat.ok && stat.value.kind === 'file' ? originOf(stat.value) : {};
  }

  #made({ mount }: Place): ReadOnlyFolder | undefined {
    if (mount === '/tools') return this.#init.tools ?? no_files;
    return mount === '/policy' ? this.#init.policy ?? no_files : undefined;
  }

  async #content(place: Place, { offset, length }: Required<Part>): Promise<Result<ReadFile>> {
    const made = this.#made(place);
    if (made === undefined) return this.#tree(place, (tree) => tree.read(place.path, { offset, length }));
    const file = madeFile(made, place, this.#init.now());
    return file.ok ? ok({ ...file.value, bytes: file.value.bytes.slice(offset, offset + length) }) : file;
  }

  async #stat(place: Place): Promise<Result<VfsStat>> {
    const made = this.#made(place);
    if (made !== undefined) return madeStat(made, place, this.#init.now());
    const stat = await this.#tree(place, (tree) => tree.stat(place.path));
    return isEmptyMount(place, stat) ? ok(emptyFolder(place.path)) : stat;
  }

  async #list(place: Place, page: { readonly after: string; readonly limit: number }): Promise<Result<readonly VfsStat[]>> {
    const made = this.#made(place);
    if (made !== undefined) return madeList(made, place, page, this.#init.now());
    if (place.mount === null) {
      const stats: VfsStat[] = [];
      for (const path of mountsBelow(place.path)) {
        const below = placeOf(path);
        const stat = below.ok ? await this.#stat(below.value) : below;
        if ((path.at(-1) ?? '') > page.after) stats.push(stat.ok ? stat.value : emptyFolder(path));
      }
      return ok(stats.toSorted((a, b) => (a.path < b.path ? -1 : 1)).slice(0, page.limit));
    }
    const listed = await this.#tree(place, (tree) => tree.list(place.path, page));
    return isEmptyMount(place, listed) ? ok([]) : listed;
  }

  #write(place: Place, bytes: Uint8Array, { mode = 'replace', if_hash, ttl_ms, tags }: WriteOptions): Promise<Result<VfsStat>> {
    const { kernel, agent, now, by = agent } = this.#init;
    const { call_id = '', labels = [] } = kernel.current() ?? {};
    const lives_ms = place.mount === '/ipc' ? Math.min(ttl_ms ?? shared_ttl_ms_default, shared_ttl_ms_max) : ttl_ms;
    return this.#tree(place, (tree) => tree.write(place.path, bytes, {
      mode, writer: by, call_id, labels: [...kernel.taints.labels(agent), ...labels],
      ...(if_hash === undefined ? {} : { if_hash }), ...(tags === undefined ? {} : { tags }), ...(lives_ms === undefined ? {} : { expires_ms: now() + lives_ms }),
    }));
  }
}

function placed({ path, changes }: Pick<Access<unknown>, 'path' | 'changes'>): Result<Place> {
  const parsed = parseVfsPath(path);
  const place = parsed.ok ? placeOf(parsed.value) : parsed;
  return place.ok && changes ? unchangeable(place.value) ?? place : place;
}

function isEmptyMount({ mount, entry, path }: Place, found: Result<unknown>): boolean {
  return !found.ok && found.failure.code === 'VFS_MISSING' && (mount === null || entry === '') && path.length > 0;
}
