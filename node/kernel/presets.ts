import { unwrap } from '../../crypto/result.ts';
import { Policy } from './guards.ts';
import { compilePolicy } from './policy/load.ts';

/** A ready-made set of policies. */
export type Preset = 'strict' | 'standard' | 'permissive';

const reading = ['call', 'read', 'get', 'list', 'query', 'search', 'model_call', 'file.read', 'file.list', 'file.stat', 'vfs.read', 'vfs.list'];
const changing = [
  'tool', 'message', 'write', 'create', 'update', 'delete', 'export', 'send', 'execute', 'deploy',
  'file.write', 'file.delete', 'file.rename', 'file.mkdir', 'vfs.write', 'vfs.delete', 'vfs.snapshot', 'vfs.restore',
];

/**
 * The policies of a preset.
 *
 * `permissive`: everything but destructive SQL.
 * `standard`: also keeps files inside the workspace, personal data inside the host, and 1,000 calls a minute.
 * `strict`: also allows only entering agents, reading and asking models, asks for approval of tools, messages and
 * everything else that it knows, denies what it does not know, and 100 calls a minute.
 *
 * Each can be given together with further policies, which narrow it. What a preset allows still has to pass
 * scopes, signals, budgets and the bounds on loops and refusals.
 */
export function presetPolicies(preset: Preset, workspace: string): readonly Policy[] {
  if (preset === 'permissive') return [Policy.noDestructiveSql()];
  const guards = [Policy.noDestructiveSql(), Policy.fileAccess(workspace), Policy.noPiiExport()];
  if (preset === 'standard') return [...guards, Policy.rateLimit(1_000, '1m')];
  return [...guards, Policy.rateLimit(100, '1m'), strictPolicy()];
}

function strictPolicy(): Policy {
  return unwrap(compilePolicy({
    version: '1.0',
    name: 'strict',
    strict: true,
    rules: [
      { name: 'read-only', condition: `action.type in ${JSON.stringify(reading)}`, action: 'allow' },
      {
        name: 'approve-changes',
        condition: `action.type in ${JSON.stringify(changing)}`,
        action: 'require_approval',
        audit: true,
      },
    ],
  }));
}
