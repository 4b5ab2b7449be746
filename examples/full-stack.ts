/**
 * Both layers together: a kernel that governs an agent on its host, and the
 * mesh in which another company's agent delegates work to it.
 *
 *     node examples/full-stack.ts
 *
 * In a project of your own the first import reads `from 'agentmesh'`.
 */
import { AgentIdentity, createNode, KernelSpace, Policy, TrustBridge, unwrap, type DelegatedTask, type Node } from '../node/index.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Stands for a language model: answers without a network. */
const llm = {
  generate: (prompt: string): Promise<string> => Promise.resolve(`summary of ${prompt}`),
};

/** What the example did, for its test. */
export interface Story {
  readonly result: unknown;
  readonly denied: string;
  readonly refusedTrust: string;
}

/** The host of the data analyst: kernel, identity, bridge, agent, delegated work. */
async function analystHost(node: Node, workspace: string): Promise<AgentIdentity> {
  // Step 1: a kernel for this host.
  const kernel = new KernelSpace({
    policies: [Policy.noDestructiveSql(), Policy.fileAccess(workspace), Policy.rateLimit(100, '1m')],
  });

  // Step 2: an identity in the mesh, with a human who answers for it.
  const alice = unwrap(await node.actions.createSponsor('alice@company.com', 'human'));
  const identity = await AgentIdentity.create({
    node,
    name: 'data-analyst',
    sponsor: 'alice@company.com',
    capabilities: ['read:data', 'write:reports'],
    kernel,
  });
  const bridge = new TrustBridge(identity);

  // Step 3: the agent; every action in it is governed.
  const query = kernel.tool({
    name: 'sql',
    action: () => ({ type: 'read', resource: 'data' }),
    run: ({ sql }: { readonly sql: string }) => `rows of ${sql}`,
  });
  const dataAnalyst = kernel.govern(async function dataAnalyst(task: string) {
    const rows = await query({ sql: task });
    return llm.generate(`Analyze: ${rows}`);
  });

  // Step 4: work that others delegate.
  bridge.onDelegation(async (delegation: DelegatedTask) => {
    if (!await bridge.verifyDelegation(delegation)) throw new Error('Delegation not verified');
    const result = await kernel.scoped(delegation.scope, () => dataAnalyst(typeof delegation.task === 'string' ? delegation.task : ''));
    await bridge.reportCompletion(delegation.id, result);
    return result;
  });
  console.log(`data-analyst ${identity.did}\n  answered for by ${alice.did}`);
  return identity;
}

/** Runs the whole example in temporary folders. */
export async function main(): Promise<Story> {
  const home = mkdtempSync(join(tmpdir(), 'agentmesh-example-'));
  const first = unwrap(await createNode({ data: join(home, 'first'), name: 'first' }));
  const second = unwrap(await createNode({ data: join(home, 'second'), name: 'second', bootstrap: first.addresses }));
  try {
    const analyst = await analystHost(first, join(home, 'workspace'));

    // The other side: alice also delegates to an orchestrator on another host, which asks the analyst.
    unwrap(await second.actions.createSponsor('bob@partner.example', 'human'));
    const orchestrator = await AgentIdentity.create({
      node: second, name: 'orchestrator', sponsor: 'bob@partner.example', capabilities: ['read:data'], kernel: new KernelSpace({ policies: [Policy.rateLimit(100, '1m')] }),
    });
    const { delegation } = unwrap(await first.actions.delegate({ from: 'alice@company.com', to: orchestrator.did, capabilities: ['read:data'] }));
    const bridge = new TrustBridge(orchestrator);

    const strict = await bridge.verifyPeer(analyst.did, { requiredTrustScore: 900 });
    console.log(`required 900: verified ${strict.verified}: ${strict.reason}`);

    const verification = await bridge.verifyPeer(analyst.did, { requiredTrustScore: 500 });
    if (!verification.verified) throw new Error(verification.reason);
    const message = { command: 'read:data', delegation: delegation.id };
    const reply = await bridge.sendMessage(analyst.did, { ...message, arguments: 'SELECT region, sum(total) FROM sales GROUP BY region' });
    if (!reply.allowed) throw new Error(reply.reason);
    console.log(`allowed: ${JSON.stringify(reply.result)}\n  decision ${reply.audit?.index} in ${reply.audit?.origin}`);

    const denied = await bridge.sendMessage(analyst.did, { ...message, arguments: 'DROP TABLE sales' });
    console.log(`denied by ${denied.rule}: ${denied.reason}`);
    return { result: reply.result, denied: denied.rule ?? denied.reason, refusedTrust: strict.code };
  } finally {
    await second.stop();
    await first.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();
