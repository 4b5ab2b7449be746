import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { RecentMap } from '../../crypto/recent.ts';
import { suite } from '../harness.ts';

const test = suite('crypto/recent');

test('what was added or asked for lately is remembered, and never more than the bound', () => {
  const map = new RecentMap<number, string>(10);
  for (let key = 0; key < 100; key += 1) map.set(key, `value ${key}`);
  const remembered = Array.from({ length: 100 }, (_, key) => key).filter((key) => map.get(key) !== undefined);
  assert.ok(remembered.length <= 10);
  assert.equal(remembered.slice(-5), [95, 96, 97, 98, 99]);
  for (let key = 100; key < 1000; key += 1) {
    map.set(key, 'other');
    assert.is(map.get(99), 'value 99', 'asked for again and again');
  }
});

test('an answer is always the last value of its key', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(12), fc.nat(3))), (operations) => {
    const [map, all] = [new RecentMap<number, number>(6), new Map<number, number>()];
    for (const [key, value] of operations) {
      if (value > 0) {
        map.set(key, value);
        all.set(key, value);
        assert.is(map.get(key), value);
      } else assert.ok([undefined, all.get(key)].includes(map.get(key)));
    }
  }));
});

test.run();
