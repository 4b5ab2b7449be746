/**
 * The readings of a text under which an instruction can hide: as letters only,
 * so that spaces, signs, capitals, accents, look-alike letters and digits for
 * letters make no difference; with letters that stand apart put together; and
 * once decoded where a part of it is encoded.
 */
import { payload_characters_max } from './payload.ts';
import { readingOf } from './reading.ts';

const encoded_parts_max = 64;

// Unicode TR39: letters of other scripts that look like Latin ones, and digits and signs that stand for letters.
const look_alikes: ReadonlyMap<string, string> = new Map(Object.entries({
  а: 'a', в: 'b', е: 'e', ѕ: 's', і: 'i', ј: 'j', к: 'k', м: 'm', н: 'h', о: 'o', р: 'p', с: 'c', т: 't', у: 'y', х: 'x', ԁ: 'd', ԛ: 'q', ԝ: 'w', һ: 'h', ӏ: 'i',
  α: 'a', ε: 'e', ι: 'i', κ: 'k', ν: 'v', ο: 'o', ρ: 'p', τ: 't', υ: 'u', χ: 'x', γ: 'y', η: 'n', ı: 'i', ł: 'i', ø: 'o',
  г: 'r', ѵ: 'v', ӧ: 'o', п: 'n', ո: 'n', օ: 'o', ց: 'g', ս: 'u', հ: 'h', ա: 'w', ե: 't', ք: 'p', ƽ: 's',
  // Small capitals, which NFKC leaves as they are.
  ᴀ: 'a', ʙ: 'b', ᴄ: 'c', ᴅ: 'd', ᴇ: 'e', ꜰ: 'f', ɢ: 'g', ʜ: 'h', ɪ: 'i', ᴊ: 'j', ᴋ: 'k', ʟ: 'i', ᴍ: 'm', ɴ: 'n', ᴏ: 'o', ᴘ: 'p', ʀ: 'r', ꜱ: 's', ᴛ: 't', ᴜ: 'u', ᴠ: 'v', ᴡ: 'w', ʏ: 'y', ᴢ: 'z',
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

/**
 * What a word without capitals and accents may be meant as, if letters in it
 * were replaced by look-alikes: by `i` and by `l` where either may be meant.
 * Empty for a word that is written in one script.
 */
export function unmasked(word: string): readonly string[] {
  const is_mixed = /[a-z]/.test(word) ? /[^a-z]/.test(word) : /[\u1d00-\u1d22\u0262\u0299\u029c\u026a\u029f\u0274\u0280\u028f\ua730\ua731]/.test(word) || (/[\u0430-\u0477]/.test(word) && /[\u03b1-\u03c9\u0561-\u0587]/.test(word));
  if (!is_mixed) return [];
  const read = (ambiguous: string): string => Array.from(word, (letter) => /[1|!]/.test(letter) ? ambiguous : letter === 'l' || letter === 'ʟ' ? 'l' : look_alikes.get(letter) ?? letter).join('');
  return /[1|!]/.test(word) ? [read('i'), read('l')] : [read('i')];
}

/** The text with letters that stand apart put together, as in `i g n o r e`; `undefined` where none do. */
export function gathered(text: string): string | undefined {
  if (!/(?:\b\w[ .*_|/-]){5}\w\b/.test(text)) return undefined;
  return text.replaceAll(/\b\w(?:[ .*_|/-]\w\b)+/g, (letters) => letters.replaceAll(/[^\w]|_/g, ''));
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
  const decoded: string[] = [...encodedLetters(text)];
  for (const [part] of text.matchAll(/[A-Za-z0-9+/_-]{20,8192}={0,2}|(?:%[0-9a-fA-F]{2}|[\w.~!*'()-]){12,8192}/g)) {
    if (decoded.length === encoded_parts_max) break;
    if (/^[0-9a-f]+$/i.test(part) && part.length % 2 === 0) decoded.push(Buffer.from(part, 'hex').toString('utf8'));
    else if (part.includes('%')) decoded.push(percentDecoded(part));
    else if (/\d|^[^A-Z]*[A-Z][^a-z]*[a-z]/.test(part)) decoded.push(Buffer.from(part, 'base64').toString('utf8'));
  }
  if (/&#|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}/i.test(text)) decoded.push(unescaped(text));
  return { text, hidden, decoded: decoded.filter((part) => isReadable(part)) };
}

// International Morse code (ITU-R M.1677-1), the letters in the order of the alphabet.
const morse_letters: ReadonlyMap<string, string> = new Map('.- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..'.split(' ').map((signs, index) => [signs, String.fromCharCode(97 + index)]));

/** What letters say that are each written as a number or as signs of their own: bytes in hexadecimal or binary, Morse code. */
function encodedLetters(text: string): readonly string[] {
  const parts: string[] = [];
  for (const [bytes] of text.matchAll(/\b(?:(?:0x|\\x)?[0-9a-f]{2}[ ,:]{1,2}){7,2048}(?:0x|\\x)?[0-9a-f]{2}\b/gi)) parts.push(Buffer.from(bytes.replaceAll(/0x|\\x|[ ,:]/gi, ''), 'hex').toString('utf8'));
  for (const [bits] of text.matchAll(/\b(?:[01]{8} ?){8,2048}/g)) parts.push(bits.replaceAll(/([01]{8}) ?/g, (_match, byte: string) => String.fromCharCode(Number.parseInt(byte, 2))));
  for (const [signs] of text.matchAll(/[.-]{1,5}(?:[ /|]{1,3}[.-]{1,5}){7,2048}/g)) parts.push(signs.replaceAll(/ ?[/|] ?| {2,3}/g, '\n').replaceAll(/[.-]{1,5} ?/g, (letter) => morse_letters.get(letter.trim()) ?? '').replaceAll('\n', ' '));
  if (/(?:%[0-9a-f]{2}[^%]{0,24}){3}/i.test(text)) parts.push(percentDecoded(text));
  return parts.slice(0, encoded_parts_max);
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

// What `the`, `you`, `all`, `and`, `ignore`, `system`, `prompt`, `instruction`, `previous` and `reveal` are under it, and reversed.
const rotated_words = /\b(?:gur|lbhe?|nyy|naq)\b|vtaber|flfgrz|cebzcg|vafgehpgvba|cerivbhf|erirny/i;
const reversed_words = /\b(?:eht|uoy|ruoy|lla|dna)\b|erongi|metsys|tpmorp|noitcurtsni|suoiverp|laever/i;

/** The text under ROT13; `undefined` where it cannot have been written so. */
export function rotated(text: string): string | undefined {
  if (!rotated_words.test(text)) return undefined;
  return text.replaceAll(/[a-z]/gi, (letter) => {
    const code = letter.charCodeAt(0);
    const first = code < 97 ? 65 : 97;
    return String.fromCharCode(first + (code - first + 13) % 26);
  });
}

/** The text from its end to its beginning; `undefined` where it cannot have been written so. */
export function reversed(text: string): string | undefined {
  return reversed_words.test(text) ? Array.from(text).toReversed().join('') : undefined;
}
