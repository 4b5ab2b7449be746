import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { redact, redactValue } from '../../../../node/kernel/detect/finding.ts';
import { textsOf } from '../../../../node/kernel/detect/payload.ts';
import { findSecrets, secretsIn } from '../../../../node/kernel/detect/secret.ts';
import { Scope } from '../../../../node/kernel/policy/scope.ts';
import { suite } from '../../../harness.ts';
import { developed, held_out } from './secret-set.ts';

const test = suite('node/kernel/detect/secret');

interface Labelled {
  readonly kind: string;
  readonly text: string;
}

function counted(set: readonly Labelled[]): { readonly found: number; readonly of: number; readonly falsely: number; readonly clean: number } {
  const flagged = ({ text }: Labelled): boolean => findSecrets(text).length > 0;
  const clean = set.filter(({ kind }) => kind === 'clean');
  const rest = set.filter(({ kind }) => kind !== 'clean');
  return { found: rest.filter(flagged).length, of: rest.length, falsely: clean.filter(flagged).length, clean: clean.length };
}

test('the texts that it was developed on', () => assert.equal(counted(developed), { found: 85, of: 85, falsely: 0, clean: 84 }));
test('the held-out texts, in numbers that a change must not worsen unseen', () => assert.equal(counted(held_out), { found: 46, of: 46, falsely: 0, clean: 45 }));

const body = '1234567890abcdefghijABCDEFGHIJ';

test('a token with its own check digits is sure, one of the same form is nearly so', () => {
  // The last six characters are the base-62 CRC-32 of the thirty before, computed apart.
  const prefix = 'ghp';
  const [sure] = findSecrets(`${prefix}_FbY8NwcUeb4c0wrUGZECjUYrZUPet91VOUZ4`);
  const [other] = findSecrets(`${prefix}_${body}123456`);
  assert.equal([sure?.type, sure?.confidence, sure?.validator], ['github-token', 1, 'checksum']);
  assert.equal([other?.type, other?.validator], ['github-token', 'format']);
});

test('what is left after redaction holds no secret, and keeps its words', () => {
  for (const [text, left] of [
    ['url postgres://admin:S3cretP4ss@db:5432/app ok', 'url postgres://admin:[PASSWORD_IN_URL]@db:5432/app ok'],
    ['password = "c0rrect-h0rse" # mine', 'password = "[ASSIGNED_SECRET]" # mine'],
    [`key ${['AKIA', 'A2B3C4D5E6F7A2B3'].join('')} end`, 'key [AWS_ACCESS_KEY] end'],
  ] as const) assert.is(redact(text, findSecrets(text)), left);
});

test('the field that a value stands under makes a secret of a plain word; a placeholder is none anywhere', () => {
  assert.is(findSecrets('swordfish', 'password').length, 1);
  assert.is(findSecrets('swordfish', 'fish').length, 0);
  for (const value of ['********', '<password>', '${PASSWORD}', 'changeme', '', 'process.env.PASSWORD', 'xxxxxxxx']) assert.is(findSecrets(value, 'password').length, 0, value);
  assert.equal(redactValue({ password: 'swordfish', user: 'bob' }, findSecrets).value, { password: '[ASSIGNED_SECRET]', user: 'bob' });
});

test('conditions see whether there are any and of which types', () => {
  const scope = new Scope({ action: { type: 'send' }, data: { db: 'mysql://root:hunter2@10.0.0.3/shop', text: `glpat-${body}` } });
  assert.equal(scope.root('secret'), { present: true, types: ['gitlab-token', 'password-in-url'], count: 2 });
  assert.equal(secretsIn(textsOf({ text: 'the secret is to keep it simple' }) ?? []), []);
});

test('a secret behind invisible characters or in full width is found where it stands', () => {
  const hidden = `token AKIA\u200bA2B3C4D5\u00adE6F7A2B3.`;
  assert.is(redact(hidden, findSecrets(hidden)), 'token [AWS_ACCESS_KEY].');
});

test('any text gets an answer whose places lie in it, in time that is linear', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.constantFrom('', 'password', 'token', 'x'), (text, field) => findSecrets(text, field).every(({ start, end }) => start >= 0 && end > start && end <= text.length)), { numRuns: 500 });
  for (const part of ['a', '1', 'password=', 'password="', "token='", 'eyJ', 'eyJabcdefghijk.', 'https://', 'http://a:', '-----BEGIN PRIVATE KEY-----', 'PuTTY-User-Key-File-3: ', '"d":"', 'Bearer ', 'curl ', 'mysql ', 'AKIA', 'sk-', 'a.', '.atlasv1.', '\n', ' ', 'token ', '8Q~', '://a:a']) {
    const started = process.cpuUsage();
    findSecrets(part.repeat(200_000 / part.length));
    const { user, system } = process.cpuUsage(started);
    assert.ok(user + system < 1_000_000, `${part} took ${(user + system) / 1000} ms`);
  }
});

test.run();
