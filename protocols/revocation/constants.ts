/** The longest life of a sponsor's attestation. */
export const attestation_lifetime_s_max: number = 90 * 86_400;
/** The longest name of a sponsor's role. */
export const role_length_max = 64;
