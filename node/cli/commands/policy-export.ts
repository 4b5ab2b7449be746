/** `agentmesh policy export`: a policy of any dialect in a standard form. */
import { FailureError, ok, type Result } from '../../../crypto/result.ts';
import type { CompiledPolicy } from '../../kernel/policy/policy.ts';
import { actionOf, documentFormOf } from '../../policy-tools/export.ts';
import type { CommonFlags, Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readPolicy } from '../policy-files.ts';
import { jsonText, visible } from '../view/text.ts';
import { tellWarnings } from './policy-eval.ts';

/** Flags of `policy export`. */
export interface ExportFlags extends CommonFlags {
  readonly to: 'cel' | 'json' | 'yaml';
}

async function celOf(policy: CompiledPolicy): Promise<Result<readonly object[]>> {
  const { toCel } = await import('../../kernel/policy/to-cel.ts');
  return ok(policy.rules.map((rule) => ({ rule: rule.name, action: actionOf(rule) ?? 'limit', cel: toCel(rule.condition.expression, { strict: policy.strict, mode: policy.conditions }) })));
}

/** Prints the policy in the form that is asked for. */
export async function exportPolicy(context: Context, flags: ExportFlags, file: string): Promise<Outcome> {
  const policy = await readPolicy(file, false);
  if (!policy.ok) return new FailureError(policy.failure);
  tellWarnings(context, flags, [policy.value]);
  if (flags.to === 'cel') {
    const rules = await celOf(policy.value);
    if (!rules.ok) return new FailureError(rules.failure);
    return context.print(flags.json ? jsonText(rules.value) : rules.value.map((rule) => JSON.stringify(rule)).map(visible).join('\n'));
  }
  const document = documentFormOf(policy.value);
  if (flags.to === 'json' || flags.json) return context.printJson(document);
  const { stringify } = await import('yaml');
  context.print(stringify(document, { lineWidth: 0 }).trimEnd());
}
