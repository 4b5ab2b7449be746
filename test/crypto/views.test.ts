import { decodeJWT } from 'did-jwt';
import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { actView, delegationChainView } from '../../crypto/interop/views.ts';
import { unwrap } from '../../crypto/result.ts';
import { chainOf, day_s, evidenceOf } from '../chains.ts';
import { checkChain } from '../handmade.ts';
import { suite } from '../harness.ts';
import { agentOf, directory, person, start_s } from '../people.ts';

const test = suite('crypto/views');
const sponsor = await person('sponsor');
const a = await agentOf(sponsor, 'a');
const b = await agentOf(sponsor, 'b');
const c = await agentOf(sponsor, 'c');
const evidence = evidenceOf(directory([sponsor, a, b, c]).known);

const tokens = await chainOf([
  { from: sponsor, to: a, cap: ['read:**', 'write:reports'], cav: { max_depth: 2 } },
  { from: a, to: b, cap: ['read:reports/**', 'write:reports'], nbf: start_s + 10 },
  { from: b, to: c, cap: ['read:reports/today', 'write:reports'], nbf: start_s + 20, cav: { trust: 600 } },
]);
const chain = unwrap(checkChain(tokens, evidence));

test('RFC 8693: the holder is the outermost actor, the first delegate the innermost, the sponsor the subject', () => {
  assert.equal(actView(chain), {
    sub: sponsor.did,
    act: { sub: c.did, act: { sub: b.did, act: { sub: a.did } } },
    scope: 'read:reports/today write:reports',
    nbf: start_s + 20,
    exp: start_s + 8 * day_s,
    mesh_caveats: chain.caveats,
  });
  assert.is(chain.caveats.trust, 600);
});

test('RFC 8693: one link has one actor, and no caveats is no member', async () => {
  const [root = ''] = await chainOf([{ from: sponsor, to: a }]);
  assert.equal(actView(unwrap(checkChain([root], evidence))), {
    sub: sponsor.did, act: { sub: a.did }, scope: 'read:reports', nbf: start_s, exp: start_s + 10 * day_s,
  });
});

test('a scope is a list of scope-tokens as RFC 6749 section 3.3 spells them', () => {
  for (const token of actView(chain).scope.split(' ')) assert.match(token, /^[\x21\x23-\x5b\x5d-\x7e]+$/);
});

test('delegation_chain: most recent hop first, its delegatee is the current actor, times never increase', () => {
  const view = delegationChainView(chain);
  const records = view.delegation_chain;
  assert.equal(records.map(({ delegator_id, delegatee_id }) => [delegator_id, delegatee_id]), [[b.did, c.did], [a.did, b.did], [sponsor.did, a.did]]);
  assert.is(records[0]?.delegatee_id, view.act.sub);
  assert.equal(records.map((record) => record.delegation_timestamp), [start_s + 20, start_s + 10, start_s]);
  assert.equal(records.map((record) => record.root_evidence_ref), records.map(() => toBase64url(sha256(utf8(tokens[0] ?? '')))));
});

test('delegation_chain: the policy of each hop is its own token, which says what the hop says, and nobody signs for a server', () => {
  for (const [index, record] of delegationChainView(chain).delegation_chain.toReversed().entries()) {
    assert.equal(Object.keys(record).toSorted(), ['delegated_policy', 'delegatee_id', 'delegation_timestamp', 'delegator_id', 'root_evidence_ref']);
    const { content, capabilities, caveats, exp, type } = record.delegated_policy;
    assert.is(content, tokens[index]);
    const { payload, header } = decodeJWT(content);
    assert.equal({ capabilities, caveats, exp, type }, { capabilities: payload['cap'], caveats: payload['cav'], exp: payload.exp, type: header.typ });
  }
});

test('a view is no chain: nothing that it says is taken for a token', () => {
  for (const view of [actView(chain), delegationChainView(chain)]) {
    const text = JSON.stringify(view);
    assert.not.ok(checkChain([text], evidence).ok);
    assert.not.ok(checkChain([toBase64url(utf8(text))], evidence).ok);
  }
});

test.run();
