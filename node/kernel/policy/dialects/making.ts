/** What readers of foreign dialects make conditions and documents of. */
import type { Path, PolicyDocument, RuleDocument } from '../document.ts';
import type { PolicyWarning } from '../policy.ts';

/** A JSON value as a literal of the policy language; its escapes are JSON's. */
export function literal(value: string | number | boolean): string {
  return JSON.stringify(value);
}

/** A list literal. */
export function listed(values: readonly (string | number | boolean)[]): string {
  return `[${values.map(literal).join(', ')}]`;
}

/** Conditions of which all must hold; `true` when there are none. */
export function all(conditions: readonly string[]): string {
  return joined(conditions, ' and ', 'true');
}

/** Conditions of which one must hold; `false` when there are none. */
export function any(conditions: readonly string[]): string {
  return joined(conditions, ' or ', 'false');
}

function joined(conditions: readonly string[], word: string, none: string): string {
  const [first] = conditions;
  if (first === undefined) return none;
  return conditions.length === 1 ? first : conditions.map((condition) => `(${condition})`).join(word);
}

/** A condition that holds when another does not. */
export function not(condition: string): string {
  return `not (${condition})`;
}

/** That the action is one of these, whether it comes as the type of the action or as the name of its tool. */
export function isAction(...names: readonly string[]): string {
  return `action.type in ${listed(names)} or (has(action.tool) and action.tool in ${listed(names)})`;
}

/** The texts of the payload, as conditions name them. */
export const payload_texts = 'payload.texts';

/** That a regular expression occurs in any text of the payload. */
export function inPayload(pattern: string): string {
  return `${payload_texts}.exists(text, matches(text, ${literal(pattern)}))`;
}

/** The `action.type` of what comes back from a tool, a model, a message or a command: the kernel asks rules about it that name one of them. */
const output_types = ['tool_result', 'model_output', 'message_reply', 'command_result'];

/** A rule about what an action carries, and the same about what comes back from it. */
export function bothWays(rule: RuleDocument): readonly RuleDocument[] {
  return [rule, { ...rule, name: `${rule.name}-output`, condition: all([`action.type in ${listed(output_types)}`, rule.condition]) }];
}

/** The rule of a foreign document; the defaults are those of most of them. */
export function made(place: Path, rule: Pick<RuleDocument, 'name' | 'condition'> & Partial<RuleDocument>): RuleDocument {
  return { priority: 0, place, condition_path: place, made: true, ...rule };
}

/** A document of a foreign dialect; the defaults are those of most of them. */
export function documentOf(parts: Pick<PolicyDocument, 'rules' | 'remarks'> & Partial<PolicyDocument>): PolicyDocument {
  return { mode: 'enforce', conditions: 'policy', strict: false, strategy: 'deny-overrides', frameworks: [], ...parts };
}

/** A remark about the whole document. */
export function remark(text: string, rule: string = ''): PolicyWarning {
  return { rule, remark: text };
}

/** What the author should know when nothing says what happens to an action that no rule decides. */
export function undecided(kind: 'file' | 'guard'): PolicyWarning {
  return remark(kind === 'guard'
    ? 'what no rule of this file denies is left to the other policies, and allowed where there is none but guards'
    : 'what no rule of this file allows is denied');
}
