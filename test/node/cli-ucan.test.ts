import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { vectorText, withVectors } from '../vectors.ts';
import { inside } from './run-cli.ts';

const test = suite('node/cli/ucan');
const fixture = 'identity/ucan/fixtures/1.0.0/invocation.json';

interface Bytes {
  readonly '/': { readonly bytes: string };
}

function published(kind: 'valid' | 'invalid', name: string): { readonly invocation: Buffer; readonly proofs: readonly Buffer[]; readonly at: string } {
  const cases: { readonly [kind in 'valid' | 'invalid']: readonly { readonly name: string; readonly invocation: Bytes; readonly proofs: readonly Bytes[]; readonly time: number }[] } = JSON.parse(vectorText(fixture));
  const found = cases[kind].find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no published case ${name}`);
  const bytesOf = (bytes: Bytes): Buffer => Buffer.from(bytes['/'].bytes, 'base64');
  return { invocation: bytesOf(found.invocation), proofs: found.proofs.map(bytesOf), at: new Date(found.time * 1000).toISOString() };
}

withVectors(test, fixture, 'a UCAN is shown and verified with no node running', async (context) => {
  const folder = context.folder();
  const { invocation, proofs, at } = published('valid', 'policy match');
  writeFileSync(join(folder, 'invocation'), invocation);
  writeFileSync(join(folder, 'proof'), `${proofs[0]?.toString('base64') ?? ''}\n`);
  const inspect = ['ucan', 'inspect', join(folder, 'invocation'), '--at', at, '--data', join(folder, 'none')];
  const shown = await inside([...inspect, '--proof', join(folder, 'proof')]);
  assert.is(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /verified; for reading only: it grants nothing in the mesh/);
  assert.match(shown.stdout, /invoke:msg\/send, invoke:msg\/send\/\*\*/);
  assert.match(shown.stdout, /\[\["==","\.answer",42\]\]/);
  const { verified, proofs: shown_proofs } = JSON.parse((await inside([...inspect, '--proof', join(folder, 'proof'), '--json'])).stdout);
  assert.is(verified, true);
  assert.is(shown_proofs.length, 1);
  const alone = await inside(inspect);
  assert.is.not(alone.code, 0);
  assert.match(alone.stderr, /UCAN_PROOF_MISSING/);
  assert.match(alone.stdout, /not verified/);
});

withVectors(test, fixture, 'a UCAN that does not hold ends in its code, and so does what is none', async (context) => {
  const folder = context.folder();
  const { invocation, proofs, at } = published('invalid', 'policy violation');
  const file = join(folder, 'invocation');
  writeFileSync(file, invocation);
  writeFileSync(join(folder, 'proof'), proofs[0] ?? '');
  const refused = await inside(['ucan', 'inspect', file, '--proof', join(folder, 'proof'), '--at', at, '--json']);
  assert.is.not(refused.code, 0);
  assert.is(refused.stdout, '');
  assert.match(refused.stderr, /UCAN_POLICY/);
  assert.match((await inside(['ucan', 'inspect', file, '--at', 'noon'])).stderr, /USAGE_INVALID/);
  assert.match((await inside(['ucan', 'inspect', join(folder, 'nothing')])).stderr, /FILE_UNREADABLE/);
  writeFileSync(file, 'no token');
  assert.match((await inside(['ucan', 'inspect', file])).stderr, /UCAN_MALFORMED/);
});

test.run();
