import { fail, ok, type Result } from '../crypto/result.ts';
import type { Recorder } from '../protocols/ports.ts';
import type { RevocationAges } from '../protocols/revocation/index.ts';
import type { MirrorInit } from '../protocols/tiles/index.ts';
import type { WitnessInit } from '../protocols/witness/index.ts';
import type { RetentionPolicy } from '../storage/retention.ts';

/** How a node is started; everything has a default. */
export interface NodeConfig {
  /** The folder that keeps everything: `$AGENTMESH_DATA` or `agentmesh` under the XDG data folder when absent. */
  readonly data?: string;
  /** Multiaddrs to listen on: a free port of the loopback interface when absent. */
  readonly listen?: readonly string[];
  /** Multiaddrs of nodes to join, each ending in `/p2p/` and the peer's id. */
  readonly bootstrap?: readonly string[];
  /** Whether to look for nodes by multicast, which tells everyone in the local network about this one. */
  readonly mdns?: boolean;
  /** Path of the policy that stands over the policies of all agents. */
  readonly policy?: string;
  /** Seals the keys on the disk. */
  readonly passphrase?: string;
  /** What the node calls itself; the host's name when absent. */
  readonly name?: string;
  /** The trust score that callers need at every agent of this host, 0..1000. */
  readonly required_trust?: number;
  /** How long a call waits for approval, in milliseconds, before it is denied; five minutes when absent, fifteen at most. */
  readonly approval_ms?: number;
  /** How old the knowledge of revocations may be, in milliseconds, for commands that read, write or delete; a day, an hour and five minutes when absent. */
  readonly revocation_max_age?: Partial<RevocationAges>;
  /** Hears every fact: for logs and metrics. */
  readonly recorder?: Recorder;
  /** How the audit log is witnessed. */
  readonly witness?: WitnessInit;
  /** Path of a C2SP tlog-policy that names the witnesses of this host's log, and those that are enough; any two of different operators when absent. */
  readonly witness_policy?: string;
  /** Vkeys of transparency logs of other systems that may have their checkpoints cosigned here. */
  readonly witnessed_logs?: readonly string[];
  /** How logs of other hosts are followed, and what they may take of the disk. */
  readonly mirrors?: MirrorInit;
  /** Where the public protocols of transparency logs are served over HTTP, `HOST:PORT` or a port of the loopback interface; nowhere when absent. */
  readonly gateway?: string;
  /** Whether the local HTTP API for programs in any language is open: `true` on a socket in the data folder, or also on a port of the loopback interface, `HOST:PORT`; closed when absent. */
  readonly sidecar?: true | string;
  /** What may be dropped when, and what the audit log may take of the disk; everything is kept when absent. */
  readonly retention?: RetentionPolicy;
  /** Whether the control socket is served, so that the CLI can ask this node; true when absent. */
  readonly control?: boolean;
}

/** Whether a number can be demanded as a trust score. Fails with `TRUST_INVALID`. */
export function checkRequiredTrust(score: number): Result<number> {
  return Number.isInteger(score) && score >= 0 && score <= 1000
    ? ok(score)
    : fail('TRUST_INVALID', 'a required trust score is a whole number from 0 to 1000', { fix: 'for example 500' });
}
