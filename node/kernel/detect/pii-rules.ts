/** How a kind of personal data is recognised: by its form, or by the word before it. */
import type { Validator } from './finding.ts';

/** One way to recognise personal data. The value is the pattern's first group when it has one, the whole match otherwise. */
export interface PiiRule {
  readonly type: string;
  /** ISO 3166 code of the country whose numbers these are; absent for what is the same everywhere. */
  readonly jurisdiction?: string;
  /** What a text must contain for the rule to be tried at all. */
  readonly needs: 'at' | 'digit' | 'digits' | 'capital' | 'uncased';
  /** What the text in lower case must contain for the pattern to be worth trying: much cheaper than the pattern. */
  readonly hint?: RegExp;
  /** Of these buckets of `beginningsIn` the text must have one: cheaper still. */
  readonly begins?: readonly number[];
  /** Every quantifier is bounded, so that the time is linear in the text. */
  readonly pattern: () => RegExp;
  /** What the pattern alone cannot tell; `before` and `after` are up to 32 characters of what stands around. Where it returns a number, the value is that many characters long. */
  readonly confirm?: (value: string, before: string, after: string) => boolean | number;
  readonly confidence: number;
  readonly validator: Validator;
}

/** A number that a state gives to people. */
export interface NationalNumber {
  readonly type: string;
  /** ISO 3166 code. */
  readonly country: string;
  /** Source of a pattern for its names, the words that stand before it. */
  readonly words: string;
  /** Source of a pattern for the number after its name. */
  readonly value: string;
  /** Source of a pattern for a grouping that is its own, where there is one. */
  readonly own?: string;
  /** Check digits, over the letters and digits alone in upper case. */
  readonly check?: (characters: string) => boolean;
  /** Its name means other things too, so that the check digits must agree. */
  readonly strict?: true;
}

/** A pattern that is made when it is first used: those with classes of Unicode take long to make, and most programs never ask. */
export function once(make: () => RegExp): () => RegExp {
  let made: RegExp | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Letters and digits of all scripts, as few ranges as there can be: marks and a few signs are among them. */
const letters_of_scripts = String.raw`\u00aa\u00b5\u00ba\u00c0-\u1fff\u2c00-\u2fef\u3040-\ud7ff\uf900-\ufdff\ufe70-\ufefe\uff66-\uffdc`;

/**
 * A pattern in any case. Classes of Unicode in any case take some twenty
 * milliseconds to make for each pattern, which somebody's first decision would
 * wait for, so they become ranges.
 */
export function inAnyCase(source: string): RegExp {
  const ranges = source.replaceAll(String.raw`\p{L}\p{N}`, `a-z0-9${letters_of_scripts}`).replaceAll(/\[(\^?)\\p\{L\}/g, `[$1a-z${letters_of_scripts}`).replaceAll(String.raw`\p{L}`, `[a-z${letters_of_scripts}]`);
  return new RegExp(ranges, 'gi');
}

/** Between a label and its value: `number`, `no.`, `is`, `:`, brackets and quotes, and a line's end behind a colon. */
const connector = String.raw`(?:[ _.-]{0,2}(?:numbers?|num|no|nr|n°|nº|№|nummer|numero|número|numéro|id|card|code|document|account|holder)(?![\p{L}])){0,3}[^\p{L}\p{N}\n+]{0,6}(?:(?:is|was|ist|war|est|es|è|are|on|am|le|el|al|il|em|au|ao|unter|of|-)(?![\p{L}\p{N}])[^\p{L}\p{N}\n+]{0,3}){0,2}(?:(?<=[:=] ?)\r?\n {0,8})?`;

/** A rule for a value after one of some words, such as `passport|reisepass`; `value` is the source of its pattern. */
export function labelled(rule: Omit<PiiRule, 'pattern' | 'needs'> & { readonly words: string; readonly value: string; readonly follows?: string }): PiiRule {
  const { words, value, follows = '(?![\\p{L}\\p{N}])', ...rest } = rule;
  const label = String.raw`(?:(?<![\p{L}\p{N}])|(?<=[^\x00-\u02ff]))(?:${words})`;
  const begins = bucketsOf(words);
  const quick = begins === undefined ? { hint: new RegExp(words.toLowerCase()) } : { begins };
  return { ...quick, ...rest, needs: 'digit', pattern: once(() => inAnyCase(`${label}${connector}(${value})${follows}`)) };
}

const buckets_max = 4_096;

/** The words of a text by their first two and three letters: a filter that may say yes wrongly, and never no. */
export function beginningsIn(lower: string): Uint8Array {
  const found = new Uint8Array(buckets_max);
  let inside = false;
  for (let index = 0; index < lower.length; index += 1) {
    const code = lower.charCodeAt(index);
    const other = code > 127;
    const letter = other || (code >= 97 && code <= 122);
    if (letter && (!inside || other)) {
      const second = lower.charCodeAt(index + 1);
      found[bucketOf(code, second, 0)] = 1;
      found[bucketOf(code, second, lower.charCodeAt(index + 2))] = 1;
    }
    // Writing without spaces has words inside of what looks like one.
    inside = !other && (letter || (code >= 48 && code <= 57));
  }
  return found;
}

function bucketOf(first: number, second: number, third: number): number {
  return ((first * 31 + second) * 31 + third) % buckets_max;
}

/** The buckets of the words of a label; `undefined` where one of them does not begin with two characters that are always there. */
function bucketsOf(words: string): readonly number[] | undefined {
  const found = new Set<number>();
  let depth = 0;
  let begin = 0;
  for (let at = 0; at <= words.length; at += 1) {
    const character = words.charAt(at);
    if (character === '\\') at += 1;
    else if (character === '(' || character === '[') depth += 1;
    else if (character === ')' || character === ']') depth -= 1;
    else if (at === words.length || (character === '|' && depth === 0)) {
      const literal = (/^(?:(?:[\p{L}\p{M} _-]|\\\.)(?![?*{])){2,3}/u.exec(words.slice(begin, at))?.[0] ?? '').replaceAll('\\', '').toLowerCase();
      if (literal === '') return undefined;
      found.add(bucketOf(literal.charCodeAt(0), literal.charCodeAt(1), literal.length > 2 ? literal.charCodeAt(2) : 0));
      begin = at + 1;
    }
  }
  return [...found];
}

/** The digits of a text. */
export function digitsOf(text: string): string {
  return text.replaceAll(/\D/g, '');
}

/** Letters and digits of a text, in upper case. */
export function charactersOf(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}]/gu, '').toUpperCase();
}

/** Whether a number lies between two others, both included. */
export function within(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}
