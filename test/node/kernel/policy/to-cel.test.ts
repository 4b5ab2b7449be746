import * as assert from 'uvu/assert';
import { run } from '@bufbuild/cel';
import { unwrap } from '../../../../crypto/result.ts';
import { compileCondition, type CompileOptions } from '../../../../node/kernel/policy/compile.ts';
import { toCel } from '../../../../node/kernel/policy/to-cel.ts';
import { fuzzPolicy, shareLoaded } from '../../../fuzz/policy.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/policy/to-cel');

const runs = 400;
const seed = 20_261_122;
const languages: readonly (readonly [string, CompileOptions])[] = [
  ['the policy language', { strict: false }], ['the policy language, strictly', { strict: true }], ['CEL', { strict: false, mode: 'cel' }],
];
for (const [name, options] of languages) {
  test(`random conditions of ${name} have the truth that another engine finds in their translation`, () => {
    assert.is(fuzzPolicy({ runs, seed }, options).difference, undefined);
    // Most of what is made up is a condition, or nothing would have been compared.
    assert.ok(shareLoaded({ runs: 200, seed }, options) > 0.8);
  });
}

test('the search would find a wrong translation', () => {
  const wrong = fuzzPolicy({ runs, seed }, { strict: false }, (expression) => toCel(expression, { strict: true }));
  assert.match(wrong.difference ?? '', /here (?:true|false), there error/);
});

function translated(text: string, options: CompileOptions = { strict: false }): string {
  return toCel(unwrap(compileCondition(text, options)).expression, options);
}

test('what is given to the other engine is plain CEL', () => {
  assert.is(translated("action.type == 'export' && size(data.tags) > 2 ? !a : b.?c.orValue(1) in [1u]", { strict: false, mode: 'cel' }),
    "action.type == 'export' && size(data.tags) > 2 ? !a : b.?c.orValue(1) in [1u]");
  assert.is(translated("action.type == 'export' and not agent.admin", { strict: true }),
    "((action.type == 'export') && ![agent.admin].map(v1, (type(v1) == bool ? v1 : (1 / 0 == 0)))[0])");
});

test('what is no number is an error there too, and no comparison that is false', () => {
  const text = translated('not (double(data.n) <= 100)');
  assert.is(run(text, { data: { n: '101' } }), true);
  assert.is(typeof run(text, { data: { n: 'nan' } }), 'object');
});

test('absent attributes are absent there too', () => {
  const text = translated("not data.missing and data['odd name'] != 'x' and data.in in ['a', null] and tool not in data.list");
  assert.is(run(text, { data: {}, tool: null }), true);
  assert.is(run(text, { data: { missing: 'yes' }, tool: null }), false);
  assert.is(run(text, { data: { list: ['x'] }, tool: 'x' }), false);
  assert.is(run(text, { data: 7, tool: null }), true);
});

test.run();
