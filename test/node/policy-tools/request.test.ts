import * as assert from 'uvu/assert';
import { unwrap } from '../../../crypto/result.ts';
import { requestOf } from '../../../node/policy-tools/request.ts';
import { suite } from '../../harness.ts';

const test = suite('node/policy-tools/request');

test('a request is taken as it is, also inside request, ctx or input', () => {
  const request = { action: { type: 'export' }, data: { a: 1 }, agent: { id: 'x' }, context: { peer: 'p' } };
  for (const given of [request, { request }, { ctx: request, expect: 'deny' }, { id: 'one', input: request }]) assert.equal(unwrap(requestOf(given)), request);
});

test('an action in words is its type, and other names are fields of the payload too', () => {
  assert.equal(unwrap(requestOf({ action: 'export', output: 'text', data: { a: 1, output: 'mine' } })), { action: { type: 'export' }, output: 'text', data: { output: 'mine', a: 1 } });
  assert.equal(unwrap(requestOf({ tool_name: 'search', token_count: 9 })), { tool_name: 'search', token_count: 9, action: { type: 'tool', tool: 'search' }, data: { tool_name: 'search', token_count: 9 } });
  const foreign = unwrap(requestOf({ action: 'sql', agent_did: 'did:web:a', context: { statement: 'DROP TABLE x' } }));
  assert.equal([foreign.action, foreign.agent, foreign.data], [{ type: 'sql' }, { id: 'did:web:a', did: 'did:web:a' }, { agent_did: 'did:web:a', context: { statement: 'DROP TABLE x' } }]);
  assert.equal(unwrap(requestOf({ action: 'x', trust_score: 0.5, delegation_depth: 4 })), {
    action: { type: 'x' }, trust_score: 0.5, delegation_depth: 4, agent: { trust_score: 0.5 }, context: { delegation: { depth: 4 } }, data: { trust_score: 0.5, delegation_depth: 4 },
  });
  assert.equal(unwrap(requestOf({ action: 'x', agent: 'analyst' })).agent, { id: 'analyst' });
});

test('what is no mapping, or no JSON, is refused', () => {
  for (const given of [null, 7, 'x', [], [{}], undefined, () => 1]) {
    const read = requestOf(given);
    assert.is(read.ok ? 'taken' : read.failure.code, 'REQUEST_INVALID', JSON.stringify(given));
  }
});

test.run();
