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

function parseSegments(resource: string, text: string): Result<readonly string[]> {
  const path = resource === '*' ? ['**'] : resource.split('/');
  if (path.length > segments_max) return malformed(text, `more than ${segments_max} segments`);
  for (const [index, segment] of path.entries()) {
    if (segment === '**') {
      if (index !== path.length - 1) return malformed(text, '** may only be the last segment');
    } else if (segment !== '*' && !isWord(segment)) {
      return malformed(text, `${JSON.stringify(segment.slice(0, 80))} is not a segment`);
    }
  }
  return ok(path);
}

/** Whether a text is one literal segment of a path: a lower-case ASCII word. */
export function isWord(text: string): boolean {
  return segment_pattern.test(text) && !text.includes('..');
}

/** Parses the path of a resource, wildcards included, by the grammar of capabilities; `*` alone is read as `**`. Fails with `CAPABILITY_MALFORMED`. */
export function parsePath(text: string): Result<readonly string[]> {
  return parseSegments(text, text);
}

/** Parses a capability; nothing is repaired. Fails with `CAPABILITY_MALFORMED`. */
export function parseCapability(text: string): Result<Capability> {
  const colon = text.indexOf(':');
  if (colon < 0) return malformed(text, 'there is no colon between verb and resource');
  const verb = text.slice(0, colon);
  if (verb !== '*' && !segment_pattern.test(verb)) return malformed(text, 'the verb is not a lower-case word');
  const path = parseSegments(text.slice(colon + 1), text);
  return path.ok ? ok({ verb, path: path.value, text: `${verb}:${path.value.join('/')}` }) : path;
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

/** Whether every resource that the pattern `child` names is named by `parent`. */
export function containsPath(parent: readonly string[], child: readonly string[]): boolean {
  for (const [index, segment] of parent.entries()) {
    const inner = child[index];
    if (inner === undefined) return false;
    if (segment === '**') return true;
    if (segment === '*' ? inner === '**' : segment !== inner) return false;
  }
  return child.length === parent.length;
}

/** Whether everything that `child` permits is permitted by `parent`. */
export function contains(parent: Capability, child: Capability): boolean {
  return (parent.verb === '*' || parent.verb === child.verb) && containsPath(parent.path, child.path);
}

/** The first capability of `children` that no single one of `parents` contains, if any. */
export function firstWidened(parents: readonly Capability[], children: readonly Capability[]): Capability | undefined {
  return children.find((child) => !parents.some((parent) => contains(parent, child)));
}

/** Whether `children` stays within `parents` and permits strictly less. */
export function narrows(parents: readonly Capability[], children: readonly Capability[]): boolean {
  return firstWidened(parents, children) === undefined && firstWidened(children, parents) !== undefined;
}
