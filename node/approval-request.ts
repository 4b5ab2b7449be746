/**
 * An approver whose key is on another device: the host writes what it asks into
 * a file, the approver's device shows it and signs the answer. Nothing in the
 * files counts that the hashes and the signature do not show.
 */
import { fromHex } from '../crypto/bytes.ts';
import { hasShape, isFields, isStrings, isWhole, type Json } from '../crypto/canonical.ts';
import { digest_bytes } from '../crypto/hash.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { ownIdentity } from '../protocols/identity/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import { loadIdentities } from '../storage/identities.ts';
import { signAnswer, type ApprovalRequest, type PendingApproval } from './approvals.ts';
import { system_clock } from './clock.ts';
import { heldKeys } from './identity-keys.ts';
import { hashOf, snapshot } from './kernel/snapshot.ts';
import { named, withinFolder, type KeyFolder } from './keys.ts';

const request_kind = 'approval-request';
const file_version = 1;
/** The largest request file. */
export const approval_file_bytes_max: number = 1024 * 1024;
const names = ['agentmesh', 'version', 'id', 'host', 'agent', 'agent_name', 'action', 'data', 'args_hash', 'policies', 'policy', 'rule', 'reason', 'expires_ms'] as const;

/** What is said to a request. */
export interface ApprovalAnswer {
  readonly verdict: 'grant' | 'refuse';
  readonly why: string;
}

/** The text of a request file. */
export function approvalRequestText(pending: PendingApproval): string {
  const { id, host, agent, agent_name, action, data, args_hash, policies, policy, rule, reason, expires_ms } = pending;
  return `${JSON.stringify({ agentmesh: request_kind, version: file_version, id, host, agent, agent_name, action, data, args_hash, policies, policy, rule, reason, expires_ms }, null, 2)}\n`;
}

/** What a request file asks; the payload that it shows is the one that its hash names. Fails with `APPROVAL_REQUEST_MALFORMED`. */
export function parseApprovalRequest(text: string): Result<ApprovalRequest> {
  const malformed = (reason: string): ReturnType<typeof fail> => fail('APPROVAL_REQUEST_MALFORMED', `this is no request for an approval: ${reason}`, { fix: 'send the whole file, unchanged: agentmesh approvals request ID --out FILE' });
  if (text.length > approval_file_bytes_max) return malformed(`it has more than ${approval_file_bytes_max} bytes`);
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return malformed('it is not JSON');
  }
  if (!isFields(file) || !hasShape(file, names, []) || file['agentmesh'] !== request_kind || file['version'] !== file_version) return malformed('it does not have the fields of version 1');
  const { id, host, agent, agent_name, args_hash, policies, policy, rule, reason, expires_ms } = file;
  const [action, data] = [snapshot(file['action']), snapshot(file['data'])];
  if (!action.ok || !data.ok) return malformed('its action or its payload is too large');
  if (typeof id !== 'string' || typeof host !== 'string' || typeof agent !== 'string' || typeof agent_name !== 'string' || typeof reason !== 'string') return malformed('a name is no text');
  if (!isNullable(policy) || !isNullable(rule) || !isStrings(policies) || !isWhole(expires_ms)) return malformed('a field has the wrong form');
  if (typeof args_hash !== 'string' || fromHex(args_hash)?.length !== digest_bytes || !isPayloadOf(data.value, args_hash)) return malformed('the payload that it shows is not the one that its hash names');
  return ok({ id, host, agent, agent_name, action: action.value, data: data.value, args_hash, policies, policy, rule, reason, expires_ms });
}

function isNullable(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isPayloadOf(data: Json, args_hash: string): boolean {
  return hashOf(data) === args_hash;
}

/**
 * Signs the answer to a request with a key of a folder on which no node runs.
 * Fails with `NAME_UNKNOWN`, `IDENTITY_KEYS_MISSING`, or as opening the folder and its keys does.
 */
export function answerOffline(folder: KeyFolder, request: ApprovalRequest, as: string, answer: ApprovalAnswer): Promise<Result<string>> {
  return withinFolder(folder, async ({ store }, keystore) => {
    const { identities } = await loadIdentities(store);
    const found = named(identities, as);
    if (found === undefined) return fail('NAME_UNKNOWN', `no ${JSON.stringify(as.slice(0, 80))} has its key in this folder`, { fix: 'agentmesh keys list' });
    const keys = heldKeys(keystore, found.label, found.establishments.length - 1);
    if (keys === undefined) return fail('IDENTITY_KEYS_MISSING', `the keys of ${found.name} are not in keys.json`, { fix: 'restore keys.json from a backup' });
    return ok(await signAnswer(ownIdentity(found, keys, found, found), request, { ...answer, now_s: unixSeconds(system_clock) }));
  });
}
