/** The commands about the audit log, and the help topics: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { DidFlags, ExportFlags, LogFlags, ProveFlags, VerifyProofFlags } from '../commands/audit.ts';
import type { Context } from '../context.ts';
import { common_flags, docs, lazily, neededFlag, numberFlag, textFlag, wholeNumber } from '../flags.ts';

const did_flag = textFlag('who', 'Node whose log is meant (default: this one)');

const head: Command<Context> = buildCommand<DidFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit.ts')).head),
  parameters: { flags: { ...common_flags, did: did_flag } },
  docs: docs('Show the latest cosigned head of a log', 'Prints the head with the witnesses that cosigned it, and the signed note itself.', ['audit head', 'audit head --did did:mesh:<id> --json']),
});

const anchor: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit.ts')).anchor),
  parameters: { flags: common_flags },
  docs: docs('Have the log cosigned now', 'Signs a checkpoint of the log and collects the cosignatures of witnesses, without waiting for the next round.', ['audit anchor']),
});

const prove: Command<Context> = buildCommand<ProveFlags, [number], Context>({
  loader: lazily(async () => (await import('../commands/audit.ts')).prove),
  parameters: {
    flags: {
      ...common_flags,
      did: did_flag,
      proof: textFlag('file', 'Write the proof to this file (default: standard output)'),
      policy: textFlag('file', 'Write the policy under which it can be verified to this file'),
    },
    positional: { kind: 'tuple', parameters: [{ parse: wholeNumber, placeholder: 'index', brief: 'Index of the entry, as a call prints it' }] },
  },
  docs: docs('Prove that an entry is in a log', 'Writes a C2SP tlog-proof file, which anyone can verify without access to this host.', ['audit prove 12 --proof entry.tlog-proof --policy policy.txt', 'audit prove 12 --did did:mesh:<id>']),
});

const verify: Command<Context> = buildCommand<VerifyProofFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/verify.ts')).verify),
  parameters: {
    flags: {
      ...common_flags,
      proof: neededFlag('file', 'The proof, - for standard input'),
      policy: textFlag('file', 'The C2SP tlog-policy that names the logs and witnesses you believe (default: the running node\'s)'),
    },
  },
  docs: docs('Verify a proof', 'Verifies a proof file. With --policy no running node is needed, and nothing but the two files is believed.', ['audit verify --proof entry.tlog-proof --policy policy.txt', 'audit verify --proof entry.tlog-proof --json']),
});

const exportLog: Command<Context> = buildCommand<ExportFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit.ts')).exportLog),
  parameters: { flags: { ...common_flags, dir: neededFlag('folder', 'Folder to write, new or empty') } },
  docs: docs('Write the log as plain files', 'Writes the log as a C2SP tlog-tiles folder with its checkpoint, for anyone\'s tools.', ['audit export --dir ./log']),
});

const log: Command<Context> = buildCommand<LogFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit.ts')).log),
  parameters: { flags: { ...common_flags, from: numberFlag('index', 'First entry'), limit: numberFlag('count', 'How many entries') } },
  docs: docs('Show entries of the flight recorder', 'Lists entries of this node\'s audit log with what they record.', ['audit log --limit 20', 'audit log --from 100 --json']),
});

const topicEnvironment: Command<Context> = buildCommand<NonNullable<unknown>, [], Context>({
  loader: lazily(async () => (await import('../commands/topics.ts')).environment),
  parameters: { flags: {} },
  docs: docs('Environment variables', 'Lists the environment variables that agentmesh reads.', ['help environment']),
});

const topicExitCodes: Command<Context> = buildCommand<NonNullable<unknown>, [], Context>({
  loader: lazily(async () => (await import('../commands/topics.ts')).exitCodes),
  parameters: { flags: {} },
  docs: docs('Exit codes', 'Lists the exit codes of agentmesh.', ['help exit-codes']),
});

/** `agentmesh audit`. */
export const audit_routes: RouteMap<Context> = buildRouteMap({ routes: { head, anchor, prove, verify, export: exportLog, log }, docs: { brief: 'The audit log: heads, proofs, entries' } });
/** `agentmesh help`. */
export const help_routes: RouteMap<Context> = buildRouteMap({ routes: { environment: topicEnvironment, 'exit-codes': topicExitCodes }, docs: { brief: 'More help' } });
