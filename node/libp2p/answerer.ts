import { messageOf } from '../../crypto/result.ts';
import type { Clock, PeerId, ProtocolLimits, Recorder, RequestHandler } from '../../protocols/ports.ts';
import { FramedStream, frame_kinds, type ByteStream, type FrameFate, type FrameHeader } from './streams.ts';

const nothing = new Uint8Array();
/** Room for the refusals that a peer has not read, beside the answers that it may ask for. */
const unread_refusals_bytes_max = 65_536;

/** What an {@link Answerer} asks for. */
export interface AnswererParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** Holds a misdeed against a peer. */
  penalise(peer: PeerId, why: string): void;
}

/** One stream that a peer opened to us, and the exchanges under way on it. */
interface Inbound {
  readonly peer: PeerId;
  readonly stream: FramedStream;
  readonly exchanges: Map<number, AbortController>;
}

/** Answers the requests of one protocol from every peer, within the limits of the protocol. */
export class Answerer {
  readonly #parts: AnswererParts;
  readonly #protocol: string;
  readonly #limits: ProtocolLimits;
  readonly #handler: RequestHandler;
  readonly #counts = new Map<PeerId, number>();
  readonly #inbound = new Set<Inbound>();

  constructor(parts: AnswererParts, protocol: string, limits: ProtocolLimits, handler: RequestHandler) {
    this.#parts = parts;
    this.#protocol = protocol;
    this.#limits = limits;
    this.#handler = handler;
  }

  /** Takes over a stream that a peer opened for this protocol. */
  accept(raw: ByteStream, peer: PeerId): void {
    const exchanges = new Map<number, AbortController>();
    const stream = new FramedStream(raw, this.#parts.clock, this.#limits.exchange_ms_max, {
      judge: (header) => this.#judge(inbound, header),
      frame: (header, body) => this.#frame(inbound, header, body),
      ended: (reason) => {
        this.#inbound.delete(inbound);
        for (const controller of exchanges.values()) controller.abort(new Error(reason));
      },
    });
    const inbound: Inbound = { peer, stream, exchanges };
    this.#inbound.add(inbound);
  }

  /** Closes every stream and aborts every exchange. */
  stop(): void {
    for (const { stream } of this.#inbound) stream.close();
  }

  #judge({ peer, stream, exchanges }: Inbound, header: FrameHeader): FrameFate {
    if (header.kind === frame_kinds.cancel) return header.body_bytes === 0 ? 'read' : this.#cut(peer);
    if (header.kind !== frame_kinds.request || exchanges.has(header.exchange)) return this.#cut(peer);
    const unread_bytes_max = this.#limits.exchanges_per_peer_max * this.#limits.response_bytes_max + unread_refusals_bytes_max;
    if (stream.unsent_bytes > unread_bytes_max) return this.#cut(peer);
    if (header.body_bytes > this.#limits.request_bytes_max) return this.#refuse(stream, header, frame_kinds.request_too_large);
    if ((this.#counts.get(peer) ?? 0) >= this.#limits.exchanges_per_peer_max) return this.#refuse(stream, header, frame_kinds.refused);
    return 'read';
  }

  #cut(peer: PeerId): FrameFate {
    this.#parts.penalise(peer, `broke the framing of ${this.#protocol}`);
    return 'cut';
  }

  #refuse(stream: FramedStream, header: FrameHeader, kind: number): FrameFate {
    stream.send(header.exchange, kind, nothing);
    this.#parts.recorder.record({ kind: 'network.request.refused', protocol: this.#protocol, too_large: kind === frame_kinds.request_too_large });
    return 'skip';
  }

  #frame(inbound: Inbound, { exchange, kind }: FrameHeader, body: Uint8Array): void {
    if (kind === frame_kinds.cancel) inbound.exchanges.get(exchange)?.abort(new Error('the peer cancelled its request'));
    else void this.#answer(inbound, exchange, body);
  }

  async #answer({ peer, stream, exchanges }: Inbound, exchange: number, request: Uint8Array): Promise<void> {
    const controller = new AbortController();
    exchanges.set(exchange, controller);
    this.#counts.set(peer, (this.#counts.get(peer) ?? 0) + 1);
    let over = false;
    const release = (): void => {
      if (over) return;
      over = true;
      cancelTimer();
      exchanges.delete(exchange);
      const rest = (this.#counts.get(peer) ?? 1) - 1;
      if (rest > 0) this.#counts.set(peer, rest);
      else this.#counts.delete(peer);
    };
    let answered = false;
    const cancelTimer = this.#parts.clock.after(this.#limits.exchange_ms_max, () => {
      controller.abort(new Error('the exchange took too long'));
      release();
      // A peer that does not read the answer in time would otherwise keep it in our memory.
      if (answered) stream.cut('the answer was not read in time');
      else stream.send(exchange, frame_kinds.late, nothing);
    });
    const { kind, body } = await this.#run(request, peer, controller.signal);
    if (over) return;
    answered = true;
    if (!controller.signal.aborted) stream.send(exchange, kind, body);
    await stream.drained();
    release();
  }

  async #run(request: Uint8Array, peer: PeerId, signal: AbortSignal): Promise<{ readonly kind: number; readonly body: Uint8Array }> {
    try {
      const body = await this.#handler(request, peer, signal);
      if (body.length <= this.#limits.response_bytes_max) return { kind: frame_kinds.answer, body };
      this.#parts.recorder.record({ kind: 'network.response.too-large', protocol: this.#protocol, bytes: body.length });
      return { kind: frame_kinds.response_too_large, body: nothing };
    } catch (error) {
      if (!signal.aborted) this.#parts.recorder.record({ kind: 'network.handler.failed', protocol: this.#protocol, reason: messageOf(error) });
      return { kind: frame_kinds.refused, body: nothing };
    }
  }
}
