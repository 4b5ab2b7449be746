/** The tools of a host: what its owner registers, what its agents find and call, and whose signatures count. */
import { keyFor } from '../crypto/did-record.ts';
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import type { TokenSigner } from '../crypto/jwt.ts';
import { fail, messageOf, ok, unwrap, type Result } from '../crypto/result.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { Clock, Recorder, Store } from '../protocols/ports.ts';
import type { RevocationService } from '../protocols/revocation/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import type { HousedAgent } from './agent-house.ts';
import type { KernelSpace, Outcome } from './kernel/index.ts';
import { parseTool, type Tool } from './kernel/tools/descriptor.ts';
import { signTool } from './kernel/tools/token.ts';
import { ToolRegistry, type Party, type ToolOffer } from './kernel/tools/registry.ts';
import type { Serving } from './kernel/tools/services.ts';
import type { ReadOnlyFolder } from './kernel/memory/made.ts';
import { operator } from './operator.ts';
import { servedBy, type ServedCall, type ToolServer } from './tool-serving.ts';

/** What the tools of a host use. */
export interface AgentToolsParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly recorder: Recorder;
  readonly identity: Pick<Identity, 'resolve'>;
  readonly revocation: Pick<RevocationService, 'revokedDid' | 'revokedKey'>;
  /** The kernel under which the owner of the host acts. */
  readonly operator: KernelSpace;
  /** The DID of the host. */
  readonly did: string;
  housed(did: string): HousedAgent | undefined;
  /** How far an agent here trusts another, 0 to 1000. */
  trustScore(observer: string, subject: string): number;
}

/** A tool that an agent offers, with what does its work. */
export interface AgentTool extends Omit<ToolOffer, 'run'> {
  /** Gets a call that was checked and allowed, gives back plain data. */
  readonly run: (call: ServedCall) => unknown;
}

/** What a program outside of this process does for a tool that its agent serves. */
export interface RemoteService {
  /** Of the descriptor that it knows. */
  readonly digest: string;
  readonly work: (call: ServedCall) => Promise<unknown>;
  readonly ended: (reason: string) => void;
}

/** The tools as one agent has them. */
export interface AgentToolbox {
  /** Those that it may call now, or have approved. */
  list(): readonly Tool[];
  /** Calls one. Fails as {@link ToolRegistry.call} does. */
  call(name: string, input: unknown, options?: { readonly signal?: AbortSignal }): Promise<Result<Outcome<unknown>>>;
  /** Registers a tool in the agent's name (`tool.register`) and does its work from now on (`tool.serve`, for each call). Fails as {@link ToolRegistry.register} and {@link ToolRegistry.serve} do. */
  register(tool: AgentTool): Promise<Result<Tool>>;
}

/** The tools of a host. */
export class AgentTools {
  readonly registry: ToolRegistry;
  readonly #parts: AgentToolsParts;
  readonly #operator: Party;
  /** Agents whose own tools wait until what earlier runs have stored is known. */
  #waiting: HousedAgent[] | undefined = [];

  constructor(parts: AgentToolsParts) {
    const { clock, store, identity, revocation } = parts;
    this.#parts = parts;
    this.#operator = { kernel: parts.operator, agent: parts.did, by: operator };
    this.registry = new ToolRegistry({
      store, now: () => clock.now(),
      publisherKey: async (did, key_id, dated_s) => {
        const record = await identity.resolve(did);
        if (!record.ok) return record;
        const revoked = revocation.revokedDid(did) ?? revocation.revokedKey(key_id);
        if (revoked !== undefined) return { ok: false, failure: revoked };
        const key = keyFor(record.value, key_id, 'assertionMethod', dated_s);
        return key === undefined ? fail('TOOL_SIGNATURE_INVALID', `${key_id} is no key with which ${did} signs`) : ok(key);
      },
    });
  }

  /** Takes in what earlier runs have stored. What agents bring themselves is registered meanwhile: a policy may want that approved, which takes its time. */
  async start(): Promise<void> {
    for (const name of await this.registry.load()) this.#parts.recorder.record({ kind: 'tool.unreadable', name });
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const agent of waiting) this.#equip(agent);
  }

  /** An agent is at work: the tools of its handler module are registered in its name. One that is refused is reported, and the others go on. */
  equip(agent: HousedAgent): void {
    if (agent.tools.length === 0) return;
    if (this.#waiting === undefined) this.#equip(agent);
    else this.#waiting.push(agent);
  }

  /** Each by itself, so that one that waits for approval keeps no other waiting. */
  #equip({ identity: { did }, tools }: HousedAgent): void {
    const refused = (code: string, reason: string): void => this.#parts.recorder.record({ kind: 'tool.refused', did, code, reason });
    for (const tool of tools) {
      this.#own(did, tool).then(
        (registered) => registered.ok ? undefined : refused(registered.failure.code, registered.failure.reason),
        (error: unknown) => refused('TOOL_UNKEPT', messageOf(error)),
      );
    }
  }

  /** Registers a tool of this host, or the program that does its work. Fails as {@link ToolRegistry.register} does. */
  register(offer: ToolOffer): Promise<Result<Tool>> {
    return this.registry.register(this.#operator, offer);
  }

  /** Accepts what was offered under a known name. Fails as {@link ToolRegistry.accept} does. */
  accept(name: string, digest: string): Promise<Result<Tool>> {
    return this.registry.accept(this.#operator, name, digest);
  }

  /** Forgets a tool. Fails as {@link ToolRegistry.remove} does. */
  remove(name: string): Promise<Result<void>> {
    return this.registry.remove(this.#operator, name);
  }

  /** Signs a descriptor as its publisher. Fails with `TOOL_INVALID` or `TOOL_SCHEMA_REFUSED`. */
  async sign(signer: TokenSigner, descriptor: unknown): Promise<Result<{ readonly tool: Tool; readonly token: string }>> {
    const tool = parseTool(descriptor);
    return tool.ok ? ok({ tool: tool.value, token: await signTool(signer, tool.value, unixSeconds(this.#parts.clock)) }) : tool;
  }

  /** The tools as an agent at work has them. Fails with `AGENT_UNUSABLE`. */
  of(did: string): Result<AgentToolbox> {
    const kernel = this.#parts.housed(did)?.kernel;
    if (kernel === undefined) return fail('AGENT_UNUSABLE', 'this agent cannot work at present', { fix: 'agentmesh doctor' });
    const party: Party = { kernel, agent: did };
    return ok({
      list: () => this.registry.visibleTo(party),
      call: (name, input, options) => this.registry.call(party, name, input, options),
      register: (tool) => this.#own(did, tool),
    });
  }

  /** Registers a tool in the name of an agent, without a program for it. Fails as {@link ToolRegistry.register} does. */
  offer({ identity: { did }, kernel }: HousedAgent, act: <T>(work: () => T) => T, offer: Omit<ToolOffer, 'run'>): Promise<Result<Tool>> {
    return act(() => this.registry.register({ kernel, agent: did }, offer));
  }

  /** Has a program do the work of a tool as an agent, until that is released. Fails as {@link ToolRegistry.serve} does. */
  serve(did: string, server: () => ToolServer, { digest, work, ended }: RemoteService): Result<Serving> {
    return this.registry.serve({ by: did, digest, ended, run: servedBy({ server, trustScore: this.#parts.trustScore }, work) });
  }

  async #own(did: string, { run, ...offer }: AgentTool): Promise<Result<Tool>> {
    // Its kernel may be another one by the time of a call.
    const server = (): ToolServer => unwrap(this.#server(did));
    const here = this.#server(did);
    if (!here.ok) return here;
    const { agent } = here.value;
    const registered = await this.offer(agent, (work) => agent.kernel.scoped(agent.identity.capabilities, work), offer);
    // Who is stopped at the start serves what it has registered earlier as soon as it goes on.
    const tool = !registered.ok && registered.failure.code === 'AGENT_STOPPED' ? parseTool(offer.descriptor) : registered;
    if (!tool.ok) return registered;
    const work = async (call: ServedCall): Promise<unknown> => await run(call);
    const served = this.registry.serve({ by: did, digest: tool.value.digest, run: servedBy({ server, trustScore: this.#parts.trustScore }, work) });
    return registered.ok && !served.ok ? served : registered;
  }

  #server(did: string): Result<ToolServer> {
    const agent = this.#parts.housed(did);
    if (agent === undefined) return fail('TOOL_UNAVAILABLE', 'the agent that serves it cannot work at present', { fix: 'agentmesh doctor' });
    return ok({ agent, tier: 'none' });
  }

  /** The descriptors of the tools that an agent may call, as files. */
  folder(did: string): ReadOnlyFolder {
    return () => {
      const toolbox = this.of(did);
      return new Map((toolbox.ok ? toolbox.value.list() : []).map((tool) => [`${tool.name.replaceAll('/', '~')}.json`, () => canonicalJsonBytes(tool.document)]));
    };
  }
}
