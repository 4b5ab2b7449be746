/**
 * Conditions of the policy language as standard CEL, for engines that know nothing
 * of this one. The text is true, false or an error where the condition is. Who
 * evaluates it binds every root (`action`, `data`, `agent`, …), absent ones to null
 * (strictly: not at all), numbers as doubles, and gives what detectors compute as
 * attributes.
 */
import { childrenOf, pathOf, printCel, printString, type Expression } from './ast.ts';
import { functionOf } from './cel/registry.ts';
import { isIsland } from './island.ts';

/** How the condition was compiled: see `CompileOptions`. */
export interface ToCelOptions {
  readonly strict?: boolean;
  readonly mode?: 'policy' | 'cel';
}

const no_truth = '(1 / 0 == 0)';
const no_value = 'dyn(1 / 0)';
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in', 'and', 'or']);
const truth_functions: ReadonlySet<string> = new Set(['contains', 'startsWith', 'endsWith', 'matches', 'has', 'within']);
const whole_functions: ReadonlySet<string> = new Set([
  'int', 'uint', 'indexOf', 'lastIndexOf', 'getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear',
  'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds',
]);

/** A condition of the policy language as standard CEL with the same truth; one of CEL in CEL's own words. */
export function toCel(expression: Expression, options: ToCelOptions = {}): string {
  if (options.mode === 'cel') return printCel(expression);
  return new Translator(options.strict === true, namesIn(expression)).truth(expression, new Set());
}

function namesIn(expression: Expression): ReadonlySet<string> {
  const own = expression.kind === 'name' ? [expression.name] : expression.kind === 'macro' ? expression.variables : [];
  return new Set([...own, ...childrenOf(expression).flatMap((child) => Array.from(namesIn(child)))]);
}

type Variables = ReadonlySet<string>;
type Of<Kind extends Expression['kind']> = Expression & { readonly kind: Kind };

class Translator {
  readonly #strict: boolean;
  readonly #taken: ReadonlySet<string>;
  #last = 0;

  constructor(strict: boolean, taken: ReadonlySet<string>) {
    this.#strict = strict;
    this.#taken = taken;
  }

  /** An expression as a condition. */
  truth(expression: Expression, variables: Variables): string {
    if (expression.kind === 'unary' && expression.operator === 'not') return `!${this.truth(expression.operand, variables)}`;
    if (expression.kind === 'binary' && (expression.operator === 'and' || expression.operator === 'or')) {
      const operator = expression.operator === 'and' ? '&&' : '||';
      return `(${this.truth(expression.left, variables)} ${operator} ${this.truth(expression.right, variables)})`;
    }
    if (expression.kind === 'conditional') {
      return `(${this.truth(expression.condition, variables)} ? ${this.truth(expression.consequent, variables)} : ${this.truth(expression.otherwise, variables)})`;
    }
    const value = this.value(expression, variables);
    if (isTruth(expression)) return value;
    if (this.#strict) return this.#let(value, (given) => `(type(${given}) == bool ? ${given} : ${no_truth})`);
    return this.#let(value, (given) => `(${given} == null ? false : type(${given}) == bool ? ${given} : type(${given}) == double ? ${given} != 0.0 : size(${given}) > 0)`);
  }

  /** An expression as a value, null where it is absent. */
  value(expression: Expression, variables: Variables): string {
    if (isIsland(expression)) return this.#island(expression, variables);
    switch (expression.kind) {
      case 'literal':
        return literal(expression);
      case 'bytes':
      case 'message':
        return printCel(expression);
      case 'list':
        return this.#list(expression, variables);
      case 'map':
        return `{${expression.entries.map((entry) => `${this.value(entry.key, variables)}: ${this.value(entry.value, variables)}`).join(', ')}}`;
      case 'name':
      case 'member':
        return this.#attribute(expression, variables);
      case 'index':
        return this.#index(expression, variables);
      case 'call':
        return this.#call(expression, variables);
      case 'macro':
        return this.#macro(expression, variables);
      case 'unary':
        return expression.operator === 'not' ? this.truth(expression, variables) : `(0.0 - ${this.value(expression.operand, variables)})`;
      case 'binary':
        return this.#binary(expression, variables);
      case 'conditional':
        return `(${this.truth(expression.condition, variables)} ? dyn(${this.value(expression.consequent, variables)}) : dyn(${this.value(expression.otherwise, variables)}))`;
    }
  }

  /** Names a value, which is standard CEL as a list of one; a plain name needs no other. */
  #let(value: string, use: (name: string) => string): string {
    if (/^\w+$/.test(value)) return use(value);
    let name: string;
    do {
      this.#last += 1;
      name = `v${this.#last}`;
    } while (this.#taken.has(name));
    return `[${value}].map(${name}, ${use(name)})[0]`;
  }

  #attribute(expression: Of<'name'> | Of<'member'>, variables: Variables): string {
    const path = pathOf(expression);
    if (path === undefined || expression.kind === 'name') {
      return expression.kind === 'name' ? expression.name : this.#let(this.value(expression.object, variables), (object) => this.#select(object, [expression.name], expression.optional === true));
    }
    const [root = '', ...names] = path;
    return this.#select(root, names, false);
  }

  /** Members of members of a value; null where one of them is not there. */
  #select(object: string, names: readonly string[], optional: boolean): string {
    const { value, present } = membersOf(object, names);
    return this.#strict && !optional ? value : `(${present} ? dyn(${value}) : null)`;
  }

  #index({ object, index, optional }: Of<'index'>, variables: Variables): string {
    const absent = this.#strict && optional === undefined ? no_value : 'null';
    return this.#let(this.value(object, variables), (whole) => this.#let(this.value(index, variables), (at) => `(type(${at}) == string`
      + ` ? (type(${whole}) == map && ${at} in ${whole} ? dyn(${whole}[${at}]) : ${absent})`
      + ` : type(${at}) == double ? (type(${whole}) == list && ${at} >= 0.0 && ${at} < double(size(${whole})) && double(int(${at})) == ${at} ? dyn(${whole}[int(${at})]) : ${absent}) : ${no_value})`));
  }

  #list({ items, optional }: Of<'list'>, variables: Variables): string {
    const values = items.map((item) => this.value(item, variables));
    if (optional === undefined) return `[${values.join(', ')}]`;
    const parts = values.map((value, index) => (optional.includes(index) ? this.#let(value, (given) => `(${given} == null ? [] : [${given}])`) : `[${value}]`));
    return `(${parts.join(' + ')})`;
  }

  #binary({ operator, left, right }: Of<'binary'>, variables: Variables): string {
    if (operator === 'and' || operator === 'or') return this.truth({ kind: 'binary', operator, left, right, at: 0 }, variables);
    const [a, b] = [this.value(left, variables), this.value(right, variables)];
    if (operator === '==' || operator === '!=') return `(${a} ${operator} ${b})`;
    if (operator === 'in' && right.kind === 'list') return `(${a} in ${b})`;
    return this.#let(a, (x) => this.#let(b, (y) => {
      if (operator === 'in') return membership(x, y);
      const doubles = `type(${x}) == double && type(${y}) == double`;
      const texts = `type(${x}) == string && type(${y}) == string`;
      if (comparisons.has(operator)) return `(${x} == null || ${y} == null ? ${this.#strict ? no_truth : 'false'} : (${doubles}) || (${texts}) ? ${x} ${operator} ${y} : ${no_truth})`;
      // The rest of a division by doubles is not in CEL; that of whole numbers is.
      const sum = operator === '%'
        ? `(double(int(${x})) == ${x} && double(int(${y})) == ${y} ? double(int(${x}) % int(${y})) : ${x} - ${y} * double(int(${x} / ${y})))`
        : `${x} ${operator} ${y}`;
      const finite = this.#let(sum, (result) => `(${result} - ${result} == 0.0 ? dyn(${result}) : ${no_value})`);
      const joined = operator === '+' ? `(${texts}) || (type(${x}) == list && type(${y}) == list) ? ${x} + ${y} : ` : '';
      return `(${doubles} ? ${finite} : ${joined}${no_value})`;
    }));
  }

  #call(call: Of<'call'>, variables: Variables): string {
    const [first, second] = call.arguments;
    if (call.name === 'within' || first === undefined) return printCel(call);
    const whole = this.value(first, variables);
    if (call.name === 'has') return `(${new Translator(false, this.#taken).value(first, variables)} != null)`;
    if (call.name === 'size') return this.#let(whole, (value) => `(${value} == null ? 0.0 : double(size(${value})))`);
    if (second === undefined) return printCel(call);
    return this.#let(whole, (x) => this.#let(this.value(second, variables), (y) => {
      const texts = `type(${x}) == string && type(${y}) == string ? ${x}.${call.name}(${y}) : ${no_truth}`;
      return call.name === 'contains' ? `(${x} == null ? false : type(${x}) == list ? ${y} in ${x} : ${texts})` : `(${x} == null ? false : ${texts})`;
    }));
  }

  #macro(macro: Of<'macro'>, variables: Variables): string {
    const inner = new Set([...variables, ...macro.variables]);
    const condition = (body: Expression): string => this.truth(body, inner);
    const value = (body: Expression): string => this.value(body, inner);
    const [first, second] = macro.bodies;
    if (first === undefined) return printCel(macro);
    const range = this.value(macro.range, variables);
    if (macro.name === 'bind') return `[${range}].map(${macro.variables.join('')}, ${value(first)})[0]`;
    const bodies = second !== undefined ? [condition(first), value(second)] : [/^(?:all|exists|exists_one|filter)$/.test(macro.name) ? condition(first) : value(first)];
    const name = macro.name === 'exists_one' && macro.variables.length === 2 ? 'existsOne' : macro.name;
    const empty = macro.name.startsWith('transformMap') ? '{}' : '[]';
    return this.#let(range, (list) => `(${list} == null ? ${empty} : ${list}).${name}(${[...macro.variables, ...bodies].join(', ')})`);
  }

  /** A number of CEL as one of JSON, which are doubles and never infinite. */
  #asJson(expression: Expression, text: string): string {
    if (expression.kind !== 'call') return text;
    if (whole_functions.has(expression.name)) return `double(${text})`;
    return expression.name === 'double' ? this.#let(text, (value) => `(${value} - ${value} == 0.0 ? dyn(${value}) : ${no_value})`) : text;
  }

  /** A part that is CEL already: absent where what it begins with is. */
  #island(expression: Expression, variables: Variables): string {
    const text = printCel(expression);
    const whole = this.#asJson(expression, text);
    if (this.#strict) return whole;
    const guards = subjectsOf(expression, variables).map((path) => membersOf(path[0] ?? '', path.slice(1))).map(({ value, present }) => `${present} && ${value} != null`);
    return guards.length === 0 ? `dyn(${whole})` : `(${guards.join(' && ')} ? dyn(${whole}) : null)`;
  }
}

/** Members of members of a value, and the test that all of them are there. */
function membersOf(object: string, names: readonly string[]): { readonly value: string; readonly present: string } {
  const guards: string[] = [];
  let value = object;
  for (const name of names) {
    guards.push(`type(${value}) == map`, isSelector(name) ? `has(${value}.${name})` : `${printString(name)} in ${value}`);
    value = isSelector(name) ? `${value}.${name}` : `${value}[${printString(name)}]`;
  }
  return { value, present: guards.join(' && ') };
}

/** The attributes without which a part that is CEL is absent: those that its chains of calls begin with. */
function subjectsOf(expression: Expression, variables: Variables): readonly (readonly string[])[] {
  const path = pathOf(expression);
  if (path !== undefined) return variables.has(path[0] ?? '') || path.length === 1 ? [] : [path];
  return beginningsOf(expression).flatMap((part) => subjectsOf(part, variables));
}

function beginningsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'call':
      return (functionOf(expression, { variables: new Map() })?.arguments ?? expression.arguments).slice(0, 1);
    case 'macro':
      return [expression.range];
    case 'member':
    case 'index':
      return [expression.object];
    case 'unary':
      return [expression.operand];
    case 'binary':
      return comparisons.has(expression.operator) && !isJunction(expression) ? [expression.left, expression.right] : [];
    default:
      return [];
  }
}

function isJunction({ operator }: Of<'binary'>): boolean {
  return operator === 'and' || operator === 'or';
}

function isTruth(expression: Expression): boolean {
  if (expression.kind === 'literal') return typeof expression.value === 'boolean';
  if (expression.kind === 'binary') return isJunction(expression) || (comparisons.has(expression.operator) && !isIsland(expression));
  if (expression.kind === 'macro') return /^(?:all|exists|exists_one)$/.test(expression.name) && !isIsland(expression);
  return expression.kind === 'call' && truth_functions.has(expression.name) && !isIsland(expression);
}

function literal({ value }: Of<'literal'>): string {
  if (typeof value === 'string') return printString(value);
  // Numbers of the policy language are doubles, however they are written.
  return printCel({ kind: 'literal', value, at: 0 });
}

function membership(x: string, y: string): string {
  return `(${y} == null ? false : type(${y}) == list ? ${x} in ${y} : type(${y}) == map ? type(${x}) == string && ${x} in ${y}`
    + ` : type(${y}) == string ? type(${x}) == string && ${y}.contains(${x}) : ${no_truth})`;
}

function isSelector(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name) && !/^(?:in|true|false|null|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)$/.test(name);
}
