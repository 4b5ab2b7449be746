/** The packed tarball, installed in an empty folder as a user's program would have it. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const output_bytes_max = 4 * 1024 * 1024;

/** How a program ended, and what it printed. */
export interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** The folder with the installed package. */
export interface Installed {
  /** The user's project. */
  readonly project: string;
  /** Where the package lies in it. */
  readonly package_folder: string;
  /** What npm printed. */
  readonly said: string;
}

/**
 * The environment of a user: this test's Node comes first, and nothing of the
 * clone is in reach, neither its commands nor what npm told its own scripts.
 */
export function userEnvironment(home: string, node: string = process.execPath): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)|^npm_config_(?:local_prefix|loglevel)$|^(?:NODE_|AGENTMESH_|FORCE_COLOR$|INIT_CWD$|PATH$)/i.test(name));
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return {
    ...Object.fromEntries(kept),
    PATH: [dirname(node), ...path].join(delimiter),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_DATA_HOME: join(home, 'data'),
    NO_COLOR: '1',
  };
}

/** Runs a program to its end. */
export function run(program: string, inputs: readonly string[], options: { readonly cwd: string; readonly node?: string }): Promise<Ended> {
  const env = userEnvironment(options.cwd, options.node);
  return new Promise((resolve) => {
    execFile(program, inputs, { cwd: options.cwd, env, maxBuffer: output_bytes_max }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code ?? error.signal ?? 'unknown', stdout, stderr });
    });
  });
}

/** Runs a program that must succeed; what it printed on both streams. */
export async function mustRun(program: string, inputs: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(program, inputs, { cwd });
  if (code !== 0) throw new Error(`${program} ${inputs.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
  return stdout + stderr;
}

async function packAndInstall(): Promise<Installed> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'agentmesh-package-')));
  process.once('exit', () => rmSync(home, { recursive: true, force: true }));
  await mustRun('npm', ['pack', '--loglevel=warn', '--pack-destination', home, root], root);
  const tarball = readdirSync(home).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  const project = join(home, 'project');
  mkdirSync(project);
  await mustRun('npm', ['init', '-y'], project);
  const said = await mustRun('npm', ['install', '--prefer-offline', '--loglevel=warn', join(home, tarball)], project);
  return { project, package_folder: join(project, 'node_modules', 'agentmesh'), said };
}

let once_installed: Promise<Installed> | undefined;

/** Packs and installs at the first call; later calls get the same folder. */
export function installed(): Promise<Installed> {
  once_installed ??= packAndInstall();
  return once_installed;
}

/** The paths of the package's own files, without what npm put below it. */
export function packageFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('node_modules'));
}

/** The command as npm linked it. */
export function commandOf({ project }: Installed): string {
  return join(project, 'node_modules', '.bin', 'agentmesh');
}

/** A program that goes on running, and its output so far. */
export class Running {
  readonly #child: ChildProcess;
  #output = '';

  constructor(program: string, inputs: readonly string[], cwd: string) {
    const child = spawn(program, inputs, { cwd, env: userEnvironment(cwd), stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk) => { this.#output += String(chunk); });
    child.stderr.on('data', (chunk) => { this.#output += String(chunk); });
    this.#child = child;
  }

  get output(): string {
    return this.#output;
  }

  /** Resolves when it has printed a text; rejects when it ends before. */
  async printed(text: string): Promise<void> {
    while (!this.#output.includes(text)) {
      if ((this.#child.exitCode ?? this.#child.signalCode) !== null) throw new Error(`it ended before it printed "${text}":\n${this.#output}`);
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  }

  /** Sends a signal; its exit code, or the signal's name if that ended it. */
  async end(signal: 'SIGINT' | 'SIGKILL'): Promise<number | string> {
    const child = this.#child;
    const over = child.exitCode ?? child.signalCode;
    if (over !== null) return over;
    const ended = once(child, 'close');
    child.kill(signal);
    const [code, by]: unknown[] = await ended;
    return typeof code === 'number' ? code : String(by);
  }
}

/** Checks a program of the project with the compiler and the types of Node that the clone has. */
export function typeCheck(project: string, file: string, program: string): Promise<Ended> {
  writeFileSync(join(project, file), program);
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024', '--lib', 'es2024,esnext.disposable', '--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];
  return run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), ...options, file], { cwd: project });
}

/** A Node in PATH that is older than the package needs, if there is one. */
export async function oldNode(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'node');
    try {
      accessSync(path, constants.X_OK);
    } catch {
      continue;
    }
    const { stdout } = await run(path, ['--version'], { cwd: tmpdir() });
    const [major = 0, minor = 0] = stdout.slice(1).split('.').map(Number);
    if (major < 22 || (major === 22 && minor < 18)) return path;
  }
  return undefined;
}

/** The repository's package.json. */
export function manifest(): { readonly version: string } {
  const parsed: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (typeof parsed !== 'object' || parsed === null || !('version' in parsed) || typeof parsed.version !== 'string') throw new Error('package.json has no version');
  return { version: parsed.version };
}
