/** A governed call with receipt between two processes, beside what it is made of, in one run. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signingKey, verifySignature } from '../../crypto/keys.ts';
import { AgentIdentity, createNode, KernelSpace, Policy, TrustBridge, unwrap } from '../../node/index.ts';
import { system_random } from '../../node/clock.ts';
import { openStore } from '../../storage/store.ts';
import { connectEcho } from './raw-echo.ts';
import { line, measure, short, type Sample } from './stats.ts';

interface Executor {
  readonly did: string;
  readonly address: string;
  readonly echo: string;
  stop(): Promise<void>;
}

async function startExecutor(data: string, root: string): Promise<Executor> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('executor.ts', import.meta.url)), data, root], { stdio: ['ignore', 'pipe', 'inherit'] });
  const first = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (text) => resolve(String(text)));
    child.once('exit', (code) => reject(new Error(`the executor ended with ${code}`)));
  });
  const { did, address, echo }: { did: string; address: string; echo: string } = JSON.parse(first);
  return {
    did, address, echo,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** What a call is made of, each alone. */
async function floor(home: string, echo_address: string, bytes: number): Promise<{ readonly echo: Sample; readonly write: Sample; readonly signatures: Sample }> {
  const body = system_random.bytes(bytes);
  const echo = await connectEcho(echo_address);
  const echoed = await measure(1500, 1, () => echo.exchange(body));
  await echo.stop();
  const store = unwrap(await openStore({ kind: 'disk', folder: join(home, 'floor'), create: true }));
  const write = await measure(1500, 1, () => store.batch([{ space: 'meta', key: system_random.bytes(16), value: body }], { sync: true }));
  await store.close();
  const key = signingKey(system_random.bytes(32));
  const message = system_random.bytes(600);
  const signatures = await measure(1500, 1, () => {
    for (let index = 0; index < 2; index += 1) if (!verifySignature(key.public_key, message, key.sign(message))) throw new Error('unreachable');
    return Promise.resolve();
  });
  return { echo: echoed, write, signatures };
}

/** Runs the benchmark and prints it. */
export async function benchCalls(home: string, print: (text: string) => void): Promise<void> {
  const node = unwrap(await createNode({ data: join(home, 'caller'), name: 'caller', control: false }));
  const alice = unwrap(await node.actions.createSponsor('alice@bench.example', 'human'));
  const executor = await startExecutor(join(home, 'executor'), alice.did);
  try {
    unwrap(await node.host.parts.network.dial(executor.address, { signal: AbortSignal.timeout(10_000) }));
    const kernel = new KernelSpace({ policies: [Policy.noPiiExport()], loops: 'none' });
    const caller = await AgentIdentity.create({ node, name: 'caller', sponsor: 'alice@bench.example', capabilities: ['read:**'], kernel });
    const bridge = new TrustBridge(caller);
    // The executor's record reaches us a moment after the connection.
    for (let tries = 0; !(await bridge.verifyPeer(executor.did)).verified && tries < 100; tries += 1) await new Promise((resolve) => setTimeout(resolve, 100));
    const given = { question: 'x'.repeat(512) };
    const ask = async (delegation?: string): Promise<number> => {
      const reply = await bridge.sendMessage(executor.did, { command: 'read:reports', arguments: given, ...(delegation === undefined ? {} : { delegation }) });
      if (!reply.allowed) throw new Error(reply.reason);
      return reply.receipt.length;
    };
    const receipt_bytes = await ask();
    const bytes = receipt_bytes + 900;
    const parts = await floor(home, executor.echo, bytes);
    // The many come first: they also warm up both processes, as a node that has worked for a while is.
    const many = await measure(6000, 64, () => ask());
    const one = await measure(3000, 1, () => ask());
    const middle = await AgentIdentity.create({ node, name: 'middle', sponsor: 'alice@bench.example', capabilities: ['read:**'] });
    const first = unwrap(await node.actions.delegate({ from: 'alice@bench.example', to: middle.did, capabilities: ['read:**'], caveats: { max_depth: 3 } })).delegation;
    const second = unwrap(await node.actions.delegate({ from: 'middle', to: caller.did, capabilities: ['read:reports'], parent: first.id })).delegation;
    const chained = await measure(1000, 1, () => ask(second.id));
    print(line(`raw libp2p stream echo of ${bytes} bytes, two processes`, parts.echo));
    print(line('synced store write of the same bytes', parts.write));
    print(line('four Ed25519 operations (two signed, two verified)', parts.signatures));
    print(line('governed call with receipt, 1 in flight', one));
    print(line('governed call with receipt, 64 in flight', many));
    print(line('the same under a chain of two delegations, 1 in flight', chained));
    const sum = parts.echo.p50_ms + parts.write.p50_ms + parts.signatures.p50_ms;
    print(`governed call p50 / (raw echo + one synced write + four Ed25519 operations): ${short(one.p50_ms / sum)}   (aim: at most 1.5)`);
  } finally {
    await executor.stop();
    await node.stop();
  }
}
