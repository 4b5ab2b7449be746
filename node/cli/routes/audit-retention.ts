/** The commands about archives and retention: their flags and help. */
import { buildCommand, type Command } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { ArchiveFlags } from '../commands/audit-retention.ts';
import type { Context } from '../context.ts';
import { common_flags, docs, lazily, momentFlag, neededFlag, numberFlag } from '../flags.ts';

/** `agentmesh audit archive`. */
export const archive: Command<Context> = buildCommand<ArchiveFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-retention.ts')).archive),
  parameters: {
    flags: {
      ...common_flags,
      dir: neededFlag('folder', 'Folder of the archive: new, or the one of an earlier archive of this log'),
      before: momentFlag('Archive entries older than this: a time with its zone, or how long ago, e.g. 365d'),
      keep: numberFlag('count', 'Archive all entries but so many of the newest'),
      restore: { kind: 'boolean', default: false, withNegated: false, brief: 'Bring the entries that were archived last back from the folder, or from a copy of it' },
    },
  },
  docs: docs('Move old entries to a folder', [
    'Writes the entries, their tiles and their sealed payloads to a folder, reads them back, and removes them from the store only then. The keys of payloads stay in the vault, so what is erased is unreadable in archives too.',
    'The folder is a C2SP tlog-tiles log that anyone\'s tools can check. Proofs still can be made without it; the entries are read from it. The archive is itself an entry of the log.',
  ].join(' '), ['audit archive --dir /mnt/archive --before 365d', 'audit archive --dir /mnt/archive --keep 100000', 'audit archive --dir /mnt/archive --restore']),
});

/** `agentmesh audit retention`. */
export const retention: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-retention.ts')).retention),
  parameters: { flags: common_flags },
  docs: docs('Show what of the log is kept, archived and dropped', [
    'Shows how large the log is, what it may take of the disk, where its archived entries are, and what the rules would drop in the next round.',
    'Without rules everything is kept: agentmesh up --retention FILE gives some.',
  ].join(' '), ['audit retention', 'audit retention --json']),
});
