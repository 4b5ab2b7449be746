import type { StepBudget } from '../budget.ts';
import type { CelResult, CelValue } from './values.ts';

/** A function of CEL: how many arguments it takes, a receiver counted as the first, and what it gives. */
export interface CelFunction {
  readonly least: number;
  readonly most: number;
  call(args: readonly CelValue[], budget: StepBudget): CelResult;
}

/** Functions by name: `size` is global, `.split` has a receiver, `math.abs` a namespace. */
export interface CelFunctions {
  readonly [name: string]: CelFunction;
}

/** A function of a fixed number of arguments; `most` where the last ones may be left out. */
export function takes(least: number, call: (args: readonly CelValue[], budget: StepBudget) => CelResult, most: number = least): CelFunction {
  return { least, most, call };
}
