/** The body of a request to a server of this host: bounded while it arrives, and checked before it is parsed. */
import type { IncomingMessage } from 'node:http';
import { concat, fromUtf8 } from '../../crypto/bytes.ts';
import { isCrowded, json_values_max } from '../../crypto/canonical.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import { isShallow, json_depth_max } from '../control/params.ts';

/** Reads a body whole. What is announced as too long is not read at all. */
export async function readBody(request: IncomingMessage, bytes_max: number): Promise<Uint8Array | 'too large' | 'cut off'> {
  if (Number(request.headers['content-length'] ?? 0) > bytes_max) return 'too large';
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of request) {
      if (!(part instanceof Uint8Array)) return 'cut off';
      bytes += part.length;
      if (bytes > bytes_max) return 'too large';
      parts.push(part);
    }
  } catch {
    return 'cut off';
  }
  return concat(...parts);
}

/** A body as JSON. Fails with `REQUEST_INVALID`. */
export function jsonBody(bytes: Uint8Array): Result<unknown> {
  const text = fromUtf8(bytes);
  if (text === undefined) return fail('REQUEST_INVALID', 'the body is not UTF-8');
  if (!isShallow(text)) return fail('REQUEST_INVALID', `the JSON nests deeper than ${json_depth_max} levels`);
  if (isCrowded(text)) return fail('REQUEST_INVALID', `the JSON has more than ${json_values_max} values`);
  try {
    return ok(JSON.parse(text));
  } catch (error) {
    return fail('REQUEST_INVALID', `the body is not JSON: ${messageOf(error)}`, { fix: 'send one JSON object, {} when there is no parameter' });
  }
}

/** Whether something of a body has not been read: what is left would be taken for the next request, or read for nothing. */
export function hasUnreadBody({ headers, complete }: IncomingMessage): boolean {
  return !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0);
}
