/** What a vector file is: cases that any implementation can be held to, each with what must come out. */
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { isFields, type Fields } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';

/**
 * JSON of a vector file. Bytes are base64url without padding; times are Unix milliseconds in `…_ms` and Unix seconds in `…_s`.
 * Within an input `{shared: name}` stands for a text of `shared`, and `{repeat, times}` for a text again and again.
 */
export interface VectorFile {
  readonly about: string;
  readonly version: 1;
  /** Long texts that occur more than once. */
  readonly shared: { readonly [name: string]: string };
  readonly cases: readonly VectorCase[];
}

/** One case. */
export interface VectorCase {
  /** What the case shows. */
  readonly name: string;
  /** What is to be done with the input. */
  readonly task: string;
  readonly input: Fields;
  /** What comes out, or the code of the refusal, for chains and invocations with step and link. */
  readonly expect: Fields;
}

/** The expectation of a refusal. */
export function refusal(code: string, at: { readonly step?: number; readonly link?: number | 'invocation' | null } = {}): Fields {
  return { refused: code, ...at };
}

const shared_length_min = 100;
const shared_name_length = 10;

/** The value with every text in it replaced. */
function mapTexts(value: unknown, change: (text: string) => unknown): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  return isFields(value) ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapTexts(item, change)])) : value;
}

function isRepetition(text: string): boolean {
  return text.length >= shared_length_min && text === text.charAt(0).repeat(text.length);
}

/** The file of these cases. Long texts stand in it once, those of a single character as a count. */
export function fileOf(about: string, cases: readonly VectorCase[]): VectorFile {
  const counts = new Map<string, number>();
  for (const { input } of cases) {
    mapTexts(input, (text) => {
      if (text.length >= shared_length_min && !isRepetition(text)) counts.set(text, (counts.get(text) ?? 0) + 1);
      return text;
    });
  }
  const names = new Map([...counts].filter(([, count]) => count > 1).map(([text]) => [text, toBase64url(sha256(utf8(text))).slice(0, shared_name_length)]));
  const packed = (text: string): unknown => {
    const name = names.get(text);
    if (name !== undefined) return { shared: name };
    return isRepetition(text) ? { repeat: text.charAt(0), times: text.length } : text;
  };
  const fieldsOf = (input: Fields): Fields => Object.fromEntries(Object.entries(input).map(([name, value]) => [name, mapTexts(value, packed)]));
  return {
    about, version: 1, shared: Object.fromEntries([...names].map(([text, name]) => [name, text])),
    cases: cases.map(({ name, task, input, expect }) => ({ name, task, input: fieldsOf(input), expect })),
  };
}

/** A value of a file's input with its shared and repeated texts in their places. */
export function unpacked(value: unknown, shared: VectorFile['shared']): unknown {
  if (Array.isArray(value)) return value.map((item) => unpacked(item, shared));
  if (!isFields(value)) return value;
  const { shared: name, repeat, times } = value;
  if (typeof name === 'string') return shared[name];
  if (typeof repeat === 'string' && typeof times === 'number') return repeat.repeat(times);
  return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, unpacked(item, shared)]));
}
