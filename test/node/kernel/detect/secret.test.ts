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

/** A text that chance made, the same each run: nothing of it is anybody's. */
function drawn(length: number, alphabet: string, seed: number): string {
  let state = seed;
  return Array.from({ length }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return alphabet.charAt(Math.floor(state / 2_147_483_648 * alphabet.length));
  }).join('');
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const hex = '0123456789abcdef';

test('what issuers mark as theirs, wherever it stands', () => {
  for (const [type, token] of [
    ['airtable-token', `pat${drawn(14, letters, 1)}.${drawn(64, hex, 2)}`], ['figma-token', `figd_${drawn(40, letters, 3)}`], ['perplexity-key', `pplx-${drawn(48, letters, 4)}`], ['sonar-token', `squ_${drawn(40, hex, 5)}`],
    ['sentry-token', `sntrys_${drawn(60, letters, 6)}`], ['tailscale-key', `tskey-auth-${drawn(12, letters, 7)}CNTRL-${drawn(32, letters, 8)}`], ['shippo-token', `shippo_live_${drawn(40, hex, 9)}`], ['docker-token', `dckr_oat_${drawn(32, letters, 10)}`],
    ['nvidia-key', `nvapi-${drawn(64, letters, 11)}`], ['sendinblue-key', `xkeysib-${drawn(64, hex, 12)}-${drawn(16, letters, 13)}`], ['hubspot-token', `pat-eu1-${drawn(8, hex, 14)}-${drawn(4, hex, 15)}-${drawn(4, hex, 16)}-${drawn(4, hex, 17)}-${drawn(12, hex, 18)}`],
    ['openshift-token', `sha256~${drawn(43, letters, 19)}`], ['github-token', `github_pat_${drawn(82, letters, 20)}`], ['gitlab-token', `GR1348941${drawn(20, letters, 21)}`],
  ] as const) {
    assert.ok(findSecrets(`see ${token}, twice`).some((finding) => finding.type === type), token);
    assert.equal(findSecrets(`${token.slice(0, 12)}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`), [], type);
  }
});

test('a value that chance made, by the name of a key, of a header, of an element or of a service', () => {
  const value = drawn(36, letters, 22);
  for (const text of [
    `[DEBUG] Using Key=${value}`, `search_admin_key: "${value}"`, `const acmeKey = '${value}';`, `request.setHeader("X-Acme-Token", "${value}")`, `h.Set("Authorization", "Bearer ${value}")`, `headers.put('Authorization', 'token ${value}')`,
    `<secret>{acme ${value}}</secret>`, `<acme-api-key>\n  ${value}\n</acme-api-key>`, `DATADOG_MONITORING=${value}`, `"grafana": "${value}"`,
  ]) assert.ok(findSecrets(text).some(({ start, end }) => text.slice(start, end) === value), text);
  for (const text of [
    `public_key = ${value}`, `cacheKey: "${value}"`, `"primaryKey": "${value}"`, `s3_key=${value}`, `monkey=${value}`, `did:key:${value}`, `key = ${drawn(40, hex, 23)}`, `object key: "6f1c2d3e-4a5b-4c6d-8e7f-901a2b3c4d5e"`, `api version key = users-by-country-and-city-v2`,
    `GITHUB_SHA=${drawn(40, hex, 24)}`, `OPENAI_API_VERSION=2031-07-19-preview-a8`, `SENTRY_RELEASE_VERSION=${value}`, `<key>${value}</key>`, `("X-Acme-Token", "${drawn(64, hex, 25)}")`, `key=getValueOfSetting(x1y2z3w4v5u6)`, `slack: "see the channel for more of this"`, `the call s.getAcceptanceTimeoutsAll`,
  ]) assert.equal(findSecrets(text), [], text);
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
  for (const part of ['a', '1', 'password=', 'password="', "token='", 'eyJ', 'eyJabcdefghijk.', 'https://', 'http://a:', '-----BEGIN PRIVATE KEY-----', 'PuTTY-User-Key-File-3: ', '"d":"', 'Bearer ', 'curl ', 'mysql ', 'AKIA', 'sk-', 'a.', '.atlasv1.', '\n', ' ', 'token ', '8Q~', '://a:a', 'Key=', 'a-key', '"a-token","b ', '<secret>{a ', 'datadog_', 'tskey-a-', 'a_mmk']) {
    const started = process.cpuUsage();
    findSecrets(part.repeat(200_000 / part.length));
    const { user, system } = process.cpuUsage(started);
    assert.ok(user + system < 1_000_000, `${part} took ${(user + system) / 1000} ms`);
  }
});

test.run();
