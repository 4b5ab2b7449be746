/** Files that a user names: read with a bound, written without replacing anything half. */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';

/** The largest file, or standard input, that a command reads. */
export const input_bytes_max: number = 1024 * 1024;

async function readBounded(chunks: AsyncIterable<unknown>, name: string): Promise<Result<Uint8Array>> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const part = Buffer.from(chunk instanceof Uint8Array ? chunk : String(chunk));
    length += part.length;
    if (length > input_bytes_max) return fail('FILE_TOO_LARGE', `${name} has more than ${input_bytes_max} bytes`);
    parts.push(part);
  }
  return ok(new Uint8Array(Buffer.concat(parts)));
}

/** The bytes of a file, or of standard input for `-`. Fails with `FILE_UNREADABLE` or `FILE_TOO_LARGE`. */
export async function readInput(path: string): Promise<Result<Uint8Array>> {
  try {
    if (path === '-') return await readBounded(process.stdin, 'standard input');
    return await readBounded(createReadStream(path), path);
  } catch (error) {
    return fail('FILE_UNREADABLE', `${path} cannot be read: ${messageOf(error)}`, { fix: 'name a file that exists and that you may read' });
  }
}

/** Writes a file. Fails with `FILE_UNWRITABLE`. */
export async function writeOutput(path: string, text: string): Promise<Result<void>> {
  try {
    await writeFile(path, text);
    return ok(undefined);
  } catch (error) {
    return fail('FILE_UNWRITABLE', `${path} cannot be written: ${messageOf(error)}`, { fix: 'name a file in a folder that you may write to' });
  }
}

/** Writes a file that does not exist yet, for its owner to read. Fails with `FILE_EXISTS` or `FILE_UNWRITABLE`. */
export async function writeNewOutput(path: string, text: string): Promise<Result<void>> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 });
    return ok(undefined);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return fail('FILE_EXISTS', `${path} exists already`, { fix: 'name a file that does not exist' });
    return fail('FILE_UNWRITABLE', `${path} cannot be written: ${messageOf(error)}`, { fix: 'name a file in a folder that you may write to' });
  }
}
