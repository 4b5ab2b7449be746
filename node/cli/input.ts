/** Files that a user names: read with a bound, written without replacing anything half. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fromUtf8 } from '../../crypto/bytes.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';

/** The largest file, or standard input, that a command reads. */
export const input_bytes_max: number = 1024 * 1024;
/** The largest file of which a command takes the hash. */
export const hashed_bytes_max: number = 1024 * 1024 * 1024;

/** Brings a file, or standard input for `-`, piece by piece. Fails with `FILE_UNREADABLE` or `FILE_TOO_LARGE`. */
async function eachPiece(path: string, bytes_max: number, take: (piece: Buffer) => void): Promise<Result<void>> {
  const name = path === '-' ? 'standard input' : path;
  let length = 0;
  try {
    for await (const chunk of path === '-' ? process.stdin : createReadStream(path)) {
      const piece = Buffer.from(chunk instanceof Uint8Array ? chunk : String(chunk));
      length += piece.length;
      if (length > bytes_max) return fail('FILE_TOO_LARGE', `${name} has more than ${bytes_max} bytes`);
      take(piece);
    }
    return ok(undefined);
  } catch (error) {
    return fail('FILE_UNREADABLE', `${name} cannot be read: ${messageOf(error)}`, { fix: 'name a file that exists and that you may read' });
  }
}

/** The bytes of a file, or of standard input for `-`, at most `bytes_max`. Fails with `FILE_UNREADABLE` or `FILE_TOO_LARGE`. */
export async function readInput(path: string, bytes_max: number = input_bytes_max): Promise<Result<Uint8Array>> {
  const pieces: Buffer[] = [];
  const read = await eachPiece(path, bytes_max, (piece) => void pieces.push(piece));
  return read.ok ? ok(new Uint8Array(Buffer.concat(pieces))) : read;
}

/** The text of a file, or of standard input for `-`; `fix` says which file is meant. Fails with `FILE_UNREADABLE` or `FILE_TOO_LARGE`. */
export async function readText(path: string, fix: string = 'name a text file'): Promise<Result<string>> {
  const bytes = await readInput(path);
  if (!bytes.ok) return bytes;
  const text = fromUtf8(bytes.value);
  return text === undefined ? fail('FILE_UNREADABLE', `${path} is not UTF-8 text`, { fix }) : ok(text);
}

/** The SHA-256 of a file, or of standard input for `-`, which may be larger than what is read whole. Fails with `FILE_UNREADABLE` or `FILE_TOO_LARGE`. */
export async function hashInput(path: string): Promise<Result<Uint8Array>> {
  const hash = createHash('sha256');
  const read = await eachPiece(path, hashed_bytes_max, (piece) => void hash.update(piece));
  return read.ok ? ok(new Uint8Array(hash.digest())) : read;
}

/** Writes a file. Fails with `FILE_UNWRITABLE`. */
export async function writeOutput(path: string, text: string | Uint8Array): Promise<Result<void>> {
  try {
    await writeFile(path, text);
    return ok(undefined);
  } catch (error) {
    return fail('FILE_UNWRITABLE', `${path} cannot be written: ${messageOf(error)}`, { fix: 'name a file in a folder that you may write to' });
  }
}
