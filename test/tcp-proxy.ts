/** A TCP proxy on the loopback interface whose link can be delayed, stalled, cut, reset and healed. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What the proxy stands before. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

type State = 'open' | 'stalled' | 'cut';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** One link: everything that connects to its port reaches the target, as far as its state lets it. */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #target: ProxyTarget;
  #state: State = 'open';
  #delay_ms = 0;

  private constructor(target: ProxyTarget) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Listens on a free port of 127.0.0.1. */
  static async listen(target: ProxyTarget): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The port to connect to. */
  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return address.port;
  }

  /** Connections through the link. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Holds every byte back for so long; what was on its way keeps its order. */
  delay(delay_ms: number): void {
    this.#delay_ms = delay_ms;
  }

  /** Nothing passes any more, and nobody is told: as with a cable that was pulled. New connections are accepted and stay silent. */
  stall(): void {
    this.#state = 'stalled';
    for (const { client, upstream } of this.#pairs) for (const socket of [client, upstream]) socket.pause();
  }

  /** Ends every connection with a reset and refuses new ones in the same way. */
  cut(): void {
    this.#state = 'cut';
    this.reset();
  }

  /** Ends every connection with a reset; new ones are as before. */
  reset(): void {
    for (const pair of this.#pairs) this.#drop(pair);
  }

  /** New connections pass again, and what was stalled goes on. */
  heal(): void {
    this.#state = 'open';
    for (const { client, upstream } of this.#pairs) for (const socket of [client, upstream]) socket.resume();
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.reset();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#state === 'cut') {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const pair: Pair = { client, upstream: connect(this.#target) };
    this.#pairs.add(pair);
    this.#pass(pair, pair.client, pair.upstream);
    this.#pass(pair, pair.upstream, pair.client);
    if (this.#state === 'stalled') for (const socket of [pair.client, pair.upstream]) socket.pause();
  }

  #pass(pair: Pair, from: Socket, to: Socket): void {
    const after = (run: () => void): void => {
      if (this.#delay_ms === 0) run();
      else setTimeout(run, this.#delay_ms).unref();
    };
    from.on('data', (bytes: Buffer) => after(() => void to.write(bytes)));
    from.on('end', () => after(() => void to.end()));
    from.on('error', () => this.#drop(pair));
    from.on('close', () => {
      if (from.errored !== null || to.destroyed) this.#drop(pair);
    });
  }

  #drop(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    for (const socket of [pair.client, pair.upstream]) if (!socket.destroyed) socket.resetAndDestroy();
  }
}
