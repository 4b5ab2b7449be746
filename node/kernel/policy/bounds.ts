/** Bounds of the policy engine: what a policy file, however hostile, can cost. */

/** Size of a policy file. */
export const policy_bytes_max = 262_144;
/** Rules in one policy. */
export const rules_max = 4_096;
/** Length of a name, a message or any other text field of a policy. */
export const text_characters_max = 512;
/** Length of one condition. */
export const condition_characters_max = 8_192;
/** Expression nodes in one condition. */
export const condition_nodes_max = 1_024;
/** Nesting of one condition. */
export const condition_depth_max = 64;
/** Length of a regular expression. */
export const pattern_characters_max = 512;
/** Steps of a compiled regular expression: what one input character can cost. */
export const pattern_steps_max = 1_024;
/** Length of the text that a regular expression is tried on. */
export const pattern_input_characters_max = 16_384;
/** Counters that the rate limits of one kernel may keep. */
export const limit_keys_max = 65_536;
/** Rules that are searched for the nearest miss of a default denial. */
export const nearest_rules_max = 32;
/** Steps that one evaluation of a condition may take: an item looked at, 64 characters copied, a part of a condition tried on it. */
export const evaluation_steps_max = 250_000;
/** Length of a text, or size in bytes, that a condition may build. */
export const built_characters_max = 1_048_576;
/** Items of a list that a condition may build. */
export const built_items_max = 65_536;
/** Nesting of values that a condition compares, flattens or makes into JSON. */
export const value_depth_max = 256;
/** Values that one comparison may look at where no budget is counted. */
export const compared_values_max = 1_000_000;
