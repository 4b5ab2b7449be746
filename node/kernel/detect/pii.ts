/**
 * Personal data in text: patterns, checksums where the number has one, and the
 * word beside it where the number alone says nothing. Names and addresses in
 * free prose are found only in the plainest forms.
 */
import { isIPv6 } from 'node:net';
import type { PayloadText } from './payload.ts';

/** What was found and where, in the text's normalised form. */
export interface PiiFinding {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

interface PiiRule {
  readonly type: string;
  /** Every quantifier is bounded, so that the time is linear in the text. */
  readonly pattern: RegExp;
  /** What the pattern alone cannot tell: the checksum, or what stands around. */
  readonly confirm?: (found: string, before: string, after: string) => boolean;
}

const digitsOf = (text: string): string => text.replaceAll(/\D/g, '');

const rules: readonly PiiRule[] = [
  {
    type: 'email',
    pattern: /[\p{L}\p{N}._%+'-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}[\p{L}]{2,24}/gu,
    confirm: (_found, _before, after) => !/^:[\w~/]/.test(after),
  },
  { type: 'email', pattern: /[\w.+-]{1,64}\s?[[({]\s?at\s?[\])}]\s?[\w-]{1,63}(?:\s?(?:[[({]\s?dot\s?[\])}]|\.)\s?[\w-]{1,63}){1,6}/gi },
  {
    type: 'phone',
    pattern: /(?<![\w.])\+\d{1,3}(?:[ .\-/]?\(?\d{1,5}\)?){1,7}(?!\w)/g,
    confirm: (found) => within(digitsOf(found).length, 8, 15),
  },
  { type: 'phone', pattern: /(?<![\w.,(-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?![\w-])/g },
  { type: 'phone', pattern: /\b(?:phone|tel|telephone|mobile|cell|telefon|fax)\b[^\d\n+]{0,12}\(?\d(?:[ .()/-]{0,2}\d){6,13}(?!\d)/gi },
  { type: 'ssn', pattern: /(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])/g },
  { type: 'ssn', pattern: /\b(?:ssn|social[ _-]security(?:[ _-](?:number|no))?)\b[^\d\n]{0,8}(?!000|666|9\d\d)\d{3}[ -]?(?!00)\d{2}[ -]?(?!0000)\d{4}(?!\d)/gi },
  {
    type: 'card',
    pattern: /(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-]|\.\d)/g,
    confirm: (found) => within(digitsOf(found).length, 13, 19) && passesLuhn(digitsOf(found)),
  },
  { type: 'iban', pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b/gi, confirm: passesIban },
  { type: 'ip', pattern: /(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)/g, confirm: (found, before) => isPublicAddress(found) && !/(?:version|build|release|\bv)[ :=]{0,3}$/i.test(before) },
  { type: 'ip', pattern: /(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/gi, confirm: (found) => isIPv6(found) && /[1-9a-f]/i.test(found) && found !== '::1' && !/^fe80:/i.test(found) },
  { type: 'medical-record', pattern: /\b(?:mrn|medical[ _-]record(?:[ _-](?:number|no))?|patient[ _-]?(?:id|number))\b[^\w\n]{0,6}[A-Z]{0,4}-?\d{5,12}\b/gi },
  { type: 'birth-date', pattern: /\b(?:dob|date[ _-]of[ _-]birth|birth[ _-]?da(?:te|y)|born(?: on)?|geboren(?: am)?)\b[^\w\n]{0,6}(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ](?:\d{1,2}|\p{L}{3,9})[-/. ]\d{2,4}|\p{L}{3,9} \d{1,2},? \d{4})/giu },
  { type: 'passport', pattern: /\bpassport\b[^\d\n]{0,16}[A-Z]{0,2}\d{6,9}\b/gi },
  { type: 'nhs', pattern: /\bnhs\b[^\d\n]{0,12}\d{3}[ -]?\d{3}[ -]?\d{4}\b/gi, confirm: (found) => passesNhs(digitsOf(found)) },
  { type: 'tax-id', pattern: /\b(?:steuer-?(?:id|identifikationsnummer|nummer)|tax[ _-]?(?:id|number)|tin|ein|vat)\b[^\w\n]{0,6}(?:[A-Z]{2})?\d{2}[ -]?\d{3}[ -]?\d{3}[ -]?\d{0,3}\b/gi },
  { type: 'dni', pattern: /\b\d{8}-?[A-HJ-NP-TV-Z]\b/gi, confirm: passesDni },
  { type: 'driving-licence', pattern: /\b(?:driver'?s?|driving)[ _-]?licen[cs]e\b[^\d\n]{0,12}[A-Z]{0,2}\d{5,10}\b/gi },
  { type: 'name', pattern: /\b(?:my|patient|customer|full)[ _]name(?: is|:) {0,2}\p{Lu}\p{L}{1,30}(?: \p{Lu}\p{L}{1,30}){1,3}/gu },
  { type: 'address', pattern: /\b\d{1,5}[a-z]? (?:\p{Lu}\p{L}{1,30} ){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Way)\b/gu },
];

/** The personal data in a text, in the order of the rules. */
export function findPii(text: string): readonly PiiFinding[] {
  const normalised = text.normalize('NFKC').replaceAll(/[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]/g, '');
  const findings: PiiFinding[] = [];
  for (const { type, pattern, confirm } of rules) {
    for (const match of normalised.matchAll(pattern)) {
      const end = match.index + match[0].length;
      const before = normalised.slice(Math.max(0, match.index - 16), match.index);
      if (confirm?.(match[0], before, normalised.slice(end, end + 16)) ?? true) findings.push({ type, start: match.index, end });
    }
  }
  return findings;
}

/** Whether any text of a payload holds personal data; the name of its field counts as the word beside it. */
export function containsPii(texts: readonly PayloadText[]): boolean {
  return texts.some(({ field, text }) => findPii(text).length > 0 || (field !== '' && findPii(`${field}: ${text}`).length > 0));
}

function within(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}

/** ISO/IEC 7812-1 annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits.charAt(digits.length - 1 - index));
    const doubled = digit * 2;
    sum += index % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** ISO 13616, ISO 7064 mod 97-10. The pattern may have run into the next word, so shorter forms are tried. */
function passesIban(found: string): boolean {
  const compact = found.replaceAll(' ', '').toUpperCase();
  for (let length = Math.min(compact.length, 34); length >= 15; length -= 1) {
    const rearranged = compact.slice(4, length) + compact.slice(0, 4);
    let remainder = 0;
    for (const character of rearranged) {
      const value = Number.parseInt(character, 36);
      remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
    }
    if (remainder === 1) return true;
  }
  return false;
}

function isPublicAddress(found: string): boolean {
  const [a = 256, b = 256, c = 256, d = 256] = found.split('.').map(Number);
  if ([a, b, c, d].some((part) => part > 255)) return false;
  if (a === 0 || a === 10 || a === 127 || a >= 224 || (a === 169 && b === 254)) return false;
  return !(a === 192 && b === 168) && !(a === 172 && within(b, 16, 31));
}

/** NHS Data Dictionary, modulus 11. */
function passesNhs(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < 9; index += 1) sum += Number(digits.charAt(index)) * (10 - index);
  return (11 - (sum % 11)) % 11 === Number(digits.charAt(9));
}

function passesDni(found: string): boolean {
  return 'TRWAGMYFPDXBNJZSQVHLCKE'.charAt(Number(found.slice(0, 8)) % 23) === found.slice(-1).toUpperCase();
}
