/** The folder in which a node keeps everything: found, made, checked. */
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { controlSocketPath } from './control/socket.ts';

/** The file that says that a folder is a node's. */
export const marker_file = 'agentmesh.json';
const draft_file = `${marker_file}.tmp`;
const folder_version = 1;
const others_mask = 0o077;
// Not imported: the modules that own these files bring more along than a start of the command line can bear.
const secret_files = ['keys.json', 'vault'] as const;

/** Where the data goes when nobody says: `$AGENTMESH_DATA`, else the XDG data folder, whose variable counts only when it is absolute. */
export function defaultDataFolder(environment: { readonly [name: string]: string | undefined }): string {
  const chosen = environment['AGENTMESH_DATA'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const shared = environment['XDG_DATA_HOME'];
  return join(shared !== undefined && isAbsolute(shared) ? shared : join(homedir(), '.local', 'share'), 'agentmesh');
}

/** A data folder that may be used. */
export interface DataFolder {
  readonly path: string;
  readonly store: string;
  readonly socket: string;
  /** Whether the node in it has been made; otherwise everything is created. */
  readonly initialised: boolean;
  /** Says that the node in it has been made: durable when it returns. */
  markInitialised(): void;
}

function marker(initialised: boolean): string {
  return `${JSON.stringify({ agentmesh: folder_version, initialised })}\n`;
}

// The recursive mkdir of Node never returns where a folder cannot be made in one that exists, as below /proc.
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

// Lost in a power cut, the marker would make the next start take the folder for an unfinished one and begin anew.
function writeMarker(folder: string, initialised: boolean): void {
  const file = openSync(join(folder, draft_file), 'w', 0o600);
  try {
    writeSync(file, marker(initialised));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(join(folder, draft_file), join(folder, marker_file));
  const parent = openSync(folder, 'r');
  try {
    fsyncSync(parent);
  } finally {
    closeSync(parent);
  }
}

function readMarker(path: string): { readonly initialised: boolean } | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null || !('agentmesh' in parsed) || parsed.agentmesh !== folder_version) return undefined;
    return { initialised: 'initialised' in parsed && parsed.initialised === true };
  } catch {
    return undefined;
  }
}

/**
 * Whether a file of secrets belongs to who runs this, and nobody else may read
 * it. What is no file, and a system without modes, are not judged.
 *
 * Fails with `FILE_OPEN_TO_OTHERS` or `FILE_OF_OTHERS`.
 */
export function checkSecretFile(path: string): Result<void> {
  const stats = process.platform === 'win32' ? undefined : statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) return ok(undefined);
  if (process.getuid !== undefined && stats.uid !== process.getuid()) {
    return fail('FILE_OF_OTHERS', `${path} holds secrets and belongs to another user, who could read or replace it`, { fix: `run this as that user, or chown ${process.getuid()} ${path}` });
  }
  if ((stats.mode & others_mask) !== 0) return fail('FILE_OPEN_TO_OTHERS', `other users of this host can open ${path}, which holds secrets`, { fix: `chmod 600 ${path}` });
  return ok(undefined);
}

/**
 * Opens or makes a data folder. A folder that holds something else is never
 * written to, nor one whose keys others can read.
 *
 * Fails with `DATA_FOREIGN`, `DATA_OPEN_TO_OTHERS`, `FILE_OPEN_TO_OTHERS`,
 * `FILE_OF_OTHERS` or `DATA_UNUSABLE`.
 */
export function openDataFolder(folder: string): Result<DataFolder> {
  const path = resolve(folder);
  const marker_path = join(path, marker_file);
  try {
    makeFolder(path);
    const found = existsSync(marker_path) ? readMarker(marker_path) : undefined;
    if (found === undefined && readdirSync(path).some((name) => name !== draft_file)) {
      return fail('DATA_FOREIGN', `${path} holds something that is not a node's data`, { fix: 'give an empty or new folder with --data' });
    }
    if (found === undefined) chmodSync(path, 0o700);
    if (process.platform !== 'win32' && (statSync(path).mode & others_mask) !== 0) {
      return fail('DATA_OPEN_TO_OTHERS', `other users of this host can open ${path}, which holds secret keys`, { fix: `chmod 700 ${path}` });
    }
    for (const name of secret_files) {
      const checked = checkSecretFile(join(path, name));
      if (!checked.ok) return checked;
    }
    if (found === undefined) writeMarker(path, false);
    return ok({
      path,
      store: join(path, 'store'),
      socket: controlSocketPath(path),
      initialised: found?.initialised === true,
      markInitialised: () => writeMarker(path, true),
    });
  } catch (error) {
    return fail('DATA_UNUSABLE', `${path} cannot be used: ${messageOf(error)}`, { fix: 'give a folder that you may write to with --data', cause: error });
  }
}
