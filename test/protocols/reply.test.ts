import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { encodeFailure, peerFailure, shortened } from '../../protocols/reply.ts';
import { suite } from '../harness.ts';

const test = suite('protocols/reply');

function jsonBytes(text: string): number {
  return utf8(JSON.stringify(text)).length - 2;
}

test('a shortened text is a beginning of the text that fits, and as long as possible', () => {
  const anything = fc.string({ unit: fc.constantFrom('a', '"', '\u0001', 'é', '策', '😀', '\ud83d', '\ude00') });
  fc.assert(fc.property(anything, fc.nat(40), (text, bytes_max) => {
    const short = shortened(text, bytes_max);
    const whole = text.toWellFormed();
    assert.ok(whole.startsWith(short));
    assert.ok(short.isWellFormed());
    assert.ok(jsonBytes(short) <= bytes_max);
    const [next] = whole.slice(short.length);
    if (next !== undefined) assert.ok(jsonBytes(short + next) > bytes_max);
  }));
});

test('a failure reaches the peer whatever its words are made of', () => {
  for (const [reason, read] of [
    [`${'x'.repeat(499)}😀`, 'x'.repeat(499)], ['\ud800 alone', '\ufffd alone'], ['策'.repeat(400), '策'.repeat(166)], ['\u0001'.repeat(400), '\u0001'.repeat(83)],
  ] as const) {
    const failure = peerFailure(encodeFailure({ code: 'SOME_CODE', reason, fix: reason, detail: { reason } }));
    assert.equal([failure?.code, failure?.reason, failure?.fix], ['SOME_CODE', `the peer says: ${read}`, read]);
    assert.type(failure?.detail?.['peer'], 'string');
  }
});

test.run();
