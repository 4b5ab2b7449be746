/** Hosts that witness and follow each other's logs in a simulated world, without the rest of a node. */
import { decodeCbor, encodeCbor, hasShape } from '../../crypto/canonical.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { verifyEvidence, type VerifiedEvidence } from '../../crypto/fork-evidence.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import { utf8 } from '../../crypto/bytes.ts';
import { monitor, type Monitor } from '../../protocols/monitor/index.ts';
import type { Fact, Network } from '../../protocols/ports.ts';
import { seenNote } from '../../protocols/monitor/seen-note.ts';
import { audit_protocol } from '../../protocols/witness/constants.ts';
import { witness, type Witness } from '../../protocols/witness/index.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire, type WireInit } from '../../simulator/wire.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { memoryFiles, type Files } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { openVault, type Vault } from '../../storage/vault.ts';
import type { TestContext } from '../harness.ts';
import { interposed } from '../simulated-hosts.ts';

const never = new AbortController().signal;

/** What a host keeps. */
export interface Kept {
  readonly store: Store;
  readonly files: Files;
  readonly vault: Vault;
}

/** A host that follows logs. */
export interface FollowingHost extends Kept {
  readonly number: number;
  readonly peer: string;
  readonly did: string;
  readonly log_key: SigningKey;
  readonly witness_key: SigningKey;
  readonly network: Network;
  readonly log: AuditLog;
  readonly witness: Witness;
  readonly monitor: Monitor;
  readonly facts: Fact[];
  /** What it has evidence of. */
  readonly evidence: { readonly verified: VerifiedEvidence; readonly at_ms: number }[];
}

/** How a host of the world differs from the others. */
export interface HostPlan {
  readonly number: number;
  readonly peer?: string;
  readonly kept?: Kept;
  readonly quorum?: number;
  readonly interpose?: (network: Network) => Network;
  /** Takes what it has evidence of, instead of noting it. */
  readonly accuse?: (evidence: Uint8Array) => Promise<Result<void>>;
}

/** A world of hosts. */
export class MonitorWorld {
  readonly simulator: Simulator;
  readonly wire: Wire;
  readonly hosts: FollowingHost[] = [];
  /** Where each number's host is found. */
  readonly places: Map<number, string> = new Map();
  /** Origins that the records of their hosts name no more. */
  readonly unlisted: Set<string> = new Set();

  constructor(context: TestContext, seed = 'monitor', wire: Omit<WireInit, 'simulator'> = {}) {
    this.simulator = new Simulator(seed);
    this.wire = new Wire({ ...wire, simulator: this.simulator });
    context.after(async () => {
      for (const host of this.hosts) await this.stop(host);
    });
  }

  /** Host number so and so. */
  at(index: number): FollowingHost {
    const host = this.hosts[index];
    if (host === undefined) throw new Error(`no host ${index}`);
    return host;
  }

  pass(ms: number): Promise<void> {
    return this.simulator.run(this.simulator.now_ms + ms);
  }

  async get<T>(work: Promise<Result<T>>): Promise<T> {
    return unwrap(await this.simulator.finish(work));
  }

  #byOrigin(origin: string): Result<string> {
    const host = this.unlisted.has(origin) ? undefined : this.hosts.find(({ log }) => log.origin === origin);
    return host === undefined ? fail('DID_NOT_FOUND', 'nobody knows it') : ok(host.log.verifier_key);
  }

  /** Starts a host that is not connected yet. */
  async start(plan: HostPlan): Promise<FollowingHost> {
    const { number, peer = `host-${number}`, quorum = 2, interpose = (network: Network): Network => network } = plan;
    const { simulator, wire, places } = this;
    const did = `did:mesh:bhost${number}`;
    const clock = simulator.clock(peer);
    const random = simulator.random(peer);
    const facts: Fact[] = [];
    const evidence: FollowingHost['evidence'] = [];
    const recorder = { record: (fact: Fact): void => void facts.push(fact) };
    const { store, files, vault } = plan.kept ?? await freshKept(random);
    const [log_key, witness_key] = [signingKey(new Uint8Array(32).fill(50 + number)), signingKey(new Uint8Array(32).fill(80 + number))];
    const log = unwrap(await openAuditLog({ store, files, vault, now: () => clock.now(), key: log_key, did, create: plan.kept === undefined }));
    const network = interpose(lying(simulatedNetwork(wire, { id: peer, clock, recorder }), () => this.hosts.find((host) => host.peer === peer)));
    const following = monitor({
      clock, random, network, store, recorder, log,
      logKey: (origin) => Promise.resolve(this.#byOrigin(origin)),
      witnessKey: (name) => {
        const host = this.hosts.find((each) => name.startsWith(`${each.did}/wit/`));
        return Promise.resolve(host === undefined ? fail('DID_NOT_FOUND', 'nobody knows it') : ok(host.witness.verifier_key));
      },
      isNear: () => true,
      isMet: () => true,
      locate: (of) => Promise.resolve(ok(places.get(Number(of.slice('did:mesh:bhost'.length))) ?? 'nobody')),
      accuse: plan.accuse ?? ((bytes) => {
        const verified = verifyEvidence(bytes);
        if (verified.ok) evidence.push({ verified: verified.value, at_ms: clock.now() });
        return Promise.resolve(verified.ok ? ok(undefined) : verified);
      }),
      exposed: (of) => evidence.some(({ verified }) => verified.accused.did === of),
    });
    const service = witness({ quorum })({
      clock, random, network, store, log, recorder, did, witness_key,
      witnesses: () => this.hosts.filter((host) => host.did !== did && network.peers().some(({ id }) => id === host.peer))
        .map((host) => ({ peer: host.peer, verifier_key: host.witness.verifier_key })),
      logKey: (origin) => Promise.resolve(this.#byOrigin(origin)),
      seen: following,
      published: (note) => following.publish(note),
    });
    await following.start();
    unwrap(await network.start());
    const host = { number, peer, did, log_key, witness_key, store, files, vault, network, log, witness: service, monitor: following, facts, evidence };
    this.hosts.push(host);
    if (!places.has(number)) places.set(number, peer);
    return host;
  }

  /** Starts so many hosts, connected with each other. */
  async startAll(count: number): Promise<void> {
    for (let number = 0; number < count; number += 1) {
      const host = await this.start({ number });
      for (const other of this.hosts) if (other !== host) await this.connect(host, other);
    }
    await this.pass(5_000);
  }

  async connect(from: FollowingHost, to: FollowingHost): Promise<void> {
    await this.get(from.network.dial(`/simulated/${to.peer}`, { signal: never }));
  }

  /** Stops a host and takes it out of the world. */
  async stop(host: FollowingHost): Promise<void> {
    await this.simulator.finish(host.witness.stop());
    await this.simulator.finish(host.monitor.stop());
    await host.network.stop();
    const at = this.hosts.indexOf(host);
    if (at >= 0) this.hosts.splice(at, 1);
  }

  /** Appends some events and has the head cosigned and told to everybody. */
  async grow(host: FollowingHost, ...texts: readonly string[]): Promise<number> {
    for (const text of texts) unwrap(await host.log.append({ subject: 'agent', payload: utf8(text) }));
    return (await this.get(host.witness.anchor())).size;
  }
}

const liars = new WeakSet<FollowingHost>();

/** Has a host answer every question about two checkpoints with signatures over the history that it holds, whatever it is shown. */
export function answerAnything(host: FollowingHost): void {
  liars.add(host);
}

function lying(network: Network, self: () => FollowingHost | undefined): Network {
  return interposed(network, {
    handle: (protocol, limits, handler) => network.handle(protocol, limits, async (request, from, signal) => {
      const host = self();
      const question = decodeCbor(request);
      const is_asked = question.ok && hasShape(question.value, ['kind', 'old', 'next']) && protocol === audit_protocol;
      if (host === undefined || !liars.has(host) || !is_asked) return handler(request, from, signal);
      const [old, next] = [question.value['old'], question.value['next']].map((note) => (note instanceof Uint8Array ? unwrap(seenNote(note)).size : 0));
      const sizes = [Math.min(old ?? 0, host.log.size()), Math.min(next ?? 0, host.log.size())] as const;
      return encodeCbor({
        old: unwrap(await host.log.signedAt(sizes[0])), next: unwrap(await host.log.signedAt(sizes[1])), proof: unwrap(await host.log.consistency(sizes[0], sizes[1])),
      });
    }),
  });
}

async function freshKept(random: { bytes(length: number): Uint8Array }): Promise<Kept> {
  const files = memoryFiles();
  const vault = unwrap(await openVault({ files, random: (length) => random.bytes(length), create: true }));
  return { store: unwrap(await openStore({ kind: 'memory' })), files, vault };
}

/** A copy of what a host keeps. */
export async function copyOf({ store, files, vault }: Kept): Promise<Kept> {
  const copy = unwrap(await openStore({ kind: 'memory' }));
  for (const space of ['log', 'witness'] as const) {
    for await (const [key, value] of store.entries(space, {})) await copy.batch([{ space, key, value }], { sync: false });
  }
  const kept = memoryFiles();
  for (const name of ['head', 'vault']) {
    const bytes = await files.read(name);
    if (bytes !== undefined) await kept.write(name, bytes);
  }
  return { store: copy, files: kept, vault };
}
