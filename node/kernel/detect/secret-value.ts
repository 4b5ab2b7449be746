/** Whether a value that stands where a secret would stand is one. */

const placeholder_words = /(?:^|[^a-z])(?:your|my|example|sample|dummy|placeholder|change[_-]?(?:me|it|this)|redacted|hidden|masked|removed|insert|replace|todo|none|null|undefined|nil|true|false|required|optional|not[ _-]?set|unset|empty|default|string|str|bytes|secret|password|passwd|pass|token|apikey|api[_-]?key|same-origin|include|omit|test|foo|bar|user(?:name)?|bearer|basic|value|key|here|xxx+)(?:$|[^a-z])/i;

/** Stars, dots and other masks, variables, templates, angle brackets, words such as `changeme` or `YOUR_API_KEY`, one character repeated. */
export function isPlaceholder(value: string): boolean {
  if (/^[*•.x#_?-]+$/i.test(value) || /^(.)\1*$/.test(value)) return true;
  // The beginning of a value, and dots for the rest.
  if (/^.{0,8}(?:\.{3,}|…)$/.test(value)) return true;
  if (/^\$|^%[A-Za-z_]+%$|^\{\{|^<|^\[|^@|\$\{|\$\(|\{\{|process\.env|os\.environ|getenv|\benv\(|secrets\.|vault:/i.test(value)) return true;
  if (/^(?:changeme|changeit|letmein|example\w*|redacted|secret|password|passw0rd|pass|token|undefined|your\w*|placeholder)[.!]?$/i.test(value)) return true;
  return /(.)\1{7}/.test(value) || (value.length < 40 && !/\d/.test(value) && placeholder_words.test(value));
}

/** Shannon entropy in bits for each character. */
function entropyOf(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) entropy -= count / value.length * Math.log2(count / value.length);
  return entropy;
}

/** Whether chance made the value: long enough, of several kinds of characters, no words. */
export function looksDrawn(value: string): boolean {
  if (value.length < 16) return false;
  const head = value.slice(0, 256);
  return /\d/.test(head) && /[A-Za-z]/.test(head) && entropyOf(head) > (/^[0-9a-f-]+$/i.test(head) ? 2.8 : 3.4);
}

/** Whether somebody chose or drew the value as a password: a letter and a digit or sign in it, or chance made it. */
export function looksChosen(value: string): boolean {
  if (looksDrawn(value)) return true;
  if (/^\d+$/.test(value)) return value.length >= 8;
  if (/^[a-z]+(?:[ _.:/-][a-z0-9]*)*$/i.test(value) && !/\d/.test(value)) return false;
  if (/ /.test(value.trim())) return false;
  return /\p{L}/u.test(value) && /[\d!#$%&*+?@^~-]/.test(value);
}
