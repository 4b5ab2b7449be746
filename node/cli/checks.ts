/** Checks of this host that need no running node and change nothing. */
import { existsSync, readFileSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../crypto/result.ts';
import type { CheckView } from '../control/views.ts';
import { checkSocketPath, controlSocketPath } from '../control/socket.ts';
import { marker_file } from '../data-folder.ts';
import { shellWord } from './view/text.ts';

/** The oldest Node that runs this program. */
export const node_version_min: readonly [major: number, minor: number] = [22, 18];

// Not imported: the modules that own these files bring the database and the signature libraries along.
const keys_file = 'keys.json';
const frozen_file = 'frozen';
const others_mask = 0o077;

/** The checks, and whether one of them means that data is damaged. */
export interface HostChecks {
  readonly checks: readonly CheckView[];
  readonly damaged: boolean;
}

interface DamageCheck extends CheckView {
  readonly damaged?: true;
}

function checkVersion(version: string): CheckView {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [major_min, minor_min] = node_version_min;
  const enough = major > major_min || (major === major_min && minor >= minor_min);
  return enough
    ? { name: 'program', state: 'ok', text: `Node ${version}` }
    : { name: 'program', state: 'failed', text: `Node ${version} is too old`, fix: `install Node ${major_min}.${minor_min} or newer` };
}

function checkFolder(data: string): CheckView {
  const stats = statSync(data, { throwIfNoEntry: false });
  if (stats === undefined) return { name: 'data folder', state: 'ok', text: `${data} does not exist yet; the first start makes it` };
  if (!stats.isDirectory()) return { name: 'data folder', state: 'failed', text: `${data} is not a folder`, fix: 'choose another one with --data' };
  if (process.getuid !== undefined && stats.uid !== process.getuid()) {
    return { name: 'data folder', state: 'failed', text: `${data} belongs to another user`, fix: 'run this as that user, or choose your own folder with --data' };
  }
  if ((stats.mode & others_mask) !== 0) {
    return { name: 'data folder', state: 'failed', text: `others may enter ${data}`, fix: `chmod 700 ${shellWord(data)}` };
  }
  if (!existsSync(join(data, marker_file))) {
    return { name: 'data folder', state: 'warning', text: `${data} holds no node yet`, fix: `agentmesh up --data ${shellWord(data)}` };
  }
  return { name: 'data folder', state: 'ok', text: `${data}, for its owner alone` };
}

function protectionOf(path: string): unknown {
  const file: unknown = JSON.parse(readFileSync(path, 'utf8'));
  return typeof file === 'object' && file !== null && 'protection' in file ? file.protection : undefined;
}

function checkKeys(data: string): DamageCheck {
  const path = join(data, keys_file);
  const stats: Stats | undefined = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return { name: 'keys', state: 'ok', text: 'none yet; the first start makes them' };
  if ((stats.mode & others_mask) !== 0) return { name: 'keys', state: 'failed', text: `others may read ${path}`, fix: `chmod 600 ${shellWord(path)}` };
  try {
    const protection = protectionOf(path);
    if (protection === 'none') {
      return {
        name: 'keys', state: 'warning', text: 'not protected by a passphrase: who can read the file can act as this host',
        fix: 'agentmesh keys passphrase --new-passphrase-file FILE, or keep the folder on an encrypted disk',
      };
    }
    if (typeof protection === 'string') return { name: 'keys', state: 'ok', text: 'sealed with a passphrase' };
  } catch {
    // What cannot be parsed is reported like what has the wrong form.
  }
  return { name: 'keys', state: 'failed', text: `${path} is damaged`, fix: 'restore it from a backup', damaged: true };
}

/** The process that holds the lock of the store, as Linux tells it; 0 when it is free, `undefined` where that cannot be told. */
function lockHolder(lock_path: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const { ino } = statSync(lock_path);
    const line = readFileSync('/proc/locks', 'utf8').split('\n').find((entry) => entry.split(/\s+/)[5]?.endsWith(`:${ino}`) === true);
    return line === undefined ? 0 : Number(line.split(/\s+/)[4]);
  } catch {
    return undefined;
  }
}

function checkStore(data: string): CheckView {
  const lock_path = join(data, 'store', 'LOCK');
  if (!existsSync(lock_path)) return { name: 'store', state: 'ok', text: 'none yet; the first start makes it' };
  const holder = lockHolder(lock_path);
  if (holder === undefined) return { name: 'store', state: 'ok', text: 'there; whether a process holds it cannot be told on this host' };
  return { name: 'store', state: 'ok', text: holder === 0 ? 'there, and no process holds it' : `held by process ${holder}` };
}

function checkLog(data: string): DamageCheck {
  // The newest log is the one that is written to.
  let number = 0;
  while (existsSync(join(data, `head-${number + 1}`))) number += 1;
  const path = join(data, number === 0 ? frozen_file : `${frozen_file}-${number}`);
  if (!existsSync(path)) return { name: 'audit log', state: 'ok', text: 'not marked as frozen; it is checked whole at every start' };
  const reason = readFileSync(path, 'utf8').slice(0, 400).trim();
  return {
    name: 'audit log', state: 'failed', text: `frozen: ${reason}`,
    fix: reason.startsWith('damage: ') ? 'agentmesh audit recover' : 'keep the folder as evidence; agentmesh audit succeed begins a new log', damaged: true,
  };
}

function checkSocket(data: string): CheckView {
  const path = checkSocketPath(controlSocketPath(data));
  if (path.ok) return { name: 'control socket', state: 'ok', text: controlSocketPath(data) };
  const { reason, fix } = path.failure;
  return { name: 'control socket', state: 'failed', text: reason, ...(fix === undefined ? {} : { fix }) };
}

/** Looks at the program, the data folder, its keys, its store and its log, from outside. */
export function checkHost(data: string): HostChecks {
  const checks: CheckView[] = [checkVersion(process.versions.node)];
  let damaged = false;
  for (const check of [checkFolder, checkKeys, checkStore, checkLog, checkSocket]) {
    try {
      const { damaged: broken, ...line }: DamageCheck = check(data);
      damaged ||= broken === true;
      checks.push(line);
    } catch (error) {
      checks.push({ name: 'data folder', state: 'failed', text: messageOf(error), fix: 'run this as the user whose node it is' });
    }
  }
  return { checks, damaged };
}
