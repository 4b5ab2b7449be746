/** Where the policies of a host come from while it runs: bundles of organisations, and its own files. */
import { calledIn, type DidRecord } from '../crypto/did-record.ts';
import { bundleExchange, type BundleExchange } from '../protocols/bundle/index.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { Clock, Network, Random, Recorder, Store } from '../protocols/ports.ts';
import type { RevocationService } from '../protocols/revocation/index.ts';
import type { Statements } from '../protocols/statements/index.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { AgentHouse } from './agent-house.ts';
import { BundleJudge } from './bundle-judging.ts';
import { BundlePublishing } from './bundle-publishing.ts';
import { BundleShelf } from './bundle-shelf.ts';
import { BundlesInForce } from './bundles-in-force.ts';
import { HostPolicies, type WatchFile } from './host-policies.ts';
import type { Identities } from './identities.ts';
import { stopEach } from './lifecycle.ts';
import { PolicyBundles } from './policy-bundles.ts';
import { policyNotes } from './policy-changes.ts';

/** What the sources of policies use. */
export interface PolicySourcesParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly recorder: Recorder;
  readonly log: Pick<AuditLog, 'append'>;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly revocation: RevocationService;
  readonly statements: Pick<Statements, 'publish'>;
  readonly statement_store: StatementStore;
  readonly agents: AgentHouse;
  /** Path of the host's own policy. */
  readonly file: string | undefined;
  readonly watch: WatchFile | undefined;
}

/** The sources of a host's policies. */
export class PolicySources {
  /** The organisations that are followed, and their bundles in force. */
  readonly bundles: PolicyBundles;
  /** What the organisations of this host publish. */
  readonly publishing: BundlePublishing;
  /** The policy files of the host and its agents. */
  readonly files: HostPolicies;
  readonly #exchange: BundleExchange;

  constructor(parts: PolicySourcesParts) {
    const { clock, random, network, store, recorder, log, identities, identity, revocation, statements, statement_store, agents, file, watch } = parts;
    const shelf = new BundleShelf(store);
    const note = policyNotes({ log, store, recorder, did: identities.node.did });
    this.#exchange = bundleExchange({ clock, random, network, recorder, identity, content: (digest) => shelf.content(digest) });
    this.bundles = new PolicyBundles({
      clock, network, recorder, shelf, statement_store, note,
      in_force: new BundlesInForce({
        shelf,
        nameOf: (did) => identities.find(did)?.name ?? nameIn(identity.known(did)) ?? did,
        enforce: (organisations) => agents.replaceOrganisations(organisations),
      }),
      exchange: this.#exchange,
      judge: new BundleJudge({ clock, identity, revocation, statement_store }),
      operators: () => organisationsAbove({ identity, revocation }, identities.node.did),
    });
    this.publishing = new BundlePublishing({ clock, recorder, identity, shelf, statement_store, note, statements, find: (did) => identities.find(did) });
    this.files = new HostPolicies({ clock, recorder, note, identities, agents, file, watch });
  }

  /** Puts in force again what organisations had in force, and gives their bundles to peers. Before any agent works and the network starts. */
  async load(): Promise<void> {
    await this.bundles.load();
    this.#exchange.start();
  }

  /** Looks for changes from now on. After the network has started. */
  start(): void {
    this.bundles.start();
    this.publishing.start();
    this.files.start();
  }

  /** Ends what is under way; the policies in force stay. */
  stop(): Promise<void> {
    return stopEach(() => this.files.stop(), () => this.publishing.stop(), () => this.bundles.stop());
  }
}

function nameIn(record: DidRecord | undefined): string | undefined {
  return record === undefined ? undefined : calledIn(record);
}

/** The organisations above who answers for a node, once their records can be had. */
async function organisationsAbove({ identity, revocation }: Pick<PolicySourcesParts, 'identity' | 'revocation'>, did: string): Promise<readonly string[]> {
  const record = identity.known(did);
  const operator = record === undefined ? undefined : revocation.operator(record);
  if (operator === undefined) return [];
  await identity.gather([operator]);
  return revocation.answerable(operator).filter((each) => identity.known(each)?.kind === 'org');
}
