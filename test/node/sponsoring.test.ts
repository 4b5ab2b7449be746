import * as assert from 'uvu/assert';
import { fromBase64url, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import { attestationsOf } from '../../node/attesting.ts';
import { sponsorshipChecks } from '../../node/control/sponsor-checks.ts';
import { Sponsoring } from '../../node/sponsoring.ts';
import { parseRequest, type Accountability } from '../../protocols/revocation/index.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf, failureOf, hostWorld, type HostWorld, type SimulatedHost } from '../simulated-hosts.ts';

const test = suite('node/sponsoring');
const day_ms = 86_400_000;
const latency = { latency_ms: [5, 20] } as const;

async function worldOf(context: TestContext, count: number): Promise<HostWorld> {
  return hostWorld(context, { count, ...latency });
}

function sponsoring({ host }: SimulatedHost): Sponsoring {
  return new Sponsoring(host);
}

/** An organisation on host 0, its human on host 0, and an agent of that human on host 1 whose attestation came by file. */
async function company(world: HostWorld): Promise<{ readonly org: string; readonly alice: string; readonly agent: string }> {
  const [home, away] = [world.at(0), world.at(1)];
  const org = await world.get(home.actions.createSponsor('company', 'org'));
  const alice = await world.get(home.actions.createSponsor('alice', 'human', undefined, 'company'));
  const agent = await world.get(away.actions.createAgent({ name: 'agent', sponsor: alice.did, capabilities: ['read:**'], authority: 'open' }));
  world.employ(1, agent);
  return { org: org.did, alice: alice.did, agent: agent.did };
}

async function answered(world: HostWorld): Promise<string> {
  const request = await world.get(sponsoring(world.at(1)).request('agent', { role: 'owner', lifetime_s: 30 * 86_400 }));
  const signed = await world.get(sponsoring(world.at(0)).sign(request.text, 'alice'));
  return signed.text;
}

function levels(shown: readonly Accountability[]): readonly (string | undefined)[] {
  return shown.map(({ subject, failure }) => `${subject.document.name === '' ? subject.kind : subject.document.name} ${failure?.code ?? 'ok'}`);
}

/** How a call from host 2 to the agent on host 1 ends. */
async function verdict(world: HostWorld): Promise<string> {
  const answer = await world.finish(world.at(2).actions.call({ from: 'caller', to: world.at(1).host.identities.find('agent')?.did ?? '', command: 'read:x' }));
  return answer.ok ? answer.value.receipt.verdict : answer.failure.code;
}

test('organisation, human, agent on two hosts: unattested it can do nothing, attested it works, withdrawn it is stopped', async (context) => {
  const world = await worldOf(context, 3);
  const { agent, alice } = await company(world);
  await world.hire(2, 'caller', { sponsor: 'bob' });
  const { host } = world.at(1);
  assert.equal(attestationsOf(host.identities.find('agent') ?? { attestations: [''] }), []);
  assert.is(await verdict(world), 'SPONSOR_MISSING');
  assert.is(sponsorshipChecks(host)[0]?.state, 'warning');
  const imported = await world.get(sponsoring(world.at(1)).import(await answered(world)));
  assert.equal(attestationsOf(imported).map(({ role, iss, exp, nbf }) => [role, iss, exp - nbf]), [['owner', alice, 30 * 86_400]]);
  assert.equal(sponsorshipChecks(host), []);
  assert.is(await verdict(world), 'allow');
  assert.equal(levels(await world.get(sponsoring(world.at(2)).show(agent))), ['agent ok', 'human ok', 'company ok'], 'anybody can see who answers');
  assert.is(failureOf(await world.finish(sponsoring(world.at(1)).withdraw('agent', 'mine'))).code, 'SPONSOR_ELSEWHERE');
  // The organisation takes its word for its human back; the agent falls with it.
  await world.get(sponsoring(world.at(0)).withdraw('alice', 'left the company'));
  await world.pass(2000);
  assert.is(await verdict(world), 'SPONSOR_WITHDRAWN');
  assert.equal(levels(await world.get(sponsoring(world.at(2)).show(agent))), ['agent ok', 'human SPONSOR_WITHDRAWN']);
  assert.is(host.agents.get(agent)?.kernel.stateOf(agent), 'killed', 'on its own host too');
  assert.is(failureOf(await world.finish(sponsoring(world.at(0)).renew('alice', {}))).code, 'SPONSOR_WITHDRAWN', 'which is final');
});

test('a sponsor withdraws from its agent alone', async (context) => {
  const world = await worldOf(context, 2);
  const agent = await world.hire(0, 'agent');
  const other = await world.hire(0, 'other');
  const withdrawn = await world.get(sponsoring(world.at(0)).withdraw('agent', 'over'));
  await world.pass(1000);
  const { host } = world.at(0);
  assert.is(withdrawn.agent, agent.did);
  assert.is(host.agents.get(agent.did)?.kernel.stateOf(agent.did), 'killed');
  assert.is(host.agents.get(other.did)?.kernel.stateOf(other.did), 'running');
  assert.equal(levels(await world.get(sponsoring(world.at(1)).show(agent.did))), ['agent SPONSOR_WITHDRAWN']);
});

test('a response is taken in as it was asked for, once, and in no other form', async (context) => {
  const world = await worldOf(context, 2);
  await company(world);
  const [home, away] = [sponsoring(world.at(0)), sponsoring(world.at(1))];
  await world.get(world.at(1).actions.createAgent({ name: 'other', sponsor: world.at(0).host.identities.find('alice')?.did ?? '', capabilities: ['read:**'] }));
  const first = await answered(world);
  const text = await answered(world);
  const importing = async (file: string): Promise<string> => codeOf(await world.finish(away.import(file)));
  const response: { readonly [name: string]: unknown } = JSON.parse(text);
  const changed = (fields: object): string => JSON.stringify({ ...response, ...fields });
  assert.is(await importing(first), 'SPONSOR_RESPONSE_UNASKED', 'only the newest request counts');
  const attestation = String(response['attestation']);
  const forged = `${attestation.slice(0, -4)}${attestation.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
  assert.ok(['SPONSOR_FORGED'].includes(await importing(changed({ attestation: forged }))));
  const other = await world.get(away.request('other', {}));
  assert.is(await importing(changed({ agent: other.request.agent })), 'SPONSOR_RESPONSE_AGENT');
  assert.is(await importing(changed({ agent: world.at(0).host.identities.find('alice')?.did })), 'SPONSOR_RESPONSE_UNASKED');
  assert.is(await importing(changed({ sponsor: world.at(0).host.identities.find('company')?.did })), 'SPONSOR_RESPONSE_SPONSOR');
  const [record = '', above = ''] = Array.isArray(response['records']) ? response['records'].map(String) : [];
  assert.is(await importing(changed({ records: [above, record] })), 'SPONSOR_RESPONSE_SPONSOR');
  const bytes = fromBase64url(record) ?? new Uint8Array();
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
  assert.ok(['RECORD_INVALID', 'SPONSOR_RESPONSE_SPONSOR'].includes(await importing(changed({ records: [toBase64url(bytes), above] }))));
  for (const fields of [{ version: 2 }, { agentmesh: 'sponsor-request' }, { more: 1 }, { records: [] }, { records: [record, above, record] }, { attestation: 7 }, { agent: 'x' }]) {
    assert.match(await importing(changed(fields)), /^SPONSOR_RESPONSE_(?:MALFORMED|VERSION)$/, JSON.stringify(fields));
  }
  for (const file of ['', '{', '[]', 'null', `{"agentmesh":"sponsor-response","version":1,"agent":"${'x'.repeat(70_000)}"}`]) assert.is(await importing(file), 'SPONSOR_RESPONSE_MALFORMED');
  assert.is(await importing(text), 'ok');
  assert.is(await importing(text), 'SPONSOR_RESPONSE_UNASKED', 'replayed');
  // Other words than were asked for: the request is signed with another lifetime.
  const request = await world.get(away.request('agent', { lifetime_s: 86_400 }));
  const longer = await world.get(home.sign(JSON.stringify({ ...JSON.parse(request.text), lifetime_s: 86_400 * 90 }), 'alice'));
  assert.is(await importing(longer.text), 'SPONSOR_RESPONSE_CHANGED');
  const short = await world.get(away.request('agent', { lifetime_s: 60 }));
  const late = await world.get(home.sign(short.text, 'alice'));
  await world.pass(120_000);
  assert.is(await importing(late.text), 'SPONSOR_EXPIRED');
});

test('a request is signed by the sponsor that it names, for who it says that it is for', async (context) => {
  const world = await worldOf(context, 2);
  const { agent } = await company(world);
  const [home, away] = [sponsoring(world.at(0)), sponsoring(world.at(1))];
  const { text } = await world.get(away.request('agent', {}));
  const signing = async (file: string, as = 'alice'): Promise<string> => codeOf(await world.finish(home.sign(file, as)));
  const request: { readonly [name: string]: unknown } = JSON.parse(text);
  const changed = (fields: object): string => JSON.stringify({ ...request, ...fields });
  assert.equal([unwrap(home.read(text)).record.did, unwrap(home.read(text)).request.role], [agent, 'sponsor']);
  for (const fields of [
    { name: 'harmless' }, { kind: 'human' }, { capabilities: [] }, { capabilities: ['read:one'] }, { sponsor: world.at(0).host.identities.find('company')?.did },
    { agent: world.at(0).host.identities.find('company')?.did }, { record: toBase64url(world.at(0).host.identity.known(world.at(0).host.identities.node.did)?.bytes ?? new Uint8Array()) },
    { record: String(request['record']).replace(/.{4}$/, 'AAAA') },
  ]) assert.is(await signing(changed(fields)), 'SPONSOR_REQUEST_TAMPERED', JSON.stringify(fields).slice(0, 80));
  for (const fields of [{ nonce: 'AA' }, { lifetime_s: 86_400 * 91 }, { lifetime_s: 0 }, { role: '' }, { role: 'a\nb' }, { more: 1 }, { record: 7 }]) {
    assert.is(await signing(changed(fields)), 'SPONSOR_REQUEST_MALFORMED', JSON.stringify(fields));
  }
  assert.is(await signing(changed({ version: 2 })), 'SPONSOR_REQUEST_VERSION');
  assert.is(await signing(text, 'company'), 'SPONSOR_OTHER');
  assert.is(await signing(text, 'nobody'), 'NAME_UNKNOWN');
  assert.is(codeOf(parseRequest(text, world.simulator.now_ms + 3 * day_ms)), 'SPONSOR_REQUEST_EXPIRED');
  await world.get(home.withdraw(agent, 'no'));
  assert.is(await signing(text), 'SPONSOR_WITHDRAWN');
});

test('the agent\'s host keeps the record of a sponsor who is away in the mesh, also after a restart', async (context) => {
  const world = await worldOf(context, 2);
  const { agent, alice, org } = await company(world);
  await world.get(sponsoring(world.at(1)).import(await answered(world)));
  // Publishing again, as every node does, must not shorten what the sponsor has signed to last.
  await world.finish(world.at(0).host.identities.publishAll());
  await world.finish(world.at(0).host.stop());
  const before = world.at(1);
  await world.finish(before.host.stop());
  const again = unwrap(await world.start(before.name, before));
  const { host } = again;
  assert.ok(host.identity.known(alice) !== undefined && host.identity.known(org) !== undefined, 'it is known again after a restart');
  assert.equal(new Set(host.identities.attesting.carried().map(({ did }) => did)), new Set([alice, org]));
  const late = unwrap(await world.start('late'));
  await world.connect(late, again);
  await world.pass(3000);
  assert.equal(levels(await world.get(sponsoring(late).show(agent))), ['agent ok', 'human ok', 'company ok'], 'with the sponsor\'s own device down');
  assert.ok((late.host.identity.known(alice)?.document.expires ?? 0) > world.simulator.now_ms + 29 * day_ms);
  await world.finish(late.host.stop());
  await world.finish(host.stop());
});

test('a sponsor whose key is here renews in time, on the same terms; one elsewhere is warned of 14 days before', async (context) => {
  const world = await worldOf(context, 2);
  await company(world);
  await world.get(sponsoring(world.at(1)).import(await answered(world)));
  await world.hire(0, 'own');
  const { host } = world.at(0);
  const evidence = sha256(utf8('the contract'));
  await world.get(sponsoring(world.at(0)).renew('own', { role: 'owner', lifetime_s: 900, evidence }));
  const ends = (): number => attestationsOf(host.identities.find('own') ?? { attestations: [] })[0]?.exp ?? 0;
  const first = ends();
  const later = async (ms: number): Promise<void> => {
    await world.pass(ms);
    await world.finish(host.identities.publishAll());
  };
  await later(500_000);
  assert.is(ends(), first, 'not before two thirds of it are over');
  await later(150_000);
  const [renewed] = attestationsOf(host.identities.find('own') ?? { attestations: [] });
  assert.ok((renewed?.exp ?? 0) > first);
  assert.equal([renewed?.role, (renewed?.exp ?? 0) - (renewed?.nbf ?? 0), renewed?.evd], ['owner', 900, toBase64url(evidence)]);
  assert.equal(sponsorshipChecks(world.at(1).host), []);
  const soon = await world.get(sponsoring(world.at(1)).request('agent', { lifetime_s: 14 * 86_400 }));
  await world.get(sponsoring(world.at(1)).import((await world.get(sponsoring(world.at(0)).sign(soon.text, 'alice'))).text));
  const [check] = sponsorshipChecks(world.at(1).host);
  assert.equal([check?.name, check?.state], ['sponsorship of agent', 'warning']);
  assert.match(check?.fix ?? '', 'agentmesh sponsor request "agent"');
  const brief = await world.get(sponsoring(world.at(1)).request('agent', { lifetime_s: 60 }));
  await world.get(sponsoring(world.at(1)).import((await world.get(sponsoring(world.at(0)).sign(brief.text, 'alice'))).text));
  await later(120_000);
  const [ended] = sponsorshipChecks(world.at(1).host);
  assert.equal([ended?.state, ended?.fix], ['failed', 'agentmesh sponsor request "agent" --out FILE, and have the sponsor sign it']);
  assert.is(failureOf(await world.finish(sponsoring(world.at(1)).renew('agent', {}))).code, 'SPONSOR_ELSEWHERE');
  for (const [terms, code] of [[{ role: '' }, 'SPONSOR_ROLE'], [{ lifetime_s: 91 * 86_400 }, 'SPONSOR_LIFETIME'], [{ lifetime_s: 0.5 }, 'SPONSOR_LIFETIME']] as const) {
    assert.is(failureOf(await world.finish(sponsoring(world.at(0)).renew('own', terms))).code, code);
  }
  assert.is(failureOf(await world.finish(sponsoring(world.at(0)).renew('company', {}))).code, 'SPONSOR_NEEDLESS');
});

test('who may stand above whom is known when an identity is made', async (context) => {
  const world = await worldOf(context, 1);
  const { actions } = world.at(0);
  await world.get(actions.createSponsor('alice', 'human'));
  await world.get(actions.createSponsor('company', 'org'));
  const agent = await world.hire(0, 'agent');
  const codes = await world.finish(Promise.all([
    actions.createSponsor('x', 'human', undefined, 'alice'), actions.createSponsor('x', 'org', undefined, 'company'), actions.createSponsor('x', 'human', undefined, 'nobody'),
    actions.createAgent({ name: 'x', sponsor: agent.did, capabilities: ['read:**'] }),
  ]));
  assert.equal(codes.map(codeOf), ['SPONSOR_KIND', 'SPONSOR_KIND', 'SPONSOR_UNKNOWN', 'SPONSOR_KIND']);
});

test.run();
