import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { noise } from '@chainsafe/libp2p-noise';
import type { Connection, Stream } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import * as assert from 'uvu/assert';
import { bigEndian, concat } from '../../../crypto/bytes.ts';
import { unwrap } from '../../../crypto/result.ts';
import { system_clock } from '../../../node/clock.ts';
import { libp2pNetwork } from '../../../node/libp2p.ts';
import { streams_per_protocol_max } from '../../../node/libp2p/limits.ts';
import { frame_kinds } from '../../../node/libp2p/streams.ts';
import type { Fact, Network } from '../../../protocols/ports.ts';
import { suite, type TestContext } from '../../harness.ts';

/** Peers that speak libp2p and break our rules, against a node that has others to serve. */
const test = suite('node/libp2p/hostile');
const never = new AbortController().signal;
const limits = { request_bytes_max: 4096, response_bytes_max: 4096, exchanges_per_peer_max: 8, exchange_ms_max: 1000 };

function network(facts: Fact[] = []): Promise<Network> {
  return libp2pNetwork({ seed: new Uint8Array(randomBytes(32)), clock: system_clock, recorder: { record: (fact) => void facts.push(fact) } });
}

function held(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

const echo = '/test/echo/1';
const large = '/test/large/1';
const large_bytes = 200_000;

/** A node that echoes, and an honest one that asks it. */
async function target(context: TestContext): Promise<{ victim: Network; address: string; facts: Fact[]; stillAnswers(): Promise<void> }> {
  const facts: Fact[] = [];
  const victim = await network(facts);
  victim.handle(echo, limits, (request) => Promise.resolve(request));
  victim.handle(large, { ...limits, response_bytes_max: large_bytes }, () => Promise.resolve(new Uint8Array(large_bytes)));
  const honest = await network();
  for (const one of [victim, honest]) {
    unwrap(await one.start());
    context.after(() => one.stop());
  }
  const address = victim.addresses()[0] ?? '';
  unwrap(await honest.dial(address, { signal: never }));
  const stillAnswers = async (): Promise<void> => {
    const answer = await honest.request(victim.id, echo, Uint8Array.of(1, 2), { limits, signal: never });
    assert.equal(unwrap(answer), Uint8Array.of(1, 2));
  };
  await stillAnswers();
  return { victim, address, facts, stillAnswers };
}

/** A peer that speaks libp2p and nothing of ours. */
async function rawPeer(context: TestContext, address: string): Promise<Connection> {
  const raw = await createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] });
  context.after(() => raw.stop());
  return raw.dial(multiaddr(address));
}

function ended(stream: Stream): Promise<unknown> {
  return new Promise((resolve) => {
    stream.addEventListener('close', resolve);
  });
}

function received(stream: Stream, bytes: number): Promise<Uint8Array> {
  return new Promise((resolve) => {
    let all: Uint8Array = new Uint8Array();
    stream.addEventListener('message', ({ data }) => {
      all = concat(all, data.subarray());
      if (all.length >= bytes) resolve(all);
    });
  });
}

function frame(exchange: number, kind: number, body: Uint8Array, body_bytes: number = body.length): Uint8Array {
  return concat(bigEndian(body_bytes, 4), bigEndian(exchange, 4), Uint8Array.of(kind), body);
}

test('a peer that sends garbage, or claims four gigabytes, loses its stream and nothing else happens', async (context) => {
  const { address, facts, stillAnswers } = await target(context);
  const connection = await rawPeer(context, address);
  const garbage = [
    new Uint8Array(randomBytes(50_000)).fill(0xff, 0, 4),
    frame(1, frame_kinds.request, new Uint8Array(), 2 ** 32 - 1),
    frame(1, frame_kinds.answer, new Uint8Array(4)),
    frame(1, frame_kinds.cancel, new Uint8Array(4)),
    frame(1, 77, new Uint8Array(4)),
  ];
  for (const bytes of garbage) {
    const stream = await connection.newStream(echo);
    const end = ended(stream);
    stream.send(bytes);
    await end;
    await stillAnswers();
  }
  assert.is(facts.filter(({ kind }) => kind === 'network.peer.penalised').length, 4, 'each broken rule is held against it');
});

test('a request over the limit is refused on its header alone, before its body comes', async (context) => {
  const { address } = await target(context);
  const stream = await (await rawPeer(context, address)).newStream(echo);
  const answer = received(stream, 9);
  stream.send(frame(5, frame_kinds.request, new Uint8Array(), limits.request_bytes_max + 1));
  assert.equal(await answer, frame(5, frame_kinds.request_too_large, new Uint8Array()));
});

test('a peer that stops in the middle of a request is cut off at the deadline, and others are served meanwhile', async (context) => {
  const { address, stillAnswers } = await target(context);
  const connection = await rawPeer(context, address);
  const stalled = await connection.newStream(echo);
  const drip = await connection.newStream(echo);
  stalled.send(frame(1, frame_kinds.request, new Uint8Array(3), 4000));
  const ends = Promise.all([ended(stalled), ended(drip)]);
  const began_ms = Date.now();
  drip.send(frame(1, frame_kinds.request, new Uint8Array(3), 4000));
  const timer = setInterval(() => {
    if (drip.writeStatus === 'writable') drip.send(new Uint8Array(1));
  }, 50);
  context.after(() => clearInterval(timer));
  await stillAnswers();
  await ends;
  assert.ok(Date.now() - began_ms >= limits.exchange_ms_max - 20);
  assert.ok(Date.now() - began_ms < limits.exchange_ms_max + 1500);
  await stillAnswers();
});

test('a peer that opens streams without end gets a few', async (context) => {
  const { address, stillAnswers } = await target(context);
  const connection = await rawPeer(context, address);
  const opened: Stream[] = [];
  for (let index = 0; index < 40; index += 1) {
    await connection.newStream(echo, { maxOutboundStreams: 1000 }).then((stream) => opened.push(stream), () => undefined);
  }
  await held(200);
  const open = opened.filter(({ status }) => status === 'open').length;
  assert.ok(open > 0 && open <= streams_per_protocol_max, `${open} streams are open`);
  await stillAnswers();
});

test('a peer that does not read its answers is cut off at the deadline, and one that floods without reading before', async (context) => {
  const { address, stillAnswers } = await target(context);
  const connection = await rawPeer(context, address);
  const slow = await connection.newStream(large);
  slow.pause();
  const slow_end = ended(slow);
  for (let exchange = 0; exchange < 8; exchange += 1) slow.send(frame(exchange, frame_kinds.request, new Uint8Array()));
  await slow_end;
  await stillAnswers();
  const flood = await connection.newStream(echo);
  flood.pause();
  const flood_end = ended(flood);
  for (let exchange = 0; exchange < 20_000 && flood.status === 'open'; exchange += 1) {
    flood.send(frame(exchange, frame_kinds.request, new Uint8Array(1000)));
    if (exchange % 500 === 0) await held(1);
  }
  await flood_end;
  await stillAnswers();
});

test('random bytes and idle connections at the port itself change nothing', async (context) => {
  const { address, stillAnswers } = await target(context);
  const port = Number(address.split('/')[4]);
  const sockets = Array.from({ length: 30 }, (_, index) => {
    const socket = connect(port, '127.0.0.1', () => {
      if (index % 2 === 0) socket.write(randomBytes(1000));
    });
    socket.on('error', () => undefined);
    return socket;
  });
  context.after(() => sockets.forEach((socket) => socket.destroy()));
  await held(300);
  await stillAnswers();
});

test('two thousand exchanges use one stream', async (context) => {
  const server = await createLibp2p({ addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] }, transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] });
  context.after(() => server.stop());
  let streams = 0;
  await server.handle(echo, (stream) => {
    streams += 1;
    stream.addEventListener('message', ({ data }) => void stream.send(frame(new DataView(Uint8Array.from(data.subarray()).buffer).getUint32(4), frame_kinds.answer, Uint8Array.of(9))));
  });
  const asking = await network();
  unwrap(await asking.start());
  context.after(() => asking.stop());
  const peer = unwrap(await asking.dial(server.getMultiaddrs()[0]?.toString() ?? '', { signal: never }));
  for (let index = 0; index < 2000; index += 1) unwrap(await asking.request(peer, echo, Uint8Array.of(1), { limits, signal: never }));
  assert.is(streams, 1);
});

test('a peer that answers with garbage fails the request and not the node', async (context) => {
  const server = await createLibp2p({ addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] }, transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] });
  context.after(() => server.stop());
  const replies = [new Uint8Array(64).fill(0xff), frame(1, frame_kinds.request, new Uint8Array(2)), frame(2, frame_kinds.refused, new Uint8Array(2))];
  await server.handle(echo, (stream) => stream.addEventListener('message', () => void stream.send(replies.pop() ?? new Uint8Array(1))));
  const asking = await network();
  unwrap(await asking.start());
  context.after(() => asking.stop());
  const peer = unwrap(await asking.dial(server.getMultiaddrs()[0]?.toString() ?? '', { signal: never }));
  for (const expected of ['PEER_UNREACHABLE', 'PEER_UNREACHABLE', 'PEER_UNREACHABLE', 'PEER_TIMEOUT']) {
    const answer = await asking.request(peer, echo, Uint8Array.of(1), { limits: { ...limits, exchange_ms_max: 300 }, signal: never });
    assert.is(answer.ok ? 'ok' : answer.failure.code, expected);
  }
});

test('a stop is done within two seconds, also with a peer that hangs', async (context) => {
  const { victim, address } = await target(context);
  const connection = await rawPeer(context, address);
  const stream = await connection.newStream(echo);
  stream.send(frame(1, frame_kinds.request, new Uint8Array(3), 4000));
  const socket = connect(Number(address.split('/')[4]), '127.0.0.1');
  socket.on('error', () => undefined);
  context.after(() => void socket.destroy());
  await held(100);
  const began_ms = Date.now();
  await victim.stop();
  assert.ok(Date.now() - began_ms < 2000);
  assert.equal(victim.peers(), []);
  await victim.stop();
});

test.run();
