/** Whole hosts, as they run for real, in a simulated world: in memory, on virtual time, over wires that a seed decides about. */
import { fail, ok, unwrap, type Result } from '../crypto/result.ts';
import { Actions, type AgentPlan } from '../node/actions.ts';
import type { AgentHandler } from '../node/agents.ts';
import { startHost, type Host, type HostSettings } from '../node/host.ts';
import { makeNodeKeys } from '../node/node-keys.ts';
import type { WatchFile } from '../node/host-policies.ts';
import type { LocalIdentity } from '../node/identities.ts';
import { KernelSpace, Policy } from '../node/kernel/index.ts';
import type { Fact, Network } from '../protocols/ports.ts';
import { sleep } from '../protocols/time.ts';
import { Simulator } from '../simulator/kernel.ts';
import { simulatedNetwork } from '../simulator/network.ts';
import { Wire, type WireInit } from '../simulator/wire.ts';
import { memoryFiles, type Files } from '../storage/files.ts';
import { keystore_file, openKeystore } from '../storage/keystore.ts';
import { openStore, spaces, type Space, type Store } from '../storage/store.ts';
import type { TestContext } from './harness.ts';

const never = new AbortController().signal;
/** Time in which hosts that have just met greet each other and publish their records. */
const settle_ms = 3000;

/** How a world is made. */
export interface WorldInit extends Omit<WireInit, 'simulator'> {
  readonly count: number;
  readonly seed?: string;
  readonly settings?: Partial<HostSettings>;
  /** Time that a write to a store takes. */
  readonly write_ms?: number;
  /** Tells hosts of changes of files. */
  readonly watch_file?: WatchFile;
  /** Stands between a host and its network. */
  readonly interpose?: (network: Network, name: string) => Network;
}

/** What of a host is left when it stops. */
export interface Remains {
  readonly store: Store;
  readonly files: Files;
}

/** A host of the world. */
export interface SimulatedHost extends Remains {
  readonly name: string;
  readonly host: Host;
  readonly actions: Actions;
  readonly facts: Fact[];
  /** The peer id of its network. */
  readonly peer: string;
}

/** What differs from agent to agent. */
export interface Hiring extends Omit<AgentPlan, 'name' | 'sponsor' | 'capabilities'> {
  readonly capabilities?: readonly string[];
  readonly sponsor?: string;
  readonly serve?: AgentHandler;
  /** Policies of its kernel; one that denies nothing ordinary when absent. */
  readonly policies?: readonly Policy[];
}

/** The code of a failure, or `ok`. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.failure.code;
}

/** A world of hosts. */
export class HostWorld {
  readonly simulator: Simulator;
  readonly wire: Wire;
  readonly #init: WorldInit;
  readonly #hosts: SimulatedHost[] = [];
  readonly #halted = new Set<SimulatedHost>();
  #started = 0;

  constructor(init: WorldInit) {
    this.#init = init;
    this.simulator = new Simulator(init.seed ?? 'hosts');
    this.wire = new Wire({ ...init, simulator: this.simulator });
  }

  /** Host number `index`. */
  at(index: number): SimulatedHost {
    const host = this.#hosts[index];
    if (host === undefined) throw new Error(`the world has no host ${index}`);
    return host;
  }

  /** Every host. */
  get hosts(): readonly SimulatedHost[] {
    return this.#hosts;
  }

  /** Lets this much time pass. */
  pass(ms: number): Promise<void> {
    return this.simulator.run(this.simulator.now_ms + ms);
  }

  /** Lets time pass until the work is done. */
  finish<T>(work: Promise<T>): Promise<T> {
    return this.simulator.finish(work);
  }

  /** Lets time pass until the work is done, and throws what it fails with. */
  async get<T>(work: Promise<Result<T>>): Promise<T> {
    return unwrap(await this.finish(work));
  }

  /** Lets time pass until the condition holds. */
  async until(what: string, holds: () => boolean, limit_ms = 120_000): Promise<void> {
    const end_ms = this.simulator.now_ms + limit_ms;
    while (!holds()) {
      if (this.simulator.now_ms >= end_ms) throw new Error(`not within ${limit_ms} ms: ${what}`);
      await this.pass(100);
    }
  }

  /** Starts a host, a new one or from what is left of another. A restarted host has a new peer id, for the simulator knows an id once. */
  async start(name: string, remains?: Remains, settings: Partial<HostSettings> = {}): Promise<Result<SimulatedHost>> {
    const { simulator, wire } = this;
    this.#started += 1;
    const peer = remains === undefined ? name : `${name}-${this.#started}`;
    const facts: Fact[] = [];
    const recorder = { record: (fact: Fact): void => void facts.push(fact) };
    const clock = simulator.clock(peer);
    const random = simulator.random(peer);
    const { store, files } = remains ?? { store: unwrap(await openStore({ kind: 'memory' })), files: memoryFiles() };
    const { write_ms = 0 } = this.#init;
    const slow_store: Store = {
      get: (space, key) => store.get(space, key),
      entries: (space, range) => store.entries(space, range),
      close: () => store.close(),
      async batch(changes, options) {
        if (write_ms > 0) await sleep(clock, write_ms);
        return store.batch(changes, options);
      },
    };
    const keystore = unwrap(await openKeystore({ files, random: (length) => random.bytes(length) }));
    if (remains === undefined) await makeNodeKeys(keystore, random);
    const wired = simulatedNetwork(wire, { id: peer, clock, recorder });
    const network = this.#init.interpose?.(wired, name) ?? wired;
    const watching = this.#init.watch_file === undefined ? {} : { watch_file: this.#init.watch_file };
    const started = await this.finish(startHost({ clock, random, network, store: slow_store, files, keystore, recorder, ...watching }, {
      name, genesis: remains === undefined, required_trust: 0, ...this.#init.settings, ...settings,
    }));
    return started.ok ? ok({ name, peer, store, files, facts, host: started.value, actions: new Actions(started.value) }) : started;
  }

  /** Starts a new host and adds it to the world. */
  async add(name: string): Promise<SimulatedHost> {
    const host = unwrap(await this.start(name));
    this.#hosts.push(host);
    return host;
  }

  /** Connects two hosts. */
  async connect(from: SimulatedHost, to: SimulatedHost): Promise<void> {
    unwrap(await this.finish(from.host.parts.network.dial(`/simulated/${to.peer}`, { signal: never })));
  }

  /** Stops hosts until each is restarted. Time that passes while all of them stand costs nothing. */
  async halt(...indexes: readonly number[]): Promise<void> {
    for (const index of indexes) {
      this.#halted.add(this.at(index));
      await this.finish(this.at(index).host.stop());
    }
  }

  /** Stops a host and starts it again on the same store and files, connected to all others that run. */
  async restart(index: number, settings: Partial<HostSettings> = {}): Promise<SimulatedHost> {
    const old = this.at(index);
    if (!this.#halted.delete(old)) await this.finish(old.host.stop());
    const host = unwrap(await this.start(old.name, old, settings));
    this.#hosts[index] = host;
    for (const other of this.#hosts) if (other !== host && !this.#halted.has(other)) await this.connect(host, other);
    await this.pass(settle_ms);
    return host;
  }

  /** Ends a host as a crash does: it starts again from what its store and files hold at this moment. */
  async crash(index: number): Promise<SimulatedHost> {
    const old = this.at(index);
    const remains = await copyOf(old);
    await this.finish(old.host.stop());
    const host = unwrap(await this.start(old.name, remains));
    this.#hosts[index] = host;
    for (const other of this.#hosts) if (other !== host) await this.connect(host, other);
    await this.pass(settle_ms);
    return host;
  }

  /** Agents of a host with a sponsor of theirs, a kernel and a handler that gives back what it is given. */
  async hire(index: number, name: string, hiring: Hiring = {}): Promise<LocalIdentity> {
    const { host, actions } = this.at(index);
    const { capabilities = ['read:**', 'write:**'], sponsor = `sponsor-${index}`, serve = echo, policies = [Policy.noDestructiveSql()], ...plan } = hiring;
    if (host.identities.find(sponsor) === undefined) await this.get(actions.createSponsor(sponsor, 'human'));
    const agent = await this.get(actions.createAgent({ name, sponsor, capabilities, ...plan }));
    this.employ(index, agent, serve, policies);
    return agent;
  }

  /** Gives an agent its kernel and its handler, as a program does at every start. */
  employ(index: number, agent: LocalIdentity, serve: AgentHandler = echo, policies: readonly Policy[] = [Policy.noDestructiveSql()]): void {
    const { host } = this.at(index);
    const { clock, random } = host.parts;
    const housed = unwrap(host.agents.adopt(agent, new KernelSpace({ policies, clock, random })));
    housed.handler = serve;
  }

  /** A sponsor of a host. */
  sponsor(index: number): LocalIdentity {
    const found = this.at(index).host.identities.find(`sponsor-${index}`);
    if (found === undefined) throw new Error(`host ${index} has no sponsor yet`);
    return found;
  }

  /** A peer that speaks to the hosts byte by byte, connected to one of them. */
  async stranger(id: string, to: SimulatedHost, prepare: (network: Network) => void = () => undefined): Promise<Network> {
    const network = simulatedNetwork(this.wire, { id, clock: this.simulator.clock(id), recorder: { record: () => undefined } });
    prepare(network);
    unwrap(await network.start());
    unwrap(await this.finish(network.dial(`/simulated/${to.peer}`, { signal: never })));
    return network;
  }

  /** Stops every host. */
  async close(): Promise<void> {
    for (const each of this.#hosts) if (!this.#halted.has(each)) await this.finish(each.host.stop());
  }
}

/** A copy of what is left of a host. */
export async function copyOf({ store, files }: Remains): Promise<Remains> {
  const copy: Remains = { store: unwrap(await openStore({ kind: 'memory' })), files: memoryFiles() };
  for (const space of Object.keys(spaces)) {
    if (!isSpace(space)) continue;
    for await (const [key, value] of store.entries(space, {})) await copy.store.batch([{ space, key, value }], { sync: false });
  }
  for (const name of ['head', 'vault', 'frozen', keystore_file, 'head-1', 'frozen-1']) {
    const bytes = await files.read(name);
    if (bytes !== undefined) await copy.files.write(name, bytes);
  }
  return copy;
}

function isSpace(name: string): name is Space {
  return name in spaces;
}

/** A network of which some methods are others. */
export function interposed(network: Network, changed: Partial<Network>): Network {
  return new Proxy(network, {
    get(target, name) {
      const value: unknown = Reflect.get(Object.hasOwn(changed, name) ? changed : target, name);
      return typeof value === 'function' ? value.bind(Object.hasOwn(changed, name) ? changed : target) : value;
    },
  });
}

const echo: AgentHandler = ({ arguments: given }) => given;

/** A world of hosts that are all connected with each other and have met. */
export async function hostWorld(context: TestContext, init: WorldInit): Promise<HostWorld> {
  const world = new HostWorld(init);
  context.after(() => world.close());
  for (let index = 0; index < init.count; index += 1) {
    const host = await world.add(`host-${index}`);
    for (const other of world.hosts) if (other !== host) await world.connect(host, other);
  }
  await world.pass(settle_ms);
  return world;
}

/** The failure of a result that must be one. */
export function failureOf(result: Result<unknown>): Extract<Result<unknown>, { ok: false }>['failure'] {
  return result.ok ? fail('UNEXPECTED', 'it did not fail').failure : result.failure;
}
