/** A log without a disk, which gives its tiles by the definition of C2SP tlog-tiles, hash by hash. */
import { bigEndian, concat, utf8 } from '../../crypto/bytes.ts';
import { cosign, logOrigin, signCheckpoint, witnessName, withLines } from '../../crypto/checkpoint.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { leafHash, nodeHash } from '../../crypto/merkle.ts';
import { signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { ok, unwrap, type Result } from '../../crypto/result.ts';
import { parseTilePath } from '../../crypto/tlog-tiles.ts';
import type { TileSource } from '../../protocols/tiles/index.ts';

const witness_key = signingKey(new Uint8Array(32).fill(61));
const witness_name = witnessName('did:mesh:bwitness', witness_key.public_key);

/** The vkey of the one witness that cosigns these logs, and its name. */
export const cosigner: { readonly name: string; readonly vkey: string } = {
  name: witness_name, vkey: verifierKey(witness_name, signature_type_witness, witness_key.public_key),
};

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

/** A log whose entries are texts; from `forked_at` on they are others. */
export class LogInMemory implements TileSource {
  readonly did = 'did:mesh:blog';
  readonly key: SigningKey = signingKey(new Uint8Array(32).fill(60));
  readonly origin: string = logOrigin(this.did, this.key.public_key);
  readonly vkey: string = verifierKey(this.origin, signature_type_log, this.key.public_key);
  /** How many entries the shown checkpoint covers. */
  size = 0;
  /** Whether a witness cosigned it. */
  cosigned = true;
  readonly #entries: Uint8Array[] = [];
  readonly #known = new Map<string, Uint8Array>();
  readonly #forked_at: number;

  readonly #padding: string;

  constructor(size: number, forked_at: number = Number.POSITIVE_INFINITY, padding_bytes = 0) {
    this.#forked_at = forked_at;
    this.#padding = ' '.repeat(padding_bytes);
    this.grow(size);
  }

  /** Makes it longer. */
  grow(size: number): void {
    for (let index = this.#entries.length; index < size; index += 1) this.#entries.push(utf8(`entry ${index}${index >= this.#forked_at ? ' forked' : ''}${this.#padding}`));
    this.size = size;
  }

  /** The Merkle tree hash of a range of entries (RFC 6962 section 2.1). */
  root(start: number, end: number): Uint8Array {
    if (end - start === 1) return leafHash(this.#entries[start] ?? new Uint8Array());
    const known = this.#known.get(`${start}-${end}`);
    if (known !== undefined) return known;
    const middle = start + largestPowerBelow(end - start);
    const hash = nodeHash(this.root(start, middle), this.root(middle, end));
    this.#known.set(`${start}-${end}`, hash);
    return hash;
  }

  checkpoint(): Promise<Result<Uint8Array>> {
    return Promise.resolve(ok(this.#note()));
  }

  tile(level: number, number: number, width: number): Promise<Result<Uint8Array>> {
    return Promise.resolve(ok(this.#tile(level, number, width)));
  }

  bundle(number: number, width: number): Promise<Result<Uint8Array>> {
    return Promise.resolve(ok(this.#bundle(number, width)));
  }

  /** What this log answers to a path. */
  answer(path: string): Uint8Array {
    const resource = unwrap(parseTilePath(path));
    if (resource.kind === 'checkpoint') return this.#note();
    const { level, number, width } = resource;
    return level === 'entries' ? this.#bundle(number, width) : this.#tile(level, number, width);
  }

  #note(): Uint8Array {
    const checkpoint = { origin: this.origin, size: this.size, root: this.root(0, this.size) };
    const note = signCheckpoint(this.key, checkpoint);
    return this.cosigned ? withLines(note, [cosign(witness_key, witness_name, checkpoint, 1_700_000_000)]) : note;
  }

  #tile(level: number, number: number, width: number): Uint8Array {
    return concat(...Array.from({ length: width }, (_, at) => this.root((number * 256 + at) * 256 ** level, (number * 256 + at + 1) * 256 ** level)));
  }

  #bundle(number: number, width: number): Uint8Array {
    return concat(...this.#entries.slice(number * 256, number * 256 + width).flatMap((entry) => [bigEndian(entry.length, 2), entry]));
  }
}
