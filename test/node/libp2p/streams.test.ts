import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { bigEndian, concat } from '../../../crypto/bytes.ts';
import { FramedStream, FrameReader, frame_kinds, skipped_bytes_max, type ByteStream, type FrameHeader } from '../../../node/libp2p/streams.ts';
import { Simulator } from '../../../simulator/kernel.ts';
import { suite } from '../../harness.ts';

const test = suite('node/libp2p/streams');

function frame(exchange: number, kind: number, body: Uint8Array, body_bytes: number = body.length): Uint8Array {
  return concat(bigEndian(body_bytes, 4), bigEndian(exchange, 4), Uint8Array.of(kind), body);
}

const frames = fc.array(fc.record({ exchange: fc.nat(2 ** 31), kind: fc.nat(255), body: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 8 });

test('frames come out as they went in, whatever pieces they come in, and skipped ones leave no trace', () => {
  fc.assert(fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
    const seen: (readonly [exchange: number, kind: number, body: Uint8Array])[] = [];
    const reader = new FrameReader(({ exchange }) => exchange % 3 === 0 ? 'skip' : 'read', ({ exchange, kind }, body) => seen.push([exchange, kind, body]));
    const bytes = concat(...sent.map(({ exchange, kind, body }) => frame(exchange, kind, body)));
    let offset = 0;
    for (const cut of [...cuts, bytes.length]) {
      assert.ok(reader.push(bytes.subarray(offset, offset + cut)));
      offset = Math.min(bytes.length, offset + cut);
    }
    assert.equal(seen, sent.filter(({ exchange }) => exchange % 3 !== 0).map(({ exchange, kind, body }) => [exchange, kind, body]));
    assert.is(reader.frames, sent.length);
    assert.is(reader.partial, false);
  }));
});

test('a frame that is to be cut, or is too long even to be read past, ends the reading', () => {
  const reader = (fate: 'cut' | 'skip'): FrameReader => new FrameReader(() => fate, () => undefined);
  assert.is(reader('cut').push(frame(1, 0, new Uint8Array())), false);
  assert.is(reader('skip').push(frame(1, 0, new Uint8Array(), skipped_bytes_max)), true);
  assert.is(reader('skip').push(frame(1, 0, new Uint8Array(), skipped_bytes_max + 1)), false);
});

interface Fake {
  readonly stream: FramedStream;
  readonly events: Parameters<ByteStream['listen']>[0];
  readonly log: string[];
  readonly state: { full: boolean };
}

function framed(simulator: Simulator): Fake {
  const log: string[] = [];
  const state = { full: false };
  const listened: Parameters<ByteStream['listen']>[0][] = [];
  const bytes: ByteStream = {
    unsentBytes: () => 0,
    full: () => state.full,
    send: (sent) => void log.push(`sent ${sent.length}`),
    close: () => void log.push('closed'),
    abort: (reason) => void log.push(`aborted: ${reason}`),
    listen: (events) => void listened.push(events),
  };
  const stream = new FramedStream(bytes, simulator.clock('test'), 1000, {
    judge: () => 'read',
    frame: ({ exchange }: FrameHeader) => void log.push(`frame ${exchange}`),
    ended: (reason) => void log.push(`ended: ${reason}`),
  });
  const [events] = listened;
  if (events === undefined) throw new Error('nobody listens');
  return { stream, events, log, state };
}

test('a frame has its time from its first byte to its last, also when others came before', async () => {
  const simulator = new Simulator('frames');
  const { events, log } = framed(simulator);
  const start_ms = simulator.now_ms;
  events.bytes(frame(1, frame_kinds.request, new Uint8Array(4)).subarray(0, 10));
  await simulator.run(start_ms + 900);
  events.bytes(concat(new Uint8Array(3), frame(2, frame_kinds.request, new Uint8Array(4)).subarray(0, 3)));
  await simulator.run(start_ms + 1899);
  assert.equal(log, ['frame 1']);
  await simulator.run(start_ms + 1900);
  assert.equal(log, ['frame 1', 'ended: a frame was not complete in time', 'aborted: a frame was not complete in time']);
});

test('after its end a stream is silent, and its end is told once', async () => {
  const { stream, events, log } = framed(new Simulator('end'));
  events.closed('lost');
  stream.send(1, frame_kinds.request, new Uint8Array(3));
  events.bytes(frame(1, frame_kinds.request, new Uint8Array()));
  events.closed('lost');
  assert.equal(log.filter((entry) => entry !== 'closed'), ['ended: lost']);
});

test('who waits for room waits until there is some, or the stream is gone', async () => {
  for (const end of [true, false]) {
    const { stream, events, state } = framed(new Simulator('room'));
    state.full = true;
    let drained = false;
    const wait = stream.drained().then(() => {
      drained = true;
    });
    events.room();
    await Promise.resolve();
    await Promise.resolve();
    assert.is(drained, false, 'still full');
    if (end) events.closed('lost');
    else {
      state.full = false;
      events.room();
    }
    await wait;
  }
});

test.run();
