/**
 * Seals what a host keeps outside of its log and belongs to one of its entries,
 * under keys that are forgotten together with the payloads of that entry's
 * subject, of everything before a later entry, or with those of the entry alone.
 */
import { concat, utf8 } from '../crypto/bytes.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { entryLeaf } from './audit-box.ts';
import { decodeLeaf, encodeLeaf, leaf_bytes } from './puncturable-key.ts';
import { erased, handle_bytes, type Vault } from './vault.ts';

const label = utf8('beside the log');
const version = 1;
const head_bytes: number = 1 + handle_bytes + leaf_bytes;

/** What sealed bytes belong to: whose they are, the entry (`null`: none, then they go with the one that comes next), and the key of the store at which they are kept. */
export interface EntrySealPlace {
  readonly subject: string;
  /** The subject's handle when the work that this comes from began, if it had one: an erasure since then takes what comes of that work too. */
  readonly handle?: Uint8Array | undefined;
  readonly index: number | null;
  readonly key: Uint8Array;
}

/** Seals and opens what belongs to entries of one log. */
export class EntrySeal {
  readonly #vault: Vault;
  readonly #log_number: number;
  readonly #size: () => number;

  constructor(parts: { readonly vault: Vault; readonly log_number: number; readonly size: () => number }) {
    this.#vault = parts.vault;
    this.#log_number = parts.log_number;
    this.#size = parts.size;
  }

  /** The handle of a subject that has a key. */
  handleOf(subject: string): Uint8Array | undefined {
    return this.#vault.handleOf(subject);
  }

  /** Seals bytes: `u8 version | handle (16) | leaf (8) | what the vault sealed`. Fails with `VAULT_ERASED` where the subject has no key, or that of the entry was destroyed. */
  seal({ subject, handle = this.handleOf(subject), index, key }: EntrySealPlace, bytes: Uint8Array): Result<Uint8Array> {
    if (handle === undefined) return erased;
    const leaf = entryLeaf(this.#log_number, index ?? this.#size());
    const sealed = this.#vault.seal({ handle, leaf, context: concat(label, key) }, bytes);
    return sealed.ok ? ok(concat(Uint8Array.of(version), handle, encodeLeaf(leaf), sealed.value)) : sealed;
  }

  /** Opens what was sealed for a key of the store. Fails with `VAULT_ERASED`, or `VAULT_SEAL_BROKEN` where it is nothing that was sealed for it. */
  open(key: Uint8Array, sealed: Uint8Array): Result<Uint8Array> {
    if (sealed.length < head_bytes || sealed[0] !== version) return fail('VAULT_SEAL_BROKEN', 'these bytes were not sealed', { fix: 'run agentmesh doctor' });
    const handle = sealed.subarray(1, 1 + handle_bytes);
    const leaf = decodeLeaf(sealed.subarray(1 + handle_bytes, head_bytes));
    const opened = this.#vault.open({ handle, leaf, context: concat(label, key) }, sealed.subarray(head_bytes));
    return opened.ok ? ok(opened.value.bytes) : opened;
  }
}
