/** Commands of peers that a human has to approve: told at once, taken up later, once, by who sent them and as they were sent. */
import * as assert from 'uvu/assert';
import { approvalHash, signApproval } from '../../crypto/approval.ts';
import { encodeCbor, isFields, type Json } from '../../crypto/canonical.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import { approvals_per_peer_max, held_ms_max, peer_approval_ms_max, peer_approvals_per_agent_max, taking_up_ms_max, told_after_ms } from '../../node/approvals.ts';
import type { AgentHandler } from '../../node/agents.ts';
import { approvalIn } from '../../node/executions.ts';
import { peer_approvals_max, untilEnded, WaitingCall, WaitingCalls } from '../../node/approval-waiting.ts';
import { callView } from '../../node/approvals-page/view.ts';
import { readPayload } from '../../node/flight-recorder.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { Policy } from '../../node/kernel/index.ts';
import { repetition_ms_min, sendPatiently } from '../../node/patience.ts';
import { message_protocol } from '../../protocols/message/constants.ts';
import { decodeRequest, encodeRequest } from '../../protocols/message/receipt.ts';
import type { Answered, Sending } from '../../protocols/message/index.ts';
import type { Network } from '../../protocols/ports.ts';
import { unixSeconds } from '../../protocols/time.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf, hostWorld, interposed, type HostWorld } from '../simulated-hosts.ts';

const test = suite('node/peer-approvals');
const policy_text = "version: '1.0'\nname: careful\nrules:\n  - { name: ask-first, condition: \"action.type == 'delete'\", action: require_approval }\n";
const row = { row: 7 };

interface Office {
  readonly world: HostWorld;
  readonly clerk: LocalIdentity;
  readonly caller: LocalIdentity;
  /** What the clerk has done. */
  readonly done: Json[];
}

async function office(context: TestContext, interpose?: (network: Network, name: string) => Network): Promise<Office> {
  const world = await hostWorld(context, { count: 2, latency_ms: [5, 20], ...(interpose === undefined ? {} : { interpose }) });
  const done: Json[] = [];
  const clerk = await hire({ world, done }, 'clerk');
  const caller = await world.hire(1, 'caller', { capabilities: ['delete:**'] });
  return { world, clerk, caller, done };
}

async function hire({ world, done }: Pick<Office, 'world' | 'done'>, name: string, serve: AgentHandler = ({ arguments: given }) => done.push(given)): Promise<LocalIdentity> {
  const policy = unwrap(await Policy.parse(policy_text, 'careful.yaml'));
  return world.hire(0, name, { capabilities: ['delete:**'], policies: [policy], authority: 'open', serve });
}

interface Asked {
  readonly from?: string;
  readonly to?: string;
  readonly data?: Json;
  readonly approval?: string;
  readonly wait_ms?: number;
  readonly signal?: AbortSignal;
}

function ask({ world, clerk }: Office, { from = 'caller', to = clerk.did, data = row, ...how }: Asked = {}): Promise<Result<Answered>> {
  return world.at(1).actions.call({ from, to, command: 'delete:records', arguments: data, ...how });
}

/** The code that an answer's receipt has; `allow` where it was done. */
async function answered(at: Office, asked: Asked = {}): Promise<string> {
  const { receipt } = await at.world.get(ask(at, asked));
  return receipt.code ?? receipt.verdict;
}

/** Begins a call that has to wait, and gives its request. */
async function begin(at: Office, asked: Asked = {}): Promise<string> {
  const told = await at.world.get(ask(at, asked));
  const pending = approvalIn(told);
  if (pending === undefined) throw new Error(`no request: ${told.receipt.code ?? told.receipt.verdict}`);
  return pending.request;
}

function answer({ world }: Office, id: string, verdict: 'grant' | 'refuse' = 'grant'): Promise<unknown> {
  return world.get(world.at(0).host.approvals.answerAs(id, verdict, { why: 'ticket 7' }));
}

async function recorded({ world }: Office, index = 0): Promise<readonly { readonly [name: string]: unknown }[]> {
  const found: { readonly [name: string]: unknown }[] = [];
  const read = async (): Promise<void> => {
    for await (const entry of world.at(index).host.log.entries({})) {
      const payload = entry.ok && entry.value.payload !== undefined ? readPayload(entry.value.payload) : null;
      if (isFields(payload)) found.push(payload);
    }
  };
  await world.finish(read());
  return found;
}

async function codes(at: Office, index = 0): Promise<readonly unknown[]> {
  return (await recorded(at, index)).filter(({ kind }) => kind === 'decision').map(({ code }) => code);
}

test('a peer is told at once under which request its command goes on waiting, and until when; granted, the same command runs, once', async (context) => {
  const at = await office(context);
  const { approvals, parts: { clock } } = at.world.at(0).host;
  const began_ms = clock.now();
  const told = await at.world.get(ask(at));
  assert.ok(clock.now() - began_ms < told_after_ms + 1_000);
  assert.equal([told.receipt.verdict, told.receipt.code, told.receipt.rule], ['deny', 'APPROVAL_PENDING', 'ask-first']);
  const [pending] = approvals.list();
  assert.equal(approvalIn(told), { request: pending?.id, expires_ms: pending?.expires_ms });
  assert.equal(pending === undefined ? undefined : callView(at.world.at(0).host, pending).peer, { did: at.caller.did, name: 'caller', is_named_here: false }, 'a peer names itself');
  assert.ok((pending?.expires_ms ?? 0) >= began_ms + 300_000, 'as long as any other call');
  const id = pending?.id ?? '';
  await at.world.pass(100_000);
  await answer(at, id);
  assert.equal(at.done, []);
  assert.is(await answered(at, { approval: id }), 'allow');
  assert.equal(at.done, [row]);
  assert.is(await answered(at, { approval: id }), 'APPROVAL_UNKNOWN');
  assert.equal(at.done, [row]);
  const records = await recorded(at);
  const allowed = records.filter(({ verdict, rule }) => verdict === 'allow' && rule === 'ask-first');
  assert.is(allowed.length, 1);
  const approval = allowed[0]?.['approval'];
  assert.equal(isFields(approval) ? approval['id'] : undefined, id);
  assert.equal(records.filter(({ kind }) => kind === 'approval-answered').map(({ id, verdict, why }) => [id, verdict, why]), [[id, 'grant', 'ticket 7']]);
});

test('with patience one governed call comes again by itself until a human has answered, and nothing is written down meanwhile', async (context) => {
  const at = await office(context);
  const { approvals } = at.world.at(0).host;
  const before = (await codes(at, 1)).length;
  const call = ask(at, { wait_ms: 600_000 });
  await at.world.until('it waits', () => approvals.list().length > 0);
  await at.world.pass(120_000);
  const meanwhile = await codes(at);
  assert.equal(meanwhile, ['APPROVAL_REQUIRED', 'APPROVAL_PENDING']);
  await answer(at, approvals.list()[0]?.id ?? '');
  const granted_ms = at.world.simulator.now_ms;
  const { receipt } = await at.world.get(call);
  assert.is(receipt.verdict, 'allow');
  assert.ok(at.world.simulator.now_ms - granted_ms < 7_000, 'it hears of the answer soon');
  assert.equal(await codes(at), ['APPROVAL_REQUIRED', 'APPROVAL_PENDING', 'APPROVAL_REQUIRED', null]);
  assert.is((await codes(at, 1)).length, before + 1);
  assert.equal(at.done, [row]);
});

test('nobody is kept waiting for longer than they want to, nor for longer than the host wants to', async (context) => {
  const at = await office(context);
  const tookFor = async (asked: Asked): Promise<number> => {
    const began_ms = at.world.simulator.now_ms;
    assert.is(await answered(at, asked), 'APPROVAL_PENDING');
    return at.world.simulator.now_ms - began_ms;
  };
  const approval = await begin(at);
  assert.ok(await tookFor({ approval }) < 1_000, 'at once without a wait');
  for (const wait_ms of [1_000, 3_000, 8_000, 28_000]) {
    const took_ms = await tookFor({ approval, wait_ms });
    assert.ok(took_ms >= wait_ms && took_ms < wait_ms + 1_000, `${wait_ms}: ${took_ms}`);
  }
  for (const wait_ms of [1_000, 3_000]) {
    const took_ms = await tookFor({ data: { wait_ms }, wait_ms });
    assert.ok(took_ms < Math.max(wait_ms, told_after_ms) + 1_000, `a new one, ${wait_ms}: ${took_ms}`);
  }
  const { approvals } = at.world.at(0).host;
  for (const wait_ms of [undefined, 600_000]) {
    const began_ms = at.world.simulator.now_ms;
    const held = approvals.unanswered(approval, { agent: at.clerk.did, peer: at.caller.did }, new AbortController().signal, wait_ms);
    assert.is((await at.world.finish(held))?.id, approval);
    assert.is(at.world.simulator.now_ms - began_ms, held_ms_max);
  }
});

test('another payload, caller, agent or policy gets nothing by a request, and the right one still gets its answer', async (context) => {
  const at = await office(context);
  await at.world.hire(1, 'other', { capabilities: ['delete:**'] });
  const porter = await hire(at, 'porter');
  const id = await begin(at);
  await answer(at, id);
  assert.is(await answered(at, { approval: id, data: { row: 8 } }), 'APPROVAL_ACTION');
  assert.is(await answered(at, { approval: id, from: 'other' }), 'APPROVAL_UNKNOWN');
  assert.is(await answered(at, { approval: id, to: porter.did }), 'APPROVAL_UNKNOWN');
  assert.is(await answered(at, { approval: 'A'.repeat(22) }), 'APPROVAL_UNKNOWN');
  assert.is(codeOf(await at.world.finish(ask(at, { approval: 'guess' }))), 'APPROVAL_UNKNOWN');
  assert.equal(at.done, []);
  const { agents } = at.world.at(0).host;
  const kernel = agents.get(at.clerk.did)?.kernel;
  const stricter = unwrap(await Policy.parse(policy_text.replace('careful', 'more-careful'), 'careful.yaml'));
  unwrap(agents.replacePolicies('agent', [stricter], at.clerk.did));
  assert.is(await answered(at, { approval: id }), 'APPROVAL_ACTION');
  kernel?.replacePolicies('agent', []);
  assert.is(await answered(at, { approval: id }), 'allow');
  assert.equal(at.done, [row]);
});

test('of two that take up one grant at once, one runs', async (context) => {
  const at = await office(context);
  const id = await begin(at);
  await answer(at, id);
  const both = await at.world.finish(Promise.all([ask(at, { approval: id }), ask(at, { approval: id })]));
  assert.equal(both.map((one) => (one.ok ? one.value.receipt.code ?? 'allow' : one.failure.code)).sort(), ['APPROVAL_UNKNOWN', 'allow']);
  assert.equal(at.done, [row]);
});

test('a request that its peer was not told yet is nobody\'s to take up', async (context) => {
  const at = await office(context);
  const { approvals } = at.world.at(0).host;
  const call = ask(at);
  await at.world.until('it waits', () => approvals.list().length > 0);
  const id = approvals.list()[0]?.id ?? '';
  assert.is(await answered(at, { approval: id }), 'APPROVAL_UNKNOWN');
  await at.world.get(call);
});

test('of two that wait for one answer one gets it, and who has hung up leaves it for the next', async (context) => {
  const at = await office(context);
  const { approvals } = at.world.at(0).host;
  const id = await begin(at);
  const pending = unwrap(approvals.get(id));
  const again = { ...pending, later: { request: id } };
  const hung_up = new AbortController();
  const three = [hung_up.signal, new AbortController().signal, new AbortController().signal].map((signal) => approvals.decide(again, signal));
  hung_up.abort();
  await answer(at, id);
  assert.equal((await at.world.finish(Promise.all(three))).map(codeOf), ['CALL_ABORTED', 'ok', 'APPROVAL_UNKNOWN']);
});

test('a grant counts no more when its own time is over before it is taken up', async (context) => {
  const at = await office(context);
  const { approvals, parts: { clock } } = at.world.at(0).host;
  const id = await begin(at);
  const { host, agent } = unwrap(approvals.get(id));
  const brief = await signApproval(at.world.sponsor(0).signer, { request: id, host, agent, action_hash: approvalHash(unwrap(approvals.get(id))), verdict: 'grant', why: '', now_s: unixSeconds(clock) - 59, lifetime_s: 60 });
  await at.world.get(approvals.answer(brief));
  await at.world.pass(45_000);
  assert.is(await answered(at, { approval: id }), 'APPROVAL_EXPIRED');
  assert.equal(at.done, []);
});

test('a refusal and a time that ran out wait for the peer too, for a minute', async (context) => {
  const at = await office(context);
  const refused = await begin(at);
  await answer(at, refused, 'refuse');
  const told = await at.world.get(ask(at, { approval: refused }));
  assert.is(told.receipt.code, 'APPROVAL_REFUSED');
  assert.match(told.receipt.reason, 'refused it: ticket 7');
  assert.is(await answered(at, { approval: refused }), 'APPROVAL_UNKNOWN');
  const late = await begin(at);
  await at.world.pass(301_000);
  assert.is(await answered(at, { approval: late }), 'APPROVAL_TIMEOUT');
  const forgotten = await begin(at);
  await answer(at, forgotten);
  await at.world.pass(taking_up_ms_max + 1_000);
  assert.is(await answered(at, { approval: forgotten }), 'APPROVAL_UNKNOWN');
  assert.equal(at.done, []);
});

test('a grant counts no more when its signer was revoked before it is taken up', async (context) => {
  const at = await office(context);
  const id = await begin(at);
  await answer(at, id);
  const sponsor = at.world.sponsor(0);
  await at.world.get(at.world.at(0).actions.revoke(sponsor.did, 'key', sponsor.signer.key_id, 'stolen'));
  assert.not.equal(await answered(at, { approval: id }), 'allow');
  assert.equal(at.done, []);
});

test('peers that flood wait for so many, and leave room for what the agent does itself', async (context) => {
  const at = await office(context);
  for (const name of ['second', 'third']) await at.world.hire(1, name, { capabilities: ['delete:**'] });
  for (const from of ['caller', 'second']) {
    for (let number = 0; number < approvals_per_peer_max; number += 1) await begin(at, { from, data: { number } });
    assert.is(await answered(at, { from, data: 'one more' }), 'APPROVAL_OVERLOADED');
  }
  assert.is(at.world.at(0).host.approvals.list().length, peer_approvals_per_agent_max);
  assert.is(await answered(at, { from: 'third' }), 'APPROVAL_OVERLOADED');
  const kernel = at.world.at(0).host.agents.get(at.clerk.did)?.kernel;
  const own = kernel?.run({ agent: at.clerk.did, action: { type: 'delete', resource: 'records' }, data: row, effect: () => Promise.resolve('gone') });
  await at.world.until('it waits', () => at.world.at(0).host.approvals.list().length > peer_approvals_per_agent_max);
  await answer(at, at.world.at(0).host.approvals.list().at(-1)?.id ?? '');
  assert.is((await at.world.finish(own ?? Promise.resolve(fail('NO_KERNEL', '')))).ok, true);
});

test('what waits of an agent that is killed is over, and its sponsor is not asked any more', async (context) => {
  const at = await office(context);
  const { approvals, agents } = at.world.at(0).host;
  const over: string[] = [];
  approvals.onSettled(({ pending, outcome }) => void over.push(`${pending.id} ${outcome}`));
  const id = await begin(at);
  await at.world.get(agents.get(at.clerk.did)?.kernel.signal(at.clerk.did, 'SIGKILL', { reason: 'over' }) ?? Promise.resolve(fail('NO_KERNEL', '')));
  assert.equal([approvals.list(), over], [[], [`${id} given-up`]]);
  assert.is(await answered(at, { approval: id }), 'AGENT_KILLED');
});

test('a restart forgets what waited', async (context) => {
  const at = await office(context);
  const id = await begin(at);
  await answer(at, id);
  await at.world.restart(0);
  at.world.employ(0, at.world.at(0).host.identities.find('clerk') ?? at.clerk, ({ arguments: given }) => at.done.push(given), [unwrap(await Policy.parse(policy_text, 'careful.yaml'))]);
  assert.is(await answered(at, { approval: id }), 'APPROVAL_UNKNOWN');
  assert.equal(at.done, []);
});

test('who waits while the other host is started anew is told that, and what to do', async (context) => {
  let is_down = false;
  const at = await office(context, (network, name) => (name === 'host-0' ? network : interposed(network, {
    request: (peer, protocol, request, options) => (protocol === message_protocol && is_down ? Promise.resolve(fail('PEER_UNREACHABLE', 'it is down')) : network.request(peer, protocol, request, options)),
  })));
  const call = ask(at, { wait_ms: 120_000 });
  await at.world.pass(4_000);
  is_down = true;
  await at.world.pass(30_000);
  await at.world.restart(0);
  at.world.employ(0, at.world.at(0).host.identities.find('clerk') ?? at.clerk, ({ arguments: given }) => at.done.push(given), [unwrap(await Policy.parse(policy_text, 'careful.yaml'))]);
  await at.world.get(at.world.at(1).host.identity.resolve(at.clerk.did, { fresh: true }));
  is_down = false;
  const { receipt } = await at.world.get(call);
  assert.is(receipt.code, 'APPROVAL_UNKNOWN');
  assert.match(receipt.reason, /its host was started anew \(what would pass: ask again/);
  assert.not.match(receipt.reason, 'approvals list');
  assert.is(await answered(at), 'APPROVAL_PENDING', 'and that passes');
});

test('an answer that is lost on the way is asked for again, and what it tells of is not done twice', async (context) => {
  let lose = 0;
  const at = await office(context, (network, name) => (name === 'host-0' ? network : interposed(network, {
    async request(peer, protocol, request, options) {
      const got = await network.request(peer, protocol, request, options);
      if (protocol !== message_protocol || lose === 0) return got;
      lose -= 1;
      return fail('PEER_TIMEOUT', 'the answer was lost');
    },
  })));
  const id = await begin(at);
  await answer(at, id);
  lose = 2;
  assert.is(await answered(at, { approval: id, wait_ms: 60_000 }), 'allow');
  assert.is(lose, 0);
  assert.equal(at.done, [row]);
});

for (const code of ['INVOCATION_EXPIRED', 'INVOCATION_SESSION']) test(`an invocation that was lost and never arrived is made anew at ${code}`, async (context) => {
  const at = await office(context);
  const told = await at.world.get(ask(at));
  const request = approvalIn(told)?.request;
  const expired = { ...told, receipt: { ...told.receipt, code } };
  const done = { ...told, receipt: { ...told.receipt, verdict: 'allow', code: null } } as const;
  const answers: Result<Answered>[] = [ok(told), fail('PEER_TIMEOUT', 'lost', { detail: { invocation: 'lost-one' } }), ok(expired), ok(done)];
  const sent: unknown[] = [];
  const message = { send: ({ approval, invocation }: Pick<Sending, 'approval' | 'invocation'>): Promise<Result<Answered>> => {
    sent.push([approval, invocation]);
    return Promise.resolve(answers[sent.length - 1] ?? fail('TOO_MANY', ''));
  } };
  const { clock } = at.world.at(1).host.parts;
  const patient = sendPatiently({ clock, message }, { from: at.caller, to: at.clerk.did, command: 'delete:records', arguments: row, wait_ms: 60_000, signal: new AbortController().signal });
  assert.is((await at.world.get(patient)).receipt.verdict, 'allow');
  assert.equal(sent, [[undefined, undefined], [request, undefined], [request, 'lost-one'], [request, undefined]]);
});

test('who gives up is not asked again; a wait beyond a quarter of an hour is none', async (context) => {
  const at = await office(context);
  const controller = new AbortController();
  const call = ask(at, { wait_ms: 600_000, signal: controller.signal });
  await at.world.pass(40_000);
  controller.abort();
  assert.is(codeOf(await at.world.finish(call)), 'CALL_ABORTED');
  assert.is(at.world.at(0).host.approvals.list().length, 1, 'the request goes on');
  assert.is(codeOf(await at.world.finish(ask(at, { wait_ms: 15 * 60_000 + 1 }))), 'WAIT_INVALID');
});

test('a peer that hangs up before it is told leaves nothing behind', async (context) => {
  const at = await office(context);
  const controller = new AbortController();
  const call = ask(at, { signal: controller.signal });
  const { approvals } = at.world.at(0).host;
  await at.world.until('it waits', () => approvals.list().length > 0);
  controller.abort();
  await at.world.finish(call);
  await at.world.pass(1_000);
  assert.equal(approvals.list(), []);
});

test('what an agent does at a peer\'s command waits while the exchange is open, since nobody could take it up', async (context) => {
  const at = await office(context);
  const porter = await hire(at, 'porter', async () => {
    const kernel = at.world.at(0).host.agents.get(porter.did)?.kernel;
    const inner = await kernel?.run({ agent: porter.did, action: { type: 'delete', resource: 'inner' }, data: row, effect: () => Promise.resolve('gone') });
    return inner?.ok === false ? inner.failure.code : 'done';
  });
  const kernel = at.world.at(0).host.agents.get(porter.did)?.kernel;
  kernel?.replacePolicies('agent', []);
  const id = await begin(at, { to: porter.did });
  await answer(at, id);
  const call = ask(at, { to: porter.did, approval: id });
  await at.world.until('the inner one waits', () => at.world.at(0).host.approvals.list().length > 0);
  const [inner] = at.world.at(0).host.approvals.list();
  assert.ok((inner?.expires_ms ?? Infinity) <= at.world.at(0).host.parts.clock.now() + peer_approval_ms_max);
  await at.world.pass(peer_approval_ms_max + 1_000);
  assert.is((await at.world.get(call)).result, 'APPROVAL_TIMEOUT');
});

test('a host that answers at once that it still waits is not asked in a frenzy', async (context) => {
  const at = await office(context);
  const told = await at.world.get(ask(at));
  const { clock } = at.world.at(1).host.parts;
  const sent: (string | undefined)[] = [];
  const message = { send: (sending: { readonly approval?: string }): Promise<Result<Answered>> => {
    sent.push(sending.approval);
    return Promise.resolve(ok(told));
  } };
  const patient = sendPatiently({ clock, message }, { from: at.caller, to: at.clerk.did, command: 'delete:records', arguments: row, wait_ms: 60_000, signal: new AbortController().signal });
  assert.equal((await at.world.get(patient)).receipt.code, 'APPROVAL_PENDING');
  assert.is(sent.length, 60_000 / repetition_ms_min + 1);
  assert.equal([sent[0], sent[1]], [undefined, approvalIn(told)?.request]);
});

test('what is no name of a request is not sent again, whatever the other host says', async (context) => {
  const at = await office(context);
  const told = await at.world.get(ask(at));
  const evil = { ...told, result: { approval: { request: 'x'.repeat(1_000), expires_ms: 7 } } };
  let sent = 0;
  const message = { send: (): Promise<Result<Answered>> => {
    sent += 1;
    return Promise.resolve(ok(evil));
  } };
  const { clock } = at.world.at(1).host.parts;
  await at.world.get(sendPatiently({ clock, message }, { from: at.caller, to: at.clerk.did, command: 'delete:records', arguments: row, wait_ms: 60_000, signal: new AbortController().signal }));
  assert.is(sent, 1);
});

test('patience ends after its time also where the clock is set back meanwhile', async (context) => {
  const at = await office(context);
  const told = await at.world.get(ask(at));
  const { clock } = at.world.at(1).host.parts;
  let back_ms = 0;
  const shifted = { now: () => clock.now() - back_ms, after: (delay_ms: number, run: () => void) => clock.after(delay_ms, run) };
  const sent_ms: number[] = [];
  const message = { send: (): Promise<Result<Answered>> => {
    sent_ms.push(clock.now());
    if (sent_ms.length === 2) back_ms = 3_600_000;
    return Promise.resolve(ok(told));
  } };
  const began_ms = clock.now();
  const patient = sendPatiently({ clock: shifted, message }, { from: at.caller, to: at.clerk.did, command: 'delete:records', arguments: row, wait_ms: 60_000, signal: new AbortController().signal });
  await at.world.pass(70_000);
  assert.is(sent_ms.length, 60_000 / repetition_ms_min + 1);
  assert.ok(sent_ms.every((time_ms) => time_ms <= began_ms + 60_000));
  assert.is((await at.world.get(patient)).receipt.code, 'APPROVAL_PENDING');
});

test('what a peer makes the agent do waits within the peer\'s bounds, and leaves room for what the agent does itself', async (context) => {
  const at = await office(context);
  const { approvals } = at.world.at(0).host;
  const { signal } = new AbortController();
  const id = await begin(at);
  const nested = { ...unwrap(approvals.get(id)), later: null };
  for (let number = 1; number < approvals_per_peer_max; number += 1) void approvals.decide(nested, signal);
  assert.is(codeOf(await approvals.decide(nested, signal)), 'APPROVAL_OVERLOADED');
  for (let number = 0; number < approvals_per_peer_max; number += 1) void approvals.decide({ ...nested, peer: 'did:mesh:another' }, signal);
  assert.is(codeOf(await approvals.decide({ ...nested, peer: 'did:mesh:third' }, signal)), 'APPROVAL_OVERLOADED');
  assert.is(approvals.list().length, peer_approvals_per_agent_max);
  void approvals.decide({ ...nested, peer: null }, signal);
  assert.is(approvals.list().length, peer_approvals_per_agent_max + 1);
});

test('all peers together leave room for what agents do themselves', async (context) => {
  const at = await office(context);
  const pending = unwrap(at.world.at(0).host.approvals.get(await begin(at)));
  const calls = new WaitingCalls(at.world.at(0).host.parts.clock, () => undefined);
  for (let number = 0; number < 2 * peer_approvals_max; number += 1) {
    const asked = { ...pending, id: `${number}`, agent: `agent-${number}`, peer: `peer-${number}` };
    if (calls.room(asked, 'clerk').ok) calls.add(asked);
  }
  assert.is(calls.list().length, peer_approvals_max);
  assert.ok(calls.room({ ...pending, peer: null, later: null }, 'clerk').ok);
});

test('a call whose time is over by the clock is not granted, also where its timer slept with the machine', async (context) => {
  const at = await office(context);
  const { approvals, parts: { clock } } = at.world.at(0).host;
  const id = await begin(at);
  const pending = unwrap(approvals.get(id));
  let ahead_ms = 0;
  const calls = new WaitingCalls({ now: () => clock.now() + ahead_ms, after: () => () => undefined }, () => undefined);
  calls.add(pending);
  assert.ok(calls.waiting(id));
  ahead_ms = pending.expires_ms - clock.now();
  assert.equal([calls.waiting(id), calls.list()], [undefined, []]);
});

/** Knows how many have yet to be told of the ending. */
class CountedCall extends WaitingCall {
  waiters = 0;

  override onEnded(listener: () => void): () => void {
    this.waiters += 1;
    const forget = super.onEnded(listener);
    return () => {
      this.waiters -= 1;
      forget();
    };
  }
}

test('who hangs up while a call waits leaves nothing behind in it, however often', async (context) => {
  const at = await office(context);
  const { approvals, parts: { clock } } = at.world.at(0).host;
  const waiting = new CountedCall(unwrap(approvals.get(await begin(at))));
  const stay = untilEnded(clock, waiting, new AbortController().signal);
  for (let number = 0; number < 50; number += 1) {
    const hung_up = new AbortController();
    const waited = untilEnded(clock, waiting, hung_up.signal, 1_000);
    hung_up.abort();
    await waited;
  }
  assert.is(waiting.waiters, 1, 'the one who stays');
  waiting.end(fail('CALL_ABORTED', 'over'));
  await stay;
  await untilEnded(clock, waiting, new AbortController().signal);
  assert.is(waiting.waiters, 0);
});

test('a request of version 2 has an approval, and maybe how long its answer is waited for; one of version 1 has neither', () => {
  const plain = { invocation: 'token', chain: [], records: [], arguments: new Uint8Array([0x31]) };
  const approval = 'A'.repeat(22);
  assert.equal(unwrap(decodeRequest(encodeRequest({ ...plain, approval }))), { ...plain, approval });
  for (const wait_ms of [0, 3_000]) assert.equal(unwrap(decodeRequest(encodeRequest({ ...plain, approval, wait_ms }))), { ...plain, approval, wait_ms });
  assert.equal(unwrap(decodeRequest(encodeRequest(plain))), plain);
  for (const wait_ms of [-1, 1.5, '3', null]) assert.is(codeOf(decodeRequest(encodeCbor({ version: 2, ...plain, approval, wait_ms }))), 'MESSAGE_MALFORMED', JSON.stringify(wait_ms));
  for (const wrong of [{ version: 1, ...plain, approval }, { version: 2, ...plain }, { version: 1, ...plain, wait_ms: 1 }, { version: 2, ...plain, wait_ms: 1 }, { version: 2, ...plain, approval: 'short' }, { version: 2, ...plain, approval: 7 }, { version: 3, ...plain, approval }, { version: 2, ...plain, approval: null }]) {
    assert.is(codeOf(decodeRequest(encodeCbor(wrong))), 'MESSAGE_MALFORMED', JSON.stringify(wrong));
  }
});

test.run();
