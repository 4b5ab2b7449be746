/** What the control API says of delegation chains. Times are Unix seconds. */
import type { ActView, DelegationChainView } from '../../crypto/interop/views.ts';
import type { Caveats } from '../../crypto/caveats.ts';

/** One link of a chain as it stands now. */
export interface LinkView {
  /** SHA-256 of its token, base64url. */
  readonly id: string;
  readonly issuer: string;
  readonly holder: string;
  readonly capabilities: readonly string[];
  readonly caveats: Caveats;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  /** `holds`; the code of why it does not; `above` where a link above it does not hold; `unchecked` where nobody checked signatures and revocations. */
  readonly state: string;
  readonly reason: string | null;
}

/** A chain, root first. */
export interface ChainView {
  readonly id: string;
  readonly root: string;
  readonly holder: string;
  readonly exp: number;
  readonly links: readonly LinkView[];
  /** Its tokens. */
  readonly chain: readonly string[];
}

/** What came of one of the sixteen steps. */
export interface StepView {
  readonly step: number;
  readonly name: string;
  /** `in part`: the executor checks the rest. `unasked`: it is for a command, and none was given, or for the executor alone. `unreached`: an earlier one failed. */
  readonly state: 'ok' | 'in part' | 'failed' | 'unreached' | 'unasked';
  /** Of a step that was taken in part: what was checked, and what was not. */
  readonly text: string | null;
}

/** The verification of a chain, step by step. */
export interface ChainCheckView {
  readonly holds: boolean;
  readonly steps: readonly StepView[];
  readonly code: string | null;
  readonly link: number | 'invocation' | null;
  readonly reason: string | null;
  /** What would pass. */
  readonly fix: string | null;
  /** The chain in the words of RFC 8693 and of an IETF draft, where it holds: to show elsewhere, never to be believed here. */
  readonly views: { readonly act: ActView; readonly delegation_chain: DelegationChainView } | null;
}
