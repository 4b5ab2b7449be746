/**
 * Capabilities `verb:resource` and when one is contained in another.
 *
 * A resource is a path of segments; `*` stands for one segment and a final
 * `**` for one or more. `verb:*` at the top is read as `verb:**`, as users write
 * it. Lower-case ASCII only, so there is no second spelling to hide behind.
 */
import { fail, ok, type Result } from './result.ts';

/** Capabilities in one token. */
export const capabilities_max = 32;
const segments_max = 16;
const segment_pattern = /^[a-z0-9_][a-z0-9_.-]{0,62}$/;

/** A parsed capability. */
export interface Capability {
  /** A verb, or `*` for all. */
  readonly verb: string;
  readonly path: readonly string[];
  /** The canonical text. */
  readonly text: string;
}

function malformed(text: string, why: string): ReturnType<typeof fail> {
  return fail('CAPABILITY_MALFORMED', `${JSON.stringify(text.slice(0, 80))}: ${why}`, {
    fix: 'write verb:resource in lower case, e.g. read:reports or write:reports/*',
  });
}

/** Parses a capability; nothing is repaired. Fails with `CAPABILITY_MALFORMED`. */
export function parseCapability(text: string): Result<Capability> {
  const colon = text.indexOf(':');
  if (colon < 0) return malformed(text, 'there is no colon between verb and resource');
  const verb = text.slice(0, colon);
  const resource = text.slice(colon + 1) === '*' ? '**' : text.slice(colon + 1);
  if (verb !== '*' && !segment_pattern.test(verb)) return malformed(text, 'the verb is not a lower-case word');
  const path = resource.split('/');
  if (path.length > segments_max) return malformed(text, `more than ${segments_max} segments`);
  for (const [index, segment] of path.entries()) {
    if (segment === '**') {
      if (index !== path.length - 1) return malformed(text, '** may only be the last segment');
    } else if (segment !== '*' && (!segment_pattern.test(segment) || segment.includes('..'))) {
      return malformed(text, `${JSON.stringify(segment)} is not a segment`);
    }
  }
  return ok({ verb, path, text: `${verb}:${resource}` });
}

/** Parses a list of at most 32 capabilities. Fails with `CAPABILITY_MALFORMED`. */
export function parseCapabilities(texts: readonly string[]): Result<readonly Capability[]> {
  if (texts.length > capabilities_max) return fail('CAPABILITY_MALFORMED', `more than ${capabilities_max} capabilities`);
  const parsed: Capability[] = [];
  for (const text of texts) {
    const capability = parseCapability(text);
    if (!capability.ok) return capability;
    parsed.push(capability.value);
  }
  return ok(parsed);
}

/** Whether everything that `child` permits is permitted by `parent`. */
export function contains(parent: Capability, child: Capability): boolean {
  if (parent.verb !== '*' && parent.verb !== child.verb) return false;
  for (const [index, segment] of parent.path.entries()) {
    const inner = child.path[index];
    if (inner === undefined) return false;
    if (segment === '**') return true;
    if (segment === '*' ? inner === '**' : segment !== inner) return false;
  }
  return child.path.length === parent.path.length;
}

/** The first capability of `children` that no single one of `parents` contains, if any. */
export function firstWidened(parents: readonly Capability[], children: readonly Capability[]): Capability | undefined {
  return children.find((child) => !parents.some((parent) => contains(parent, child)));
}

/** Whether `children` stays within `parents` and permits strictly less. */
export function narrows(parents: readonly Capability[], children: readonly Capability[]): boolean {
  return firstWidened(parents, children) === undefined && firstWidened(children, parents) !== undefined;
}
