import * as assert from 'uvu/assert';
import { toBase64url } from '../../crypto/bytes.ts';
import { bundle_bytes_max, bundle_lifetime_s_max } from '../../crypto/policy-bundle.ts';
import { createToken } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import {
  contradict, endorsement_bytes_max, parseStatement, readStatement, signEndorsement, signEquivocation, signPolicyBundle, verifyEquivocation, type EquivocationProof, type PolicyBundlePlan, type Statement,
} from '../../crypto/statement.ts';
import { suite } from '../harness.ts';
import { person, start_s } from '../people.ts';

const test = suite('crypto/policy-bundle');
const acme = await person('acme');
const bob = await person('bob');
const digest = (byte: number): string => toBase64url(new Uint8Array(32).fill(byte));
const plan: PolicyBundlePlan = { scope: 'default', seq: 3, digest: digest(1), bytes: 700, nbf: start_s, exp: start_s + 3600 };

async function signed(changes: Partial<PolicyBundlePlan> = {}): Promise<string> {
  return unwrap(await signPolicyBundle(acme.signer, { ...plan, ...changes }));
}

test('a statement of a bundle says what was signed, also when it is read back', async () => {
  const text = await signed();
  const { statement, token } = unwrap(parseStatement(text));
  assert.equal(statement, { kind: 'policy-bundle', iss: acme.did, ...plan, hash: toBase64url(token.hash) });
  assert.equal(readStatement(text, statement.hash), statement);
  const longest = await signed({ scope: 'a'.repeat(64), seq: Number.MAX_SAFE_INTEGER, bytes: bundle_bytes_max });
  assert.ok(longest.length <= endorsement_bytes_max, 'two of the longest fit into a proof');
});

test('any other shape is refused, when received and when signed', async () => {
  for (const changes of [
    { scope: '' }, { scope: 'A' }, { scope: 'a/b' }, { scope: '.a' }, { scope: 'a-' }, { scope: 'a b' }, { scope: 'a'.repeat(65) }, { seq: 0 }, { seq: -1 }, { seq: 1.5 },
    { digest: 'x' }, { digest: `${digest(1)}A` }, { bytes: 0 }, { bytes: bundle_bytes_max + 1 }, { bytes: 1.5 }, { exp: start_s }, { exp: start_s + bundle_lifetime_s_max + 1 }, { nbf: -1 },
  ]) {
    const said = parseStatement(await createToken('mesh-bundle+jwt', acme.signer, { ...plan, v: 1, ...changes }));
    assert.is(said.ok ? 'accepted' : said.failure.code, 'STATEMENT_MALFORMED', JSON.stringify(changes));
    const made = await signPolicyBundle(acme.signer, { ...plan, ...changes });
    assert.is(made.ok ? 'signed' : made.failure.code, 'STATEMENT_MALFORMED', JSON.stringify(changes));
  }
  for (const claims of [{ ...plan, v: 2 }, { ...plan, v: 1, inline: 'x' }, { ...plan }]) {
    assert.not.ok(parseStatement(await createToken('mesh-bundle+jwt', acme.signer, claims)).ok);
  }
  assert.ok(parseStatement(await signed({ exp: start_s + bundle_lifetime_s_max, scope: 'a.b_c-9' })).ok);
});

test('two bundles of one name and version contradict each other; the same one signed again does not, and the proof is checked', async () => {
  const statementOf = (text: string): Statement => unwrap(parseStatement(text)).statement;
  const [one, other, again, later, named] = await Promise.all([signed(), signed({ digest: digest(2) }), signed({ exp: start_s + 7200 }), signed({ seq: 4, digest: digest(2) }), signed({ scope: 'other', digest: digest(2) })]);
  assert.ok(contradict(statementOf(one), statementOf(other)));
  for (const harmless of [again, later, named]) assert.not.ok(contradict(statementOf(one), statementOf(harmless)));
  const praise = unwrap(await signEndorsement(acme.signer, { sub: bob.did, scope: 'general', seq: 3, nbf: start_s, exp: start_s + 60, weight: 1, why: '' }));
  const proofOf = async (statements: readonly [string, string]): Promise<EquivocationProof> => {
    const proof = statementOf(unwrap(await signEquivocation(bob.signer, { sub: acme.did, nbf: start_s, statements })));
    if (proof.kind !== 'equivocation') throw new Error('it is a proof');
    return proof;
  };
  const code = async (a: string, b: string): Promise<string> => {
    const verified = verifyEquivocation(acme.record, await proofOf([a, b]));
    return verified.ok ? 'proven' : verified.failure.code;
  };
  assert.is(await code(one, other), 'proven');
  for (const harmless of [again, later, named, praise]) assert.is(await code(one, harmless), 'STATEMENT_UNPROVEN');
});

test.run();
