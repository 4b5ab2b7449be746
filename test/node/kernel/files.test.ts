import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as assert from 'uvu/assert';
import { unwrap } from '../../../crypto/result.ts';
import { GovernedFiles, written_bytes_max } from '../../../node/kernel/files/governed-files.ts';
import { walkMeans, type WalkMeans } from '../../../node/kernel/files/walk.ts';
import { Policy } from '../../../node/kernel/guards.ts';
import { KernelSpace } from '../../../node/kernel/kernel.ts';
import { memoryRecorder, type MemoryRecorder } from '../../../node/kernel/recorder.ts';
import { suite, type TestContext } from '../../harness.ts';

const test = suite('node/kernel/files');

interface World {
  readonly base: string;
  readonly workspace: string;
  readonly files: GovernedFiles;
  readonly recorder: MemoryRecorder;
}

async function world({ folder, after }: TestContext, means: WalkMeans = walkMeans(), policies: readonly Policy[] = [Policy.rateLimit(1_000_000, '1h')]): Promise<World> {
  const base = folder();
  const workspace = join(base, 'workspace');
  mkdirSync(join(workspace, 'sub'), { recursive: true });
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside', 'secret'), 'outside');
  writeFileSync(join(workspace, 'file'), 'inside');
  writeFileSync(join(workspace, 'sub', 'secret'), 'inside');
  const recorder = memoryRecorder();
  const kernel = new KernelSpace({ policies, workspace, flight_recorder: recorder, loops: 'none' });
  const files = unwrap(await GovernedFiles.open({ kernel, agent: 'worker', folders: [workspace], means }));
  after(() => files.close());
  return { base, workspace, files, recorder };
}

const kinds: readonly WalkMeans[] = walkMeans() === 'descriptors' ? ['descriptors', 'real-paths'] : ['real-paths'];
for (const means of kinds) {
  test(`${means}: reads, writes, lists, makes, renames and removes inside`, async (context) => {
    const { workspace, files } = await world(context, means);
    assert.is(new TextDecoder().decode(unwrap(await files.read('file'))), 'inside');
    assert.is(new TextDecoder().decode(unwrap(await files.read(join(workspace, 'sub/../file')))), 'inside');
    unwrap(await files.makeFolder('new'));
    unwrap(await files.write('new/text', 'a longer first text'));
    unwrap(await files.write('new/text', 'second'));
    assert.is(readFileSync(join(workspace, 'new/text'), 'utf8'), 'second');
    unwrap(await files.write('new/bytes', Uint8Array.of(0xff, 0, 0x80)));
    assert.equal([...readFileSync(join(workspace, 'new/bytes'))], [0xff, 0, 0x80]);
    unwrap(await files.rename('new/text', 'sub/moved'));
    assert.equal(unwrap(await files.list('sub')), ['moved', 'secret']);
    assert.equal(unwrap(await files.list('.')), ['file', 'new', 'sub']);
    assert.is(unwrap(await files.stat('new/bytes')).bytes, 3);
    assert.is(unwrap(await files.stat(workspace)).kind, 'folder');
    unwrap(await files.remove('sub/moved'));
    assert.not(existsSync(join(workspace, 'sub/moved')));
  });

  test(`${means}: no spelling, link, second name or odd kind of file leads out, and the record says so`, async (context) => {
    const { base, workspace, files, recorder } = await world(context, means);
    symlinkSync('../outside', join(workspace, 'up'));
    symlinkSync('../outside/secret', join(workspace, 'link'));
    symlinkSync('/proc/self/root', join(workspace, 'root'));
    symlinkSync('/nonexistent', join(workspace, 'dangling'));
    linkSync(join(base, 'outside/secret'), join(workspace, 'hard'));
    // Without a second hard link, so that the link on the way alone is what refuses it.
    writeFileSync(join(base, 'outside/other'), 'outside');
    execFileSync('sh', ['-c', 'mkfifo "$0"', join(workspace, 'pipe')]);
    const escapes = [
      '../outside/secret', 'sub/../../outside/secret', join(base, 'outside/secret'), `${workspace}-evil/x`, 'up/secret', 'up/other', 'up/new', 'link', `root${base}/outside/secret`, 'dangling', 'hard', 'pipe',
      'sub/%2e%2e/%2e%2e/outside/secret', '..%2foutside/secret', '%252e%252e/outside/secret', '..\\outside\\secret', '~/x', 'file:///etc/passwd', 'file\0', '．．/outside/secret', 'sub／..／..／outside/secret',
      '/proc/self/root/etc/passwd', '/proc/self/cwd/x', '/dev/fd/0', '//server/share', '\\\\server\\share', 'C:\\x', 'sub/.. /x', 'file.', 'file ', '', 'a/'.repeat(200), 'x'.repeat(5000), 'file/below', '$HOME/x', 'a\nb', '..;/x/../../outside/secret',
    ];
    for (const path of escapes) {
      for (const attempt of [() => files.read(path), () => files.write(path, 'changed'), () => files.remove(`${path}/secret`)]) {
        const result = await attempt();
        assert.not(result.ok, path);
        const last = recorder.getLogs('worker', { kind: 'outcome' }).at(-1);
        assert.ok(last?.kind === 'outcome' && last.status === 'failed', path);
      }
    }
    assert.is(readFileSync(join(base, 'outside/secret'), 'utf8'), 'outside');
    assert.is(readFileSync(join(base, 'outside/other'), 'utf8'), 'outside');
    assert.not(existsSync(join(base, 'outside/new')));
    assert.equal(unwrap(await files.stat('up')).kind, 'link');
    assert.match((await codeOf(files.read('link'))), /^PATH_ESCAPES$/);
    assert.match((await codeOf(files.read('hard'))), /^PATH_ESCAPES$/);
    assert.match((await codeOf(files.read('pipe'))), /^PATH_REFUSED$/);
    assert.match((await codeOf(files.read('sub/none'))), /^FILE_MISSING$/);
    // Removing a link removes the link.
    unwrap(await files.remove('link'));
    assert.ok(existsSync(join(base, 'outside/secret')));
  });
}

async function codeOf(result: Promise<{ readonly ok: boolean; readonly failure?: { readonly code: string } }>): Promise<string> {
  return (await result).failure?.code ?? '';
}

test('what policy denies is not walked to, and the denial is recorded with the path', async (context) => {
  const { workspace, files, recorder } = await world(context, walkMeans(), [Policy.fileAccess('/somewhere/else')]);
  assert.is(await codeOf(files.write('file', 'changed')), 'KERNEL_DENIED');
  assert.is(readFileSync(join(workspace, 'file'), 'utf8'), 'inside');
  const [record] = recorder.getLogs('worker', { verdict: 'deny' });
  assert.ok(record?.kind === 'decision');
  assert.equal(record.action, { type: 'file.write', path: join(workspace, 'file') });
});

test('policies see what is written, also behind a byte that is no UTF-8', async (context) => {
  const no_personal_data = unwrap(await Policy.parse('version: "1.0"\nname: t\nrules:\n  - {name: allow, condition: "true", action: allow}\n  - {name: deny, condition: "action.type == \'file.write\' and data.contains_pii", action: deny}\n', 't.yaml'));
  const { files } = await world(context, walkMeans(), [no_personal_data]);
  assert.is(await codeOf(files.write('file', 'mail bob@example.com')), 'KERNEL_DENIED');
  assert.is(await codeOf(files.write('file', Buffer.concat([Uint8Array.of(0xff), Buffer.from(' mail bob@example.com ')]))), 'KERNEL_DENIED');
  assert.is(await codeOf(files.write('file', 'nothing')), '');
  assert.is(await codeOf(files.write('file', 'x'.repeat(written_bytes_max + 1))), 'FILE_TOO_LARGE');
});

test('rules see what was read before it is given out, and what they redact is not in it', async (context) => {
  const policy = async (action: string): Promise<Policy> => unwrap(await Policy.parse(`version: "1.0"
name: files
rules:
  - {name: files, condition: "action.type == 'file.read'", action: allow}
  - {name: cards, condition: "action.type == 'tool_result' and data.contains_pii", action: ${action}}
`, 'files.yaml'));
  const card = '4111 1111 1111 1111';
  for (const [action, given] of [['deny', 'OUTPUT_DENIED'], ['redact', 'redacted']] as const) {
    const { workspace, files } = await world(context, walkMeans(), [await policy(action)]);
    for (const odd of [[], [0xff]]) {
      writeFileSync(join(workspace, 'card'), Buffer.concat([Uint8Array.from(odd), Buffer.from(`card ${card} end`)]));
      const read = await files.read('card');
      const text = read.ok ? Buffer.from(read.value).toString('latin1') : '';
      assert.is(read.ok ? 'redacted' : read.failure.code, given);
      assert.not.match(text, /4111/);
      if (read.ok) assert.match(text, /card .+ end$/);
    }
    writeFileSync(join(workspace, 'plain'), Uint8Array.of(1, 0xff, 2));
    assert.equal([...unwrap(await files.read('plain'))], [1, 0xff, 2]);
  }
});

test('a folder that is not there is not opened', async ({ folder }) => {
  const kernel = new KernelSpace({ policies: [] });
  assert.is(await codeOf(GovernedFiles.open({ kernel, agent: 'a', folders: [folder(), join(folder(), 'none')] })), 'FOLDER_UNAVAILABLE');
});

// Another thread swaps the folder on the way for a link to the outside as fast as it can.
const swapper = `
const { renameSync } = require('node:fs');
const { workerData } = require('node:worker_threads');
const end = Date.now() + workerData.ms;
let swaps = 0;
while (Date.now() < end) {
  for (let count = 0; count < 100; count += 1) {
    try {
      renameSync(workerData.inner, workerData.aside); renameSync(workerData.link, workerData.inner);
      renameSync(workerData.inner, workerData.link); renameSync(workerData.aside, workerData.inner);
      swaps += 1;
    } catch {}
  }
}
require('node:worker_threads').parentPort.postMessage(swaps);
`;

if (walkMeans() === 'descriptors') {
  test('no swap of a folder for a link leads out in 2 s of racing', async (context) => {
    const { base, workspace, files, recorder } = await world(context);
    const link = join(workspace, 'sub-link');
    symlinkSync(join(base, 'outside'), link);
    const worker = new Worker(swapper, { eval: true, workerData: { inner: join(workspace, 'sub'), link, aside: join(workspace, 'sub-aside'), ms: 2_000 } });
    const ended: { swaps?: number } = {};
    worker.on('message', (count: number) => { ended.swaps = count; });
    let inside = 0;
    let refused = 0;
    while (ended.swaps === undefined) {
      await new Promise((resolve) => { setImmediate(resolve); });
      const [read, write] = await Promise.all([files.read('sub/secret'), files.write('sub/new', 'changed')]);
      if (!read.ok) refused += 1;
      else {
        assert.is(new TextDecoder().decode(read.value), 'inside');
        inside += 1;
      }
      if (!write.ok) refused += 1;
    }
    await worker.terminate();
    const { swaps = 0 } = ended;
    assert.not(existsSync(join(base, 'outside/new')));
    const failed = recorder.getLogs('worker', { kind: 'outcome' }).filter((record) => record.kind === 'outcome' && record.status === 'failed');
    assert.is(failed.length, refused, 'each refusal is an outcome of its own');
    assert.ok(failed.every((record) => record.kind === 'outcome' && /PATH_ESCAPES|PATH_REFUSED|FILE_MISSING/.test(record.reason ?? '')), JSON.stringify(failed.at(-1)));
    console.log(`  race: ${swaps} swaps, ${inside} reads inside, ${refused} refused, 0 escapes`);
    assert.ok(swaps > 100 && inside > 10 && refused > 10, `${swaps} ${inside} ${refused}`);
  });
} else test.skip('no swap of a folder for a link leads out', 'this system has no /proc/self/fd');

test.run();
