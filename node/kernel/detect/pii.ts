/**
 * Personal data in text: by form, by check digits where the number has them,
 * and by the word beside it where the number alone says nothing. Names and
 * addresses in free prose are found only where words give them away.
 */
import { matchesOf, withoutOverlaps, type Finding } from './finding.ts';
import { general_rules } from './pii-general.ts';
import { national_rules } from './pii-national.ts';
import { people_rules } from './pii-people.ts';
import { beginningsIn, type PiiRule } from './pii-rules.ts';
import { readingOf } from './reading.ts';
import type { PayloadText } from './payload.ts';

/** How a text is searched. */
export interface PiiOptions {
  /** The name of the field that the text stands under: it counts as the word beside a number. */
  readonly field?: string;
  /** ISO 3166 codes of the countries whose numbers are looked for, besides what is the same everywhere; all by default. */
  readonly jurisdictions?: readonly string[];
  /** A recogniser of named entities, whose findings are added. */
  readonly recognise?: (text: string) => readonly Finding[];
}

const all_rules: readonly PiiRule[] = [...general_rules, ...national_rules, ...people_rules];
const no_beginnings = new Uint8Array();
const around_characters = 32;
const field_characters_max = 64;

/**
 * The personal data in a text, in the order of the text. Types: `email`, `phone`,
 * `card`, `iban`, `bank-account`, `ip`, `mac`, `device-id`, `location`, `birth-date`,
 * `medical-record`, `passport`, `driving-licence`, `name`, `address`, `tax-id`, `vehicle`,
 * `ssn`, `nhs`, `dni`, `cpf`, `aadhaar`, `national-id`. Total; linear in the text.
 */
export function findPii(text: string, options: PiiOptions = {}): readonly Finding[] {
  const { field = '', jurisdictions, recognise } = options;
  const label = field === '' || field.length > field_characters_max ? '' : `${field}: `;
  const reading = readingOf(label + text);
  const kinds = kindsOf(reading.text);
  const lower = reading.text.toLowerCase();
  const begins = kinds.has('digit') ? beginningsIn(lower) : no_beginnings;
  const findings: Finding[] = [];
  for (const rule of rulesFor(kinds)) {
    if (rule.begins?.some((begin) => begins[begin] === 1) === false || rule.hint?.test(lower) === false) continue;
    if (rule.jurisdiction !== undefined && jurisdictions !== undefined && !jurisdictions.includes(rule.jurisdiction)) continue;
    for (const { start, end } of placesOf(rule, reading.text)) {
      const finding = { type: rule.type, start: Math.max(0, reading.at(start) - label.length), end: reading.at(end) - label.length, confidence: rule.confidence, validator: rule.validator };
      if (finding.end > finding.start) findings.push(finding);
    }
  }
  if (recognise !== undefined) findings.push(...recognise(text));
  return withoutOverlaps(findings);
}

function kindsOf(text: string): ReadonlySet<PiiRule['needs']> {
  const kinds = new Set<PiiRule['needs']>();
  if (/@|%40|&#|[^\p{L}](?:at|ät|arroba)[^\p{L}]/iu.test(text)) kinds.add('at');
  if (/\d/.test(text)) kinds.add('digit');
  if (/\d(?:[^\d]{0,8}\d){4}/.test(text)) kinds.add('digits');
  if (/\p{Lu}/u.test(text)) kinds.add('capital');
  if (/[\u0600-\u06ff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]/.test(text)) kinds.add('uncased');
  return kinds;
}

const rules_by_kinds = new Map<string, readonly PiiRule[]>();

/** The rules that a text with such characters can fit. There are few such sets, and most texts need few rules. */
function rulesFor(kinds: ReadonlySet<PiiRule['needs']>): readonly PiiRule[] {
  const name = [...kinds].join(' ');
  const known = rules_by_kinds.get(name);
  if (known !== undefined) return known;
  const rules = all_rules.filter(({ needs }) => kinds.has(needs));
  rules_by_kinds.set(name, rules);
  return rules;
}

function placesOf({ pattern, confirm }: PiiRule, text: string): readonly { readonly start: number; readonly end: number }[] {
  const places: { readonly start: number; readonly end: number }[] = [];
  for (const match of matchesOf(pattern(), text)) {
    const value = match[1] ?? match[0];
    const start = match.index + match[0].lastIndexOf(value);
    const end = start + value.length;
    const confirmed = confirm?.(value, text.slice(Math.max(0, start - around_characters), start), text.slice(end, end + around_characters)) ?? true;
    if (confirmed !== false) places.push({ start, end: typeof confirmed === 'number' ? start + confirmed : end });
  }
  return places;
}

/** Texts of one field that are joined and looked at as one. */
const joined_texts_max = 32;
const joined_characters_max = 40;

/** What is found in any text of a payload. A number that is spread over the items of a list is found too. */
export function piiIn(texts: readonly PayloadText[], options: Omit<PiiOptions, 'field'> = {}): readonly Finding[] {
  return [...texts, ...joined(texts)].flatMap(({ field, text }) => findPii(text, { ...options, field }));
}

/** Whether any text of a payload holds personal data. */
export function containsPii(texts: readonly PayloadText[]): boolean {
  return texts.some(({ field, text }) => findPii(text, { field }).length > 0) || joined(texts).some(({ field, text }) => findPii(text, { field }).length > 0);
}

function joined(texts: readonly PayloadText[]): readonly PayloadText[] {
  const runs: PayloadText[] = [];
  for (let from = 0; from < texts.length;) {
    const field = texts[from]?.field ?? '';
    let to = from;
    while (to < texts.length && to - from < joined_texts_max && texts[to]?.field === field && (texts[to]?.text.length ?? 0) <= joined_characters_max) to += 1;
    if (to - from > 1) runs.push({ field, text: texts.slice(from, to).map(({ text }) => text).join(' ') });
    from = Math.max(to, from + 1);
  }
  return runs;
}
