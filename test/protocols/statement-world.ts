/** Hosts that exchange statements over a simulated network, and peers that do it otherwise. */
import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { parseStatement, signEndorsement, type EndorsementPlan, type Statement } from '../../crypto/statement.ts';
import type { Fact, Network } from '../../protocols/ports.ts';
import { statements_topic, sync_limits, sync_protocol } from '../../protocols/statements/constants.ts';
import { statements, type Statements } from '../../protocols/statements/index.ts';
import { sleep } from '../../protocols/time.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { openStatements, type StatementStore } from '../../storage/statements.ts';
import { openStore } from '../../storage/store.ts';
import type { TestContext } from '../harness.ts';
import { person, start_s, type Person } from '../people.ts';

/** Somebody whom every host knows. */
export const alice: Person = await person('alice');
/** Somebody whom every host knows. */
export const bob: Person = await person('bob');
/** Somebody whom every host knows and whose key signs no statements. */
export const mute: Person = await person('mute', { uses: ['authentication'] });
const everybody = [alice, bob, mute];
const never = new AbortController().signal;

/** A host that exchanges statements. */
export interface Host {
  readonly network: Network;
  readonly store: StatementStore;
  readonly exchange: Statements;
  readonly facts: Fact[];
  /** The hashes of statements in the order in which listeners were told. */
  readonly applied: string[];
  readonly records: Map<string, DidRecord>;
  /** What only asking afresh finds. */
  readonly fresh: Map<string, DidRecord>;
  /** What only looking up finds, as long as nothing else is known. */
  readonly found: Map<string, DidRecord>;
  /** How many milliseconds looking up a DID takes. */
  readonly slow: Map<string, number>;
  /** What the host was given to report. */
  readonly equivocated: { readonly issuer: string; readonly tokens: readonly [string, string] }[];
  /** The names of logs that the host follows. */
  readonly followed: Set<string>;
  /** The DIDs that were looked up, in order. */
  readonly resolved: string[];
}

/** Hosts and their time. */
export interface World {
  readonly simulator: Simulator;
  readonly hosts: readonly Host[];
  readonly wire: Wire;
  pass(ms: number): Promise<void>;
  finish<T>(work: Promise<T>): Promise<T>;
  connect(a: number, b: number): Promise<void>;
}

async function host(wire: Wire, index: number): Promise<Host> {
  const { simulator } = wire;
  const clock = simulator.clock(`host-${index}`);
  const facts: Fact[] = [];
  const applied: string[] = [];
  const resolved: string[] = [];
  const recorder = { record: (fact: Fact) => void facts.push(fact) };
  const network = simulatedNetwork(wire, { id: `host-${index}`, clock, recorder });
  const store = await openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now: clock.now });
  const records = new Map(everybody.map(({ did, record }) => [did, record]));
  const told = (statement: Statement): void => void applied.push(statement.hash);
  const fresh = new Map<string, DidRecord>();
  const found = new Map<string, DidRecord>();
  const slow = new Map<string, number>();
  const equivocated: Host['equivocated'] = [];
  const followed = new Set<string>();
  const exchange = statements({
    endorsement: told, revocation: told, head: told, duplicity: told, equivocation: told, auditEvidence: told,
    equivocated: (issuer, tokens) => void equivocated.push({ issuer, tokens }),
  })({
    clock, network, store, recorder, random: simulator.random(`host-${index}`),
    wasListed: (name) => followed.has(name),
    identity: {
      known: (did) => records.get(did),
      resolve: async (did, options = {}) => {
        resolved.push(options.fresh === true ? `fresh ${did}` : did);
        await sleep(clock, slow.get(did) ?? 0);
        const record = options.fresh === true ? fresh.get(did) ?? records.get(did) : records.get(did) ?? found.get(did);
        return record === undefined ? fail('DID_NOT_FOUND', 'nobody has it') : ok(record);
      },
    },
  });
  return { network, store, exchange, facts, applied, records, fresh, found, slow, equivocated, followed, resolved };
}

/** Hosts that are not connected yet. `prepare` replaces the exchange of a host, for hosts that misbehave. */
export async function world({ after }: TestContext, count: number, prepare: (host: Host, index: number) => boolean = () => false): Promise<World> {
  const simulator = new Simulator('statements');
  const wire = new Wire({ simulator });
  const hosts: Host[] = [];
  for (let index = 0; index < count; index += 1) {
    const made = await host(wire, index);
    if (!prepare(made, index)) made.exchange.start();
    unwrap(await made.network.start());
    hosts.push(made);
  }
  after(async () => {
    for (const { exchange, network } of hosts) {
      await simulator.finish(exchange.stop());
      await network.stop();
    }
  });
  return {
    simulator, hosts, wire,
    pass: (ms) => simulator.run(simulator.now_ms + ms),
    finish: (work) => simulator.finish(work),
    connect: async (a, b) => void unwrap(await simulator.finish(at(hosts, a).network.dial(at(hosts, b).network.addresses()[0] ?? '', { signal: never }))),
  };
}

/** An item that must be there. */
export function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no item ${index}`);
  return item;
}

/** A signed endorsement. */
export async function endorsement(by: Person = alice, changes: Partial<EndorsementPlan> = {}): Promise<string> {
  return unwrap(await signEndorsement(by.signer, { sub: bob.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + 86_400, weight: 500, why: '', ...changes }));
}

/** Signed endorsements, each of another scope. */
export function endorsements(count: number, by: Person = alice): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => endorsement(by, { scope: `s${index}` })));
}

/** The name of a token. */
export const hashOf: (text: string) => string = (text) => toBase64url(sha256(utf8(text)));

/** Puts a token into a host's store, unverified. */
export async function keep({ store }: Host, text: string): Promise<void> {
  assert.is(await store.put(unwrap(parseStatement(text)).statement, text), 'new');
}

/** The facts of one kind. */
export function kinds({ facts }: Host, kind: string): readonly Fact[] {
  return facts.filter((fact) => fact.kind === kind);
}

/** Hosts of these numbers without an exchange of their own, that take part in the topic and answer as they like. */
export function rogue(answer: (request: Uint8Array, store: StatementStore) => Promise<Uint8Array>, indices: readonly number[] = [0]): (host: Host, index: number) => boolean {
  return ({ network, store }, index) => {
    if (!indices.includes(index)) return false;
    network.subscribe(statements_topic, () => Promise.resolve('accept'), () => undefined);
    network.handle(sync_protocol, sync_limits, (request) => answer(request, store));
    return true;
  };
}
