import { readFile } from 'node:fs/promises';
import { fail, messageOf, unwrap, type Result } from '../../crypto/result.ts';
import { compilePolicy, loadPolicy } from './policy/load.ts';
import type { CompiledPolicy } from './policy/policy.ts';

/** A policy: from a file, or one of the ready-made guards below. */
export type Policy = CompiledPolicy;

/**
 * Ready-made guards. A guard only forbids. Where nothing but guards is in force
 * there is an implicit baseline: what none of them denies is allowed. Beside a
 * policy from a file the baseline is gone, and what the file does not allow is
 * denied.
 */
export interface PolicyLibrary {
  /** Denies SQL that destroys, or that cannot be shown not to. */
  noDestructiveSql(options?: { readonly second_opinion?: boolean }): Policy;
  /** Denies every action that names a path outside all of the folders. */
  fileAccess(...folders: readonly string[]): Policy;
  /** Denies what goes beyond `count` calls per agent in a period such as `1m`. */
  rateLimit(count: number, period: string): Policy;
  /** Denies sending personal data out. */
  noPiiExport(): Policy;
  /** Reads a policy file. Fails with `POLICY_UNREADABLE` or `POLICY_INVALID` (file, line, column, fix). */
  load(file: string): Promise<Result<Policy>>;
  /** Compiles the text of a policy; `name` stands for the file in errors. Fails with `POLICY_INVALID`. */
  parse(text: string, name: string): Promise<Result<Policy>>;
}

interface GuardRule {
  readonly condition: string;
  readonly action?: string;
  readonly limit?: string;
  readonly message?: string;
}

// A guard with a bad argument is a mistake in the program that builds the kernel, hence the exception.
function guard(name: string, rule: GuardRule): Policy {
  return unwrap(compilePolicy({ version: '1.0', name, rules: [{ name, ...rule }] }, { kind: 'guard' }));
}

/** Action types that carry data out of the host. */
const exporting = ['export', 'send', 'send_email', 'send_message', 'message', 'email', 'upload', 'publish', 'post', 'share', 'http_request', 'transfer'];

function listed(texts: readonly string[]): string {
  // JSON's escapes are the dialect's own, but for \b and \f, which no path has.
  return texts.map((text) => JSON.stringify(text)).join(', ');
}

/** The guards and loaders of the seeds. Bad arguments throw a `FailureError`. */
export const Policy: PolicyLibrary = {
  noDestructiveSql: ({ second_opinion = false } = {}) => guard('no-destructive-sql', {
    // The parser, which prepareSqlSecondOpinion loads, must have had its say.
    condition: second_opinion ? "sql.destructive or sql.second_opinion in ['destructive', 'absent']" : 'sql.destructive',
    action: 'deny',
    message: 'destructive SQL',
  }),
  fileAccess: (...folders) => guard('file-access', {
    condition: `path.present and not path.within(${listed(folders)})`,
    action: 'deny',
    message: `files are accessible only in ${folders.join(', ')}`,
  }),
  rateLimit: (count, period) => guard('rate-limit', { condition: 'true', limit: `${count}/${period}` }),
  noPiiExport: () => guard('no-pii-export', {
    condition: `action.type in [${listed(exporting)}] and data.contains_pii`,
    action: 'deny',
    message: 'personal data must not leave',
  }),
  async load(file) {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      return fail('POLICY_UNREADABLE', `${file} cannot be read: ${messageOf(error)}`, { fix: 'check the path and its permissions', cause: error });
    }
    return loadPolicy(text, file);
  },
  parse: (text, name) => loadPolicy(text, name),
};
