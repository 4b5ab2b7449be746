/** Publishing the records of this host's identities: signed as they are now, one of an identity at a time, again and again. */
import { endpoints_max, methods_max, text_length_max, type RetiredMethod, type Service, type VerificationMethod } from '../crypto/did-events.ts';
import { record_bytes_max, sponsor_document_lifetime_ms_max, type DidRecord } from '../crypto/did-record.ts';
import { fail, messageOf, type Failure, type Result } from '../crypto/result.ts';
import { document_lifetime_ms, republish_ms } from '../protocols/identity/constants.ts';
import { buildRecord, currentEvent, nextSequence, type Identity } from '../protocols/identity/index.ts';
import type { Clock, Network, Recorder } from '../protocols/ports.ts';
import { every } from '../protocols/time.ts';
import type { RecordStore } from '../storage/records.ts';
import type { LocalIdentity } from './identities.ts';

/** What publishing uses. */
export interface PublishingParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly records: RecordStore;
  readonly identity: Identity;
  readonly recorder: Recorder;
  /** The node's keys that others verify, besides those of its identity. */
  readonly node_methods: readonly VerificationMethod[];
  /** The keys of its logs that have ended. */
  readonly node_retired: readonly RetiredMethod[];
  /** The identity of this host with this DID, as it is now. */
  find(did: string): LocalIdentity | undefined;
  /** Every identity of this host. */
  all(): Iterable<LocalIdentity>;
  /** The identity with attestations that go on. */
  renewed(identity: LocalIdentity): Promise<LocalIdentity>;
  /** Records of others that this host keeps in the mesh. */
  carried(): readonly DidRecord[];
}

/** Hears of every record of ours that is published. */
export type Published = (identity: LocalIdentity, record: DidRecord) => void;

/** Publishes the identities of this host. */
export class Publishing {
  readonly #parts: PublishingParts;
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #stopping = new AbortController();
  #stop_republishing = (): void => undefined;
  #published: Published = () => undefined;
  #all: Promise<number> = Promise.resolve(0);

  constructor(parts: PublishingParts) {
    this.#parts = parts;
  }

  /** Does something about an identity when everything begun before about it has ended: two records of one number would be two words of one DID about the same thing. */
  inTurn<T>(did: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(did) ?? Promise.resolve()).then(work);
    const ended = turn.catch(() => undefined).then(() => {
      if (this.#turns.get(did) === ended) this.#turns.delete(did);
    });
    this.#turns.set(did, ended);
    return turn;
  }

  /** The record of an identity as it is now, with as many of our addresses as fit. */
  sign(identity: LocalIdentity, sequence: number, lifetime_ms?: number): Uint8Array {
    const { network, clock, node_methods } = this.#parts;
    const addresses = network.addresses().filter((address) => address.length <= text_length_max).slice(0, endpoints_max);
    const build = (endpoints: readonly string[]): Uint8Array => {
      const services: readonly Service[] = [{ id: 'mesh', type: 'MeshP2P', endpoints }];
      return buildRecord(identity.kind === 'node' ? this.#withLogs(identity) : identity, {
        sequence, now_ms: clock.now(), services, methods: identity.kind === 'node' ? node_methods : [], attestations: identity.attestations,
        ...(lifetime_ms === undefined ? {} : { lifetime_ms }),
      });
    };
    let record = build(addresses);
    for (let count = addresses.length - 1; count > 0 && record.length > record_bytes_max; count -= 1) record = build(addresses.slice(0, count));
    return record;
  }

  /** The node with the keys of its ended logs. None is believed for longer than the node's keys were safe. */
  #withLogs(node: LocalIdentity): LocalIdentity {
    const { bad_since } = currentEvent(node);
    const logs = this.#parts.node_retired.map((method) => ({ ...method, until: Math.min(method.until, bad_since ?? Infinity) }));
    return { ...node, retired: [...node.retired, ...logs].slice(0, methods_max) };
  }

  /**
   * The record of an identity with the sequence number that follows the newest one under its establishment event.
   * After a rotation the numbers begin anew: a thief of the keys before it may have used them up.
   */
  async signNext(identity: LocalIdentity, lifetime_ms?: number): Promise<Uint8Array> {
    const newest = await this.#parts.records.newest(identity.did);
    // What a sponsor signed to last, for hosts that its device seldom meets, is not made shorter by the next publication.
    const promised_ms = identity.kind === 'human' || identity.kind === 'org' ? (newest?.document.expires ?? 0) - this.#parts.clock.now() : 0;
    // A thief's tombstone may bear any end.
    const kept_ms = Math.min(Math.max(document_lifetime_ms, promised_ms), sponsor_document_lifetime_ms_max);
    return this.sign(identity, nextSequence(identity, newest), lifetime_ms ?? kept_ms);
  }

  /** Puts every identity's record where the protocols of this host find it, and signs anew those that have expired or say less than is so. One that cannot be signed is told of and does not hold up the others. */
  async hold(): Promise<void> {
    const { records, identity: service, clock } = this.#parts;
    for (const identity of this.#parts.all()) {
      const newest = await records.newest(identity.did);
      const is_current = newest?.number === currentEvent(identity).number && newest.document.deactivated === identity.deactivated;
      if (is_current && newest.document.expires > clock.now()) continue;
      const held = await service.hold(await this.signNext(identity));
      if (!held.ok) this.#unpublished(identity, held.failure);
    }
  }

  #unpublished({ did, name }: LocalIdentity, { code, reason }: Failure): void {
    this.#parts.recorder.record({ kind: 'identity.publish.failed', did, name, code, reason });
  }

  /** Signs the identity's record as it is now, stores it at the peers nearest to it, and says how many took it. Never rejects; fails as {@link Identity.publish} does, with `NODE_STOPPED`, or with `RECORD_UNPUBLISHED` for what nobody foresaw. */
  async publish(identity: LocalIdentity): Promise<Result<number>> {
    const published = await this.inTurn(identity.did, () => this.#publishNow(identity.did))
      .catch((error: unknown) => fail('RECORD_UNPUBLISHED', messageOf(error), { cause: error }));
    if (!published.ok && published.failure.code !== 'NODE_STOPPED') this.#unpublished(identity, published.failure);
    return published;
  }

  async #publishNow(did: string): Promise<Result<number>> {
    const { signal } = this.#stopping;
    const { find, renewed, records, identity: service, recorder } = this.#parts;
    const current = find(did);
    if (signal.aborted || current === undefined) return fail('NODE_STOPPED', 'the node is stopped');
    const identity = await renewed(current);
    const stored = await service.publish(await this.signNext(identity), { signal });
    if (!stored.ok) return stored;
    recorder.record({ kind: 'identity.published', did, name: identity.name, storers: stored.value });
    const record = await records.newest(did);
    if (record !== undefined) this.#published(identity, record);
    return stored;
  }

  /** Publishes every identity, one after the other, and says how many peers took the one that fewest took. Those that fail are told of and left out. */
  publishAll(): Promise<number> {
    this.#all = this.#all.catch(() => 0).then(async () => {
      let fewest = Infinity;
      for (const identity of this.#parts.all()) {
        if (this.#stopping.signal.aborted) break;
        const stored = await this.publish(identity);
        if (stored.ok) fewest = Math.min(fewest, stored.value);
      }
      for (const { did, bytes } of this.#parts.carried()) {
        if (this.#stopping.signal.aborted) break;
        const carried = await this.#parts.identity.carry(did, bytes, { signal: this.#stopping.signal });
        if (!carried.ok) this.#parts.recorder.record({ kind: 'identity.carry.failed', did, code: carried.failure.code });
      }
      return fewest;
    });
    return this.#all;
  }

  /** Publishes all records now and every 12 hours. */
  start(published: Published): void {
    const { clock, recorder } = this.#parts;
    const failed = (error: unknown): void => recorder.record({ kind: 'identity.publish.failed', reason: messageOf(error) });
    this.#published = published;
    this.#stop_republishing = every(clock, () => republish_ms, async () => void await this.publishAll(), failed);
    this.publishAll().catch(failed);
  }

  /** Publishes nothing from now on, and breaks off what is under way. */
  async stop(): Promise<void> {
    this.#stop_republishing();
    this.#stopping.abort();
    await Promise.all(this.#turns.values());
  }
}
