/** The command about signals: its flags and help. */
import { buildCommand, type Command } from '@stricli/core';
import type { SignalFlags } from '../commands/signal.ts';
import type { Context } from '../context.ts';
import { common_flags, docs, lazily, someText, textFlag } from '../flags.ts';

/** `agentmesh signal`. */
export const signal_route: Command<Context> = buildCommand<SignalFlags, [string?, string?], Context>({
  loader: lazily(async () => (await import('../commands/signal.ts')).signal),
  parameters: {
    flags: {
      ...common_flags,
      reason: textFlag('text', 'Why; it stands in the record'),
      from: textFlag('who', 'Agent of this host that sends it under a delegation (needed for agents elsewhere), or sponsor in whose name it is sent'),
      delegation: textFlag('id', 'Delegation that it rests on (default: the best one that is held)'),
      reset: { kind: 'boolean', default: false, withNegated: false, brief: 'Give the agent its whole budget anew and forget its taint labels' },
      list: { kind: 'boolean', default: false, withNegated: false, brief: 'List the signals and what they do' },
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { parse: someText, optional: true, placeholder: 'agent', brief: 'Name or DID of the agent' },
        { parse: someText, optional: true, placeholder: 'signal', brief: 'Name or number (default: show the state of the agent, and its signals since its host started; agentmesh audit tail --agent AGENT shows earlier ones)' },
      ],
    },
  },
  docs: { customUsage: ['[agent] [signal]'], ...docs('Stop, continue or end an agent', [
    'Sends a signal. The kernel of the agent\'s host obeys it, whatever the agent does; the signal, its sender and what came of it stand in the audit log.',
    'What SIGSTOP has stopped and SIGKILL has ended stays so when the host is started again.',
    'An agent elsewhere is signalled by one of yours that has the capability signal:<signal>/<id> and a delegation of it from the other one\'s sponsor; <id> is the DID without did:mesh:. The policy of the one that sends it (--from) must allow the action "signal", too.',
  ].join(' '), [
    'signal analyst SIGSTOP --reason "looks at the wrong files"',
    'signal analyst SIGCONT',
    'signal analyst SIGKILL --from alice@company.com --reason "compromised"',
    'signal did:mesh:<id> SIGSTOP --from watchdog',
    'signal analyst',
    'signal --list',
  ]) },
});
