/**
 * What the keys of an identity are called in the keystore. The update key of
 * event `n + 1` is the next key of event `n`, so it has one name for both.
 */
import { key_bytes, signingKey } from '../crypto/keys.ts';
import type { IdentityKeys } from '../protocols/identity/index.ts';
import type { Random } from '../protocols/ports.ts';
import type { Keystore } from '../storage/keystore.ts';

/** The names of the keys that an identity has under establishment event `number`. */
export function keyNames(label: string, number: number): { readonly [Role in keyof IdentityKeys]: string } {
  return { update: `identity/${label}/${number}/update`, next: `identity/${label}/${number + 1}/update`, use: `identity/${label}/${number}/use` };
}

/** The keys of an identity under establishment event `number`, if the keystore has them all. */
export function heldKeys(keystore: Pick<Keystore, 'key'>, label: string, number: number): IdentityKeys | undefined {
  const names = keyNames(label, number);
  const [update, next, use] = [keystore.key(names.update), keystore.key(names.next), keystore.key(names.use)];
  return update === undefined || next === undefined || use === undefined ? undefined : { update, next, use };
}

/** New keys that nothing holds yet, and the seeds to store them by. */
export function newKeys(random: Random): { readonly keys: IdentityKeys; readonly seeds: { readonly [Role in keyof IdentityKeys]: Uint8Array } } {
  const seeds = { update: random.bytes(key_bytes), next: random.bytes(key_bytes), use: random.bytes(key_bytes) };
  return { seeds, keys: { update: signingKey(seeds.update), next: signingKey(seeds.next), use: signingKey(seeds.use) } };
}

/** Stores the keys of a new identity; they are on the disk when the promise resolves. */
export function storeKeys(keystore: Keystore, label: string, seeds: ReturnType<typeof newKeys>['seeds']): Promise<void> {
  const names = keyNames(label, 0);
  return keystore.add(new Map([[names.update, seeds.update], [names.next, seeds.next], [names.use, seeds.use]]));
}

/**
 * The keys for the rotation to establishment event `number`: those that are
 * there, and new ones for the others. They are on the disk when the promise
 * resolves, those too that an attempt before could not write.
 */
export async function keysForRotation({ keystore, random }: { readonly keystore: Keystore; readonly random: Random }, label: string, number: number): Promise<IdentityKeys> {
  const missing = Object.values(keyNames(label, number)).filter((name) => keystore.key(name) === undefined);
  await keystore.add(new Map(missing.map((name) => [name, random.bytes(key_bytes)])));
  const keys = heldKeys(keystore, label, number);
  if (keys === undefined) throw new Error('broken invariant: keys that were added are there');
  return keys;
}
