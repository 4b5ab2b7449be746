import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { containsPii, findPii } from '../../../../node/kernel/detect/pii.ts';
import { textsOf } from '../../../../node/kernel/detect/payload.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/detect/pii');

interface PiiCase {
  readonly contains_pii: boolean;
  readonly text: string;
}

function labelled(): readonly PiiCase[] | undefined {
  try {
    return JSON.parse(readFileSync(new URL('../../../../../shared/fixtures/policy/pii-cases.json', import.meta.url), 'utf8'));
  } catch {
    return undefined;
  }
}

const cases = labelled();
if (cases === undefined) {
  test.skip('the labelled texts', 'the shared fixtures are not here');
} else {
  test('the labelled texts: at least 30 of 31 found, none falsely', () => {
    const missed = cases.filter(({ text, contains_pii }) => contains_pii && findPii(text).length === 0);
    const falsely = cases.filter(({ text, contains_pii }) => !contains_pii && findPii(text).length > 0);
    const total = cases.filter(({ contains_pii }) => contains_pii).length;
    console.log(`  pii: recall ${total - missed.length}/${total}, false ${falsely.length}/${cases.length - total}`);
    assert.ok(missed.length <= 1, missed.map(({ text }) => text).join('\n'));
    assert.equal(falsely.map(({ text }) => text), []);
  });
}

for (const [type, text] of [
  ['email', 'ALICE@EXAMPLE.ORG'], ['phone', '+1-202-555-0143'], ['card', '6011 1111 1111 1117'], ['iban', 'FR1420041010050500013M02606'],
  ['ssn', '078-05-1120'], ['ip', '8.8.8.8'], ['dni', '12345678-Z'], ['birth-date', 'date of birth: 3/12/1984'],
] as const) test(`found as ${type}: ${text}`, () => assert.ok(findPii(text).some((finding) => finding.type === type)));

for (const text of ['10.0.0.1', '192.168.1.20', 'v1.2.3.4', '::', 'aa:bb:cc:dd:ee:ff', '09:34:03', 'GB82WEST12345698765433', '4111111111111112', '12345678A', '2026-11-22', 'total 1,234,567.89']) {
  test(`not taken for personal data: ${text}`, () => assert.equal(findPii(text), []));
}

test('the name of a field counts as the word beside a number', () => {
  const found = (payload: { readonly [name: string]: string | number }): boolean => containsPii(textsOf(payload) ?? []);
  assert.ok(found({ ssn: '536221234' }));
  assert.ok(found({ ssn: 536221234 }));
  assert.not(found({ order: '536221234' }));
});

test('the time is linear in the text', () => {
  for (const part of ['a', '1 ', '1', 'a.', 'a@a.', ':', '+1 ', 'A1 ', '(at)']) {
    const started = process.hrtime.bigint();
    findPii(part.repeat(200_000 / part.length));
    assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 2_000, part);
  }
});

test.run();
