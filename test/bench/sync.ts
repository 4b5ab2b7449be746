/** Reconciliation: what it costs two hosts to find how their sets of a million statements differ, each what it lacks, with every message but those that carry the statements; and what a statement costs in memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bigEndian, concat, equal, toBase64url } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor } from '../../crypto/canonical.ts';
import { didOf } from '../../crypto/did.ts';
import { sha256 } from '../../crypto/hash.ts';
import { PrefixTrie } from '../../crypto/prefix-trie.ts';
import { unwrap } from '../../crypto/result.ts';
import { answerSync, type AnswerStore } from '../../protocols/statements/answer.ts';
import { Walk, type WalkTally } from '../../protocols/statements/walk.ts';
import { StatementDays } from '../../storage/statement-days.ts';
import { StatementIndex } from '../../storage/statement-index.ts';
import { short } from './stats.ts';

const set_ids = 1_000_000;
const index_statements = 200_000;
const day = 21_000;
const topic = 'others';

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  // The memory of arrays that the first run finds free is given back by the second.
  if (typeof collect === 'function') for (let run = 0; run < 2; run += 1) collect();
}

function bytesInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

const idOf = (family: number, number: number): Uint8Array => sha256(concat(bigEndian(family, 4), bigEndian(number, 4)));

function storeOf(trie: PrefixTrie): AnswerStore {
  return {
    days: () => [{ day, count: trie.size, root: trie.root() }],
    day: () => trie,
    get: () => Promise.resolve(undefined),
  };
}

/** One direction: what the other side has and we have not. */
async function reconcile(own: PrefixTrie, theirs: PrefixTrie): Promise<{ readonly tally: WalkTally; readonly bytes: number; readonly messages: number; readonly found: number }> {
  const [here, there] = [storeOf(own), storeOf(theirs)];
  const tally: WalkTally = { rounds: 0, changed: 0, missing: 0, is_cut: false };
  let bytes = 0;
  let messages = 0;
  let found = 0;
  const walk = new Walk({
    store: here,
    isRefused: () => false,
    isTaken: () => false,
    ask: async (request) => {
      const sent = encodeCbor(request);
      const answer = await answerSync(there, sent);
      bytes += sent.length + answer.length;
      messages += 1;
      return decodeCbor(answer);
    },
    fetch: async (missing) => {
      found += missing.length;
      return { ok: true, value: undefined };
    },
  }, topic, tally);
  unwrap(await walk.run(there.days(topic)));
  return { tally, bytes, messages, found };
}

function measureBuild(ids: Uint8Array, print: (text: string) => void): PrefixTrie {
  const before_bytes = bytesInUse();
  const since = process.cpuUsage();
  const trie = new PrefixTrie();
  for (let offset = 0; offset < ids.length; offset += 32) trie.add(ids.subarray(offset, offset + 32));
  trie.root();
  const took_ms = cpuMs(since);
  const per_s = trie.size / took_ms * 1000;
  print(`build of ${short(trie.size)} ids with the root${' '.repeat(12)} ${short(per_s)} inserts per CPU-second, ${short(per_s / 300_000)} of the aim; ${short((bytesInUse() - before_bytes) / trie.size)} bytes an id, the 32 of the id with it`);
  return trie;
}

async function measureDifferences(own: PrefixTrie, theirs: PrefixTrie, count: number, aim_ms: number, print: (text: string) => void): Promise<void> {
  const added = [own, theirs].map((trie, side) => {
    const ids = Array.from({ length: count }, (_, index) => idOf(1000 * (side + 1) + count, index));
    for (const id of ids) trie.add(id);
    return { trie, ids };
  });
  let since = process.cpuUsage();
  own.root();
  theirs.root();
  const rehash_ms = cpuMs(since);
  since = process.cpuUsage();
  // Each side pulls what it lacks.
  const [ours, others] = [await reconcile(own, theirs), await reconcile(theirs, own)];
  const took_ms = cpuMs(since);
  for (const { found, tally } of [ours, others]) if (found !== count || tally.is_cut) throw new Error(`found ${found} of ${count}`);
  print(`${short(count).padStart(6)} differences on each side, found by each: ${short(took_ms).padStart(6)} ms CPU of both (aim ${short(aim_ms)}: ${short(took_ms / aim_ms)}), ${short(rehash_ms)} ms to hash anew, `
    + `${short((ours.bytes + others.bytes) / 1024)} KiB, ${ours.tally.rounds} and ${others.tally.rounds} rounds, ${ours.messages + others.messages} messages`);
  for (const { trie, ids } of added) for (const id of ids) trie.delete(id);
}

/** Ten endorsements by each issuer, of subjects that others endorse too, as in a living mesh. */
function measureIndex(print: (text: string) => void): void {
  const before_bytes = bytesInUse();
  const index = new StatementIndex();
  const days = new StatementDays();
  const hash = (number: number): Uint8Array => idOf(7, number);
  const since = process.cpuUsage();
  for (let number = 0; number < index_statements; number += 1) {
    const id = hash(number);
    days.add(index.add({
      kind: 'endorsement', iss: didOf(idOf(5, Math.floor(number / 10))), sub: didOf(idOf(5, (number * 7919) % (index_statements / 10))), scope: 'general', seq: 1_790_000_000_000 + number,
      nbf: 1_790_000_000, exp: 1_790_000_000 + 86_400 * (number % 90), weight: number % 1000, why: 'good work', hash: toBase64url(id),
    }), id);
  }
  const took_ms = cpuMs(since);
  const per_statement = (bytesInUse() - before_bytes) / index.size;
  if (days.list(topic, 0).reduce((sum, { count }) => sum + count, 0) !== index.size || !equal(hash(0), idOf(7, 0))) throw new Error('statements are missing');
  print(`index of ${short(index.size)} endorsements of ${short(index_statements / 10)} DIDs   ${short(per_statement)} bytes a statement in memory, tries included; ${short(index.size / took_ms * 1000)} added per CPU-second`);
}

/** Prints the figures of reconciliation. */
export async function benchSync(_home: string, print: (text: string) => void): Promise<void> {
  const ids = new Uint8Array(set_ids * 32);
  for (let number = 0; number < set_ids; number += 1) ids.set(idOf(0, number), number * 32);
  const own = measureBuild(ids, print);
  const theirs = measureBuild(ids, print);
  await measureDifferences(own, theirs, 200, 100, () => undefined);
  for (const [count, aim_ms] of [[1, 5], [100, 50], [10_000, 1000]] as const) await measureDifferences(own, theirs, count, aim_ms, print);
  measureIndex(print);
}
