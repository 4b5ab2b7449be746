/** What this implementation says to the cases of `statements.json`. */
import { toBase64url } from '../../crypto/bytes.ts';
import { decodeCbor, isFields, type Fields } from '../../crypto/canonical.ts';
import { parseChain } from '../../crypto/chain.ts';
import { verifyDuplicity } from '../../crypto/did-duplicity.ts';
import { isEstablishment, isSigned, type Establishment, type Signed } from '../../crypto/did-events.ts';
import { verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { verifyEvidence } from '../../crypto/fork-evidence.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import { parseStatement } from '../../crypto/statement.ts';
import { revocation } from '../../protocols/revocation/index.ts';
import { Admission } from '../../protocols/statements/admission.ts';
import { openStatements, statement_topics, type StatementStore } from '../../storage/statements.ts';
import { openStore } from '../../storage/store.ts';
import type { Judge } from './judge-delegation.ts';
import { bytesOf, bytesOfText, numberOf, recordsOf, refusalOf, textOf, textsOf } from './reading.ts';

interface Kept {
  readonly store: StatementStore;
  readonly admission: Admission;
}

/** A store at the time of an input that knows its records. */
async function keptOf(input: Fields): Promise<Kept> {
  const now_ms = numberOf(input, 'now_ms');
  const clock = { now: (): number => now_ms, after: () => () => undefined };
  const store = await openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now: clock.now });
  const records = recordsOf(input, now_ms);
  const fresh = new Map([...records, ...(input['fresh_records'] === undefined ? [] : recordsOf(input, now_ms, 'fresh_records'))]);
  const resolve = (did: string, options: { readonly fresh?: boolean } = {}): Promise<Result<DidRecord>> => {
    const record = (options.fresh === true ? fresh : records).get(did);
    return Promise.resolve(record === undefined ? fail('DID_NOT_FOUND', 'it is not among the records') : ok(record));
  };
  const recorder = { record: (): void => undefined };
  return { store, admission: new Admission({ clock, store, recorder, identity: { known: (did) => records.get(did), resolve } }, {}) };
}

async function judgeAdmission(input: Fields): Promise<Fields> {
  const { store, admission } = await keptOf(input);
  for (const text of textsOf(input, 'before')) unwrap(await admission.admit(text));
  const { listed } = input;
  const topic = isFields(listed) ? statement_topics.find((each) => each === listed['topic']) : undefined;
  const admitted = await admission.admit(textOf(input, 'token'), isFields(listed) && topic !== undefined ? { peer: 'peer', listed: { topic, day: numberOf(listed, 'day') }, lookups: { ask: (_, ask) => ask() } } : undefined);
  if (!admitted.ok) return refusalOf(admitted.failure);
  return store.has(admitted.value.hash) ? { kept: admitted.value.hash } : {};
}

async function judgeKeeping(input: Fields): Promise<Fields> {
  const tokens = textsOf(input, 'tokens');
  const orders = [tokens, [...tokens].reverse()];
  const kept = await Promise.all(orders.map(async (order) => {
    const { store, admission } = await keptOf(input);
    for (const text of order) await admission.admit(text);
    return statement_topics.flatMap((topic) => store.days(topic).flatMap(({ day }) => [...store.day(topic, day)?.ids() ?? []].map(toBase64url))).sort();
  }));
  const [forwards = [], backwards = []] = kept;
  if (forwards.join(' ') !== backwards.join(' ')) throw new Error('what is kept depends on the order');
  return { kept: forwards };
}

function eventOf(text: string): Signed<Establishment> {
  const value = unwrap(decodeCbor(bytesOfText(text)));
  if (!isSigned(value, isEstablishment)) throw new Error('it is a signed event');
  return value;
}

function judgeDuplicity(input: Fields): Fields {
  const record = unwrap(verifyRecord(bytesOf(input, 'record'), { now_ms: numberOf(input, 'now_ms') }));
  const [one, other] = textsOf(input, 'events').map(eventOf);
  if (one === undefined || other === undefined) throw new Error('there are two events');
  const verified = verifyDuplicity(record, numberOf(input, 'number'), one, other);
  return verified.ok ? { proven: true } : refusalOf(verified.failure);
}

function judgeEvidence(input: Fields): Fields {
  const verified = verifyEvidence(bytesOf(input, 'file'));
  if (!verified.ok) return refusalOf(verified.failure);
  const { kind, accused: { did, name, role }, origin, sizes } = verified.value;
  return { kind, did, name, role, origin, sizes };
}

async function judgeStanding(input: Fields): Promise<Fields> {
  const { store } = await keptOf(input);
  const records = recordsOf(input, numberOf(input, 'now_ms'));
  const service = revocation({
    store, clock: { now: () => numberOf(input, 'now_ms'), after: () => () => undefined }, identity: { known: (did) => records.get(did) }, statements: { publish: () => Promise.resolve(fail('UNUSED', 'nothing is published')) },
  });
  const { statement } = unwrap(parseStatement(textOf(input, 'token')));
  if (statement.kind !== 'revocation') throw new Error('it is a revocation');
  const chain = textsOf(input, 'chain');
  return { standing: service.standing(statement, chain.length === 0 ? [] : [unwrap(parseChain(chain))]) };
}

/** By task. */
export const statement_judges: { readonly [task: string]: Judge } = {
  'parse statement': (input) => {
    const parsed = parseStatement(textOf(input, 'token'));
    return parsed.ok ? { ...parsed.value.statement } : refusalOf(parsed.failure);
  },
  'admit statement': judgeAdmission,
  'keep statements': judgeKeeping,
  'verify duplicity': judgeDuplicity,
  'verify evidence': judgeEvidence,
  'standing of a revocation': judgeStanding,
};
