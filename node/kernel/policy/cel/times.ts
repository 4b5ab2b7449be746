/** What CEL asks of timestamps and durations: `getHours()` and the like. */
import { Fault } from '../values.ts';
import { takes, type CelFunction, type CelFunctions } from './function.ts';
import { partsOf, type TimeParts } from './time.ts';
import { Duration, noOverload, Timestamp, type CelResult } from './values.ts';

function part(name: string, of: (parts: TimeParts) => number, of_duration?: (nanoseconds: bigint) => bigint): CelFunction {
  return takes(1, (args, budget): CelResult => {
    const [value = null, zone = 'UTC'] = args;
    // A length of time is in no zone.
    if (value instanceof Duration && of_duration !== undefined && args.length === 1) return of_duration(value.nanoseconds);
    if (!(value instanceof Timestamp) || typeof zone !== 'string') return noOverload(name, value, zone);
    const parts = budget.charge(10) ?? partsOf(value, zone, budget);
    return parts instanceof Fault ? parts : BigInt(of(parts));
  }, 2);
}

/** The accessors, each with a time zone as its optional argument. */
export const times: CelFunctions = {
  '.getFullYear': part('getFullYear', (parts) => parts.year),
  '.getMonth': part('getMonth', (parts) => parts.month - 1),
  '.getDate': part('getDate', (parts) => parts.day),
  '.getDayOfMonth': part('getDayOfMonth', (parts) => parts.day - 1),
  '.getDayOfWeek': part('getDayOfWeek', (parts) => parts.day_of_week),
  '.getDayOfYear': part('getDayOfYear', (parts) => parts.day_of_year),
  '.getHours': part('getHours', (parts) => parts.hour, (nanoseconds) => nanoseconds / 3_600_000_000_000n),
  '.getMinutes': part('getMinutes', (parts) => parts.minute, (nanoseconds) => nanoseconds / 60_000_000_000n),
  '.getSeconds': part('getSeconds', (parts) => parts.second, (nanoseconds) => nanoseconds / 1_000_000_000n),
  '.getMilliseconds': part('getMilliseconds', (parts) => parts.millisecond, (nanoseconds) => (nanoseconds / 1_000_000n) % 1_000n),
};
