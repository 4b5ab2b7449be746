/**
 * Whether a WHERE clause narrows. Instead of hunting for every way to write
 * "always true", it asks for something positive: on every branch of OR a
 * comparison of a column with a value, one that does not let most rows through.
 */
import type { SqlDialect, SqlToken } from './sql-lexer.ts';
import { depthChange, findOutside, isSymbol, isWord, splitAt, textOf, unwrapped } from './sql-tokens.ts';
import { admitsMost, isColumn, isValue, spansMost } from './sql-value.ts';

const where_depth_max = 64;
const clause_ends: ReadonlySet<string> = new Set(['RETURNING', 'ORDER', 'LIMIT', 'GROUP', 'HAVING', 'WINDOW', 'WHEN', 'UNION', 'EXCEPT', 'INTERSECT', 'FETCH', 'OFFSET', 'FOR']);
const comparisons: ReadonlySet<string> = new Set([
  '=', '==', '<', '>', '<=', '>=', '<=>', '~', '~*', '@>', '@@', 'LIKE', 'ILIKE', 'IN', 'IS', 'BETWEEN', 'GLOB', 'RLIKE', 'REGEXP', 'SIMILAR', 'MATCH',
]);
const other_comparisons: ReadonlySet<string> = new Set(['<>', '!=', '!~', '!~*', ':=', 'ISNULL', 'NOTNULL']);

/** One comparison of a condition. */
interface Comparison {
  readonly left: readonly SqlToken[];
  readonly operator: string;
  readonly right: readonly SqlToken[];
}

/** The tokens of the WHERE clause of a statement that starts at the first token, or `undefined`. */
export function whereOf(tokens: readonly SqlToken[], keyword = 'WHERE'): readonly SqlToken[] | undefined {
  const at = findOutside(tokens, (token) => isWord(token, keyword));
  if (at < 0) return undefined;
  let depth = 0;
  for (let index = at + 1; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token === undefined) break;
    depth += depthChange(token);
    if (depth < 0) return tokens.slice(at + 1, index);
    if (depth > 0 || token.kind !== 'word' || !clause_ends.has(token.text)) continue;
    // Where such a word is a name, the condition goes on behind it: an OR there is still one of ours.
    const goes_on = findOutside(tokens, (later) => isWord(later, 'OR', 'XOR'), index) >= 0;
    return goes_on ? tokens.slice(at + 1) : tokens.slice(at + 1, index);
  }
  return tokens.slice(at + 1);
}

/** The parts of a condition that must all hold. */
export function conjunctsOf(condition: readonly SqlToken[], dialect: SqlDialect, depth = 0): readonly (readonly SqlToken[])[] {
  const inner = unwrapped(condition);
  if (inner !== undefined && depth < where_depth_max) return conjunctsOf(inner, dialect, depth + 1);
  return branchesOf(condition, dialect).length > 1 ? [condition] : splitAt(condition, dialect === 'postgresql' ? ['AND'] : ['AND', '&&']);
}

function branchesOf(condition: readonly SqlToken[], dialect: SqlDialect): readonly (readonly SqlToken[])[] {
  return splitAt(condition, dialect === 'mysql' ? ['OR', 'XOR', '||'] : ['OR', 'XOR']);
}

/** Whether the condition holds for some rows only, as far as its form shows. */
export function narrows(condition: readonly SqlToken[], dialect: SqlDialect, depth = 0): boolean {
  if (depth > where_depth_max || condition.length === 0) return false;
  const inner = unwrapped(condition);
  if (inner !== undefined) return narrows(inner, dialect, depth + 1);
  const branches = branchesOf(condition, dialect);
  if (branches.length > 1) return branches.every((branch) => narrows(branch, dialect, depth + 1)) && !coverAll(branches);
  const parts = conjunctsOf(condition, dialect);
  if (parts.length > 1) return parts.some((part) => narrows(part, dialect, depth + 1));
  if (isWord(condition[0], 'EXISTS')) return narrowsSubquery(condition.slice(1), dialect, depth, true);
  // In PostgreSQL a column alone is a truth value; elsewhere any number but zero is true.
  const plain = isWord(condition[0], 'NOT') ? condition.slice(1) : condition;
  if (dialect === 'postgresql' && plain[0]?.kind !== 'symbol' && isColumn(plain) && !plain.some((token) => isSymbol(token, '('))) return true;
  const comparison = comparisonOf(condition);
  return comparison !== undefined && comparesColumn(comparison, dialect, depth);
}

/** Whether a condition relates columns of two tables, where `target` names one of them if it is given. */
export function joins(condition: readonly SqlToken[], dialect: SqlDialect, target?: ReadonlySet<string>): boolean {
  return conjunctsOf(condition, dialect).some((part) => {
    const comparison = comparisonOf(part);
    if (comparison === undefined || !/^(?:=|==|<=>)$/.test(comparison.operator)) return false;
    const { left, right } = comparison;
    if (!isColumn(left) || !isColumn(right) || textOf(left) === textOf(right)) return false;
    const qualifiers = [left, right].map((side) => (side.length > 2 ? side.at(-3)?.text.toLowerCase() : undefined));
    if (qualifiers[0] !== undefined && qualifiers[0] === qualifiers[1]) return false;
    return target === undefined || qualifiers.some((name) => name === undefined || target.has(name));
  });
}

function comparisonOf(condition: readonly SqlToken[]): Comparison | undefined {
  const at = findOutside(condition, (token) => (token.kind === 'symbol' || token.kind === 'word') && comparisons.has(token.text));
  if (at <= 0) return undefined;
  const right = condition.slice(at + 1);
  // Compared a second time (`a = b = c`), the result of the first comparison is what counts.
  const again = findOutside(right, (token) => (token.kind === 'symbol' || token.kind === 'word') && (comparisons.has(token.text) || other_comparisons.has(token.text)));
  return again >= 0 ? undefined : { left: condition.slice(0, at), operator: condition[at]?.text ?? '', right };
}

function comparesColumn({ left, operator, right }: Comparison, dialect: SqlDialect, depth: number): boolean {
  const column = textOf(left);
  if (operator === 'IS') return isColumn(left) && isTested(right) && !admitsMost(operator, right, column, dialect);
  if (operator === 'IN') return isColumn(left) && narrowsList(right, dialect, depth);
  if (operator === 'BETWEEN') {
    const and = findOutside(right, (token) => isWord(token, 'AND'));
    const [low, high] = [right.slice(0, Math.max(and, 0)), right.slice(and + 1)];
    return isColumn(left) && isValue(low) && isValue(high) && !spansMost(low, high, column, dialect);
  }
  if (operator === '=' && isColumn(left) && isWord(right[0], 'ANY', 'SOME')) return narrowsList(right.slice(1), dialect, depth);
  if (operator === '=' && isColumn(left) && unwrapped(right)?.[0]?.text === 'SELECT') return narrowsSubquery(right, dialect, depth, false);
  const value = operator === 'SIMILAR' ? right.slice(1) : right;
  // In PostgreSQL @id is the absolute value of id.
  if (dialect === 'postgresql' && right.some((token) => token.text.toLowerCase() === `@${left.at(-1)?.text.toLowerCase()}`)) return false;
  if (isColumn(left) && isValue(value)) return !emptyOfFunction(left, value) && !admitsMost(operator, value, column, dialect);
  const turned = { '<': '>', '>': '<', '<=': '>=', '>=': '<=', '=': '=', '==': '==', '<=>': '<=>' }[operator];
  return turned !== undefined && isValue(left) && isColumn(right) && !admitsMost(turned, left, textOf(right), dialect);
}

/** What a function makes of a column may be empty for every row. */
function emptyOfFunction(left: readonly SqlToken[], value: readonly SqlToken[]): boolean {
  return isSymbol(left[1], '(') && value.length === 1 && value[0]?.kind === 'string' && value[0].text === '';
}

/** `IS NULL`, `IS TRUE`, `IS FALSE`, `IS 5`, `IS NOT DISTINCT FROM 5`. */
function isTested(right: readonly SqlToken[]): boolean {
  if (isWord(right[0], 'NOT') && isWord(right[1], 'DISTINCT') && isWord(right[2], 'FROM')) return isValue(right.slice(3));
  return !isWord(right[0], 'NOT') && isValue(right);
}

function narrowsList(right: readonly SqlToken[], dialect: SqlDialect, depth: number): boolean {
  const list = unwrapped(right);
  if (list === undefined) return right.length === 1 && right[0]?.kind === 'parameter';
  if (isWord(list[0], 'SELECT', 'WITH')) return narrowsSubquery(right, dialect, depth, false);
  const both = list.some((token) => isWord(token, 'TRUE')) && list.some((token) => isWord(token, 'FALSE'));
  return !both && splitAt(list, [',']).every((part) => isValue(part));
}

/**
 * Whether a subquery names rows: its own WHERE narrows, and what it selects is a
 * column of its own. One under EXISTS must also relate to the row outside.
 */
function narrowsSubquery(tokens: readonly SqlToken[], dialect: SqlDialect, depth: number, exists: boolean): boolean {
  const query = unwrapped(tokens);
  if (query === undefined || !isWord(query[0], 'SELECT') || findOutside(query, (token) => isWord(token, 'UNION', 'EXCEPT')) >= 0) return false;
  const where = whereOf(query);
  const from = findOutside(query, (token) => isWord(token, 'FROM'));
  if (from < 0) return false;
  const selected = query.slice(isWord(query[1], 'DISTINCT') ? 2 : 1, from);
  if (where === undefined) return !exists && isWord(selected[0], 'MAX', 'MIN') && isSymbol(selected[1], '(');
  if (!narrows(where, dialect, depth + 1)) return false;
  if (exists) return joins(where, dialect);
  const qualifier = selected.length > 2 && isSymbol(selected[1], '.') ? selected[0]?.text.toLowerCase() : undefined;
  const own = qualifier === undefined || query.slice(from + 1, findOutside(query, (token) => isWord(token, 'WHERE'))).some((token, index, rest) => token.text.toLowerCase() === qualifier && isVisible(rest[index + 1]));
  return own && (isColumn(selected) || isWord(selected[0], 'MAX', 'MIN') || unwrapped(selected) !== undefined);
}

/** Whether the name before this token in FROM can qualify columns: it is an alias, or a table without one. */
function isVisible(next: SqlToken | undefined): boolean {
  return next === undefined || isSymbol(next, ',') || isWord(next, 'JOIN', 'LEFT', 'RIGHT', 'INNER', 'CROSS', 'FULL', 'NATURAL', 'ON', 'USING');
}

/** Whether branches of OR that narrow each alone admit everything together: `a < 5 OR a >= 5`, `b = TRUE OR b = FALSE`. */
function coverAll(branches: readonly (readonly SqlToken[])[]): boolean {
  const below = new Map<string, string>();
  const above = new Map<string, string>();
  const truths = new Set<string>();
  for (const branch of branches) {
    const comparison = comparisonOf(unwrapped(branch) ?? branch);
    if (comparison === undefined) continue;
    const { operator } = comparison;
    const [column, value] = [textOf(comparison.left), textOf(comparison.right)];
    if (value === 'true' || value === 'false') truths.add(`${value} ${column}`);
    else if (operator === '<' || operator === '<=') below.set(column, further(below.get(column), value, 1));
    else if (operator === '>' || operator === '>=') above.set(column, further(above.get(column), value, -1));
  }
  return [...truths].some((truth) => truth.startsWith('true ') && truths.has(`false ${truth.slice(5)}`))
    || [...below].some(([column, top]) => {
      const bottom = above.get(column);
      return bottom !== undefined && compared(bottom, top) <= 0;
    });
}

function further(value: string | undefined, other: string, sign: number): string {
  return value === undefined || sign * compared(other, value) > 0 ? other : value;
}

/** The order of two bounds as numbers, or else as texts. */
function compared(a: string, b: string): number {
  const [x, y] = [Number(a.replaceAll(' ', '')), Number(b.replaceAll(' ', ''))];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return a < b ? -1 : a === b ? 0 : 1;
}
