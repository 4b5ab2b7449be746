import * as assert from 'uvu/assert';
import { approval_lifetime_s_max, approval_why_length_max, approvalHash, parseApproval, signApproval } from '../../crypto/approval.ts';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { token_bytes_max } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import { handmadeToken } from '../handmade.ts';
import { suite } from '../harness.ts';
import { ofText, testParser } from '../hostile-bytes.ts';
import { agentOf, person, start_s } from '../people.ts';

const test = suite('crypto/approval');
const sponsor = await person('sponsor');
const agent = await agentOf(sponsor, 'agent');
const request = 'A'.repeat(22);
const asked = { agent: agent.did, action: { type: 'deploy' }, args_hash: '00'.repeat(32), policies: ['one', 'two'], policy: 'p', rule: 'r' };
const action_hash = approvalHash(asked);
const plan = { request, host: sponsor.did, agent: agent.did, action_hash, verdict: 'grant', why: 'ticket 4711', now_s: start_s, lifetime_s: approval_lifetime_s_max } as const;
const token = await signApproval(sponsor.signer, plan);
const claims = { iss: sponsor.did, req: request, aud: sponsor.did, sub: agent.did, act: toBase64url(action_hash), verdict: 'grant', why: '', nbf: start_s, exp: start_s + 60, v: 1 };

function parsed(changes: object, typ: string = 'mesh-approval+jwt'): string {
  const made = parseApproval(handmadeToken({ alg: 'EdDSA', typ, kid: sponsor.signer.key_id }, { ...claims, ...changes }, sponsor.signer));
  return made.ok ? 'ok' : made.failure.code;
}

test('an approval says what was signed', () => {
  const { token: _, ...said } = unwrap(parseApproval(token));
  assert.equal(said, { iss: sponsor.did, request, host: sponsor.did, agent: agent.did, action_hash, verdict: 'grant', why: 'ticket 4711', nbf: start_s, exp: start_s + approval_lifetime_s_max });
});

test('the hash of what is asked changes with every part of it', () => {
  const others = [
    { agent: sponsor.did }, { action: { type: 'deploy', to: 'production' } }, { args_hash: null }, { policies: ['one'] }, { policies: ['two', 'one'] }, { policy: null }, { rule: 'other' },
  ].map((change) => toBase64url(approvalHash({ ...asked, ...change })));
  assert.is(new Set([toBase64url(action_hash), ...others]).size, others.length + 1);
});

test('an approval of any other form is none', () => {
  assert.is(parsed({}), 'ok');
  const wrong: readonly object[] = [
    { v: 2 }, { extra: 1 }, { req: 'short' }, { req: 1 }, { aud: 'somebody' }, { iss: 'somebody' }, { sub: '' }, { act: 'AAAA' }, { act: null }, { verdict: 'maybe' }, { verdict: true },
    { why: 1 }, { why: 'x'.repeat(approval_why_length_max + 1) }, { nbf: -1 }, { exp: start_s }, { exp: start_s + approval_lifetime_s_max + 1 }, { nbf: 1.5 }, { exp: '9999999999' },
  ];
  for (const change of wrong) assert.is(parsed(change), 'APPROVAL_MALFORMED', JSON.stringify(change));
  assert.is(parsed({}, 'mesh-inv+jwt'), 'APPROVAL_MALFORMED', 'a token of another type');
});

testParser(test, { name: 'parseApproval', parse: ofText(parseApproval), samples: [utf8(token)], bytes_max: 2 * token_bytes_max });

test.run();
