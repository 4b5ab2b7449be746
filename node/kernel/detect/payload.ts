import type { Json } from '../../../crypto/canonical.ts';

/** Length of all the text of one payload that the detectors look at. */
export const payload_characters_max = 1_048_576;
/** Values in one payload that the detectors look at. */
export const payload_values_max = 65_536;
/** Nesting of a payload. */
export const payload_depth_max = 64;

/** One text of a payload, with the name of the nearest field that it stands under. */
export interface PayloadText {
  /** Lower case; empty for the payload itself. */
  readonly field: string;
  readonly text: string;
}

/** Whether a field's name carries data, such as an address, instead of naming them. */
function isData(name: string): boolean {
  return !/^[\w -]{0,40}$/.test(name) || /\d{6}/.test(name);
}

/**
 * Every text of a JSON value, numbers included, and every field name that is data itself: whatever could
 * carry what a detector looks for. `undefined` when the payload is beyond the
 * bounds, which callers must treat as a detection.
 */
export function textsOf(payload: Json | undefined): readonly PayloadText[] | undefined {
  const texts: PayloadText[] = [];
  const open: { value: Json | undefined; field: string; depth: number }[] = [{ value: payload, field: '', depth: 0 }];
  let characters = 0;
  let values = 0;
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    const { value, field, depth } = item;
    values += 1;
    if (values > payload_values_max || characters > payload_characters_max || depth > payload_depth_max) return undefined;
    if (typeof value === 'string' || typeof value === 'number') {
      const text = String(value);
      characters += text.length;
      texts.push({ field, text });
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        characters += name.length;
        if (!Array.isArray(value) && isData(name)) texts.push({ field: '', text: name });
        open.push({ value: inner, field: Array.isArray(value) ? field : name.toLowerCase(), depth: depth + 1 });
      }
    }
  }
  return characters > payload_characters_max ? undefined : texts.reverse();
}
