/** The commands about the node itself: their flags and help; what they do is loaded when one runs. */
import { buildCommand, type Command } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, lifetime, numberFlag, repeatedFlag, revocationAge, textFlag } from '../flags.ts';
import type { UpFlags } from '../commands/up.ts';

const up: Command<Context> = buildCommand<UpFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/up.ts')).up),
  parameters: {
    flags: {
      ...common_flags,
      json: { kind: 'boolean', default: false, withNegated: false, brief: 'Print what happens as JSON lines' },
      listen: repeatedFlag('multiaddr', 'Address to listen on, repeatable (default: /ip4/127.0.0.1/tcp/4001)'),
      join: repeatedFlag('address', 'Address of a node of the mesh to join, repeatable'),
      mdns: { kind: 'boolean', default: false, withNegated: false, brief: 'Find nodes on the local network by multicast DNS' },
      policy: textFlag('file', 'Policy of this host, in YAML'),
      passphraseFile: textFlag('file', 'File with the passphrase that seals the keys (or set AGENTMESH_PASSPHRASE)'),
      approvalTimeout: numberFlag('time', 'How long a call waits for approval before it is denied, at most 15m (default: 5m)', lifetime),
      requiredTrust: numberFlag('score', 'Trust score from 0 to 1000 that a caller needs, unless its agent says otherwise'),
      revocationMaxAge: {
        kind: 'parsed', parse: revocationAge, optional: true, variadic: true, placeholder: 'class=time',
        brief: 'How old the knowledge of revocations may be, repeatable (default: delete=5m, write=1h, read=24h)',
      },
      gateway: textFlag('host:port', 'Serve the log to transparency-log tools over HTTP there, on the loopback interface if no host is given'),
      sidecar: {
        kind: 'parsed', parse: String, optional: true, inferEmpty: true, placeholder: 'host:port',
        brief: 'Open the local HTTP API for agents in any language: on a socket in the data folder, and there on the loopback interface if given',
      },
      witnessPolicy: textFlag('file', 'C2SP tlog-policy that names the witnesses of this log (default: two of different operators)'),
      witnessLog: repeatedFlag('vkey', 'Key of a transparency log of another system that may have its checkpoints cosigned here, repeatable'),
      mirrorBytes: numberFlag('bytes', 'What mirrors of other logs may take of the disk (default: 1073741824)'),
      retention: textFlag('file', 'What of the log may be dropped when, and what it may take of the disk, in JSON (default: everything is kept)'),
      name: textFlag('name', 'Name of this node'),
    },
  },
  docs: docs('Start a node on this host', 'Starts a node and keeps it running until Ctrl-C. The first start makes its keys and its data folder.', [
    'up',
    'up --data /tmp/second --listen /ip4/127.0.0.1/tcp/0 --join /ip4/127.0.0.1/tcp/4001/p2p/<peer id>',
    'up --listen /ip4/0.0.0.0/tcp/4001 --policy host.yaml --passphrase-file passphrase.txt',
    'up --gateway 127.0.0.1:8080 --witness-policy witnesses.txt',
    'up --sidecar',
    'up --sidecar 127.0.0.1:8081',
  ]),
});

const status: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/host.ts')).status),
  parameters: { flags: common_flags },
  docs: docs('Show what the running node says of itself', 'Shows identity, addresses, peers, agents, the audit log and memory of the running node.', ['status', 'status --json']),
});

const stop: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/host.ts')).stop),
  parameters: { flags: common_flags },
  docs: docs('Stop the running node', 'Asks the running node to stop, as Ctrl-C in its terminal would.', ['stop']),
});

const peers: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/host.ts')).peers),
  parameters: { flags: common_flags },
  docs: docs('List the connected peers', 'Lists the peers that the node is connected to, with the DID of those that have proven one.', ['peers', 'peers --json']),
});

const join: Command<Context> = buildCommand<CommonFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/host.ts')).join),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [argument('address', 'Address with peer id, as `agentmesh status` of that node prints it')] } },
  docs: docs('Connect to another node', 'Connects the running node to the mesh through a node at an address.', ['join /ip4/192.0.2.7/tcp/4001/p2p/<peer id>']),
});

const doctor: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/doctor.ts')).doctor),
  parameters: { flags: common_flags },
  docs: docs('Check this host and say what to mend', 'Checks the program, the data folder, the keys and the running node. Works with no running node, too.', ['doctor', 'doctor --data /tmp/second --json']),
});

/** The commands about the node itself. */
export const host_routes: Readonly<Record<'up' | 'status' | 'stop' | 'peers' | 'join' | 'doctor', Command<Context>>> = { up, status, stop, peers, join, doctor };
