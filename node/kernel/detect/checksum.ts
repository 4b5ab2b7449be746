/** Check digits of numbers that name people, cards and accounts. Each takes the bare characters, without separators. */

const digitAt = (digits: string, index: number): number => digits.charCodeAt(index) - 48;

/** The sum of the digits, each times the weight at its place. */
export function weighted(digits: string, weights: readonly number[]): number {
  let sum = 0;
  for (const [index, weight] of weights.entries()) sum += digitAt(digits, index) * weight;
  return sum;
}

/** A check that the last digit is what a rule makes of the weighted sum of the digits before it. */
export function ends(weights: readonly number[], digitOf: (sum: number) => number): (digits: string) => boolean {
  return (digits) => digitOf(weighted(digits, weights)) === digitAt(digits, weights.length);
}

/** ISO/IEC 7812-1 annex B: cards, Canadian SIN, Swedish personnummer, South African ID. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digitAt(digits, digits.length - 1 - index);
    const doubled = digit * 2;
    sum += index % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const dihedral_products = ['0123456789', '1234067895', '2340178956', '3401289567', '4012395678', '5987604321', '6598710432', '7659821043', '8765932104', '9876543210'] as const;
const verhoeff_permutations = ['0123456789', '1576283094', '5803796142', '8916043527', '9453126870', '4286573901', '2793806415', '7046913258'] as const;

/** Verhoeff, Error Detecting Decimal Codes (1969): Aadhaar. */
export function passesVerhoeff(digits: string): boolean {
  let state = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const permuted = digitAt(verhoeff_permutations[index % 8] ?? '', digitAt(digits, digits.length - 1 - index));
    state = digitAt(dihedral_products[state] ?? '', permuted);
  }
  return state === 0;
}

/** ISO 7064 mod 11,10: German tax identification number. */
export function passesMod11of10(digits: string): boolean {
  let product = 10;
  for (let index = 0; index < digits.length - 1; index += 1) {
    const sum = (digitAt(digits, index) + product) % 10;
    product = (sum === 0 ? 10 : sum) * 2 % 11;
  }
  return (11 - product) % 10 === digitAt(digits, digits.length - 1);
}

/** Lengths of IBANs by country, from the SWIFT registry, and of the accounts that more countries write in the same form. */
const iban_lengths: ReadonlyMap<string, number> = new Map(('AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 '
  + 'HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 '
  + 'AO25 BF28 BI27 BJ28 CF27 CG27 CI28 CM27 CV25 DJ27 DZ26 FK18 GA27 GQ27 GW25 HN28 IR26 KM27 MA28 MG27 ML28 MN20 MZ25 NE28 NI28 OM23 RU33 SD18 SN28 SO23 TD27 TG28 YE30')
  .split(' ').map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]));

/** How many of the characters are an IBAN (ISO 13616, ISO 7064 mod 97-10), 0 when they do not begin with one. Upper case. */
export function ibanLength(characters: string): number {
  const length = iban_lengths.get(characters.slice(0, 2));
  if (length === undefined || characters.length < length) return 0;
  let remainder = 0;
  for (const character of characters.slice(4, length) + characters.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1 ? length : 0;
}

interface Issuer {
  readonly prefix: RegExp;
  readonly lengths: readonly number[];
}

/** Ranges of card issuers as they publish them, with the lengths of their numbers. */
const issuers: readonly Issuer[] = [
  { prefix: /^4/, lengths: [13, 16, 19] },
  { prefix: /^5[1-5]/, lengths: [16] },
  { prefix: /^(?:222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] },
  { prefix: /^3[47]/, lengths: [15] },
  { prefix: /^(?:6011|64[4-9]|65|60|81|82)/, lengths: [16, 17, 18, 19] },
  { prefix: /^62/, lengths: [16, 17, 18, 19] },
  { prefix: /^35(?:2[89]|[3-8])/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:2131|1800)/, lengths: [15] },
  { prefix: /^3(?:0[0-5]|[689])/, lengths: [14, 16, 17, 18, 19] },
  { prefix: /^220[0-4]/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:50[0-9]|5[6-8]|6[37])/, lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
];

/** A payment card: an issuer's range, its length and the check digit. */
export function passesCard(digits: string): boolean {
  return issuers.some(({ prefix, lengths }) => lengths.includes(digits.length) && prefix.test(digits)) && passesLuhn(digits);
}

/** A number that is called a card: of the length of one, with its check digit. */
export function passesCalledCard(digits: string): boolean {
  return digits.length >= 13 && digits.length <= 19 && !/^(.)\1+$/.test(digits) && passesLuhn(digits);
}

/** NHS Data Dictionary, modulus 11. */
export function passesNhs(digits: string): boolean {
  return (11 - weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 === digitAt(digits, 9);
}

/** Spain, Real Decreto 1553/2005: the letter after the number modulo 23. `X`, `Y`, `Z` stand for 0, 1, 2 at the front of a NIE. */
export function passesDni(characters: string): boolean {
  const number = characters.slice(0, -1).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter)));
  return 'TRWAGMYFPDXBNJZSQVHLCKE'.charAt(Number(number) % 23) === characters.slice(-1);
}

/** Brazil, Receita Federal: two digits modulo 11. */
export function passesCpf(digits: string): boolean {
  if (/^(\d)\1+$/.test(digits)) return false;
  const first = weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10 % 11 % 10;
  const second = weighted(digits, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10 % 11 % 10;
  return first === digitAt(digits, 9) && second === digitAt(digits, 10);
}

/** Brazil, Receita Federal: two digits modulo 11. */
export function passesCnpj(digits: string): boolean {
  const check = (sum: number): number => sum % 11 < 2 ? 0 : 11 - sum % 11;
  return check(weighted(digits, [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) === digitAt(digits, 12)
    && check(weighted(digits, [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) === digitAt(digits, 13);
}

const codice_fiscale_odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23] as const;

/** Italy, Decreto Ministeriale 23 December 1976: the letter modulo 26; a provisional one is eleven digits. */
export function passesCodiceFiscale(characters: string): boolean {
  if (/^\d{11}$/.test(characters)) return passesLuhn(characters);
  let sum = 0;
  for (let index = 0; index < 15; index += 1) {
    const value = Number.parseInt(characters.charAt(index), 36);
    sum += index % 2 === 0 ? codice_fiscale_odd[value] ?? 0 : value > 9 ? value - 10 : value;
  }
  return String.fromCharCode(65 + sum % 26) === characters.charAt(15);
}

/** France, INSEE: 97 minus the number modulo 97; Corsica's 2A and 2B count as 19 and 18. */
export function passesNir(characters: string): boolean {
  const digits = characters.replace('2A', '19').replace('2B', '18');
  return Number(BigInt(digits.slice(0, 13)) % 97n) + Number(digits.slice(13)) === 97;
}

/** China, GB 11643-1999: ISO 7064 mod 11-2. */
export function passesResidentId(characters: string): boolean {
  const sum = weighted(characters, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
  return '10X98765432'.charAt(sum % 11) === characters.charAt(17);
}

/** Whether six digits, in the order year, month, day, can be a date; countries add 20, 40 or more to the month, or leave it 0. */
function isShortDate(month: number, day: number): boolean {
  return month <= 12 && day <= 31;
}

/** Belgium, Royal Decree of 3 April 1984: 97 minus the number modulo 97, with a 2 in front for those born since 2000. */
export function passesBelgian(digits: string): boolean {
  const check = Number(digits.slice(9));
  if (!isShortDate(Number(digits.slice(2, 4)) % 20, Number(digits.slice(4, 6)))) return false;
  return 97 - Number(digits.slice(0, 9)) % 97 === check || 97 - Number(`2${digits.slice(0, 9)}`) % 97 === check;
}

/** Czechia and Slovakia, Act 133/2000: ten digits that 11 divides, or a remainder of 10 with a final 0; nine digits before 1954 have none. */
export function passesBirthNumber(digits: string): boolean {
  if (digits.length !== 10) return false;
  const remainder = Number(digits.slice(0, 9)) % 11;
  return (remainder === 10 ? 0 : remainder) === digitAt(digits, 9);
}

/** Estonia and Lithuania: modulo 11, with a second row of weights where the first gives 10. */
export function passesBalticCode(digits: string): boolean {
  const first = weighted(digits, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
  const check = first < 10 ? first : weighted(digits, [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10;
  return check === digitAt(digits, 10);
}

/** Netherlands: the eleven test, where the last digit counts negative; for pupils it leaves 5. */
export function passesBsn(digits: string): boolean {
  const sum = weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1]);
  return digits.length === 9 && (sum % 11 === 0 || sum % 11 === 5) && Number(digits) > 0;
}

/** Norway, folkeregisterforskriften: a date, to which temporary numbers add, and two digits modulo 11. */
export function passesFodselsnummer(digits: string): boolean {
  return isShortDate(Number(digits.slice(2, 4)) % 40, Number(digits.slice(0, 2)) % 40)
    && weighted(digits, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 === 0 && weighted(digits, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0;
}

/** Finland: the number modulo 31 as a letter or digit. */
export function passesHetu(characters: string): boolean {
  const digits = (characters.slice(0, 6) + characters.slice(-4, -1)).replaceAll(/\D/g, '');
  return '0123456789ABCDEFHJKLMNPRSTUVWXY'.charAt(Number(digits) % 31) === characters.slice(-1);
}

/** Germany, VKVV section 2: the letter as two digits, sums of digits of the products, modulo 10. */
export function passesSocialInsuranceDe(characters: string): boolean {
  const letter = String(characters.charCodeAt(8) - 64).padStart(2, '0');
  const digits = characters.slice(0, 8) + letter + characters.slice(9);
  let sum = 0;
  for (const [index, weight] of [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1].entries()) {
    const product = digitAt(digits, index) * weight;
    sum += Math.floor(product / 10) + product % 10;
  }
  return sum % 10 === digitAt(digits, 12);
}

/** France, numéro fiscal: the first ten digits modulo 511. */
export function passesSpi(digits: string): boolean {
  return Number(digits.slice(0, 10)) % 511 === Number(digits.slice(10));
}

/** Türkiye, law 5490: two digits modulo 10. */
export function passesTckn(digits: string): boolean {
  const tenth = (weighted(digits, [7, -1, 7, -1, 7, -1, 7, -1, 7]) % 10 + 10) % 10;
  return tenth === digitAt(digits, 9) && weighted(digits, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) % 10 === digitAt(digits, 10);
}

/** Thailand: modulo 11, of thirteen digits. */
export function passesThaiPin(digits: string): boolean {
  return (11 - weighted(digits, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10 === digitAt(digits, 12);
}

/** Singapore: a letter modulo 11, of a row that the first letter chooses; the row of the youngest series, M, is not looked at. */
export function passesNric(characters: string): boolean {
  const first = characters.charAt(0);
  if (first === 'M') return true;
  const sum = weighted(characters.slice(1), [2, 7, 6, 5, 4, 3, 2]) + (first === 'T' || first === 'G' ? 4 : 0);
  return (first === 'S' || first === 'T' ? 'JZIHGFEDCBA' : 'XWUTRQPNMLK').charAt(sum % 11) === characters.charAt(8);
}

/** ICAO 9303 part 3: weights 7, 3, 1 over digits and letters. */
export function passesIcao(characters: string): boolean {
  let sum = 0;
  for (let index = 0; index < characters.length - 1; index += 1) sum += Number.parseInt(characters.charAt(index), 36) * ([7, 3, 1][index % 3] ?? 0);
  return sum % 10 === digitAt(characters, characters.length - 1);
}

/** EAN-13, as in the Swiss AHV number. */
export function passesEan(digits: string): boolean {
  return weighted(digits, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0;
}
