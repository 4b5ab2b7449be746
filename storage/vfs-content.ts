/** Files as chunks: cut, joined, read in part. */
import { concat, toHex } from '../crypto/bytes.ts';
import { sha256 } from '../crypto/hash.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { FileEntry, Ref } from './vfs-node.ts';
import { chunksIn, type Draft, type TreeObjects } from './vfs-objects.ts';

/** Length of every chunk of a file but its last. */
export const chunk_bytes = 65_536;

/** The content of a file, as its entry names it. */
export type Content = Pick<FileEntry, 'content' | 'chunks' | 'bytes'>;

const nothing: Content = { content: null, chunks: 0, bytes: 0 };
const empty_hash = toHex(sha256(new Uint8Array()));

/** What names a content, in hex: the SHA-256 of its bytes, or, beyond one chunk, of the SHA-256s of its chunks joined. */
export function contentHash({ content }: Pick<Content, 'content'>): string {
  return content === null ? empty_hash : content.slice(1);
}

async function chunksOf(objects: TreeObjects, { content, chunks }: Content): Promise<Result<readonly Ref[]>> {
  if (content === null) return ok([]);
  if (chunks === 1) return ok([content]);
  const list = await objects.read(content);
  if (!list.ok) return list;
  const refs = chunksIn(list.value);
  return refs?.length === chunks ? ok(refs) : fail('VFS_DAMAGED', 'the list of the file\'s pieces has the wrong length', { fix: 'restore a snapshot from before, or write it anew' });
}

function contentOf(draft: Draft, chunks: readonly Ref[], bytes: number): Content {
  const [first] = chunks;
  if (first === undefined) return nothing;
  return { content: chunks.length === 1 ? first : draft.list(chunks), chunks: chunks.length, bytes };
}

/** A content with bytes behind it; the whole of them where there was none. Only its last chunk is read. Fails with `VFS_DAMAGED`. */
export async function appended(objects: TreeObjects, draft: Draft, before: Content | undefined, bytes: Uint8Array): Promise<Result<Content>> {
  const old = before ?? nothing;
  const refs = await chunksOf(objects, old);
  if (!refs.ok) return refs;
  const kept = [...refs.value];
  let rest = bytes;
  if (old.bytes % chunk_bytes !== 0) {
    const last = kept.pop();
    const tail = last === undefined ? ok(new Uint8Array()) : await objects.read(last);
    if (!tail.ok) return tail;
    rest = concat(tail.value, bytes);
  }
  for (let at = 0; at < rest.length; at += chunk_bytes) kept.push(draft.chunk(rest.slice(at, at + chunk_bytes)));
  return ok(contentOf(draft, kept, old.bytes + bytes.length));
}

/** A part of a content, every chunk of it verified. Fails with `VFS_DAMAGED`. */
export async function readContent(objects: TreeObjects, content: Content, offset: number, length: number): Promise<Result<Uint8Array>> {
  const end = Math.min(content.bytes, offset + length);
  if (offset >= end) return ok(new Uint8Array());
  const refs = await chunksOf(objects, content);
  if (!refs.ok) return refs;
  const first = Math.floor(offset / chunk_bytes);
  const pieces: Uint8Array[] = [];
  for (const ref of refs.value.slice(first, Math.ceil(end / chunk_bytes))) {
    const piece = await objects.read(ref);
    if (!piece.ok) return piece;
    pieces.push(piece.value);
  }
  const whole = pieces.length === 1 ? pieces[0] ?? new Uint8Array() : concat(...pieces);
  return ok(whole.subarray(offset - first * chunk_bytes, end - first * chunk_bytes));
}

/** Takes a content into a draft as it is. Fails with `VFS_DAMAGED`. */
export async function copied(objects: TreeObjects, draft: Draft, content: Content): Promise<Result<Content>> {
  const refs = await chunksOf(objects, content);
  if (!refs.ok) return refs;
  for (const ref of refs.value) {
    const piece = await objects.read(ref);
    if (!piece.ok) return piece;
    draft.chunk(piece.value);
  }
  return ok(contentOf(draft, refs.value, content.bytes));
}
