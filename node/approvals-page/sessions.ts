/** Who may look at the page for approvals and answer there: a link opens it once, and what it was exchanged for is known to that page alone. */
import { timingSafeEqual } from 'node:crypto';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Clock, Random } from '../../protocols/ports.ts';
import { link_ms_max, links_max, session_ms_max, sessions_max } from './limits.ts';

const token_bytes = 32;

/** What sessions use. */
export interface PageSessionsParts {
  readonly clock: Clock;
  readonly random: Random;
}

interface Kept {
  /** SHA-256 of the token's text. */
  readonly hash: Uint8Array;
  /** Unix milliseconds. */
  readonly expires_ms: number;
}

/** A token and when it ends, in Unix milliseconds. */
export interface Issued {
  readonly token: string;
  readonly expires_ms: number;
}

/** A bounded set of tokens, kept as their hashes. */
class Tokens {
  readonly #parts: PageSessionsParts;
  readonly #max: number;
  readonly #life_ms: number;
  #kept: readonly Kept[] = [];

  constructor(parts: PageSessionsParts, max: number, life_ms: number) {
    this.#parts = parts;
    this.#max = max;
    this.#life_ms = life_ms;
  }

  issue(): Issued {
    const token = toBase64url(this.#parts.random.bytes(token_bytes));
    const expires_ms = this.#parts.clock.now() + this.#life_ms;
    this.#kept = [...this.#kept, { hash: sha256(utf8(token)), expires_ms }].slice(-this.#max);
    return { token, expires_ms };
  }

  /** Every token is compared in constant time, and all of them always. */
  find(token: string): Kept | undefined {
    const hash = sha256(utf8(token));
    let found: Kept | undefined;
    for (const kept of this.#kept) if (timingSafeEqual(hash, kept.hash)) found = kept;
    return found !== undefined && found.expires_ms > this.#parts.clock.now() ? found : undefined;
  }

  forget(forgotten: Kept): void {
    this.#kept = this.#kept.filter((kept) => kept !== forgotten);
  }
}

/** Links and sessions. */
export class PageSessions {
  readonly #links: Tokens;
  readonly #sessions: Tokens;

  constructor(parts: PageSessionsParts) {
    this.#links = new Tokens(parts, links_max, link_ms_max);
    this.#sessions = new Tokens(parts, sessions_max, session_ms_max);
  }

  /** Makes the token of a link. */
  link(): Issued {
    return this.#links.issue();
  }

  /** Spends the token of a link for a session. Fails with `LINK_SPENT`. */
  open(link: string): Result<Issued> {
    const found = this.#links.find(link);
    if (found === undefined) return fail('LINK_SPENT', 'this link was used already, is too old, or is none of this node\'s', { fix: 'agentmesh approvals page prints another' });
    this.#links.forget(found);
    return ok(this.#sessions.issue());
  }

  /** Whether a session goes on. */
  holds(session: string): boolean {
    return this.#sessions.find(session) !== undefined;
  }

  /** Ends a session. */
  end(session: string): void {
    const found = this.#sessions.find(session);
    if (found !== undefined) this.#sessions.forget(found);
  }
}
