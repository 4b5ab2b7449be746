import type { Result } from '../../crypto/result.ts';
import type { Network, ProtocolLimits } from '../../protocols/ports.ts';
import type { TestContext } from '../harness.ts';

/** Some networks and their time. */
export interface NetworkWorld {
  readonly networks: readonly Network[];
  /** Lets time pass until the work is done. */
  finish<T>(work: Promise<T>): Promise<T>;
  /** Lets this much time pass. */
  pass(ms: number): Promise<void>;
  /** Stops every network. */
  close(): Promise<void>;
}

/** Makes that many networks, prepares each before its start, starts them and connects each with each. */
export type MakeWorld = (count: number, prepare: (network: Network, index: number) => void) => Promise<NetworkWorld>;

/** The protocol of the tests. */
export const echo = '/test/echo/1';
/** Its bounds. */
export const limits: ProtocolLimits = { request_bytes_max: 4096, response_bytes_max: 4096, exchanges_per_peer_max: 8, exchange_ms_max: 2000 };
/** A signal that does not abort. */
export const never: AbortSignal = new AbortController().signal;

/** The code of a failure, or `ok`. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.failure.code;
}

/** An item that must be there. */
export function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`the world has no ${index}`);
  return item;
}

/** Waits for something that comes true in its own time. */
export async function until(world: NetworkWorld, what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  for (let round = 0; round < 200; round += 1) {
    if (await check()) return;
    await world.pass(50);
  }
  throw new Error(`never came true: ${what}`);
}

/** A serving network and the others, which ask it. */
export interface Pair {
  readonly world: NetworkWorld;
  ask(request: Uint8Array, options?: { limits?: ProtocolLimits; signal?: AbortSignal; protocol?: string; from?: number }): Promise<Result<Uint8Array>>;
}

/** Number 0 serves, the others ask. */
export async function serving(context: TestContext, make: MakeWorld, count: number, prepare: (network: Network) => void): Promise<Pair> {
  const world = await make(count, (network, index) => {
    if (index === 0) prepare(network);
  });
  context.after(() => world.close());
  return {
    world,
    ask: (request, options = {}) => at(world.networks, options.from ?? 1).request(at(world.networks, 0).id, options.protocol ?? echo, request, {
      limits: options.limits ?? limits,
      signal: options.signal ?? never,
    }),
  };
}
