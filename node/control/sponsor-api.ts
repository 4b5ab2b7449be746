/** The part of the control API about sponsors. */
import type { ParamSpec, Who } from './api.ts';

/** A sponsor whose key is held here. */
export interface SponsorView {
  readonly name: string;
  readonly did: string;
  readonly kind: 'human' | 'org';
  readonly deactivated: boolean;
  /** The DID of the organisation that answers for a human, if one does. */
  readonly organisation: string | null;
  /** Until when the organisation attests it, Unix seconds; `null` where none does. */
  readonly attested_until: number | null;
}

/** An attestation of an identity of this host. Times are Unix seconds. */
export interface SponsorshipView {
  readonly agent: string;
  readonly name: string;
  readonly sponsor: string;
  readonly role: string;
  readonly until: number;
  /** base64url SHA-256 of the sponsor's evidence. */
  readonly evidence: string | null;
}

/** One level of accountability. Times are Unix seconds. */
export interface AccountabilityLevel {
  readonly did: string;
  readonly name: string;
  readonly kind: 'human' | 'org' | 'agent' | 'node';
  /** Who answers for it; `null` where it answers for itself. */
  readonly sponsor: string | null;
  readonly role: string | null;
  readonly until: number | null;
  readonly evidence: string | null;
  /** Why nobody answers, if so. */
  readonly code: string | null;
  readonly reason: string | null;
  readonly fix: string | null;
}

/** Who answers for a DID. */
export interface AccountabilityView {
  readonly did: string;
  /** Whether the chain of those who answer holds from end to end. */
  readonly answered: boolean;
  /** From the DID upwards; the last one is where the chain ends or breaks. */
  readonly levels: readonly AccountabilityLevel[];
}

/** What a sponsor on another device is asked to sign; who asks is verified. */
export interface SponsorRequestView {
  readonly agent: string;
  readonly name: string;
  readonly kind: string;
  readonly capabilities: readonly string[];
  readonly sponsor: string;
  readonly role: string;
  readonly lifetime_s: number;
}

/** The methods about sponsors, with their parameters and answers. */
export interface SponsorControlApi {
  'sponsor.create': { params: { name: string; kind?: string; organisation?: Who; witnesses?: string[]; witness_threshold?: number }; value: SponsorView };
  'sponsor.list': { params: Record<string, never>; value: readonly SponsorView[] };
  /** `evidence` is the base64url SHA-256 of it. */
  'sponsor.renew': { params: { agent: Who; role?: string; lifetime_s?: number; evidence?: string }; value: SponsorshipView };
  'sponsor.host': { params: { sponsor: Who; lifetime_s?: number }; value: SponsorshipView };
  'sponsor.withdraw': { params: { agent: Who; why: string }; value: { readonly statement: string; readonly agent: string; readonly sponsor: string } };
  'sponsor.show': { params: { who: Who }; value: AccountabilityView };
  /** `file` is the text of the request or of the response. */
  'sponsor.request': { params: { agent: Who; role?: string; lifetime_s?: number }; value: SponsorRequestView & { readonly file: string } };
  'sponsor.read': { params: { file: string }; value: SponsorRequestView };
  'sponsor.sign': { params: { file: string; as: Who; evidence?: string }; value: SponsorRequestView & { readonly file: string } };
  'sponsor.import': { params: { file: string }; value: SponsorshipView };
}

const text = { type: 'string' } as const;
const text_optional = { type: 'string', optional: true } as const;
const number_optional = { type: 'number', optional: true } as const;

/** The parameters of the methods about sponsors. */
export const sponsor_params: { readonly [Method in keyof SponsorControlApi]: { readonly [Name in keyof SponsorControlApi[Method]['params']]: ParamSpec } } = {
  'sponsor.create': { name: text, kind: text_optional, organisation: text_optional, witnesses: { type: 'strings', optional: true }, witness_threshold: number_optional },
  'sponsor.list': {},
  'sponsor.renew': { agent: text, role: text_optional, lifetime_s: number_optional, evidence: text_optional },
  'sponsor.host': { sponsor: text, lifetime_s: number_optional },
  'sponsor.withdraw': { agent: text, why: text },
  'sponsor.show': { who: text },
  'sponsor.request': { agent: text, role: text_optional, lifetime_s: number_optional },
  'sponsor.read': { file: text },
  'sponsor.sign': { file: text, as: text, evidence: text_optional },
  'sponsor.import': { file: text },
};
