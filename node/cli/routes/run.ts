/** The command that governs a whole program: its flags and help. */
import { buildCommand, type Command } from '@stricli/core';
import type { RunFlags } from '../commands/run.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, lifetime, numberFlag, repeatedFlag, textFlag } from '../flags.ts';

const units: ReadonlyMap<string, number> = new Map([['', 1], ['K', 2 ** 10], ['M', 2 ** 20], ['G', 2 ** 30]]);

function memorySize(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([KMG]?)$/.exec(text) ?? [];
  const bytes = Number(digits) * (units.get(unit) ?? Number.NaN);
  if (digits === undefined || Number.isNaN(bytes)) throw new Error('expected a size, e.g. 512M or 2G');
  return bytes;
}

/** `agentmesh run`. */
export const run_route: Command<Context> = buildCommand<RunFlags, string[], Context>({
  loader: lazily(async () => (await import('../commands/run.ts')).run),
  parameters: {
    flags: {
      ...common_flags,
      sandbox: { kind: 'enum', values: ['none', 'quickjs', 'process', 'bwrap'], optional: true, brief: 'What holds the program (default: bwrap where it is installed, else process)' },
      agent: textFlag('who', 'Agent of the running node that the program acts as; its policies decide, its signals reach the program, the node\'s log records (default: the only agent of the node, where no policy is named)'),
      policy: textFlag('file', 'Policy that decides where no agent is named; nothing is kept then but what is printed'),
      workspace: textFlag('folder', 'Folder in which it starts, the only one of the user\'s that bwrap shows it (default: this one)'),
      write: { kind: 'boolean', default: false, withNegated: false, brief: 'Let it write into the workspace under bwrap' },
      net: { kind: 'boolean', default: false, withNegated: false, brief: 'Leave it the network of this host under bwrap; records and policies take it for process then, since other programs can be reached past the kernel' },
      show: repeatedFlag('path', 'File or folder that bwrap shows it besides, read-only, repeatable; the program itself is shown, and the lib beside its bin'),
      env: repeatedFlag('name', 'Variable of this environment to hand on, repeatable; PATH, LANG and TERM are'),
      memory: numberFlag('size', 'Memory that it may use, e.g. 2G (default: 1G, quickjs 64M)', memorySize),
      cpu: numberFlag('time', 'Processor time of a process (default: 60s)', lifetime),
      timeout: numberFlag('time', 'Time from start to end (default: 5m)', lifetime),
    },
    positional: { kind: 'array', parameter: argument('command', 'Program and its arguments, after --; with quickjs a JavaScript file'), minimum: 1 },
  },
  docs: docs('Run a program under the kernel', [
    'Asks the policies whether the program may start (action.type "execute", action.resource its name, action.program its path), records the decision with the sandbox, and holds the program as far as the sandbox can:',
    'none: signals alone. process: limits of memory, processor time and files, a clean environment, its whole group ended by SIGKILL; it can still open files and sockets as its user.',
    'quickjs: untrusted JavaScript with no access to the host. bwrap: no files but the system, the program (both read-only) and the workspace, no network, no other processes, no system calls that reach further; HOME is an empty folder.',
    'The program may ask for more over file descriptor AGENTMESH_CHANNEL, and where the node was started with --sidecar over the socket AGENTMESH_SIDECAR with AGENTMESH_TOKEN. Exit code: that of the program; 4 when it was denied.',
  ].join('\n'), [
    'run --policy policy.yaml -- npm test', 'run --sandbox bwrap --agent coder --write -- python3 agent.py', 'run --sandbox bwrap --agent coder --show ~/.pyenv -- python3 agent.py', 'run --sandbox quickjs --policy policy.yaml -- untrusted.js',
  ]),
});
