/** What the control API answers with: plain values that can be shown, and sent as JSON. */
import type { Caveats } from '../../crypto/caveats.ts';

/** What a node says of itself. Times are Unix milliseconds. */
export interface NodeStatus {
  readonly did: string;
  readonly name: string;
  readonly peer_id: string;
  readonly addresses: readonly string[];
  readonly data: string;
  readonly version: string;
  readonly process_id: number;
  readonly started_ms: number;
  readonly peers: number;
  readonly agents: number;
  readonly statements: number;
  /** By when everything that peers knew of revocations was known here (null for never), and how old that may be for commands that read, write or delete. */
  readonly revocations: { readonly complete_as_of_ms: number | null; readonly max_age_ms: { readonly read: number; readonly write: number; readonly delete: number } };
  readonly audit: { readonly origin: string; /** The origins of the logs before this one, the first log's first. */ readonly past: readonly string[]; readonly size: number; readonly cosigned_size: number; readonly cosignatures: number; /** When every record was last checked while the node ran. */ readonly checked_ms: number | null; /** What is wrong with the quorum of witnesses: it was missed, or those who cosigned are worth less than they seem. */ readonly quorum_doubt: string | null; readonly frozen: { readonly code: string; readonly reason: string; readonly fix?: string } | null };
  readonly memory_bytes: number;
  /** What was refused or went wrong since the start, and how often. */
  readonly troubles: readonly { readonly what: string; readonly count: number }[];
}

/** An agent that lives on this host. */
export interface AgentView {
  readonly name: string;
  readonly did: string;
  readonly sponsor: string;
  readonly capabilities: readonly string[];
  readonly required_trust: number;
  readonly handler: string | null;
  readonly policy: string | null;
  readonly authority: 'delegated' | 'open';
  /** Sponsors besides its own whose delegations it honours. */
  readonly roots: readonly string[];
  /** Until when its sponsor attests it, Unix seconds; `null` where it has not yet. */
  readonly attested_until: number | null;
  readonly state: 'running' | 'stopped' | 'killed';
  /** Why it was killed for good, by whose revocation; null where it was not revoked. */
  readonly ended: string | null;
}

/** A connected peer; `did` once the handshake with its node is done. */
export interface PeerView {
  readonly peer_id: string;
  readonly did: string | null;
  readonly name: string | null;
  readonly address: string;
  readonly direction: 'inbound' | 'outbound';
  readonly since_ms: number;
}

/** The answer to a call: the executor's signed receipt, taken apart, and the result if it was allowed. */
export interface CallView {
  readonly verdict: 'allow' | 'deny' | 'error';
  readonly code: string | null;
  readonly rule: string | null;
  readonly reason: string;
  readonly result: unknown;
  /** The invocation token: sending it again has no second effect. */
  readonly invocation: string;
  readonly receipt: string;
  readonly receipt_hash: string;
  readonly executor: string;
  readonly audit: { readonly origin: string; readonly index: number } | null;
  readonly duration_ms: number;
}

/** A delegation with the chain that leads to it. Times are Unix seconds. */
export interface DelegationView {
  /** SHA-256 of the last token, base64url. */
  readonly id: string;
  readonly root: string;
  readonly issuer: string;
  readonly holder: string;
  readonly capabilities: readonly string[];
  readonly depth: number;
  readonly exp: number;
  readonly chain: readonly string[];
  /** What the last link adds. */
  readonly caveats: Caveats;
  /** Whether the holder's host took it. */
  readonly delivered: boolean;
  /** `holds`, or the code of why it does not hold now. */
  readonly state: string;
}

/** What a revocation ends on this host: an agent, or a delegation that is held here. */
export interface EndingView {
  readonly kind: 'agent' | 'delegation';
  readonly id: string;
  /** The name of the agent, or of the delegation's holder. */
  readonly name: string | null;
  readonly holder: string | null;
}

/** What a revocation would do: `pending` where its target or who answers for it is not known here, `without authority` where it would end nothing. */
export interface RevocationPreview {
  readonly kind: string;
  readonly target: string;
  readonly target_name: string | null;
  readonly by: string;
  readonly state: 'in force' | 'pending' | 'without authority';
  /** The first hundred. */
  readonly ends: readonly EndingView[];
  readonly ends_count: number;
}

/** A revocation that is known here. */
export interface RevocationView extends Pick<RevocationPreview, 'kind' | 'target' | 'target_name' | 'by' | 'state'> {
  readonly statement: string;
  readonly by_name: string | null;
  readonly why: string;
  readonly time_ms: number;
  /** Until then it is kept: longer than anything that it could end. */
  readonly expires_ms: number;
}

/** A trust score with every item's exact share. */
export interface ScoreView {
  readonly observer: string;
  readonly subject: string;
  readonly score: number;
  readonly confidence: number;
  readonly tier: string;
  readonly items: readonly { readonly kind: string; readonly effect: number; readonly text: string; readonly from?: string; readonly statement?: string }[];
}

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

/** One line of a diagnosis. */
export interface CheckView {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly text: string;
  readonly fix?: string;
}

/** An identity of this host. Times are Unix milliseconds. */
export interface IdentityView {
  readonly name: string;
  readonly kind: 'human' | 'org' | 'agent' | 'node';
  readonly did: string;
  /** How often it was rotated. */
  readonly number: number;
  /** Of its newest document; `null` where none was made yet, as for its end. */
  readonly sequence: number | null;
  readonly expires_ms: number | null;
  readonly state: 'active' | 'waiting for witnesses' | 'deactivated';
  /** Keys in use, by their DID URLs. */
  readonly keys: readonly { readonly id: string; readonly uses: readonly string[] }[];
  /** Former keys, and until when what they signed holds. */
  readonly retired: readonly { readonly id: string; readonly until_ms: number }[];
  /** Who countersigns the next rotation, and how many must. */
  readonly witnesses: number;
  readonly witness_threshold: number;
  readonly successor: string | null;
  readonly predecessor: string | null;
}

/** A delegation that no longer holds, because the key that signed it or one above it does not. */
export interface VoidedView {
  readonly id: string;
  readonly holder: string;
  readonly capabilities: readonly string[];
  /** Unix seconds. */
  readonly exp: number;
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
