/** Delegation tokens put together by hand, so that they can break every rule of form. */
import { toBase64url, utf8 } from '../crypto/bytes.ts';
import { canonicalJson } from '../crypto/canonical.ts';
import { parseChain, verifyChain, type Chain, type Evidence } from '../crypto/chain.ts';
import { sha256 } from '../crypto/hash.ts';
import type { TokenSigner } from '../crypto/jwt.ts';
import type { Result } from '../crypto/result.ts';
import { day_s, hashOf } from './chains.ts';
import { start_s, type Person } from './people.ts';

/** What a link says. What is absent is as in a good one. */
export interface HandmadeLink {
  readonly from: Person;
  readonly to: Person;
  readonly capabilities?: readonly string[];
  /** Claims instead of the good ones; `undefined` takes one away. */
  readonly claims?: { readonly [name: string]: unknown };
  /** Members of the header instead of the good ones; `undefined` takes one away. */
  readonly header?: { readonly [name: string]: unknown };
}

function given(value: { readonly [name: string]: unknown }): { readonly [name: string]: unknown } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
}

/** A token with this header and these claims, whatever they are. */
export function handmadeToken(header: unknown, claims: unknown, signer: TokenSigner): string {
  const signed = `${toBase64url(utf8(canonicalJson(header)))}.${toBase64url(utf8(canonicalJson(claims)))}`;
  return `${signed}.${toBase64url(signer.key.sign(utf8(signed)))}`;
}

/** The chain of these links, each under the one before; each lives a day less than the one above. */
export function handmadeChain(...plans: readonly HandmadeLink[]): string[] {
  const tokens: string[] = [];
  for (const [index, { from, to, capabilities, claims, header }] of plans.entries()) {
    const parent = tokens.at(-1);
    tokens.push(handmadeToken(given({ alg: 'EdDSA', typ: 'mesh-dlg+jwt', kid: from.signer.key_id, ...header }), given({
      iss: from.did, aud: to.did, sub: plans[0]?.from.did, cap: capabilities ?? ['read:reports'], cav: {},
      prf: parent === undefined ? null : hashOf(parent), dpt: index,
      nbf: start_s, exp: start_s + (10 - index) * day_s, jti: toBase64url(sha256(utf8(`jti ${index}`)).subarray(0, 16)), v: 1, ...claims,
    }), from.signer));
  }
  return tokens;
}

/** Takes a chain through every step from 1 to 13. */
export function checkChain(tokens: readonly string[], evidence: Evidence): Result<Chain> {
  const links = parseChain(tokens);
  return links.ok ? verifyChain(links.value, evidence) : links;
}
