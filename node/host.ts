/**
 * A node over any ports: builds every part in the order in which they need each
 * other, starts them, and stops them in reverse. The real node and the
 * simulator both begin here.
 */
import { didOfOrigin } from '../crypto/checkpoint.ts';
import type { VerificationMethod } from '../crypto/did-record.ts';
import { key_bytes } from '../crypto/keys.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { delegation, type Delegations } from '../protocols/delegation/index.ts';
import { handshake, type Handshake } from '../protocols/handshake/index.ts';
import { identity, type Identity } from '../protocols/identity/index.ts';
import { message, type Message } from '../protocols/message/index.ts';
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
import { Authority } from './authority.ts';
import { Books } from './books.ts';
import { Identities, type LocalIdentity } from './identities.ts';
import { startFailure, stopEach } from './lifecycle.ts';
import { withLoopback } from './loopback.ts';
import { Neighbours } from './neighbours.ts';
import { recordedKey } from './recorded-keys.ts';

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
  readonly books: Books;
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
  readonly books: Books;
  readonly authority: Authority;

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
    this.authority = new Authority({
      clock, identities, identity: this.identity, revocation: this.revocation, required_trust: settings.required_trust,
      trust: () => this.trust,
      policyDigest: (did) => this.agents.policyDigest(did),
    });
    const { authority } = this;
    this.trust = trust({ roots: (observer) => authority.roots(observer) })({
      clock, store, statements: statement_store, exchange: this.statements, identity: this.identity, revocation: this.revocation, recorder,
    });
    this.neighbours = new Neighbours({ clock, network, identities, recorder, handshake: () => this.handshake });
    this.handshake = handshake({
      clock, random, network, identity: this.identity, recorder,
      party: (did) => authority.party(did),
      inadmissible: (local, remote, required) => authority.inadmissible(local, remote, required),
      met: (session) => {
        if (this.identity.known(session.remote)?.kind === 'node') this.neighbours.met(session);
      },
    });
    this.delegations = delegation({
      clock, random, network, store, identity: this.identity, recorder,
      own: (did) => identities.find(did),
      evidence: () => authority.evidence(),
      honoured: () => authority.honoured(),
      completed: (completion, mark) => this.books.completed(completion, mark),
    });
    this.books = new Books({ clock, log, trust: this.trust, store, recorder });
    this.agents = new AgentHouse({
      clock, random, log, identities, trust: this.trust, recorder,
      barred: (did) => authority.barredDid(did),
      served: (chain, invocation) => this.delegations.served(chain, invocation),
    });
    this.message = message({
      clock, random, network, store, identity: this.identity, handshake: this.handshake, recorder,
      origin: log.origin,
      executor: (did) => authority.executor(did),
      evidence: () => authority.evidence(),
      distrusted: (observer, subject, required) => authority.distrusted(observer, subject, Math.max(required, authority.requiredTrust(observer))),
      execute: (call, signal) => this.agents.execute(call, signal),
      refused: (executor, invocation, failure) => this.books.recordRefusal(executor, invocation, failure),
      settled: (observer, subject, receipt, receipt_hash, changes) => this.books.settled(observer, subject, receipt, receipt_hash, changes),
    });
    this.witness = witness(settings.witness ?? {})({
      clock, random, network, store, log, recorder,
      witness_key: built.witness_key,
      did: identities.node.did,
      witnesses: () => this.witnesses(),
      logKey: (origin) => this.logKey(origin),
    });
  }

  /** A revocation came that may concern a DID: whether it does is for the authority of its issuer to say. */
  #revoked(did: string): void {
    const reason = this.revocation.revokedDid(did);
    if (reason === undefined) return;
    this.handshake.close(did);
    this.agents.kill(did, reason.reason);
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
    this.identities.start((agent_did) => this.authority.mayBeAttested(agent_did));
    return ok(undefined);
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
      () => this.books.stop(),
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

