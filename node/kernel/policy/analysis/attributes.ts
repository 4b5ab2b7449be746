/**
 * The attributes that conditions read, each divided into cells, and requests
 * made of them. What an atom says in a cell is found by evaluating it there with
 * the real compiler, so that kinds, faults and strict mode mean here what they
 * mean in a decision.
 */
import { isComputed, Scope, type PolicyRequest } from '../scope.ts';
import { Fault } from '../values.ts';
import { settles, type Question } from './atoms.ts';
import { cellsOf, faultCell, flagCells, nothingMentioned, ofKind, type Cell, type Mentioned } from './cells.ts';
import { anything, faults, fails, holds, type Atom, type Formula, type Formulas, type Outcomes, type Possible } from './formula.ts';
import { requestOf, scopesWith, type Setting } from './requests.ts';
import { vocabulary } from './vocabulary.ts';

/** Something that a request makes true, false or a fault. */
export type Test = (scope: Scope) => boolean | Fault;

/** How the outcome of an atom is found in a cell. */
export interface Asked {
  readonly test: Test;
  readonly question: Question;
}

interface Attribute {
  readonly path: readonly string[];
  readonly mentioned: Mentioned;
  readonly asked: (Asked & { readonly atom: Atom })[];
  cells: readonly Cell[];
}

const detected_flag = 'data.contains_pii';
const tries_max = 48;
const guesses_max = 3;

/** The attributes of one model. */
export class Attributes {
  readonly #attributes: Attribute[] = [];
  readonly #by_path = new Map<string, number>();
  readonly #folders = new Set<string>();
  /** That the outcome of some atom does not follow from the cells. */
  #open = false;

  /** The number of an attribute, which is known from now on. */
  variable(path: readonly string[]): number {
    const key = path.join('\0');
    const known = this.#by_path.get(key);
    if (known !== undefined) return known;
    const mentioned = nothingMentioned();
    this.#by_path.set(key, this.#attributes.length);
    // Made now, for attributes that only come up when the others are divided already.
    this.#attributes.push({ path, mentioned, asked: [], cells: cellsOf(mentioned) });
    return this.#attributes.length - 1;
  }

  /** What conditions compare an attribute with, to be added to before {@link divide}. */
  mentioned(variable: number): Mentioned {
    return this.#attributes[variable]?.mentioned ?? nothingMentioned();
  }

  /** Adds an atom about an attribute. */
  ask(variable: number, asked: Asked & { readonly atom: Atom }): void {
    this.#attributes[variable]?.asked.push(asked);
  }

  /** That atoms are left open which read these attributes and confine paths to these folders. */
  leaveOpen(paths: readonly (readonly string[])[], folders: readonly string[]): void {
    for (const path of paths) this.variable(path);
    for (const folder of folders) this.#folders.add(folder);
    this.#open = true;
  }

  /** All cells of all attributes. */
  whole(): bigint[] {
    return this.#attributes.map(({ cells }) => (1n << BigInt(cells.length)) - 1n);
  }

  /** Divides every attribute into cells and evaluates its atoms in each. */
  divide(): void {
    for (const attribute of this.#attributes) {
      const { path, asked } = attribute;
      attribute.cells = dividedInto(attribute);
      const scopes = attribute.cells.map((cell) => (path.join('.') === detected_flag || cell.kind === 'fault' ? [new Scope(requestOf(settingsOf(path, cell, 0)))] : scopesWith(path, cell.samples[0])));
      for (const { atom, test, question } of asked) {
        const outcomes = attribute.cells.map((cell, index) => this.#outcomesIn(cell, scopes[index] ?? [], test, question));
        atom.cells = masksOf(outcomes);
      }
    }
  }

  /** What ties attributes to each other: where there is no payload, nothing in it has a value. */
  ties(formulas: Formulas): readonly Formula[] {
    const flag = this.#by_path.get(detected_flag.replace('.', '\0'));
    if (flag === undefined) return [];
    const absent = (variable: number): Formula => {
      const outcomes = this.#attributes[variable]?.cells.map(({ kind }) => (kind === 'absent' ? holds : fails)) ?? [];
      return formulas.atom({ text: 'absent', variable, cells: masksOf(outcomes) });
    };
    return [...this.#attributes.entries()]
      .filter(([index, { path }]) => index !== flag && path.length > 1 && path[0] === 'data')
      .map(([index]) => formulas.any([formulas.not(absent(flag)), absent(index)]));
  }

  /** Requests that fit what is possible, the simplest first. Where atoms are open not every one of them fits in truth. */
  *requests(possible: Possible, final: boolean): Iterable<PolicyRequest> {
    const tries = final && this.#open ? tries_max : guesses_max;
    const lists = new Map<number, readonly Cell[]>();
    const list = (index: number): readonly Cell[] => {
      const known = lists.get(index) ?? cellsIn(this.#attributes[index]?.cells ?? [], possible.cells[index] ?? 0n);
      lists.set(index, known);
      return known;
    };
    const paths = [undefined, ...[...this.#folders].map((folder) => `${folder}/file`), '/elsewhere/file'];
    const draw = drawer();
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const settings = this.#attributes.flatMap(({ path, cells }, index) => {
        // Most often the first cell will do, and it is quickly found.
        const first_fits = attempt === 0 && ((possible.cells[index] ?? 0n) & 1n) === 1n;
        return first_fits ? settingsOf(path, cells[0], 0) : choose(path, list(index), attempt, draw);
      });
      // An absent attribute may lack in an object that is there.
      if (attempt % 2 === 1) settings.unshift(...this.#parents());
      const payload_path = this.#folders.size === 0 ? undefined : paths[attempt % paths.length];
      yield requestOf(payload_path === undefined ? settings : [{ path: ['data', 'path'], value: payload_path }, ...settings]);
    }
  }

  /** A scattered choice of values for some attributes, with the cells that they lie in. */
  pick(paths: readonly (readonly string[])[], draw: (below: number) => number): { readonly cells: bigint[]; readonly request: PolicyRequest } {
    const cells = this.whole();
    const settings = paths.flatMap((path): readonly Setting[] => {
      const variable = this.variable(path);
      const own = this.#attributes[variable]?.cells ?? [];
      const at = draw(own.length);
      cells[variable] = 1n << BigInt(at);
      return settingsOf(path, own[at], 0);
    });
    return { cells, request: requestOf(settings) };
  }

  #parents(): readonly Setting[] {
    return this.#attributes.flatMap(({ path }) => (path.length === 1 ? [] : [{ path: path.slice(0, -1), value: {} }]));
  }

  #outcomesIn(cell: Cell, scopes: readonly Scope[], test: Test, question: Question): Outcomes {
    if (scopes.length === 0 || !settles(cell, question)) {
      this.#open = true;
      return anything;
    }
    return scopes.reduce((outcomes, scope) => outcomes | outcomeOf(test(scope)), 0);
  }
}

function dividedInto({ path, mentioned }: Attribute): readonly Cell[] {
  const name = path.join('.');
  if (name === detected_flag) return [...flagCells(), faultCell()];
  const cells = cellsOf(mentioned);
  // An action always has a type.
  if (name === 'action.type') return [...cells.slice(1), ...cells.slice(0, 1)];
  if (path[0] === 'data' || !isComputed(path[0] ?? '')) return cells;
  // What a detector computes has the kind that it gives, or cannot be computed.
  return [...ofKind(cells, vocabulary.get(name)?.kind ?? 'any'), faultCell()];
}

/** The outcome of a test as a set of one. */
export function outcomeOf(value: boolean | Fault): Outcomes {
  return value instanceof Fault ? faults : value ? holds : fails;
}

/** For each outcome the cells in which it is possible. */
function masksOf(outcomes: readonly Outcomes[]): Atom['cells'] {
  let [holding, failing, faulting] = ['0b0', '0b0', '0b0'];
  for (let index = outcomes.length - 1; index >= 0; index -= 1) {
    const one = outcomes[index] ?? 0;
    holding += (one & holds) === 0 ? '0' : '1';
    failing += (one & fails) === 0 ? '0' : '1';
    faulting += (one & faults) === 0 ? '0' : '1';
  }
  return [BigInt(holding), BigInt(failing), BigInt(faulting)];
}

function cellsIn(cells: readonly Cell[], mask: bigint): readonly Cell[] {
  const bits = mask.toString(2);
  return cells.filter((_, index) => bits[bits.length - 1 - index] === '1');
}

/** The first value that fits, then one that is there, then any. */
function choose(path: readonly string[], cells: readonly Cell[], attempt: number, draw: (below: number) => number): readonly Setting[] {
  if (attempt === 0) return settingsOf(path, cells[0], 0);
  if (attempt === 1) return settingsOf(path, cells.find(({ kind }) => kind !== 'absent') ?? cells[0], 0);
  const cell = cells[draw(cells.length)];
  return settingsOf(path, cell, draw(cell?.samples.length ?? 0));
}

function settingsOf(path: readonly string[], cell: Cell | undefined, sample: number): readonly Setting[] {
  return [{ path, value: cell?.samples[sample] }, ...(cell?.besides === undefined ? [] : [cell.besides])];
}

/** Whole numbers below a bound, scattered and always the same (a linear congruential generator, Lehmer 1951). */
export function drawer(): (below: number) => number {
  let state = 12_345;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return below === 0 ? 0 : state % below;
  };
}
