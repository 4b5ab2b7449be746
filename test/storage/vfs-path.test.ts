import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { isWithin, parseVfsPath, vfsPathText } from '../../storage/vfs-path.ts';
import { suite } from '../harness.ts';

const test = suite('storage/vfs-path');

test('a path is a list of segments, in one spelling', () => {
  assert.equal(unwrap(parseVfsPath('/')), []);
  assert.equal(unwrap(parseVfsPath('/mem/working/Notes of today.md')), ['mem', 'working', 'Notes of today.md']);
  // e and a combining acute accent are one character in NFC.
  assert.equal(unwrap(parseVfsPath('/state/caf\u0065\u0301')), unwrap(parseVfsPath('/state/caf\u00e9')));
  assert.is(vfsPathText(['a', 'b']), '/a/b');
  assert.is(vfsPathText([]), '/');
});

test('nothing that could mean another place than it says is a path', () => {
  const hostile = [
    '', 'mem/x', './x', '/mem/../policy/f', '/mem/working/../../policy/f', '/mem/./x', '/..', '/.', '/mem//x', '//mem', '/mem/', '/mem/x\0', '/mem/x\0.md', '/mem/a\nb',
    '/mem/\u202egnp.exe', '/mem/a\u200bb', '/mem/\ufeffa', '/mem/\u2028', '/mem/\ud800', '/mem\\..\\policy', '\\mem', 'C:\\x', 'file:///etc/passwd', '~/x', `/${'a'.repeat(256)}`, `/${'\u00e9'.repeat(128)}`,
    `/${Array.from({ length: 17 }, () => 'a').join('/')}`, `/${Array.from({ length: 16 }, () => 'a'.repeat(70)).join('/')}`,
  ];
  for (const text of hostile) {
    const parsed = parseVfsPath(text);
    assert.ok(!parsed.ok && parsed.failure.code === 'VFS_PATH_INVALID' && parsed.failure.fix !== undefined, JSON.stringify(text));
    assert.ok(parsed.failure.reason.length < 400, 'the reason is short however long the path is');
  }
});

test('an encoded dot is no dot: it is a name, and stays where it is', () => {
  for (const name of ['%2e%2e', '%252e', '\u2024\u2024', '..;', '...', '.hidden']) assert.equal(unwrap(parseVfsPath(`/mem/${name}`)), ['mem', name]);
});

test('any text is refused, or is a path whose text leads to the same segments', () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('/', '.', 'a', '\u0301', '\0', '\\') }).map((text) => `/${text}`)), (text) => {
    const parsed = parseVfsPath(text);
    if (!parsed.ok) return;
    assert.ok(parsed.value.every((segment) => segment !== '' && segment !== '.' && segment !== '..' && !segment.includes('/')));
    assert.equal(unwrap(parseVfsPath(vfsPathText(parsed.value))), parsed.value);
  }), { numRuns: 2000 });
});

test('what lies within a folder is told by whole segments', () => {
  assert.ok(isWithin(['policy', 'x'], ['policy']));
  assert.ok(isWithin(['policy'], ['policy']));
  assert.not(isWithin(['policyX'], ['policy']));
  assert.not(isWithin(['mem'], ['mem', 'working']));
});

test.run();
