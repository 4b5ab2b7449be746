/** The parts of a host put together: each is given the narrow parts that it uses, in the order in which they need each other. */
import { didOfOrigin } from '../crypto/checkpoint.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { delegation, type Delegations } from '../protocols/delegation/index.ts';
import { handshake, type Handshake } from '../protocols/handshake/index.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { IdentityWitnesses } from '../protocols/identity-witness/index.ts';
import { message, type Message } from '../protocols/message/index.ts';
import { caughtUp, freshness, revocation, revocation_age_ms_max, type Freshness, type RevocationService } from '../protocols/revocation/index.ts';
import { statements, type Statements } from '../protocols/statements/index.ts';
import { trust, type Trust } from '../protocols/trust/index.ts';
import { witness, type Witness, type WitnessContact } from '../protocols/witness/index.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { Keystore } from '../storage/keystore.ts';
import type { StatementStore } from '../storage/statements.ts';
import { AgentHouse } from './agent-house.ts';
import { announce } from './announcing.ts';
import { Authority } from './authority.ts';
import { Books } from './books.ts';
import type { Doubts } from './doubts.ts';
import { Endings } from './endings.ts';
import { reportEquivocation } from './equivocations.ts';
import type { Host, HostParts, HostSettings } from './host.ts';
import type { Identities } from './identities.ts';
import { stopEach } from './lifecycle.ts';
import { Neighbours } from './neighbours.ts';
import { reaffirmAll } from './reaffirming.ts';
import { recordedKey } from './recorded-keys.ts';

/** What exists before the parts are put together. */
export interface Built {
  readonly doubts: Doubts;
  readonly parts: HostParts;
  readonly settings: HostSettings;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly identity_witnesses: IdentityWitnesses;
  readonly log: AuditLog;
  readonly statement_store: StatementStore;
  readonly witness_key: NonNullable<ReturnType<Keystore['key']>>;
}

/** Everything that is built; parts refer to each other through it, so that none has to exist before the one that it calls later. */
export class Composition implements Host {
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
  readonly witness: Witness;
  readonly neighbours: Neighbours;
  readonly agents: AgentHouse;
  readonly books: Books;
  readonly authority: Authority;
  readonly endings: Endings;
  readonly identity_witnesses: IdentityWitnesses;

  constructor(built: Built) {
    const { parts, settings, identities, log, statement_store } = built;
    const { clock, random, network, store, recorder } = parts;
    this.parts = parts;
    this.settings = settings;
    this.identities = identities;
    this.identity = built.identity;
    this.identity_witnesses = built.identity_witnesses;
    this.log = log;
    this.statement_store = statement_store;
    this.statements = statements({
      ...built.doubts.heard,
      revocation: (revoked) => this.endings.revoked(revoked),
      equivocated: (issuer, tokens) => reportEquivocation({ clock, recorder, identities, store: statement_store, statements: this.statements }, issuer, tokens),
    })({ clock, random, network, store: statement_store, identity: this.identity, recorder });
    this.revocation = revocation({
      clock, store: statement_store, identity: this.identity, statements: this.statements,
      duplicity: (did) => this.identity.duplicity(did),
    });
    this.freshness = freshness({
      clock, recorder, age_ms_max: { ...revocation_age_ms_max, ...settings.revocation_age_ms_max },
      completeAsOf: () => this.statements.completeAsOf(),
      answerable: (did) => this.revocation.answerable(did),
      isLocal: (did) => identities.find(did) !== undefined,
    });
    this.authority = new Authority({
      clock, identities, identity: this.identity, revocation: this.revocation, freshness: this.freshness, required_trust: settings.required_trust,
      trust: () => this.trust,
      changes: () => this.identity.changes + statement_store.changes,
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
      housed: (agent) => this.endings.endIfRevoked(agent),
      served: (chain, invocation) => this.delegations.served(chain, invocation),
    });
    this.endings = new Endings({ clock, recorder, identity: this.identity, revocation: this.revocation, handshake: () => this.handshake, agents: () => this.agents.list() });
    this.message = message({
      clock, random, network, store, identity: this.identity, handshake: this.handshake, recorder,
      origin: log.origin,
      executor: (did) => authority.executor(did),
      caughtUp: async (parties) => {
        await caughtUp({ clock, network, completeAsOf: () => this.statements.completeAsOf() });
        await this.statements.reconsider(new Set(parties.flatMap((did) => this.revocation.answerable(did))));
      },
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
    await this.identity_witnesses.start();
    this.statements.start();
    await this.trust.start();
    this.handshake.start();
    await this.delegations.start();
    await this.message.start();
    this.neighbours.start();
    const agents = await this.agents.start(this.settings.policy);
    if (!agents.ok) return agents;
    await this.identities.hold();
    this.endings.start();
    const listening = await this.parts.network.start();
    if (!listening.ok) return listening;
    if (!this.log.frozen) this.witness.start();
    this.identities.start({
      mayAttest: (agent_did) => this.authority.mayBeAttested(agent_did),
      deactivated: (deactivated) => this.endings.deactivated(deactivated),
      published: (published, record) => void announce({ ...this.parts, statements: this.statements }, published, record),
    });
    void reaffirmAll({ recorder: this.parts.recorder, statement_store: this.statement_store, revocation: this.revocation }, this.identities.list('human', 'org', 'agent', 'node'));
    return ok(undefined);
  }

  stop(): Promise<void> {
    return stopEach(
      () => this.neighbours.stop(),
      () => this.identities.stop(),
      () => this.witness.stop(),
      () => this.endings.stop(),
      () => this.agents.stop(),
      () => this.message.stop(),
      () => this.statements.stop(),
      () => this.parts.network.stop(),
      () => this.books.stop(),
      () => this.log.close(),
    );
  }
}
