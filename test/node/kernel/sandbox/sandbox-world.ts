/** Programs in sandboxes under a kernel with a memory recorder. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { Json } from '../../../../crypto/canonical.ts';
import { unwrap, type Result } from '../../../../crypto/result.ts';
import { KernelSpace, memoryRecorder, Policy, type Action, type DecisionRecord } from '../../../../node/kernel/index.ts';
import { runSandboxed, type SandboxedOutcome, type SandboxLimits } from '../../../../node/kernel/sandbox/index.ts';
import type { ProcessProgram } from '../../../../node/kernel/sandbox/wrapper.ts';
import type { TestContext } from '../../../harness.ts';

const open_policy = "version: '1.0'\nname: open\nrules:\n  - { name: start, condition: \"action.type == 'execute'\", action: allow }\n  - { name: reads, condition: \"action.type == 'read'\", action: allow }\n  - { name: no-delete, condition: \"action.type == 'delete'\", action: deny }\n";

/** The agent of every test. */
export const agent = 'robot';

/** A kernel with what it records and what programs print and ask for. */
export interface SandboxWorld {
  readonly kernel: KernelSpace;
  readonly served: Action[];
  readonly printed: string[];
  readonly workspace: string;
  /** The text of a program, or its command line. */
  run(program: string | readonly string[], options?: { readonly tier?: 'none' | 'process' | 'bwrap'; readonly limits?: Partial<SandboxLimits>; readonly serve?: (data: Json) => Promise<Json>; readonly program?: Partial<ProcessProgram> }): Promise<Result<SandboxedOutcome>>;
  decisions(): readonly DecisionRecord[];
}

/** Makes a world. */
export async function sandboxWorld(context: TestContext, policy: string = open_policy): Promise<SandboxWorld> {
  const recorder = memoryRecorder();
  const kernel = new KernelSpace({ policies: [unwrap(await Policy.parse(policy, 'sandbox.yaml'))], flight_recorder: recorder, loops: 'none' });
  const [served, printed]: [Action[], string[]] = [[], []];
  const workspace = context.folder();
  return {
    kernel, served, printed, workspace,
    run(program, { tier = 'process', limits, serve = (data: Json): Promise<Json> => Promise.resolve(data), program: more } = {}) {
      const [command = '', ...args] = typeof program === 'string' ? [] : program;
      const environment = { PATH: process.env['PATH'] ?? '' };
      return runSandboxed({
        kernel, agent,
        plan: typeof program === 'string' ? { tier: 'quickjs', name: 'program', program } : { tier, command, args, workspace, writable: true, network: false, environment, stdio: 'piped', ...more },
        limits: { wall_ms: 20_000, ...limits },
        output: (stream, text) => void printed.push(`${stream}: ${text}`),
        serve(action, data) {
          served.push(action);
          return serve(data);
        },
      });
    },
    decisions: () => recorder.getLogs(agent).filter((record): record is DecisionRecord => record.kind === 'decision'),
  };
}

/** How much has been printed once a stopped program has had time to come to rest, in milliseconds; that nothing is printed from then on is asserted. */
export async function printedAtRest({ printed }: Pick<SandboxWorld, 'printed'>, rest_ms: number): Promise<number> {
  await sleep(rest_ms);
  const at_rest = printed.length;
  await sleep(150);
  assert.is(printed.length, at_rest);
  return at_rest;
}
