/** The longest life of a sponsor's attestation. */
export const attestation_lifetime_s_max: number = 90 * 86_400;
/** An attestation is renewed when this part of its life is left, or less: a third. */
export const attestation_renewal_divisor = 3;
/** How long before its end people are told that nobody will renew an attestation by itself. */
export const attestation_warning_s: number = 14 * 86_400;
/** The longest name of a sponsor's role. */
export const role_length_max = 64;
