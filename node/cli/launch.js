#!/usr/bin/env node
/**
 * The entry of the command line, in plain JavaScript that any Node since 20 can
 * run. It finds a Node that is new enough, then loads the program: the sources
 * in a clone, the built files in the published package.
 */
import { existsSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const version_min = [22, 18];
/** How long a child has to hear of a signal by itself before it is passed on. */
const forward_ms = 100;
// Left to itself V8 lets young objects take 128 MiB before it looks which of them are dead; a node has little use for that.
const flags = ['--max-semi-space-size=16'];
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Whether a version text is at least {@link version_min}. */
function isEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > version_min[0] || (major === version_min[0] && minor >= version_min[1]);
}

/** The Node that a clone brings along for hosts whose own is too old, if it is there. */
function bundledNode() {
  const { platform, arch } = process;
  const file = platform === 'win32' ? 'node.exe' : 'node';
  return [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`]
    .map((name) => join(root, 'node_modules', name, 'bin', file))
    .find((path) => existsSync(path));
}

/** Runs this file again under another Node: same streams, signals passed on, same end. */
async function runUnder(node) {
  const { spawn } = await import('node:child_process');
  const child = spawn(node, [...flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal gives Ctrl-C to both; the child that is about to end well of it must not be struck a second time.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void setTimeout(() => child.kill(signal), forward_ms).unref());
  child.once('error', (error) => {
    console.error(`error NODE_UNUSABLE: ${node} cannot be run: ${error.message}`);
    process.exitCode = 1;
  });
  child.once('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    // Ends as the child ended, so that whoever waits sees the same.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** Keeps compiled code between runs, in a folder of the user's own: code in a shared folder could be another's. */
function keepCompiledCode() {
  const base = process.env.XDG_CACHE_HOME;
  const cache = base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache');
  module.enableCompileCache?.(join(cache, 'agentmesh', 'compiled'));
}

/** Older releases announce type stripping as experimental on every start. */
function silenceTypeStripping() {
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    if (rest[0] !== 'ExperimentalWarning' || !/type stripping/i.test(String(warning))) emitWarning.call(process, warning, ...rest);
  };
}

async function launch() {
  keepCompiledCode();
  silenceTypeStripping();
  const sources = new URL('./main.ts', import.meta.url);
  const built = new URL('../../dist/node/cli/main.js', import.meta.url);
  // A published package never has the sources: Node strips no types below node_modules.
  const { main } = await import(existsSync(sources) ? sources.href : built.href);
  await main(process.argv.slice(2), process);
}

if (isEnough(process.versions.node)) {
  await launch();
} else {
  const node = bundledNode();
  if (node === undefined) {
    console.error(`error NODE_TOO_OLD: agentmesh needs Node ${version_min.join('.')} or newer, this is ${process.versions.node}`);
    console.error('fix: install Node 24 from https://nodejs.org, or run npm ci in a clone, which brings it along');
    process.exitCode = 1;
  } else {
    await runUnder(node);
  }
}
