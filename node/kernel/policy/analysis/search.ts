/**
 * Is there a request for which formulas have these outcomes? Branching with
 * pruning (Davis, Putnam, Logemann, Loveland 1962) over sets of cells: what the
 * demands leave possible is narrowed until nothing is open or nothing is left.
 */
import { anything, faults, fails, holds, negated, outcomesOf, throughSure, type Formula, type Outcomes, type Possible } from './formula.ts';

/** That a formula has one of these outcomes. */
export interface Demand {
  readonly formula: Formula;
  readonly outcomes: Outcomes;
}

/** Steps that an analysis may take in all; it counts down. */
export interface Effort {
  steps: number;
}

/** `none` is a proof; `unknown` means that the effort was used up, or that every candidate failed when it was tried. */
export type Answer = 'found' | 'none' | 'unknown';

const candidates_max = 48;
const guesses_max = 64;
const steps_max = 4_000_000;

/**
 * Searches. `accept` is offered what is still possible, early as a guess and
 * finally as a solution, and says whether it is one in truth.
 */
export function search(demands: readonly Demand[], start: Possible, effort: Effort, accept: (possible: Possible, final: boolean) => boolean): Answer {
  const run = new Search(Math.min(effort.steps, steps_max), accept);
  const answer = run.solve({ cells: [...start.cells], outcomes: start.outcomes.slice() }, demands);
  effort.steps -= run.steps;
  return answer === 'none' && run.doubted ? 'unknown' : answer;
}

/** What demands leave possible without any branching; `undefined` where that already contradicts them. */
export function narrowed(demands: readonly Demand[], start: Possible): Possible | undefined {
  const possible = { cells: [...start.cells], outcomes: start.outcomes.slice() };
  return new Search(steps_max, () => false).propagate(possible, demands) === undefined ? undefined : possible;
}

class Search {
  readonly #steps_max: number;
  readonly #accept: (possible: Possible, final: boolean) => boolean;
  #candidates = 0;
  #guesses = 0;
  steps = 0;
  /** That something was a solution by the formulas and not in truth. */
  doubted = false;

  constructor(steps_max: number, accept: (possible: Possible, final: boolean) => boolean) {
    this.#steps_max = steps_max;
    this.#accept = accept;
  }

  solve(possible: Possible, demands: readonly Demand[]): Answer {
    const open = this.propagate(possible, demands);
    if (open === undefined) return 'none';
    if (open.length === 0) {
      if (this.#accept(possible, true)) return 'found';
      this.doubted = true;
      this.#candidates += 1;
      return this.#candidates < candidates_max ? 'none' : 'unknown';
    }
    if (this.#guesses < guesses_max) {
      this.#guesses += 1;
      if (this.#accept(possible, false)) return 'found';
    }
    for (const alternative of this.#alternatives(possible, open)) {
      if (this.steps > this.#steps_max) return 'unknown';
      const copy = { cells: [...possible.cells], outcomes: possible.outcomes.slice() };
      const answer = this.solve(copy, [...alternative, ...open]);
      if (answer !== 'none') return answer;
    }
    return 'none';
  }

  /** Narrows by every demand until nothing changes: the demands that are still open, or `undefined` for a contradiction. */
  propagate(possible: Possible, demands: readonly Demand[]): readonly Demand[] | undefined {
    let open = demands;
    for (;;) {
      const next: Demand[] = [];
      let changed = false;
      for (const demand of open) {
        const outcomes = this.#outcomesOf(demand.formula, possible);
        const allowed = outcomes & demand.outcomes;
        if (allowed === 0) return undefined;
        if (outcomes === allowed) continue;
        const parts = this.#partsOf(demand.formula, allowed, possible);
        if (parts === undefined) {
          next.push(demand);
          continue;
        }
        changed = true;
        possible.outcomes[demand.formula.id] = allowed;
        if (demand.formula.kind === 'atom') narrow(demand.formula, allowed, possible);
        next.push(...parts);
      }
      open = next;
      if (!changed) return open;
    }
  }

  /** What an outcome means for the parts of a formula, where that is settled: then, and only then, it may be forgotten for the parts. */
  #partsOf(formula: Formula, allowed: Outcomes, possible: Possible): readonly Demand[] | undefined {
    switch (formula.kind) {
      case 'constant':
      case 'atom':
        return [];
      case 'not':
        return [{ formula: formula.part, outcomes: negated(allowed) }];
      case 'sure':
        return [{ formula: formula.part, outcomes: throughSure(formula.fault, allowed) }];
      case 'all':
      case 'any': {
        const whole = formula.kind === 'all' ? holds : fails;
        if (allowed === whole || allowed === (whole | faults)) return formula.parts.map((part) => ({ formula: part, outcomes: allowed }));
        if ((allowed & whole) !== 0 || allowed === faults) return undefined;
        const able = formula.parts.filter((part) => (this.#outcomesOf(part, possible) & allowed) !== 0);
        return able.length === 1 ? able.map((part) => ({ formula: part, outcomes: allowed })) : undefined;
      }
      case 'choice': {
        const condition = this.#outcomesOf(formula.condition, possible);
        if (condition === holds) return [{ formula: formula.consequent, outcomes: allowed }];
        return condition === fails ? [{ formula: formula.otherwise, outcomes: allowed }] : undefined;
      }
    }
  }

  /** Ways on, one of which any solution takes. */
  *#alternatives(possible: Possible, open: readonly Demand[]): Iterable<readonly Demand[]> {
    const [demand] = open;
    if (demand === undefined) return;
    const { formula } = demand;
    const allowed = this.#outcomesOf(formula, possible) & demand.outcomes;
    const whole = formula.kind === 'all' ? holds : fails;
    if ((formula.kind === 'all' || formula.kind === 'any') && (allowed & whole) === 0 && allowed !== faults) {
      // The first part that is decisive, with none before it.
      const before: Demand[] = [];
      for (const part of formula.parts) {
        if ((this.#outcomesOf(part, possible) & allowed) === 0) continue;
        yield [{ formula: part, outcomes: allowed }, ...before];
        before.push({ formula: part, outcomes: anything & ~allowed });
      }
      return;
    }
    const atom = this.#openAtom(formula, possible);
    const able = atom === undefined ? 0 : this.#outcomesOf(atom, possible);
    for (const outcome of [holds, fails, faults]) if (atom !== undefined && (able & outcome) !== 0) yield [{ formula: atom, outcomes: outcome }];
  }

  #outcomesOf(formula: Formula, possible: Possible): Outcomes {
    return outcomesOf(formula, possible, this);
  }

  #openAtom(formula: Formula, possible: Possible): Formula | undefined {
    const outcomes = this.#outcomesOf(formula, possible);
    if (outcomes === holds || outcomes === fails || outcomes === faults) return undefined;
    switch (formula.kind) {
      case 'constant':
        return undefined;
      case 'atom':
        return formula;
      case 'not':
      case 'sure':
        return this.#openAtom(formula.part, possible);
      case 'all':
      case 'any':
        return this.#firstOpen(formula.parts, possible);
      case 'choice':
        return this.#firstOpen([formula.condition, formula.consequent, formula.otherwise], possible);
    }
  }

  #firstOpen(formulas: readonly Formula[], possible: Possible): Formula | undefined {
    for (const formula of formulas) {
      const atom = this.#openAtom(formula, possible);
      if (atom !== undefined) return atom;
    }
    return undefined;
  }
}

/** Leaves an atom's variable only the cells that fit its outcomes. */
function narrow(formula: Formula & { kind: 'atom' }, allowed: Outcomes, possible: Possible): void {
  const { variable, cells } = formula.atom;
  if (variable === undefined) return;
  const fitting = ((allowed & holds) === 0 ? 0n : cells[0]) | ((allowed & fails) === 0 ? 0n : cells[1]) | ((allowed & faults) === 0 ? 0n : cells[2]);
  possible.cells[variable] = (possible.cells[variable] ?? 0n) & fitting;
}
