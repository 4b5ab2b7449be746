import type { Failure } from '../../crypto/result.ts';

/** The exit codes of `agentmesh`, as `agentmesh help exit-codes` explains them. */
export const exit_codes = {
  ok: 0,
  failed: 1,
  usage: 2,
  not_running: 3,
  denied: 4,
  damaged: 5,
} as const;

/** What each exit code means, for people. */
export const exit_code_texts: { readonly [Name in keyof typeof exit_codes]: string } = {
  ok: 'it worked',
  failed: 'it failed for another reason than those below',
  usage: 'wrong usage: an unknown command or flag, or a value that does not fit',
  not_running: 'no node runs on the data folder',
  denied: 'denied by policy, trust, delegation, sponsorship or revocation',
  damaged: 'data is damaged, or the audit log is frozen',
};

const usage_codes = new Set([
  'BAD_SINCE_INVALID', 'CONFIRMATION_NEEDED', 'GATEWAY_INVALID', 'PARAMS_INVALID', 'PASSPHRASE_NEEDED', 'REVOCATION_TARGET', 'SIDECAR_INVALID', 'SIGNAL_UNKNOWN', 'SPONSOR_LIFETIME', 'SPONSOR_ROLE', 'USAGE_INVALID', 'VFS_OPTIONS_INVALID', 'VFS_PATH_INVALID', 'VFS_PATH_OUTSIDE', 'WITNESSED_LOG_INVALID', 'WITNESS_THRESHOLD',
]);
// Every step of checking a chain, an invocation, who answers for whom or a UCAN refuses with one of these.
const denied_families = /^(?:CHAIN|INVOCATION|SPONSOR|UCAN)_/;
const denied_codes = new Set([
  'AGENT_KILLED', 'AGENT_STOPPED', 'APPROVAL_FORGED', 'APPROVAL_GUESSED', 'APPROVAL_REFUSED', 'APPROVAL_REQUIRED', 'APPROVAL_SIGNER', 'APPROVAL_TIMEOUT', 'APPROVAL_UNAVAILABLE', 'BUDGET_EXCEEDED', 'CONTROL_DENIED', 'DELEGATION_REQUIRED', 'HOST_EXPOSED', 'KERNEL_DENIED', 'LIMIT_EXCEEDED', 'LOOP_DETECTED', 'OUTPUT_DENIED', 'PARENT_EXCEEDED',
  'REVOCATION_STALE', 'REVOKED', 'SCOPE_EXCEEDED', 'SIGNAL_UNAUTHORISED', 'TOOL_CHANGED', 'TOOL_NAME_TAKEN', 'TOOL_SIGNATURE_INVALID', 'TRUST_TOO_LOW', 'VFS_READ_ONLY',
]);
const damaged_codes = new Set(['IDENTITY_KEYS_MISSING', 'IDENTITY_MISSING', 'IDENTITY_UNREADABLE', 'STORE_UNREADABLE', 'VAULT_MISSING', 'VAULT_SEAL_BROKEN', 'VAULT_UNREADABLE']);
const damaged_suffixes = /_(?:FROZEN|DAMAGED)$/;

/** The exit code that stands for a failure. */
export function exitCodeOf({ code }: Pick<Failure, 'code'>): number {
  if (usage_codes.has(code)) return exit_codes.usage;
  if (code === 'NODE_NOT_RUNNING') return exit_codes.not_running;
  if (damaged_codes.has(code) || damaged_suffixes.test(code)) return exit_codes.damaged;
  if (denied_codes.has(code) || denied_families.test(code)) return exit_codes.denied;
  return exit_codes.failed;
}
