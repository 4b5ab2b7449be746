import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { encodeCbor, type Fields, type Json } from '../../crypto/canonical.ts';
import { verifyRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { parseChain, type Delegation } from '../../crypto/chain.ts';
import { didOf } from '../../crypto/did.ts';
import { createToken, type TokenSigner } from '../../crypto/jwt.ts';
import { fail, unwrap, type Result } from '../../crypto/result.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { delegation_limits, delegation_protocol, delegations_of_foreign_root_max, delegations_of_holder_max } from '../../protocols/delegation/constants.ts';
import type { HeldDelegation } from '../../protocols/delegation/index.ts';
import { KeptDelegations } from '../../protocols/delegation/kept.ts';
import type { Receipt } from '../../protocols/message/index.ts';
import type { Network } from '../../protocols/ports.ts';
import { unlessFailure } from '../../protocols/reply.ts';
import { suite, type TestContext } from '../harness.ts';
import { openStore } from '../../storage/store.ts';
import { keyNamed, person, start_s } from '../people.ts';
import { codeOf, failureOf, hostWorld, interposed, type HostWorld, type WorldInit } from '../simulated-hosts.ts';

const test = suite('protocols/delegation');
const never = new AbortController().signal;
const mallory = await person('mallory');

interface Story {
  readonly world: HostWorld;
  /** Sponsor of everything, on host 0. */
  readonly alice: LocalIdentity;
  /** Agents on hosts 0, 1 and 2. */
  readonly a: LocalIdentity;
  readonly b: LocalIdentity;
  readonly c: LocalIdentity;
  /** On host 3, answers to alice. */
  readonly archive: LocalIdentity;
}

async function story(context: TestContext, init: Partial<WorldInit> = {}): Promise<Story> {
  const world = await hostWorld(context, { count: 4, ...init });
  const [a, b, c] = [await world.hire(0, 'a'), await world.hire(1, 'b'), await world.hire(2, 'c')];
  const alice = world.sponsor(0);
  return { world, alice, a, b, c, archive: await world.hire(3, 'archive', { roots: [alice.did] }) };
}

/** alice → a → b → c, each with less. */
async function chainOfThree({ world, a, b, c }: Story): Promise<readonly [HeldDelegation, HeldDelegation, HeldDelegation]> {
  const give = async (index: number, from: string, to: string, capabilities: string[], parent?: HeldDelegation): Promise<HeldDelegation> => {
    const { delegation, delivered } = await world.get(world.at(index).actions.delegate({ from, to, capabilities, ...(parent === undefined ? {} : { parent: parent.id }) }));
    assert.ok(delivered, `${to} has it`);
    return delegation;
  };
  const first = await give(0, 'sponsor-0', a.did, ['read:**', 'write:**']);
  const second = await give(0, 'a', b.did, ['read:**', 'write:reports'], first);
  return [first, second, await give(1, 'b', c.did, ['read:public'], second)];
}

/** What the archive answers a command of an agent of host `index` under a chain, whatever that is. */
async function use({ world, archive }: Story, index: number, from: LocalIdentity, chain: readonly string[], command = 'read:public'): Promise<Receipt> {
  return (await world.get(world.at(index).host.message.send({ from, to: archive.did, command, arguments: null, chain }))).receipt;
}

interface Link {
  readonly to: LocalIdentity;
  readonly by: LocalIdentity;
  readonly cap?: readonly string[];
  readonly claims?: Fields;
  readonly signer?: TokenSigner;
}

const capabilities_of = [['read:**'], ['read:other', 'read:public'], ['read:public']];
const end_s = start_s + 86_400;

/** A chain as its links say, with every claim right that they do not change. */
async function chainOf(world: HostWorld, links: readonly Link[]): Promise<string[]> {
  const now_s = Math.floor(world.simulator.now_ms / 1000);
  const tokens: string[] = [];
  for (const [index, { to, by, cap = capabilities_of[index] ?? [], claims, signer = by.signer }] of links.entries()) {
    const parent = tokens.at(-1);
    tokens.push(await createToken('mesh-dlg+jwt', signer, {
      aud: to.did, sub: links[0]?.by.did ?? '', cap, cav: {}, prf: parent === undefined ? null : toBase64url(sha256(utf8(parent))), dpt: index,
      nbf: now_s, exp: end_s - index, jti: toBase64url(sha256(utf8(`${index}`)).subarray(0, 16)), v: 1, ...claims,
    }));
  }
  return tokens;
}

test('a chain of three narrowing links is issued, handed over and used, and verified without asking anybody', async (context) => {
  const cut_off = fail('RECORD_NOT_FOUND', 'this host is cut off from the DHT');
  const given = await story(context, {
    interpose: (network, name) => name !== 'host-3' ? network : interposed(network, {
      get: () => Promise.resolve(cut_off),
      records: (namespace, rules) => network.records(namespace, {
        ...rules,
        validate: (key, value) => {
          const { document } = unwrap(verifyRecord(value, { allow_expired: true }));
          return document.services.some(({ endpoints }) => endpoints.includes('/simulated/host-3')) ? rules.validate(key, value) : Promise.resolve(cut_off);
        },
      }),
    }),
  });
  const { world, c, alice } = given;
  const [, second, third] = await chainOfThree(given);
  assert.equal(world.at(2).host.delegations.get(third.id)?.chain, third.chain, 'c has the chain');
  assert.is(world.at(3).host.identity.known(given.b.did)?.did, undefined, 'the archive has never heard of b');
  const allowed = await use(given, 2, c, third.chain);
  assert.equal([allowed.verdict, allowed.code], ['allow', null]);
  const payload = unwrap(await world.at(3).host.log.read(allowed.log?.index ?? -1)).payload;
  assert.match(new TextDecoder().decode(payload), alice.did, 'the decision names the root');
  const beyond = await use(given, 2, c, third.chain, 'write:reports');
  assert.equal([beyond.verdict, beyond.code], ['deny', 'CHAIN_EXCEEDED']);
  assert.match(beyond.reason, 'any of read:public');
  const stolen = await use(given, 2, c, second.chain);
  assert.equal([stolen.verdict, stolen.code], ['deny', 'INVOCATION_HOLDER']);
});

test('a chain that was widened, outlived, spliced, forged or begun by nobody is refused with its code and link', async (context) => {
  const given = await story(context);
  const { world, alice, a, b, c } = given;
  await chainOfThree(given);
  const now_s = Math.floor(world.simulator.now_ms / 1000);
  const [root, middle, last] = [{ by: alice, to: a }, { by: a, to: b }, { by: b, to: c }] as const;
  const elsewhere = await chainOf(world, [{ ...root, cap: ['read:**', 'write:**'] }]);
  const foreign_key = { key_id: a.signer.key_id, key: b.signer.key };
  const cases: readonly (readonly [what: string, links: readonly Link[], code: string, link: number, step: number])[] = [
    ['widened', [root, { ...middle, cap: ['write:public'] }, { ...last, cap: ['write:public'] }], 'CHAIN_WIDENED', 1, 10],
    ['widened by a wildcard', [{ ...root, cap: ['read:public/*'] }, { ...middle, cap: ['read:public/**'] }], 'CHAIN_WIDENED', 1, 10],
    ['passed on whole', [root, { ...middle, cap: ['read:**'], claims: { exp: end_s } }], 'CHAIN_NOT_NARROWED', 1, 10],
    ['deeper than permitted', [{ ...root, claims: { cav: { max_depth: 1 } } }, middle, last], 'CHAIN_TOO_DEEP', 2, 10],
    ['with a caveat that nobody knows', [root, { ...middle, claims: { cav: { moon: 1 } } }], 'CHAIN_CAVEAT_UNKNOWN', 1, 4],
    ['expired', [{ ...root, claims: { nbf: now_s - 7200, exp: now_s - 3600 } }], 'CHAIN_EXPIRED', 0, 9],
    ['not valid yet', [root, { ...middle, claims: { nbf: now_s + 3000 } }], 'CHAIN_NOT_YET_VALID', 1, 9],
    ['longer than its parent', [root, { ...middle, claims: { exp: end_s + 1 } }], 'CHAIN_EXPIRY', 1, 9],
    ['spliced onto another parent', [root, { ...middle, claims: { prf: toBase64url(sha256(utf8(elsewhere[0] ?? ''))) } }], 'CHAIN_SPLICED', 1, 7],
    ['issued by who was not given it', [root, { ...middle, by: c }], 'CHAIN_SPLICED', 1, 7],
    ['under another root', [root, { ...middle, claims: { sub: world.sponsor(1).did } }], 'CHAIN_SPLICED', 1, 7],
    ['in a circle', [root, middle, { ...last, to: a }], 'CHAIN_LOOP', 2, 8],
    ['begun by an agent', [{ by: a, to: b }], 'CHAIN_ROOT', 0, 6],
    ['begun in the middle', [{ ...root, claims: { dpt: 1 } }], 'CHAIN_ROOT', 0, 6],
    ['signed by another', [root, { ...middle, signer: foreign_key }, last], 'CHAIN_FORGED', 1, 13],
  ];
  for (const [what, links, code, link, step] of cases) {
    const chain = await chainOf(world, links);
    const holder = links.at(-1)?.to ?? c;
    const host = [a, b, c].indexOf(holder);
    const receipt = await use(given, host, holder, chain).catch((error: unknown) => error);
    assert.ok(isReceipt(receipt) || /CHAIN_/.test(String(receipt)), `${what}: ${String(receipt)}`);
    if (isReceipt(receipt)) {
      assert.equal([receipt.verdict, receipt.code], ['deny', code], what);
      assert.match(receipt.reason, `link ${link}: `, what);
    }
    const failure = failureOf(await world.finish(world.at(3).host.delegations.verify(chain)));
    assert.equal([failure.code, failure.detail], [code, { step, link }], what);
  }
});

function isReceipt(value: unknown): value is Receipt {
  return typeof value === 'object' && value !== null && 'verdict' in value;
}

test('the issuer itself does not make a link that others would refuse', async (context) => {
  const given = await story(context);
  const { world, a, b, c } = given;
  const [first, second] = await chainOfThree(given);
  const delegate = async (index: number, from: string, capabilities: string[], parent?: string): Promise<string> =>
    codeOf(await world.finish(world.at(index).actions.delegate({ from, to: c.did, capabilities, ...(parent === undefined ? {} : { parent }) })));
  assert.is(await delegate(1, 'b', ['write:**'], second.id), 'CHAIN_WIDENED');
  assert.is(await delegate(1, 'b', ['Write:All'], second.id), 'CAPABILITY_MALFORMED');
  assert.is(await delegate(1, 'b', ['read:public']), 'CHAIN_ROOT', 'an agent has nothing of its own to give');
  assert.is(await delegate(1, 'b', ['read:public'], first.id), 'DELEGATION_UNKNOWN', 'this host does not hold it');
  assert.is(await delegate(0, 'sponsor-0', ['read:public'], second.id), 'CHAIN_SPLICED', 'it was given to somebody else');
  const covering = async (index: number, holder: string, command: string, roots = [given.alice.did]): Promise<string | undefined> =>
    (await world.finish(world.at(index).host.delegations.covering(holder, command, roots)))?.id;
  assert.is(await covering(0, a.did, 'read:public'), first.id);
  assert.is(await covering(1, b.did, 'write:other'), undefined);
  assert.is(await covering(1, b.did, 'read:public', [world.sponsor(1).did]), undefined, 'a chain of another root is not chosen');
});

test('a chain that a stranger has offered breaks no call, and is used where it is named', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const executor = await world.hire(0, 'executor', { authority: 'open' });
  const caller = await world.hire(1, 'caller');
  await world.get(world.at(2).actions.createSponsor('stranger', 'human'));
  const { delegation } = await world.get(world.at(2).actions.delegate({ from: 'stranger', to: caller.did, capabilities: ['*:*'], lifetime_s: 360 * 86_400, caveats: { trust: 1000 } }));
  const call = async (more: { readonly delegation?: string } = {}): Promise<Receipt> =>
    (await world.get(world.at(1).actions.call({ from: 'caller', to: executor.did, command: 'read:reports', ...more }))).receipt;
  assert.is((await call()).verdict, 'allow');
  assert.is((await call({ delegation: delegation.id })).code, 'TRUST_TOO_LOW');
});

test('of the chains that it holds an agent uses one that holds now, the most direct, and none where it is told so', async (context) => {
  const given = await story(context);
  const { world, alice, a, b, archive } = given;
  const give = async (from: string, to: string, capabilities: string[], more: { readonly lifetime_s?: number; readonly parent?: string } = {}): Promise<string> =>
    (await world.get(world.at(0).actions.delegate({ from, to, capabilities, ...more }))).delegation.id;
  const call = async (from: string, more: { readonly delegation?: string } = {}): Promise<string | null> =>
    (await world.get(world.at(0).actions.call({ from, to: archive.did, command: 'read:public', ...more }))).receipt.code;
  assert.is(await call('a'), 'DELEGATION_REQUIRED');
  const lasting = await give('sponsor-0', a.did, ['read:**'], { lifetime_s: 86_400 });
  const short = await give('sponsor-0', a.did, ['read:public'], { lifetime_s: 3600 });
  const second = await world.hire(0, 'second');
  const through = await give('a', second.did, ['read:public'], { parent: lasting });
  const straight = await give('sponsor-0', second.did, ['read:public'], { lifetime_s: 600 });
  const covering = async (holder: string): Promise<string | undefined> => (await world.finish(world.at(0).host.delegations.covering(holder, 'read:public', [b.did, alice.did])))?.id;
  assert.equal([await covering(a.did), await covering(second.did)], [lasting, straight], 'the longest-lived of two that are as direct');
  await world.get(world.at(0).actions.revoke('sponsor-0', 'delegation', lasting, 'too long'));
  assert.equal([await covering(a.did), await covering(second.did)], [short, straight]);
  assert.is(await call('a'), null);
  assert.is(await call('a', { delegation: lasting }), 'REVOKED', 'by its id it is tried all the same');
  assert.is(await call('a', { delegation: 'none' }), 'DELEGATION_REQUIRED');
  await world.get(world.at(0).actions.revoke('sponsor-0', 'delegation', straight, 'ended'));
  assert.is(await covering(second.did), undefined, `${through} rests on what was revoked`);
});

test('a revoked link takes the power from everybody below it, and from nobody above', async (context) => {
  const given = await story(context);
  const { world, a, b, c } = given;
  const [first, second, third] = await chainOfThree(given);
  assert.is((await use(given, 2, c, third.chain)).verdict, 'allow');
  await world.get(world.at(0).actions.revoke('a', 'delegation', second.id, 'the project has ended'));
  await world.until('the revocation is everywhere', () => world.hosts.every(({ host }) => host.statement_store.revocations().length === 1));
  for (const [index, agent, held] of [[1, b, second], [2, c, third]] as const) {
    const receipt = await use(given, index, agent, held.chain);
    assert.equal([receipt.verdict, receipt.code], ['deny', 'REVOKED']);
    assert.match(receipt.reason, /link 1: .*the project has ended/);
  }
  assert.is((await use(given, 0, a, first.chain)).verdict, 'allow');
  await world.get(world.at(3).actions.revoke('archive', 'delegation', first.id, 'I would rather not'));
  assert.is((await use(given, 0, a, first.chain)).verdict, 'allow', 'who has no authority over it revokes nothing');
});

async function say(world: HostWorld, network: Network, index: number, message: { readonly [name: string]: unknown } | Uint8Array): Promise<Result<Uint8Array>> {
  const bytes = message instanceof Uint8Array ? message : encodeCbor({ version: 1, ...message });
  return unlessFailure(await world.finish(network.request(world.at(index).peer, delegation_protocol, bytes, { limits: delegation_limits, signal: never })));
}

test('a chain is only taken by the host of its holder, whole, valid, and once', async (context) => {
  const given = await story(context);
  const { world, alice, a, b, c } = given;
  const network = await world.stranger('courier', world.at(2));
  const chain = await chainOf(world, [{ by: alice, to: a }, { by: a, to: b }, { by: b, to: c }]);
  const offer = (tokens: readonly string[], records: readonly Uint8Array[] = []): Promise<string> => say(world, network, 2, { kind: 'offer', chain: tokens, records }).then(codeOf);
  assert.is(await offer(chain.slice(0, 2)), 'AGENT_UNKNOWN', 'b lives elsewhere');
  assert.is(await offer([...chain.slice(0, 2), `${(chain[2] ?? '').slice(0, -4)}AAAA`]), 'CHAIN_FORGED');
  assert.is(await offer([]), 'CHAIN_EMPTY');
  assert.is(await offer(Array.from({ length: 9 }, () => chain[0] ?? '')), 'DELEGATION_MALFORMED');
  assert.is(await offer(chain, [utf8('garbage')]), 'RECORD_INVALID');
  assert.is(world.at(2).host.delegations.list().length, 0);
  assert.is(await offer(chain), 'ok');
  assert.is(await offer(chain), 'ok', 'again, which changes nothing');
  assert.is(world.at(2).host.delegations.list().length, 1);
  const refused = world.at(2).facts.filter(({ kind }) => kind === 'delegation.refused').map(({ code }) => code);
  assert.equal(refused, ['AGENT_UNKNOWN', 'CHAIN_FORGED', 'CHAIN_EMPTY', 'DELEGATION_MALFORMED', 'RECORD_INVALID'], 'each is counted');
});

test('bytes that are no delegation message are refused and held against the peer', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const messages = [utf8('garbage'), new Uint8Array(10_000).fill(0x81), { kind: 'offer', chain: [] }, { kind: 'theft', token: '', invocation: null }, { kind: 'offer', chain: [], records: [], more: 1 }];
  for (const [index, message] of messages.entries()) {
    const network = await world.stranger(`garbler-${index}`, world.at(0));
    assert.is(codeOf(await say(world, network, 0, message)), 'DELEGATION_MALFORMED', `message ${index}`);
    assert.is(world.at(0).facts.filter(({ kind, peer }) => kind === 'network.peer.penalised' && peer === network.id).length, 1);
  }
});

test('what was issued and held is there after a restart', async (context) => {
  const given = await story(context);
  const { world } = given;
  const [first, second, third] = await chainOfThree(given);
  await world.restart(1);
  assert.equal(world.at(1).host.delegations.list().map(({ id }) => id).toSorted(), [second.id, third.id].toSorted());
  assert.equal(world.at(1).host.delegations.get(third.id)?.chain, third.chain);
  assert.is(world.at(1).host.delegations.get(first.id), undefined);
});

test('strangers fill a bounded place with what they offer, and nobody else\'s', async (context) => {
  const given = await story(context);
  const { world, alice, c, archive } = given;
  const network = await world.stranger('courier', world.at(2));
  const now_s = Math.floor(world.simulator.now_ms / 1000);
  const offer = async (index: number): Promise<string> => codeOf(await say(world, network, 2, {
    kind: 'offer', records: [mallory.record.bytes], chain: [await createToken('mesh-dlg+jwt', mallory.signer, {
      aud: c.did, sub: mallory.did, cap: ['read:**'], cav: {}, prf: null, dpt: 0, nbf: now_s, exp: now_s + 3600, jti: toBase64url(sha256(utf8(`${index}`)).subarray(0, 16)), v: 1,
    })],
  }));
  for (let index = 0; index < delegations_of_foreign_root_max; index += 1) assert.is(await offer(index), 'ok');
  assert.is(await offer(-1), 'DELEGATIONS_FULL');
  const { delivered } = await world.get(world.at(0).actions.delegate({ from: 'sponsor-0', to: c.did, capabilities: ['read:**'] }));
  assert.ok(delivered, 'another root has room of its own');
  assert.is(world.at(2).host.delegations.list().filter(({ root }) => root === alice.did).length, 1);
  const courier = await world.stranger('another-courier', world.at(3));
  for (let index = 0; index <= delegations_of_foreign_root_max; index += 1) {
    const chain = await chainOf(world, [{ by: alice, to: archive, claims: { exp: end_s - index } }]);
    assert.is(codeOf(await say(world, courier, 3, { kind: 'offer', chain, records: [] })), 'ok', 'the archive honours her');
  }
});

const did_of = (name: string): string => didOf(sha256(utf8(name)));

/** A chain of one link, which nobody has verified. */
async function linkFrom(root: string, holder: string, number: number, exp = end_s): Promise<readonly Delegation[]> {
  return unwrap(parseChain([await createToken('mesh-dlg+jwt', { key_id: `${did_of(root)}#use`, key: keyNamed('any') }, {
    aud: did_of(holder), sub: did_of(root), cap: ['read:**'], cav: {}, prf: null, dpt: 0, nbf: start_s, exp, jti: toBase64url(sha256(utf8(`${number}`)).subarray(0, 16)), v: 1,
  })]));
}

test('a full place makes room for what is issued here, for sponsors that somebody here answers to, and when something expires', async () => {
  let now_ms = start_s * 1000;
  const store = unwrap(await openStore({ kind: 'memory' }));
  const [local, honoured] = [did_of('local'), new Set([did_of('sponsor')])];
  const parts = { clock: { now: () => now_ms }, store, own: (did: string) => (did === local ? {} : undefined), honoured: () => honoured };
  const kept = new KeptDelegations(parts);
  const keep = async (root: string, number: number, exp?: number): Promise<string> => codeOf(await kept.keep(await linkFrom(root, 'agent', number, exp)));
  for (let number = 0; number < delegations_of_holder_max; number += 1) assert.is(await keep(`stranger-${number % 100}`, number), 'ok');
  assert.is(await keep('another-stranger', 0), 'DELEGATIONS_FULL');
  assert.is(await keep('local', 0), 'ok');
  assert.is(kept.list().length, delegations_of_holder_max + 1, 'what is issued takes nobody\'s place');
  assert.is(await keep('sponsor', 0, start_s + 10), 'ok');
  assert.is(kept.list().length, delegations_of_holder_max + 1);
  assert.is(kept.list().some(({ root }) => root === did_of('stranger-0')), true);
  assert.is(kept.list().filter(({ root }) => root === did_of('stranger-0')).length, 9, 'the oldest of a stranger has gone');
  assert.is(codeOf(await kept.keep(await linkFrom('another-stranger', 'other agent', 0))), 'ok', 'another agent has room of its own');
  now_ms += 10_000;
  assert.is(await keep('another-stranger', 0), 'ok', 'in the place of what has expired');
  assert.is(kept.list().some(({ root }) => root === did_of('sponsor')), false);
  const again = new KeptDelegations(parts);
  await again.load();
  assert.equal(again.list().map(({ id }) => id).toSorted(), kept.list().map(({ id }) => id).toSorted(), 'the store holds the same');
});

interface CompletionEntry {
  readonly subject: string | undefined;
  readonly worker: string;
}

/** Entries about completions in a host's log: whose payload, and who worked. */
async function completionEntries(world: HostWorld, index: number): Promise<CompletionEntry[]> {
  const found: CompletionEntry[] = [];
  for await (const entry of world.at(index).host.log.entries()) {
    const { payload, subject } = unwrap(entry);
    const record: { readonly kind?: string; readonly worker?: string } = payload === undefined ? {} : JSON.parse(new TextDecoder().decode(payload));
    if (record.kind === 'completion') found.push({ subject, worker: record.worker ?? '' });
  }
  return found;
}

async function completions(world: HostWorld, index: number): Promise<string[]> {
  return (await completionEntries(world, index)).map(({ worker }) => worker);
}

/** What comes of a report of an agent of host `index`. */
async function report({ world }: Story, index: number, worker: LocalIdentity, id: string): Promise<string> {
  return codeOf(await world.finish(world.at(index).host.delegations.reportCompletion(id, worker.did, sha256(utf8('result')))));
}

test('completion is believed of the holder, and of each whom the holder gave the work', async (context) => {
  const given = await story(context);
  const { world, alice, b, c, archive } = given;
  const second = await world.hire(3, 'second', { roots: [alice.did] });
  const [, , third] = await chainOfThree(given);
  const before = world.at(1).host.trust.score(b.did, c.did).score;
  assert.is(await report(given, 2, c, third.id), 'ok');
  assert.equal(await completionEntries(world, 1), [{ subject: b.did, worker: c.did }], 'sealed under the issuer');
  await world.pass(1000);
  assert.ok(world.at(1).host.trust.score(b.did, c.did).score > before, 'it speaks for the worker');
  assert.is(await report(given, 3, archive, third.id), 'DELEGATION_UNKNOWN', 'the archive was not asked for anything yet');
  const send = async (to: LocalIdentity, said: Json): Promise<string | null> =>
    (await world.get(world.at(2).host.message.send({ from: c, to: to.did, command: 'read:public', arguments: said, chain: third.chain }))).receipt.code;
  assert.is(await send(archive, 'DROP TABLE users'), 'KERNEL_DENIED');
  assert.is(await report(given, 3, archive, third.id), 'DELEGATION_UNKNOWN', 'what it was not allowed to do it has not done');
  assert.equal([await send(archive, null), await send(second, null)], [null, null]);
  assert.is(await report(given, 3, archive, third.id), 'ok');
  assert.is(await report(given, 3, second, third.id), 'ok');
  assert.is(await report(given, 3, c, third.id), 'DELEGATION_UNKNOWN', 'c does not live there');
  assert.equal(await completions(world, 1), [c.did, archive.did, second.did]);
});

test('a completion under a delegation that has ended, or by a worker that has, counts nothing', async (context) => {
  const given = await story(context);
  const { world, c, archive } = given;
  const [, second, third] = await chainOfThree(given);
  assert.is((await use(given, 2, c, third.chain)).verdict, 'allow');
  const everywhere = (size: number): Promise<void> => world.until('the revocation is everywhere', () => world.hosts.every(({ host }) => host.statement_store.revocations().length === size));
  await world.get(world.at(3).actions.revoke('sponsor-3', 'agent', archive.did, 'retired'));
  await everywhere(1);
  assert.is(await report(given, 3, archive, third.id), 'REVOKED', 'the worker');
  await world.get(world.at(0).actions.revoke('a', 'delegation', second.id, 'the project has ended'));
  await everywhere(2);
  assert.is(await report(given, 2, c, third.id), 'REVOKED', 'a link');
  const { delegation } = await world.get(world.at(1).actions.delegate({ from: 'sponsor-1', to: c.did, capabilities: ['read:**'], lifetime_s: 60 }));
  await world.pass(120_000);
  assert.is(await report(given, 2, c, delegation.id), 'CHAIN_EXPIRED');
  assert.equal(await completions(world, 1), []);
});

test('a completion is answered when it is recorded, and not when it could not be', async (context) => {
  const given = await story(context, { write_ms: 50 });
  const { world } = given;
  const [, , third] = await chainOfThree(given);
  const { delegations } = world.at(2).host;
  const { log } = world.at(1).host;
  const before = log.size();
  const sizes = await world.finish(Promise.all([1, 2, 3].map(async () => {
    unwrap(await delegations.reportCompletion(third.id, given.c.did, sha256(utf8('result'))));
    return log.size();
  })));
  assert.ok(sizes.every((size) => size > before), 'whoever is told that it is recorded can find it');
  assert.equal(await completions(world, 1), [given.c.did]);
  const { delegation } = await world.get(world.at(1).actions.delegate({ from: 'sponsor-1', to: given.c.did, capabilities: ['read:**'] }));
  await world.finish(log.freeze('a doubt'));
  assert.is(await report(given, 2, given.c, delegation.id), 'AUDIT_FROZEN');
});

test('a completion by a stranger, in another name, too old or repeated counts nothing', async (context) => {
  const given = await story(context);
  const { world, b, c, archive } = given;
  const [, , third] = await chainOfThree(given);
  const network = await world.stranger('stranger', world.at(1));
  unwrap(await world.finish(world.at(1).host.identity.offer([mallory.record.bytes])));
  const complete = async (signer: TokenSigner, claims: Fields = {}, invocation: string | null = null): Promise<string> => {
    const iat = Math.floor(world.simulator.now_ms / 1000);
    const token = await createToken('mesh-done+jwt', signer, { aud: b.did, dlg: third.id, res_h: toBase64url(sha256(utf8('result'))), iat, v: 1, ...claims });
    return codeOf(await say(world, network, 1, { kind: 'completion', token, invocation }));
  };
  const command = (by: LocalIdentity, to: string, signer = by.signer): Promise<string> => createToken('mesh-inv+jwt', signer, {
    aud: to, sub: given.alice.did, cmd: 'read:public', args_h: toBase64url(sha256(utf8('null'))), prf: third.id,
    nonce: 'A'.repeat(22), iat: 1, exp: 2, chl: 'x', v: 1,
  });
  assert.is(await complete(mallory.signer), 'DELEGATION_UNKNOWN', 'nobody asked it');
  assert.is(await complete(archive.signer, {}, await command(c, mallory.did)), 'DELEGATION_UNKNOWN', 'somebody else was asked');
  assert.is(await complete(mallory.signer, {}, await command(b, mallory.did)), 'DELEGATION_UNKNOWN', 'asked by who does not hold it');
  assert.is(await complete(mallory.signer, {}, await command(c, mallory.did, { key_id: c.signer.key_id, key: mallory.signer.key })), 'DELEGATION_FORGED', 'a forged command');
  assert.is(await complete({ key_id: c.signer.key_id, key: mallory.signer.key }), 'DELEGATION_FORGED', 'in the name of the holder');
  assert.is(await complete(c.signer, { dlg: toBase64url(sha256(utf8('another'))) }), 'DELEGATION_UNKNOWN');
  assert.is(await complete(c.signer, { res_h: 'short' }), 'DELEGATION_MALFORMED');
  assert.is(await complete(c.signer, { iat: Math.floor(world.simulator.now_ms / 1000) - 86_400 }), 'TOKEN_EXPIRED');
  assert.equal(await completions(world, 1), []);
  const token = await createToken('mesh-done+jwt', c.signer, { aud: b.did, dlg: third.id, res_h: toBase64url(sha256(utf8('result'))), iat: Math.floor(world.simulator.now_ms / 1000), v: 1 });
  const bytes = encodeCbor({ version: 1, kind: 'completion', token, invocation: null });
  const at_once = await world.finish(Promise.all(Array.from({ length: 5 }, () => network.request(world.at(1).peer, delegation_protocol, bytes, { limits: delegation_limits, signal: never }))));
  assert.ok(at_once.every((answer) => codeOf(unlessFailure(answer)) === 'ok'));
  assert.is(codeOf(await say(world, network, 1, bytes)), 'ok', 'the same again is known, and that is all');
  assert.is(await complete(c.signer, { res_h: toBase64url(sha256(utf8('other'))) }), 'ok', 'and so is another word for the same work');
  await world.restart(1);
  const reborn = await world.stranger('reborn', world.at(1));
  assert.is(codeOf(await say(world, reborn, 1, bytes)), 'ok');
  assert.equal(await completions(world, 1), [c.did], 'five at once, two later and one after a restart are one');
});

test.run();
