/**
 * `npm run demo`: four node processes on loopback tell one story through every
 * layer. Each step checks what it says; a check that fails ends the demo with
 * exit code 1. `--json` prints one object a step.
 */
import { messageOf } from '../../crypto/result.ts';
import { temporaryHome } from './nodes.ts';
import { Story, steps } from './steps.ts';

const as_json = process.argv.includes('--json');

function show(number: number, title: string, outcome: { readonly holds: boolean; readonly checked: readonly string[]; readonly took_ms: number; readonly error?: string }): void {
  if (as_json) {
    console.log(JSON.stringify({ step: number, title, ...outcome }));
    return;
  }
  console.log(`${outcome.holds ? '√' : '×'} ${String(number).padStart(2)}  ${title}  (${outcome.took_ms} ms)`);
  for (const line of outcome.checked) console.log(`        ${line}`);
  if (outcome.error !== undefined) console.log(`        FAILED: ${outcome.error}`);
}

async function tell(story: Story): Promise<number> {
  let held = 0;
  for (const [index, step] of steps.entries()) {
    const since = performance.now();
    const checked: string[] = [];
    try {
      await step.run(story, (line) => void checked.push(line));
      held += 1;
      show(index + 1, step.title, { holds: true, checked, took_ms: Math.round(performance.now() - since) });
    } catch (error) {
      show(index + 1, step.title, { holds: false, checked, took_ms: Math.round(performance.now() - since), error: messageOf(error) });
      // Later steps stand on this one.
      break;
    }
  }
  return held;
}

const home = temporaryHome();
const story = new Story(home.path);
const interrupt = (): void => void story.killAll().finally(() => {
  home.remove();
  process.exit(130);
});
process.once('SIGINT', interrupt);
process.once('SIGTERM', interrupt);
try {
  const held = await tell(story);
  if (!as_json) console.log(`\n${held} of ${steps.length} steps hold`);
  process.exitCode = held === steps.length ? 0 : 1;
} finally {
  await story.killAll();
  home.remove();
}
process.off('SIGINT', interrupt);
process.off('SIGTERM', interrupt);
