/** A node on this host: the composition of real ports. */
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { fromHex } from '../crypto/bytes.ts';
import { fail, ok, unwrap, type Failure, type Result } from '../crypto/result.ts';
import type { Recorder, Store } from '../protocols/ports.ts';
import type { Files } from '../storage/files.ts';
import { keystore_file, openKeystore, type Keystore } from '../storage/keystore.ts';
import { checkRetention } from '../storage/retention.ts';
import { spaces, type Space } from '../storage/store.ts';
import { Actions } from './actions.ts';
import type { AgentTools } from './agent-tools.ts';
import { ApprovalsPageDoor } from './approvals-page/door.ts';
import { system_clock, system_random } from './clock.ts';
import { checkRequiredTrust, type NodeConfig } from './config.ts';
import { controlMethods } from './control/methods.ts';
import { serveControl, type ControlServer } from './control/server.ts';
import { defaultDataFolder } from './data-folder.ts';
import { checkFilter, type LoggedRecord } from './flight-logs.ts';
import { parseGateway } from './gateway/address.ts';
import type { Gateway, GatewayAddress } from './gateway/index.ts';
import { fileWatch } from './file-watch.ts';
import { holdFolder, type HeldFolder } from './held-folder.ts';
import type { ReloadedBy, ReloadedPolicy } from './host-policies.ts';
import { startHost, type Host } from './host.ts';
import type { LogFilter, RecordedLogs } from './kernel/recorder.ts';
import { makeNodeKeys } from './node-keys.ts';
import { parseSidecar, sidecarSocketPath } from './sidecar/address.ts';
import type { Sidecar } from './sidecar/index.ts';
import { SidecarTokens } from './sidecar/tokens.ts';
import { libp2pNetwork } from './libp2p.ts';
import { startFailure, stopEach } from './lifecycle.ts';
import { revocationAges } from '../protocols/revocation/index.ts';
import { CountingRecorder } from './telemetry/counters.ts';
import { witnessInit } from './witnessing.ts';

/** A running node. */
export interface Node extends AsyncDisposable, RecordedLogs {
  readonly did: string;
  readonly peer_id: string;
  /** Multiaddrs under which others can dial it. */
  readonly addresses: readonly string[];
  readonly data: string;
  /** The URL of its gateway, if there is one. */
  readonly gateway: string | undefined;
  /** The local HTTP API for programs in any language, where it is open. */
  readonly sidecar: Sidecar | undefined;
  /** With what such programs prove which agent they act as. */
  readonly sidecar_tokens: SidecarTokens;
  /** The web page on which people answer calls that wait for approval; closed until it is asked for. */
  readonly approvals_page: ApprovalsPageDoor;
  /** Why the audit log is read-only, if it is. */
  readonly frozen: Failure | undefined;
  /** Whether a passphrase seals the keys. */
  readonly keys_protected: boolean;
  /** How often what happened. */
  readonly counters: CountingRecorder;
  /**
   * The newest records of the flight recorder, of an agent (DID or name) or of all, oldest first: 1,000 where no
   * limit is given. An erased one has the kind `erased`. Times are those of the log. Throws a `FailureError`.
   */
  getLogs(agent?: string, filter?: LogFilter): Promise<readonly LoggedRecord[]>;
  /** Every record that matches, oldest first, for more than fits into one answer. Throws a `FailureError`. */
  eachLog(agent?: string, filter?: LogFilter): AsyncIterable<LoggedRecord>;
  /** Reads the policy files of the host and its agents again, and puts what has changed in force: one answer a file. One that cannot be used changes nothing. */
  reloadPolicies(by?: ReloadedBy): Promise<readonly ReloadedPolicy[]>;
  /** Its parts, for programs that go deeper than the actions. */
  readonly host: Host;
  /** What it can be asked to do. */
  readonly actions: Actions;
  /** The tools that its agents may call; programs register theirs here. */
  readonly tools: AgentTools;
  /** Stops everything; the second call awaits the first. */
  stop(): Promise<void>;
}

const running_nodes = new Set<Node>();

/** The one node that runs in this process. Fails with `NODE_MISSING` when there is none, and with `NODE_AMBIGUOUS` when there are several. */
export function onlyNode(): Result<Node> {
  const [node, ...others] = running_nodes;
  if (node === undefined) return fail('NODE_MISSING', 'no node runs in this process', { fix: 'await createNode() first, or give { node }' });
  return others.length === 0 ? ok(node) : fail('NODE_AMBIGUOUS', 'several nodes run in this process', { fix: 'say which: { node }' });
}

/** Removes what an earlier first start left behind when it was cut off; nothing of it was acknowledged. */
async function startOver(store: Store, files: Files): Promise<void> {
  for (const name of ['head', 'vault', 'frozen', keystore_file]) await files.remove(name);
  const names = Object.keys(spaces).filter((name): name is Space => name in spaces && name !== 'meta');
  for (const space of names) {
    for await (const [key] of store.entries(space, {})) await store.batch([{ space, key }], { sync: false });
  }
}

interface Opened {
  readonly held: HeldFolder;
  readonly keystore: Keystore;
}

async function openKeys(held: HeldFolder, passphrase: string | undefined): Promise<Result<Opened>> {
  const { folder, store, files } = held;
  if (!folder.initialised) await startOver(store, files);
  const keystore = await openKeystore({
    files, random: (length) => system_random.bytes(length), ...(passphrase === undefined ? {} : { passphrase }),
  });
  if (!keystore.ok) return keystore;
  if (!folder.initialised) await makeNodeKeys(keystore.value, system_random);
  return ok({ held, keystore: keystore.value });
}

async function buildHost(opened: Opened, config: NodeConfig, recorder: Recorder): Promise<Result<Host>> {
  const { keystore, held: { folder, store, files } } = opened;
  const peer_key = keystore.key('peer');
  if (peer_key === undefined) return fail('IDENTITY_KEYS_MISSING', 'the node\'s peer key is not in keys.json', { fix: 'restore keys.json from a backup' });
  const network = await libp2pNetwork({
    seed: peer_key.seed,
    ...(config.listen === undefined ? {} : { listen: config.listen }),
    ...(config.bootstrap === undefined ? {} : { bootstrap: config.bootstrap }),
    mdns: config.mdns ?? false,
    clock: system_clock,
    random: system_random,
    recorder,
  });
  const free_bytes = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(folder.path);
    return bavail * bsize;
  };
  return startHost({ clock: system_clock, random: system_random, network, store, files, keystore, recorder, free_bytes, watch_file: fileWatch(recorder) }, {
    name: config.name ?? hostname().slice(0, 64).replaceAll(/[^\p{L}\p{N}@._+ -]/gu, '-'),
    genesis: !folder.initialised,
    required_trust: config.required_trust ?? 0,
    ...(config.revocation_max_age === undefined ? {} : { revocation_age_ms_max: config.revocation_max_age }),
    ...(config.policy === undefined ? {} : { policy: config.policy }),
    ...(config.approval_ms === undefined ? {} : { approval_ms: config.approval_ms }),
    ...(config.witness === undefined ? {} : { witness: config.witness }),
    ...(config.mirrors === undefined ? {} : { mirrors: config.mirrors }),
    ...(config.retention === undefined ? {} : { retention: config.retention }),
  });
}

class RunningNode implements Node {
  readonly host: Host;
  readonly actions: Actions;
  readonly tools: AgentTools;
  readonly data: string;
  readonly keys_protected: boolean;
  readonly counters: CountingRecorder;
  readonly sidecar_tokens: SidecarTokens;
  readonly approvals_page: ApprovalsPageDoor;
  readonly #held: HeldFolder;
  #control: ControlServer | undefined;
  #gateway: Gateway | undefined;
  #sidecar: Sidecar | undefined;
  #stopping: Promise<void> | undefined;

  constructor(opened: Opened, host: Host, counters: CountingRecorder) {
    this.host = host;
    this.counters = counters;
    this.actions = new Actions(host);
    this.tools = host.tools;
    this.approvals_page = new ApprovalsPageDoor(host);
    this.data = opened.held.folder.path;
    this.keys_protected = opened.keystore.protected;
    this.#held = opened.held;
    this.sidecar_tokens = new SidecarTokens({ clock: system_clock, random: system_random, files: opened.held.files });
  }

  get did(): string {
    return this.host.identities.node.did;
  }

  get peer_id(): string {
    return this.host.parts.network.id;
  }

  get addresses(): readonly string[] {
    return this.host.parts.network.addresses();
  }

  get frozen(): Failure | undefined {
    return this.host.log.frozen;
  }

  async getLogs(agent?: string, filter: LogFilter = {}): Promise<readonly LoggedRecord[]> {
    unwrap(checkFilter(filter));
    return unwrap(await this.host.logs.newest(this.#agentOf(agent), filter));
  }

  async *eachLog(agent?: string, filter: LogFilter = {}): AsyncIterable<LoggedRecord> {
    unwrap(checkFilter(filter));
    for await (const record of this.host.logs.records(this.#agentOf(agent), filter)) yield unwrap(record);
  }

  reloadPolicies(by: ReloadedBy = 'operator'): Promise<readonly ReloadedPolicy[]> {
    return this.host.policies.files.reload(by);
  }

  #agentOf(agent: string | undefined): string | undefined {
    return agent === undefined ? undefined : this.host.identities.find(agent)?.did ?? agent;
  }

  async serve(socket_path: string): Promise<Result<void>> {
    const served = await serveControl({ socket_path, methods: controlMethods(this), recorder: this.host.parts.recorder, clock: system_clock });
    if (!served.ok) return served;
    this.#control = served.value;
    return ok(undefined);
  }

  get gateway(): string | undefined {
    return this.#gateway?.url;
  }

  async open(address: GatewayAddress): Promise<Result<void>> {
    const { tiles, witness, parts: { recorder } } = this.host;
    const { serveGateway } = await import('./gateway/index.ts');
    const opened = await serveGateway(address, {
      clock: system_clock, recorder,
      read: (path) => tiles.read(path),
      cosign: (request) => witness.cosign(request),
      cosigned: (origin_hash) => witness.cosigned(fromHex(origin_hash) ?? new Uint8Array()),
    });
    if (opened.ok) this.#gateway = opened.value;
    return opened.ok ? ok(undefined) : opened;
  }

  get sidecar(): Sidecar | undefined {
    return this.#sidecar;
  }

  async openSidecar(address: GatewayAddress | undefined): Promise<Result<void>> {
    const { serveSidecar } = await import('./sidecar/index.ts');
    const opened = await serveSidecar({
      host: this.host, actions: this.actions, tokens: this.sidecar_tokens, socket_path: sidecarSocketPath(this.data), ...(address === undefined ? {} : { address }),
    });
    if (opened.ok) this.#sidecar = opened.value;
    return opened.ok ? ok(undefined) : opened;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #stop(): Promise<void> {
    running_nodes.delete(this);
    return stopEach(() => this.#control?.close(), () => this.#gateway?.close(), () => this.#sidecar?.close(), () => this.approvals_page.close(), () => this.host.stop(), () => this.#held.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

async function startIn(held: HeldFolder, config: NodeConfig): Promise<Result<Node>> {
  const opened = await openKeys(held, config.passphrase);
  if (!opened.ok) return opened;
  const recorder = new CountingRecorder(config.recorder);
  if (held.taken_from !== undefined) recorder.record({ kind: 'folder.lock-taken-over', process_id: held.taken_from });
  const host = await buildHost(opened.value, config, recorder);
  if (!host.ok) return host;
  const node = new RunningNode(opened.value, host.value, recorder);
  let served: Result<void> | undefined;
  try {
    held.folder.markInitialised();
    served = config.control === false ? ok(undefined) : await node.serve(held.folder.socket);
    const gateway = config.gateway === undefined ? undefined : parseGateway(config.gateway);
    if (served.ok && gateway?.ok === true) served = await node.open(gateway.value);
    const sidecar = parseSidecar(config.sidecar);
    if (served.ok && config.sidecar !== undefined && sidecar.ok) served = await node.openSidecar(sidecar.value);
  } finally {
    if (served?.ok !== true) await node.stop();
  }
  if (!served.ok) return served;
  running_nodes.add(node);
  return ok(node);
}

/**
 * Starts a node in its data folder, which is made at the first start. A damaged
 * audit log does not fail it; see `frozen`.
 *
 * Fails with `DATA_FOREIGN`, `DATA_OPEN_TO_OTHERS`, `FILE_OPEN_TO_OTHERS`, `FILE_OF_OTHERS`,
 * `DATA_UNUSABLE`, `DATA_LOCKED`, `STORE_LOCKED`, `STORE_UNREADABLE`, `STORE_VERSION`, a `KEYSTORE_…`, `IDENTITY_…`, `VAULT_…` or
 * `POLICY_…` code, `TRUST_INVALID`, `REVOCATION_AGE_INVALID`, `RETENTION_INVALID`, `ADDRESS_INVALID`, `ADDRESS_IN_USE`, a `GATEWAY_…`, `SIDECAR_…`, `WITNESS_POLICY_…` or `CONTROL_…` code, `WITNESSED_LOG_INVALID`, or with
 * `NODE_START_FAILED` for what nobody foresaw, as on a full disk. Whatever fails, the
 * folder is free again.
 */
export async function createNode(config: NodeConfig = {}): Promise<Result<Node>> {
  const { required_trust = 0 } = config;
  const demanded = checkRequiredTrust(required_trust);
  if (!demanded.ok) return demanded;
  const ages = revocationAges(config.revocation_max_age);
  if (!ages.ok) return ages;
  const gateway = config.gateway === undefined ? undefined : parseGateway(config.gateway);
  if (gateway?.ok === false) return gateway;
  const sidecar = parseSidecar(config.sidecar);
  if (!sidecar.ok) return sidecar;
  const witness = await witnessInit(config);
  if (!witness.ok) return witness;
  const retention = checkRetention(config.retention ?? {});
  if (!retention.ok) return retention;
  const held = await holdFolder(config.data ?? defaultDataFolder(process.env));
  if (!held.ok) return held;
  let started: Result<Node>;
  try {
    started = await startIn(held.value, { ...config, witness: witness.value });
  } catch (error) {
    started = startFailure(error);
  }
  if (!started.ok) await held.value.close();
  return started;
}
