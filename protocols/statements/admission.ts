/** The one way into the store: every statement passes here, whether pushed, pulled or our own. */
import { keyFor } from '../../crypto/did-record.ts';
import { checkWindow, verifyToken } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { parseStatement, type ParsedStatement, type Statement } from '../../crypto/statement.ts';
import type { PutOutcome } from '../../storage/statements.ts';
import type { Verdict } from '../ports.ts';
import type { StatementListeners, StatementsParts } from './index.ts';

type AdmissionParts = Pick<StatementsParts, 'clock' | 'store' | 'identity' | 'recorder'>;

// What no honest peer passes on. Everything else may be a difference of clocks, caches or quotas.
const misdeeds: ReadonlySet<string> = new Set([
  'TOKEN_TOO_LARGE', 'TOKEN_MALFORMED', 'TOKEN_HEADER', 'TOKEN_TYPE', 'STATEMENT_MALFORMED', 'STATEMENT_FORGED',
]);

/** What a peer deserves for a statement that ended like this. */
export function verdictOn(admission: Result<Statement>): Verdict {
  if (admission.ok) return 'accept';
  return misdeeds.has(admission.failure.code) ? 'reject' : 'ignore';
}

function refusal(outcome: Exclude<PutOutcome, 'new'>): ReturnType<typeof fail> {
  switch (outcome) {
    case 'known': return fail('STATEMENT_KNOWN', 'this statement is known already');
    case 'stale': return fail('STATEMENT_STALE', 'the issuer has made a newer statement in its place', { fix: 'sign with a higher seq' });
    case 'equivocation': return fail('STATEMENT_EQUIVOCATION', 'the issuer has signed two different statements under one seq');
    case 'over-quota': return fail('STATEMENT_QUOTA', 'the issuer, or everybody together, has as many statements as are kept');
  }
}

/** Verifies statements and keeps the good ones, each once. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #listeners: StatementListeners;
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
   * Size, shape, time, place in the store, issuer, key, signature, in this
   * order; then durable, then told to the listeners. Fails as
   * {@link Statements.publish} says, and with `STATEMENT_KNOWN`.
   */
  async admit(text: string): Promise<Result<Statement>> {
    const parsed = parseStatement(text);
    if (!parsed.ok) return parsed;
    const { hash } = parsed.value.statement;
    const running = this.#running.get(hash);
    if (running !== undefined) {
      const first = await running;
      return first.ok ? refusal('known') : first;
    }
    const checking = this.#check(parsed.value).finally(() => this.#running.delete(hash));
    this.#running.set(hash, checking);
    return checking;
  }

  async #check({ statement, token }: ParsedStatement): Promise<Result<Statement>> {
    const { clock, store, identity } = this.#parts;
    const window = checkWindow(statement, Math.floor(clock.now() / 1000));
    if (!window.ok) return window;
    const place = store.judge(statement);
    if (place !== 'new' && place !== 'equivocation') return refusal(place);
    const issuer = await identity.resolve(statement.iss);
    if (!issuer.ok) {
      return fail('STATEMENT_ISSUER_UNKNOWN', `the record of ${statement.iss} could not be had`, { cause: issuer.failure, fix: 'connect to a peer that has it' });
    }
    const key = keyFor(issuer.value, token.key_id, 'assertionMethod');
    if (key === undefined) return fail('STATEMENT_KEY_UNKNOWN', `${token.key_id} is not a key with which ${statement.iss} makes statements now`);
    if (!verifyToken(token, key)) return fail('STATEMENT_FORGED', `the signature is not that of ${statement.iss}`);
    return this.#keep(statement, token.text);
  }

  async #keep(statement: Statement, text: string): Promise<Result<Statement>> {
    const { store, recorder } = this.#parts;
    const outcome = await store.put(statement, text);
    if (outcome === 'equivocation') {
      recorder.record({ kind: 'statement.equivocation', issuer: statement.iss, seq: statement.seq, hash: statement.hash });
    }
    if (outcome !== 'new' && !(outcome === 'equivocation' && store.has(statement.hash))) return refusal(outcome);
    recorder.record({ kind: 'statement.applied', type: statement.kind, issuer: statement.iss, hash: statement.hash });
    if (statement.kind === 'endorsement') this.#listeners.endorsement?.(statement);
    else this.#listeners.revocation?.(statement);
    return ok(statement);
  }
}
