import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { unwrap } from '../../../crypto/result.ts';
import { fingerprintOf, Loops, loop_actions_max, loop_terms_default, strictestLoops } from '../../../node/kernel/loops.ts';
import type { KernelInit } from '../../../node/kernel/index.ts';
import { suite } from '../../harness.ts';
import { allow_all, code, idle, space, turn, type Space } from './spaces.ts';

const test = suite('node/kernel/loops');

const terms = { repeats: 6, window_ms: 1_000 };

/** At which of some actions, a time apart, a loop is noticed; -1 for at none. */
function noticed(actions: string | readonly string[], apart_ms: number, found = terms): number {
  const loops = new Loops();
  return Array.from(actions).findIndex((action, at) => loops.note('a', action, at * apart_ms, found) !== undefined);
}

test('the same action so many times within the time is a loop, others between or not', () => {
  assert.is(noticed('aaaaaaaa', 1), 5);
  assert.is(noticed('abacadaeafagah', 1), 10, 'the sixth a');
  assert.is(noticed('aaaaa', 1), -1);
});

test('honest polling is none: what lies further apart than the time counts no more', () => {
  assert.is(noticed('a'.repeat(200), 200), -1, 'five in a second');
  assert.is(noticed('a'.repeat(200), 199), 5, 'six in a second');
  assert.is(noticed('a'.repeat(5_000), 20, loop_terms_default), -1, 'fifty a second, by default');
  assert.is(noticed('a'.repeat(5_000), 0.1, loop_terms_default), 999, 'a runaway loop, by default');
});

test('the same few actions in turn are a loop, up to a period of eight, after three rounds at least', () => {
  assert.is(noticed('abababab', 1), 5);
  assert.is(noticed('xyzabcabcabc', 1), 11, 'three rounds of three are nine actions');
  assert.is(noticed('abcdefgh'.repeat(4), 1), 23);
  assert.is(noticed('abcdefghi'.repeat(4), 1, { repeats: 6, window_ms: 1_000 }), -1, 'nine are too many to see as one cycle, and each came only four times');
  assert.is(noticed('abcabdabeabfabg', 1), -1);
});

test('work that never repeats is never a loop', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 200 }), fc.nat(50), (actions, apart_ms) => {
    assert.is(noticed(actions, apart_ms), -1);
  }));
});

test('what is counted is what lies in the window, whatever comes', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(400)), { maxLength: 120 }), (steps) => {
    const loops = new Loops();
    const far = { repeats: 4, window_ms: 1_000 };
    const past: { readonly action: string; readonly at_ms: number }[] = [];
    let now_ms = 0;
    for (const [action, apart_ms] of steps) {
      now_ms += apart_ms;
      past.push({ action, at_ms: now_ms });
      const same = past.filter((each) => each.action === action && each.at_ms > now_ms - far.window_ms).length;
      const found = loops.note('a', action, now_ms, far);
      if (same >= far.repeats) assert.match(found ?? '', `${same} times within`);
      else if (found !== undefined) assert.match(found, /actions in turn/);
    }
  }));
});

test('memory is bounded: per agent by actions, and by agents', () => {
  const loops = new Loops();
  for (let at = 0; at < 3 * loop_actions_max; at += 1) loops.note('a', String(at), 0, { repeats: 1_000_000, window_ms: 1_000 });
  for (let at = 0; at < 5; at += 1) assert.is(loops.note('a', '0', 0, terms), undefined, 'the first of them is forgotten');
  for (let agent = 0; agent < 1_023; agent += 1) loops.note(`agent ${agent}`, 'x', 0, terms);
  assert.ok(loops.note('a', '0', 0, terms), 'the most recent agents are not');
  for (let agent = 0; agent < 1_024; agent += 1) loops.note(`other ${agent}`, 'x', 0, terms);
  assert.is(loops.note('a', '0', 0, terms), undefined);
});

test('an action is known again by what it is and its arguments, however long', () => {
  const long = { type: 'x', text: 'y'.repeat(100_000) };
  assert.is(fingerprintOf({ type: 'x' }, 'h'), fingerprintOf({ type: 'x' }, 'h'));
  assert.is.not(fingerprintOf({ type: 'x' }, 'h'), fingerprintOf({ type: 'x' }, 'i'));
  assert.is.not(fingerprintOf({ type: 'x' }, 'h'), fingerprintOf({ type: 'y' }, 'h'));
  assert.is(fingerprintOf(long, 'h').length, 64);
  assert.is.not(fingerprintOf(long, 'h'), fingerprintOf({ ...long, more: 1 }, 'h'));
});

test('of several terms the strictest holds', () => {
  assert.is(strictestLoops([]), undefined);
  assert.equal(strictestLoops([{ repeats: 5, window_ms: 1_000 }, { repeats: 9, window_ms: 60_000 }]), { repeats: 5, window_ms: 60_000 });
});

async function runs({ kernel }: Space, count: number, more: Parameters<typeof idle>[0] = {}): Promise<readonly string[]> {
  const codes: string[] = [];
  for (let each = 0; each < count; each += 1) codes.push(code(await kernel.run(idle(more))));
  return codes;
}

test('an agent that goes round in circles is denied, recorded and stopped; SIGCONT lets it begin anew', async () => {
  const space_ = space({ loops: terms });
  assert.equal(await runs(space_, 8, { data: { page: 1 } }), ['ok', 'ok', 'ok', 'ok', 'ok', 'LOOP_DETECTED', 'AGENT_STOPPED', 'AGENT_STOPPED']);
  await turn();
  assert.equal(space_.signals(), ['SIGLOOP stopped']);
  const denied = space_.decisions().find((record) => record.code === 'LOOP_DETECTED');
  assert.match(denied?.reason ?? '', /^a goes round in circles: the same action with the same arguments 6 times within 1000 ms/);
  unwrap(await space_.kernel.signal('a', 'SIGCONT'));
  assert.equal(await runs(space_, 2, { data: { page: 1 } }), ['ok', 'ok']);
  const other = space({ loops: terms });
  for (let page = 0; page < 50; page += 1) assert.equal(await runs(other, 1, { data: { page } }), ['ok'], 'other arguments are another action');
});

test('terms come from policies of any layer, else from the kernel, which may have none', async () => {
  const first = async (init: KernelInit, count = 12): Promise<number> => (await runs(space(init), count)).indexOf('LOOP_DETECTED');
  const loops = { repeats: 3, window_ms: 1_000 };
  assert.is(await first({ policies: [{ ...allow_all, loops }] }), 2);
  assert.is(await first({ organisation: [{ ...allow_all, loops }], loops: { repeats: 5, window_ms: 1_000 } }), 2);
  assert.is(await first({ policies: [{ ...allow_all, loops, mode: 'shadow' }, allow_all] }), -1);
  assert.is(await first({ loops: { repeats: 5, window_ms: 1_000 } }), 4);
  assert.is(await first({}, 1_001), 999);
  assert.is(await first({ loops: 'none' }, 1_001), -1);
});

test('what others ask of an agent again and again is theirs to answer for', async () => {
  const space_ = space({ loops: terms });
  assert.equal(new Set(await runs(space_, 20, { context: { peer: 'did:mesh:p' } })), new Set(['ok']));
});

test.run();
