/**
 * The policy files of this host and of its agents, read again while it runs:
 * because somebody says so, or because a file has changed. A file that cannot be
 * read or compiled changes nothing: what was in force stays, and that is said.
 */
import { messageOf, type Failure, type Result } from '../crypto/result.ts';
import type { Clock, Recorder } from '../protocols/ports.ts';
import type { AgentHouse } from './agent-house.ts';
import type { Identities, LocalIdentity } from './identities.ts';
import { Policy } from './kernel/index.ts';
import { digestsOf, type NotePolicy } from './policy-changes.ts';

/** For so long a file must stay as it is before it is read again: editors write in several steps, and half a policy may forbid less. */
const settle_ms = 300;
/** After so long it is read all the same. */
const settle_ms_max = 5_000;

/** Calls back whenever a file may have changed, until the returned function is called. */
export type WatchFile = (file: string, changed: () => void) => () => void;

/** Who or what has policies read again. */
export type ReloadedBy = 'operator' | 'SIGHUP' | 'file';

/** What reading policies again uses. */
export interface HostPoliciesParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** Path of the host's policy. */
  readonly file: string | undefined;
  readonly agents: Pick<AgentHouse, 'get' | 'hostPolicies' | 'replacePolicies' | 'equip' | 'admit'>;
  readonly identities: Pick<Identities, 'list'>;
  readonly note: NotePolicy;
  /** Absent where files are read again only when somebody says so. */
  readonly watch?: WatchFile | undefined;
}

/** What became of one file. */
export interface ReloadedPolicy {
  readonly layer: 'host' | 'agent';
  /** DID and name of the agent; null for the host's own policy. */
  readonly agent: string | null;
  readonly agent_name: string | null;
  readonly file: string;
  readonly state: 'changed' | 'unchanged' | 'refused';
  /** Why what was in force stays, where the file was refused. */
  readonly failure: Failure | null;
  /** Digests of the policies in force now. */
  readonly digests: readonly string[];
}

/** One policy file and where its policies go. */
interface Source {
  readonly layer: 'host' | 'agent';
  readonly identity: LocalIdentity | undefined;
  readonly file: string;
}

/** Several agents may share a file. */
function keyOf({ agent, file }: Pick<ReloadedPolicy, 'agent' | 'file'>): string {
  return `${agent ?? ''} ${file}`;
}

/** The policy files of a host. */
export class HostPolicies {
  readonly #parts: HostPoliciesParts;
  readonly #watched = new Map<string, () => void>();
  readonly #refused = new Map<string, ReloadedPolicy>();
  #turn: Promise<unknown> = Promise.resolve();
  #cancel: (() => void) | undefined;
  /** Since when a change waits to be read. */
  #changed_ms: number | undefined;
  #is_running = false;

  constructor(parts: HostPoliciesParts) {
    this.#parts = parts;
  }

  /** Watches the files from now on. */
  start(): void {
    this.#is_running = true;
    this.watchAll();
  }

  /** Watches no more, and reads no more. */
  async stop(): Promise<void> {
    this.#is_running = false;
    this.#cancel?.();
    for (const stop of this.#watched.values()) stop();
    this.#watched.clear();
    await this.#turn;
  }

  /** Watches the files as they are named now: an agent may have come, or gone. */
  watchAll(): void {
    const { watch } = this.#parts;
    if (watch === undefined || !this.#is_running) return;
    const files = new Set(this.#sources().map(({ file }) => file));
    for (const [file, stop] of this.#watched) {
      if (files.has(file)) continue;
      stop();
      this.#watched.delete(file);
    }
    for (const file of files) if (!this.#watched.has(file)) this.#watched.set(file, watch(file, () => this.#changed()));
  }

  /** The files that were refused when they were last read, with what is in force instead. */
  refused(): readonly ReloadedPolicy[] {
    // An agent may have been deactivated since.
    return this.#sources().flatMap(({ identity, file }) => this.#refused.get(keyOf({ agent: identity?.did ?? null, file })) ?? []);
  }

  /** Reads every file again and puts what has changed in force, file by file. */
  reload(by: ReloadedBy): Promise<readonly ReloadedPolicy[]> {
    const work = async (): Promise<readonly ReloadedPolicy[]> => {
      const reloaded: ReloadedPolicy[] = [];
      for (const source of this.#sources()) reloaded.push(await this.#read(source, by));
      return reloaded;
    };
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #sources(): readonly Source[] {
    const { file, identities } = this.#parts;
    const agents = identities.list('agent').filter(({ deactivated }) => !deactivated);
    return [
      ...(file === undefined ? [] : [{ layer: 'host', identity: undefined, file } as const]),
      ...agents.flatMap((identity): readonly Source[] => (typeof identity.agent?.policy === 'string' ? [{ layer: 'agent', identity, file: identity.agent.policy }] : [])),
    ];
  }

  #changed(): void {
    const { clock } = this.#parts;
    this.#cancel?.();
    this.#changed_ms ??= clock.now();
    const delay_ms = Math.max(0, Math.min(settle_ms, this.#changed_ms + settle_ms_max - clock.now()));
    this.#cancel = clock.after(delay_ms, () => {
      this.#cancel = undefined;
      this.#changed_ms = undefined;
      this.reload('file').catch((error: unknown) => this.#parts.recorder.record({ kind: 'policy.reload-failed', reason: messageOf(error) }));
    });
  }

  async #read(source: Source, by: ReloadedBy): Promise<ReloadedPolicy> {
    const { layer, identity, file } = source;
    const before = this.#inForce(source);
    const loaded = await Policy.load(file);
    const named = { layer, agent: identity?.did ?? null, agent_name: identity?.name ?? null, file } as const;
    if (!loaded.ok) return this.#refuse({ ...named, state: 'refused', failure: loaded.failure, digests: digestsOf(before ?? []) });
    const policies = [loaded.value];
    if (before?.length === 1 && before[0]?.digest === loaded.value.digest) {
      this.#refused.delete(keyOf(named));
      return { ...named, state: 'unchanged', failure: null, digests: digestsOf(policies) };
    }
    const replaced = await this.#replace(source, policies);
    if (!replaced.ok) return this.#refuse({ ...named, state: 'refused', failure: replaced.failure, digests: digestsOf(before ?? []) });
    this.#refused.delete(keyOf(named));
    await this.#parts.note({
      kind: 'policy-change', layer, by, of: named.agent, name: file, version: null, statement: null, before: digestsOf(before ?? []), after: digestsOf(policies), time_ms: this.#parts.clock.now(),
    });
    return { ...named, state: 'changed', failure: null, digests: digestsOf(policies) };
  }

  /** The policies of a file that are in force; absent where its agent could not begin to work. */
  #inForce({ identity }: Source): readonly Policy[] | undefined {
    const { agents } = this.#parts;
    return identity === undefined ? agents.hostPolicies : agents.get(identity.did)?.policies;
  }

  async #replace({ layer, identity }: Source, policies: readonly Policy[]): Promise<Result<unknown>> {
    const { agents } = this.#parts;
    if (identity === undefined || agents.get(identity.did) !== undefined) return agents.replacePolicies(layer, policies, identity?.did);
    // It could not work with what its files were at the start.
    const equipment = await agents.equip(identity.agent);
    if (equipment.ok) agents.admit(identity, equipment.value);
    return equipment;
  }

  async #refuse(refused: ReloadedPolicy): Promise<ReloadedPolicy> {
    const { note, clock } = this.#parts;
    const { layer, agent, file, failure } = refused;
    const before = this.#refused.get(keyOf(refused))?.failure;
    this.#refused.set(keyOf(refused), refused);
    // What stays wrong is written down once.
    if (failure !== null && (before?.code !== failure.code || before.reason !== failure.reason)) {
      await note({ kind: 'policy-refused', layer, of: agent, name: file, version: null, statement: null, code: failure.code, reason: failure.reason, time_ms: clock.now() });
    }
    return refused;
  }
}
