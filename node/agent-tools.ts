/** The tools of a host: what its owner registers, what its agents find and call, and whose signatures count. */
import { keyFor } from '../crypto/did-record.ts';
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import type { TokenSigner } from '../crypto/jwt.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { Clock, Recorder, Store } from '../protocols/ports.ts';
import type { RevocationService } from '../protocols/revocation/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import type { HousedAgent } from './agent-house.ts';
import type { KernelSpace, Outcome } from './kernel/index.ts';
import { parseTool, type Tool } from './kernel/tools/descriptor.ts';
import { signTool } from './kernel/tools/token.ts';
import { ToolRegistry, type Party, type ToolOffer } from './kernel/tools/registry.ts';
import type { ReadOnlyFolder } from './kernel/memory/made.ts';
import { operator } from './operator.ts';

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
}

/** The tools as one agent has them. */
export interface AgentToolbox {
  /** Those that it may call now, or have approved. */
  list(): readonly Tool[];
  /** Calls one. Fails as {@link ToolRegistry.call} does. */
  call(name: string, input: unknown, options?: { readonly signal?: AbortSignal }): Promise<Result<Outcome<unknown>>>;
}

/** The tools of a host. */
export class AgentTools {
  readonly registry: ToolRegistry;
  readonly #parts: AgentToolsParts;
  readonly #operator: Party;

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

  /** Takes in what earlier runs have stored. */
  async start(): Promise<void> {
    for (const name of await this.registry.load()) this.#parts.recorder.record({ kind: 'tool.unreadable', name });
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
    });
  }

  /** The descriptors of the tools that an agent may call, as files. */
  folder(did: string): ReadOnlyFolder {
    return () => {
      const toolbox = this.of(did);
      return new Map((toolbox.ok ? toolbox.value.list() : []).map((tool) => [`${tool.name.replaceAll('/', '~')}.json`, () => canonicalJsonBytes(tool.document)]));
    };
  }
}
