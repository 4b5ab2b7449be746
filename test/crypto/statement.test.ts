import * as assert from 'uvu/assert';
import { toBase64url } from '../../crypto/bytes.ts';
import { createToken, type TokenType } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import {
  endorsement_lifetime_s_max, lasting_revocation_lifetime_s, parseStatement, revocationLifetime, signEndorsement, signRevocation, token_revocation_lifetime_s,
  type RevocationTarget,
} from '../../crypto/statement.ts';
import { suite } from '../harness.ts';
import { person, start_s } from '../people.ts';

const test = suite('crypto/statement');
const alice = await person('alice');
const bob = await person('bob');

const endorsement = { sub: bob.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + 3600, weight: 800, why: 'good work' };
const target: RevocationTarget = { kind: 'agent', id: bob.did };

async function codeOf(type: TokenType, claims: { readonly [name: string]: unknown }): Promise<string> {
  const parsed = parseStatement(await createToken(type, alice.signer, claims));
  return parsed.ok ? 'accepted' : parsed.failure.code;
}

test('an endorsement and a revocation say what was signed, under the hash of their token', async () => {
  const text = unwrap(await signEndorsement(alice.signer, endorsement));
  const parsed = unwrap(parseStatement(text));
  assert.equal(parsed.statement, { kind: 'endorsement', iss: alice.did, ...endorsement, hash: toBase64url(parsed.token.hash) });
  const revoked = unwrap(parseStatement(unwrap(await signRevocation(alice.signer, { target, seq: 2, nbf: start_s, why: '' })))).statement;
  assert.is(revoked.exp, start_s + lasting_revocation_lifetime_s);
  assert.equal(revoked.kind === 'revocation' && revoked.target, target);
});

test('an endorsement of any other shape is refused, when received and when signed', async () => {
  for (const changes of [
    { weight: 1001 }, { weight: -1 }, { weight: 0.5 }, { sub: 'bob' }, { scope: '*' }, { scope: 'Read' }, { scope: 'read:x' }, { scope: '' },
    { why: 'x'.repeat(201) }, { why: 'line\nbreak' }, { why: '\u001b[31m' }, { why: '\u202etxt' }, { seq: -1 }, { seq: 1.5 }, { nbf: -1 },
    { exp: start_s }, { exp: start_s + endorsement_lifetime_s_max + 1 },
  ]) {
    assert.is(await codeOf('mesh-endorse+jwt', { ...endorsement, v: 1, ...changes }), 'STATEMENT_MALFORMED', JSON.stringify(changes));
    const signed = await signEndorsement(alice.signer, { ...endorsement, ...changes });
    assert.is(signed.ok ? 'signed' : signed.failure.code, 'STATEMENT_MALFORMED', JSON.stringify(changes));
  }
  assert.is(await codeOf('mesh-endorse+jwt', { ...endorsement, v: 1 }), 'accepted');
  assert.is(await codeOf('mesh-endorse+jwt', { ...endorsement, v: 2 }), 'STATEMENT_MALFORMED');
  assert.is(await codeOf('mesh-endorse+jwt', { ...endorsement, v: 1, extra: 1 }), 'STATEMENT_MALFORMED');
  assert.is(await codeOf('mesh-dlg+jwt', { ...endorsement, v: 1 }), 'TOKEN_TYPE');
});

test('a revocation names a target of the right form and cannot end before what it revokes', async () => {
  const hash = toBase64url(new Uint8Array(32));
  const good: readonly RevocationTarget[] = [
    { kind: 'delegation', id: hash }, { kind: 'token', id: hash.slice(0, 22) }, { kind: 'key', id: bob.signer.key_id },
    { kind: 'did', id: bob.did }, target, { kind: 'sponsorship', id: bob.did },
  ];
  const claims = { seq: 1, nbf: start_s, why: 'lost', v: 1 };
  for (const each of good) {
    const exp = start_s + revocationLifetime(each.kind);
    assert.is(await codeOf('mesh-revoke+jwt', { ...claims, target: each, exp }), 'accepted', each.kind);
    assert.is(await codeOf('mesh-revoke+jwt', { ...claims, target: each, exp: exp - 1 }), 'STATEMENT_MALFORMED', each.kind);
    for (const id of ['', 'x', `${each.id}x`, 5]) {
      if (each.kind === 'key' && id === `${each.id}x`) continue;
      assert.is(await codeOf('mesh-revoke+jwt', { ...claims, target: { kind: each.kind, id }, exp }), 'STATEMENT_MALFORMED', `${each.kind} ${String(id)}`);
    }
  }
  for (const bad of [{ kind: 'world', id: bob.did }, { kind: 'toString', id: bob.did }, { kind: 'did', id: bob.did, more: 1 }, bob.did, null]) {
    assert.is(await codeOf('mesh-revoke+jwt', { ...claims, target: bad, exp: start_s + lasting_revocation_lifetime_s }), 'STATEMENT_MALFORMED', JSON.stringify(bad));
  }
  assert.ok(token_revocation_lifetime_s > 366 * 86_400, 'longer than any delegation');
});

test.run();
