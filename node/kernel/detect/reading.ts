/** A text as a detector reads it: one spelling for what looks alike, and the way back to where it stood. */

/** A normalised text, with the place of each of its characters in the original. */
export interface Reading {
  readonly text: string;
  /** The index in the original of a character of `text`; `text.length` leads to the original's length. */
  at(index: number): number;
}

// Soft hyphen, zero-width characters, direction marks, variation selectors, tag characters (UAX #44).
const invisible = /\p{Default_Ignorable_Code_Point}/u;
const plain = /^[\n\r\t\x20-\x7e]*$/;

/**
 * NFKC character by character, without invisible characters, with every
 * decimal digit as 0 to 9, every dash as `-` and every space as a space. Total;
 * linear in the text.
 */
export function readingOf(original: string): Reading {
  if (plain.test(original)) return { text: original, at: (index) => index };
  const places: number[] = [];
  const parts: string[] = [];
  let index = 0;
  for (const character of original) {
    const read = characterRead(character);
    for (let count = 0; count < read.length; count += 1) places.push(index);
    parts.push(read);
    index += character.length;
  }
  places.push(index);
  return { text: parts.join(''), at: (place) => places[place] ?? index };
}

function characterRead(character: string): string {
  if (character <= '~') return character;
  if (invisible.test(character)) return '';
  if (/\p{Nd}/u.test(character)) return String(digitValue(character));
  if (/[\p{Pd}\u2212]/u.test(character)) return '-';
  if (/[\p{Zs}]/u.test(character)) return ' ';
  return character.normalize('NFKC');
}

/** The decimal digits of a script stand in one block of ten, zero first (Unicode, section 4.6). */
function digitValue(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  const compatible = character.normalize('NFKC');
  if (/^[0-9]$/.test(compatible)) return Number(compatible);
  let zero = point;
  while (point - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return point - zero;
}
