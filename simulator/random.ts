import { utf8 } from '../crypto/bytes.ts';
import { sha256 } from '../crypto/hash.ts';
import type { Random } from '../protocols/ports.ts';

/**
 * A stream of chance decided by the seed and the name alone, so that one more
 * draw in one place changes nothing in another. sfc32, the small fast counting
 * generator of PractRand: passes its tests, and is no source of secrets.
 */
export function seededRandom(seed: string, name: string): Random {
  const start = new DataView(sha256(utf8(JSON.stringify([seed, name]))).buffer);
  let [a, b, c, counter] = [start.getUint32(0), start.getUint32(4), start.getUint32(8), 1];
  const next = (): number => {
    const output = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = (b ^ (b >>> 9)) >>> 0;
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + output) >>> 0;
    return output;
  };
  // The first outputs still show the start.
  for (let round = 0; round < 12; round += 1) next();
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() >>> 24),
    fraction: () => next() / 2 ** 32,
  };
}
