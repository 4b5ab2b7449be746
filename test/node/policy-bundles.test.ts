import * as assert from 'uvu/assert';
import { concat, fromBase64url, toBase64url, toHex, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap, type Failure } from '../../crypto/result.ts';
import { policyChecks } from '../../node/control/policy-methods.ts';
import { Sponsoring } from '../../node/sponsoring.ts';
import { encodeBundle, type BundleContent } from '../../protocols/bundle/index.ts';
import { bundle_protocol } from '../../protocols/bundle/constants.ts';
import { encodeFailure } from '../../protocols/reply.ts';
import { suite } from '../harness.ts';
import { codeOf, interposed } from '../simulated-hosts.ts';
import { allowing, bundleWorld } from './bundle-world.ts';

const test = suite('node/policy-bundles');
const wires = { latency_ms: [5, 40] } as const;

function encodedAs(content: BundleContent): Uint8Array {
  return unwrap(encodeBundle(content)).bytes;
}

test('a bundle reaches every follower within two seconds, decides there, and stands in the log with its digests', async (context) => {
  const at = await bundleWorld(context, { count: 6, ...wires });
  assert.is(await at.verdict(1, 'delete'), 'allow', 'its host allows everything that is ordinary');
  await at.publish(allowing('read', 'write'));
  const spread_ms = await at.until(1, 1, 2, 3, 4, 5);
  assert.ok(spread_ms <= 2000, `${spread_ms} ms`);
  assert.is(await at.verdict(1, 'read'), 'allow');
  assert.is(await at.verdict(1, 'delete'), 'KERNEL_DENIED');
  await at.publish(allowing('read'));
  assert.ok(await at.until(2, 1, 2, 3, 4, 5) <= 2000);
  assert.is(await at.verdict(3, 'write'), 'KERNEL_DENIED');
  const [first, second, ...more] = await at.records(3, 'policy-change');
  assert.equal(more, []);
  const { after: digests, ...rest } = first ?? {};
  assert.equal({ ...rest, time_ms: 0, statement: '' }, { kind: 'policy-change', layer: 'organisation', by: at.org.did, of: at.org.did, name: 'default', version: 1, statement: '', before: [], time_ms: 0 });
  assert.equal(second?.['before'], digests);
  const decided = (await at.records(3, 'decision')).at(-1);
  assert.ok(Array.isArray(decided?.['policies']) && decided['policies'].includes(at.bundle(3)?.policies?.[0]?.digest), 'a decision names the bundle that it rests on');
});

test('what is published already makes no new version; a dry run tells what would, and refuses who may not', async (context) => {
  const at = await bundleWorld(context, { count: 2, ...wires });
  const { world } = at;
  const { publishing } = world.at(0).host.policies;
  const files = (text: string): readonly { readonly file: string; readonly text: string }[] => [{ file: 'policy.yaml', text }];
  const dry = await world.get(publishing.publish(at.org, 'default', files(allowing('read')), { dry: true }));
  assert.equal([dry.version, dry.unchanged], [1, false]);
  await world.pass(3000);
  assert.is(at.version(1), 0, 'nobody heard of it');
  const first = await world.get(publishing.publish(at.org, 'default', files(allowing('read'))));
  assert.is(first.digest, dry.digest);
  assert.equal(await world.get(publishing.publish(at.org, 'default', files(allowing('read')))), { ...first, unchanged: true });
  assert.is((await world.get(publishing.publish(at.org, 'default', files(allowing('write')), { dry: true }))).version, 2);
  assert.is((await world.get(publishing.publish(at.org, 'default', files(allowing('write'))))).version, 2);
  assert.is((await world.get(publishing.publish(at.org, 'default', files(allowing('read'))))).version, 3, 'going back is a new version');
  await at.until(3, 1);
  const alice = await world.get(world.at(0).actions.createSponsor('alice', 'human'));
  assert.is(codeOf(await world.finish(publishing.publish(alice, 'default', files(allowing('read')), { dry: true }))), 'BUNDLE_ISSUER');
});

test('an organisation that only denies is told that it halts all who follow; who is denied hears whose bundle it was; both ways to mend it work', async (context) => {
  const at = await bundleWorld(context, { count: 2, ...wires });
  const { world } = at;
  const { publishing } = world.at(0).host.policies;
  const denying = 'version: "1.0"\nrules:\n  - { name: no-secrets, condition: "action.type == \'leak\'", action: deny }\n';
  const give = async (text: string, name = 'default', dry = false): Promise<readonly Failure[]> => (await world.get(publishing.publish(at.org, name, [{ file: 'org.yaml', text }], { dry }))).warnings;
  const refusal = async (type: string): Promise<readonly unknown[]> => {
    const outcome = await world.finish(at.act(1, type));
    return outcome.ok ? ['allow'] : [outcome.failure.code, outcome.failure.reason, outcome.failure.fix, outcome.failure.detail?.['policy']];
  };
  const shadow = allowing('read').replace('name:', 'mode: shadow\nname:');
  assert.equal(await give(shadow, 'default', true), [], 'what is in shadow denies nothing');
  const beside = await world.get(publishing.publish(at.org, 'default', [{ file: 'org.yaml', text: denying }, { file: 'shadow.yaml', text: shadow }], { dry: true }));
  assert.is(beside.warnings.length, 1, 'nor does it allow anything');
  const [dry, ...more] = await give(denying, 'default', true);
  assert.equal([dry?.code, more], ['DENIES_EVERYTHING', []]);
  assert.match(dry?.reason ?? '', /^no bundle of acme allows anything/);
  assert.equal(await give(denying), [dry], 'it is published all the same');
  assert.equal(await give(denying), [dry], 'and said again');
  await at.until(1, 1);
  assert.equal(await refusal('read'), ['KERNEL_DENIED', 'bundle default of organisation acme: no rule of default@1/org.yaml allows it', 'agentmesh policy bundles', 'default@1/org.yaml']);
  const example = /- \{.*?\}/.exec(dry?.fix ?? '')?.[0] ?? '';
  assert.equal(await give(`${denying}  ${example}\n`), []);
  await at.until(2, 1);
  assert.equal(await refusal('read'), ['allow']);
  assert.match(String((await refusal('leak'))[1]), /^bundle default of organisation acme: rule no-secrets denies because /);
  assert.equal(await give(`kind: guard\n${denying}`), []);
  await at.until(3, 1);
  assert.equal([(await refusal('read'))[0], (await refusal('leak'))[0]], ['allow', 'KERNEL_DENIED']);
  // All bundles of an organisation are one layer.
  assert.equal(await give(allowing('read'), 'more'), []);
  assert.equal(await give(denying, 'default', true), [], 'another bundle of it allows something');
  assert.equal((await give(denying, 'more', true)).map(({ code }) => code), ['DENIES_EVERYTHING'], 'a guard allows nothing beside what only denies');
});

test('who begins to follow hears whether what is known already came in force, or why not', async (context) => {
  const at = await bundleWorld(context, { count: 3, ...wires });
  const { world } = at;
  const { bundles } = world.at(2).host.policies;
  await world.get(bundles.unfollow(at.org.did));
  await at.publish(allowing('read'));
  await at.until(1, 1);
  await world.pass(2000);
  assert.is(at.version(2), 0);
  await at.follow(2);
  assert.is(at.version(2), 0, 'it has to be fetched first');
  await world.finish(bundles.judged(at.org.did, 5000));
  assert.is(at.version(2), 1);
});

test('a foreign signer is refused: nobody obeys who was not named, and only organisations can be', async (context) => {
  const at = await bundleWorld(context, { count: 3, ...wires });
  const { world } = at;
  await at.publish(allowing('read'));
  await at.until(1, 1, 2);
  const stranger = await world.get(world.at(2).actions.createSponsor('stranger', 'org'));
  const alice = await world.get(world.at(2).actions.createSponsor('alice', 'human'));
  await world.get(world.at(2).host.policies.publishing.publish(stranger, 'default', [{ file: 'policy.yaml', text: allowing('delete') }]));
  await world.pass(5000);
  assert.ok(world.at(1).facts.some(({ kind, code, issuer }) => kind === 'bundle.refused' && code === 'BUNDLE_FOREIGN' && issuer === stranger.did));
  assert.ok(world.at(1).host.statement_store.bundles().some(({ iss }) => iss === stranger.did), 'it is passed on to those who follow');
  assert.is(await at.verdict(1, 'delete'), 'KERNEL_DENIED');
  assert.is(await at.verdict(1, 'read'), 'allow');
  assert.equal(await at.records(1, 'policy-refused'), [], 'strangers write nothing into the log');
  const { bundles } = world.at(1).host.policies;
  assert.is(codeOf(await world.finish(bundles.follow(alice.did, { by: 'named', required: false }))), 'BUNDLE_ISSUER');
  assert.is(codeOf(await world.finish(world.at(2).host.policies.publishing.publish(alice, 'default', [{ file: 'policy.yaml', text: allowing('delete') }]))), 'BUNDLE_ISSUER');
  // Signed by a human all the same, it is nobody's policy.
  const { statement } = await at.stated(allowing('delete'), 9, {}, alice.signer);
  await world.get(world.at(2).host.statements.publish(statement));
  await world.pass(3000);
  assert.is(at.version(1), 1);
});

test('whoever has a retired key of an organisation puts nothing in force by dating it back; the organisation overtakes it, and is heard by newcomers', async (context) => {
  const at = await bundleWorld(context, { count: 4, ...wires });
  const { world } = at;
  await world.get(world.at(3).host.policies.bundles.unfollow(at.org.did));
  await at.publish(allowing('read'));
  await at.until(1, 1, 2);
  const thief = at.org.signer;
  const dated_s = at.now_s;
  await world.pass(60_000);
  await world.get(world.at(0).host.identities.rotate(at.org.did));
  await world.finish(world.at(0).host.policies.publishing.renew());
  await world.pass(60_000);
  await at.follow(3);
  await at.until(1, 3);
  const { statement, bytes } = await at.stated(allowing('delete'), 9, { nbf: dated_s, exp: dated_s + 86_400 }, thief);
  at.served.set(toHex(sha256(bytes)), bytes);
  await world.get(world.at(2).host.statements.publish(statement));
  await world.pass(5000);
  for (const index of [1, 2, 3]) {
    assert.equal([at.version(index), at.doubt(index)], [1, 'BUNDLE_KEY_RETIRED']);
    assert.is(await at.verdict(index, 'delete'), 'KERNEL_DENIED');
    assert.is(await at.verdict(index, 'read'), 'allow');
  }
  await world.pass(3_600_000);
  await at.until(10, 1, 2, 3);
  assert.is(await at.verdict(1, 'read'), 'allow');
  assert.is(await at.verdict(1, 'delete'), 'KERNEL_DENIED');
});

test('a downgrade is refused for good: while the newer one lives, after it has run out, and after a restart; what has run out stays in force', async (context) => {
  const at = await bundleWorld(context, { count: 3, ...wires });
  const { world } = at;
  await at.issue(allowing('read', 'write'), 1);
  await at.issue(allowing('read'), 2);
  await at.until(2, 1, 2);
  const old = await at.stated(allowing('read', 'write'), 1);
  assert.is(codeOf(await world.finish(world.at(2).host.statements.publish(old.statement))), 'STATEMENT_STALE');
  await world.halt(0, 1, 2);
  await world.pass(32 * 86_400_000);
  for (const index of [0, 1, 2]) await at.restart(index);
  assert.is(world.at(1).host.statement_store.bundles().length, 0, 'the statement is forgotten');
  assert.is(await at.verdict(1, 'write'), 'KERNEL_DENIED', 'what it says is not');
  assert.ok((at.bundle(1)?.standing?.exp ?? Infinity) < at.now_s);
  await at.issue(allowing('read', 'write'), 1);
  await world.until('it is heard', () => at.doubt(1) !== undefined);
  assert.is(at.doubt(1), 'BUNDLE_DOWNGRADE');
  await at.restart(1);
  await world.until('it is looked at again', () => at.doubt(1) !== undefined);
  assert.is(at.doubt(1), 'BUNDLE_DOWNGRADE');
  assert.is(at.version(1), 2);
  assert.is(await at.verdict(1, 'write'), 'KERNEL_DENIED');
  const checks = await world.finish(policyChecks(world.at(1).host));
  assert.equal(checks.map(({ name, state, text }) => [name, state, text]), [
    ['policies of acme, default', 'warning', 'version 2 has run out and stays in force'], ['policies of acme, default', 'warning', 'version 1 is not in force: version 1 is below version 2, which was in force here'],
  ]);
  const refusals = await at.records(1, 'policy-refused');
  assert.equal(refusals.map(({ code, version }) => [code, version]), [['BUNDLE_DOWNGRADE', 1], ['BUNDLE_DOWNGRADE', 1]], 'once a run');
});

test('a newer version that has run out before it comes is not taken', async (context) => {
  const at = await bundleWorld(context, { count: 2, ...wires });
  await at.issue(allowing('read'), 1);
  await at.until(1, 1);
  await at.world.halt(1);
  await at.issue(allowing('read', 'delete'), 2, { exp: at.now_s + 60 });
  await at.world.pass(90_000);
  await at.restart(1);
  await at.world.until('it is heard', () => at.doubt(1) !== undefined);
  assert.equal([at.doubt(1), at.version(1)], ['BUNDLE_EXPIRED', 1]);
});

test('what is signed counts: tampered, endless and absent bytes are left, and others have the bundle', async (context) => {
  const answers = new Map<string, () => Promise<Uint8Array>>([
    ['host-2', () => Promise.resolve(new Uint8Array(700))],
    ['host-3', () => Promise.resolve(new Uint8Array(100 * 1_048_576))],
    ['host-4', () => new Promise(() => undefined)],
    ['host-5', () => Promise.resolve(encodeFailure({ code: 'BUNDLE_UNKNOWN', reason: 'no' }))],
  ]);
  let lies = true;
  const at = await bundleWorld(context, {
    count: 6, ...wires,
    interpose: (network, name) => (name !== 'host-0' ? network : interposed(network, {
      handle: (protocol, limits, handler) => network.handle(protocol, limits, (request, from, signal) => {
        const answer = lies && protocol === bundle_protocol ? answers.get(from) : undefined;
        return answer === undefined ? handler(request, from, signal) : answer();
      }),
    })),
  });
  const { world } = at;
  await at.publish(allowing('read'));
  await at.until(1, 1, 2, 3, 5);
  assert.ok(await at.until(1, 4) <= 12_000, 'who does not answer holds nobody up');
  assert.ok([2, 3].some((index) => world.at(index).facts.some(({ kind, peer }) => kind === 'bundle.tampered' && peer === 'host-0')), 'it is seen');
  for (const index of [1, 4, 5]) assert.not.ok(world.at(index).facts.some(({ kind }) => kind === 'bundle.tampered'), `host ${index} blames nobody`);
  lies = false;
});

test('where nobody gives the right bytes the version before stays, until somebody does', async (context) => {
  let lies = false;
  const at = await bundleWorld(context, {
    count: 3, ...wires,
    interpose: (network, name) => (name !== 'host-0' ? network : interposed(network, {
      handle: (protocol, limits, handler) => network.handle(protocol, limits, async (request, from, signal) => {
        const answer = await handler(request, from, signal);
        return lies && protocol === bundle_protocol ? answer.map((byte, place) => (place === 40 ? byte ^ 1 : byte)) : answer;
      }),
    })),
  });
  await at.publish(allowing('read', 'write'));
  await at.until(1, 1, 2);
  lies = true;
  await at.publish(allowing('read'));
  await at.world.until('it is seen', () => at.doubt(1) !== undefined && at.doubt(2) !== undefined);
  assert.is(at.doubt(1), 'BUNDLE_UNAVAILABLE');
  assert.is(await at.verdict(1, 'write'), 'allow', 'version 1 is in force');
  lies = false;
  await at.until(2, 1, 2);
  assert.is(at.doubt(1), undefined);
  assert.is(await at.verdict(1, 'write'), 'KERNEL_DENIED');
});

test('a bundle that does not compile, calls itself otherwise or is none is refused, on record, and the one before stays', async (context) => {
  const at = await bundleWorld(context, { count: 2, ...wires });
  const { world } = at;
  await at.publish(allowing('read'));
  await at.until(1, 1);
  assert.is(codeOf(await world.finish(world.at(0).host.policies.publishing.publish(at.org, 'default', [{ file: 'a.yaml', text: 'version: "1.0"\nrules: [{' }]))), 'POLICY_INVALID', 'its own host does not sign it');
  const broken = encodedAs({ name: 'default', version: 2, policies: [{ file: 'a.yaml', text: 'version: "1.0"\nrules:\n  - { name: x, condition: "a ==", action: allow }\n' }] });
  const misnamed = encodedAs({ name: 'default', version: 99, policies: [{ file: 'a.yaml', text: allowing('delete') }] });
  const none = utf8('{"agentmesh":"policy-bundle"}');
  for (const [version, bytes, code] of [[2, broken, 'POLICY_INVALID'], [3, misnamed, 'BUNDLE_MISNAMED'], [4, none, 'BUNDLE_MALFORMED']] as const) {
    at.served.set(toHex(sha256(bytes)), bytes);
    const { statement } = await at.stated('', version, { digest: toBase64url(sha256(bytes)), bytes: bytes.length });
    await world.get(world.at(0).host.statements.publish(statement));
    await world.until(code, () => at.bundle(1)?.doubt?.statement.seq === version);
    assert.is(at.doubt(1), code);
    assert.is(at.version(1), 1);
  }
  await world.pass(120_000);
  assert.is(at.askings.count, 3, 'what is bad for good is not fetched again');
  assert.equal((await at.records(1, 'policy-refused')).map(({ code }) => code), ['POLICY_INVALID', 'BUNDLE_MISNAMED', 'BUNDLE_MALFORMED'], 'each once');
  assert.match(String((await at.records(1, 'policy-refused'))[0]?.['reason']), /default@2\/a\.yaml:3:/);
  assert.is(await at.verdict(1, 'delete'), 'KERNEL_DENIED');
  await at.publish(allowing('delete'));
  await at.until(5, 1);
  assert.is(await at.verdict(1, 'delete'), 'allow', 'the next good one is taken');
});

test('who revokes an organisation while its newest bundle is on its way, however slowly, is in time', async (context) => {
  const held: PromiseWithResolvers<void>[] = [];
  let holds = false;
  const at = await bundleWorld(context, {
    count: 2, ...wires,
    interpose: (network, name) => (name !== 'host-0' ? network : interposed(network, {
      handle: (protocol, limits, handler) => network.handle(protocol, limits, async (request, from, signal) => {
        const answer = await handler(request, from, signal);
        if (!holds || protocol !== bundle_protocol) return answer;
        const holding = Promise.withResolvers<void>();
        held.push(holding);
        await holding.promise;
        return answer;
      }),
    })),
  });
  const { world } = at;
  await at.publish(allowing('read'));
  await at.until(1, 1);
  holds = true;
  await at.publish(allowing('read', 'delete'));
  await world.until('it is asked for', () => held.length > 0);
  await world.get(world.at(0).actions.revoke(at.org.did, 'did', at.org.did, 'stolen'));
  await world.until('it is known', () => world.at(1).host.revocation.revokedDid(at.org.did) !== undefined);
  holds = false;
  for (const { resolve } of held) resolve();
  await world.until('it is refused', () => at.doubt(1) === 'BUNDLE_ISSUER_ENDED');
  await world.pass(60_000);
  assert.is(at.version(1), 1);
  assert.is(await at.verdict(1, 'delete'), 'KERNEL_DENIED');
});

test('who comes late gets it from any follower, also when the organisation\'s host is gone', async (context) => {
  const at = await bundleWorld(context, { count: 3, ...wires });
  const { world } = at;
  await at.publish(allowing('read'));
  await at.until(1, 1, 2);
  await world.halt(0);
  const late = await world.add('late');
  await world.connect(late, world.at(1));
  await world.connect(late, world.at(2));
  await world.pass(3000);
  await at.hire(3);
  assert.is(await at.verdict(3, 'delete'), 'allow');
  await at.follow(3);
  await at.until(1, 3);
  assert.is(await at.verdict(3, 'delete'), 'KERNEL_DENIED');
});

test('a restart keeps bundle and mark, with nobody to ask; lost bytes deny everything until a peer has given them again', async (context) => {
  const at = await bundleWorld(context, { count: 3, ...wires });
  const { world } = at;
  await at.publish(allowing('read', 'write'));
  await at.publish(allowing('read'));
  await at.until(2, 1, 2);
  await world.halt(0, 2);
  await at.restart(1);
  assert.is(at.version(1), 2);
  assert.is(await at.verdict(1, 'read'), 'allow');
  assert.is(await at.verdict(1, 'write'), 'KERNEL_DENIED');
  const digest = fromBase64url(at.bundle(1)?.standing?.digest ?? '') ?? new Uint8Array();
  await world.at(1).store.batch([{ space: 'bundle', key: concat(utf8('c'), digest), value: utf8('rotten') }], { sync: true });
  await at.restart(1);
  assert.is(at.version(1), 0);
  const refused = await world.finish(at.act(1, 'read'));
  assert.match(refused.ok ? '' : refused.failure.reason, /cannot be read/);
  await world.restart(2);
  await at.until(2, 1);
  assert.is(await at.verdict(1, 'read'), 'allow');
});

test('what a host kept of an organisation and cannot read denies everything, until it is unfollowed and followed again', async (context) => {
  const at = await bundleWorld(context, { count: 2, ...wires });
  const { world } = at;
  await at.publish(allowing('read'));
  await at.until(1, 1);
  for (const prefix of ['f', 's']) {
    await world.at(1).store.batch([{ space: 'bundle', key: utf8(prefix === 'f' ? `f${at.org.did}` : `s${at.org.did} default`), value: utf8('rotten') }], { sync: true });
    await at.restart(1);
    assert.is(await at.verdict(1, 'read'), 'KERNEL_DENIED', prefix);
    const checks = await world.finish(policyChecks(world.at(1).host));
    assert.ok(checks.some(({ state, text }) => state === 'failed' && text.includes('cannot be read')), prefix);
    await world.get(world.at(1).host.policies.bundles.unfollow(at.org.did));
    assert.is(await at.verdict(1, 'delete'), 'allow', prefix);
    await at.follow(1);
    await at.until(1, 1);
    assert.equal([await at.verdict(1, 'read'), await at.verdict(1, 'delete')], ['allow', 'KERNEL_DENIED'], prefix);
    await at.restart(1);
    assert.equal([await at.verdict(1, 'read'), await at.verdict(1, 'delete')], ['allow', 'KERNEL_DENIED'], `${prefix}, after a restart`);
  }
});

test('without a gap: while bundles change, every decision rests on one version, the old or the new', async (context) => {
  const at = await bundleWorld(context, { count: 2, ...wires, write_ms: 2 });
  const { world } = at;
  const agent = at.agents.get(1);
  const versions = 8;
  const digests = new Set<string>();
  await at.publish(allowing('read', 'act-1'));
  await at.until(1, 1);
  const ended = new AbortController();
  let calls = 0;
  const work = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      calls += 1;
      await Promise.all([at.act(1, 'read'), at.act(1, `act-${calls % versions}`)]);
    }
  };
  const working = Promise.all([work(), work(), work()]);
  for (let version = 1; version <= versions; version += 1) {
    if (version > 1) await at.publish(allowing('read', `act-${version}`));
    await at.until(version, 1);
    digests.add(at.bundle(1)?.policies?.[0]?.digest ?? '');
    await world.pass(40);
  }
  ended.abort();
  await world.finish(working);
  assert.is(digests.size, versions);
  const decisions = (await at.records(1, 'decision')).filter((record) => record['agent'] === agent?.did);
  assert.ok(decisions.length > 300, `${decisions.length} decisions`);
  const seen = new Map<string, number>();
  for (const { policies } of decisions) {
    const of_org = Array.isArray(policies) ? policies.map(String).filter((digest) => digests.has(digest)) : [];
    assert.is(of_org.length, 1, 'exactly one version decides');
    seen.set(of_org[0] ?? '', (seen.get(of_org[0] ?? '') ?? 0) + 1);
  }
  assert.is(seen.size, versions, 'each had its time');
  // In the order of the log the versions only go up.
  const order = [...digests];
  const places = decisions.map(({ policies }) => (Array.isArray(policies) ? order.findIndex((digest) => policies.includes(digest)) : -1));
  assert.equal(places, [...places].sort((a, b) => a - b));
});

test('an organisation that is revoked, or that contradicts itself, changes nothing any more: what it had in force stays', async (context) => {
  const at = await bundleWorld(context, { count: 3, ...wires });
  const { world } = at;
  await at.publish(allowing('read'));
  await at.until(1, 1, 2);
  const [left, right] = [await at.stated(allowing('read', 'write'), 2), await at.stated(allowing('read', 'delete'), 2)];
  await world.finish(world.at(1).host.statements.publish(left.statement));
  await world.finish(world.at(2).host.statements.publish(right.statement));
  await world.until('the proof is known', () => [1, 2].every((index) => world.at(index).host.statement_store.equivocation(at.org.did) !== undefined));
  await at.publish(allowing('delete'));
  await world.until('it is refused', () => [1, 2].every((index) => at.doubt(index) === 'BUNDLE_ISSUER_ENDED'));
  for (const index of [1, 2]) assert.is(at.version(index), 1);
  assert.is(await at.verdict(1, 'delete'), 'KERNEL_DENIED');

  const other = await world.get(world.at(0).actions.createSponsor('other', 'org'));
  const { publishing } = world.at(0).host.policies;
  await world.get(world.at(1).host.policies.bundles.follow(other.did, { by: 'named', required: false }));
  await world.get(publishing.publish(other, 'default', [{ file: 'policy.yaml', text: allowing('read') }]));
  await world.until('it is in force', () => at.bundle(1, other.did)?.policies !== undefined);
  await world.get(world.at(0).actions.revoke(other.did, 'did', other.did, 'stolen'));
  await world.pass(3000);
  await world.finish(publishing.publish(other, 'default', [{ file: 'policy.yaml', text: allowing('delete') }]));
  await world.until('it is refused', () => at.bundle(1, other.did)?.doubt?.failure.code === 'BUNDLE_ISSUER_ENDED');
  assert.is(at.bundle(1, other.did)?.standing?.version, 1);
  assert.is(codeOf(await world.finish(world.at(2).host.policies.bundles.follow(other.did, { by: 'named', required: false }))), 'BUNDLE_ISSUER_ENDED', 'and nobody begins to follow it');
});

test('each organisation is a layer: none can allow what another does not; unfollowing lifts it, the mark stays, and both are on record', async (context) => {
  const at = await bundleWorld(context, { count: 2, ...wires });
  const { world } = at;
  const { bundles } = world.at(1).host.policies;
  const other = await world.get(world.at(0).actions.createSponsor('other', 'org'));
  await world.get(bundles.follow(other.did, { by: 'named', required: false }));
  await at.publish(allowing('read', 'write'));
  await world.get(world.at(0).host.policies.publishing.publish(other, 'default', [{ file: 'policy.yaml', text: allowing('read', 'delete') }]));
  await at.until(1, 1);
  await world.until('both are in force', () => at.bundle(1, other.did)?.policies !== undefined);
  assert.equal([await at.verdict(1, 'read'), await at.verdict(1, 'write'), await at.verdict(1, 'delete')], ['allow', 'KERNEL_DENIED', 'KERNEL_DENIED']);
  await world.get(bundles.unfollow(other.did));
  assert.equal([await at.verdict(1, 'write'), await at.verdict(1, 'delete')], ['allow', 'KERNEL_DENIED']);
  await world.get(bundles.unfollow(at.org.did));
  assert.is(await at.verdict(1, 'delete'), 'allow');
  assert.is(codeOf(await world.finish(bundles.unfollow(at.org.did))), 'BUNDLE_UNFOLLOWED');
  await at.publish(allowing('read'));
  await world.pass(5000);
  assert.is(await at.verdict(1, 'delete'), 'allow', 'nobody is obeyed who is not followed');
  await at.follow(1);
  assert.is(await at.verdict(1, 'delete'), 'KERNEL_DENIED', 'what was in force is so again at once');
  await at.until(2, 1);
  assert.equal((await at.records(1, 'policy-following')).map(({ organisation, follows }) => [organisation === other.did ? 'other' : 'acme', follows]), [['acme', true], ['other', true], ['other', false], ['acme', false], ['acme', true]]);
});

test('without a bundle the host decides alone, unless it was told to wait for one', async (context) => {
  const at = await bundleWorld(context, { count: 3, ...wires });
  await at.follow(2, true);
  assert.is(await at.verdict(1, 'read'), 'allow');
  const refused = await at.world.finish(at.act(2, 'read'));
  assert.match(refused.ok ? '' : refused.failure.reason, /^organisation \S+: this host waits for the first bundle/);
  await at.publish(allowing('read'));
  await at.until(1, 1, 2);
  assert.is(await at.verdict(2, 'read'), 'allow');
});

test('the organisation above who answers for a host is followed by itself, and not again once it was unfollowed', async (context) => {
  const at = await bundleWorld(context, { count: 1, ...wires });
  const { world } = at;
  const { host, actions } = world.at(0);
  await at.hire(0);
  await at.publish(allowing('read'));
  await world.get(actions.createSponsor('olga', 'human', undefined, 'acme'));
  await world.pass(40_000);
  assert.equal(host.policies.bundles.followed(), []);
  await world.get(new Sponsoring(host).host('olga', {}));
  await at.until(1, 0);
  assert.equal(host.policies.bundles.followings().map(({ by, active }) => [by, active]), [['sponsorship', true]]);
  assert.is(await at.verdict(0, 'delete'), 'KERNEL_DENIED');
  await world.get(host.policies.bundles.unfollow(at.org.did));
  await world.pass(120_000);
  assert.equal(host.policies.bundles.followed(), []);
  assert.is(await at.verdict(0, 'delete'), 'allow');
});

test('what cannot be read of an organisation that is followed by itself is not mended by itself: the mark would be lost', async (context) => {
  const at = await bundleWorld(context, { count: 1, ...wires });
  const { world } = at;
  await at.hire(0);
  await at.publish(allowing('read'));
  await at.publish(allowing('read', 'write'));
  await world.get(world.at(0).actions.createSponsor('olga', 'human', undefined, 'acme'));
  await world.get(new Sponsoring(world.at(0).host).host('olga', {}));
  await at.until(2, 0);
  for (const key of [`f${at.org.did}`, `s${at.org.did} default`]) await world.at(0).store.batch([{ space: 'bundle', key: utf8(key), value: utf8('rotten') }], { sync: true });
  await at.restart(0);
  await world.pass(120_000);
  assert.equal(world.at(0).host.policies.bundles.damaged(), [at.org.did]);
  assert.is(await at.verdict(0, 'read'), 'KERNEL_DENIED');
  await at.follow(0);
  await at.until(2, 0);
  assert.is(await at.verdict(0, 'read'), 'allow');
});

test('as long as its host runs, an organisation stands by what it published, in the same version', async (context) => {
  const at = await bundleWorld(context, { count: 2, ...wires });
  await at.publish(allowing('read'));
  await at.until(1, 1);
  const first = at.bundle(1)?.standing;
  await at.world.halt(0, 1);
  await at.world.pass(20 * 86_400_000);
  for (const index of [0, 1]) await at.restart(index);
  await at.world.until('it was signed again', () => (at.bundle(1)?.standing?.exp ?? 0) > (first?.exp ?? 0));
  const standing = at.bundle(1)?.standing;
  assert.equal({ ...standing, exp: 0, statement: '' }, { ...first, exp: 0, statement: '' });
  assert.is((await at.records(1, 'policy-change')).length, 1, 'which is no change');
});

test('a version that another host of the organisation has followed up is not signed again, also when the statement of the newer one is gone', async (context) => {
  const at = await bundleWorld(context, { count: 2, ...wires });
  await at.hire(0);
  await at.follow(0);
  await at.publish(allowing('read', 'delete'));
  await at.issue(allowing('read'), 2);
  await at.until(2, 0, 1);
  await at.world.halt(0, 1);
  await at.world.pass(70 * 86_400_000);
  await at.restart(0);
  await at.world.pass(60_000);
  assert.equal(at.world.at(0).host.statement_store.bundles().map(({ seq }) => seq), []);
  assert.is(at.version(0), 2);
});

test.run();
