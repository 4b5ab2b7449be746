/**
 * Numbers that states give to people. A number is found by itself where its
 * grouping is its own and its check digits agree. After its name it is found in
 * any grouping, and also where the check digits disagree, with less confidence:
 * somebody has mistyped a real one.
 */
import { european_numbers } from './pii-numbers-europe.ts';
import { world_numbers } from './pii-numbers-world.ts';
import { charactersOf, digitsOf, inAnyCase, labelled, once, type NationalNumber, type PiiRule } from './pii-rules.ts';

/** A number of six digits or more, in groups, with letters among them. */
const any_number = String.raw`(?=(?:[A-Z ./·-]{0,4}\d){6})(?:[A-Z]{1,4}[ .-]?)?\d[A-Z0-9]{0,19}(?:[ ./·-](?=[A-Z]{0,3}\d)[A-Z0-9]{1,14}){0,6}(?:[-/]?\p{L}{1,2}(?![\p{L}\p{N}]))?(?:[([][A-Z0-9][)\]])?`;
/** What a number is of that belongs to a person. */
const of_person = 'national|personal|citizen(?:ship)?|civil(?: registration)?|individual|birth|residen(?:t|ce|cy)|foreigner|identity|social(?: security| insurance)?|health(?: insurance)?|pension|pupil|student|voter|taxpayer';
/** What has numbers too, and is no person. */
const things = 'product|vehicle|company|corporate|business|employer|device|serial|part|order|ticket|item|equipment|batch|lot|case|invoice|transaction|session|request|message|event|process|thread|asset|shipment|tracking|parcel|store|branch|trace|user|object|record|row|build|job|task|test|room|meter|chassis|engine|organi[sz]ation|enterprise|manufacturer|publisher|author|book|standard|name|file|document|security|instrument|legal|entity|bank|merchant';

/** Documents whose numbers have no form of their own, so that only the word before tells. */
const documents: readonly PiiRule[] = [
  { type: 'passport', needs: 'capital', confidence: 0.95, validator: 'format', pattern: once(() => /(?<![A-Z0-9<])[PIAC][A-Z<][A-Z]{3}(?=[A-Z<]{1,38}<<)[A-Z<]{25,39}/g) },
  labelled({ type: 'passport', confidence: 0.85, validator: 'context', words: 'passport|reisepass|pass(?=-?(?:nummer|nr))|pasaporte|passeport|passaporto|paspoort|паспорт|护照号?|パスポート', value: String.raw`(?=(?:[A-Z]{0,4}\d){4})[A-Z0-9]{6,10}|(?=[A-Z]{1,8}\d)[CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8}|[A-Z]{1,2}[ -]\d{6,9}|\d{2} ?\d{2} \d{6}` }),
  labelled({
    type: 'driving-licence', confidence: 0.8, validator: 'context', value: String.raw`(?=(?:[A-Z-]{0,6}\d){4})[A-Z0-9]{1,17}(?:-[A-Z0-9]{1,6}){0,5}(?: [A-Z0-9]{2,4}(?![\p{L}]))?`,
    words: String.raw`driv(?:er'?s?|ing)[ _-]?licen[cs]e|dl(?=[ #:n])|f[üu]hrerschein|permis de conduire|licencia de conducir|permiso de conducir|patente di guida|rijbewijs`,
  }),
  labelled({
    type: 'vehicle', confidence: 0.7, validator: 'context', value: String.raw`(?=(?:[A-Z ·-]{0,8}\d){2})[A-Z0-9]{1,10}(?:[ ·-][A-Z0-9]{1,6}){0,3}|[A-HJ-NPR-Z0-9]{17}`,
    words: String.raw`(?:licen[cs]e|number|registration|vehicle)[ _-]?plates?|vehicle[ _-]?(?:registration|identification)|vin|(?:auto)?kennzeichen|plaque d['’]immatriculation|matr[íi]cula|kenteken`,
  }),
  labelled({
    type: 'national-id', confidence: 0.7, validator: 'context', value: any_number, words: [
      String.raw`(?:${of_person})(?<!(?:${things})[ _-](?:${of_person}))(?:[ _-](?:${of_person}|tax|virtual|identification|registration|registry|insurance|security))*(?=[ _.-]{0,2}(?:numbers?|num|no|nr|n°|nº|code|id|identifier|card|pin)(?![\p{L}]))`,
      String.raw`identification(?:(?<!\p{L}[ _-]identification)|(?<=(?:my|his|her|their|your) identification))(?=[ _.-]{0,2}(?:numbers?|no|nr|n°|nº|code|id|card)(?![\p{L}]))|(?:my|his|her|their|your|identity|government|refugee|foreign|turkish|chinese|korean|indian|thai|italian|spanish|german|french|polish)[ _](?=id(?![\p{L}]))|id(?<!(?:${things})[ _-]id)[ _-]?(?=(?:number|card|no|nr|nº|document)(?![\p{L}]))|permanent resident|green card`,
      'documento (?:nacional )?de identidad|(?:n[úu]mero|c[ée]dula|tarjeta|carn[ée]|c[óo]digo|clave) (?:[úu]nic[oa] )?de (?:identificaci[óo]n|identidad|identifica[çc][ãa]o|contribuyente|registro)(?: (?:personal|nacional|fiscal|tributaria))?|carte d[\'’]identité|carta d[\'’]identità|num[ée]ro d[\'’](?:identification|identité)|identifikationsnummer|identifikační číslo|numer identyfikacyjny|identiteitsnummer',
      'личный номер|идентификационный номер|удостоверение личности|رقم (?:الهوية|البطاقة)|เลขประจำตัว|身份證|身分證|주민번호',
    ].join('|'),
  }),
  labelled({
    type: 'tax-id', confidence: 0.7, validator: 'context', value: any_number, words: [
      String.raw`(?:tax(?:payer)?|fiscal)(?:[ _-](?:payer|identification|registration|registry|reference|identity))*(?=[ _.-]{0,2}(?:numbers?|num|no|nr|n°|nº|id|identifier)(?![\p{L}]))`,
      '(?:identificaci[óo]n|c[óo]digo|clave|n[úu]mero) (?:de identificaci[óo]n )?(?:fiscal|tributaria|laboral)|registro (?:federal|[úu]nico|nacional) (?:de|del) (?:contribuyentes?|informaci[óo]n fiscal)|num[ée]ro (?:d[\'’](?:identification|immatriculation) )?fiscale?|identifica[çc][ãa]o fiscal|número de contribuinte|adónumero|αριθμός φορολογικού μητρώου|налоговый номер|الرقم الضريبي|nomor pokok wajib pajak|เลขประจำตัวผู้เสียภาษี',
    ].join('|'),
  }),
  {
    // The number first: "A1234567 is my passport".
    type: 'national-id', needs: 'digits', hint: / (?:is|es|est|ist|é|è|was) /, confidence: 0.7, validator: 'context',
    pattern: once(() => inAnyCase(String.raw`(?<![\p{L}\p{N}.-])(${any_number})(?: ?[)"']?) (?:is|es|est|ist|é|è|was) (?:(?:my|his|her|their|our|your|the|a|mi|su|meine?|ihre?|seine?|mon|ma|son|sa|il mio|la mia|o meu|a minha|customer'?s?|patient'?s?|client'?s?|employee'?s?|user'?s?|n[úu]mero de|num[ée]ro de|nummer|number of|valid|actual|new|old|full|own) ?){1,4}(?:passport|pasaporte|passeport|reisepass|passaporto|ssn|social (?:security|insurance)|national (?:id|insurance|identity)|id(?:entity)? (?:number|card|no)|tax(?:payer)? (?:id|number)|driv(?:er'?s?|ing) licen[cs]e|nhs|dni|nie|curp|rfc|cpf|pesel|bsn|aadhaar|pan(?: card)?|personnummer|steuer|ausweis|phone|mobile|cell|tel[ée]fono|account|card number|medicare|insurance)(?![\p{L}])`)),
  },
];

function rulesOf(number: NationalNumber): PiiRule[] {
  const { type, country, words, value, own, check: passes, strict = false } = number;
  const common = { type, jurisdiction: country };
  const after_name = passes === undefined
    ? [labelled({ ...common, words, value, confidence: 0.8, validator: 'context' })]
    : [labelled({ ...common, words, value, confidence: 0.98, validator: 'checksum', confirm: (found) => passes(charactersOf(found)) }), ...(strict ? [] : [labelled({ ...common, words, value, confidence: 0.5, validator: 'context' })])];
  if (own === undefined) return after_name;
  const alone: PiiRule = {
    ...common, needs: 'digits', hint: new RegExp(own.toLowerCase()), confidence: passes === undefined ? 0.7 : 0.9, validator: passes === undefined ? 'format' : 'checksum',
    // In groups it must not be part of a longer row of groups.
    pattern: once(() => inAnyCase(own.includes(' ') || own.includes('[ -]') ? String.raw`(?<![\p{L}\p{N}.-]|\d )(?:${own})(?![\p{L}\p{N}]|[ .-]\d)` : String.raw`(?<![\p{L}\p{N}.-])(?:${own})(?![\p{L}\p{N}]|[.-]\d)`)),
    // A row of one digit passes most checks.
    confirm: (found) => !/(\d)\1{8}/.test(digitsOf(found)) && (passes === undefined || passes(charactersOf(found))),
  };
  return [...after_name, alone];
}

/** The numbers of all countries, then what is called a number of a person in general. */
export const national_rules: readonly PiiRule[] = [...european_numbers.flatMap(rulesOf), ...world_numbers.flatMap(rulesOf), ...documents];
