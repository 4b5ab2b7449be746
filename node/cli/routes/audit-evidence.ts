/** The commands about evidence against logs and witnesses: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { EvidenceFileFlags, EvidenceShowFlags } from '../commands/audit-evidence.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, neededFlag, textFlag } from '../flags.ts';

const list: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-evidence.ts')).list),
  parameters: { flags: common_flags },
  docs: docs('List who was proven to have contradicted itself', [
    'Lists the hosts whose audit log or witness is exposed: what it did, since when that is known, and who reported it; and the logs that are suspected because they leave a question about their own checkpoints unanswered.',
    'An exposed host has no trust any more, for good; a suspected log clears itself by answering. Logs that took the place of another one of their host are listed with the entries that were lost: after a damaged disk that is honest, and no evidence. The word "list" may be left out.',
  ].join(' '), ['audit evidence list', 'audit evidence list --json']),
});

const show: Command<Context> = buildCommand<EvidenceShowFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/audit-evidence.ts')).show),
  parameters: {
    flags: { ...common_flags, file: textFlag('file', 'Write the evidence to this file') },
    positional: { kind: 'tuple', parameters: [argument('who', 'The exposed host: its DID or a local name')] },
  },
  docs: docs('Show the evidence against a host', 'Says what is proven about whom, and writes the file that proves it, which anyone can verify without this host and without any history.', [
    'audit evidence show did:mesh:<id> --file fork.evidence',
  ]),
});

const verify: Command<Context> = buildCommand<EvidenceFileFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-evidence.ts')).verify),
  parameters: { flags: { ...common_flags, file: neededFlag('file', 'The evidence, - for standard input') } },
  docs: docs('Verify an evidence file', [
    'Says what the file proves about which key. No running node is needed, and nothing but the file is consulted.',
    'That the key is the one of the host that it is named after, the record of that host says: agentmesh did resolve.',
  ].join(' '), ['audit evidence verify --file fork.evidence', 'audit evidence verify --file fork.evidence --json']),
});

const report: Command<Context> = buildCommand<EvidenceFileFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-evidence.ts')).report),
  parameters: { flags: { ...common_flags, file: neededFlag('file', 'The evidence, - for standard input') } },
  docs: docs('Hand in evidence', 'The node verifies the file, also against the record of the accused host, keeps it, notes it in its own log and tells every other host.', [
    'audit evidence report --file fork.evidence',
  ]),
});

/** `agentmesh audit evidence`. */
export const evidence_routes: RouteMap<Context> = buildRouteMap({
  routes: { list, show, verify, report },
  defaultCommand: 'list',
  docs: { brief: 'Evidence against logs and witnesses that contradicted themselves' },
});
