/** What happens to the calls that wait, as server-sent events: which wait now, and what became of those that wait no more. */
import type { ServerResponse } from 'node:http';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Clock } from '../../protocols/ports.ts';
import type { ApprovalDesk } from '../approvals.ts';
import { heartbeat_ms, history_max, stream_bytes_max, streams_max } from './limits.ts';
import { settledView, type PageHost, type PageSettled } from './view.ts';

/** What the feed uses. */
export interface PageFeedParts {
  readonly clock: Clock;
  readonly approvals: Pick<ApprovalDesk, 'list' | 'onPending' | 'onSettled'>;
  readonly host: PageHost;
}

function eventText(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The streams of all sessions, and what they tell. */
export class PageFeed {
  readonly #parts: PageFeedParts;
  readonly #streams = new Set<(text: string) => void>();
  readonly #responses = new Set<ServerResponse>();
  readonly #stops: readonly (() => void)[];
  #history: readonly PageSettled[] = [];

  constructor(parts: PageFeedParts) {
    this.#parts = parts;
    this.#stops = [
      parts.approvals.onPending(() => this.#tell(this.#waiting())),
      parts.approvals.onSettled((settled) => {
        const view = settledView(parts.host, settled, parts.clock.now());
        this.#history = [...this.#history, view].slice(-history_max);
        this.#tell(eventText('settled', view));
        this.#tell(this.#waiting());
      }),
    ];
  }

  #waiting(): string {
    return eventText('waiting', { ids: this.#parts.approvals.list().map(({ id }) => id), now_ms: this.#parts.clock.now() });
  }

  #tell(text: string): void {
    for (const write of this.#streams) write(text);
  }

  /** Opens a stream that ends when its session does. Fails with `STREAMS_OVERLOADED`. */
  stream(response: ServerResponse, headers: Readonly<Record<string, string>>, isOver: () => boolean): Result<void> {
    if (this.#streams.size >= streams_max) return fail('STREAMS_OVERLOADED', `${this.#streams.size} streams are open`, { fix: 'close the page where it is not used' });
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'connection': 'close' });
    const write = (text: string): void => {
      if (response.writableEnded) return;
      if (isOver()) return void response.end(eventText('over', {}));
      // Who does not read gets no more memory of ours.
      if (response.writableLength > stream_bytes_max) response.destroy();
      else response.write(text);
    };
    this.#streams.add(write);
    this.#responses.add(response);
    write(eventText('history', { settled: this.#history }));
    write(this.#waiting());
    let cancel = (): void => undefined;
    const beat = (): void => {
      cancel = this.#parts.clock.after(heartbeat_ms, () => {
        write(eventText('beat', { now_ms: this.#parts.clock.now() }));
        if (!response.writableEnded) beat();
      });
    };
    beat();
    response.once('close', () => {
      cancel();
      this.#streams.delete(write);
      this.#responses.delete(response);
    });
    return ok(undefined);
  }

  /** Ends every stream. */
  close(): void {
    for (const stop of this.#stops) stop();
    for (const response of this.#responses) response.end(eventText('over', {}));
  }
}
