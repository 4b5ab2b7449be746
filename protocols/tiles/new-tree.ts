import { edgeTiles, type TileName } from '../../crypto/tlog-tiles.ts';

/** The place of a tile of hashes. */
export type HashTile = Pick<TileName, 'number'> & { readonly level: number };

/** The tree that is being copied: its edge, which leads to the signed root, and the last verified full tile of each level. */
export class NewTree {
  readonly #edge: ReadonlyMap<string, readonly Uint8Array[]>;
  readonly #verified = new Map<number, { readonly number: number; readonly hashes: readonly Uint8Array[] }>();

  constructor(size: number, edge: readonly (readonly Uint8Array[])[]) {
    this.#edge = new Map(edgeTiles(size).map(({ level, number }, at) => [`${level}/${number}`, edge[at] ?? []]));
  }

  /** The hashes of a tile that is partial in this tree, or was verified last at its level. */
  known({ level, number }: HashTile): readonly Uint8Array[] | undefined {
    const last = this.#verified.get(level);
    return this.#edge.get(`${level}/${number}`) ?? (last?.number === number ? last.hashes : undefined);
  }

  /** Remembers the hashes of a full tile that was verified. */
  verified({ level, number }: HashTile, hashes: readonly Uint8Array[]): void {
    this.#verified.set(level, { number, hashes });
  }
}
