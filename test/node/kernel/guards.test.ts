import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { FailureError, unwrap } from '../../../crypto/result.ts';
import { KernelSpace, Policy, type Action } from '../../../node/kernel/index.ts';
import { suite } from '../../harness.ts';

const test = suite('node/kernel/guards');

function asks(kernel: KernelSpace): (action: Action, data?: string | { readonly [name: string]: string }) => string {
  return (action, data) => {
    const decision = kernel.decide({ agent: 'a', action, ...(data === undefined ? {} : { data }) });
    return decision.code ?? 'allowed';
  };
}

test('the guards of the seeds let an ordinary call through and stop what they are for', async ({ folder }) => {
  const workspace = join(folder(), 'it\'s "here"');
  mkdirSync(workspace);
  const kernel = new KernelSpace({ policies: [Policy.noDestructiveSql(), Policy.fileAccess(workspace), Policy.rateLimit(3, '1m')] });
  const agent = kernel.govern((task: unknown) => Promise.resolve(`done: ${String(task)}`));
  assert.is(await agent('Analyze: revenue by region'), 'done: Analyze: revenue by region');
  for (const task of ['DROP TABLE users', '/etc/passwd', { path: '../../etc/passwd' }, { query: { sql: 'DELETE FROM t' } }, { sql: 'nonsense' }]) {
    try {
      await agent(task);
      assert.unreachable(JSON.stringify(task));
    } catch (error) {
      assert.is(error instanceof FailureError ? error.code : error, 'KERNEL_DENIED');
    }
  }
  assert.is(await agent({ path: join(workspace, 'report.txt') }).then(() => 'allowed'), 'allowed');
  assert.is(await agent('SELECT * FROM t').then(() => 'allowed'), 'allowed');
  try {
    await agent('one too many');
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof FailureError ? error.failure.detail?.['limited'] : error, true);
  }
});

test('personal data does not leave', () => {
  const ask = asks(new KernelSpace({ policies: [Policy.noPiiExport()] }));
  assert.is(ask({ type: 'export' }, 'figures'), 'allowed');
  assert.is(ask({ type: 'export' }, 'alice@example.com'), 'KERNEL_DENIED');
  assert.is(ask({ type: 'read' }, 'alice@example.com'), 'allowed');
});

test('a file is loaded, or refused with its place; beside it guards grant nothing', async ({ folder }) => {
  const file = join(folder(), 'p.yaml');
  writeFileSync(file, 'version: "1.0"\nrules:\n  - name: reads\n    condition: "action.type == \'read\'"\n    action: allow\n');
  const ask = asks(new KernelSpace({ policies: [Policy.noDestructiveSql(), unwrap(await Policy.load(file))] }));
  assert.is(ask({ type: 'read' }), 'allowed');
  assert.is(ask({ type: 'read' }, 'DROP TABLE t'), 'KERNEL_DENIED');
  assert.is(ask({ type: 'write' }), 'KERNEL_DENIED');
  writeFileSync(file, 'version: "1.0"\nrule: []\n');
  const bad = await Policy.load(file);
  assert.equal(bad.ok ? undefined : [bad.failure.code, bad.failure.detail?.['file'], bad.failure.detail?.['line'], bad.failure.detail?.['column']], ['POLICY_INVALID', file, 2, 1]);
  const missing = await Policy.load(join(folder(), 'none.yaml'));
  assert.is(missing.ok ? '' : missing.failure.code, 'POLICY_UNREADABLE');
});

test('a guard with a bad argument is a mistake that is thrown', () => {
  assert.throws(() => Policy.rateLimit(0, '1m'), /not a rate limit/);
  assert.throws(() => Policy.rateLimit(5, 'whenever'), /not a rate limit/);
  assert.throws(() => Policy.fileAccess(), /not used like this/);
});

test('the presets are as strict as their names', ({ folder }) => {
  const workspace = folder();
  const verdicts = (preset: 'strict' | 'standard' | 'permissive'): string[] => {
    const ask = asks(new KernelSpace({ policy: preset, workspace }));
    return [
      ask({ type: 'call', name: 'agent' }, 'a task'), ask({ type: 'write', path: 'x' }), ask({ type: 'unheard-of' }), ask({ type: 'export' }, 'alice@example.com'),
      ask({ type: 'read', path: '/etc/passwd' }), ask({ type: 'call' }, 'DROP TABLE t'),
      ask({ type: 'tool', tool: 'search' }, 'x'), ask({ type: 'message', to: 'bob' }, 'hello'), ask({ type: 'message', to: 'bob' }, 'alice@example.com'), ask({ type: 'model_call', model: 'm' }, 'hello'),
      ask({ type: 'vfs.read', resource: 'mem/working/a' }), ask({ type: 'vfs.write', resource: 'mem/working/a' }, 'text'),
    ];
  };
  const [yes, no, approval] = ['allowed', 'KERNEL_DENIED', 'APPROVAL_REQUIRED'];
  assert.equal(verdicts('permissive'), [yes, yes, yes, yes, yes, no, yes, yes, yes, yes, yes, yes]);
  assert.equal(verdicts('standard'), [yes, yes, yes, no, no, no, yes, yes, no, yes, yes, yes]);
  assert.equal(verdicts('strict'), [yes, approval, no, no, no, no, approval, approval, no, yes, yes, approval]);
  assert.is(asks(new KernelSpace())({ type: 'read' }), 'KERNEL_DENIED');
  assert.is(asks(new KernelSpace({ policies: 'permissive' }))({ type: 'read' }), 'allowed');
});

test.run();
