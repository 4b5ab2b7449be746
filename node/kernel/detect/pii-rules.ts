/** How a kind of personal data is recognised: by its form, or by the word before it. */
import type { Validator } from './finding.ts';

/** One way to recognise personal data. The value is the pattern's first group when it has one, the whole match otherwise. */
export interface PiiRule {
  readonly type: string;
  /** ISO 3166 code of the country whose numbers these are; absent for what is the same everywhere. */
  readonly jurisdiction?: string;
  /** What a text must contain for the rule to be tried at all. */
  readonly needs: 'at' | 'digit' | 'digits' | 'capital';
  /** What the text in lower case must contain for the pattern to be worth trying: much cheaper than the pattern. */
  readonly hint?: RegExp;
  /** Every quantifier is bounded, so that the time is linear in the text. */
  readonly pattern: () => RegExp;
  /** What the pattern alone cannot tell; `before` and `after` are up to 32 characters of what stands around. Where it returns a number, the value is that many characters long. */
  readonly confirm?: (value: string, before: string, after: string) => boolean | number;
  readonly confidence: number;
  readonly validator: Validator;
}

/** A pattern that is made when it is first used: those with classes of Unicode take long to make, and most programs never ask. */
export function once(make: () => RegExp): () => RegExp {
  let made: RegExp | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Between a label and its value: `number`, `no.`, `is`, `:`, brackets and quotes. */
const connector = String.raw`(?:[ _.-]{0,2}(?:numbers?|num|no|nr|n°|nº|№|nummer|numero|número|numéro|id|card|code|document|account|holder)(?![\p{L}])){0,3}[^\p{L}\p{N}\n+]{0,6}(?:(?:is|was|ist|war|est|es|è|are|on|am|le|el|al|il|em|au|ao|unter|of|-)(?![\p{L}\p{N}])[^\p{L}\p{N}\n+]{0,3}){0,2}`;

/** A rule for a value after one of some words, such as `passport|reisepass`; `value` is the source of its pattern. */
export function labelled(rule: Omit<PiiRule, 'pattern' | 'needs'> & { readonly words: string; readonly value: string; readonly follows?: string }): PiiRule {
  const { words, value, follows = '(?![\\p{L}\\p{N}])', ...rest } = rule;
  const label = String.raw`(?:(?<![\p{L}\p{N}])|(?<=[^\x00-\u02ff]))(?:${words})`;
  return { ...rest, needs: 'digit', hint: new RegExp(words.toLowerCase()), pattern: once(() => new RegExp(`${label}${connector}(${value})${follows}`, 'giu')) };
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
