/**
 * What the page shows of a call: texts alone, in which nothing is left that could
 * pass for something else. An agent chooses its arguments, a peer its name.
 */
import { toBase64url } from '../../crypto/bytes.ts';
import { approvalHash, approval_lifetime_s_max } from '../../crypto/approval.ts';
import { isFields } from '../../crypto/canonical.ts';
import { taking_up_ms_max, type PendingApproval, type SettledApproval } from '../approvals.ts';
import { jsonText, visible } from '../cli/view/text.ts';
import type { Host } from '../host.ts';
import { shown_characters_max } from './limits.ts';

const words_length_max = 200;

/** Somebody, as the page names them. */
export interface PageParty {
  readonly did: string;
  /** Empty where nothing is known of them, or they have none. */
  readonly name: string;
  /** Whether the name was given on this host. Elsewhere everybody is called what they want to be. */
  readonly is_named_here: boolean;
}

/** Somebody whose word counts. */
export interface PageSigner extends PageParty {
  /** Whether the key is in this host's vault. */
  readonly is_here: boolean;
}

/** A call that waits, as the page shows it. Times are Unix milliseconds. */
export interface PageCall {
  readonly id: string;
  readonly agent: PageParty;
  readonly sponsor: PageParty | null;
  readonly host: PageParty;
  /** At whose command, where it is at a peer's. */
  readonly peer: PageParty | null;
  /** Whether whoever sent it has to come again for the answer. */
  readonly comes_again: boolean;
  /** What is to be done, in a few words. */
  readonly what: string;
  readonly action: string;
  readonly arguments: string;
  /** Whether action and arguments are shown to the end. */
  readonly is_whole: boolean;
  readonly args_hash: string | null;
  /** What an answer is bound to, base64url. */
  readonly action_hash: string;
  readonly policies: readonly string[];
  readonly policy: string | null;
  readonly rule: string | null;
  readonly reason: string;
  readonly taint: readonly string[];
  readonly asked_ms: number;
  readonly expires_ms: number;
  readonly signers: readonly PageSigner[];
  /** How long a signed answer is good, in seconds. */
  readonly lifetime_s: number;
  /** How long the answer is kept for whoever has to come again for it, in seconds. */
  readonly taking_up_s: number;
}

/** A call that waits no more, as the page shows it. */
export interface PageSettled {
  readonly id: string;
  readonly agent_name: string;
  readonly what: string;
  readonly outcome: SettledApproval['outcome'];
  readonly by: PageParty | null;
  readonly why: string;
  /** Unix milliseconds. */
  readonly time_ms: number;
}

/** What the page asks about who is who. */
export type PageHost = Pick<Host, 'identities' | 'identity'>;

function party({ identities, identity }: PageHost, did: string): PageParty {
  const own = identities.find(did);
  const record = own === undefined ? identity.known(did) : undefined;
  return { did: visible(did), name: visible(own?.name ?? record?.document.name ?? ''), is_named_here: own !== undefined };
}

function cut(text: string, length_max: number): string {
  return text.length <= length_max ? text : `${text.slice(0, length_max)} …`;
}

/** What is to be done, in a few words. */
function wordsOf({ action }: Pick<PendingApproval, 'action'>): string {
  const { type, resource, tool, to, model } = isFields(action) ? action : {};
  return cut(visible([type, resource ?? tool ?? to ?? model].filter((word) => typeof word === 'string').join(' ')), words_length_max);
}

/** A call that waits, for the page. */
export function callView(host: PageHost, pending: PendingApproval): PageCall {
  const { id, agent, action, data, args_hash, policies, policy, rule, reason, taint, approvers, peer, later, time_ms, expires_ms } = pending;
  const [action_text, data_text] = [jsonText(action), jsonText(data)];
  const sponsor = host.identities.find(agent)?.sponsor ?? null;
  return {
    id, agent: { ...party(host, agent), name: visible(pending.agent_name), is_named_here: true }, host: party(host, pending.host),
    sponsor: sponsor === null ? null : party(host, sponsor), peer: peer === null ? null : party(host, peer),
    comes_again: later !== null, what: wordsOf(pending), action: cut(action_text, shown_characters_max), arguments: cut(data_text, shown_characters_max),
    is_whole: action_text.length <= shown_characters_max && data_text.length <= shown_characters_max,
    args_hash, action_hash: toBase64url(approvalHash(pending)), policies,
    policy: policy === null ? null : visible(policy), rule: rule === null ? null : visible(rule), reason: visible(reason), taint: taint.map(visible),
    asked_ms: time_ms, expires_ms, lifetime_s: approval_lifetime_s_max, taking_up_s: taking_up_ms_max / 1000,
    signers: approvers.map((did) => {
      const { name, is_named_here } = party(host, did);
      return { did, name, is_named_here, is_here: host.identities.find(did)?.deactivated === false };
    }),
  };
}

/** A call that waits no more, for the page. */
export function settledView(host: PageHost, { pending, outcome, by, why }: SettledApproval, time_ms: number): PageSettled {
  return { id: pending.id, agent_name: visible(pending.agent_name), what: wordsOf(pending), outcome, by: by === null ? null : party(host, by), why: visible(why), time_ms };
}
