/** An item of a template's `allow`, `deny` or `requires_approval`: an action and the terms under which it is meant. */
import { isStrings, type Fields } from '../../../../crypto/canonical.ts';
import { ok, type Result } from '../../../../crypto/result.ts';
import { invalid, shown, type Path } from '../document.ts';
import { all, any, inPayload, isAction, listed, literal, not } from './making.ts';

/** An item read. */
export interface Item {
  readonly place: Path;
  readonly action: string;
  readonly condition: string;
  /** That it means every action of its kind. */
  readonly whole: boolean;
  /** Terms that are not looked at; only where leaving them out is never milder. */
  readonly dropped: readonly string[];
}

type Effect = 'allow' | 'deny' | 'approve';
type Term = (values: readonly string[], effect: Effect) => string | undefined;

const patterns_special = /[.*+?^${}()|[\]\\]/g;

/** A text as a regular expression that matches it alone. */
export function quoted(text: string): string {
  return text.replaceAll(patterns_special, String.raw`\$&`);
}

/** Names of one action: those of templates, and under which the kernel's own forms of it come. */
const synonyms: readonly (readonly string[])[] = [
  ['llm_call', 'model_call'], ['read_file', 'file_read', 'file.read'], ['write_file', 'file_write', 'file.write'],
  ['delete_file', 'file_delete', 'file.delete'], ['list_files', 'file_list', 'file.list'],
];

/** That the action is of a kind; `*` is every action, `tool_call` the use of any tool. */
export function actionIs(action: string): string {
  if (action === '*') return 'true';
  return action === 'tool_call' ? `action.type in ["tool", "tool_call"] or has(action.tool)` : isAction(...synonyms.find((names) => names.includes(action)) ?? [action]);
}

/** An attribute is allowed as it is written, and denied in whatever case. */
function attribute(name: string): Term {
  return (values, effect) => (effect === 'allow' ? `${name} in ${listed(values)}` : `matches(${name}, ${literal(`(?i)^(${values.map(quoted).join('|')})$`)})`);
}

/** A word in any text of the payload: for denials, which must not miss it. */
function words(values: readonly string[]): string {
  return inPayload(String.raw`(?i)(^|[^A-Za-z0-9_])(${values.map(quoted).join('|')})($|[^A-Za-z0-9_])`);
}

const terms: { readonly [key: string]: Term } = {
  // What a text asks for can be denied by a word in it, and never be allowed by one.
  operations: (values, effect) => (effect === 'allow' ? undefined : words(values)),
  commands: (values, effect) => (effect === 'allow' ? undefined : words(values)),
  tables: (values, effect) => (effect === 'allow' ? `data.table in ${listed(values)}` : words(values)),
  paths: (values, effect) => (effect === 'allow' ? within(values) : undefined),
  domains: (values, effect) => (effect === 'allow' ? any(values.map(hostIs)) : inPayload(String.raw`(?i)(^|[^A-Za-z0-9-])(${values.map(hostPattern).join('|')})($|[^A-Za-z0-9-])`)),
  methods: attribute('data.method'),
  roles: attribute('agent.role'),
  regions: attribute('data.region'),
  regions_excluded: attribute('data.region'),
  models: attribute('data.model'),
  languages: attribute('data.language'),
  scope: (values, effect) => (effect === 'allow' ? `data.scope in ${listed(values)}` : undefined),
};

function within(globs: readonly string[]): string | undefined {
  const folders = globs.map((glob) => (/^\/[^*?[\]]*\/\*\*$/.test(glob) ? glob.slice(0, -3) : undefined));
  return folders.every((folder) => folder !== undefined) ? `path.present and path.within(${folders.map((folder) => literal(folder ?? '')).join(', ')})` : undefined;
}

function hostPattern(domain: string): string {
  return domain.startsWith('*.') ? String.raw`([A-Za-z0-9-]+\.)+${quoted(domain.slice(2))}` : quoted(domain);
}

/** That the URL of the payload leads to a host, and nothing in it can make another host of it. */
function hostIs(domain: string): string {
  return `matches(data.url, ${literal(String.raw`(?i)^https?://${hostPattern(domain)}(:[0-9]+)?([/?#]|$)`)})`;
}

/** Reads one item. Fails with `POLICY_INVALID`. */
export function readItem(item: Fields, place: Path, effect: Effect): Result<Item> {
  const { action, threshold_usd, approval_level: _level, approvers: _approvers, timeout_minutes: _timeout, ...rest } = item;
  if (typeof action !== 'string' || !/^(?:\*|[\w.:-]+)$/.test(action)) return invalid({ path: [...place, 'action'] }, `the item is about the action ${shown(action)}`, 'write action: http_request');
  const conditions = [actionIs(action)];
  const dropped: string[] = [];
  let whole = action === '*';
  if (threshold_usd !== undefined) {
    if (typeof threshold_usd !== 'number' || effect === 'allow') return invalid({ path: [...place, 'threshold_usd'] }, `threshold_usd is ${shown(threshold_usd)}`, 'write threshold_usd: 10000, and not under allow');
    // An amount that nobody states is not below the threshold.
    conditions.push(not(`has(data.amount_usd) and data.amount_usd <= ${threshold_usd}`));
  }
  for (const [key, value] of Object.entries(rest)) {
    const values = typeof value === 'string' ? [value] : isStrings(value) ? value : undefined;
    if (values?.some((text) => text === '*' || text === '/**') === true) {
      whole = true;
      continue;
    }
    const term = values === undefined || values.length === 0 || !Object.hasOwn(terms, key) ? undefined : terms[key]?.(values, effect);
    if (term !== undefined) conditions.push(term);
    else if (effect === 'allow') return invalid({ path: [...place, key], key: true }, `what is allowed under ${shown(key)} cannot be told`, 'take the item out, and allow it with a rule of version 1.0');
    else dropped.push(key);
  }
  const bare = Object.keys(rest).length === 0 && threshold_usd === undefined;
  return ok({ place, action, condition: all(conditions), whole: whole || (bare && effect === 'deny'), dropped });
}
