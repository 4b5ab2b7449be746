/** What this implementation says to the cases of `delegation.json`. */
import { concat, utf8 } from '../../crypto/bytes.ts';
import { contains, parseCapability } from '../../crypto/capability.ts';
import type { Fields } from '../../crypto/canonical.ts';
import { exceeded, inherit, parseCaveats, tightens, widenedCaveat } from '../../crypto/caveats.ts';
import { parseChain, parseInvocation, verifyChain, verifyInvocation, type Chain, type Evidence, type Invocation } from '../../crypto/chain.ts';
import { sha256 } from '../../crypto/hash.ts';
import { fail, ok, unwrap, type Failure, type Result } from '../../crypto/result.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { Rates } from '../../protocols/message/rates.ts';
import { accountability, freshness, revocation, revocationAges, type RevocationService } from '../../protocols/revocation/index.ts';
import { Admission } from '../../protocols/statements/admission.ts';
import { openStatements, type StatementStore } from '../../storage/statements.ts';
import { openStore } from '../../storage/store.ts';
import { bytesOf, listOf, numberOf, recordsOf, refusalOf, textOf, textsOf } from './reading.ts';

/** Says what comes out of an input. */
export type Judge = (input: Fields) => Fields | Promise<Fields>;

const recorder = { record: (): void => undefined };
const no_timers = (): (() => void) => () => undefined;

/** A verifier's knowledge: the records that hold, and the statements that it admits of those that are given. */
interface World {
  readonly now_s: number;
  readonly known: (did: string) => DidRecord | undefined;
  readonly store: StatementStore;
  readonly service: RevocationService;
}

/** The world of an input. Revocations that are not admitted count for nothing. */
async function worldOf(input: Fields): Promise<World> {
  const now_s = numberOf(input, 'now_s');
  const clock = { now: (): number => now_s * 1000, after: no_timers };
  const records = recordsOf(input, now_s * 1000);
  const known = (did: string): DidRecord | undefined => records.get(did);
  const store = await openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now: clock.now });
  const resolve = (did: string): Promise<Result<DidRecord>> => {
    const record = records.get(did);
    return Promise.resolve(record === undefined ? fail('DID_NOT_FOUND', 'it is not among the records') : ok(record));
  };
  const admission = new Admission({ clock, store, recorder, identity: { known, resolve } }, {});
  for (const text of textsOf(input, 'revocations')) await admission.admit(text);
  const service = revocation({ clock, store, identity: { known }, statements: { publish: (text) => admission.admit(text) } });
  return { now_s, known, store, service };
}

function evidenceOf({ now_s, known, service }: World, fresh: Evidence['fresh']): Evidence {
  return {
    now_s, record: known, fresh,
    revoked: (link, above) => service.revoked(link, above), revokedKey: (key_id) => service.revokedKey(key_id), unsponsored: (record) => service.barred(record),
  };
}

function chainOf(tokens: readonly string[], evidence: Evidence): Result<Chain> {
  const links = parseChain(tokens);
  return links.ok ? verifyChain(links.value, evidence) : links;
}

async function judgeChain(input: Fields): Promise<Fields> {
  const chain = chainOf(textsOf(input, 'chain'), evidenceOf(await worldOf(input), () => undefined));
  if (!chain.ok) return refusalOf(chain.failure);
  const { root, holder, capabilities, caveats, exp } = chain.value;
  return { root, holder, capabilities: capabilities.map(({ text }) => text), caveats, expires_s: exp };
}

/** The uses that are counted, after those that the input tells of: each came under the first links of the chain. */
async function ratesOf(input: Fields, chain: Chain | undefined, invocation: Invocation, now_s: number): Promise<Result<unknown>> {
  let time_s = now_s;
  const rates = new Rates({ clock: { now: () => time_s * 1000 }, store: unwrap(await openStore({ kind: 'memory' })) });
  for (const [index, use] of listOf(input, 'uses').entries()) {
    if (chain === undefined) throw new Error('uses are counted under chains');
    time_s = numberOf(use, 'at_s');
    const hash = sha256(concat(utf8('use'), Uint8Array.of(index)));
    const earlier = use['repeated'] === true ? invocation : { ...invocation, token: { ...invocation.token, hash } };
    unwrap(rates.take({ ...chain, links: chain.links.slice(0, numberOf(use, 'links')) }, earlier, false));
  }
  time_s = now_s;
  return rates.take(chain, invocation, false);
}

async function judgeInvocation(input: Fields): Promise<Fields> {
  const world = await worldOf(input);
  const complete = input['complete_as_of_s'];
  const rule = freshness({
    clock: { now: () => world.now_s * 1000 }, recorder, age_ms_max: unwrap(revocationAges()), answerable: (did) => [did], isLocal: () => false,
    completeAsOf: () => (typeof complete === 'number' ? complete * 1000 : 0),
  });
  const evidence = evidenceOf(world, (verb, parties) => rule.stale(verb, parties));
  const invocation = parseInvocation(textOf(input, 'invocation'));
  if (!invocation.ok) return refusalOf(invocation.failure);
  const tokens = textsOf(input, 'chain');
  const chain = tokens.length === 0 ? undefined : chainOf(tokens, evidence);
  if (chain?.ok === false) return refusalOf(chain.failure);
  const context = { executor: textOf(input, 'executor'), session: textOf(input, 'session'), args_hash: bytesOf(input, 'arguments_hash'), ...(chain === undefined ? {} : { chain: chain.value }) };
  const verified = verifyInvocation(invocation.value, context, evidence);
  if (!verified.ok) return refusalOf(verified.failure);
  // A score is each host's own: it is given, and compared with what the chain as a whole demands.
  if (numberOf(input, 'trust_score') < (chain?.value.caveats.trust ?? 0)) return { refused: 'TRUST_TOO_LOW', step: 14, link: 'invocation' };
  const counted = await ratesOf(input, chain?.value, invocation.value, world.now_s);
  return counted.ok ? { invoker: verified.value.did, command: invocation.value.command.text } : refusalOf(counted.failure);
}

async function judgeSponsorship(input: Fields): Promise<Fields> {
  const { now_s, known, store } = await worldOf(input);
  const record = known(textOf(input, 'did'));
  if (record === undefined) throw new Error('the record of the DID is among the records');
  const levels = accountability(record, { now_s, record: known, revocation: (kind, id, issuer) => store.revocation(kind, id, issuer) });
  const failure: Failure | undefined = levels.at(-1)?.failure;
  return failure === undefined ? { accountable: levels.map(({ subject }) => subject.did) } : { refused: failure.code };
}

function judgeCapability(input: Fields): Fields {
  const capability = parseCapability(textOf(input, 'capability'));
  return capability.ok ? { verb: capability.value.verb, path: capability.value.path } : refusalOf(capability.failure);
}

function judgeTightening(input: Fields): Fields {
  const inherited = inherit(unwrap(parseCaveats(input['parent'])));
  if (inherited === undefined) return { refused: 'CHAIN_TOO_DEEP' };
  const own = unwrap(parseCaveats(input['child']));
  const widened = widenedCaveat(inherited, own);
  return widened === undefined ? { tighter: tightens(inherited, own) } : { refused: widened.code };
}

function judgeEvaluation(input: Fields): Fields {
  const refusal = exceeded(unwrap(parseCaveats(input['caveats'])), unwrap(parseCapability(textOf(input, 'command'))), numberOf(input, 'now_s'), () => undefined);
  return refusal === undefined ? { permitted: true } : { refused: refusal.code };
}

/** By task. */
export const delegation_judges: { readonly [task: string]: Judge } = {
  'parse capability': judgeCapability,
  contains: (input) => ({ contained: contains(unwrap(parseCapability(textOf(input, 'parent'))), unwrap(parseCapability(textOf(input, 'child')))) }),
  'parse caveats': ({ caveats }) => {
    const parsed = parseCaveats(caveats);
    return parsed.ok ? { accepted: true } : refusalOf(parsed.failure);
  },
  'tighten caveats': judgeTightening,
  'evaluate caveats': judgeEvaluation,
  'verify chain': judgeChain,
  'verify invocation': judgeInvocation,
  'judge sponsorship': judgeSponsorship,
};
