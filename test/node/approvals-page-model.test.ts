/** What the page for approvals knows and says, without a browser. */
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';

interface State { readonly phase: string; readonly waiting: readonly string[]; readonly settled: readonly object[]; readonly ahead_ms: number; readonly tries: number }
interface Event { readonly event: string; readonly data: object }
interface Party { readonly did: string; readonly name: string; readonly is_named_here: boolean }
interface Signer extends Party { readonly is_here: boolean }
interface Model {
  eventReader(): (piece: string) => readonly Event[];
  initialState(): State;
  heard(state: State, event: Event, now_ms: number): State;
  lost(state: State): State;
  retryAfter(state: State): number;
  notice(state: Pick<State, 'phase'>): { readonly word: string; readonly alert: string | null };
  timeLeft(call: { readonly expires_ms: number }, state: State, now_ms: number): { readonly text: string; readonly is_over: boolean; readonly is_urgent: boolean };
  hindrance(call: { readonly id: string; readonly is_whole: boolean; readonly signers: readonly Signer[] }): { readonly grant: boolean; readonly refuse: boolean; readonly text: string } | null;
  signerChoices(call: { readonly signers: readonly Signer[] }): readonly { readonly value: string; readonly text: string; readonly is_open: boolean }[];
  claims(call: object, verdict: string, signer: Party, why: string): readonly (readonly [string, string])[];
  consequence(call: { readonly comes_again: boolean; readonly taking_up_s: number }, verdict: string): string;
  partyText(party: Party): string;
  jsonParts(text: string): readonly string[];
  reasonOf(text: string): string;
  outcomeText(settled: { readonly outcome: string; readonly by: Party | null; readonly why: string }): { readonly word: string; readonly rest: string };
}

// The browser gets it as it is, so it has no types of its own.
const model: Model = await import(new URL('../../node/approvals-page/assets/model.js', import.meta.url).href);

const test = suite('node/approvals-page/model');
const alice = { did: 'did:mesh:alice', name: 'alice', is_named_here: true, is_here: true };
const company = { did: 'did:mesh:company', name: '', is_named_here: false, is_here: true };

test('events come whole, however the stream is cut', () => {
  const text = 'event: history\ndata: {"settled":[]}\n\nevent: waiting\ndata: {"ids":["a"],"now_ms":7}\n\n: still here\n\nevent: beat\ndata: {"now_ms":9}\n\n';
  const whole = model.eventReader()(text);
  assert.equal(whole, [{ event: 'history', data: { settled: [] } }, { event: 'waiting', data: { ids: ['a'], now_ms: 7 } }, { event: 'beat', data: { now_ms: 9 } }]);
  for (const size of [1, 3, 17]) {
    const read = model.eventReader();
    const found: Event[] = [];
    for (let at = 0; at < text.length; at += size) found.push(...read(text.slice(at, at + size)));
    assert.equal(found, whole);
  }
});

test('the page knows what waits and what became of it, by the clock of the node', () => {
  let state = model.initialState();
  assert.is(model.notice(state).word, 'Opening …');
  state = model.heard(state, { event: 'waiting', data: { ids: ['a', 'b'], now_ms: 5_000 } }, 2_000);
  assert.equal([state.phase, state.waiting, state.ahead_ms], ['live', ['a', 'b'], 3_000]);
  state = model.heard(state, { event: 'history', data: { settled: [{ id: 'x' }] } }, 2_000);
  state = model.heard(state, { event: 'settled', data: { id: 'a' } }, 2_000);
  assert.equal(state.settled, [{ id: 'x' }, { id: 'a' }]);
  assert.equal(model.heard(state, { event: 'unknown', data: {} }, 2_000), state);
  assert.equal(model.timeLeft({ expires_ms: 5_000 + 61_000 }, state, 2_000), { text: '1 min 01 s left', is_over: false, is_urgent: false });
  assert.equal(model.timeLeft({ expires_ms: 5_000 + 29_500 }, state, 2_000), { text: '30 s left', is_over: false, is_urgent: true });
  assert.equal(model.timeLeft({ expires_ms: 5_000 }, state, 2_000), { text: 'time is over', is_over: true, is_urgent: true });
});

test('a lost connection is said, tried again ever more slowly, and found again; a session that has ended stays so', () => {
  let state = model.heard(model.initialState(), { event: 'beat', data: { now_ms: 1 } }, 1);
  const waits: number[] = [];
  for (let number = 0; number < 7; number += 1) {
    state = model.lost(state);
    waits.push(model.retryAfter(state));
  }
  assert.equal(waits, [500, 1_000, 2_000, 5_000, 10_000, 10_000, 10_000]);
  assert.match(model.notice(state).alert ?? '', 'Nothing can be answered');
  state = model.heard(state, { event: 'beat', data: { now_ms: 1 } }, 1);
  assert.equal([state.phase, state.tries, model.notice(state).alert], ['live', 0, null]);
  const over = model.heard(state, { event: 'over', data: {} }, 1);
  assert.is(model.lost(over).phase, 'over');
  for (const phase of ['over', 'spent', 'unopened']) assert.match(model.notice({ phase }).alert ?? '', 'agentmesh approvals page');
});

test('what keeps a call from being answered is said, with what to do', () => {
  const call = { id: 'abc', is_whole: true, signers: [alice] };
  assert.is(model.hindrance(call), null);
  const elsewhere = model.hindrance({ ...call, signers: [{ ...alice, is_here: false }] });
  assert.equal([elsewhere?.grant, elsewhere?.refuse], [false, false]);
  assert.match(elsewhere?.text ?? '', 'agentmesh approvals request abc');
  const long = model.hindrance({ ...call, is_whole: false });
  assert.equal([long?.grant, long?.refuse], [false, true]);
});

test('the only one who can answer is chosen; of several nobody is', () => {
  assert.equal(model.signerChoices({ signers: [{ ...company, is_here: false }, alice] }).map(({ value, is_open }) => [value, is_open]), [['did:mesh:alice', true], ['did:mesh:company', false]]);
  assert.equal(model.signerChoices({ signers: [alice, company] }).map(({ value }) => value), ['', 'did:mesh:alice', 'did:mesh:company']);
  assert.match(model.signerChoices({ signers: [{ ...alice, is_here: false }] })[1]?.text ?? '', 'another device');
});

test('what will be signed is said in full: verdict, signer, call, host, request, binding, reason', () => {
  const call = { id: 'abc', what: 'delete records', agent: { did: 'did:mesh:clerk', name: 'clerk', is_named_here: true }, host: { did: 'did:mesh:host', name: 'records', is_named_here: true }, action_hash: 'HASH', lifetime_s: 900, comes_again: true, taking_up_s: 60 };
  const said = new Map(model.claims(call, 'grant', alice, 'ticket 7'));
  assert.match(said.get('Verdict') ?? '', /^grant/);
  assert.equal([said.get('Signed by'), said.get('Call'), said.get('Of agent'), said.get('On host'), said.get('Request'), said.get('Reason')], ['alice (did:mesh:alice)', 'delete records', 'clerk (did:mesh:clerk)', 'records (did:mesh:host)', 'abc', 'ticket 7']);
  assert.match(said.get('Bound to') ?? '', 'HASH');
  assert.match(said.get('Good for') ?? '', /^this call alone, once, within a minute of the answer \(the signature itself ends after 15 minutes\)$/);
  assert.match(new Map(model.claims({ ...call, comes_again: false }, 'grant', alice, '')).get('Good for') ?? '', /once, right away \(/);
  assert.match(new Map(model.claims(call, 'refuse', company, '')).get('Verdict') ?? '', /^refuse/);
  assert.is(new Map(model.claims(call, 'refuse', company, '')).get('Signed by'), 'did:mesh:company');
  assert.match(model.consequence({ comes_again: true, taking_up_s: 120 }, 'grant'), /comes again for the answer, within 2 minutes,/);
  assert.not.equal(model.consequence({ comes_again: false, taking_up_s: 60 }, 'grant'), model.consequence({ comes_again: false, taking_up_s: 60 }, 'refuse'));
});

test('a reason is one line of at most 200 characters that every encoder takes', () => {
  assert.is(model.reasonOf('  two\n\twords  '), 'two words');
  assert.is(model.reasonOf('x'.repeat(300)).length, 200);
  assert.ok(model.reasonOf(`${'x'.repeat(199)}😀`).isWellFormed());
});

test('what became of a call is told with who said so', () => {
  assert.equal(model.outcomeText({ outcome: 'granted', by: alice, why: 'ticket 7' }), { word: 'Granted', rest: 'by alice (did:mesh:alice), “ticket 7”' });
  assert.equal(model.outcomeText({ outcome: 'timed-out', by: null, why: '' }), { word: 'Timed out: nobody answered', rest: '' });
});

test('a name that somebody elsewhere has chosen is said to be that, whatever it is', () => {
  for (const name of ['the agent itself', 'alice', 'alice (did:mesh:alice)']) assert.is(model.partyText({ did: 'did:mesh:mallory', name, is_named_here: false }), `did:mesh:mallory, which calls itself “${name}”`);
  assert.match(model.outcomeText({ outcome: 'granted', by: { did: 'did:mesh:far', name: 'alice', is_named_here: false }, why: '' }).rest, /^by did:mesh:far, which calls itself/);
});

test('every text in JSON is a part of its own, so that no direction of writing reaches beyond it', () => {
  for (const value of [{ 'payee_\u05d0': '\u05d1', 'amount': 7 }, 'a', 7, null, { 'a\\"b': 'c\\\\', 'd': ['"', '\\', ''] }]) {
    const text = JSON.stringify(value, null, 2);
    const parts = model.jsonParts(text);
    assert.is(parts.join(''), text);
    for (const [index, part] of parts.entries()) {
      if (index % 2 === 0) assert.not.match(part, '"');
      else assert.is(typeof JSON.parse(part), 'string', part);
    }
  }
  const hostile = `"${'\\"'.repeat(64 * 1024)}\\`;
  assert.equal(model.jsonParts(hostile), ['', hostile, ''], 'read once, also where it is cut off within an escape');
  assert.equal(model.jsonParts('"cut off in the mid \u2026'), ['', '"cut off in the mid \u2026', '']);
});

test('what became of calls is remembered for so many, however many an agent makes', () => {
  let state = model.heard(model.initialState(), { event: 'history', data: { settled: [] } }, 0);
  for (let number = 0; number < 250; number += 1) state = model.heard(state, { event: 'settled', data: { id: number } }, 0);
  assert.is(state.settled.length, 100);
  assert.equal(state.settled.at(-1), { id: 249 });
});

test('a link that could not be tried is not said to be used', () => {
  assert.match(model.notice({ phase: 'unreached' }).alert ?? '', /did not take the link.*reload/i);
  assert.not.equal(model.notice({ phase: 'unreached' }).alert, model.notice({ phase: 'spent' }).alert);
});

test.run();
