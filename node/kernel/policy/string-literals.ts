import { ok, type Result } from '../../../crypto/result.ts';
import { conditionInvalid, type Token } from './tokenizer.ts';

/** Escapes of one letter: CEL's, and `\/`, which JSON has. */
const escaped: { readonly [character: string]: string } = {
  '\\': '\\', "'": "'", '"': '"', '`': '`', '?': '?', '/': '/',
  a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v',
};
const numbered_pattern = /[xX]([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-3][0-7]{2})/y;

interface Piece {
  /** Code point, or the byte that \\x and an octal escape name. */
  readonly code: number;
  readonly is_byte: boolean;
  readonly length: number;
}

/**
 * Reads a string or bytes literal whose opening (prefix and quotes) is given: CEL's
 * escapes, raw (`r`), bytes (`b`), and triple quotes. Fails with `CONDITION_INVALID`.
 */
export function readString(text: string, at: number, opening: string): Result<Token> {
  const prefix = /^[a-z]*/i.exec(opening)?.[0].toLowerCase() ?? '';
  const quotes = opening.slice(prefix.length);
  const body = new Body(prefix.includes('b'));
  let index = at + opening.length;
  while (index < text.length) {
    if (text.startsWith(quotes, index)) {
      const whole = text.slice(at, index + quotes.length);
      if (prefix.includes('b')) return ok({ kind: 'bytes', text: whole, value: body.bytes(), at });
      return ok({ kind: 'string', text: whole, value: body.text(), at });
    }
    const character = text.charAt(index);
    if (quotes.length === 1 && (character === '\n' || character === '\r')) break;
    if (prefix.includes('r') || character !== '\\') {
      const plain = String.fromCodePoint(text.codePointAt(index) ?? 0);
      body.write(plain);
      index += plain.length;
      continue;
    }
    const piece = escapeAt(text, index, prefix.includes('b'));
    if (piece === undefined) {
      const next = text.charAt(index + 1);
      return conditionInvalid(text, index, `\\${next} is not an escape`, `write \\\\${next}, or a raw string r'…' in which \\ means itself`);
    }
    body.add(piece);
    index += piece.length;
  }
  return conditionInvalid(text, at, 'the string does not end', `close it with ${quotes}${quotes.length === 1 ? ', and write a line break as \\n' : ''}`);
}

function escapeAt(text: string, at: number, in_bytes: boolean): Piece | undefined {
  const plain = escaped[text.charAt(at + 1)];
  if (plain !== undefined) return { code: plain.charCodeAt(0), is_byte: false, length: 2 };
  numbered_pattern.lastIndex = at + 1;
  const found = numbered_pattern.exec(text);
  if (found === null) return undefined;
  const [whole, hex, short, long, octal] = found;
  const code = octal === undefined ? Number.parseInt(hex ?? short ?? long ?? '', 16) : Number.parseInt(octal, 8);
  const is_byte = hex !== undefined || octal !== undefined;
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  // Bytes have no code points to name.
  return in_bytes && !is_byte ? undefined : { code, is_byte, length: whole.length + 1 };
}

const encoder = new TextEncoder();

class Body {
  readonly #in_bytes: boolean;
  readonly #parts: string[] = [];
  readonly #bytes: number[] = [];

  constructor(in_bytes: boolean) {
    this.#in_bytes = in_bytes;
  }

  write(text: string): void {
    if (this.#in_bytes) this.#bytes.push(...encoder.encode(text));
    else this.#parts.push(text);
  }

  add(piece: Piece): void {
    if (this.#in_bytes && piece.is_byte) this.#bytes.push(piece.code);
    else this.write(String.fromCodePoint(piece.code));
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  text(): string {
    return this.#parts.join('');
  }
}
