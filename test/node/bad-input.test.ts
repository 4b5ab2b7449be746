import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { toBase64url } from '../../crypto/bytes.ts';
import { canonicalJsonBytes } from '../../crypto/canonical.ts';
import { signEvent } from '../../crypto/did-events.ts';
import { encodeRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken } from '../../crypto/jwt.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { system_clock } from '../../node/clock.ts';
import { AgentIdentity, createNode, KernelSpace, Policy, type Node } from '../../node/index.ts';
import { libp2pNetwork } from '../../node/libp2p.ts';
import { delegation_limits, delegation_protocol } from '../../protocols/delegation/constants.ts';
import { handshake_limits, handshake_protocol } from '../../protocols/handshake/constants.ts';
import { arguments_bytes_max, message_limits, message_protocol } from '../../protocols/message/constants.ts';
import { encodeRequest } from '../../protocols/message/receipt.ts';
import type { Network, ProtocolLimits } from '../../protocols/ports.ts';
import { unlessFailure } from '../../protocols/reply.ts';
import { sync_limits, sync_protocol } from '../../protocols/statements/constants.ts';
import { audit_limits, audit_protocol, witness_limits, witness_protocol } from '../../protocols/witness/constants.ts';
import { suite, type TestContext } from '../harness.ts';
import { keyNamed, person } from '../people.ts';
import { codeOf } from '../simulated-hosts.ts';

/** Peers that stall, flood or babble, against a real node that has others to serve. */
const test = suite('node/bad-input');
const never = new AbortController().signal;

function held(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

async function up(context: TestContext, name: string, bootstrap: readonly string[] = []): Promise<Node> {
  const node = unwrap(await createNode({ data: join(context.folder(), 'data'), name, bootstrap, control: false }));
  context.after(() => node.stop());
  return node;
}

interface Pair {
  readonly node: Node;
  readonly other: Node;
  /** A call of an agent of the node to one of the other. */
  call(): Promise<Result<unknown>>;
}

async function pair(context: TestContext, bootstrap: readonly string[] = []): Promise<Pair> {
  const other = await up(context, 'other');
  const node = await up(context, 'node', [...other.addresses, ...bootstrap]);
  const agents = await Promise.all([node, other].map(async (on) => {
    unwrap(await on.actions.createSponsor('sponsor', 'human'));
    const agent = await AgentIdentity.create({ node: on, name: 'agent', sponsor: 'sponsor', capabilities: ['read:**'], authority: 'open', kernel: new KernelSpace({ policies: [Policy.noDestructiveSql()] }) });
    agent.serve(() => 'served');
    return agent.did;
  }));
  const call = (): Promise<Result<unknown>> => node.actions.call({ from: 'agent', to: agents[1] ?? '', command: 'read:x' });
  for (let round = 0; round < 100 && !(await call()).ok; round += 1) await held(50);
  assert.is(codeOf(await call()), 'ok');
  return { node, other, call };
}

/** Somebody who lives at these addresses. */
async function resident(node: Node, name: string, addresses: readonly string[]): Promise<string> {
  const now_ms = Date.now();
  const who = await person(name, { now_ms });
  const document = signEvent({ ...who.document, services: [{ id: 'mesh', type: 'MeshP2P', endpoints: addresses }] }, [{ index: 0, key: keyNamed(`${name}, update`) }]);
  unwrap(await node.host.identity.offer([encodeRecord({ establishments: [who.establishment], document, attestations: [], witness_signatures: [] })]));
  return who.did;
}

/** A peer of the network that is no node. */
async function peer(context: TestContext, prepare: (network: Network) => void = () => undefined): Promise<Network> {
  const network = await libp2pNetwork({ seed: new Uint8Array(randomBytes(32)), clock: system_clock, recorder: { record: () => undefined } });
  prepare(network);
  unwrap(await network.start());
  context.after(() => network.stop());
  return network;
}

async function stopsInTime(node: Node): Promise<void> {
  const began_ms = Date.now();
  await node.stop();
  const took_ms = Date.now() - began_ms;
  assert.ok(took_ms < 2000, `it stopped after ${took_ms} ms`);
}

test('a peer that takes the handshake and never answers holds up nobody else, nor the stop', async (context) => {
  const { node, call } = await pair(context);
  const mute = await peer(context, (network) => network.handle(handshake_protocol, handshake_limits, () => new Promise(() => undefined)));
  const did = await resident(node, 'mute', mute.addresses());
  const stalled = Array.from({ length: 20 }, () => node.actions.call({ from: 'agent', to: did, command: 'read:x' }));
  const settled = Promise.all(stalled.map((one) => one.then(codeOf)));
  await held(200);
  const began_ms = Date.now();
  for (let round = 0; round < 10; round += 1) assert.is(codeOf(await call()), 'ok');
  assert.ok(Date.now() - began_ms < 3000, `ten calls to another took ${Date.now() - began_ms} ms`);
  await stopsInTime(node);
  assert.ok((await settled).every((code) => code !== 'ok'), 'and who waited for the mute peer is told');
});

test('a port that takes the connection and says nothing holds up nobody else, nor the start, nor the stop', async (context) => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const address = silent.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { id } = await peer(context);
  const nowhere = `/ip4/127.0.0.1/tcp/${port}/p2p/${id}`;
  const began_ms = Date.now();
  const { node, call } = await pair(context, [nowhere]);
  assert.ok(Date.now() - began_ms < 8000, `two nodes were up and talking after ${Date.now() - began_ms} ms`);
  const did = await resident(node, 'silent', [nowhere]);
  const stalled = node.actions.call({ from: 'agent', to: did, command: 'read:x' }).then(codeOf);
  await held(100);
  assert.ok(sockets.length > 0, 'it was dialled');
  for (let round = 0; round < 5; round += 1) assert.is(codeOf(await call()), 'ok');
  await stopsInTime(node);
  assert.is.not(await stalled, 'ok');
});

test('connections that say nothing, or babble, at the node\'s own port cost it nothing', async (context) => {
  const { node, call } = await pair(context);
  const port = Number(node.addresses[0]?.split('/')[4]);
  const sockets = Array.from({ length: 40 }, (_, index) => {
    const socket = connect(port, '127.0.0.1', () => {
      if (index % 2 === 0) socket.write(randomBytes(5000));
    });
    socket.on('error', () => undefined);
    return socket;
  });
  context.after(() => sockets.forEach((socket) => socket.destroy()));
  await held(300);
  assert.is(codeOf(await call()), 'ok');
  await stopsInTime(node);
});

/** What the process holds on to, garbage aside. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
}

test('a flood of bad requests over every protocol is refused and counted, and its sender turned away', async (context) => {
  const { node, call } = await pair(context);
  // A witness answers in the form of its protocol, with a status.
  const protocols: readonly (readonly [string, ProtocolLimits, string])[] = [
    [handshake_protocol, handshake_limits, 'HANDSHAKE_MALFORMED'], [message_protocol, message_limits, 'MESSAGE_MALFORMED'],
    [delegation_protocol, delegation_limits, 'DELEGATION_MALFORMED'], [sync_protocol, sync_limits, 'SYNC_MALFORMED'],
    [witness_protocol, witness_limits, 'WITNESS'], [audit_protocol, audit_limits, 'AUDIT_QUESTION_INVALID'],
  ];
  for (const [protocol, limits, code] of protocols) {
    const flood = await peer(context);
    unwrap(await flood.dial(node.addresses[0] ?? '', { signal: never }));
    const answers: Result<Uint8Array>[] = [];
    for (let round = 0; round < 12; round += 1) {
      const bytes = new Uint8Array(Math.min(limits.request_bytes_max, 1 + round * 20_000)).fill(round * 17);
      answers.push(unlessFailure(await flood.request(node.peer_id, protocol, bytes, { limits, signal: AbortSignal.timeout(2000) })));
    }
    if (code !== 'WITNESS') assert.ok(answers.some((answer) => codeOf(answer) === code), `${protocol}: ${answers.map(codeOf).join()}`);
    assert.is(codeOf(await call()), 'ok', `after a flood over ${protocol}`);
    const again = await flood.request(node.peer_id, protocol, new Uint8Array(1), { limits, signal: AbortSignal.timeout(2000) });
    assert.is(again.ok, false, `over ${protocol} it is turned away`);
    await flood.stop();
  }
  const counted = node.counters.troubles().map(({ what }) => what);
  for (const what of ['handshake.refused HANDSHAKE_MALFORMED', 'message.refused MESSAGE_MALFORMED', 'delegation.refused DELEGATION_MALFORMED', 'sync.refused SYNC_MALFORMED', 'audit.question.refused AUDIT_QUESTION_INVALID', 'network.peer.refused']) {
    assert.ok(counted.includes(what), `${what} is among ${counted.join(', ')}`);
  }
  await stopsInTime(node);
});

test('fifty megabytes of well-formed requests that nobody may make are forgotten as they are refused', async (context) => {
  const { node, call } = await pair(context);
  const flood = await peer(context);
  unwrap(await flood.dial(node.addresses[0] ?? '', { signal: never }));
  const mallory = await person('mallory', { now_ms: Date.now() });
  const agent = unwrap(node.actions.own('agent'));
  const sent = async (round: number): Promise<string> => {
    const now_s = Math.floor(Date.now() / 1000);
    const given = canonicalJsonBytes(`${round} `.padEnd(arguments_bytes_max - 2, 'x'));
    const invocation = await createToken('mesh-inv+jwt', mallory.signer, {
      aud: agent.did, sub: mallory.did, cmd: 'read:x', args_h: toBase64url(sha256(given)), prf: null, nonce: toBase64url(sha256(given).subarray(0, 16)),
      iat: now_s, exp: now_s + 60, chl: 'none', v: 1,
    });
    const bytes = encodeRequest({ invocation, chain: [], records: [], arguments: given });
    return codeOf(unlessFailure(await flood.request(node.peer_id, message_protocol, bytes, { limits: message_limits, signal: never })));
  };
  assert.is(await sent(0), 'SESSION_UNKNOWN');
  const before_bytes = heldBytes();
  for (let round = 1; round <= 200; round += 10) {
    const codes = await Promise.all(Array.from({ length: 10 }, (_, index) => sent(round + index)));
    assert.ok(codes.every((code) => code === 'SESSION_UNKNOWN'), codes.join());
  }
  // What a closed exchange held is let go of a turn later, so one collection alone still counts it.
  heldBytes();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const grown_bytes = heldBytes() - before_bytes;
  assert.ok(grown_bytes < 25_000_000, `the process holds ${grown_bytes} bytes more`);
  assert.is(codeOf(await call()), 'ok');
  let receipts = 0;
  for await (const _ of node.host.parts.store.entries('receipt', {})) receipts += 1;
  assert.is(receipts, 0, 'nothing was stored');
});

test.run();
