/** Conditions as formulas over atoms. */
import { printExpression, type Expression } from '../ast.ts';
import { compileCondition, type Condition } from '../compile.ts';
import { Scope } from '../scope.ts';
import { Fault } from '../values.ts';
import { asksForPaths, foldersOf, pathsOf, pays, questionOf } from './atoms.ts';
import { Attributes, drawer, outcomeOf, type Asked } from './attributes.ts';
import { anything, Formulas, holds, outcomesOf, type Atom, type Formula, type Possible } from './formula.ts';

/** What decides the meaning of a condition besides its text. */
export interface Language {
  readonly strict: boolean;
  readonly mode: 'policy' | 'cel';
}

/** A condition in its language. */
export interface Meant {
  readonly condition: Condition;
  readonly language: Language;
}

/** An atom that is no condition. */
export interface AskedAtom extends Asked {
  readonly text: string;
  readonly path: readonly string[];
  /** Texts of the attribute that it tells from others. */
  readonly mentions: readonly string[];
}

const checks_per_condition = 6;

/** A set of conditions as formulas, with the attributes that they read. */
export class Model {
  readonly formulas: Formulas = new Formulas();
  readonly attributes: Attributes = new Attributes();
  /** Formulas that hold for every request. */
  readonly axioms: Formula[];
  readonly #atoms = new Map<string, Formula>();
  readonly #conditions = new Map<Condition, Formula>();

  /** `asked` are atoms that are no conditions; {@link askedAtom} finds them again. */
  constructor(conditions: readonly Meant[], asked: readonly AskedAtom[] = []) {
    const drafts = new Map<string, { readonly meant: Meant; readonly formula: Formula }>();
    for (const meant of conditions) {
      const key = keyOf(meant);
      if (!drafts.has(key)) drafts.set(key, { meant, formula: this.#budgeted(meant) });
    }
    for (const atom of asked) this.#addAsked(atom);
    this.attributes.divide();
    this.axioms = [...this.attributes.ties(this.formulas)];
    const checked = new Map([...drafts].map(([key, { meant, formula }]) => [key, this.#agrees(meant, formula) ? formula : this.#opaque(`condition ${key}`, meant.condition.expression)]));
    for (const meant of conditions) this.#conditions.set(meant.condition, checked.get(keyOf(meant)) ?? this.formulas.never);
  }

  /** The formula of one of the conditions that the model was made of. */
  formulaOf(condition: Condition): Formula {
    return this.#conditions.get(condition) ?? this.#opaque(`condition ${condition.text}`, condition.expression);
  }

  /** The formula of a part of one of the conditions. */
  partOf(expression: Expression, language: Language): Formula {
    return this.#translate(expression, language);
  }

  /** The formula of an atom that was asked for by its text. */
  askedAtom(text: string): Formula {
    return this.#atoms.get(`asked ${text}`) ?? this.formulas.never;
  }

  /** Everything is possible. */
  start(): Possible {
    return { cells: this.attributes.whole(), outcomes: new Uint8Array(this.formulas.size).fill(anything) };
  }

  /** A condition whose parts share one budget: once it is spent the whole has no truth, even where an `or` would hide that. */
  #budgeted({ condition: { expression, text }, language }: Meant): Formula {
    const formula = this.#translate(expression, language);
    if (!pays(expression, language.mode) || onlyLastPays(expression, language.mode)) return formula;
    this.attributes.leaveOpen([], []);
    const budget = this.formulas.atom({ text: `the budget of ${text}`, variable: undefined, cells: [0n, 0n, 0n] });
    return this.formulas.choice(this.formulas.sure(this.#spends(expression, language, budget), false), this.formulas.faulty, formula);
  }

  /** That evaluation comes to a part that pays, while the budget is one that is spent. */
  #spends(expression: Expression, language: Language, budget: Formula): Formula {
    const { formulas } = this;
    if (!pays(expression, language.mode)) return formulas.never;
    if (expression.kind === 'unary' && expression.operator === 'not') return this.#spends(expression.operand, language, budget);
    if (expression.kind === 'binary' && (expression.operator === 'and' || expression.operator === 'or')) {
      const left = this.#translate(expression.left, language);
      const goes_on = expression.operator === 'and' ? formulas.sure(left, true) : formulas.not(formulas.sure(left, false));
      return formulas.any([this.#spends(expression.left, language, budget), formulas.all([goes_on, this.#spends(expression.right, language, budget)])]);
    }
    return budget;
  }

  #translate(expression: Expression, language: Language): Formula {
    if (expression.kind === 'literal' && typeof expression.value === 'boolean') return expression.value ? this.formulas.always : this.formulas.never;
    if (expression.kind === 'unary' && expression.operator === 'not') return this.formulas.not(this.#translate(expression.operand, language));
    if (expression.kind === 'binary' && (expression.operator === 'and' || expression.operator === 'or')) {
      const parts = [this.#translate(expression.left, language), this.#translate(expression.right, language)];
      return expression.operator === 'and' ? this.formulas.all(parts) : this.formulas.any(parts);
    }
    if (expression.kind === 'binary' && expression.operator === '!=') return this.formulas.not(this.#atomOf({ ...expression, operator: '==' }, language));
    if (expression.kind === 'conditional') {
      return this.formulas.choice(this.#translate(expression.condition, language), this.#translate(expression.consequent, language), this.#translate(expression.otherwise, language));
    }
    return this.#atomOf(expression, language);
  }

  #atomOf(given: Expression, language: Language): Formula {
    const expression = inOrder(given);
    const text = printExpression(expression);
    const key = `${nameOf(language)} ${text}`;
    const known = this.#atoms.get(key);
    if (known !== undefined) return known;
    const compiled = compileCondition(text, language);
    const paths = pathsOf(expression);
    const [path] = paths ?? [];
    if (compiled.ok && paths?.length === 0 && foldersOf(expression).length === 0) {
      const constant = compiled.value.test(new Scope({}));
      if (!(constant instanceof Fault)) return constant ? this.formulas.always : this.formulas.never;
    }
    // The text is normalised once more, which must not change it.
    const same = compiled.ok && compiled.value.text === text;
    if (!same || paths === undefined || path === undefined || paths.length > 1 || asksForPaths(expression)) return this.#opaque(key, expression);
    const question = questionOf(expression, this.attributes.mentioned(this.attributes.variable(path)));
    return this.#addAtom(key, text, path, { test: compiled.value.test, question });
  }

  /** An atom of which nothing is known; the attributes that it reads get cells, so that requests have values for them. */
  #opaque(key: string, expression: Expression): Formula {
    const known = this.#atoms.get(key);
    if (known !== undefined) return known;
    this.attributes.leaveOpen(asksForPaths(expression) ? [] : pathsOf(expression) ?? [], foldersOf(expression));
    const made = this.formulas.atom({ text: printExpression(expression), variable: undefined, cells: [0n, 0n, 0n] });
    this.#atoms.set(key, made);
    return made;
  }

  #addAtom(key: string, text: string, path: readonly string[], asked: Asked): Formula {
    const variable = this.attributes.variable(path);
    const atom: Atom = { text, variable, cells: [0n, 0n, 0n] };
    this.attributes.ask(variable, { ...asked, atom });
    const made = this.formulas.atom(atom);
    this.#atoms.set(key, made);
    return made;
  }

  #addAsked({ text, path, mentions, test, question }: AskedAtom): void {
    if (this.#atoms.has(`asked ${text}`)) return;
    this.#addAtom(`asked ${text}`, text, path, { test, question });
    for (const mention of mentions) this.attributes.mentioned(this.attributes.variable(path)).texts.add(mention);
  }

  /** Whether a formula says of some requests what the condition itself says: what is translated wrongly must not be believed. */
  #agrees({ condition }: Meant, formula: Formula): boolean {
    const paths = pathsOf(condition.expression) ?? [];
    const draw = drawer();
    for (let check = 0; check < checks_per_condition; check += 1) {
      const { cells, request } = this.attributes.pick(paths, draw);
      const possible: Possible = { ...this.start(), cells };
      // Values that cannot stand together prove nothing.
      if (this.axioms.some((axiom) => (outcomesOf(axiom, possible, { steps: 0 }) & holds) === 0)) continue;
      if ((outcomesOf(formula, possible, { steps: 0 }) & outcomeOf(condition.test(new Scope(request)))) === 0) return false;
    }
    return true;
  }
}

/** Whether only the part that is evaluated last pays: then nothing comes after it that could hide its fault. */
function onlyLastPays(expression: Expression, mode: Language['mode']): boolean {
  if (expression.kind === 'unary' && expression.operator === 'not') return onlyLastPays(expression.operand, mode);
  if (expression.kind !== 'binary' || (expression.operator !== 'and' && expression.operator !== 'or')) return expression.kind !== 'conditional';
  return !pays(expression.left, mode) && onlyLastPays(expression.right, mode);
}

/** Both sides of an equality in one order, so that turned round it is the same atom. */
function inOrder(expression: Expression): Expression {
  if (expression.kind !== 'binary' || expression.operator !== '==') return expression;
  const { left, right } = expression;
  return printExpression(left) <= printExpression(right) ? expression : { ...expression, left: right, right: left };
}

function nameOf({ strict, mode }: Language): string {
  return `${mode}${strict ? ' strict' : ''}:`;
}

function keyOf({ condition, language }: Meant): string {
  return `${nameOf(language)} ${condition.text}`;
}
