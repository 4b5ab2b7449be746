/** What is remembered of chains: it must never change a verdict, and hostile chains must stay cheap. */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { toBase64url } from '../../crypto/bytes.ts';
import { chain_links_max, parseChain, verifyChain, type Delegation, type Evidence } from '../../crypto/chain.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { unwrap } from '../../crypto/result.ts';
import { chainOf, day_s, evidenceOf, type LinkPlan } from '../chains.ts';
import { suite } from '../harness.ts';
import { agentOf, directory, person, start_s } from '../people.ts';

const test = suite('crypto/chain-cache');
const sponsor = await person('sponsor');
const a = await agentOf(sponsor, 'a');
const b = await agentOf(sponsor, 'b');
const c = await agentOf(sponsor, 'c');
const mallory = await agentOf(sponsor, 'mallory');
const gone = new Map([[a.did, await agentOf(sponsor, 'a', { deactivated: true })], [b.did, await agentOf(sponsor, 'b', { deactivated: true })]]);
const { known } = directory([sponsor, a, b, c, mallory]);

const first: LinkPlan = { from: sponsor, to: a, cap: ['read:**', 'write:**'] };
const second: LinkPlan = { from: a, to: b, cap: ['read:**'], exp: start_s + day_s };
const third: LinkPlan = { from: b, to: c, cap: ['read:x'], exp: start_s + 3600 };

/** How often signatures are checked while `work` runs. */
function verifications(work: () => void): number {
  const { verify } = crypto;
  let count = 0;
  const counting = (...given: Parameters<typeof verify>): ReturnType<typeof verify> => {
    count += 1;
    return verify(...given);
  };
  Object.assign(crypto, { verify: counting });
  syncBuiltinESMExports();
  try {
    work();
  } finally {
    Object.assign(crypto, { verify });
    syncBuiltinESMExports();
  }
  return count;
}

function verdict(links: readonly Delegation[], evidence: Evidence): unknown {
  const result = verifyChain(links, evidence);
  return result.ok ? [result.value.holder, result.value.caveats, result.value.exp, toBase64url(result.value.hash)] : [result.failure.code, result.failure.reason, result.failure.detail];
}

/** What one host knows, and what may happen to it. */
class World {
  now_s: number = start_s;
  state: object = {};
  readonly revoked = new Set<string>();
  readonly revoked_keys = new Set<string>();
  readonly missing = new Set<string>();
  readonly deactivated = new Set<string>();
  readonly unsponsored = new Set<string>();

  change(set: ReadonlySet<string> & { add(item: string): unknown; delete(item: string): unknown }, item: string): void {
    if (set.has(item)) set.delete(item);
    else set.add(item);
    this.state = {};
  }

  evidence(with_state: boolean): Evidence {
    const record = (did: string): DidRecord | undefined => this.missing.has(did) ? undefined : this.deactivated.has(did) ? gone.get(did)?.record : known(did);
    const failure = { code: 'REVOKED', reason: 'it was revoked' };
    return evidenceOf(record, {
      now_s: this.now_s,
      revoked: (link) => this.revoked.has(link.jti + link.aud) ? failure : undefined,
      revokedKey: (key_id) => this.revoked_keys.has(key_id) ? failure : undefined,
      // As attestations do, sponsorship also ends by time alone.
      unsponsored: ({ did }) => this.unsponsored.has(did) || (did === b.did && this.now_s > start_s + 1800) ? { code: 'SPONSOR_EXPIRED', reason: 'nobody answers' } : undefined,
      ...(with_state ? { state: this.state } : {}),
    });
  }
}

test('what is remembered never changes a verdict, whatever happens in whatever order', async () => {
  const plans: readonly (readonly LinkPlan[])[] = [
    [first], [first, second], [first, second, third], [first, second, { ...third, cap: ['read:y'] }], [first, second, { ...third, signer: mallory.signer }],
    [first, { ...second, signer: mallory.signer }, third], [first, second, { ...third, cap: ['write:x'] }], [{ ...first, cap: ['read:**'] }, { ...second, cap: ['read:x'] }],
    [first, { ...second, claims: { prf: null } }, third], [first, { ...second, from: b }], [first, second, { ...third, to: a }],
  ];
  const made = await Promise.all(plans.map((plan) => chainOf(plan)));
  // A link that is known, under a root that is known, which never belonged together.
  const chains = [...made, [made[7]?.[0] ?? '', made[1]?.[1] ?? '']];
  const operation = fc.oneof(
    fc.record({ kind: fc.constantFrom('link', 'key', 'missing', 'deactivated', 'unsponsored'), who: fc.constantFrom(a, b) }),
    fc.record({ kind: fc.constant('time'), by_s: fc.constantFrom(1, 60, 1800, 3600, day_s, -3600, -60) }),
    fc.record({ kind: fc.constant('check'), chain: fc.nat(chains.length - 1) }),
    fc.record({ kind: fc.constant('check'), chain: fc.constantFrom(0, 1, 2, 3, 7, chains.length - 1) }),
  );
  const seen = new Map<unknown, number>();
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(1), operation), { minLength: 10, maxLength: 60 }), (operations) => {
    const worlds = [new World(), new World()];
    for (const [index, step] of operations) {
      const world = worlds[index];
      if (world === undefined) continue;
      if ('by_s' in step) world.now_s += step.by_s;
      else if ('who' in step) {
        const { kind, who } = step;
        if (kind === 'link') world.change(world.revoked, unwrap(parseChain(chains[2] ?? [])).filter(({ aud }) => aud === who.did).map(({ jti, aud }) => jti + aud)[0] ?? '');
        else if (kind === 'key') world.change(world.revoked_keys, who.signer.key_id);
        else if (kind === 'missing') world.change(world.missing, who.did);
        else if (kind === 'deactivated') world.change(world.deactivated, who.did);
        else world.change(world.unsponsored, who.did);
      } else {
        const links = unwrap(parseChain(chains[step.chain] ?? []));
        const remembered = verdict(links, world.evidence(true));
        // Copies of the links are objects that nothing is remembered of.
        const anew = verdict(links.map((link) => ({ ...link })), world.evidence(false));
        assert.equal(remembered, anew);
        assert.equal(verdict(links, world.evidence(true)), anew, 'and once more');
        const [code] = Array.isArray(anew) ? anew : [];
        seen.set(code, (seen.get(code) ?? 0) + 1);
      }
    }
  }), { numRuns: 400 });
  for (const code of [a.did, b.did, c.did, 'REVOKED', 'CHAIN_ISSUER_UNKNOWN', 'CHAIN_ISSUER_DEACTIVATED', 'SPONSOR_EXPIRED', 'CHAIN_EXPIRED', 'CHAIN_FORGED', 'CHAIN_WIDENED', 'CHAIN_SPLICED', 'CHAIN_LOOP']) {
    assert.ok((seen.get(code) ?? 0) > 0, `${code} was seen`);
  }
});

test('within a second in which nothing becomes known nobody is asked again, and after it everybody is', async () => {
  const tokens = await chainOf([first, second, third], 'asked');
  const world = new World();
  let asked = 0;
  const evidence = (): Evidence => {
    const inner = world.evidence(true);
    return { ...inner, revoked: (link, above) => (asked += 1, inner.revoked(link, above)) };
  };
  const check = (length = 3): number => {
    asked = 0;
    assert.ok(verifyChain(unwrap(parseChain(tokens.slice(0, length))), evidence()).ok);
    return asked;
  };
  assert.equal([check(2), check(3), check(3), check(2)], [2, 1, 0, 0], 'a longer chain is asked about from where the known one ends');
  world.now_s += 1;
  assert.equal([check(), check()], [3, 0], 'a second later');
  world.change(world.revoked, 'another');
  assert.equal([check(), check()], [3, 0], 'after any revocation');
});

test('a forged or overlong chain costs no signature check the second time, and an oversized one none at all', async () => {
  const evidence = evidenceOf(known);
  const check = (tokens: readonly string[]): number => verifications(() => {
    const links = parseChain(tokens);
    assert.not.ok(links.ok && verifyChain(links.value, evidence).ok);
  });
  const [root = ''] = await chainOf([first], 'cost');
  assert.is(check(Array.from({ length: chain_links_max + 1 }, () => root)), 0, 'too many links');
  assert.is(check(Array.from({ length: 8 }, () => 'x'.repeat(2049))), 0, 'too many bytes');
  assert.is(check([root, 'x'.repeat(4097)]), 0, 'too large a link');
  for (const plans of [[first, { ...second, cap: ['delete:x'] }], [first, { ...second, from: mallory }], [{ ...first, exp: start_s + 1, nbf: start_s - day_s }], [{ ...first, from: a, to: b }], [first, { ...second, to: sponsor }]]) {
    assert.is(check(await chainOf(plans, 'cost')), 0, 'refused for what it says');
  }
  const forged = await chainOf([{ ...first, signer: mallory.signer }], 'forged');
  assert.equal([check(forged), check(forged)], [1, 0], 'a bad signature is remembered');
});

test('nobody can spoil a good token by what he sends before it', async () => {
  const tokens = await chainOf([first, second], 'poison');
  const [root = '', leaf = ''] = tokens;
  const evidence = evidenceOf(known);
  const cut = leaf.lastIndexOf('.');
  for (const bad of [
    `${leaf.slice(0, cut)}.${'A'.repeat(86)}`, `${leaf}=`, leaf.slice(0, -1), `${leaf.slice(0, cut)}.`, leaf.replace('.', '..'), ` ${leaf}`, `${leaf} `, leaf.toUpperCase(),
  ]) {
    const links = parseChain([root, bad]);
    assert.not.ok(links.ok && verifyChain(links.value, evidence).ok, bad.slice(-20));
  }
  assert.is(parseChain([leaf]).ok && verifyChain(unwrap(parseChain([leaf])), evidence).ok, false, 'without its root');
  assert.ok(verifyChain(unwrap(parseChain(tokens)), evidence).ok);
  // Another key under the same name does not answer for the right one, in either order.
  const other = { ...a.record, document: { ...a.record.document, methods: a.record.document.methods.map((method) => ({ ...method, key: mallory.signer.key.public_key })) } };
  const wrong = evidenceOf((did) => (did === a.did ? other : known(did)));
  const codeOf = (): string => {
    const result = verifyChain(unwrap(parseChain(tokens)), wrong);
    return result.ok ? 'accepted' : result.failure.code;
  };
  assert.is(codeOf(), 'CHAIN_FORGED');
  assert.ok(verifyChain(unwrap(parseChain(tokens)), evidence).ok);
});

test.run();
