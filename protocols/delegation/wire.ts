/** What peers send in `/agentmesh/delegation/1`: a chain that is handed over, or the report that work under one is done. Only the form is judged here. */
import { fromBase64url } from '../../crypto/bytes.ts';
import { hasShape, isStrings, isWhole, type Fields } from '../../crypto/canonical.ts';
import { chain_links_max, parseChain, type Delegation } from '../../crypto/chain.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { decodeToken, type Token } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';

/** A chain that is handed over, and the records of its issuers. */
export interface Offer {
  readonly chain: readonly string[];
  readonly links: readonly Delegation[];
  readonly records: readonly Uint8Array[];
}

/** The report that work is done. */
export interface Report {
  readonly token: Token;
  /** Who says so. */
  readonly worker: string;
  /** Who is said to have issued the delegation. */
  readonly issuer: unknown;
  /** The id of the delegation. */
  readonly delegation: string;
  /** SHA-256 of the result, base64url. */
  readonly result_hash: string;
  /** When it was signed, in Unix seconds. */
  readonly dated_s: number;
  /** The command that the worker was given, where it is not the holder. */
  readonly invocation: unknown;
}

const isBytes = (item: unknown): item is Uint8Array => item instanceof Uint8Array;

/** The offer in the fields of a message. Fails with `DELEGATION_MALFORMED` or as {@link parseChain} does. */
export function parseOffer({ chain, records }: Fields): Result<Offer> {
  if (!isStrings(chain) || chain.length > chain_links_max || !Array.isArray(records) || !records.every(isBytes)) return fail('DELEGATION_MALFORMED', 'a field has the wrong form');
  const links = parseChain(chain);
  return links.ok ? ok({ chain, links: links.value, records }) : links;
}

/** The report in the fields of a message. Fails with `DELEGATION_MALFORMED` or as {@link decodeToken} does. */
export function parseReport({ token: text, invocation }: Fields): Result<Report> {
  const token = typeof text === 'string' ? decodeToken(text, 'mesh-done+jwt') : fail('DELEGATION_MALFORMED', 'no token');
  if (!token.ok) return token;
  const { claims } = token.value;
  if (!hasShape(claims, ['iss', 'aud', 'dlg', 'res_h', 'iat', 'v']) || typeof claims['dlg'] !== 'string' || typeof claims['res_h'] !== 'string'
    || fromBase64url(claims['res_h'])?.length !== digest_bytes || !isWhole(claims['iat'])) {
    return fail('DELEGATION_MALFORMED', 'the completion\'s claims have the wrong form');
  }
  const { iss, aud, dlg, res_h, iat } = claims;
  return ok({ token: token.value, worker: String(iss), issuer: aud, delegation: dlg, result_hash: res_h, dated_s: iat, invocation });
}
