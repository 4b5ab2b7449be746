/** Reading the inputs of cases from JSON. */
import { fromBase64url } from '../../crypto/bytes.ts';
import { isFields, isStrings, type Fields } from '../../crypto/canonical.ts';
import { verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import type { Failure } from '../../crypto/result.ts';
import { placeOf } from '../../crypto/steps.ts';

/** A text of an input. */
export function textOf(input: Fields, name: string): string {
  const value = input[name];
  if (typeof value !== 'string') throw new Error(`${name} is a text`);
  return value;
}

/** A list of texts of an input. */
export function textsOf(input: Fields, name: string): readonly string[] {
  const value = input[name];
  if (!isStrings(value)) throw new Error(`${name} is a list of texts`);
  return value;
}

/** A number of an input. */
export function numberOf(input: Fields, name: string): number {
  const value = input[name];
  if (typeof value !== 'number') throw new Error(`${name} is a number`);
  return value;
}

/** A list of an input whose items are objects. */
export function listOf(input: Fields, name: string): readonly Fields[] {
  const value: unknown = input[name];
  if (!Array.isArray(value) || !value.every(isFields)) throw new Error(`${name} is a list of objects`);
  return value;
}

/** The bytes of a text. */
export function bytesOfText(text: string): Uint8Array {
  const bytes = fromBase64url(text);
  if (bytes === undefined) throw new Error('bytes are base64url');
  return bytes;
}

/** Bytes of an input. */
export function bytesOf(input: Fields, name: string): Uint8Array {
  return bytesOfText(textOf(input, name));
}

/** The records of an input that hold at a time, by DID. */
export function recordsOf(input: Fields, now_ms: number, name: string = 'records'): ReadonlyMap<string, DidRecord> {
  const records = textsOf(input, name).flatMap((text) => {
    const record = verifyRecord(bytesOfText(text), { now_ms });
    return record.ok ? [record.value] : [];
  });
  return new Map(records.map((record) => [record.did, record]));
}

/** What a failure is as an expectation. */
export function refusalOf(failure: Failure): Fields {
  return { refused: failure.code, ...placeOf(failure) };
}
