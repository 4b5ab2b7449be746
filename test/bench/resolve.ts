/** Resolving from the cache, by the synchronous way and by `resolve`, among as many records as a host keeps in memory. */
import { unwrap } from '../../crypto/result.ts';
import { system_clock } from '../../node/clock.ts';
import { identity } from '../../protocols/identity/index.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { recordStore } from '../../storage/records.ts';
import { openStore } from '../../storage/store.ts';
import { person } from '../people.ts';
import { short } from './stats.ts';

const people_count = 1000;
const rounds = 300;

function perResolve(cpu: NodeJS.CpuUsage): string {
  const used = process.cpuUsage(cpu);
  return `${short((used.user + used.system) / (rounds * people_count))} µs of processor time`;
}

/** Prints what one resolve of a cached DID costs; the aim is below 10 µs. */
export async function benchResolve(_home: string, print: (text: string) => void): Promise<void> {
  const recorder = { record: (): void => undefined };
  const wire = new Wire({ simulator: new Simulator('bench') });
  const records = recordStore({ store: unwrap(await openStore({ kind: 'memory' })), now: () => system_clock.now() });
  const network = simulatedNetwork(wire, { id: 'bench', clock: system_clock, recorder });
  // As on a host, where each resolve also asks the statements about duplicity.
  const known = new Map<string, true>();
  const service = identity({ clock: system_clock, network, records, recorder, isDuplicitous: (did) => known.has(did) });
  const dids: string[] = [];
  for (let index = 0; index < people_count; index += 1) {
    const { did, record } = await person(`somebody ${index}`, { now_ms: system_clock.now() });
    unwrap(await service.offer([record.bytes]));
    // What a peer sent along is looked up once before it is served from memory.
    unwrap(await service.resolve(did));
    dids.push(did);
  }
  let found = 0;
  let cpu = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) for (const did of dids) if (service.current(did) !== undefined) found += 1;
  print(`current(did)          ${perResolve(cpu)}`);
  cpu = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) for (const did of dids) if ((await service.resolve(did)).ok) found += 1;
  print(`await resolve(did)    ${perResolve(cpu)}`);
  cpu = process.cpuUsage();
  for (const did of dids) for (let round = 0; round < rounds / 10; round += 1) if ((await service.resolution(did)).didDocument !== null) found += 10;
  const used = process.cpuUsage(cpu);
  print(`await resolution(did) ${short((used.user + used.system) / (rounds / 10 * people_count))} µs of processor time, with the W3C document and metadata`);
  if (found !== 3 * rounds * people_count) throw new Error(`only ${found} were found`);
}
