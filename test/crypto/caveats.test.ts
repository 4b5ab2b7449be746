import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { parseCapability } from '../../crypto/capability.ts';
import { combine, commonOpening, exceeded, inherit, no_terms, parseCaveats, tightens, widenedCaveat, type Caveats, type Terms } from '../../crypto/caveats.ts';
import { unwrap } from '../../crypto/result.ts';
import { containsWeek, intersectWeeks, isOpen, nextOpening, parseWeek, type Week, type Window } from '../../crypto/week.ts';
import { suite } from '../harness.ts';
import { start_s } from '../people.ts';

const test = suite('crypto/caveats');

function terms(caveats: Caveats): Terms {
  return unwrap(parseCaveats(caveats));
}

function week(...windows: readonly Window[]): Week {
  const parsed = parseWeek(windows);
  assert.ok(parsed !== undefined, JSON.stringify(windows));
  return parsed;
}

function seconds(text: string): number {
  return Date.parse(text) / 1000;
}

/** Whether `child` may follow `parent`, and whether it is tighter. */
function follows(parent: Caveats, child: Caveats): 'looser' | 'same' | 'tighter' {
  const inherited = inherit(terms(parent));
  assert.ok(inherited !== undefined);
  if (widenedCaveat(inherited, terms(child)) !== undefined) return 'looser';
  return tightens(inherited, terms(child)) ? 'tighter' : 'same';
}

test('caveats that are unknown or malformed are refused, and the failure says what is known', () => {
  for (const cav of [
    { weather: 'sunny' }, { max_depth: -1 }, { max_depth: 1.5 }, { trust: 1001 }, { trust: '600' }, null, [], 'none', 7,
    { rate: [0, 60] }, { rate: [10_001, 60] }, { rate: [1, 0] }, { rate: [1, 2_678_401] }, { rate: [1] }, { rate: [1, 2, 3] }, { rate: ['1', '2'] }, { rate: {} },
    { win: [] }, { win: ['mon-fri'] }, { win: [['mon-fri', '08:00', '18:00']] }, { win: [['mon-fri', '08:00', '18:00', 'Europe/Berlin']] },
    { win: Array.from({ length: 17 }, () => ['mon', '08:00', '09:00', 'UTC']) },
    { res: [] }, { res: ['A'] }, { res: ['a', 'a'] }, { res: 'a' }, { res: ['a/../b'] }, { res: Array.from({ length: 33 }, (_, index) => `a${index}`) },
    { tools: [] }, { tools: ['files'] }, { tools: ['mcp:'] }, { tools: [':read'] }, { tools: ['*:read'] }, { tools: ['mcp:a:b'] }, { tools: ['MCP:read'] }, { tools: ['mcp:a', 'mcp:a'] },
    JSON.parse('{"__proto__": {"trust": 1}}'), { trust: 1, toString: 1 },
  ]) {
    const parsed = parseCaveats(cav);
    assert.is(parsed.ok ? 'accepted' : parsed.failure.code, 'CHAIN_CAVEAT_UNKNOWN', JSON.stringify(cav));
    if (!parsed.ok) assert.match(parsed.failure.fix ?? '', /max_depth.*rate.*win.*res.*tools/);
  }
  assert.ok(parseCaveats({ max_depth: 0, trust: 0, rate: [10_000, 2_678_400], win: [['mon-fri', '08:00', '18:00', 'UTC']], res: ['**'], tools: ['mcp:*', 'mcp:files.read'] }).ok);
});

test('windows have one strict form', () => {
  for (const window of [
    ['', '08:00', '18:00', 'UTC'], ['monday', '08:00', '18:00', 'UTC'], ['fri-mon', '08:00', '18:00', 'UTC'], ['mon-mon', '08:00', '18:00', 'UTC'], ['mon,mon', '08:00', '18:00', 'UTC'],
    ['tue,mon', '08:00', '18:00', 'UTC'], ['mon-wed,tue', '08:00', '18:00', 'UTC'], ['mon-', '08:00', '18:00', 'UTC'], ['mon-tue-wed', '08:00', '18:00', 'UTC'], ['Mon', '08:00', '18:00', 'UTC'],
    ['mon', '8:00', '18:00', 'UTC'], ['mon', '08:60', '18:00', 'UTC'], ['mon', '24:00', '18:00', 'UTC'], ['mon', '08:00', '24:01', 'UTC'], ['mon', '08:00', '08:00', 'UTC'], ['mon', '22:00', '00:00', 'UTC'],
    ['mon', '08:00', '25:00', 'UTC'], ['mon', '08:00', '18:00', '+00:00'], ['mon', '08:00', '18:00', '-00:00'], ['mon', '08:00', '18:00', '+14:01'], ['mon', '08:00', '18:00', 'utc'],
    ['mon', '08:00', '18:00', '02:00'], ['mon', '08:00', '18:00', '+2:00'], ['mon', '08:00', '18:00', 'UTC', 'x'],
  ]) assert.is(parseWeek([window]), undefined, JSON.stringify(window));
});

test('a window is the minutes that it names, in its zone, over the ends of days and weeks', () => {
  const office = week(['mon-fri', '08:00', '18:00', 'UTC']);
  // 2026-01-01 is a Thursday.
  assert.equal(['2026-01-01T07:59:59Z', '2026-01-01T08:00:00Z', '2026-01-01T17:59:59Z', '2026-01-01T18:00:00Z', '2026-01-03T12:00:00Z'].map((time) => isOpen(office, seconds(time))), [false, true, true, false, false]);
  const berlin_winter = week(['mon', '00:00', '24:00', '+01:00']);
  assert.equal(['2026-01-04T22:59:59Z', '2026-01-04T23:00:00Z', '2026-01-05T22:59:59Z', '2026-01-05T23:00:00Z'].map((time) => isOpen(berlin_winter, seconds(time))), [false, true, true, false]);
  const night = week(['sun', '22:00', '06:00', 'UTC']);
  assert.equal(['2026-01-04T21:59:00Z', '2026-01-04T22:00:00Z', '2026-01-05T05:59:00Z', '2026-01-05T06:00:00Z'].map((time) => isOpen(night, seconds(time))), [false, true, true, false]);
  assert.equal(week(['mon-sun', '00:00', '24:00', '-05:00']), [[0, 10_080]], 'the whole week in whatever zone');
  assert.equal(week(['mon', '08:00', '12:00', 'UTC'], ['mon', '12:00', '18:00', 'UTC']), week(['mon', '08:00', '18:00', 'UTC']), 'windows that touch are one');
});

test('the next opening is the first minute that is open', () => {
  const office = week(['mon-fri', '08:00', '18:00', 'UTC']);
  assert.is(nextOpening(office, seconds('2026-01-01T07:10:30Z')), seconds('2026-01-01T08:00:00Z'));
  assert.is(nextOpening(office, seconds('2026-01-02T18:00:00Z')), seconds('2026-01-05T08:00:00Z'), 'over the weekend');
  assert.is(nextOpening(office, seconds('2026-01-02T12:00:00Z')), seconds('2026-01-02T12:00:00Z'), 'now');
  assert.is(nextOpening([], 0), undefined);
  const afternoons = terms({ win: [['mon-fri', '14:00', '16:00', 'UTC']] });
  assert.is(commonOpening([terms({ win: [['wed-sat', '08:00', '18:00', 'UTC']] }), no_terms, afternoons], seconds('2026-01-03T15:00:00Z')), seconds('2026-01-07T14:00:00Z'), 'all of them');
});

const minute_text = (minute: number): string => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
const day_names = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const some_window = fc.record({
  first: fc.nat(6), more: fc.nat(6), from: fc.integer({ min: 0, max: 47 }), to: fc.integer({ min: 1, max: 48 }),
  zone: fc.constantFrom('UTC', '+01:00', '-05:00', '+05:30', '+14:00', '-14:00'),
}).filter(({ from, to }) => from !== to).map(({ first, more, from, to, zone }): Window => {
  const last = Math.min(6, first + more);
  const days = last === first ? day_names[first] ?? '' : `${day_names[first] ?? ''}-${day_names[last] ?? ''}`;
  return [days, minute_text(from * 30), minute_text(to * 30), zone];
});
const some_week = fc.array(some_window, { minLength: 1, maxLength: 3 });

/** A second reading: whether a moment lies in a window, from the local time of that moment. */
function lies([days, from, to, zone]: Window, minute_of_week: number): boolean {
  const [, sign = '+', hours = '0', minutes = '0'] = /([+-])(\d\d):(\d\d)/.exec(zone) ?? [];
  const offset = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const local = (minute_of_week + offset + 10_080) % 10_080;
  const [first = '', last = first] = days.split('-');
  const isNamed = (day: number): boolean => day >= day_names.indexOf(first) && day <= day_names.indexOf(last);
  const time = minute_text(local % 1440);
  const day = Math.floor(local / 1440);
  return from < to ? isNamed(day) && time >= from && time < to : (isNamed(day) && time >= from) || (isNamed((day + 6) % 7) && time < to);
}

test('weeks behave as sets of minutes: membership, containment and intersection are exact', () => {
  const monday = seconds('2026-01-05T00:00:00Z');
  const minutes = Array.from({ length: 336 }, (_, index) => index * 30);
  let contained = 0;
  fc.assert(fc.property(some_week, some_week, fc.boolean(), (first, other, is_part) => {
    // Two weeks at random are seldom one within the other.
    const second = is_part ? first.slice(0, 1) : other;
    const [a, b] = [week(...first), week(...second)];
    const [in_a, in_b] = [first, second].map((windows) => minutes.map((minute) => windows.some((window) => lies(window, minute))));
    assert.equal(minutes.map((minute) => isOpen(a, monday + minute * 60)), in_a);
    const both = intersectWeeks(a, b);
    assert.equal(minutes.map((minute) => isOpen(both, monday + minute * 60)), in_a?.map((is_in, index) => is_in && in_b?.[index] === true));
    const is_subset = in_b?.every((is_in, index) => !is_in || in_a?.[index] === true) === true;
    assert.is(containsWeek(a, b), is_subset);
    contained += Number(is_subset);
    const from = monday + 7 * 60;
    const opening = nextOpening(a, from) ?? 0;
    const expected = minutes.map((minute) => monday + minute * 60).concat(minutes.map((minute) => monday + (minute + 10_080) * 60)).find((time) => time >= from && isOpen(a, time));
    assert.is(isOpen(a, from) ? from : opening, isOpen(a, from) ? from : expected);
  }), { numRuns: 500 });
  assert.ok(contained > 10, 'both answers were seen');
});

test('a further link may only tighten each caveat, and passing it on unchanged is no tightening', () => {
  const cases: readonly (readonly [Caveats, Caveats, 'looser' | 'same' | 'tighter'])[] = [
    [{ trust: 600 }, { trust: 599 }, 'looser'], [{ trust: 600 }, { trust: 600 }, 'same'], [{ trust: 600 }, {}, 'same'], [{ trust: 600 }, { trust: 700 }, 'tighter'], [{}, { trust: 0 }, 'same'],
    [{ max_depth: 2 }, { max_depth: 2 }, 'looser'], [{ max_depth: 2 }, { max_depth: 1 }, 'same'], [{ max_depth: 2 }, { max_depth: 0 }, 'tighter'], [{}, { max_depth: 3 }, 'tighter'],
    [{ rate: [10, 60] }, { rate: [11, 60] }, 'looser'], [{ rate: [10, 60] }, { rate: [10, 59] }, 'looser'], [{ rate: [10, 60] }, { rate: [1, 5] }, 'looser'], [{ rate: [10, 60] }, { rate: [20, 3600] }, 'looser'],
    [{ rate: [10, 60] }, { rate: [10, 60] }, 'same'], [{ rate: [10, 60] }, { rate: [5, 30] }, 'tighter'], [{ rate: [10, 60] }, { rate: [10, 3600] }, 'tighter'], [{}, { rate: [10, 60] }, 'tighter'],
    [{ win: [['mon-fri', '08:00', '18:00', 'UTC']] }, { win: [['sat', '08:00', '18:00', 'UTC']] }, 'looser'],
    [{ win: [['mon-fri', '08:00', '18:00', 'UTC']] }, { win: [['mon-fri', '08:00', '18:00', '+01:00']] }, 'looser'],
    [{ win: [['mon-fri', '08:00', '18:00', 'UTC']] }, { win: [['mon-fri', '09:00', '19:00', '+01:00']] }, 'same'],
    [{ win: [['mon-fri', '08:00', '18:00', 'UTC']] }, { win: [['mon', '10:00', '12:00', '+01:00']] }, 'tighter'],
    [{}, { win: [['mon-sun', '00:00', '24:00', 'UTC']] }, 'same'],
    [{ res: ['tenant/acme/**'] }, { res: ['tenant/**'] }, 'looser'], [{ res: ['tenant/acme/**'] }, { res: ['tenant/acme'] }, 'looser'], [{ res: ['a', 'b/*'] }, { res: ['b/x', 'c'] }, 'looser'],
    [{ res: ['a', 'b/*'] }, { res: ['b/x'] }, 'tighter'], [{ res: ['a', 'b/*'] }, { res: ['b/*', 'a'] }, 'same'], [{}, { res: ['**'] }, 'same'],
    [{ tools: ['mcp:files.read'] }, { tools: ['mcp:*'] }, 'looser'], [{ tools: ['mcp:*'] }, { tools: ['mcp:files.read'] }, 'tighter'], [{ tools: ['mcp:*'] }, { tools: ['mcp2:files.read'] }, 'looser'],
    [{ tools: ['mcp:a', 'mcp:b'] }, { tools: ['mcp:b', 'mcp:a'] }, 'same'], [{}, { tools: ['mcp:*'] }, 'tighter'],
  ];
  for (const [parent, child, expected] of cases) assert.is(follows(parent, child), expected, `${JSON.stringify(parent)} then ${JSON.stringify(child)}`);
  const widened = widenedCaveat(terms({ rate: [10, 60] }), terms({ rate: [11, 60] }));
  assert.equal([widened?.code, widened?.fix.includes('10')], ['CHAIN_WIDENED', true], 'says what would pass');
  assert.is(inherit(terms({ max_depth: 0 })), undefined);
});

test('what is inherited stays in force below a link that says nothing of it', () => {
  const below = combine(terms({ trust: 600, res: ['a/**'], win: [['mon', '08:00', '18:00', 'UTC']] }), terms({ res: ['a/b'] }));
  assert.equal(below.stated, { trust: 600, res: ['a/b'], win: [['mon', '08:00', '18:00', 'UTC']] });
  assert.equal(below.resources, [['a', 'b']]);
  assert.equal(below.week, week(['mon', '08:00', '18:00', 'UTC']));
});

test('a command is held to resources, tools and windows, and a refusal says what would pass', () => {
  const check = (caveats: Caveats, command: string, now_s: number = start_s): readonly [string, string] | undefined => {
    const own = terms(caveats);
    const refusal = exceeded(own, unwrap(parseCapability(command)), now_s, () => commonOpening([own], now_s));
    return refusal === undefined ? undefined : [refusal.code, refusal.fix];
  };
  assert.is(check({}, 'read:anything'), undefined);
  assert.is(check({ res: ['tenant/acme/**'] }, 'read:tenant/acme/x'), undefined);
  assert.equal(check({ res: ['tenant/acme/**'] }, 'read:tenant/other/x'), ['CHAIN_EXCEEDED', 'a resource within tenant/acme/**']);
  assert.is(check({ tools: ['mcp:files.read'] }, 'tool:mcp/files.read'), undefined);
  assert.is(check({ tools: ['mcp:*'] }, 'tool:mcp/files.read'), undefined);
  for (const command of ['tool:mcp/files.write', 'tool:mcp2/files.read', 'tool:mcp', 'tool:mcp/files.read/x', 'read:mcp/files.read', 'read:reports']) {
    assert.is(check({ tools: ['mcp:files.read'] }, command)?.[0], 'CHAIN_EXCEEDED', command);
  }
  assert.equal(check({ win: [['mon', '08:00', '18:00', 'UTC']] }, 'read:x', seconds('2026-01-01T12:00:00Z')), ['INVOCATION_WINDOW', 'the same from 2026-01-05T08:00:00.000Z on']);
});

test.run();
