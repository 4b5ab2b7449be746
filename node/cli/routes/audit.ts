/** The commands about the audit log, and the help topics: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import { evidence_routes } from './audit-evidence.ts';
import { archive, retention } from './audit-retention.ts';
import { fsck, logs, recover, succeed } from './audit-keeper.ts';
import { mirror, witnesses } from './audit-witnesses.ts';
import type { EraseFlags } from '../commands/audit-erase.ts';
import type { TailFlags } from '../commands/audit-entries.ts';
import type { ExportFlags } from '../commands/audit-export.ts';
import type { ImportFlags } from '../commands/audit-import.ts';
import type { DidFlags, LogFlags, ProveFlags, VerifyProofFlags } from '../commands/audit.ts';
import type { Context } from '../context.ts';
import { basis_flag, common_flags, docs, lazily, momentFlag, neededFlag, numberFlag, textFlag, wholeNumber } from '../flags.ts';

const entry_argument = { parse: wholeNumber, placeholder: 'index', brief: 'Index of the entry, as a call prints it' } as const;
const log_flag = textFlag('which', 'Which log of the node: its number, 0 for the first, or its origin, as audit logs lists them (default: the newest)');
const did_flag = textFlag('who', 'Node whose log is meant (default: this one)');

const head: Command<Context> = buildCommand<DidFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit.ts')).head),
  parameters: { flags: { ...common_flags, did: did_flag, log: log_flag } },
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
      log: log_flag,
      proof: textFlag('file', 'Write the proof to this file (default: standard output)'),
      policy: textFlag('file', 'Write the policy under which it can be verified to this file'),
      open: { kind: 'boolean', default: false, withNegated: false, brief: 'Show the payload in the proof, to whoever gets it; own log only' },
    },
    positional: { kind: 'tuple', parameters: [entry_argument] },
  },
  docs: docs('Prove that an entry is in a log', 'Writes a C2SP tlog-proof file, which anyone can verify without access to this host.', ['audit prove 12 --proof entry.tlog-proof --policy policy.txt', 'audit prove 12 --did did:mesh:<id>', 'audit prove 12 --open --proof opened.tlog-proof']),
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
  docs: docs('Verify a proof', 'Verifies a proof file; a payload that it shows is held against what the entry commits to. With --policy no running node is needed, and nothing but the two files is believed.', ['audit verify --proof entry.tlog-proof --policy policy.txt', 'audit verify --proof entry.tlog-proof --json']),
});

const select_flags = {
  log: log_flag,
  agent: textFlag('who', 'Only what is recorded of this agent: its name, DID, or name elsewhere'),
  kind: textFlag('kind', 'Only this kind: decision, outcome, refusal, completion, imported, or a kind of entry such as anchor'),
  verdict: textFlag('verdict', 'Only decisions with this verdict: allow, deny or require_approval'),
} as const;

const exportLog: Command<Context> = buildCommand<ExportFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-export.ts')).exportLog),
  parameters: {
    flags: {
      ...common_flags,
      ...select_flags,
      dir: textFlag('folder', 'Folder to write the tiles to, new or empty'),
      format: { kind: 'enum', values: ['tiles', 'cloudevents'], optional: true, brief: 'tiles: the whole log for anyone\'s tools (default); cloudevents: entries with their payloads, as JSON lines' },
      file: textFlag('file', 'Write the events to this file (default: standard output)'),
      from: momentFlag('Only events since then: a time with its zone, or how long ago, e.g. 12h'),
      to: momentFlag('Only events until then'),
    },
  },
  docs: docs('Write the log for other tools', 'Writes the log as a C2SP tlog-tiles folder with its checkpoint, or its entries with their payloads as CloudEvents 1.0 (application/cloudevents+json), one a line.', [
    'audit export --dir ./log', 'audit export --format cloudevents --from 24h --agent analyst --file events.jsonl', 'audit export --format cloudevents --verdict deny',
  ]),
});

const tail: Command<Context> = buildCommand<TailFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-entries.ts')).tail),
  parameters: {
    flags: {
      ...common_flags,
      ...select_flags,
      lines: numberFlag('count', 'How many of the newest entries (default: 20)'),
      follow: { kind: 'boolean', default: false, withNegated: false, brief: 'Go on with what is added, until Ctrl-C; with --json one entry a line' },
      since: momentFlag('Only entries since then: a time with its zone, or how long ago, e.g. 30m'),
    },
    aliases: { n: 'lines', f: 'follow' },
  },
  docs: docs('Show the newest entries of the log', 'Lists what this node\'s audit log records, the newest last.', ['audit tail -n 50', 'audit tail --follow', 'audit tail --agent analyst --verdict deny --since 24h']),
});

const show: Command<Context> = buildCommand<LogFlags, [number], Context>({
  loader: lazily(async () => (await import('../commands/audit-entries.ts')).show),
  parameters: { flags: { ...common_flags, log: log_flag }, positional: { kind: 'tuple', parameters: [entry_argument] } },
  docs: docs('Show one entry', 'Shows an entry with its time, leaf hash and payload, whether the payload was erased, and which checkpoint covers it, cosigned by whom.', ['audit show 12', 'audit show 12 --log 0 --json']),
});

const erase: Command<Context> = buildCommand<EraseFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-erase.ts')).erase),
  parameters: {
    flags: {
      ...common_flags,
      subject: textFlag('who', 'Whose payloads, and whose memory where it is an agent of this host: the name or DID of an agent or person, or a name elsewhere'),
      entry: numberFlag('index', 'The entry whose payload it is'),
      log: log_flag,
      basis: basis_flag,
      yes: { kind: 'boolean', default: false, withNegated: false, brief: 'Do not ask at the terminal' },
    },
  },
  docs: docs('Make payloads unreadable for good', 'Destroys the keys of payloads. The entries, the tree and every proof stay valid, and the erasure is itself an entry, of the newest log also where the payload is in an earlier one; those of a subject are erased in all logs, and with them, under the same key, all that it remembers where it is an agent of this host (vfs erase takes the memory alone). Backups of the file "vault" must be destroyed as well.', [
    'audit erase --subject analyst --basis art17', 'audit erase --entry 12 --basis mistake --yes', 'audit erase --entry 12 --log 0 --basis order',
  ]),
});

const importLogs: Command<Context> = buildCommand<ImportFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/audit-import.ts')).importLogs),
  parameters: {
    flags: {
      ...common_flags,
      file: neededFlag('file', 'JSON lines, one entry a line; - for standard input'),
      subject: textFlag('who', 'Whose entries they are (default: each says it, as agent, agent_id or an OpenTelemetry attribute)'),
      source: textFlag('name', 'Where they come from: the same entry of two sources is two entries'),
    },
  },
  docs: docs('Take logs from elsewhere into the audit log', 'Seals each entry under its agent and makes it tamper-evident, once: importing a file again adds only what is new. What cannot be taken is named line by line.', [
    'audit import --file flight-recorder.jsonl', 'audit import --file - --subject billing-agent --source otel',
  ]),
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
export const audit_routes: RouteMap<Context> = buildRouteMap({ routes: { tail, show, head, anchor, prove, verify, import: importLogs, export: exportLog, erase, logs, fsck, recover, succeed, witnesses, mirror, archive, retention, evidence: evidence_routes }, docs: { brief: 'The audit log: entries, heads, proofs' } });
/** `agentmesh help`. */
export const help_routes: RouteMap<Context> = buildRouteMap({ routes: { environment: topicEnvironment, 'exit-codes': topicExitCodes }, docs: { brief: 'More help' } });
