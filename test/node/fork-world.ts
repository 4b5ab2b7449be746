/** A host that forks its log in a simulated mesh: twice the same host over copies of one store, each shown to some of the others. */
import { utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape } from '../../crypto/canonical.ts';
import { cosign, witnessName } from '../../crypto/checkpoint.ts';
import { fail, unwrap } from '../../crypto/result.ts';
import { nodeKey } from '../../node/node-keys.ts';
import { checkpoint_topic } from '../../protocols/monitor/index.ts';
import { seenNote } from '../../protocols/monitor/seen-note.ts';
import type { Network } from '../../protocols/ports.ts';
import { unixSeconds } from '../../protocols/time.ts';
import { audit_protocol, witness_protocol } from '../../protocols/witness/constants.ts';
import { decodeRequest, encodeAnswer } from '../../protocols/witness/wire.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import { openKeystore } from '../../storage/keystore.ts';
import type { TestContext } from '../harness.ts';
import { copyOf, hostWorld, interposed, type HostWorld, type SimulatedHost, type WorldInit } from '../simulated-hosts.ts';

/** What the forker says when it is asked about two of its checkpoints: nothing, or one of its histories. */
export type ForkerManner = 'refuses' | 'answers';

/** How a world with a forker is made. */
export interface ForkPlan extends Omit<WorldInit, 'count' | 'interpose'> {
  readonly count?: number;
  /** Witnesses that cosign whatever the forker shows them. */
  readonly colluders?: number;
  readonly manner?: ForkerManner;
  /** Whether the two groups of honest hosts are cut off from each other. */
  readonly apart?: boolean;
}

/** The two sides of a fork. */
export interface ForkWorld {
  readonly world: HostWorld;
  readonly did: string;
  readonly origin: string;
  /** The forker, as each side sees it. */
  readonly faces: readonly [SimulatedHost, SimulatedHost];
  readonly sides: readonly [readonly SimulatedHost[], readonly SimulatedHost[]];
  readonly honest: readonly SimulatedHost[];
  readonly colluders: readonly SimulatedHost[];
  /** Has both faces append so many entries, have them cosigned and tell everybody. */
  grow(sizes: readonly [number, number]): Promise<void>;
}

const quiet_ms = 3_600_000 * 24;

function questionOf(protocol: string, request: Uint8Array, fields: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  const decoded = protocol === audit_protocol ? decodeCbor(request) : undefined;
  return decoded?.ok === true && hasShape(decoded.value, fields) ? decoded.value : undefined;
}

/** A network over which the host hears of no checkpoint, so that what is done in its name does not stop its log; where it does not ask them, witnesses cannot tell it either. */
function deaf(network: Network, asks: () => boolean = () => true): Partial<Network> {
  return {
    subscribe: (topic, verify, deliver) => network.subscribe(topic, topic === checkpoint_topic ? () => Promise.resolve('ignore') : verify, deliver),
    request: (peer, protocol, request, options) => {
      const wants_heads = questionOf(protocol, request, ['kind', 'after']) !== undefined;
      const wants_own = questionOf(protocol, request, ['kind', 'origin']) !== undefined;
      return wants_heads || (wants_own && !asks()) ? Promise.resolve(fail('PEER_REFUSED', 'it does not want to know')) : network.request(peer, protocol, request, options);
    },
  };
}

async function anyAnswer(log: AuditLog, question: Readonly<Record<string, unknown>>): Promise<Uint8Array> {
  const [old = 0, next = 0] = [question['old'], question['next']]
    .map((note) => Math.min(note instanceof Uint8Array ? unwrap(seenNote(note)).size : 0, log.size()));
  return encodeCbor({ old: unwrap(await log.signedAt(old)), next: unwrap(await log.signedAt(next)), proof: unwrap(await log.consistency(old, next)) });
}

/** The network of a host that forks: it hears of no checkpoint, and is asked about its own in vain or answers with the history that it holds. */
export function forker(network: Network, manner: ForkerManner, log: () => AuditLog | undefined, asks?: () => boolean): Network {
  return interposed(network, {
    ...deaf(network, asks),
    handle: (protocol, limits, handler) => network.handle(protocol, limits, async (request, from, signal) => {
      const question = questionOf(protocol, request, ['kind', 'old', 'next']);
      const own = log();
      if (question === undefined || own === undefined) return handler(request, from, signal);
      return manner === 'answers' ? anyAnswer(own, question) : encodeCbor({ failure: { code: 'AUDIT_BUSY', reason: 'later' } });
    }),
  });
}

function colluder(network: Network, self: () => SimulatedHost | undefined): Network {
  return interposed(network, {
    ...deaf(network),
    handle: (protocol, limits, handler) => network.handle(protocol, limits, async (request, from, signal) => {
      const host = self();
      if (host === undefined || protocol !== witness_protocol) return handler(request, from, signal);
      const keystore = unwrap(await openKeystore({ files: host.files, random: (length) => new Uint8Array(length) }));
      const key = unwrap(nodeKey(keystore, 'witness'));
      const name = witnessName(host.host.identities.node.did, key.public_key);
      return encodeAnswer({ status: 200, body: `${cosign(key, name, unwrap(decodeRequest(request)).checkpoint, unixSeconds(host.host.parts.clock))}\n` });
    }),
  });
}

/** A mesh in which host 0 has a second face; nothing is forked yet. */
export async function forkWorld(context: TestContext, plan: ForkPlan = {}): Promise<ForkWorld> {
  const { count = 8, colluders: colluders_count = 0, manner = 'refuses', apart = false, settings = {}, ...init } = plan;
  const built: { world?: HostWorld; again?: SimulatedHost } = {};
  const logOf = (network: Network): AuditLog | undefined =>
    [built.again, ...built.world?.hosts ?? []].find((host) => host?.peer === network.id)?.host.log;
  const world = await hostWorld(context, {
    ...init, count, settings: { ...settings, witness: { checkpoint_ms: quiet_ms, ...settings.witness } },
    interpose: (network, name) => {
      const number = Number(name.slice('host-'.length));
      if (number === 0) return forker(network, manner, () => logOf(network));
      return number <= colluders_count ? colluder(network, () => built.world?.hosts.find((host) => host.peer === network.id)) : network;
    },
  });
  built.world = world;
  const first = world.at(0);
  unwrap(await world.finish(first.host.log.append({ subject: 'agent', payload: utf8('the common past') })));
  await world.get(first.host.witness.anchor());
  const again = unwrap(await world.start(first.name, await copyOf(first)));
  built.again = again;
  context.after(() => world.finish(again.host.stop()));
  const colluders = world.hosts.slice(1, 1 + colluders_count);
  const honest = world.hosts.slice(1 + colluders_count);
  const half = Math.ceil(honest.length / 2);
  const sides = [honest.slice(0, half), honest.slice(half)] as const;
  const peersOf = (hosts: readonly SimulatedHost[]): readonly string[] => hosts.map(({ peer }) => peer);
  world.wire.partition([first.peer], peersOf(sides[1]));
  world.wire.partition([again.peer], [first.peer, ...peersOf(sides[0])]);
  if (apart) world.wire.partition(peersOf(sides[0]), peersOf(sides[1]));
  for (const host of [...colluders, ...sides[1]]) await world.connect(again, host);
  await world.pass(6_000);
  // Both have asked their witnesses what those have seen, and found nothing; from here on their histories differ.
  for (const face of [first, again]) await world.get(face.host.witness.anchor());
  return {
    world, did: first.host.identities.node.did, origin: first.host.log.origin, faces: [first, again], sides, honest, colluders,
    async grow(sizes) {
      for (const [index, face] of [first, again].entries()) {
        for (let entry = 0; entry < (sizes[index] ?? 0); entry += 1) {
          unwrap(await world.finish(face.host.log.append({ subject: 'agent', payload: Uint8Array.of(index, entry) })));
        }
      }
      // At once: whoever has heard one of them does not cosign the other.
      const anchored = await world.finish(Promise.all([first, again].map((face) => face.host.witness.anchor())));
      anchored.forEach(unwrap);
    },
  };
}

const step_ms = 10;

/** Waits until every honest host has exposed somebody, and gives the virtual times to the first and to the last of them. */
export async function timesToExposure({ world, honest }: ForkWorld, did: string, limit_ms = 600_000): Promise<{ readonly first_ms: number; readonly all_ms: number }> {
  const start_ms = world.simulator.now_ms;
  let first_ms: number | undefined;
  while (world.simulator.now_ms - start_ms < limit_ms) {
    const exposed = honest.filter(({ host }) => host.accusations.exposed(did)).length;
    if (exposed > 0) first_ms ??= world.simulator.now_ms - start_ms;
    if (exposed === honest.length) return { first_ms: first_ms ?? 0, all_ms: world.simulator.now_ms - start_ms };
    await world.pass(step_ms);
  }
  throw new Error(`${did} was not exposed at all honest hosts within ${limit_ms} ms`);
}

/** What trouble an honest mesh is put through. */
export interface TroublePlan extends Omit<WorldInit, 'count'> {
  readonly count: number;
  readonly rounds: number;
}

/**
 * Honest hosts under loss, duplication, reordering, restarts and crashes, as the
 * seed decides, and a quiet time after it: gives what every host thinks of every
 * log at the end, and each fact that says that something was held against one.
 */
export async function honestTrouble(context: TestContext, plan: TroublePlan): Promise<{
  readonly world: HostWorld;
  readonly states: readonly string[];
  readonly blamed: readonly string[];
}> {
  const { rounds, ...init } = plan;
  const world = await hostWorld(context, init);
  const random = world.simulator.random('trouble');
  const pick = (count: number): number => Math.floor(random.fraction() * count);
  const facts = new Set(world.hosts.flatMap((host) => [host.facts]));
  for (let round = 0; round < rounds; round += 1) {
    const index = pick(init.count);
    const { host } = world.at(index);
    for (let entry = pick(4); entry >= 0; entry -= 1) await world.finish(host.log.append({ subject: 'agent', payload: Uint8Array.of(round, entry) }));
    await world.pass(pick(20_000));
    const fate = random.fraction();
    if (fate < 0.15) facts.add((await world.restart(index)).facts);
    else if (fate < 0.3) {
      // What a host tells after the moment that its copy is made would be a fork of our own making.
      await host.parts.network.stop();
      facts.add((await world.crash(index)).facts);
    }
  }
  await world.pass(900_000);
  const states = world.hosts.flatMap(({ host }) => host.monitor.logs().map(({ state }) => state));
  const blamed = [...facts].flat().map(({ kind }) => kind).filter((kind) => /^audit\.(?:exposed|frozen|evidence-kept|fork-evidence)$/.test(kind));
  return { world, states, blamed };
}
