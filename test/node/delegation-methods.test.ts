import * as assert from 'uvu/assert';
import { delegationMethods } from '../../node/control/delegation-methods.ts';
import { suite } from '../harness.ts';
import { hostWorld } from '../simulated-hosts.ts';

const test = suite('node/control/delegation methods');
const never = new AbortController().signal;

test('a chain that holds is shown step by step and in the words of others; one that was revoked is not', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const clerk = await world.hire(0, 'clerk');
  const temp = await world.hire(0, 'temp');
  const { host, actions } = world.at(0);
  const methods = delegationMethods(host, actions);
  const first = await world.get(methods['delegate']({ from: 'sponsor-0', to: clerk.did, capabilities: ['read:**'] }, never));
  const second = await world.get(methods['delegate']({ from: 'clerk', to: temp.did, capabilities: ['read:orders'], parent: first.id, caveats: { rate: [5, 60] } }, never));
  const holding = await world.get(methods['delegation.verify']({ id: second.id, command: 'read:orders' }, never));
  assert.ok(holding.holds);
  assert.equal(holding.steps.filter(({ state }) => state === 'ok').map(({ step }) => step), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  assert.equal(holding.steps.slice(13).map(({ step, state, text }) => [step, state, text !== null]), [[14, 'in part', true], [15, 'in part', true], [16, 'unasked', false]]);
  assert.match(holding.steps[13]?.text ?? '', 'trust, rates, audience, arguments and newness are for the executor');
  const uncommanded = await world.get(methods['delegation.verify']({ id: second.id }, never));
  assert.equal(uncommanded.steps.slice(13).map(({ state, text }) => [state, text]), [['unasked', null], ['unasked', null], ['unasked', null]]);
  const widened = await world.get(methods['delegation.verify']({ id: second.id, command: 'write:orders' }, never));
  assert.equal(widened.steps.slice(12).map(({ state, text }) => [state, text]), [['ok', null], ['failed', null], ['unreached', null], ['unasked', null]]);
  assert.equal(holding.views?.act.act, { sub: temp.did, act: { sub: clerk.did } });
  assert.is(holding.views?.act.sub, world.sponsor(0).did);
  assert.is(holding.views?.delegation_chain.delegation_chain.length, 2);
  await world.get(actions.revoke('sponsor-0', 'delegation', first.id, 'over'));
  const revoked = await world.get(methods['delegation.verify']({ id: second.id }, never));
  assert.equal(revoked.steps.slice(10).map(({ state }) => state), ['failed', 'unreached', 'unreached', 'unasked', 'unasked', 'unasked']);
  assert.equal([revoked.holds, revoked.code, revoked.link, revoked.views], [false, 'REVOKED', 0, null]);
  assert.equal((await world.get(methods['delegation.inspect']({ id: second.id }, never))).links.map(({ state }) => state), ['REVOKED', 'above']);
});

test.run();
