/** Asking the person at the terminal before something that cannot be undone. */
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Context } from './context.ts';

/** Asks for a typed `yes`. Fails with `CONFIRMATION_NEEDED` where nobody is at a terminal, or where the answer is another. */
export async function confirmed(context: Context, question: string): Promise<Result<void>> {
  const refused = (why: string): Result<never> => fail('CONFIRMATION_NEEDED', `${question}: ${why}`, { fix: 'the same command with --yes' });
  if (!process.stdin.isTTY || context.process.stdout.isTTY !== true) return refused('nobody is at a terminal to confirm it');
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await Promise.race([
      terminal.question(`${question}? It cannot be undone. Type yes: `),
      new Promise<string>((resolve) => void terminal.once('close', () => resolve(''))),
    ]);
    return answer.trim() === 'yes' ? ok(undefined) : refused('it was not confirmed');
  } finally {
    terminal.close();
  }
}
