import * as assert from 'uvu/assert';
import { toBase64url } from '../../crypto/bytes.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { createToken, token_bytes_max, type TokenType } from '../../crypto/jwt.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import {
  endorsement_bytes_max, endorsement_lifetime_s_max, head_lifetime_s_max, lasting_revocation_lifetime_s, parseStatement, readStatement, revocationLifetime, signDuplicity,
  signEndorsement, signEquivocation, signHead, signRevocation, token_revocation_lifetime_s, verifyEquivocation, type EquivocationProof, type RevocationTarget,
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

test('a head names a record of its issuer, for three days at most', async () => {
  const plan = { number: 2, sequence: 7, record: toBase64url(new Uint8Array(32)), nbf: start_s, exp: start_s + head_lifetime_s_max };
  const { statement } = unwrap(parseStatement(unwrap(await signHead(alice.signer, plan))));
  assert.equal(statement, { kind: 'head', iss: alice.did, ...plan, hash: statement.hash });
  for (const changes of [
    { exp: plan.exp + 1 }, { exp: start_s }, { record: 'x' }, { record: toBase64url(new Uint8Array(31)) }, { number: -1 }, { number: 0.5 }, { sequence: '7' }, { nbf: -1 }, { seq: 1 },
  ]) assert.is(await codeOf('mesh-head+jwt', { ...plan, v: 1, ...changes }), 'STATEMENT_MALFORMED', JSON.stringify(changes));
  const signed = await signHead(alice.signer, { ...plan, exp: plan.exp + 1 });
  assert.is(signed.ok ? 'signed' : signed.failure.code, 'STATEMENT_MALFORMED');
});

test('a proof has two different parts in one order, lasts, and accuses by name', async () => {
  const words = await Promise.all([1, 2].map(async (weight) => unwrap(await signEndorsement(alice.signer, { ...endorsement, weight }))));
  const [a = '', b = ''] = [...words].sort();
  const exp = start_s + lasting_revocation_lifetime_s;
  const [one, other] = await Promise.all(([[a, b], [b, a]] as const).map(async (statements) => unwrap(await signEquivocation(bob.signer, { sub: alice.did, nbf: start_s, statements }))));
  assert.is(one, other, 'whatever the order in which they are given');
  const proof = unwrap(parseStatement(one ?? '')).statement;
  assert.equal(proof, { kind: 'equivocation', iss: bob.did, sub: alice.did, statements: [a, b], nbf: start_s, exp, hash: proof.hash });
  for (const changes of [{ statements: [b, a] }, { statements: [a, a] }, { statements: [a] }, { statements: [a, b, b] }, { statements: [a, 'x'.repeat(endorsement_bytes_max + 1)] }, { sub: 'alice' }, { exp: exp - 1 }]) {
    assert.is(await codeOf('mesh-equivocation+jwt', { sub: alice.did, statements: [a, b], nbf: start_s, exp, v: 1, ...changes }), 'STATEMENT_MALFORMED', JSON.stringify(changes).slice(0, 60));
  }
  const events = [Uint8Array.of(1), Uint8Array.of(2)] as const;
  const duplicity = unwrap(parseStatement(unwrap(await signDuplicity(bob.signer, { did: alice.did, number: 1, nbf: start_s, events })))).statement;
  assert.equal(duplicity, { kind: 'duplicity', iss: bob.did, did: alice.did, number: 1, events: ['AQ', 'Ag'], nbf: start_s, exp, hash: duplicity.hash });
  for (const changes of [{ number: 0 }, { events: ['Ag', 'AQ'] }, { events: ['AQ', 'AQ'] }, { did: 'alice' }, { exp: exp + 1 }]) {
    assert.is(await codeOf('mesh-duplicity+jwt', { did: alice.did, number: 1, events: ['AQ', 'Ag'], nbf: start_s, exp, v: 1, ...changes }), 'STATEMENT_MALFORMED', JSON.stringify(changes));
  }
});

test('no endorsement is so long that two of them would not fit into a proof', async () => {
  const longest = { ...endorsement, why: 'x'.repeat(200) };
  const words = await Promise.all([1, 2].map(async (seq) => unwrap(await signEndorsement(alice.signer, { ...longest, seq }))));
  const proof = await signEquivocation(bob.signer, { sub: alice.did, nbf: start_s, statements: [words[0] ?? '', words[1] ?? ''] });
  assert.ok(proof.ok && proof.value.length <= token_bytes_max);
  const wide = { ...endorsement, why: '\u{1F600}'.repeat(100) };
  const [first, second] = await Promise.all([1, 2].map(async (seq) => signEndorsement(alice.signer, { ...wide, seq })));
  if (first?.ok === true && second?.ok === true) assert.ok((await signEquivocation(bob.signer, { sub: alice.did, nbf: start_s, statements: [first.value, second.value] })).ok);
  const filled = 'x'.repeat(endorsement_bytes_max - 1);
  assert.ok((await signEquivocation(bob.signer, { sub: alice.did, nbf: start_s, statements: [`${filled}a`, `${filled}b`] })).ok, 'the two longest fit');
  assert.is(await codeOf('mesh-endorse+jwt', { ...endorsement, why: '\u6f22'.repeat(200), v: 1 }), 'STATEMENT_MALFORMED', 'a longer one is refused');
});

test('equivocation is proven by what the accused signed, under the keys that it had then', async () => {
  const pair = async (by: typeof alice): Promise<readonly [string, string]> => [unwrap(await signEndorsement(by.signer, endorsement)), unwrap(await signEndorsement(by.signer, { ...endorsement, weight: 1 }))];
  const proofOf = async (statements: readonly [string, string]): Promise<EquivocationProof> => {
    const { statement } = unwrap(parseStatement(unwrap(await signEquivocation(bob.signer, { sub: alice.did, nbf: start_s, statements }))));
    if (statement.kind !== 'equivocation') throw new Error('it is a proof of equivocation');
    return statement;
  };
  const code = (result: Result<void>): string => (result.ok ? 'proven' : result.failure.code);
  const { record } = alice;
  const proof = await proofOf(await pair(alice));
  assert.is(code(verifyEquivocation(record, proof)), 'proven');
  assert.is(code(verifyEquivocation(bob.record, proof)), 'STATEMENT_UNPROVEN', 'the record of another');
  const retired = (until_s: number): DidRecord => ({
    ...record, document: { ...record.document, methods: [], retired: record.document.methods.map(({ id, key, uses }) => ({ id, key, uses, until: until_s * 1000 })) },
  });
  assert.is(code(verifyEquivocation(retired(start_s + 1), proof)), 'proven', 'retired later');
  assert.is(code(verifyEquivocation(retired(start_s), proof)), 'STATEMENT_KEY_UNKNOWN', 'void since before');
  const revocations = await Promise.all([1, 2].map(async (seq) => unwrap(await signRevocation(alice.signer, { target, seq, nbf: start_s, why: '' }))));
  assert.is(code(verifyEquivocation(record, await proofOf([revocations[0] ?? '', revocations[1] ?? '']))), 'STATEMENT_UNPROVEN', 'revocations do not contradict each other');
});

test('what is read back says the same as when it was parsed', async () => {
  const texts = await Promise.all([signEndorsement(alice.signer, endorsement), signRevocation(alice.signer, { target, seq: 2, nbf: start_s, why: 'x' })]);
  for (const text of texts.map((signed) => unwrap(signed))) {
    const { statement } = unwrap(parseStatement(text));
    assert.equal(readStatement(text, statement.hash), statement);
  }
  for (const text of ['', 'x', 'a.b.c', '..', 'e30.e30.x', await createToken('mesh-dlg+jwt', alice.signer, {})]) assert.is(readStatement(text, ''), undefined, text);
});

test.run();
