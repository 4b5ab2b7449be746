/**
 * Weekly time windows as sets of minutes of the week in UTC, so that
 * containment is exact whatever days, hours and offsets two windows are written
 * in. There are no named zones: their rules change, and two hosts with
 * different rules would disagree about one token.
 */

/**
 * `[days, from, to, zone]`: days as `mon-fri` or `sat,sun`, times as `HH:MM`
 * (`to` up to `24:00`, and not in the window), zone `UTC`, `+HH:MM` or `-HH:MM`.
 * Where `to` is earlier than `from` the window ends on the day after the named one.
 */
export type Window = readonly [days: string, from: string, to: string, zone: string];

/** Sorted intervals `[from, to)` in minutes since Monday 00:00 UTC that neither overlap nor touch. */
export type Week = readonly (readonly [from: number, to: number])[];

/** Windows in one caveat. */
export const windows_max = 16;

const day_min = 24 * 60;
const week_min: number = 7 * day_min;
// 1970-01-01 was a Thursday.
const epoch_min: number = 3 * day_min;
const offset_min_max: number = 14 * 60;
const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** Every minute of the week. */
export const whole_week: Week = [[0, week_min]];

/** The days of a list such as `mon-wed,sat`: rising, none twice. */
function parseDays(text: string): readonly number[] | undefined {
  const named: number[] = [];
  for (const item of text.split(',', days.length + 1)) {
    const [first = '', last = first, more] = item.split('-', 3);
    const [from, to] = [days.indexOf(first), days.indexOf(last)];
    const is_range = item.includes('-');
    if (from < 0 || to < 0 || more !== undefined || (is_range && to <= from) || from <= (named.at(-1) ?? -1)) return undefined;
    for (let day = from; day <= to; day += 1) named.push(day);
  }
  return named;
}

function parseTime(text: string): number | undefined {
  const [, hours = '', minutes = ''] = /^([01]\d|2[0-4]):([0-5]\d)$/.exec(text) ?? [];
  const time = Number(hours) * 60 + Number(minutes);
  return hours === '' || time > day_min ? undefined : time;
}

function parseZone(text: string): number | undefined {
  if (text === 'UTC') return 0;
  const offset = /^[+-]/.test(text) ? parseTime(text.slice(1)) : undefined;
  // UTC has one spelling.
  if (offset === undefined || offset === 0 || offset > offset_min_max) return undefined;
  return text.startsWith('-') ? -offset : offset;
}

function normalised(intervals: readonly (readonly [number, number])[]): Week {
  const merged: [number, number][] = [];
  for (const [from, to] of [...intervals].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

function intervalsOf(window: unknown): readonly (readonly [number, number])[] | undefined {
  if (!Array.isArray(window) || window.length !== 4 || !window.every((item) => typeof item === 'string')) return undefined;
  const [days_text = '', from_text = '', to_text = '', zone_text = ''] = window;
  const [named, from, to, offset] = [parseDays(days_text), parseTime(from_text), parseTime(to_text), parseZone(zone_text)];
  if (named === undefined || from === undefined || to === undefined || offset === undefined) return undefined;
  // An empty window is none, a day has one end (24:00), and nothing begins there.
  if (from === to || from === day_min || to === 0) return undefined;
  const length = to > from ? to - from : to + day_min - from;
  return named.flatMap((day) => {
    const start = (day * day_min + from - offset + week_min) % week_min;
    const end = start + length;
    return end <= week_min ? [[start, end] as const] : [[start, week_min] as const, [0, end - week_min] as const];
  });
}

/** The minutes of the week that a list of 1 to 16 {@link Window} names, or `undefined` when one is malformed. */
export function parseWeek(windows: unknown): Week | undefined {
  if (!Array.isArray(windows) || windows.length < 1 || windows.length > windows_max) return undefined;
  const intervals: (readonly [number, number])[] = [];
  for (const window of windows) {
    const parsed = intervalsOf(window);
    if (parsed === undefined) return undefined;
    intervals.push(...parsed);
  }
  return normalised(intervals);
}

/** Whether every minute of `child` is one of `parent`. */
export function containsWeek(parent: Week, child: Week): boolean {
  return child.every(([from, to]) => parent.some((outer) => outer[0] <= from && to <= outer[1]));
}

/** The minutes that are in both. */
export function intersectWeeks(a: Week, b: Week): Week {
  const common: (readonly [number, number])[] = [];
  for (const [from, to] of a) {
    for (const other of b) {
      const [start, end] = [Math.max(from, other[0]), Math.min(to, other[1])];
      if (start < end) common.push([start, end]);
    }
  }
  return normalised(common);
}

function minuteOf(unix_s: number): number {
  return (Math.floor(unix_s / 60) + epoch_min) % week_min;
}

/** Whether a moment, in Unix seconds, lies in one of the intervals. */
export function isOpen(week: Week, unix_s: number): boolean {
  const minute = minuteOf(unix_s);
  return week.some(([from, to]) => from <= minute && minute < to);
}

/** The first moment from `unix_s` on that lies in the week, in Unix seconds; `undefined` for an empty one. */
export function nextOpening(week: Week, unix_s: number): number | undefined {
  const first = week[0];
  if (first === undefined || isOpen(week, unix_s)) return first === undefined ? undefined : unix_s;
  const minute = minuteOf(unix_s);
  const start = week.find(([from]) => from > minute)?.[0] ?? first[0] + week_min;
  return (Math.floor(unix_s / 60) + start - minute) * 60;
}
