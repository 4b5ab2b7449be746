/** The vector files: that they are what their cases give, that this implementation agrees with each case, and that no refusal is without a case. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import * as assert from 'uvu/assert';
import { isFields, type Fields } from '../crypto/canonical.ts';
import { messageOf } from '../crypto/result.ts';
import { suite } from './harness.ts';
import { unpacked, type VectorFile } from './vectors/case.ts';
import { vectorFiles } from './vectors/files.ts';
import { delegation_judges, type Judge } from './vectors/judge-delegation.ts';
import { did_judges } from './vectors/judge-did.ts';
import { statement_judges } from './vectors/judge-statements.ts';
import { sync_judges } from './vectors/judge-sync.ts';

const test = suite('vector-files');
const root = fileURLToPath(new URL('..', import.meta.url));
const file_names = ['did', 'delegation', 'statements', 'sync'] as const;
const file_bytes_max = 512 * 1024;

/** Which codes need no case, and why. */
const without_case: ReadonlyMap<string, string> = new Map([
  ['SPONSOR_SELF', 'a DID is the hash of an event that holds its sponsor, so that nobody can make such a record'],
  ['SPONSOR_CYCLE', 'the same'],
  ['EVIDENCE_TOO_LARGE', 'it is what a maker of evidence is told, and depends on how well it compresses'],
  ['STATEMENT_QUOTA', 'it takes a thousand statements of one issuer, or half a million'],
  ['SYNC_BUDGET', 'how much a host takes from a peer in a minute is its own affair'],
  ['SYNC_BUSY', 'how much a host gives to a peer in a minute is its own affair'],
  ['SYNC_STOPPED', 'it is a matter of time'],
  ['PEER_TIMEOUT', 'it is the network\'s'],
  ['RESPONSE_TOO_LARGE', 'it is the network\'s'],
  ['REVOCATION_AGE_INVALID', 'it is about the settings of a host'],
  ['LOOKUP_TIMEOUT', 'it is a matter of time'],
  ['RECORD_STALE', 'what a host holds already is its own affair; which record is better has cases'],
  ['RECORD_STORE_FULL', 'how much a host stores for others is its own affair'],
  ['RECORD_TOO_MANY', 'it takes more records than come with any message'],
  ['RESOLVER_FAILED', 'nothing that a resolver is asked brings it about'],
  ...['INTERNAL_ERROR', 'INVALID_DID', 'INVALID_DID_DOCUMENT', 'METHOD_NOT_SUPPORTED', 'NOT_FOUND'].map((type) => [type, 'it is the end of an error\'s type, beside a code'] as const),
]);

/** Where the refusals stand that others must agree on. */
function sourcePaths(): readonly string[] {
  const crypto = readdirSync(join(root, 'crypto')).filter((name) => /^(?:did|delegation|caveats|chain|evidence|invocation|capability|jwt|statement|prefix-trie)[a-z-]*\.ts$/.test(name));
  const sourcesOf = (folder: string): readonly string[] => readdirSync(join(root, folder)).filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`);
  return [
    ...crypto.map((name) => `crypto/${name}`), ...sourcesOf('protocols/statements'), ...sourcesOf('protocols/identity'),
    'protocols/revocation/sponsorship.ts', 'protocols/revocation/revocation.ts', 'protocols/revocation/freshness.ts', 'protocols/message/rates.ts',
  ];
}

/** The codes in the quotes of a source. */
function codesIn(source: string): readonly string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g)].flatMap((match) => match[1] ?? []);
}

function read(name: string): string {
  return readFileSync(new URL(`vectors/${name}.json`, import.meta.url), 'utf8');
}

function isFile(value: unknown): value is VectorFile {
  return isFields(value) && value['version'] === 1 && isFields(value['shared']) && Array.isArray(value['cases']);
}

function parsed(name: string): VectorFile {
  const value: unknown = JSON.parse(read(name));
  if (!isFile(value)) throw new Error(`${name}.json is a vector file`);
  return value;
}

const judges: { readonly [task: string]: Judge } = { ...did_judges, ...delegation_judges, ...statement_judges, ...sync_judges };

/** What comes out of a case here, as JSON says it. */
async function outcome({ task, input }: VectorFile['cases'][number], shared: VectorFile['shared']): Promise<unknown> {
  const judge = judges[task];
  const whole: unknown = unpacked(input, shared);
  if (judge === undefined || !isFields(whole)) throw new Error(`${task} is no task`);
  try {
    const given: Fields = await judge(whole);
    return JSON.parse(JSON.stringify(given));
  } catch (error) {
    return { threw: messageOf(error) };
  }
}

const refusedCodes = (files: readonly VectorFile[]): ReadonlySet<unknown> => new Set(files.flatMap(({ cases }) => cases.map(({ expect }) => expect['refused'])));

function uncovered(codes: Iterable<string>, refused: ReadonlySet<unknown>): readonly string[] {
  return [...new Set(codes)].filter((code) => !refused.has(code) && !without_case.has(code)).sort();
}

test('the files are what npm run vectors writes, and not too large', async () => {
  const made = await vectorFiles();
  assert.equal([...made.keys()], file_names);
  for (const [name, text] of made) {
    assert.ok(text === read(name), `${name}.json and its cases differ: npm run vectors`);
    assert.ok(text.length < file_bytes_max, `${name}.json has ${text.length} bytes`);
  }
});

for (const name of file_names) {
  test(`every case of ${name}.json comes out as it says`, async () => {
    const { cases, shared } = parsed(name);
    const differing: unknown[] = [];
    for (const each of cases) {
      const got = await outcome(each, shared);
      if (!isDeepStrictEqual(got, each.expect)) differing.push({ name: each.name, task: each.task, expected: each.expect, got });
    }
    assert.equal(differing, []);
    assert.ok(cases.length > 80, 'there are cases');
  });

  test(`no two cases of ${name}.json ask the same under one name`, () => {
    const names = parsed(name).cases.map(({ name: of_case, task }) => `${task}: ${of_case}`);
    assert.equal(names.filter((each, index) => names.indexOf(each) !== index), []);
  });
}

test('every refusal that others must agree on has a case, or a reason why not', () => {
  const codes = new Set(sourcePaths().flatMap((path) => codesIn(readFileSync(join(root, path), 'utf8'))));
  const refused = refusedCodes(file_names.map(parsed));
  assert.ok(codes.size > 60, `${codes.size} codes were found`);
  assert.equal(uncovered(codes, refused), []);
  assert.equal([...without_case.keys()].filter((code) => !codes.has(code) || refused.has(code)), [], 'reasons for what has a case, or is no code any more');
});

test('a refusal without a case would be noticed', () => {
  const codes = codesIn('// \'IN_A_COMMENT\'\n  return fail(\'NEW_REFUSAL\', \'why\'); /* \'IN_ANOTHER\' */ refused("x", \'CHAIN_LOOP\')');
  assert.equal(uncovered(codes, refusedCodes([parsed('delegation')])), ['NEW_REFUSAL']);
});

test('each of the steps before the record of the decision has a refusal, for a link and for a command', () => {
  const { cases } = parsed('delegation');
  const steps = (task: string): readonly unknown[] => [...new Set(cases.filter((each) => each.task === task && each.expect['step'] !== undefined).map(({ expect }) => Number(expect['step'])))].sort((one, other) => one - other);
  assert.equal(steps('verify chain'), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  assert.equal(steps('verify invocation'), [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]);
});

test.run();
