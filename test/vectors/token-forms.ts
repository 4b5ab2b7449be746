/** Tokens that are wrong in their form alone: everything that they say and their signature would be good. */
import { concat, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { canonicalJson, type Fields } from '../../crypto/canonical.ts';
import { decodeToken, type TokenSigner, type TokenType } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';

/** A token of exactly these texts, or bytes, properly signed. */
export function rawToken(signer: TokenSigner, header: string, payload: string | Uint8Array): string {
  const signed = `${toBase64url(utf8(header))}.${toBase64url(typeof payload === 'string' ? utf8(payload) : payload)}`;
  return `${signed}.${toBase64url(signer.key.sign(utf8(signed)))}`;
}

/** A token with something wrong, and where that is to be found. */
export interface Misshapen {
  readonly what: string;
  readonly token: string;
  readonly code: string;
  /** The step of a chain's checks. */
  readonly step: number;
}

const base64url_digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Every form that is refused, made of one good token. `stranger` is a key id of somebody else. */
export function misshapen(good: string, signer: TokenSigner, type: TokenType, stranger: string): readonly Misshapen[] {
  const [header_text = '', claims_text = '', signature_text = ''] = good.split('.');
  const { claims } = unwrap(decodeToken(good));
  const payload = canonicalJson(claims);
  const header: Fields = { alg: 'EdDSA', kid: signer.key_id, typ: type };
  const withHeader = (changes: Fields): string => rawToken(signer, canonicalJson({ ...header, ...changes }), payload);
  const withPayload = (text: string | Uint8Array): string => rawToken(signer, canonicalJson(header), text);
  const spare = base64url_digits[base64url_digits.indexOf(signature_text.slice(-1)) + 1] ?? '';
  const { iss, ...rest } = claims;
  return [
    { what: 'two parts', token: `${header_text}.${claims_text}`, code: 'TOKEN_MALFORMED', step: 2 },
    { what: 'four parts', token: `${good}.`, code: 'TOKEN_MALFORMED', step: 2 },
    { what: 'five parts, as an encrypted token has', token: `${good}..`, code: 'TOKEN_MALFORMED', step: 2 },
    { what: 'nothing', token: '', code: 'TOKEN_MALFORMED', step: 2 },
    { what: 'padding', token: `${header_text}.${claims_text}.${signature_text}==`, code: 'TOKEN_MALFORMED', step: 2 },
    { what: 'a line break at the end', token: `${good}\n`, code: 'TOKEN_MALFORMED', step: 2 },
    { what: 'bits that decode to nothing', token: `${good.slice(0, -1)}${spare}`, code: 'TOKEN_MALFORMED', step: 2 },
    { what: 'a character of base64 that is not of base64url', token: `${header_text}.${claims_text}.+${signature_text.slice(1)}`, code: 'TOKEN_MALFORMED', step: 2 },
    { what: 'a space in the header', token: ` ${good}`, code: 'TOKEN_MALFORMED', step: 2 },
    { what: '4,097 bytes', token: 'x'.repeat(4097), code: 'TOKEN_TOO_LARGE', step: 1 },
    { what: 'a header of more than 512 characters', token: withHeader({ kid: `${signer.key_id}${'x'.repeat(400)}` }), code: 'TOKEN_TOO_LARGE', step: 1 },
    ...['none', 'None', 'ES256K', 'Ed25519', 'HS256', 'EdDSA '].map((alg) => ({ what: `alg ${alg}`, token: withHeader({ alg }), code: 'TOKEN_HEADER', step: 3 })),
    ...Object.entries({ cty: 'JWT', crit: ['exp'], b64: false, jwk: {}, jku: 'https://example.com', x5u: 'https://example.com', zip: 'DEF', extra: 1 })
      .map(([name, value]) => ({ what: `${name} in the header`, token: withHeader({ [name]: value }), code: 'TOKEN_HEADER', step: 3 })),
    { what: 'no kid', token: rawToken(signer, canonicalJson({ alg: 'EdDSA', typ: type }), payload), code: 'TOKEN_HEADER', step: 3 },
    { what: 'no typ', token: rawToken(signer, canonicalJson({ alg: 'EdDSA', kid: signer.key_id }), payload), code: 'TOKEN_HEADER', step: 3 },
    { what: 'a kid of somebody else', token: withHeader({ kid: stranger }), code: 'TOKEN_HEADER', step: 3 },
    { what: 'a kid that is a number', token: withHeader({ kid: 1 }), code: 'TOKEN_HEADER', step: 3 },
    { what: 'alg twice', token: rawToken(signer, canonicalJson(header).replace('{', '{"alg":"EdDSA",'), payload), code: 'TOKEN_MALFORMED', step: 3 },
    { what: 'the header in another order', token: rawToken(signer, `{"typ":"${type}","alg":"EdDSA","kid":"${signer.key_id}"}`, payload), code: 'TOKEN_MALFORMED', step: 3 },
    { what: 'a list as header', token: rawToken(signer, '[]', payload), code: 'TOKEN_MALFORMED', step: 3 },
    { what: 'typ JWT', token: withHeader({ typ: 'JWT' }), code: 'TOKEN_TYPE', step: 5 },
    { what: 'typ in capitals', token: withHeader({ typ: type.toUpperCase() }), code: 'TOKEN_TYPE', step: 5 },
    { what: 'the type of a receipt', token: withHeader({ typ: 'mesh-rcpt+jwt' }), code: 'TOKEN_TYPE', step: 5 },
    { what: 'a space in the claims', token: withPayload(payload.replace(',', ', ')), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'a claim twice', token: withPayload(payload.replace('{', '{"v":1,')), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'claims in another order', token: withPayload(JSON.stringify({ ...rest, iss })), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'a number with a fraction of nothing', token: withPayload(payload.replace('"v":1', '"v":1.0')), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'a number with an exponent', token: withPayload(payload.replace('"v":1', '"v":1e0')), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'an escaped letter', token: withPayload(payload.replace('"v":1', String.raw`"\u0076":1`)), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'a byte order mark', token: withPayload(concat(Uint8Array.of(0xef, 0xbb, 0xbf), utf8(payload))), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'bytes that are no UTF-8', token: withPayload(Uint8Array.of(0x22, 0xff, 0x22)), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'half of a surrogate pair', token: withPayload(payload.replace('"v":1', String.raw`"v":"\ud83d"`)), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'claims cut short', token: withPayload(payload.slice(0, -1)), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'a list as claims', token: withPayload('[]'), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'null as claims', token: withPayload('null'), code: 'TOKEN_MALFORMED', step: 4 },
    { what: 'claims nested too deep', token: withPayload(`{"v":${'['.repeat(65)}${']'.repeat(65)}}`), code: 'TOKEN_MALFORMED', step: 4 },
  ];
}
