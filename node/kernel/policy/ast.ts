/** Operators that take two operands. `contains` and `matches` are calls, `not in` is `not` over `in`. */
export type BinaryOperator = 'or' | 'and' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | '+' | '-' | '*' | '/' | '%';

/** A parsed condition; `at` is the offset of the node in its text. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: null | boolean | number | string; readonly at: number }
  | { readonly kind: 'list'; readonly items: readonly Expression[]; readonly at: number }
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | { readonly kind: 'member'; readonly object: Expression; readonly name: string; readonly at: number }
  | { readonly kind: 'index'; readonly object: Expression; readonly index: Expression; readonly at: number }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expression[]; readonly at: number }
  | { readonly kind: 'unary'; readonly operator: 'not' | '-'; readonly operand: Expression; readonly at: number }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expression; readonly right: Expression; readonly at: number };

/** How tightly each binary operator binds; the parser and the printer share it. */
export const binding: { readonly [operator in BinaryOperator]: number } = {
  or: 1, and: 2, '==': 4, '!=': 4, '<': 4, '<=': 4, '>': 4, '>=': 4, in: 4, '+': 5, '-': 5, '*': 6, '/': 6, '%': 6,
};
/** How tightly `not` binds: looser than a comparison, so that `not a == b` denies the comparison. */
export const not_binding = 3;
/** How tightly a sign binds. */
export const sign_binding = 7;
const postfix_binding = 8;

/** Words that cannot name an attribute unless a dot or bracket precedes them. */
export const reserved_words: ReadonlySet<string> = new Set([
  'and', 'or', 'not', 'in', 'true', 'false', 'null', 'contains', 'matches', 'startsWith', 'endsWith',
]);

/** The canonical text of an expression: parsing it again gives the same expression. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value === 'string' ? printString(expression.value) : String(expression.value);
    case 'list':
      return `[${expression.items.map(printExpression).join(', ')}]`;
    case 'name':
      return expression.name;
    case 'member':
      return /^[A-Za-z_]\w*$/.test(expression.name)
        ? `${printAbove(expression.object, postfix_binding)}.${expression.name}`
        : `${printAbove(expression.object, postfix_binding)}[${printString(expression.name)}]`;
    case 'index':
      return `${printAbove(expression.object, postfix_binding)}[${printExpression(expression.index)}]`;
    case 'call':
      return `${expression.name}(${expression.arguments.map(printExpression).join(', ')})`;
    case 'unary':
      return expression.operator === 'not'
        ? `not ${printAbove(expression.operand, not_binding)}`
        : `-${printAbove(expression.operand, sign_binding)}`;
    case 'binary': {
      const own = binding[expression.operator];
      // Comparisons do not chain, so an equal binding needs parentheses on both sides there.
      const left = printAbove(expression.left, own === binding['=='] ? own + 1 : own);
      return `${left} ${expression.operator} ${printAbove(expression.right, own + 1)}`;
    }
  }
}

function bindingOf(expression: Expression): number {
  if (expression.kind === 'binary') return binding[expression.operator];
  if (expression.kind === 'unary') return expression.operator === 'not' ? not_binding : sign_binding;
  return postfix_binding;
}

function printAbove(expression: Expression, least: number): string {
  const text = printExpression(expression);
  // A number before a dot would swallow it, so it is wrapped like anything that binds too loosely.
  const wrapped = bindingOf(expression) < least
    || (least === postfix_binding && expression.kind === 'literal' && typeof expression.value === 'number');
  return wrapped ? `(${text})` : text;
}

const escapes: { readonly [character: string]: string } = { '\\': '\\\\', "'": "\\'", '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function printString(value: string): string {
  return `'${value.replaceAll(/[\\'\n\r\t]/g, (character) => escapes[character] ?? character)}'`;
}

/** The parts that must all hold: the operands of the outermost `and`s. */
export function conjunctsOf(expression: Expression): readonly Expression[] {
  const parts: Expression[] = [];
  let rest = expression;
  while (rest.kind === 'binary' && rest.operator === 'and') {
    parts.push(rest.right);
    rest = rest.left;
  }
  parts.push(rest);
  return parts.reverse().flatMap((part) => (part.kind === 'binary' && part.operator === 'and' ? conjunctsOf(part) : [part]));
}

/** The dotted path of an attribute, e.g. `['action', 'type']`, or `undefined` for anything else. */
export function pathOf(expression: Expression): readonly string[] | undefined {
  const names: string[] = [];
  let rest = expression;
  while (rest.kind === 'member') {
    names.push(rest.name);
    rest = rest.object;
  }
  if (rest.kind !== 'name') return undefined;
  names.push(rest.name);
  return names.reverse();
}
