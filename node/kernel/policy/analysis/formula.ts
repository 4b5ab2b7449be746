/**
 * Conditions as formulas over atoms, in three values: an atom holds, fails or
 * faults. Sets of these are masks, so that what is not decided yet has a mask of
 * several bits.
 */

/** A set of outcomes of a condition: the sum of {@link holds}, {@link fails} and {@link faults}. */
export type Outcomes = number;
/** The condition is true. */
export const holds: Outcomes = 1;
/** The condition is false. */
export const fails: Outcomes = 2;
/** The condition cannot be evaluated. */
export const faults: Outcomes = 4;
/** Nothing is known. */
export const anything: Outcomes = 7;

/** What is not analysed further. With a `variable` its outcome depends on that attribute's cell. */
export interface Atom {
  readonly text: string;
  readonly variable: number | undefined;
  /** The cells in which it can hold, fail and fault; a cell in several of them leaves it open. */
  cells: readonly [holding: bigint, failing: bigint, faulting: bigint];
}

/** A formula; equal formulas of one {@link Formulas} are one object with one `id`. */
export type Formula = { readonly id: number } & (
  | { readonly kind: 'constant'; readonly value: Outcomes }
  | { readonly kind: 'atom'; readonly atom: Atom }
  | { readonly kind: 'not'; readonly part: Formula }
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Formula[] }
  | { readonly kind: 'choice'; readonly condition: Formula; readonly consequent: Formula; readonly otherwise: Formula }
  // Two-valued: a fault is read as true or as false.
  | { readonly kind: 'sure'; readonly part: Formula; readonly fault: boolean }
);

type Shape = Formula extends infer Each ? (Each extends Formula ? Omit<Each, 'id'> : never) : never;

/** Makes formulas, each only once. */
export class Formulas {
  readonly #made = new Map<string, Formula>();
  readonly #atoms = new Map<Atom, Formula>();
  readonly always: Formula = this.#make('holds', { kind: 'constant', value: holds });
  readonly never: Formula = this.#make('fails', { kind: 'constant', value: fails });
  readonly faulty: Formula = this.#make('faults', { kind: 'constant', value: faults });

  /** How many there are: every id is smaller. */
  get size(): number {
    return this.#made.size + this.#atoms.size;
  }

  atom(atom: Atom): Formula {
    const known = this.#atoms.get(atom);
    if (known !== undefined) return known;
    const made: Formula = { kind: 'atom', atom, id: this.size };
    this.#atoms.set(atom, made);
    return made;
  }

  not(part: Formula): Formula {
    return part.kind === 'not' ? part.part : this.#make(`not ${part.id}`, { kind: 'not', part });
  }

  all(parts: readonly Formula[]): Formula {
    return this.#junction('all', parts);
  }

  any(parts: readonly Formula[]): Formula {
    return this.#junction('any', parts);
  }

  choice(condition: Formula, consequent: Formula, otherwise: Formula): Formula {
    return this.#make(`choice ${condition.id} ${consequent.id} ${otherwise.id}`, { kind: 'choice', condition, consequent, otherwise });
  }

  /** Whether a condition counts as true, with faults read as `fault`. */
  sure(part: Formula, fault: boolean): Formula {
    return part.kind === 'sure' || part === this.always || part === this.never ? part : this.#make(`sure ${String(fault)} ${part.id}`, { kind: 'sure', part, fault });
  }

  #junction(kind: 'all' | 'any', given: readonly Formula[]): Formula {
    const [neutral, deciding] = kind === 'all' ? [this.always, this.never] : [this.never, this.always];
    const flat = given.flatMap((part) => (part.kind === kind ? part.parts : [part])).filter((part) => part !== neutral);
    const parts = [...new Set(flat)];
    if (parts.includes(deciding)) return deciding;
    const [only] = parts;
    if (only === undefined) return neutral;
    return parts.length === 1 ? only : this.#make(`${kind} ${parts.map(({ id }) => id).join(' ')}`, { kind, parts });
  }

  #make(key: string, shape: Shape): Formula {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made: Formula = { ...shape, id: this.size };
    this.#made.set(key, made);
    return made;
  }
}

/** The outcomes with true and false exchanged. */
export function negated(outcomes: Outcomes): Outcomes {
  return (outcomes & faults) | ((outcomes & holds) << 1) | ((outcomes & fails) >> 1);
}

/** The outcomes of `a and b`: what is false decides, then a fault counts. */
export function both(a: Outcomes, b: Outcomes): Outcomes {
  let outcomes = (a & b & holds) | ((a | b) & fails);
  if (((a & faults) !== 0 && (b & (holds | faults)) !== 0) || ((b & faults) !== 0 && (a & (holds | faults)) !== 0)) outcomes |= faults;
  return outcomes;
}

/** The outcomes of a part that lead a `sure` to the given ones. */
export function throughSure(fault: boolean, outcomes: Outcomes): Outcomes {
  return (outcomes & (holds | fails)) | ((outcomes & (fault ? holds : fails)) === 0 ? 0 : faults);
}

/** What is still possible: the cells of each variable, and the outcomes of each formula by its id. */
export interface Possible {
  readonly cells: bigint[];
  readonly outcomes: Uint8Array;
}

/** Which outcomes a formula can still have; never fewer than it really can. Counts its steps. */
export function outcomesOf(formula: Formula, possible: Possible, count: { steps: number }): Outcomes {
  count.steps += 1;
  const allowed = possible.outcomes[formula.id] ?? anything;
  switch (formula.kind) {
    case 'constant':
      return formula.value;
    case 'atom': {
      const { variable, cells } = formula.atom;
      if (variable === undefined) return allowed;
      const left = possible.cells[variable] ?? 0n;
      return allowed & (((left & cells[0]) === 0n ? 0 : holds) | ((left & cells[1]) === 0n ? 0 : fails) | ((left & cells[2]) === 0n ? 0 : faults));
    }
    case 'not':
      return allowed & negated(outcomesOf(formula.part, possible, count));
    case 'sure': {
      const part = outcomesOf(formula.part, possible, count);
      return allowed & ((part & (holds | fails)) | ((part & faults) === 0 ? 0 : formula.fault ? holds : fails));
    }
    case 'all':
    case 'any': {
      const any = formula.kind === 'any';
      let outcomes: Outcomes = holds;
      for (const inner of formula.parts) {
        const part = outcomesOf(inner, possible, count);
        outcomes = both(outcomes, any ? negated(part) : part);
        if (outcomes === fails) break;
      }
      return allowed & (any ? negated(outcomes) : outcomes);
    }
    case 'choice': {
      const condition = outcomesOf(formula.condition, possible, count);
      let outcomes = condition & faults;
      if ((condition & holds) !== 0) outcomes |= outcomesOf(formula.consequent, possible, count);
      if ((condition & fails) !== 0) outcomes |= outcomesOf(formula.otherwise, possible, count);
      return allowed & outcomes;
    }
  }
}
