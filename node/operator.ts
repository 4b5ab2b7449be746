import { unwrap } from '../crypto/result.ts';
import type { Clock, Random } from '../protocols/ports.ts';
import { KernelSpace, type FlightRecorder } from './kernel/index.ts';
import { compilePolicy } from './kernel/policy/load.ts';

/** Who acts in records where the owner of a host does. */
export const operator = 'operator';

const window_ms = 60_000;

/** The kernel under which the owner of a host acts: it refuses nothing that has the right form, and everything stands on record. */
export function operatorKernel({ clock, random, flight_recorder }: { readonly clock: Clock; readonly random: Random; readonly flight_recorder: FlightRecorder }): KernelSpace {
  const everything = unwrap(compilePolicy({ version: '1.0', name: operator, rules: [{ name: operator, condition: 'true', action: 'allow' }] }));
  return new KernelSpace({ policies: [everything], clock, random, flight_recorder, loops: 'none', denials: { max: Number.MAX_SAFE_INTEGER, window_ms } });
}
