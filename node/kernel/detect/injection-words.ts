/**
 * The concepts of a word: by the whole of it, by its longest known beginning,
 * or else as what it is meant to be read as, where letters were replaced by
 * look-alikes or swapped.
 */
import { unmasked } from './injection-readings.ts';
import { vocabulary } from './injection-vocabulary.ts';

// What a reader finds without a word: marks, and what a negation makes of a word.
const found_by_reading = ['clause', 'question', 'colon', 'quote', 'bracket', 'capitals', 'address', 'refrain', 'conceal', 'submit', 'unasked'];
const numbers: ReadonlyMap<string, number> = new Map([...Object.keys(vocabulary), ...found_by_reading].map((name, number) => [name, number]));

const beginning_characters_min = 2;
const unmasked_characters_max = 32;
// Scripts without spaces, whose words are found wherever they stand.
const spaceless_scripts = /[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]/;
// Scripts whose words carry their endings, or a following word, without a mark between.
const inflected_scripts = /[\u0590-\u06ff\u0900-\u0dff\uac00-\ud7af]/;
// Words that are still read when the letters within them are swapped.
const often_swapped = `ignore disregard forget bypass override previous instruction instructions guidelines restrictions safety system prompt reveal repeat display
  password secret credentials everything directives developer disable delete execute confidential security`.split(/\s+/);

const none: readonly number[] = [];
const whole_words = new Map<string, readonly number[]>();
const beginnings = new Map<string, readonly number[]>();
const spaceless = new Map<string, readonly number[]>();

for (const [name, words] of Object.entries(vocabulary)) {
  for (const entry of words.split(/\s+/)) {
    const plain = plainWord(entry.replace('*', ''));
    const isBeginning = entry.endsWith('*') || (inflected_scripts.test(plain) && plain.length >= beginning_characters_min);
    const table = spaceless_scripts.test(plain) ? spaceless : isBeginning ? beginnings : whole_words;
    table.set(plain, [...table.get(plain) ?? [], conceptNumber(name)]);
  }
}

const beginning_lengths = lengthsByHead();
const spaceless_characters_max = longest(spaceless);
const swapped_words = new Map(often_swapped.map((word) => [withoutOrder(word), conceptsKnown(word)]));
const swapped_ends = new Set(often_swapped.map((word) => ends(word)));

/** The lengths of the beginnings that share their first characters, the longest first. */
function lengthsByHead(): ReadonlyMap<string, readonly number[]> {
  const lengths = new Map<string, readonly number[]>();
  for (const beginning of beginnings.keys()) {
    const head = beginning.slice(0, beginning_characters_min);
    lengths.set(head, [...new Set([...lengths.get(head) ?? [], beginning.length])].toSorted((a, b) => b - a));
  }
  return lengths;
}

function longest(table: ReadonlyMap<string, unknown>): number {
  return Math.max(...Array.from(table.keys(), (word) => word.length));
}

/** The number by which frames know a concept. Throws where there is none of that name, which is a mistake in the table of frames. */
export function conceptNumber(name: string): number {
  const number = numbers.get(name);
  if (number === undefined) throw new Error(`there is no concept named ${name}`);
  return number;
}

/** The concepts of one word as it stands in a text; none for most words. */
export function conceptsOf(word: string): readonly number[] {
  const plain = plainWord(word);
  const whole = conceptsKnown(plain);
  const known = whole.length > 0 ? whole : conceptsKnown(plain.replace(/['’]s$/, ''));
  if (known.length > 0 || plain.length > unmasked_characters_max) return known;
  for (const meant of unmasked(plain)) {
    const concepts = conceptsKnown(meant);
    if (concepts.length > 0) return concepts;
  }
  return swapped_ends.has(ends(plain)) ? swapped_words.get(withoutOrder(plain)) ?? known : known;
}

/** The longest known word of a script without spaces that stands at this place of the text: its length and its concepts. */
export function spacelessAt(text: string, place: number): { readonly length: number; readonly concepts: readonly number[] } | undefined {
  for (let length = Math.min(spaceless_characters_max, text.length - place); length > 0; length -= 1) {
    const concepts = spaceless.get(text.slice(place, place + length));
    if (concepts !== undefined) return { length, concepts };
  }
  return undefined;
}

/** Whether a run of letters is of a script without spaces. */
export function isSpaceless(run: string): boolean {
  return spaceless_scripts.test(run);
}

function conceptsKnown(plain: string): readonly number[] {
  const whole = whole_words.get(plain);
  const begun = begunBy(plain);
  return whole === undefined ? begun : [...new Set([...whole, ...begun])];
}

function begunBy(plain: string): readonly number[] {
  for (const length of beginning_lengths.get(plain.slice(0, beginning_characters_min)) ?? []) {
    const found = beginnings.get(plain.slice(0, length));
    if (found !== undefined) return found;
  }
  return none;
}

/** A word without capitals and accents. */
function plainWord(word: string): string {
  const lower = word.toLowerCase();
  return /^[\x20-\x7e]*$/.test(lower) ? lower : lower.normalize('NFD').replaceAll(/[\u0300-\u036f]/g, '').normalize('NFC');
}

function ends(plain: string): string {
  return `${plain.slice(0, 1)}${plain.length}${plain.slice(-1)}`;
}

/** The same for all words with the same letters, of which the first and the last stand in their places. */
function withoutOrder(plain: string): string {
  return `${plain.slice(0, 1)}${Array.from(plain.slice(1, -1)).toSorted().join('')}${plain.slice(-1)}`;
}
