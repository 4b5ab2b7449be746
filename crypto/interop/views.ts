/**
 * A verified chain in the words of others, for their logs and tools to read.
 *
 * One way only: nothing here is ever read back. Authority comes from the signed
 * tokens of a chain and from nothing else, and a view is neither signed nor
 * complete enough to rebuild them.
 */
import { toBase64url } from '../bytes.ts';
import type { Caveats, Chain, Delegation } from '../chain.ts';

/** An actor and, inside it, the one that it has its authority from. */
export interface Actor {
  readonly sub: string;
  readonly act?: Actor;
}

/** Claims as an OAuth token exchange would put them (RFC 8693 sections 4.1 and 4.2). Times are Unix seconds. */
export interface ActView {
  /** The root authority, on whose behalf everybody acts. */
  readonly sub: string;
  /** The holder of the chain, with those before it inside. */
  readonly act: Actor;
  /** The capabilities that the holder has, by spaces. */
  readonly scope: string;
  readonly nbf: number;
  readonly exp: number;
  /** Our caveats of the whole chain, under their own name: `scope` cannot say them, and without them it says too much. */
  readonly mesh_caveats?: Caveats;
}

function actorOf(links: readonly Delegation[]): Actor {
  const [first, ...rest] = links;
  let actor: Actor = { sub: first?.aud ?? '' };
  for (const link of rest) actor = { sub: link.aud, act: actor };
  return actor;
}

/**
 * The chain as the `act` claim of RFC 8693: the current actor outermost, the
 * first one to have received anything innermost.
 */
export function actView(chain: Chain): ActView {
  const { links, root, capabilities, caveats, exp } = chain;
  return {
    sub: root,
    act: actorOf(links),
    scope: capabilities.map(({ text }) => text).join(' '),
    nbf: Math.max(...links.map((link) => link.nbf)),
    exp,
    ...(Object.keys(caveats).length === 0 ? {} : { mesh_caveats: caveats }),
  };
}

/** What one link allows, in the member that the draft leaves to each deployment. */
export interface DelegatedPolicy {
  readonly type: 'mesh-dlg+jwt';
  /** The token itself, which carries the delegator's signature: whoever has the record of `delegator_id` can check the hop. */
  readonly content: string;
  readonly capabilities: readonly string[];
  readonly caveats: Caveats;
  readonly exp: number;
}

/** One hop of a `delegation_chain`. */
export interface DelegationRecord {
  readonly delegator_id: string;
  readonly delegatee_id: string;
  /** Unix seconds from which the link holds. */
  readonly delegation_timestamp: number;
  readonly delegated_policy: DelegatedPolicy;
  /** SHA-256 of the root token in base64url: the same in each record. */
  readonly root_evidence_ref: string;
}

/** The claims of {@link delegationChainView}. */
export interface DelegationChainView extends ActView {
  readonly delegation_chain: readonly DelegationRecord[];
}

/**
 * The chain as the `delegation_chain` claim of
 * draft-liu-oauth-chain-delegation-00 (June 2026), most recent hop first, beside
 * the `act` claim that the draft has it accompany.
 *
 * Two members of a record are left out. `as_signature`, which the draft
 * requires, is an authorisation server's word, and the mesh has no such server.
 * `delegator_signature` would have to be made over the record by the delegator;
 * its signature of the hop stands in the token in `delegated_policy` instead.
 */
export function delegationChainView(chain: Chain): DelegationChainView {
  const root_hash = chain.links[0]?.token.hash ?? new Uint8Array();
  const records = chain.links.map((link): DelegationRecord => ({
    delegator_id: link.iss,
    delegatee_id: link.aud,
    delegation_timestamp: link.nbf,
    delegated_policy: {
      type: 'mesh-dlg+jwt', content: link.token.text, capabilities: link.capabilities.map(({ text }) => text), caveats: link.caveats, exp: link.exp,
    },
    root_evidence_ref: toBase64url(root_hash),
  }));
  return { ...actView(chain), delegation_chain: records.toReversed() };
}
