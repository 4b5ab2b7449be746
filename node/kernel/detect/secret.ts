/**
 * Secrets in text: what vendors mark as such by a prefix and a length, private
 * keys, tokens, passwords in addresses, and values that are assigned to a name
 * such as `password` and do not look like a placeholder.
 */
import { crc32 } from 'node:zlib';
import { withoutOverlaps, type Finding, type Validator } from './finding.ts';
import { readingOf } from './reading.ts';
import type { PayloadText } from './payload.ts';
import { isPlaceholder, looksChosen, looksDrawn } from './secret-value.ts';

interface SecretRule {
  readonly type: string;
  /** A text that each match contains, to skip the pattern where it is missing. */
  readonly hint?: string;
  /** Every quantifier is bounded or walks over what cannot begin a match. The secret is the first group where there is one. */
  readonly pattern: RegExp;
  readonly confirm?: (value: string, match: RegExpExecArray) => boolean;
  readonly confidence: number;
  readonly validator: Validator;
}

/** Prefixes with what follows them, from the vendors' documentation. The lengths are loose: the prefix tells, and vendors change lengths. */
const marked: readonly (readonly [type: string, hint: string, source: string])[] = [
  ['aws-access-key', '', '(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}'],
  ['google-api-key', 'AIza', 'AIza[\\w-]{30,40}'], ['google-oauth-token', 'ya29.', 'ya29\\.[\\w-]{20,512}'], ['google-client-secret', 'GOCSPX', 'GOCSPX-[\\w-]{24,40}'],
  ['azure-client-secret', '8Q~', '[\\w.~-]{3}8Q~[\\w.~-]{31,37}'],
  ['github-token', 'gh', 'gh[pousr]_\\w{20,251}'], ['github-token', 'github_pat_', 'github_pat_\\w{22}_\\w{59}'],
  ['gitlab-token', 'gl', 'gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt|rtr)-[\\w.-]{20,300}'],
  ['slack-token', 'xox', 'xox[abeoprs](?:\\.xox[bp])?-[\\w-]{10,250}'], ['slack-token', 'xapp-', 'xapp-\\d-[\\w-]{20,200}'],
  ['slack-webhook', 'hooks.slack.com', 'hooks\\.slack\\.com/(?:services|workflows)/[\\w/]{20,120}'],
  ['stripe-key', 'k_', '[sr]k_(?:live|test)_[0-9A-Za-z]{10,247}'], ['webhook-secret', 'whsec_', 'whsec_[\\w+/=]{24,80}'],
  ['npm-token', 'npm_', 'npm_[0-9A-Za-z]{30,40}'], ['pypi-token', 'pypi-', 'pypi-AgE[\\w-]{50,300}'], ['rubygems-token', 'rubygems_', 'rubygems_[0-9a-f]{48}'],
  ['anthropic-key', 'sk-ant-', 'sk-ant-[\\w-]{20,200}'], ['openai-key', 'sk-', 'sk-(?:proj|svcacct|admin|None|or-v1)-[\\w-]{20,250}'], ['openai-key', 'sk-', 'sk-[0-9A-Za-z]{20,64}'],
  ['huggingface-token', 'hf_', 'hf_[0-9A-Za-z]{20,40}'], ['replicate-token', 'r8_', 'r8_[0-9A-Za-z]{37,40}'], ['groq-key', 'gsk_', 'gsk_[0-9A-Za-z]{40,60}'], ['xai-key', 'xai-', 'xai-[0-9A-Za-z]{70,90}'],
  ['twilio-key', 'SK', 'SK[0-9a-f]{32}'], ['sendgrid-key', 'SG.', 'SG\\.[\\w-]{16,32}\\.[\\w-]{32,64}'], ['mailgun-key', 'key-', 'key-[0-9a-f]{32}'], ['mailchimp-key', '-us', '[0-9a-f]{32}-us\\d{1,2}'],
  ['telegram-token', ':AA', '(?:bot)?\\d{8,10}:AA[\\w-]{32,34}'], ['discord-token', '.', '[MNO][\\w-]{23,27}\\.[\\w-]{6}\\.[\\w-]{27,40}'], ['discord-webhook', '/api/webhooks/', 'discord(?:app)?\\.com/api/webhooks/\\d{17,20}/[\\w-]{60,80}'],
  ['shopify-token', 'shp', 'shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}'], ['square-token', 'sq0', 'sq0(?:atp|csp)-[\\w-]{22,43}'], ['square-token', 'EAAA', 'EAAA[\\w-]{60}'],
  ['digitalocean-token', '_v1_', 'do[opr]_v1_[0-9a-f]{64}'], ['databricks-token', 'dapi', 'dapi[0-9a-f]{32}(?:-\\d)?'], ['doppler-token', 'dp.', 'dp\\.(?:pt|st|ct|sa|scim|audit)\\.[\\w.-]{40,64}'],
  ['linear-key', 'lin_api_', 'lin_api_[0-9A-Za-z]{32,48}'], ['notion-token', 'ntn_', 'ntn_[0-9A-Za-z]{40,50}'], ['notion-token', 'secret_', 'secret_[0-9A-Za-z]{43}'],
  ['vault-token', 'hv', 'hv[sbr]\\.[\\w-]{24,300}'], ['new-relic-key', 'NRAK-', 'NRAK-[0-9A-Z]{27}'], ['grafana-token', 'gl', 'glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}'], ['grafana-token', 'glc_', 'glc_[\\w+/=]{32,400}'],
  ['atlassian-token', 'ATATT3', 'ATATT3[\\w=-]{80,250}'], ['dropbox-token', 'sl.', 'sl\\.[\\w-]{130,160}'], ['facebook-token', 'EAACEdEose0cBA', 'EAACEdEose0cBA[0-9A-Za-z]{20,250}'],
  ['age-secret-key', 'AGE-SECRET-KEY-1', 'AGE-SECRET-KEY-1[0-9A-Z]{58}'], ['pulumi-token', 'pul-', 'pul-[0-9a-f]{40}'], ['terraform-token', '.atlasv1.', '[\\w-]{14}\\.atlasv1\\.[\\w-]{60,70}'],
  ['docker-token', 'dckr_pat_', 'dckr_pat_[\\w-]{27}'], ['planetscale-token', 'pscale_', 'pscale_(?:tkn|pw|oauth)_[\\w.-]{32,64}'], ['supabase-token', 'sbp_', 'sbp_[0-9a-f]{40}'], ['postman-key', 'PMAK-', 'PMAK-[0-9a-f]{24}-[0-9a-f]{34}'],
];

// Tokens of these begin with `ghp_` or `npm_` and end with a base-62 CRC-32 of what is between.
function hasTokenChecksum(token: string): boolean {
  const body = /^(?:gh[pousr]|npm)_(\w{30})(\w{6})$/.exec(token);
  if (body === null) return false;
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let sum = 0;
  for (let index = 0; index < 6; index += 1) sum = sum * 62 + digits.indexOf(body[2]?.charAt(index) ?? '');
  return sum === crc32(body[1] ?? '');
}

const vendor_rules: readonly SecretRule[] = marked.map(([type, hint, source]) => ({
  type, hint, pattern: new RegExp(`(?<![0-9A-Za-z_])(?:${source})(?![0-9A-Za-z_])`, 'g'), confidence: 0.95, validator: 'format', confirm: (value) => /[0-9A-Z]/.test(value.slice(5)) && !/(.)\1{7}/.test(value),
}));

const names = String.raw`pass(?:word|wd|phrase|code)?|pwd|secret|api[_.-]?key|api[_.-]?secret|auth[_.-]?token|access[_.-]?token|refresh[_.-]?token|bearer[_.-]?token|token|client[_.-]?secret|secret[_.-]?(?:access[_.-]?)?key|private[_.-]?key|encryption[_.-]?key|signing[_.-]?(?:key|secret)|master[_.-]?key|access[_.-]?key|account[_.-]?key|shared[_.-]?access[_.-]?key|auth[_.-]?key|service[_.-]?key|session[_.-]?key|credentials?|kennwort|passwort|contraseña|mot de passe|senha|hasło|пароль|密码|パスワード`;

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
  { type: 'assigned-secret', pattern: new RegExp(String.raw`(?<![\p{L}])(?:${names})["'\]]{0,2} {0,3}(?:=|:|=>|:=|\bis\b) {0,3}(?:"([^"\n]{4,512})"|'([^'\n]{4,512})'|\x60([^\x60\n]{4,512})\x60)`, 'giu'), confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.8, validator: 'context' },
  { type: 'assigned-secret', pattern: new RegExp(String.raw`(?<![\p{L}])(?:${names})["'\]]{0,2}(?: {0,3}(?:=|:|=>) {0,3}| is:? |>|[_-]id )([^\s"'<>,;&]{5,512})`, 'giu'), confirm: (value) => !isPlaceholder(value) && looksChosen(value) && !isCode(value), confidence: 0.7, validator: 'context' },
  { type: 'assigned-secret', pattern: new RegExp(String.raw`(?<![\p{L}])(?:${names}) ([\w+/=-]{20,512})`, 'giu'), confirm: (value) => looksDrawn(value), confidence: 0.6, validator: 'context' },
  { type: 'authentication-header', hint: '-', pattern: /(?:x-)?(?:api|auth|access|private)-(?:key|token)["']? ?: ?["']?([\w.~+/=-]{12,1024})/gi, confirm: (value) => looksDrawn(value), confidence: 0.8, validator: 'context' },
  { type: 'command-line-password', hint: '-', pattern: /(?:curl|wget|http) [^\n]{0,256}?-(?:u|-user) ?["']?[\w.@-]{1,64}:([^\s"']{4,128})/g, confirm: (value) => !isPlaceholder(value), confidence: 0.8, validator: 'context' },
  { type: 'command-line-password', hint: '-p', pattern: /(?:mysql|mysqldump|mariadb|sshpass|mongo|redis-cli|psql)(?: [^\n]{0,128})? -p ?["']?([^\s"'-][^\s"']{3,128})/g, confirm: (value) => !isPlaceholder(value) && looksChosen(value), confidence: 0.7, validator: 'context' },
];

function isTokenHeader(part: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof header === 'object' && header !== null && ('alg' in header || 'enc' in header);
  } catch {
    return false;
  }
}

// A call, a member, a template, a type or a path: what code and configuration put where a value could stand.
function isCode(value: string): boolean {
  return /[([{]|^[a-z_$][\w$]*(?:\.[a-z_$][\w$]*)+[,;)]?$|^[a-z]+[|?]|^\/(?:[\w.~-]+\/|[a-z._-]*$)|^\.{1,2}\/|^[a-z_]+\(|^[A-Za-z]+::|^(?:big)?u?int\d{1,2}(?:clamped)?array/i.test(value);
}

// Under a field of this name a plain word is a password too; in prose it would be the next word.
const password_field = /(?:^|[_.-])(?:password|passwd|passphrase|passwort|kennwort)$/i;

const every_rule: readonly SecretRule[] = [...vendor_rules, ...structured_rules];

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
  for (const rule of every_rule) {
    if (rule.hint !== undefined && !reading.text.includes(rule.hint)) continue;
    for (const match of reading.text.matchAll(rule.pattern)) {
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
