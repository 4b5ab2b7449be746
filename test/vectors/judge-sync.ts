/** What this implementation says to the cases of `sync.json`. */
import { gunzipSync } from 'node:zlib';
import { fromUtf8, toBase64url } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, isFields, type Fields } from '../../crypto/canonical.ts';
import { PrefixTrie } from '../../crypto/prefix-trie.ts';
import { idsOf } from '../../crypto/trie-node.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { parseStatement } from '../../crypto/statement.ts';
import { peerFailure } from '../../protocols/reply.ts';
import { answerSync } from '../../protocols/statements/answer.ts';
import { daysOf, nodesOf, requestOf, snapshotOf, tokensOf } from '../../protocols/statements/sync-wire.ts';
import { dayOf, openStatements, statement_topics, topicOf, type StatementStore } from '../../storage/statements.ts';
import { openStore } from '../../storage/store.ts';
import { at, kinds, rogue, world } from '../protocols/statement-world.ts';
import { settle_ms } from '../../protocols/statements/constants.ts';
import type { Judge } from './judge-delegation.ts';
import { bytesOf, bytesOfText, numberOf, recordsOf, refusalOf, textOf, textsOf } from './reading.ts';
import { jsonOf } from './sync-cases.ts';

function trieOf(input: Fields): PrefixTrie {
  const trie = new PrefixTrie();
  for (const id of idsOf(bytesOf(input, 'ids'))) trie.add(id);
  return trie;
}

function judgeNode(input: Fields): Fields {
  const node = trieOf(input).node(textOf(input, 'prefix'));
  if (node === undefined) return { absent: true };
  return node.kind === 'leaf' ? { ids: toBase64url(node.ids) } : { map: node.map, hashes: toBase64url(node.hashes) };
}

async function storeOf(tokens: readonly string[], now_ms: number): Promise<StatementStore> {
  const store = await openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now: () => now_ms });
  for (const text of tokens) await store.put(unwrap(parseStatement(text)).statement, text);
  return store;
}

async function judgeRequest(input: Fields): Promise<Fields> {
  const request = bytesOf(input, 'request');
  const failure = peerFailure(await answerSync(await storeOf([], 0), request));
  if (failure !== undefined) return { refused: failure.code };
  const read = unwrap(requestOf(unwrap(decodeCbor(request))));
  return toBase64url(encodeCbor(read)) === toBase64url(request) ? { request: jsonOf(read) } : {};
}

async function judgeAnswering(input: Fields): Promise<Fields> {
  const answer = await answerSync(await storeOf(textsOf(input, 'tokens'), numberOf(input, 'now_ms')), bytesOf(input, 'request'));
  const value = unwrap(decodeCbor(answer));
  // What compressed bytes look like is the compressor's own.
  if (!isFields(value) || !(value['tokens'] instanceof Uint8Array)) return { answer: toBase64url(answer) };
  return { tokens: (fromUtf8(gunzipSync(value['tokens'])) ?? '').split('\n'), more: value['more'] };
}

function understand(input: Fields): Result<unknown> {
  const request = unwrap(requestOf(unwrap(decodeCbor(bytesOf(input, 'request')))));
  const answer = unwrap(decodeCbor(bytesOf(input, 'answer')));
  switch (request.kind) {
    case 'days': return daysOf(answer, request.after);
    case 'nodes': return nodesOf(answer, request.nodes);
    case 'statements': return tokensOf(answer, request.ids.length);
    case 'snapshot': return snapshotOf(answer);
  }
}

/** A sync of one host with a peer that gives these answers, one after the other. */
async function judgeSync(input: Fields): Promise<Fields> {
  const answers = textsOf(input, 'answers').map(bytesOfText);
  const requests: string[] = [];
  const cleaners: (() => void | Promise<void>)[] = [];
  const { hosts, connect, pass } = await world({ folder: () => '', after: (clean) => void cleaners.push(clean) }, 2, rogue(async (request) => {
    requests.push(toBase64url(request));
    return answers[requests.length - 1] ?? encodeCbor({ days: [] });
  }));
  const host = at(hosts, 1);
  for (const [did, record] of recordsOf(input, numberOf(input, 'now_ms'))) host.records.set(did, record);
  await connect(1, 0);
  await pass(2 * settle_ms);
  for (const clean of cleaners.reverse()) await clean();
  const [failed] = kinds(host, 'sync.failed');
  if (failed !== undefined) return { refused: failed['code'] };
  const kept = statement_topics.flatMap((topic) => host.store.days(topic).flatMap(({ day }) => [...host.store.day(topic, day)?.ids() ?? []].map(toBase64url)));
  return { requests, kept: kept.sort() };
}

/** By task. */
export const sync_judges: { readonly [task: string]: Judge } = {
  'trie root': (input) => ({ root: toBase64url(trieOf(input).root()) }),
  'trie node': judgeNode,
  'place of a statement': (input) => {
    const { statement } = unwrap(parseStatement(textOf(input, 'token')));
    return { topic: topicOf(statement), day: dayOf(statement.exp) };
  },
  'read sync request': judgeRequest,
  'answer sync request': judgeAnswering,
  'read sync answer': (input) => {
    const understood = understand(input);
    return understood.ok ? { understood: true } : refusalOf(understood.failure);
  },
  'sync with a peer': judgeSync,
};
