/** Bounds that several protocols share. A bound of one protocol stands in that protocol's `constants.ts`. */

/** The longest name of an agent, a sponsor or a contact. */
export const name_length_max = 64;
/** Agents on one host. */
export const agents_max = 10_000;
/** Levels of accountability: an agent, the human who answers for it, that human's organisation. */
export const accountable_levels_max = 3;
