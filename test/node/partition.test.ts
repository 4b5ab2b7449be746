/**
 * Five real node processes on the loopback interface. One of them, C, has a
 * single cable: every connection to and from it runs through proxies that the
 * test cuts and heals together.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { unwrap, type Result } from '../../crypto/result.ts';
import type { CallView } from '../../node/control/views.ts';
import { suite, type TestContext } from '../harness.ts';
import { TcpProxy } from '../tcp-proxy.ts';
import { NodeProcess, start_ms_max, until } from './node-process.ts';

const test = suite('node/partition');
const cable = new URL('./cable.ts', import.meta.url).href;
/** Long enough for C to have tried in vain to come back. */
const outage_ms = 4000;
const names = ['A', 'B', 'D', 'E', 'C'] as const;

type Name = typeof names[number];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Mesh {
  readonly cables: readonly TcpProxy[];
  node(name: Name): NodeProcess;
}

/** Five connected nodes, C behind its cable. */
async function mesh(context: TestContext): Promise<Mesh> {
  const home = context.folder();
  const ports = new Map<Name, number>();
  for (const name of names) ports.set(name, await freePort());
  const portOf = (name: Name): number => ports.get(name) ?? 0;
  const cables: TcpProxy[] = [];
  const lay = async (to: Name): Promise<readonly [number, number]> => {
    const proxy = await TcpProxy.listen({ host: '127.0.0.1', port: portOf(to) });
    cables.push(proxy);
    context.after(() => proxy.close());
    return [portOf(to), proxy.port];
  };
  const to_c = Object.fromEntries([await lay('C')]);
  const from_c = Object.fromEntries([await lay('A'), await lay('B'), await lay('D'), await lay('E')]);
  const nodes = new Map<Name, NodeProcess>();
  let first: string | undefined;
  for (const name of names) {
    const links = name === 'C' ? from_c : to_c;
    const node = new NodeProcess({
      name, folder: join(home, name), port: portOf(name), ...(first === undefined ? {} : { join: first }),
      env: { NODE_OPTIONS: `--import ${cable}`, AGENTMESH_TEST_LINKS: JSON.stringify(links) },
    });
    context.after(() => node.stop());
    nodes.set(name, node);
    first ??= await node.started();
  }
  const node = (name: Name): NodeProcess => {
    const found = nodes.get(name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  };
  await Promise.all(names.map((name) => node(name).started()));
  await until('the nodes meet', async () => {
    const counts = await Promise.all(names.map(async (name) => (await node(name).get('peers', {})).filter(({ did }) => did !== null).length));
    return counts.every((count) => count > 0) && (counts[0] ?? 0) >= 4 ? true : undefined;
  }, start_ms_max);
  return { cables, node };
}


test('a node that was cut off while a sponsor revoked refuses the chain at its next call after the link heals', async (context) => {
  const { cables, node } = await mesh(context);
  const [a, b, c] = [node('A'), node('B'), node('C')];
  const echo = join(context.folder(), 'echo.mjs');
  writeFileSync(echo, 'export default ({ arguments: given }) => given;\n');
  const policy = join(context.folder(), 'policy.yaml');
  writeFileSync(policy, 'version: "1.0"\nrules:\n  - name: all\n    condition: "true"\n    action: allow\n');
  const alice = await a.get('sponsor.create', { name: 'alice' });
  await b.get('sponsor.create', { name: 'bob' });
  await c.get('sponsor.create', { name: 'carol' });
  const caller = await b.get('agent.create', { name: 'caller', sponsor: 'bob', capabilities: ['read:**', 'write:**'], policy });
  const worker = await c.get('agent.create', { name: 'worker', sponsor: 'carol', capabilities: ['read:**', 'write:**'], handler: echo, policy, roots: [alice.did] });
  const delegate = async (capability: string): Promise<string> => (await until('alice delegates to the agent on B', async () => {
    const issued = await a.get('delegate', { from: 'alice', to: caller.did, capabilities: [capability], lifetime_s: 3600 });
    return issued.delivered ? issued : undefined;
  })).id;
  const revoked_one = await delegate('write:reports');
  const other = await delegate('read:reports');
  const call = (command: string, delegation: string): Promise<Result<CallView>> => b.ask('call', { from: 'caller', to: worker.did, command, delegation });
  const said = async (command: string, delegation: string): Promise<string> => {
    const answer = await call(command, delegation);
    return answer.ok ? answer.value.code ?? answer.value.verdict : answer.failure.code;
  };
  await until('the chain is allowed on C', async () => await said('write:reports', revoked_one) === 'allow' ? true : undefined);
  assert.ok(cables.some(({ connections }) => connections > 0), 'C is reached through its cable');

  for (const link of cables) link.cut();
  await until('C is alone', async () => (await c.get('peers', {})).length === 0 ? true : undefined);
  const { statement } = await a.get('revoke', { from: 'alice', kind: 'delegation', target: revoked_one, why: 'the project ended' });
  assert.ok(['PEER_UNREACHABLE', 'PEER_TIMEOUT'].includes(await said('write:reports', revoked_one)), 'nobody reaches C');
  await sleep(outage_ms);
  assert.is((await c.get('revocations', {})).total, 0, 'C knows nothing of it');

  for (const link of cables) link.heal();
  const healed = performance.now();
  await until('C comes back by itself and learns of it', async () => {
    const { revocations } = await c.get('revocations', { of: revoked_one });
    return revocations.some((known) => known.statement === statement) ? true : undefined;
  }, 30_000);
  const learned_ms = Math.round(performance.now() - healed);
  const refused = unwrap(await call('write:reports', revoked_one));
  const refused_ms = Math.round(performance.now() - healed);
  console.log(`  after the heal of the link C had dialled its peers again and knew of the revocation within ${learned_ms} ms, and refused the next call after ${refused_ms} ms`);
  assert.equal([refused.verdict, refused.code, refused.executor], ['deny', 'REVOKED', worker.did], 'signed by the agent on C');
  assert.match(refused.reason, 'the project ended');
  assert.ok(refused.audit !== null, 'and in the log of C');
  assert.is(await said('read:reports', other), 'allow', 'what was not revoked goes on');
}, { ms: 90_000 });

test.run();
