import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { fromBase64url, toBase64url } from '../../crypto/bytes.ts';
import { bundle_lifetime_s_max } from '../../crypto/policy-bundle.ts';
import { unwrap } from '../../crypto/result.ts';
import { parseStatement, signPolicyBundle, type PolicyBundlePlan, type Statement } from '../../crypto/statement.ts';
import { openStatements, statements_per_issuer_max, type PutOutcome, type StatementStore } from '../../storage/statements.ts';
import { openStore } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { person, start_ms, start_s, type Person } from '../people.ts';

const test = suite('storage/policy-bundles');
const acme = await person('acme');
const other = await person('other');

interface Said {
  readonly statement: Statement;
  readonly text: string;
}

async function bundle(changes: Partial<PolicyBundlePlan> & { readonly byte?: number } = {}, by: Person = acme): Promise<Said> {
  const { byte = 1, ...plan } = changes;
  const text = unwrap(await signPolicyBundle(by.signer, { scope: 'default', seq: 1, digest: toBase64url(new Uint8Array(32).fill(byte)), bytes: 10, nbf: start_s, exp: start_s + 3600, ...plan }));
  return { statement: unwrap(parseStatement(text)).statement, text };
}

async function opened(now = (): number => start_ms): Promise<StatementStore> {
  return openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now });
}

function put(statements: StatementStore, { statement, text }: Said): Promise<PutOutcome> {
  return statements.put(statement, text);
}

test('of one name the highest version holds; names and issuers stand beside each other, up to a quota', async () => {
  const statements = await opened();
  const [first, second, third] = await Promise.all([bundle(), bundle({ seq: 2, byte: 2 }), bundle({ seq: 3, byte: 3 })]);
  assert.equal([await put(statements, first), await put(statements, third), await put(statements, second), await put(statements, first)], ['new', 'new', 'stale', 'stale']);
  assert.equal(statements.bundles(), [third.statement]);
  assert.is(await statements.get(fromBase64url(first.statement.hash) ?? new Uint8Array()), undefined);
  assert.is(await put(statements, await bundle({}, other)), 'new');
  for (let index = 2; index <= statements_per_issuer_max['policy-bundle']; index += 1) assert.is(await put(statements, await bundle({ scope: `name-${index}` })), 'new');
  assert.is(await put(statements, await bundle({ scope: 'one-more' })), 'over-quota');
  assert.is(statements.bundles().length, statements_per_issuer_max['policy-bundle'] + 1);
});

test('the same version signed again lives longer; another bundle under it is a contradiction', async () => {
  const statements = await opened();
  const [short, long, rival] = await Promise.all([bundle({ seq: 2 }), bundle({ seq: 2, exp: start_s + 7200 }), bundle({ seq: 2, byte: 9 })]);
  assert.equal([await put(statements, short), await put(statements, long), await put(statements, short)], ['new', 'new', 'stale']);
  assert.is(await put(statements, rival), 'equivocation');
  assert.equal(statements.bundles(), [long.statement], 'the smaller digest stays');
});

test('what is kept does not depend on the order in which it came', async () => {
  const said = await Promise.all([1, 2].flatMap((seq) => [1, 2, 3].flatMap((byte) => [3600, 7200].map((life_s) => bundle({ seq, byte, exp: start_s + life_s })))));
  await fc.assert(fc.asyncProperty(fc.shuffledSubarray(said, { minLength: said.length }), async (order) => {
    const statements = await opened();
    for (const each of order) await put(statements, each);
    const [kept, ...more] = statements.bundles();
    assert.equal([more, kept?.seq, kept?.exp, kept?.digest], [[], 2, start_s + 7200, toBase64url(new Uint8Array(32).fill(1))]);
  }), { numRuns: 30 });
});

test('a newer version bars older ones from coming back until all of them have ended', async () => {
  let now_ms = start_ms;
  const statements = await opened(() => now_ms);
  const old = await bundle({ exp: start_s + bundle_lifetime_s_max });
  await put(statements, await bundle({ seq: 2, byte: 2, exp: start_s + 60 }));
  now_ms += 5 * 86_400_000;
  await statements.prune();
  assert.is(await put(statements, old), 'stale');
  now_ms += 26 * 86_400_000;
  await statements.prune();
  assert.equal(statements.bundles(), []);
  assert.is(await put(statements, old), 'ended');
});

test.run();
