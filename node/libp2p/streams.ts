import { bigEndian, concat } from '../../crypto/bytes.ts';
import { messageOf } from '../../crypto/result.ts';
import type { Clock } from '../../protocols/ports.ts';

/**
 * Exchanges of one protocol with one peer share a long-lived stream: opening a
 * stream for each costs three times the latency of the exchange itself. Every
 * frame starts with four bytes of body length and four bytes of exchange
 * number, both big-endian, and one byte that says what it is.
 */
export const frame_header_bytes = 9;
/** A body that is refused is read past without being kept, up to this length; beyond, the stream is cut. */
export const skipped_bytes_max = 16_777_216;

/** What a frame is. The refusals have no body. */
export const frame_kinds = {
  request: 0,
  cancel: 1,
  answer: 2,
  refused: 3,
  request_too_large: 4,
  response_too_large: 5,
  late: 6,
} as const;

/** The first bytes of a frame. */
export interface FrameHeader {
  readonly exchange: number;
  readonly kind: number;
  readonly body_bytes: number;
}

/** What to do with the body that a header announces: keep it, read past it, or cut the stream. */
export type FrameFate = 'read' | 'skip' | 'cut';

/** Takes frames out of a byte stream in whatever pieces it comes, holding at most one body, which `judge` wanted. */
export class FrameReader {
  readonly #judge: (header: FrameHeader) => FrameFate;
  readonly #deliver: (header: FrameHeader, body: Uint8Array) => void;
  readonly #header_bytes = new Uint8Array(frame_header_bytes);
  #header: FrameHeader | undefined;
  #body: Uint8Array | undefined;
  #filled = 0;
  #frames = 0;

  constructor(judge: (header: FrameHeader) => FrameFate, deliver: (header: FrameHeader, body: Uint8Array) => void) {
    this.#judge = judge;
    this.#deliver = deliver;
  }

  /** How many frames have ended: with {@link partial} it tells whether one and the same frame is still incomplete. */
  get frames(): number {
    return this.#frames;
  }

  /** Whether a frame has begun and not ended. */
  get partial(): boolean {
    return this.#header !== undefined || this.#filled > 0;
  }

  /** Takes the next bytes; false when they break the rules and the stream must be cut. */
  push(bytes: Uint8Array): boolean {
    let offset = 0;
    while (offset < bytes.length) {
      const header = this.#header;
      const wanted_bytes = header === undefined ? frame_header_bytes : header.body_bytes;
      const piece = bytes.subarray(offset, offset + wanted_bytes - this.#filled);
      const target = header === undefined ? this.#header_bytes : this.#body;
      target?.set(piece, this.#filled);
      this.#filled += piece.length;
      offset += piece.length;
      if (this.#filled < wanted_bytes) return true;
      this.#filled = 0;
      if (header !== undefined) this.#end(header);
      else if (!this.#begin()) return false;
    }
    return true;
  }

  #begin(): boolean {
    const view = new DataView(this.#header_bytes.buffer);
    const header = { body_bytes: view.getUint32(0), exchange: view.getUint32(4), kind: view.getUint8(8) };
    const fate = this.#judge(header);
    if (fate === 'cut' || (fate === 'skip' && header.body_bytes > skipped_bytes_max)) return false;
    this.#body = fate === 'read' ? new Uint8Array(header.body_bytes) : undefined;
    this.#header = header;
    if (header.body_bytes === 0) this.#end(header);
    return true;
  }

  #end(header: FrameHeader): void {
    const body = this.#body;
    this.#header = undefined;
    this.#body = undefined;
    this.#frames += 1;
    if (body !== undefined) this.#deliver(header, body);
  }
}

/** An ordered stream of bytes to a peer and back, as a connection gives it. */
export interface ByteStream {
  /** Bytes sent that the peer has made no room for yet. */
  unsentBytes(): number;
  /** Whether the peer must make room before more can be sent without piling up. */
  full(): boolean;
  /** Sends bytes. Throws when the stream is gone. */
  send(bytes: Uint8Array): void;
  /** Closes in good order, both ends. */
  close(): void;
  /** Ends at once and tells the peer so. */
  abort(reason: string): void;
  /** Hands over what happens from now on; called once. */
  listen(events: {
    /** Bytes came. */
    bytes(bytes: Uint8Array): void;
    /** The peer made room. */
    room(): void;
    /** Nothing more will come. */
    closed(reason: string): void;
  }): void;
}

/** What the owner of a framed stream decides and is told. None of them may throw. */
export interface FrameOwner {
  /** The fate of a frame, decided on its header alone. */
  judge(header: FrameHeader): FrameFate;
  /** A whole frame that was to be read. */
  frame(header: FrameHeader, body: Uint8Array): void;
  /** The stream is gone, for this reason; told once. */
  ended(reason: string): void;
}

/** A stream that carries frames. A frame that is not complete in time, and one that breaks the rules, cuts it. */
export class FramedStream {
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #frame_ms_max: number;
  readonly #owner: FrameOwner;
  readonly #reader: FrameReader;
  #wakeWriters: (() => void)[] = [];
  #cancelTimer: (() => void) | undefined;
  #ended = false;

  constructor(stream: ByteStream, clock: Clock, frame_ms_max: number, owner: FrameOwner) {
    this.#stream = stream;
    this.#clock = clock;
    this.#frame_ms_max = frame_ms_max;
    this.#owner = owner;
    this.#reader = new FrameReader((header) => owner.judge(header), (header, body) => owner.frame(header, body));
    stream.listen({
      bytes: (bytes) => this.#receive(bytes),
      room: () => this.#wake(),
      closed: (reason) => {
        this.#end(reason);
        stream.close();
      },
    });
  }

  /** Bytes handed to {@link send} that the peer has made no room for yet. */
  get unsent_bytes(): number {
    return this.#stream.unsentBytes();
  }

  /** Sends a frame, or nothing when the stream is gone. */
  send(exchange: number, kind: number, body: Uint8Array): void {
    if (this.#ended) return;
    try {
      this.#stream.send(concat(bigEndian(body.length, 4), bigEndian(exchange, 4), Uint8Array.of(kind), body));
    } catch (error) {
      this.cut(messageOf(error));
    }
  }

  /** Waits until the peer has made room for everything sent, or the stream is gone. */
  async drained(): Promise<void> {
    while (!this.#ended && this.#stream.full()) {
      await new Promise<void>((resolve) => {
        this.#wakeWriters.push(resolve);
      });
    }
  }

  /** Closes both ends in good order. */
  close(): void {
    if (this.#ended) return;
    this.#end('the stream was closed');
    this.#stream.close();
  }

  /** Ends the stream at once and tells the peer so. */
  cut(reason: string): void {
    this.#end(reason);
    this.#stream.abort(reason);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    const frames_before = this.#reader.frames;
    if (!this.#reader.push(bytes)) return this.cut('the peer broke the framing');
    if (this.#reader.frames !== frames_before) this.#stopTimer();
    if (this.#reader.partial) this.#cancelTimer ??= this.#clock.after(this.#frame_ms_max, () => this.cut('a frame was not complete in time'));
  }

  #wake(): void {
    for (const wake of this.#wakeWriters.splice(0)) wake();
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimer();
    this.#owner.ended(reason);
    this.#wake();
  }
}
