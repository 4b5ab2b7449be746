/** The house's rules as tests: which way imports go, who may touch the clock, how long a file may get. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from './harness.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['crypto', 'storage', 'protocols', 'node', 'simulator'] as const;
const lines_max = 400;

interface Source {
  readonly path: string;
  readonly text: string;
  /** The text without comments and without what stands in quotes. */
  readonly code: string;
}

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const text = readFileSync(path, 'utf8');
      const code = text
        .replaceAll(/\/\*[\s\S]*?\*\//g, '')
        .replaceAll(/^\s*\/\/.*$/gm, '')
        .replaceAll(/'(?:[^'\\\n]|\\.)*'/g, '\'\'');
      return { path: relative(root, path), text, code };
    });
}

const sources = folders.flatMap(sourcesIn);

function importsOf(source: Source): string[] {
  return [...source.text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].flatMap((match) => match[1] ?? []);
}

/** The top folder that a relative import leads to, or the package's name. */
function targetOf(source: Source, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return relative(root, resolve(root, dirname(source.path), specifier)).split('/')[0] ?? '';
}

/** Why the import is not allowed, if so. */
function wrongArrow(source: Source, specifier: string): string | undefined {
  const from = source.path.split('/')[0] ?? '';
  const to = targetOf(source, specifier);
  const order: readonly string[] = folders;
  if (order.includes(to) && order.indexOf(to) > order.indexOf(from)) return `${source.path} imports ${to}/, which lies to its right`;
  if (to === 'test' || to === 'examples') return `${source.path} imports ${to}/`;
  const is_libp2p = /^(?:libp2p|@libp2p\/|@chainsafe\/libp2p|@multiformats\/)/.test(to);
  if (is_libp2p && !/^node\/libp2p(?:\.ts|\/)/.test(source.path)) return `${source.path} imports ${to}; only node/libp2p may`;
  if (from === 'crypto' && /^node:(?:fs|net|http|child_process|worker_threads|timers)/.test(to)) return `${source.path} imports ${to}; crypto does no input or output`;
  return undefined;
}

const world_calls = /\b(?:Date\.now|Math\.random|performance\.now|setTimeout|setInterval|randomBytes|randomUUID|getRandomValues|AbortSignal\.timeout)\b|\bnew Date\(\)/;

const test = suite('tidy');

test('imports go one way: crypto, storage, protocols, node; nothing imports the simulator', () => {
  const wrong = sources.flatMap((source) => importsOf(source).flatMap((specifier) => wrongArrow(source, specifier) ?? []));
  assert.equal(wrong, []);
  assert.ok(sources.length > 40, 'the sources were found');
});

test('the rule of arrows would notice a wrong one', () => {
  const source: Source = { path: 'crypto/hash.ts', text: '', code: '' };
  assert.ok(wrongArrow(source, '../storage/store.ts'));
  assert.ok(wrongArrow({ ...source, path: 'node/host.ts' }, '../simulator/kernel.ts'));
  assert.ok(wrongArrow({ ...source, path: 'protocols/message/message.ts' }, 'libp2p'));
  assert.not.ok(wrongArrow({ ...source, path: 'node/host.ts' }, '../crypto/hash.ts'));
});

test('time and chance come from node/clock.ts alone', () => {
  const wrong = sources
    .filter(({ path, code }) => path !== 'node/clock.ts' && !path.startsWith('node/cli/') && world_calls.test(code))
    .map(({ path }) => path);
  assert.equal(wrong, []);
});

test('no file is longer than one can read in a sitting', () => {
  const long = sources.filter(({ text }) => text.split('\n').length > lines_max).map(({ path }) => path);
  assert.equal(long, []);
});

test('nothing is left undone or untyped', () => {
  const marks = /\b(?:TODO|FIXME|XXX|HACK)\b|@ts-(?:ignore|expect-error|nocheck)|oxlint-disable|\bas any\b|: any\b|as unknown as/;
  assert.equal(sources.filter(({ text }) => marks.test(text)).map(({ path }) => path), []);
});

test('every public function, class and type says what it is for', () => {
  const silent = sources.flatMap(({ path, text }) => {
    const lines = text.split('\n');
    return lines.flatMap((line, index) => {
      const is_public = /^export (?:async )?(?:function|class|interface|type [A-Z])/.test(line);
      return is_public && !(lines[index - 1] ?? '').trimEnd().endsWith('*/') ? [`${path}:${index + 1}`] : [];
    });
  });
  assert.equal(silent, []);
});

test.run();
