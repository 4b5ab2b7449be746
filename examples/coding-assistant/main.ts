/**
 * A coding assistant that cannot delete production files: not by name, not by a
 * detour, not through a link that it makes itself, not by a shell command.
 *
 *     node examples/coding-assistant/main.ts
 *     npx agentmesh policy test examples/coding-assistant
 *
 * In a project of your own the first import reads `from 'agentmesh/kernel'`.
 */
import { Denied, GovernedFiles, KernelSpace, memoryRecorder, Policy } from '../../node/kernel/index.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the assistant tried, and what came of it: the value, or the code and rule of the refusal. */
export type Story = { readonly [attempt: string]: string };

/** A repository as the assistant finds it. */
function repository(): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentmesh-example-'));
  for (const [name, text] of [['src/main.ts', 'export {};\n'], ['src/old.ts', ''], ['production/config.json', '{"live":true}\n']] as const) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function told(result: Result<unknown>): string {
  return result.ok ? 'done' : `${result.failure.code}${typeof result.failure.detail?.['rule'] === 'string' ? ` ${result.failure.detail['rule']}` : ''}`;
}

async function tried(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return error instanceof Denied ? `${error.code} ${error.rule ?? ''}`.trim() : String(error);
  }
}

/** Lets the assistant work, and says what it could do. */
export async function main(): Promise<Story> {
  const folder = repository();
  const recorder = memoryRecorder();
  const policy = unwrap(await Policy.load(fileURLToPath(new URL('policy.yaml', import.meta.url))));
  const kernel = new KernelSpace({ policies: [policy], workspace: folder, flight_recorder: recorder });
  const files = unwrap(await GovernedFiles.open({ kernel, agent: 'coder', folders: [folder] }));
  const shell = kernel.tool({ name: 'shell', agent: 'coder', run: ({ command }: { readonly command: string }) => `ran ${command}` });
  const deploy = kernel.govern(() => 'deployed', { agent: 'coder', action: () => ({ type: 'deploy' }) });

  const story: Record<string, string> = {};
  story['write src/main.ts'] = told(await files.write('src/main.ts', 'export const answer = 42;\n'));
  story['delete src/old.ts'] = told(await files.remove('src/old.ts'));
  story['read production/config.json'] = told(await files.read('production/config.json'));
  story['delete production/config.json'] = told(await files.remove('production/config.json'));
  story['delete src/../production/config.json'] = told(await files.remove('src/../production/config.json'));
  symlinkSync(join(folder, 'production'), join(folder, 'src/shortcut'));
  story['delete src/shortcut/config.json, a link'] = told(await files.remove('src/shortcut/config.json'));
  story['read /etc/passwd'] = told(await files.read('/etc/passwd'));
  story['shell: rm -rf production/'] = await tried(shell({ command: 'rm -rf production/' }));
  story['shell: npm test'] = await tried(shell({ command: 'npm test' }));
  story['deploy'] = await tried(deploy());

  for (const [attempt, ended] of Object.entries(story)) console.log(`${attempt.padEnd(44)} ${ended}`);
  console.log(`${'production/config.json is still there'.padEnd(44)} ${existsSync(join(folder, 'production/config.json'))}`);
  console.log(`${'decisions recorded'.padEnd(44)} ${recorder.getLogs('coder', { kind: 'decision' }).length}`);
  story['production'] = existsSync(join(folder, 'production/config.json')) ? 'untouched' : 'gone';
  await files.close();
  rmSync(folder, { recursive: true });
  return story;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
