/** Finds what a peer has and we have not by walking down the nodes of its tries that differ from ours. */
import { equal, toBase64url } from '../../crypto/bytes.ts';
import { childHashes, idsOf, type TrieNode } from '../../crypto/trie-node.ts';
import { ok, type Result } from '../../crypto/result.ts';
import type { StatementDay, StatementStore, StatementTopic } from '../../storage/statements.ts';
import { frontier_max, nodes_per_request_max, rounds_max, statements_per_request_max } from './constants.ts';
import { nodesOf, type NodeName, type SyncRequest } from './sync-wire.ts';

/** The hash of a statement that is missing here, and where the peer listed it. */
export interface Missing {
  readonly id: Uint8Array;
  readonly day: number;
}

/** What a walk uses. */
export interface WalkParts {
  readonly store: Pick<StatementStore, 'day'>;
  /** Asks the peer. */
  ask(request: SyncRequest): Promise<Result<unknown>>;
  /** Brings statements that are missing. */
  fetch(missing: readonly Missing[]): Promise<Result<void>>;
  /** Whether we have a reason not to keep a statement. */
  isRefused(hash: string): boolean;
  /** Whether somebody else is bringing the statements under a prefix. */
  isTaken(day: number, prefix: string): boolean;
}

/** What a walk counts; rounds are counted over all walks of a sync. */
export interface WalkTally {
  rounds: number;
  /** Nodes that changed while we walked. */
  changed: number;
  /** Statements that were missing. */
  missing: number;
  /** Whether something was left out, because of a limit or because somebody else brings it. */
  is_cut: boolean;
}

/** A walk through one topic of one peer. */
export class Walk {
  readonly #parts: WalkParts;
  readonly #topic: StatementTopic;
  readonly #tally: WalkTally;
  #frontier: NodeName[] = [];
  #missing: Missing[] = [];

  constructor(parts: WalkParts, topic: StatementTopic, tally: WalkTally) {
    this.#parts = parts;
    this.#topic = topic;
    this.#tally = tally;
  }

  /**
   * Walks through these days and brings what is missing. The deepest nodes are
   * asked for first, so that few wait. Fails with `SYNC_LIE` or as asking and fetching do.
   */
  async run(days: readonly StatementDay[]): Promise<Result<void>> {
    for (const { day, root } of days) this.#visit({ day, prefix: '', hash: root });
    while (this.#frontier.length > 0) {
      if (this.#tally.rounds >= rounds_max) {
        this.#tally.is_cut = true;
        break;
      }
      this.#tally.rounds += 1;
      const batch = this.#frontier.splice(-nodes_per_request_max);
      const answer = await this.#parts.ask({ kind: 'nodes', topic: this.#topic, nodes: batch });
      const nodes = answer.ok ? nodesOf(answer.value, batch) : answer;
      if (!nodes.ok) return nodes;
      for (const [index, name] of batch.entries()) this.#take(name, nodes.value[index] ?? null);
      const fetched = await this.#bring(statements_per_request_max);
      if (!fetched.ok) return fetched;
    }
    return this.#bring(1);
  }

  #take({ day, prefix }: NodeName, node: TrieNode | null): void {
    if (node === null) this.#tally.changed += 1;
    else if (node.kind === 'branch') {
      for (const [digit, hash] of childHashes(node.map, node.hashes)) this.#visit({ day, prefix: prefix + digit, hash });
    } else {
      const own = this.#parts.store.day(this.#topic, day);
      for (const id of idsOf(node.ids)) {
        if (own?.has(id) !== true && !this.#parts.isRefused(toBase64url(id))) this.#missing.push({ id: id.slice(), day });
      }
    }
  }

  #visit(name: NodeName): void {
    const own = this.#parts.store.day(this.#topic, name.day)?.hash(name.prefix);
    if (own !== undefined && equal(own, name.hash)) return;
    if (this.#frontier.length >= frontier_max || this.#parts.isTaken(name.day, name.prefix)) this.#tally.is_cut = true;
    else this.#frontier.push(name);
  }

  async #bring(count_min: number): Promise<Result<void>> {
    while (this.#missing.length >= count_min) {
      const batch = this.#missing.splice(0, statements_per_request_max);
      this.#tally.missing += batch.length;
      const fetched = await this.#parts.fetch(batch);
      if (!fetched.ok) return fetched;
    }
    return ok(undefined);
  }
}
