/** The one way into the store: every statement passes here, whether pushed, pulled or our own. */
import { fromBase64url } from '../../crypto/bytes.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { checkWindow, verifyToken, type Token } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { parseStatement, statementKey, type ParsedStatement, type Statement } from '../../crypto/statement.ts';
import { dayOf, topicOf, type PutOutcome, type StatementTopic } from '../../storage/statements.ts';
import type { PeerId, Verdict } from '../ports.ts';
import { unixSeconds } from '../time.ts';
import type { StatementListeners, StatementsParts } from './index.ts';
import type { LookUps } from './look-ups.ts';
import { checkProof } from './proofs.ts';
import { Waiting } from './waiting.ts';

type AdmissionParts = Pick<StatementsParts, 'clock' | 'store' | 'identity' | 'recorder' | 'wasListed'>;

/** How a statement came here from a peer. */
export interface Source {
  readonly peer: PeerId;
  /** Where the peer listed it; absent for one that it pushed. */
  readonly listed?: { readonly topic: StatementTopic; readonly day: number };
  readonly lookups: LookUps;
}

// What no honest peer passes on. Everything else may be a difference of clocks, caches or quotas.
const misdeeds: ReadonlySet<string> = new Set([
  'TOKEN_TOO_LARGE', 'TOKEN_MALFORMED', 'TOKEN_HEADER', 'TOKEN_TYPE', 'STATEMENT_MALFORMED', 'STATEMENT_FORGED', 'STATEMENT_UNPROVEN', 'STATEMENT_MISPLACED',
]);

/** What a peer deserves for a statement that ended like this. */
export function verdictOn(admission: Result<Statement>): Verdict {
  if (admission.ok) return 'accept';
  return misdeeds.has(admission.failure.code) ? 'reject' : 'ignore';
}

function refusal(outcome: Exclude<PutOutcome, 'new'>): ReturnType<typeof fail> {
  switch (outcome) {
    case 'known': return fail('STATEMENT_KNOWN', 'this statement is known already');
    case 'stale': return fail('STATEMENT_STALE', 'there is a newer or better statement in its place', { fix: 'sign with a higher seq' });
    case 'equivocation': return fail('STATEMENT_EQUIVOCATION', 'the issuer has signed two different statements under one seq');
    case 'ended': return fail('TOKEN_EXPIRED', 'the day on which this statement ended is over', { fix: 'sign a new one' });
    case 'over-quota': return fail('STATEMENT_QUOTA', 'the issuer, or everybody together, has as many statements as are kept');
  }
}

/** Verifies statements and keeps the good ones, each once. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #listeners: StatementListeners;
  readonly #waiting = new Waiting();
  readonly #running = new Map<string, Promise<Result<Statement>>>();

  constructor(parts: AdmissionParts, listeners: StatementListeners) {
    this.#parts = parts;
    this.#listeners = listeners;
  }

  /** How many statements are being checked right now. */
  get running_count(): number {
    return this.#running.size;
  }

  /** Resolves when no statement is being checked. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }

  /**
   * Size, shape, time, place in the store, issuer, key, signature, what it
   * proves, in this order; then durable, then told to the listeners. Fails as
   * {@link Statements.publish} says, with `STATEMENT_KNOWN`, and with
   * `STATEMENT_MISPLACED` where it is not of the topic and day under which it was listed.
   */
  async admit(text: string, source?: Source): Promise<Result<Statement>> {
    const parsed = parseStatement(text);
    if (!parsed.ok) return parsed;
    const { statement } = parsed.value;
    const listed = source?.listed;
    if (listed !== undefined && (topicOf(statement) !== listed.topic || dayOf(statement.exp) !== listed.day)) {
      return fail('STATEMENT_MISPLACED', 'the statement was listed under another topic or day than its own');
    }
    const running = this.#running.get(statement.hash);
    if (running !== undefined) {
      const first = await running;
      return first.ok ? refusal('known') : first;
    }
    const checking = this.#check(parsed.value, source).finally(() => this.#running.delete(statement.hash));
    this.#running.set(statement.hash, checking);
    if (source !== undefined && topicOf(statement) === 'revocations') this.#wait(await checking, statement.hash, text, source.peer);
    return checking;
  }

  #wait(admission: Result<Statement>, hash: string, text: string, peer: PeerId): void {
    const did = admission.ok || admission.failure.code !== 'STATEMENT_ISSUER_UNKNOWN' ? undefined : admission.failure.detail?.['issuer'];
    if (typeof did === 'string') this.#waiting.keep({ hash, text, did, peer });
  }

  /**
   * Looks again at what was taken away by these DIDs, or proven against them, while
   * nobody had their records, as far as they are at hand now. Resolves to the peers
   * that brought what no honest peer keeps.
   */
  async reconsider(dids: Iterable<string>): Promise<ReadonlySet<PeerId>> {
    const liars = new Set<PeerId>();
    for (const did of dids) {
      if (!this.#waiting.has(did) || this.#parts.identity.known(did) === undefined) continue;
      for (const { text, hash, peer } of this.#waiting.take(did)) {
        if (liars.has(peer)) continue;
        const admission = await this.admit(text);
        if (verdictOn(admission) === 'reject') liars.add(peer);
        else this.#wait(admission, hash, text, peer);
      }
    }
    return liars;
  }

  async #check({ statement, token }: ParsedStatement, source?: Source): Promise<Result<Statement>> {
    const { clock, store, identity } = this.#parts;
    const { nbf } = statement;
    // Until its day is over it is compared with peers, so it is taken from them: it no longer counts, but it bars older ones.
    const early = checkWindow({ nbf, exp: Number.MAX_SAFE_INTEGER }, unixSeconds(clock));
    if (!early.ok) return early;
    const place = store.judge(statement);
    if (place !== 'new' && place !== 'equivocation') return refusal(place);
    const key = await this.#key(statement, token, source);
    if (!key.ok) return key;
    if (!verifyToken(token, key.value)) return fail('STATEMENT_FORGED', `the signature is not that of ${statement.iss}`);
    const proven = await checkProof({
      known: (did) => identity.known(did), resolve: (did, options) => this.#record(did, source, options), wasListed: (name) => this.#parts.wasListed?.(name) === true,
    }, statement);
    return proven.ok ? this.#keep(statement, token.text) : proven;
  }

  /** The key that is said to have signed. One that is not known may be newer than the record at hand: that is looked up once. */
  async #key({ iss, nbf }: Statement, token: Token, source?: Source): Promise<Result<Uint8Array>> {
    const issuer = await this.#record(iss, source);
    if (!issuer.ok) return issuer;
    const find = (record: DidRecord): Uint8Array | undefined => statementKey(record, token.key_id, nbf);
    let key = find(issuer.value);
    if (key === undefined) {
      const fresh = await this.#record(iss, source, { fresh: true });
      key = fresh.ok ? find(fresh.value) : undefined;
    }
    return key === undefined ? fail('STATEMENT_KEY_UNKNOWN', `${token.key_id} is not a key with which ${iss} made statements then`) : ok(key);
  }

  /** The record of somebody; one that is not at hand is looked up as the source may. */
  async #record(did: string, source?: Source, options: { readonly fresh?: boolean } = {}): Promise<Result<DidRecord>> {
    const { identity } = this.#parts;
    const ask = (): Promise<Result<DidRecord>> => identity.resolve(did, options);
    const is_near = options.fresh !== true && identity.known(did) !== undefined;
    const record = source === undefined || is_near ? await ask() : await source.lookups.ask(did, ask);
    if (record?.ok === true) return record;
    return fail('STATEMENT_ISSUER_UNKNOWN', `the record of ${did} could not be had`, {
      cause: record?.failure, fix: 'connect to a peer that has it', detail: { issuer: did, looked_up: record !== undefined },
    });
  }

  async #keep(statement: Statement, text: string): Promise<Result<Statement>> {
    const { store, recorder } = this.#parts;
    const rival = statement.kind === 'endorsement' || statement.kind === 'policy-bundle' ? store.rival(statement) : undefined;
    const rival_text = rival === undefined ? undefined : await store.get(fromBase64url(rival) ?? new Uint8Array());
    const outcome = await store.put(statement, text);
    if (outcome === 'equivocation' && (statement.kind === 'endorsement' || statement.kind === 'policy-bundle')) {
      recorder.record({ kind: 'statement.equivocation', issuer: statement.iss, seq: statement.seq, hash: statement.hash });
      if (rival_text !== undefined) this.#listeners.equivocated?.(statement.iss, [text, rival_text]);
    }
    if (outcome !== 'new' && !(outcome === 'equivocation' && store.has(statement.hash))) return refusal(outcome);
    recorder.record({ kind: 'statement.applied', type: statement.kind, issuer: statement.iss, hash: statement.hash });
    this.#tell(statement);
    return ok(statement);
  }

  #tell(statement: Statement): void {
    switch (statement.kind) {
      case 'endorsement': this.#listeners.endorsement?.(statement); break;
      case 'revocation': this.#listeners.revocation?.(statement); break;
      case 'head': this.#listeners.head?.(statement); break;
      case 'duplicity': this.#listeners.duplicity?.(statement); break;
      case 'equivocation': this.#listeners.equivocation?.(statement); break;
      case 'audit-evidence': this.#listeners.auditEvidence?.(statement); break;
      case 'policy-bundle': this.#listeners.policyBundle?.(statement); break;
    }
  }
}
