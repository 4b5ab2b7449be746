import { built_characters_max, evaluation_steps_max } from './bounds.ts';
import { Fault } from './values.ts';

const characters_per_step = 64;
const taken_apart_per_step = 4;

/**
 * What one evaluation of a condition may still cost. Whoever loops or copies pays
 * first; once it is spent everything faults, and so does the whole condition, so
 * that no `||` can hide it.
 */
export class StepBudget {
  #left = evaluation_steps_max;

  /** Starts over, before an evaluation. */
  reset(): void {
    this.#left = evaluation_steps_max;
  }

  /** Whether the evaluation went beyond its budget. */
  get spent(): boolean {
    return this.#left < 0;
  }

  /** Pays for a number of steps; a fault when they are not left. */
  charge(steps: number): Fault | undefined {
    this.#left -= steps;
    return this.#left < 0 ? overspent : undefined;
  }

  /** Pays for copying a text; a fault also when it is longer than 1,048,576. */
  chargeText(characters: number): Fault | undefined {
    if (characters > built_characters_max) return new Fault(`a text of ${characters} characters is too long, ${built_characters_max} are allowed`);
    return this.charge(1 + characters / characters_per_step);
  }

  /** Pays for taking a text apart, character by character; as {@link chargeText} it has a longest text. */
  chargeCharacters(characters: number): Fault | undefined {
    return this.chargeText(characters) ?? this.charge(characters / taken_apart_per_step);
  }
}

/** The fault of a condition that costs too much. */
export const overspent: Fault = new Fault(`the condition takes more than ${evaluation_steps_max} steps`);
