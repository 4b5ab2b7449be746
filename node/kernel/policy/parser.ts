import { ok, type Failure, type Result } from '../../../crypto/result.ts';
import { binding, not_binding, reserved_words, sign_binding, type BinaryOperator, type Expression } from './ast.ts';
import { condition_depth_max, condition_nodes_max } from './bounds.ts';
import { conditionInvalid, tokenize, type Token } from './tokenizer.ts';

type Refusal = { readonly ok: false; readonly failure: Failure };

const symbol_operators: { readonly [symbol: string]: BinaryOperator } = {
  '||': 'or', '&&': 'and', '==': '==', '!=': '!=', '<': '<', '<=': '<=', '>': '>', '>=': '>=',
  '+': '+', '-': '-', '*': '*', '/': '/', '%': '%',
};
const word_operators: { readonly [word: string]: BinaryOperator } = { or: 'or', OR: 'or', and: 'and', AND: 'and', in: 'in', IN: 'in' };
const call_operators: ReadonlySet<string> = new Set(['contains', 'matches', 'startsWith', 'endsWith']);
const literals: { readonly [word: string]: null | boolean } = {
  true: true, false: false, null: null, True: true, False: false, None: null,
};

/**
 * Parses a condition: `and or not in`, `&& || !`, comparisons, arithmetic,
 * lists, attributes and calls. `not` binds looser than a comparison, `!` tighter,
 * as in the languages that they come from. Fails with `CONDITION_INVALID`.
 */
export function parseCondition(text: string): Result<Expression> {
  const tokens = tokenize(text);
  return tokens.ok ? new Parser(text, tokens.value).whole() : tokens;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #nodes = 0;
  #depth = 0;

  constructor(text: string, tokens: readonly Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  whole(): Result<Expression> {
    const expression = this.#expression(0);
    if (!expression.ok) return expression;
    const rest = this.#peek();
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
    return parsed;
  }

  #operators(least: number): Result<Expression> {
    let left = this.#prefix();
    let compared = false;
    while (left.ok) {
      const token = this.#peek();
      const operator = this.#operatorAt(token);
      if (operator === undefined || operator.binding < least) return left;
      const comparison = operator.binding === binding['=='];
      if (comparison && compared) {
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

  #operatorAt(token: Token): { name: string; binding: number; tokens: number; negated: boolean } | undefined {
    if (token.kind === 'symbol') {
      const name = symbol_operators[token.text];
      return name === undefined ? undefined : { name, binding: binding[name], tokens: 1, negated: false };
    }
    if (token.kind !== 'word') return undefined;
    if (call_operators.has(token.text)) return { name: token.text, binding: binding.in, tokens: 1, negated: false };
    const after = this.#tokens[this.#next + 1];
    const not_in = /^(?:not|NOT)$/.test(token.text) && after?.kind === 'word' && /^(?:in|IN)$/.test(after.text);
    if (not_in) return { name: 'in', binding: binding.in, tokens: 2, negated: true };
    const name = Object.hasOwn(word_operators, token.text) ? word_operators[token.text] : undefined;
    return name === undefined ? undefined : { name, binding: binding[name], tokens: 1, negated: false };
  }

  #combine(operator: { name: string; negated: boolean }, left: Expression, right: Expression, at: number): Result<Expression> {
    if (call_operators.has(operator.name)) return this.#node({ kind: 'call', name: operator.name, arguments: [left, right], at });
    const name = symbol_operators[operator.name] ?? word_operators[operator.name] ?? 'in';
    const combined = this.#node({ kind: 'binary', operator: name, left, right, at });
    if (!combined.ok || !operator.negated) return combined;
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
      else return expression;
    }
    return expression;
  }

  #afterDot(object: Expression, at: number): Result<Expression> {
    const name = this.#take();
    if (name.kind !== 'word') return this.#refuse(name, 'a name must follow the dot', "write a.b or a['b']");
    if (!this.#takes('(')) return this.#node({ kind: 'member', object, name: name.text, at });
    const rest = this.#list(')');
    // x.contains(y) and contains(x, y) are one call, so that everything after the parser sees one form.
    return rest.ok ? this.#node({ kind: 'call', name: name.text, arguments: [object, ...rest.value], at }) : rest;
  }

  #afterBracket(object: Expression, at: number): Result<Expression> {
    const index = this.#expression(0);
    if (!index.ok) return index;
    if (!this.#takes(']')) return this.#refuse(this.#peek(), 'the bracket is not closed', 'add ]');
    return index.value.kind === 'literal' && typeof index.value.value === 'string'
      ? this.#node({ kind: 'member', object, name: index.value.value, at })
      : this.#node({ kind: 'index', object, index: index.value, at });
  }

  #primary(): Result<Expression> {
    const token = this.#take();
    const { at } = token;
    if (token.kind === 'number' || token.kind === 'string') return this.#node({ kind: 'literal', value: token.value, at });
    if (token.kind === 'word') return this.#word(token);
    if (token.kind === 'symbol' && token.text === '(') {
      const inner = this.#expression(0);
      if (!inner.ok) return inner;
      return this.#takes(')') ? inner : this.#refuse(this.#peek(), 'the parenthesis is not closed', 'add )');
    }
    if (token.kind === 'symbol' && token.text === '[') {
      const items = this.#list(']');
      return items.ok ? this.#node({ kind: 'list', items: items.value, at }) : items;
    }
    if (token.kind === 'end') return this.#refuse(token, 'the condition ends where a value is expected', "write a comparison such as action.type == 'export'");
    return this.#refuse(token, `${quoted(token)} stands where a value is expected`, "write a comparison such as action.type == 'export'");
  }

  #word(token: Token): Result<Expression> {
    const { at, text } = token;
    if (Object.hasOwn(literals, text)) return this.#node({ kind: 'literal', value: literals[text] ?? null, at });
    if (this.#takes('(')) {
      const items = this.#list(')');
      return items.ok ? this.#node({ kind: 'call', name: text, arguments: items.value, at }) : items;
    }
    if (reserved_words.has(text) || Object.hasOwn(word_operators, text)) {
      return this.#refuse(token, `${quoted(token)} stands where a value is expected`, `put a value on both sides of ${text}`);
    }
    return this.#node({ kind: 'name', name: text, at });
  }

  #list(closing: ')' | ']'): Result<readonly Expression[]> {
    const items: Expression[] = [];
    if (this.#takes(closing)) return ok(items);
    for (;;) {
      const item = this.#expression(0);
      if (!item.ok) return item;
      items.push(item.value);
      if (this.#takes(closing)) return ok(items);
      if (!this.#takes(',')) return this.#refuse(this.#peek(), 'the list is not closed', `add ${closing}, or a comma before the next item`);
    }
  }
}

function quoted(token: Token): string {
  return token.kind === 'end' ? 'the end' : `"${token.text}"`;
}
