/** A command over the sidecar that a human at the other agent has to approve. */
import * as assert from 'uvu/assert';
import { isFields } from '../../../crypto/canonical.ts';
import { unwrap } from '../../../crypto/result.ts';
import { Policy } from '../../../node/kernel/index.ts';
import { suite } from '../../harness.ts';
import { sidecarWorld } from './sidecar-world.ts';

const test = suite('node/sidecar/messages');
const ask_first = "version: '1.0'\nname: polite\nrules:\n  - { name: ask-first, condition: \"action.type == 'greet'\", action: require_approval }\n";

test('it is told the request, takes it up for exactly the same command, or waits', async (context) => {
  const world = await sidecarWorld(context);
  const { approvals, agents, identities } = world.node.host;
  const other = agents.get(identities.find('other')?.did ?? '');
  if (other === undefined) throw new Error('there is no other agent');
  other.handler = ({ arguments: given }) => Promise.resolve({ hello: given });
  other.kernel.replacePolicies('agent', [unwrap(await Policy.parse(ask_first, 'polite.yaml'))]);
  const body = { to: 'other', command: 'greet:world', arguments: 'bob' };
  const told = await world.get('POST', '/v1/messages', { body });
  const { result } = told;
  const approval = isFields(result) && isFields(result['approval']) ? String(result['approval']['request']) : '';
  assert.equal([told['verdict'], told['code'], approvals.list()[0]?.id], ['deny', 'APPROVAL_PENDING', approval]);
  const patient = world.get('POST', '/v1/messages', { body: { ...body, approval, wait_ms: 60_000 } });
  unwrap(await approvals.answerAs(approval, 'grant'));
  assert.equal((await patient)['result'], { hello: 'bob' });
  assert.is((await world.get('POST', '/v1/messages', { body: { ...body, approval } }))['code'], 'APPROVAL_UNKNOWN');
  assert.equal(await world.refusal('POST', '/v1/messages', { body: { ...body, wait_ms: 900_001 } }), [400, 'REQUEST_INVALID']);
  assert.equal(await world.refusal('POST', '/v1/messages', { body: { ...body, approval: 'guess' } }), [403, 'APPROVAL_UNKNOWN']);
});

test.run();
