/** The answering half of the sync protocol: everything is read from memory or the store, nothing is changed. */
import { gzipSync } from 'node:zlib';
import { equal, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor } from '../../crypto/canonical.ts';
import type { StatementStore } from '../../storage/statements.ts';
import { encodeFailure } from '../reply.ts';
import { days_per_page_max, snapshot_bytes_max, snapshot_tokens_max } from './constants.ts';
import { requestOf, wireNode, type SnapshotPage, type SyncRequest } from './sync-wire.ts';

/** What answering reads. */
export type AnswerStore = Pick<StatementStore, 'days' | 'day' | 'get'>;

function days(store: AnswerStore, { topic, after }: Extract<SyncRequest, { kind: 'days' }>): unknown {
  const later = store.days(topic).filter(({ day }) => after === null || day > after);
  return { days: later.slice(0, days_per_page_max) };
}

function nodes(store: AnswerStore, { topic, nodes: asked }: Extract<SyncRequest, { kind: 'nodes' }>): unknown {
  return {
    nodes: asked.map(({ day, prefix, hash }) => {
      const trie = store.day(topic, day);
      const now = trie?.hash(prefix);
      const node = now !== undefined && equal(now, hash) ? trie?.node(prefix) : undefined;
      return node === undefined ? null : wireNode(node);
    }),
  };
}

async function statements(store: AnswerStore, { ids }: Extract<SyncRequest, { kind: 'statements' }>): Promise<unknown> {
  const texts = await Promise.all(ids.map((id) => store.get(id)));
  return { statements: texts.filter((text) => text !== undefined) };
}

async function snapshot(store: AnswerStore, { topic, day, prefix, after }: Extract<SyncRequest, { kind: 'snapshot' }>): Promise<SnapshotPage> {
  const ids: Uint8Array[] = [];
  for (const id of store.day(topic, day)?.ids(prefix, after) ?? []) {
    ids.push(id);
    if (ids.length > snapshot_tokens_max) break;
  }
  const tokens: string[] = [];
  let bytes = 0;
  let taken = 0;
  for (const id of ids.slice(0, snapshot_tokens_max)) {
    const text = await store.get(id);
    if (text !== undefined && bytes + text.length + 1 > snapshot_bytes_max) break;
    taken += 1;
    if (text === undefined) continue;
    tokens.push(text);
    bytes += text.length + 1;
  }
  // Most of a token is signatures and hashes: a faster compression loses little.
  return { tokens: gzipSync(utf8(tokens.join('\n')), { level: 1 }), more: taken < ids.length };
}

function answer(store: AnswerStore, request: SyncRequest): unknown {
  switch (request.kind) {
    case 'days': return days(store, request);
    case 'nodes': return nodes(store, request);
    case 'statements': return statements(store, request);
    case 'snapshot': return snapshot(store, request);
  }
}

/** Answers one request of a peer from the store; `malformed` hears of one that no honest peer sends. */
export async function answerSync(store: AnswerStore, request: Uint8Array, malformed: (reason: string) => void = () => undefined): Promise<Uint8Array> {
  const decoded = decodeCbor(request);
  const parsed = decoded.ok ? requestOf(decoded.value) : decoded;
  if (parsed.ok) return encodeCbor(await answer(store, parsed.value));
  const { code, reason } = parsed.failure;
  if (code === 'SYNC_KIND_UNKNOWN') return encodeFailure({ code, reason });
  malformed(reason);
  return encodeFailure({ code: 'SYNC_MALFORMED', reason });
}
