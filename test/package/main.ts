/** What a user gets who installs the published package: the command, the library and its types, and nothing else. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { commandOf, installed, manifest, oldNode, packageFiles, run, Running, typeCheck } from './installed.ts';

const test = suite('package');
const install_ms_max = 240_000;
const old_node = await oldNode();

const program = `import { createNode, KernelSpace, Policy, unwrap } from 'agentmesh';
import { Denied } from 'agentmesh/kernel';

const kernel = new KernelSpace({ policies: [Policy.noDestructiveSql()] });
const query = kernel.govern(async (sql: string) => \`ran \${sql}\`);
const refused: unknown = await query('DROP TABLE reports').catch((error: unknown) => error);
await using node = unwrap(await createNode({ data: 'library-data', listen: ['/ip4/127.0.0.1/tcp/0'] }));
const did: string = node.did;
console.log(JSON.stringify({ allowed: await query('SELECT 1'), denied: refused instanceof Denied, did }));
`;

function parsedObject(text: string): { readonly [name: string]: unknown } {
  const parsed: unknown = JSON.parse(text);
  assert.ok(typeof parsed === 'object' && parsed !== null, text);
  return Object.fromEntries(Object.entries(parsed));
}

test('npm packs it, and installs it in an empty folder without a complaint', async () => {
  const { said, package_folder } = await installed();
  assert.ok(existsSync(join(package_folder, 'package.json')));
  assert.not.match(said, /npm error|deprecated|EBADENGINE/);
}, { ms: install_ms_max });

test('the package holds the built files with their types, what the browser gets, and no source, test or map', async () => {
  const { package_folder } = await installed();
  const files = packageFiles(package_folder);
  const around = files.filter((path) => !/^dist\/(?:crypto|storage|protocols|node)\/.+\.(?:js|d\.ts)$/.test(path));
  assert.equal(around.sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', ...['model.js', 'page.css', 'page.html', 'page.js'].map((name) => `node/approvals-page/assets/${name}`), 'node/cli/launch.js', 'package.json']);
  const built = files.filter((path) => /^dist\/.*\.js$/.test(path));
  assert.ok(built.length > 40, 'the built files are there');
  assert.equal(built.filter((path) => !files.includes(path.replace(/\.js$/, '.d.ts'))), []);
  const unfinished = built.filter((path) => /from '\.[^']*\.ts'|import\('\.[^']*\.ts'\)/.test(readFileSync(join(package_folder, path), 'utf8')));
  assert.equal(unfinished, [], 'no built file imports a source');
});

test('the command says its version and its help', async () => {
  const here = await installed();
  const version = await run(commandOf(here), ['--version'], { cwd: here.project });
  assert.equal(version, { code: 0, stdout: `${manifest().version}\n`, stderr: '' });
  const help = await run(commandOf(here), ['--help'], { cwd: here.project });
  assert.is(help.code, 0);
  assert.match(help.stdout, 'EXAMPLES');
  assert.match(help.stdout, 'agentmesh up');
  assert.is(help.stderr, '');
});

test('a node starts, answers status, shows its page and stops at Ctrl-C', async ({ after }) => {
  const here = await installed();
  const data = join(here.project, 'node-data');
  const before = await run(commandOf(here), ['status', '--json', '--data', data], { cwd: here.project });
  assert.is(before.code, 3, 'no node runs yet');
  const node = new Running(commandOf(here), ['up', '--data', data, '--listen', '/ip4/127.0.0.1/tcp/0'], here.project);
  after(async () => void await node.end('SIGKILL'));
  await node.printed('Ctrl-C stops it');
  const status = await run(commandOf(here), ['status', '--json', '--data', data], { cwd: here.project });
  assert.is(status.code, 0, status.stderr);
  assert.match(node.output, String(parsedObject(status.stdout)['did']));
  const page = await run(commandOf(here), ['approvals', 'page', '--json', '--data', data], { cwd: here.project });
  const [origin = ''] = String(parsedObject(page.stdout)['url']).split('/#');
  const answers = await Promise.all(['/', '/page.css', '/page.js', '/model.js'].map(async (path) => (await fetch(`${origin}${path}`)).status));
  assert.equal(answers, [200, 200, 200, 200], 'the files of the page come from the package');
  assert.is(await node.end('SIGINT'), 0);
  assert.match(node.output, /stopped\n$/);
}, { ms: 60_000 });

test('a program imports the library, governs a function and runs a node', async () => {
  const { project } = await installed();
  writeFileSync(join(project, 'program.mts'), program);
  const ran = await run(process.execPath, ['program.mts'], { cwd: project });
  assert.is(ran.code, 0, ran.stderr);
  const { did, ...governed } = parsedObject(ran.stdout);
  assert.equal(governed, { allowed: 'ran SELECT 1', denied: true });
  assert.match(String(did), /^did:mesh:b[a-z2-7]{52}$/);
}, { ms: 60_000 });

test('the command runs untrusted JavaScript in QuickJS, whose thread is a file of the package', async () => {
  const here = await installed();
  writeFileSync(join(here.project, 'policy.yaml'), 'version: "1.0"\nrules:\n  - { name: start, condition: "action.type == \'execute\'", action: allow }\n');
  writeFileSync(join(here.project, 'untrusted.js'), 'return { sum: 1 + 2, host: typeof process };');
  const ran = await run(commandOf(here), ['run', '--sandbox', 'quickjs', '--policy', 'policy.yaml', '--', 'untrusted.js'], { cwd: here.project });
  assert.equal([ran.code, ran.stdout], [0, '{"sum":3,"host":"undefined"}\n'], ran.stderr);
});

test('the types come along: the program fits them, and a wrong one does not', async () => {
  const { project } = await installed();
  assert.equal(await typeCheck(project, 'right.mts', program), { code: 0, stdout: '', stderr: '' });
  const wrong = await typeCheck(project, 'wrong.mts', program.replace('Policy.noDestructiveSql()', '7').replace('const did: string', 'const did: number'));
  assert.match(wrong.stdout, /wrong\.mts\(4,.*error TS2322/);
  assert.match(wrong.stdout, /wrong\.mts\(8,.*error TS2322/);
}, { ms: 60_000 });

test('what the package does not export cannot be imported', async () => {
  const { project } = await installed();
  const inner = await run(process.execPath, ['-e', 'import(\'agentmesh/dist/crypto/keys.js\').catch((error) => console.log(error.code))'], { cwd: project });
  assert.is(inner.stdout, 'ERR_PACKAGE_PATH_NOT_EXPORTED\n');
});

const under_old_node = 'under a Node that is too old, the command says one thing and how to mend it';
if (old_node === undefined) test.skip(under_old_node, 'every Node in PATH is new enough');
else test(under_old_node, async () => {
  const here = await installed();
  for (const inputs of [['--version'], ['up'], []]) {
    const ended = await run(commandOf(here), inputs, { cwd: here.project, node: old_node });
    assert.is(ended.code, 1);
    assert.is(ended.stdout, '');
    assert.match(ended.stderr, /^error NODE_TOO_OLD: agentmesh needs Node 22\.18 or newer, this is \d+\.\d+\.\d+\nfix: install Node 24 [^\n]*\n$/);
  }
});

test.run();
