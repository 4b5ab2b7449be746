/** The policy files that commands name, and the loading of them. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { CompiledPolicy } from '../kernel/policy/policy.ts';
import { readText } from './input.ts';

/** Files of one folder, all levels, that a command looks through. */
const folder_files_max = 100_000;
const folder_depth_max = 16;

/** What files of tests of policies are called. */
export const test_file: RegExp = /_test\.ya?ml$/;

/** Reads and compiles a policy file. Fails as {@link readText} does, or with `POLICY_INVALID`. */
export async function readPolicy(path: string, strict: boolean): Promise<Result<CompiledPolicy>> {
  const read = await readPolicySource(path, strict);
  return read.ok ? ok(read.value.policy) : read;
}

/** Reads a policy file as {@link readPolicy} does, with its lines, for those who point at a place in it. */
export async function readPolicySource(path: string, strict: boolean): Promise<Result<{ readonly policy: CompiledPolicy; readonly lines: readonly string[] }>> {
  const text = await readText(path);
  if (!text.ok) return text;
  const { loadPolicy } = await import('../kernel/policy/load.ts');
  const policy = await loadPolicy(text.value, path, strict ? { strict } : {});
  return policy.ok ? ok({ policy: policy.value, lines: text.value.split('\n') }) : policy;
}

/** Reads several policies, which decide together. Fails as {@link readPolicy} does. */
export async function readPolicies(paths: readonly string[], strict: boolean): Promise<Result<readonly CompiledPolicy[]>> {
  const policies: CompiledPolicy[] = [];
  for (const path of paths) {
    const policy = await readPolicy(path, strict);
    if (!policy.ok) return policy;
    policies.push(policy.value);
  }
  return ok(policies);
}

/** The files that paths name: a file itself, `-` for standard input, of a folder those whose name ends like this. Fails with `FILE_UNREADABLE`. */
export async function filesIn(paths: readonly string[], ending: RegExp): Promise<Result<readonly string[]>> {
  const files: string[] = [];
  const walk = async (path: string, depth: number): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const inner = join(path, entry.name);
      if (entry.isDirectory() && depth < folder_depth_max && entry.name !== 'node_modules') await walk(inner, depth + 1);
      if (entry.isFile() && ending.test(entry.name) && files.length < folder_files_max) files.push(inner);
    }
  };
  for (const path of paths) {
    try {
      if (path !== '-' && (await stat(path)).isDirectory()) await walk(path, 0);
      else files.push(path);
    } catch (error) {
      return fail('FILE_UNREADABLE', `${path} cannot be read: ${messageOf(error)}`, { fix: 'name a file or folder that exists' });
    }
  }
  return ok(files);
}
