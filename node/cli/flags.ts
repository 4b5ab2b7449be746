/** Flags and values that several commands share. A parser throws what the usage error will say. */
import type { TypedFlagParameter, TypedPositionalParameter } from '@stricli/core';
import type { ErasureBasis } from '../../storage/audit-entry.ts';
import type { Outcome } from './ask.ts';
import type { Context } from './context.ts';

const units_s: ReadonlyMap<string, number> = new Map([['s', 1], ['m', 60], ['h', 3600], ['d', 86_400]]);

/** A whole number from 0. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new Error('expected a whole number');
  return Number(text);
}

/** A number from 0 to 1. */
export function fraction(text: string): number {
  if (!/^(?:0(?:\.\d{1,9})?|1(?:\.0{1,9})?)$/.test(text)) throw new Error('expected a number from 0 to 1, e.g. 0.8');
  return Number(text);
}

/** A length of time such as `90s`, `30m`, `12h` or `7d`, in seconds. */
export function lifetime(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const unit_s = units_s.get(unit);
  if (digits === undefined || unit_s === undefined) throw new Error('expected a number and a unit, e.g. 90s, 30m, 12h or 7d');
  return Number(digits) * unit_s;
}

/** A moment, as ISO 8601 with its zone or as how long ago, in Unix milliseconds. */
function pastMoment(text: string, now_ms: number): number {
  if (/^\d{1,9}[smhd]$/.test(text)) return Math.max(0, now_ms - 1000 * lifetime(text));
  const time_ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}.*(?:Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time_ms)) throw new Error('expected how long ago, e.g. 30m, 12h or 7d, or a time with its zone, e.g. 2026-03-01T12:00:00Z');
  return time_ms;
}

/** How old the knowledge of revocations may be for a class of commands, as in `delete=10m`; in milliseconds. */
export function revocationAge(text: string): Readonly<Partial<Record<'read' | 'write' | 'delete', number>>> {
  const [, verb_class, age = ''] = /^(read|write|delete)=(.+)$/.exec(text) ?? [];
  if (verb_class === undefined) throw new Error('expected read, write or delete and a time, e.g. delete=10m');
  return { [verb_class]: 1000 * lifetime(age) };
}

/** A JSON value, wrapped so that `null` is told from nothing given. */
export function jsonValue(text: string): { readonly value: unknown } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    throw new Error(`expected JSON, e.g. '{"id": 7}': ${error instanceof Error ? error.message : ''}`, { cause: error });
  }
}

/** A text that is not empty. */
export function someText(text: string): string {
  if (text === '') throw new Error('expected a text that is not empty');
  return text;
}

/** `--data` and `--json`, which every command has. */
export const common_flags: {
  readonly data: TypedFlagParameter<string | undefined, Context>;
  readonly json: TypedFlagParameter<boolean, Context>;
} = {
  data: { kind: 'parsed', parse: someText, optional: true, placeholder: 'folder', brief: 'Data folder of the node (default: AGENTMESH_DATA, or agentmesh below the user\'s data folder)' },
  json: { kind: 'boolean', default: false, withNegated: false, brief: 'Print the result as JSON' },
};

/** An optional flag that takes a text. */
export function textFlag(placeholder: string, brief: string): TypedFlagParameter<string | undefined, Context> {
  return { kind: 'parsed', parse: someText, optional: true, placeholder, brief };
}

/** A required flag that takes a text. */
export function neededFlag(placeholder: string, brief: string): TypedFlagParameter<string, Context> {
  return { kind: 'parsed', parse: someText, placeholder, brief };
}

/** An optional flag that takes a number, read by `parse`. */
export function numberFlag(placeholder: string, brief: string, parse: (text: string) => number = wholeNumber): TypedFlagParameter<number | undefined, Context> {
  return { kind: 'parsed', parse, optional: true, placeholder, brief };
}

/** A flag with a moment: a time with its zone, or how long ago, by the clock of the command. */
export function momentFlag(brief: string): TypedFlagParameter<number | undefined, Context> {
  return { kind: 'parsed', parse(text) { return pastMoment(text, this.now_ms()); }, optional: true, placeholder: 'time', brief };
}

/** A flag that may be given several times. */
export function repeatedFlag(placeholder: string, brief: string): TypedFlagParameter<readonly string[] | undefined, Context> {
  return { kind: 'parsed', parse: someText, optional: true, variadic: true, placeholder, brief };
}

/** A flag that must be given once or several times. */
export function neededRepeatedFlag(placeholder: string, brief: string): TypedFlagParameter<readonly string[], Context> {
  return { kind: 'parsed', parse: someText, variadic: true, placeholder, brief };
}

/** A required argument. */
export function argument(placeholder: string, brief: string): TypedPositionalParameter<string, Context> {
  return { parse: someText, placeholder, brief };
}

/** `--basis` of what erases for good. */
export const basis_flag: TypedFlagParameter<ErasureBasis, Context> = {
  kind: 'enum', values: ['art17', 'consent', 'retention', 'order', 'mistake'],
  brief: 'Why: art17 (request under article 17 GDPR), consent (withdrawn), retention (its time is over), order (of a court or authority), mistake (should never have been recorded)',
};

/** The help of a command: one line, what it does in full, and examples that work as they stand. */
export function docs(brief: string, text: string, examples: readonly string[]): { readonly brief: string; readonly fullDescription: string } {
  return { brief, fullDescription: [text, '', 'EXAMPLES', ...examples.map((example) => `  agentmesh ${example}`)].join('\n') };
}

/** The loader of a command whose module is imported when it runs; the command gets its context as the first parameter. */
export function lazily<Flags extends object, Arguments extends readonly unknown[]>(
  load: () => Promise<(context: Context, flags: Flags, ...values: Arguments) => Outcome | Promise<Outcome>>,
): () => Promise<(this: Context, flags: Flags, ...values: Arguments) => Outcome | Promise<Outcome>> {
  return async () => {
    const run = await load();
    return function command(flags, ...values) {
      return run(this, flags, ...values);
    };
  };
}
