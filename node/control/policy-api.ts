/** The part of the control API about policies in force: those of organisations, and the files of the host. */
import type { ParamSpec, Who } from './api.ts';

/** Why something is not in force, or does not do what is expected of it. */
export interface RefusalView {
  readonly code: string;
  readonly reason: string;
  readonly fix: string | null;
}

/** `expired`: in force all the same, until there is a newer one; `unreadable`: everything is denied until its bytes are here again. */
export type BundleState = 'in force' | 'expired' | 'unreadable' | 'not yet' | 'not followed';

/** A bundle of an organisation that is followed. Times are Unix milliseconds. */
export interface BundleView {
  readonly name: string;
  /** The version in force; null where none ever was. */
  readonly version: number | null;
  /** SHA-256 of the bundle in base64url. */
  readonly digest: string | null;
  readonly state: BundleState;
  /** Until when its organisation stands by it. */
  readonly expires_ms: number | null;
  readonly accepted_ms: number | null;
  /** Name and digest of each policy, as decisions name them. */
  readonly policies: readonly { readonly name: string; readonly digest: string }[];
  /** A statement of it that is not in force, and why. */
  readonly refused: (RefusalView & { readonly version: number }) | null;
}

/** An organisation that is, or was, followed. */
export interface OrganisationView {
  readonly did: string;
  readonly name: string | null;
  readonly follows: boolean;
  /** Followed because it stands above who answers for this host, or because it was named. */
  readonly by: 'sponsorship' | 'named';
  /** Whether nothing is allowed as long as it has no bundle. */
  readonly required: boolean;
  readonly since_ms: number;
  /** Why nothing newer of it is taken; null where it is. */
  readonly barred: RefusalView | null;
  readonly bundles: readonly BundleView[];
}

/** A bundle that this host has heard of and does not obey. */
export interface ForeignBundleView {
  readonly did: string;
  readonly organisation_name: string | null;
  readonly name: string;
  readonly version: number;
  readonly code: string;
}

/** What became of a policy file that was read again. */
export interface ReloadView {
  readonly layer: 'host' | 'agent';
  readonly agent: string | null;
  readonly agent_name: string | null;
  readonly file: string;
  readonly state: 'changed' | 'unchanged' | 'refused';
  readonly refused: RefusalView | null;
  /** Digests of the policies in force now. */
  readonly digests: readonly string[];
}

/** A bundle that an organisation of this host has published, or would have without `dry_run`. */
export interface PublishedView {
  readonly organisation: string;
  readonly name: string;
  readonly version: number;
  /** SHA-256 of the bundle in base64url. */
  readonly digest: string;
  readonly bytes: number;
  /** Whether it was published before, as it is: nothing is published then. */
  readonly unchanged: boolean;
  /** What its followers would not expect: `DENIES_EVERYTHING` where no bundle of the organisation allows anything. It is published all the same. */
  readonly warnings: readonly RefusalView[];
}

/** The methods about policies in force, with their parameters and answers. `files` and `texts` belong together, place by place. */
export interface PolicyControlApi {
  'policy.publish': { params: { as: Who; name?: string; files: string[]; texts: string[]; dry_run?: boolean }; value: PublishedView };
  'policy.bundle': { params: { organisation: Who; name?: string }; value: { readonly organisation: string; readonly name: string; readonly version: number; readonly policies: readonly { readonly file: string; readonly text: string }[] } };
  'policy.bundles': { params: Record<string, never>; value: { readonly organisations: readonly OrganisationView[]; readonly foreign: readonly ForeignBundleView[]; readonly files: readonly ReloadView[] } };
  'policy.follow': { params: { organisation: Who; required?: boolean }; value: OrganisationView };
  'policy.unfollow': { params: { organisation: Who }; value: OrganisationView };
  'policy.reload': { params: Record<string, never>; value: readonly ReloadView[] };
}

const text = { type: 'string' } as const;
const text_optional = { type: 'string', optional: true } as const;
const texts = { type: 'strings' } as const;

/** The parameters of the methods about policies in force. */
export const policy_params: { readonly [Method in keyof PolicyControlApi]: { readonly [Name in keyof PolicyControlApi[Method]['params']]: ParamSpec } } = {
  'policy.publish': { as: text, name: text_optional, files: texts, texts, dry_run: { type: 'boolean', optional: true } },
  'policy.bundle': { organisation: text, name: text_optional },
  'policy.bundles': {},
  'policy.follow': { organisation: text, required: { type: 'boolean', optional: true } },
  'policy.unfollow': { organisation: text },
  'policy.reload': {},
};
