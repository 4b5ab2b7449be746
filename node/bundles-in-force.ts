/** The policies of the bundles in force, and the layers that they make over the agents of this host. */
import { fromBase64url } from '../crypto/bytes.ts';
import type { PolicyBundle } from '../crypto/policy-bundle.ts';
import type { Failure } from '../crypto/result.ts';
import { awaited, openBundle, unavailable } from './bundle-policies.ts';
import { slotOf, type BundleShelf, type BundleStanding } from './bundle-shelf.ts';
import type { Policy } from './kernel/index.ts';

/** Why a newer statement of a bundle is not in force. */
export interface BundleDoubt {
  readonly statement: PolicyBundle;
  readonly failure: Failure;
}

/** A bundle as this host has it. */
export interface FollowedBundle {
  /** Absent as long as no version of it was taken. */
  readonly standing: BundleStanding | undefined;
  /** The policies in force; absent where the bundle cannot be read. */
  readonly policies: readonly Policy[] | undefined;
  readonly doubt: BundleDoubt | undefined;
}

/** What putting bundles in force uses. */
export interface BundlesInForceParts {
  readonly shelf: BundleShelf;
  /** What an organisation is called here; its DID where nothing else is known. */
  nameOf(organisation: string): string;
  /** Puts the layers of all organisations in force, at once. */
  enforce(organisations: readonly (readonly Policy[])[]): void;
}

/** Compiled bundles, by {@link slotOf}. */
export class BundlesInForce {
  readonly #parts: BundlesInForceParts;
  readonly #compiled = new Map<string, readonly Policy[]>();

  constructor(parts: BundlesInForceParts) {
    this.#parts = parts;
  }

  /** The policies of a bundle that was taken; absent where it cannot be read. */
  policies(slot: string): readonly Policy[] | undefined {
    return this.#compiled.get(slot);
  }

  /** Takes the policies of a bundle over; {@link enforce} puts them in force. */
  set(slot: string, policies: readonly Policy[]): void {
    this.#compiled.set(slot, policies);
  }

  /** Reads the bundles of an organisation, or of all, from what is kept. */
  async open(organisation?: string): Promise<void> {
    for (const [slot, standing] of this.#parts.shelf.standings) if (organisation === undefined || standing.organisation === organisation) await this.#open(slot, standing);
  }

  async #open(slot: string, { name, version, digest }: BundleStanding): Promise<void> {
    const bytes = await this.#parts.shelf.content(fromBase64url(digest) ?? new Uint8Array());
    const opened = bytes === undefined ? undefined : await openBundle(bytes, { scope: name, seq: version });
    if (opened?.ok === true) this.#compiled.set(slot, opened.value);
    else this.#compiled.delete(slot);
  }

  /** The layers of all organisations as they are now, in one step. What is in force and cannot be read denies everything. */
  enforce(): void {
    const { shelf, nameOf } = this.#parts;
    const followed = [...shelf.followings.values()].filter(({ active }) => active).sort((a, b) => (a.organisation < b.organisation ? -1 : 1));
    const layers = followed.map(({ organisation, required }): readonly Policy[] => {
      const whose = (): string => `organisation ${nameOf(organisation)}`;
      const prefix = slotOf(organisation, '');
      const slots = [...shelf.standings.keys()].filter((slot) => slot.startsWith(prefix)).sort();
      if (slots.length === 0 && required) return withOrigin(whose, [awaited]);
      return slots.flatMap((slot) => withOrigin(() => `bundle ${slot.slice(prefix.length)} of ${whose()}`, this.#compiled.get(slot) ?? [unavailable]));
    });
    const damaged = [...shelf.damaged].map(() => [unavailable]);
    this.#parts.enforce([...damaged, ...layers.filter((layer) => layer.length > 0)]);
  }
}

function withOrigin(origin: () => string, policies: readonly Policy[]): readonly Policy[] {
  return policies.map((policy) => ({ ...policy, origin }));
}
