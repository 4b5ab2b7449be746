/** The parts of a host put together: each is given the narrow parts that it uses, in the order in which they need each other. */
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import { ok, unwrap, type Result } from '../crypto/result.ts';
import type { AuditEvidence } from '../crypto/statement.ts';
import { delegation, type Delegations } from '../protocols/delegation/index.ts';
import { handshake, type Handshake } from '../protocols/handshake/index.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { IdentityWitnesses } from '../protocols/identity-witness/index.ts';
import { message, type Message } from '../protocols/message/index.ts';
import { caughtUp, freshness, revocation, revocation_age_ms_max, type Freshness, type RevocationService } from '../protocols/revocation/index.ts';
import type { Monitor } from '../protocols/monitor/index.ts';
import { statements, type Statements } from '../protocols/statements/index.ts';
import type { Mirrors, Tiles } from '../protocols/tiles/index.ts';
import { trust, type Trust } from '../protocols/trust/index.ts';
import type { Witness, WitnessContact } from '../protocols/witness/index.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import { EntrySeal } from '../storage/entry-seal.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { Accusations } from './accusations.ts';
import { AgentFiles } from './agent-files.ts';
import { AgentHouse, type HousedAgent } from './agent-house.ts';
import { AgentTools } from './agent-tools.ts';
import { ApprovalDesk } from './approvals.ts';
import type { AuditKeeper } from './audit-keeper.ts';
import { AuditParts } from './audit-parts.ts';
import { announce } from './announcing.ts';
import { Authority } from './authority.ts';
import type { AuditRetention } from './audit-retention.ts';
import { Books } from './books.ts';
import type { Built } from './built.ts';
import { auditRecorder } from './flight-recorder.ts';
import { Endings } from './endings.ts';
import { pendingExecution } from './executions.ts';
import { reportEquivocation } from './equivocations.ts';
import { FlightLogs } from './flight-logs.ts';
import type { Host, HostParts, HostSettings } from './host.ts';
import type { Identities } from './identities.ts';
import { Imports } from './imports.ts';
import type { KernelSpace } from './kernel/index.ts';
import { stopEach } from './lifecycle.ts';
import { Neighbours } from './neighbours.ts';
import { reaffirmAll } from './reaffirming.ts';
import { operatorKernel } from './operator.ts';
import type { PastLogs } from './own-logs.ts';
import { PolicySources } from './policy-sources.ts';
import { Runs } from './runs.ts';

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
  readonly past_logs: PastLogs;
  readonly keeper: AuditKeeper;
  readonly witness: Witness;
  readonly monitor: Monitor;
  readonly tiles: Tiles;
  readonly mirrors: Mirrors;
  readonly neighbours: Neighbours;
  readonly accusations: Accusations;
  readonly agents: AgentHouse;
  readonly approvals: ApprovalDesk;
  readonly policies: PolicySources;
  readonly runs: Runs;
  readonly files: AgentFiles;
  readonly tools: AgentTools;
  readonly books: Books;
  readonly retention: AuditRetention;
  readonly logs: FlightLogs;
  readonly imports: Imports;
  readonly authority: Authority;
  readonly endings: Endings;
  readonly identity_witnesses: IdentityWitnesses;
  readonly #audit: AuditParts;
  readonly #operator: KernelSpace;

  constructor(built: Built) {
    const { parts, settings, identities, log, statement_store } = built;
    const { clock, random, network, store, recorder } = parts;
    this.parts = parts;
    this.settings = settings;
    this.identities = identities;
    this.identity = built.identity;
    this.identity_witnesses = built.identity_witnesses;
    this.log = log;
    this.past_logs = built.past_logs;
    const { count: number } = built.past_logs;
    this.statement_store = statement_store;
    this.statements = statements({
      ...built.doubts.heard,
      revocation: (revoked) => this.endings.revoked(revoked),
      auditEvidence: (evidence) => this.#exposed(evidence),
      policyBundle: (bundle) => this.policies.bundles.heard(bundle),
      equivocated: (issuer, tokens) => reportEquivocation({ clock, recorder, identities, store: statement_store, statements: this.statements }, issuer, tokens),
    })({
      clock, random, network, store: statement_store, identity: this.identity, recorder,
      wasListed: (name) => this.#audit.wasListed(name),
    });
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
      nodeAt: (peer) => this.neighbours.did(peer),
      exposed: (did) => this.accusations.exposed(did),
    });
    const { authority } = this;
    this.trust = trust({ roots: (observer) => authority.roots(observer) })({
      clock, store, statements: statement_store, exchange: this.statements, identity: this.identity, revocation: this.revocation, recorder,
    });
    this.neighbours = new Neighbours({ clock, network, identities, recorder, handshake: () => this.handshake });
    this.#audit = new AuditParts({ built, revocation: this.revocation, statements: this.statements, neighbours: this.neighbours });
    ({
      keeper: this.keeper, accusations: this.accusations, retention: this.retention, monitor: this.monitor, witness: this.witness, tiles: this.tiles, mirrors: this.mirrors,
    } = this.#audit);
    this.handshake = handshake({
      clock, random, network, identity: this.identity, recorder,
      party: (did) => authority.party(did),
      inadmissible: (local, remote, required, peer) => authority.inadmissible(local, remote, required, peer),
      met: (session) => {
        if (this.identity.known(session.remote)?.kind === 'node') this.neighbours.met(session);
        // Agents may have shaken hands before their host said who it is.
        if (this.accusations.exposed(session.remote)) this.handshake.closeAt(session.peer, identities.node.did);
      },
    });
    this.delegations = delegation({
      clock, random, network, store, identity: this.identity, recorder,
      own: (did) => identities.find(did),
      evidence: () => authority.evidence(),
      honoured: () => authority.honoured(),
      completed: (completion, mark) => this.books.completed(completion, mark),
    });
    this.logs = new FlightLogs(log);
    this.imports = new Imports({ clock, random, store, log });
    this.books = new Books({ clock, log, trust: this.trust, store, recorder });
    this.approvals = new ApprovalDesk({
      clock, random, host: identities.node.did, identity: this.identity, revocation: this.revocation,
      find: (who) => identities.find(who),
      note: (rejected) => log.append({ subject: identities.node.did, payload: canonicalJsonBytes(rejected) }, { durable: false }),
    }, settings.approval_ms);
    this.runs = new Runs({ clock, random });
    this.agents = new AgentHouse({
      approvals: this.approvals,
      clock, random, store, log, identities, trust: this.trust, recorder,
      barred: (did) => authority.barredDid(did),
      unrecordable: () => this.retention.refusal(),
      checkpoint: (did, reason) => this.files.checkpoint(did, reason),
      belongings: (did) => ({ files: unwrap(this.files.of(did)), tools: unwrap(this.tools.of(did)) }),
      housed: (agent) => {
        this.endings.endIfRevoked(agent);
        this.tools.equip(agent);
        this.approvals.watch(agent.kernel);
        this.policies.files.watchAll();
      },
      served: (chain, invocation) => this.delegations.served(chain, invocation),
    });
    this.#operator = operatorKernel({ clock, random, flight_recorder: auditRecorder(log, () => this.retention.refusal()) });
    const housed = (did: string): HousedAgent | undefined => this.agents.get(did);
    this.tools = new AgentTools({ clock, store, recorder, housed, identity: this.identity, revocation: this.revocation, operator: this.#operator, did: identities.node.did, trustScore: (observer, subject) => this.trust.score(observer, subject).score });
    this.files = new AgentFiles({
      clock, store, vault: built.vault, log, recorder, housed, operator: this.#operator, host: identities.node.did,
      isAgent: (did) => identities.list('agent').some((agent) => agent.did === did),
      tools: (did) => this.tools.folder(did),
    });
    this.endings = new Endings({ clock, recorder, identity: this.identity, revocation: this.revocation, handshake: () => this.handshake, agents: () => this.agents.list() });
    this.policies = new PolicySources({
      clock, random, network, store, recorder, log, identities, statement_store, identity: this.identity, revocation: this.revocation, statements: this.statements, agents: this.agents,
      file: settings.policy, watch: parts.watch_file,
    });
    this.message = message({
      clock, random, network, store, identity: this.identity, handshake: this.handshake, recorder, origin: log.origin,
      executor: (did) => authority.executor(did),
      caughtUp: async (parties) => {
        await caughtUp({ clock, network, completeAsOf: () => this.statements.completeAsOf() });
        await this.statements.reconsider(new Set(parties.flatMap((did) => this.revocation.answerable(did))));
      },
      evidence: () => authority.evidence(),
      distrusted: (observer, subject, required) => authority.distrusted(observer, subject, Math.max(required, authority.requiredTrust(observer))),
      execute: (call, signal) => this.agents.execute(call, signal),
      unanswered: async (approval, { executor, caller, wait_ms }, signal) => {
        const pending = await this.approvals.unanswered(approval, { agent: executor, peer: caller }, signal, wait_ms);
        return pending === undefined ? undefined : pendingExecution(pending, null);
      },
      entry_seal: new EntrySeal({ vault: built.vault, log_number: number, size: () => log.size() }),
      refused: (executor, invocation, failure) => this.books.recordRefusal(executor, invocation, failure),
      settled: (observer, subject, receipt, receipt_hash, changes) => this.books.settled(observer, subject, receipt, receipt_hash, changes),
    });
  }

  /** Evidence against a host came: what its agents have agreed with ours ends. */
  #exposed(evidence: AuditEvidence): void {
    this.accusations.heard(evidence);
    for (const [peer, did] of this.neighbours.nodes()) if (did === evidence.sub) this.handshake.closeAt(peer, this.identities.node.did);
  }

  logKey(origin: string): Promise<Result<string>> {
    return this.#audit.logKey(origin);
  }

  witnesses(): readonly WitnessContact[] {
    return this.#audit.witnesses();
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
    await this.accusations.load();
    await this.monitor.start();
    await this.retention.start();
    await this.policies.load();
    const remembered = await this.files.start();
    if (!remembered.ok) return remembered;
    const agents = await this.agents.start(this.settings.policy);
    if (!agents.ok) return agents;
    await this.identities.hold();
    // Who answers for an agent is known from here on: a tool that it brings may want to be approved.
    await this.tools.start();
    this.endings.start();
    await this.mirrors.start();
    const listening = await this.parts.network.start();
    if (!listening.ok) return listening;
    if (!this.log.frozen) this.witness.start();
    this.identities.start({
      mayAttest: (agent_did) => this.authority.mayBeAttested(agent_did),
      deactivated: (deactivated) => this.endings.deactivated(deactivated),
      published: (published, record) => void announce({ ...this.parts, statements: this.statements }, published, record),
    });
    this.policies.start();
    this.accusations.start();
    this.keeper.start();
    void reaffirmAll({ recorder: this.parts.recorder, statement_store: this.statement_store, revocation: this.revocation }, this.identities.list('human', 'org', 'agent', 'node'));
    return ok(undefined);
  }

  stop(): Promise<void> {
    return stopEach(
      () => this.neighbours.stop(),
      () => this.identities.stop(),
      () => this.mirrors.stop(),
      () => this.witness.stop(),
      () => this.monitor.stop(),
      () => this.accusations.stop(),
      () => this.endings.stop(),
      () => this.policies.stop(),
      () => this.files.stop(),
      () => this.#operator.stop('the node is stopping'),
      () => this.agents.stop(),
      () => this.message.stop(),
      () => this.statements.stop(),
      () => this.parts.network.stop(),
      () => this.books.stop(),
      () => this.retention.stop(),
      () => this.keeper.stop(),
      () => this.log.close(),
    );
  }
}
