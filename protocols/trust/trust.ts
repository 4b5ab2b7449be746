/**
 * Subjective evidence flow, narrow form: E = (r + R + W·a) / (r + q + R + W),
 * with the observer's own good and bad evidence r and q, the bounded testimony
 * R of others, and the prior a. The score is 1000·E, and hard rules stand above it.
 */
import { assert } from '../../crypto/assert.ts';
import { isWhole } from '../../crypto/canonical.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { controllerOf, isoTime, type TokenSigner } from '../../crypto/jwt.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import { endorsement_weight_max, misdeedOf, signEndorsement, type Endorsement } from '../../crypto/statement.ts';
import { unixSeconds } from '../time.ts';
import { general_scope, sponsored_prior, tiers, unsponsored_prior } from './constants.ts';
import type { EndorsementInput, Score, ScoreItem, Tier, Trust, TrustInit, TrustParts } from './index.ts';
import { confidence, dimensions, evidence, expectation, type Ledger } from './ledger.ts';
import { Ledgers, type Interaction, type Recorded } from './ledgers.ts';
import { principalOf, testimony, type TestimonySum } from './testimony.ts';

const points_max = 1000;
const neutral_prior = 0.5;

/** What a score is made of. */
interface Grounds {
  readonly direct: Ledger;
  readonly testimony: TestimonySum;
  readonly sponsor: string | undefined;
  readonly prior: number;
}

function tierOf(score: number): Tier {
  return tiers.find((tier) => score >= tier.from)?.name ?? 'untrusted';
}

function pointsOf(r: number, q: number, prior: number): number {
  return points_max * expectation(r, q, prior);
}

function directItems({ direct, testimony, prior }: Grounds): readonly ScoreItem[] {
  const { r, q } = evidence(direct);
  const all = pointsOf(r + testimony.total, q, prior);
  return dimensions.flatMap((dimension, index): ScoreItem[] => {
    const good = direct.good[index] ?? 0;
    const bad = direct.bad[index] ?? 0;
    if (good === 0 && bad === 0) return [];
    const without = pointsOf(r - good + testimony.total, q - bad, prior);
    return [{
      kind: 'direct', effect: all - without,
      text: `own interactions, ${dimension.replaceAll('_', ' ')}: ${good.toFixed(2)} good and ${bad.toFixed(2)} bad evidence`,
    }];
  });
}

function endorsementItems({ direct, testimony, prior }: Grounds): readonly ScoreItem[] {
  const { r, q } = evidence(direct);
  const all = pointsOf(r + testimony.total, q, prior);
  const items = testimony.items.map(({ endorsement, budget, share }): ScoreItem => ({
    kind: 'endorsement', from: endorsement.iss, statement: endorsement.hash,
    effect: all - pointsOf(r + testimony.total - share, q, prior),
    text: `endorsed with ${(endorsement.weight / endorsement_weight_max).toFixed(3)} for ${endorsement.scope} at ${isoTime(endorsement.nbf)}, `
      + `of which the observer believes ${budget.toFixed(2)}${endorsement.why === '' ? '' : `: ${endorsement.why}`}`,
  }));
  if (testimony.ignored === 0) return items;
  const ignored: ScoreItem = {
    kind: 'endorsement', effect: 0,
    text: `${testimony.ignored} endorsements count nothing: from the subject's own sponsor or its agents, for another scope, or from somebody whom the observer has no reason to believe`,
  };
  return [...items, ignored];
}

function priorItem({ direct, testimony, sponsor, prior }: Grounds): ScoreItem {
  const { r, q } = evidence(direct);
  const all = pointsOf(r + testimony.total, q, prior);
  const effect = all - pointsOf(r + testimony.total, q, unsponsored_prior);
  return sponsor === undefined
    ? { kind: 'sponsor-prior', effect, text: 'nobody is known to answer for it' }
    : { kind: 'sponsor-prior', from: sponsor, effect, text: `${sponsor} answers for it` };
}

/** {@link Trust} from memory: ledgers of the observers on this host, and the index of statements. */
export class TrustScores implements Trust {
  readonly #init: TrustInit;
  readonly #parts: TrustParts;
  readonly #ledgers = new Ledgers();

  constructor(init: TrustInit, parts: TrustParts) {
    this.#init = init;
    this.#parts = parts;
  }

  start(): Promise<void> {
    return this.#ledgers.load(this.#parts.store, this.#parts.recorder);
  }

  score(observer: string, subject: string, scope: string = general_scope): Score {
    const rule = this.#rule(subject);
    const grounds = this.#grounds(observer, subject, scope, rule?.failure.code === 'SPONSOR_WITHDRAWN');
    const { r, q } = evidence(grounds.direct);
    const good = r + grounds.testimony.total;
    const points = pointsOf(good, q, grounds.prior);
    if (rule !== undefined) {
      const item: ScoreItem = { kind: 'rule', effect: -points, text: rule.failure.reason, ...(rule.statement === undefined ? {} : { statement: rule.statement }) };
      return { observer, subject, score: 0, confidence: 1, tier: 'untrusted', items: [item] };
    }
    const score = Math.round(points);
    assert(score >= 0 && score <= points_max, 'a score is between 0 and 1000');
    return {
      observer, subject, score, confidence: confidence(good, q), tier: tierOf(score),
      items: [priorItem(grounds), ...directItems(grounds), ...endorsementItems(grounds)],
    };
  }

  distrusted(observer: string, subject: string, required_score: number): Failure | undefined {
    const { score, tier } = this.score(observer, subject);
    if (score >= required_score) return undefined;
    return {
      code: 'TRUST_TOO_LOW',
      reason: `${subject} has a trust score of ${score} (${tier}) here, ${required_score} is needed`,
      fix: 'an endorsement by somebody whom this host trusts, or good interactions, raise it',
      detail: { score, required: required_score, observer, subject },
    };
  }

  /** What a score is made of; `despite_withdrawal` leaves the sponsor's withdrawal out, to say what that rule took. */
  #grounds(observer: string, subject: string, scope: string, despite_withdrawal: boolean): Grounds {
    const { clock, identity, statements, revocation } = this.#parts;
    const now_ms = clock.now();
    const known = identity.known(subject);
    const answered = known?.kind === 'agent' && (despite_withdrawal || revocation.unsponsored(known) === undefined);
    const sponsor = answered && known.sponsor !== null ? known.sponsor : undefined;
    const budgets = new Map<string, number>();
    const trusted = this.#trustedInFull(observer);
    const budget = (endorser: string): number => {
      const cached = budgets.get(endorser) ?? this.#budget(observer, endorser, trusted, now_ms);
      budgets.set(endorser, cached);
      return cached;
    };
    const principal = (did: string): string | undefined => {
      const record: DidRecord | undefined = identity.known(did);
      return record === undefined ? undefined : principalOf(record);
    };
    return {
      direct: this.#ledgers.ledger(observer, subject, now_ms),
      testimony: testimony(subject, scope, {
        now_ms, budget, principal,
        endorsements: (did) => statements.endorsements(did),
        endorsementsBy: (did) => statements.endorsementsBy(did),
        endorsers: () => statements.endorsers(),
      }),
      sponsor,
      prior: sponsor === undefined ? unsponsored_prior : sponsored_prior,
    };
  }

  /** The observer itself, its sponsor, and the sponsors that its host accepts. */
  #trustedInFull(observer: string): ReadonlySet<string> {
    const own_sponsor = this.#parts.identity.known(observer)?.sponsor;
    return new Set([observer, ...(own_sponsor === undefined || own_sponsor === null ? [] : [own_sponsor]), ...this.#init.roots(observer)]);
  }

  #budget(observer: string, endorser: string, trusted: ReadonlySet<string>, now_ms: number): number {
    if (this.#rule(endorser) !== undefined) return 0;
    if (trusted.has(endorser)) return 1;
    const { r, q } = evidence(this.#ledgers.ledger(observer, endorser, now_ms));
    return Math.max(0, 2 * expectation(r, q, neutral_prior) - 1) * confidence(r, q);
  }

  /** The rule that sets a score to 0, if one applies. */
  #rule(subject: string): { readonly failure: Failure; readonly statement?: string } | undefined {
    const { identity, revocation, statements } = this.#parts;
    const revoked = revocation.revokedDid(subject);
    if (revoked !== undefined) {
      const statement = revoked.detail?.['statement'];
      return typeof statement === 'string' ? { failure: revoked, statement } : { failure: revoked };
    }
    const proof = statements.equivocation(subject) ?? statements.duplicity(subject);
    if (proof !== undefined) {
      const reason = proof.kind === 'equivocation' ? 'it signed two endorsements that contradict each other' : 'its controller told two histories';
      return { failure: { code: 'TRUST_PROVEN_FALSE', reason: `${reason}, as ${proof.iss} proved` }, statement: proof.hash };
    }
    const evidence = statements.auditEvidence(subject);
    if (evidence !== undefined) {
      return { failure: { code: 'HOST_EXPOSED', reason: `${misdeedOf(evidence)}, as ${evidence.iss} proved: that is for good` }, statement: evidence.hash };
    }
    const sponsor = identity.known(subject)?.sponsor;
    if (sponsor === undefined || sponsor === null) return undefined;
    const withdrawal = statements.revocation('sponsorship', subject, sponsor);
    if (withdrawal === undefined) return undefined;
    return { failure: { code: 'SPONSOR_WITHDRAWN', reason: `${sponsor} no longer answers for it` }, statement: withdrawal.hash };
  }

  interaction(observer: string, subject: string, interaction: Interaction): Recorded {
    const { outcome, receipt_hash, time_ms } = interaction;
    assert(receipt_hash.length === digest_bytes && isWhole(time_ms), 'an interaction has a receipt and a time');
    assert(outcome.kind !== 'anomaly' || (outcome.degree > 0 && outcome.degree <= 1), 'the degree of an anomaly is above 0 and at most 1');
    return this.#ledgers.record(observer, subject, interaction);
  }

  async endorse(signer: TokenSigner, subject: string, input: EndorsementInput): Promise<Result<Endorsement>> {
    const { clock, statements, exchange } = this.#parts;
    const weight = Math.round(input.weight * endorsement_weight_max);
    if (!(input.weight >= 0 && input.weight <= 1) || Math.abs(weight / endorsement_weight_max - input.weight) > 1e-9) {
      return fail('ENDORSEMENT_INVALID', 'the weight of an endorsement is a number from 0 to 1 with at most three decimals', { fix: 'for example 0.8' });
    }
    if (!isWhole(input.lifetime_ms)) return fail('ENDORSEMENT_INVALID', 'the life of an endorsement is a whole number of milliseconds');
    const nbf = unixSeconds(clock);
    const signed = await signEndorsement(signer, {
      sub: subject, scope: input.scope ?? general_scope, seq: statements.nextSequence(controllerOf(signer.key_id)),
      nbf, exp: nbf + Math.floor(input.lifetime_ms / 1000), weight, why: input.why,
    });
    if (!signed.ok) return signed;
    const published = await exchange.publish(signed.value);
    if (!published.ok) return published;
    assert(published.value.kind === 'endorsement', 'a signed endorsement is an endorsement');
    return ok(published.value);
  }
}
