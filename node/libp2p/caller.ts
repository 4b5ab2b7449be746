import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Clock, PeerId, ProtocolLimits } from '../../protocols/ports.ts';
import { deadline } from '../../protocols/time.ts';
import { FramedStream, frame_kinds, type ByteStream, type FrameFate, type FrameHeader } from './streams.ts';

const nothing = new Uint8Array();
const exchange_numbers = 2 ** 32;

/** How a request is bounded; see the network port. */
export interface RequestOptions {
  readonly limits: ProtocolLimits;
  readonly signal: AbortSignal;
}

/** What {@link Callers} ask for. */
export interface CallerParts {
  readonly clock: Clock;
  /** Opens a stream to a peer. Fails with `PEER_UNREACHABLE`, `PEER_TIMEOUT` or `PEER_REFUSED`. */
  open(peer: PeerId, protocol: string): Promise<Result<ByteStream>>;
}

const refusals: { readonly [kind: number]: readonly [code: string, reason: string] } = {
  [frame_kinds.refused]: ['PEER_REFUSED', 'the peer refused the request: too many at once, or its handler failed'],
  [frame_kinds.request_too_large]: ['REQUEST_TOO_LARGE', 'the request is larger than the peer accepts'],
  [frame_kinds.response_too_large]: ['RESPONSE_TOO_LARGE', 'the answer is larger than the protocol allows'],
  [frame_kinds.late]: ['PEER_TIMEOUT', 'the peer did not finish the answer in time'],
};

/** A request that waits for its answer. */
interface Waiting {
  readonly response_bytes_max: number;
  settle(result: Result<Uint8Array>): void;
}

/** Our requests of one protocol to one peer, on one stream. */
class Caller {
  readonly #stream: FramedStream;
  readonly #waiting = new Map<number, Waiting>();
  #next_exchange = 0;
  #ended: Failure | undefined;

  constructor(raw: ByteStream, clock: Clock, frame_ms_max: number, ended: () => void) {
    this.#stream = new FramedStream(raw, clock, frame_ms_max, {
      judge: (header) => this.#judge(header),
      frame: (header, body) => this.#frame(header, body),
      ended: (reason) => {
        this.stop({ code: 'PEER_UNREACHABLE', reason: `the connection to the peer was lost: ${reason}` });
        ended();
      },
    });
  }

  exchange(request: Uint8Array, { limits, signal }: RequestOptions): Promise<Result<Uint8Array>> {
    if (this.#ended !== undefined) return Promise.resolve({ ok: false, failure: this.#ended });
    if (this.#waiting.size >= limits.exchanges_per_peer_max) {
      return Promise.resolve(fail('PEER_REFUSED', `${this.#waiting.size} requests to this peer are under way, at most ${limits.exchanges_per_peer_max} may be`));
    }
    const exchange = this.#next_exchange;
    this.#next_exchange = (exchange + 1) % exchange_numbers;
    return new Promise((resolve) => {
      const giveUp = (): void => {
        this.#stream.send(exchange, frame_kinds.cancel, nothing);
        // What the peer made no room for until now would only pile up here.
        if (this.#stream.unsent_bytes > limits.request_bytes_max) this.#stream.cut('the peer does not read');
        settle(fail('PEER_TIMEOUT', 'no answer came before the deadline'));
      };
      const settle = (result: Result<Uint8Array>): void => {
        this.#waiting.delete(exchange);
        signal.removeEventListener('abort', giveUp);
        resolve(result);
      };
      this.#waiting.set(exchange, { response_bytes_max: limits.response_bytes_max, settle });
      signal.addEventListener('abort', giveUp, { once: true });
      this.#stream.send(exchange, frame_kinds.request, request);
    });
  }

  /** Fails whatever waits, and everything after. */
  stop(failure: Failure): void {
    this.#ended ??= failure;
    for (const { settle } of this.#waiting.values()) settle({ ok: false, failure });
    this.#stream.close();
  }

  #judge({ exchange, kind, body_bytes }: FrameHeader): FrameFate {
    const waiting = this.#waiting.get(exchange);
    const refused = Object.hasOwn(refusals, kind);
    if ((kind !== frame_kinds.answer && !refused) || (refused && body_bytes > 0)) return 'cut';
    // The answer to a request that was given up is nobody's any more.
    if (waiting === undefined) return 'skip';
    if (body_bytes <= waiting.response_bytes_max) return 'read';
    waiting.settle(fail('RESPONSE_TOO_LARGE', `the peer answered with ${body_bytes} bytes, at most ${waiting.response_bytes_max} are accepted`));
    return 'skip';
  }

  #frame({ exchange, kind }: FrameHeader, body: Uint8Array): void {
    const refusal = refusals[kind];
    this.#waiting.get(exchange)?.settle(refusal === undefined ? ok(body) : fail(...refusal));
  }
}

/** Sends requests: one stream for each peer and protocol, opened when first needed and again when it is lost. */
export class Callers {
  readonly #parts: CallerParts;
  readonly #callers = new Map<string, Promise<Result<Caller>>>();
  readonly #open = new Set<Caller>();
  #stopped = false;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  /** One exchange, as the network port describes it. */
  async request(peer: PeerId, protocol: string, request: Uint8Array, { limits, signal }: RequestOptions): Promise<Result<Uint8Array>> {
    if (request.length > limits.request_bytes_max) {
      return fail('REQUEST_TOO_LARGE', `the request has ${request.length} bytes, at most ${limits.request_bytes_max} are accepted`);
    }
    if (signal.aborted) return fail('PEER_TIMEOUT', 'the deadline passed before the request was sent');
    const limit = deadline(this.#parts.clock, limits.exchange_ms_max, signal);
    try {
      const caller = await orAborted(this.#caller(peer, protocol, limits.exchange_ms_max), limit.signal);
      if (!caller.ok) return caller;
      if (limit.signal.aborted) return fail('PEER_TIMEOUT', 'the deadline passed before the request was sent');
      return await caller.value.exchange(request, { limits, signal: limit.signal });
    } finally {
      limit.done();
    }
  }

  /** Fails what waits with `NETWORK_STOPPED`, and whatever is asked later. */
  stop(): void {
    this.#stopped = true;
    for (const caller of this.#open) caller.stop(stopped);
  }

  #caller(peer: PeerId, protocol: string, frame_ms_max: number): Promise<Result<Caller>> {
    if (this.#stopped) return Promise.resolve({ ok: false, failure: stopped });
    const name = `${peer} ${protocol}`;
    const known = this.#callers.get(name);
    if (known !== undefined) return known;
    const forget = (): void => {
      if (this.#callers.get(name) === opening) this.#callers.delete(name);
    };
    const opening = this.#parts.open(peer, protocol).then((opened): Result<Caller> => {
      if (!opened.ok) {
        forget();
        return opened;
      }
      const caller = new Caller(opened.value, this.#parts.clock, frame_ms_max, () => {
        forget();
        this.#open.delete(caller);
      });
      this.#open.add(caller);
      if (this.#stopped) caller.stop(stopped);
      return ok(caller);
    });
    this.#callers.set(name, opening);
    return opening;
  }
}

/** The failure of everything that is asked of a network after its stop. */
export const stopped: Failure = { code: 'NETWORK_STOPPED', reason: 'the network was stopped' };

function orAborted<T>(work: Promise<Result<T>>, signal: AbortSignal): Promise<Result<T>> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(fail('PEER_TIMEOUT', 'the peer could not be reached before the deadline'));
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
