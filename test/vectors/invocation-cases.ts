/** The cases of `delegation.json` about commands: what the executor lets pass, and at which step and link it refuses the others. */
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import type { Fields } from '../../crypto/canonical.ts';
import { methodId } from '../../crypto/did-events.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken } from '../../crypto/jwt.ts';
import { chainOf, hashOf, type LinkPlan } from '../chains.ts';
import { keyNamed, start_ms, start_s, type Person } from '../people.ts';
import { refusal, type VectorCase } from './case.ts';
import { first, second, third } from './chain-cases.ts';
import { a, b, c, employee, executor, knowledge, mallory, renewed, revoked, sponsor, type Knowledge } from './parties.ts';
import { misshapen } from './token-forms.ts';

const now_s = start_s + 60;
const day_s = 86_400;
const session = 'session-1';
const args_hash = toBase64url(sha256(utf8('{}')));

/** An earlier command, and under how many links of the chain it came. */
interface Use {
  readonly at_s: number;
  readonly links: number;
  /** Whether it was the very same command, which counts once. */
  readonly repeated?: true;
}

interface Plan extends Knowledge {
  readonly invoker?: Person;
  readonly chain?: readonly string[];
  /** Claims that differ. */
  readonly claims?: Fields;
  /** Somebody else's key under the invoker's name. */
  readonly signer?: Person;
  readonly uses?: readonly Use[];
  readonly trust_score?: number;
  /** As of when everything is known that peers had revoked; `null` for never. */
  readonly complete_as_of_s?: number | null;
}

function commandOf({ invoker = c, chain = [], claims = {}, signer = invoker }: Plan): Promise<string> {
  const leaf = chain.at(-1);
  return createToken('mesh-inv+jwt', { key_id: invoker.signer.key_id, key: signer.signer.key }, {
    aud: executor.did, sub: leaf === undefined ? invoker.did : sponsor.did, cmd: 'read:reports/today', args_h: args_hash, prf: leaf === undefined ? null : hashOf(leaf),
    nonce: toBase64url(sha256(utf8('nonce')).subarray(0, 16)), iat: now_s, exp: now_s + 60, chl: session, v: 1, ...claims,
  });
}

function judged(name: string, invocation: string, plan: Plan, expect: Fields): VectorCase {
  const { chain = [], uses = [], trust_score = 500, complete_as_of_s = now_s } = plan;
  return {
    name, task: 'verify invocation', expect,
    input: { invocation, chain, executor: executor.did, session, arguments_hash: args_hash, uses, trust_score, complete_as_of_s, ...knowledge({ people: [sponsor, a, b, c, employee, executor], now_s, ...plan }) },
  };
}

async function passes(name: string, plan: Plan): Promise<VectorCase> {
  return judged(name, await commandOf(plan), plan, { invoker: (plan.invoker ?? c).did, command: plan.claims?.['cmd'] ?? 'read:reports/today' });
}

async function refused(name: string, plan: Plan, code: string, step: number, link: number | 'invocation' = 'invocation'): Promise<VectorCase> {
  return judged(name, await commandOf(plan), plan, refusal(code, { step, link }));
}

const three: readonly LinkPlan[] = [first, second, { ...third, cav: {} }];
/** Three links whose holder is `c`, one of them with other caveats, the first permitting any capability. */
function caveatAt(level: number, cav: Fields, cap?: readonly string[]): Promise<string[]> {
  return chainOf(three.map((plan, index) => ({ ...plan, ...(index === level ? { cav } : {}), ...(cap === undefined ? {} : { cap }), exp: start_s + (10 - index) * day_s })));
}

async function accepted(chain: readonly string[]): Promise<VectorCase[]> {
  const rated = await caveatAt(0, { rate: [2, 60] });
  return [
    await passes('a command under three links', { chain }),
    await passes('a command in the invoker\'s own name', {}),
    await passes('a command that is 30 s early', { chain, claims: { iat: now_s + 30, exp: now_s + 60 } }),
    await passes('a command that ended 29 s ago', { chain, claims: { iat: now_s - 60, exp: now_s - 29 } }),
    await passes('a command that lives 120 s', { chain, claims: { exp: now_s + 120 } }),
    await passes('one use of two', { chain: rated, uses: [{ at_s: now_s - 1, links: 3 }] }),
    await passes('two uses of two, the first of which ended the second before', { chain: rated, uses: [{ at_s: now_s - 60, links: 3 }, { at_s: now_s - 59, links: 3 }] }),
    await passes('a repetition of the command that was the last of two uses', { chain: rated, uses: [{ at_s: now_s - 2, links: 3 }, { at_s: now_s - 1, links: 3, repeated: true }] }),
    await passes('trust as high as is needed', { chain: await caveatAt(1, { trust: 600 }), trust_score: 600 }),
    await passes('reading on the knowledge of a day ago', { chain, complete_as_of_s: now_s - day_s }),
    await passes('writing on the knowledge of an hour ago', { invoker: a, chain: chain.slice(0, 1), claims: { cmd: 'write:reports' }, complete_as_of_s: now_s - 3600 }),
    await passes('deleting on the knowledge of five minutes ago', { claims: { cmd: 'delete:reports' }, complete_as_of_s: now_s - 300 }),
  ];
}

// The whole list is judged as links of chains.
const some_forms: ReadonlySet<string> = new Set(['padding', '4,097 bytes', 'alg none', 'cty in the header', 'a kid of somebody else', 'a claim twice', 'a number with an exponent', 'typ JWT', 'the type of a receipt']);

async function forms(chain: readonly string[]): Promise<VectorCase[]> {
  const token = await commandOf({ chain });
  const wrong: readonly (readonly [what: string, claims: Fields])[] = [
    ['another version', { v: 2 }], ['a claim too many', { admin: true }], ['another executor than one', { aud: [executor.did] }], ['a wildcard as a command', { cmd: 'read:reports/*' }], ['any verb', { cmd: '*:reports' }], ['a command that is none', { cmd: 'reports' }],
    ['a command in capitals', { cmd: 'read:Reports' }], ['no hash of the arguments', { args_h: 'x' }], ['a short nonce', { nonce: 'x' }], ['iat with a fraction', { iat: now_s + 0.5 }], ['prf no hash', { prf: 'x' }], ['a session of 65 characters', { chl: 'x'.repeat(65) }], ['no session', { chl: null }],
  ];
  return [
    ...misshapen(token, c.signer, 'mesh-inv+jwt', a.signer.key_id).filter(({ what }) => some_forms.has(what)).map(({ what, token: bad, code, step }) => judged(`${what}, in a command`, bad, { people: [sponsor, c] }, refusal(code, { step, link: 'invocation' }))),
    judged('a delegation alone executes nothing', chain.at(-1) ?? '', { chain }, refusal('TOKEN_TYPE', { step: 5, link: 'invocation' })),
    ...await Promise.all(wrong.map(([what, claims]) => refused(what, { chain, claims }, 'INVOCATION_MALFORMED', 4))),
  ];
}

function addresses(chain: readonly string[]): Promise<VectorCase[]> {
  return Promise.all([
    refused('for another executor', { chain, claims: { aud: a.did } }, 'INVOCATION_AUDIENCE', 14),
    refused('in another session', { chain, claims: { chl: 'session-2' } }, 'INVOCATION_SESSION', 14),
    refused('in another session, of 64 characters', { chain, claims: { chl: 'x'.repeat(64) } }, 'INVOCATION_SESSION', 14),
    refused('a life of 121 s', { chain, claims: { exp: now_s + 121 } }, 'INVOCATION_LIFETIME', 14),
    refused('an end before its beginning', { chain, claims: { exp: now_s } }, 'INVOCATION_LIFETIME', 14),
    refused('31 s early', { chain, claims: { iat: now_s + 31, exp: now_s + 60 } }, 'INVOCATION_EXPIRED', 14),
    refused('ended 30 s ago', { chain, claims: { iat: now_s - 60, exp: now_s - 30 } }, 'INVOCATION_EXPIRED', 14),
    refused('other arguments', { chain, claims: { args_h: toBase64url(sha256(utf8('{"a":1}'))) } }, 'INVOCATION_ARGUMENTS', 14),
    refused('under another chain', { chain, claims: { prf: hashOf('another') } }, 'INVOCATION_CHAIN', 14),
    refused('under another root', { chain, claims: { sub: c.did } }, 'INVOCATION_CHAIN', 14),
    refused('under a chain that did not come with it', { claims: { prf: hashOf('another') } }, 'INVOCATION_CHAIN', 14),
    refused('in somebody else\'s name without a chain', { claims: { sub: sponsor.did } }, 'INVOCATION_CHAIN', 14),
    refused('own authority with somebody else\'s chain', { chain, claims: { prf: null, sub: c.did } }, 'INVOCATION_CHAIN', 14),
    refused('a stolen chain', { chain, invoker: b }, 'INVOCATION_HOLDER', 14),
  ]);
}

async function beyond(chain: readonly string[]): Promise<VectorCase[]> {
  const levels = [0, 1, 2];
  const at = async (what: string, cav: Fields, code: string, cap?: readonly string[], more: Plan = {}): Promise<VectorCase[]> =>
    Promise.all(levels.map(async (level) => refused(`${what}, at link ${level}`, { ...more, chain: await caveatAt(level, cav, cap) }, code, 14, level)));
  const tools = { claims: { cmd: 'tool:mcp/write' } };
  const rated = await caveatAt(0, { rate: [2, 60] });
  const rated_below = await caveatAt(2, { rate: [1, 60] });
  return [
    await refused('a command that the last link does not permit', { chain, claims: { cmd: 'write:reports' } }, 'CHAIN_EXCEEDED', 14),
    await refused('a command below the one that is permitted', { chain, claims: { cmd: 'read:reports/today/x' } }, 'CHAIN_EXCEEDED', 14),
    ...await at('a resource that is not listed', { res: ['reports/yesterday'] }, 'CHAIN_EXCEEDED'),
    ...await at('a tool that is not listed', { tools: ['mcp:read'] }, 'CHAIN_EXCEEDED', ['tool:**'], tools),
    ...await at('a command that names no tool', { tools: ['mcp:*'] }, 'CHAIN_EXCEEDED'),
    // Time starts on a Thursday.
    ...await at('outside of the window', { win: [['fri', '08:00', '18:00', 'UTC']] }, 'INVOCATION_WINDOW'),
    await refused('the third use of two, by holders below the first link together', { chain: rated, uses: [{ at_s: now_s - 59, links: 1 }, { at_s: now_s - 1, links: 2 }] }, 'INVOCATION_RATE', 14, 0),
    await refused('the second use of one, under the last link', { chain: rated_below, uses: [{ at_s: now_s, links: 3 }] }, 'INVOCATION_RATE', 14, 2),
    await refused('too little trust', { chain: await caveatAt(1, { trust: 501 }) }, 'TRUST_TOO_LOW', 14),
  ];
}

async function signers(chain: readonly string[]): Promise<VectorCase[]> {
  const people = [sponsor, a, b, employee, executor];
  const [former] = c.document.methods;
  if (former === undefined) throw new Error('a document has a method');
  const key = keyNamed('vectors, c, second use').public_key;
  const rotated = renewed(c, 'vectors, c', {
    methods: [{ ...former, id: methodId(key), key }], retired: [{ ...former, until: start_ms + 59_000 }], time: start_ms + 60_000, expires: start_ms + 48 * 3_600_000,
  });
  const silent = renewed(c, 'vectors, c', { methods: [{ ...former, uses: ['assertionMethod', 'capabilityDelegation'] }] });
  return [
    await refused('a command with a key that its sponsor revoked', { chain, revocations: [await revoked(sponsor, { kind: 'key', id: c.signer.key_id })] }, 'REVOKED', 11),
    await refused('a command of an agent that its sponsor killed, in its own name', { revocations: [await revoked(sponsor, { kind: 'agent', id: c.did })] }, 'REVOKED', 12),
    await refused('a chain of which a link was revoked', { chain, revocations: [await revoked(a, { kind: 'delegation', id: hashOf(chain[2] ?? '') })] }, 'REVOKED', 11, 2),
    await refused('an invoker whose record is not known', { people }, 'CHAIN_ISSUER_UNKNOWN', 12),
    await refused('an invoker that is deactivated', { people, records: [renewed(c, 'vectors, c', { deactivated: true })] }, 'CHAIN_ISSUER_DEACTIVATED', 12),
    await refused('an invoker for which its sponsor no longer answers', { revocations: [await revoked(sponsor, { kind: 'sponsorship', id: c.did })] }, 'SPONSOR_WITHDRAWN', 12),
    await refused('a retired key, which gives no commands, whatever its date', { people, records: [rotated] }, 'CHAIN_KEY_UNKNOWN', 12),
    await refused('a key that is not for invoking', { people, records: [silent] }, 'CHAIN_KEY_UNKNOWN', 12),
    await refused('a command that another key signed', { chain, signer: mallory }, 'CHAIN_FORGED', 13),
    await refused('a link that another key signed', { chain: await chainOf([first, { ...second, to: c, signer: mallory.signer }]) }, 'CHAIN_FORGED', 13, 1),
  ];
}

function staleness(chain: readonly string[]): Promise<VectorCase[]> {
  return Promise.all([
    refused('reading on older knowledge than a day', { chain, complete_as_of_s: now_s - day_s - 1 }, 'REVOCATION_STALE', 15),
    refused('writing on older knowledge than an hour', { invoker: a, chain: chain.slice(0, 1), claims: { cmd: 'write:reports' }, complete_as_of_s: now_s - 3601 }, 'REVOCATION_STALE', 15),
    refused('deleting on older knowledge than five minutes', { claims: { cmd: 'delete:reports' }, complete_as_of_s: now_s - 301 }, 'REVOCATION_STALE', 15),
    refused('paying on older knowledge than five minutes', { claims: { cmd: 'execute-payment:invoice' }, complete_as_of_s: now_s - 301 }, 'REVOCATION_STALE', 15),
    refused('anything before the first complete exchange', { chain, complete_as_of_s: null }, 'REVOCATION_STALE', 15),
  ]);
}

/** Every case about commands. */
export async function invocationCases(): Promise<readonly VectorCase[]> {
  const chain = await chainOf(three);
  return [...await accepted(chain), ...await forms(chain), ...await addresses(chain), ...await beyond(chain), ...await signers(chain), ...await staleness(chain)];
}
