/**
 * The files of a governed agent: every access is decided and recorded by the
 * kernel like any other action, and then walks to the file so that no link, no
 * second name and no swap in between leads out of the agent's folders.
 */
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import type { Json } from '../../../crypto/canonical.ts';
import { fail, FailureError, ok, unwrap, type Failure, type Result } from '../../../crypto/result.ts';
import type { Action, Call, Outcome, OutputTerms } from '../call.ts';
import { isUnder, spellingProblem } from '../detect/path.ts';
import { openFile, RootFolder, systemFailure, walkMeans, type WalkMeans } from './walk.ts';

/** Size of a file that is read at once. */
export const read_bytes_max = 16_777_216;
/** Size of what is written at once: little enough for detectors to look at all of it. */
export const written_bytes_max = 1_000_000;
/** Entries of a folder that are listed. */
export const folder_entries_max = 65_536;

/** What the files of an agent are built from. */
export interface FilesInit {
  readonly kernel: { run<T>(call: Call<T>): Promise<Result<Outcome<T>>> };
  /** Who acts. */
  readonly agent: string;
  /** Where it may be; relative paths start from the first. */
  readonly folders: readonly string[];
  /** How walks are secured; the best that the system has by default. */
  readonly means?: WalkMeans;
}

/** What is known about a file or folder. */
export interface FileStatus {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly bytes: number;
  /** Unix milliseconds. */
  readonly modified_ms: number;
}

interface Place {
  readonly root: RootFolder;
  readonly names: readonly string[];
}

/**
 * The folders of one agent. Every method fails with what the kernel fails with,
 * and otherwise with `PATH_ESCAPES` (it would have led outside), `PATH_REFUSED`
 * (no plain path or no plain file), `FILE_MISSING`, `FILE_EXISTS`, `FILE_TOO_LARGE`
 * or `FILE_UNAVAILABLE`. What fails after the decision is recorded as its outcome.
 */
export class GovernedFiles {
  readonly #kernel: FilesInit['kernel'];
  readonly #agent: string;
  readonly #folders: readonly { readonly path: string; readonly root: RootFolder }[];
  /** How walks are secured here. */
  readonly means: WalkMeans;

  private constructor(init: FilesInit, folders: readonly { readonly path: string; readonly root: RootFolder }[], means: WalkMeans) {
    this.#kernel = init.kernel;
    this.#agent = init.agent;
    this.#folders = folders;
    this.means = means;
  }

  /** Opens the folders. Fails with `FOLDER_UNAVAILABLE`. */
  static async open(init: FilesInit): Promise<Result<GovernedFiles>> {
    const means = init.means ?? walkMeans();
    const folders: { path: string; root: RootFolder }[] = [];
    for (const folder of init.folders) {
      const root = await RootFolder.open(folder, means);
      if (!root.ok) {
        for (const opened of folders) await opened.root.close();
        return root;
      }
      folders.push({ path: resolve(folder), root: root.value });
    }
    return ok(new GovernedFiles(init, folders, means));
  }

  /** The content of a file, which rules see as a `tool_result` with `data.content`; what they redact is not given out. */
  read(path: string): Promise<Result<Uint8Array>> {
    return this.#governed<Uint8Array>('file.read', { path }, () => this.#at(path, async (place) => {
      const file = await openFile(place, 'read');
      return file.ok ? closing(file.value, readWhole) : file;
    }), {
      type: 'tool_result',
      look: (bytes) => ({ content: asText(bytes).text }),
      mend: (bytes, redact) => {
        const { text, encoding } = asText(bytes);
        const mended = redact(text);
        return mended.ok ? ok(mended.value === text ? bytes : Buffer.from(mended.value, encoding)) : mended;
      },
    });
  }

  /** Replaces the content of a file, or makes one. Policies see text as `data.text`, and what they redact is not written. */
  write(path: string, content: Uint8Array | string): Promise<Result<void>> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
    if (bytes.length > written_bytes_max) return this.#refused('file.write', path, fail('FILE_TOO_LARGE', `at most ${written_bytes_max} bytes are written at once`, { fix: 'split it into several files' }).failure);
    const { text, encoding } = asText(bytes);
    return this.#governed('file.write', { path, text, encoding }, (data) => this.#at(path, async (place) => {
      const file = await openFile(place, 'write');
      if (!file.ok) return file;
      const allowed = Buffer.from(textOf(data) ?? text, encoding);
      return closing(file.value, async (handle) => {
        await handle.truncate(0);
        await handle.writeFile(allowed);
        return ok(undefined);
      });
    }));
  }

  /** The names in a folder, sorted. */
  list(path: string): Promise<Result<readonly string[]>> {
    return this.#governed('file.list', { path }, () => this.#at(path, async (place) => {
      const folder = await open(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      return closing(folder, async (handle) => {
        const names = await readdir(this.means === 'descriptors' ? `/proc/self/fd/${handle.fd}` : place);
        return names.length > folder_entries_max ? fail('FILE_TOO_LARGE', `the folder has more than ${folder_entries_max} entries`) : ok(names.toSorted());
      });
    }));
  }

  /** What stands at a path; a link is not followed. */
  stat(path: string): Promise<Result<FileStatus>> {
    return this.#governed('file.stat', { path }, () => this.#at(path, async (place) => {
      const status = await lstat(place);
      const kind = status.isFile() ? 'file' : status.isDirectory() ? 'folder' : status.isSymbolicLink() ? 'link' : 'other';
      return ok({ kind, bytes: status.size, modified_ms: Math.round(status.mtimeMs) } as const);
    }));
  }

  /** Makes a folder; the one that it lies in must be there. */
  makeFolder(path: string): Promise<Result<void>> {
    return this.#governed('file.mkdir', { path }, () => this.#at(path, async (place) => ok(await mkdir(place))));
  }

  /** Removes a file or a link, never what a link leads to. */
  remove(path: string): Promise<Result<void>> {
    return this.#governed('file.delete', { path }, () => this.#at(path, async (place) => ok(await unlink(place))));
  }

  /** Gives a file or folder another name. What stood there before is replaced. */
  rename(from: string, to: string): Promise<Result<void>> {
    return this.#governed('file.rename', { from, to }, () => this.#at(from, (source) => this.#at(to, async (target) => ok(await rename(source, target)))));
  }

  /** Lets go of the folders. */
  async close(): Promise<void> {
    for (const { root } of this.#folders) await root.close();
  }

  async #governed<T>(type: string, data: { readonly [name: string]: string }, effect: (data: Json | undefined) => Promise<Result<T>>, output?: OutputTerms<T>): Promise<Result<T>> {
    const path = data['path'] ?? data['from'] ?? '';
    const seen = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, ['path', 'from', 'to'].includes(name) ? this.#seen(value) : value]));
    const action: Action = { type, path: this.#seen(path) };
    const done = await this.#kernel.run<T>({ agent: this.#agent, action, data: seen, ...(output === undefined ? {} : { output }), effect: async (_signal, given) => unwrap(await effect(given)) });
    if (done.ok) return ok(done.value.value);
    return done.failure.code === 'EFFECT_FAILED' && done.failure.cause instanceof FailureError ? { ok: false, failure: done.failure.cause.failure } : done;
  }

  /** A denial on record of what nothing needs to look into. */
  async #refused(type: string, path: string, problem: Failure): Promise<Result<never>> {
    const done = await this.#kernel.run({ agent: this.#agent, action: { type, path: this.#seen(path) }, problem, effect: () => Promise.resolve() });
    return done.ok ? { ok: false, failure: problem } : done;
  }

  // A policy's own folder need not be the agent's: what it sees is absolute, and as it was written where that says something odd.
  #seen(path: string): string {
    const first = this.#folders[0]?.path;
    return first === undefined || isAbsolute(path) || spellingProblem(path) !== undefined ? path : join(first, path);
  }

  async #at<T>(path: string, work: (place: string) => Promise<Result<T>>): Promise<Result<T>> {
    const place = this.#place(path);
    if (!place.ok) return place;
    const { root, names } = place.value;
    return root.at(names, async (at) => {
      try {
        return await work(at);
      } catch (error) {
        return systemFailure(error);
      }
    });
  }

  #place(path: string): Result<Place> {
    const problem = spellingProblem(path);
    if (problem !== undefined) return fail('PATH_REFUSED', problem, { fix: 'give a plain path' });
    const first = this.#folders[0]?.path ?? sep;
    // No link is followed on the way, so that `..` means what it says.
    const absolute = normalize(isAbsolute(path) ? path : join(first, path));
    const folder = this.#folders.find((one) => isUnder(absolute.replace(/(?<=.)[/\\]$/, ''), one.path));
    if (folder === undefined) return fail('PATH_ESCAPES', `the path leads outside ${this.#folders.map((one) => one.path).join(', ')}`, { fix: 'give a path inside' });
    return ok({ root: folder.root, names: relative(folder.path, absolute).split(sep).filter((name) => name !== '') });
  }
}

/** What is no UTF-8 is shown to policies byte for byte, or one odd byte would hide the rest. */
function asText(content: Uint8Array): { readonly text: string; readonly encoding: 'utf8' | 'latin1' } {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? { text, encoding: 'utf8' } : { text: bytes.toString('latin1'), encoding: 'latin1' };
}

function textOf(data: Json | undefined): string | undefined {
  return typeof data === 'object' && data !== null && 'text' in data && typeof data.text === 'string' ? data.text : undefined;
}

async function closing<T>(file: FileHandle, work: (file: FileHandle) => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

async function readWhole(file: FileHandle): Promise<Result<Uint8Array>> {
  const { size } = await file.stat();
  if (size > read_bytes_max) return fail('FILE_TOO_LARGE', `the file has ${size} bytes, ${read_bytes_max} are read at most`);
  const content = Buffer.alloc(size);
  let read = 0;
  while (read < size) {
    const { bytesRead } = await file.read(content, read, size - read, read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return ok(new Uint8Array(content.buffer, content.byteOffset, read));
}
