/**
 * The messages of `/agentmesh/sync/1`, deterministic DAG-CBOR. A request is a
 * map with a `kind`:
 *
 * - `days` of a topic after a day: the count and root hash of each day's ids;
 * - `nodes` of tries, each named by day, prefix (hex digits) and the hash that
 *   it had when it was heard of: its children or ids, or null where it has changed since;
 * - `statements` by their hashes;
 * - a `snapshot` of a day's statements with a prefix, in pages, ascending by hash.
 */
import { gunzipSync } from 'node:zlib';
import { compare, equal, fromUtf8, toHex } from '../../crypto/bytes.ts';
import { hasShape, isStrings, isWhole, type Fields } from '../../crypto/canonical.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { branchNodeHash, leaf_ids_max, leafNodeHash, node_hash_bytes, prefix_digits_max, type TrieNode } from '../../crypto/trie-node.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { statement_topics, type StatementDay, type StatementTopic } from '../../storage/statements.ts';
import { days_per_page_max, nodes_per_request_max, snapshot_bytes_max, snapshot_tokens_max, statements_per_request_max } from './constants.ts';

/** A node of a peer's trie, as we have heard of it. */
export interface NodeName {
  readonly day: number;
  readonly prefix: string;
  readonly hash: Uint8Array;
}

/** What a peer can be asked. */
export type SyncRequest =
  | { readonly kind: 'days'; readonly topic: StatementTopic; readonly after: number | null }
  | { readonly kind: 'nodes'; readonly topic: StatementTopic; readonly nodes: readonly NodeName[] }
  | { readonly kind: 'statements'; readonly ids: readonly Uint8Array[] }
  | { readonly kind: 'snapshot'; readonly topic: StatementTopic; readonly day: number; readonly prefix: string; readonly after: Uint8Array | null };

/** A page of a snapshot: tokens, one a line, compressed with gzip. */
export interface SnapshotPage {
  readonly tokens: Uint8Array;
  readonly more: boolean;
}

const prefix_pattern = /^[0-9a-f]*$/;

function isTopic(value: unknown): value is StatementTopic {
  return statement_topics.some((topic) => topic === value);
}

function isId(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === digest_bytes;
}

function isPrefix(value: unknown): value is string {
  return typeof value === 'string' && value.length <= prefix_digits_max && prefix_pattern.test(value);
}

function isNodeHash(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === node_hash_bytes;
}

function isNodeName(value: unknown): value is NodeName {
  return hasShape(value, ['day', 'prefix', 'hash']) && isWhole(value['day']) && isPrefix(value['prefix']) && isNodeHash(value['hash']);
}

function isListOf<T>(value: unknown, count_max: number, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= count_max && value.every(is);
}

function malformed(reason: string): ReturnType<typeof fail> {
  return fail('SYNC_MALFORMED', reason);
}

/** The request that a decoded value is. Fails with `SYNC_MALFORMED`, or with `SYNC_KIND_UNKNOWN` for one of a later version. */
export function requestOf(value: unknown): Result<SyncRequest> {
  const fields: Fields = hasShape(value, ['kind'], ['topic', 'after', 'nodes', 'ids', 'day', 'prefix']) ? value : {};
  const { kind, topic, after, nodes, ids, day, prefix } = fields;
  switch (kind) {
    case 'days':
      if (!hasShape(value, ['kind', 'topic', 'after']) || !isTopic(topic) || (after !== null && !isWhole(after))) return malformed('days are asked for by topic, after a day or null');
      return ok({ kind, topic, after });
    case 'nodes':
      if (!hasShape(value, ['kind', 'topic', 'nodes']) || !isTopic(topic) || !isListOf(nodes, nodes_per_request_max, isNodeName)) {
        return malformed(`nodes are asked for by topic, at most ${nodes_per_request_max} by day, prefix and hash`);
      }
      return ok({ kind, topic, nodes });
    case 'statements':
      if (!hasShape(value, ['kind', 'ids']) || !isListOf(ids, statements_per_request_max, isId)) return malformed(`ids are at most ${statements_per_request_max} hashes of 32 bytes`);
      return ok({ kind, ids });
    case 'snapshot':
      if (!hasShape(value, ['kind', 'topic', 'day', 'prefix', 'after']) || !isTopic(topic) || !isWhole(day) || !isPrefix(prefix) || (after !== null && !isId(after))) {
        return malformed('a snapshot is asked for by topic, day and prefix, after a hash or null');
      }
      return ok({ kind, topic, day, prefix, after });
    default:
      return fail('SYNC_KIND_UNKNOWN', 'a sync request has the kind days, nodes, statements or snapshot');
  }
}

function lie(reason: string): ReturnType<typeof fail> {
  return fail('SYNC_LIE', reason);
}

function isDay(value: unknown): value is StatementDay {
  return hasShape(value, ['day', 'count', 'root']) && isWhole(value['day']) && isWhole(value['count']) && value['count'] > 0 && isNodeHash(value['root']);
}

/** The days of an answer, all of them later than `after`. Fails with `SYNC_LIE`. */
export function daysOf(value: unknown, after: number | null): Result<readonly StatementDay[]> {
  if (!hasShape(value, ['days']) || !isListOf(value['days'], days_per_page_max, isDay)) return lie('the answer holds no list of days');
  const { days } = value;
  const is_ascending = days.every(({ day }, index) => day > (days[index - 1]?.day ?? after ?? -1));
  return is_ascending ? ok(days) : lie('the days are not in ascending order');
}

/** A node as it is sent: ids, or hashes of children, one after the other. */
export function wireNode(node: TrieNode): { readonly ids: Uint8Array } | { readonly map: number; readonly hashes: Uint8Array } {
  return node.kind === 'leaf' ? { ids: node.ids } : { map: node.map, hashes: node.hashes };
}

function bitCount(map: number): number {
  let count = 0;
  for (let rest = map; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

function areAscending(ids: Uint8Array): boolean {
  for (let offset = digest_bytes; offset < ids.length; offset += digest_bytes) {
    if (compare(ids.subarray(offset - digest_bytes, offset), ids.subarray(offset, offset + digest_bytes)) >= 0) return false;
  }
  return true;
}

function leafOf(ids: unknown, name: NodeName): Result<TrieNode> {
  if (!(ids instanceof Uint8Array) || ids.length === 0 || ids.length % digest_bytes !== 0 || ids.length > leaf_ids_max * digest_bytes) {
    return lie('a leaf has 1 to 32 ids of 32 bytes');
  }
  if (!areAscending(ids)) return lie('the ids of a leaf are not in ascending order, each once');
  // What lies between two ids with the prefix has it too.
  const ends = [ids.subarray(0, digest_bytes), ids.subarray(-digest_bytes)];
  if (!ends.every((id) => toHex(id).startsWith(name.prefix))) return lie('a leaf has an id with another prefix');
  return equal(leafNodeHash(ids), name.hash) ? ok({ kind: 'leaf', ids }) : lie('the ids of a leaf do not hash to what was shown before');
}

function branchOf(map: unknown, hashes: unknown, name: NodeName): Result<TrieNode> {
  if (!isWhole(map) || map === 0 || map > 0xffff || !(hashes instanceof Uint8Array) || hashes.length !== bitCount(map) * node_hash_bytes) {
    return lie('a branch has a map of its children and a hash for each');
  }
  if (name.prefix.length >= prefix_digits_max) return lie('the tree is deeper than any tree of hashes');
  return equal(branchNodeHash(map, hashes), name.hash) ? ok({ kind: 'branch', map, hashes }) : lie('the children of a branch do not hash to what was shown before');
}

/** The nodes of an answer, for each that was asked for, `null` where it changed meanwhile. What does not hash to what the peer showed before is a lie. Fails with `SYNC_LIE`. */
export function nodesOf(value: unknown, asked: readonly NodeName[]): Result<readonly (TrieNode | null)[]> {
  if (!hasShape(value, ['nodes']) || !Array.isArray(value['nodes']) || value['nodes'].length !== asked.length) return lie('the answer does not hold the nodes that were asked for');
  const given: readonly unknown[] = value['nodes'];
  const nodes: (TrieNode | null)[] = [];
  for (const [index, name] of asked.entries()) {
    const item = given[index];
    if (item === null) nodes.push(null);
    else {
      const node = hasShape(item, ['ids']) ? leafOf(item['ids'], name)
        : hasShape(item, ['map', 'hashes']) ? branchOf(item['map'], item['hashes'], name) : lie('a node is a leaf or a branch');
      if (!node.ok) return node;
      nodes.push(node.value);
    }
  }
  return ok(nodes);
}

/** The tokens of an answer to a request for statements. Fails with `SYNC_LIE`. */
export function tokensOf(value: unknown, count_max: number): Result<readonly string[]> {
  if (!hasShape(value, ['statements']) || !isStrings(value['statements'])) return lie('the answer holds no list of statements');
  const { statements } = value;
  return statements.length <= count_max ? ok(statements) : lie('there are more statements than were asked for');
}

/** The page of a snapshot that an answer holds. Fails with `SYNC_LIE`. */
export function snapshotOf(value: unknown): Result<SnapshotPage> {
  if (!hasShape(value, ['tokens', 'more']) || !(value['tokens'] instanceof Uint8Array) || typeof value['more'] !== 'boolean') return lie('the answer holds no page of a snapshot');
  const { tokens, more } = value;
  return tokens.length <= 2 * snapshot_bytes_max ? ok({ tokens, more }) : lie('the page is larger than any');
}

/** The tokens of a page, within the bounds that every page keeps. Fails with `SYNC_LIE`. */
export function unpacked(compressed: Uint8Array): Result<readonly string[]> {
  let text: string | undefined;
  try {
    text = fromUtf8(gunzipSync(compressed, { maxOutputLength: snapshot_bytes_max }));
  } catch (error) {
    return fail('SYNC_LIE', 'the snapshot is not gzip of the size that is agreed', { cause: error });
  }
  if (text === undefined) return lie('the snapshot is not text');
  // A million line ends would be as many statements to hash before the first is looked at.
  const tokens = text === '' ? [] : text.split('\n', snapshot_tokens_max + 1);
  return tokens.length <= snapshot_tokens_max ? ok(tokens) : lie('the page holds more statements than any');
}
