import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { compare, concat, fromHex, toHex, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { IdPool } from '../../crypto/id-pool.ts';
import { PrefixTrie } from '../../crypto/prefix-trie.ts';
import { branchNodeHash, childHashes, idsOf, leaf_ids_max, leafNodeHash } from '../../crypto/trie-node.ts';
import { suite } from '../harness.ts';

const test = suite('crypto/prefix-trie');

const idOf = (number: number): Uint8Array => sha256(utf8(`id ${number}`));
const all = Array.from({ length: 3000 }, (_, index) => idOf(index));
/** Ids that share all but the last digits, so that branches are deep. */
const close = Array.from({ length: 100 }, (_, index) => concat(new Uint8Array(31).fill(0xab), Uint8Array.of(index)));

function made(ids: Iterable<Uint8Array>): PrefixTrie {
  const trie = new PrefixTrie();
  for (const id of ids) trie.add(id);
  return trie;
}

/** The hash of a set by its definition: from the ids alone, without any tree in memory. */
function naiveHash(ids: readonly Uint8Array[], depth: number): Uint8Array {
  const sorted = [...ids].sort(compare);
  if (sorted.length <= leaf_ids_max) return leafNodeHash(concat(...sorted));
  let map = 0;
  const hashes: Uint8Array[] = [];
  for (let digit = 0; digit < 16; digit += 1) {
    const below = sorted.filter((id) => toHex(id).charAt(depth) === digit.toString(16));
    if (below.length === 0) continue;
    map |= 1 << digit;
    hashes.push(naiveHash(below, depth + 1));
  }
  return branchNodeHash(map, concat(...hashes));
}

/** What one trie has and another has not, by walking down where hashes differ. */
function missingIn(own: PrefixTrie, theirs: PrefixTrie): string[] {
  const missing: string[] = [];
  const visit = (prefix: string): void => {
    const [a, b] = [own.hash(prefix), theirs.hash(prefix)];
    if (b === undefined || (a !== undefined && compare(a, b) === 0)) return;
    const node = theirs.node(prefix);
    if (node?.kind === 'leaf') missing.push(...idsOf(node.ids).filter((id) => !own.has(id)).map(toHex));
    if (node?.kind === 'branch') for (const digit of childHashes(node.map, node.hashes).keys()) visit(prefix + digit);
  };
  visit('');
  return missing.sort();
}

test('the root is that of the definition, for few, many and close ids', () => {
  for (const ids of [[], all.slice(0, 1), all.slice(0, leaf_ids_max), all.slice(0, leaf_ids_max + 1), all, close, [...all, ...close]]) {
    assert.is(toHex(made(ids).root()), toHex(naiveHash(ids, 0)), `${ids.length} ids`);
  }
});

test('whatever is added and removed in whatever order, the same set has the same root, also with roots asked for between', () => {
  const pool = [...all.slice(0, 150), ...close];
  const step = fc.record({ index: fc.nat(pool.length - 1), adds: fc.boolean(), asks: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
    const trie = new PrefixTrie();
    const set = new Map<string, Uint8Array>();
    for (const { index, adds, asks } of steps) {
      const id = pool[index] ?? new Uint8Array(32);
      const name = toHex(id);
      assert.is(adds ? trie.add(id) : trie.delete(id), adds !== set.has(name));
      if (adds) set.set(name, id);
      else set.delete(name);
      if (asks) trie.root();
    }
    assert.is(trie.size, set.size);
    assert.is(toHex(trie.root()), toHex(naiveHash([...set.values()], 0)));
    assert.equal([...trie.ids()].map(toHex), [...set.keys()].sort());
  }), { numRuns: 60 });
});

test('differences are found exactly, whichever trie has more', () => {
  const pool = [...all.slice(0, 400), ...close];
  const part = fc.subarray(pool);
  fc.assert(fc.property(part, part, (left, right) => {
    const names = new Set(left.map(toHex));
    assert.equal(missingIn(made(left), made(right)), right.map(toHex).filter((name) => !names.has(name)).sort());
  }), { numRuns: 60 });
});

test('removing everything leaves the empty trie, and its memory is used again', () => {
  const pool = new IdPool();
  const trie = new PrefixTrie(pool);
  const other = new PrefixTrie(pool);
  for (const id of all) trie.add(id);
  for (const id of all.slice(0, 1000)) trie.delete(id);
  for (const id of close) other.add(id);
  assert.is(toHex(trie.root()), toHex(naiveHash(all.slice(1000), 0)), 'what another trie adds to the pool changes nothing here');
  trie.clear();
  assert.is(trie.size, 0);
  assert.is(toHex(trie.root()), toHex(new PrefixTrie().root()));
  for (const id of all) trie.add(id);
  assert.is(toHex(trie.root()), toHex(naiveHash(all, 0)));
  assert.is(toHex(other.root()), toHex(naiveHash(close, 0)));
});

test('a set that shrinks has at every size the root of its definition', () => {
  for (const ids of [all.slice(0, 120), close]) {
    const trie = made(ids);
    for (const [index, id] of ids.entries()) {
      assert.ok(trie.delete(id));
      assert.is(toHex(trie.root()), toHex(naiveHash(ids.slice(index + 1), 0)), `${ids.length - index - 1} left`);
    }
  }
});

test('places that became free are used before new ones', () => {
  const pool = new IdPool();
  const trie = new PrefixTrie(pool);
  for (let round = 0; round < 5; round += 1) {
    for (const id of all.slice(0, 200)) trie.add(id);
    for (const id of all.slice(0, 100)) trie.delete(id);
    trie.clear();
  }
  const places = Array.from({ length: 200 }, (_, index) => pool.add(idOf(index)));
  assert.ok(Math.max(...places) < 200, 'no more than was ever used at once');
});

test('nodes show what hashes to their hash, below a leaf as well', () => {
  const trie = made([...all, ...close]);
  const check = (prefix: string): number => {
    const node = trie.node(prefix);
    const hash = trie.hash(prefix);
    if (node === undefined || hash === undefined) throw new Error(`there is no node ${prefix}`);
    if (node.kind === 'leaf') {
      assert.equal(leafNodeHash(node.ids), hash);
      assert.ok(idsOf(node.ids).every((id) => toHex(id).startsWith(prefix)));
      return idsOf(node.ids).length;
    }
    assert.equal(branchNodeHash(node.map, node.hashes), hash);
    return [...childHashes(node.map, node.hashes)].reduce((sum, [digit, child]) => {
      assert.equal(trie.hash(prefix + digit), child);
      return sum + check(prefix + digit);
    }, 0);
  };
  assert.is(check(''), all.length + close.length);
  const [first = new Uint8Array(32)] = all;
  const name = toHex(first);
  assert.equal(trie.hash(name.slice(0, 10)), leafNodeHash(first));
  assert.is(trie.count(name.slice(0, 12)), 1);
  assert.is(trie.node('0123456789'), undefined);
  assert.is(trie.count('0123456789'), 0);
});

test('ids come in ascending order, from a prefix and from a place on', () => {
  const trie = made(all);
  const names = all.map(toHex).sort();
  const after = names[1234] ?? '';
  assert.equal([...trie.ids('', fromHex(after) ?? null)].map(toHex), names.slice(1235));
  assert.equal([...trie.ids('a')].map(toHex), names.filter((name) => name.startsWith('a')));
  assert.equal([...trie.ids(after.slice(0, 1), fromHex(after) ?? null)].map(toHex), names.slice(1235).filter((name) => name.startsWith(after.charAt(0))));
  assert.equal([...trie.ids('', new Uint8Array(32).fill(255))], []);
});

test('one id more or less, or one bit of it, changes the root', () => {
  const root = toHex(made(all).root());
  for (const index of [0, 17, 2999]) {
    const others = all.filter((_, each) => each !== index);
    const changed = Uint8Array.from(all[index] ?? []);
    changed[31] = (changed[31] ?? 0) ^ 1;
    assert.is.not(toHex(made(others).root()), root);
    assert.is.not(toHex(made([...others, changed]).root()), root);
  }
});

test.run();
