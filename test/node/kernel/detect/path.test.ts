import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { pathOutside, pathsIn } from '../../../../node/kernel/detect/path.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/detect/path');

test('nothing leads out of the workspace', ({ folder }) => {
  const base = folder();
  const workspace = join(base, 'workspace');
  mkdirSync(join(workspace, 'sub'), { recursive: true });
  mkdirSync(join(base, 'workspace-evil'));
  writeFileSync(join(base, 'secret'), 's');
  writeFileSync(join(workspace, 'file'), 'f');
  symlinkSync(base, join(workspace, 'up'));
  symlinkSync(join(base, 'secret'), join(workspace, 'link'));
  symlinkSync('/nonexistent/target', join(workspace, 'dangling'));
  symlinkSync('loop', join(workspace, 'loop'));
  symlinkSync('sub', join(workspace, 'inside'));
  linkSync(join(base, 'secret'), join(workspace, 'hard'));
  const outside = (path: string): string | undefined => pathOutside([path], [workspace], workspace);
  for (const path of [
    '/etc/passwd', '../secret', 'sub/../../secret', `${workspace}-evil/x`, `${workspace}/../secret`, 'up/secret', 'link', 'dangling', 'loop', 'hard',
    'up/new-file', 'sub/%2e%2e/%2e%2e/secret', '%2e%2e/secret', '~/x', '~root/x', 'file:///etc/passwd', 'http://x/y', 'file\0.txt', '..\\secret', 'C:\\x',
    '．．/secret', '‥/secret', 'a\nb', '', '/', '//etc/passwd', 'x'.repeat(5_000), 'file/below', '/proc/self/root/etc/passwd',
  ]) assert.ok(outside(path), JSON.stringify(path));
  for (const path of ['file', './file', 'sub', 'sub/new/deep.txt', `${workspace}/sub/../file`, workspace, `${workspace}/`, 'inside/x', 'sub/..', 'name with spaces', 'a..b', '...'] ) {
    assert.is(outside(path), undefined, path);
  }
});

test('several folders, one of them relative; a folder that cannot be looked at contains nothing', ({ folder }) => {
  const base = folder();
  mkdirSync(join(base, 'a'));
  mkdirSync(join(base, 'b'));
  assert.is(pathOutside(['a/x', 'b/y'], [join(base, 'a'), 'b'], base), undefined);
  assert.ok(pathOutside(['a/x', 'c/y'], [join(base, 'a'), 'b'], base));
  assert.ok(pathOutside(['a/x'], ['~'], base));
  assert.ok(pathOutside(['a/x'], [], base));
});

test('the paths of an action are found by field, by form and by the kind of action', () => {
  const named = (field: string, text: string, type = 'call'): boolean => pathsIn([{ field, text }], type).length > 0;
  for (const [field, text] of [['path', 'a'], ['file_path', 'a'], ['filename', 'a'], ['filepath', 'a'], ['output_file', 'a'], ['args', '/etc/passwd'], ['args', '../x'], ['args', '~/x'], ['args', 'file:///x'], ['args', 'a/../../x'], ['args', '%2e%2e/x'], ['args', '/etc/my file']] as const) {
    assert.ok(named(field, text), `${field} ${text}`);
  }
  assert.ok(named('resource', 'notes.txt', 'file.read'));
  assert.ok(named('args', 'notes.txt', 'read_file'));
  for (const [field, text] of [['args', 'Analyze: sales'], ['args', '/summarise this text'], ['query', 'a and b'], ['args', 'and/or'], ['profile', 'x'], ['args', '']] as const) {
    assert.not(named(field, text), `${field} ${text}`);
  }
});

test.run();
