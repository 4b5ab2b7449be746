/** Rate caveats at the executor: counted exactly, over all holders, at every level, also after a restart. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { parseChain, parseInvocation, verifyChain, type Chain, type Invocation } from '../../crypto/chain.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import { foreign_uses_max } from '../../protocols/message/constants.ts';
import { Rates } from '../../protocols/message/rates.ts';
import type { Receipt } from '../../protocols/message/index.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { chainOf, evidenceOf } from '../chains.ts';
import { suite } from '../harness.ts';
import { agentOf, directory, person, start_ms, start_s } from '../people.ts';
import { hostWorld } from '../simulated-hosts.ts';

const test = suite('protocols/rates');
const sponsor = await person('sponsor');
const [a, b, c] = [await agentOf(sponsor, 'a'), await agentOf(sponsor, 'b'), await agentOf(sponsor, 'c')];
const { known } = directory([sponsor, a, b, c]);

function chained(tokens: readonly string[]): Chain {
  return unwrap(verifyChain(unwrap(parseChain(tokens)), evidenceOf(known)));
}

/** Two holders below one link that permits 3 uses in 10 s; the second holder's own link permits 2 in 10 s. */
async function chains(): Promise<readonly [Chain, Chain, Chain]> {
  const shared = { from: sponsor, to: a, cap: ['read:**'], cav: { rate: [3, 10] } };
  const [root, to_b] = [await chainOf([shared]), await chainOf([shared, { from: a, to: b, cap: ['read:x'] }])];
  const to_c = await chainOf([shared, { from: a, to: c, cap: ['read:x'], cav: { rate: [2, 10] } }]);
  return [chained(root), chained(to_b), chained(to_c)];
}

let nonces = 0;

async function invocation(): Promise<Invocation> {
  nonces += 1;
  return unwrap(parseInvocation(await createToken('mesh-inv+jwt', a.signer, {
    aud: b.did, sub: sponsor.did, cmd: 'read:x', args_h: 'A'.repeat(43), prf: null, nonce: Buffer.from(sha256(utf8(`nonce ${nonces}`)).subarray(0, 16)).toString('base64url'),
    iat: start_s, exp: start_s + 60, chl: 's', v: 1,
  })));
}

class Clock {
  now_ms = start_ms;

  now(): number {
    return this.now_ms;
  }
}

async function ratesOver(store: Store, clock: Clock): Promise<Rates> {
  const rates = new Rates({ clock, store });
  await rates.load();
  return rates;
}

async function memory(): Promise<Store> {
  return unwrap(await openStore({ kind: 'memory' }));
}

/** Takes a use and stores it, as the decision's batch does; gives the code of a refusal. */
async function take(rates: Rates, store: Store, chain: Chain, given?: Invocation, is_foreign = false): Promise<string> {
  const taken = rates.take(chain, given ?? await invocation(), is_foreign);
  if (!taken.ok) return taken.failure.code;
  await store.batch(taken.value, { sync: true });
  return 'ok';
}

test('all holders below a link share its uses, each link is counted, and the refusal says when the next use is free', async () => {
  const [store, clock] = [await memory(), new Clock()];
  const rates = await ratesOver(store, clock);
  const [direct, to_b, to_c] = await chains();
  assert.equal([await take(rates, store, to_c), await take(rates, store, to_c), await take(rates, store, to_c)], ['ok', 'ok', 'INVOCATION_RATE'], 'the second holder has two of his own');
  clock.now_ms += 4_000;
  assert.equal([await take(rates, store, to_b), await take(rates, store, to_b), await take(rates, store, direct)], ['ok', 'INVOCATION_RATE', 'INVOCATION_RATE'], 'three in all');
  const refused = rates.take(direct, await invocation(), false);
  assert.ok(!refused.ok);
  assert.equal([refused.failure.detail, refused.failure.fix], [{ step: 14, link: 0 }, 'the same from 2026-01-01T00:00:10.000Z on']);
  clock.now_ms = start_ms + 9_999;
  assert.is(await take(rates, store, direct), 'INVOCATION_RATE');
  clock.now_ms = start_ms + 10_000;
  assert.equal([await take(rates, store, direct), await take(rates, store, to_b), await take(rates, store, direct)], ['ok', 'ok', 'INVOCATION_RATE'], 'the window slides');
});

test('a repetition of an invocation counts once, and a chain without a rate is not counted', async () => {
  const [store, clock] = [await memory(), new Clock()];
  const rates = await ratesOver(store, clock);
  const [direct] = await chains();
  const once = await invocation();
  assert.equal([await take(rates, store, direct, once), await take(rates, store, direct, once), await take(rates, store, direct, once), await take(rates, store, direct, once)], ['ok', 'ok', 'ok', 'ok']);
  assert.is(rates.size, 1);
  const free = chained(await chainOf([{ from: sponsor, to: a, cap: ['read:y'] }]));
  assert.equal(unwrap(rates.take(free, await invocation(), false)), []);
  assert.equal(unwrap(rates.take(undefined, await invocation(), false)), []);
  assert.is(rates.size, 1);
});

test('a restart forgets no use, and what counts no more is dropped from memory and store', async () => {
  const [store, clock] = [await memory(), new Clock()];
  const [direct, , to_c] = await chains();
  const before = await ratesOver(store, clock);
  assert.equal([await take(before, store, to_c), await take(before, store, to_c), await take(before, store, direct)], ['ok', 'ok', 'ok']);
  clock.now_ms += 9_000;
  const after = await ratesOver(store, clock);
  assert.is(after.size, 5);
  assert.equal([await take(after, store, to_c), await take(after, store, direct)], ['INVOCATION_RATE', 'INVOCATION_RATE']);
  clock.now_ms += 1_001;
  await after.prune();
  assert.is(after.size, 0);
  for await (const [key] of store.entries('use', {})) assert.unreachable(`${key.length} bytes are left`);
  assert.is((await ratesOver(store, clock)).size, 0);
  assert.is(await take(after, store, to_c), 'ok');
});

test('memory is bounded, and strangers do not take the place of those whom somebody here honours', async () => {
  const [store, clock] = [await memory(), new Clock()];
  const rates = await ratesOver(store, clock);
  const [direct] = await chains();
  const foreign = await Promise.all([0, 1, 2].map(async (salt) => chained(await chainOf([{ from: sponsor, to: a, cap: ['read:**'], cav: { rate: [10_000, 2_678_400] } }], `foreign ${salt}`))));
  const template = await invocation();
  const codes = new Map<string, number>();
  for (let index = 0; index < foreign_uses_max + 10; index += 1) {
    const given = { ...template, token: { ...template.token, hash: sha256(utf8(`use ${index}`)) } };
    const taken = rates.take(foreign[index % 3], given, true);
    const code = taken.ok ? 'ok' : taken.failure.code;
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  assert.equal([...codes], [['ok', foreign_uses_max], ['INVOCATION_RATE', 10]]);
  assert.is(await take(rates, store, direct), 'ok');
});

test('in no window are there more uses than permitted, and none is refused that would fit', async () => {
  const [direct] = await chains();
  const template = await invocation();
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(6000), { minLength: 1, maxLength: 40 }), async (waits) => {
    const clock = new Clock();
    const store = await memory();
    let rates = await ratesOver(store, clock);
    const uses: number[] = [];
    for (const [index, wait] of waits.entries()) {
      clock.now_ms += wait;
      const given = { ...template, token: { ...template.token, hash: sha256(utf8(`use ${index}`)) } };
      const expected = uses.filter((time) => time > clock.now_ms - 10_000).length < 3 ? 'ok' : 'INVOCATION_RATE';
      assert.is(await take(rates, store, direct, given), expected);
      if (expected === 'ok') uses.push(clock.now_ms);
      if (wait % 5 === 0) rates = await ratesOver(store, clock);
    }
  }), { numRuns: 60 });
});

test('over hosts: a delegation that is used up is refused with a receipt, also after the executor restarted', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [caller, helper] = [await world.hire(0, 'caller'), await world.hire(0, 'helper')];
  const desk = await world.hire(1, 'desk', { roots: [world.sponsor(0).did], serve: () => 'done' });
  const { actions } = world.at(0);
  const { delegation } = await world.get(actions.delegate({ from: 'sponsor-0', to: caller.did, capabilities: ['read:**'], caveats: { rate: [3, 3600] } }));
  const { delegation: below } = await world.get(actions.delegate({ from: 'caller', to: helper.did, capabilities: ['read:x'], parent: delegation.id }));
  const call = async (from: string, id: string, invocation?: string): Promise<{ readonly receipt: Receipt; readonly invocation: string }> =>
    world.get(actions.call({ from, to: desk.did, command: 'read:x', delegation: id, ...(invocation === undefined ? {} : { invocation }) }));
  const first = await call('caller', delegation.id);
  assert.is((await call('helper', below.id)).receipt.verdict, 'allow');
  assert.is((await call('caller', delegation.id, first.invocation)).receipt.verdict, 'allow', 'the same again counts once');
  assert.is((await call('caller', delegation.id)).receipt.verdict, 'allow');
  const fourth = (await call('helper', below.id)).receipt;
  assert.equal([fourth.verdict, fourth.code], ['deny', 'INVOCATION_RATE']);
  assert.match(fourth.reason, /what would pass: the same from 2026/);
  await world.restart(1);
  world.employ(1, unwrap(world.at(1).actions.own('desk')), () => 'done');
  await world.get(world.at(0).host.identity.resolve(desk.did, { fresh: true }));
  assert.is((await call('caller', delegation.id)).receipt.code, 'INVOCATION_RATE', 'the uses were not forgotten');
  const entries: unknown[] = [];
  for await (const entry of world.at(1).host.log.entries({ from: 0, to: world.at(1).host.log.size() })) {
    const { payload } = unwrap(entry);
    const record: { readonly kind?: string; readonly delegation?: { readonly chain?: string; readonly depth: number; readonly root: string } | null } = payload === undefined ? {} : JSON.parse(new TextDecoder().decode(payload));
    if (record.kind === 'decision' && record.delegation !== null && record.delegation !== undefined) entries.push([record.delegation.chain, record.delegation.depth, record.delegation.root]);
  }
  const root = world.sponsor(0).did;
  assert.equal(entries.slice(0, 3), [[delegation.id, 1, root], [below.id, 2, root], [delegation.id, 1, root]], 'step 16: the decision names chain, depth and root');
});

test.run();
