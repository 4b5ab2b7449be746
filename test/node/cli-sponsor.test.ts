/** A sponsor on another device, through the command line and files alone. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { createNode, type Node } from '../../node/node.ts';
import { suite, type TestContext } from '../harness.ts';
import { cli, inside, type Ended } from './run-cli.ts';

const test = suite('node/cli/sponsor');

async function up(context: TestContext, data: string): Promise<Node> {
  const node = unwrap(await createNode({ data, name: 'test' }));
  context.after(() => node.stop());
  return node;
}

function worked({ code, stderr, stdout }: Ended): string {
  assert.is(code, 0, stderr);
  return stdout;
}

function refused(ended: Ended, code: string): void {
  assert.match(ended.stderr, `error ${code}: `);
  assert.match(ended.stderr, '\nfix: ');
  assert.is.not(ended.code, 0);
}

test('an agent here, its sponsor in another folder where no node runs: request, sign, import', async (context) => {
  const folder = context.folder();
  const [here, there] = [join(folder, 'here'), join(folder, 'there')];
  const file = (name: string): string => join(folder, name);
  const device = await up(context, there);
  worked(await inside(['sponsor', 'create', 'company', '--kind', 'org', '--data', there]));
  const alice: { readonly did: string; readonly attested_until: number } = JSON.parse(worked(await inside(['sponsor', 'create', 'alice', '--organisation', 'company', '--data', there, '--json'])));
  assert.ok(alice.attested_until > Date.now() / 1000);
  await device.stop();
  await up(context, here);
  const made = await cli(['agent', 'create', 'analyst', '--sponsor', alice.did, '--capability', 'read:reports', '--data', here]);
  assert.match(worked(made), /attested to {3}not yet/);
  assert.match(made.stderr, /sponsor request analyst --out request\.json\n.*sponsor sign request\.json --as SPONSOR --out response\.json\n.*sponsor import response\.json/);
  assert.is((await inside(['sponsor', 'show', 'analyst', '--data', here])).code, 4, 'the sponsor is not even known');
  worked(await cli(['sponsor', 'request', 'analyst', '--role', 'owner', '--lifetime', '30d', '--out', file('request'), '--data', here]));
  assert.is(statSync(file('request')).mode & 0o777, 0o600);
  // A request that could not be written takes the place of none.
  worked(await inside(['sponsor', 'request', 'analyst', '--out', file('only request'), '--data', here]));
  worked(await inside(['sponsor', 'sign', file('only request'), '--as', 'alice', '--out', file('only response'), '--data', there]));
  refused(await inside(['sponsor', 'request', 'analyst', '--out', file('request'), '--data', here]), 'FILE_EXISTS');
  refused(await inside(['sponsor', 'request', 'analyst', '--out', join(folder, 'nowhere', 'request'), '--data', here]), 'FILE_UNWRITABLE');
  worked(await inside(['sponsor', 'import', file('only response'), '--data', here]));
  worked(await inside(['sponsor', 'request', 'analyst', '--role', 'owner', '--lifetime', '30d', '--out', file('newest request'), '--data', here]));
  const shown = worked(await cli(['sponsor', 'sign', file('newest request'), '--as', 'alice', '--data', there]));
  assert.match(shown, /^to be signed/);
  assert.match(shown, /name +analyst\ndid +did:mesh:\w+\nkind +agent\nmay +read:reports\nsponsor +did:mesh:\w+\nrole +owner\nfor +30 d\n/);
  writeFileSync(file('tampered'), readFileSync(file('newest request'), 'utf8').replace('read:reports', 'read:little'));
  refused(await inside(['sponsor', 'sign', file('tampered'), '--as', 'alice', '--out', file('x'), '--data', there]), 'SPONSOR_REQUEST_TAMPERED');
  refused(await inside(['sponsor', 'sign', file('newest request'), '--as', 'company', '--out', file('x'), '--data', there]), 'SPONSOR_OTHER');
  worked(await cli(['sponsor', 'sign', file('newest request'), '--as', 'alice', '--out', file('response'), '--data', there]));
  worked(await inside(['sponsor', 'sign', file('request'), '--as', 'alice', '--out', file('old response'), '--data', there]));
  refused(await inside(['sponsor', 'import', file('old response'), '--data', here]), 'SPONSOR_RESPONSE_UNASKED');
  assert.match(worked(await cli(['sponsor', 'import', file('response'), '--data', here])), /^attested\nname +analyst\n/);
  refused(await inside(['sponsor', 'import', file('response'), '--data', here]), 'SPONSOR_RESPONSE_UNASKED');
  const answered = await inside(['sponsor', 'show', 'analyst', '--data', here]);
  assert.match(worked(answered), /^analyst {2}agent {2}answered for\n[^]*\nno public name {2}human {2}answered for\n[^]*\ncompany {2}org {2}answers for itself\n/);
  assert.match(worked(await inside(['agent', 'list', '--data', here, '--json'])), /"attested_until": \d+/);
  // The device goes on from the record that it signed, and signs with its node running as well.
  await up(context, there);
  worked(await inside(['sponsor', 'request', 'analyst', '--out', file('third request'), '--data', here]));
  worked(await inside(['sponsor', 'sign', file('third request'), '--as', 'alice', '--out', file('third response'), '--data', there]));
  worked(await inside(['sponsor', 'import', file('third response'), '--data', here]));
});

test('a sponsor here renews and withdraws, and the exit code says whether somebody answers', async (context) => {
  const data = join(context.folder(), 'data');
  await up(context, data);
  const run = (...inputs: string[]): Promise<Ended> => inside([...inputs, '--data', data]);
  worked(await run('sponsor', 'create', 'alice'));
  worked(await run('agent', 'create', 'analyst', '--sponsor', 'alice', '--capability', 'read:reports'));
  const contract = join(data, '..', 'contract');
  writeFileSync(contract, 'the contract');
  const renewed = JSON.parse(worked(await run('sponsor', 'renew', 'analyst', '--lifetime', '20d', '--evidence', contract, '--json')));
  // openssl dgst -sha256 of the text, in base64url
  assert.is(Buffer.from(renewed.evidence, 'base64url').toString('hex'), 'e75b45fdc2bfb98d37c9ed3f8e9158b565a3ef7393c0324119daa91c3dbaa11a');
  assert.is((await run('sponsor', 'show', 'analyst')).code, 0);
  refused(await run('sponsor', 'renew', 'analyst', '--lifetime', '91d'), 'SPONSOR_LIFETIME');
  truncateSync(contract, 3 * 1024 * 1024);
  const large = JSON.parse(worked(await run('sponsor', 'renew', 'analyst', '--evidence', contract, '--json')));
  assert.is(large.evidence, createHash('sha256').update(readFileSync(contract)).digest('base64url'), 'a document may be larger than what a command reads whole');
  const withdrawn = worked(await run('sponsor', 'withdraw', 'analyst', '--why', 'the project is over'));
  assert.is(worked(await run('sponsor', 'withdraw', 'analyst', '--why', 'once more')), withdrawn, 'no second statement is made');
  for (const [kind, id] of [['key', 'nosuch'], ['token', 'nosuch'], ['delegation', 'nosuch']] as const) {
    for (const more of [[], ['--dry-run']]) refused(await run('revoke', kind, id, '--from', 'alice', '--why', 'x', ...more), 'REVOCATION_TARGET');
  }
  const shown = await run('sponsor', 'show', 'analyst');
  assert.is(shown.code, 4);
  assert.match(shown.stdout, /^analyst {2}agent {2}nobody answers: SPONSOR_WITHDRAWN: /);
  assert.match(worked(await run('agent', 'list')), /analyst +killed/);
});

test.run();
