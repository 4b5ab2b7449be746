/** What sandboxes cost: the start of a program, a governed call over the border, and how soon SIGKILL ends a loop without end. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../../crypto/canonical.ts';
import { unwrap } from '../../crypto/result.ts';
import { KernelSpace, Policy, runSandboxed, type SandboxPlan } from '../../node/kernel/index.ts';
import { findExecutable } from '../../node/kernel/sandbox/index.ts';

const rounds = 10;
const calls = 500;
const client = `const { Socket } = require('node:net'); const channel = new Socket({ fd: 3 }); let rest = ''; let answered;
channel.on('data', (bytes) => { const lines = (rest + bytes).split('\\n'); rest = lines.pop(); for (const line of lines) answered(line); });
(async () => { for (let i = 0; i < ${calls}; i += 1) await new Promise((resolve) => { answered = resolve; channel.write(JSON.stringify({ id: i, action: { type: 'read' }, data: i }) + '\\n'); }); channel.end(); })();`;

interface Bodies {
  readonly nothing: SandboxPlan;
  readonly calling: SandboxPlan;
  readonly looping: SandboxPlan;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function bodiesOf(tier: 'quickjs' | 'process' | 'bwrap', workspace: string): Bodies {
  if (tier === 'quickjs') {
    const program = (text: string): SandboxPlan => ({ tier, name: 'bench', program: text });
    return {
      nothing: program('return 0'),
      calling: program(`for (let i = 0; i < ${calls}; i += 1) await agentmesh.call({ type: 'read' }, i)`),
      looping: program("await agentmesh.call({ type: 'read' }); while (true) {}"),
    };
  }
  const process_plan = (command: string, args: readonly string[]): SandboxPlan => ({
    tier, command, args, workspace, writable: true, network: false, environment: { PATH: process.env['PATH'] ?? '' }, stdio: 'piped',
  });
  return {
    nothing: process_plan('true', []),
    calling: process_plan(process.execPath, ['-e', client]),
    looping: process_plan('sh', ['-c', 'echo begun; while :; do :; done']),
  };
}

/** Measures every tier that this machine has. */
export async function benchSandbox(home: string, print: (text: string) => void): Promise<void> {
  const workspace = join(home, 'sandbox');
  mkdirSync(workspace);
  const policy = unwrap(await Policy.parse("version: '1.0'\nrules:\n  - { name: all, condition: 'true', action: allow }\n", 'bench.yaml'));
  for (const tier of ['quickjs', 'process', 'bwrap'] as const) {
    if (tier === 'bwrap' && findExecutable('bwrap') === undefined) {
      print('bwrap: not installed on this machine');
      continue;
    }
    const { nothing, calling, looping } = bodiesOf(tier, workspace);
    const starts: number[] = [];
    const kills: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const agent = `agent-${round}`;
      const kernel = new KernelSpace({ policies: [policy], loops: 'none' });
      const began = performance.now();
      unwrap(await runSandboxed({ kernel, agent, plan: nothing }));
      starts.push(performance.now() - began);
      const at_work = Promise.withResolvers<void>();
      const looped = runSandboxed({ kernel, agent, plan: looping, serve: async (): Promise<Json> => { setTimeout(at_work.resolve, 5); return null; }, output: () => at_work.resolve() });
      await at_work.promise;
      const killing = performance.now();
      await kernel.signal(agent, 'SIGKILL');
      await looped;
      kills.push(performance.now() - killing);
    }
    const kernel = new KernelSpace({ policies: [policy], loops: 'none' });
    const began = performance.now();
    unwrap(await runSandboxed({ kernel, agent: 'caller', plan: calling }));
    const spent_ms = performance.now() - began;
    print(`${tier}: start to end ${median(starts).toFixed(0)} ms; ${calls} governed calls over the border ${Math.round(calls / (spent_ms / 1000))}/s, start included; SIGKILL ends an infinite loop in ${median(kills).toFixed(1)} ms, at most ${Math.max(...kills).toFixed(1)}`);
  }
}
