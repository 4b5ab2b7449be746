/** Passphrases: from a file that its owner alone may read, or from the environment; never from the arguments, which other users can see. */
import { readFileSync, statSync } from 'node:fs';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { Environment } from './context.ts';
import { shellWord } from './view/text.ts';

const passphrase_bytes_max = 1024;
const others_mask = 0o077;

/**
 * The passphrase in a file, without the line end after it.
 * Fails with `PASSPHRASE_INVALID` or `PASSPHRASE_EXPOSED`.
 */
export function passphraseFrom(path: string): Result<string> {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return fail('PASSPHRASE_INVALID', `${path} is a folder`, { fix: 'name the file in it that holds the passphrase' });
    if (stats.size > passphrase_bytes_max) return fail('PASSPHRASE_INVALID', `${path} has more than ${passphrase_bytes_max} bytes`, { fix: 'write the passphrase and nothing else into it' });
    const is_own = process.getuid === undefined || stats.uid === process.getuid();
    if (!is_own || (stats.mode & others_mask) !== 0) return fail('PASSPHRASE_EXPOSED', `others may read ${path}`, { fix: `${is_own ? '' : `chown ${process.getuid?.()} ${shellWord(path)} && `}chmod 600 ${shellWord(path)}` });
    const passphrase = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    return passphrase === '' ? fail('PASSPHRASE_INVALID', `${path} is empty`, { fix: 'write the passphrase into it' }) : ok(passphrase);
  } catch (error) {
    return fail('PASSPHRASE_INVALID', `the passphrase file cannot be read: ${messageOf(error)}`, { fix: 'name a file that exists and that only you may read' });
  }
}

/** The passphrase of a data folder: from the file, else from `AGENTMESH_PASSPHRASE`, else none. Fails as {@link passphraseFrom} does. */
export function folderPassphrase(path: string | undefined, environment: Environment): Result<string | undefined> {
  if (path !== undefined) return passphraseFrom(path);
  const given = environment['AGENTMESH_PASSPHRASE'];
  return ok(given === '' ? undefined : given);
}
