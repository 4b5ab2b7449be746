import * as assert from 'uvu/assert';
import { fromBase64url, toBase64url } from '../../crypto/bytes.ts';
import { approval_lifetime_s_max, approvalHash, parseApproval, signApproval } from '../../crypto/approval.ts';
import { isFields, type Json } from '../../crypto/canonical.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { approvalRequestText, parseApprovalRequest } from '../../node/approval-request.ts';
import { approvals_per_agent_max, signAnswer, type PendingApproval } from '../../node/approvals.ts';
import { readPayload } from '../../node/flight-recorder.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { Policy, type Outcome } from '../../node/kernel/index.ts';
import { unixSeconds } from '../../protocols/time.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf, hostWorld, type HostWorld } from '../simulated-hosts.ts';

const test = suite('node/approvals');
const policy_text = "version: '1.0'\nname: careful\nrules:\n  - { name: reads, condition: \"action.type == 'read'\", action: allow }\n  - { name: ask-first, condition: \"action.type == 'delete'\", action: require_approval }\n";

interface Office {
  readonly world: HostWorld;
  readonly agent: LocalIdentity;
  readonly alice: LocalIdentity;
}

async function office(context: TestContext): Promise<Office> {
  const world = await hostWorld(context, { count: 1, latency_ms: [5, 20] });
  const policy = unwrap(await Policy.parse(policy_text, 'careful.yaml'));
  const agent = await world.hire(0, 'clerk', { capabilities: ['delete:**', 'read:**'], policies: [policy] });
  return { world, agent, alice: world.sponsor(0) };
}

function erase({ world, agent }: Office, data: Json = { row: 7 }, signal?: AbortSignal): Promise<Result<Outcome<string>>> {
  const kernel = world.at(0).host.agents.get(agent.did)?.kernel;
  if (kernel === undefined) throw new Error('the agent has no kernel');
  return kernel.run({
    agent: agent.did, action: { type: 'delete', resource: 'records' }, data, effect: () => Promise.resolve('gone'), ...(signal === undefined ? {} : { signal }),
  });
}

async function waiting({ world }: Office): Promise<PendingApproval> {
  const { approvals } = world.at(0).host;
  await world.until('a call waits', () => approvals.list().length > 0);
  const [pending] = approvals.list();
  if (pending === undefined) throw new Error('no call waits');
  return pending;
}

async function recorded({ world }: Office): Promise<readonly { readonly [name: string]: unknown }[]> {
  const found: { readonly [name: string]: unknown }[] = [];
  const read = async (): Promise<void> => {
    for await (const entry of world.at(0).host.log.entries({})) {
      const payload = entry.ok && entry.value.payload !== undefined ? readPayload(entry.value.payload) : null;
      if (isFields(payload)) found.push(payload);
    }
  };
  await world.finish(read());
  return found;
}

function answerBy(signer: LocalIdentity, pending: PendingApproval, now_s: number, verdict: 'grant' | 'refuse' = 'grant'): Promise<string> {
  return signAnswer(signer, pending, { verdict, why: 'ticket 7', now_s });
}

test('a call waits for its sponsor, runs when granted, and the record holds the signed word', async (context) => {
  const at = await office(context);
  const call = erase(at);
  const pending = await waiting(at);
  assert.equal([pending.agent, pending.rule, pending.data, pending.approvers], [at.agent.did, 'ask-first', { row: 7 }, [at.alice.did]]);
  const answered = await at.world.get(at.world.at(0).host.approvals.answerAs(pending.id, 'grant', { why: 'ticket 7' }));
  assert.equal([answered.verdict, answered.by], ['grant', at.alice.did]);
  const outcome = await at.world.get(call);
  assert.is(outcome.value, 'gone');
  const decisions = (await recorded(at)).filter(({ kind, rule }) => kind === 'decision' && rule === 'ask-first');
  assert.equal(decisions.map(({ verdict, code }) => [verdict, code]), [['require_approval', 'APPROVAL_REQUIRED'], ['allow', null]]);
  const approval = decisions[1]?.['approval'];
  if (!isFields(approval) || typeof approval['token'] !== 'string') throw new Error('the record has no approval');
  assert.equal([approval['id'], approval['by']], [pending.id, at.alice.did]);
  const token = unwrap(parseApproval(approval['token']));
  assert.equal(token.action_hash, approvalHash(pending));
});

test('refused, timed out, given up, killed: each ends the call before its effect, and says how', async (context) => {
  const at = await office(context);
  const { approvals, agents } = at.world.at(0).host;
  const refused = erase(at);
  await at.world.get(approvals.answerAs((await waiting(at)).id, 'refuse', { why: 'not today' }));
  const refusal = await at.world.finish(refused);
  assert.is(codeOf(refusal), 'APPROVAL_REFUSED');
  if (!refusal.ok) assert.match(refusal.failure.reason, `${at.alice.did} refused it: not today`);
  const late = erase(at);
  await waiting(at);
  await at.world.pass(301_000);
  assert.is(codeOf(await at.world.finish(late)), 'APPROVAL_TIMEOUT');
  const controller = new AbortController();
  const given_up = erase(at, { row: 8 }, controller.signal);
  await waiting(at);
  controller.abort(new Error('enough'));
  assert.is(codeOf(await at.world.finish(given_up)), 'CALL_ABORTED');
  const killed = erase(at, { row: 9 });
  await waiting(at);
  const housed = agents.get(at.agent.did);
  if (housed === undefined) throw new Error('no agent');
  await at.world.get(housed.kernel.signal(at.agent.did, 'SIGKILL', { reason: 'over' }));
  assert.not.ok((await at.world.finish(killed)).ok);
  assert.equal(approvals.list(), []);
  const outcomes = (await recorded(at)).filter(({ kind }) => kind === 'outcome');
  assert.equal(outcomes.filter(({ status }) => status === 'done'), []);
});

test('an approval is for this call alone: another signer, agent, host, payload, policy or time, a second use and a forged signature are refused and recorded', async (context) => {
  const at = await office(context);
  const { approvals, parts } = at.world.at(0).host;
  const call = erase(at);
  const pending = await waiting(at);
  const now_s = unixSeconds(parts.clock);
  const mallory = await at.world.get(at.world.at(0).actions.createSponsor('mallory', 'human'));
  const plan = { request: pending.id, host: pending.host, agent: pending.agent, action_hash: approvalHash(pending), verdict: 'grant', why: '', now_s, lifetime_s: 60 } as const;
  const good = await answerBy(at.alice, pending, now_s);
  const forged = good.replace(/\.[^.]+$/, `.${toBase64url(new Uint8Array(64).fill(7))}`);
  const attempts: readonly (readonly [string, string])[] = [
    ['APPROVAL_MALFORMED', 'grant me'],
    ['APPROVAL_SIGNER', await answerBy(mallory, pending, now_s)],
    ['APPROVAL_SIGNER', await answerBy(at.agent, pending, now_s)],
    ['APPROVAL_AGENT', await signApproval(at.alice.signer, { ...plan, agent: mallory.did })],
    ['APPROVAL_HOST', await signApproval(at.alice.signer, { ...plan, host: mallory.did })],
    ['APPROVAL_ACTION', await answerBy(at.alice, { ...pending, args_hash: 'f'.repeat(64) }, now_s)],
    ['APPROVAL_ACTION', await answerBy(at.alice, { ...pending, policies: [] }, now_s)],
    ['APPROVAL_EXPIRED', await answerBy(at.alice, pending, now_s - approval_lifetime_s_max - 60)],
    ['APPROVAL_FORGED', forged],
  ];
  for (const [code, text] of attempts) assert.is(codeOf(await at.world.finish(approvals.answer(text))), code);
  assert.is(approvals.list().length, 1);
  await at.world.get(approvals.answer(good));
  await at.world.get(call);
  assert.is(codeOf(await at.world.finish(approvals.answer(good))), 'APPROVAL_UNKNOWN');
  const rejected = (await recorded(at)).filter(({ kind }) => kind === 'approval-rejected');
  assert.equal(rejected.map(({ code }) => code), [...attempts.map(([code]) => code), 'APPROVAL_UNKNOWN']);
});

test('of two answers at once one counts, and none counts that is signed with a revoked key', async (context) => {
  const at = await office(context);
  const { approvals, parts, identities } = at.world.at(0).host;
  const first = erase(at);
  const pending = await waiting(at);
  const token = await answerBy(at.alice, pending, unixSeconds(parts.clock));
  const codes = (await at.world.finish(Promise.all([approvals.answer(token), approvals.answer(token)]))).map(codeOf);
  assert.equal(codes, ['ok', 'APPROVAL_UNKNOWN']);
  await at.world.get(first);
  const second = erase(at, { row: 8 });
  const again = await answerBy(at.alice, await waiting(at), unixSeconds(parts.clock));
  await at.world.get(at.world.at(0).actions.revoke(identities.find('sponsor-0')?.did ?? '', 'key', at.alice.signer.key_id, 'stolen'));
  assert.is(codeOf(await at.world.finish(approvals.answer(again))), 'REVOKED');
  await at.world.pass(301_000);
  assert.not.ok((await at.world.finish(second)).ok);
});

test('who guesses ids is not looked at any more for a while, and every guess is recorded', async (context) => {
  const at = await office(context);
  const { approvals, parts } = at.world.at(0).host;
  const call = erase(at);
  const pending = await waiting(at);
  const codes: string[] = [];
  for (let guess = 0; guess < 12; guess += 1) {
    const id = toBase64url(parts.random.bytes(16));
    codes.push(codeOf(await at.world.finish(approvals.answer(await answerBy(at.alice, { ...pending, id }, unixSeconds(parts.clock))))));
  }
  assert.equal(codes, [...Array.from({ length: 10 }, () => 'APPROVAL_UNKNOWN'), 'APPROVAL_GUESSED', 'APPROVAL_GUESSED']);
  assert.is((await recorded(at)).filter(({ kind }) => kind === 'approval-rejected').length, 10);
  await at.world.pass(61_000);
  await at.world.get(approvals.answer(await answerBy(at.alice, pending, unixSeconds(parts.clock))));
  await at.world.get(call);
});

test('an agent that floods approvals waits for so many and is denied the others', async (context) => {
  const at = await office(context);
  const { approvals } = at.world.at(0).host;
  const calls = Array.from({ length: approvals_per_agent_max + 3 }, (_, row) => erase(at, { row }));
  await at.world.until('as many wait as may', () => approvals.list().length === approvals_per_agent_max);
  await at.world.pass(301_000);
  const codes = await at.world.finish(Promise.all(calls.map(async (call) => codeOf(await call))));
  assert.is(codes.filter((code) => code === 'APPROVAL_OVERLOADED').length, 3);
  assert.is(codes.filter((code) => code === 'APPROVAL_TIMEOUT').length, approvals_per_agent_max);
});

test('a grant under policies that were replaced meanwhile lets nothing pass', async (context) => {
  const at = await office(context);
  const { approvals, agents } = at.world.at(0).host;
  const call = erase(at);
  const pending = await waiting(at);
  const stricter = unwrap(await Policy.parse(policy_text.replace('careful', 'careful').replace("'read'", "'look'"), 'careful.yaml'));
  unwrap(agents.replacePolicies('agent', [stricter], at.agent.did));
  await at.world.get(approvals.answerAs(pending.id, 'grant'));
  assert.not.ok((await at.world.finish(call)).ok);
});

test('a request for another device shows the payload that its hash names, and nothing else', async (context) => {
  const at = await office(context);
  const call = erase(at, { row: 7, note: 'Müller' });
  const pending = await waiting(at);
  const text = approvalRequestText(pending);
  const read = unwrap(parseApprovalRequest(text));
  assert.equal(read.data, { row: 7, note: 'Müller' });
  assert.equal(approvalHash(read), approvalHash(pending));
  for (const changed of [text.replace('"row": 7', '"row": 8'), text.replace('"version": 1', '"version": 2'), text.replace('"id"', '"di"'), text.slice(9), '[]', 'x'.repeat(2_000_000)]) {
    assert.is(codeOf(parseApprovalRequest(changed)), 'APPROVAL_REQUEST_MALFORMED');
  }
  const { approvals, parts } = at.world.at(0).host;
  const token = await signAnswer(at.alice, read, { verdict: 'grant', why: '', now_s: unixSeconds(parts.clock) });
  assert.is(fromBase64url(token.split('.')[2] ?? '')?.length, 64);
  await at.world.get(approvals.answer(token));
  await at.world.get(call);
});

test.run();
