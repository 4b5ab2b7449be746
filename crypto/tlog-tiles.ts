/** The resources of a log in C2SP tlog-tiles: their paths, what they hold, and which of them a tree of a size has. */
import { parseDecimal } from './checkpoint.ts';
import { digest_bytes } from './hash.ts';
import { Frontier, tree_size_max } from './merkle.ts';
import { fail, ok, type Result } from './result.ts';

/** Hashes in a full tile, and entries in a full bundle. */
export const tile_width = 256;
/** The highest level that a tree of fewer than 2^53 leaves has tiles of. */
export const tile_level_max = 6;
/** The longest path: the largest number has six parts of five characters. */
export const tile_path_length_max = 64;

/** A tile of hashes or, at level `entries`, a bundle of entries. `width` is 256 where it is full. */
export interface TileName {
  readonly level: number | 'entries';
  readonly number: number;
  readonly width: number;
}

/** What a path names: the signed head or a tile. */
export type LogResource = { readonly kind: 'checkpoint' } | ({ readonly kind: 'tile' } & TileName);

/** The path of a tile, as `tile/0/x001/x234/067` or `tile/entries/000.p/17`. */
export function tilePath({ level, number, width }: TileName): string {
  let path = String(number % 1000).padStart(3, '0');
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000)) path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  return `tile/${level}/${path}${width === tile_width ? '' : `.p/${width}`}`;
}

const path_form = /^tile\/(?<level>entries|[0-9]{1,2})\/(?<number>(?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/(?<width>[1-9][0-9]{0,2}))?$/;

/** Parses a path, of which each resource has exactly one. Fails with `TILE_PATH_INVALID`. */
export function parseTilePath(path: string): Result<LogResource> {
  if (path === 'checkpoint') return ok({ kind: 'checkpoint' });
  const groups = path.length > tile_path_length_max ? undefined : path_form.exec(path)?.groups;
  const level = groups?.['level'] === 'entries' ? 'entries' : parseDecimal(groups?.['level'] ?? '');
  const number = Number((groups?.['number'] ?? '-').replaceAll(/[x/]/g, ''));
  const width = Number(groups?.['width'] ?? tile_width);
  const is_named = level !== undefined && Number.isSafeInteger(number) && (level === 'entries' || level <= tile_level_max);
  const is_partial = groups?.['width'] !== undefined;
  // Zeros before the first digit that counts would be a second spelling.
  if (!is_named || width > tile_width || (is_partial && width === tile_width) || tilePath({ level, number, width }) !== path) {
    return fail('TILE_PATH_INVALID', 'a path is checkpoint, tile/<level>/<number> or tile/entries/<number>, and .p/<1 to 255> for a partial one');
  }
  return ok({ kind: 'tile', level, number, width });
}

/** How many entries a tree has at least if it has this tile. */
function tileEnd({ level, number, width }: TileName): number {
  return (number * tile_width + width) * tile_width ** (level === 'entries' ? 0 : level);
}

/** Whether the tree of a size has this tile, or had it when it was smaller. */
export function hasTile(size: number, tile: TileName): boolean {
  const end = tileEnd(tile);
  return end <= size && end <= tree_size_max;
}

/** The partial tiles at the right edge of a tree of a size, level by level; none where a level ends with a full one. */
export function edgeTiles(size: number): readonly (TileName & { readonly level: number })[] {
  const tiles: (TileName & { readonly level: number })[] = [];
  for (let level = 0, rest = size; rest > 0; level += 1, rest = Math.floor(rest / tile_width)) {
    if (rest % tile_width > 0) tiles.push({ level, number: Math.floor(rest / tile_width), width: rest % tile_width });
  }
  return tiles;
}

/** The hashes of a tile's bytes. Fails with `TILE_INVALID`. */
export function decodeTile(bytes: Uint8Array, width: number): Result<Uint8Array[]> {
  if (bytes.length !== width * digest_bytes) return fail('TILE_INVALID', `a tile of width ${width} has ${width * digest_bytes} bytes, this one ${bytes.length}`);
  return ok(Array.from({ length: width }, (_, at) => bytes.subarray(at * digest_bytes, (at + 1) * digest_bytes)));
}

/** The perfect subtrees of a row of hashes, largest first. */
function folded(hashes: readonly Uint8Array[]): Frontier {
  const frontier = new Frontier();
  for (const hash of hashes) frontier.append(hash);
  return frontier;
}

/** The hash of a full tile in the level above, or of any row of hashes alone. */
export function tileRoot(hashes: readonly Uint8Array[]): Uint8Array {
  return folded(hashes).root();
}

/** The root of a tree from the hashes of its {@link edgeTiles}, given from level 0 upwards. */
export function rootOfEdge(size: number, edge: readonly (readonly Uint8Array[])[]): Uint8Array {
  return new Frontier(size, edge.toReversed().flatMap((hashes) => folded(hashes).hashes)).root();
}
