import * as assert from 'uvu/assert';
import { waiting_bytes_max } from '../../protocols/statements/constants.ts';
import { Waiting } from '../../protocols/statements/waiting.ts';
import { suite } from '../harness.ts';

const test = suite('protocols/waiting');
const text = 'x'.repeat(waiting_bytes_max / 1024);

test('what waits for a DID is taken once, each statement of a peer once', () => {
  const waiting = new Waiting();
  for (const peer of ['a', 'a', 'b']) waiting.keep({ hash: 'h', text: 'text', did: 'did', peer });
  assert.not.ok(waiting.has('other'));
  assert.equal(waiting.take('other'), []);
  assert.ok(waiting.has('did'));
  assert.equal(waiting.take('did').map(({ peer }) => peer), ['a', 'b']);
  assert.not.ok(waiting.has('did'));
  assert.equal(waiting.take('did'), []);
});

test('a flood takes the place of the flood: who brought little loses nothing, and the memory is bounded', () => {
  const waiting = new Waiting();
  waiting.keep({ hash: 'honest', text, did: 'issuer', peer: 'honest' });
  const flood = 5000;
  for (let index = 0; index < flood; index += 1) waiting.keep({ hash: `h${index}`, text, did: `did-${index}`, peer: `flooder-${index % 3}` });
  assert.ok(waiting.has('issuer'));
  const kept = Array.from({ length: flood }, (_, index) => waiting.has(`did-${index}`));
  assert.is(kept.filter(Boolean).length, 1023, 'as much as fits');
  assert.ok(kept.slice(-1000).every(Boolean), 'the latest');
  for (let index = 0; index < flood; index += 1) waiting.take(`did-${index}`);
  for (let index = 0; index < 1023; index += 1) waiting.keep({ hash: `late ${index}`, text, did: 'late', peer: 'flooder-0' });
  assert.ok(waiting.has('issuer'), 'what was taken gave its room back');
});

test.run();
