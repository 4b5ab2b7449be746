const day_ms = 86_400_000;

/** How long good conduct, and another's word, take to lose half of their weight. */
export const good_half_life_ms: number = 30 * day_ms;
/** How long bad conduct takes: longer, so that behaving in turns well and badly does not pay. */
export const bad_half_life_ms: number = 90 * day_ms;
/** Good evidence about one subject: nobody earns credit without end. */
export const good_evidence_max = 100;
/** The weight of the prior in interactions (Jøsang and Ismail's Beta reputation, W = 2). */
export const prior_weight = 2;
/** What is expected of an agent for which somebody answers, before anything is known. */
export const sponsored_prior = 0.5;
/** What is expected of anybody else. */
export const unsponsored_prior = 0.3;
/** Positive testimony that all endorsers of one sponsor can give to all subjects together, at full budget. */
export const endorser_weight_max = 4;
/** The scope of endorsements that count for everything. */
export const general_scope = 'general';
/** Pairs of observer and subject whose evidence is kept; the one with the least evidence makes room. */
export const pairs_max = 20_000;
/** Pairs that make room at once, so that finding them is paid for once. */
export const pairs_dropped_at_once: number = pairs_max / 100;
/** Receipts remembered for each pair, the newest ones, to count each interaction once. */
export const receipts_per_pair_max = 32;

/** What an interaction can say something about, and how much of its weight then counts. */
export const dimension_weights = {
  policy_compliance: 1,
  security_posture: 1,
  output_quality: 0.8,
  resource_efficiency: 0.6,
  collaboration_health: 0.6,
} as const;

/** Bad evidence of a violation by its severity. */
export const violation_weights = { minor: 2, major: 5, critical: 20 } as const;

/** The lowest score of each tier, best first. */
export const tiers = [
  { name: 'verified partner', from: 900 },
  { name: 'trusted', from: 700 },
  { name: 'standard', from: 500 },
  { name: 'probationary', from: 300 },
  { name: 'untrusted', from: 0 },
] as const;
