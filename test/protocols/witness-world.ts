/** Hosts whose logs are witnessed by each other, in a simulated network. */
import { utf8 } from '../../crypto/bytes.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import type { Clock, Fact, Network } from '../../protocols/ports.ts';
import { witness, type Witness, type WitnessContact, type WitnessInit } from '../../protocols/witness/index.ts';
import type { WitnessParts } from '../../protocols/witness/parts.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { memoryFiles, type Files } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { openVault, type Vault } from '../../storage/vault.ts';
import { random } from '../storage/audit-world.ts';

const never = new AbortController().signal;

/** A host that has its log witnessed. */
export interface Host {
  readonly name: string;
  readonly did: string;
  readonly key: SigningKey;
  readonly store: Store;
  readonly files: Files;
  readonly vault: Vault;
  readonly network: Network;
  readonly log: AuditLog;
  readonly witness: Witness;
  readonly facts: Fact[];
}

/** Some of them, all connected. */
export interface World {
  readonly simulator: Simulator;
  readonly wire: Wire;
  readonly hosts: readonly Host[];
  /** Whom each host asks, by name; all others when nothing is set. */
  readonly contacts: Map<string, readonly WitnessContact[]>;
}

/** What of a host outlives it. */
export interface Saved {
  readonly store: Store;
  readonly files: Files;
  readonly vault: Vault;
}

async function fresh(): Promise<Saved> {
  const files = memoryFiles();
  return { store: unwrap(await openStore({ kind: 'memory' })), files, vault: unwrap(await openVault({ files, random, create: true })) };
}

/** How a host is asked as a witness. */
export function contactOf(host: Host): WitnessContact {
  return { peer: host.name, verifier_key: host.witness.verifier_key };
}

/** What is particular about a host. */
export interface Own {
  readonly init?: WitnessInit;
  readonly parts?: Partial<WitnessParts>;
  /** Seconds by which its clock is ahead. */
  readonly ahead_s?: () => number;
}

async function makeHost(world: Omit<World, 'hosts'> & { hosts: Host[] }, index: number, saved: Saved | undefined, own: Own): Promise<Host> {
  const { simulator, wire } = world;
  const name = `host-${index}`;
  const did = `did:mesh:bhost${index}`;
  const true_clock = simulator.clock(name);
  const clock: Clock = { now: () => true_clock.now() + 1000 * (own.ahead_s?.() ?? 0), after: (delay_ms, run) => true_clock.after(delay_ms, run) };
  const facts: Fact[] = [];
  const recorder = { record: (fact: Fact): void => void facts.push(fact) };
  const { store, files, vault } = saved ?? await fresh();
  const key = signingKey(new Uint8Array(32).fill(50 + index));
  const log = unwrap(await openAuditLog({ store, files, vault, now: () => clock.now(), key, did, create: saved === undefined }));
  const network = simulatedNetwork(wire, { id: name, clock, recorder });
  const service = witness(own.init)({
    clock, random: simulator.random(name), network, store, log, recorder, did,
    witness_key: signingKey(new Uint8Array(32).fill(80 + index)),
    witnesses: () => world.contacts.get(name) ?? world.hosts.filter((host) => host.name !== name).map(contactOf),
    logKey: (origin): Promise<Result<string>> => {
      const host = world.hosts.find((each) => each.log.origin === origin);
      return Promise.resolve(host === undefined ? fail('DID_NOT_FOUND', 'nobody knows it') : ok(host.log.verifier_key));
    },
    ...own.parts,
  });
  return { name, did, key, store, files, vault, network, log, witness: service, facts };
}

/** Makes hosts and connects them. */
export async function makeWorld(count: number, saved: readonly (Saved | undefined)[] = [], own: (index: number) => Own = () => ({})): Promise<World> {
  const simulator = new Simulator('witness');
  const wire = new Wire({ simulator });
  const hosts: Host[] = [];
  const world = { simulator, wire, hosts, contacts: new Map<string, readonly WitnessContact[]>() };
  for (let index = 0; index < count; index += 1) hosts.push(await makeHost(world, index, saved[index], own(index)));
  for (const { network } of hosts) unwrap(await network.start());
  for (const [index, { network }] of hosts.entries()) {
    for (const earlier of hosts.slice(0, index)) unwrap(await simulator.finish(network.dial(earlier.network.addresses()[0] ?? '', { signal: never })));
  }
  return world;
}

/** Host number `index`. */
export function host(world: World, index: number): Host {
  const found = world.hosts[index];
  if (found === undefined) throw new Error('no such host');
  return found;
}

/** Adds an entry to the log of a host. */
export async function append({ log }: Host, text: string): Promise<number> {
  return unwrap(await log.append({ subject: 'agent', payload: utf8(text) })).index;
}
