/** The commands about the memory of agents: their flags and help; what they do is loaded when one runs. */
import { buildCommand, buildRouteMap, type Command, type RouteMap, type TypedPositionalParameter } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { CatFlags, DiffFlags, EraseMemoryFlags, PutFlags, RemoveFlags, RootFlags, SnapshotFlags } from '../commands/vfs.ts';
import type { Context } from '../context.ts';
import { argument, basis_flag, common_flags, docs, lazily, lifetime, neededFlag, numberFlag, repeatedFlag, textFlag } from '../flags.ts';

const place = argument('[agent:]path', 'Whose memory, and what in it; the agent may be left out where the host has one only');
const whole: TypedPositionalParameter<string | undefined, Context> = { ...place, optional: true };
const yes_or_no = (brief: string): { readonly kind: 'boolean'; readonly default: false; readonly withNegated: false; readonly brief: string } => ({ kind: 'boolean', default: false, withNegated: false, brief });

const ls: Command<Context> = buildCommand<CommonFlags, [string | undefined], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).list),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [whole] } },
  docs: docs('List a folder of an agent\'s memory', 'Shows what is in a folder: sizes, who wrote a file last, when it expires, and the taint that it carries from what its writer had read.', ['vfs ls analyst', 'vfs ls analyst:/mem/working', 'vfs ls /ipc --json']),
});

const cat: Command<Context> = buildCommand<CatFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).cat),
  parameters: { flags: { ...common_flags, out: textFlag('file', 'Write it to this file instead of stdout') }, positional: { kind: 'tuple', parameters: [place] } },
  docs: docs('Print a file of an agent\'s memory', 'Writes the bytes as they are; with --json in base64, with what is known of the file. Every piece is checked against the hash that names it.', ['vfs cat analyst:/mem/working/notes.md', 'vfs cat analyst:/state/model.bin --out model.bin', 'vfs cat analyst:/policy/host-0123456789ab.json']),
});

const put: Command<Context> = buildCommand<PutFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).put),
  parameters: {
    flags: {
      ...common_flags,
      file: textFlag('file', 'File to take it from (default: standard input)'),
      append: yes_or_no('Add it to the end of the file'),
      create: yes_or_no('Only where there is no such file yet'),
      ifHash: textFlag('hash', 'Only where the file has this hash at present'),
      ttl: numberFlag('time', 'Remove it after so long, e.g. 30m, 12h or 7d', lifetime),
      tag: repeatedFlag('text', 'A tag for the file, repeatable'),
    },
    positional: { kind: 'tuple', parameters: [place] },
  },
  docs: docs('Write a file into an agent\'s memory', 'Takes at most 16 MiB from standard input or a file. What you write carries no taint: you vouch for it. It stands on record as written by the operator.', ['vfs put analyst:/mem/semantic/rules.md --file rules.md', 'vfs put analyst:/ipc/inbox/analyst --ttl 10m --tag order', 'vfs put analyst:/state/log --append']),
});

const rm: Command<Context> = buildCommand<RemoveFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).remove),
  parameters: { flags: { ...common_flags, recursive: yes_or_no('Also a folder with all that is in it') }, positional: { kind: 'tuple', parameters: [place] } },
  docs: docs('Remove a file or folder from an agent\'s memory', 'What a snapshot keeps can be brought back; the rest is gone.', ['vfs rm analyst:/mem/working/notes.md', 'vfs rm analyst:/mem/episodic/2025 --recursive']),
});

const snapshot: Command<Context> = buildCommand<SnapshotFlags, [string | undefined], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).snapshot),
  parameters: { flags: { ...common_flags, note: textFlag('text', 'What it is kept for') }, positional: { kind: 'tuple', parameters: [whole] } },
  docs: docs('Keep the present state of an agent\'s memory', 'Costs nothing until something changes. The root hash that it prints names every byte of it.', ['vfs snapshot analyst --note "before the migration"', 'vfs snapshot --json']),
});

const snapshots: Command<Context> = buildCommand<CommonFlags, [string | undefined], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).snapshots),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [whole] } },
  docs: docs('List the kept states of an agent\'s memory', 'Oldest first, with the root hash that names each of them.', ['vfs snapshots analyst']),
});

const root = neededFlag('hash', 'Root hash of the kept state (agentmesh vfs snapshots)');

const restore: Command<Context> = buildCommand<RootFlags, [string | undefined], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).restore),
  parameters: { flags: { ...common_flags, root }, positional: { kind: 'tuple', parameters: [whole] } },
  docs: docs('Bring an agent\'s memory back to a kept state', 'In one step: all of it, or what is at one path. What came since is gone, unless another snapshot keeps it.', ['vfs restore analyst --root <hash>', 'vfs restore analyst:/mem/semantic --root <hash>']),
});

const drop: Command<Context> = buildCommand<RootFlags, [string | undefined], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).drop),
  parameters: { flags: { ...common_flags, root }, positional: { kind: 'tuple', parameters: [whole] } },
  docs: docs('Keep a state no more', 'Frees what only this state holds.', ['vfs drop analyst --root <hash>']),
});

const diff: Command<Context> = buildCommand<DiffFlags, [string | undefined], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).diff),
  parameters: {
    flags: { ...common_flags, from: neededFlag('hash', 'Root hash of a kept state'), to: textFlag('hash', 'Root hash of another one (default: the present state)') },
    positional: { kind: 'tuple', parameters: [whole] },
  },
  docs: docs('Show what changed since a kept state', 'The files in which two states differ; folders that are equal are not looked into.', ['vfs diff analyst --from <hash>', 'vfs diff analyst --from <hash> --to <hash>']),
});

const erase: Command<Context> = buildCommand<EraseMemoryFlags, [string | undefined], Context>({
  loader: lazily(async () => (await import('../commands/vfs.ts')).erase),
  parameters: {
    flags: { ...common_flags, basis: basis_flag, yes: yes_or_no('Do not ask at the terminal') },
    positional: { kind: 'tuple', parameters: [{ ...argument('agent', 'Whose memory; may be left out where the host has one agent only'), optional: true }] },
  },
  docs: docs('Make an agent\'s memory unreadable for good', 'Destroys the key of everything that the agent ever wrote, removed files and kept states included, and takes what it wrote last out of /ipc. The agent goes on with an empty memory, and the erasure is an entry of the audit log. What the log itself says of the agent stays: audit erase --subject takes that and the memory in one. Backups of the file "vault" must be destroyed as well.', [
    'vfs erase analyst --basis art17', 'vfs erase analyst --basis mistake --yes --json',
  ]),
});

/** `agentmesh vfs …`. */
export const vfs_routes: RouteMap<Context> = buildRouteMap<string, Context>({
  routes: { ls, cat, put, rm, snapshot, snapshots, restore, drop, diff, erase },
  docs: { brief: 'Look into the memory of agents, and mend it' },
});
