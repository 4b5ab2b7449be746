/** The tokens with which programs act as agents over the sidecar: 256 random bits each, kept as their hashes. */
import { timingSafeEqual } from 'node:crypto';
import { fromHex, fromUtf8, toBase64url, toHex, utf8 } from '../../crypto/bytes.ts';
import { canonicalJsonBytes, isFields, isWhole } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { Clock, Random } from '../../protocols/ports.ts';
import type { Files } from '../../storage/files.ts';

/** The file of the hashes, in the data folder. */
export const tokens_file = 'sidecar-tokens.json';
const token_bytes = 32;
/** Agents that may have a token. */
const tokens_max = 4_096;
const hash_length = 32;

/** What keeping tokens uses. */
export interface SidecarTokensParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
}

/** A token as it is kept. */
export interface KeptToken {
  /** SHA-256 of the token's text. */
  readonly hash: Uint8Array;
  /** Unix milliseconds. */
  readonly issued_ms: number;
}

function parseTokens(text: string): ReadonlyMap<string, KeptToken> | undefined {
  const value: unknown = JSON.parse(text);
  if (!isFields(value)) return undefined;
  const kept = new Map<string, KeptToken>();
  for (const [did, entry] of Object.entries(value)) {
    const hash = isFields(entry) && typeof entry['hash'] === 'string' ? fromHex(entry['hash']) : undefined;
    const issued_ms = isFields(entry) ? entry['issued_ms'] : undefined;
    if (hash?.length !== hash_length || !isWhole(issued_ms)) return undefined;
    kept.set(did, { hash, issued_ms });
  }
  return kept;
}

/** The tokens of a host: at most one of each agent. */
export class SidecarTokens {
  readonly #parts: SidecarTokensParts;
  readonly #kept = new Map<string, KeptToken>();
  #loaded: Promise<Result<void>> | undefined;

  constructor(parts: SidecarTokensParts) {
    this.#parts = parts;
  }

  /** Takes in what is on the disk, once. Fails with `SIDECAR_TOKENS_UNREADABLE`. */
  load(): Promise<Result<void>> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async #load(): Promise<Result<void>> {
    const unreadable = (why: string): Result<never> => fail('SIDECAR_TOKENS_UNREADABLE', `${tokens_file} cannot be read: ${why}`, { fix: `remove ${tokens_file} from the data folder, start the node again, and issue the tokens anew` });
    try {
      const bytes = await this.#parts.files.read(tokens_file);
      const kept = bytes === undefined ? new Map<string, KeptToken>() : parseTokens(fromUtf8(bytes) ?? '');
      if (kept === undefined) return unreadable('it is no list of hashes');
      for (const [did, token] of kept) this.#kept.set(did, token);
      return ok(undefined);
    } catch (error) {
      return unreadable(messageOf(error));
    }
  }

  /** Makes the token of an agent; an earlier one is worth nothing any more. It is told only here. Fails with `SIDECAR_TOKENS_FULL` or `SIDECAR_TOKENS_UNREADABLE`. */
  async issue(did: string): Promise<Result<string>> {
    const loaded = await this.load();
    if (!loaded.ok) return loaded;
    if (!this.#kept.has(did) && this.#kept.size >= tokens_max) return fail('SIDECAR_TOKENS_FULL', `${tokens_max} agents have a token`, { fix: 'agentmesh sidecar token AGENT --revoke' });
    const token = toBase64url(this.#parts.random.bytes(token_bytes));
    this.#kept.set(did, { hash: sha256(utf8(token)), issued_ms: this.#parts.clock.now() });
    await this.#write();
    return ok(token);
  }

  /** Takes the token of an agent back. Fails with `TOKEN_UNKNOWN` or `SIDECAR_TOKENS_UNREADABLE`. */
  async revoke(did: string): Promise<Result<void>> {
    const loaded = await this.load();
    if (!loaded.ok) return loaded;
    if (!this.#kept.delete(did)) return fail('TOKEN_UNKNOWN', 'this agent has no token', { fix: 'agentmesh sidecar status' });
    await this.#write();
    return ok(undefined);
  }

  /** The DID of the agent whose token this is. Every token is compared in constant time, and all of them always. */
  holderOf(token: string): string | undefined {
    const hash = sha256(utf8(token));
    let holder: string | undefined;
    for (const [did, kept] of this.#kept) if (timingSafeEqual(hash, kept.hash)) holder = did;
    return holder;
  }

  /** Who has a token since when. */
  list(): readonly { readonly did: string; readonly issued_ms: number }[] {
    return [...this.#kept].map(([did, { issued_ms }]) => ({ did, issued_ms }));
  }

  #write(): Promise<void> {
    return this.#parts.files.write(tokens_file, canonicalJsonBytes(Object.fromEntries([...this.#kept].map(([did, { hash, issued_ms }]) => [did, { hash: toHex(hash), issued_ms }]))));
  }
}
