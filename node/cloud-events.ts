/** Entries of the audit log as CloudEvents 1.0 (CNCF specification, JSON event format): pure. */
import { toHex, utf8 } from '../crypto/bytes.ts';
import { isFields } from '../crypto/canonical.ts';
import { sha256 } from '../crypto/hash.ts';
import type { LogEntryView } from './control/audit-entry-views.ts';

const type_prefix = 'io.agentmesh.audit.';
const type_name = /^[a-z][a-z0-9_-]{0,63}$/;
const origin_hash_characters = 32;
const barred_characters = /[\p{Cc}\p{Noncharacter_Code_Point}]/gu;

/** An event. `leafhash`, `index` and `state` are extension attributes. */
export interface CloudEvent {
  readonly specversion: '1.0';
  /** `<first 16 bytes of the SHA-256 of the log's origin, in hex>/<index>`: unique everywhere, and the same at every export. */
  readonly id: string;
  /** The origin of the log, which begins with a DID and so is a URI. */
  readonly source: string;
  /** `io.agentmesh.audit.` and what was recorded. */
  readonly type: string;
  /** RFC 3339, UTC. */
  readonly time: string;
  /** Under whose key the payload is sealed. */
  readonly subject?: string;
  readonly datacontenttype?: 'application/json';
  readonly data?: unknown;
  /** Of the entry in the tree of the log, base64url. */
  readonly leafhash: string;
  /** Of the entry in the log, decimal: the integers of CloudEvents end at 2^31. */
  readonly index: string;
  /** `erased` where the payload can no longer be opened. */
  readonly state: LogEntryView['state'];
}

/** The last part of an event's type: what a payload says that it records, or the kind of the entry. */
function typeOf({ kind, state, payload }: LogEntryView): string {
  if (state === 'erased') return 'erased';
  const recorded = isFields(payload) ? payload['kind'] : undefined;
  return typeof recorded === 'string' && type_name.test(recorded) ? recorded : kind;
}

/** Text as the specification's type String allows it: no controls, surrogates or noncharacters. */
function plain(text: string): string {
  return text.toWellFormed().replaceAll(barred_characters, '\ufffd');
}

/** An entry of the log with this origin as an event. */
export function cloudEvent(origin: string, entry: LogEntryView): CloudEvent {
  const { index, time_ms, subject, payload, about, leaf_hash, state } = entry;
  const data = state === 'open' ? payload : about === null ? undefined : { about };
  return {
    specversion: '1.0',
    id: `${toHex(sha256(utf8(origin))).slice(0, origin_hash_characters)}/${index}`,
    source: origin,
    type: `${type_prefix}${typeOf(entry)}`,
    time: new Date(time_ms).toISOString(),
    ...(subject === null || subject === '' ? {} : { subject: plain(subject) }),
    ...(data === undefined ? {} : { datacontenttype: 'application/json', data }),
    leafhash: leaf_hash,
    index: String(index),
    state,
  };
}
