/**
 * Names and postal addresses where the words around them give them away. A name
 * in free prose without such words is not found: that takes a recogniser of
 * named entities, for which `findPii` has a place.
 */
import { labelled, once, type PiiRule } from './pii-rules.ts';

/** Given names that are common somewhere and hardly ever another word at the head of a phrase. */
const given_names: ReadonlySet<string> = new Set(('Adam Ahmed Alan Albert Alejandro Alex Alexander Ali Alice Alicia Amanda Amir Amy Ana Andrea Andreas Andrew Angela Anita Anna Anne Anthony Antonio Arjun Arthur Barbara Beatriz Ben Benjamin Brandon Brian Bruno '
  + 'Camille Carl Carla Carlos Carmen Carol Caroline Catherine Charles Chen Chloe Chris Christian Christina Christine Christopher Claire Claudia Cynthia Daniel Daniela David Deborah Dennis Diana Diego Dmitri Donald Donna Dorothy Edward Elena Elizabeth Emily Emma Eric Erika Eva Fatima Felix Fernando '
  + 'Francisco Francois Frank Gabriel Gary George Giovanni Giulia Gregory Hannah Hans Hassan Heather Helen Helena Henry Hiroshi Ibrahim Igor Ines Ingrid Irene Isabel Isabella Ivan Jack Jacob James Jan Jana Jane Janet Jason Javier Jean Jeff Jennifer Jessica Joao Johan John Jonas Jonathan Jorge Jose Joseph Joshua Juan Judith Julia Julian Karen Karl '
  + 'Katarzyna Kate Katherine Kathleen Kelly Kevin Kimberly Klaus Kumar Laura Lauren Leila Leo Liam Linda Lisa Lucas Lucia Luigi Luis Lukas Manuel Marco Marcus Margaret Maria Marie Mario Marta Martin Mary Matteo Matthew Maya Mei Melissa Michael Michelle Miguel Mohammed Mohamed Monica Muhammad Nadia Nancy Natalia Natalie Nicholas Nicole Nikolai Nina Noah '
  + 'Olga Oliver Olivia Omar Oscar Pablo Pamela Patricia Patrick Paul Paula Pedro Peter Philip Pierre Piotr Priya Rachel Rafael Rahul Raj Ravi Rebecca Ricardo Richard Robert Roberto Roger Ronald Ryan Samantha Samuel Sandra Sara Sarah Scott Sergei Sharon Simon Sofia Sophia Sophie Stefan Stephanie Stephen Steven Susan Sven Tanja Teresa Thomas Tim Timothy Tom Victor Vladimir Walter Wei William Yuki Yusuf Zoe')
  .split(' '));

/** Words at the head of a phrase that name no person. */
const no_names = /(?:^|[ -])(?:Account|Admin|Advisor|Agent|Analytics|Anonymous|App|Application|Area|Authority|Award|Bank|Base|Board|Book|Boolean|Business|Call|Card|Care|Case|Center|Centre|Chair|Chairman|Chief|City|Class|Cloud|Club|Code|College|Committee|Company|Conference|Config|Control|Corp|Council|Course|Data|Database|Day|Deck|Default|Department|Design|Desk|Development|Director|Division|Edition|Engineer|Engineering|Error|Event|Experience|Feedback|File|Form|Foundation|Gateway|Group|Guide|Handbook|Health|Help|History|Hospital|House|Id|Inc|Index|Information|Institute|Integer|Interface|Island|Journey|Key|Lab|Law|League|Library|License|Lifetime|Limited|Line|List|Manager|Management|Map|Market|Marketing|Martens|Men|Minister|Ministry|Mode|Model|Module|Name|Network|News|None|Null|Number|Office|Officer|Online|Open|Optional|Page|Park|Password|Pepper|Plan|Platform|Policy|Portal|President|Product|Professor|Profile|Program|Project|Pro|Queue|Record|Records|Relations|Rendering|Report|Request|Required|Research|Review|Rights|Role|Safety|Sales|School|Science|Security|Server|Service|Services|Side|Site|Society|Software|Speaker|Standard|Strange|Status|Store|Story|Street|String|Success|Support|System|Systems|Table|Team|Technology|Template|Test|The|Time|Training|Type|Unit|University|Unknown|User|Value|Version|Week|Who|World|Year|Zone)(?:s)?(?=$|[ -])/;

const word = String.raw`\p{Lu}(?:[\p{L}\p{M}]|['’-](?=\p{L})){0,30}`;
const full = String.raw`${word}(?: (?:\p{Lu}\. |van |von |de |del |della |di |da |dos |al |bin |el |la |le ){0,3}${word}){1,3}`;
const begin = String.raw`(?<![\p{L}\p{N}])`;

/** A pattern, with its hint, in which only the name's capitals matter: `words` are lower case, and each may begin with a capital or be in capitals. */
function before(words: string, name: string): Pick<PiiRule, 'pattern' | 'hint'> {
  const spelled = words.replaceAll(/(?<![\\\p{L}])\p{Ll}/gu, (letter) => `[${letter}${letter.toUpperCase()}]`);
  return { hint: new RegExp(words), pattern: once(() => new RegExp(`${begin}(?:${spelled})(${name})(?![\\p{L}\\p{M}])`, 'gu')) };
}

const isGivenName = (name = ''): boolean => given_names.has(name.charAt(0) + name.slice(1).toLowerCase());
/** In capitals alone only what begins like a name: headings and acronyms stand in capitals too. */
const isPerson = (value: string): boolean => !no_names.test(value) && (!/^\p{Lu}+$/u.test(value.replaceAll(' ', '')) || (value.includes(' ') && isGivenName(value.split(' ')[0])));
const hasGivenName = (value: string): boolean => isGivenName(value.split(' ')[0]) && isPerson(value);
/** `Meier, Klaus`. */
const isTurnedName = (value: string): boolean => isGivenName(value.split(', ')[1]?.split(/[ -]/)[0]) && isPerson(value);

type Bare = Pick<PiiRule, 'pattern' | 'hint' | 'confirm' | 'confidence'>;

const names: readonly Bare[] = [
  { ...before(String.raw`(?:my|full|legal|patient|customer|client|employee|user|contact|applicant|recipient|cardholder|account holder|beneficiary|passenger|tenant|student|maiden|first|last|middle|given|family|PATIENT|CUSTOMER|FULL|LAST|FIRST)[ _-]?(?:name|NAME)'?s?["']?(?:(?: is|:| -| ?=){1,2}["' ]{0,4}|["' ]{1,4})`, String.raw`${word}(?: ${word}){0,3}`), confirm: isPerson, confidence: 0.8 },
  { ...before(String.raw`(?:surname|lastname|firstname|fullname|vorname|nachname|apellidos?|nombre(?: completo)?|nome completo|nom complet|nazwisko|imię(?: i nazwisko)?|фамилия|имя|отчество|фио|cognome|prénom|nom de famille)[ "']{0,2}[:=]? ["' ]{0,3}`, String.raw`${word}(?: ${word}){0,3}`), confirm: isPerson, confidence: 0.8 },
  { ...before(String.raw`(?:name|NAME|nom|naam|имя)"?(?: is|[:=]) ["']?`, full), confirm: isPerson, confidence: 0.7 },
  { ...before(String.raw`(?:name|nom|naam|patient|customer|client|employee|passenger)"?(?: is|[:=]) ?["']?`, String.raw`${word}, ${word}`), confirm: isTurnedName, confidence: 0.7 },
  { ...before(String.raw`(?:mr|mrs|ms|mx|miss|dr|prof|herr|frau|mme|monsieur|madame|señora?|sra?|signora?|sig|don|doña|dhr|mevr)\.? (?:dr\. |prof\. )?`, String.raw`\p{Lu}(?:[\p{L}\p{M}]|['’-](?=\p{L})){1,30}(?: ${word}){0,2}`), confirm: isPerson, confidence: 0.7 },
  { ...before(String.raw`(?:i am|i['’]m|ich bin|ich heiße|je m['’]appelle|je suis|me llamo|mi chiamo|meine? name ist|mein name ist|mi nombre es|me chamo|jag heter) `, full), confirm: isPerson, confidence: 0.7 },
  { ...before(String.raw`(?:patient|customer|client|employee|applicant|tenant|passenger|cardholder|candidate|subscriber|recipient|victim|defendant|plaintiff|insured|policyholder|beneficiary|guest|contact(?: person)?|member|resident|attn|kunde|patientin|cliente)(?::|=| -) ?`, full), confirm: isPerson, confidence: 0.7 },
  { ...before(String.raw`(?:patient|customer|client|employee|user|applicant|tenant|student|passenger|cardholder|candidate|subscriber|recipient|victim|defendant|plaintiff|guest|contact|member|resident|colleague|named|called|this is|by|for|from|with|to|of|dear|hello|hi),? `, full), confirm: hasGivenName, confidence: 0.6 },
  { ...before(String.raw`(?:regards|sincerely|signed|cheers|yours|thanks|grüßen|cordialement|saludos)(?:[,:]\s{1,3}| ?\n\s{0,3})`, full), confirm: isPerson, confidence: 0.6 },
  { pattern: once(() => new RegExp(String.raw`${begin}(${full})(?=,? (?:lives|lived|was born|earns|works|worked|resides|aged|\(?\d{1,2} ?y|is \d{1,3} years|has been diagnosed|was diagnosed|suffers|called|wrote|asked|complained)|['’]s (?:e-?mail|phone|number|salary|address|medical|account|diagnosis|date|birthday|passport|record))`, 'gu')), confirm: hasGivenName, confidence: 0.7 },
];

const streets = 'Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Way|Terrace|Place|Pl|Square|Sq|Close|Crescent|Parkway|Pkwy|Highway|Hwy|Circle|Trail|Row|Gardens|Mews|Grove|Walk|Broadway';
const states = 'A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]';

const addresses: readonly Bare[] = [
  {
    hint: new RegExp(streets.toLowerCase()),
    pattern: once(() => new RegExp(String.raw`(?<![\p{L}\p{N}.#-])\d{1,5}[A-Za-z]?,? (?:(?:[NSEW]|North|South|East|West)\.? )?(?:(?:\p{Lu}[\p{L}'’.]{1,30}|\d{1,3}(?:st|nd|rd|th)) ){1,4}(?:${streets})(?![\p{L}\p{N}])`, 'gu')),
    confirm: (value, preceding) => !(/^(?:19|20)\d\d /.test(value) && /(?:in|since|of|by|the) $/i.test(preceding)) && !/^\d+ (?:Internal|Angry)/.test(value), confidence: 0.8,
  },
  { hint: /str(?:a(?:ße|sse|at)|\.)|weg|allee|platz|gasse|ring|damm|ufer|chaussee|gata|vägen|laan|gracht|kade|plein|singel|dreef|steeg|dijk|gade|vej/, pattern: once(() => new RegExp(String.raw`${begin}(?:An der |Am |Alte |Neue )?\p{Lu}[\p{L}-]{1,30}(?:straße|strasse|str\.|weg|allee|platz|gasse|ring|damm|ufer|chaussee|straat|gatan|vägen|gata|laan|gracht|kade|plein|singel|dreef|steeg|dijk|gade|vej) ?\d{1,4} ?[a-z]?(?![\p{L}\p{N}])`, 'gu')), confidence: 0.8 },
  { hint: /rue|avenue|boulevard|place|chemin|allée|impasse|quai|cours|route/, pattern: once(() => new RegExp(String.raw`${begin}\d{1,4}(?: ?bis| ?ter)?,? (?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Pp]lace|[Cc]hemin|[Aa]llée|[Ii]mpasse|[Qq]uai|[Cc]ours|[Rr]oute) (?:(?:de|du|des|la|le) |[ld]['’]){0,3}\p{Lu}[\p{L}-]{1,30}`, 'gu')), confidence: 0.8 },
  { hint: /calle|avenida|avda|av\.|plaza|paseo|carrer|via|piazza|corso|rua|alameda|travessa|ul\.|ulica|улица|ул\.|проспект|пр\./, pattern: once(() => new RegExp(String.raw`${begin}(?:Calle|Avenida|Avda\.?|Av\.|Plaza|Paseo|Carrer|Via|Viale|Piazza|Corso|Rua|Alameda|Travessa|Ulica|ul\.|улица|ул\.|проспект|пр\.) (?:(?:de|del|la|las|los|di|della|dei|da|do) ){0,3}\p{Lu}\p{L}{1,30}(?: \p{Lu}\p{L}{1,30}){0,2},? (?:n[º°.] ?|д\. ?|дом )?\d{1,4}(?!\d)`, 'gu')), confidence: 0.8 },
  // Prefecture and town, road and house, city and road: Japan, China and Korea write from the large to the small. 〒 stands before a Japanese postal code.
  { hint: /〒|[都道府県市区町村郡路街巷弄省시군구]/, pattern: once(() => /〒 ?\d{3}-?\d{4}(?!\d)|\p{Script=Han}{1,3}[都道府県][\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]{1,12}[市区町村郡][\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]{0,16}\d{1,4}(?:[-−丁番]\d{1,4}){0,3}|\p{Script=Han}{2,12}(?:路|街|大道|巷|弄)\d{1,5}[号號弄]|[가-힣]{1,8}[시군구] [가-힣\d]{1,12}[로길] ?\d{1,4}(?:-\d{1,4})?(?!\d)/gu), confidence: 0.7 },
  { pattern: once(() => /(?<![\p{L}\p{N}])P\.? ?O\.? Box \d{1,6}(?!\d)/giu), confidence: 0.8 },
  { pattern: once(() => new RegExp(String.raw`,? (?:${states}),? \d{5}(?:-\d{4})?(?![\p{L}\p{N}])`, 'gu')), confidence: 0.7 },
  // Belgium and Finland write the number behind the street: what makes it an address is the postal code.
  { hint: /rue|avenue|boulevard|chaussée|katu|tie|kuja|polku/, pattern: once(() => new RegExp(String.raw`${begin}(?:(?:Rue|Avenue|Boulevard|Chaussée|Place) (?:(?:de|du|des|la|le) |[ld]['’]){0,3}\p{Lu}[\p{L}-]{1,30}(?: \p{Lu}[\p{L}-]{1,30}){0,2}|\p{Lu}[\p{L}-]{2,30}(?:katu|tie|kuja|polku)) \d{1,4} ?[A-Za-z]?,? \d{4,5} \p{Lu}`, 'gu')), confidence: 0.8 },
  // Flat and building, and what lies around.
  { hint: /flat|house|villa|door|plot/, pattern: once(() => new RegExp(String.raw`${begin}(?:(?:Flat|Villa|Door|House No\.?|Plot No\.?)(?: No\.?)?) ?[A-Z]?-?\d{1,5}[A-Z]?(?:,? \p{Lu}[\p{L}\d]{1,30}(?: \p{Lu}?[\p{L}\d]{1,30}){0,4}){0,1}(?:, \p{Lu}[\p{L}\d]{1,30}(?: [\p{L}\d]{1,30}){0,4}){1,4}`, 'gu')), confidence: 0.7 },
  // A number, a street of any language, and the part of the house.
  { hint: /(?:apt|apartment|suite|ste|unit|flat)\b/, pattern: once(() => new RegExp(String.raw`(?<![\p{L}\p{N}.#-])\d{1,6}[A-Za-z]? [\p{L}\p{M}][^\n,]{1,48}(?:,|,?\n)? {0,4}(?:Apt|Apartment|Suite|Ste|Unit|Flat)\.? ?#?\d{1,5}[A-Za-z]?(?![\p{L}\p{N}])`, 'gu')), confidence: 0.7 },
  { hint: /psc|cmr|[afd]po/, pattern: once(() => /(?<![\p{L}\p{N}])(?:(?:PSC|CMR|Unit) \d{1,5},? Box \d{1,5}|[AFD]PO,? A[AEP](?: \d{5})?)(?!\d)/gu), confidence: 0.8 },
  // Canada Post's form; D, F, I, O, Q and U are never in it.
  { pattern: once(() => /(?<![\p{L}\p{N}-])[ABCEGHJ-NPR-TVXY]\d[A-CEGHJ-NPR-TV-Z] \d[A-CEGHJ-NPR-TV-Z]\d(?![\p{L}\p{N}])/gu), confidence: 0.6 },
  // Royal Mail's form; the second half never has C, I, K, M, O or V.
  { pattern: once(() => /(?<![\p{L}\p{N}-])[A-PR-UWYZ](?:[A-HK-Y]?\d{1,2}|[A-HK-Y]?\d[A-HJKPS-Y]) \d[ABD-HJLNP-UW-Z]{2}(?![\p{L}\p{N}])/gu), confidence: 0.6 },
];

const labelled_addresses: readonly PiiRule[] = [labelled({
  type: 'address', confidence: 0.7, validator: 'context', value: String.raw`\d{1,6}[A-Z]?,? \p{L}{2,30}(?: \p{L}{2,30}){0,3}|\p{L}{2,30}(?: \p{L}{2,30}){0,3} \d{1,4}[A-Z]?`,
  words: '(?:home|street|postal|shipping|billing|mailing|residential|delivery|my)[ _-]address|anschrift|adresse|wohnhaft|domicilio|dirección|indirizzo|street(?=["\':=])|live at|lives at|lived at|living at|reside at|resides at|residing at|i moved to',
}), labelled({
  type: 'address', confidence: 0.6, validator: 'context', value: String.raw`\d{5}(?:-\d{4})?|\d{4} ?[A-Z]{2}|\d{6}|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}`,
  words: 'zip[ _-]?code|postal[ _-]?code|postcode|post code|postleitzahl|plz|código postal|code postal',
})];

function ruleOf(type: string, needs: PiiRule['needs'], validator: PiiRule['validator']): (bare: Bare) => PiiRule {
  return (bare) => ({ type, needs, validator, ...bare });
}

/** Names in scripts without capitals, behind a label and a colon; what forms and instructions put there is none. */
const uncased_names: readonly PiiRule[] = [{
  type: 'name', needs: 'uncased', hint: /姓名|氏名|名前|이름|성명|성함|اسم/, confidence: 0.7, validator: 'context',
  pattern: once(() => /(?:姓名|氏名|名前|이름|성명|성함|(?:ال)?اسم(?: الكامل)?) ?[:：] ?([\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]{2,10}(?:[ 　・·][\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]{1,10})?|[가-힣]{2,5}|[\u0621-\u064a]{2,16}(?: [\u0621-\u064a]{2,16}){1,3})(?![\p{L}])/gu),
  confirm: (value) => !/[请輸输必填入力]|字符|文字|필수|입력|없음|مطلوب/.test(value),
}];

/** Everything of this file. */
export const people_rules: readonly PiiRule[] = [
  ...names.map(ruleOf('name', 'capital', 'context')), ...addresses.map(ruleOf('address', 'digit', 'format')), ...labelled_addresses, ...uncased_names,
];
