/** The tools that are known, on the disk and in memory: each pinned to the descriptor that was accepted. */
import { fromUtf8, utf8 } from '../../../crypto/bytes.ts';
import { canonicalJsonBytes, isFields, isStrings, isWhole, type Json } from '../../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../../crypto/result.ts';
import type { Store } from '../../../storage/store.ts';
import { parseTool, type Tool } from './descriptor.ts';

/** Tools of one host. */
export const tools_max = 1024;
/** Those that one agent registers: none may leave the others, and the operator, without room. */
export const tools_per_agent_max = 128;

/** A descriptor with who signed it. */
export interface Edition {
  readonly tool: Tool;
  /** The DID of who signed it, null where nobody did. */
  readonly publisher: string | null;
  /** The signature. */
  readonly token: string | null;
  /** Unix milliseconds. */
  readonly time_ms: number;
}

/** A known tool. */
export interface Shelved {
  /** The descriptor that is in force. */
  readonly pinned: Edition;
  /** Another one that was offered under its name and waits to be accepted. */
  readonly offered: Edition | null;
  /** Who registered it: only it may offer another descriptor. */
  readonly owner: string;
  /** The agents that may know of it; null for all. */
  readonly agents: readonly string[] | null;
}

/** What is kept of an offer that is taken: of a known tool the signature that it was accepted with. */
export function shelvedFrom(edition: Edition, known: Shelved | undefined, owner: string, agents: readonly string[] | undefined): Shelved {
  const is_known = known !== undefined && known.pinned.tool.digest === edition.tool.digest;
  return { pinned: is_known ? known.pinned : edition, offered: null, owner, agents: agents ?? known?.agents ?? null };
}

/** Whether an agent may know of a tool. */
export function isFor({ agents }: Shelved, agent: string): boolean {
  return agents === null || agents.includes(agent);
}

function packedEdition({ tool, publisher, token, time_ms }: Edition): Json {
  return { document: tool.document, publisher, token, time_ms };
}

function editionIn(value: unknown): Edition | undefined {
  if (!isFields(value) || !isWhole(value['time_ms'])) return undefined;
  const tool = parseTool(value['document']);
  const { publisher, token, time_ms } = value;
  if (!tool.ok || !(publisher === null || typeof publisher === 'string') || !(token === null || typeof token === 'string')) return undefined;
  return { tool: tool.value, publisher, token, time_ms };
}

function shelvedIn(bytes: Uint8Array): Shelved | undefined {
  const text = fromUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (!isFields(value)) return undefined;
    const { owner, agents } = value;
    const pinned = editionIn(value['pinned']);
    const offered = value['offered'] === null ? null : editionIn(value['offered']);
    if (pinned === undefined || offered === undefined || typeof owner !== 'string' || !(agents === null || isStrings(agents))) return undefined;
    return { pinned, offered, owner, agents };
  } catch {
    return undefined;
  }
}

/** The shelf of a host. */
export class ToolShelf {
  readonly #store: Store | undefined;
  readonly #tools = new Map<string, Shelved>();

  /** Without a store nothing survives the process. */
  constructor(store: Store | undefined) {
    this.#store = store;
  }

  /** Takes in what an earlier run has stored, and gives the names of those that cannot be read. */
  async load(): Promise<readonly string[]> {
    const unreadable: string[] = [];
    for await (const [key, bytes] of this.#store?.entries('tool', { limit: tools_max }) ?? []) {
      const name = fromUtf8(key) ?? '';
      const shelved = shelvedIn(bytes);
      if (shelved === undefined || shelved.pinned.tool.name !== name) unreadable.push(name);
      else this.#tools.set(name, shelved);
    }
    return unreadable;
  }

  /** Every tool, by name. */
  all(): readonly Shelved[] {
    return [...this.#tools.values()].toSorted((a, b) => (a.pinned.tool.name < b.pinned.tool.name ? -1 : 1));
  }

  /** How many tools somebody has registered. */
  ownedBy(owner: string): number {
    let count = 0;
    for (const shelved of this.#tools.values()) if (shelved.owner === owner) count += 1;
    return count;
  }

  /** The tool of a name. */
  get(name: string): Shelved | undefined {
    return this.#tools.get(name);
  }

  /** Keeps a tool, on the disk before in memory. Fails with `TOOLS_FULL`. */
  async put(shelved: Shelved): Promise<Result<void>> {
    const { name } = shelved.pinned.tool;
    if (!this.#tools.has(name) && this.#tools.size >= tools_max) return fail('TOOLS_FULL', `${tools_max} tools are registered`, { fix: 'remove some: agentmesh tools remove' });
    const { pinned, offered, owner, agents } = shelved;
    const value = canonicalJsonBytes({ pinned: packedEdition(pinned), offered: offered === null ? null : packedEdition(offered), owner, agents });
    await this.#store?.batch([{ space: 'tool', key: utf8(name), value }], { sync: true });
    this.#tools.set(name, shelved);
    return ok(undefined);
  }

  /** Forgets a tool. */
  async remove(name: string): Promise<void> {
    await this.#store?.batch([{ space: 'tool', key: utf8(name) }], { sync: true });
    this.#tools.delete(name);
  }
}
