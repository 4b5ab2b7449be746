/**
 * A node over any ports: builds every part in the order in which they need each
 * other, starts them, and stops them in reverse. The real node and the
 * simulator both begin here.
 */
import type { VerificationMethod } from '../crypto/did-events.ts';
import type { SigningKey } from '../crypto/keys.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Delegations } from '../protocols/delegation/index.ts';
import type { Handshake } from '../protocols/handshake/index.ts';
import { identity, type Identity } from '../protocols/identity/index.ts';
import { identityWitnesses } from '../protocols/identity-witness/index.ts';
import type { Message } from '../protocols/message/index.ts';
import type { Monitor } from '../protocols/monitor/index.ts';
import type { Clock, Network, Random, Recorder, Store } from '../protocols/ports.ts';
import type { Freshness, RevocationAges, RevocationService } from '../protocols/revocation/index.ts';
import type { Statements } from '../protocols/statements/index.ts';
import type { MirrorInit, Mirrors, Tiles } from '../protocols/tiles/index.ts';
import type { Trust } from '../protocols/trust/index.ts';
import type { Witness, WitnessContact, WitnessInit } from '../protocols/witness/index.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { Files } from '../storage/files.ts';
import type { Keystore } from '../storage/keystore.ts';
import { openNewestLog } from '../storage/log-chain.ts';
import { recordStore } from '../storage/records.ts';
import type { RetentionPolicy } from '../storage/retention.ts';
import { openStatements, type StatementStore } from '../storage/statements.ts';
import { openVault, type Vault } from '../storage/vault.ts';
import type { Accusations } from './accusations.ts';
import type { AgentFiles } from './agent-files.ts';
import type { AgentHouse } from './agent-house.ts';
import type { AgentTools } from './agent-tools.ts';
import type { ApprovalDesk } from './approvals.ts';
import type { AuditKeeper, KeeperInit } from './audit-keeper.ts';
import type { AuditRetention, FreeBytes } from './audit-retention.ts';
import type { Books } from './books.ts';
import { Composition } from './composition.ts';
import { doubts } from './doubts.ts';
import type { FlightLogs } from './flight-logs.ts';
import type { WatchFile } from './host-policies.ts';
import { Identities, type LocalIdentity } from './identities.ts';
import type { Imports } from './imports.ts';
import { startFailure } from './lifecycle.ts';
import { withLoopback } from './loopback.ts';
import type { Neighbours } from './neighbours.ts';
import type { Runs } from './runs.ts';
import { nodeKey } from './node-keys.ts';
import { logKeys, logMethods, PastLogs } from './own-logs.ts';
import type { PolicySources } from './policy-sources.ts';

/** The outside world of a host. */
export interface HostParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly files: Files;
  readonly keystore: Keystore;
  readonly recorder: Recorder;
  /** How much of the disk is free; absent where there is none. */
  readonly free_bytes?: FreeBytes;
  /** Tells when a policy file may have changed; absent where files are read again only when somebody says so. */
  readonly watch_file?: WatchFile;
}

/** What its owner decides. */
export interface HostSettings {
  readonly name: string;
  /** Whether the host is being made: there is no identity and no log yet. */
  readonly genesis: boolean;
  /** The trust score that callers need at every agent of this host, 0..1000. */
  readonly required_trust: number;
  /** Path of the policy that stands over the policies of all agents. */
  readonly policy?: string;
  /** How long a call waits for approval, milliseconds; five minutes when absent, fifteen at most. */
  readonly approval_ms?: number;
  /** How old the knowledge of revocations may be for each class of commands. */
  readonly revocation_age_ms_max?: Partial<RevocationAges>;
  readonly witness?: WitnessInit;
  readonly keeper?: KeeperInit;
  /** How logs of other hosts are followed. */
  readonly mirrors?: MirrorInit;
  /** What may be dropped when, and what the audit log may take of the disk. */
  readonly retention?: RetentionPolicy;
}

/** A running host: its parts, for the control API and the library. */
export interface Host {
  readonly parts: HostParts;
  readonly settings: HostSettings;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly statement_store: StatementStore;
  readonly statements: Statements;
  readonly trust: Trust;
  readonly revocation: RevocationService;
  readonly freshness: Freshness;
  readonly handshake: Handshake;
  readonly delegations: Delegations;
  readonly message: Message;
  readonly log: AuditLog;
  /** The logs that came before it. */
  readonly past_logs: PastLogs;
  readonly keeper: AuditKeeper;
  readonly witness: Witness;
  /** Follows every log that this host hears of. */
  readonly monitor: Monitor;
  /** Logs as anybody may read them, ours and those of others that we have. */
  readonly tiles: Tiles;
  readonly mirrors: Mirrors;
  readonly neighbours: Neighbours;
  readonly agents: AgentHouse;
  /** The calls that wait for a human. */
  readonly approvals: ApprovalDesk;
  /** Where its policies come from: the organisations that it follows, and its files. */
  readonly policies: PolicySources;
  /** The programs that run as agents of this host in terminals. */
  readonly runs: Runs;
  /** What the agents remember. */
  readonly files: AgentFiles;
  /** What the agents may call. */
  readonly tools: AgentTools;
  readonly books: Books;
  readonly retention: AuditRetention;
  /** Evidence against logs and witnesses. */
  readonly accusations: Accusations;
  /** The flight recorder, read back. */
  readonly logs: FlightLogs;
  /** Takes logs from elsewhere. */
  readonly imports: Imports;
  /** The vkey of a log, from the record of the DID in its origin. */
  logKey(origin: string): Promise<Result<string>>;
  /** The peers that can witness for us, and the vkeys of their witness keys. */
  witnesses(): readonly WitnessContact[];
  /** Stops every part, the last started first, also when one of them fails to; then rejects with what the first one threw. */
  stop(): Promise<void>;
}

async function nodeIdentity(identities: Identities, settings: HostSettings): Promise<Result<LocalIdentity>> {
  const loaded = await identities.load();
  if (!loaded.ok) return loaded;
  if (identities.established) return ok(identities.node);
  if (!settings.genesis) return fail('IDENTITY_MISSING', 'the store of this host holds no identity', { fix: 'restore the data folder from a backup, or start in a new one' });
  return identities.create({ kind: 'node', name: settings.name });
}

interface OpenedLogs {
  readonly log: AuditLog;
  readonly vault: Vault;
  readonly past_logs: PastLogs;
}

async function openLogs(parts: HostParts, settings: HostSettings, did: string, keys: readonly SigningKey[]): Promise<Result<OpenedLogs>> {
  const vault = await openVault({ files: parts.files, random: (length) => parts.random.bytes(length), create: settings.genesis });
  if (!vault.ok) return vault;
  const chain = { store: parts.store, files: parts.files, vault: vault.value, now: () => parts.clock.now(), keys, did };
  const log = await openNewestLog({ ...chain, create: settings.genesis });
  // Entries behind the signed head may be gone without a gap, and what this host cosigned for others with them.
  if (log.ok && parts.store.left_out !== undefined) await log.value.freeze(`the store left out what it could not read: ${parts.store.left_out}`, 'damage');
  return log.ok ? ok({ log: log.value, vault: vault.value, past_logs: new PastLogs(chain) }) : log;
}

/**
 * Builds and starts a host over its parts. A damaged audit log does not fail
 * it: the host comes up with a frozen log, refuses governed actions, and says why.
 *
 * Fails with `IDENTITY_…`, `VAULT_…`, `AUDIT_EXISTS`, `POLICY_INVALID`, what the network fails to start with,
 * or `NODE_START_FAILED` for what nobody foresaw. Whatever fails, nothing is left running.
 */
export async function startHost(given: HostParts, settings: HostSettings): Promise<Result<Host>> {
  try {
    return await compose(given, settings);
  } catch (error) {
    return startFailure(error);
  }
}

async function compose(given: HostParts, settings: HostSettings): Promise<Result<Host>> {
  const parts: HostParts = { ...given, network: withLoopback(given.network) };
  const { clock, random, network, store, keystore, recorder } = parts;
  const [log_keys, witness_key, event_key] = [logKeys(keystore), nodeKey(keystore, 'witness'), nodeKey(keystore, 'event-witness')];
  if (!log_keys.ok) return log_keys;
  if (!witness_key.ok) return witness_key;
  if (!event_key.ok) return event_key;
  const log_methods = await logMethods(store, log_keys.value);
  const methods: readonly VerificationMethod[] = [
    log_methods.current,
    { id: 'witness', key: witness_key.value.public_key, uses: ['witness'] },
    { id: 'event-witness', key: event_key.value.public_key, uses: ['eventWitness'] },
  ];
  const records = recordStore({ store, now: () => clock.now() });
  let host: Composition | undefined;
  const doubted = doubts({ clock, recorder, host: () => host });
  const identity_service = identity({ clock, network, records, recorder, ...doubted.asked });
  const identity_witnesses = identityWitnesses({ clock, network, store, identity: identity_service, recorder, key: event_key.value });
  const identities = new Identities({
    clock, random, network, store, keystore, records, identity: identity_service, witnesses: identity_witnesses, recorder, node_methods: methods, node_retired: log_methods.retired,
  });
  const node = await nodeIdentity(identities, settings);
  if (!node.ok) return node;
  const statement_store = await openStatements({
    store, now: () => clock.now(),
    depended: () => new Set([...host?.authority.depended() ?? [], ...host?.policies.bundles.followed() ?? []]),
    loading: (count) => recorder.record({ kind: 'statement.loading', count }),
  });
  const logs = await openLogs(parts, settings, node.value.did, log_keys.value);
  if (!logs.ok) return logs;
  host = new Composition({ doubts: doubted, parts, settings, identities, identity: identity_service, identity_witnesses, ...logs.value, statement_store, witness_key: witness_key.value });
  let started: Result<void> | undefined;
  try {
    started = await host.start();
  } finally {
    if (started?.ok !== true) await host.stop();
  }
  return started.ok ? ok(host) : started;
}

