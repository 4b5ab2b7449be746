import { childrenOf, pathOf, type Expression } from './ast.ts';
import type { Conjunct } from './compile.ts';
import type { Scope } from './scope.ts';
import { Fault, isList, memberOf, type Value } from './values.ts';

/** What a detector found that a part of a condition asks about, in words that never repeat the payload. */
export type Finding = (scope: Scope) => readonly string[];

/** The facets that say in words what was found. */
const told_by: ReadonlyMap<string, string> = new Map([['sql', 'reasons'], ['pii', 'types'], ['secret', 'types'], ['injection', 'signals']]);

/** What is to be asked of detectors when a rule with these conjuncts decides; nothing for most. */
export function findingsOf(conjuncts: readonly Conjunct[]): readonly Finding[] {
  const findings = new Map<string, Finding>();
  const look = (expression: Expression): void => {
    const [root = '', name] = pathOf(expression) ?? [];
    const detector = root === 'data' && name === 'contains_pii' ? 'pii' : root;
    const facet = told_by.get(detector);
    if (facet !== undefined) findings.set(detector, (scope) => listed(memberOf(scope.root(detector), facet)));
    if (expression.kind === 'call' && expression.name === 'within') {
      const folders = expression.arguments.flatMap((item) => (item.kind === 'literal' && typeof item.value === 'string' ? [item.value] : []));
      findings.set(`within ${folders.join('\0')}`, (scope) => {
        const outside = scope.pathOutside(folders);
        return outside === undefined ? [] : [outside instanceof Fault ? outside.reason : outside];
      });
    }
    for (const child of childrenOf(expression)) look(child);
  };
  for (const { expression } of conjuncts) look(expression);
  return [...findings.values()];
}

function listed(value: Value): readonly string[] {
  return isList(value) ? value.map(String) : [];
}
