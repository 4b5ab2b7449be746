import { fail, ok, type Failure, type Result } from '../../../crypto/result.ts';

/** Whether a code point fits. */
export type Test = (code: number) => boolean;
/** A condition on a place in the text. */
export type Assertion = 'start' | 'end' | 'boundary' | 'no-boundary';
/** A pattern as a tree. */
export type PatternNode =
  | { readonly kind: 'one'; readonly test: Test }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly part: PatternNode; readonly least: number; readonly most: number };
type Refusal = { readonly ok: false; readonly failure: Failure };

/** `PATTERN_REFUSED`. */
export function refuse(reason: string, fix: string): Refusal {
  return fail('PATTERN_REFUSED', reason, { fix });
}

const newline = 10;
const isDigit: Test = (code) => code >= 48 && code <= 57;
/** Whether a code point is part of a word, as \\w has it. */
export const isWord: Test = (code) => isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const isSpace: Test = (code) => code === 32 || (code >= 9 && code <= 13) || code === 0xa0 || code === 0x2028 || code === 0x2029;
const not = (test: Test): Test => (code) => !test(code);
const classes: { readonly [letter: string]: Test } = {
  d: isDigit, D: not(isDigit), w: isWord, W: not(isWord), s: isSpace, S: not(isSpace),
};
const controls: { readonly [letter: string]: number } = { n: 10, r: 13, t: 9, f: 12, v: 11 };
const anchors: { readonly [letter: string]: Assertion } = { b: 'boundary', B: 'no-boundary', A: 'start', z: 'end' };

/** Parses the part of RE2's syntax that can be matched in one pass. Fails with `PATTERN_REFUSED`. */
export function parsePattern(pattern: string, ignore_case: boolean): Result<PatternNode> {
  return new PatternParser(pattern, ignore_case).whole();
}

class PatternParser {
  readonly #characters: readonly string[];
  readonly #ignore_case: boolean;
  #next = 0;

  constructor(pattern: string, ignore_case: boolean) {
    this.#characters = Array.from(pattern);
    this.#ignore_case = ignore_case;
  }

  whole(): Result<PatternNode> {
    const tree = this.#choice();
    if (!tree.ok || this.#next >= this.#characters.length) return tree;
    return refuse('the pattern has a ) without its (', 'write \\) to match a parenthesis');
  }

  #peek(ahead = 0): string | undefined {
    return this.#characters[this.#next + ahead];
  }

  #takes(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#next += 1;
    return true;
  }

  #choice(): Result<PatternNode> {
    const parts: PatternNode[] = [];
    do {
      const part = this.#sequence();
      if (!part.ok) return part;
      parts.push(part.value);
    } while (this.#takes('|'));
    return ok({ kind: 'choice', parts });
  }

  #sequence(): Result<PatternNode> {
    const parts: PatternNode[] = [];
    while (this.#peek() !== undefined && this.#peek() !== '|' && this.#peek() !== ')') {
      const part = this.#repeated();
      if (!part.ok) return part;
      parts.push(part.value);
    }
    return ok({ kind: 'sequence', parts });
  }

  #repeated(): Result<PatternNode> {
    const part = this.#atom();
    if (!part.ok) return part;
    const range = this.#range();
    if (range === undefined) return part;
    if (!range.ok) return range;
    // Greedy or lazy makes no difference to whether there is a match.
    this.#takes('?');
    const again = this.#peek();
    if (again === '*' || again === '+' || again === '?') return refuse(`the quantifier ${again} repeats a quantifier`, 'put the first one in parentheses');
    return ok({ kind: 'repeat', part: part.value, ...range.value });
  }

  #range(): Result<{ least: number; most: number }> | undefined {
    if (this.#takes('*')) return ok({ least: 0, most: Infinity });
    if (this.#takes('+')) return ok({ least: 1, most: Infinity });
    if (this.#takes('?')) return ok({ least: 0, most: 1 });
    const counted = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(this.#characters.slice(this.#next, this.#next + 12).join(''));
    if (counted === null) return undefined;
    this.#next += counted[0].length;
    const least = Number(counted[1]);
    const most = counted[2] === undefined ? least : counted[3] === undefined ? Infinity : Number(counted[3]);
    return most < least ? refuse(`the repetition ${counted[0]} ends before it starts`, 'write the smaller number first') : ok({ least, most });
  }

  #atom(): Result<PatternNode> {
    const character = this.#peek() ?? '';
    this.#next += 1;
    if (character === '(') return this.#group();
    if (character === '[') return this.#set();
    if (character === '\\') return this.#escape();
    if (character === '.') return ok({ kind: 'one', test: (code) => code !== newline });
    if (character === '^') return ok({ kind: 'assert', what: 'start' });
    if (character === '$') return ok({ kind: 'assert', what: 'end' });
    if (character === '*' || character === '+' || character === '?') return refuse(`the quantifier ${character} has nothing to repeat`, `write \\${character} to match the character`);
    return ok({ kind: 'one', test: this.#range_test(codeOf(character), codeOf(character)) });
  }

  #group(): Result<PatternNode> {
    if (this.#takes('?') && !this.#takes(':')) {
      return refuse('look-around, named groups and inner flags are not supported', 'use (?:…) or a leading (?i)');
    }
    const inner = this.#choice();
    if (!inner.ok) return inner;
    return this.#takes(')') ? inner : refuse('the pattern has a ( without its )', 'close the group');
  }

  #escape(): Result<PatternNode> {
    const character = this.#peek();
    if (character === undefined) return refuse('the pattern ends with a backslash', 'write \\\\ to match a backslash');
    if (/[1-9k]/.test(character)) return refuse('backreferences are not supported', 'spell out what may be repeated');
    this.#next += 1;
    const anchor = anchors[character];
    if (anchor !== undefined) return ok({ kind: 'assert', what: anchor });
    const test = this.#escaped(character);
    return test === undefined ? refuse(`\\${character} is not supported`, 'use \\d \\w \\s \\b or a plain character') : ok({ kind: 'one', test });
  }

  #escaped(character: string): Test | undefined {
    const known = classes[character];
    if (known !== undefined) return known;
    const code = controls[character] ?? (/[A-Za-z0-9]/.test(character) ? undefined : codeOf(character));
    return code === undefined ? undefined : this.#range_test(code, code);
  }

  #set(): Result<PatternNode> {
    const negated = this.#takes('^');
    const tests: Test[] = [];
    let first = true;
    while (first || this.#peek() !== ']') {
      const item = this.#setItem();
      if (!item.ok) return item;
      tests.push(item.value);
      first = false;
    }
    this.#next += 1;
    const test: Test = (code) => tests.some((part) => part(code));
    return ok({ kind: 'one', test: negated ? not(test) : test });
  }

  #setItem(): Result<Test> {
    const low = this.#setCharacter();
    if (!low.ok) return low;
    const ranged = this.#peek() === '-' && this.#peek(1) !== ']' && this.#peek(1) !== undefined;
    if (!ranged || typeof low.value !== 'number') {
      return ok(typeof low.value === 'number' ? this.#range_test(low.value, low.value) : low.value);
    }
    this.#next += 1;
    const high = this.#setCharacter();
    if (!high.ok) return high;
    if (typeof high.value !== 'number' || high.value < low.value) return refuse('a range in [ ] is not in order', 'write the smaller character first');
    return ok(this.#range_test(low.value, high.value));
  }

  #setCharacter(): Result<number | Test> {
    const character = this.#peek();
    if (character === undefined) return refuse('the pattern has a [ without its ]', 'close the set');
    this.#next += 1;
    if (character !== '\\') return ok(codeOf(character));
    const escaped = this.#peek() ?? '';
    this.#next += 1;
    const known = classes[escaped];
    if (known !== undefined) return ok(known);
    const code = controls[escaped] ?? (/[A-Za-z0-9]/.test(escaped) || escaped === '' ? undefined : codeOf(escaped));
    return code === undefined ? refuse(`\\${escaped} is not supported in [ ]`, 'use \\d \\w \\s or a plain character') : ok(code);
  }

  #range_test(low: number, high: number): Test {
    const inside: Test = (code) => code >= low && code <= high;
    if (!this.#ignore_case) return inside;
    return (code) => {
      if (inside(code)) return true;
      const character = String.fromCodePoint(code);
      return inside(codeOf(character.toLowerCase())) || inside(codeOf(character.toUpperCase()));
    };
  }
}

/** The first code point of a text. */
export function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
