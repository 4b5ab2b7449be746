/** A stream of server-sent events (WHATWG HTML, section 9.2) that shows that it lives and holds little for who does not read. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../protocols/ports.ts';
import { answer_ms_max, heartbeat_ms } from './limits.ts';

/** How a stream is bounded. */
export interface EventStreamInit {
  /** What is held for a reader that does not read; then it is cut off. */
  readonly bytes_max: number;
  /** Ends it. */
  readonly over?: AbortSignal | undefined;
}

/** A stream that is open. */
export interface EventStream {
  /** Sends events. Gives false where the reader is gone, or is cut off because it does not read. */
  write(text: string): boolean;
  /** Ends it behind what was written. */
  finish(): void;
}

/** An event as it is sent. */
export function eventText(event: string, data: object, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Opens a stream as the answer to a request. */
export function openStream(clock: Clock, response: ServerResponse, { bytes_max, over }: EventStreamInit): EventStream {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'connection': 'close' });
  const write = (text: string): boolean => {
    if (response.writableEnded || response.destroyed) return false;
    if (response.writableLength > bytes_max) {
      response.destroy();
      return false;
    }
    response.write(text);
    return true;
  };
  const finish = (): void => {
    if (response.writableEnded) return;
    // Who does not read to the end is not waited for.
    response.once('close', clock.after(answer_ms_max, () => response.destroy()));
    response.end();
  };
  let beat = (): void => undefined;
  const next = (): void => {
    beat = clock.after(heartbeat_ms, () => {
      write(': still here\n\n');
      next();
    });
  };
  next();
  over?.addEventListener('abort', finish, { once: true });
  if (over?.aborted === true) finish();
  response.once('close', () => {
    beat();
    over?.removeEventListener('abort', finish);
  });
  return { write, finish };
}
