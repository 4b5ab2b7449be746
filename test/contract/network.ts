/**
 * What every implementation of the network port does alike. A world brings the
 * networks, fully connected, and the way to let time pass.
 */
import * as assert from 'uvu/assert';
import { equal, utf8 } from '../../crypto/bytes.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { gossip_message_bytes_max, record_bytes_max } from '../../node/libp2p/limits.ts';
import { misdeeds_max } from '../../node/libp2p/standing.ts';
import type { Peer, PeerId, RecordRules, Verdict } from '../../protocols/ports.ts';
import type { Test, TestContext } from '../harness.ts';
import { declareDeadlines, declareExchanges } from './network-exchanges.ts';
import { at, codeOf, echo, limits, never, serving, until, type MakeWorld, type NetworkWorld } from './network-world.ts';

interface Heard {
  readonly verified: [number, PeerId][];
  readonly delivered: number[];
}

async function gossiping(context: TestContext, make: MakeWorld, verdict: (index: number, message: number) => Verdict): Promise<{ world: NetworkWorld; heard: Heard[] }> {
  const heard: Heard[] = [];
  const world = await make(4, (network, index) => {
    const mine: Heard = { verified: [], delivered: [] };
    heard.push(mine);
    network.subscribe('/test/topic/1', (message, from) => {
      mine.verified.push([message[0] ?? 0, from]);
      return Promise.resolve(verdict(index, message[0] ?? 0));
    }, (message) => mine.delivered.push(message[0] ?? 0));
  });
  context.after(() => world.close());
  // Subscriptions travel after the connection; the first message that all have is their proof.
  let probe = 100;
  await until(world, 'the topic connects all', async () => {
    probe += 1;
    unwrap(await world.finish(at(world.networks, 0).publish('/test/topic/1', Uint8Array.of(probe))));
    await world.pass(100);
    return heard.slice(1).every(({ delivered }) => delivered.includes(probe));
  });
  return { world, heard };
}

function declareGossip(test: Test, make: MakeWorld): void {
  test('a message reaches every subscriber once, and its author not at all', async (context) => {
    const { world, heard } = await gossiping(context, make, () => 'accept');
    unwrap(await world.finish(at(world.networks, 1).publish('/test/topic/1', Uint8Array.of(7))));
    unwrap(await world.finish(at(world.networks, 1).publish('/test/topic/1', Uint8Array.of(7))));
    await until(world, 'all have it', () => [0, 2, 3].every((index) => at(heard, index).delivered.includes(7)));
    unwrap(await world.finish(at(world.networks, 2).publish('/test/topic/1', Uint8Array.of(7))));
    await world.pass(1000);
    assert.equal(heard.map(({ delivered }) => delivered.filter((message) => message === 7).length), [1, 0, 1, 1]);
  });

  test('what is rejected or ignored is neither delivered nor passed on', async (context) => {
    const { world, heard } = await gossiping(context, make, (index, message) => {
      if (index === 2) return 'accept';
      return message === 8 ? 'reject' : message === 9 ? 'ignore' : 'accept';
    });
    for (const message of [8, 9]) unwrap(await world.finish(at(world.networks, 0).publish('/test/topic/1', Uint8Array.of(message))));
    await until(world, 'the one that accepts has both', () => at(heard, 2).delivered.includes(9) && at(heard, 2).delivered.includes(8));
    await world.pass(1500);
    const refusing = new Set([at(world.networks, 1).id, at(world.networks, 3).id]);
    for (const { verified } of heard) {
      assert.is(verified.some(([message, from]) => (message === 8 || message === 9) && refusing.has(from)), false);
    }
    assert.is(at(heard, 1).delivered.includes(8) || at(heard, 3).delivered.includes(9), false);
  });

  test('a message that is too large is not published, and a verifier that throws stops nothing', async (context) => {
    const { world, heard } = await gossiping(context, make, (index, message) => {
      if (message === 6 && index === 1) throw new Error('a bug in the verifier');
      return 'accept';
    });
    const large = at(world.networks, 0).publish('/test/topic/1', new Uint8Array(gossip_message_bytes_max + 1));
    assert.is(codeOf(await world.finish(large)), 'REQUEST_TOO_LARGE');
    for (const message of [6, 5]) unwrap(await world.finish(at(world.networks, 0).publish('/test/topic/1', Uint8Array.of(message))));
    await until(world, 'the next one arrives', () => at(heard, 1).delivered.includes(5) && at(heard, 3).delivered.includes(6));
    assert.is(at(heard, 1).delivered.includes(6), false);
  });
}

/** Records are valid when they start with a letter of the key; the larger second byte is the better one. */
function testRules(refuse: (value: Uint8Array) => boolean = () => false): RecordRules {
  return {
    validate: (key, value) => Promise.resolve(value[0] === key[0] && !refuse(value) ? ok(undefined) : fail('RECORD_INVALID', 'the record is of another key')),
    select: (_key, values) => values.reduce((best, value, index) => (value[1] ?? 0) > (values[best]?.[1] ?? 0) ? index : best, 0),
  };
}

async function storing(context: TestContext, make: MakeWorld, rules: (index: number) => RecordRules): Promise<NetworkWorld> {
  const world = await make(4, (network, index) => network.records('test', rules(index)));
  context.after(() => world.close());
  const key = utf8('warm');
  let round = 0;
  await until(world, 'the table of each has all others', async () => {
    round += 1;
    const counts: number[] = [];
    for (const network of world.networks) counts.push(unwrap(await world.finish(network.put('test', key, Uint8Array.of(...key.subarray(0, 1), round), { signal: never }))));
    return counts.every((count) => count === world.networks.length - 1);
  });
  return world;
}

function declareRecords(test: Test, make: MakeWorld): void {
  const key = utf8('key');
  const first = Uint8Array.of(107, 1);
  const second = Uint8Array.of(107, 2);

  test('a record put by one is got by another, one answer a holder, and no more than asked for', async (context) => {
    const world = await storing(context, make, () => testRules());
    const [a, , , d] = world.networks;
    assert.ok(a !== undefined && d !== undefined);
    assert.is(unwrap(await world.finish(a.put('test', key, first, { signal: never }))), 3);
    const all = unwrap(await world.finish(d.get('test', key, { answers: 20, signal: never })));
    assert.equal(all.map(({ from }) => from).sort(), world.networks.map(({ id }) => id).sort());
    assert.ok(all.every(({ value }) => value !== undefined && equal(value, first)));
    assert.is(unwrap(await world.finish(d.get('test', key, { answers: 2, signal: never }))).length, 2);
    assert.is(codeOf(await world.finish(d.get('test', utf8('none'), { answers: 2, signal: never }))), 'RECORD_NOT_FOUND');
  });

  test('an invalid or oversized record is refused by whoever puts it, and by each holder for itself', async (context) => {
    const world = await storing(context, make, (index) => testRules((value) => index > 1 && value[1] === 66));
    const [a, , c] = world.networks;
    assert.ok(a !== undefined && c !== undefined);
    assert.is(codeOf(await world.finish(a.put('test', key, utf8('x'), { signal: never }))), 'RECORD_REFUSED');
    const large = new Uint8Array(record_bytes_max + 1).fill(107);
    assert.is(codeOf(await world.finish(a.put('test', key, large, { signal: never }))), 'RECORD_REFUSED');
    assert.is(unwrap(await world.finish(a.put('test', key, Uint8Array.of(107, 66), { signal: never }))), 1, 'two of three holders find it invalid');
  });

  test('an older record never replaces a newer one, and a holder that has only the older is one answer among several', async (context) => {
    let behind = true;
    const world = await storing(context, make, (index) => testRules((value) => behind && index === 3 && value[0] === 107 && value[1] === 2));
    const [a, b, c, d] = world.networks;
    assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
    assert.is(unwrap(await world.finish(a.put('test', key, first, { signal: never }))), 3);
    assert.is(unwrap(await world.finish(b.put('test', key, second, { signal: never }))), 2, 'the fourth does not take it');
    assert.is(codeOf(await world.finish(b.put('test', key, first, { signal: never }))), 'RECORD_REFUSED');
    const answers = unwrap(await world.finish(c.get('test', key, { answers: 20, signal: never })));
    assert.equal(answers.find(({ from }) => from === d.id)?.value, first);
    assert.is(answers.filter(({ value }) => value !== undefined && equal(value, second)).length, 3);
    behind = false;
  });
}

function declarePeers(test: Test, make: MakeWorld): void {
  test('peers come and go, and whoever watches is told', async (context) => {
    const told: [PeerId, string][] = [];
    const world = await make(3, (network, index) => {
      if (index !== 0) return;
      network.watch(() => {
        throw new Error('a bug in a watcher');
      });
      network.watch((peer: Peer, state) => told.push([peer.id, state]));
    });
    context.after(() => world.close());
    const [a, b, c] = world.networks;
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    await until(world, 'both are there', () => a.peers().length === 2);
    assert.equal(a.peers().map(({ id }) => id).sort(), [b.id, c.id].sort());
    assert.ok(a.peers().every(({ direction, since }) => direction === 'inbound' && since > 0));
    await world.finish(b.stop());
    await until(world, 'one is gone', () => a.peers().length === 1);
    assert.equal(told.filter(([, state]) => state === 'gone'), [[b.id, 'gone']]);
    assert.is(told.filter(([, state]) => state === 'connected').length, 2);
  });

  test('a bad address, nobody there, and a late caller each have their code', async (context) => {
    const world = await make(2, () => undefined);
    context.after(() => world.close());
    const [a, b] = world.networks;
    assert.ok(a !== undefined && b !== undefined);
    assert.is(codeOf(await world.finish(a.dial('nowhere at all', { signal: never }))), 'ADDRESS_INVALID');
    const [gone] = b.addresses();
    await world.finish(b.stop());
    await until(world, 'it is gone', () => a.peers().length === 0);
    assert.is(codeOf(await world.finish(a.dial(gone ?? '', { signal: never }))), 'PEER_UNREACHABLE');
    assert.is(codeOf(await world.finish(a.dial(gone ?? '', { signal: AbortSignal.abort() }))), 'PEER_TIMEOUT');
  });

  test('a peer with enough misdeeds is cut off and refused, and the others are not', async (context) => {
    const { world, ask } = await serving(context, make, 3, (network) => network.handle(echo, limits, (request) => Promise.resolve(request)));
    const [a, b, c] = world.networks;
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    assert.is(codeOf(await world.finish(ask(Uint8Array.of(1)))), 'ok');
    for (let misdeed = 1; misdeed < misdeeds_max; misdeed += 1) a.penalise(b.id, 'a test');
    assert.ok(a.peers().some(({ id }) => id === b.id));
    // What decayed meanwhile is a hair of one misdeed.
    a.penalise(b.id, 'a test');
    a.penalise(b.id, 'a test');
    await until(world, 'it is cut off', () => !a.peers().some(({ id }) => id === b.id));
    await until(world, 'it notices', () => !b.peers().some(({ id }) => id === a.id));
    assert.ok(['PEER_UNREACHABLE', 'PEER_REFUSED'].includes(codeOf(await world.finish(ask(Uint8Array.of(1))))));
    assert.is(codeOf(await world.finish(a.dial(b.addresses()[0] ?? '', { signal: never }))), 'PEER_REFUSED');
    assert.is(codeOf(await world.finish(ask(Uint8Array.of(1), { from: 2 }))), 'ok');
  });
}

/** Declares the whole contract for one implementation. */
export function networkContract(test: Test, make: MakeWorld): void {
  declareExchanges(test, make);
  declareDeadlines(test, make);
  declareGossip(test, make);
  declareRecords(test, make);
  declarePeers(test, make);
}
