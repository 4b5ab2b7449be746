/**
 * A node over any ports: builds every part in the order in which they need each
 * other, starts them, and stops them in reverse. The real node and the
 * simulator both begin here.
 */
import type { Evidence } from '../crypto/chain.ts';
import { didOfOrigin, logOrigin, witnessName } from '../crypto/checkpoint.ts';
import type { DidRecord, VerificationMethod } from '../crypto/did-record.ts';
import { key_bytes } from '../crypto/keys.ts';
import { signature_type_log, signature_type_witness, verifierKey } from '../crypto/note.ts';
import { fail, ok, type Failure, type Result } from '../crypto/result.ts';
import { delegation, type Delegations } from '../protocols/delegation/index.ts';
import { handshake, type Handshake, type LocalParty } from '../protocols/handshake/index.ts';
import { identity, use_key_id, type Identity } from '../protocols/identity/index.ts';
import { message, type Executor, type Message } from '../protocols/message/index.ts';
import type { Clock, Network, Random, Recorder, Store } from '../protocols/ports.ts';
import { revocation, type RevocationService } from '../protocols/revocation/index.ts';
import { statements, type Statements } from '../protocols/statements/index.ts';
import { trust, type Trust } from '../protocols/trust/index.ts';
import { witness, type Witness, type WitnessContact, type WitnessInit } from '../protocols/witness/index.ts';
import { openAuditLog, type AuditLog } from '../storage/audit-log.ts';
import type { Files } from '../storage/files.ts';
import type { Keystore } from '../storage/keystore.ts';
import { recordStore } from '../storage/records.ts';
import { openStatements, type StatementStore } from '../storage/statements.ts';
import { openVault } from '../storage/vault.ts';
import { AgentHouse } from './agent-house.ts';
import { Identities, type LocalIdentity } from './identities.ts';
import { startFailure, stopEach } from './lifecycle.ts';
import { withLoopback } from './loopback.ts';
import { Neighbours } from './neighbours.ts';

/** The outside world of a host. */
export interface HostParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly files: Files;
  readonly keystore: Keystore;
  readonly recorder: Recorder;
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
  readonly witness?: WitnessInit;
}

/** A running host: its parts, for the control API and the library. */
export interface Host {
  readonly parts: HostParts;
  readonly settings: HostSettings;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly statement_store: StatementStore;
  readonly trust: Trust;
  readonly revocation: RevocationService;
  readonly handshake: Handshake;
  readonly delegations: Delegations;
  readonly message: Message;
  readonly log: AuditLog;
  readonly witness: Witness;
  readonly neighbours: Neighbours;
  readonly agents: AgentHouse;
  /** The vkey of a log, from the record of the DID in its origin. */
  logKey(origin: string): Promise<Result<string>>;
  /** The peers that can witness for us, and the vkeys of their witness keys. */
  witnesses(): readonly WitnessContact[];
  /** Stops every part, the last started first, also when one of them fails to; then rejects with what the first one threw. */
  stop(): Promise<void>;
}

/** Keys of the node itself, besides those of its identity. */
export const node_key_names = ['peer', 'log', 'witness'] as const;

/** Makes the node's own keys at genesis: for the network, the log and the witness. */
export async function makeNodeKeys(keystore: Keystore, random: Random): Promise<void> {
  const missing = node_key_names.filter((name) => keystore.key(name) === undefined);
  if (missing.length > 0) await keystore.add(new Map(missing.map((name) => [name, random.bytes(key_bytes)])));
}

function nodeKey(keystore: Keystore, name: typeof node_key_names[number]): Result<NonNullable<ReturnType<Keystore['key']>>> {
  const key = keystore.key(name);
  return key === undefined
    ? fail('IDENTITY_KEYS_MISSING', `the node's ${name} key is not in keys.json`, { fix: 'restore keys.json from a backup' })
    : ok(key);
}

/** The vkey under a name that a DID's record gives, for its log or its witness. */
function recordedKey(record: DidRecord, use: 'log' | 'witness'): string | undefined {
  const method = record.document.methods.find((candidate) => candidate.uses.includes(use));
  if (method === undefined) return undefined;
  return use === 'log'
    ? verifierKey(logOrigin(record.did, method.key), signature_type_log, method.key)
    : verifierKey(witnessName(record.did, method.key), signature_type_witness, method.key);
}

/** Everything that is built; parts refer to each other through it, so that none has to exist before the one that it calls later. */
class Composition implements Host {
  readonly parts: HostParts;
  readonly settings: HostSettings;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly statement_store: StatementStore;
  readonly statements: Statements;
  readonly trust: Trust;
  readonly revocation: RevocationService;
  readonly handshake: Handshake;
  readonly delegations: Delegations;
  readonly message: Message;
  readonly log: AuditLog;
  readonly witness: Witness;
  readonly neighbours: Neighbours;
  readonly agents: AgentHouse;

  constructor(built: Built) {
    const { parts, settings, identities, log, statement_store } = built;
    const { clock, random, network, store, recorder } = parts;
    this.parts = parts;
    this.settings = settings;
    this.identities = identities;
    this.identity = built.identity;
    this.log = log;
    this.statement_store = statement_store;
    this.statements = statements({
      revocation: ({ target }) => this.#revoked(target.id),
    })({ clock, random, network, store: statement_store, identity: this.identity, recorder });
    this.revocation = revocation({ clock, store: statement_store, identity: this.identity, statements: this.statements });
    this.trust = trust({ roots: (observer) => this.#roots(observer) })({
      clock, store, statements: statement_store, exchange: this.statements, identity: this.identity, revocation: this.revocation, recorder,
    });
    this.neighbours = new Neighbours({ clock, network, identities, recorder, handshake: () => this.handshake });
    this.handshake = handshake({
      clock, random, network, identity: this.identity, recorder,
      party: (did) => this.#party(did),
      inadmissible: (local, remote, required) => this.#inadmissible(local, remote, required),
      met: (session) => {
        if (this.identity.known(session.remote)?.kind === 'node') this.neighbours.met(session);
      },
    });
    this.delegations = delegation({
      clock, random, network, store, identity: this.identity, recorder,
      own: (did) => identities.find(did),
      evidence: () => this.#evidence(),
      honoured: () => new Set([...identities.list('human', 'org').map(({ did }) => did), ...identities.list('agent').flatMap(({ did }) => this.#roots(did))]),
      completed: (completion, mark) => this.agents.completed(completion, mark),
    });
    this.agents = new AgentHouse({
      clock, random, log, identities, trust: this.trust, recorder, store,
      barred: (did) => {
        const record = this.identity.known(did);
        return record === undefined ? undefined : this.#barred(record);
      },
      served: (chain, invocation) => this.delegations.served(chain, invocation),
    });
    this.message = message({
      clock, random, network, store, identity: this.identity, handshake: this.handshake, recorder,
      origin: log.origin,
      executor: (did) => this.#executor(did),
      evidence: () => this.#evidence(),
      distrusted: (observer, subject, required) => this.#distrusted(observer, subject, Math.max(required, this.#requiredTrust(observer))),
      execute: (call, signal) => this.agents.execute(call, signal),
      refused: (executor, invocation, failure) => this.agents.recordRefusal(executor, invocation, failure),
      settled: (observer, subject, receipt, receipt_hash, changes) => this.agents.settled(observer, subject, receipt, receipt_hash, changes),
    });
    this.witness = witness(settings.witness ?? {})({
      clock, random, network, store, log, recorder,
      witness_key: built.witness_key,
      did: identities.node.did,
      witnesses: () => this.witnesses(),
      logKey: (origin) => this.logKey(origin),
    });
  }

  /** Sponsors whose delegations and whose word an agent of ours honours. */
  #roots(did: string): readonly string[] {
    const local = this.identities.find(did);
    if (local === undefined) return [];
    const own = local.sponsor === null ? [] : [local.sponsor];
    return [...own, ...(local.agent?.roots ?? [])];
  }

  #party(did: string): LocalParty | undefined {
    const local = this.identities.find(did);
    if (local === undefined) return undefined;
    return {
      identity: local,
      capabilities: local.capabilities,
      required_trust_score: this.#requiredTrust(local.did),
      policy_digest: this.agents.policyDigest(local.did),
      records: () => this.identities.recordsOf(local),
    };
  }

  #requiredTrust(did: string): number {
    const local = this.identities.find(did);
    return local === undefined || local.kind === 'node' ? 0 : Math.max(this.settings.required_trust, local.agent?.required_trust ?? 0);
  }

  // A score costs more than anything else in a call, and nobody falls short of nothing.
  #distrusted(observer: string, subject: string, required: number): Failure | undefined {
    return required === 0 ? undefined : this.trust.distrusted(observer, subject, required);
  }

  /** Trust is a question between agents; nodes only have to be who they say and not be revoked. */
  #inadmissible(local: string, remote: DidRecord, required: number): Failure | undefined {
    const barred = this.#barred(remote);
    // The kind in a record is its owner's own word, so it is our side alone that decides whether trust matters.
    if (barred !== undefined || local === this.identities.node.did) return barred;
    return this.#distrusted(local, remote.did, required);
  }

  #evidence(): Evidence {
    return {
      now_s: Math.floor(this.parts.clock.now() / 1000),
      record: (did) => this.#validRecord(did),
      revoked: (link, above) => this.revocation.revoked(link, above),
      revokedKey: (key_id) => this.revocation.revokedKey(key_id),
      unsponsored: (record) => this.#barred(record),
    };
  }

  /** The record of a DID, unless it has expired: its host must have come back within two days. */
  #validRecord(did: string): DidRecord | undefined {
    const record = this.identity.known(did);
    return record?.document.deactivated === true || (record?.document.expires ?? 0) > this.parts.clock.now() ? record : undefined;
  }

  /** A revocation came that may concern a DID: whether it does is for the authority of its issuer to say. */
  #revoked(did: string): void {
    const reason = this.revocation.revokedDid(did);
    if (reason === undefined) return;
    this.handshake.close(did);
    this.agents.kill(did, reason.reason);
  }

  /** Why a DID must not act: it, its daily key or its sponsorship is revoked, or nobody answers for it. */
  #barred(record: DidRecord): Failure | undefined {
    return this.revocation.barred(record) ?? this.revocation.revokedKey(`${record.did}#${use_key_id}`);
  }

  #executor(did: string): Executor | undefined {
    const local = this.identities.find(did);
    if (local?.agent === null || local === undefined) return undefined;
    return { identity: local, authority: local.agent.authority, roots: this.#roots(did) };
  }

  async logKey(origin: string): Promise<Result<string>> {
    const did = didOfOrigin(origin);
    if (did === undefined) return fail('AUDIT_ORIGIN_INVALID', 'the log is not named after a DID');
    const record = await this.identity.resolve(did);
    if (!record.ok) return record;
    const key = recordedKey(record.value, 'log');
    return key === undefined ? fail('AUDIT_LOG_UNKNOWN', `the record of ${did} names no log`) : ok(key);
  }

  witnesses(): readonly WitnessContact[] {
    return [...this.neighbours.nodes()].flatMap(([peer, did]) => {
      const record = this.identity.known(did);
      const verifier_key = record === undefined ? undefined : recordedKey(record, 'witness');
      return verifier_key === undefined ? [] : [{ peer, verifier_key, ...(record?.sponsor === null || record === undefined ? {} : { sponsor: record.sponsor }) }];
    });
  }

  async start(): Promise<Result<void>> {
    this.identity.start();
    this.statements.start();
    await this.trust.start();
    this.handshake.start();
    await this.delegations.start();
    this.message.start();
    this.neighbours.start();
    const agents = await this.agents.start(this.settings.policy);
    if (!agents.ok) return agents;
    await this.identities.hold();
    const listening = await this.parts.network.start();
    if (!listening.ok) return listening;
    if (!this.log.frozen) this.witness.start();
    this.identities.start((agent_did) => this.#mayBeAttested(agent_did));
    return ok(undefined);
  }

  /** Whether a sponsor of ours still answers for an agent: nothing but the end of its attestation may bar it. */
  #mayBeAttested(agent_did: string): boolean {
    const record = this.identity.known(agent_did);
    const barred = record === undefined ? undefined : this.#barred(record);
    return record !== undefined && (barred === undefined || barred.code === 'SPONSOR_EXPIRED');
  }

  stop(): Promise<void> {
    return stopEach(
      () => this.neighbours.stop(),
      () => this.identities.stop(),
      () => this.witness.stop(),
      () => this.agents.stop(),
      () => this.message.stop(),
      () => this.statements.stop(),
      () => this.parts.network.stop(),
      () => this.log.close(),
    );
  }
}

interface Built {
  readonly parts: HostParts;
  readonly settings: HostSettings;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly log: AuditLog;
  readonly statement_store: StatementStore;
  readonly witness_key: NonNullable<ReturnType<Keystore['key']>>;
}

async function nodeIdentity(identities: Identities, settings: HostSettings): Promise<Result<LocalIdentity>> {
  const loaded = await identities.load();
  if (!loaded.ok) return loaded;
  if (identities.established) return ok(identities.node);
  if (!settings.genesis) return fail('IDENTITY_MISSING', 'the store of this host holds no identity', { fix: 'restore the data folder from a backup, or start in a new one' });
  return identities.create({ kind: 'node', name: settings.name });
}

async function openLog(parts: HostParts, settings: HostSettings, did: string): Promise<Result<AuditLog>> {
  const key = nodeKey(parts.keystore, 'log');
  if (!key.ok) return key;
  const vault = await openVault({ files: parts.files, random: (length) => parts.random.bytes(length), create: settings.genesis });
  if (!vault.ok) return vault;
  return openAuditLog({
    store: parts.store, files: parts.files, vault: vault.value, now: () => parts.clock.now(), key: key.value, did, create: settings.genesis,
  });
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
  const [log_key, witness_key] = [nodeKey(keystore, 'log'), nodeKey(keystore, 'witness')];
  if (!log_key.ok) return log_key;
  if (!witness_key.ok) return witness_key;
  const methods: readonly VerificationMethod[] = [
    { id: 'log', key: log_key.value.public_key, uses: ['log'] },
    { id: 'witness', key: witness_key.value.public_key, uses: ['witness'] },
  ];
  const records = recordStore({ store, now: () => clock.now() });
  const identity_service = identity({ clock, network, records, recorder });
  const identities = new Identities({ clock, random, network, store, keystore, records, identity: identity_service, recorder, node_methods: methods });
  const node = await nodeIdentity(identities, settings);
  if (!node.ok) return node;
  const statement_store = await openStatements({ store, now: () => clock.now() });
  const log = await openLog(parts, settings, node.value.did);
  if (!log.ok) return log;
  const host = new Composition({ parts, settings, identities, identity: identity_service, log: log.value, statement_store, witness_key: witness_key.value });
  let started: Result<void> | undefined;
  try {
    started = await host.start();
  } finally {
    if (started?.ok !== true) await host.stop();
  }
  return started.ok ? ok(host) : started;
}

