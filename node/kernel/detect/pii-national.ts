/**
 * Numbers that states give to people. A number is found by itself where its
 * grouping is its own and its check digits agree. After its name it is found in
 * any grouping, and also where the check digits disagree, with less confidence:
 * somebody has mistyped a real one.
 */
import {
  passesCnpj, passesCodiceFiscale, passesCpf, passesDni, passesEan, passesIcao, passesLuhn, passesMod11of10, passesNhs, passesNir, passesResidentId, passesVerhoeff, weighted,
} from './checksum.ts';
import { charactersOf, digitsOf, labelled, once, type PiiRule } from './pii-rules.ts';

interface NationalNumber {
  readonly type: string;
  readonly country: string;
  /** Its names, in words that stand before it. */
  readonly words: string;
  /** Source of a pattern for the number after its name. */
  readonly value: string;
  /** Source of a pattern for a grouping that is its own, where there is one. */
  readonly own?: string;
  /** Check digits, over the letters and digits alone in upper case. */
  readonly check?: (characters: string) => boolean;
}

const check = (weights: readonly number[], modulus: number) => (characters: string): boolean => weighted(characters, weights) % modulus === 0;
const ssn = String.raw`(?!000|666|9\d\d)\d{3}`;

const numbers: readonly NationalNumber[] = [
  { type: 'ssn', country: 'US', words: 'ssn|social(?:[ _-]?security)?|soc(?:ial)?[ .]?sec', value: String.raw`${ssn}[ .-]?(?!00)\d{2}[ .-]?(?!0000)\d{4}`, own: String.raw`${ssn}-(?!00)\d{2}-(?!0000)\d{4}` },
  { type: 'tax-id', country: 'US', words: 'itin|(?:individual )?taxpayer(?: identification)?|tin', value: String.raw`\d{3}[ -]?\d{2}[ -]?\d{4}`, own: String.raw`9\d{2}-(?:5\d|6[0-5]|[7-8]\d|9[0-24-9])-\d{4}` },
  { type: 'tax-id', country: 'US', words: 'f?ein|employer[ _-]?identification|federal tax', value: String.raw`\d{2}-?\d{7}` },
  { type: 'medical-record', country: 'US', words: 'mbi|medicare(?: beneficiary(?: identifier)?)?', value: String.raw`[1-9][A-Z][A-Z0-9]\d-?[A-Z][A-Z0-9]\d-?[A-Z]{2}\d{2}`, own: String.raw`[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}` },
  { type: 'nhs', country: 'GB', words: 'nhs', value: String.raw`\d{3}[ -]?\d{3}[ -]?\d{4}`, check: passesNhs },
  { type: 'national-id', country: 'GB', words: 'ni|nino|national[ _-]?insurance', value: String.raw`[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]`, own: String.raw`(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]` },
  { type: 'tax-id', country: 'GB', words: 'utr|unique taxpayer reference', value: String.raw`\d{5} ?\d{5}` },
  { type: 'tax-id', country: 'DE', words: String.raw`steuer-?(?:id|identifikationsnummer|nummer|nr\.?)|idnr\.?|tax[ _-]?(?:id|number)`, value: String.raw`\d{2}[ /]?\d{3}[ /]?\d{3}[ /]?\d{3,5}`, check: passesMod11of10 },
  { type: 'tax-id', country: 'EU', words: String.raw`vat(?:[ _-]?(?:id|reg(?:istration)?))?|ust-?id(?:nr\.?)?|uid|p\.? ?iva|partita iva`, value: String.raw`(?:[A-Z]{2} ?)?\d{2,3}[ .]?\d{3}[ .]?\d{3,5}[A-Z]?(?:B\d{2})?` },
  { type: 'national-id', country: 'DE', words: 'personalausweis|ausweis|perso', value: String.raw`[CFGHJKLMNPRTVWXYZ0-9]{9}\d?(?:D)?`, check: (characters) => characters.length === 10 && passesIcao(characters) },
  { type: 'national-id', country: 'FR', words: String.raw`nir|insee|n(?:um[ée]ro|°|o)?\.? (?:de )?s[ée]cu(?:rit[ée] sociale)?|s[ée]curit[ée] sociale`, value: String.raw`[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}`, own: String.raw`[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}`, check: passesNir },
  { type: 'dni', country: 'ES', words: 'dni|nif|nie', value: String.raw`(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]`, own: String.raw`(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]`, check: passesDni },
  { type: 'tax-id', country: 'IT', words: 'codice[ _]fiscale|c\\.?f\\.?', value: String.raw`[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]`, own: String.raw`[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]`, check: passesCodiceFiscale },
  { type: 'national-id', country: 'NL', words: 'bsn|burgerservice(?:nummer)?|sofi-?nummer', value: String.raw`\d{3}[ .]?\d{3}[ .]?\d{3}|\d{4}[ .]\d{2}[ .]\d{3}`, check: check([9, 8, 7, 6, 5, 4, 3, 2, -1], 11) },
  { type: 'national-id', country: 'PL', words: 'pesel', value: String.raw`\d{11}`, check: check([1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1], 10) },
  { type: 'national-id', country: 'SE', words: 'personn(?:umme)?r|personal (?=number)|samordningsnummer', value: String.raw`(?:\d{2})?\d{6}[-+ ]?\d{4}`, own: String.raw`\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[-+]\d{4}`, check: (digits) => passesLuhn(digits.slice(-10)) },
  { type: 'national-id', country: 'FI', words: 'henkilötunnus|hetu', value: String.raw`\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]`, own: String.raw`(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2}[-+A]\d{3}[0-9A-FHJ-NPR-Y]`, check: passesHetu },
  { type: 'national-id', country: 'DK', words: 'cpr(?:-?n(?:umme)?r)?', value: String.raw`\d{6}-?\d{4}` },
  { type: 'national-id', country: 'NO', words: 'fødselsnummer|fnr|personnummer', value: String.raw`\d{6} ?\d{5}`, check: check([3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0], 11) },
  { type: 'national-id', country: 'BE', words: 'rijksregister(?:nummer)?|registre national|niss|insz', value: String.raw`\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}`, own: String.raw`\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}` },
  { type: 'national-id', country: 'CH', words: 'ahv|avs|avs-nr|sozialversicherungsnummer', value: String.raw`756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}`, own: String.raw`756\.\d{4}\.\d{4}\.\d{2}`, check: passesEan },
  { type: 'cpf', country: 'BR', words: 'cpf', value: String.raw`\d{3}[ .]?\d{3}[ .]?\d{3}[ -]?\d{2}`, own: String.raw`\d{3}\.\d{3}\.\d{3}-\d{2}`, check: passesCpf },
  { type: 'tax-id', country: 'BR', words: 'cnpj', value: String.raw`\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}`, own: String.raw`\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}`, check: passesCnpj },
  { type: 'aadhaar', country: 'IN', words: 'aadhaa?r|uidai|आधार', value: String.raw`\d{4}[ -]?\d{4}[ -]?\d{4}`, own: String.raw`[2-9]\d{3} \d{4} \d{4}`, check: passesVerhoeff },
  { type: 'tax-id', country: 'IN', words: 'pan(?: card)?|permanent account', value: String.raw`[A-Z]{5}\d{4}[A-Z]`, own: String.raw`[A-Z]{3}P[A-Z]\d{4}[A-Z]` },
  { type: 'tax-id', country: 'AU', words: 'tfn|tax file', value: String.raw`\d{3}[ -]?\d{3}[ -]?\d{3}`, check: check([1, 4, 3, 7, 5, 8, 6, 9, 10], 11) },
  { type: 'national-id', country: 'AU', words: 'medicare', value: String.raw`[2-6]\d{3}[ -]?\d{5}[ -]?\d(?:[ /-]?\d)?`, check: (digits) => weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 === Number(digits.charAt(8)) },
  { type: 'national-id', country: 'CA', words: 'sin|social insurance', value: String.raw`\d{3}[ -]?\d{3}[ -]?\d{3}`, check: passesLuhn },
  { type: 'national-id', country: 'CN', words: '身份证号?码?|resident identity(?: card)?|id card', value: String.raw`\d{6} ?\d{8} ?\d{3}[0-9X]`, own: String.raw`[1-8]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9X]`, check: passesResidentId },
  { type: 'national-id', country: 'KR', words: 'rrn|resident registration|주민등록번호', value: String.raw`\d{6}-?[1-8]\d{6}`, own: String.raw`\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-4]\d{6}` },
  { type: 'national-id', country: 'JP', words: 'my ?number|マイナンバー|個人番号', value: String.raw`\d{4}[ -]?\d{4}[ -]?\d{4}` },
  { type: 'national-id', country: 'SG', words: 'nric|fin', value: String.raw`[STFGM]\d{7}[A-Z]`, own: String.raw`[STFGM]\d{7}[A-Z]` },
  { type: 'national-id', country: 'TR', words: 't\\.?c\\.?(?: kimlik)?|kimlik', value: String.raw`[1-9]\d{10}` },
  { type: 'national-id', country: 'ZA', words: 'south african id|sa id|rsa id', value: String.raw`\d{6} ?\d{4} ?\d{2} ?\d`, check: passesLuhn },
  { type: 'national-id', country: 'AR', words: 'cui[tl]|dni', value: String.raw`\d{2}-?\d{8}-?\d|\d{2}\.\d{3}\.\d{3}`, own: String.raw`(?:20|2[347])-\d{8}-\d`, check: check([5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1], 11) },
  { type: 'national-id', country: 'CL', words: 'ru[tn]', value: String.raw`\d{1,2}\.?\d{3}\.?\d{3}-?[\dK]`, own: String.raw`\d{1,2}\.\d{3}\.\d{3}-[\dK]` },
  { type: 'national-id', country: 'IE', words: 'ppsn?', value: String.raw`\d{7}[A-W][A-IW]?` },
  { type: 'national-id', country: 'PT', words: 'nif|contribuinte', value: String.raw`\d{3} ?\d{3} ?\d{3}`, check: (digits) => (11 - weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 === Number(digits.at(-1)) },
  { type: 'national-id', country: 'RO', words: 'cnp|cod numeric personal', value: String.raw`[1-9]\d{12}`, check: (digits) => weighted(digits, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11 % 10 === Number(digits.at(-1)) },
  { type: 'national-id', country: 'CZ', words: 'rodné číslo|rodne cislo|rč', value: String.raw`\d{6}/?\d{3,4}` },
  { type: 'national-id', country: 'HR', words: 'oib', value: String.raw`\d{11}`, check: passesMod11of10 },
  { type: 'national-id', country: 'RS', words: 'jmbg|emšo|emso', value: String.raw`\d{13}`, check: (digits) => (11 - weighted(digits, [7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 === Number(digits.at(-1)) },
  { type: 'national-id', country: 'BG', words: 'egn|егн', value: String.raw`\d{10}`, check: (digits) => weighted(digits, [2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 === Number(digits.at(-1)) },
  { type: 'national-id', country: 'HU', words: 'személyi szám|taj(?: szám)?', value: String.raw`\d[ -]?\d{6}[ -]?\d{4}|\d{3} ?\d{3} ?\d{3}` },
  { type: 'tax-id', country: 'GR', words: 'afm|αφμ', value: String.raw`\d{9}` },
  { type: 'national-id', country: 'EE', words: 'isikukood|asmens kodas|personas kods', value: String.raw`\d{6}-?\d{5}` },
  { type: 'national-id', country: 'RU', words: 'инн|снилс', value: String.raw`\d{10}|\d{12}|\d{3}-\d{3}-\d{3}[ -]\d{2}`, own: String.raw`\d{3}-\d{3}-\d{3} \d{2}` },
  { type: 'national-id', country: 'IL', words: 'teudat zehut|israeli id|תעודת זהות', value: String.raw`\d{9}`, check: passesLuhn },
  { type: 'national-id', country: 'AE', words: 'emirates id', value: String.raw`784-?\d{4}-?\d{7}-?\d`, own: String.raw`784-\d{4}-\d{7}-\d` },
  { type: 'national-id', country: 'PK', words: 'cnic|nicop', value: String.raw`\d{5}-?\d{7}-?\d` },
  { type: 'national-id', country: 'HK', words: 'hkid|身份證', value: String.raw`[A-Z]{1,2}\d{6}\(?[\dA]\)?` },
  { type: 'national-id', country: 'TW', words: 'taiwan id|身分證(?:字號)?', value: String.raw`[A-Z][12]\d{8}` },
  { type: 'national-id', country: 'IN', words: 'voter|epic', value: String.raw`[A-Z]{3}\d{7}` },
  { type: 'national-id', country: 'ID', words: 'nik|ktp', value: String.raw`\d{16}` },
  { type: 'national-id', country: 'MY', words: 'mykad|nric', value: String.raw`\d{6}-?\d{2}-?\d{4}` },
  { type: 'national-id', country: 'CO', words: 'c[ée]dula(?: de ciudadan[íi]a)?', value: String.raw`\d{1,3}(?:\.?\d{3}){2,3}` },
  { type: 'tax-id', country: 'NZ', words: 'ird', value: String.raw`\d{2,3}-?\d{3}-?\d{3}` },
  { type: 'national-id', country: 'MX', words: 'curp|rfc', value: String.raw`[A-Z]{4}\d{6}[A-Z0-9]{3,8}`, own: String.raw`[A-Z][AEIOUX][A-Z]{2}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[HM][A-Z]{5}[A-Z0-9]\d` },
];

/** Documents whose numbers have no form of their own, so that only the word before tells. */
const documents: readonly PiiRule[] = [
  { type: 'passport', needs: 'capital', confidence: 0.95, validator: 'format', pattern: once(() => /(?<![A-Z0-9<])[PIAC][A-Z<][A-Z]{3}(?=[A-Z<]{1,38}<<)[A-Z<]{25,39}/g) },
  labelled({ type: 'passport', confidence: 0.85, validator: 'context', words: 'passport|reisepass|pasaporte|passeport|passaporto|paspoort|паспорт|护照号?|パスポート', value: String.raw`(?=(?:[A-Z]{0,4}\d){4})[A-Z0-9]{6,10}|\d{2} ?\d{2} \d{6}` }),
  labelled({
    type: 'driving-licence', confidence: 0.8, validator: 'context', value: String.raw`(?=(?:[A-Z-]{0,6}\d){4})[A-Z0-9]{1,17}(?:-[A-Z0-9]{1,6}){0,5}(?: [A-Z0-9]{2,4}(?![\p{L}]))?`,
    words: String.raw`driv(?:er'?s?|ing)[ _-]?licen[cs]e|dl(?=[ #:n])|f[üu]hrerschein|permis de conduire|licencia de conducir|permiso de conducir|patente di guida|rijbewijs`,
  }),
  labelled({
    type: 'vehicle', confidence: 0.7, validator: 'context', value: String.raw`(?=(?:[A-Z -]{0,6}\d){2})[A-Z0-9]{1,8}(?:[ -][A-Z0-9]{1,6}){0,3}|[A-HJ-NPR-Z0-9]{17}`,
    words: String.raw`(?:licen[cs]e|number|registration|vehicle)[ _-]?plates?|vehicle[ _-]?(?:registration|identification)|vin|(?:auto)?kennzeichen|plaque d['’]immatriculation|matr[íi]cula|kenteken`,
  }),
  labelled({
    type: 'national-id', confidence: 0.7, validator: 'context', value: String.raw`(?=(?:[A-Z -]{0,4}\d){5})[A-Z0-9]{1,16}(?:[ .-]\d{2,6}){0,4}[A-Z]?`,
    words: 'national[ _-]?id(?:entity|entification)?(?: card)?|identity card|id card|citizen(?:ship)? (?=id|n)|personal id(?:entification)?|government id',
  }),
];

function passesHetu(characters: string): boolean {
  const digits = digitsOf(characters.slice(0, 6)) + characters.slice(-4, -1);
  return '0123456789ABCDEFHJKLMNPRSTUVWXY'.charAt(Number(digits) % 31) === characters.slice(-1);
}

function rulesOf(number: NationalNumber): PiiRule[] {
  const { type, country, words, value, own, check: passes } = number;
  const common = { type, jurisdiction: country };
  const after_name = passes === undefined
    ? [labelled({ ...common, words, value, confidence: 0.8, validator: 'context' })]
    : [labelled({ ...common, words, value, confidence: 0.98, validator: 'checksum', confirm: (found) => passes(charactersOf(found)) }), labelled({ ...common, words, value, confidence: 0.5, validator: 'context' })];
  if (own === undefined) return after_name;
  const alone: PiiRule = {
    ...common, needs: 'digits', confidence: passes === undefined ? 0.7 : 0.9, validator: passes === undefined ? 'format' : 'checksum',
    pattern: once(() => new RegExp(String.raw`(?<![\p{L}\p{N}.-])(?:${own})(?![\p{L}\p{N}]|[.-]\d)`, 'giu')),
    confirm: (found) => passes === undefined || passes(charactersOf(found)),
  };
  return [...after_name, alone];
}

/** Everything of this file, in the order of countries above. */
export const national_rules: readonly PiiRule[] = [...numbers.flatMap(rulesOf), ...documents];
