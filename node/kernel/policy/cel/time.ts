/** Timestamps and durations of CEL, to the nanosecond: RFC 3339 texts, and durations as Go writes them. */
import { Fault, type Payer } from '../values.ts';
import { Duration, Timestamp } from './values.ts';

const nanoseconds_per_second = 1_000_000_000n;
const seconds_per_day = 86_400;
const earliest_second = -62_135_596_800n;
const latest_second = 253_402_300_799n;
const int64_max = (1n << 63n) - 1n;
const zones_max = 64;
const zone_steps = 2_500;
const duration_characters_max = 256;

/** A timestamp from nanoseconds; a fault outside of the years 1 to 9999. */
export function timestampOf(nanoseconds: bigint): Timestamp | Fault {
  const inside = nanoseconds >= earliest_second * nanoseconds_per_second && nanoseconds < (latest_second + 1n) * nanoseconds_per_second;
  return inside ? new Timestamp(nanoseconds) : new Fault('the timestamp is outside of the years 1 to 9999');
}

/** A duration from nanoseconds; a fault beyond 64 bits. */
export function durationOf(nanoseconds: bigint): Duration | Fault {
  return nanoseconds <= int64_max && nanoseconds >= -int64_max - 1n ? new Duration(nanoseconds) : new Fault('the duration is longer than 292 years');
}

const timestamp_pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** Reads an RFC 3339 timestamp. */
export function parseTimestamp(text: string): Timestamp | Fault {
  const found = timestamp_pattern.exec(text);
  const malformed = new Fault(`${JSON.stringify(text.slice(0, 40))} is no timestamp such as 2026-11-22T10:00:00Z`);
  if (found === null) return malformed;
  const [, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.map(Number);
  const days = daysOf(year, month, day);
  const back = dateOf(days);
  if (back.month !== month || back.day !== day || hour > 23 || minute > 59 || second > 59) return malformed;
  const offset = found[8] === 'Z' ? 0 : offsetOf(found[8] ?? '');
  if (offset === undefined) return malformed;
  const seconds = BigInt(days * seconds_per_day + hour * 3_600 + minute * 60 + second - offset);
  return timestampOf(seconds * nanoseconds_per_second + BigInt((found[7] ?? '').padEnd(9, '0')));
}

/** Writes a timestamp as RFC 3339, the fraction as short as it can be. */
export function printTimestamp({ nanoseconds }: Timestamp): string {
  const { seconds, rest } = split(nanoseconds);
  const date = dateOf(Math.floor(seconds / seconds_per_day));
  const clock = clockOf(seconds);
  const pad = (value: number, width = 2): string => String(value).padStart(width, '0');
  return `${pad(date.year, 4)}-${pad(date.month)}-${pad(date.day)}T${pad(clock.hour)}:${pad(clock.minute)}:${pad(clock.second)}${fractionOf(rest)}Z`;
}

/** Writes a duration in seconds. */
export function printDuration({ nanoseconds }: Duration): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  return `${nanoseconds < 0n ? '-' : ''}${size / nanoseconds_per_second}${fractionOf(Number(size % nanoseconds_per_second))}s`;
}

function fractionOf(nanoseconds: number): string {
  return nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`;
}

const unit_nanoseconds: { readonly [unit: string]: bigint } = {
  ns: 1n, us: 1_000n, µs: 1_000n, μs: 1_000n, ms: 1_000_000n, s: nanoseconds_per_second, m: 60n * nanoseconds_per_second, h: 3_600n * nanoseconds_per_second,
};

/** Reads a duration such as `1h30m`, `-1.5s`, `250ms`. */
export function parseDuration(text: string): Duration | Fault {
  const found = text.length > duration_characters_max ? null : /^([+-]?)((?:(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text);
  if (found === null) return new Fault(`${JSON.stringify(text.slice(0, 40))} is no duration such as 1h30m or 2.5s`);
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of (found[2] ?? '').matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g)) {
    const size = unit_nanoseconds[unit] ?? 0n;
    total += BigInt(whole === '' ? 0 : whole) * size + (BigInt(fraction === '' ? 0 : fraction) * size) / 10n ** BigInt(fraction.length);
  }
  return durationOf(found[1] === '-' ? -total : total);
}

function split(nanoseconds: bigint): { seconds: number; rest: number } {
  const rest = ((nanoseconds % nanoseconds_per_second) + nanoseconds_per_second) % nanoseconds_per_second;
  return { seconds: Number((nanoseconds - rest) / nanoseconds_per_second), rest: Number(rest) };
}

function clockOf(seconds: number): { hour: number; minute: number; second: number } {
  const of_day = seconds - Math.floor(seconds / seconds_per_day) * seconds_per_day;
  return { hour: Math.floor(of_day / 3_600), minute: Math.floor(of_day / 60) % 60, second: of_day % 60 };
}

/** Days since 1970 began, in the proleptic Gregorian calendar. Years are counted from March, so that the leap day is the last. */
function daysOf(year: number, month: number, day: number): number {
  const from_march = month <= 2 ? year - 1 : year;
  const era = Math.floor(from_march / 400);
  const of_era = from_march - era * 400;
  const of_year = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return era * 146_097 + of_era * 365 + Math.floor(of_era / 4) - Math.floor(of_era / 100) + of_year - 719_468;
}

function dateOf(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const of_era = shifted - era * 146_097;
  const year = Math.floor((of_era - Math.floor(of_era / 1_460) + Math.floor(of_era / 36_524) - Math.floor(of_era / 146_096)) / 365);
  const of_year = of_era - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const march_month = Math.floor((5 * of_year + 2) / 153);
  const month = march_month < 10 ? march_month + 3 : march_month - 9;
  return { year: year + era * 400 + (month <= 2 ? 1 : 0), month, day: of_year - Math.floor((153 * march_month + 2) / 5) + 1 };
}

function offsetOf(zone: string): number | undefined {
  const found = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (found === null || Number(found[2]) > 23 || Number(found[3]) > 59) return undefined;
  return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 3_600 + Number(found[3]) * 60);
}

/** Keeps the formatters of the zones that were asked for, because making one takes a hundred times as long as using it. */
const zones = new Map<string, Intl.DateTimeFormat | Fault>();

function zoneOf(name: string, payer: Payer): Intl.DateTimeFormat | Fault {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const cost = payer.charge(zone_steps);
  if (cost !== undefined) return cost;
  let zone: Intl.DateTimeFormat | Fault;
  try {
    zone = new Intl.DateTimeFormat('en-US', {
      timeZone: name, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    });
  } catch {
    zone = new Fault(`${JSON.stringify(name.slice(0, 40))} is no time zone such as Europe/Berlin or +02:00`);
  }
  if (zones.size >= zones_max) zones.clear();
  zones.set(name, zone);
  return zone;
}

/** Seconds by which a zone is ahead of UTC at a time. */
function aheadOf(name: string, seconds: number, payer: Payer): number | Fault {
  const fixed = offsetOf(name);
  if (fixed !== undefined) return fixed;
  const zone = zoneOf(name, payer);
  if (zone instanceof Fault) return zone;
  const parts = new Map(zone.formatToParts(seconds * 1_000).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  const local = daysOf(part('year'), part('month'), part('day')) * seconds_per_day + part('hour') * 3_600 + part('minute') * 60 + part('second');
  return local - seconds;
}

/** The parts of a timestamp in a zone: an IANA name or `+02:00`. */
export interface TimeParts {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  /** Day of the month, from 1. */
  readonly day: number;
  /** Day of the year, from 0. */
  readonly day_of_year: number;
  /** From 0, which is Sunday. */
  readonly day_of_week: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
}

/** Takes a timestamp apart; a fault for a zone that nobody knows, or whose making is not paid for. */
export function partsOf({ nanoseconds }: Timestamp, zone: string, payer: Payer): TimeParts | Fault {
  const { seconds, rest } = split(nanoseconds);
  const ahead = aheadOf(zone, seconds, payer);
  if (ahead instanceof Fault) return ahead;
  const local = seconds + ahead;
  const days = Math.floor(local / seconds_per_day);
  const date = dateOf(days);
  return {
    ...date, ...clockOf(local),
    day_of_year: days - daysOf(date.year, 1, 1),
    day_of_week: (((days + 4) % 7) + 7) % 7,
    millisecond: Math.floor(rest / 1e6),
  };
}
