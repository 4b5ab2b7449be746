/**
 * The tools that agents may call. A tool is pinned to the descriptor under which
 * it was registered: what is offered later under its name and differs in anything
 * is refused, and so are its calls, until the operator has looked at it and
 * accepted it. What goes in is checked against its schema before any rule sees
 * it, what comes out before anybody gets it.
 */
import type { Json } from '../../../crypto/canonical.ts';
import { verifyToken } from '../../../crypto/jwt.ts';
import { fail, FailureError, ok, unwrap, type Failure, type Result } from '../../../crypto/result.ts';
import type { Store } from '../../../storage/store.ts';
import type { Action, Outcome } from '../call.ts';
import type { KernelSpace } from '../kernel.ts';
import { snapshot } from '../snapshot.ts';
import { parseTool, type Tool } from './descriptor.ts';
import { changed, misfit, refusalOf, taken, unknown, unserved } from './refusals.ts';
import { isFor, shelvedFrom, tools_per_agent_max, ToolShelf, type Edition, type Shelved } from './shelf.ts';
import { parseToolToken } from './token.ts';
import { resourceOf } from '../memory/mounts.ts';
import { ToolServices, type Serving, type ToolCall, type ToolRunner, type ToolService } from './services.ts';

/** Who does something with tools, under which kernel. */
export interface Party {
  readonly kernel: Pick<KernelSpace, 'run' | 'decide' | 'current' | 'taints'>;
  /** DID or local name. */
  readonly agent: string;
  /** Who acts in the agent's place, where it is not the agent itself. */
  readonly by?: string;
}

/** A tool to register. */
export interface ToolOffer {
  readonly descriptor: unknown;
  /** The publisher's signature. */
  readonly token?: string;
  /** The only agents that may know of it and call it; all where absent. */
  readonly agents?: readonly string[];
  /** What does the work; without one the tool is known and cannot be called. */
  readonly run?: ToolRunner;
}

/** What a registry is built from. */
export interface ToolRegistryParts {
  /** Without one nothing survives the process. */
  readonly store?: Store;
  readonly now: () => number;
  /** The public key with which a DID signed at a time (Unix seconds). Without it no signature is accepted. */
  readonly publisherKey?: (did: string, key_id: string, dated_s: number) => Promise<Result<Uint8Array>>;
}

/** That what came back is from outside: the label that callers of open-world tools carry. */
export const open_world_label = 'open-world';
const agents_max = 256;

function actionOf(type: string, { pinned, owner }: Pick<Shelved, 'pinned' | 'owner'>): Action & { readonly [name: string]: Json } {
  const { tool, publisher } = pinned;
  return {
    type, tool: tool.name, resource: resourceOf(tool.name.split('/')), version: tool.version, digest: tool.digest, publisher, owner,
    side_effects: tool.side_effects, risk: tool.risk, requires_approval: tool.requires_approval, data_classes: tool.data_classes, capabilities: tool.capabilities,
    read_only: tool.read_only, destructive: tool.destructive, idempotent: tool.idempotent, open_world: tool.open_world,
  };
}

/** The tools of a host. */
export class ToolRegistry {
  readonly #parts: ToolRegistryParts;
  readonly #shelf: ToolShelf;
  readonly #writing = new Map<string, Promise<unknown>>();
  readonly #services = new ToolServices();

  constructor(parts: ToolRegistryParts) {
    this.#parts = parts;
    this.#shelf = new ToolShelf(parts.store);
  }

  /** Takes in what an earlier run has stored, and gives the names of those that cannot be read. */
  load(): Promise<readonly string[]> {
    return this.#shelf.load();
  }

  /** Every tool, whoever may call it. */
  all(): readonly Shelved[] {
    return this.#shelf.all();
  }

  /** The tool of a name. */
  get(name: string): Shelved | undefined {
    return this.#shelf.get(name);
  }

  /** Whether the work of a tool can be done at present. */
  isServed(name: string): boolean {
    return this.#services.get(name) !== undefined && this.#services.get(name)?.digest === this.#shelf.get(name)?.pinned.tool.digest;
  }

  /** The tools that an agent may call or have approved, as its scopes and policies are now. Records and charges nothing. */
  visibleTo({ kernel, agent }: Party): readonly Tool[] {
    return this.#shelf.all().filter((shelved) => isFor(shelved, agent) && this.#withinScope({ kernel, agent }, shelved) === undefined
      && kernel.decide({ agent, action: actionOf('tool', shelved) }).verdict.effect !== 'deny').map(({ pinned }) => pinned.tool);
  }

  /**
   * Registers a tool: action `tool.register`. The same descriptor again is welcome,
   * another one under its name is a denial on record, and closes the tool. Fails with `TOOL_INVALID`,
   * `TOOL_SCHEMA_REFUSED`, `TOOL_SIGNATURE_INVALID`, `TOOL_NAME_TAKEN`, `TOOL_CHANGED`, `TOOLS_FULL`, or as the kernel refuses.
   */
  async register(party: Party, offer: ToolOffer): Promise<Result<Tool>> {
    const edition = await this.#edition(offer);
    const owner = party.by ?? party.agent;
    const known = edition.ok ? this.#shelf.get(edition.value.tool.name) : undefined;
    const problem = edition.ok ? refusalOf(edition.value, known, owner, offer.agents) : edition.failure;
    const shelved = edition.ok ? shelvedFrom(edition.value, known, owner, offer.agents) : undefined;
    const action: Action = shelved === undefined ? { type: 'tool.register' } : actionOf('tool.register', shelved);
    const done = await this.#run(party, action, problem, async () => (shelved === undefined ? fail('TOOL_INVALID', 'there is no tool') : this.#put(shelved, known, party.by === undefined)));
    if (!edition.ok) return edition;
    const { name } = edition.value.tool;
    // Who may not act at all changes nothing, not even that its tool is closed.
    const is_changed = !done.ok && done.failure.code === 'TOOL_CHANGED';
    if ((done.ok || is_changed) && offer.run !== undefined) this.#services.put(name, { by: owner, digest: edition.value.tool.digest, run: offer.run });
    if (is_changed) {
      const kept = await this.#putOffered(edition.value, owner);
      if (!kept.ok) return kept;
    }
    return done.ok ? ok(edition.value.tool) : done;
  }

  /** Keeps a tool, unless its name became that of another one while this was decided, or an agent has its share already. */
  #put(shelved: Shelved, known: Shelved | undefined, is_agents: boolean): Promise<Result<void>> {
    const { name, digest } = shelved.pinned.tool;
    return this.#change(name, (since) => {
      if (since === undefined && is_agents && this.#shelf.ownedBy(shelved.owner) >= tools_per_agent_max) {
        return Promise.resolve(fail('TOOLS_FULL', `${shelved.owner} has registered ${tools_per_agent_max} tools`, { fix: 'the operator removes some: agentmesh tools remove' }));
      }
      if (since === known || (since?.owner === shelved.owner && since.pinned.tool.digest === digest)) return this.#shelf.put(shelved);
      return Promise.resolve(fail('TOOL_NAME_TAKEN', `another tool ${name} was registered meanwhile`, { fix: 'look at it: agentmesh tools show' }));
    });
  }

  /** Keeps what its owner has offered in the place of a tool, unless that was removed or changed hands while this was decided. */
  #putOffered(offered: Edition, owner: string): Promise<Result<void>> {
    const { name, digest } = offered.tool;
    return this.#change(name, (since) => {
      const is_news = since?.owner === owner && since.pinned.tool.digest !== digest && since.offered?.tool.digest !== digest;
      return is_news ? this.#shelf.put({ ...since, offered }) : Promise.resolve(ok(undefined));
    });
  }

  /** Puts what was offered in force, if it is still the one that was looked at. */
  #putAccepted(name: string, digest: string): Promise<Result<void>> {
    return this.#change(name, (since) => {
      const offered = since?.offered ?? null;
      if (since !== undefined && offered?.tool.digest === digest) return this.#shelf.put({ ...since, pinned: offered, offered: null });
      return Promise.resolve(fail('TOOL_NOT_OFFERED', `what was offered under the name ${name} has changed meanwhile`, { fix: `agentmesh tools show ${name}` }));
    });
  }

  /** Changes what is kept under a name, one change after the other: each begins from what the one before has left. */
  async #change(name: string, work: (since: Shelved | undefined) => Promise<Result<void>>): Promise<Result<void>> {
    while (this.#writing.has(name)) await this.#writing.get(name);
    const written = work(this.#shelf.get(name)).finally(() => this.#writing.delete(name));
    this.#writing.set(name, written.catch(() => undefined));
    return written;
  }

  /** Accepts the descriptor that was offered under a known name: action `tool.accept`. The digest says which one was looked at. Fails with `TOOL_UNKNOWN` or `TOOL_NOT_OFFERED`. */
  async accept(party: Party, name: string, digest: string): Promise<Result<Tool>> {
    const known = this.#shelf.get(name);
    const offered = known?.offered ?? null;
    const problem = party.by === undefined ? fail('TOOL_CHANGED', 'only the operator of a host accepts a tool that has changed', { fix: 'agentmesh tools accept' }).failure
      : known === undefined ? unknown(name)
      : offered?.tool.digest === digest ? undefined
        : fail('TOOL_NOT_OFFERED', offered === null ? `nothing else was offered under the name ${name}` : `what was offered has the digest ${offered.tool.digest}`, { fix: `agentmesh tools show ${name}` }).failure;
    const action: Action = { type: 'tool.accept', tool: name.slice(0, 128), digest: digest.slice(0, 64) };
    const done = await this.#run(party, action, problem, () => this.#putAccepted(name, digest));
    if (!done.ok) return done;
    if (this.#services.get(name)?.digest !== digest) this.#services.end(name, 'another descriptor was accepted');
    return offered === null ? fail('TOOL_NOT_OFFERED', 'nothing was offered') : ok(offered.tool);
  }

  /**
   * Takes a tool away: action `tool.remove`. Its owner ends only that it can be called, the operator forgets it,
   * so that no agent makes its tool another one by removing it first. Fails with `TOOL_UNKNOWN` or `TOOL_NAME_TAKEN`.
   */
  async remove(party: Party, name: string): Promise<Result<void>> {
    const known = this.#shelf.get(name);
    const problem = known === undefined ? unknown(name) : party.by === undefined && known.owner !== party.agent ? taken(name, known) : undefined;
    return this.#run(party, { type: 'tool.remove', tool: name.slice(0, 128) }, problem, () => this.#change(name, async () => {
      this.#services.end(name, 'the tool was taken away');
      if (party.by !== undefined) await this.#shelf.remove(name);
      return ok(undefined);
    }));
  }

  /**
   * Has an agent do the work of a tool that it has registered, or whose descriptor it has signed.
   * Fails with `TOOL_UNKNOWN`, `TOOL_CHANGED`, `TOOL_SERVER_REFUSED` or `TOOL_SERVED`.
   */
  serve(service: ToolService): Result<Serving> {
    const { by, digest } = service;
    const shelved = this.#shelf.all().find(({ pinned, offered }) => pinned.tool.digest === digest || offered?.tool.digest === digest);
    if (shelved === undefined) return fail('TOOL_UNKNOWN', `no tool has the digest ${digest.slice(0, 64)}`, { fix: 'register it first: what comes back has the digest' });
    const { pinned, offered, owner } = shelved;
    const { tool, publisher } = pinned;
    if (by !== owner && by !== publisher) return fail('TOOL_SERVER_REFUSED', `the tool ${tool.name} was registered by ${owner}`, { fix: 'who registers a tool serves it, or who has signed its descriptor' });
    if (tool.digest !== digest) return { ok: false, failure: changed(tool.name, pinned, offered ?? pinned) };
    const before = this.#services.get(tool.name);
    // Within one process the younger code is meant; anything else is a second server.
    const is_renewed = before?.by === by && before.ended === undefined && service.ended === undefined;
    if (before?.digest === digest && !is_renewed) return fail('TOOL_SERVED', `another program serves the tool ${tool.name} already`, { fix: 'end that one first' });
    return ok({ tool, release: this.#services.put(tool.name, service) });
  }

  /**
   * Calls a tool: action `tool`, and `tool_result` for what comes back. Fails with `TOOL_UNKNOWN`, `TOOL_CHANGED`,
   * `TOOL_UNAVAILABLE`, `TOOL_INPUT_INVALID`, `TOOL_OUTPUT_INVALID`, or as the kernel refuses.
   */
  async call(party: Party, name: string, input: unknown, options: { readonly signal?: AbortSignal } = {}): Promise<Result<Outcome<unknown>>> {
    const { kernel, agent } = party;
    const found = this.#shelf.get(name);
    const shelved = found !== undefined && isFor(found, agent) ? found : undefined;
    const copied = snapshot(input);
    const problem = shelved === undefined ? unknown(name) : this.#closed(shelved) ?? this.#withinScope(party, shelved) ?? (copied.ok ? misfit('TOOL_INPUT_INVALID', shelved.pinned.tool.input.problem(copied.value)) : copied.failure);
    const tool = shelved?.pinned.tool;
    // What its server has read is known when it has answered.
    const labels: string[] = tool?.open_world === true ? [open_world_label] : [];
    const outcome = await kernel.run<unknown>({
      agent,
      action: shelved === undefined ? { type: 'tool', tool: name.slice(0, 128) } : actionOf('tool', shelved),
      ...(problem === undefined ? {} : { problem }),
      ...(copied.ok ? { data: copied.value } : {}),
      ...(tool?.requires_approval === true ? { approval: { rule: tool.name, policy: 'tools', reason: `the tool ${tool.name} is only called with approval` } } : {}),
      taints: labels,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      output: { type: 'tool_result' },
      effect: (signal, data) => this.#work(name, tool, data ?? null, signal, {
        agent, call_id: kernel.current()?.call_id ?? null, labels: kernel.taints.labels(agent), taint: (of_server) => void labels.push(...of_server),
      }),
    });
    if (outcome.ok || outcome.failure.code !== 'EFFECT_FAILED' || !(outcome.failure.cause instanceof FailureError)) return outcome;
    return { ok: false, failure: { ...outcome.failure.cause.failure, detail: outcome.failure.detail ?? {} } };
  }

  async #work(name: string, tool: Tool | undefined, input: Json, signal: AbortSignal, call: Omit<ToolCall, 'tool'>): Promise<unknown> {
    const runner = this.#services.get(name);
    if (tool === undefined || runner?.digest !== tool.digest) throw new FailureError(unserved(name));
    const value: unknown = await runner.run(input, signal, { ...call, tool });
    if (tool.output === undefined) return value;
    const copied = unwrap(snapshot(value));
    const problem = misfit('TOOL_OUTPUT_INVALID', tool.output.problem(copied));
    if (problem !== undefined) throw new FailureError(problem);
    return copied;
  }

  /** Why a tool is not to be called at present: what serves it is not what was accepted, or nothing does. */
  #closed({ pinned, offered }: Shelved): Failure | undefined {
    const { name, digest } = pinned.tool;
    const runner = this.#services.get(name);
    if (offered !== null && runner?.digest !== digest) return changed(name, pinned, offered);
    return runner?.digest === digest ? undefined : unserved(name);
  }

  /** A tool is no way around a scope: whoever calls it may itself do what it says that it needs. */
  #withinScope({ kernel, agent }: Party, { pinned }: Shelved): Failure | undefined {
    for (const capability of pinned.tool.capabilities) {
      const colon = capability.indexOf(':');
      const asked = kernel.decide({ agent, action: { type: capability.slice(0, colon), resource: capability.slice(colon + 1) } });
      if (asked.stage === 'scope') return { code: 'SCOPE_EXCEEDED', reason: `the tool ${pinned.tool.name} needs ${capability}: ${asked.verdict.reason}`, fix: `a scope that covers ${capability}: an agent gets its own when it is made (--capability ${capability}), a delegation gives one across hosts` };
    }
    return undefined;
  }

  async #edition({ descriptor, token, agents }: ToolOffer): Promise<Result<Edition>> {
    const tool = parseTool(descriptor);
    if (!tool.ok) return tool;
    if (agents !== undefined && agents.length > agents_max) return fail('TOOL_INVALID', `a tool is for at most ${agents_max} agents that are named`, { fix: 'leave them out and let a policy decide' });
    const time_ms = this.#parts.now();
    if (token === undefined) return ok({ tool: tool.value, publisher: null, token: null, time_ms });
    const parsed = parseToolToken(token, tool.value, Math.floor(time_ms / 1000));
    if (!parsed.ok) return parsed;
    const { iss, nbf, token: signed } = parsed.value;
    const key = await this.#parts.publisherKey?.(iss, signed.key_id, nbf) ?? fail('TOOL_SIGNATURE_INVALID', 'nobody here knows the keys of publishers');
    if (!key.ok) return fail('TOOL_SIGNATURE_INVALID', `the publisher's signature: ${key.failure.reason}`, { fix: key.failure.fix ?? 'connect to a peer that knows the publisher', cause: key.failure });
    return verifyToken(signed, key.value) ? ok({ tool: tool.value, publisher: iss, token, time_ms }) : fail('TOOL_SIGNATURE_INVALID', `the signature is not one of ${iss}`, { fix: 'the publisher signs it: agentmesh tools sign' });
  }

  async #run(party: Party, action: Action, problem: Failure | undefined, work: () => Promise<Result<void>>): Promise<Result<void>> {
    const { kernel, agent, by } = party;
    const outcome = await kernel.run({
      agent, action: { ...action, ...(by === undefined ? {} : { by }) },
      ...(problem === undefined ? {} : { problem }),
      effect: async () => unwrap(await work()),
    });
    if (outcome.ok) return ok(undefined);
    const { failure } = outcome;
    // The kernel's denial carries the record; what it is about is the problem's own.
    if (failure.code === problem?.code) return { ok: false, failure: { ...problem, detail: { ...problem.detail, ...failure.detail } } };
    return { ok: false, failure: failure.code === 'EFFECT_FAILED' && failure.cause instanceof FailureError ? failure.cause.failure : failure };
  }
}
