import { isMap, isNode, isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { fail, messageOf, ok, type Result } from '../../../crypto/result.ts';

/** Line and column, both counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML file read, with a way back from a place in the document to the place in the file. */
export interface YamlFile {
  readonly document: unknown;
  positionOf(place: { readonly [name: string]: unknown }): Position;
}

/** Reads YAML 1.2: one document, unique keys, no aliases. Fails with `POLICY_INVALID`, detail `line` and `column`. */
export function readYaml(text: string): Result<YamlFile> {
  const lines = new LineCounter();
  try {
    const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
    const [problem] = [...parsed.errors, ...parsed.warnings];
    if (problem !== undefined) return notYaml(problem.message, positionAt(lines, problem.pos[0]));
    const repeated = repeatedKey(parsed);
    if (repeated !== undefined) return notYaml('a key stands twice in one mapping', positionAt(lines, repeated));
    // An alias can make a small file large, and no policy needs one.
    const document: unknown = parsed.toJS({ maxAliasCount: 0 });
    return ok({ document, positionOf: (place) => locate(text, parsed, lines, place) });
  } catch (error) {
    return notYaml(messageOf(error), { line: 1, column: 1 });
  }
}

/** The offset of the first key that its mapping has already. The parser's own check takes quadratic time. */
function repeatedKey(parsed: Document): number | undefined {
  let found: number | undefined;
  visit(parsed, {
    Map(_key, map) {
      const names = new Set<unknown>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : key;
        if (names.has(name)) found = isNode(key) ? (key.range?.[0] ?? 0) : 0;
        names.add(name);
      }
      return found === undefined ? undefined : visit.BREAK;
    },
  });
  return found;
}

function notYaml(reason: string, position: Position): Result<YamlFile> {
  return fail('POLICY_INVALID', `not YAML: ${reason}`, {
    fix: 'check the indentation and the quotes; inside single quotes, write a quote as two of them',
    detail: { ...position },
  });
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function locate(text: string, parsed: Document, lines: LineCounter, place: { readonly [name: string]: unknown }): Position {
  const path: unknown[] = Array.isArray(place['path']) ? place['path'] : [];
  const node = place['key'] === true ? keyNode(parsed, path) : parsed.getIn(path, true);
  const known = isNode(node) ? node : parsed.getIn(path.slice(0, -1), true);
  const start = isNode(known) ? (known.range?.[0] ?? 0) : 0;
  const offset = place['offset'];
  if (typeof offset !== 'number' || !isScalar(node) || typeof node.value !== 'string') return positionAt(lines, start);
  // Where the text stands in the file as it is, the problem can be pointed at to the character.
  const verbatim = text.slice(start, node.range?.[1]).indexOf(node.value);
  return positionAt(lines, verbatim < 0 ? start : start + verbatim + offset);
}

function keyNode(parsed: Document, path: readonly unknown[]): unknown {
  const parent = path.length === 1 ? parsed.contents : parsed.getIn(path.slice(0, -1), true);
  const name = path.at(-1);
  return isMap(parent) ? parent.items.find((pair) => isScalar(pair.key) && pair.key.value === name)?.key : undefined;
}
