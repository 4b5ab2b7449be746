/** Recorded decisions as requests that can be decided again. */
import { isFields, isStrings, type Fields, type Json } from '../../crypto/canonical.ts';
import { sandbox_tiers, type Verdict } from '../kernel/policy/policy.ts';
import type { PolicyRequest } from '../kernel/policy/scope.ts';
import { hashOf } from '../kernel/snapshot.ts';
import { operator } from '../operator.ts';

/** A recorded decision, as far as deciding it again needs it. */
export interface RecordedDecision {
  /** Where it stands in its log, or on which line it came. */
  readonly index: number;
  readonly time_ms: number;
  readonly agent: string;
  readonly verdict: Verdict['effect'];
  readonly rule: string | null;
  /** The stable code of a denial. */
  readonly code: string | null;
  readonly request: PolicyRequest;
  /** That the request is whole: its payload is known too. */
  readonly whole: boolean;
  /** That a human let it pass: the decision before it says what the policies wanted. */
  readonly approved: boolean;
  /** That no policy of an agent had a say: a signal, or what the operator did himself. */
  readonly by_hand: boolean;
  /** How many calls it stands for. */
  readonly weight: number;
  /** What policies in shadow mode would have decided. */
  readonly shadow: readonly { readonly policy: string; readonly effect: Verdict['effect']; readonly rule: string | null }[];
}

/** Payloads that are known by their hash: calls without arguments. */
const empty_payloads: ReadonlyMap<string, Json> = new Map([null, [], {}].map((value) => [hashOf(value), value]));

function isJson(value: unknown): value is Json {
  return value !== undefined && typeof value !== 'function';
}

function effectOf(value: unknown): Verdict['effect'] | undefined {
  return value === 'allow' || value === 'deny' || value === 'require_approval' ? value : undefined;
}

/** Reads a decision's record; `undefined` for whatever is none. A record that also holds `data` is whole. */
export function recordedDecision(record: unknown, index: number): RecordedDecision | undefined {
  if (!isFields(record) || record['kind'] !== 'decision') return undefined;
  const { agent, action, args_hash, time_ms, rule, code, repeated, data } = record;
  const verdict = effectOf(record['verdict']);
  if (verdict === undefined || typeof agent !== 'string' || !isJson(action)) return undefined;
  const payload = isJson(data) ? data : typeof args_hash === 'string' ? empty_payloads.get(args_hash) : undefined;
  return {
    index,
    agent,
    verdict,
    time_ms: typeof time_ms === 'number' ? time_ms : 0,
    rule: typeof rule === 'string' ? rule : null,
    code: typeof code === 'string' ? code : null,
    request: requestOf(record, agent, action, payload),
    whole: payload !== undefined,
    approved: isFields(record['approval']),
    by_hand: isByHand(record, action),
    weight: typeof repeated === 'number' && Number.isSafeInteger(repeated) && repeated > 0 ? repeated : 1,
    shadow: shadowsOf(record['shadow']),
  };
}

function requestOf(record: Fields, agent: string, action: Json, payload: Json | undefined): PolicyRequest {
  const { trust_score, sponsor, peer, delegation, sandbox, taint } = record;
  const level = sandbox_tiers.findIndex((tier) => tier === sandbox);
  const labels = isStrings(taint) ? taint : [];
  return {
    action,
    ...(payload === undefined || payload === null ? {} : { data: payload }),
    agent: {
      id: agent,
      ...(agent.startsWith('did:') ? { did: agent } : {}),
      ...(typeof trust_score === 'number' ? { trust_score } : {}),
      ...(typeof sponsor === 'string' ? { sponsor } : {}),
    },
    context: {
      remote: typeof peer === 'string',
      ...(typeof peer === 'string' ? { peer } : {}),
      ...(isFields(delegation) && isStrings(delegation['capabilities']) && typeof delegation['root'] === 'string' && typeof delegation['depth'] === 'number'
        ? { delegation: { root: delegation['root'], depth: delegation['depth'], capabilities: delegation['capabilities'] } }
        : {}),
    },
    ...(level < 0 ? {} : { sandbox: { tier: sandbox_tiers[level] ?? 'none', level } }),
    taint: { labels, tainted: labels.length > 0 },
  };
}

function isByHand({ policies, policy, verdict }: Fields, action: Json): boolean {
  const { type, by } = isFields(action) ? action : {};
  const is_signal = type === 'signal' && verdict === 'allow' && isStrings(policies) && policies.length === 0;
  return is_signal || (by === operator && policy === operator);
}

function shadowsOf(value: unknown): RecordedDecision['shadow'] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return items.flatMap((item) => {
    const { policy, effect, rule } = isFields(item) ? item : {};
    const would = effectOf(effect);
    return typeof policy === 'string' && would !== undefined ? [{ policy, effect: would, rule: typeof rule === 'string' ? rule : null }] : [];
  });
}
