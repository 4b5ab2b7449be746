/**
 * Where a path really leads, for the policy's verdict. The verdict looks at the
 * filesystem once; between it and the opening of the file an agent with write
 * access can swap a folder for a link, so a verdict is no enforcement.
 */
import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { messageOf, fail, ok, type Result } from '../../../crypto/result.ts';
import { isFields } from '../../../crypto/canonical.ts';
import type { PayloadText } from './payload.ts';

/** Length of a path (PATH_MAX of Linux). */
export const path_characters_max = 4_096;

// As RFC 3986 has it, as some servers read it (%u002f), and what a second decoder makes of the rest (%%32).
const percent_encoded = /%(?:[0-9a-f]{2}|u[0-9a-f]{4}|%)/i;
/** Names that stand for a device in every folder of Windows, with any ending. */
const device_names = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|:|$)/i;

/**
 * The absolute path that `path` leads to when seen from `from`, with every link
 * of the part that exists followed. Fails with `PATH_REFUSED` for what could
 * mean one thing to us and another to the program that opens it: NUL, control
 * characters, percent-encoding, `~`, URL schemes, backslashes, a second hard
 * link, or what cannot be looked at.
 */
export function realPathOf(path: string, from: string): Result<string> {
  const refusal = spellingProblem(path);
  if (refusal !== undefined) return fail('PATH_REFUSED', refusal, { fix: 'give a plain path' });
  try {
    const real = followed(resolve(from, path));
    // The system takes `..` from where a link leads, most programs from where it stands.
    if (!real.ok || !path.split('/').includes('..')) return real;
    return walked(path, from) === real.value ? real : fail('PATH_REFUSED', 'the path goes up from a link, which programs understand differently', { fix: 'give the path without ..' });
  } catch (error) {
    return fail('PATH_REFUSED', `the path cannot be looked at: ${messageOf(error)}`);
  }
}

/** Why a path could mean one thing to us and another to the program that opens it, in words; `undefined` for a plain one. */
export function spellingProblem(path: string): string | undefined {
  if (path === '' || path.length > path_characters_max) return `a path has 1 to ${path_characters_max} characters`;
  if (/\p{Cc}/u.test(path) || !path.isWellFormed()) return 'the path contains a control character or half of one';
  if (percent_encoded.test(path)) return 'the path is percent-encoded';
  if (/^\$|\$[{(]|`/.test(path)) return 'the path is expanded by a shell';
  if (path.split('/').some((part) => /[. ]$/.test(part) && !/^\.+$/.test(part))) return 'a part of the path ends in a dot or a space, which some systems drop';
  if (path.split('/').some((part) => /^\.{1,2};/.test(part))) return 'a part of the path is dots and a semicolon, which some servers read as dots';
  if (path.split('/').some((part) => device_names.test(part)) || path.includes('::')) return 'a part of the path names a device or a stream on some systems';
  if (/^\/(?:proc|dev|sys)(?:\/|$)/.test(path.replaceAll(/\/(?:\.?\/)+/g, '/'))) return 'the path lies in /proc, /dev or /sys, where names mean something else to each process';
  if (path.startsWith('~')) return 'the path starts with ~';
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(path)) return 'the path is a URL or names a drive';
  if (path.includes('\\')) return 'the path contains a backslash';
  // Full-width and other compatibility forms of . and / become path syntax where a program normalises.
  if (/[\u2044\u2215\u2216\u29f5\u29f8]/.test(path) || spellsSeparators(path.normalize('NFKC')) !== spellsSeparators(path)) return 'the path hides . or / behind other characters';
  return undefined;
}

function spellsSeparators(path: string): string {
  return path.replaceAll(/[^./\\~]/g, '');
}

function followed(absolute: string): Result<string> {
  const missing: string[] = [];
  let existing = absolute;
  while (!exists(existing)) {
    missing.unshift(basename(existing));
    existing = dirname(existing);
  }
  // The native form also gives the case in which a case-insensitive volume stores a name.
  const real = realpathSync.native(existing);
  const status = lstatSync(real);
  if (missing.length === 0 && status.isFile() && status.nlink > 1) {
    return fail('PATH_REFUSED', 'the file has a second hard link, which may lie elsewhere');
  }
  return ok(join(real, ...missing));
}

function walked(path: string, from: string): string | undefined {
  let place = isAbsolute(path) ? sep : from;
  for (const part of path.split('/')) {
    const next = followed(resolve(place, part));
    if (!next.ok) return undefined;
    place = next.value;
  }
  return place;
}

function exists(path: string): boolean {
  try {
    // Not stat: a link that leads nowhere exists, and realpath then refuses it.
    lstatSync(path);
    return true;
  } catch (error) {
    const code = isFields(error) ? error['code'] : undefined;
    if (code === 'ENOENT' && dirname(path) !== path) return false;
    throw error;
  }
}

/** Whether a real path is the folder or lies under it; `/workspace-evil` does not lie under `/workspace`. */
export function isUnder(real_path: string, folder: string): boolean {
  return real_path === folder || real_path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The first path that leads outside every folder, with the reason; `undefined` when all stay inside. */
export function pathOutside(paths: readonly string[], folders: readonly string[], from: string): string | undefined {
  const roots: string[] = [];
  for (const folder of folders) {
    const root = realPathOf(folder, from);
    if (root.ok) roots.push(root.value);
  }
  for (const path of paths) {
    const real = realPathOf(path, from);
    if (!real.ok) return `${shown(path)}: ${real.failure.reason}`;
    if (!roots.some((root) => isUnder(real.value, root))) return `${shown(path)} leads to ${shown(real.value)}, outside ${folders.join(', ')}`;
  }
  return undefined;
}

function shown(path: string): string {
  return JSON.stringify(path.length > 120 ? `${path.slice(0, 120)}…` : path);
}

const path_fields = /(?:^|[_-])(?:path|paths|file|files|filename|filepath|dir|dirname|directory|folder|cwd)$|(?:path|filename|directory|folder)$/;
const command_fields = /(?:^|[_-])(?:command|commands|cmd|shell|script|argv|exec)$|command$/;
const command_actions = /(?:^|[._:-])(?:shell|exec|execute|command|bash|sh|terminal|subprocess)(?:[._:-]|$)/;
/** Words of a command that are looked at. */
const command_words_max = 4_096;
const file_actions = /^(?:file|fs|filesystem)(?:[._:-]|$)|(?:^|[._:-])(?:file|files|directory|folder)$/;

/**
 * The paths that an action names: texts under fields that are called a path or
 * a file, texts that have the form of a path wherever they stand, every text of
 * an action that is about files by its type, and the words of a command that
 * have the form of a path. What a command makes of variables nobody can tell
 * beforehand, so a word with one counts as a path that leads outside.
 */
export function pathsIn(texts: readonly PayloadText[], action_type: string): readonly string[] {
  const file_action = file_actions.test(action_type.toLowerCase());
  const paths = texts
    .filter(({ field, text }) => text !== '' && (path_fields.test(field) || hasPathForm(text) || (file_action && isResource(field))))
    .map(({ text }) => text);
  const command_action = command_actions.test(action_type.toLowerCase());
  const commands = texts.filter(({ field }) => command_fields.test(field) || (command_action && (isResource(field) || field === 'data' || field === '')));
  return [...new Set([...paths.filter((path) => !commands.some(({ text }) => text === path && /\s/.test(text))), ...commands.flatMap(({ text }) => pathsInCommand(text))])];
}

/** Programs whose every argument is a file or a folder, so that one without a slash is one too. */
const file_programs: ReadonlySet<string> = new Set(['rm', 'rmdir', 'unlink', 'shred', 'truncate', 'mv', 'cp', 'ln', 'tee', 'touch', 'mkdir', 'install', 'chmod', 'chown', 'chgrp', 'cat', 'ls', 'cd', 'del', 'erase', 'rd', 'move', 'copy', 'rsync', 'tar', 'unzip']);

function pathsInCommand(command: string): readonly string[] {
  const written = [...command.matchAll(/>+\s*([^\s"';|&<>()]+)/g)].flatMap(([, target = '']) => [target]);
  const named = command.split(/[;|&()\n]+/, command_words_max).flatMap((simple) => {
    const words = simple.split(/[\s"'=<>]+/, command_words_max).filter((word) => word !== '');
    const at = words.findIndex((word) => file_programs.has(word.slice(word.lastIndexOf('/') + 1).toLowerCase()));
    return words.filter((word, index) => isPathWord(word) || (at >= 0 && index > at && !word.startsWith('-')));
  });
  return [...named, ...written];
}

function isPathWord(word: string): boolean {
  return hasPathForm(word) || /^~|[$`]/.test(word) || (word.includes('/') && !/^[a-z][a-z0-9+.-]*:\/\//i.test(word));
}

function isResource(field: string): boolean {
  return /^(?:resource|target|source|destination|from|to|name|args)$/.test(field);
}

// A sentence may start with a slash ("/summarise this"), so a text with spaces
// is a path only when another separator follows.
function hasPathForm(text: string): boolean {
  if (text.length > path_characters_max || text.includes('\n')) return false;
  if (/^(?:\.{1,4}[/\\]|\.{2,4}%|~[/\\]|file:|\\\\|\\\.\.|[A-Za-z]:[\\/])/i.test(text) || text === '..' || /^%(?:2[ef]|5c|c0|c1|e0|f0|u[0-9a-f]{4})/i.test(text)) return true;
  if (!text.startsWith('/')) return /^[^\s]*\/\.\.(?:\/|$)/.test(text);
  return !/\s/.test(text) || text.indexOf('/', 1) >= 0;
}
