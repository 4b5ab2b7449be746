/** Operators that take two operands. `contains` and `matches` are calls, `not in` is `not` over `in`. */
export type BinaryOperator = 'or' | 'and' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | '+' | '-' | '*' | '/' | '%';

/** Macros of CEL: calls that bind variables for some of their arguments. */
export type MacroName =
  | 'all' | 'exists' | 'exists_one' | 'map' | 'filter' | 'sortBy'
  | 'transformList' | 'transformMap' | 'transformMapEntry'
  | 'optMap' | 'optFlatMap' | 'bind' | 'block';

/** One entry of a map literal; `optional` marks `?key: value`, which is left out where the value is none. */
export interface MapEntry {
  readonly key: Expression;
  readonly value: Expression;
  readonly optional?: true;
}

/**
 * A parsed condition; `at` is the offset of the node in its text.
 * A number that was written without point or exponent carries `integer`, and `unsigned` where a `u` follows it.
 * `optional` marks CEL's `a.?b` and `a[?b]`; `rooted` a name after a leading dot; `receiver` a call
 * whose first argument stood before the dot, for functions that are not the dialect's own; `named` a call
 * with arguments of the form `name = value`, which some dialects have and no function here takes.
 * A macro's `range` is what its variables run over; `bind` gives it a name, `block` is a list of such values.
 */
export type Expression =
  | { readonly kind: 'literal'; readonly value: null | boolean | number | string; readonly integer?: bigint; readonly unsigned?: true; readonly at: number }
  | { readonly kind: 'bytes'; readonly value: Uint8Array; readonly at: number }
  | { readonly kind: 'list'; readonly items: readonly Expression[]; readonly optional?: readonly number[]; readonly at: number }
  | { readonly kind: 'map'; readonly entries: readonly MapEntry[]; readonly at: number }
  | { readonly kind: 'message'; readonly type: Expression; readonly entries: readonly MapEntry[]; readonly at: number }
  | { readonly kind: 'name'; readonly name: string; readonly rooted?: true; readonly at: number }
  | { readonly kind: 'member'; readonly object: Expression; readonly name: string; readonly optional?: true; readonly at: number }
  | { readonly kind: 'index'; readonly object: Expression; readonly index: Expression; readonly optional?: true; readonly at: number }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expression[]; readonly receiver?: true; readonly named?: true; readonly at: number }
  | { readonly kind: 'macro'; readonly name: MacroName; readonly range: Expression; readonly variables: readonly string[]; readonly bodies: readonly Expression[]; readonly at: number }
  | { readonly kind: 'unary'; readonly operator: 'not' | '-'; readonly operand: Expression; readonly at: number }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expression; readonly right: Expression; readonly at: number }
  | { readonly kind: 'conditional'; readonly condition: Expression; readonly consequent: Expression; readonly otherwise: Expression; readonly at: number };

/** How tightly each binary operator binds; the parser and the printers share it. */
export const binding: { readonly [operator in BinaryOperator]: number } = {
  or: 1, and: 2, '==': 4, '!=': 4, '<': 4, '<=': 4, '>': 4, '>=': 4, in: 4, '+': 5, '-': 5, '*': 6, '/': 6, '%': 6,
};
/** How tightly `a ? b : c` binds. */
export const conditional_binding = 0;
/** How tightly `not` binds: looser than a comparison, so that `not a == b` denies the comparison. */
export const not_binding = 3;
/** How tightly a sign binds. */
export const sign_binding = 7;
/** How tightly `.`, `[]` and `()` bind. */
export const postfix_binding = 8;

/** Words that cannot name an attribute unless a dot or bracket precedes them. */
export const reserved_words: ReadonlySet<string> = new Set([
  'and', 'or', 'not', 'in', 'true', 'false', 'null', 'contains', 'matches', 'startsWith', 'endsWith',
]);
/** Functions whose two forms `x.f(y)` and `f(x, y)` are one call in the tree. */
export const either_form_functions: ReadonlySet<string> = new Set(['contains', 'matches', 'startsWith', 'endsWith', 'size', 'within']);

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

/**
 * The dotted path of an attribute, e.g. `['action', 'type']`, or `undefined` for
 * anything else. Inside a macro the first name may be one of its variables.
 */
export function pathOf(expression: Expression): readonly string[] | undefined {
  const names: string[] = [];
  let rest = expression;
  while (rest.kind === 'member' && rest.optional === undefined) {
    names.push(rest.name);
    rest = rest.object;
  }
  if (rest.kind !== 'name') return undefined;
  names.push(rest.name);
  return names.reverse();
}

/** The expressions directly below one. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'bytes':
    case 'name':
      return [];
    case 'list':
      return expression.items;
    case 'map':
    case 'message':
      return expression.entries.flatMap((entry) => [entry.key, entry.value]);
    case 'member':
      return [expression.object];
    case 'index':
      return [expression.object, expression.index];
    case 'call':
      return expression.arguments;
    case 'macro':
      return [expression.range, ...expression.bodies];
    case 'unary':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'conditional':
      return [expression.condition, expression.consequent, expression.otherwise];
  }
}


/** The canonical text of an expression: parsing it again gives the same expression. */
export function printExpression(expression: Expression): string {
  return print(expression, policy_words);
}

/** An expression in the words of CEL: `&&`, `!`, receivers before the dot. */
export function printCel(expression: Expression): string {
  return print(expression, cel_words);
}

/** What the two languages write differently. */
interface Words {
  readonly and: string;
  readonly or: string;
  readonly not: string;
  readonly not_binding: number;
  /** Whether a comparison may be the left side of another. */
  readonly chains: boolean;
  /** Functions of either form that are written before their subject. */
  readonly prefixed: ReadonlySet<string>;
}
const policy_words: Words = { and: 'and', or: 'or', not: 'not ', not_binding, chains: false, prefixed: either_form_functions };
const cel_words: Words = { and: '&&', or: '||', not: '!', not_binding: sign_binding, chains: true, prefixed: new Set(['size']) };

function print(expression: Expression, words: Words): string {
  const inner = (part: Expression): string => print(part, words);
  switch (expression.kind) {
    case 'literal':
      return printLiteral(expression);
    case 'bytes':
      return printBytes(expression.value);
    case 'list':
      return `[${expression.items.map((item, index) => `${expression.optional?.includes(index) === true ? '?' : ''}${inner(item)}`).join(', ')}]`;
    case 'map':
      return `{${expression.entries.map((entry) => `${mark(entry)}${inner(entry.key)}: ${inner(entry.value)}`).join(', ')}}`;
    case 'message':
      return `${inner(expression.type)}{${expression.entries.map((entry) => `${mark(entry)}${fieldName(entry.key)}: ${inner(entry.value)}`).join(', ')}}`;
    case 'name':
      return printName(expression.name, expression.rooted === true);
    case 'member':
      return printMember(expression, words);
    case 'index':
      return `${printAbove(expression.object, postfix_binding, words)}[${mark(expression)}${inner(expression.index)}]`;
    case 'call':
      return printCall(expression, words);
    case 'macro':
      return printMacro(expression, words);
    case 'unary':
      return expression.operator === 'not'
        ? `${words.not}${printAbove(expression.operand, words.not_binding, words)}`
        : `-${printAbove(expression.operand, sign_binding, words)}`;
    case 'conditional':
      return `${printAbove(expression.condition, conditional_binding + 1, words)} ? ${printAbove(expression.consequent, conditional_binding + 1, words)} : ${inner(expression.otherwise)}`;
    case 'binary': {
      const own = binding[expression.operator];
      const left = printAbove(expression.left, own === binding['=='] && !words.chains ? own + 1 : own, words);
      const operator = expression.operator === 'and' || expression.operator === 'or' ? words[expression.operator] : expression.operator;
      return `${left} ${operator} ${printAbove(expression.right, own + 1, words)}`;
    }
  }
}

function printAbove(expression: Expression, least: number, words: Words): string {
  const text = print(expression, words);
  // A number before a dot would swallow it, so it is wrapped like anything that binds too loosely.
  const wrapped = bindingOf(expression, words) < least
    || (least === postfix_binding && expression.kind === 'literal' && typeof expression.value === 'number');
  return wrapped ? `(${text})` : text;
}

function bindingOf(expression: Expression, words: Words): number {
  if (expression.kind === 'binary') return binding[expression.operator];
  if (expression.kind === 'conditional') return conditional_binding;
  if (expression.kind === 'unary') return expression.operator === 'not' ? words.not_binding : sign_binding;
  return postfix_binding;
}

function mark({ optional }: { readonly optional?: true }): string {
  return optional === true ? '?' : '';
}

function printLiteral({ value, integer, unsigned }: Expression & { readonly kind: 'literal' }): string {
  if (typeof value === 'string') return printString(value);
  if (integer !== undefined) return `${integer}${unsigned === true ? 'u' : ''}`;
  const text = String(value);
  return typeof value === 'number' && /^\d+$/.test(text) ? `${text}.0` : text;
}

function printName(name: string, rooted: boolean): string {
  const slots = name.startsWith('@') ? name.slice(1).split(':') : [];
  if (slots.length === 3) return `cel.iterVar(${slots[1]}, ${slots[2]})`;
  if (slots.length === 2) return `cel.index(${slots[1]})`;
  return rooted ? `.${name}` : name;
}

function printMember(expression: Expression & { readonly kind: 'member' }, words: Words): string {
  const object = printAbove(expression.object, postfix_binding, words);
  if (/^[A-Za-z_]\w*$/.test(expression.name)) return `${object}.${mark(expression)}${expression.name}`;
  // In brackets ?'b' would be an optional index, which is another node.
  return expression.optional === undefined ? `${object}[${printString(expression.name)}]` : `${object}.?\`${expression.name}\``;
}

function printCall(call: Expression & { readonly kind: 'call' }, words: Words): string {
  const printArgument = (argument: Expression): string => (call.named === true && argument.kind === 'binary' && argument.operator === '=='
    ? `${print(argument.left, words)} = ${print(argument.right, words)}`
    : print(argument, words));
  const [first, ...rest] = call.arguments;
  const prefixed = call.receiver === undefined && (words.prefixed.has(call.name) || !either_form_functions.has(call.name));
  if (prefixed || first === undefined) return `${call.name}(${call.arguments.map(printArgument).join(', ')})`;
  return `${printAbove(first, postfix_binding, words)}.${call.name}(${rest.map(printArgument).join(', ')})`;
}

function printMacro(macro: Expression & { readonly kind: 'macro' }, words: Words): string {
  const bodies = macro.bodies.map((body) => print(body, words));
  if (macro.name === 'block') return `cel.block(${[print(macro.range, words), ...bodies].join(', ')})`;
  const variables = macro.variables.map((variable) => printName(variable, false));
  if (macro.name === 'bind') return `cel.bind(${[...variables, print(macro.range, words), ...bodies].join(', ')})`;
  const name = macro.name === 'exists_one' && variables.length === 2 ? 'existsOne' : macro.name;
  return `${printAbove(macro.range, postfix_binding, words)}.${name}(${[...variables, ...bodies].join(', ')})`;
}

function fieldName(key: Expression): string {
  const name = key.kind === 'literal' ? String(key.value) : '';
  return /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name}\``;
}

const escapes: { readonly [character: string]: string } = { '\\': '\\\\', "'": "\\'", '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text as a literal that both this dialect and CEL read. */
export function printString(value: string): string {
  return `'${value.replaceAll(/[\\'\n\r\t]/g, (character) => escapes[character] ?? character)}'`;
}

/** Bytes as a literal, every byte outside of plain text as \\x. */
export function printBytes(value: Uint8Array): string {
  const parts = Array.from(value, (byte) => (byte >= 0x20 && byte < 0x7f && byte !== 0x27 && byte !== 0x5c
    ? String.fromCharCode(byte)
    : `\\x${byte.toString(16).padStart(2, '0')}`));
  return `b'${parts.join('')}'`;
}
