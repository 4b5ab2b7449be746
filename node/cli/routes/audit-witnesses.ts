/** The commands about witnesses and mirrors: their flags and help. */
import { buildCommand, type Command } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { MirrorFlags } from '../commands/audit-witnesses.ts';
import type { Context } from '../context.ts';
import { common_flags, docs, lazily, someText } from '../flags.ts';

/** `agentmesh audit witnesses`. */
export const witnesses: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-witnesses.ts')).witnesses),
  parameters: { flags: common_flags },
  docs: docs('Show who witnesses this log, and whom this host witnesses', [
    'Lists the witnesses in the order in which they are asked, who answers for them, what each cosigned and refused last, and whether those who cosigned are enough;',
    'then the logs that this host has cosigned, and whether their heads are in its own log.',
    'Without a witness policy two witnesses of different operators are needed: witnesses of one sponsor count once.',
  ].join(' '), ['audit witnesses', 'audit witnesses --json']),
});

/** `agentmesh audit mirror`. */
export const mirror: Command<Context> = buildCommand<MirrorFlags, [string?], Context>({
  loader: lazily(async () => (await import('../commands/audit-witnesses.ts')).mirror),
  parameters: {
    flags: { ...common_flags, drop: { kind: 'boolean', default: false, withNegated: false, brief: 'Follow the log no longer and remove the copy' } },
    positional: { kind: 'tuple', parameters: [{ parse: someText, optional: true, placeholder: 'who', brief: 'The host whose log is meant: its DID or a local name (default: list the mirrors)' }] },
  },
  docs: docs('Keep a copy of another host\'s log', [
    'Copies the log of a host after each newer cosigned checkpoint, and serves the copy to whoever asks. Every hash is recomputed before anything is kept.',
    'A host whose disk was damaged gets its log back from such copies. Where a log is followed by another one of its host, that is mirrored too, and the older copy stays. Without an argument it lists the mirrors.',
  ].join(' '), ['audit mirror', 'audit mirror did:mesh:<id>', 'audit mirror did:mesh:<id> --drop']),
});
