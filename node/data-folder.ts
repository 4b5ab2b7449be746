/** The folder in which a node keeps everything: found, made, checked. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { controlSocketPath } from './control/socket.ts';

/** The file that says that a folder is a node's. */
export const marker_file = 'agentmesh.json';
const folder_version = 1;
const others_mask = 0o077;

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
  /** Says that the node in it has been made. */
  markInitialised(): void;
}

function marker(initialised: boolean): string {
  return `${JSON.stringify({ agentmesh: folder_version, initialised })}\n`;
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
 * Opens or makes a data folder. A folder that holds something else is never
 * written to.
 *
 * Fails with `DATA_FOREIGN`, `DATA_OPEN_TO_OTHERS` or `DATA_UNUSABLE`.
 */
export function openDataFolder(folder: string): Result<DataFolder> {
  const path = resolve(folder);
  const marker_path = join(path, marker_file);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const found = existsSync(marker_path) ? readMarker(marker_path) : undefined;
    if (found === undefined && readdirSync(path).length > 0) {
      return fail('DATA_FOREIGN', `${path} holds something that is not a node's data`, { fix: 'give an empty or new folder with --data' });
    }
    if (found === undefined) chmodSync(path, 0o700);
    if (process.platform !== 'win32' && (statSync(path).mode & others_mask) !== 0) {
      return fail('DATA_OPEN_TO_OTHERS', `other users of this host can open ${path}, which holds secret keys`, { fix: `chmod 700 ${path}` });
    }
    if (found === undefined) writeFileSync(marker_path, marker(false), { mode: 0o600 });
    return ok({
      path,
      store: join(path, 'store'),
      socket: controlSocketPath(path),
      initialised: found?.initialised === true,
      markInitialised: () => writeFileSync(marker_path, marker(true), { mode: 0o600 }),
    });
  } catch (error) {
    return fail('DATA_UNUSABLE', `${path} cannot be used: ${messageOf(error)}`, { fix: 'give a folder that you may write to with --data', cause: error });
  }
}
