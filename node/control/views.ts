/** What the control API answers with: plain values that can be shown, and sent as JSON. */
import type { BundleState } from './policy-api.ts';
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
  /** The bundles of organisations in force over the policies of this host; one line without a bundle for an organisation that has none yet. */
  readonly policies: readonly { readonly organisation: string; readonly bundle: string | null; readonly version: number | null; readonly state: BundleState }[];
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
