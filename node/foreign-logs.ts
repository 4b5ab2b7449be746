/**
 * Log entries from elsewhere, read for the two things that the audit log must
 * know of them: whose they are, and when they were made. The forms: records of a
 * flight recorder, OpenTelemetry logs and spans as JSON, and any object that names
 * an agent and a time. Pure; every entry is hostile until it was read here.
 */
import { toBase64url, utf8 } from '../crypto/bytes.ts';
import { canonicalJson, isFields, json_depth_max, json_values_max, type Fields, type Json } from '../crypto/canonical.ts';
import { sha256 } from '../crypto/hash.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';

/** The largest entry from elsewhere, as RFC 8785 JSON. */
export const foreign_bytes_max = 262_144;
/** The longest name of an agent elsewhere. */
export const agent_characters_max = 256;

/** An entry that can go into the audit log. */
export interface ForeignLog {
  /** As the entry names it, or as whoever imports says. */
  readonly agent: string;
  /** When it happened, as the entry says, Unix milliseconds. */
  readonly happened_ms: number;
  readonly record: Json;
  /** SHA-256 of the RFC 8785 form of the record, base64url: the same entry has the same digest, whatever the order of its fields. */
  readonly digest: string;
}

const agent_fields = ['agent', 'agent_id', 'agentId', 'agent_did', 'did'] as const;
// OpenTelemetry semantic conventions for generative AI, and the service where nothing names an agent.
const agent_attributes = ['gen_ai.agent.id', 'agent.id', 'gen_ai.agent.name', 'agent.name', 'service.name'] as const;
const time_fields = ['time_ms', 'timestamp', 'time', 'ts', 'timeUnixNano', 'startTimeUnixNano', 'observedTimeUnixNano', 'observedTimestamp', 'created_at', 'occurred_at'] as const;
const time_text = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$/;
/** Numbers below the first bound are seconds since 1970, below the next milliseconds, microseconds, nanoseconds: each unit is right from 1973 to 5138. */
const units = [[1e11, 1000], [1e14, 1], [1e17, 1e-3], [1e20, 1e-6]] as const;

/** An attribute in either form: `{name: value}`, or OpenTelemetry's list of `{key, value: {stringValue}}`. */
function attribute(attributes: unknown, name: string): unknown {
  if (Array.isArray(attributes)) {
    const found: unknown = attributes.find((candidate: unknown) => isFields(candidate) && candidate['key'] === name);
    const value = isFields(found) ? found['value'] : undefined;
    return isFields(value) ? value['stringValue'] : value;
  }
  return isFields(attributes) ? attributes[name] : undefined;
}

function agentOf(record: Fields): string | undefined {
  const named = agent_fields.map((name) => {
    const value = record[name];
    return isFields(value) ? value['id'] ?? value['did'] : value;
  });
  const { resource } = record;
  const attributes = [record['attributes'], isFields(resource) ? resource['attributes'] : undefined];
  const candidates = [...named, ...agent_attributes.flatMap((name) => attributes.map((list) => attribute(list, name)))];
  return candidates.find((value): value is string => typeof value === 'string' && value !== '');
}

function timeOf(value: unknown): number | undefined {
  if (typeof value === 'string' && time_text.test(value)) {
    const parsed_ms = Date.parse(value);
    return Number.isNaN(parsed_ms) ? undefined : parsed_ms;
  }
  const number = typeof value === 'string' && /^\d{1,20}(?:\.\d{1,9})?$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 0) return undefined;
  const unit = units.find(([bound]) => number < bound);
  return unit === undefined ? undefined : Math.round(number * unit[1]);
}

/** Whether a value is nested no deeper, and has no more members, than JSON from outside may; walks without recursion, so that no depth harms it. */
function isBounded(value: unknown): boolean {
  const waiting: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 1 }];
  let values = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    values += 1;
    if (next.depth > json_depth_max || values + waiting.length > json_values_max) return false;
    if (typeof next.value !== 'object' || next.value === null) continue;
    const { depth } = next;
    for (const inner of Object.values(next.value)) waiting.push({ value: inner, depth: depth + 1 });
  }
  return true;
}

function jsonOf(value: object): Result<{ readonly record: Json; readonly text: string }> {
  try {
    const plain: Json = JSON.parse(JSON.stringify(value));
    return ok({ record: plain, text: canonicalJson(plain) });
  } catch (error) {
    return fail('FOREIGN_LOG_INVALID', `the entry has no JSON form: ${messageOf(error)}`);
  }
}

/**
 * Reads one entry. `subject` says whose it is where it names no agent.
 *
 * Fails with `FOREIGN_LOG_INVALID`, `FOREIGN_LOG_TOO_LARGE`, `FOREIGN_LOG_AGENT` or `FOREIGN_LOG_TIME`.
 */
export function readForeignLog(value: unknown, subject?: string): Result<ForeignLog> {
  if (!isFields(value)) return fail('FOREIGN_LOG_INVALID', 'an entry is one JSON object');
  if (!isBounded(value)) return fail('FOREIGN_LOG_TOO_LARGE', `an entry nests at most ${json_depth_max} levels and has at most ${json_values_max} values`);
  const json = jsonOf(value);
  if (!json.ok) return json;
  const { record, text } = json.value;
  const bytes = utf8(text);
  if (bytes.length > foreign_bytes_max) return fail('FOREIGN_LOG_TOO_LARGE', `an entry has at most ${foreign_bytes_max} bytes, this one ${bytes.length}`);
  const fields = isFields(record) ? record : {};
  const agent = agentOf(fields) ?? subject;
  if (agent === undefined || Array.from(agent).length > agent_characters_max) {
    return fail('FOREIGN_LOG_AGENT', agent === undefined ? 'the entry names no agent' : `a name has at most ${agent_characters_max} characters`, { fix: `a field agent or agent_id, an attribute gen_ai.agent.id or service.name; or say whose they are: subject` });
  }
  const happened_ms = time_fields.map((name) => timeOf(fields[name])).find((found) => found !== undefined);
  if (happened_ms === undefined) {
    return fail('FOREIGN_LOG_TIME', 'the entry has no time', { fix: 'a field timestamp, time, time_ms or timeUnixNano with ISO 8601 text and offset, or a number since 1970' });
  }
  return ok({ agent, happened_ms, record, digest: toBase64url(sha256(bytes)) });
}

/** Reads one line of a JSON Lines file. Fails as {@link readForeignLog} does, and with `FOREIGN_LOG_INVALID` where the line is no JSON. */
export function readForeignLine(line: string, subject?: string): Result<ForeignLog> {
  if (line.length > foreign_bytes_max * 2) return fail('FOREIGN_LOG_TOO_LARGE', `an entry has at most ${foreign_bytes_max} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return fail('FOREIGN_LOG_INVALID', `the line is not JSON: ${messageOf(error)}`);
  }
  return readForeignLog(value, subject);
}
