/** Durable appends to the audit log, beside synced LevelDB batches of the same bytes. */
import { join } from 'node:path';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { system_random } from '../../node/clock.ts';
import { openAuditLog } from '../../storage/audit-log.ts';
import { diskFiles } from '../../storage/files.ts';
import { openStore } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { line, measure, short } from './stats.ts';

const payload_bytes = 400;

/** Runs the benchmark and prints it. */
export async function benchAudit(home: string, print: (text: string) => void): Promise<void> {
  const folder = join(home, 'audit');
  const store = unwrap(await openStore({ kind: 'disk', folder: join(folder, 'store'), create: true }));
  const files = diskFiles(folder);
  const vault = unwrap(await openVault({ files, random: (length) => system_random.bytes(length), create: true }));
  const log = unwrap(await openAuditLog({
    store, files, vault, now: () => Date.now(), key: signingKey(system_random.bytes(32)), did: 'did:mesh:bench', create: true,
  }));
  for (const group of [1, 16, 64, 256]) {
    const payload = system_random.bytes(payload_bytes);
    const count = group === 1 ? 1500 : 200 * group;
    const bare = await measure(Math.ceil(count / group), 1, () => store.batch([
      { space: 'meta', key: system_random.bytes(16), value: system_random.bytes(group * (payload_bytes + 120)) },
    ], { sync: true }));
    const appends = await measure(count, group, async () => unwrap(await log.append({ subject: 'bench', payload })));
    print(line(`synced LevelDB batch of ${group} x ${payload_bytes + 120} bytes`, bare));
    print(line(`durable sealed append of ${payload_bytes} bytes, ${group} in flight`, appends));
    print(`  appends/s of what bare batches carry: ${short(100 * appends.per_s / (bare.per_s * group))} %`);
  }
  await log.close();
  await store.close();
}
