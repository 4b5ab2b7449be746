import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { cloudEvent, type CloudEvent } from '../../node/cloud-events.ts';
import type { LogEntryView } from '../../node/control/audit-entry-views.ts';
import { suite } from '../harness.ts';

const test = suite('node/cloud-events');
const origin = 'did:mesh:bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy/log/0123456789abcdef0123456789abcdef';
const entry: LogEntryView = {
  index: 12, kind: 'event', time_ms: Date.UTC(2026, 2, 1, 12, 0, 0, 7), leaf_hash: 'bGVhZg', state: 'open', subject: 'did:mesh:agent', about: null,
  payload: { kind: 'decision', verdict: 'deny' },
};

/** What CloudEvents 1.0 demands of every event: sections "Required Attributes", "Naming Conventions", "Type System", and of the JSON format. */
function violations(event: { readonly [name: string]: unknown }): string[] {
  const found: string[] = [];
  for (const name of ['id', 'source', 'specversion', 'type']) if (typeof event[name] !== 'string' || event[name] === '') found.push(`${name} is required and not empty`);
  if (event['specversion'] !== '1.0') found.push('specversion is 1.0');
  for (const [name, value] of Object.entries(event)) {
    if (name === 'data') continue;
    if (!/^[a-z0-9]+$/.test(name)) found.push(`${name} is lower-case letters and digits`);
    if (name.length > 20) found.push(`${name} should have at most 20 characters`);
    if (!['string', 'boolean'].includes(typeof value) && !(Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31)) found.push(`${name} has a type of CloudEvents`);
    if (typeof value === 'string' && /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(value)) found.push(`${name} has characters that a String may not have`);
  }
  if (!URL.canParse(String(event['source']))) found.push('source is a URI');
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(String(event['time']))) found.push('time is RFC 3339');
  if ('subject' in event && event['subject'] === '') found.push('subject is not empty');
  if (('data' in event) !== ('datacontenttype' in event)) found.push('data has its media type');
  return found;
}

const fields = (event: CloudEvent): { readonly [name: string]: unknown } => JSON.parse(JSON.stringify(event));

test('a decision becomes an event with what the specification demands', () => {
  const event = fields(cloudEvent(origin, entry));
  assert.equal(violations(event), []);
  assert.equal(event, {
    specversion: '1.0', id: `${String(event['id']).slice(0, 32)}/12`, source: origin, type: 'io.agentmesh.audit.decision', time: '2026-03-01T12:00:00.007Z',
    subject: 'did:mesh:agent', datacontenttype: 'application/json', data: { kind: 'decision', verdict: 'deny' }, leafhash: 'bGVhZg', index: '12', state: 'open',
  });
  assert.match(String(event['id']), /^[0-9a-f]{32}\/12$/);
});

test('an erased payload leaves an event without data, a public entry says what it is about', () => {
  const erased = fields(cloudEvent(origin, { ...entry, state: 'erased', subject: null, payload: null }));
  assert.equal(violations(erased), []);
  assert.equal([erased['type'], erased['state'], 'data' in erased, 'subject' in erased], ['io.agentmesh.audit.erased', 'erased', false, false]);
  const anchor = fields(cloudEvent(origin, { ...entry, kind: 'anchor', state: 'bare', subject: null, payload: null, about: '3 heads' }));
  assert.equal(violations(anchor), []);
  assert.equal([anchor['type'], anchor['data']], ['io.agentmesh.audit.anchor', { about: '3 heads' }]);
});

test('the same entry has the same id at every export, and no other entry or log has it', () => {
  const ids = [cloudEvent(origin, entry), cloudEvent(origin, { ...entry, index: 13 }), cloudEvent(`${origin}0`, entry)].map(({ id }) => id);
  assert.is(new Set(ids).size, 3);
  assert.is(cloudEvent(origin, { ...entry, state: 'erased', payload: null }).id, ids[0], 'also after an erasure');
});

test('whatever was recorded, the attributes keep to the rules', () => {
  fc.assert(fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.nat({ max: Number.MAX_SAFE_INTEGER }), fc.integer({ min: 0, max: 8.64e15 }), (payload, kind, index, time_ms) => {
    const event = fields(cloudEvent(origin, { ...entry, index, time_ms: Math.min(time_ms, 253_402_300_799_999), payload: typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? { ...payload, kind } : payload }));
    assert.equal(violations(event), []);
  }));
});

test('names of agents elsewhere cannot break the rules for attributes', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (subject) => {
    assert.equal(violations(fields(cloudEvent(origin, { ...entry, subject }))), []);
  }));
});

test('the rules would notice a wrong event', () => {
  const event = fields(cloudEvent(origin, entry));
  for (const wrong of [{ id: '' }, { leaf_hash: 'x' }, { specversion: '1.1' }, { source: 'no uri' }, { index: 2 ** 40 }, { time: 'yesterday' }, { subject: 'a\u0000' }, { subject: '\ud800' }]) {
    assert.is.not(violations({ ...event, ...wrong }).length, 0, JSON.stringify(wrong));
  }
});

test.run();
