import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import {
  chain_links_max, invocation_lifetime_s_max, parseChain, parseInvocation, verifyChain, verifyInvocation, type Chain, type Delegation, type Evidence,
} from '../../crypto/chain.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken, decodeToken, type TokenSigner } from '../../crypto/jwt.ts';
import { unwrap, type Failure, type Result } from '../../crypto/result.ts';
import { chainOf, day_s, evidenceOf, hashOf, type LinkPlan } from '../chains.ts';
import { explain, placeOf } from '../../crypto/steps.ts';
import { suite } from '../harness.ts';
import { agentOf, directory, person, start_s, type Person } from '../people.ts';

const test = suite('crypto/chain');
const sponsor = await person('sponsor');
const a = await agentOf(sponsor, 'a');
const b = await agentOf(sponsor, 'b');
const c = await agentOf(sponsor, 'c');
const mallory = await agentOf(sponsor, 'mallory');
const { known } = directory([sponsor, a, b, c, mallory]);

const chain = (...plans: readonly LinkPlan[]): Promise<string[]> => chainOf(plans, '');
const evidence = (changes: Partial<Evidence> = {}): Evidence => evidenceOf(known, changes);

function check(tokens: readonly string[], changes: Partial<Evidence> = {}): Result<Chain> {
  const links = parseChain(tokens);
  return links.ok ? verifyChain(links.value, evidence(changes)) : links;
}

function refused(result: Result<unknown>, code: string, step: number, link: number | 'invocation' | null, what: string): void {
  assert.is(result.ok ? 'accepted' : result.failure.code, code, what);
  if (result.ok) return;
  assert.equal(result.failure.detail, { step, link }, `${what}: ${result.failure.reason}`);
  assert.ok((result.failure.fix ?? '').length > 8, `${what}: says what would pass`);
}

const wide = ['read:**', 'write:reports'];
const first: LinkPlan = { from: sponsor, to: a, cap: wide, cav: { max_depth: 2 } };
const second: LinkPlan = { from: a, to: b, cap: ['read:reports/**'] };
const third: LinkPlan = { from: b, to: c, cap: ['read:reports/today'], cav: { trust: 600 } };

test('three narrowing links give what the last one says, with every caveat', async () => {
  const result = unwrap(check(await chain(first, second, third)));
  assert.is(result.root, sponsor.did);
  assert.is(result.holder, c.did);
  assert.equal(result.capabilities.map(({ text }) => text), ['read:reports/today']);
  assert.equal(result.caveats, { max_depth: 0, trust: 600 });
  assert.is(result.exp, start_s + 8 * day_s);
});

const attacks: readonly { readonly what: string; readonly plans: readonly LinkPlan[]; readonly code: string; readonly step: number; readonly link: number | null }[] = [
  { what: 'another capability', plans: [first, second, { ...third, cap: ['write:reports'] }], code: 'CHAIN_WIDENED', step: 10, link: 2 },
  { what: 'a word that begins like the allowed one', plans: [{ ...first, cap: ['read:report'] }, { ...second, cap: ['read:reports'] }], code: 'CHAIN_WIDENED', step: 10, link: 1 },
  { what: '* made **', plans: [{ ...first, cap: ['read:a/*'] }, { ...second, cap: ['read:a/**'] }], code: 'CHAIN_WIDENED', step: 10, link: 1 },
  { what: 'one of two capabilities widened', plans: [first, { ...second, cap: ['delete:reports', 'read:reports'] }], code: 'CHAIN_WIDENED', step: 10, link: 1 },
  { what: 'capabilities out of order', plans: [{ ...first, cap: ['write:reports', 'read:reports'] }], code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { what: 'a capability twice', plans: [{ ...first, cap: ['read:reports', 'read:reports'] }], code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { what: 'a looser trust caveat', plans: [{ ...first, cav: { trust: 700 } }, { ...second, cav: { trust: 600 } }], code: 'CHAIN_WIDENED', step: 10, link: 1 },
  { what: 'a deeper max_depth', plans: [first, { ...second, cav: { max_depth: 2 } }], code: 'CHAIN_WIDENED', step: 10, link: 1 },
  { what: 'a looser rate', plans: [{ ...first, cav: { rate: [10, 60] } }, { ...second, cav: { rate: [10, 30] } }], code: 'CHAIN_WIDENED', step: 10, link: 1 },
  { what: 'another window', plans: [{ ...first, cav: { win: [['mon-fri', '08:00', '18:00', 'UTC']] } }, { ...second, cav: { win: [['sat', '08:00', '18:00', 'UTC']] } }], code: 'CHAIN_WIDENED', step: 10, link: 1 },
  { what: 'another resource', plans: [{ ...first, cav: { res: ['a/**'] } }, { ...second, cav: { res: ['b/**'] } }], code: 'CHAIN_WIDENED', step: 10, link: 1 },
  { what: 'another tool', plans: [{ ...first, cav: { tools: ['mcp:read'] } }, { ...second, cav: { tools: ['mcp:*'] } }], code: 'CHAIN_WIDENED', step: 10, link: 1 },
  { what: 'a caveat of the first link that the third loosens', plans: [{ ...first, cav: { trust: 700 } }, second, { ...third, cav: { trust: 600 } }], code: 'CHAIN_WIDENED', step: 10, link: 2 },
  { what: 'a link below max_depth 0', plans: [{ ...first, cav: { max_depth: 0 } }, second], code: 'CHAIN_TOO_DEEP', step: 10, link: 1 },
  { what: 'a grandchild below max_depth 1', plans: [{ ...first, cav: { max_depth: 1 } }, second, third], code: 'CHAIN_TOO_DEEP', step: 10, link: 2 },
  { what: 'everything passed on', plans: [first, { from: a, to: b, cap: wide, exp: start_s + 10 * day_s }], code: 'CHAIN_NOT_NARROWED', step: 10, link: 1 },
  { what: 'longer than the link above', plans: [first, { ...second, exp: start_s + 11 * day_s }], code: 'CHAIN_EXPIRY', step: 9, link: 1 },
  { what: 'earlier than the link above', plans: [first, { ...second, nbf: start_s - 1 }], code: 'CHAIN_EXPIRY', step: 9, link: 1 },
  { what: 'an empty life', plans: [{ ...first, exp: start_s }], code: 'CHAIN_EXPIRY', step: 9, link: 0 },
  { what: 'a life of two years', plans: [{ ...first, exp: start_s + 732 * day_s }], code: 'CHAIN_EXPIRY', step: 9, link: 0 },
  { what: 'not yet valid', plans: [first, { ...second, nbf: start_s + 600 }], code: 'CHAIN_NOT_YET_VALID', step: 9, link: 1 },
  { what: 'a loop back to its issuer', plans: [first, { ...second, to: a }], code: 'CHAIN_LOOP', step: 8, link: 1 },
  { what: 'a loop back to the sponsor', plans: [first, { ...second, to: sponsor }], code: 'CHAIN_LOOP', step: 8, link: 1 },
  { what: 'a loop over three', plans: [first, second, { ...third, to: a }], code: 'CHAIN_LOOP', step: 8, link: 2 },
  { what: 'issued by somebody who was given nothing', plans: [first, { ...second, from: mallory }], code: 'CHAIN_SPLICED', step: 7, link: 1 },
  { what: 'under another parent', plans: [first, { ...second, claims: { prf: hashOf('another') } }], code: 'CHAIN_SPLICED', step: 7, link: 1 },
  { what: 'under no parent', plans: [first, { ...second, claims: { prf: null } }], code: 'CHAIN_SPLICED', step: 7, link: 1 },
  { what: 'another root authority', plans: [first, { ...second, claims: { sub: mallory.did } }], code: 'CHAIN_SPLICED', step: 7, link: 1 },
  { what: 'a depth that jumps', plans: [first, { ...second, claims: { dpt: 2 } }], code: 'CHAIN_SPLICED', step: 7, link: 1 },
  { what: 'a root that speaks for somebody else', plans: [{ ...first, from: mallory, claims: { sub: sponsor.did } }], code: 'CHAIN_ROOT', step: 6, link: 0 },
  { what: 'an agent as root', plans: [{ ...first, from: a, to: b }], code: 'CHAIN_ROOT', step: 6, link: 0 },
  { what: 'a root with a parent', plans: [{ ...first, claims: { prf: hashOf('another') } }], code: 'CHAIN_ROOT', step: 6, link: 0 },
  { what: 'an unknown caveat', plans: [first, { ...second, cav: { weather: 'sunny' } }], code: 'CHAIN_CAVEAT_UNKNOWN', step: 4, link: 1 },
  { what: 'a malformed caveat', plans: [{ ...first, cav: { max_depth: -1 } }], code: 'CHAIN_CAVEAT_UNKNOWN', step: 4, link: 0 },
  { what: 'trust above 1000', plans: [{ ...first, cav: { trust: 1001 } }], code: 'CHAIN_CAVEAT_UNKNOWN', step: 4, link: 0 },
  { what: 'a claim too many', plans: [{ ...first, claims: { admin: true } }], code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { what: 'another version', plans: [{ ...first, claims: { v: 2 } }], code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { what: 'no capability', plans: [{ ...first, cap: [] }], code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { what: 'a capability in capitals', plans: [{ ...first, cap: ['Read:reports'] }], code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { what: 'an encoded capability', plans: [{ ...first, cap: ['read:%72eports'] }], code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { what: 'a list as audience', plans: [{ ...first, claims: { aud: [a.did] } }], code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { what: 'a time with a fraction', plans: [{ ...first, claims: { exp: start_s + 0.5 } }], code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { what: 'a signature by another key', plans: [first, { ...second, signer: mallory.signer }], code: 'CHAIN_FORGED', step: 13, link: 1 },
  { what: 'a forged root', plans: [{ ...first, signer: mallory.signer }], code: 'CHAIN_FORGED', step: 13, link: 0 },
];

for (const { what, plans, code, step, link } of attacks) {
  test(`refused: ${what}`, async () => refused(check(await chain(...plans)), code, step, link, what));
}

test('refused: nothing, too many links, too many bytes, other tokens', async () => {
  const tokens = await chain(first, second, third);
  refused(check([]), 'CHAIN_EMPTY', 1, null, 'no link');
  refused(check(Array.from({ length: chain_links_max + 1 }, () => tokens[0] ?? '')), 'CHAIN_TOO_LONG', 1, null, 'nine links');
  refused(check(Array.from({ length: 8 }, () => 'x'.repeat(2049))), 'CHAIN_TOO_LONG', 1, null, 'over 16 KiB');
  refused(check([tokens[0] ?? '', 'x'.repeat(4097)]), 'TOKEN_TOO_LARGE', 1, 1, 'a large link');
  refused(check([tokens[0] ?? '', await createToken('mesh-inv+jwt', a.signer, {})]), 'TOKEN_TYPE', 5, 1, 'an invocation as a link');
  refused(check(['nonsense']), 'TOKEN_MALFORMED', 2, 0, 'nonsense');
});

test('refused: links left out, swapped, or spliced from two chains', async () => {
  const [root = '', middle = '', leaf = ''] = await chain(first, second, third);
  refused(check([root, leaf]), 'CHAIN_SPLICED', 7, 1, 'without the middle');
  refused(check([middle, leaf]), 'CHAIN_ROOT', 6, 0, 'without the root');
  refused(check([root, leaf, middle]), 'CHAIN_SPLICED', 7, 1, 'swapped');
  const [other_root = ''] = await chain({ ...first, cap: ['*:**'] });
  refused(check([other_root, middle, leaf]), 'CHAIN_SPLICED', 7, 1, 'a wider root above the same links');
  assert.ok(check([root, middle]).ok, 'a beginning of a chain is a chain');
});

test('refused: after the end of any link', async () => {
  const tokens = await chain(first, second, third);
  refused(check(tokens, { now_s: start_s + 8 * day_s + 60 }), 'CHAIN_EXPIRED', 9, 2, 'the leaf has ended');
  refused(check(tokens.slice(0, 1), { now_s: start_s + 10 * day_s + 60 }), 'CHAIN_EXPIRED', 9, 0, 'the root has ended');
});

test('refused: a link that was revoked, with the reason; the links above are told', async () => {
  const revoked: Failure = { code: 'REVOKED', reason: 'the delegation was revoked' };
  const depths: number[] = [];
  const result = check(await chain(first, second, third), {
    revoked: (link: Delegation, above) => {
      depths.push(above.length);
      return link.aud === b.did ? revoked : undefined;
    },
  });
  refused(result, 'REVOKED', 11, 1, 'revoked');
  assert.equal(depths, [0, 1]);
});

test('refused: an issuer who is unknown, deactivated, unsponsored, or whose key may not delegate', async () => {
  const tokens = await chain(first, second);
  refused(check(tokens, { record: (did) => (did === a.did ? undefined : known(did)) }), 'CHAIN_ISSUER_UNKNOWN', 12, 1, 'unknown');
  const gone = await agentOf(sponsor, 'a', { deactivated: true });
  refused(check(tokens, { record: (did) => (did === a.did ? gone.record : known(did)) }), 'CHAIN_ISSUER_DEACTIVATED', 12, 1, 'deactivated');
  const silent = await agentOf(sponsor, 'a', { uses: ['assertionMethod'] });
  refused(check(tokens, { record: (did) => (did === a.did ? silent.record : known(did)) }), 'CHAIN_KEY_UNKNOWN', 12, 1, 'a key for other uses');
  refused(check(tokens, { unsponsored: ({ kind }) => (kind === 'agent' ? { code: 'SPONSOR_EXPIRED', reason: 'expired' } : undefined) }), 'SPONSOR_EXPIRED', 12, 1, 'unsponsored');
});

test('forms and bounds are checked before any record but the root\'s is asked for', async () => {
  const asked: string[] = [];
  const record: Evidence['record'] = (did) => {
    if (did !== sponsor.did) asked.push(did);
    return known(did);
  };
  for (const plans of [[first, { ...second, cap: ['write:x'] }], [first, { ...second, from: mallory }], [first, { ...second, to: a }]]) {
    assert.not.ok(check(await chain(...plans), { record }).ok);
  }
  assert.equal(asked, []);
});

const args_hash = sha256(utf8('{}'));
const session = 'session-1';

async function invoke(changes: { readonly [name: string]: unknown } = {}, links?: Chain, invoker: Person = c, signer: TokenSigner = invoker.signer, known_otherwise: Partial<Evidence> = {}): Promise<Result<unknown>> {
  const token = await createToken('mesh-inv+jwt', { key_id: invoker.signer.key_id, key: signer.key }, {
    aud: mallory.did, sub: links?.root ?? invoker.did, cmd: 'read:reports/today', args_h: toBase64url(args_hash), prf: links === undefined ? null : toBase64url(links.hash),
    nonce: toBase64url(new Uint8Array(16)), iat: start_s + 60, exp: start_s + 120, chl: session, v: 1, ...changes,
  });
  const invocation = parseInvocation(token);
  if (!invocation.ok) return invocation;
  return verifyInvocation(invocation.value, { executor: mallory.did, session, args_hash, ...(links === undefined ? {} : { chain: links }) }, evidence(known_otherwise));
}

test('an invocation by the holder of a chain passes; by anybody else, or for anything else, it does not', async () => {
  const links = unwrap(check(await chain(first, second, third)));
  assert.ok((await invoke({}, links)).ok);
  assert.ok((await invoke()).ok, 'in its own name, without a chain');
  const long_s = start_s + 61 + invocation_lifetime_s_max;
  for (const [what, code, step, result] of [
    ['for another executor', 'INVOCATION_AUDIENCE', 14, await invoke({ aud: a.did }, links)],
    ['in another session', 'INVOCATION_SESSION', 14, await invoke({ chl: 'session-2' }, links)],
    ['too long', 'INVOCATION_LIFETIME', 14, await invoke({ exp: long_s }, links)],
    ['before it begins', 'INVOCATION_LIFETIME', 14, await invoke({ exp: start_s + 60 }, links)],
    ['expired', 'INVOCATION_EXPIRED', 14, await invoke({ iat: start_s - 200, exp: start_s - 100 }, links)],
    ['from the future', 'INVOCATION_EXPIRED', 14, await invoke({ iat: start_s + 200, exp: start_s + 300 }, links)],
    ['other arguments', 'INVOCATION_ARGUMENTS', 14, await invoke({ args_h: toBase64url(sha256(utf8('{"a":1}'))) }, links)],
    ['another chain', 'INVOCATION_CHAIN', 14, await invoke({ prf: hashOf('another') }, links)],
    ['another root', 'INVOCATION_CHAIN', 14, await invoke({ sub: c.did }, links)],
    ['a chain that did not come', 'INVOCATION_CHAIN', 14, await invoke({ prf: hashOf('another') })],
    ['in somebody else\'s name', 'INVOCATION_CHAIN', 14, await invoke({ sub: sponsor.did })],
    ['a stolen chain', 'INVOCATION_HOLDER', 14, await invoke({}, links, b)],
    ['beyond the chain', 'CHAIN_EXCEEDED', 14, await invoke({ cmd: 'write:reports/today' }, links)],
    ['a wildcard as a command', 'INVOCATION_MALFORMED', 4, await invoke({ cmd: 'read:reports/*' }, links)],
    ['a claim too many', 'INVOCATION_MALFORMED', 4, await invoke({ admin: true }, links)],
    ['a short nonce', 'INVOCATION_MALFORMED', 4, await invoke({ nonce: 'x' }, links)],
    ['a forged signature', 'CHAIN_FORGED', 13, await invoke({}, links, c, mallory.signer)],
  ] as const) refused(result, code, step, 'invocation', what);
});

test('refused: a link or an invocation signed with a key that was revoked, whatever its name', async () => {
  const revokedKey = (of: Person): Partial<Evidence> => ({ revokedKey: (key_id) => (key_id === of.signer.key_id ? { code: 'REVOKED', reason: 'stolen' } : undefined) });
  const tokens = await chain(first, second, third);
  refused(check(tokens, revokedKey(a)), 'REVOKED', 11, 1, 'the key of the second issuer');
  assert.ok(check(tokens, revokedKey(c)).ok, 'the holder has signed no link');
  refused(await invoke({}, unwrap(check(tokens)), c, c.signer, revokedKey(c)), 'REVOKED', 11, 'invocation', 'the key of the invoker');
});

test('the caveats of every link hold for a command, whatever the links below say', async () => {
  const cases: readonly (readonly [what: string, cav: unknown, cmd: string, code: string, fix: RegExp])[] = [
    ['resources', { res: ['reports/yesterday'] }, 'read:reports/today', 'CHAIN_EXCEEDED', /reports\/yesterday/],
    ['tools', { tools: ['mcp:files'] }, 'read:reports/today', 'CHAIN_EXCEEDED', /tool:provider\/name.*mcp:files/],
    // Time starts on a Thursday.
    ['a window', { win: [['fri', '08:00', '18:00', 'UTC']] }, 'read:reports/today', 'INVOCATION_WINDOW', /2026-01-02T08:00/],
  ];
  for (const [what, cav, cmd, code, fix] of cases) {
    for (const [level, plans] of [[{ ...first, cav }, second, third], [first, { ...second, cav }, third], [first, second, { ...third, cav }]].entries()) {
      const result = await invoke({ cmd }, unwrap(check(await chain(...plans))));
      refused(result, code, 14, level, `${what} at level ${level}`);
      if (!result.ok) assert.match(result.failure.fix ?? '', fix);
    }
  }
  const within = unwrap(check(await chain({ ...first, cav: { res: ['reports/**'], win: [['thu', '00:00', '24:00', 'UTC']] } }, { ...second, cav: { res: ['reports/today'] } }, third)));
  assert.ok((await invoke({}, within)).ok);
});

test('refused: a command while too little is known of revocations, with whose authority it rests on', async () => {
  const asked: unknown[] = [];
  const links = unwrap(check(await chain(first, second, third)));
  const stale: Failure = { code: 'REVOCATION_STALE', reason: 'the last complete exchange was 2 h ago' };
  refused(await invoke({}, links, c, c.signer, { fresh: (verb, parties) => (asked.push([verb, parties]), stale) }), 'REVOCATION_STALE', 15, 'invocation', 'stale');
  assert.equal(asked, [['read', [sponsor.did, a.did, b.did, c.did]]]);
  assert.ok((await invoke({}, links)).ok);
});

test('a delegation that was signed before a planned rotation holds; an invocation needs a key in use', async () => {
  const tokens = await chain(first, second, third);
  const rotated = (of: Person, until: number): Partial<Evidence> => {
    const other = { ...of.record.document.methods[0], id: 'key-other', key: mallory.signer.key.public_key, uses: ['capabilityDelegation', 'capabilityInvocation'] as const };
    const retired = of.record.document.methods.map((method) => ({ ...method, until: until * 1000 }));
    const record = { ...of.record, document: { ...of.record.document, methods: [other], retired } };
    return { record: (did) => (did === of.did ? record : known(did)) };
  };
  assert.ok(check(tokens, rotated(a, start_s + 30)).ok, 'the link is dated before the end of the key');
  refused(check(tokens, rotated(a, start_s)), 'CHAIN_KEY_UNKNOWN', 12, 1, 'it is not dated before the end of the key');
  const links = unwrap(check(tokens));
  refused(await invoke({}, links, c, c.signer, rotated(c, start_s + day_s)), 'CHAIN_KEY_UNKNOWN', 12, 'invocation', 'a retired key invokes nothing');
});

test('a refusal can be read: step, link, reason and what would pass', async () => {
  const result = check(await chain(first, { ...second, cap: ['write:x'] }));
  assert.ok(!result.ok);
  assert.equal(placeOf(result.failure), { step: 10, link: 1 });
  assert.is(explain(result.failure), 'step 10 (each link permits less than the one before): link 1: write:x is not contained in the link above; what would pass: any of read:**, write:reports or less');
  assert.is(placeOf({ code: 'OTHER', reason: 'x', detail: { step: 99, link: 0 } }), undefined);
});

test('a delegation alone executes nothing', async () => {
  const [root = ''] = await chain(first);
  refused(parseInvocation(root), 'TOKEN_TYPE', 5, 'invocation', 'a delegation as an invocation');
  assert.ok(decodeToken(root).ok);
});

test.run();
