/** Delegation chains and invocations for tests, right in every claim that a plan does not change. */
import { toBase64url, utf8 } from '../crypto/bytes.ts';
import type { Evidence } from '../crypto/chain.ts';
import type { DidRecord } from '../crypto/did-record.ts';
import { sha256 } from '../crypto/hash.ts';
import { createToken, type TokenSigner } from '../crypto/jwt.ts';
import { start_s, type Person } from './people.ts';

/** Seconds in a day. */
export const day_s = 86_400;

/** One link of a chain to make. */
export interface LinkPlan {
  readonly from: Person;
  readonly to: Person;
  readonly cap?: readonly string[];
  readonly cav?: unknown;
  readonly nbf?: number;
  readonly exp?: number;
  /** Claims that break the rules. */
  readonly claims?: { readonly [name: string]: unknown };
  /** Somebody else's key under the issuer's name. */
  readonly signer?: TokenSigner;
}

/** The hash of a token, as `prf` names it. */
export function hashOf(token: string): string {
  return toBase64url(sha256(utf8(token)));
}

/** The chain of these links, each under the one before unless its claims say otherwise. `salt` makes other tokens of the same plans. */
export async function chainOf(plans: readonly LinkPlan[], salt = ''): Promise<string[]> {
  const tokens: string[] = [];
  for (const [index, plan] of plans.entries()) {
    const parent = tokens.at(-1);
    const signer = plan.signer === undefined ? plan.from.signer : { key_id: plan.from.signer.key_id, key: plan.signer.key };
    tokens.push(await createToken('mesh-dlg+jwt', signer, {
      aud: plan.to.did, sub: plans[0]?.from.did ?? '', cap: plan.cap ?? ['read:reports'], cav: plan.cav ?? {}, prf: parent === undefined ? null : hashOf(parent), dpt: index,
      nbf: plan.nbf ?? start_s, exp: plan.exp ?? start_s + (10 - index) * day_s, jti: toBase64url(sha256(utf8(`jti ${salt}${index}`)).subarray(0, 16)), v: 1, ...plan.claims,
    }));
  }
  return tokens;
}

/** Evidence that knows these records and nothing against anybody. */
export function evidenceOf(record: (did: string) => DidRecord | undefined, changes: Partial<Evidence> = {}): Evidence {
  return { now_s: start_s + 60, record, revoked: () => undefined, revokedKey: () => undefined, unsponsored: () => undefined, fresh: () => undefined, ...changes };
}
