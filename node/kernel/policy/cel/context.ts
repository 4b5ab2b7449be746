import type { StepBudget } from '../budget.ts';
import type { Fault } from '../values.ts';
import type { CelResult } from './values.ts';

/** What conditions ask of a request; its attributes may be any values of CEL. */
export interface CelScope {
  root(name: string): CelResult | undefined;
  containsPii(strict: boolean): boolean | Fault;
  pathsWithin(folders: readonly string[]): boolean | Fault;
}
/** An expression as a closure over the request. */
export type CelEvaluator = (scope: CelScope) => CelResult;
/** Where a macro keeps the value of its variable while it runs. */
export interface Cell {
  value: CelResult | undefined;
}

/** What compiling needs to know: the text for error positions, the variables of the macros around, and what pays for loops. */
export interface CelContext {
  readonly text: string;
  readonly variables: ReadonlyMap<string, Readonly<Cell>>;
  readonly budget: StepBudget;
  /** Whether an attribute that is null is as absent as one that is not there, as in the policy language. */
  readonly null_is_absent?: boolean;
}
