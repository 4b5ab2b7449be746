/** Whether a statement of a bundle may come in force, before its bytes are asked for. */
import { fromBase64url } from '../crypto/bytes.ts';
import { keyFor } from '../crypto/did-record.ts';
import type { PolicyBundle } from '../crypto/policy-bundle.ts';
import type { Failure } from '../crypto/result.ts';
import { parseStatement } from '../crypto/statement.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { Clock } from '../protocols/ports.ts';
import type { RevocationService } from '../protocols/revocation/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { BundleStanding } from './bundle-shelf.ts';

/** What judging uses. */
export interface BundleJudgeParts {
  readonly clock: Clock;
  readonly identity: Pick<Identity, 'known' | 'resolve' | 'duplicity'>;
  readonly revocation: Pick<RevocationService, 'revokedDid' | 'revokedKey'>;
  readonly statement_store: Pick<StatementStore, 'get' | 'equivocation'>;
}

/** Judges organisations, and what they say of bundles. */
export class BundleJudge {
  readonly #parts: BundleJudgeParts;

  constructor(parts: BundleJudgeParts) {
    this.#parts = parts;
  }

  /** Why nothing newer of an organisation is taken, if so: `BUNDLE_ISSUER`, `BUNDLE_ISSUER_UNKNOWN` or `BUNDLE_ISSUER_ENDED`. */
  async barred(organisation: string): Promise<Failure | undefined> {
    const { identity, revocation, statement_store } = this.#parts;
    const ended = (reason: string): Failure => ({ code: 'BUNDLE_ISSUER_ENDED', reason: `${reason}: what it has published stays in force, nothing newer is taken`, fix: `agentmesh policy unfollow ${organisation}, and follow its successor` });
    const forked = identity.duplicity(organisation);
    if (forked !== undefined) return ended(forked.reason);
    const resolved = await identity.resolve(organisation);
    const record = resolved.ok ? resolved.value : identity.known(organisation);
    if (record === undefined) return { code: 'BUNDLE_ISSUER_UNKNOWN', reason: `the record of ${organisation} could not be had`, fix: 'connect to a peer that has it: agentmesh join ADDRESS' };
    if (record.kind !== 'org') return { code: 'BUNDLE_ISSUER', reason: `${organisation} is no organisation`, fix: 'an organisation is made with: agentmesh sponsor create NAME --kind org' };
    if (record.document.deactivated) return ended('the organisation was deactivated');
    const revoked = revocation.revokedDid(organisation);
    if (revoked !== undefined) return ended(revoked.reason);
    return statement_store.equivocation(organisation) === undefined ? undefined : ended('the organisation has said two different things under one number');
  }

  /**
   * Why a statement must not come in force beside what was taken before, if so: a code of
   * {@link BundleJudge.barred}, `BUNDLE_DOWNGRADE`, `BUNDLE_EQUIVOCATION`, `BUNDLE_EXPIRED`, `BUNDLE_KEY_RETIRED`, `BUNDLE_UNAVAILABLE` or `REVOKED`.
   */
  async refusal(statement: PolicyBundle, standing: BundleStanding | undefined): Promise<Failure | undefined> {
    const { clock, statement_store, revocation, identity } = this.#parts;
    const { iss, seq, digest, exp, hash } = statement;
    if (standing !== undefined && seq < standing.version) {
      return { code: 'BUNDLE_DOWNGRADE', reason: `version ${seq} is below version ${standing.version}, which was in force here`, fix: 'its organisation publishes what it wants in force as the next version' };
    }
    if (standing !== undefined && seq === standing.version && digest !== standing.digest) {
      return { code: 'BUNDLE_EQUIVOCATION', reason: `there are two bundles of version ${seq}; the one that came first stays in force`, fix: 'ask the organisation which one it has published' };
    }
    if (exp <= unixSeconds(clock)) return { code: 'BUNDLE_EXPIRED', reason: `the statement of version ${seq} has run out`, fix: 'its organisation must publish it again: agentmesh policy publish' };
    const barred = await this.barred(iss);
    if (barred !== undefined) return barred;
    const text = await statement_store.get(fromBase64url(hash) ?? new Uint8Array());
    const parsed = text === undefined ? undefined : parseStatement(text);
    if (parsed?.ok !== true) return { code: 'BUNDLE_UNAVAILABLE', reason: 'the statement is not at hand any more', fix: 'it comes again from peers' };
    const { key_id } = parsed.value.token;
    const revoked = revocation.revokedKey(key_id);
    if (revoked !== undefined || seq === standing?.version) return revoked;
    // Whoever has a retired key can date a statement back to when it was in use. What its organisation stands by it signs again.
    const record = identity.known(iss);
    return record === undefined || keyFor(record, key_id, 'assertionMethod') !== undefined ? undefined : {
      code: 'BUNDLE_KEY_RETIRED', reason: `version ${seq} is signed with a key that its organisation no longer uses`, fix: 'it comes in force when the organisation has signed it again, which its host does by itself: agentmesh policy publish',
    };
  }
}
