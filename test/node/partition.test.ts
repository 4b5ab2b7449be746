/**
 * Five real node processes on the loopback interface. One of them, C, has a
 * single cable: every connection to and from it runs through proxies that the
 * test cuts and heals together.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { messageOf, unwrap, type Result } from '../../crypto/result.ts';
import type { ControlApi, ControlMethod } from '../../node/control/api.ts';
import type { CallView } from '../../node/control/views.ts';
import { controlClient } from '../../node/control/client.ts';
import { controlSocketPath } from '../../node/control/socket.ts';
import { suite, type TestContext } from '../harness.ts';
import { TcpProxy } from '../tcp-proxy.ts';
import { launch } from './run-cli.ts';

const test = suite('node/partition');
const cable = new URL('./cable.ts', import.meta.url).href;
const start_ms_max = 30_000;
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

/** A node process with its own folder. */
class NodeProcess {
  readonly folder: string;
  readonly #child: ChildProcess;
  #output = '';

  constructor(name: Name, folder: string, port: number, options: { readonly join?: string; readonly links: Readonly<Record<number, number>> }) {
    this.folder = folder;
    const joining = options.join === undefined ? [] : ['--join', options.join];
    this.#child = spawn(process.execPath, [launch, 'up', '--name', name, '--data', folder, '--listen', `/ip4/127.0.0.1/tcp/${port}`, ...joining], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: `--import ${cable}`, AGENTMESH_TEST_LINKS: JSON.stringify(options.links) },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', (chunk: Buffer) => { this.#output += chunk.toString(); });
  }

  ask<Method extends ControlMethod>(method: Method, params: ControlApi[Method]['params']): Promise<Result<ControlApi[Method]['value']>> {
    return controlClient(controlSocketPath(this.folder)).call(method, params, { signal: AbortSignal.timeout(20_000) });
  }

  async get<Method extends ControlMethod>(method: Method, params: ControlApi[Method]['params']): Promise<ControlApi[Method]['value']> {
    return unwrap(await this.ask(method, params));
  }

  /** Waits until it answers, and gives the address at which it listens. */
  async started(): Promise<string> {
    const address = await until('a node starts', async () => {
      if (this.#child.exitCode !== null) throw new Error(this.#output);
      const status = await this.ask('status', {});
      return status.ok ? status.value.addresses[0] : undefined;
    }, start_ms_max);
    return address;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Asks again and again until there is an answer. */
async function until<T>(what: string, ask: () => Promise<T | undefined>, limit_ms = 15_000): Promise<T> {
  const end = performance.now() + limit_ms;
  let last = '';
  while (performance.now() < end) {
    try {
      const value = await ask();
      if (value !== undefined) return value;
    } catch (error) {
      last = `: ${messageOf(error)}`;
    }
    await sleep(50);
  }
  throw new Error(`${what}: not within ${limit_ms} ms${last}`);
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
    const process = new NodeProcess(name, join(home, name), portOf(name), { ...(first === undefined ? {} : { join: first }), links: name === 'C' ? from_c : to_c });
    context.after(() => process.stop());
    nodes.set(name, process);
    first ??= await process.started();
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
