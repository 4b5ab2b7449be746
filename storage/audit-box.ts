/** What is inside a sealed box: for each of its entries the salt of the commitment and the payload. */
import { bigEndian, fromBigEndian } from '../crypto/bytes.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { commitment_salt_bytes } from './audit-entry.ts';
import type { SealedBox } from './audit-group.ts';
import type { Leaf } from './puncturable-key.ts';
import type { Vault } from './vault.ts';

/** The most logs that a host may have one after the other: half of the realms of a key. */
export const log_numbers_max = 0x8000;

const resealed_realm = 0x8000;

/** The key of the boxes of a group, by its first index: an even leaf. */
export function groupLeaf(log_number: number, first_index: number): Leaf {
  return { realm: log_number, index: 2 * first_index };
}

/** The key of what belongs to an entry and is kept outside of the log: an odd leaf beside those of the groups, which costs little to compute and goes with whatever forgets everything before a later group. */
export function entryLeaf(log_number: number, index: number): Leaf {
  return { realm: log_number, index: 2 * index + 1 };
}

/** The key of boxes that were sealed again because of an erasure, by an index of its own. */
export function resealedLeaf(log_number: number, index: number): Leaf {
  return { realm: resealed_realm + log_number, index };
}

// From here on indices of keys are random: there is no entry to take one from.
const unrecorded_index_min = 2 ** 47;

/** An index for {@link resealedLeaf} where no entry gives one. */
export function unrecordedIndex(vault: Vault): number {
  return unrecorded_index_min + (fromBigEndian(vault.random(5)) ?? 0);
}

/** Where a box belongs: it opens nowhere else. */
export interface BoxPlace {
  readonly log_number: number;
  /** Of the group that the box is in. */
  readonly first_index: number;
}

/** A payload with the salt of its commitment, for the entry at a position of the group. */
export interface BoxMember {
  readonly position: number;
  readonly salt: Uint8Array;
  readonly payload: Uint8Array;
}

function contextOf({ log_number, first_index }: BoxPlace, positions: readonly number[]): Uint8Array {
  const context = Buffer.allocUnsafe(10 + 2 * positions.length);
  context.set(bigEndian(log_number, 2));
  context.set(bigEndian(first_index, 8), 2);
  let at = 10;
  for (const position of positions) at = context.writeUInt16BE(position, at);
  return context;
}

function packed(members: readonly BoxMember[]): Uint8Array {
  let length = 0;
  for (const { payload } of members) length += commitment_salt_bytes + 4 + payload.length;
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const { salt, payload } of members) {
    bytes.set(salt, at);
    at = bytes.writeUInt32BE(payload.length, at + commitment_salt_bytes);
    bytes.set(payload, at);
    at += payload.length;
  }
  return bytes;
}

/** Seals payloads into a box: positions ascend. Fails as {@link Vault.seal} does. */
export function sealBox(vault: Vault, place: BoxPlace, key: { readonly handle: Uint8Array; readonly leaf: Leaf }, members: readonly BoxMember[]): Result<SealedBox> {
  const positions = members.map(({ position }) => position);
  const bytes = packed(members);
  const sealed = vault.seal({ ...key, context: contextOf(place, positions) }, bytes);
  bytes.fill(0);
  return sealed.ok ? ok({ ...key, positions, sealed: sealed.value }) : sealed;
}

/** A box that was opened. */
export interface OpenedBox {
  readonly subject: string;
  readonly members: readonly BoxMember[];
}

/** Opens a box. Fails with `VAULT_ERASED` or `VAULT_SEAL_BROKEN`. */
export function openBox(vault: Vault, place: BoxPlace, box: SealedBox): Result<OpenedBox> {
  const opened = vault.open({ ...box, context: contextOf(place, box.positions) }, box.sealed);
  if (!opened.ok) return opened;
  const { subject, bytes } = opened.value;
  const members: BoxMember[] = [];
  let at = 0;
  for (const position of box.positions) {
    const from = at + commitment_salt_bytes + 4;
    const payload = bytes.subarray(from, from + (fromBigEndian(bytes.subarray(from - 4, from)) ?? 0));
    members.push({ position, salt: bytes.subarray(at, at + commitment_salt_bytes), payload });
    at = from + payload.length;
  }
  return at === bytes.length ? ok({ subject, members }) : fail('VAULT_SEAL_BROKEN', 'the lengths in a sealed box do not add up', { fix: 'run agentmesh doctor' });
}
