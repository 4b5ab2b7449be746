/**
 * The statement by which an organisation puts a bundle of policies in force for
 * whoever follows it: a name, a version that only goes up, and the hash of the
 * bundle, whose bytes travel apart.
 */
import { hasShape, isWhole, type Fields } from './canonical.ts';
import { isDid } from './did.ts';
import { fail, ok, type Result } from './result.ts';
import { isDigest } from './statement-kinds.ts';

/** The largest bundle. */
export const bundle_bytes_max = 262_144;
/** The longest life of the statement of a bundle: it is signed again in time, as long as its organisation stands by it. */
export const bundle_lifetime_s_max: number = 30 * 86_400;
const name_pattern = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;

/** A bundle of policies in force. Times are Unix seconds. */
export interface PolicyBundle {
  readonly kind: 'policy-bundle';
  /** The organisation. */
  readonly iss: string;
  /** What the bundle is called: an organisation may have several. */
  readonly scope: string;
  /** The version. Of two statements with one issuer and name the higher one holds. */
  readonly seq: number;
  /** SHA-256 of the bundle in base64url. */
  readonly digest: string;
  /** Length of the bundle. */
  readonly bytes: number;
  readonly nbf: number;
  readonly exp: number;
  /** SHA-256 of the token in base64url. */
  readonly hash: string;
}

/** Whether a text can be the name of a bundle. */
export function isBundleName(name: string): boolean {
  return name_pattern.test(name);
}

/** Whether two statements say different things under one name and version. The same said again, to live longer, contradicts nothing. */
export function bundlesContradict(a: PolicyBundle, b: PolicyBundle): boolean {
  return a.iss === b.iss && a.scope === b.scope && a.seq === b.seq && (a.digest !== b.digest || a.bytes !== b.bytes);
}

/** The statement that claims of a token make. Fails with `STATEMENT_MALFORMED`. */
export function policyBundleOf(claims: Fields, hash: string): Result<PolicyBundle> {
  const malformed = (reason: string): ReturnType<typeof fail> => fail('STATEMENT_MALFORMED', reason);
  if (!hasShape(claims, ['iss', 'scope', 'seq', 'digest', 'bytes', 'nbf', 'exp', 'v']) || claims['v'] !== 1) {
    return malformed('the claims are not those of a version 1 policy bundle');
  }
  const { iss, scope, seq, digest, bytes, nbf, exp }: Fields = claims;
  if (!isDid(iss)) return malformed('the issuer of a policy bundle is a DID');
  if (typeof scope !== 'string' || !isBundleName(scope)) return malformed('the name of a policy bundle is 1 to 64 characters of a-z, 0-9 and, within, ".", "_" and "-"');
  if (!isWhole(seq) || seq < 1) return malformed('the version of a policy bundle is a whole number from 1');
  if (!isDigest(digest)) return malformed('the digest of a policy bundle is a SHA-256 in base64url');
  if (!isWhole(bytes) || bytes < 1 || bytes > bundle_bytes_max) return malformed(`a policy bundle has at most ${bundle_bytes_max} bytes`);
  if (!isWhole(nbf) || !isWhole(exp) || exp <= nbf || exp - nbf > bundle_lifetime_s_max) {
    return malformed(`the statement of a policy bundle lives at most ${bundle_lifetime_s_max} s`);
  }
  return ok({ kind: 'policy-bundle', iss, scope, seq, digest, bytes, nbf, exp, hash });
}
