/** The keys of the node itself, besides those of its identity. */
import { key_bytes } from '../crypto/keys.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Random } from '../protocols/ports.ts';
import type { Keystore } from '../storage/keystore.ts';

/** Keys of the node itself, besides those of its identity. */
export const node_key_names = ['peer', 'log', 'witness', 'event-witness'] as const;

/** Makes the node's own keys at genesis: for the network, the log, cosigning logs, and countersigning establishment events. */
export async function makeNodeKeys(keystore: Keystore, random: Random): Promise<void> {
  const missing = node_key_names.filter((name) => keystore.key(name) === undefined);
  if (missing.length > 0) await keystore.add(new Map(missing.map((name) => [name, random.bytes(key_bytes)])));
}

/** One of the node's own keys. Fails with `IDENTITY_KEYS_MISSING`. */
export function nodeKey(keystore: Keystore, name: typeof node_key_names[number]): Result<NonNullable<ReturnType<Keystore['key']>>> {
  const key = keystore.key(name);
  return key === undefined
    ? fail('IDENTITY_KEYS_MISSING', `the node's ${name} key is not in keys.json`, { fix: 'restore keys.json from a backup' })
    : ok(key);
}
