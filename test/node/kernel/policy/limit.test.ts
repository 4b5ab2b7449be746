import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { unwrap } from '../../../../crypto/result.ts';
import { Meter, parseLimit } from '../../../../node/kernel/policy/limit.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/policy/limit');

test('limits are read in the forms that people write', () => {
  assert.equal(unwrap(parseLimit('100/hour')), { count: 100, period_ms: 3_600_000 });
  assert.equal(unwrap(parseLimit('100/1m')), { count: 100, period_ms: 60_000 });
  assert.equal(unwrap(parseLimit('5 per 30 seconds')), { count: 5, period_ms: 30_000 });
  assert.equal(unwrap(parseLimit('10/2days')), { count: 10, period_ms: 172_800_000 });
  for (const text of ['', '100', '0/hour', '-1/hour', '1/0s', 'a/hour', '1/fortnight', '1.5/hour', '99999999999/s', '1/constructor', '1/400d']) {
    const parsed = parseLimit(text);
    assert.is(parsed.ok ? 'read' : parsed.failure.code, 'LIMIT_INVALID', text);
  }
});

test('the whole count passes at once, one more only after its interval, to the millisecond', () => {
  let now = 1_700_000_000_000;
  const meter = new Meter(() => now);
  const limit = { count: 100, period_ms: 3_600_000 };
  const passes = (): boolean => {
    if (meter.wait('k', limit) > 0) return false;
    meter.charge('k', limit);
    return true;
  };
  for (let call = 0; call < 100; call += 1) assert.ok(passes(), `call ${call}`);
  assert.is(meter.wait('k', limit), 36_000);
  assert.not(passes());
  now += 35_998;
  assert.not(passes());
  now += 2;
  assert.ok(passes());
  assert.not(passes());
  now += 3_600_000;
  for (let call = 0; call < 100; call += 1) assert.ok(passes());
  assert.not(passes());
});

test('in no stretch of time does more pass than the count and what the stretch refills', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 10, max: 5_000 }), fc.array(fc.nat(400), { maxLength: 200 }), (count, period_ms, steps) => {
    let now = 1_700_000_000_000;
    const start = now;
    const meter = new Meter(() => now);
    let passed = 0;
    for (const step of steps) {
      now += step;
      if (meter.wait('k', { count, period_ms }) > 0) continue;
      meter.charge('k', { count, period_ms });
      passed += 1;
      assert.ok(passed <= count + ((now - start + 1) * count) / period_ms + 1e-3);
    }
  }));
});

test('a counter of a clock that was ahead is full for a period of the right time, and no longer', () => {
  let now = 4_000_000_000_000;
  const limit = { count: 2, period_ms: 60_000 };
  const meter = new Meter(() => now);
  meter.charge('k', limit);
  now = 1_700_000_000_000;
  assert.is(meter.wait('k', limit), 30_000);
  now += 30_000;
  assert.is(meter.wait('k', limit), 0);
  meter.charge('k', limit);
  assert.is(meter.wait('k', limit), 30_000);
  const kept = new Meter(() => now);
  kept.keep([{ key: 'k', empty_at_ms: 4_000_000_000_000 }]);
  assert.is(kept.wait('k', limit), 30_000);
});

test('a clock that goes back gives nothing away', () => {
  let now = 1_000_000;
  const meter = new Meter(() => now);
  const limit = { count: 1, period_ms: 1_000 };
  meter.charge('k', limit);
  now -= 500_000;
  assert.ok(meter.wait('k', limit) >= 1_000);
});

test('counters are separate and bounded; a full table refuses new ones until old ones are empty', () => {
  let now = 0;
  const meter = new Meter(() => now, 2);
  const limit = { count: 1, period_ms: 1_000 };
  meter.charge('a', limit);
  now = 500;
  meter.charge('b', limit);
  assert.is(meter.wait('c', limit), Infinity);
  assert.is(meter.size, 2);
  now = 1_000;
  assert.is(meter.wait('c', limit), 0);
  meter.charge('c', limit);
  assert.is(meter.size, 2);
  assert.is(meter.wait('b', limit), 500);
});

test.run();
