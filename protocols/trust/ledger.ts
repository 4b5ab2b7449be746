/**
 * What one observer has seen of one subject: good and bad evidence in five
 * dimensions, fading with time. Pure functions; the decay is exponential and
 * therefore a semigroup: fading by t1 and then by t2 is fading by t1 + t2, so
 * it does not matter how often anybody looks.
 */
import { bad_half_life_ms, dimension_weights, good_evidence_max, good_half_life_ms, prior_weight, violation_weights } from './constants.ts';

/** What an interaction says something about. */
export type Dimension = keyof typeof dimension_weights;

/** The dimensions in their fixed order. */
export const dimensions: readonly Dimension[] = [
  'policy_compliance', 'security_posture', 'output_quality', 'resource_efficiency', 'collaboration_health',
];

/** How an interaction went. `degree` of an anomaly is above 0 and at most 1. */
export type Outcome =
  | { readonly kind: 'compliant' }
  | { readonly kind: 'anomaly'; readonly degree: number }
  | { readonly kind: 'violation'; readonly severity: keyof typeof violation_weights };

/** Evidence as it stood at `time_ms` (Unix milliseconds), in the order of {@link dimensions}, already weighted. */
export interface Ledger {
  readonly time_ms: number;
  readonly good: readonly number[];
  readonly bad: readonly number[];
}

/** The ledger of strangers. */
export const empty_ledger: Ledger = { time_ms: 0, good: dimensions.map(() => 0), bad: dimensions.map(() => 0) };

/** The part of good evidence, or of a statement's weight, that is left after a time. Times before count as no time. */
export function goodLeft(elapsed_ms: number): number {
  return 2 ** (-Math.max(0, elapsed_ms) / good_half_life_ms);
}

function badLeft(elapsed_ms: number): number {
  return 2 ** (-Math.max(0, elapsed_ms) / bad_half_life_ms);
}

/** The ledger as it stands at a later time; an earlier time changes nothing. */
export function decay(ledger: Ledger, time_ms: number): Ledger {
  if (time_ms <= ledger.time_ms) return ledger;
  const elapsed_ms = time_ms - ledger.time_ms;
  const good_left = goodLeft(elapsed_ms);
  const bad_left = badLeft(elapsed_ms);
  return { time_ms, good: ledger.good.map((r) => r * good_left), bad: ledger.bad.map((q) => q * bad_left) };
}

/** Good evidence r and bad evidence q of all dimensions together. */
export function evidence(ledger: Ledger): { readonly r: number; readonly q: number } {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return { r: sum(ledger.good), q: sum(ledger.bad) };
}

function weightOf(outcome: Outcome): { readonly good: number; readonly bad: number } {
  switch (outcome.kind) {
    case 'compliant': return { good: 1, bad: 0 };
    case 'anomaly': return { good: 0, bad: outcome.degree };
    case 'violation': return { good: 0, bad: violation_weights[outcome.severity] };
  }
}

/** The ledger with one more interaction, which may be older than the ledger and then has faded. */
export function add(ledger: Ledger, interaction: { readonly outcome: Outcome; readonly dimension: Dimension; readonly time_ms: number }): Ledger {
  const now = decay(ledger, interaction.time_ms);
  const age_ms = now.time_ms - interaction.time_ms;
  const share = dimension_weights[interaction.dimension];
  const index = dimensions.indexOf(interaction.dimension);
  const weight = weightOf(interaction.outcome);
  const room = Math.max(0, good_evidence_max - evidence(now).r);
  const good = Math.min(weight.good * share * goodLeft(age_ms), room);
  const bad = weight.bad * share * badLeft(age_ms);
  return {
    time_ms: now.time_ms,
    good: now.good.map((r, at) => (at === index ? r + good : r)),
    bad: now.bad.map((q, at) => (at === index ? q + bad : q)),
  };
}

/** The expected value of a Beta distribution with good evidence r, bad evidence q and a prior. */
export function expectation(r: number, q: number, prior: number): number {
  return (r + prior_weight * prior) / (r + q + prior_weight);
}

/** How much of an expectation rests on evidence and not on the prior, 0..1. */
export function confidence(r: number, q: number): number {
  return (r + q) / (r + q + prior_weight);
}
