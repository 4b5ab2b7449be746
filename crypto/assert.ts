/**
 * Checks of what our own code promises itself. They stay on in production:
 * a broken invariant stops the operation before it can write something wrong.
 * Never used on input from outside, which fails with a {@link Result} instead.
 */
export function assert(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${promise}`);
}
