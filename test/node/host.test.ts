import * as assert from 'uvu/assert';
import { toHex } from '../../crypto/bytes.ts';
import { openCheckpoint, verifyCosignature } from '../../crypto/checkpoint.ts';
import { verifyRecord } from '../../crypto/did-record.ts';
import { parseNote, parseVerifier } from '../../crypto/note.ts';
import { fail, unwrap } from '../../crypto/result.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { Host } from '../../node/host.ts';
import type { Network } from '../../protocols/ports.ts';
import { memoryFiles } from '../../storage/files.ts';
import { keepIdentity, loadIdentities } from '../../storage/identities.ts';
import { keystore_file } from '../../storage/keystore.ts';
import { openStore } from '../../storage/store.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf, failureOf, hostWorld, HostWorld, interposed, type Remains } from '../simulated-hosts.ts';

const test = suite('node/host');
const day_ms = 86_400_000;

function contextOf(cleaners: (() => void | Promise<void>)[]): TestContext {
  return { folder: () => '', after: (clean) => void cleaners.push(clean) };
}

/** Two minutes of four hosts over bad wires: identities, trust, delegation, calls, revocation, anchors. */
async function eventfulRun(seed: string): Promise<{ readonly trace: string; readonly events: number; readonly facts: string; readonly codes: readonly string[] }> {
  const cleaners: (() => void | Promise<void>)[] = [];
  const world = await hostWorld(contextOf(cleaners), { count: 4, seed, latency_ms: [5, 200], loss: 0.02, duplication: 0.1 });
  const codes: string[] = [];
  const asker = await world.hire(0, 'asker');
  const worker = await world.hire(2, 'worker', { roots: [world.sponsor(0).did] });
  const { actions } = world.at(0);
  const delegated = await world.finish(actions.delegate({ from: 'sponsor-0', to: asker.did, capabilities: ['read:**'] }));
  codes.push(codeOf(delegated), codeOf(await world.finish(world.at(1).actions.endorse('', asker.did, 800, 'known for long'))));
  for (let round = 0; round < 6; round += 1) {
    const answered = await world.finish(actions.call({ from: 'asker', to: worker.did, command: 'read:reports', arguments: { round } }));
    codes.push(answered.ok ? answered.value.receipt.verdict : answered.failure.code);
    await world.pass(5000);
  }
  codes.push(codeOf(await world.finish(actions.revoke('sponsor-0', 'agent', asker.did, 'the end'))));
  await world.pass(60_000);
  const after = await world.finish(actions.call({ from: 'asker', to: worker.did, command: 'read:reports' }));
  codes.push(after.ok ? String(after.value.receipt.code) : after.failure.code);
  const facts = toHex(sha256(new TextEncoder().encode(JSON.stringify(world.hosts.map((host) => host.facts)))));
  for (const clean of cleaners) await clean();
  return { trace: world.simulator.trace, events: world.simulator.events, facts, codes };
}

test('one seed gives one run of four hosts, down to every event, fact and key; another seed another', async () => {
  const first = await eventfulRun('seed 1');
  assert.equal(await eventfulRun('seed 1'), first);
  const other = await eventfulRun('seed 2');
  assert.is.not(other.trace, first.trace);
  assert.is.not(other.facts, first.facts);
  assert.ok(first.events > 300, `it was eventful: ${first.events} events`);
  for (const { codes } of [first, other]) {
    assert.is(codes.at(-1), 'REVOKED', codes.join());
    assert.ok(codes.filter((code) => code === 'allow').length >= 3, codes.join());
  }
});

function neighboursOf({ neighbours }: Host): readonly string[] {
  return [...neighbours.nodes()].map(([, did]) => did).toSorted((a, b) => a < b ? -1 : 1);
}

test('hosts come to know each other\'s nodes, however bad the wires', async (context) => {
  const world = await hostWorld(context, { count: 4, seed: 'lossy', loss: 0.1 });
  await world.until('everybody knows everybody', () => world.hosts.every(({ host }) => neighboursOf(host).length === 3), 300_000);
  for (const { host } of world.hosts) {
    const others = world.hosts.map((other) => other.host.identities.node.did).filter((did) => did !== host.identities.node.did);
    assert.equal(neighboursOf(host), others.toSorted((a, b) => a < b ? -1 : 1));
  }
});

test('endorsements and revocations reach every host, and one that was cut off catches up when it is back', async (context) => {
  const world = await hostWorld(context, { count: 4, loss: 0.02 });
  const [a, b] = [await world.hire(0, 'a'), await world.hire(1, 'b')];
  await world.get(world.at(3).host.identity.resolve(a.did));
  await world.get(world.at(3).host.identity.resolve(b.did));
  const peers = world.hosts.map(({ peer }) => peer);
  world.wire.partition([world.at(3).peer], peers.filter((peer) => peer !== world.at(3).peer));
  const endorsement = await world.get(world.at(1).actions.endorse('b', a.did, 900, 'good work'));
  const revocation = await world.get(world.at(1).actions.revoke('sponsor-1', 'agent', b.did, 'gone'));
  const has = ({ host }: { readonly host: Host }): boolean => host.statement_store.has(endorsement.hash) && host.statement_store.has(revocation.hash);
  await world.until('the connected ones have both', () => world.hosts.slice(0, 3).every(has));
  assert.is(world.at(3).host.statement_store.revocations().length, 0, 'the one that is cut off knows nothing of it');
  assert.is(world.at(3).host.revocation.revokedDid(b.did), undefined);
  await world.pass(30_000);
  world.wire.heal();
  await world.until('the one that was cut off has both', () => has(world.at(3)));
  assert.is(world.at(3).host.revocation.revokedDid(b.did)?.code, 'REVOKED');
  assert.is(world.at(3).host.trust.score(a.did, b.did).score, 0);
});

test('every host\'s log gets a head that others have cosigned, three where two are needed, and their heads into its own log', async (context) => {
  const world = await hostWorld(context, { count: 4 });
  await world.hire(0, 'a');
  await world.until('all are anchored', () => world.hosts.every(({ facts }) => facts.some(({ kind }) => kind === 'audit.anchored')));
  for (const { host, name } of world.hosts) {
    const note = unwrap(await host.log.cosigned());
    const { checkpoint } = unwrap(openCheckpoint(note, unwrap(parseVerifier(host.log.verifier_key))));
    const lines = unwrap(parseNote(note)).signatures.map(({ line }) => line);
    const cosigners = world.hosts.filter((other) => {
      const verifier = unwrap(parseVerifier(other.host.witness.verifier_key));
      return lines.some((line) => verifyCosignature(verifier, checkpoint, line).ok);
    });
    assert.is(cosigners.length, 3, name);
    assert.not.ok(cosigners.some((cosigner) => cosigner.host === host), 'never by itself');
    assert.is(checkpoint.origin, host.log.origin);
  }
  await world.pass(90_000);
  let anchoring = 0;
  for (const { host } of world.hosts) {
    const kinds: string[] = [];
    for await (const entry of host.log.entries()) kinds.push(unwrap(entry).kind);
    if (kinds.includes('anchor')) anchoring += 1;
  }
  assert.ok(anchoring >= 2, 'the hosts that were asked keep what they cosigned in their own logs');
});

test('a record of an identity never has the same number as another one of it', async (context) => {
  const published = new Map<string, Set<string>>();
  const world = new HostWorld({
    count: 0,
    write_ms: 50,
    interpose: (network) => interposed(network, {
      put: (namespace, key, value, options) => {
        const { did, document, hash } = unwrap(verifyRecord(value, { allow_expired: true }));
        const name = `${did} ${document.sequence}`;
        published.set(name, (published.get(name) ?? new Set()).add(toHex(hash)));
        return network.put(namespace, key, value, options);
      },
    }),
  });
  context.after(() => world.close());
  const [a, b] = [await world.add('a'), await world.add('b')];
  await world.get(a.actions.createSponsor('alice', 'human'));
  await world.connect(a, b);
  const creating = Array.from({ length: 10 }, async (_, index) => {
    await new Promise<void>((resolve) => void a.host.parts.clock.after(index * 60, resolve));
    return a.actions.createAgent({ name: `agent-${index}`, sponsor: 'alice', capabilities: [] });
  });
  await world.finish(Promise.all(creating));
  const all = a.host.identities.publishAll();
  await world.pass(20);
  await world.finish(Promise.all([all, a.host.identities.publish(a.host.identities.node)]));
  assert.ok(published.size > 24);
  assert.equal([...published].filter(([, hashes]) => hashes.size > 1).map(([name]) => name), []);
});

test('of two that create one name at once, one gets it', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { actions, host } = world.at(0);
  await world.get(actions.createSponsor('alice', 'human'));
  const plan = { name: 'twin', sponsor: 'alice', capabilities: [] };
  const codes = (await world.finish(Promise.all([actions.createAgent(plan), actions.createAgent(plan), actions.createSponsor('twin', 'human')]))).map(codeOf);
  assert.equal(codes.toSorted((a, b) => a < b ? -1 : 1), ['NAME_TAKEN', 'NAME_TAKEN', 'ok']);
  assert.is(host.identities.list('agent', 'human').length, 2);
  assert.is(codeOf(await world.finish(actions.createAgent({ ...plan, name: 'other', capabilities: ['Bad'] }))), 'CAPABILITY_MALFORMED');
  assert.is(codeOf(await world.finish(actions.createAgent({ ...plan, name: 'other' }))), 'ok', 'a name that was refused for something else is free');
});

test('what a person asks for amiss is refused with a code and what would pass', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { actions, host } = world.at(0);
  await world.hire(0, 'a', { capabilities: ['read:reports'] });
  const agent = { name: 'b', sponsor: 'sponsor-0', capabilities: [] as string[] };
  for (const [work, code] of [
    [() => world.finish(actions.createAgent({ ...agent, name: 'a' })), 'NAME_TAKEN'], [() => world.finish(actions.createAgent({ ...agent, name: '' })), 'NAME_INVALID'],
    [() => world.finish(actions.createAgent({ ...agent, name: 'x'.repeat(65) })), 'NAME_INVALID'], [() => world.finish(actions.createAgent({ ...agent, name: '../keys' })), 'NAME_INVALID'],
    [() => world.finish(actions.createAgent({ ...agent, sponsor: 'nobody' })), 'SPONSOR_UNKNOWN'], [() => world.finish(actions.createAgent({ ...agent, sponsor: 'a' })), 'SPONSOR_KIND'],
    [() => world.finish(actions.createAgent({ ...agent, parent: 'a', capabilities: ['read:**'] })), 'PARENT_EXCEEDED'],
    [() => world.finish(actions.createAgent({ ...agent, policy: '/nowhere/policy.yaml' })), 'POLICY_UNREADABLE'], [() => world.finish(actions.createAgent({ ...agent, handler: '/nowhere/handler.mjs' })), 'HANDLER_UNUSABLE'],
    [() => world.finish(actions.createAgent({ ...agent, required_trust: 1001 })), 'TRUST_INVALID'], [() => world.finish(actions.createAgent({ ...agent, roots: ['nobody'] })), 'NAME_UNKNOWN'],
    [() => world.finish(actions.call({ from: 'nobody', to: host.identities.node.did, command: 'read:x' })), 'NAME_UNKNOWN'],
    [() => world.finish(actions.call({ from: 'sponsor-0', to: host.identities.node.did, command: 'read:x' })), 'AGENT_NEEDED'],
    [() => world.finish(actions.call({ from: 'a', to: host.identities.node.did, command: 'read' })), 'CAPABILITY_MALFORMED'],
    [() => world.finish(actions.call({ from: 'a', to: host.identities.node.did, command: 'write:reports' })), 'SCOPE_EXCEEDED'],
    [() => world.finish(actions.revoke('a', 'planet', 'a', '')), 'REVOCATION_TARGET'], [() => world.finish(actions.endorse('a', 'nobody', 1, '')), 'NAME_UNKNOWN'], [() => world.finish(actions.endorse('a', 'sponsor-0', 1001, '')), 'ENDORSEMENT_INVALID'],
  ] as const) {
    const failure = failureOf(await work());
    assert.is(failure.code, code);
    assert.ok(failure.fix !== undefined, `${code} says what would pass`);
  }
  assert.is(host.identities.list('agent').length, 1);
});

test('a stop in the middle of everything leaves nothing that runs on', async () => {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  process.on('unhandledRejection', note);
  try {
    for (const delay_ms of [0, 5, 20, 60, 310, 350]) {
      const world = new HostWorld({ count: 0 });
      const [a, b] = [await world.add('a'), await world.add('b')];
      await world.get(a.actions.createSponsor('alice', 'human'));
      for (let index = 0; index < 5; index += 1) await world.get(a.actions.createAgent({ name: `agent-${index}`, sponsor: 'alice', capabilities: [] }));
      await world.connect(a, b);
      await world.pass(delay_ms);
      const calls = Promise.all([a.host.identities.publishAll(), a.actions.createAgent({ name: 'late', sponsor: 'alice', capabilities: [] })].map((work: Promise<unknown>) => work.catch(() => undefined)));
      await world.finish(a.host.stop());
      await a.store.close();
      await world.pass(30_000);
      await world.finish(b.host.stop());
      await b.store.close();
      await calls;
    }
    const world = new HostWorld({ count: 0, write_ms: 100 });
    const [a, b] = [await world.add('a'), await world.add('b')];
    await world.connect(a, b);
    await world.hire(0, 'asker');
    const worker = await world.hire(1, 'worker', { authority: 'open' });
    await world.get(a.actions.call({ from: 'asker', to: worker.did, command: 'read:x' }));
    await world.finish(a.host.stop());
    await a.store.close();
    await world.pass(10_000);
    await world.finish(b.host.stop());
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  } finally {
    process.off('unhandledRejection', note);
  }
  assert.equal(rejections, []);
});

test('a host is not made from half of what it needs', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const empty = async (): Promise<Remains> => ({ store: unwrap(await openStore({ kind: 'memory' })), files: memoryFiles() });
  const keyless = failureOf(await world.start('keyless', await empty()));
  assert.is(keyless.code, 'IDENTITY_KEYS_MISSING');
  assert.match(keyless.fix ?? '', 'backup');
  const { store, files } = world.at(0);
  const without_store = { ...await empty(), files };
  assert.is(failureOf(await world.start('forgetful', without_store)).code, 'IDENTITY_MISSING');
  await world.hire(0, 'a');
  const keys = await files.read(keystore_file);
  assert.ok(keys !== undefined);
  const { keys: seeds }: { readonly keys: { readonly [name: string]: string } } = JSON.parse(new TextDecoder().decode(keys));
  const fewer = Object.fromEntries(Object.entries(seeds).filter(([name]) => !name.endsWith('/use')));
  const poorer = memoryFiles();
  await poorer.write(keystore_file, new TextEncoder().encode(JSON.stringify({ version: 1, protection: 'none', keys: fewer })));
  assert.is(failureOf(await world.start('poorer', { store, files: poorer })).code, 'IDENTITY_KEYS_MISSING');
});

test('what would make a record that nobody takes is refused before anything is made of it, and addresses make room', async (context) => {
  const addresses = Array.from({ length: 20 }, (_, index) => `/simulated/${'x'.repeat(200)}${index}`);
  const world = new HostWorld({ count: 0, interpose: (network, name) => name === 'wide' ? interposed(network, { addresses: () => [...addresses, 'y'.repeat(300)] }) : network });
  context.after(() => world.close());
  const [host, wide] = [await world.add('host'), await world.add('wide')];
  for (const { actions } of [host, wide]) await world.get(actions.createSponsor('alice', 'human'));
  const segments = Array.from({ length: 6 }, () => 'a'.repeat(42)).join('/');
  const agent = { name: 'long', sponsor: 'alice', capabilities: [`read:${segments}`] };
  const failure = failureOf(await world.finish(host.actions.createAgent(agent)));
  assert.is(failure.code, 'CAPABILITY_TOO_LONG');
  assert.match(failure.fix ?? '', '256');
  const many = Array.from({ length: 32 }, (_, index) => `read:${segments.slice(0, 240)}${index}`);
  assert.is(host.host.identities.list('agent').length, 0);
  const full = await world.get(wide.actions.createAgent({ ...agent, name: 'full', capabilities: many }));
  const fitting = wide.host.identity.known(full.did)?.document.services[0]?.endpoints ?? [];
  assert.ok(fitting.length >= 1 && fitting.length < 16, 'fewer addresses, so that the capabilities fit');
  const made = await world.get(wide.actions.createAgent({ ...agent, capabilities: ['read:x'] }));
  const services = wide.host.identity.known(made.did)?.document.services;
  assert.equal(services?.map(({ endpoints }) => endpoints), [addresses.slice(0, 16)], 'of too many addresses it names the first');
  assert.is(codeOf(await world.finish(host.actions.createAgent({ ...agent, capabilities: ['read:x'] }))), 'ok', 'the name is free');
});

test('one identity that cannot be published holds up neither the start nor the others', async (context) => {
  const world = new HostWorld({ count: 0 });
  context.after(() => world.close());
  const first = unwrap(await world.start('a'));
  await world.get(first.actions.createSponsor('alice', 'human'));
  const agents: string[] = [];
  for (const name of ['bad', 'good']) agents.push((await world.get(first.actions.createAgent({ name, sponsor: 'alice', capabilities: [] }))).did);
  await world.finish(first.host.stop());
  const { identities } = await loadIdentities(first.store);
  for (const stored of identities) if (stored.name === 'bad') await keepIdentity(first.store, { ...stored, capabilities: [`read:${'x'.repeat(300)}`] });
  await world.pass(3 * day_ms);
  const again = unwrap(await world.start('a', first));
  context.after(() => world.finish(again.host.stop()));
  await world.pass(1000);
  const failed = again.facts.filter(({ kind }) => kind === 'identity.publish.failed');
  assert.equal([...new Set(failed.map(({ name, code }) => `${String(name)} ${String(code)}`))], ['bad RECORD_INVALID']);
  const published = again.facts.filter(({ kind }) => kind === 'identity.published').map(({ name }) => name);
  assert.equal(new Set(published), new Set(['a', 'alice', 'good']));
});

test('a host knows its own records as soon as it runs, however long others take to store them, and stops without waiting for them', async (context) => {
  let is_stuck = false;
  const world = new HostWorld({
    count: 0,
    interpose: (network) => interposed(network, {
      put: (namespace, key, value, options) => !is_stuck ? network.put(namespace, key, value, options) : new Promise((resolve) => {
        options.signal.addEventListener('abort', () => resolve(fail('PEER_TIMEOUT', 'nobody answered')));
      }),
    }),
  });
  context.after(() => world.close());
  const first = unwrap(await world.start('a'));
  const sponsor = await world.get(first.actions.createSponsor('alice', 'human'));
  await world.finish(first.host.stop());
  await world.pass(3 * day_ms);
  is_stuck = true;
  const began_ms = world.simulator.now_ms;
  const again = unwrap(await world.start('a', first));
  assert.is(world.simulator.now_ms, began_ms);
  for (const did of [sponsor.did, again.host.identities.node.did]) {
    assert.ok((again.host.identity.known(did)?.document.expires ?? 0) > world.simulator.now_ms, 'signed anew');
  }
  await world.pass(100);
  await world.finish(again.host.stop());
  assert.is(world.simulator.now_ms, began_ms + 100, 'nor does it wait as it stops');
});

test('a stop waits for what is being written', async () => {
  const world = new HostWorld({ count: 0, write_ms: 500 });
  const { host, store } = unwrap(await world.start('a'));
  await world.pass(100);
  await world.finish(host.stop());
  const { batch } = store;
  let late = 0;
  store.batch = (...given) => {
    late += 1;
    return batch.apply(store, given);
  };
  await world.pass(60_000);
  assert.is(late, 0);
});

test('a start that throws is a failure that leaves nothing running', async () => {
  const networks: Network[] = [];
  const world = new HostWorld({
    count: 0,
    interpose: (network) => {
      networks.push(network);
      return interposed(network, {
        start: async () => {
          await network.start();
          throw new Error('the disk is full');
        },
      });
    },
  });
  const failure = failureOf(await world.start('a'));
  assert.is(failure.code, 'NODE_START_FAILED');
  assert.match(failure.reason, 'the disk is full');
  assert.ok(failure.cause instanceof Error);
  assert.equal(networks.map((network) => network.addresses()), [[]], 'the network is stopped');
});

test('a part that cannot stop does not keep the others from it', async () => {
  const world = new HostWorld({ count: 0, interpose: (network) => interposed(network, { stop: () => Promise.reject(new Error('stuck')) }) });
  const { host } = unwrap(await world.start('a'));
  const reason = await world.finish(host.stop().then(() => 'it stopped', String));
  assert.match(reason, 'stuck');
  assert.is(codeOf(await host.log.append({ subject: host.identities.node.did, payload: new Uint8Array(1) }, { durable: false, with: [] })), 'AUDIT_CLOSED');
});

test('an agent is attested again before its attestation ends, or when its host comes back, unless its sponsor took that back', async (context) => {
  const world = new HostWorld({ count: 0 });
  context.after(() => world.close());
  let host = unwrap(await world.start('a'));
  await world.get(host.actions.createSponsor('alice', 'human'));
  const names = ['kept', 'dropped'];
  for (const name of names) await world.get(host.actions.createAgent({ name, sponsor: 'alice', capabilities: [] }));
  await world.get(host.actions.revoke('alice', 'sponsorship', 'dropped', 'the end'));
  const attestations = (): readonly (readonly string[])[] => names.map((name) => host.host.identities.find(name)?.attestations ?? []);
  const backAfter = async (ms: number): Promise<void> => {
    await world.finish(host.host.stop());
    await world.pass(ms);
    host = unwrap(await world.start('a', host));
    await world.pass(1000);
  };
  const [kept, dropped] = attestations();
  await backAfter(59 * day_ms);
  assert.equal(attestations(), [kept, dropped], 'it has a month left');
  await backAfter(2 * day_ms);
  const [renewed] = attestations();
  assert.is.not(renewed?.[0], kept?.[0]);
  assert.equal(attestations()[1], dropped, 'what the sponsor took back stays so');
  const did = host.host.identities.find('kept')?.did ?? '';
  assert.equal(host.host.identity.known(did)?.attestations, renewed, 'published');
  await backAfter(1000);
  assert.equal(attestations(), [renewed, dropped], 'and stored');
  await backAfter(100 * day_ms);
  assert.is.not(attestations()[0]?.[0], renewed?.[0], 'one that has ended, too');
  await world.finish(host.host.stop());
});

test('those who come and go set off few publications, and cannot put off the one that is due', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const host = world.at(0);
  await world.hire(0, 'a');
  await world.pass(10_000);
  const published = (): number => host.facts.filter(({ kind, name }) => kind === 'identity.published' && name === 'a').length;
  for (const [period_ms, count] of [[200, 100], [1000, 30]] as const) {
    const before = published();
    for (let index = 0; index < count; index += 1) {
      const stranger = await world.stranger(`stranger-${period_ms}-${index}`, host);
      await world.pass(period_ms);
      await world.finish(stranger.stop());
    }
    const runs = published() - before;
    assert.ok(runs >= 1 && runs <= 1 + period_ms * count / 5000, `${runs} while ${count} came and went`);
    await world.pass(60_000);
    // The one under way, and one for those who came meanwhile.
    assert.ok(published() - before <= runs + 2, 'and it ends with them');
  }
});

test('a disk that fails for a while ends nothing: what is done again and again goes on', async (context) => {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  process.on('unhandledRejection', note);
  context.after(() => void process.off('unhandledRejection', note));
  const world = await hostWorld(context, { count: 2 });
  const host = world.at(0);
  const { store } = host;
  const { get, batch, entries } = store;
  const broken = (): never => {
    throw new Error('no space left on the disk');
  };
  Object.assign(store, { get: () => Promise.reject(new Error('unreadable')), batch: () => Promise.reject(new Error('no space left on the disk')), entries: broken });
  await world.stranger('stranger', host);
  await world.connect(host, await world.add('third'));
  await world.pass(15 * 60_000);
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
  assert.equal(rejections, []);
  const failed = new Set(host.facts.map(({ kind }) => kind).filter((kind) => kind.endsWith('failed')));
  for (const kind of ['identity.publish.failed', 'message.prune.failed']) assert.ok(failed.has(kind), `${kind} is told: ${[...failed].join()}`);
  Object.assign(store, { get, batch, entries });
  host.facts.splice(0);
  await world.stranger('another', host);
  await world.pass(60_000);
  assert.ok(host.facts.some(({ kind }) => kind === 'identity.published'), 'and works when the disk does');
});

test.run();
