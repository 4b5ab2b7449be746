/** What exists before the parts of a host are put together. */
import type { Identity } from '../protocols/identity/index.ts';
import type { IdentityWitnesses } from '../protocols/identity-witness/index.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { Keystore } from '../storage/keystore.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { Vault } from '../storage/vault.ts';
import type { Doubts } from './doubts.ts';
import type { HostParts, HostSettings } from './host.ts';
import type { Identities } from './identities.ts';
import type { PastLogs } from './own-logs.ts';

/** Ports, settings, and what was opened with them. */
export interface Built {
  readonly doubts: Doubts;
  readonly parts: HostParts;
  readonly settings: HostSettings;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly identity_witnesses: IdentityWitnesses;
  readonly log: AuditLog;
  readonly vault: Vault;
  readonly past_logs: PastLogs;
  readonly statement_store: StatementStore;
  readonly witness_key: NonNullable<ReturnType<Keystore['key']>>;
}
