import { ok, type Failure, type Result } from '../../../crypto/result.ts';
import { binding, conditional_binding, either_form_functions, not_binding, reserved_words, sign_binding, type Expression, type MapEntry } from './ast.ts';
import { condition_depth_max, condition_nodes_max } from './bounds.ts';
import { infixAt, isOperatorWord, type Infix } from './infix.ts';
import { macroOf } from './macros.ts';
import { conditionInvalid, tokenize, type Token } from './tokenizer.ts';

type Refusal = { readonly ok: false; readonly failure: Failure };

const literals: { readonly [word: string]: null | boolean } = {
  true: true, false: false, null: null, True: true, False: false, None: null,
};
/** Words that CEL keeps for other languages; in the seeds' dialect they may name attributes. */
const cel_reserved_words: ReadonlySet<string> = new Set([
  'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package',
  'namespace', 'return', 'var', 'void', 'while',
]);

/** How to read a condition. */
export interface ParseOptions {
  /** As CEL has it: comparisons may be chained, and CEL's reserved words name nothing. */
  readonly cel: boolean;
}

/**
 * Parses a condition: the seeds' `and or not in`, and the whole grammar of CEL
 * (github.com/google/cel-spec, langdef.md). `not` binds looser than a comparison,
 * `!` tighter, as in the languages that they come from. Fails with `CONDITION_INVALID`.
 */
export function parseCondition(text: string, options: ParseOptions = { cel: false }): Result<Expression> {
  const tokens = tokenize(text);
  return tokens.ok ? new Parser(text, tokens.value, options.cel).whole() : tokens;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #cel: boolean;
  #next = 0;
  #nodes = 0;
  #depth = 0;

  constructor(text: string, tokens: readonly Token[], cel: boolean) {
    this.#text = text;
    this.#tokens = tokens;
    this.#cel = cel;
  }

  whole(): Result<Expression> {
    const expression = this.#expression(conditional_binding);
    if (!expression.ok) return expression;
    const rest = this.#peek();
    if (rest.kind === 'symbol' && rest.text === '=') return this.#refuse(rest, 'a single = compares nothing', 'write ==');
    return rest.kind === 'end' ? expression : this.#refuse(rest, `${quoted(rest)} is not expected`, 'join two conditions with and, or');
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '', at: this.#text.length };
  }

  #take(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #takes(text: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'symbol' || token.text !== text) return false;
    this.#next += 1;
    return true;
  }

  #refuse(token: Token, reason: string, fix: string): Refusal {
    return conditionInvalid(this.#text, token.at, reason, fix);
  }

  #node(expression: Expression): Result<Expression> {
    this.#nodes += 1;
    if (this.#nodes <= condition_nodes_max) return ok(expression);
    return conditionInvalid(this.#text, expression.at, `the condition has more than ${condition_nodes_max} parts`, 'split it into several rules');
  }

  /** The longest expression whose operators bind at least as tightly as `least`. */
  #expression(least: number): Result<Expression> {
    if (this.#depth >= condition_depth_max) {
      return this.#refuse(this.#peek(), `the condition nests deeper than ${condition_depth_max}`, 'split it into several rules');
    }
    this.#depth += 1;
    const parsed = this.#operators(least);
    this.#depth -= 1;
    return parsed.ok && least === conditional_binding && this.#takes('?') ? this.#conditional(parsed.value) : parsed;
  }

  #conditional(condition: Expression): Result<Expression> {
    const then = this.#expression(conditional_binding + 1);
    if (!then.ok) return then;
    if (!this.#takes(':')) return this.#refuse(this.#peek(), 'the ? has no :', 'write condition ? this : that');
    const otherwise = this.#expression(conditional_binding);
    return otherwise.ok ? this.#node({ kind: 'conditional', condition, consequent: then.value, otherwise: otherwise.value, at: condition.at }) : otherwise;
  }

  #operators(least: number): Result<Expression> {
    let left = this.#prefix();
    let compared = false;
    while (left.ok) {
      const token = this.#peek();
      const operator = infixAt(token, this.#tokens[this.#next + 1]);
      if (operator === undefined || operator.binding < least) return left;
      const comparison = operator.binding === binding['=='];
      if (comparison && compared && !this.#cel) {
        return this.#refuse(token, 'comparisons cannot be chained', 'write (a < b) and (b < c)');
      }
      compared = comparison;
      this.#next += operator.tokens;
      const right = this.#expression(operator.binding + 1);
      if (!right.ok) return right;
      left = this.#combine(operator, left.value, right.value, token.at);
    }
    return left;
  }

  #combine(infix: Infix, left: Expression, right: Expression, at: number): Result<Expression> {
    if (infix.operator === undefined) return this.#node({ kind: 'call', name: infix.call, arguments: [left, right], at });
    const combined = this.#node({ kind: 'binary', operator: infix.operator, left, right, at });
    if (!combined.ok || !infix.negated) return combined;
    return this.#node({ kind: 'unary', operator: 'not', operand: combined.value, at });
  }

  #prefix(): Result<Expression> {
    const token = this.#peek();
    const sign = token.kind === 'symbol' && token.text === '-';
    const bang = token.kind === 'symbol' && token.text === '!';
    const not = token.kind === 'word' && /^(?:not|NOT)$/.test(token.text);
    if (!sign && !bang && !not) return this.#postfix();
    this.#next += 1;
    const operand = this.#expression(not ? not_binding : sign_binding);
    if (!operand.ok) return operand;
    return this.#node({ kind: 'unary', operator: sign ? '-' : 'not', operand: operand.value, at: token.at });
  }

  #postfix(): Result<Expression> {
    let expression = this.#primary();
    while (expression.ok) {
      const { at } = this.#peek();
      if (this.#takes('.')) expression = this.#afterDot(expression.value, at);
      else if (this.#takes('[')) expression = this.#afterBracket(expression.value, at);
      else if (isTypeName(expression.value) && this.#takes('{')) expression = this.#message(expression.value, at);
      else return expression;
    }
    return expression;
  }

  #afterDot(object: Expression, at: number): Result<Expression> {
    const optional = this.#takes('?');
    const token = this.#take();
    if (token.kind !== 'word') return this.#refuse(token, 'a name must follow the dot', "write a.b or a['b']");
    const { name } = token;
    if (optional) return this.#node({ kind: 'member', object, name, optional, at });
    if (token.quoted === true || !this.#takes('(')) return this.#node({ kind: 'member', object, name, at });
    const rest = this.#arguments();
    if (!rest.ok) return rest;
    const macro = macroOf(this.#text, object, name, rest.value.items, at);
    if (macro !== undefined) return macro.ok ? this.#node(macro.value) : macro;
    // x.contains(y) and contains(x, y) are one call, so that everything after the parser sees one form.
    const receiver = either_form_functions.has(name) ? {} : { receiver: true } as const;
    return this.#node({ kind: 'call', name, arguments: [object, ...rest.value.items], ...receiver, ...rest.value.named, at });
  }

  #afterBracket(object: Expression, at: number): Result<Expression> {
    const optional = this.#takes('?');
    const index = this.#expression(conditional_binding);
    if (!index.ok) return index;
    if (!this.#takes(']')) return this.#refuse(this.#peek(), 'the bracket is not closed', 'add ]');
    if (optional) return this.#node({ kind: 'index', object, index: index.value, optional, at });
    const { value } = index;
    if (value.kind === 'literal' && typeof value.value === 'string') return this.#node({ kind: 'member', object, name: value.value, at });
    return this.#node({ kind: 'index', object, index: value, at });
  }

  #primary(): Result<Expression> {
    const token = this.#take();
    const { at } = token;
    if (token.kind === 'number') {
      const { value, integer, unsigned } = token;
      return this.#node({ kind: 'literal', value, ...(integer === undefined ? {} : { integer }), ...(unsigned === undefined ? {} : { unsigned }), at });
    }
    if (token.kind === 'string') return this.#node({ kind: 'literal', value: token.value, at });
    if (token.kind === 'bytes') return this.#node({ kind: 'bytes', value: token.value, at });
    if (token.kind === 'word' && token.quoted !== true) return this.#word(token, false);
    if (token.kind === 'end') return this.#refuse(token, 'the condition ends where a value is expected', "write a comparison such as action.type == 'export'");
    const after = this.#peek();
    if (token.text === '.' && after.kind === 'word' && after.quoted !== true) {
      this.#next += 1;
      return this.#word(after, true);
    }
    if (token.text === '(') {
      const inner = this.#expression(conditional_binding);
      if (!inner.ok) return inner;
      return this.#takes(')') ? inner : this.#refuse(this.#peek(), 'the parenthesis is not closed', 'add )');
    }
    if (token.text === '[') return this.#list(at);
    if (token.text === '{') {
      const entries = this.#entries(false);
      return entries.ok ? this.#node({ kind: 'map', entries: entries.value, at }) : entries;
    }
    if (token.text === '=') return this.#refuse(token, 'a single = compares nothing', 'write ==');
    return this.#refuse(token, `${quoted(token)} stands where a value is expected`, "write a comparison such as action.type == 'export'");
  }

  #word(token: Token, rooted: boolean): Result<Expression> {
    const { at, text } = token;
    if (!rooted && Object.hasOwn(literals, text)) return this.#node({ kind: 'literal', value: literals[text] ?? null, at });
    if (this.#takes('(')) {
      const items = this.#arguments();
      return items.ok ? this.#node({ kind: 'call', name: text, arguments: items.value.items, ...items.value.named, at }) : items;
    }
    if (reserved_words.has(text) || isOperatorWord(text)) {
      return this.#refuse(token, `${quoted(token)} stands where a value is expected`, `put a value on both sides of ${text}`);
    }
    if (this.#cel && cel_reserved_words.has(text)) return this.#refuse(token, `${quoted(token)} is a reserved word of CEL`, 'name the attribute differently');
    return this.#node({ kind: 'name', name: text, ...(rooted ? { rooted } : {}), at });
  }

  /** The arguments of a call, up to its parenthesis; `name = value` is told, for the compiler to refuse. */
  #arguments(): Result<{ items: readonly Expression[]; named: { named?: true } }> {
    const items: Expression[] = [];
    let named: { named?: true } = {};
    if (this.#takes(')')) return ok({ items, named });
    for (;;) {
      const item = this.#expression(conditional_binding);
      if (!item.ok) return item;
      const { at } = this.#peek();
      if (item.value.kind === 'name' && this.#takes('=')) {
        const value = this.#expression(conditional_binding);
        if (!value.ok) return value;
        items.push({ kind: 'binary', operator: '==', left: item.value, right: value.value, at });
        named = { named: true };
      } else {
        items.push(item.value);
      }
      if (this.#takes(')')) return ok({ items, named });
      if (!this.#takes(',')) return this.#refuse(this.#peek(), 'the list is not closed', 'add ), or a comma before the next item');
    }
  }

  #list(at: number): Result<Expression> {
    const items: Expression[] = [];
    const optional: number[] = [];
    while (!this.#takes(']')) {
      if (this.#takes('?')) optional.push(items.length);
      const item = this.#expression(conditional_binding);
      if (!item.ok) return item;
      items.push(item.value);
      if (this.#takes(']')) break;
      if (!this.#takes(',')) return this.#refuse(this.#peek(), 'the list is not closed', 'add ], or a comma before the next item');
    }
    return this.#node({ kind: 'list', items, ...(optional.length === 0 ? {} : { optional }), at });
  }

  #message(type: Expression, at: number): Result<Expression> {
    const entries = this.#entries(true);
    return entries.ok ? this.#node({ kind: 'message', type, entries: entries.value, at }) : entries;
  }

  /** The entries of a map or message, up to its brace; the keys of a message are names. */
  #entries(fields: boolean): Result<readonly MapEntry[]> {
    const entries: MapEntry[] = [];
    while (!this.#takes('}')) {
      const optional = this.#takes('?') ? { optional: true } as const : {};
      const key = fields ? this.#field() : this.#expression(conditional_binding);
      if (!key.ok) return key;
      if (!this.#takes(':')) return this.#refuse(this.#peek(), 'the key has no value', 'write key: value');
      const value = this.#expression(conditional_binding);
      if (!value.ok) return value;
      entries.push({ key: key.value, value: value.value, ...optional });
      if (this.#takes('}')) break;
      if (!this.#takes(',')) return this.#refuse(this.#peek(), 'the map is not closed', 'add }, or a comma before the next entry');
    }
    return ok(entries);
  }

  #field(): Result<Expression> {
    const token = this.#take();
    if (token.kind !== 'word') return this.#refuse(token, 'a field name is expected', 'write name: value');
    return this.#node({ kind: 'literal', value: token.name, at: token.at });
  }
}

/** Whether a message literal may follow: a name, or names joined by dots. */
function isTypeName(expression: Expression): boolean {
  let rest = expression;
  while (rest.kind === 'member' && rest.optional === undefined) rest = rest.object;
  return rest.kind === 'name';
}

function quoted(token: Token): string {
  return token.kind === 'end' ? 'the end' : `"${token.text}"`;
}
