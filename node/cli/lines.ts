/** The lines of a file or of standard input, one after the other, however long the whole is. */
import { createReadStream } from 'node:fs';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';

/** The longest line that is read. */
export const line_bytes_max = 524_288;

/** A line with its number, from 1; without text where it is longer than {@link line_bytes_max} or not UTF-8. */
export interface Line {
  readonly number: number;
  readonly text?: string;
}

function lineOf(number: number, pieces: readonly Buffer[], length: number): Line {
  if (length > line_bytes_max) return { number };
  try {
    return { number, text: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces)).replace(/\r$/, '') };
  } catch {
    return { number };
  }
}

/** The lines of a file, of standard input for `-`; empty ones are counted and left out. Ends with `FILE_UNREADABLE` where it cannot be read. */
export async function* linesOf(path: string): AsyncGenerator<Result<Line>, void, undefined> {
  let number = 1;
  let length = 0;
  let pieces: Buffer[] = [];
  const take = (piece: Buffer): void => {
    length += piece.length;
    if (length <= line_bytes_max) pieces.push(piece);
    else pieces = [];
  };
  try {
    for await (const chunk of path === '-' ? process.stdin : createReadStream(path)) {
      const bytes = Buffer.from(chunk instanceof Uint8Array ? chunk : String(chunk));
      let begin = 0;
      for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, begin)) {
        take(bytes.subarray(begin, end));
        if (length > 0) yield ok(lineOf(number, pieces, length));
        number += 1;
        length = 0;
        pieces = [];
        begin = end + 1;
      }
      take(bytes.subarray(begin));
    }
    if (length > 0) yield ok(lineOf(number, pieces, length));
  } catch (error) {
    yield fail('FILE_UNREADABLE', `${path === '-' ? 'standard input' : path} cannot be read: ${messageOf(error)}`, { fix: 'name a file that exists and that you may read' });
  }
}
