/** The part of the control API about the memory of agents. */
import type { ParamSpec, Who } from './api.ts';

/** A file or folder. Times are Unix milliseconds. */
export interface FileView {
  readonly kind: 'file' | 'folder';
  readonly path: string;
  readonly bytes: number;
  /** Files and folders in a folder; `null` for a file. */
  readonly inodes: number | null;
  /** Of a file, in hex. */
  readonly hash: string | null;
  readonly modified_ms: number | null;
  readonly expires_ms: number | null;
  readonly writer: string | null;
  /** The governed call that wrote it. */
  readonly call_id: string | null;
  readonly tags: readonly string[];
  readonly labels: readonly string[];
}

/** A kept state. */
export interface SnapshotView {
  /** SHA-256 of the tree, in hex. */
  readonly root: string;
  readonly taken_ms: number;
  readonly by: string;
  readonly note: string;
  readonly inodes: number;
  readonly bytes: number;
}

/** What an erasure took of an agent's memory. */
export interface MemoryErasedView {
  /** Files and folders that it had. */
  readonly inodes: number;
  readonly bytes: number;
  /** Kept states. */
  readonly snapshots: number;
  /** Files among those that agents share, which it wrote last. */
  readonly shared: number;
}

/** The methods about the memory of agents. `agent` may be left out where the host has one agent only. */
export interface VfsControlApi {
  'vfs.list': { params: { agent?: Who; path: string; after?: string }; value: { readonly files: readonly FileView[]; /** The name after which to go on. */ readonly next: string | null } };
  /** `content` is base64. */
  'vfs.read': { params: { agent?: Who; path: string; offset?: number }; value: { readonly file: FileView; readonly offset: number; readonly content: string; readonly more: boolean } };
  'vfs.write': { params: { agent?: Who; path: string; content: string; mode?: string; if_hash?: string; ttl_ms?: number; tags?: string[] }; value: FileView };
  'vfs.remove': { params: { agent?: Who; path: string; recursive?: boolean }; value: { readonly path: string } };
  'vfs.snapshot': { params: { agent?: Who; note?: string }; value: SnapshotView };
  'vfs.snapshots': { params: { agent?: Who }; value: readonly SnapshotView[] };
  'vfs.restore': { params: { agent?: Who; root: string; path?: string }; value: { readonly root: string; readonly path: string } };
  'vfs.drop': { params: { agent?: Who; root: string }; value: { readonly root: string } };
  /** `entry` is where it stands in the audit log, `null` where that is frozen. */
  'vfs.erase': { params: { agent?: Who; basis: string }; value: MemoryErasedView & { readonly agent: string; readonly entry: number | null } };
  'vfs.diff': { params: { agent?: Who; from: string; to?: string }; value: readonly { readonly path: string; readonly change: 'added' | 'removed' | 'changed' }[] };
}

const text = { type: 'string' } as const;
const text_optional = { type: 'string', optional: true } as const;
const number_optional = { type: 'number', optional: true } as const;

/** The parameters of the methods about the memory of agents. */
export const vfs_params: { readonly [Method in keyof VfsControlApi]: { readonly [Name in keyof VfsControlApi[Method]['params']]: ParamSpec } } = {
  'vfs.list': { agent: text_optional, path: text, after: text_optional },
  'vfs.read': { agent: text_optional, path: text, offset: number_optional },
  'vfs.write': { agent: text_optional, path: text, content: text, mode: text_optional, if_hash: text_optional, ttl_ms: number_optional, tags: { type: 'strings', optional: true } },
  'vfs.remove': { agent: text_optional, path: text, recursive: { type: 'boolean', optional: true } },
  'vfs.snapshot': { agent: text_optional, note: text_optional },
  'vfs.snapshots': { agent: text_optional },
  'vfs.restore': { agent: text_optional, root: text, path: text_optional },
  'vfs.drop': { agent: text_optional, root: text },
  'vfs.erase': { agent: text_optional, basis: text },
  'vfs.diff': { agent: text_optional, from: text, to: text_optional },
};
