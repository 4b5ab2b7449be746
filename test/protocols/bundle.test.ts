import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { fromBase64url, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { bundle_bytes_max } from '../../crypto/policy-bundle.ts';
import { fail, unwrap, type Result } from '../../crypto/result.ts';
import { bundle_bytes_per_peer_max, bundle_limits, bundle_peers_max, bundle_policies_max, bundle_protocol } from '../../protocols/bundle/constants.ts';
import { bundleExchange, encodeBundle, parseBundle, type BundleContent, type BundleExchange } from '../../protocols/bundle/index.ts';
import type { Fact, Network, RequestHandler } from '../../protocols/ports.ts';
import { peerFailure } from '../../protocols/reply.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { suite } from '../harness.ts';
import { interposed } from '../simulated-hosts.ts';

const test = suite('protocols/bundle');
const never = new AbortController().signal;
const content: BundleContent = { name: 'default', version: 3, policies: [{ file: 'a.yaml', text: 'rules: [] # ünï\n' }] };
const { bytes, digest } = unwrap(encodeBundle(content));
const wanted = { iss: 'did:mesh:acme', digest, bytes: bytes.length };

interface World {
  readonly simulator: Simulator;
  readonly network: Network;
  readonly exchange: BundleExchange;
  readonly facts: Fact[];
  readonly penalised: string[];
  readonly asked: string[];
}

/** One that asks, connected to peers that answer as they like. */
async function world(peers: readonly (RequestHandler | Uint8Array)[]): Promise<World> {
  const simulator = new Simulator('bundles');
  const wire = new Wire({ simulator });
  const [facts, penalised, asked]: [Fact[], string[], string[]] = [[], [], []];
  const recorder = { record: (fact: Fact): void => void facts.push(fact) };
  const clock = simulator.clock('asker');
  const wired = simulatedNetwork(wire, { id: 'asker', clock, recorder });
  const network = interposed(wired, { penalise: (peer) => void penalised.push(peer) });
  const exchange = bundleExchange({
    clock, random: simulator.random('asker'), network, recorder, identity: { known: () => undefined },
    content: () => Promise.resolve(undefined),
  });
  exchange.start();
  unwrap(await network.start());
  for (const [index, answers] of peers.entries()) {
    const peer = simulatedNetwork(wire, { id: `peer-${index}`, clock: simulator.clock(`peer-${index}`), recorder });
    peer.handle(bundle_protocol, bundle_limits, (request, from, signal) => {
      asked.push(`peer-${index}`);
      return answers instanceof Uint8Array ? Promise.resolve(answers) : answers(request, from, signal);
    });
    unwrap(await peer.start());
    unwrap(await simulator.finish(peer.dial('/simulated/asker', { signal: never })));
  }
  return { simulator, network, exchange, facts, penalised, asked };
}

async function fetched({ simulator, exchange }: World, signal: AbortSignal = never): Promise<Result<Uint8Array>> {
  return simulator.finish(exchange.fetch(wanted, signal));
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.failure.code;
}

test('a bundle says what was put into it; anything else is refused', () => {
  assert.equal(unwrap(parseBundle(bytes)), content);
  assert.is(toBase64url(sha256(bytes)), digest);
  const policy = { file: 'a.yaml', text: '' };
  for (const wrong of [
    { name: 'A' }, { version: 0 }, { version: 1.5 }, { policies: [] }, { policies: [policy, policy] }, { policies: [{ file: '../x', text: '' }] }, { policies: [{ file: '', text: '' }] },
    { policies: [{ file: '\u001b[2J', text: '' }] }, { policies: [{ file: 'a', text: '\ud800' }] }, { policies: Array.from({ length: bundle_policies_max + 1 }, (_, index) => ({ file: `${index}`, text: '' })) },
  ]) {
    assert.is(codeOf(encodeBundle({ ...content, ...wrong })), 'BUNDLE_MALFORMED', JSON.stringify(wrong).slice(0, 80));
  }
  assert.is(codeOf(encodeBundle({ ...content, policies: [{ file: 'a', text: 'x'.repeat(bundle_bytes_max) }] })), 'BUNDLE_TOO_LARGE');
  const text = new TextDecoder().decode(bytes);
  for (const wrong of [text.replace('"v":1', '"v":2'), text.replace('"name"', '"nam"'), text.replace('{', '{ '), text.replace('"version":3', '"version":"3"'), text.replace('a.yaml', 'a/yaml'), '', '[]', 'null', text.slice(1)]) {
    assert.is(codeOf(parseBundle(utf8(wrong))), 'BUNDLE_MALFORMED', wrong);
  }
  assert.is(codeOf(parseBundle(new Uint8Array(bundle_bytes_max + 1))), 'BUNDLE_TOO_LARGE');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => void parseBundle(noise)), { numRuns: 500 });
});

test('a peer that has it gives it; nobody to ask is said', async () => {
  assert.equal(unwrap(await fetched(await world([bytes]))), bytes);
  const alone = await fetched(await world([]));
  assert.is(codeOf(alone), 'BUNDLE_UNAVAILABLE');
});

test('other bytes, more bytes and endless bytes are held against the peer; that it has none or is slow is not', async () => {
  const flipped = bytes.map((byte, place) => (place === 5 ? byte ^ 1 : byte));
  const at = await world([flipped, bytes.subarray(1), new Uint8Array(100 * 1_048_576), utf8('{}')]);
  assert.is(codeOf(await fetched(at)), 'BUNDLE_UNAVAILABLE');
  assert.equal([...at.penalised].sort(), ['peer-0', 'peer-1', 'peer-2', 'peer-3']);
  const honest = await world([() => new Promise(() => undefined)]);
  assert.is(codeOf(await fetched(honest)), 'BUNDLE_UNAVAILABLE');
  assert.equal(honest.penalised, []);
  // What the network itself says of an answer that is too large counts the same.
  const cut = await world([bytes]);
  const told = bundleExchange({
    clock: cut.simulator.clock('asker'), random: cut.simulator.random('asker'), recorder: { record: () => undefined }, identity: { known: () => undefined }, content: () => Promise.resolve(undefined),
    network: interposed(cut.network, { request: () => Promise.resolve(fail('RESPONSE_TOO_LARGE', 'too large')) }),
  });
  assert.is(codeOf(await cut.simulator.finish(told.fetch(wanted, never))), 'BUNDLE_UNAVAILABLE');
  assert.equal(cut.penalised, ['peer-0']);
});

test('peers that never answer hold up nobody for long, and no more than some are asked', async () => {
  const silent: RequestHandler = () => new Promise(() => undefined);
  const some = await world([silent, silent, silent, silent, bytes]);
  const since_ms = some.simulator.now_ms;
  assert.ok((await fetched(some)).ok);
  assert.ok(some.simulator.now_ms - since_ms <= 2 * bundle_limits.exchange_ms_max + 1000);
  const many = await world(Array.from({ length: bundle_peers_max + 6 }, () => utf8('no')));
  assert.is(codeOf(await fetched(many)), 'BUNDLE_UNAVAILABLE');
  assert.is(many.asked.length, bundle_peers_max);
});

test('fetching ends when it is given up', async () => {
  const stop = new AbortController();
  const at = await world([() => new Promise(() => undefined)]);
  const fetching = at.exchange.fetch(wanted, stop.signal);
  stop.abort();
  const since_ms = at.simulator.now_ms;
  assert.is(codeOf(await at.simulator.finish(fetching)), 'BUNDLE_UNAVAILABLE');
  assert.ok(at.simulator.now_ms - since_ms < 1000);
});

test('what is held is given on, within a budget; a request that is no hash is held against its sender', async () => {
  const large = unwrap(encodeBundle({ ...content, policies: [{ file: 'a', text: 'x'.repeat(bundle_bytes_max - 500) }] }));
  const at = await world([]);
  const { simulator } = at;
  const handlers = new Map<string, RequestHandler>();
  const captured = bundleExchange({
    clock: simulator.clock('asker'), random: simulator.random('asker'), recorder: { record: () => undefined }, identity: { known: () => undefined },
    content: (hash) => Promise.resolve(toBase64url(hash) === large.digest ? large.bytes : undefined),
    network: interposed(at.network, { handle: (protocol, _, handler) => void handlers.set(protocol, handler) }),
  });
  captured.start();
  const answer = (request: Uint8Array, from = 'somebody'): Promise<Uint8Array> => handlers.get(bundle_protocol)?.(request, from, never) ?? Promise.resolve(new Uint8Array());
  const hash = fromBase64url(large.digest) ?? new Uint8Array();
  assert.equal(await answer(hash), large.bytes);
  assert.is(peerFailure(await answer(new Uint8Array(32)))?.code, 'BUNDLE_UNKNOWN');
  let given = 2 * bundle_bytes_max;
  while (peerFailure(await answer(hash)) === undefined) given += large.bytes.length;
  assert.ok(given <= bundle_bytes_per_peer_max + 2 * bundle_bytes_max, `${given} bytes`);
  assert.is(peerFailure(await answer(hash))?.code, 'BUNDLE_BUDGET');
  assert.equal(await answer(hash, 'another'), large.bytes, 'each peer has its own');
  assert.is(peerFailure(await answer(utf8('give me all'), 'third'))?.code, 'BUNDLE_REQUEST_MALFORMED');
  assert.equal(at.penalised, ['third']);
});

test.run();
