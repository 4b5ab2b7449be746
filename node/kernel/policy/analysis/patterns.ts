import { compilePattern } from '../regex.ts';
import { parsePattern, type PatternNode } from '../regex-parser.ts';

const characters = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).sort((a, b) => rank(a) - rank(b));

/** Letters before digits before signs, so that samples read well. */
function rank(character: string): number {
  return /[a-z]/.test(character) ? 0 : /[A-Z0-9]/.test(character) ? 1 : 2;
}

/** A short text in which a pattern occurs, if one is easily found. */
export function textMatching(pattern: string): string | undefined {
  const tree = parsePattern(pattern);
  const compiled = compilePattern(pattern);
  if (!tree.ok || !compiled.ok) return undefined;
  const text = sampleOf(tree.value);
  return text !== undefined && compiled.value.matches(text) === true ? text : undefined;
}

function sampleOf(node: PatternNode): string | undefined {
  switch (node.kind) {
    case 'one':
      return characters.find((character) => node.test(character.charCodeAt(0)));
    case 'assert':
      return '';
    case 'sequence': {
      const parts = node.parts.map(sampleOf);
      return parts.includes(undefined) ? undefined : parts.join('');
    }
    case 'choice':
      return node.parts.map(sampleOf).find((text) => text !== undefined);
    case 'repeat':
      return node.least === 0 ? '' : sampleOf(node.part)?.repeat(node.least);
  }
}
