/** What a tool says of itself: a descriptor of the Model Context Protocol (2025-06-18, `Tool`), with members of ours beside. */
import { toHex } from '../../../crypto/bytes.ts';
import { canonicalJsonBytes, isFields, isStrings, type Fields, type Json } from '../../../crypto/canonical.ts';
import { parseCapabilities } from '../../../crypto/capability.ts';
import { sha256 } from '../../../crypto/hash.ts';
import { fail, ok, type Result } from '../../../crypto/result.ts';
import { snapshot } from '../snapshot.ts';
import { compileSchema, type Schema } from './schema.ts';

/** The RFC 8785 form of a descriptor. */
export const descriptor_bytes_max = 65_536;
const name_form = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?(?:\/[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)*$/;
const name_characters_max = 128;
const classes_max = 32;
const class_characters_max = 64;

/** What a call of a tool may change. */
export const side_effects = ['none', 'read', 'write', 'delete', 'network', 'filesystem'] as const;

/** What a call of a tool may change. */
export type SideEffects = (typeof side_effects)[number];

/** A tool as it was described, with what follows where nothing is said: the worst that the protocol's own defaults allow. */
export interface Tool {
  readonly name: string;
  readonly title: string | null;
  readonly description: string;
  readonly version: string;
  readonly side_effects: SideEffects;
  /** 0 to 1. */
  readonly risk: number;
  readonly requires_approval: boolean;
  /** What its caller must be allowed besides, as `verb:resource`. */
  readonly capabilities: readonly string[];
  readonly data_classes: readonly string[];
  readonly read_only: boolean;
  readonly destructive: boolean;
  readonly idempotent: boolean;
  /** That what comes back is from outside, and nobody vouches for it. */
  readonly open_world: boolean;
  /** The descriptor as it was given. */
  readonly document: Json;
  /** SHA-256 of the RFC 8785 form of the document, in hex: a descriptor that differs in anything has another one. */
  readonly digest: string;
  readonly input: Schema;
  readonly output: Schema | undefined;
}

function invalid(reason: string, fix: string = 'a descriptor with name, description and inputSchema, as of the Model Context Protocol'): Result<never> {
  return fail('TOOL_INVALID', reason, { fix });
}

function flag(fields: Fields, name: string, otherwise: boolean): boolean | undefined {
  const value = fields[name];
  return value === undefined ? otherwise : typeof value === 'boolean' ? value : undefined;
}

interface Hints {
  readonly read_only: boolean;
  readonly destructive: boolean;
  readonly idempotent: boolean;
  readonly open_world: boolean;
}

function hintsIn(annotations: unknown): Result<Hints> {
  const fields = annotations === undefined ? {} : annotations;
  if (!isFields(fields)) return invalid('annotations is no object');
  const read_only = flag(fields, 'readOnlyHint', false);
  const destructive = flag(fields, 'destructiveHint', true);
  const idempotent = flag(fields, 'idempotentHint', false);
  const open_world = flag(fields, 'openWorldHint', true);
  if (read_only === undefined || destructive === undefined || idempotent === undefined || open_world === undefined) return invalid('a hint is true or false');
  return ok({ read_only, destructive: destructive && !read_only, idempotent, open_world });
}

type Terms = Pick<Tool, 'side_effects' | 'risk' | 'requires_approval' | 'capabilities' | 'data_classes'>;

function isSideEffects(value: unknown): value is SideEffects {
  return side_effects.some((one) => one === value);
}

function termsIn(fields: Fields, { read_only, destructive }: Hints): Result<Terms> {
  const effects = fields['side_effects'] ?? (read_only ? 'read' : destructive ? 'delete' : 'write');
  const risk = fields['risk'] ?? (read_only ? 0.1 : destructive ? 0.9 : 0.5);
  const requires_approval = flag(fields, 'requires_approval', false);
  const capabilities = fields['capabilities'] ?? [];
  const data_classes = fields['data_classes'] ?? [];
  if (!isSideEffects(effects)) return invalid(`side_effects is one of ${side_effects.join(', ')}`);
  if (typeof risk !== 'number' || !(risk >= 0 && risk <= 1)) return invalid('risk is a number from 0 to 1');
  if (requires_approval === undefined) return invalid('requires_approval is true or false');
  if (!isStrings(capabilities) || !parseCapabilities(capabilities).ok) return invalid('capabilities are texts such as read:reports');
  const fits = isStrings(data_classes) && data_classes.length <= classes_max && data_classes.every((one) => one !== '' && one.length <= class_characters_max);
  return fits ? ok({ side_effects: effects, risk, requires_approval, capabilities, data_classes }) : invalid(`data_classes are at most ${classes_max} short texts`);
}

function textIn(fields: Fields, name: string, otherwise: string): Result<string> {
  const value = fields[name] ?? otherwise;
  return typeof value === 'string' ? ok(value) : invalid(`${name} is a text`);
}

/** Whether a text can name a tool: letters, digits and `_.-/`, at most 128. */
export function isToolName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= name_characters_max && name_form.test(name);
}

/** Reads a descriptor. What neither the protocol nor we know is kept, and counts in the digest. Fails with `TOOL_INVALID` or `TOOL_SCHEMA_REFUSED`. */
export function parseTool(given: unknown): Result<Tool> {
  const copied = snapshot(given);
  if (!copied.ok || !isFields(copied.value)) return invalid('a descriptor is one JSON object');
  const bytes = canonicalJsonBytes(copied.value);
  if (bytes.length > descriptor_bytes_max) return invalid(`a descriptor has at most ${descriptor_bytes_max} bytes`);
  const fields: Fields = copied.value;
  const { name, inputSchema, outputSchema } = fields;
  if (!isToolName(name)) return invalid('a tool is named by 1 to 128 letters, digits and _ . - /');
  const [title, description, version] = [textIn(fields, 'title', ''), textIn(fields, 'description', ''), textIn(fields, 'version', '0')];
  if (!title.ok) return title;
  if (!description.ok) return description;
  if (!version.ok) return version;
  const hints = hintsIn(fields['annotations']);
  if (!hints.ok) return hints;
  const terms = termsIn(fields, hints.value);
  if (!terms.ok) return terms;
  if (inputSchema === undefined) return invalid('there is no inputSchema');
  const input = compileSchema(inputSchema);
  if (!input.ok) return input;
  const output = outputSchema === undefined ? ok(undefined) : compileSchema(outputSchema);
  if (!output.ok) return output;
  return ok({
    name, title: title.value === '' ? null : title.value, description: description.value, version: version.value, ...hints.value, ...terms.value,
    document: copied.value, digest: toHex(sha256(bytes)), input: input.value, output: output.value,
  });
}

/** The members of two descriptors that differ, for people. */
export function changedMembers(before: Json, after: Json): readonly string[] {
  const [old, young]: readonly Fields[] = [isFields(before) ? before : {}, isFields(after) ? after : {}];
  const hash = (value: unknown): string => (value === undefined ? '' : toHex(sha256(canonicalJsonBytes(value))));
  return [...new Set([...Object.keys(old ?? {}), ...Object.keys(young ?? {})])].filter((name) => hash(old?.[name]) !== hash(young?.[name])).toSorted();
}
