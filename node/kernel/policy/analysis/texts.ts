/**
 * All texts, divided by what predicates say about them: each predicate is a
 * small automaton, and walking all of them side by side finds every combination
 * of answers that some text gives, with the shortest such text.
 */

/** What a condition asks about a text, with its literal. `order` is before, equal or after. */
export interface TextPredicate {
  readonly kind: 'startsWith' | 'endsWith' | 'contains' | 'order';
  readonly text: string;
}

interface Automaton {
  next(state: number, character: string): number;
  /** What the predicate says of a text that ends here. */
  answer(state: number): number;
}

const states_max = 2_048;
const predicates_max = 24;

/**
 * A text of every class that is not one of `points`: no predicate tells two
 * texts of a class apart. `undefined` when there are more combinations than are
 * worth walking.
 */
export function textClasses(predicates: readonly TextPredicate[], points: ReadonlySet<string>): readonly string[] | undefined {
  if (predicates.length > predicates_max) return undefined;
  const automata = predicates.map(automatonOf);
  const alphabet = alphabetOf(predicates);
  const start = { text: '', states: automata.map(() => 0) };
  const seen = new Set([start.states.join(' ')]);
  const classes = new Map<string, string>();
  const queue = [start];
  for (const { text, states } of queue) {
    const signature = automata.map((automaton, index) => automaton.answer(states[index] ?? 0)).join(' ');
    if (!classes.has(signature) || points.has(classes.get(signature) ?? '')) classes.set(signature, text);
    for (const character of alphabet) {
      const next = automata.map((automaton, index) => automaton.next(states[index] ?? 0, character));
      const key = next.join(' ');
      if (seen.has(key)) continue;
      if (seen.size >= states_max) return undefined;
      seen.add(key);
      queue.push({ text: text + character, states: next });
    }
  }
  const texts: string[] = [];
  for (const [signature, text] of classes) {
    const found = points.has(text) ? another(text, signature, { automata, alphabet, points }) : text;
    if (found !== undefined) texts.push(found);
    // A class that holds the text of an order and nothing else needs no cell besides the point.
    else if (!signature.split(' ').some((answer, index) => answer === '1' && predicates[index]?.kind === 'order')) return undefined;
  }
  return texts;
}

/** A longer text of the same class that is no point. */
function another(
  text: string,
  signature: string,
  { automata, alphabet, points }: { readonly automata: readonly Automaton[]; readonly alphabet: readonly string[]; readonly points: ReadonlySet<string> },
): string | undefined {
  const signatureOf = (one: string): string => automata
    .map((automaton) => automaton.answer(one.split('').reduce((state, character) => automaton.next(state, character), 0)))
    .join(' ');
  const longer = alphabet.flatMap((character) => [text + character, character + text, text + character + character]);
  return longer.find((one) => !points.has(one) && signatureOf(one) === signature);
}

function automatonOf({ kind, text }: TextPredicate): Automaton {
  const length = text.length;
  if (kind === 'contains') {
    const next = overlaps(text);
    return { next: (state, character) => (state === length ? length : next(state, character)), answer: (state) => Number(state === length) };
  }
  if (kind === 'endsWith') return { next: overlaps(text), answer: (state) => Number(state === length) };
  const failed = length + 1;
  if (kind === 'startsWith') {
    return {
      next: (state, character) => (state >= length ? state : text[state] === character ? state + 1 : failed),
      answer: (state) => Number(state === length),
    };
  }
  const after = length + 2;
  return {
    next(state, character) {
      if (state > length) return state;
      const expected = text[state];
      if (expected === undefined || character > expected) return after;
      return character === expected ? state + 1 : failed;
    },
    answer: (state) => (state === after ? 2 : state === length ? 1 : 0),
  };
}

/** How much of the text is matched after one more character (Knuth, Morris, Pratt 1977, by its definition). */
function overlaps(text: string): (state: number, character: string) => number {
  return (state, character) => {
    const read = text.slice(0, state) + character;
    let length = Math.min(read.length, text.length);
    while (!read.endsWith(text.slice(0, length))) length -= 1;
    return length;
  };
}

/** Every character that a predicate mentions, one that none does, and for orders one between any two. */
function alphabetOf(predicates: readonly TextPredicate[]): readonly string[] {
  const mentioned = new Set(predicates.flatMap(({ text }) => text.split('')));
  const codes = [...mentioned].map((character) => character.charCodeAt(0)).sort((a, b) => a - b);
  const other = ['x', 'o', 'z', 'q', '_', '~'].find((character) => !mentioned.has(character));
  const added = new Set(other === undefined ? [] : [other]);
  const orders = predicates.some(({ kind }) => kind === 'order');
  const last = codes.at(-1) ?? 0;
  for (const [index, code] of codes.entries()) {
    if (orders && code - (codes[index - 1] ?? -1) > 1) added.add(String.fromCharCode(code - 1));
  }
  if (orders || added.size === 0) added.add(String.fromCharCode(last + 1));
  return [...mentioned, ...[...added].filter((character) => !mentioned.has(character))];
}
