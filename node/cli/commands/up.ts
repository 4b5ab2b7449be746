/** `agentmesh up`: starts a node, says how to reach it, and stops it cleanly. */
import { fromUtf8 } from '../../../crypto/bytes.ts';
import { FailureError, ok, type Result } from '../../../crypto/result.ts';
import type { RetentionPolicy } from '../../../storage/retention.ts';
import type { NodeConfig } from '../../config.ts';
import type { Node } from '../../node.ts';
import type { Sidecar } from '../../sidecar/index.ts';
import { dataFolder, printLines, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { folderPassphrase } from '../passphrase.ts';
import { staleAnswers } from '../stale-answers.ts';
import { details } from '../view/table.ts';
import { visible } from '../view/text.ts';

/** Flags of `up`. */
export interface UpFlags extends CommonFlags {
  readonly listen?: readonly string[] | undefined;
  readonly join?: readonly string[] | undefined;
  readonly mdns: boolean;
  readonly policy?: string | undefined;
  readonly passphraseFile?: string | undefined;
  readonly approvalTimeout?: number | undefined;
  readonly requiredTrust?: number | undefined;
  readonly name?: string | undefined;
  readonly gateway?: string | undefined;
  readonly sidecar?: string | undefined;
  readonly witnessPolicy?: string | undefined;
  readonly witnessLog?: readonly string[] | undefined;
  readonly mirrorBytes?: number | undefined;
  readonly retention?: string | undefined;
  readonly revocationMaxAge?: readonly NonNullable<NodeConfig['revocation_max_age']>[] | undefined;
}

/** The part of a running node that `up` needs. */
export type StartedNode = Pick<Node, 'did' | 'peer_id' | 'addresses' | 'data' | 'gateway' | 'frozen' | 'keys_protected' | 'reloadPolicies' | 'stop'> & { readonly sidecar: Pick<Sidecar, 'socket_path' | 'url'> | undefined };

/** Starts a node: `createNode`, or its stand-in. */
export type StartNode = (config: NodeConfig) => Promise<Result<StartedNode>>;

/** Where a node listens when nobody says. */
export const default_listen = '/ip4/127.0.0.1/tcp/4001';
// npm, a shell and the terminal may each deliver the same key press.
const same_press_ms = 500;
const leftover_ms_max = 2000;
const loopback_address = /^\/(?:ip4\/127\.|ip6\/::1\/|dns4?\/localhost\/)/;

/** The retention policy in a file. Fails with `FILE_UNREADABLE`, `FILE_TOO_LARGE` or `RETENTION_INVALID`. */
async function retentionOf(file: string | undefined): Promise<Result<RetentionPolicy | undefined>> {
  if (file === undefined) return ok(undefined);
  const [{ readInput }, { parseRetention }] = await Promise.all([import('../input.ts'), import('../../../storage/retention.ts')]);
  const bytes = await readInput(file);
  return bytes.ok ? parseRetention(fromUtf8(bytes.value) ?? '') : bytes;
}

async function configOf(context: Context, flags: UpFlags): Promise<Result<NodeConfig>> {
  const passphrase = folderPassphrase(flags.passphraseFile, context.process.env);
  if (!passphrase.ok) return passphrase;
  const retention = await retentionOf(flags.retention);
  if (!retention.ok) return retention;
  const { listen = [], join = [], witnessLog = [] } = flags;
  return ok({
    data: dataFolder(flags.data, context.process.env),
    listen: listen.length > 0 ? listen : [default_listen],
    mdns: flags.mdns,
    ...(join.length === 0 ? {} : { bootstrap: join }),
    ...(flags.policy === undefined ? {} : { policy: flags.policy }),
    ...(passphrase.value === undefined ? {} : { passphrase: passphrase.value }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.gateway === undefined ? {} : { gateway: flags.gateway }),
    ...(flags.sidecar === undefined ? {} : { sidecar: flags.sidecar === '' ? true : flags.sidecar }),
    ...(flags.witnessPolicy === undefined ? {} : { witness_policy: flags.witnessPolicy }),
    ...(witnessLog.length === 0 ? {} : { witnessed_logs: witnessLog }),
    ...(flags.mirrorBytes === undefined ? {} : { mirrors: { mirror_bytes_max: flags.mirrorBytes } }),
    ...(retention.value === undefined ? {} : { retention: retention.value }),
    ...(flags.revocationMaxAge === undefined ? {} : { revocation_max_age: Object.assign({}, ...flags.revocationMaxAge) }),
    ...(flags.approvalTimeout === undefined ? {} : { approval_ms: flags.approvalTimeout * 1000 }),
    ...(flags.requiredTrust === undefined ? {} : { required_trust: flags.requiredTrust }),
    recorder: flags.json ? { record: (fact) => context.print(JSON.stringify(fact)) } : staleAnswers((line) => context.talk(line), context.now_ms),
  });
}

function printNode(context: Context, node: StartedNode): void {
  const reachable = node.addresses.filter((address) => !loopback_address.test(address));
  const [address] = reachable.length > 0 ? reachable : node.addresses;
  printLines(context, [
    context.paint('bold', 'this node is up'),
    '',
    ...details([
      ['node', node.did],
      ['peer id', node.peer_id],
      ...node.addresses.map((listening, index) => [index === 0 ? 'listening' : '', listening] as const),
      ['data', node.data],
      ...(node.gateway === undefined ? [] : [['gateway', node.gateway] as const]),
      ...(node.sidecar === undefined ? [] : [['sidecar', node.sidecar.socket_path] as const]),
      ...(node.sidecar?.url === undefined ? [] : [['', node.sidecar.url] as const]),
    ]),
  ]);
  if (address !== undefined) {
    context.print('');
    context.print(reachable.length > 0 ? 'to join it from another host:' : 'to join it from another terminal of this host:');
    const apart = reachable.length > 0 ? '' : ' --data <other folder> --listen /ip4/127.0.0.1/tcp/0';
    context.print(`  agentmesh up${apart} --join ${visible(address)}`);
  }
  if (reachable.length === 0) {
    context.print('only this host can reach it; to be reachable from other hosts:');
    context.print('  agentmesh up --listen /ip4/0.0.0.0/tcp/4001');
  }
  if (!node.keys_protected) {
    context.print('');
    context.print(context.paint('yellow', 'the keys are not protected by a passphrase: who can read the data folder can act as this host'));
    context.print('fix: stop it, then agentmesh keys passphrase --new-passphrase-file <file>');
  }
  if (node.frozen !== undefined) {
    context.print('');
    context.print(context.paint('red', `the audit log is frozen: ${visible(node.frozen.code)}: ${visible(node.frozen.reason)}`));
    context.print(`fix: ${visible(node.frozen.fix ?? 'agentmesh doctor')}`);
  }
  context.print('');
  context.print('Ctrl-C stops it');
}

function printNodeJson(context: Context, node: StartedNode): void {
  const { did, peer_id, addresses, data, gateway, sidecar, keys_protected } = node;
  const frozen = node.frozen === undefined ? null : { code: node.frozen.code, reason: node.frozen.reason, fix: node.frozen.fix ?? null };
  context.print(JSON.stringify({ kind: 'up', did, peer_id, addresses, data, gateway: gateway ?? null, sidecar: sidecar === undefined ? null : { socket: sidecar.socket_path, url: sidecar.url ?? null }, keys_protected, frozen }));
}

/** Resolves at the first signal to stop, or when the node has stopped by itself and nothing is left to do. */
function untilStopped(signals: readonly NodeJS.Signals[]): Promise<void> {
  return new Promise((resolve) => {
    let first_ms: number | undefined;
    const onSignal = (): void => {
      const now_ms = Date.now();
      if (first_ms === undefined) {
        first_ms = now_ms;
        resolve();
      } else if (now_ms - first_ms > same_press_ms) process.exit(130);
    };
    for (const signal of signals) process.on(signal, onSignal);
    process.once('beforeExit', resolve);
  });
}

async function reloadPolicies(context: Context, { json }: UpFlags, node: StartedNode): Promise<void> {
  for (const { file, state, failure } of await node.reloadPolicies('SIGHUP')) {
    // Facts go to those who read JSON anyway.
    if (!json) context.print(visible(failure === null ? `policy ${file}: ${state}` : `policy ${file}: refused, what was in force stays: ${failure.reason}`));
  }
}

/** Starts a node with `start`, prints it, waits for a signal and stops it. */
export async function runUp(context: Context, flags: UpFlags, start: StartNode): Promise<Outcome> {
  const config = await configOf(context, flags);
  if (!config.ok) return new FailureError(config.failure);
  // From here on, no child process and no dump of the environment shows it.
  delete process.env['AGENTMESH_PASSPHRASE'];
  // A terminal that is closed says so with SIGHUP; anywhere else it means to read the files again.
  const in_terminal = process.stdin.isTTY || context.process.stdout.isTTY === true;
  const stopped = untilStopped(in_terminal ? ['SIGINT', 'SIGTERM', 'SIGHUP'] : ['SIGINT', 'SIGTERM']);
  let running: StartedNode | undefined;
  if (!in_terminal) process.on('SIGHUP', () => void (running === undefined ? undefined : reloadPolicies(context, flags, running)));
  const node = await start(config.value);
  if (!node.ok) {
    const { code, reason } = node.failure;
    return new FailureError(code === 'ADDRESS_IN_USE' ? { code, reason, fix: 'agentmesh up --listen /ip4/127.0.0.1/tcp/0 takes a free port' } : node.failure);
  }
  running = node.value;
  if (flags.json) printNodeJson(context, node.value);
  else printNode(context, node.value);
  await stopped;
  await node.value.stop();
  if (flags.json) context.print(JSON.stringify({ kind: 'stopped' }));
  else context.print('stopped');
  process.exitCode = 0;
  // Fires only when something was left open, which would keep the process for ever.
  setTimeout(() => {
    context.talk('error HANDLE_LEFT: something was still open after the node had stopped');
    process.exit(1);
  }, leftover_ms_max).unref();
}

/** `agentmesh up`. */
export async function up(context: Context, flags: UpFlags): Promise<Outcome> {
  const { createNode } = await import('../../node.ts');
  return runUp(context, flags, createNode);
}
