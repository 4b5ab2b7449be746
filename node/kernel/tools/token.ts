/** The publisher's signature over a tool: a `mesh-tool+jwt` that names the tool and the digest of its descriptor. */
import { hasShape, isWhole } from '../../../crypto/canonical.ts';
import { checkWindow, createToken, decodeToken, type Token, type TokenSigner } from '../../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../../crypto/result.ts';
import type { Tool } from './descriptor.ts';

/** A publisher's statement that a tool is its own. Times are Unix seconds. */
export interface ToolToken {
  readonly token: Token;
  /** The publisher's DID. */
  readonly iss: string;
  readonly nbf: number;
}

const lifetime_s = 315_360_000;

/** Signs a tool, for ten years from `nbf` (Unix seconds): what ends it earlier is another version or a revocation of the key. */
export function signTool(signer: TokenSigner, { name, version, digest }: Pick<Tool, 'name' | 'version' | 'digest'>, nbf: number): Promise<string> {
  return createToken('mesh-tool+jwt', signer, { sub: name, ver: version, dig: digest, nbf, exp: nbf + lifetime_s });
}

/** Takes a token apart that must be about this very tool at this time. Whose signature it bears is still to be checked. Fails with `TOOL_SIGNATURE_INVALID`. */
export function parseToolToken(text: string, tool: Pick<Tool, 'name' | 'version' | 'digest'>, now_s: number): Result<ToolToken> {
  const refuse = (why: string): Result<never> => fail('TOOL_SIGNATURE_INVALID', `the publisher's signature: ${why}`, { fix: 'the publisher signs the descriptor as it is: agentmesh tools sign' });
  const token = decodeToken(text, 'mesh-tool+jwt');
  if (!token.ok) return refuse(token.failure.reason);
  const { claims } = token.value;
  if (!hasShape(claims, ['iss', 'sub', 'ver', 'dig', 'nbf', 'exp'])) return refuse('its claims are not those of a tool');
  const { iss, sub, ver, dig, nbf, exp } = claims;
  if (typeof iss !== 'string' || !isWhole(nbf) || !isWhole(exp)) return refuse('its claims are not those of a tool');
  if (sub !== tool.name || ver !== tool.version || dig !== tool.digest) return refuse('it is about another descriptor');
  const window = checkWindow({ nbf, exp }, now_s);
  return window.ok ? ok({ token: token.value, iss, nbf }) : refuse(window.failure.reason);
}
