/** What the control methods about the entries of a log answer with. */
import type { HeadView } from './audit-views.ts';
import type { MemoryErasedView } from './vfs-api.ts';

/** What a verified proof says of the entry that it proves. */
export interface VerifiedView {
  readonly origin: string;
  readonly index: number;
  readonly size: number;
  /** Base64url. */
  readonly leaf_hash: string;
  readonly cosignatures: number;
  readonly kind: string;
  readonly time_ms: number;
  /** The payload as text where the owner of the log shows it: the one that the entry commits to. */
  readonly payload: string | null;
}

/** One entry of the audit log. */
export interface LogEntryView {
  readonly index: number;
  readonly kind: string;
  readonly time_ms: number;
  /** Base64url. */
  readonly leaf_hash: string;
  /** Whether its payload can be opened; `bare` where its kind has none. */
  readonly state: 'open' | 'erased' | 'bare';
  /** Under whose key the payload is sealed. */
  readonly subject: string | null;
  /** What an entry without payload is about. */
  readonly about: string | null;
  readonly payload: unknown;
}

/** A page of entries in the order of the log. */
export interface LogPageView {
  readonly origin: string;
  readonly entries: readonly LogEntryView[];
  /** Entries of the log when it was asked. */
  readonly size: number;
  /** What to ask for next in the same direction; `null` at the end. */
  readonly next: { readonly before: number } | { readonly from: number } | null;
}

/** An entry and the newest checkpoint that covers it; `null` where none does yet. */
export interface EntryView extends LogEntryView {
  readonly origin: string;
  readonly checkpoint: HeadView | null;
}

/** What was erased: the payloads are gone; `entry` is where that stands in the newest log, `null` where a frozen log could not take it. */
export interface ErasedView {
  readonly entry: number | null;
  readonly payloads: number;
  /** How many of them are in logs before the newest. */
  readonly past_payloads: number;
  readonly subject: string | null;
  /** What the subject remembered, where it was an agent of this host. */
  readonly memory: MemoryErasedView | null;
}

/** What became of entries from elsewhere; `at` counts those that were sent, from 0. */
export interface ImportView {
  readonly origin: string;
  readonly outcomes: readonly (
    | { readonly at: number; readonly state: 'added' | 'known'; readonly index: number | null; readonly leaf_hash: string | null }
    | { readonly at: number; readonly state: 'refused'; readonly code: string; readonly reason: string; readonly fix?: string }
  )[];
}

/** A log of this host: the newest takes entries, those before it are closed. */
export interface OwnLogView {
  /** 0 for the first. */
  readonly number: number;
  readonly origin: string;
  readonly newest: boolean;
  /** Entries; `null` where the store cannot say it. */
  readonly size: number | null;
  /** Damaged records that the last check found. */
  readonly damaged_count: number;
  /** Why it proves nothing, as far as it was opened. */
  readonly frozen: string | null;
}
