/** Reports that work under a delegation is done: believed of its holder and of whom the holder gave the work, each once. */
import { bigEndian, concat, utf8 } from '../../crypto/bytes.ts';
import type { Fields } from '../../crypto/canonical.ts';
import { parseInvocation, type Chain, type Evidence } from '../../crypto/chain.ts';
import type { KeyUse } from '../../crypto/did-events.ts';
import { keyFor } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { checkWindow, verifyToken, type Token } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Identity } from '../identity/index.ts';
import type { Change, Clock, Store } from '../ports.ts';
import { unixSeconds } from '../time.ts';
import { completion_lifetime_s } from './constants.ts';
import type { HeldDelegation } from './kept.ts';
import { parseReport } from './wire.ts';

/** What {@link Completions} use. */
export interface CompletionParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly identity: Identity;
  /** Whether a DID is of this host. */
  own(did: string): object | undefined;
  /** The chain of this id, if it is kept here. */
  held(id: string): HeldDelegation | undefined;
  /** Verifies a chain now. Fails with a `CHAIN_…` code, `REVOKED` or a `SPONSOR_…` code. */
  verify(chain: readonly string[]): Promise<Result<Chain>>;
  evidence(): Evidence;
  completed(completion: Completion, mark: Change): Promise<Result<void>>;
}

/** Work that was done under a delegation of ours. */
export interface Completion {
  readonly delegation: HeldDelegation;
  /** The holder, or whom the holder gave the work. */
  readonly worker: string;
  /** SHA-256 of the result, base64url. */
  readonly result_hash: string;
}

/** The reports that come to the issuers of delegations on this host. */
export class Completions {
  readonly #parts: CompletionParts;
  readonly #under_way = new Map<string, Promise<Result<void>>>();

  constructor(parts: CompletionParts) {
    this.#parts = parts;
  }

  /**
   * Takes a report; `ok` once it is recorded. Fails with `DELEGATION_…`,
   * `TOKEN_…`, `CHAIN_…`, `REVOKED`, `SPONSOR_…`, a code of
   * {@link Identity.resolve} or of the audit log.
   */
  async take(completion: Fields): Promise<Result<void>> {
    const report = parseReport(completion);
    if (!report.ok) return report;
    const { token, worker, issuer, dated_s, result_hash, invocation } = report.value;
    const window = checkWindow({ nbf: dated_s, exp: dated_s + completion_lifetime_s }, unixSeconds(this.#parts.clock));
    if (!window.ok) return window;
    const delegation = this.#parts.held(report.value.delegation);
    if (delegation === undefined || delegation.issuer !== issuer || this.#parts.own(delegation.issuer) === undefined) {
      return fail('DELEGATION_UNKNOWN', 'nobody here issued that delegation');
    }
    const authorised = worker === delegation.holder ? ok(undefined) : await this.#asked(invocation, delegation, worker);
    if (!authorised.ok) return authorised;
    const signed = await this.#isSigned(token, worker, 'assertionMethod');
    if (!signed.ok) return signed;
    const holds = await this.#parts.verify(delegation.chain);
    return holds.ok ? this.#once({ delegation, worker, result_hash }) : holds;
  }

  /** Records what a worker did under a delegation, once. Whoever reports it at the same time waits for the same record. */
  #once(completion: Completion): Promise<Result<void>> {
    const { delegation, worker } = completion;
    const name = `completion ${delegation.id} ${worker}`;
    const running = this.#under_way.get(name);
    if (running !== undefined) return running;
    // The mark lies among the receipts, whose keys begin with the time after which nobody can ask again.
    const key = concat(bigEndian(delegation.exp, 6), sha256(utf8(name)));
    const recorded = this.#record(completion, key).finally(() => this.#under_way.delete(name));
    this.#under_way.set(name, recorded);
    return recorded;
  }

  async #record(completion: Completion, key: Uint8Array): Promise<Result<void>> {
    if (await this.#parts.store.get('receipt', key) !== undefined) return ok(undefined);
    return this.#parts.completed(completion, { space: 'receipt', key, value: utf8('completed') });
  }

  /** Whether the holder of a delegation gave this worker a command under it. */
  async #asked(text: unknown, delegation: HeldDelegation, worker: string): Promise<Result<void>> {
    const invocation = typeof text === 'string' ? parseInvocation(text) : fail('DELEGATION_UNKNOWN', 'the holder\'s command is missing');
    if (!invocation.ok) return invocation;
    const { iss, aud, prf, token } = invocation.value;
    if (iss !== delegation.holder || aud !== worker || prf !== delegation.id) return fail('DELEGATION_UNKNOWN', 'the holder of that delegation did not give you a command');
    return this.#isSigned(token, iss, 'capabilityInvocation');
  }

  async #isSigned(token: Token, issuer: string, use: KeyUse): Promise<Result<void>> {
    const { identity } = this.#parts;
    await identity.gather([issuer]);
    const record = await identity.resolve(issuer);
    if (!record.ok) return record;
    const evidence = this.#parts.evidence();
    const barred = evidence.unsponsored(record.value) ?? evidence.revokedKey(token.key_id);
    if (barred !== undefined) return { ok: false, failure: barred };
    const key = keyFor(record.value, token.key_id, use);
    return key !== undefined && verifyToken(token, key) ? ok(undefined) : fail('DELEGATION_FORGED', `a token is not signed by ${issuer}`);
  }
}
