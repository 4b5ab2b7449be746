/** The commands about the health of the audit log: their flags and help. */
import { buildCommand, type Command } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { RecoverFlags, SucceedFlags } from '../commands/audit-keeper.ts';
import type { Context } from '../context.ts';
import { common_flags, docs, lazily, someText, textFlag } from '../flags.ts';

const opens_store = 'On the folder of a stopped node it opens the LevelDB store, which rewrites files of its own even where nothing is changed: copy the folder first if it is evidence.';

/** `agentmesh audit fsck`. */
export const fsck: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-keeper.ts')).fsck),
  parameters: { flags: common_flags },
  docs: docs('Check every record of the logs', [
    'Looks at every group of entries, tile, bundle, head and cosignature, of earlier logs too, and names each that is damaged. Damage in the newest log of a running node freezes it; damage in an earlier one does not.',
    'Works with a running node, which does the same by itself every hour, and on the folder of a stopped one, for which no passphrase is needed. Ends with code 5 when something is damaged.',
    opens_store,
  ].join(' '), ['audit fsck', 'audit fsck --data /srv/agentmesh --json']),
});

/** `agentmesh audit recover`. */
export const recover: Command<Context> = buildCommand<RecoverFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-keeper.ts')).recover),
  parameters: {
    flags: {
      ...common_flags,
      log: textFlag('which', 'Which log of the node: its number, 0 for the first, or its origin (default: the newest)'),
      from: { kind: 'parsed', parse: someText, variadic: true, optional: true, placeholder: 'folder', brief: 'A folder with a copy of the log: an export or an archive (may be given again)' },
      dryRun: { kind: 'boolean', default: false, withNegated: false, brief: 'Say what would happen, and write nothing' },
    },
  },
  docs: docs('Fill a damaged log again', [
    'Puts the log together again from what is intact, from copies in folders, and, where the node runs, from connected hosts that mirror it, until it has the root that was signed.',
    'Payloads that cannot be had are lost, their entries are not. What was done becomes an entry of the log. A log that signed what it does not know any more cannot be mended: see audit succeed. An earlier log is named with --log; it takes no entry, so the newest says what was done.',
    `${opens_store} That holds for --dry-run too.`,
  ].join(' '), ['audit recover --dry-run', 'audit recover --from ./export --from /mnt/archive', 'audit recover --log 0 --from ./export']),
});

/** `agentmesh audit logs`. */
export const logs: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-keeper.ts')).logs),
  parameters: { flags: common_flags },
  docs: docs('List the logs of the node', 'Lists the log that takes entries, and those before it that audit succeed ended: their numbers for --log, entries, and whether they are damaged.', ['audit logs', 'audit logs --json']),
});

/** `agentmesh audit succeed`. */
export const succeed: Command<Context> = buildCommand<SucceedFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-keeper.ts')).succeed),
  parameters: { flags: { ...common_flags, yes: { kind: 'boolean', default: false, withNegated: false, brief: 'Do not ask at the terminal' } } },
  docs: docs('End the log and begin a successor', [
    'The way out for a log that is frozen for good. It never takes an entry again, and stays readable and provable. The successor has a key of its own, and begins with the last checkpoint of the log before it.',
    'The node has to be restarted afterwards.',
  ].join(' '), ['audit succeed', 'audit succeed --yes']),
});
