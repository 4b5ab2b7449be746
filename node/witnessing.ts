/** What the owner of a host decides about witnesses: read and checked before anything starts. */
import { readFile } from 'node:fs/promises';
import { didOfOrigin } from '../crypto/checkpoint.ts';
import { parseVerifier, signature_type_log, type Verifier } from '../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { parseLogPolicy, type LogPolicy } from '../crypto/tlog-policy.ts';
import { foreign_logs_max } from '../protocols/witness/constants.ts';
import type { WitnessInit } from '../protocols/witness/index.ts';
import type { NodeConfig } from './config.ts';

async function readPolicy(path: string): Promise<Result<LogPolicy>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    return fail('WITNESS_POLICY_UNREADABLE', `the witness policy ${path} cannot be read: ${messageOf(error)}`, { fix: 'name a file in the format of C2SP tlog-policy' });
  }
  const policy = parseLogPolicy(bytes);
  if (!policy.ok) return fail('WITNESS_POLICY_INVALID', `${path}: ${policy.failure.reason}`, { fix: 'mend that line; c2sp.org/tlog-policy has the format', cause: policy.failure });
  return policy;
}

/** The keys of logs of other systems. Logs of the mesh need none: their keys are in the records of their hosts. */
function foreignLogs(vkeys: readonly string[]): Result<readonly Verifier[]> {
  const logs: Verifier[] = [];
  for (const vkey of vkeys) {
    const verifier = parseVerifier(vkey);
    if (!verifier.ok) return fail('WITNESSED_LOG_INVALID', `${vkey.slice(0, 80)} is not the key of a log: ${verifier.failure.reason}`, { fix: 'give the vkey that the log publishes' });
    const { name, type } = verifier.value;
    if (type !== signature_type_log) return fail('WITNESSED_LOG_INVALID', `the key of ${name} is that of a witness, not of a log`, { fix: 'give the vkey of the log' });
    if (didOfOrigin(name) !== undefined) return fail('WITNESSED_LOG_INVALID', `${name} is a log of the mesh, whose key is in the record of its host`, { fix: 'leave it out' });
    if (logs.some((known) => known.name === name)) return fail('WITNESSED_LOG_INVALID', `${name} is given twice`, { fix: 'give one key for each log' });
    logs.push(verifier.value);
  }
  return logs.length <= foreign_logs_max ? ok(logs) : fail('WITNESSED_LOG_INVALID', `at most ${foreign_logs_max} logs of other systems are witnessed`, { fix: 'give fewer' });
}

/**
 * How the log of a host is witnessed, with what its files say.
 *
 * Fails with `WITNESS_POLICY_UNREADABLE`, `WITNESS_POLICY_INVALID` (naming the line) or `WITNESSED_LOG_INVALID`.
 */
export async function witnessInit({ witness = {}, witness_policy, witnessed_logs = [] }: NodeConfig): Promise<Result<WitnessInit>> {
  const logs = foreignLogs(witnessed_logs);
  if (!logs.ok) return logs;
  const policy = witness_policy === undefined ? undefined : await readPolicy(witness_policy);
  if (policy?.ok === false) return policy;
  return ok({
    ...witness,
    ...(policy === undefined ? {} : { policy: policy.value }),
    ...(logs.value.length === 0 ? {} : { witnessed_logs: logs.value }),
  });
}
