/** What the control API answers about audit logs: plain values that can be shown, and sent as JSON. */

/** A log head with its cosignatures, as a C2SP signed note. */
export interface HeadView {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly note: string;
  readonly cosignatures: readonly string[];
}

/** An inclusion proof as a C2SP tlog-proof file, and the tlog-policy under which it can be verified. */
export interface ProofView {
  readonly index: number;
  readonly proof: string;
  readonly policy: string;
  readonly leaf_hash: string;
}

/** A host that was proven to have contradicted itself. */
export interface ExposureView {
  readonly did: string;
  /** What its record calls it, where that is known. */
  readonly did_name: string | null;
  /** The name of the log or witness. */
  readonly name: string;
  /** `same-size`, `leaf-conflict`, `cosigner-split` or `cosigner-rollback`; `null` where the file cannot be read. */
  readonly kind: string | null;
  readonly misdeed: string;
  /** When it was reported, as the reporter says. */
  readonly since_ms: number;
  readonly by: string;
  readonly by_name: string | null;
  /** The hash of the statement. */
  readonly statement: string;
  /** Whether it is this host. */
  readonly own: boolean;
}

/** A log that leaves a question about its own checkpoints unanswered. */
export interface SuspicionView {
  readonly did: string;
  readonly did_name: string | null;
  readonly origin: string;
  readonly since_ms: number;
  readonly reason: string;
}

/** A log that took the place of another one of its host. */
export interface SuccessionView {
  readonly did: string;
  readonly did_name: string | null;
  readonly origin: string;
  /** The log that was followed before. */
  readonly after: string;
  /** Whether it goes on where that one ended; `null` while its first entry was not read. */
  readonly follows: boolean | null;
  /** Entries of the log before it that are gone or not followed; `null` while that is not known. */
  readonly entries_lost: number | null;
}

/** What an evidence file proves about whom. */
export interface EvidenceView {
  readonly kind: string;
  readonly did: string;
  /** The name of the accused log or witness. */
  readonly name: string;
  readonly role: 'log' | 'witness';
  readonly verifier_key: string;
  /** The log that it is about. */
  readonly origin: string;
  /** The sizes of the two trees. */
  readonly sizes: readonly number[];
  readonly reason: string;
}

/** An evidence file that this node has. */
export interface EvidenceFileView extends EvidenceView {
  /** The file in base64. */
  readonly file: string;
  readonly by: string;
  readonly since_ms: number;
}

/** A witness that is asked for its cosignature. Times are Unix milliseconds, as the witness's own clock said in what it cosigned. */
export interface AskedWitnessView {
  readonly peer_id: string;
  readonly did: string;
  readonly name: string | null;
  /** Who answers for it: witnesses of one sponsor count once. */
  readonly sponsor: string | null;
  readonly sponsor_name: string | null;
  readonly cosigned: { readonly size: number; readonly time_ms: number } | null;
  readonly refused: { readonly code: string; readonly reason: string; readonly at_ms: number } | null;
}

/** A log that this host cosigns. */
export interface WitnessedLogView {
  readonly origin: string;
  readonly did: string | null;
  readonly name: string | null;
  readonly size: number;
  readonly time_ms: number;
  readonly exposed: boolean;
  /** Whether that head is an entry of this host's own log. */
  readonly anchored: boolean;
}

/** Who witnesses this host's log, and whom it witnesses. */
export interface WitnessesView {
  /** What is enough, in words; whether a policy says so. */
  readonly needed: string;
  readonly policy: boolean;
  /** The newest head that was enough, since the start of this host. */
  readonly anchored: { readonly size: number; readonly at_ms: number; readonly cosigners: number } | null;
  readonly failure: string | null;
  /** Why those who cosigned are worth less than they seem. */
  readonly weakness: string | null;
  readonly clock_doubt: string | null;
  /** In the order of asking. */
  readonly witnesses: readonly AskedWitnessView[];
  /** Names of witnesses in the policy that cannot be asked at present. */
  readonly absent: readonly string[];
  readonly witnessed: readonly WitnessedLogView[];
}

/** What of the audit log is kept, archived and dropped, and what it takes of the disk. */
export interface RetentionView {
  readonly entries: number;
  /** How many of them are archived: all before the entry of this index. */
  readonly archived: number;
  readonly parts: readonly { readonly first: number; readonly next: number; readonly folder: string; readonly present: boolean }[];
  /** When the oldest entry that is not archived was made, Unix milliseconds. */
  readonly oldest_ms: number | null;
  readonly level: 'ok' | 'near' | 'full';
  readonly audit_bytes: number | null;
  readonly audit_bytes_max: number | null;
  readonly free_bytes: number | null;
  readonly free_bytes_min: number | null;
  readonly rules: { readonly payload_days: number | null; readonly checkpoint_days: number | null; readonly witness_days: number | null };
  /** What the next run drops, as of now. */
  readonly due: { readonly payloads_before: number | null; readonly checkpoints: number; readonly witnessed: number };
  readonly next_run_ms: number;
  /** Entries that are being moved at present. */
  readonly work: { readonly folder: string; readonly restore: boolean; readonly done: number; readonly total: number } | null;
}

/** A work on an archive: how far it is, and what was moved once it is done. */
export interface ArchiveWorkView {
  readonly state: 'running' | 'done';
  readonly folder: string;
  readonly done: number;
  readonly total: number;
  readonly first: number | null;
  readonly next: number | null;
  /** The entry that says so. */
  readonly entry: number | null;
}

/** A log of another host that is copied here. */
export interface MirroredLogView {
  readonly did: string;
  readonly name: string | null;
  readonly origin: string;
  readonly size: number;
  readonly bytes: number;
  /** When the newest head came, Unix milliseconds; 0 for never. */
  readonly time_ms: number;
  readonly trouble: { readonly code: string; readonly reason: string } | null;
}

/** How a check of every record of the own log stands. */
export interface FsckView {
  readonly running: boolean;
  /** Entries looked at, of those that there are. */
  readonly done: number;
  readonly total: number;
  /** The first thousand. */
  readonly damaged: readonly { /** The number of a log before the newest; `null` for the newest. */ readonly log: number | null; readonly name: string; readonly reason: string }[];
  readonly damaged_count: number;
  /** When the last whole check ended, Unix milliseconds. */
  readonly ended_ms: number | null;
}

/** What filling a damaged log again did, or would do. */
export interface RecoveredView {
  /** Entries of the log afterwards. */
  readonly size: number;
  readonly refilled: number;
  readonly payloads_lost: number;
  readonly derived: number;
  readonly lost_after_head: number;
  readonly damaged: number;
  readonly dropped: number;
}
