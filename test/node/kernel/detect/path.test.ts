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
    '/proc/self/cwd/file', '//proc//self/./cwd/file', '/dev/fd/3', '/sys/kernel', '$HOME/x', 'sub/${X}/y', '$(cat x)', '`x`', 'sub/.. /../secret', 'file.', 'file ', 'sub./file', '. ./secret', '%252e%252e%252fsecret', 'sub%2f..%2f..%2fsecret',
    '%c0%ae%c0%ae/secret', 'sub／..／..／secret', '․․/secret', '\\\\server\\share', '//server/share/x', 'file://localhost/etc/passwd', 'FILE:///etc/passwd', 'javascript:x', 'c:x', 'a\u0085b', 'a\u202eb/../../x', 'sub/../../workspace-evil/x', `${workspace}/../workspace-evil`, `${base}/workspace/sub/../../secret`,
    'up/../secret', 'sub/up/../../../secret', './/..//secret', '.././workspace/../secret', 'up', 'link/', 'hard', '/root/.ssh/id_rsa', '/etc/../etc/shadow', '\ud800', '..\u2044secret', '～/x',
    '%u002e%u002e/secret', '%uff0e%uff0e/secret', '%%32%65%%32%65/secret', '%c0%9v../secret', '..;/secret', 'sub/..;x/../../secret', '.;/file', 'NUL', 'sub/con.txt', 'aux', 'COM1', 'lpt9.log', 'com¹', 'file::$DATA', 'sub/x.txt::$INDEX_ALLOCATION',
  ]) assert.ok(outside(path), JSON.stringify(path));
  for (const path of ['file', './file', 'sub', 'sub/new/deep.txt', `${workspace}/sub/../file`, workspace, `${workspace}/`, 'inside/x', 'sub/..', 'name with spaces', 'a..b', '...', 'console.log', 'auxiliary/nullable.ts', 'com10', '100%', 'a;b', '12:30 notes'] ) {
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
  for (const path of ['/proc/self/cwd', '/dev/null', '//sys/x']) assert.match(pathOutside([path], ['/'], base) ?? '', /means? something else/);
});

test('the paths of an action are found by field, by form and by the kind of action', () => {
  const named = (field: string, text: string, type = 'call'): boolean => pathsIn([{ field, text }], type).length > 0;
  for (const [field, text] of [['path', 'a'], ['file_path', 'a'], ['filename', 'a'], ['filepath', 'a'], ['output_file', 'a'], ['args', '/etc/passwd'], ['args', '../x'], ['args', '~/x'], ['args', 'file:///x'], ['args', 'a/../../x'], ['args', '%2e%2e/x'], ['args', '/etc/my file'], ['args', '..%2fx'], ['args', '%5c..%5cx'], ['args', '..%c0%afx'], ['args', '%u002e%u002e%u2215x'], ['args', 'C:/Windows/x'], ['args', '\\..\\..\\x'], ['args', '..../x']] as const) {
    assert.ok(named(field, text), `${field} ${text}`);
  }
  assert.ok(named('resource', 'notes.txt', 'file.read'));
  assert.ok(named('args', 'notes.txt', 'read_file'));
  for (const [field, text] of [['args', 'Analyze: sales'], ['args', '/summarise this text'], ['query', 'a and b'], ['args', 'and/or'], ['profile', 'x'], ['args', ''], ['args', '... and so on'], ['args', '50%25 off'], ['args', 'a: b'], ['args', '\\d+']] as const) {
    assert.not(named(field, text), `${field} ${text}`);
  }
});

test('the words of a command that have the form of a path, and what a shell would expand', () => {
  const paths = (command: string, type = 'shell', field = 'command'): readonly string[] => pathsIn([{ field, text: command }], type);
  assert.equal(paths('cat /etc/passwd > ../out'), ['/etc/passwd', '../out']);
  assert.equal(paths('tar --file=/tmp/x.tar -C ~/work sub/../../x'), ['/tmp/x.tar', '~/work', 'sub/../../x']);
  assert.equal(paths('cat "$HOME/.ssh/id_rsa"'), ['$HOME/.ssh/id_rsa']);
  assert.equal(paths('npm run build -- --mode production'), []);
  assert.equal(paths('rm -rf /', 'execute', 'args'), ['/']);
  assert.ok(pathOutside(paths('cat $HOME/x'), ['/tmp'], '/tmp'));
});

test.run();
