import { concat, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { RecordRules } from '../../protocols/ports.ts';
import { gossip_message_bytes_max, record_bytes_max, record_key_bytes_max } from './limits.ts';

/** Size first, then the rules of the namespace. Fails with `RECORD_REFUSED`, carrying the rule's reason. */
export async function checkRecord(rules: RecordRules, key: Uint8Array, value: Uint8Array): Promise<Result<void>> {
  if (value.length > record_bytes_max) return fail('RECORD_REFUSED', `a record has at most ${record_bytes_max} bytes, this one has ${value.length}`);
  if (key.length > record_key_bytes_max) return fail('RECORD_REFUSED', `a record key has at most ${record_key_bytes_max} bytes, this one has ${key.length}`);
  try {
    const checked = await rules.validate(key, value);
    return checked.ok ? checked : fail('RECORD_REFUSED', checked.failure.reason, { cause: checked.failure });
  } catch (error) {
    return fail('RECORD_REFUSED', `the record could not be checked: ${messageOf(error)}`, { cause: error });
  }
}

/** Whether a message is small enough to be gossiped. Fails with `REQUEST_TOO_LARGE`. */
export function checkGossip(message: Uint8Array): Result<void> {
  if (message.length <= gossip_message_bytes_max) return ok(undefined);
  return fail('REQUEST_TOO_LARGE', `a message has at most ${gossip_message_bytes_max} bytes, this one has ${message.length}`);
}

/** What a gossiped message is known by. The topic is part of it: equal bytes in two topics are two messages. */
export function messageId(topic: string, message: Uint8Array): Uint8Array {
  return sha256(concat(utf8(topic), Uint8Array.of(0), message));
}
