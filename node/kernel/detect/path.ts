/**
 * Where a path really leads, for the policy's verdict. The verdict looks at the
 * filesystem once; between it and the opening of the file an agent with write
 * access can swap a folder for a link, so a verdict is no enforcement.
 */
import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { messageOf, fail, ok, type Result } from '../../../crypto/result.ts';
import { isFields } from '../../../crypto/canonical.ts';
import type { PayloadText } from './payload.ts';

/** Length of a path (PATH_MAX of Linux). */
export const path_characters_max = 4_096;

const percent_encoded = /%[0-9a-f]{2}/i;

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
    return followed(resolve(from, path));
  } catch (error) {
    return fail('PATH_REFUSED', `the path cannot be looked at: ${messageOf(error)}`);
  }
}

function spellingProblem(path: string): string | undefined {
  if (path === '' || path.length > path_characters_max) return `a path has 1 to ${path_characters_max} characters`;
  if (/\p{Cc}/u.test(path)) return 'the path contains a control character';
  if (percent_encoded.test(path)) return 'the path is percent-encoded';
  if (path.startsWith('~')) return 'the path starts with ~';
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(path)) return 'the path is a URL or names a drive';
  if (path.includes('\\')) return 'the path contains a backslash';
  // Full-width and other compatibility forms of . and / become path syntax where a program normalises.
  if (spellsSeparators(path.normalize('NFKC')) !== spellsSeparators(path)) return 'the path hides . or / behind other characters';
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
  const real = realpathSync(existing);
  const status = lstatSync(real);
  if (missing.length === 0 && status.isFile() && status.nlink > 1) {
    return fail('PATH_REFUSED', 'the file has a second hard link, which may lie elsewhere');
  }
  return ok(join(real, ...missing));
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

const path_fields = /(?:^|[_-])(?:path|paths|file|files|filename|filepath|dir|dirname|directory|folder|cwd)$|(?:path|filename)$/;
const file_actions = /^(?:file|fs|filesystem)(?:[._:-]|$)|(?:^|[._:-])(?:file|files|directory|folder)$/;

/**
 * The paths that an action names: texts under fields that are called a path or
 * a file, texts that have the form of a path wherever they stand, and every
 * text of an action that is about files by its type.
 */
export function pathsIn(texts: readonly PayloadText[], action_type: string): readonly string[] {
  const file_action = file_actions.test(action_type.toLowerCase());
  const paths = texts
    .filter(({ field, text }) => text !== '' && (path_fields.test(field) || hasPathForm(text) || (file_action && isResource(field))))
    .map(({ text }) => text);
  return [...new Set(paths)];
}

function isResource(field: string): boolean {
  return /^(?:resource|target|source|destination|from|to|name|args)$/.test(field);
}

// A sentence may start with a slash ("/summarise this"), so a text with spaces
// is a path only when another separator follows.
function hasPathForm(text: string): boolean {
  if (text.length > path_characters_max || text.includes('\n')) return false;
  if (/^(?:\.{1,2}[/\\]|~[/\\]|file:|\\\\|[A-Za-z]:\\)/i.test(text) || text === '..' || /^%2[ef]/i.test(text)) return true;
  if (!text.startsWith('/')) return /^[^\s]*\/\.\.(?:\/|$)/.test(text);
  return !/\s/.test(text) || text.indexOf('/', 1) >= 0;
}
