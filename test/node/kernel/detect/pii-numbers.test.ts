import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { ends } from '../../../../node/kernel/detect/checksum.ts';
import { findPii } from '../../../../node/kernel/detect/pii.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/detect/pii-numbers');

/** Drawn for this test; the check digits were computed apart, by another program. */
const with_checks = [
  { word: 'SVNR', own: '1692 150783' },
  { word: 'rijksregisternummer', own: '84.07.19-641.20' },
  { word: 'rodné číslo', own: '865317/0405' },
  { word: 'CPR', own: '230961-4502' },
  { word: 'kennitala', own: '230961-8249', spoilt: '230961-8259' },
  { word: 'fødselsnummer', own: '230961 14206' },
  { word: 'personas kods', own: '230961-17758' },
  { word: 'hetu', own: '230961B4799' },
  { word: 'numéro fiscal', own: '07 42 718 186 126' },
  { word: 'BSN', own: '5715.33.516' },
  { word: 'cédula', own: '004-6522692-6' },
  { word: 'บัตรประชาชน', own: '1-8704-44626-70-1' },
  { word: 'SA ID', own: '8407195394084' },
  { word: 'AHV', own: '7560700813285' },
] as const;

const after_name = [
  { word: 'isikukood', number: '38402154680' }, { word: 'kimlik', number: '45960640712' }, { word: 'AMKA', number: '23096128873' }, { word: 'рнокпп', number: '8419376285' },
  { word: 'AFM', number: '861838224' }, { word: 'NIP', number: '868-162-81-68' }, { word: 'OIB', number: '55883979229' }, { word: 'c.i.', number: '1754086021' },
] as const;

/** The same number with another last digit. */
function spoilt(number: string): string {
  return number.slice(0, -1) + String((Number(number.at(-1)) + 1) % 10);
}

const validators = (text: string): readonly string[] => findPii(text).map(({ validator }) => validator);

for (const { word, own, ...rest } of with_checks) {
  const wrong_number = 'spoilt' in rest ? rest.spoilt : spoilt(own);
  test(`by itself in the grouping that is its own, only with the right check digit: ${own}`, () => {
    assert.equal(validators(`row,${own},end`), ['checksum']);
    assert.equal(validators(`row,${wrong_number},end`), []);
  });
  test(`mistyped after its name, with less confidence: ${word} ${own}`, () => {
    const [right, wrong] = [findPii(`${word}: ${own}`), findPii(`${word}: ${wrong_number}`)];
    assert.equal([right.length, wrong.length], [1, 1]);
    assert.ok((right[0]?.confidence ?? 0) > (wrong[0]?.confidence ?? 1));
  });
}

for (const { word, number } of after_name) {
  test(`after its name alone: ${word} ${number}`, () => {
    assert.equal(validators(`${word} ${number}`), ['checksum']);
    assert.equal(validators(`${word} ${spoilt(number)}`), ['context']);
    assert.equal(findPii(`row,${number.replaceAll('-', '')},end`), []);
  });
}

test('a name with other meanings needs the check digits', () => {
  assert.equal(validators('VID: 2155 5594 5781 9787'), ['checksum']);
  assert.equal(findPii('VID: 2155 5594 5781 9788'), []);
  assert.equal(validators('MST 0118041378'), ['checksum']);
  assert.equal(findPii('MST 0118041379'), []);
});

test('a row of one digit, and a part of a longer row of groups, are nobody', () => {
  for (const text of ['000.000.000-00', '00000000000', '756.0000.0000.00', '1692 150783 4411', '7 1692 150783', '2155 5594 5781 9787 1234']) assert.equal(findPii(text), [], text);
});

test('a number that is called one of a person, in whatever country', () => {
  for (const text of [
    'The Ruritanian personal identity code is RX-771204-22.', 'citizen registration number 88 1204 7731', 'birth number: 771204/2213', 'your social security no. 7712 0422 13', '{"national_id_number": "B77120422"}', 'taxpayer number 771204221',
    'documento de identidad 77.120.422', 'Identification number: 7712042213', 'carte d’identité 771204221 3', 'His ID number is 771204-2213',
  ]) assert.ok(findPii(text).some(({ type }) => type === 'national-id' || type === 'tax-id'), text);
  for (const text of [
    'Product identification number: 7712042213', 'device identity code 7712042213', 'the chassis identification no 7712042', 'order id number 7712042213', 'International Securities Identification Number DE0007120422', 'test ID number 7712042213', 'session identification code 7712042213',
    'national parks: 12 3456 78', 'personal best 3456 789', 'tax 12 345 678', 'the birth of 1 234 567 stars', 'social media code of conduct 2023 1104',
  ]) assert.equal(findPii(text), [], text);
});

test('the number may come first, or on the line below its name', () => {
  for (const text of ['AB7712042 is my passport', '(77-1204-22) was her tax number', 'K7712042 es mi número de pasaporte', 'Passport:\nAB7712042', 'phone:\n  0771 204221']) assert.is(findPii(text).length, 1, text);
  assert.equal(findPii('AB7712042 is the part'), []);
});

test('the words around a number are redacted with no more than the number', () => {
  const text = 'Our social security number 7712 0422 13 for the files';
  const [found] = findPii(text);
  assert.is(text.slice(found?.start, found?.end), '7712 0422 13');
});

test('a label in any script and after any script is found, inside a Latin word it is not', () => {
  fc.assert(fc.property(fc.constantFrom('', 'x ', 'é ', 'ж ', '中', 'ア', '(', '한국 ', '\ud83d\ude00', 'ß. '), fc.constantFrom('pesel: 45960640712', 'Personalausweis C77120422', 'ИНН 7712042213', '护照号 E77120422', 'OIB=55883979229', 'passport: 771204221'), (before, named) => {
    assert.is(findPii(`${before}${named}`).length, 1);
  }));
  for (const text of ['xpesel 45960640712', 'éoib 55883979229']) assert.equal(findPii(text), [], text);
  for (const text of ['我的pesel 45960640712', '我的护照号 E77120422', 'パスポート TK7712042']) assert.is(findPii(text).length, 1, text);
});

test('telephones with a trunk zero, in groups that are divided alike', () => {
  for (const text of ['0712 345 678', '0 532 771 20 42', '(071) 204 2213', 'reach 071-204-2213 now', '77 12 04 22 fax', 'Tel: 771204']) assert.ok(findPii(text).some(({ type }) => type === 'phone'), text);
  for (const text of ['01 02', '0712 345-678', '12 0712 345 678', '0712 345 678 901 222', 'order no 0712 345 678', '0000 0712 3456', '0712.345.678']) assert.equal(findPii(text), [], text);
});

test('cards that are called so, of ranges that no issuer names now', () => {
  for (const text of ['my card 213177120422018', 'credit card: 9177 1204 2213 0009']) assert.equal(findPii(text).map(({ type }) => type), ['card'], text);
  for (const text of ['my card 213177120422013', 'item 9177120422130009', 'credit card: 0000 0000 0000 0000']) assert.equal(findPii(text), [], text);
});

test('addresses by the part of the house, by the field post, and by a Canadian code', () => {
  for (const text of ['77 Rue du Test Apt. 12', '771 Nowhere Straat\nSuite 204', 'PSC 771, Box 2042', 'APO AE 77120', 'V6B 4Y8', 'postal code: 77120']) assert.equal(findPii(text).map(({ type }) => type), ['address'], text);
  for (const text of ['77 tests in suite', 'Unit 5', 'V6B4Y8', 'zip file 77120']) assert.equal(findPii(text), [], text);
});

test('a check by weights looks at the digit behind them, and at no shorter number', () => {
  const check = ends([3, 1], (sum) => sum % 10);
  assert.equal(['124'.slice(0, 2), '125', '124', '12'].map(check), [false, true, false, false]);
});

test.run();
