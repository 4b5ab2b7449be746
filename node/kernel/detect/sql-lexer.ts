/**
 * Words, strings and symbols of SQL as each database reads them. What counts as
 * a comment or a string differs between them, and that difference is where
 * statements hide, so there is one lexer with the differences spelled out.
 * References: PostgreSQL manual 4.1, MySQL manual 11.1 and 11.7, SQLite "SQL As
 * Understood By SQLite" and its tokenizer notes.
 */
import { fail, ok, type Failure, type Result } from '../../../crypto/result.ts';

/** The databases whose SQL is understood. */
export type SqlDialect = 'postgresql' | 'mysql' | 'sqlite';
/** All of them: what must agree when nobody says which database a statement is for. */
export const sql_dialects: readonly SqlDialect[] = ['postgresql', 'mysql', 'sqlite'];

/** Length of a statement text. */
export const sql_characters_max = 131_072;
/** Tokens of a statement text. */
export const sql_tokens_max = 16_384;

/** A token: unquoted words are upper case, quoted identifiers and strings hold their content. */
export interface SqlToken {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol';
  readonly text: string;
}

type Refusal = { readonly ok: false; readonly failure: Failure };

const word = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const number = /(?:0x[0-9a-f]+|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)/iy;
const parameter = /(?:\$\d+|[:@][\p{L}_][\p{L}\p{N}_]*|\?\d*|%s|%\(\w+\)s)/uy;
const dollar_tag = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
const symbol = /::|<=>|<=|>=|<>|!=|\|\||&&|->>|->|:=|[^\s]/uy;

/** The tokens of SQL text in one dialect. Fails with `SQL_UNREADABLE`: an open string, comment or quote, or too much of it. */
export function lexSql(text: string, dialect: SqlDialect): Result<readonly SqlToken[]> {
  if (text.length > sql_characters_max) return unreadable(`the SQL has more than ${sql_characters_max} characters`);
  if (text.includes('\0')) return unreadable('the SQL contains a NUL character');
  return new Lexer(text, dialect).tokens();
}

/** The tokens up to where the text stops being readable: for recognising SQL, never for clearing it. */
export function lexSqlLeniently(text: string, dialect: SqlDialect): readonly SqlToken[] {
  const lexer = new Lexer(text.slice(0, sql_characters_max), dialect);
  lexer.tokens();
  return lexer.found;
}

function unreadable(reason: string): Refusal {
  return fail('SQL_UNREADABLE', reason);
}

class Lexer {
  readonly found: SqlToken[] = [];
  readonly #text: string;
  readonly #dialect: SqlDialect;
  #at = 0;
  #executable_comment = false;

  constructor(text: string, dialect: SqlDialect) {
    this.#text = text;
    this.#dialect = dialect;
  }

  tokens(): Result<readonly SqlToken[]> {
    while (this.#at < this.#text.length) {
      if (this.found.length >= sql_tokens_max) return unreadable(`the SQL has more than ${sql_tokens_max} tokens`);
      const step = this.#step();
      if (!step.ok) return step;
    }
    return this.#executable_comment ? unreadable('an executable comment does not end') : ok(this.found);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  #starts(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  #add(kind: SqlToken['kind'], text: string, length: number): Result<void> {
    this.found.push({ kind, text });
    this.#at += length;
    return ok(undefined);
  }

  #skip(length: number): Result<void> {
    this.#at += length;
    return ok(undefined);
  }

  #step(): Result<void> {
    const character = this.#text.charAt(this.#at);
    if (/\s/.test(character)) return this.#skip(1);
    if (this.#startsLineComment()) {
      const end = this.#text.indexOf('\n', this.#at);
      return this.#skip((end < 0 ? this.#text.length : end) - this.#at);
    }
    if (this.#starts('/*')) return this.#blockComment();
    if (this.#executable_comment && this.#starts('*/')) {
      this.#executable_comment = false;
      return this.#skip(2);
    }
    return this.#quoted(character) ?? this.#plain();
  }

  #startsLineComment(): boolean {
    if (this.#dialect === 'mysql') return this.#starts('#') || /^--(?:[\s\p{Cc}]|$)/u.test(this.#text.slice(this.#at, this.#at + 3));
    return this.#starts('--');
  }

  #blockComment(): Result<void> {
    if (this.#dialect === 'mysql') {
      // MySQL and MariaDB run what stands in /*! */ and /*M! */.
      const executable = /^\/\*M?!\d{0,6}/.exec(this.#text.slice(this.#at, this.#at + 12))?.[0];
      if (executable !== undefined) {
        this.#executable_comment = true;
        return this.#skip(executable.length);
      }
    }
    let depth = 1;
    let at = this.#at + 2;
    while (depth > 0) {
      const close = this.#text.indexOf('*/', at);
      if (close < 0) return unreadable('a comment does not end');
      // Only PostgreSQL nests comments.
      const open = this.#dialect === 'postgresql' ? this.#text.indexOf('/*', at) : -1;
      const opens = open >= 0 && open < close;
      depth += opens ? 1 : -1;
      at = (opens ? open : close) + 2;
    }
    return this.#skip(at - this.#at);
  }

  #quoted(character: string): Result<void> | undefined {
    const { found } = this;
    if (character === "'") return this.#delimited("'", 'string', this.#backslashes());
    if (character === '"') return this.#delimited('"', this.#dialect === 'mysql' ? 'string' : 'quoted', this.#dialect === 'mysql');
    if (character === '`' && this.#dialect !== 'postgresql') return this.#delimited('`', 'quoted', false);
    if (character === '[' && this.#dialect === 'sqlite') {
      const end = this.#text.indexOf(']', this.#at);
      return end < 0 ? unreadable('a [name] does not end') : this.#add('quoted', this.#text.slice(this.#at + 1, end), end + 1 - this.#at);
    }
    const tag = this.#dialect === 'postgresql' && character === '$' ? this.#match(dollar_tag) : undefined;
    if (tag === undefined || found.at(-1)?.text.endsWith('$') === true) return undefined;
    const end = this.#text.indexOf(tag, this.#at + tag.length);
    if (end < 0) return unreadable('a dollar-quoted string does not end');
    return this.#add('string', this.#text.slice(this.#at + tag.length, end), end + tag.length - this.#at);
  }

  /** Whether a backslash escapes in the string that starts here: always in MySQL, after E in PostgreSQL. */
  #backslashes(): boolean {
    if (this.#dialect === 'mysql') return true;
    if (this.#dialect !== 'postgresql' || !/[eE]/.test(this.#text.charAt(this.#at - 1))) return false;
    if (this.found.at(-1)?.text !== 'E') return false;
    this.found.pop();
    return true;
  }

  #delimited(quote: string, kind: 'string' | 'quoted', backslashes: boolean): Result<void> {
    let content = '';
    let at = this.#at + 1;
    while (at < this.#text.length) {
      const character = this.#text.charAt(at);
      if (backslashes && character === '\\') {
        content += this.#text.charAt(at + 1);
        at += 2;
      } else if (character !== quote) {
        content += character;
        at += 1;
      } else if (this.#text.charAt(at + 1) === quote) {
        content += quote;
        at += 2;
      } else {
        return this.#add(kind, content, at + 1 - this.#at);
      }
    }
    return unreadable(`a ${quote} is not closed`);
  }

  #plain(): Result<void> {
    const digits = this.#match(number);
    if (digits !== undefined) return this.#add('number', digits, digits.length);
    const letters = this.#match(word);
    if (letters !== undefined) return this.#add('word', letters.toUpperCase(), letters.length);
    // :: is a cast and := an assignment, never a parameter.
    const placeholder = this.#starts('::') || this.#starts(':=') ? undefined : this.#match(parameter);
    if (placeholder !== undefined) return this.#add('parameter', placeholder, placeholder.length);
    const sign = this.#match(symbol) ?? this.#text.charAt(this.#at);
    return this.#add('symbol', sign, sign.length);
  }
}
