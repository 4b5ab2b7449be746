/**
 * Random histories of honest hosts, as the real log and the real witness make
 * them: appends, heads, proofs, cosignatures, restarts, crashes that take what
 * was not synced, clocks that jump, and a log that tells two stories and asks them
 * to cosign either. Everything that is ever given out is kept.
 */
import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { logOrigin } from '../../crypto/checkpoint.ts';
import { verifyEvidence, type LeafProof } from '../../crypto/fork-evidence.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { signature_type_log, verifierKey } from '../../crypto/note.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { formatProof } from '../../crypto/tlog-proof.ts';
import type { Random, Store } from '../../protocols/ports.ts';
import { ClockSense } from '../../protocols/witness/clock-sense.ts';
import { CheckpointWitness } from '../../protocols/witness/rule.ts';
import { decodeAnswer, encodeAnswer, encodeRequest } from '../../protocols/witness/wire.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { memoryFiles } from '../../storage/files.ts';
import { openStore, type Change } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import type { TestLog, TestTree } from './fork-evidence-world.ts';

/** A store that can crash: what was not synced is lost from some batch on. What is there when it is opened again is safe, as LevelDB writes it anew then. */
class CrashingStore implements Store {
  #batches: { readonly changes: readonly Change[]; readonly sync: boolean }[] = [];
  #store: Store;

  private constructor(store: Store) {
    this.#store = store;
  }

  static async open(): Promise<CrashingStore> {
    return new CrashingStore(unwrap(await openStore({ kind: 'memory' })));
  }

  get: Store['get'] = (space, key) => this.#store.get(space, key);
  entries: Store['entries'] = (space, range) => this.#store.entries(space, range);
  close = (): Promise<void> => Promise.resolve();

  async batch(changes: readonly Change[], { sync }: { readonly sync: boolean }): Promise<void> {
    await this.#store.batch(changes, { sync });
    this.#batches.push({ changes, sync });
  }

  async crash(fraction: number): Promise<void> {
    const safe = this.#batches.findLastIndex(({ sync }) => sync) + 1;
    this.#batches.length = safe + Math.floor(fraction * (this.#batches.length - safe + 1));
    this.#store = unwrap(await openStore({ kind: 'memory' }));
    for (const { changes } of this.#batches) await this.#store.batch(changes, { sync: false });
    this.settle();
  }

  settle(): void {
    this.#batches = this.#batches.map(({ changes }) => ({ changes, sync: true }));
  }
}

/** What honest hosts have signed and given out. */
export interface Material {
  /** Notes with whatever cosignatures they had. */
  readonly notes: Uint8Array[];
  readonly leaves: LeafProof[];
}

/** A log that tells two stories, and what hosts that were asked to cosign them hold against it. */
export interface Tempter {
  readonly log: TestLog;
  readonly stories: readonly [TestTree, TestTree];
  readonly caught: Uint8Array[];
}

/** An honest host with its log and its witness. */
export class HonestHost {
  readonly did: string;
  readonly log_key: SigningKey;
  readonly witness_key: SigningKey;
  readonly origin: string;
  readonly verifier_key: string;
  readonly #store: CrashingStore;
  readonly #files = memoryFiles();
  readonly #random: Random;
  #log: AuditLog | undefined;
  #witness: CheckpointWitness | undefined;
  #logs: ReadonlyMap<string, string> = new Map();
  #tempter: Tempter | undefined;
  #now_ms = 1_700_000_000_000;

  private constructor(did: string, keys: readonly [SigningKey, SigningKey], random: Random, store: CrashingStore) {
    this.did = did;
    [this.log_key, this.witness_key] = keys;
    this.origin = logOrigin(did, this.log_key.public_key);
    this.verifier_key = verifierKey(this.origin, signature_type_log, this.log_key.public_key);
    this.#random = random;
    this.#store = store;
  }

  static async make(did: string, keys: readonly [SigningKey, SigningKey], random: Random): Promise<HonestHost> {
    const host = new HonestHost(did, keys, random, await CrashingStore.open());
    await host.#open(true);
    return host;
  }

  /** Which logs it witnesses. */
  meet(hosts: readonly HonestHost[], tempter: Tempter): void {
    this.#tempter = tempter;
    this.#logs = new Map([...hosts, tempter.log].map(({ origin, verifier_key }) => [origin, verifier_key]));
  }

  async #open(create: boolean): Promise<void> {
    const { did } = this;
    const vault = unwrap(await openVault({ files: this.#files, random: (length) => this.#random.bytes(length), create }));
    this.#log = unwrap(await openAuditLog({ store: this.#store, files: this.#files, vault, now: () => this.#now_ms, key: this.log_key, did, create }));
    const clock = { now: (): number => this.#now_ms, after: () => (): void => undefined };
    this.#witness = new CheckpointWitness({
      clock, store: this.#store, did, key: this.witness_key, sense: new ClockSense(clock), recorder: { record: () => undefined },
      logKey: (origin) => Promise.resolve(this.#logs.has(origin) ? ok(this.#logs.get(origin) ?? '') : fail('DID_NOT_FOUND', 'nobody knows it')),
      accuse: async (evidence) => {
        const { accused } = unwrap(verifyEvidence(evidence));
        if (accused.verifier_key !== this.#tempter?.log.verifier_key) throw new Error('an honest log was accused');
        this.#tempter.caught.push(evidence);
        await Promise.resolve();
      },
      keepEvidence: () => Promise.reject(new Error('every log here is of the mesh')),
    });
  }

  get log(): AuditLog {
    if (this.#log === undefined) throw new Error('the host is open');
    return this.#log;
  }

  get witness(): CheckpointWitness {
    if (this.#witness === undefined) throw new Error('the host is open');
    return this.#witness;
  }

  #below(count: number): number {
    return Math.floor(this.#random.fraction() * count);
  }

  /** Does something that hosts do; with another host at hand, also asks it to cosign. */
  async step(other: HonestHost, material: Material): Promise<void> {
    const choice = this.#below(14);
    if (choice < 4) await this.#append();
    else if (choice < 6) material.notes.push(unwrap(await this.log.checkpoint()));
    else if (choice < 8) await this.#askFor(other, material);
    else if (choice < 10) await this.#prove(material);
    else if (choice < 12) await this.#tempt(material);
    else if (choice === 12) this.#now_ms += (this.#below(200) - 50) * 1000;
    else await this.#restart();
  }

  async #append(): Promise<void> {
    for (let left = 1 + this.#below(3); left > 0; left -= 1) {
      unwrap(await this.log.append({ subject: 'agent', payload: this.#random.bytes(8) }, { durable: this.#random.fraction() < 0.5 }));
    }
  }

  async #askFor(other: HonestHost, material: Material): Promise<void> {
    const note = unwrap(await this.log.checkpoint());
    const size = this.log.latest()?.size ?? 0;
    // Now and then a host asks with an old size that is not the witness's, as after an answer that was lost.
    const old_size = this.#random.fraction() < 0.2 ? this.#below(size + 1) : await other.#known(this.origin);
    const consistency = old_size <= size ? unwrap(await this.log.consistency(old_size, size)) : [];
    const answer = unwrap(decodeAnswer(encodeAnswer(await other.witness.add(encodeRequest(old_size, consistency, note)))));
    material.notes.push(note);
    if (answer.status !== 200) return;
    unwrap(await this.log.addCosignature(size, answer.body.slice(0, -1)));
    material.notes.push(unwrap(await this.log.cosigned(size)), unwrap(await other.witness.known(this.origin)));
  }

  /** The log that tells two stories asks for a cosignature: of either, at any size, from any old size. */
  async #tempt(material: Material): Promise<void> {
    if (this.#tempter === undefined) return;
    const { log, stories } = this.#tempter;
    const story = stories[this.#below(2)] ?? stories[0];
    const size = 1 + this.#below(story.leaves.length);
    const old_size = this.#random.fraction() < 0.5 ? await this.#known(log.origin) : this.#below(size + 1);
    const answer = await this.witness.add(encodeRequest(old_size, story.consistency(old_size, size), log.note(story, size)));
    material.notes.push(log.note(story, size));
    const known = answer.status === 200 ? await this.witness.known(log.origin) : undefined;
    if (known !== undefined) material.notes.push(unwrap(known));
    // A crash just after an answer is where a witness could forget what it said.
    if (this.#random.fraction() < 0.2) await this.#restart();
  }

  async #known(origin: string): Promise<number> {
    const note = await this.witness.known(origin);
    return note.ok ? Number(fromUtf8(note.value)?.split('\n')[1]) : 0;
  }

  async #prove(material: Material): Promise<void> {
    const size = this.log.latest()?.size ?? 0;
    if (size === 0) return;
    const index = this.#below(size);
    const { entry } = unwrap(await this.log.read(index));
    const hashes = unwrap(await this.log.inclusion(index, size));
    const checkpoint = unwrap(await this.log.cosigned(size));
    material.leaves.push({ leaf_hash: leafHash(entry), proof: formatProof({ index, hashes, checkpoint, ...(this.#below(2) === 0 ? {} : { extra: utf8('extra') }) }) });
  }

  async #restart(): Promise<void> {
    if (this.#random.fraction() < 0.5) {
      await this.log.close();
      this.#store.settle();
    } else await this.#store.crash(this.#random.fraction());
    await this.#open(false);
    if (this.log.frozen !== undefined) throw new Error(`an honest log froze: ${this.log.frozen.reason}`);
  }
}
