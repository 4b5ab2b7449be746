/** Personal data that looks the same in every country: addresses on networks, telephones, cards, accounts, dates of birth, places. */
import { isIPv6 } from 'node:net';
import { ibanLength, passesCalledCard, passesCard, passesLuhn, weighted } from './checksum.ts';
import { digitsOf, labelled, once, within, type PiiRule } from './pii-rules.ts';

const at = String.raw`(?:@|%40|&#0?64;|&#x40;)`;
const dot = String.raw`(?:\.|&#0?46;|&#x2e;|%2e)`;

/** E-mail, as it is and as people hide it from programs that collect addresses. */
const email_rules: readonly PiiRule[] = [
  {
    type: 'email', needs: 'at', confidence: 0.95, validator: 'format',
    pattern: once(() => new RegExp(String.raw`[\p{L}\p{M}\p{N}._%+'-]{1,64}${at}(?:[\p{L}\p{M}\p{N}-]{1,63}${dot}){1,8}[\p{L}\p{M}]{2,24}(?![\p{L}\p{M}\d@])`, 'giu')),
    // git@host:path names a repository.
    confirm: (_value, _before, after) => !/^:[\w~/]/.test(after),
  },
  { type: 'email', needs: 'at', hint: /"@/, confidence: 0.9, validator: 'format', pattern: once(() => /"[^"\n]{1,64}"@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\d@])/giu) },
  {
    type: 'email', needs: 'at', confidence: 0.9, validator: 'format',
    pattern: once(() => /[\p{L}\p{N}.+_-]{1,64} ?[[({<] ?(?:at|@|ät|arroba) ?[\])}>] ?[\p{L}\p{N}-]{1,63}(?:(?: ?[[({<] ?(?:dot|punkt|punto|point|\.) ?[\])}>] ?| dot |\.)[\p{L}\p{N}-]{1,63}){1,6}/giu),
  },
  {
    type: 'email', needs: 'at', confidence: 0.7, validator: 'format',
    pattern: once(() => /[\p{L}\p{N}._+-]{1,64} at [\p{L}\p{N}-]{1,63} dot (?:com|org|net|edu|gov|info|io|dev|co|me|[a-z]{2})(?![\p{L}\p{N}])/giu),
    confirm: (value) => !/^(?:look|is|are|was|sign|the|us|them|it|find|found|located|hosted|available|visit|more|page|site|arrive|online|live) /i.test(value),
  },
];

const phone_value = String.raw`(?:\+|00)?\(?\d(?:[ .()/-]{0,3}\d){6,14}`;

const phone_rules: readonly PiiRule[] = [
  {
    type: 'phone', needs: 'digits', confidence: 0.9, validator: 'format',
    pattern: once(() => /(?<![\w.+])\+\d{1,3}(?:[ .\-/]{0,2}\(?\d{1,6}\)?){1,7}(?!\w)/g),
    confirm: (value) => within(digitsOf(value).length, 8, 15),
  },
  {
    type: 'phone', jurisdiction: 'US', needs: 'digits', confidence: 0.8, validator: 'format',
    pattern: once(() => /(?<![\w.,(-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?![\w-])/g),
    confirm: notNamedOtherwise,
  },
  { type: 'phone', jurisdiction: 'GB', needs: 'digits', confidence: 0.8, validator: 'format', pattern: once(() => /(?<![\w.,-])07\d{3} ?\d{3} ?\d{3}(?![\w-])/g), confirm: (value, before) => value.includes(' ') && notNamedOtherwise(value, before) },
  { type: 'phone', needs: 'digits', confidence: 0.7, validator: 'format', pattern: once(() => /(?<![\w.,+-])00[1-9]\d{0,2}(?:[ ./-]\d{2,8}){2,5}(?![\w-]|[. ]\d)/g), confirm: (value, before) => within(digitsOf(value).length, 10, 15) && notNamedOtherwise(value, before) },
  { type: 'phone', jurisdiction: 'NL', needs: 'digits', confidence: 0.7, validator: 'format', pattern: once(() => /(?<![\w.,+-]|\d )06[ -]\d{8}(?![\w-]|\.\d)/g), confirm: notNamedOtherwise },
  { type: 'phone', jurisdiction: 'DE', needs: 'digits', confidence: 0.7, validator: 'format', pattern: once(() => /(?<![\w.,-])01[5-7]\d{1,2}[ /-]\d{6,8}(?![\w-])/g), confirm: notNamedOtherwise },
  { type: 'phone', jurisdiction: 'AU', needs: 'digits', confidence: 0.8, validator: 'format', pattern: once(() => /(?<![\w.,-])(?:\(0[2378]\) ?\d{4}|04\d{2} \d{3}) ?\d{3,4}(?![\w-])/g), confirm: notNamedOtherwise },
  { type: 'phone', jurisdiction: 'FR', needs: 'digits', confidence: 0.8, validator: 'format', pattern: once(() => /(?<![\w.,-])0[1-9](?:[ .]\d{2}){4}(?![\w-]|\.\d)/g), confirm: notNamedOtherwise },
  // A trunk zero and two to four groups, all divided alike: many countries write so.
  { type: 'phone', needs: 'digits', confidence: 0.6, validator: 'format', pattern: once(() => /(?<![\w.,+-]|\d )(\(?0(?: \(?)?[1-9]\d{0,3}\)?([ -])\d{2,4}(?:\2\d{2,4}){1,3})(?![\w-]|[. ]\d)/g), confirm: (value, before) => within(digitsOf(value).length, 10, 11) && notNamedOtherwise(value, before) },
  {
    type: 'phone', needs: 'digits', hint: /fax|office|mobile|cell|home|work|desk/, confidence: 0.7, validator: 'context',
    pattern: once(() => new RegExp(String.raw`(?<![\p{L}\p{N}.,-])(${phone_value})[ -]\(?(?:fax|office|mobile|cell|home|work|desk)(?![\p{L}\p{N}])`, 'giu')), confirm: (value) => within(digitsOf(value).length, 7, 15),
  },
  labelled({
    type: 'phone', confidence: 0.8, validator: 'context', value: phone_value.replace('{6,14}', '{5,14}'),
    words: 'tele?phones?|phones?|tel|tlf|mobiles?|mob|cells?|cell ?phone|telefon|telefax|fax|handy|whatsapp(?: me)?(?: at| on)?|téléphone|tél|teléfono|telefono|telefone|móvil|movil|celular|rufnummer|mobilnummer|portable|desk|office|cellulare|telefoon|puhelin|телефон|тел|電話(?:番号)?は?|电话(?:号码)?是?|手机号?码?是?|手機(?:號碼)?是?|携帯(?:番号|電話)?は?',
  }),
  labelled({
    type: 'phone', confidence: 0.6, validator: 'context', value: phone_value,
    words: 'call(?: or text)?(?: me| us| him| her| them)?(?: at| on)?|ring(?: me)?|text(?: me)?(?: at)?|dial|reach(?: me| us| him| her)?(?: at| on)|ll[áa]m(?:a|e)(?:me|nos)|appelez(?:[ -]moi)?|ruf(?:en sie)? mich(?: an)?|erreichbar|chiamami|me ligue|my number|phone me|sms(?: to| an)?|contact|messages to|answering at|reached at|calls? (?:from|to)',
    confirm: (value) => !/(\d)\1{6}/.test(value) && (/[ .()/-]/.test(value) || /^[+0]/.test(value) || digitsOf(value).length === 10),
  }),
];

/** The word before says that this is the number of something else, or it is the end of a row of numbers. */
function notNamedOtherwise(value: string, before: string): boolean {
  return !(/^\d+ /.test(value) && /(?:^|[^\d+])\d{2,} $/.test(before)) && !/(?:order|ticket|invoice|tracking|parcel|case|ref(?:erence)?|isbn|sku|serial|part|model|version|id|lot|batch)\b[\s#:.=-]{0,4}(?:no|number|nr)?[\s#:.=-]{0,3}$/i.test(before);
}

const money_rules: readonly PiiRule[] = [
  {
    type: 'card', needs: 'digits', confidence: 0.95, validator: 'checksum',
    pattern: once(() => /(?<![\w.-])\d{3,4}(?:[ .-]?\d){8,16}(?![\w-]|\.\d)/g),
    // Ranges that cover much of all numbers count only when grouped like a card, or called one.
    confirm: (value, before) => {
      const digits = digitsOf(value);
      if (!passesCard(digits)) return false;
      if (/^(?:[34]|5[1-5]|2[2-7]|6[0245])/.test(digits) && digits.length !== 13) return !/\.\d*\./.test(value) || /^\d{4}(?:\.\d{4}){3}$/.test(value);
      return /^\d{4}[ -]\d{4}[ -]\d{4}/.test(value) || /card|karte|carte|tarjeta|maestro|visa|\bcc\b|\bpan\b|pay|卡/i.test(before);
    },
  },
  {
    type: 'iban', needs: 'digits', confidence: 0.98, validator: 'checksum',
    pattern: once(() => /(?<![\p{L}\p{N}])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/giu),
    confirm: (value, _before, after) => ibanEnd(value, after),
  },
  {
    type: 'card', needs: 'digits', confidence: 0.8, validator: 'checksum', pattern: once(() => /(?<![\w.-])\d(?: \d){12,18}(?! ?\d)/g),
    confirm: (value, before) => passesCard(digitsOf(value)) && /card|karte|carte|tarjeta|visa|\bcc\b|pay/i.test(before),
  },
  labelled({ type: 'card', confidence: 0.8, validator: 'checksum', value: String.raw`\d{4}(?:[ -]?\d){9,15}`, words: 'cards?|(?:credit|debit|bank)[ _-]?cards?|kreditkarte|carte bancaire|tarjeta|cc(?=[ _-]?n)', confirm: (value) => passesCalledCard(digitsOf(value)) }),
  labelled({ type: 'card', confidence: 0.7, validator: 'context', value: String.raw`\d{3,4}`, words: 'cvv2?|cvc2?|card verification' }),
  labelled({
    type: 'bank-account', jurisdiction: 'MX', confidence: 0.9, validator: 'checksum', value: String.raw`\d{18}`, words: 'clabe(?: interbancaria)?',
    confirm: (value) => weighted(value, [3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0,
  }),
  labelled({
    type: 'bank-account', confidence: 0.7, validator: 'context', value: String.raw`\d(?:[ .-]?\d){5,16}`,
    words: 'account|acct|bank account|checking account|savings account|konto(?:nummer| nr)?|blz|bankleitzahl|cuenta(?: bancaria)?|compte|conto|rekening(?:nummer)?',
    // Clouds call their tenants accounts.
    confirm: (_value, before) => !/(?:aws|gcp|azure|cloud|service|github) $/i.test(before),
  }),
  labelled({ type: 'bank-account', confidence: 0.8, validator: 'context', value: String.raw`\d{2}-?\d{2}-?\d{2}`, words: 'sort ?code' }),
  labelled({
    type: 'bank-account', jurisdiction: 'US', confidence: 0.9, validator: 'checksum', value: String.raw`\d{9}`, words: 'routing(?: transit)?|aba|rtn',
    confirm: (value) => weighted(value, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0,
  }),
];

// The pattern may have run into the next word: the country says how long an IBAN is.
function ibanEnd(value: string, after: string): number | boolean {
  const length = ibanLength(value.replaceAll(/[ -]/g, '').toUpperCase());
  if (length === 0) return false;
  let seen = 0;
  for (let index = 0; index < value.length; index += 1) {
    if (!/[ -]/.test(value.charAt(index))) seen += 1;
    if (seen === length) return /^[\p{L}\p{N}]/u.test(value.slice(index + 1) + (index + 1 === value.length ? after : '')) ? false : index + 1;
  }
  return false;
}

const octets = String.raw`(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}`;

const network_rules: readonly PiiRule[] = [
  {
    type: 'ip', needs: 'digit', hint: /\d\.\d/, confidence: 0.7, validator: 'format',
    pattern: once(() => new RegExp(String.raw`(?<![\w.])${octets}(?![\w.]*\d)(?!\w)`, 'g')),
    confirm: (value, before, after) => isPublicAddress(value) && !/^\/(?:[12]?\d|3[01])(?!\d)/.test(after) && !/(?:version|build|release|revision|rev|firmware|chapter|section|clause|oid|paragraph|appendix|figure|table|rule|step|item|upgrade|§|\bv|[-_/@]v?)[ :=.]{0,3}$/i.test(before),
  },
  labelled({
    type: 'ip', confidence: 0.7, validator: 'context', value: octets, words: '(?:(?:user|client|customer|visitor|employee|remote|source|src|caller|device)[ _-]?)?ip(?:[ _-]?addr(?:ess)?)?|x-forwarded-for|remote[ _-]?addr(?:ess)?',
    follows: String.raw`(?![\w.]*\d)`, confirm: (value) => !/^(?:127\.|0\.|255\.)/.test(value),
  }),
  {
    type: 'ip', needs: 'digit', hint: /:[0-9a-f]*:/, confidence: 0.8, validator: 'format',
    pattern: once(() => /(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:]|\.\d)/gi),
    // One digit at the least, and a group that no namespace or clock would have.
    confirm: (value, _before, after) => isIPv6(value) && !/^\/\d{1,2}(?!\d)/.test(after) && /[0-9a-f]{2}/i.test(value) && /\d/.test(value) && !/^(?:fe80:|ff0)/i.test(value),
  },
  labelled({ type: 'mac', confidence: 0.8, validator: 'context', value: String.raw`[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\2[0-9a-f]{2}){4}`, words: 'mac(?:[ _-]?addr(?:ess)?)?|hw[ _-]?addr|hardware address|ether|bssid|wi-?fi|bluetooth|device mac', confirm: (value) => !/^(?:00.?){5}00$|^(?:ff.?){5}ff$/i.test(value) }),
  {
    type: 'mac', needs: 'digit', hint: /[0-9a-f]{2}[:-][0-9a-f]{2}[:-]/, confidence: 0.6, validator: 'format',
    pattern: once(() => /(?<![\w:-])([0-9a-f][048c]([:-])[0-9a-f]{2}(?:\2[0-9a-f]{2}){4})(?![\w:-])/gi),
    // An address that a maker gave to a device: the two lowest bits of its first byte are zero (IEEE 802). All digits could be anything.
    confirm: (value) => /[a-f]/i.test(value) && /\d/.test(value),
  },
  labelled({ type: 'device-id', confidence: 0.9, validator: 'checksum', value: String.raw`\d{2}[ -]?\d{6}[ -]?\d{6}[ -]?\d`, words: 'imei', confirm: (value) => passesLuhn(digitsOf(value)) }),
  labelled({ type: 'device-id', confidence: 0.8, validator: 'context', value: String.raw`(?=(?:[ -]?[0-9A-F]){14})(?:[0-9A-F]{2}[ -]?[0-9A-F]{6}[ -]?[0-9A-F]{6}|\d{5}[ -]?\d{5}[ -]?\d{4}[ -]?\d{4}|\d{14,15})(?:[ -]?[0-9A-F])?`, words: 'meid|imsi|imei' }),
  labelled({ type: 'device-id', confidence: 0.8, validator: 'context', value: String.raw`89\d{17,18}`, words: 'iccid|sim' }),
];

function isPublicAddress(found: string): boolean {
  const [a = 256, b = 256] = found.split('.').map(Number);
  if (a === 0 || a === 10 || a === 127 || a >= 224 || (a === 169 && b === 254)) return false;
  return !(a === 192 && b === 168) && !(a === 172 && within(b, 16, 31));
}

const month = String.raw`\p{L}{3,10}\.?`;
const date = String.raw`(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]{1,2}\d{1,2}[-/. ]{1,2}(?:\d{4}|\d{2})|\d{1,2}(?:st|nd|rd|th|er)?[-. ]{1,2}(?:de |of )?${month}[-, ]{1,2}(?:de |del )?\d{2,4}|${month} \d{1,2}(?:st|nd|rd|th)?,? \d{4}|(?:19|20)\d{6}|\d{4}年\d{1,2}月\d{1,2}日?)`;

const life_rules: readonly PiiRule[] = [
  labelled({
    type: 'birth-date', confidence: 0.9, validator: 'context', value: date,
    words: String.raw`dob|d\.o\.b\.?|date[ _-]?of[ _-]?birth|birth[ _-]?da(?:te|y)|bday|b-day|born|geb(?:oren)?\.?|geburtsdatum|geburtstag|née?|date[ _]de[ _]naissance|fecha[ _]de[ _]nacimiento|nacid[oa]|nat[oa](?= il)|data[ _]di[ _]nascita|data[ _]de[ _]nascimento|nascid[oa]|geboortedatum|geboren|födelsedatum|född|syntymäaika|data urodzenia|дата рождения|出生日期|生年月日|생년월일`,
  }),
  labelled({
    type: 'location', confidence: 0.8, validator: 'context', value: String.raw`-?\d{1,3}\.\d{3,12}`, words: 'lat(?:itude)?|lon(?:g(?:itude)?)?|lng',
  }),
  labelled({
    type: 'location', confidence: 0.8, validator: 'context', value: String.raw`-?\d{1,2}\.\d{3,12}[,;/ ]{1,3}-?\d{1,3}\.\d{3,12}`, words: 'gps|geo|coordinates?|coords|location|position|seen at|standort|latlng',
  }),
  { type: 'location', needs: 'digits', confidence: 0.6, validator: 'format', pattern: once(() => /(?<![\w.])-?[1-8]?\d\.\d{5,12}, ?-?1?\d{1,2}\.\d{5,12}(?![\w.])/g), confirm: (value, before, after) => !/\d[,;]? ?$/.test(before) && !/^[,;]? ?-?\d/.test(after) && !isNearNought(value) },
  labelled({
    type: 'medical-record', confidence: 0.8, validator: 'context', value: String.raw`(?=(?:[A-Z -]{0,5}\d){4})[A-Z0-9]{1,14}(?:-[A-Z0-9]{1,8}){0,4}`,
    words: 'mrn|medical[ _-]?record|patient(?:[ _-]?(?=id|n|#))|health[ _-]?(?:insurance|card|plan)|insurance[ _-]?(?:member|policy)?(?: ?id)?(?=[ _:#n-])|member(?=[ _-]?id)|medicare(?: beneficiary)?|versicherten(?:nummer)?|krankenversicherung(?:snummer)?',
  }),
];

// Within a degree of where the equator meets the meridian of Greenwich there is only sea; weights and probabilities lie there.
function isNearNought(pair: string): boolean {
  return pair.split(',').every((part) => Math.abs(Number(part)) < 1);
}

/** Everything of this file. */
export const general_rules: readonly PiiRule[] = [...email_rules, ...phone_rules, ...money_rules, ...network_rules, ...life_rules];
