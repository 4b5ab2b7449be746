import { pathOf, printExpression, type BinaryOperator, type Expression } from './ast.ts';
import { isIsland } from './island.ts';

/** An expression in its plain meaning, and what its author should know. */
export interface Normalised {
  readonly expression: Expression;
  readonly warnings: readonly string[];
}

const comparisons: ReadonlySet<BinaryOperator> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const trust_score_max = 1000;
const roots = ['action', 'agent'] as const;

/**
 * Resolves the short forms of the dialect: `action == 'x'` means
 * `action.type == 'x'`, and a trust score between 0 and 1 means that share of
 * 1000, which earns a warning.
 */
export function normalise(expression: Expression): Normalised {
  const warnings: string[] = [];
  return { expression: rewrite(expression, warnings), warnings };
}

function rewrite(expression: Expression, warnings: string[]): Expression {
  const again = (inner: Expression): Expression => rewrite(inner, warnings);
  switch (expression.kind) {
    case 'literal':
    case 'bytes':
    case 'name':
    case 'message':
      return expression;
    case 'list':
      return { ...expression, items: expression.items.map(again) };
    case 'map':
      return { ...expression, entries: expression.entries.map((entry) => ({ ...entry, key: again(entry.key), value: again(entry.value) })) };
    case 'member':
      return { ...expression, object: again(expression.object) };
    case 'index':
      return { ...expression, object: again(expression.object), index: again(expression.index) };
    case 'call':
      return { ...expression, arguments: expression.arguments.map(again) };
    case 'macro':
      // A variable of the name of a root is not that root.
      return roots.some((root) => expression.variables.includes(root))
        ? { ...expression, range: again(expression.range) }
        : { ...expression, range: again(expression.range), bodies: expression.bodies.map(again) };
    case 'unary':
      return { ...expression, operand: again(expression.operand) };
    case 'conditional':
      return { ...expression, condition: again(expression.condition), consequent: again(expression.consequent), otherwise: again(expression.otherwise) };
    case 'binary':
      return unequal(rewriteBinary({ ...expression, left: again(expression.left), right: again(expression.right) }, warnings));
  }
}

type Binary = Expression & { readonly kind: 'binary' };

/** A `!=` that is compiled as CEL, as what it means elsewhere: the opposite of `==`, so that it is true of an attribute that is absent. */
function unequal(expression: Binary): Expression {
  if (expression.operator !== '!=' || !isIsland(expression)) return expression;
  return { kind: 'unary', operator: 'not', operand: { ...expression, operator: '==' }, at: expression.at };
}

function rewriteBinary(expression: Binary, warnings: string[]): Binary {
  const { operator } = expression;
  if (operator === 'in') return { ...expression, left: actionType(expression.left) };
  if (!comparisons.has(operator)) return expression;
  const named = { ...expression, left: actionType(expression.left), right: actionType(expression.right) };
  const left = isTrustScore(named.right) ? rescaled(named.left) : undefined;
  const right = isTrustScore(named.left) ? rescaled(named.right) : undefined;
  if (left === undefined && right === undefined) return named;
  const scaled = { ...named, left: left ?? named.left, right: right ?? named.right };
  warnings.push(`${printExpression(named)} is read as ${printExpression(scaled)}: trust scores go from 0 to ${trust_score_max}`);
  return scaled;
}

function actionType(expression: Expression): Expression {
  return expression.kind === 'name' && expression.name === 'action'
    ? { kind: 'member', object: expression, name: 'type', at: expression.at }
    : expression;
}

function isTrustScore(expression: Expression): boolean {
  return pathOf(expression)?.join('.') === 'agent.trust_score';
}

function rescaled(expression: Expression): Expression | undefined {
  if (expression.kind !== 'literal' || typeof expression.value !== 'number') return undefined;
  if (expression.value <= 0 || expression.value > 1) return undefined;
  // Rounded, because 0.57 × 1000 is not 570 in binary.
  const value = Math.round(expression.value * trust_score_max * 1e6) / 1e6;
  return { kind: 'literal', value, ...(Number.isInteger(value) ? { integer: BigInt(value) } : {}), at: expression.at };
}
