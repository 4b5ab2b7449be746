import { pathOf, printExpression, type BinaryOperator, type Expression } from './ast.ts';

/** An expression in its plain meaning, and what its author should know. */
export interface Normalised {
  readonly expression: Expression;
  readonly warnings: readonly string[];
}

const comparisons: ReadonlySet<BinaryOperator> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const trust_score_max = 1000;

/**
 * Resolves the two short forms of the dialect: `action == 'x'` means
 * `action.type == 'x'`, and a trust score between 0 and 1 means that share of
 * 1000, which earns a warning.
 */
export function normalise(expression: Expression): Normalised {
  const warnings: string[] = [];
  return { expression: rewrite(expression, warnings), warnings };
}

function rewrite(expression: Expression, warnings: string[]): Expression {
  switch (expression.kind) {
    case 'literal':
    case 'name':
      return expression;
    case 'list':
      return { ...expression, items: expression.items.map((item) => rewrite(item, warnings)) };
    case 'member':
      return { ...expression, object: rewrite(expression.object, warnings) };
    case 'index':
      return { ...expression, object: rewrite(expression.object, warnings), index: rewrite(expression.index, warnings) };
    case 'call':
      return { ...expression, arguments: expression.arguments.map((item) => rewrite(item, warnings)) };
    case 'unary':
      return { ...expression, operand: rewrite(expression.operand, warnings) };
    case 'binary':
      return rewriteBinary({ ...expression, left: rewrite(expression.left, warnings), right: rewrite(expression.right, warnings) }, warnings);
  }
}

type Binary = Expression & { readonly kind: 'binary' };

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
  return { ...expression, value: Math.round(expression.value * trust_score_max * 1e6) / 1e6 };
}
