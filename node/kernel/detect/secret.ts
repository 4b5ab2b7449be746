/**
 * Secrets in text: what vendors mark as such by a prefix and a length, private
 * keys, tokens, passwords in addresses, and values that are assigned to a name
 * such as `password` and do not look like a placeholder.
 */
import { crc32 } from 'node:zlib';
import { matchesOf, withoutOverlaps, type Finding, type Validator } from './finding.ts';
import { readingOf } from './reading.ts';
import type { PayloadText } from './payload.ts';
import { marked_secrets } from './secret-formats.ts';
import { isPlaceholder, looksChosen, looksDrawn } from './secret-value.ts';

/** Length of a name that is looked at. */
const name_characters_max = 64;

interface SecretRule {
  readonly type: string;
  /** What a text with a match contains, to skip the pattern where it is missing. */
  readonly hint?: string | RegExp;
  /** Every quantifier is bounded or walks over what cannot begin a match. The secret is the first group where there is one. */
  readonly pattern: RegExp;
  readonly confirm?: (value: string, match: RegExpExecArray) => boolean;
  readonly confidence: number;
  readonly validator: Validator;
}

// Tokens of these begin with `ghp_` or `npm_` and end with a base-62 CRC-32 of what is between.
function hasTokenChecksum(token: string): boolean {
  const body = /^(?:gh[pousr]|npm)_(\w{30})(\w{6})$/.exec(token);
  if (body === null) return false;
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let sum = 0;
  for (let index = 0; index < 6; index += 1) sum = sum * 62 + digits.indexOf(body[2]?.charAt(index) ?? '');
  return sum === crc32(body[1] ?? '');
}

const vendor_rules: readonly SecretRule[] = marked_secrets.map(([type, hint, source]) => ({
  type, hint, pattern: new RegExp(`(?<![0-9A-Za-z_])(?:${source})(?![0-9A-Za-z_])`, 'g'), confidence: 0.95, validator: 'format', confirm: (value) => /[0-9A-Z]/.test(value.slice(5)) && !/(.)\1{7}/.test(value),
}));

const names = String.raw`pass(?:word|wd|phrase|code)?|pwd|pw|psk|secret|api[ _.-]?key|api[ _.-]?secret|auth[ _.-]?token|access[ _.-]?token|refresh[ _.-]?token|bearer[ _.-]?token|token|client[ _.-]?secret|secret[ _.-]?(?:access[ _.-]?)?key|private[ _.-]?key|encryption[ _.-]?key|signing[ _.-]?(?:key|secret)|master[ _.-]?key|access[ _.-]?key|account[ _.-]?key|shared[ _.-]?access[ _.-]?key|auth[ _.-]?key|service[ _.-]?key|session[ _.-]?key|credentials?|(?:hmac|aes|crypto|cipher)[ _.-]?key|kennwort|passwort|contrase[ñn]a|clave|mot de passe|senha|hasło|пароль|密码|パスワード`;

/** What stands between a name and its value in a sentence. */
const is = 'is|set to|changed to|reset to|ist|lautet|es|est|è|é|är|jest|wynosi';

/** The name that ends with what was matched first, such as `x-service-key`. */
function nameOf(match: RegExpExecArray, ending: number): string {
  return /[\w.-]*$/.exec(match.input.slice(Math.max(0, match.index - name_characters_max), match.index + ending))?.[0] ?? '';
}

/** Services whose accounts are opened with a value that chance made. */
const services = 'adafruit|adobe|airtable|algolia|alibaba|asana|atlassian|auth0|beamer|bitbucket|bittrex|clickup|cloudflare|codecov|cohere|coinbase|confluent|contentful|databricks|datadog|deepgram|deepseek|digitalocean|discord|docusign|doppler|drone(?:ci)?|dropbox|dynatrace|elevenlabs|etsy|facebook|fastly|figma|finicity|finnhub|firebase|flickr|freshbooks|gitter|gocardless|grafana|groq|heroku|hubspot|huggingface|intercom|jfrog|kraken|kucoin|launchdarkly|linear|linkedin|looker|mailchimp|mailgun|mailjet|mapbox|mattermost|messagebird|mistral|netlify|new[_-]?relic|notion|nytimes|okta|openai|openweather|pagerduty|pinecone|plaid|postmark|pusher|rapidapi|rollbar|sendbird|sendgrid|sendinblue|sentry|shippo|shopify|snyk|sonar(?:qube|cloud)?|spotify|square(?:space)?|strava|stripe|sumo(?:logic)?|telegram|travis|trello|twilio|twitch|twitter|typeform|unsplash|vercel|vonage|wakatime|xero|yandex|yelp|zendesk|zoom';
/** What the name of a setting ends with that opens nothing. */
const no_secrets = 'version|[_.-]id|url|uri|host|name|model|region|org|project|endpoint|bucket|path|image|sha|commit|hash|digest|date|time|zone|channel|integrity|resolved|checksum|public[_.-]?key';
/** Keys that name data instead of opening it. */
const keys_of_data = /(?:public|primary|foreign|cache|partition|sort|row|idempotency|object|hash|range|unique|composite|storage|routing|map|dict|index|group|lookup|host|verify|site|publishable|message|dedup(?:lication)?|s3|kms|ssh|cert|event|config|query|data|translation|locale|i18n|label|property|entry|item|state|session|react|node|file|path)[_.-]?key$|(?:mon|tur|don|hoc)key$/iu;

/** A hash, a commit, a UUID, words that are joined: what a key of data may be. */
function isIdentifier(value: string): boolean {
  return /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$/i.test(value) || /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value) || /^sha\d{3}[-:]/i.test(value) || /^[A-Za-z]+(?:[-_/][A-Za-z]+){2,}\d*$/.test(value);
}

const structured_rules: readonly SecretRule[] = [
  { type: 'private-key', hint: 'PRIVATE KEY', pattern: /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\s\S]){16,16384}(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?/g, confidence: 0.98, validator: 'format' },
  { type: 'private-key', hint: 'PuTTY-User-Key-File', pattern: /PuTTY-User-Key-File-\d:[\s\S]{0,4096}?Private-Lines: \d{1,3}\s{1,2}[\w+/=\s]{16,8192}/g, confidence: 0.98, validator: 'format' },
  { type: 'private-jwk', hint: '"d"', pattern: /"d" ?: ?"([\w-]{40,1024})"/g, confirm: (_value, match) => /"kty" ?:/.test(match.input.slice(Math.max(0, match.index - 2048), match.index + 3072)), confidence: 0.95, validator: 'format' },
  { type: 'jwt', hint: 'eyJ', pattern: /(?<![\w-])(eyJ[\w-]{10,2048})\.[\w-]{2,16384}\.[\w-]{16,2048}/g, confirm: (_value, match) => isTokenHeader(match[1] ?? ''), confidence: 0.95, validator: 'checksum' },
  { type: 'password-in-url', hint: '://', pattern: /(?<![\w+.-])[a-z][a-z0-9+.-]{1,30}:\/\/[^\s:@/"'<>]{0,128}:([^\s@/"'<>]{1,256})@[\w[\].-]{1,255}/gi, confirm: (value) => !isPlaceholder(value), confidence: 0.9, validator: 'format' },
  { type: 'basic-credentials', hint: 'asic ', pattern: /[Bb]asic ([\w+/=-]{8,512})/g, confirm: (value) => /^[\x20-\x7e]+:[\x20-\x7e]+$/.test(Buffer.from(value, 'base64').toString('latin1')), confidence: 0.9, validator: 'checksum' },
  { type: 'bearer-token', hint: 'earer ', pattern: /[Bb]earer ([\w.~+/=-]{16,4096})/g, confirm: (value) => looksDrawn(value), confidence: 0.85, validator: 'context' },
  { type: 'azure-sas', hint: 'sig=', pattern: /[?&; ]sig=([\w%+/=-]{40,100})/g, confidence: 0.85, validator: 'format' },
  { type: 'aws-secret-key', pattern: /(?:AKIA|ASIA)[A-Z0-9]{16}[\s"'=:,;/|]{1,8}(?:aws_secret_access_key[\s"'=:]{1,6})?([\w+/]{40})(?![\w+/])/gi, confidence: 0.9, validator: 'context' },
  // A value in quotes or after `=` or `:`; in code the bare value would be an expression.
  { type: 'assigned-secret', pattern: new RegExp(String.raw`(?<![\p{L}])(?:${names})["'\]]{0,2}(?:: ?[a-z][\w<>|[\] ]{0,30}(?==))? {0,3}(?:=|:|=>|:=|->|→|\b(?:${is})(?![\p{L}])) {0,3}(?:b|r|u|f|br|rb)?(?:"([^"\n]{4,512})"|'([^'\n]{4,512})'|\x60([^\x60\n]{4,512})\x60)`, 'giu'), confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.8, validator: 'context' },
  { type: 'assigned-secret', pattern: new RegExp(String.raw`(?<![\p{L}])(?:${names})["'\]]{0,2}(?: {0,3}(?:=>|->|→|=|:) {0,3}| (?:${is}):? |>|[_-]id )([^\s"'<>,;&]{5,512})`, 'giu'), confirm: (value) => !isPlaceholder(value) && looksChosen(value) && !isCode(value), confidence: 0.7, validator: 'context' },
  { type: 'assigned-secret', pattern: new RegExp(String.raw`(?<![\p{L}])(?:${names}) ([\w+/=-]{20,512})`, 'giu'), confirm: (value) => looksDrawn(value), confidence: 0.6, validator: 'context' },
  // Names that run together with what stands before them, as in PGPASSWORD and dbPassword.
  { type: 'assigned-secret', hint: /\p{L}(?:password|passwd|passphrase)/iu, pattern: /(?<=\p{L})(?:password|passwd|passphrase)["'\]]{0,2}(?:: ?[a-z][\w<>|[\] ]{0,30}(?==))? {0,3}(?:=|:|=>|:=) {0,3}["'\x60]?([^\s"'\x60<>,;&]{5,512})/giu, confirm: (value) => !isPlaceholder(value) && looksChosen(value) && !isCode(value), confidence: 0.7, validator: 'context' },
  // The value first, as in "… is my password": of what chance made whoever it belongs to, of what a person chose only as somebody's own.
  { type: 'assigned-secret', hint: / (?:is|ist|es|est) /i, pattern: new RegExp(String.raw`(?<![^\s"'\x60(])([^\s"'\x60<>,;()]{8,256})["'\x60)]? (?:is|ist|es|est) (my|our|your|his|her|their|the|an?|meine?|unser|mi|mon|das|der|la|el|le) (?:[\w-]{1,24} ){0,3}(?:${names})(?= ?(?:$|[.,;:!?)"'\n]| (?:and|but|so|now|please|here|again|und|y|et)(?![\p{L}])))`, 'giu'), confirm: (value, match) => isCalledSecret(value, match[2] ?? ''), confidence: 0.6, validator: 'context' },
  // Words that open a wallet (BIP 39): 12 to 24 of three to eight letters; the commonest words of English are not in its list.
  { type: 'recovery-phrase', hint: /mnemonic|phrase|seed[ _-]?words/i, pattern: /(?:mnemonic|(?:seed|recovery|backup|secret|wallet)[ _-]?phrase|seed[ _-]?words)["']? {0,2}(?:is|are|[:=])[:\s"'\x60]{1,6}((?:[a-z]{3,8}[ ,]{1,2}){11,23}[a-z]{3,8})(?![a-z])/gi, confirm: (value) => !/\b(?:the|and|with|your|for|are|from|has|its|our)\b/i.test(value), confidence: 0.8, validator: 'format' },
  // Any name that ends like a key's, when chance made the value: neither a hash nor the identifier of a row.
  { type: 'assigned-secret', pattern: /(?:key|Key|KEY)["'\]]{0,2} {0,3}(?::=|=>|=|:(?=[ "'\x60])|is:?(?= )) {0,3}["'\x60]?([\w+/=~-]{20,256})(?![\w+/=~(.-])/g, confirm: (value, match) => looksDrawn(value) && !isIdentifier(value) && !isCode(value) && !keys_of_data.test(nameOf(match, 3)), confidence: 0.6, validator: 'context' },
  { type: 'assigned-secret', pattern: new RegExp(String.raw`(?<![\p{L}\p{N}])(?:${services})(?:[\w.-]{0,32}(?<!(?:${no_secrets})))?["'\]]{0,2} {0,3}(?:=|:|=>|:=|\|\|)["'\x60= ]{0,4}([\w+/=~-]{16,256})(?![\w+/=~(.-])`, 'giu'), hint: new RegExp(services, 'i'), confirm: (value) => looksDrawn(value) && !isIdentifier(value) && !isCode(value), confidence: 0.5, validator: 'context' },
  { type: 'assigned-secret', hint: '</', pattern: new RegExp(String.raw`<(?:\w{1,32}[_.-]?)?(?:${names})>\s{0,8}\{?(?:[\w-]{1,40} ){0,2}([\w+/=~.-]{8,512})\}?\s{0,8}</`, 'giu'), confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.7, validator: 'context' },
  { type: 'authentication-header', hint: /(?:key|token|secret|auth|authorization|password)["'],/i, pattern: /["'][\w-]{0,32}(?:key|token|secret|authorization|auth|password)["'], {0,2}["'](?:[A-Za-z]{2,12} |[a-z]{2,12}=)?([\w.~+/=-]{16,1024})["']/gi, confirm: (value) => looksDrawn(value) && !isIdentifier(value), confidence: 0.7, validator: 'context' },
  { type: 'authentication-header', hint: '-', pattern: /(?:x-)?(?:api|auth|access|private)-(?:key|token)["']? ?: ?["']?([\w.~+/=-]{12,1024})/gi, confirm: (value) => looksDrawn(value), confidence: 0.8, validator: 'context' },
  { type: 'command-line-password', hint: '-', pattern: /(?:curl|wget|http) [^\n]{0,256}?-(?:u|-user)[ =]{0,3}["']?[\w.@-]{1,64}:([^\s"']{4,128})/g, confirm: (value) => !isPlaceholder(value), confidence: 0.8, validator: 'context' },
  { type: 'command-line-password', hint: '--', pattern: /(?<![\w-])--(?:[a-z]{1,16}-){0,3}(?:password|passwd|passphrase|pass|token|secret|api-?key|secret-?key|access-?key)(?: {1,3}|=)["']?([^\s"'<>,;&-][^\s"'<>,;&]{5,511})/gi, confirm: (value) => !isPlaceholder(value) && looksChosen(value) && !isCode(value), confidence: 0.7, validator: 'context' },
  // A password among words, with a letter, a digit and a sign that no word has.
  { type: 'assigned-secret', hint: /pass(?:word|wd|phrase) /i, pattern: /(?<!\p{L})pass(?:word|wd|phrase) ["']?(?=[^\s"'@]{0,64}\d)(?=[^\s"'@]{0,64}[!#$%^&*+~])(?=[^\s"'@]{0,64}[A-Za-z])([^\s"'@<>()[\]{},;:=/]{8,64})(?=["'.,;]?(?:\s|$))/giu, confirm: (value) => !isPlaceholder(value) && !isCode(value), confidence: 0.6, validator: 'context' },
  { type: 'assigned-secret', hint: ' as ', pattern: new RegExp(String.raw`(?:use|with|set|enter|type) ["'\x60]?([^\s"'\x60<>,;()]{8,256})["'\x60]? as (?:the|your|my|our|an?|its|their) (?:[\w-]{1,24} ){0,2}(?:${names})(?![\p{L}\p{N}_-]| [a-z])`, 'giu'), confirm: (value) => !isPlaceholder(value) && !isCode(value) && looksChosen(value) && /\d/.test(value), confidence: 0.6, validator: 'context' },
  // A name and its value as two fields: environments of containers, settings in XML.
  { type: 'assigned-secret', hint: /value/i, pattern: new RegExp(String.raw`(?:name|key|id)["']? ?[=:] ?["']?[\w.-]{0,48}(?:${names})["']?,?\s{1,24}["']?value["']? ?[=:] ?(?:"([^"\n]{4,512})"|'([^'\n]{4,512})'|([^\s"'<>,;&]{5,512}))`, 'giu'), confirm: (value) => !isPlaceholder(value) && looksChosen(value) && !isCode(value), confidence: 0.7, validator: 'context' },
  { type: 'assigned-secret', hint: /"value"/i, pattern: new RegExp(String.raw`"(?:name|key|id)" ?: ?"[\w.-]{0,48}(?:${names})", ?"value" ?: ?"([^"\n]{4,512})"`, 'giu'), confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.7, validator: 'context' },
  // Statements and calls that take a password in a place of its own.
  { type: 'assigned-secret', hint: /identified |password '/i, pattern: /(?:identified (?:with ["'\x60]?\w{1,40}["'\x60]? )?(?:by|as)|(?:user|role|with|encrypted)(?: \S{1,64})? password) (?:"([^"\n]{4,128})"|'([^'\n]{4,128})')/gi, confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.8, validator: 'context' },
  { type: 'assigned-secret', hint: /securestring/i, pattern: /ConvertTo-SecureString (?:-String )?["']([^"'\n]{4,256})["']/gi, confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.8, validator: 'context' },
  { type: 'assigned-secret', hint: 'auth', pattern: /auth ?= ?\(["'][^"'\n]{1,64}["'], ?["']([^"'\n]{4,128})["']\)/g, confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.8, validator: 'context' },
  { type: 'assigned-secret', hint: 'jwt', pattern: /jwt\.(?:sign|verify|encode|decode)\([^()\n]{1,200}, ?["']([^"'\n]{12,256})["']/gi, confirm: looksDrawn, confidence: 0.7, validator: 'context' },
  { type: 'assigned-secret', hint: /requirepass|masterauth/, pattern: /(?:requirepass|masterauth) ["']?([^\s"']{5,256})/g, confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.8, validator: 'context' },
  // A line of .pgpass, and _auth of .npmrc.
  { type: 'assigned-secret', hint: /:\d{4,5}:/, pattern: /^[\w.*-]{1,253}:\d{4,5}:[\w*-]{1,63}:[\w*-]{1,63}:([^\s:]{5,256})$/gm, confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.8, validator: 'context' },
  { type: 'basic-credentials', hint: 'auth', pattern: /(?<![a-z])_?auth["']?\s?[=:] ?["']?([\w+/]{8,512}={0,2})/g, confirm: (value) => /^[\x20-\x7e]+:[\x20-\x7e]+$/.test(Buffer.from(value, 'base64').toString('latin1')), confidence: 0.8, validator: 'checksum' },
  { type: 'session-cookie', hint: /cookie/i, pattern: /cookie["']?: ?["']?[^\n]{0,512}?(?:sid|sess(?:ion)?(?:[_-]?id)?|auth|token)=([\w.%+/=-]{20,4096})/gi, confirm: looksDrawn, confidence: 0.7, validator: 'context' },
  // A private key in base64 once more: LS0tLS1CRUdJTi is what "-----BEGIN" becomes.
  { type: 'private-key', hint: 'LS0tLS1CRUdJTi', pattern: /LS0tLS1CRUdJTi[\w+/]{64,16384}={0,2}/g, confirm: (value) => Buffer.from(value.slice(0, 96), 'base64').toString('latin1').includes('PRIVATE KEY'), confidence: 0.95, validator: 'format' },
  // A line of .netrc.
  { type: 'assigned-secret', hint: 'login ', pattern: /(?<!\w)login\s{1,4}\S{1,128}\s{1,8}password\s{1,4}["']?([^\s"']{5,512})/g, confirm: (value) => !isPlaceholder(value) && looksChosen(value) && !isCode(value), confidence: 0.8, validator: 'context' },
  { type: 'command-line-password', hint: '-p', pattern: /(?:mysql|mysqldump|mariadb|sshpass|mongo|redis-cli|psql|(?:docker|podman|registry|oc|az) login)(?: [^\n]{0,128})? -p ?["']?([^\s"'-][^\s"']{3,128})/g, confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.7, validator: 'context' },
];

/** Whether a value before "is my password" is one; `article` is the word that says whose. */
function isCalledSecret(value: string, article: string): boolean {
  if (isPlaceholder(value) || isCode(value) || value.includes('://') || !/\d/.test(value)) return false;
  if (/^(?:0x)?[0-9a-f]{32,}$/i.test(value)) return true;
  if (looksDrawn(value)) return !/^[a-z]+(?:[-_.\d][a-z]*)+$/.test(value);
  return /^(?:my|our|your|his|her|their|meine?|unser|mi|mon)$/i.test(article) && looksChosen(value);
}

function isTokenHeader(part: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof header === 'object' && header !== null && ('alg' in header || 'enc' in header);
  } catch {
    return false;
  }
}

// A call, a member, a template, a type, a tag of YAML or a path: what code and configuration put where a value could stand.
function isCode(value: string): boolean {
  return /[([{]|^!(?:[a-z]+|\/\w+)$|^[a-z_$][\w$]*(?:\.[a-z_$][\w$]*)+[,;)]?$|^[a-z]+[|?]|^\/(?:[\w.~-]+\/|[a-z._-]*$)|^\.{1,2}\/|^[a-z_]+\(|^[A-Za-z]+::|^(?:big)?u?int\d{1,2}(?:clamped)?array/i.test(value);
}

// Under a field of this name a plain word is a password too; in prose it would be the next word.
const password_field = /(?:^|[_.-])(?:password|passwd|passphrase|passwort|kennwort)$/i;

const every_rule: readonly SecretRule[] = [...vendor_rules, ...structured_rules];
/** No token of an issuer is shorter, and most sentences have no word as long. */
const token_run = /[\w+/=~.:@-]{15}/;

/**
 * The secrets in a text, in the order of the text. `field` is the name that the
 * text stands under: `password` and its like make a secret of a value that would
 * not be one elsewhere. Total; linear in the text.
 */
export function findSecrets(text: string, field = ''): readonly Finding[] {
  const label = field === '' || field.length > 64 ? '' : `${field}: `;
  const reading = readingOf(label + text);
  const findings: Finding[] = [];
  if (password_field.test(field) && /^\S{4,512}$/.test(text) && !isPlaceholder(text) && !isCode(text)) {
    findings.push({ type: 'assigned-secret', start: 0, end: text.length, confidence: 0.7, validator: 'context' });
  }
  for (const rule of token_run.test(reading.text) ? every_rule : structured_rules) {
    if (typeof rule.hint === 'string' ? !reading.text.includes(rule.hint) : rule.hint?.test(reading.text) === false) continue;
    for (const match of matchesOf(rule.pattern, reading.text)) {
      const value = match.slice(1).find((group) => group !== undefined) ?? match[0];
      if (rule.confirm?.(value, match) === false) continue;
      const from = rule.type === 'jwt' ? match.index : match.index + match[0].lastIndexOf(value);
      const to = rule.type === 'jwt' ? match.index + match[0].length : from + value.length;
      const sure = hasTokenChecksum(value);
      const finding: Finding = {
        type: rule.type, start: Math.max(0, reading.at(from) - label.length), end: reading.at(to) - label.length,
        confidence: sure ? 1 : rule.confidence, validator: sure ? 'checksum' : rule.validator,
      };
      if (finding.end > finding.start) findings.push(finding);
    }
  }
  return withoutOverlaps(findings);
}

/** The secrets in all texts of a payload. */
export function secretsIn(texts: readonly PayloadText[]): readonly Finding[] {
  return texts.flatMap(({ field, text }) => findSecrets(text, field));
}
