import { assert } from './assert.ts';
import { digest_bytes } from './hash.ts';

/** Ids in one slab of memory. */
const slab_ids = 4096;

/** Where the ids of several tries lie: slabs of memory with places of 32 bytes, used again when they become free. */
export class IdPool {
  readonly #slabs: Buffer[] = [];
  readonly #free: number[] = [];
  #used = 0;

  /** Copies an id to a free place. */
  add(id: Uint8Array): number {
    const free = this.#free.pop();
    const place = free ?? this.#used;
    if (free === undefined) {
      if (place % slab_ids === 0) this.#slabs.push(Buffer.alloc(slab_ids * digest_bytes));
      this.#used += 1;
    }
    this.#slab(place).set(id, (place % slab_ids) * digest_bytes);
    return place;
  }

  /** Gives a place back. */
  release(place: number): void {
    this.#free.push(place);
  }

  /** The id at a place; its bytes hold until the place is given back. */
  at(place: number): Uint8Array {
    const offset = (place % slab_ids) * digest_bytes;
    return this.#slab(place).subarray(offset, offset + digest_bytes);
  }

  /** The order of an id and the one at a place. */
  compare(id: Uint8Array, place: number): number {
    const slab = this.#slab(place);
    const offset = (place % slab_ids) * digest_bytes;
    // Nearly all pairs differ in the first bytes, and a call into the runtime for the rest costs more than these.
    for (let index = 0; index < digest_bytes; index += 1) {
      const order = (id[index] ?? 0) - (slab[offset + index] ?? 0);
      if (order !== 0) return order;
    }
    return 0;
  }

  /** Copies the id at a place. */
  copy(place: number, target: Uint8Array, target_offset: number): void {
    const offset = (place % slab_ids) * digest_bytes;
    this.#slab(place).copy(target, target_offset, offset, offset + digest_bytes);
  }

  #slab(place: number): Buffer {
    const slab = this.#slabs[Math.floor(place / slab_ids)];
    assert(slab !== undefined, 'a place lies in a slab');
    return slab;
  }
}
