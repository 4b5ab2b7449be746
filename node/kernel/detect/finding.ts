import type { Json } from '../../../crypto/canonical.ts';
import { payload_depth_max, payload_values_max } from './payload.ts';

/** What vouches for a finding: a checksum or other inner structure, a form that nothing else has, or the words beside it. */
export type Validator = 'checksum' | 'format' | 'context';

/** What was found in a text and where. */
export interface Finding {
  /** Such as `email` or `aws-access-key`. */
  readonly type: string;
  /** Index of its first character in the text that was given. */
  readonly start: number;
  /** Index after its last character. */
  readonly end: number;
  /** 0 to 1. */
  readonly confidence: number;
  readonly validator: Validator;
}

/** Every match of a global pattern in a text. `matchAll` would make the pattern anew for each text, which for most takes longer than the search. */
export function matchesOf(pattern: RegExp, text: string): readonly RegExpExecArray[] {
  const matches: RegExpExecArray[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    matches.push(match);
    if (match[0] === '') pattern.lastIndex += 1;
  }
  return matches;
}

/** Findings in one text; the more they are, the less each matters. */
export const findings_per_text_max = 4_096;

/** In the order of the text and without overlaps: of two that overlap the surer one stays, then the longer. */
export function withoutOverlaps(findings: readonly Finding[]): readonly Finding[] {
  const kept: Finding[] = [];
  for (const finding of findings.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = kept.at(-1);
    if (last === undefined || finding.start >= last.end) kept.push(finding);
    else if (finding.confidence > last.confidence) kept[kept.length - 1] = finding;
  }
  return kept.slice(0, findings_per_text_max);
}

/** The text with every finding replaced by its type, as in `[EMAIL]` or `[AWS_ACCESS_KEY]`. Where findings overlap all of their characters go. */
export function redact(text: string, findings: readonly Finding[]): string {
  let redacted = '';
  let from = 0;
  for (const { type, start, end } of findings.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (end <= from) continue;
    if (start >= from) redacted += `${text.slice(from, start)}[${type.toUpperCase().replaceAll('-', '_')}]`;
    from = end;
  }
  return redacted + text.slice(from);
}

/** Findings as conditions see them: whether there are any, of which types, and how many. */
export function facetsOf(findings: readonly Finding[]): { readonly present: boolean; readonly types: readonly string[]; readonly count: number } {
  return { present: findings.length > 0, types: [...new Set(findings.map(({ type }) => type))].toSorted(), count: findings.length };
}

/** Finds in a text; `field` is the name that the text stands under, empty for none. */
export type Finder = (text: string, field: string) => readonly Finding[];

/**
 * The value with every finding in its texts replaced by a mark, numbers and
 * field names included, and the types that were found. What stands too deep or
 * too far on to be looked at is replaced as a whole by `[UNREADABLE]`.
 */
export function redactValue(value: Json, find: Finder): { readonly value: Json; readonly types: readonly string[] } {
  const types = new Set<string>();
  let values = 0;
  const mend = (text: string, field: string): string => {
    const findings = find(text, field);
    for (const { type } of findings) types.add(type);
    return redact(text, findings);
  };
  const walk = (inner: Json, field: string, depth: number): Json => {
    values += 1;
    if (values > payload_values_max || depth > payload_depth_max) {
      types.add('unreadable');
      return '[UNREADABLE]';
    }
    if (typeof inner === 'string') return mend(inner, field);
    if (typeof inner === 'number') {
      const mended = mend(String(inner), field);
      return mended === String(inner) ? inner : mended;
    }
    if (typeof inner !== 'object' || inner === null) return inner;
    if (Array.isArray(inner)) return inner.map((item: Json) => walk(item, field, depth + 1));
    const fields = new Map<string, Json>();
    for (const [name, item] of Object.entries(inner)) {
      const mended = mend(name, '');
      // Two addresses that are field names get the same mark and must not hide each other's values.
      fields.set(fields.has(mended) ? `${mended}#${fields.size}` : mended, walk(item, name.toLowerCase(), depth + 1));
    }
    return Object.fromEntries(fields);
  };
  return { value: walk(value, '', 0), types: [...types].toSorted() };
}
