/**
 * The logs of one host beside each other: a host whose log had to end goes on
 * with a successor, and the old one stays as it is. Each log sees a store and
 * files of its own, and need not know its number.
 */
import { assert } from '../crypto/assert.ts';
import { bigEndian, concat } from '../crypto/bytes.ts';
import type { Files } from './files.ts';
import type { Change, Range, Store } from './store.ts';

/** The most logs that a host can have after its first. Their keys begin with a zero byte, those of the first with a letter. */
export const log_number_max = 0x7fff;

function prefixOf(number: number): Uint8Array {
  assert(Number.isSafeInteger(number) && number > 0 && number <= log_number_max, 'a successor has a number of its own');
  return bigEndian(number, 4);
}

function rangeOf(number: number, range: Range): Range {
  const prefix = prefixOf(number);
  const inside = (key: Uint8Array): Uint8Array => concat(prefix, key);
  const { gt, gte = new Uint8Array(), lt, lte, reverse, limit } = range;
  return {
    ...(gt === undefined ? { gte: inside(gte) } : { gt: inside(gt) }),
    ...(lte !== undefined ? { lte: inside(lte) } : { lt: lt === undefined ? bigEndian(number + 1, 4) : inside(lt) }),
    ...(reverse === undefined ? {} : { reverse }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/** The keys of all successors come before those of the first log. */
function firstLogStore(store: Store): Store {
  return {
    get: (space, key) => store.get(space, key),
    batch: (changes, options) => store.batch(changes, options),
    entries: (space, range) => store.entries(space, space === 'log' && range.gt === undefined ? { gte: Uint8Array.of(1), ...range } : range),
    close: () => store.close(),
  };
}

/**
 * The store as log `number` of a host sees it: the first log has the keys of
 * the space `log` as they are, each later one those that begin with its number
 * (u32be). Other spaces are the same for all.
 */
export function logStore(store: Store, number: number): Store {
  if (number === 0) return firstLogStore(store);
  const prefix = prefixOf(number);
  const inside = (change: Change): Change => (change.space === 'log' ? { ...change, key: concat(prefix, change.key) } : change);
  return {
    get: (space, key) => store.get(space, space === 'log' ? concat(prefix, key) : key),
    batch: (changes, options) => store.batch(changes.map(inside), options),
    async *entries(space, range) {
      if (space !== 'log') return yield* store.entries(space, range);
      for await (const [key, value] of store.entries(space, rangeOf(number, range))) yield [key.subarray(prefix.length), value];
    },
    close: () => store.close(),
  };
}

/** The files as log `number` sees them: those of a successor have its number behind their name, as in `head-1`. */
export function logFiles(files: Files, number: number): Files {
  if (number === 0) return files;
  const named = (name: string): string => `${name}-${number}`;
  return {
    read: (name) => files.read(named(name)),
    write: (name, bytes) => files.write(named(name), bytes),
    remove: (name) => files.remove(named(name)),
  };
}
