/** The cases of `delegation.json` that need no token: capabilities, caveats and time windows. */
import type { Fields } from '../../crypto/canonical.ts';
import { refusal, type VectorCase } from './case.ts';

const word_63 = 'a'.repeat(63);
const path_16 = Array.from({ length: 16 }, () => 'a').join('/');

function parsed(text: string, verb: string, ...path: readonly string[]): VectorCase {
  return { name: `${text.slice(0, 40)} is a capability`, task: 'parse capability', input: { capability: text }, expect: { verb, path } };
}

function grammar(): VectorCase[] {
  const malformed = [
    '', 'read', ':reports', 'read:', 'Read:reports', 'read:Reports', 'read:a//b', 'read:/a', 'read:a/', 'read:..', 'read:a/../b', 'read:a..b', 'read:.a', 'read:-a', 'read:%61',
    'read:a b', ' read:a', 'read:a ', 'read:a\n', 'read:a\u0000', 'read:\u00e4', 'read:\u0430', 'read:\uff41', 'read:a:b', 'read:a*', 'read:*a', 'read:***', 'read:**/a', 'read:a/**/b',
    're*d:a', '**:a', `${word_63}a:a`, `read:${word_63}a`, `read:${path_16}/a`, 'read:a\\b', 'read:a?', 'read:{a}', 'read:a,b',
  ];
  return [
    parsed('read:reports', 'read', 'reports'), parsed('read:*', 'read', '**'), parsed('read:**', 'read', '**'), parsed('*:**', '*', '**'), parsed('*:a', '*', 'a'),
    parsed('read:a/*/c', 'read', 'a', '*', 'c'), parsed('read:a/*', 'read', 'a', '*'), parsed('read:a/**', 'read', 'a', '**'), parsed('tool:mcp/files.read', 'tool', 'mcp', 'files.read'),
    parsed('read_1-2.x:_a.b-c', 'read_1-2.x', '_a.b-c'), parsed('0:0', '0', '0'), parsed(`${word_63}:${word_63}`, word_63, word_63), parsed(`read:${path_16}`, 'read', ...path_16.split('/')),
    ...malformed.map((text): VectorCase => ({ name: `${JSON.stringify(text.slice(0, 40))} is none`, task: 'parse capability', input: { capability: text }, expect: refusal('CAPABILITY_MALFORMED') })),
  ];
}

function containment(): VectorCase[] {
  const pairs: readonly (readonly [parent: string, child: string, contained: boolean])[] = [
    ['read:a', 'read:a', true], ['read:a', 'read:ab', false], ['read:ab', 'read:a', false], ['read:a', 'read:a/b', false], ['read:a/b', 'read:a', false], ['read:a', 'write:a', false],
    ['*:a', 'read:a', true], ['read:a', '*:a', false], ['*:a', '*:a', true], ['*:**', 'read:a/b/c', true], ['*:**', '*:**', true], ['read:*', 'read:a/b', true],
    ['read:**', 'read:*', true], ['read:**', 'read:*/a', true], ['read:a/**', 'read:a', false], ['read:a/**', 'read:a/b', true], ['read:a/**', 'read:a/b/c', true], ['read:a/**', 'read:a/**', true],
    ['read:a/**', 'read:a/*', true], ['read:a/**', 'read:a/*/**', true], ['read:a/**', 'read:b/c', false], ['read:a/*', 'read:a/b', true], ['read:a/*', 'read:a/b/c', false],
    ['read:a/*', 'read:a/**', false], ['read:a/*', 'read:a/*', true], ['read:a/*', 'read:a', false], ['read:a/b', 'read:a/*', false], ['read:*/b', 'read:a/b', true], ['read:*/b', 'read:a/c', false],
    ['read:*/b', 'read:*/b', true], ['read:*/b', 'read:**', false], ['read:a/*/**', 'read:a/**', false], ['read:a/*/**', 'read:a/b/c', true], ['read:a/*/**', 'read:a/b', false],
    ['read:*/*', 'read:a/**', false], ['read:*/**', 'read:a/**', true], ['read:**', 'read:**', true], ['read:*/*', 'read:**', false],
  ];
  return pairs.map(([parent, child, contained]) => ({
    name: `${child} is ${contained ? '' : 'not '}within ${parent}`, task: 'contains', input: { parent, child }, expect: { contained },
  }));
}

const office = ['mon-fri', '08:00', '18:00', 'UTC'];

function shapes(): VectorCase[] {
  const good: readonly Fields[] = [
    {}, { max_depth: 0 }, { max_depth: 7 }, { trust: 0 }, { trust: 1000 }, { rate: [1, 1] }, { rate: [10_000, 2_678_400] }, { win: [office] },
    { win: [['mon,wed-fri', '22:00', '06:00', '+05:30'], ['sun', '00:00', '24:00', '-14:00']] }, { res: ['**'] }, { res: ['a/*', 'b/**'] }, { res: Array.from({ length: 32 }, (_, index) => `a${index}`) }, { tools: Array.from({ length: 32 }, (_, index) => `mcp:a${index}`) }, { win: Array.from({ length: 16 }, () => office) }, { tools: ['mcp:files.read', 'shell:*'] },
    { max_depth: 1, rate: [2, 3], res: ['a'], tools: ['b:c'], trust: 4, win: [office] },
  ];
  const bad: readonly unknown[] = [
    { weather: 'sunny' }, { trust: 1, toString: 1 }, null, [], 'none', 7,
    { max_depth: -1 }, { max_depth: 1.5 }, { max_depth: '1' }, { max_depth: null }, { trust: -1 }, { trust: 1001 }, { trust: '600' },
    { rate: [0, 60] }, { rate: [10_001, 60] }, { rate: [1, 0] }, { rate: [1, 2_678_401] }, { rate: [1] }, { rate: [1, 2, 3] }, { rate: ['1', '2'] }, { rate: {} }, { rate: 10 }, { rate: [1.5, 60] },
    { win: [] }, { win: office }, { win: [['mon', '08:00', '18:00']] }, { win: [[...office, 'x']] }, { win: Array.from({ length: 17 }, () => office) },
    ...['monday', 'Mon', '', 'fri-mon', 'mon-mon', 'mon,mon', 'tue,mon', 'mon-wed,tue', 'mon-', 'mon-tue-wed', 'mon, tue'].map((days) => ({ win: [[days, '08:00', '18:00', 'UTC']] })),
    ...[['8:00', '18:00'], ['08:60', '18:00'], ['24:00', '18:00'], ['08:00', '24:01'], ['08:00', '25:00'], ['08:00', '08:00'], ['22:00', '00:00'], ['08:00:00', '18:00']].map(([from, to]) => ({ win: [['mon', from, to, 'UTC']] })),
    ...['Europe/Berlin', 'utc', 'Z', '+00:00', '-00:00', '+14:01', '-15:00', '02:00', '+2:00', '+0200', ''].map((zone) => ({ win: [['mon', '08:00', '18:00', zone]] })),
    { res: [] }, { res: 'a' }, { res: ['A'] }, { res: ['a', 'a'] }, { res: ['a/../b'] }, { res: ['a/**/b'] }, { res: [''] }, { res: [1] }, { res: Array.from({ length: 33 }, (_, index) => `a${index}`) },
    { tools: [] }, { tools: 'mcp:a' }, { tools: ['files'] }, { tools: ['mcp:'] }, { tools: [':read'] }, { tools: ['*:read'] }, { tools: ['mcp:a:b'] }, { tools: ['MCP:read'] }, { tools: ['mcp:a*'] },
    { tools: ['mcp:a', 'mcp:a'] }, { tools: Array.from({ length: 33 }, (_, index) => `mcp:a${index}`) },
  ];
  return [
    ...good.map((caveats): VectorCase => ({ name: `caveats ${JSON.stringify(caveats).slice(0, 80)}`, task: 'parse caveats', input: { caveats }, expect: { accepted: true } })),
    ...bad.map((caveats): VectorCase => ({ name: `no caveats: ${JSON.stringify(caveats).slice(0, 60)}`, task: 'parse caveats', input: { caveats }, expect: refusal('CHAIN_CAVEAT_UNKNOWN') })),
  ];
}

type Relation = 'tighter' | 'same' | 'wider' | 'too deep';

function tightening(): VectorCase[] {
  const relations: readonly (readonly [parent: Fields, child: Fields, relation: Relation])[] = [
    [{}, {}, 'same'], [{}, { trust: 1 }, 'tighter'], [{}, { trust: 0 }, 'same'], [{ trust: 600 }, {}, 'same'], [{ trust: 600 }, { trust: 600 }, 'same'], [{ trust: 600 }, { trust: 601 }, 'tighter'], [{ trust: 600 }, { trust: 599 }, 'wider'],
    // What follows a link with max_depth has one less, said or not.
    [{ max_depth: 0 }, {}, 'too deep'], [{ max_depth: 0 }, { max_depth: 0 }, 'too deep'], [{ max_depth: 1 }, {}, 'same'], [{ max_depth: 2 }, { max_depth: 0 }, 'tighter'], [{ max_depth: 2 }, { max_depth: 1 }, 'same'],
    [{ max_depth: 2 }, { max_depth: 2 }, 'wider'], [{}, { max_depth: 6 }, 'tighter'], [{}, { max_depth: 7 }, 'same'], [{}, { max_depth: 8 }, 'wider'],
    [{}, { rate: [10, 60] }, 'tighter'], [{ rate: [10, 60] }, {}, 'same'], [{ rate: [10, 60] }, { rate: [10, 60] }, 'same'], [{ rate: [10, 60] }, { rate: [9, 60] }, 'tighter'], [{ rate: [10, 60] }, { rate: [11, 60] }, 'wider'],
    [{ rate: [10, 60] }, { rate: [10, 59] }, 'wider'], [{ rate: [10, 60] }, { rate: [10, 61] }, 'tighter'], [{ rate: [10, 60] }, { rate: [5, 30] }, 'tighter'], [{ rate: [10, 60] }, { rate: [5, 29] }, 'wider'],
    // As many a second in the mean, but twenty at once.
    [{ rate: [10, 60] }, { rate: [20, 120] }, 'wider'], [{ rate: [3, 10] }, { rate: [1, 3] }, 'wider'], [{ rate: [3, 10] }, { rate: [1, 4] }, 'tighter'],
    [{}, { win: [office] }, 'tighter'], [{ win: [office] }, {}, 'same'], [{ win: [office] }, { win: [['mon-fri', '09:00', '17:00', 'UTC']] }, 'tighter'], [{ win: [office] }, { win: [['mon-sat', '08:00', '18:00', 'UTC']] }, 'wider'],
    [{ win: [office] }, { win: [['mon-fri', '08:00', '18:01', 'UTC']] }, 'wider'], [{ win: [office] }, { win: [['mon-fri', '09:00', '19:00', '+01:00']] }, 'same'], [{ win: [office] }, { win: [['mon-fri', '08:00', '18:00', '+01:00']] }, 'wider'],
    [{ win: [office] }, { win: [['mon-fri', '08:00', '12:00', 'UTC'], ['mon-fri', '12:00', '18:00', 'UTC']] }, 'same'], [{ win: [['mon-sun', '00:00', '24:00', 'UTC']] }, {}, 'same'], [{}, { win: [['mon-sun', '00:00', '24:00', '+03:00']] }, 'same'],
    [{ win: [['sun', '22:00', '06:00', 'UTC']] }, { win: [['mon', '00:00', '06:00', 'UTC']] }, 'tighter'], [{ win: [['sun', '22:00', '06:00', 'UTC']] }, { win: [['sun', '00:00', '06:00', 'UTC']] }, 'wider'],
    [{}, { res: ['a/**'] }, 'tighter'], [{}, { res: ['**'] }, 'same'], [{ res: ['a/**'] }, {}, 'same'], [{ res: ['a/**', 'b'] }, { res: ['a/c'] }, 'tighter'], [{ res: ['a/**', 'b'] }, { res: ['b', 'a/**'] }, 'same'],
    [{ res: ['a/**'] }, { res: ['b'] }, 'wider'], [{ res: ['a/*'] }, { res: ['a/**'] }, 'wider'], [{ res: ['a'] }, { res: ['ab'] }, 'wider'], [{ res: ['a', 'b'] }, { res: ['a', 'c'] }, 'wider'],
    [{}, { tools: ['mcp:a'] }, 'tighter'], [{ tools: ['mcp:a'] }, {}, 'same'], [{ tools: ['mcp:*'] }, { tools: ['mcp:a'] }, 'tighter'], [{ tools: ['mcp:*'] }, { tools: ['mcp:*'] }, 'same'],
    [{ tools: ['mcp:a'] }, { tools: ['mcp:*'] }, 'wider'], [{ tools: ['mcp:a'] }, { tools: ['mcp:ab'] }, 'wider'], [{ tools: ['mcp:a'] }, { tools: ['shell:a'] }, 'wider'], [{ tools: ['mcp:a', 'mcp:b'] }, { tools: ['mcp:b'] }, 'tighter'],
    // Tighter in one caveat does not make up for another.
    [{ trust: 600, rate: [10, 60] }, { trust: 700, rate: [11, 60] }, 'wider'],
  ];
  const codes: { readonly [relation in 'wider' | 'too deep']: string } = { wider: 'CHAIN_WIDENED', 'too deep': 'CHAIN_TOO_DEEP' };
  return relations.map(([parent, child, relation]) => ({
    name: `${JSON.stringify(child)} below ${JSON.stringify(parent)}: ${relation}`, task: 'tighten caveats', input: { parent, child },
    expect: relation === 'wider' || relation === 'too deep' ? refusal(codes[relation]) : { tighter: relation === 'tighter' },
  }));
}

const secondsOf = (time: string): number => Date.parse(time) / 1000;

function evaluation(): VectorCase[] {
  const judged = (caveats: Fields, command: string, time: string, code?: string): VectorCase => ({
    name: `${command} at ${time} under ${JSON.stringify(caveats)}`, task: 'evaluate caveats', input: { caveats, command, now_s: secondsOf(time) },
    expect: code === undefined ? { permitted: true } : refusal(code),
  });
  // 2026-01-01 is a Thursday.
  const thursday = '2026-01-01T12:00:00Z';
  const night = { win: [['sun', '22:00', '06:00', 'UTC']] };
  const berlin = { win: [['mon', '00:00', '24:00', '+01:00']] };
  const closed = 'INVOCATION_WINDOW';
  return [
    judged({}, 'read:a', thursday),
    judged({ win: [office] }, 'read:a', '2026-01-01T07:59:59Z', closed), judged({ win: [office] }, 'read:a', '2026-01-01T08:00:00Z'),
    judged({ win: [office] }, 'read:a', '2026-01-01T17:59:59Z'), judged({ win: [office] }, 'read:a', '2026-01-01T18:00:00Z', closed), judged({ win: [office] }, 'read:a', '2026-01-03T12:00:00Z', closed),
    judged(night, 'read:a', '2026-01-04T21:59:59Z', closed), judged(night, 'read:a', '2026-01-04T22:00:00Z'), judged(night, 'read:a', '2026-01-05T05:59:59Z'), judged(night, 'read:a', '2026-01-05T06:00:00Z', closed),
    judged(berlin, 'read:a', '2026-01-04T22:59:59Z', closed), judged(berlin, 'read:a', '2026-01-04T23:00:00Z'), judged(berlin, 'read:a', '2026-01-05T22:59:59Z'), judged(berlin, 'read:a', '2026-01-05T23:00:00Z', closed),
    judged({ res: ['a/*'] }, 'read:a/b', thursday), judged({ res: ['a/*'] }, 'read:a', thursday, 'CHAIN_EXCEEDED'), judged({ res: ['a/*'] }, 'read:a/b/c', thursday, 'CHAIN_EXCEEDED'), judged({ res: ['a', 'b/**'] }, 'read:b/c/d', thursday),
    judged({ tools: ['mcp:files'] }, 'tool:mcp/files', thursday), judged({ tools: ['mcp:*'] }, 'tool:mcp/files', thursday), judged({ tools: ['mcp:files'] }, 'tool:mcp/other', thursday, 'CHAIN_EXCEEDED'),
    judged({ tools: ['mcp:files'] }, 'tool:shell/files', thursday, 'CHAIN_EXCEEDED'), judged({ tools: ['mcp:*'] }, 'read:mcp/files', thursday, 'CHAIN_EXCEEDED'), judged({ tools: ['mcp:*'] }, 'tool:mcp', thursday, 'CHAIN_EXCEEDED'),
    judged({ tools: ['mcp:*'] }, 'tool:mcp/files/x', thursday, 'CHAIN_EXCEEDED'),
  ];
}

/** Every case about capabilities and caveats. */
export function capabilityCases(): readonly VectorCase[] {
  return [...grammar(), ...containment(), ...shapes(), ...tightening(), ...evaluation()];
}
