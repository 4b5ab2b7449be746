/**
 * Logs of another system, made tamper-evident: synced once, proved with files that
 * verify with no node running, and still erasable.
 *
 *     node examples/audit-bridge.ts
 *
 * In a project of your own the first import reads `from 'agentmesh'`.
 */
import { AuditBridge, createNode, unwrap, type Node } from '../node/index.ts';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What a flight recorder elsewhere has kept. */
const local_logs = [
  { agent_id: 'carbon-auditor', timestamp: '2026-03-01T12:00:00Z', tool: 'query', verdict: 'allowed', sql: 'SELECT * FROM emissions' },
  { agent_id: 'carbon-auditor', timestamp: '2026-03-01T12:00:07Z', tool: 'query', verdict: 'blocked', sql: 'DROP TABLE emissions' },
  { note: 'neither whose nor when' },
];

/** What the example did, for its test. */
export interface Story {
  readonly added: readonly [first: number, second: number];
  readonly refused: readonly string[];
  readonly verified: string;
  readonly readable_after_erasure: number;
}

/** Runs the command line as an auditor would, on a machine without a node. */
async function agentmesh(...inputs: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('../node/cli/launch.js', import.meta.url)), ...inputs]);
  return stdout;
}

/** Has another host cosign the head of the log: at once, or when the two have met. */
async function anchored(node: Node): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await node.host.witness.anchor()).ok) return;
    await setTimeout(100);
  }
  throw new Error('nobody cosigned');
}

/** Runs the whole example in a temporary folder. */
export async function main(): Promise<Story> {
  const home = mkdtempSync(join(tmpdir(), 'agentmesh-example-'));
  const data = join(home, 'node');
  const node = unwrap(await createNode({ data, name: 'auditor', witness: { quorum: 1 } }));
  const witness = unwrap(await createNode({ data: join(home, 'witness'), name: 'witness', bootstrap: node.addresses }));
  try {
    // Step 1: sync. What cannot be taken is refused with its reason; a second sync adds nothing.
    const bridge = new AuditBridge({ node, source: 'agent-os' });
    const first = await bridge.syncLogs(local_logs);
    const second = await bridge.syncLogs(local_logs);
    const refused = first.outcomes.flatMap((outcome) => outcome.state === 'refused' ? [outcome.reason] : []);
    console.log(`${first.added} added, ${first.refused} refused (${refused.join()}), then ${second.added} added`);

    // Step 2: a proof of the blocked query, with its payload, as two files that need nothing else.
    const [, blocked] = first.outcomes;
    const index = blocked?.state === 'added' ? blocked.index : null;
    await anchored(node);
    await agentmesh('audit', 'prove', String(index), '--open', '--proof', join(home, 'proof'), '--policy', join(home, 'policy'), '--data', data);

    // Step 3: the agent's payloads are erased; the log still verifies.
    unwrap(await node.host.log.erase({ subject: 'carbon-auditor' }, 'retention'));
    const readable = await node.getLogs('carbon-auditor');
    await node.stop();
    const verified = await agentmesh('audit', 'verify', '--proof', join(home, 'proof'), '--policy', join(home, 'policy'));
    console.log(verified);
    return { added: [first.added, second.added], refused, verified, readable_after_erasure: readable.length };
  } finally {
    await witness.stop();
    await node.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();
