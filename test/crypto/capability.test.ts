import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { contains, containsPath, firstWidened, narrows, parseCapabilities, parseCapability, parsePath, type Capability } from '../../crypto/capability.ts';
import { unwrap } from '../../crypto/result.ts';
import { suite } from '../harness.ts';

const test = suite('crypto/capability');
const capability = (text: string): Capability => unwrap(parseCapability(text));

/** All concrete commands over two verbs and two words, up to four segments: enough to tell any two patterns below apart. */
function universe(): readonly Capability[] {
  const paths: string[][] = [];
  let longest: string[][] = [[]];
  for (let length = 1; length <= 4; length += 1) {
    longest = longest.flatMap((path) => ['a', 'b'].map((word) => path.concat(word)));
    paths.push(...longest);
  }
  return ['read', 'write'].flatMap((verb) => paths.map((path) => capability(`${verb}:${path.join('/')}`)));
}

/** What a pattern permits, by a second reading of the grammar: as a regular expression. */
function permitted(pattern: Capability, commands: readonly Capability[]): ReadonlySet<string> {
  const segments = pattern.path.map((segment) => (segment === '**' ? '[^/]+(?:/[^/]+)*' : segment === '*' ? '[^/]+' : segment));
  const expression = new RegExp(`^${pattern.verb === '*' ? '[a-z]+' : pattern.verb}:${segments.join('/')}$`);
  return new Set(commands.filter((command) => expression.test(command.text)).map((command) => command.text));
}

const segment = fc.constantFrom('a', 'b', '*');
const pattern = fc.tuple(fc.constantFrom('read', 'write', '*'), fc.array(segment, { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([verb, path, open]) => capability(`${verb}:${[...path.slice(0, 2), ...(open ? ['**'] : path.slice(2))].join('/')}`));

test('one capability contains another exactly when it permits every command of the other', () => {
  const commands = universe();
  const sets = new Map<string, ReadonlySet<string>>();
  const setOf = (item: Capability): ReadonlySet<string> => {
    const known = sets.get(item.text) ?? permitted(item, commands);
    sets.set(item.text, known);
    return known;
  };
  let contained = 0;
  fc.assert(fc.property(pattern, pattern, (parent, child) => {
    const subset = [...setOf(child)].every((command) => setOf(parent).has(command));
    // A verb of its own beside read and write is behind *, which the two verbs of the universe cannot show.
    const expected = subset && (parent.verb === '*' || child.verb !== '*');
    assert.is(contains(parent, child), expected, `${parent.text} over ${child.text}`);
    contained += Number(expected);
  }), { numRuns: 6000 });
  assert.ok(contained > 200, 'both answers were seen');
});

test('every pattern over two words and three levels against every other: nothing unsound, nothing incomplete', () => {
  const tails = (depth: number): string[] => depth === 1 ? ['a', 'b', '*', '**'] : ['a', 'b', '*'].flatMap((head) => tails(depth - 1).map((tail) => `${head}/${tail}`));
  const patterns = ['read', 'write', '*'].flatMap((verb) => [1, 2, 3].flatMap(tails).map((path) => capability(`${verb}:${path}`)));
  // A word and a verb that no pattern names show what lies behind a wildcard, a fourth level what lies behind **.
  const paths = (depth: number): string[] => depth === 0 ? [] : ['a', 'b', 'c'].flatMap((head) => [head].concat(paths(depth - 1).map((tail) => `${head}/${tail}`)));
  const commands = ['read', 'write', 'other'].flatMap((verb) => paths(4).map((path) => capability(`${verb}:${path}`)));
  const permits = (pattern: Capability): Uint8Array => {
    const expression = new RegExp(`^${pattern.verb === '*' ? '[a-z]+' : pattern.verb}:${pattern.path.map((segment) => (segment === '**' ? '.+' : segment === '*' ? '[^/]+' : segment)).join('/')}$`);
    return Uint8Array.from(commands, ({ text }) => Number(expression.test(text)));
  };
  const sets = patterns.map(permits);
  const wrong = { unsound: 0, incomplete: 0 };
  let contained = 0;
  for (const [index, parent] of patterns.entries()) {
    for (const [other, child] of patterns.entries()) {
      const is_subset = sets[other]?.every((member, at) => member <= (sets[index]?.[at] ?? 0)) ?? false;
      const answer = contains(parent, child);
      contained += Number(answer);
      if (answer && !is_subset) wrong.unsound += 1;
      if (!answer && is_subset) wrong.incomplete += 1;
    }
  }
  assert.equal([patterns.length, commands.length], [156, 360]);
  assert.equal(wrong, { unsound: 0, incomplete: 0 });
  assert.ok(contained > 2000 && contained < patterns.length ** 2 / 2, `${contained} of ${patterns.length ** 2} pairs`);
});

test('paths of resources obey the same grammar', () => {
  assert.equal(unwrap(parsePath('*')), ['**']);
  assert.is(containsPath(unwrap(parsePath('tenant/acme/**')), ['tenant', 'acme', 'x', 'y']), true);
  assert.is(containsPath(unwrap(parsePath('tenant/acme/**')), ['tenant', 'acme']), false);
  for (const path of ['', '/', 'a//b', '**/a', 'A', 'a/..', 'a b']) assert.not.ok(parsePath(path).ok, path);
});

test('containment is reflexive and transitive', () => {
  fc.assert(fc.property(pattern, pattern, pattern, (a, b, c) => {
    assert.is(contains(a, a), true);
    if (contains(a, b) && contains(b, c)) assert.is(contains(a, c), true);
  }), { numRuns: 3000 });
});

test('the traps of prefixes and wildcards', () => {
  for (const [parent, child] of [['read:a', 'read:ab'], ['read:a/*', 'read:a/**'], ['read:a/**', 'read:a'], ['read:a/*', 'read:a/b/c'], ['read:a', 'write:a'], ['read:*', '*:a'], ['read:a/b', 'read:a']] as const) {
    assert.is(contains(capability(parent), capability(child)), false, `${parent} over ${child}`);
  }
  assert.is(capability('read:*').text, 'read:**');
  assert.is(contains(capability('read:*'), capability('read:a/b/c')), true);
  assert.is(contains(capability('*:*'), capability('delete:a')), true);
});

test('what is not lower-case ASCII segments is refused, not repaired', () => {
  for (const text of ['', 'read', 'read:', ':a', 'Read:a', 'read:A', 'read:a//b', 'read:/a', 'read:a/', 'read:..', 'read:a/..', 'read:a..b', 'read:%61', 'read:a b', 'read:ä', 'read:**/a', 'read:a*', '**:a', 'read:a:b', `read:${'a/'.repeat(16)}a`, `read:${'a'.repeat(64)}`, 'read:\u0430']) {
    const parsed = parseCapability(text);
    assert.is(parsed.ok ? 'accepted' : parsed.failure.code, 'CAPABILITY_MALFORMED', JSON.stringify(text));
  }
  assert.not.ok(parseCapabilities(Array.from({ length: 33 }, (_, index) => `read:a${index}`)).ok);
});

test('a child must be within a single parent capability, and narrowing must permit less', () => {
  const parents = ['read:a/*', 'write:b'].map(capability);
  assert.is(firstWidened(parents, ['read:a/x', 'write:b'].map(capability)), undefined);
  assert.is(firstWidened(parents, ['read:a/x', 'write:c'].map(capability))?.text, 'write:c');
  assert.is(narrows(parents, parents), false);
  assert.is(narrows(parents, ['read:a/*'].map(capability)), true);
  assert.is(narrows(parents, ['read:b'].map(capability)), false);
});

test.run();
