/**
 * What a host keeps of policy bundles: whom it follows, the highest version that
 * it ever took of each bundle, the bytes of those in force, and what it
 * publishes itself. Nothing here is ever lowered: a version that was taken stays
 * the least that is taken, also of an organisation that is followed no more.
 */
import { concat, equal, fromBase64url, fromUtf8, utf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes, hasShape, isWhole, parseCanonicalJson } from '../crypto/canonical.ts';
import { isDid } from '../crypto/did.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { isBundleName } from '../crypto/policy-bundle.ts';
import type { Change, Store } from '../protocols/ports.ts';

const content_prefix = utf8('c');
const following_prefix = utf8('f');
const standing_prefix = utf8('s');
const publication_prefix = utf8('p');

/** An organisation that is, or was, followed. */
export interface Following {
  readonly organisation: string;
  /** `sponsorship`: because it stands above who answers for this host; `named`: because it was named. */
  readonly by: 'sponsorship' | 'named';
  /** Whether nothing is allowed as long as there is no bundle of it. */
  readonly required: boolean;
  /** False once it was unfollowed. */
  readonly active: boolean;
  readonly since_ms: number;
}

/** The highest version of a bundle that was ever taken; it is in force as long as its organisation is followed. */
export interface BundleStanding {
  readonly organisation: string;
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  readonly bytes: number;
  /** The statement that said so, by its hash. */
  readonly statement: string;
  /** Until when the organisation stands by it, Unix seconds. */
  readonly exp: number;
  readonly accepted_ms: number;
}

/** The newest version of a bundle that an organisation of this host has published here. */
export type Publication = Pick<BundleStanding, 'organisation' | 'name' | 'version' | 'digest' | 'bytes'>;

/** What names a bundle in memory. */
export function slotOf(organisation: string, name: string): string {
  return `${organisation} ${name}`;
}

function isNamed(value: { readonly [name: string]: unknown }): boolean {
  const { organisation, name, version, digest, bytes } = value;
  return isDid(organisation) && typeof name === 'string' && isBundleName(name) && isWhole(version) && typeof digest === 'string'
    && fromBase64url(digest)?.length === digest_bytes && isWhole(bytes);
}

function isFollowing(value: unknown): value is Following {
  return hasShape(value, ['organisation', 'by', 'required', 'active', 'since_ms']) && isDid(value['organisation']) && isWhole(value['since_ms'])
    && (value['by'] === 'sponsorship' || value['by'] === 'named') && typeof value['required'] === 'boolean' && typeof value['active'] === 'boolean';
}

function isStanding(value: unknown): value is BundleStanding {
  return hasShape(value, ['organisation', 'name', 'version', 'digest', 'bytes', 'statement', 'exp', 'accepted_ms']) && isNamed(value)
    && typeof value['statement'] === 'string' && isWhole(value['exp']) && isWhole(value['accepted_ms']);
}

function isPublication(value: unknown): value is Publication {
  return hasShape(value, ['organisation', 'name', 'version', 'digest', 'bytes']) && isNamed(value);
}

/** What a host keeps of bundles, in memory and in its store. */
export class BundleShelf {
  readonly #store: Store;
  /** By organisation. */
  readonly followings: Map<string, Following> = new Map();
  /** By {@link slotOf}. */
  readonly standings: Map<string, BundleStanding> = new Map();
  /** By {@link slotOf}. */
  readonly publications: Map<string, Publication> = new Map();
  /** Organisations of which something that was kept cannot be read. */
  readonly damaged: Set<string> = new Set();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Reads what is kept. */
  async load(): Promise<void> {
    await this.#each(following_prefix, isFollowing, (each) => this.followings.set(each.organisation, each));
    await this.#each(standing_prefix, isStanding, (each) => this.standings.set(slotOf(each.organisation, each.name), each));
    await this.#each(publication_prefix, isPublication, (each) => this.publications.set(slotOf(each.organisation, each.name), each));
  }

  async #each<T extends { readonly organisation: string }>(prefix: Uint8Array, is: (value: unknown) => value is T, keep: (value: T) => void): Promise<void> {
    for await (const [key, bytes] of this.#store.entries('bundle', { gte: prefix, lt: after(prefix) })) {
      const parsed = parseCanonicalJson(bytes);
      const [organisation = ''] = (fromUtf8(key.subarray(prefix.length)) ?? '').split(' ');
      if (parsed.ok && is(parsed.value) && parsed.value.organisation === organisation) keep(parsed.value);
      else this.damaged.add(organisation);
    }
  }

  /** The bytes of a bundle, by their SHA-256; none where they are not those any more. */
  async content(digest: Uint8Array): Promise<Uint8Array | undefined> {
    const bytes = await this.#store.get('bundle', concat(content_prefix, digest));
    return bytes !== undefined && equal(sha256(bytes), digest) ? bytes : undefined;
  }

  /** What keeps the bytes of a bundle. */
  contentChange(bytes: Uint8Array): Change {
    return { space: 'bundle', key: concat(content_prefix, sha256(bytes)), value: bytes };
  }

  /** What keeps a following; the caller takes it over once it is written. */
  followingChange(following: Following): Change {
    return { space: 'bundle', key: concat(following_prefix, utf8(following.organisation)), value: canonicalJsonBytes(following) };
  }

  /** What keeps a standing; the caller takes it over once it is written. */
  standingChange(standing: BundleStanding): Change {
    return { space: 'bundle', key: concat(standing_prefix, utf8(slotOf(standing.organisation, standing.name))), value: canonicalJsonBytes(standing) };
  }

  /** What keeps a publication; the caller takes it over once it is written. */
  publicationChange(publication: Publication): Change {
    return { space: 'bundle', key: concat(publication_prefix, utf8(slotOf(publication.organisation, publication.name))), value: canonicalJsonBytes(publication) };
  }

  /** What forgets the entries of an organisation that cannot be read. */
  async mend(organisation: string): Promise<readonly Change[]> {
    const changes: Change[] = [];
    for (const [prefix, is] of [[following_prefix, isFollowing], [standing_prefix, isStanding], [publication_prefix, isPublication]] as const) {
      for await (const [key, bytes] of this.#store.entries('bundle', { gte: prefix, lt: after(prefix) })) {
        const parsed = parseCanonicalJson(bytes);
        if ((fromUtf8(key.subarray(prefix.length)) ?? '').split(' ')[0] === organisation && !(parsed.ok && is(parsed.value))) changes.push({ space: 'bundle', key });
      }
    }
    this.damaged.delete(organisation);
    return changes;
  }

  /** Writes changes, durably. */
  keep(changes: readonly Change[]): Promise<void> {
    return this.#store.batch(changes, { sync: true });
  }

  /** Forgets the bytes of a bundle, unless something names them. */
  async forget(digest: string): Promise<void> {
    const named = [...this.standings.values(), ...this.publications.values()].some((each) => each.digest === digest);
    if (!named) await this.#store.batch([{ space: 'bundle', key: concat(content_prefix, fromBase64url(digest) ?? new Uint8Array()) }], { sync: false });
  }
}

function after(prefix: Uint8Array): Uint8Array {
  return Uint8Array.of((prefix[0] ?? 0) + 1);
}
