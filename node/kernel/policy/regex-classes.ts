/** Sets of characters that patterns name: RE2's \\d, \\pL, [:alpha:] and the like, all over ASCII but the Unicode ones. */

/** Whether a code point fits. */
export type Test = (code: number) => boolean;

/** Characters that a part of a pattern names. */
export interface CharacterClass {
  readonly test: Test;
  /** Whether those are meant that are not in it: without regard to case, those of which neither case is. */
  readonly negated: boolean;
  /** Whether `(?i)` widens it. */
  readonly folds: boolean;
}

/** Length of the longest name of a class or group. */
export const name_characters_max = 40;
const properties_max = 256;

/** The first code point of a text. */
export function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

/** The opposite of a test. */
export const not = (test: Test): Test => (code) => !test(code);

function oneOf(pattern: RegExp): Test {
  const members = new Set(Array.from({ length: 128 }, (_, code) => code).filter((code) => pattern.test(String.fromCharCode(code))));
  return (code) => members.has(code);
}

const isDigit: Test = (code) => code >= 48 && code <= 57;
/** Whether a code point is part of a word, as \\w has it. */
export const isWord: Test = (code) => isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const isSpace: Test = (code) => code === 32 || code === 9 || code === 10 || code === 12 || code === 13;
const classes: { readonly [letter: string]: Test } = {
  d: isDigit, D: not(isDigit), w: isWord, W: not(isWord), s: isSpace, S: not(isSpace),
};
const controls: { readonly [letter: string]: number } = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
const posix: { readonly [name: string]: Test } = {
  alnum: oneOf(/[0-9A-Za-z]/), alpha: oneOf(/[A-Za-z]/), ascii: (code) => code < 128, blank: oneOf(/[\t ]/),
  cntrl: (code) => code < 32 || code === 127, digit: isDigit, graph: (code) => code > 32 && code < 127, lower: oneOf(/[a-z]/),
  print: (code) => code >= 32 && code < 127, punct: (code) => code > 32 && code < 127 && !isWord(code) || code === 95,
  space: (code) => isSpace(code) || code === 11, upper: oneOf(/[A-Z]/), word: isWord, xdigit: oneOf(/[0-9A-Fa-f]/),
};

/** `[:alpha:]` or `[:^alpha:]` at the start of a text, inside of a set. */
export function posixIn(text: string): (CharacterClass & { readonly length: number }) | undefined {
  const found = /^\[:(\^?)([a-z]+):\]/.exec(text);
  const test = found === null || !Object.hasOwn(posix, found[2] ?? '') ? undefined : posix[found[2] ?? ''];
  return found === null || test === undefined ? undefined : { test, negated: found[1] === '^', folds: true, length: found[0].length };
}

/** What stands after a backslash at the start of a text: one character, or a class. `undefined` for what RE2 does not know. */
export function escapeIn(text: string): { readonly meaning: number | CharacterClass; readonly length: number } | undefined {
  const first = Array.from(text.slice(0, 2))[0] ?? '';
  const perl = classes[first];
  if (perl !== undefined) return { meaning: { test: perl, negated: false, folds: false }, length: 1 };
  const control = controls[first];
  if (control !== undefined) return { meaning: control, length: 1 };
  const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(text);
  const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{2})/.exec(text)?.[0];
  const code = hex !== null ? Number.parseInt(hex[1] ?? hex[2] ?? '', 16) : octal === undefined ? undefined : Number.parseInt(octal, 8);
  if (code !== undefined) return code > 0x10ffff ? undefined : { meaning: code, length: hex?.[0].length ?? octal?.length ?? 0 };
  const property = /^([pP])(?:([A-Z])|\{(\^?)(\w+)\})/.exec(text);
  if (property !== null) {
    const test = propertyOf(property[2] ?? property[4] ?? '');
    const negated = (property[1] === 'P') !== (property[3] === '^');
    return test === undefined ? undefined : { meaning: { test, negated, folds: true }, length: property[0].length };
  }
  return first === '' || /[A-Za-z0-9]/.test(first) ? undefined : { meaning: codeOf(first), length: 1 };
}

/** Tests of Unicode properties by name: the same few are asked for again and again. */
const properties = new Map<string, Test | undefined>();

/** A general category such as L or Lu, or a script such as Greek; one character is tried on the engine's own tables. */
function propertyOf(name: string): Test | undefined {
  if (properties.has(name)) return properties.get(name);
  if (properties.size >= properties_max) properties.clear();
  const test = [`gc=${name}`, `sc=${name}`].map(tableOf).find((found) => found !== undefined);
  properties.set(name, test);
  return test;
}

function tableOf(property: string): Test | undefined {
  try {
    const pattern = new RegExp(`^\\p{${property}}$`, 'u');
    return (code) => pattern.test(String.fromCodePoint(code));
  } catch {
    return undefined;
  }
}
