import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { ok, unwrap } from '../../crypto/result.ts';
import { system_clock } from '../../node/clock.ts';
import { libp2pNetwork, type Libp2pInit } from '../../node/libp2p.ts';
import type { Network } from '../../protocols/ports.ts';
import { sleep } from '../../protocols/time.ts';
import { networkContract } from '../contract/network.ts';
import type { NetworkWorld } from '../contract/network-world.ts';
import { suite } from '../harness.ts';

const test = suite('node/libp2p');
const never = new AbortController().signal;
const echo = '/test/echo/1';
const limits = { request_bytes_max: 4096, response_bytes_max: 4096, exchanges_per_peer_max: 8, exchange_ms_max: 1000 };

function network(init: Partial<Libp2pInit> = {}): Promise<Network> {
  return libp2pNetwork({ seed: new Uint8Array(randomBytes(32)), clock: system_clock, recorder: { record: () => undefined }, ...init });
}

async function make(count: number, prepare: (network: Network, index: number) => void): Promise<NetworkWorld> {
  const networks = await Promise.all(Array.from({ length: count }, () => network()));
  networks.forEach(prepare);
  for (const one of networks) unwrap(await one.start());
  for (const [index, one] of networks.entries()) {
    for (const earlier of networks.slice(0, index)) unwrap(await one.dial(earlier.addresses()[0] ?? '', { signal: never }));
  }
  // A connection is whole for both sides a moment after the dialling side has it.
  while (networks.some((one) => one.peers().length < count - 1)) await sleep(system_clock, 5);
  return {
    networks,
    finish: (work) => work,
    pass: (ms) => held(ms),
    close: async () => {
      await Promise.all(networks.map((one) => one.stop()));
    },
  };
}

/** A pause that keeps the process alive, which the clock of the node does not. */
function held(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

networkContract(test, make);

test('the peer id follows from the seed', async () => {
  const seed = new Uint8Array(32).fill(7);
  const [first, second] = [await network({ seed }), await network({ seed })];
  assert.is(first.id, second.id);
  assert.match(first.id, /^12D3KooW/);
});

test('a used port and addresses that cannot be used fail the start with their code and the fix', async (context) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => void server.close());
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const codes: (string | undefined)[] = [];
  for (const init of [{ listen: [`/ip4/127.0.0.1/tcp/${port}`] }, { listen: ['not an address'] }, { listen: ['/ip4/203.0.113.9/tcp/0'] }, { listen: ['/dns4/example.com'] }, { bootstrap: ['/ip4/127.0.0.1'] }]) {
    const one = await network(init);
    const started = await one.start();
    assert.ok(!started.ok && started.failure.fix !== undefined);
    codes.push(started.failure.code);
  }
  assert.equal(codes, ['ADDRESS_IN_USE', 'ADDRESS_INVALID', 'ADDRESS_INVALID', 'ADDRESS_INVALID', 'ADDRESS_INVALID']);
});

test('a node joins by a bootstrap address, with and without the peer id, and again after the other was away', async (context) => {
  const seed = new Uint8Array(randomBytes(32));
  const first = await network({ seed });
  unwrap(await first.start());
  const address = first.addresses()[0] ?? '';
  const bare = address.split('/p2p/')[0] ?? '';
  const joining = await Promise.all([network({ bootstrap: [address] }), network({ bootstrap: [bare] })]);
  for (const one of joining) {
    unwrap(await one.start());
    context.after(() => one.stop());
  }
  const joined = async (): Promise<void> => {
    while (joining.some((one) => !one.peers().some(({ id }) => id === first.id))) await held(20);
  };
  await joined();
  await first.stop();
  while (joining.some((one) => one.peers().some(({ id }) => id === first.id))) await held(20);
  const again = await network({ seed, listen: [bare] });
  context.after(() => again.stop());
  unwrap(await again.start());
  await joined();
});

test('a learned address is dialled when a request needs it', async (context) => {
  const victim = await network();
  victim.handle(echo, limits, (request) => Promise.resolve(request));
  unwrap(await victim.start());
  context.after(() => victim.stop());
  const address = victim.addresses()[0] ?? '';
  const asking = await network();
  unwrap(await asking.start());
  context.after(() => asking.stop());
  await asking.learn('not a peer id', [address]);
  await asking.learn(victim.id, ['garbage', address]);
  unwrap(await asking.request(victim.id, echo, Uint8Array.of(1), { limits, signal: never }));
});

test('a node that is alone stores its record with itself, and looks for others in vain, without waiting', async (context) => {
  const alone = await network();
  alone.records('test', { validate: () => Promise.resolve(ok(undefined)), select: () => 0 });
  unwrap(await alone.start());
  context.after(() => alone.stop());
  const [key, value] = [Uint8Array.of(1), Uint8Array.of(2)];
  const began_ms = Date.now();
  assert.is(unwrap(await alone.put('test', key, value, { signal: never })), 0);
  assert.equal(unwrap(await alone.get('test', key, { answers: 3, signal: never })), [{ from: alone.id, value }]);
  assert.is((await alone.get('test', Uint8Array.of(9), { answers: 3, signal: never })).ok, false);
  assert.ok(Date.now() - began_ms < 500);
});

test('more nodes than gossipsub by itself tolerates behind one address still hear each other', async (context) => {
  const heard = new Set<number>();
  const networks = await Promise.all(Array.from({ length: 17 }, () => network()));
  for (const [index, one] of networks.entries()) {
    one.subscribe('/test/topic/1', () => Promise.resolve('accept'), () => void heard.add(index));
    unwrap(await one.start());
    context.after(() => one.stop());
    if (index > 0) unwrap(await one.dial(networks[0]?.addresses()[0] ?? '', { signal: never }));
  }
  // Scores are drawn up every second: the penalty would show after two.
  await held(2500);
  heard.clear();
  for (let round = 0; round < 20 && heard.size < 16; round += 1) {
    await networks[0]?.publish('/test/topic/1', Uint8Array.of(round));
    await held(200);
  }
  assert.is(heard.size, 16);
});

test.run();
