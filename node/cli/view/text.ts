/** How values read for people. Everything here is pure. */

const did_head_characters = 6;
const did_tail_characters = 4;
// Controls, format characters (bidirectional overrides among them), line and paragraph separators,
// and what is drawn as nothing: selectors of variants, fillers, an empty Braille cell.
const control_characters = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/**
 * Text that a terminal shows as it is: control characters, with which a peer
 * could move the cursor or colour a lie, become visible escapes.
 */
export function visible(text: string): string {
  return text.replace(control_characters, escaped);
}

/** By code units, as JSON writes it: an escape with five digits would there be another character. */
function escaped(character: string): string {
  return character.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
}

/** The same for text of several lines, whose ends and tabs stay. */
export function visibleLines(text: string): string {
  return text.split(/([\n\t])/).map((part) => (part === '\n' || part === '\t' ? part : visible(part))).join('');
}

/** JSON of a value, indented, without a byte that a terminal would obey. */
export function jsonText(value: unknown): string {
  return visibleLines(JSON.stringify(value, null, 2) ?? 'null');
}

/** A DID or peer id short enough for a table: its method, its beginning and its end. */
export function shortId(id: string): string {
  const start = id.startsWith('did:') ? id.lastIndexOf(':') + 1 : 0;
  const name = id.slice(start);
  if (name.length <= did_head_characters + did_tail_characters + 1) return id;
  return `${id.slice(0, start)}${name.slice(0, did_head_characters)}…${name.slice(-did_tail_characters)}`;
}

/** A length of time in its one or two largest units: `3 min`, `2 h 5 min`, `840 ms`. */
export function duration(length_ms: number): string {
  if (length_ms < 1000) return `${Math.max(0, Math.round(length_ms))} ms`;
  const length_s = Math.round(length_ms / 1000);
  if (length_s < 60) return `${length_s} s`;
  const units = [['d', 86_400], ['h', 3600], ['min', 60]] as const;
  for (const [index, [unit, unit_s]] of units.entries()) {
    if (length_s < unit_s) continue;
    const [smaller, smaller_s] = units[index + 1] ?? ['s', 1];
    const rest = Math.floor((length_s % unit_s) / smaller_s);
    return `${Math.floor(length_s / unit_s)} ${unit}${rest > 0 ? ` ${rest} ${smaller}` : ''}`;
  }
  return `${length_s} s`;
}

/** A moment as ISO 8601 in whole seconds, UTC. */
export function moment(time_ms: number): string {
  const time = new Date(time_ms);
  return Number.isNaN(time.getTime()) ? String(time_ms) : `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** How long ago, or in how long, a moment is. */
export function distanceTo(time_ms: number, now_ms: number): string {
  return time_ms > now_ms ? `in ${duration(time_ms - now_ms)}` : `${duration(now_ms - time_ms)} ago`;
}

/** A number of bytes in binary units. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let rest = bytes;
  let unit = 0;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? rest : rest.toFixed(rest < 10 ? 1 : 0)} ${units[unit] ?? 'B'}`;
}

/** A count with its noun: `1 peer`, `3 peers`. */
export function count(number: number, noun: string, plural: string = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

/** A word of a shell command, quoted when it must be. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
