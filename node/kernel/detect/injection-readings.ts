/**
 * The readings of a text under which an instruction can hide: as letters only,
 * so that spaces, signs, capitals, accents, look-alike letters and digits for
 * letters make no difference, and once decoded where a part of it is encoded.
 */
import { payload_characters_max } from './payload.ts';
import { readingOf } from './reading.ts';

const encoded_parts_max = 64;

// Unicode TR39: letters of other scripts that look like Latin ones, and digits and signs that stand for letters.
const look_alikes: ReadonlyMap<string, string> = new Map(Object.entries({
  а: 'a', в: 'b', е: 'e', ѕ: 's', і: 'i', ј: 'j', к: 'k', м: 'm', н: 'h', о: 'o', р: 'p', с: 'c', т: 't', у: 'y', х: 'x', ԁ: 'd', ԛ: 'q', ԝ: 'w', һ: 'h', ӏ: 'i',
  α: 'a', ε: 'e', ι: 'i', κ: 'k', ν: 'v', ο: 'o', ρ: 'p', τ: 't', υ: 'u', χ: 'x', γ: 'y', η: 'n', ı: 'i', ł: 'i', ø: 'o',
  l: 'i', 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', 8: 'b', 9: 'g', $: 's', '@': 'a', '|': 'i', '!': 'i', '€': 'e',
}));

/**
 * A text as letters only. `l` and `1` both read `i`, because `1` stands for
 * either; patterns are written in the same alphabet by {@link skeletonPattern}.
 * A text with Cyrillic letters is read twice: as look-alikes, and as themselves.
 */
export function skeletonsOf(text: string): readonly string[] {
  const letters = text.normalize('NFD').toLowerCase();
  return /[\u0400-\u04ff]/.test(letters) ? [skeleton(letters, true), skeleton(letters, false)] : [skeleton(letters, true)];
}

function skeleton(letters: string, folds_cyrillic: boolean): string {
  let folded = '';
  for (const character of letters) {
    if (character >= 'a' && character <= 'z' && character !== 'l') folded += character;
    else {
      const like = !folds_cyrillic && character >= '\u0400' ? undefined : look_alikes.get(character);
      if (like !== undefined) folded += like;
      else if (character > '\u0080' && /\p{L}/u.test(character)) folded += character;
    }
  }
  return folded;
}

/** The source of a pattern in the alphabet of {@link skeletonsOf}: accents and spaces go, and `l` becomes `i`. */
export function skeletonPattern(source: string): string {
  return source.normalize('NFD').replaceAll(/[\p{M} ]/gu, '').replaceAll('l', 'i');
}

/** The text with its hidden characters shown, and what its encoded parts say, decoded once. */
export function readingsOf(original: string): { readonly text: string; readonly hidden: string; readonly decoded: readonly string[] } {
  const given = original.slice(0, payload_characters_max);
  const { text } = readingOf(given);
  const hidden = given.replaceAll(/[^\u{e0020}-\u{e007e}]/gu, '').replaceAll(/./gu, (tag) => String.fromCodePoint((tag.codePointAt(0) ?? 0) - 0xe0000));
  const decoded: string[] = [];
  for (const [part] of text.matchAll(/[A-Za-z0-9+/_-]{20,8192}={0,2}|(?:%[0-9a-fA-F]{2}|[\w.~!*'()-]){12,8192}/g)) {
    if (decoded.length === encoded_parts_max) break;
    if (/^[0-9a-f]+$/i.test(part) && part.length % 2 === 0) decoded.push(Buffer.from(part, 'hex').toString('utf8'));
    else if (part.includes('%')) decoded.push(percentDecoded(part));
    else if (/\d|^[^A-Z]*[A-Z][^a-z]*[a-z]/.test(part)) decoded.push(Buffer.from(part, 'base64').toString('utf8'));
  }
  if (/&#|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}/i.test(text)) decoded.push(unescaped(text));
  return { text, hidden, decoded: decoded.filter((part) => isReadable(part)) };
}

function percentDecoded(part: string): string {
  return Buffer.from(part.replaceAll(/%([0-9a-f]{2})/gi, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), 'latin1').toString('utf8');
}

function unescaped(text: string): string {
  return text.replaceAll(/&#(\d{1,6});|&#x([0-9a-f]{1,5});|\\u([0-9a-f]{4})|\\x([0-9a-f]{2})/gi, (match, decimal: string | undefined, ...hexes: unknown[]) => {
    const hex = hexes.slice(0, 3).find((one) => typeof one === 'string');
    const point = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
    return point <= 0x10ffff ? String.fromCodePoint(point) : match;
  });
}

function isReadable(text: string): boolean {
  return text.length >= 8 && !/[\ufffd]|(?![\n\r\t])\p{Cc}/u.test(text);
}

/** The text under ROT13. */
export function rotated(text: string): string {
  return text.replaceAll(/[a-z]/gi, (letter) => {
    const code = letter.charCodeAt(0);
    const first = code < 97 ? 65 : 97;
    return String.fromCharCode(first + (code - first + 13) % 26);
  });
}
