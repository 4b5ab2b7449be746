import * as assert from 'uvu/assert';
import { fromBase64url } from '../../crypto/bytes.ts';
import { ok } from '../../crypto/result.ts';
import type { AgentHandler } from '../../node/agents.ts';
import { revocationAge } from '../../node/cli/flags.ts';
import type { ControlApi } from '../../node/control/api.ts';
import type { RevocationPreview } from '../../node/control/views.ts';
import { didMethods } from '../../node/control/did-methods.ts';
import { revocationMethods } from '../../node/control/revocation-methods.ts';
import { readPayload } from '../../node/flight-recorder.ts';
import { createNode } from '../../node/node.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf, hostWorld, type HostWorld, type SimulatedHost } from '../simulated-hosts.ts';
import { values } from './fake-methods.ts';
import { host } from './run-cli.ts';

const test = suite('node/revocation');
const minute_ms = 60_000;
const never = new AbortController().signal;
const all = ['read:**', 'write:**', 'delete:**'] as const;

/** Works until it is told to stop. */
const working: AgentHandler = ({ signal }) => new Promise((_, reject) => {
  signal.addEventListener('abort', () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted')));
});

function stateOf({ host }: SimulatedHost, did: string): string | undefined {
  return host.agents.get(did)?.kernel.stateOf(did);
}

/** What the audit log of a host says of signals to an agent. */
async function signalsIn(world: HostWorld, { host }: SimulatedHost, did: string): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  const read = async (): Promise<void> => {
    for await (const entry of host.log.entries({ from: 0, to: host.log.size() })) {
      const payload = entry.ok && entry.value.payload !== undefined ? readPayload(entry.value.payload) : null;
      if (typeof payload !== 'object' || payload === null || !('action' in payload) || !('agent' in payload) || payload.agent !== did) continue;
      const { action } = payload;
      if (typeof action === 'object' && action !== null && 'signal' in action) found.push({ ...payload });
    }
  };
  await world.finish(read());
  return found;
}

test('a kill aborts what runs, closes the sessions and is in the log with who and why', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  await world.hire(0, 'asker');
  const { did: worker } = await world.hire(1, 'worker', { authority: 'open', serve: working });
  const [asking, hosting] = [world.at(0), world.at(1)];
  const calling = asking.actions.call({ from: 'asker', to: worker, command: 'write:x' });
  await world.pass(1000);
  const session = asking.host.handshake.between(asking.host.identities.find('asker')?.did ?? '', worker, hosting.peer);
  assert.ok(session);
  await world.get(hosting.actions.revoke('sponsor-1', 'agent', worker, 'misbehaved'));
  const answered = await world.get(calling);
  assert.equal([answered.receipt.verdict, answered.receipt.code], ['error', 'CALL_ABORTED']);
  await world.pass(1000);
  assert.is(stateOf(hosting, worker), 'killed');
  for (const { host } of world.hosts) assert.is(host.handshake.between(session.local, worker, hosting.peer), undefined, 'no session with it is left');
  const [signal, ...others] = await signalsIn(world, hosting, worker);
  assert.equal(others, []);
  const { action, reason } = Object(signal);
  assert.equal([action.type, action.signal, action.by, action.outcome, action.state], ['signal', 'SIGKILL', world.sponsor(1).did, 'killed', 'killed']);
  assert.match(reason, 'misbehaved');
});

for (const kind of ['agent', 'did', 'sponsorship'] as const) {
  test(`a sponsor on another host ends its agent by revoking ${kind}; after a restart it stays ended`, async (context) => {
    const world = await hostWorld(context, { count: 2 });
    const worker = await world.hire(1, 'worker', { authority: 'open' });
    const sponsor = world.sponsor(1);
    // The sponsor's key, as it is on a device of its own.
    await world.get(world.at(0).host.revocation.revoke(sponsor.signer, { kind, id: worker.did }, 'the end'));
    await world.pass(2000);
    assert.is(stateOf(world.at(1), worker.did), 'killed');
    const again = await world.restart(1);
    assert.is(stateOf(again, worker.did), 'killed', 'before any program has touched it');
    world.employ(1, worker);
    assert.is(stateOf(again, worker.did), 'killed', 'a kernel that a program brings is no way back');
  });
}

test('the revocation of a sponsor ends its agents; one by a stranger or of a key alone does not', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const worker = await world.hire(1, 'worker', { authority: 'open' });
  const other = await world.hire(0, 'other');
  const sponsor = world.sponsor(1);
  await world.get(world.at(0).actions.call({ from: 'other', to: worker.did, command: 'read:x' }));
  const session = (): unknown => world.at(1).host.handshake.between(worker.did, other.did, world.at(0).peer);
  await world.get(world.at(0).actions.revoke('sponsor-0', 'did', sponsor.did, 'envy'));
  await world.get(world.at(0).actions.revoke('sponsor-0', 'sponsorship', worker.did, 'envy'));
  await world.pass(2000);
  assert.is(stateOf(world.at(1), worker.did), 'running');
  assert.ok(session());
  await world.get(world.at(1).actions.revoke(sponsor.did, 'did', sponsor.did, 'gone'));
  await world.pass(2000);
  assert.is(stateOf(world.at(1), worker.did), 'killed');
  assert.is(session(), undefined, 'its sessions are closed with it');
});

test('an agent whose key was revoked does nothing until it has rotated, and then works with the new one', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const asker = await world.hire(0, 'asker');
  const worker = await world.hire(1, 'worker', { authority: 'open' });
  const call = (): Promise<string> => world.finish(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:x' })).then((answer) => answer.ok ? answer.value.receipt.code ?? 'ok' : answer.failure.code);
  assert.is(await call(), 'ok');
  await world.get(world.at(0).actions.revoke('sponsor-0', 'key', asker.signer.key_id, 'the key may be known'));
  await world.pass(2000);
  assert.is(await call(), 'REVOKED');
  assert.is(stateOf(world.at(0), asker.did), 'running', 'a key is not its agent');
  await world.get(world.at(0).host.identities.rotate('asker', { emergency: true }));
  await world.pass(2000);
  assert.is(await call(), 'ok');
});

test('the organisation of its sponsor ends an agent', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const { identities } = world.at(1).host;
  const company = await world.get(world.at(1).actions.createSponsor('company', 'org'));
  await world.get(identities.create({ kind: 'human', name: 'employee', sponsor: 'company' }));
  const worker = await world.hire(1, 'worker', { sponsor: 'employee' });
  const bystander = await world.hire(1, 'bystander');
  await world.get(world.at(0).host.revocation.revoke(company.signer, { kind: 'agent', id: worker.did }, 'the end'));
  await world.pass(2000);
  assert.equal([stateOf(world.at(1), worker.did), stateOf(world.at(1), bystander.did)], ['killed', 'running']);
});

test('a kill that comes before anything is known of the agent counts as soon as it shows itself', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const worker = await world.hire(1, 'worker', { authority: 'open' });
  await world.hire(0, 'colleague');
  await world.pass(10_000);
  world.wire.partition([world.at(0).peer], [world.at(1).peer]);
  const asker = await world.hire(0, 'asker');
  const { hash } = await world.get(world.at(0).actions.revoke('sponsor-0', 'agent', asker.did, 'the end'));
  const other = world.at(1);
  // By hand across the cut, as from a third host that knows the agent no better.
  const text = await world.at(0).host.statement_store.get(fromBase64url(hash) ?? new Uint8Array());
  await world.get(other.host.statements.publish(text ?? ''));
  const states = async (): Promise<readonly string[]> =>
    (await world.get(revocationMethods(other.host, other.actions).revocations({}, never))).revocations.map(({ state }) => state);
  assert.equal(await states(), ['pending']);
  world.wire.heal();
  await world.connect(world.at(0), other);
  await world.pass(5000);
  // Past its own host, which refuses as well.
  assert.is(codeOf(await world.finish(world.at(0).host.message.send({ from: asker, to: worker.did, command: 'read:x', arguments: null }))), 'REVOKED');
  assert.equal(await states(), ['in force']);
});

test('what was revoked with a key that is void since is revoked for those who join later as well', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const { host, actions } = world.at(0);
  const acme = await world.get(actions.createSponsor('acme', 'org'));
  await world.get(host.identities.create({ kind: 'human', name: 'bob', sponsor: 'acme' }));
  const agent = await world.hire(0, 'a', { sponsor: 'bob' });
  await world.get(actions.revoke('acme', 'agent', agent.did, 'the end'));
  await world.pass(5000);
  const { 'did.rotate': rotate } = didMethods(host);
  await world.get(rotate({ who: 'acme' }, never));
  assert.is(host.statement_store.revocations().length, 1, 'a retired key still counts for it');
  await world.pass(5000);
  await world.get(rotate({ who: 'acme', emergency: true }, never));
  await world.pass(5000);
  await world.get(rotate({ who: 'acme' }, never));
  assert.is(host.statement_store.revocations().length, 2, 'once for good');
  await world.pass(60_000);
  const newcomer = await world.add('newcomer');
  for (const other of [world.at(0), world.at(1)]) await world.connect(other, newcomer);
  await world.pass(60_000);
  await world.finish(newcomer.host.identity.gather([agent.did]));
  assert.is(newcomer.host.statement_store.revocation('agent', agent.did, acme.did)?.why, 'the end');
  assert.is(newcomer.host.revocation.ended(agent.did)?.detail?.['by'], acme.did);
});

/** An agent on host 1 that serves another of the same host under the authority of a sponsor on host 0. */
async function servingUnder(context: TestContext): Promise<{ readonly world: HostWorld; call(command: string): Promise<readonly [string, string | null]> }> {
  const world = await hostWorld(context, { count: 3 });
  await world.hire(0, 'clerk');
  const asker = await world.hire(1, 'asker', { capabilities: [...all] });
  await world.hire(1, 'worker', { capabilities: [...all], roots: [world.sponsor(0).did] });
  const delegation = await world.get(world.at(0).actions.delegate({ from: 'sponsor-0', to: asker.did, capabilities: [...all], lifetime_s: 7 * 86_400 }));
  assert.ok(delegation.delivered);
  return {
    world,
    async call(command) {
      const { receipt } = await world.get(world.at(1).actions.call({ from: 'asker', to: 'worker', command, delegation: delegation.delegation.id }));
      return [receipt.verdict, receipt.code];
    },
  };
}

test('cut off for five minutes a host deletes nothing more, after an hour it writes nothing more, and healed it does both again', async (context) => {
  const { world, call } = await servingUnder(context);
  const commands = async (): Promise<readonly string[]> => {
    const codes: string[] = [];
    for (const command of ['read:x', 'write:x', 'delete:x']) codes.push((await call(command))[1] ?? 'ok');
    return codes;
  };
  assert.equal(await commands(), ['ok', 'ok', 'ok'], 'right after it has met its peers');
  world.wire.partition([world.at(1).peer], [world.at(0).peer, world.at(2).peer]);
  await world.pass(4 * minute_ms);
  assert.equal(await commands(), ['ok', 'ok', 'ok']);
  await world.pass(minute_ms + 1000);
  assert.equal(await commands(), ['ok', 'ok', 'REVOCATION_STALE']);
  assert.ok(world.at(1).facts.some(({ kind }) => kind === 'revocation.stale-refused'));
  await world.pass(55 * minute_ms);
  assert.equal(await commands(), ['ok', 'REVOCATION_STALE', 'REVOCATION_STALE']);
  world.wire.heal();
  for (const other of [0, 2]) await world.connect(world.at(1), world.at(other));
  await world.pass(2 * minute_ms);
  assert.equal(await commands(), ['ok', 'ok', 'ok']);
}, { ms: 60_000 });

test('a host that has never met a peer is not held up in what only its own identities have part in', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  await world.hire(0, 'asker', { capabilities: [...all] });
  const worker = await world.hire(0, 'worker', { capabilities: [...all], authority: 'open' });
  const asked = await world.get(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'delete:x', delegation: 'none' }));
  assert.equal([asked.receipt.verdict, asked.receipt.code], ['allow', null]);
  await world.pass(60 * minute_ms);
  const again = await world.get(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'delete:x', delegation: 'none' }));
  assert.is(again.receipt.verdict, 'allow');
});

test('a silent peer holds up the first commands for three seconds and no longer', async (context) => {
  const { world, call } = await servingUnder(context);
  world.wire.partition([world.at(1).peer], [world.at(0).peer, world.at(2).peer]);
  await world.until('it is alone', () => world.at(1).host.parts.network.peers().length === 0);
  await world.stranger('silent', world.at(1));
  const since_ms = world.simulator.now_ms;
  assert.equal(await call('read:x'), ['allow', null]);
  const first_ms = world.simulator.now_ms - since_ms;
  assert.ok(first_ms > 2500 && first_ms < 4000, `${first_ms} ms`);
  const again_ms = world.simulator.now_ms;
  assert.equal(await call('read:x'), ['allow', null]);
  assert.ok(world.simulator.now_ms - again_ms < 500);
});

test('what a revocation takes from a chain shows at its next use, on a host that was cut off as soon as it is back', async (context) => {
  const { world, call } = await servingUnder(context);
  assert.equal(await call('read:x'), ['allow', null]);
  world.wire.partition([world.at(1).peer], [world.at(0).peer, world.at(2).peer]);
  const [held] = world.at(0).host.delegations.list();
  await world.get(world.at(0).actions.revoke('sponsor-0', 'delegation', held?.id ?? '', 'project ended'));
  await world.pass(minute_ms);
  assert.equal(await call('read:x'), ['allow', null], 'nobody can reach it');
  world.wire.heal();
  await world.connect(world.at(1), world.at(2));
  assert.is(world.at(1).host.statement_store.revocations().length, 0, 'the connection stands before what was missed is known');
  assert.equal(await call('read:x'), ['deny', 'REVOKED'], 'the very first command waits for that');
});

test('before a revocation it is said what it would end, and afterwards what it did; others see it as it stands for them', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'first');
  const second = await world.hire(0, 'second');
  const far = await world.hire(1, 'far');
  const { host, actions } = world.at(0);
  const methods = revocationMethods(host, actions);
  const issued = await world.get(actions.delegate({ from: 'sponsor-0', to: second.did, capabilities: ['read:**'] }));
  const passed = await world.get(actions.delegate({ from: 'second', to: far.did, capabilities: ['read:x'], parent: issued.delegation.id }));
  const ids = (ends: readonly { readonly id: string }[]): readonly string[] => ends.map(({ id }) => id).sort();
  const preview = (kind: string, target: string, from = 'sponsor-0'): Promise<RevocationPreview> => world.get(methods['revocation.preview']({ from, kind, target }, never));
  assert.equal(ids((await preview('delegation', passed.delegation.id)).ends), [passed.delegation.id]);
  assert.equal(ids((await preview('delegation', issued.delegation.id)).ends), [issued.delegation.id, passed.delegation.id].sort(), 'and all below it');
  assert.equal(ids((await preview('agent', 'second')).ends), [second.did, issued.delegation.id, passed.delegation.id].sort());
  assert.is((await preview('did', 'sponsor-0')).ends_count, 4, 'both agents and both delegations');
  const powerless = await preview('delegation', issued.delegation.id, 'first');
  assert.equal([powerless.state, powerless.ends_count], ['without authority', 0]);
  assert.is(host.statement_store.revocations().length, 0, 'nothing was made so far');

  const revoked = await world.get(methods.revoke({ from: 'sponsor-0', kind: 'agent', target: 'second', why: 'misbehaved' }, never));
  assert.equal([revoked.state, revoked.ends_count, revoked.told_peers, revoked.target_name], ['in force', 3, 1, 'second']);
  assert.is((await preview('agent', 'second')).ends_count, 0, 'what has ended does not end again');
  await world.get(methods.revoke({ from: 'first', kind: 'delegation', target: issued.delegation.id, why: 'envy' }, never));
  await world.get(methods.revoke({ from: 'sponsor-0', kind: 'token', target: 'Z'.repeat(22), why: '' }, never));
  await world.pass(2000);
  const list = async (params: ControlApi['revocations']['params'], index = 0): Promise<readonly string[]> => {
    const at = world.at(index);
    const { revocations, total } = await world.get(revocationMethods(at.host, at.actions).revocations(params, never));
    assert.ok(total >= revocations.length);
    return revocations.map(({ kind, state }) => `${kind} ${state}`).sort();
  };
  assert.equal(await list({}), ['agent in force', 'delegation without authority', 'token pending']);
  assert.equal(await list({ by: 'sponsor-0' }), ['agent in force', 'token pending']);
  assert.equal(await list({ of: 'second' }), ['agent in force']);
  assert.equal(await list({ of: issued.delegation.id }), ['delegation without authority']);
  assert.equal(await list({ pending: true }), ['token pending']);
  assert.is((await list({ limit: 1 })).length, 1);
  assert.is((await list({}, 1)).length, 3, 'the other host was told');
  assert.is(codeOf(await world.finish(methods.revocations({ limit: 1001 }, never))), 'PARAMS_INVALID');
  assert.is(codeOf(await world.finish(methods.revocations({ by: 'nobody' }, never))), 'NAME_UNKNOWN');
});

test('agent list tells of what was killed, by whom and why', async (context) => {
  const [agent] = values['agent.list'];
  if (agent === undefined) throw new Error('there is an agent');
  const { run } = await host(context, { 'agent.list': () => Promise.resolve(ok([{ ...agent, state: 'killed', ended: 'the agent was revoked by alice: stolen\u001b[2J' }])) });
  const { stdout } = await run('agent', 'list');
  assert.match(stdout, /analyst +killed/);
  assert.ok(stdout.endsWith('\nanalyst was killed for good: the agent was revoked by alice: stolen\\u001b[2J\n'), stdout);
});

test('a revocation that told nobody, or ends nothing, says so; the ages of revocations are given by class', async (context) => {
  const preview = { ...values['revocation.preview'], state: 'without authority', ends: [], ends_count: 0 } as const;
  const { run } = await host(context, { revoke: () => Promise.resolve(ok({ ...preview, statement: 's', told_peers: 0 })), revocations: () => Promise.resolve(ok({ total: 0, revocations: [] })) });
  const { stdout } = await run('revoke', 'agent', 'bob', '--from', 'alice', '--why', 'x');
  assert.match(stdout, /without authority: as far as is known here it ends nothing\nnothing on this host ended, for good\nnobody was told yet/);
  assert.match((await run('revocations')).stderr, 'no such revocation is known here');
  assert.is((await run('revoke', 'agent', 'bob', '--from', 'alice')).code, 2, 'without a reason');
  const bad = await run('up', '--revocation-max-age', 'drop=5m');
  assert.equal([bad.code, bad.stderr.includes('expected read, write or delete and a time')], [2, true]);
  assert.equal([revocationAge('delete=10m'), revocationAge('read=2d')], [{ delete: 600_000 }, { read: 172_800_000 }]);
  assert.is(codeOf(await createNode({ data: context.folder(), revocation_max_age: { delete: 1 } })), 'REVOCATION_AGE_INVALID');
});

test('an unknown kind, nobody here, or a name that nobody has: each its code', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  await world.hire(0, 'worker');
  const { actions } = world.at(0);
  assert.is(codeOf(await world.finish(actions.revoke('sponsor-0', 'planet', 'worker', 'x'))), 'REVOCATION_TARGET');
  assert.is(codeOf(await world.finish(actions.revoke('nobody', 'agent', 'worker', 'x'))), 'NAME_UNKNOWN');
  assert.is(codeOf(await world.finish(actions.revoke('sponsor-0', 'delegation', 'worker', 'x'))), 'REVOCATION_TARGET');
});

test.run();
