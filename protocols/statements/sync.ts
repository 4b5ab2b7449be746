/**
 * The pull half of the exchange: ask a peer for the hashes that it has, fetch
 * what is missing, let each statement through the same admission as a pushed
 * one. A request is a map with a `kind`, so that further kinds can be added;
 * an unknown kind is answered with a failure.
 */
import { compare, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isStrings } from '../../crypto/canonical.ts';
import { digest_bytes, sha256 } from '../../crypto/hash.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Statement } from '../../crypto/statement.ts';
import type { StatementStore } from '../../storage/statements.ts';
import type { Network, PeerId, Random } from '../ports.ts';
import { encodeFailure, unlessFailure } from '../reply.ts';
import { verdictOn } from './admission.ts';
import {
  ids_per_page_max, pages_per_pull_max, statements_per_pull_max, statements_per_request_max, sync_limits, sync_protocol,
  unresolved_per_pull_max,
} from './constants.ts';

function isId(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === digest_bytes;
}

function isIds(value: unknown, count_max: number): value is readonly Uint8Array[] {
  return Array.isArray(value) && value.length <= count_max && value.every(isId);
}

function refused(code: string, reason: string): Uint8Array {
  return encodeFailure({ code, reason });
}

/** Answers one request of a peer from the store; `malformed` hears of one that no honest peer sends. */
export async function answerSync(store: StatementStore, request: Uint8Array, malformed: (reason: string) => void = () => undefined): Promise<Uint8Array> {
  const refuse = (reason: string): Uint8Array => {
    malformed(reason);
    return refused('SYNC_MALFORMED', reason);
  };
  const decoded = decodeCbor(request);
  if (!decoded.ok) return refuse(decoded.failure.reason);
  const { value } = decoded;
  if (hasShape(value, ['kind', 'after']) && value['kind'] === 'ids') {
    const { after } = value;
    if (after !== null && !isId(after)) return refuse('after is null or a hash of 32 bytes');
    return encodeCbor({ ids: store.ids(after, ids_per_page_max) });
  }
  if (hasShape(value, ['kind', 'ids']) && value['kind'] === 'statements') {
    const { ids } = value;
    if (!isIds(ids, statements_per_request_max)) return refuse(`ids are at most ${statements_per_request_max} hashes of 32 bytes`);
    const texts = await Promise.all(ids.map((id) => store.get(id)));
    return encodeCbor({ statements: texts.filter((text) => text !== undefined) });
  }
  return refused('SYNC_KIND_UNKNOWN', 'a sync request has the kind ids or statements');
}

/** What a pull uses. */
export interface PullParts {
  readonly network: Network;
  readonly random: Random;
  readonly store: StatementStore;
  admit(text: string): Promise<Result<Statement>>;
}

/** How a pull ended. */
export interface Pulled {
  /** Statements that were new here. */
  readonly admitted: number;
  /** Whether nothing that the peer has is missing now. */
  readonly complete: boolean;
}

function lie(reason: string): ReturnType<typeof fail> {
  return fail('SYNC_LIE', reason);
}

async function ask(parts: PullParts, peer: PeerId, request: unknown, signal: AbortSignal): Promise<Result<unknown>> {
  const answer = unlessFailure(await parts.network.request(peer, sync_protocol, encodeCbor(request), { limits: sync_limits, signal }));
  if (!answer.ok) return answer;
  const decoded = decodeCbor(answer.value);
  return decoded.ok ? decoded : lie(`the answer is not understood: ${decoded.failure.reason}`);
}

/** The hashes that the peer has and we have not. */
async function missing(parts: PullParts, peer: PeerId, signal: AbortSignal): Promise<Result<readonly Uint8Array[]>> {
  const wanted: Uint8Array[] = [];
  let after: Uint8Array | null = null;
  for (let page = 0; page < pages_per_pull_max; page += 1) {
    const answer: Result<unknown> = await ask(parts, peer, { kind: 'ids', after }, signal);
    if (!answer.ok) return answer;
    if (!hasShape(answer.value, ['ids']) || !isIds(answer.value['ids'], ids_per_page_max)) return lie('the answer holds no list of hashes');
    const { ids } = answer.value;
    for (const id of ids) {
      if (after !== null && compare(id, after) <= 0) return lie('the hashes are not in ascending order');
      after = id;
      if (!parts.store.has(toBase64url(id))) wanted.push(id);
    }
    if (ids.length < ids_per_page_max) break;
  }
  return ok(wanted);
}

/** A random choice, so that what cannot be admitted does not stand in the way of the rest for ever. */
function sample(ids: readonly Uint8Array[], count: number, random: Random): readonly Uint8Array[] {
  if (ids.length <= count) return ids;
  const pool = [...ids];
  return Array.from({ length: count }, () => pool.splice(Math.floor(random.fraction() * pool.length), 1)).flat();
}

async function fetchStatements(parts: PullParts, peer: PeerId, ids: readonly Uint8Array[], signal: AbortSignal): Promise<Result<readonly string[]>> {
  const answer = await ask(parts, peer, { kind: 'statements', ids }, signal);
  if (!answer.ok) return answer;
  if (!hasShape(answer.value, ['statements']) || !isStrings(answer.value['statements'])) return lie('the answer holds no list of statements');
  const { statements } = answer.value;
  if (statements.length > ids.length) return lie('there are more statements than were asked for');
  if (statements.length === 0) return lie('it has none of the statements that it listed');
  const wanted = new Set(ids.map(toBase64url));
  for (const text of statements) {
    if (!wanted.delete(toBase64url(sha256(utf8(text))))) return lie('a statement was not asked for');
  }
  return ok(statements);
}

/**
 * Brings what a peer has and we have not, within bounds of bytes, count and
 * time. Fails with `SYNC_LIE` where the peer broke the protocol or offered what
 * no honest peer keeps, with the network's codes, or with `SYNC_STOPPED`.
 */
export async function pull(parts: PullParts, peer: PeerId, signal: AbortSignal): Promise<Result<Pulled>> {
  const listed = await missing(parts, peer, signal);
  if (!listed.ok) return listed;
  const wanted = sample(listed.value, statements_per_pull_max, parts.random);
  let admitted = 0;
  let unresolved = 0;
  for (let start = 0; start < wanted.length; start += statements_per_request_max) {
    const batch = wanted.slice(start, start + statements_per_request_max);
    const fetched = await fetchStatements(parts, peer, batch, signal);
    if (!fetched.ok) return fetched;
    for (const text of fetched.value) {
      if (signal.aborted) return fail('SYNC_STOPPED', 'the pull was ended');
      const admission = await parts.admit(text);
      if (admission.ok) admitted += 1;
      else if (verdictOn(admission) === 'reject') return lie(admission.failure.reason);
      else if (admission.failure.code === 'STATEMENT_ISSUER_UNKNOWN') unresolved += 1;
      if (unresolved >= unresolved_per_pull_max) return ok({ admitted, complete: false });
    }
  }
  return ok({ admitted, complete: wanted.length === listed.value.length && wanted.every((id) => parts.store.has(toBase64url(id))) });
}
