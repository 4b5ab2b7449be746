import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import type { PeerId } from '../../protocols/ports.ts';
import type { Test } from '../harness.ts';
import { at, codeOf, echo, limits, never, serving, until, type MakeWorld } from './network-world.ts';

/** Declares what holds for requests and their answers. */
export function declareExchanges(test: Test, make: MakeWorld): void {
  test('a request reaches the handler with the proven id of its sender, and the answer comes back', async (context) => {
    const seen: PeerId[] = [];
    const { world, ask } = await serving(context, make, 2, (network) => network.handle(echo, limits, (request, from) => {
      seen.push(from);
      return Promise.resolve(Uint8Array.from(request).reverse());
    }));
    assert.equal(unwrap(await world.finish(ask(Uint8Array.of(1, 2, 3)))), Uint8Array.of(3, 2, 1));
    assert.equal(unwrap(await world.finish(ask(new Uint8Array()))), new Uint8Array());
    assert.equal(seen, [at(world.networks, 1).id, at(world.networks, 1).id]);
  });

  test('requests that run side by side each get their own answer', async (context) => {
    const { world, ask } = await serving(context, make, 3, (network) => network.handle(echo, limits, (request) => Promise.resolve(request)));
    const work = Array.from({ length: 16 }, (_, index) => ask(Uint8Array.of(index), { from: 1 + index % 2 }));
    const answers = await world.finish(Promise.all(work));
    answers.forEach((answer, index) => assert.equal(unwrap(answer), Uint8Array.of(index)));
  });

  test('a request over its limit is refused by the sender, and by the receiver where the sender does not care', async (context) => {
    let handled = 0;
    const { world, ask } = await serving(context, make, 2, (network) => network.handle(echo, limits, (request) => {
      handled += 1;
      return Promise.resolve(request.subarray(0, 1));
    }));
    assert.is(codeOf(await world.finish(ask(new Uint8Array(4097)))), 'REQUEST_TOO_LARGE');
    const careless = { ...limits, request_bytes_max: 1_000_000 };
    assert.is(codeOf(await world.finish(ask(new Uint8Array(500_000), { limits: careless }))), 'REQUEST_TOO_LARGE');
    assert.is(handled, 0);
    assert.is(codeOf(await world.finish(ask(new Uint8Array(4096)))), 'ok', 'the stream is still good');
  });

  test('an answer over its limit is refused by its sender, and by its receiver where the sender does not care', async (context) => {
    const { world, ask } = await serving(context, make, 2, (network) => network.handle(echo, limits, (request) => Promise.resolve(new Uint8Array(request.length * 100))));
    assert.is(codeOf(await world.finish(ask(new Uint8Array(41)))), 'RESPONSE_TOO_LARGE');
    const strict = { ...limits, response_bytes_max: 99 };
    assert.is(codeOf(await world.finish(ask(new Uint8Array(1), { limits: strict }))), 'RESPONSE_TOO_LARGE');
    assert.is(codeOf(await world.finish(ask(new Uint8Array(40)))), 'ok', 'the stream is still good');
  });

  test('a protocol that the peer does not speak, a handler that throws and an unknown peer each have their code', async (context) => {
    const { world, ask } = await serving(context, make, 2, (network) => network.handle(echo, limits, (request) => {
      if (request.length === 0) throw new Error('a bug in the handler');
      return Promise.resolve(request);
    }));
    assert.is(codeOf(await world.finish(ask(Uint8Array.of(1), { protocol: '/test/none/1' }))), 'PEER_REFUSED');
    assert.is(codeOf(await world.finish(ask(new Uint8Array()))), 'PEER_REFUSED');
    assert.is(codeOf(await world.finish(ask(Uint8Array.of(1)))), 'ok', 'the node lives on');
    const stranger = at(world.networks, 1).request('nobody', echo, Uint8Array.of(1), { limits, signal: never });
    assert.is(codeOf(await world.finish(stranger)), 'PEER_UNREACHABLE');
  });
}

/** Declares what holds for deadlines, limits and the stop. */
export function declareDeadlines(test: Test, make: MakeWorld): void {
  test('a handler that never answers costs its caller the deadline, and its own signal aborts', async (context) => {
    let aborted = 0;
    const brief = { ...limits, exchange_ms_max: 200, exchanges_per_peer_max: 2 };
    const { world, ask } = await serving(context, make, 2, (network) => network.handle(echo, brief, (_request, _from, signal) => {
      signal.addEventListener('abort', () => {
        aborted += 1;
      });
      return new Promise<Uint8Array>(() => undefined);
    }));
    assert.is(codeOf(await world.finish(ask(Uint8Array.of(1), { limits: brief }))), 'PEER_TIMEOUT');
    await until(world, 'the handler hears of it', () => aborted === 1);
    const patient = { ...brief, exchange_ms_max: 5000 };
    assert.is(codeOf(await world.finish(ask(Uint8Array.of(1), { limits: patient }))), 'PEER_TIMEOUT', 'the receiver ends it too');
    const more = await world.finish(Promise.all([ask(Uint8Array.of(2), { limits: patient }), ask(Uint8Array.of(3), { limits: patient })]));
    assert.equal(more.map(codeOf), ['PEER_TIMEOUT', 'PEER_TIMEOUT'], 'the places of the late ones are free again');
  });

  test('the signal of the caller ends a request at once, and the handler hears of it', async (context) => {
    let aborted = false;
    const { world, ask } = await serving(context, make, 2, (network) => network.handle(echo, { ...limits, exchange_ms_max: 60_000 }, (_request, _from, signal) => new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        aborted = true;
        resolve(new Uint8Array());
      });
    })));
    const controller = new AbortController();
    const asked = ask(Uint8Array.of(1), { signal: controller.signal });
    await world.pass(300);
    controller.abort();
    assert.is(codeOf(await world.finish(asked)), 'PEER_TIMEOUT');
    await until(world, 'the handler hears of it', () => aborted);
    assert.is(codeOf(await world.finish(ask(Uint8Array.of(1), { signal: AbortSignal.abort() }))), 'PEER_TIMEOUT');
  });

  test('one peer has only so many exchanges under way, and others still get theirs', async (context) => {
    const open: (() => void)[] = [];
    const { world, ask } = await serving(context, make, 3, (network) => network.handle(echo, { ...limits, exchanges_per_peer_max: 2 }, (request) => new Promise((resolve) => {
      if (request.length > 0) open.push(() => resolve(request));
      else resolve(request);
    })));
    const held = [ask(Uint8Array.of(1))];
    await until(world, 'one is under way', () => open.length === 1);
    const one = { ...limits, exchanges_per_peer_max: 1 };
    assert.is(codeOf(await world.finish(ask(new Uint8Array(), { limits: one }))), 'PEER_REFUSED', 'the sender keeps to its own bound');
    held.push(ask(Uint8Array.of(2)));
    await until(world, 'two are under way', () => open.length === 2);
    assert.is(codeOf(await world.finish(ask(new Uint8Array()))), 'PEER_REFUSED');
    assert.is(codeOf(await world.finish(ask(new Uint8Array(), { from: 2 }))), 'ok');
    for (const answer of open) answer();
    assert.equal((await world.finish(Promise.all(held))).map(codeOf), ['ok', 'ok']);
    assert.is(codeOf(await world.finish(ask(new Uint8Array()))), 'ok');
  });

  test('two thousand requests one after the other leave nothing behind', async (context) => {
    const { world, ask } = await serving(context, make, 2, (network) => network.handle(echo, limits, (request) => Promise.resolve(request)));
    const work = async (): Promise<number> => {
      let answered = 0;
      for (let index = 0; index < 2000; index += 1) if ((await ask(Uint8Array.of(index & 255))).ok) answered += 1;
      return answered;
    };
    assert.is(await world.finish(work()), 2000);
  });

  test('a stop ends what waits, on both sides, and refuses what comes after', async (context) => {
    const { world, ask } = await serving(context, make, 3, (network) => network.handle(echo, { ...limits, exchange_ms_max: 60_000 }, () => new Promise(() => undefined)));
    const patient = { ...limits, exchange_ms_max: 60_000 };
    const waiting = [ask(Uint8Array.of(1), { limits: patient }), ask(Uint8Array.of(1), { limits: patient, from: 2 })];
    await world.pass(300);
    await world.finish(at(world.networks, 1).stop());
    await world.finish(at(world.networks, 0).stop());
    assert.equal((await world.finish(Promise.all(waiting))).map(codeOf), ['NETWORK_STOPPED', 'PEER_UNREACHABLE']);
    const network = at(world.networks, 1);
    assert.is(codeOf(await world.finish(ask(Uint8Array.of(1)))), 'NETWORK_STOPPED');
    assert.is(codeOf(await world.finish(network.publish('t', Uint8Array.of(1)))), 'NETWORK_STOPPED');
    assert.is(codeOf(await world.finish(network.put('n', Uint8Array.of(1), Uint8Array.of(1), { signal: never }))), 'NETWORK_STOPPED');
    assert.is(codeOf(await world.finish(network.get('n', Uint8Array.of(1), { answers: 1, signal: never }))), 'NETWORK_STOPPED');
    assert.is(network.peers().length, 0);
  });
}
