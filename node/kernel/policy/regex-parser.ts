import { fail, ok, type Failure, type Result } from '../../../crypto/result.ts';
import { codeOf, escapeIn, name_characters_max, not, posixIn, type CharacterClass, type Test } from './regex-classes.ts';

/** A condition on a place in the text. */
export type Assertion = 'start' | 'end' | 'line-start' | 'line-end' | 'boundary' | 'no-boundary';
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
const anchors: { readonly [letter: string]: Assertion } = { b: 'boundary', B: 'no-boundary', A: 'start', z: 'end' };
const any: Test = () => true;

/** Parses RE2's syntax (github.com/google/re2/wiki/Syntax). Fails with `PATTERN_REFUSED`. */
export function parsePattern(pattern: string): Result<PatternNode> {
  return new PatternParser(pattern).whole();
}

/** What the letters i, m and s of a group switch on; U changes nothing about whether there is a match. */
interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

class PatternParser {
  readonly #characters: readonly string[];
  #flags: Flags = { i: false, m: false, s: false };
  readonly #names = new Set<string>();
  #next = 0;

  constructor(pattern: string) {
    this.#characters = Array.from(pattern);
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
    if (character === '.') return ok({ kind: 'one', test: this.#flags.s ? any : (code) => code !== newline });
    if (character === '^') return ok({ kind: 'assert', what: this.#flags.m ? 'line-start' : 'start' });
    if (character === '$') return ok({ kind: 'assert', what: this.#flags.m ? 'line-end' : 'end' });
    if (character === '*' || character === '+' || character === '?') return refuse(`the quantifier ${character} has nothing to repeat`, `write \\${character} to match the character`);
    return ok({ kind: 'one', test: this.#range_test(codeOf(character), codeOf(character)) });
  }

  #group(): Result<PatternNode> {
    const before = this.#flags;
    if (this.#takes('?')) {
      const opened = this.#opened();
      if (!opened.ok) return opened;
      // (?i) alone holds until the group around it ends.
      if (opened.value === 'flags') return ok({ kind: 'sequence', parts: [] });
    }
    const inner = this.#choice();
    this.#flags = before;
    if (!inner.ok) return inner;
    return this.#takes(')') ? inner : refuse('the pattern has a ( without its )', 'close the group');
  }

  /** What follows `(?`: a name, or flags for the group or for what comes after. */
  #opened(): Result<'group' | 'flags'> {
    const rest = this.#characters.slice(this.#next, this.#next + name_characters_max + 4).join('');
    const name = /^P?<[A-Za-z_]\w*>/.exec(rest)?.[0];
    if (name !== undefined) {
      const plain = name.replace(/^P?</, '');
      if (this.#names.has(plain)) return refuse(`the group name ${plain.slice(0, -1)} stands twice`, 'name each group differently');
      this.#names.add(plain);
      this.#next += name.length;
      return ok('group');
    }
    const [whole, on = '', off = '', end = ''] = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest) ?? [''];
    if (whole === '' || whole === ')') return refuse('look-around and other groups of this kind are not supported', 'use (?:…), (?P<name>…) or flags such as (?i)');
    const flag = (letter: 'i' | 'm' | 's'): boolean => (this.#flags[letter] || on.includes(letter)) && !off.includes(letter);
    this.#flags = { i: flag('i'), m: flag('m'), s: flag('s') };
    this.#next += whole.length;
    return ok(end === ':' ? 'group' : 'flags');
  }

  #escape(): Result<PatternNode> {
    const character = this.#peek();
    if (character === undefined) return refuse('the pattern ends with a backslash', 'write \\\\ to match a backslash');
    const anchor = anchors[character];
    if (anchor !== undefined) {
      this.#next += 1;
      return ok({ kind: 'assert', what: anchor });
    }
    if (this.#takes('Q')) return ok(this.#quoted());
    const item = this.#escaped();
    if (!item.ok) return item;
    return ok({ kind: 'one', test: typeof item.value === 'number' ? this.#range_test(item.value, item.value) : item.value });
  }

  /** The text between \\Q and \\E. */
  #quoted(): PatternNode {
    const parts: PatternNode[] = [];
    for (;;) {
      const character = this.#peek();
      const ended = character === '\\' && this.#peek(1) === 'E';
      if (character === undefined || ended) {
        this.#next += ended ? 2 : 0;
        return { kind: 'sequence', parts };
      }
      this.#next += 1;
      parts.push({ kind: 'one', test: this.#range_test(codeOf(character), codeOf(character)) });
    }
  }

  /** What a backslash and what follows it stand for: one character, or a class. */
  #escaped(): Result<number | Test> {
    const found = escapeIn(this.#characters.slice(this.#next, this.#next + name_characters_max).join(''));
    if (found === undefined) {
      const character = this.#peek() ?? '';
      return /[1-9k]/.test(character)
        ? refuse('backreferences are not supported', 'spell out what may be repeated')
        : refuse(`\\${character} is not supported`, 'use \\d \\w \\s \\b \\p{L} or a plain character');
    }
    this.#next += found.length;
    return ok(typeof found.meaning === 'number' ? found.meaning : this.#members(found.meaning));
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
    const named = posixIn(this.#characters.slice(this.#next, this.#next + name_characters_max).join(''));
    if (named !== undefined) {
      this.#next += named.length;
      return ok(this.#members(named));
    }
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
    return character === '\\' ? this.#escaped() : ok(codeOf(character));
  }

  #members({ test, negated, folds }: CharacterClass): Test {
    const base = folds && this.#flags.i ? folded(test) : test;
    return negated ? not(base) : base;
  }

  #range_test(low: number, high: number): Test {
    const inside: Test = (code) => code >= low && code <= high;
    return this.#flags.i ? folded(inside) : inside;
  }
}

/** A test without regard to case. */
function folded(test: Test): Test {
  return (code) => {
    if (test(code)) return true;
    const character = String.fromCodePoint(code);
    return test(codeOf(character.toLowerCase())) || test(codeOf(character.toUpperCase()));
  };
}
