/** Durable appends to the audit log, beside synced LevelDB batches of the same bytes in the same minute. */
import { join } from 'node:path';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { system_random } from '../../node/clock.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { diskFiles } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { short } from './stats.ts';

const payload_bytes = 400;
const rounds = 20;
/** Commits of one round, by how many appends are in flight. */
const commits_of = { 1: 60, 16: 40, 64: 20, 256: 15 } as const;

interface Written {
  batches: number;
  bytes: number;
}

/** A store that counts what is written through it. */
function counted(store: Store, written: Written): Store {
  return {
    get: (space, key) => store.get(space, key),
    entries: (space, range) => store.entries(space, range),
    close: () => store.close(),
    batch: (changes, options) => {
      written.batches += 1;
      for (const { key, value } of changes) written.bytes += key.length + (value?.length ?? 0);
      return store.batch(changes, options);
    },
  };
}

/** What some work took, and each of its parts. */
class Spent {
  wall_ms = 0;
  cpu_us = 0;
  readonly parts_ms: number[] = [];

  async on(work: () => Promise<void>): Promise<void> {
    const cpu = process.cpuUsage();
    const since = performance.now();
    await work();
    this.wall_ms += performance.now() - since;
    const { user, system } = process.cpuUsage(cpu);
    this.cpu_us += user + system;
  }

  async part(work: () => Promise<unknown>): Promise<void> {
    const since = performance.now();
    await work();
    this.parts_ms.push(performance.now() - since);
  }

  quantile(share: number): string {
    const sorted = this.parts_ms.toSorted((a, b) => a - b);
    return short(sorted[Math.floor(sorted.length * share)] ?? Number.NaN);
  }
}

async function appendsInFlight(log: AuditLog, in_flight: number, total: number, spent: Spent): Promise<void> {
  const event = { subject: 'bench', payload: system_random.bytes(payload_bytes) };
  let left = total;
  // A clock around each of many in flight costs as much as a hash; one alone is timed.
  const caller = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      if (in_flight === 1) await spent.part(async () => unwrap(await log.append(event)));
      else unwrap(await log.append(event));
    }
  };
  await spent.on(async () => {
    await Promise.all(Array.from({ length: in_flight }, caller));
  });
}

async function bareBatches(store: Store, count: number, bytes: number, spent: Spent): Promise<void> {
  const batches = Array.from({ length: count }, () => ({ key: system_random.bytes(9), value: system_random.bytes(bytes) }));
  await spent.on(async () => {
    for (const { key, value } of batches) await spent.part(() => store.batch([{ space: 'meta', key, value }], { sync: true }));
  });
}

/** Runs the benchmark and prints it. */
export async function benchAudit(home: string, print: (text: string) => void): Promise<void> {
  const folder = join(home, 'audit');
  const store = unwrap(await openStore({ kind: 'disk', folder: join(folder, 'store'), create: true }));
  const files = diskFiles(folder);
  const vault = unwrap(await openVault({ files, random: (length) => system_random.bytes(length), create: true }));
  const written: Written = { batches: 0, bytes: 0 };
  const log = unwrap(await openAuditLog({
    store: counted(store, written), files, vault, now: () => Date.now(), key: signingKey(system_random.bytes(32)), did: 'did:mesh:bench', create: true,
  }));
  for (const in_flight of [1, 16, 64, 256] as const) {
    const total = in_flight * commits_of[in_flight];
    await appendsInFlight(log, in_flight, 4 * total, new Spent());
    const [appends, bare] = [new Spent(), new Spent()];
    Object.assign(written, { batches: 0, bytes: 0 });
    for (let round = 1; round <= rounds; round += 1) {
      await appendsInFlight(log, in_flight, total, appends);
      await bareBatches(store, commits_of[in_flight], Math.round(written.bytes / (round * total) * in_flight), bare);
    }
    const count = rounds * total;
    const per_s = count / appends.wall_ms * 1000;
    const bare_per_s = count / bare.wall_ms * 1000;
    const alone = in_flight === 1 ? `p50 ${appends.quantile(0.5)} ms, p99 ${appends.quantile(0.99)} ms, ` : '';
    print(`durable sealed append of ${payload_bytes} bytes, ${in_flight} in flight`.padEnd(52)
      + `${alone}${short(per_s)}/s, ${short(appends.cpu_us / count)} us of processor each, ${short(count / written.batches)} a commit`);
    print(`  bare synced batches of the bytes of ${in_flight}: ${short(written.bytes / count * in_flight)}`.padEnd(52)
      + `p50 ${bare.quantile(0.5)} ms, p99 ${bare.quantile(0.99)} ms, ${short(bare.cpu_us / count)} us of processor for each entry's bytes`);
    print(`  appends in a second, of what bare batches carry: ${short(100 * per_s / bare_per_s)} %`);
  }
  await log.close();
  await store.close();
}
