import { canonicalJsonBytes } from '../../../crypto/canonical.ts';
import { toHex, utf8 } from '../../../crypto/bytes.ts';
import { sha256 } from '../../../crypto/hash.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../../crypto/result.ts';
import { parseCapability, type Capability } from '../../../crypto/capability.ts';
import { policy_bytes_max } from './bounds.ts';
import { compileCondition, type Condition } from './compile.ts';
import { readDocument } from './dialects/index.ts';
import { invalid, type Path, type PolicyDocument, type RuleDocument } from './document.ts';
import { parseLimit } from './limit.ts';
import type { CompiledPolicy, Obligation, PolicyWarning, Rule, RuleEffect } from './policy.ts';
import { indexRules } from './rule-index.ts';
import { overridden, overriders } from './strategy.ts';

/** How a document is compiled: `name` where it has none, `strict` to force strict mode, `kind` for guards. */
export interface CompileOptions {
  readonly name?: string;
  readonly strict?: boolean;
  readonly kind?: 'file' | 'guard';
}

const actions: { readonly [action: string]: { readonly effect: RuleEffect; readonly obligations: readonly Obligation[] } } = {
  allow: { effect: 'allow', obligations: [] },
  deny: { effect: 'deny', obligations: [] },
  require_approval: { effect: 'require_approval', obligations: [] },
  // What only watches grants nothing: a rule that logs everything must not open everything.
  warn: { effect: 'observe', obligations: ['warn'] },
  log: { effect: 'observe', obligations: ['log'] },
  audit: { effect: 'observe', obligations: ['audit'] },
  redact: { effect: 'observe', obligations: ['redact'] },
};

type LineOf = (place: Path) => number | undefined;

/** What compiling the rules of one document needs to know. */
interface Compiling {
  readonly strict: boolean;
  readonly conditions: PolicyDocument['conditions'];
  readonly lineOf: LineOf;
}

/**
 * Compiles a policy document (a plain object, of version 1.0 or of one of the
 * dialects). Fails with `POLICY_INVALID`; `detail.path` says where, and `line`
 * and `column` too when the document came from a file.
 */
export function compilePolicy(document: unknown, options: CompileOptions = {}): Result<CompiledPolicy> {
  return compileDocument(document, options, () => undefined);
}

function compileDocument(document: unknown, options: CompileOptions, lineOf: LineOf): Result<CompiledPolicy> {
  const read = readDocument(document);
  if (!read.ok) return read;
  const strict = read.value.strict || options.strict === true;
  const rules: Rule[] = [];
  const warnings: PolicyWarning[] = [...read.value.remarks];
  for (const [index, written] of read.value.rules.entries()) {
    const rule = compileRule(written, overriders(read.value.rules, index, read.value.strategy), { strict, conditions: read.value.conditions, lineOf });
    if (!rule.ok) return rule;
    rules.push(rule.value);
    warnings.push(...rule.value.condition.warnings.map((remark) => ({ rule: rule.value.name, remark })));
  }
  for (const [index, capability] of (read.value.capabilities ?? []).entries()) {
    const valid = parseCapability(capability);
    if (!valid.ok) return invalid({ path: ['capabilities', index] }, valid.failure.reason, valid.failure.fix ?? 'write verb:resource');
  }
  const digest = digestOf(document);
  return digest.ok ? ok(assemble(read.value, { rules, warnings, strict, digest: digest.value }, options)) : digest;
}

function assemble(
  read: PolicyDocument,
  compiled: Pick<CompiledPolicy, 'rules' | 'warnings' | 'strict' | 'digest'>,
  options: CompileOptions,
): CompiledPolicy {
  const { agent, sponsor, capabilities, delegation, budgets, loops, frameworks, mode, conditions } = read;
  return {
    ...compiled,
    name: read.name ?? options.name ?? 'policy',
    kind: options.kind ?? read.kind ?? 'file',
    mode,
    conditions,
    frameworks,
    ...(agent === undefined || agent === '*' ? {} : { agent }),
    ...(sponsor === undefined ? {} : { sponsor }),
    ...(capabilities === undefined ? {} : { capabilities, granted: capabilities.flatMap(parsed) }),
    ...(delegation === undefined ? {} : { delegation }),
    ...(budgets === undefined ? {} : { budgets }),
    ...(loops === undefined ? {} : { loops }),
    candidates: indexRules(compiled.rules, { absent_is_fault: compiled.strict || read.conditions === 'cel' }),
  };
}

function parsed(text: string): readonly Capability[] {
  const capability = parseCapability(text);
  return capability.ok ? [capability.value] : [];
}

function digestOf(document: unknown): Result<string> {
  try {
    return ok(toHex(sha256(canonicalJsonBytes(document))));
  } catch (error) {
    return invalid({ path: [] }, `the policy has no JSON form: ${messageOf(error)}`, 'use texts, numbers, lists and mappings only');
  }
}

function compileWritten(text: string, written: RuleDocument, { strict, conditions }: Compiling): Result<Condition> {
  const language = { strict, mode: written.made === true ? 'policy' : conditions } as const;
  const condition = compileCondition(text, language);
  if (condition.ok) return condition;
  const offset = condition.failure.detail?.['offset'];
  return fail('POLICY_INVALID', `rule ${JSON.stringify(written.name)}: ${condition.failure.reason}`, {
    ...(condition.failure.fix === undefined ? {} : { fix: condition.failure.fix }),
    detail: { path: written.condition_path, ...(typeof offset === 'number' && written.made !== true ? { offset } : {}) },
  });
}

function compileRule(written: RuleDocument, against: readonly RuleDocument[], compiling: Compiling): Result<Rule> {
  const { name, priority, place, message, signal } = written;
  const line = compiling.lineOf(place);
  const alone = compileWritten(written.condition, written, compiling);
  // Alone first, so that an error is found where it stands.
  const condition = !alone.ok || against.length === 0 ? alone : compileWritten(overridden(written, against), { ...written, made: true }, compiling);
  if (!condition.ok) {
    return alone.ok ? invalid({ path: place }, `rule ${JSON.stringify(name)}: with all the rules that the strategy lets switch it off, ${condition.failure.reason}`, 'split the policy, or leave the strategy out') : condition;
  }
  const action = written.action === undefined ? undefined : actions[written.action];
  if (written.action !== undefined && (action === undefined || !Object.hasOwn(actions, written.action))) {
    return invalid({ path: [...place, 'action'] }, `there is no action ${JSON.stringify(written.action)}`, `use one of ${Object.keys(actions).join(', ')}`);
  }
  const effect = effectOf(written, action?.effect);
  if (!effect.ok) return effect;
  const limit = written.limit === undefined ? undefined : parseLimit(written.limit);
  if (limit?.ok === false) return invalid({ path: [...place, 'limit'] }, limit.failure.reason, limit.failure.fix ?? 'write "100/hour"');
  return ok({
    name,
    place,
    ...(line === undefined ? {} : { line }),
    ...(signal === undefined ? {} : { signal }),
    effect: effect.value,
    condition: condition.value,
    priority,
    obligations: [...(action?.obligations ?? []), ...(written.audit === true || written.audit === 'durable' ? (['audit'] as const) : [])],
    batched: written.audit === 'batched',
    ...(message === undefined ? {} : { message }),
    ...(limit === undefined ? {} : { limit: limit.value }),
  });
}

function effectOf(written: RuleDocument, effect: RuleEffect | undefined): Result<RuleEffect> {
  const { name, place } = written;
  if (written.limit === undefined) {
    return effect === undefined ? invalid({ path: place }, `rule ${JSON.stringify(name)} has neither an action nor a limit`, 'add action: deny, action: allow or limit: "100/hour"') : ok(effect);
  }
  if (effect === undefined || effect === 'observe') return ok('limit');
  if (effect === 'allow') return ok('allow');
  return invalid({ path: [...place, 'action'] }, `rule ${JSON.stringify(name)} has a limit, and beyond a limit the answer is always deny`, 'leave action out, or write action: allow');
}

/**
 * Compiles a policy file (YAML 1.2, hence JSON too). Fails with `POLICY_INVALID`
 * whose detail names `file`, `line` and `column`, and whose fix says what to write.
 */
export async function loadPolicy(text: string, file: string, options: CompileOptions = {}): Promise<Result<CompiledPolicy>> {
  if (utf8(text).length > policy_bytes_max) {
    return located(file, { line: 1, column: 1 }, invalid({ path: [] }, `the file has more than ${policy_bytes_max} bytes`, 'split the policy').failure);
  }
  // Loaded here, because the parser costs a tenth of the time that a command takes to start.
  const { readYaml } = await import('./yaml.ts');
  const yaml = readYaml(text);
  if (!yaml.ok) return located(file, yaml.failure.detail, yaml.failure);
  const { positionOf } = yaml.value;
  const compiled = compileDocument(yaml.value.document, { name: file, ...options }, (path) => positionOf({ path }).line);
  return compiled.ok ? compiled : located(file, positionOf(compiled.failure.detail ?? {}), compiled.failure);
}

function located(file: string, position: { readonly line?: unknown; readonly column?: unknown } | undefined, failure: Failure): Result<CompiledPolicy> {
  const line = typeof position?.line === 'number' ? position.line : 1;
  const column = typeof position?.column === 'number' ? position.column : 1;
  return fail('POLICY_INVALID', `${file}:${line}:${column}: ${failure.reason}`, {
    ...(failure.fix === undefined ? {} : { fix: failure.fix }),
    detail: { ...failure.detail, file, line, column },
  });
}
