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
/** Kinds of executable comments (`!50000`, `M!`) in one text: each may run or not, depending on the server. */
export const executable_kinds_max = 3;

/** A token: unquoted words are upper case, quoted identifiers and strings hold their content. */
export interface SqlToken {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol';
  readonly text: string;
}

type Refusal = { readonly ok: false; readonly failure: Failure };

const word = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const number = /(?:0x[0-9a-f_]+|(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)/iy;
const parameter = /(?:\$\d+|[:@][\p{L}_][\p{L}\p{N}_]*|\?\d*|%s|%\(\w+\)s)/uy;
const sqlite_parameter = /\$[\p{L}_][\p{L}\p{N}_]*/uy;
const name_in_backticks = /`[\p{L}_][\p{L}\p{N}_$]*`/uy;
const name_in_quotes = /^[\p{L}_][\p{L}\p{N}_]*$/u;
const dollar_tag = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
const symbol = /::|<=>|<=|>=|<>|!=|==|!~\*?|~\*|@>|<@|@@|\|\||&&|->>|->|#>>|#>|:=|[^\s]/uy;
const executable_head = /\/\*(M?!\d{0,6})/;

/**
 * Every way in which servers of one dialect may read the text. There is one,
 * except that MySQL and MariaDB run what stands in an executable comment, or do
 * not, depending on their version: each combination is a reading, and what is
 * harmless must be so in all of them. Fails with `SQL_UNREADABLE`.
 */
export function readingsOf(text: string, dialect: SqlDialect): Result<readonly (readonly SqlToken[])[]> {
  const heads = dialect === 'mysql' ? new Set(text.slice(0, sql_characters_max).match(new RegExp(executable_head, 'g')) ?? []) : new Set<string>();
  // An executable comment without a version runs everywhere.
  const kinds = [...heads].map((head) => head.slice(2)).filter((kind) => kind !== '!');
  if (kinds.length > executable_kinds_max) return unreadable(`the SQL has more than ${executable_kinds_max} kinds of executable comments`);
  const readings: (readonly SqlToken[])[] = [];
  for (let choice = 0; choice < 2 ** kinds.length; choice += 1) {
    const tokens = lexSql(text, dialect, new Set(kinds.filter((_, index) => (choice >> index) % 2 === 1)));
    if (!tokens.ok) return tokens;
    readings.push(tokens.value);
  }
  return ok(readings);
}

/** The tokens of SQL text in one dialect, where `idle` kinds of executable comments do not run. Fails with `SQL_UNREADABLE`: an open string, comment or quote, or too much of it. */
export function lexSql(text: string, dialect: SqlDialect, idle: ReadonlySet<string> = new Set()): Result<readonly SqlToken[]> {
  if (text.length > sql_characters_max) return unreadable(`the SQL has more than ${sql_characters_max} characters`);
  if (text.includes('\0')) return unreadable('the SQL contains a NUL character');
  return new Lexer(text, dialect, idle).tokens();
}

/** The tokens up to where the text stops being readable: for recognising SQL, never for clearing it. */
export function lexSqlLeniently(text: string, dialect: SqlDialect): readonly SqlToken[] {
  const lexer = new Lexer(text.slice(0, sql_characters_max), dialect, new Set());
  lexer.tokens();
  return lexer.found;
}

function unreadable(reason: string): Refusal {
  return fail('SQL_UNREADABLE', reason);
}

/** Upper case of ASCII words only: a letter that merely becomes one (ſ, ı) is another letter for a database. */
function upperCase(letters: string): string {
  return /^[\w$]+$/.test(letters) ? letters.toUpperCase() : letters;
}

class Lexer {
  readonly found: SqlToken[] = [];
  readonly #text: string;
  readonly #dialect: SqlDialect;
  readonly #idle: ReadonlySet<string>;
  #at = 0;
  #executable_comment = false;
  /** Where strings in double quotes are that could be names. */
  readonly #in_double_quotes = new Set<number>();
  /** How many tokens there were behind the last E string. */
  #behind_escaped = -1;

  constructor(text: string, dialect: SqlDialect, idle: ReadonlySet<string>) {
    this.#text = text;
    this.#dialect = dialect;
    this.#idle = idle;
  }

  tokens(): Result<readonly SqlToken[]> {
    while (this.#at < this.#text.length) {
      if (this.found.length >= sql_tokens_max) return unreadable(`the SQL has more than ${sql_tokens_max} tokens`);
      const step = this.#step();
      if (!step.ok) return step;
    }
    if (this.#in_double_quotes.size > 0) this.#nameInAnsiMode();
    return this.#executable_comment ? unreadable('an executable comment does not end') : ok(this.found);
  }

  /**
   * In MySQL "name" is a string, except in its ANSI mode. A statement where such
   * a string stands where only a name can stand is refused in every other mode:
   * then all of them are names.
   */
  #nameInAnsiMode(): void {
    let begin = 0;
    let names: number[] = [];
    let refused = false;
    for (let index = 0; index <= this.found.length; index += 1) {
      const token = this.found[index];
      if (token === undefined || (token.kind === 'symbol' && token.text === ';')) {
        if (refused) for (const name of names) this.found[name] = { kind: 'quoted', text: this.found[name]?.text ?? '' };
        [begin, names, refused] = [index + 1, [], false];
      } else if (this.#in_double_quotes.has(index)) {
        names.push(index);
        refused ||= this.#onlyNameAt(index, begin);
      }
    }
  }

  /** Beside a dot, or behind UPDATE or DELETE FROM at the beginning of the statement. */
  #onlyNameAt(index: number, begin: number): boolean {
    const is = (at: number, kind: SqlToken['kind'], text: string): boolean => this.found[at]?.kind === kind && this.found[at].text === text;
    if (is(index - 1, 'symbol', '.') || is(index + 1, 'symbol', '.')) return true;
    return (index === begin + 1 && is(begin, 'word', 'UPDATE')) || (index === begin + 2 && is(begin, 'word', 'DELETE') && is(begin + 1, 'word', 'FROM'));
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
      // PostgreSQL also ends it at a carriage return.
      const end = this.#text.slice(this.#at).search(this.#dialect === 'postgresql' ? /[\r\n]/ : /\n/);
      return this.#skip(end < 0 ? this.#text.length - this.#at : end);
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
      const kind = executable_head.exec(this.#text.slice(this.#at, this.#at + 12))?.[1];
      if (kind !== undefined && this.#starts(`/*${kind}`) && !this.#idle.has(kind)) {
        this.#executable_comment = true;
        return this.#skip(kind.length + 2);
      }
    }
    let depth = 1;
    let at = this.#at + 2;
    while (depth > 0) {
      const close = this.#text.indexOf('*/', at);
      // SQLite takes the end of the text for the end of the comment.
      if (close < 0) return this.#dialect === 'sqlite' ? this.#skip(this.#text.length - this.#at) : unreadable('a comment does not end');
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
    if (character === "'") {
      const backslashes = this.#backslashes();
      const done = this.#delimited("'", 'string', backslashes);
      if (backslashes) this.#behind_escaped = found.length;
      return done;
    }
    if (character === '"') {
      const mysql = this.#dialect === 'mysql';
      const done = this.#delimited('"', mysql ? 'string' : 'quoted', mysql);
      // Both modes read such a one alike but for its kind.
      if (mysql && done.ok && name_in_quotes.test(found.at(-1)?.text ?? '')) this.#in_double_quotes.add(found.length - 1);
      return done;
    }
    if (character === '`' && this.#dialect !== 'postgresql') return this.#delimited('`', 'quoted', false);
    // PostgreSQL refuses `name`: nothing runs, so it is read as its author meant it. No more than a name, lest it hide a statement behind it.
    const named = character === '`' ? this.#match(name_in_backticks)?.slice(1, -1) : undefined;
    if (named !== undefined) return this.#add('quoted', named, named.length + 2);
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

  /** Whether a backslash escapes in the string that starts here: always in MySQL, in PostgreSQL after E and where such a string goes on. */
  #backslashes(): boolean {
    if (this.#dialect === 'mysql') return true;
    if (this.#behind_escaped === this.found.length) return true;
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
    if (letters !== undefined) return this.#add('word', upperCase(letters), letters.length);
    // :: is a cast and := an assignment, never a parameter.
    const named = this.#dialect === 'sqlite' ? this.#match(sqlite_parameter) : undefined;
    const placeholder = this.#starts('::') || this.#starts(':=') ? undefined : named ?? this.#match(parameter);
    if (placeholder !== undefined) return this.#add('parameter', placeholder, placeholder.length);
    const sign = this.#match(symbol) ?? this.#text.charAt(this.#at);
    return this.#add('symbol', sign, sign.length);
  }
}
