import { gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { concat, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, isFields, type Fields } from '../../crypto/canonical.ts';
import { unwrap } from '../../crypto/result.ts';
import { answerSync } from '../../protocols/statements/answer.ts';
import { refusal_ms_max, sync_limits, sync_period_ms, taken_bytes_per_window_max, window_ms } from '../../protocols/statements/constants.ts';
import type { StatementStore } from '../../storage/statements.ts';
import { suite } from '../harness.ts';
import { start_s } from '../people.ts';
import { alice, at, endorsement, endorsements, keep, kinds, rogue, world } from './statement-world.ts';

const test = suite('protocols/sync-bounds');
/** How long a statement that time may change is not asked for again, at first. */
const refusal_ms = 20_000;
/** Peers that a round of syncs reaches at random. */
const random_peers = 3;

function decoded(bytes: Uint8Array): Fields {
  const value = unwrap(decodeCbor(bytes));
  return isFields(value) ? value : {};
}

/** One statement in a page of almost the size that an answer may have: the rest is the file name in the head of the gzip (RFC 1952 section 2.3.1). */
function swollen(text: string): Uint8Array {
  const zipped = gzipSync(utf8(text));
  const name = new Uint8Array(sync_limits.response_bytes_max - 4096).fill(0x61);
  return concat(zipped.subarray(0, 3), Uint8Array.of(0x08), zipped.subarray(4, 10), name, Uint8Array.of(0), zipped.subarray(10));
}

/** A page of a snapshot with the one statement that comes next. */
async function nextPage({ day, after }: Fields, store: StatementStore): Promise<Fields> {
  const ids = [...store.day('others', Number(day))?.ids('', after instanceof Uint8Array ? after : null) ?? []];
  const [id] = ids;
  if (id === undefined) throw new Error('the page after the last one was asked for');
  return { tokens: swollen(await store.get(id) ?? ''), more: ids.length > 1 };
}

test('a peer that streams more than its share of bytes is left until the next window, without blame, and then gone on with', async (context) => {
  const count = 60;
  let given_bytes = 0;
  const { hosts, connect, pass, simulator } = await world(context, 3, rogue(async (request, store) => {
    const fields = decoded(request);
    const days = store.days('others').map(({ day, root }) => ({ day, root, count: 300 }));
    let answer = await answerSync(store, request);
    if (fields['kind'] === 'days' && fields['topic'] === 'others') answer = encodeCbor({ days });
    if (fields['kind'] === 'snapshot') answer = encodeCbor(await nextPage(fields, store));
    given_bytes += answer.length;
    return answer;
  }));
  const [lavish, host, modest] = [at(hosts, 0), at(hosts, 1), at(hosts, 2)];
  for (const text of await endorsements(count)) await keep(lavish, text);
  const from_ms = simulator.now_ms;
  await connect(1, 0);
  while (kinds(host, 'sync.failed').length === 0 && simulator.now_ms - from_ms < window_ms) await pass(1000);
  assert.equal(kinds(host, 'sync.failed').map(({ peer, code }) => [peer, code]), [['host-0', 'SYNC_BUDGET']]);
  await pass(from_ms + 45_000 - simulator.now_ms);
  assert.ok(given_bytes >= taken_bytes_per_window_max && given_bytes <= taken_bytes_per_window_max + sync_limits.response_bytes_max, `${given_bytes} bytes within a window`);
  const reached = host.applied.length;
  assert.ok(reached > 40 && reached < count, `${reached} of ${count} came with them`);
  await keep(modest, await endorsement(alice, { scope: 'news' }));
  await connect(1, 2);
  await pass(2000);
  assert.is(host.applied.length, reached + 1, 'the budget is that of one peer');
  await pass(window_ms + 2 * sync_period_ms);
  assert.is(host.applied.length, count + 1, 'the rest comes in the next window');
  assert.is(kinds(host, 'network.peer.penalised').length, 0);
});

test('a refused statement is asked for once within the time of its refusal, and later again', async (context) => {
  let asked = 0;
  const honest = async (request: Uint8Array, store: StatementStore): Promise<Uint8Array> => {
    const { kind, ids } = decoded(request);
    if (kind === 'statements' && Array.isArray(ids)) asked += ids.length;
    return answerSync(store, request);
  };
  const { hosts, connect, pass, simulator } = await world(context, 3, rogue(honest, [0, 1]));
  const host = at(hosts, 2);
  // Good, but only in an hour: the time may change that, so it is neither kept nor held against anybody.
  const early = await endorsement(alice, { nbf: start_s + 3600 });
  for (const index of [0, 1]) await keep(at(hosts, index), early);
  const from_ms = simulator.now_ms;
  await connect(2, 0);
  await pass(3000);
  await connect(2, 1);
  await pass(refusal_ms / 2 + from_ms - simulator.now_ms);
  assert.is(kinds(host, 'sync.done').length, 2, 'two syncs saw it');
  assert.ok(kinds(host, 'sync.done').every(({ complete }) => complete === true));
  assert.is(asked, 1);
  await pass(refusal_ms + 1.3 * sync_period_ms);
  assert.is(asked, 2, 'when its refusal was over');
  await pass(3_600_000 + refusal_ms_max);
  assert.is(host.applied.length, 1, 'and in the end it is kept');
  assert.ok(asked < 12, `asked for ${asked} times before it counts`);
});

test('a round of syncs reaches the two peers whose turn it is and three at random', async (context) => {
  const peers = 12;
  const { hosts, connect, pass } = await world(context, peers + 1);
  const host = at(hosts, peers);
  for (let index = 0; index < peers; index += 1) await connect(peers, index);
  await pass(5000);
  const seen = (): number => kinds(host, 'sync.done').length;
  assert.is(seen(), peers, 'one over every new connection');
  const rounds: number[] = [];
  while (rounds.length < 8) {
    const before = seen();
    while (seen() === before) await pass(1000);
    await pass(5000);
    rounds.push(new Set(kinds(host, 'sync.done').slice(before).map(({ peer }) => peer)).size);
  }
  // Chance may choose those whose turn it is as well.
  assert.ok(rounds.every((count) => count >= random_peers), rounds.join(' '));
  assert.is(Math.max(...rounds), 2 + random_peers, rounds.join(' '));
});

test.run();
