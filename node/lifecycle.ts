/** Starting and stopping what consists of parts. */
import { fail, messageOf, type Result } from '../crypto/result.ts';

/** Takes every step in order, also after one that throws, and then throws what the first one threw. */
export async function stopEach(...steps: readonly (() => void | Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** What an error that nobody foresaw makes of a start: `NODE_START_FAILED`. */
export function startFailure(error: unknown): Result<never> {
  return fail('NODE_START_FAILED', `the node cannot start: ${messageOf(error)}`, { fix: 'run agentmesh doctor, and look whether the disk is full', cause: error });
}
