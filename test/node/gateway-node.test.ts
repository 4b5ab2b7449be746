/** The gateway of a real node: what it serves satisfies a checker that shares no code with it, and its witness cosigns logs of other systems. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { openCheckpoint, signCheckpoint, verifyCosignature } from '../../crypto/checkpoint.ts';
import { signingKey } from '../../crypto/keys.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { parseVerifier, signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { unwrap } from '../../crypto/result.ts';
import { edgeTiles, tilePath, type TileName } from '../../crypto/tlog-tiles.ts';
import type { NodeConfig } from '../../node/config.ts';
import { controlMethods } from '../../node/control/methods.ts';
import { createNode, type Node } from '../../node/node.ts';
import { originHash } from '../../protocols/tiles/tiles.ts';
import { encodeRequest } from '../../protocols/witness/wire.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf } from '../simulated-hosts.ts';
import { until } from './node-process.ts';

const test = suite('node/gateway of a node');
const checker = fileURLToPath(new URL('../audit-checker.ts', import.meta.url));
const never = new AbortController().signal;

async function up(context: TestContext, name: string, config: NodeConfig = {}): Promise<Node> {
  const node = unwrap(await createNode({ name, data: join(context.folder(), 'data'), listen: ['/ip4/127.0.0.1/tcp/0'], control: false, ...config }));
  context.after(() => node.stop());
  return node;
}

async function get(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  assert.is(response.status, 200, url);
  return new Uint8Array(await response.arrayBuffer());
}

/** Downloads a log as a client of C2SP tlog-tiles does, knowing nothing but a prefix. */
async function download(prefix: string, folder: string): Promise<number> {
  const note = await get(`${prefix}/checkpoint`);
  const size = Number(fromUtf8(note)?.split('\n')[1]);
  const tiles: TileName[] = [...edgeTiles(size)];
  for (let level = 0; size >= 256 ** (level + 1); level += 1) {
    for (let number = 0; number < Math.floor(size / 256 ** (level + 1)); number += 1) tiles.push({ level, number, width: 256 });
  }
  const paths = tiles.flatMap((tile) => (tile.level === 0 ? [tilePath(tile), tilePath({ ...tile, level: 'entries' })] : [tilePath(tile)]));
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), await get(`${prefix}/${path}`));
  }
  writeFileSync(join(folder, 'checkpoint'), note);
  return size;
}

test('an outsider downloads the log of a node and of its mirror, and recomputes both', async (context) => {
  const a = await up(context, 'a', { gateway: '127.0.0.1:0' });
  assert.match(a.gateway ?? '', /^http:\/\/127\.0\.0\.1:[0-9]+$/);
  const [address = ''] = a.addresses;
  const b = await up(context, 'b', { gateway: '0', bootstrap: [address] });
  await up(context, 'c', { bootstrap: [address] });
  await until('a knows two witnesses', () => Promise.resolve(a.host.witnesses().length === 2 ? true : undefined));
  await Promise.all(Array.from({ length: 600 }, async (_, index) => unwrap(await a.host.log.append({ subject: 'agent', payload: utf8(`event ${index}`) }))));
  const anchored = unwrap(await a.host.witness.anchor());
  assert.is(anchored.cosignatures, 2);
  const folder = context.folder();
  assert.is(await download(a.gateway ?? '', folder), anchored.size);
  assert.match(execFileSync(process.execPath, [checker, folder, a.host.log.verifier_key], { encoding: 'utf8' }), /^OK 60[0-9] entries/);
  const followed = unwrap(await controlMethods(b)['audit.mirror']({ who: a.did }, never));
  assert.is(followed.size, anchored.size);
  const copy = join(folder, 'mirror');
  assert.is(await download(`${b.gateway}/${originHash(a.host.log.origin)}`, copy), anchored.size);
  assert.match(execFileSync(process.execPath, [checker, copy, a.host.log.verifier_key], { encoding: 'utf8' }), /^OK/);
  // The monitoring side of tlog-witness: what b has cosigned, with the log's signature and b's.
  const seen = await get(`${b.gateway}/witness/${originHash(a.host.log.origin)}/checkpoint`);
  const opened = unwrap(openCheckpoint(seen, unwrap(parseVerifier(a.host.log.verifier_key)), [unwrap(parseVerifier(b.host.witness.verifier_key))]));
  assert.is(opened.cosignatures.length, 1);
  const view = unwrap(await controlMethods(a)['audit.witnesses']({}, never));
  assert.equal(view.witnesses.map(({ name, sponsor, cosigned }) => `${name} ${sponsor} ${cosigned?.size}`).toSorted(), [`b null ${anchored.size}`, `c null ${anchored.size}`]);
  assert.match(view.weakness ?? '', /none of the 2 operators/);
  const witnessed = unwrap(await controlMethods(b)['audit.witnesses']({}, never)).witnessed;
  assert.equal(witnessed.filter(({ did }) => did === a.did).map(({ size, exposed }) => [size, exposed]), [[anchored.size, false]]);
  assert.is(unwrap(await controlMethods(b)['audit.mirror.drop']({ who: 'a' }, never)).dropped, 1, 'by the name that the list shows');
  assert.is((await fetch(`${b.gateway}/${originHash(a.host.log.origin)}/checkpoint`)).status, 404);
}, { ms: 60_000 });

test('a log of another system is cosigned over HTTP where its key is configured, and nowhere else', async (context) => {
  const key = signingKey(new Uint8Array(32).fill(44));
  const origin = 'log.example.com/2026';
  const vkey = verifierKey(origin, signature_type_log, key.public_key);
  const node = await up(context, 'a', { gateway: '0', witnessed_logs: [vkey] });
  const ask = async (body: Uint8Array): Promise<readonly [number, string]> => {
    const response = await fetch(`${node.gateway}/add-checkpoint`, { method: 'POST', body: Buffer.from(body) });
    return [response.status, await response.text()];
  };
  const checkpoint = { origin, size: 1, root: leafHash(utf8('their entry')) };
  const [status, line] = await ask(encodeRequest(0, [], signCheckpoint(key, checkpoint)));
  assert.is(status, 200, line);
  unwrap(verifyCosignature(unwrap(parseVerifier(node.host.witness.verifier_key)), checkpoint, line.slice(0, -1)));
  assert.equal(await ask(encodeRequest(0, [], signCheckpoint(key, checkpoint))), [409, '1\n']);
  assert.is((await ask(encodeRequest(1, [], signCheckpoint(key, { ...checkpoint, root: leafHash(utf8('forked')) }))))[0], 422);
  assert.is((await ask(encodeRequest(1, [], signCheckpoint(key, checkpoint))))[0], 403, 'a log that forked is never cosigned again, of whatever system it is');
  const other = signingKey(new Uint8Array(32).fill(45));
  assert.is((await ask(encodeRequest(0, [], signCheckpoint(other, { ...checkpoint, origin: 'log.example.com/other' }))))[0], 404);
  const before = await get(`${node.gateway}/witness/${originHash(origin)}/checkpoint`);
  assert.ok(fromUtf8(before)?.startsWith(`${origin}\n1\n`));
});

test('nothing is shown of a log before its owner may sign it', async (context) => {
  const node = await up(context, 'alone', { gateway: '0' });
  const first = await fetch(`${node.gateway}/checkpoint`);
  assert.ok(first.status === 404 || first.status === 200);
  if (first.status === 404) assert.match(await first.text(), /^AUDIT_NO_CHECKPOINT/);
  await node.host.witness.anchor();
  assert.is((await fetch(`${node.gateway}/checkpoint`)).status, 200);
  const url = node.gateway ?? '';
  const since = performance.now();
  await node.stop();
  assert.ok(performance.now() - since < 5000);
  assert.ok(await fetch(`${url}/checkpoint`).then(() => false, () => true), 'after the end nobody listens');
});

test('wrong settings are refused before anything starts, by their names', async (context) => {
  const taken = createServer();
  await new Promise<void>((resolve) => { taken.listen(0, '127.0.0.1', resolve); });
  context.after(() => void taken.close());
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const folder = context.folder();
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const key = signingKey(new Uint8Array(32).fill(46)).public_key;
  const log = verifierKey('example.com/log', signature_type_log, key);
  const cases: readonly (readonly [NodeConfig, string, RegExp])[] = [
    [{ gateway: 'example.com:80' }, 'GATEWAY_INVALID', /IP address/],
    [{ gateway: `127.0.0.1:${port}` }, 'GATEWAY_IN_USE', /something else listens/],
    [{ witness_policy: join(folder, 'none') }, 'WITNESS_POLICY_UNREADABLE', /cannot be read/],
    [{ witness_policy: write('bad', 'quorum none\nwitness a b\n') }, 'WITNESS_POLICY_INVALID', /line 2: /],
    [{ witnessed_logs: ['rubbish'] }, 'WITNESSED_LOG_INVALID', /rubbish/],
    [{ witnessed_logs: [log, log] }, 'WITNESSED_LOG_INVALID', /twice/],
    [{ witnessed_logs: [verifierKey('example.com/w', signature_type_witness, key)] }, 'WITNESSED_LOG_INVALID', /of a witness/],
    [{ witnessed_logs: [verifierKey(`did:mesh:bx/log/${'0'.repeat(32)}`, signature_type_log, key)] }, 'WITNESSED_LOG_INVALID', /of the mesh/],
  ];
  for (const [config, code, reason] of cases) {
    const node = await createNode({ name: 'a', data: join(folder, 'data'), listen: ['/ip4/127.0.0.1/tcp/0'], control: false, ...config });
    assert.is(codeOf(node), code);
    if (!node.ok) assert.match(node.failure.reason, reason);
  }
  const node = unwrap(await createNode({ name: 'a', data: join(folder, 'data'), listen: ['/ip4/127.0.0.1/tcp/0'], control: false, witness_policy: write('good', 'quorum none\n') }));
  await node.stop();
});

test.run();
