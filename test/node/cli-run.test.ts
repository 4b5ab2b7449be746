/** Whole programs under the kernel, from the command line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { findExecutable } from '../../node/kernel/sandbox/index.ts';
import { createNode, type Node } from '../../node/node.ts';
import { suite, type TestContext } from '../harness.ts';
import { until } from './node-process.ts';
import { cli, inside, launch } from './run-cli.ts';

const test = suite('node/cli/run');

interface Place {
  readonly file: (name: string) => string;
  readonly data: string;
}

function place(context: TestContext): Place {
  const folder = context.folder();
  const file = (name: string): string => join(folder, name);
  writeFileSync(file('open.yaml'), 'version: "1.0"\nrules:\n  - { name: start, condition: "action.type in [\'execute\', \'read\']", action: allow }\n');
  writeFileSync(file('closed.yaml'), 'version: "1.0"\nrules:\n  - { name: reads, condition: "action.type == \'read\'", action: allow }\n');
  return { file, data: file('data') };
}

test('a program runs under a policy with its output and its exit code, and a policy that does not allow it keeps it from starting', async (context) => {
  const { file } = place(context);
  const ran = await cli(['run', '--policy', file('open.yaml'), '--sandbox', 'process', '--', 'sh', '-c', 'echo hello; exit 3']);
  assert.is(ran.code, 3);
  assert.is(ran.stdout, 'hello\n');
  assert.match(ran.stderr, /^sandbox process: ran after .*; recorded nowhere/);
  const denied = await cli(['run', '--policy', file('closed.yaml'), '--sandbox', 'process', '--', 'sh', '-c', 'echo hello']);
  assert.is(denied.code, 4);
  assert.is(denied.stdout, '');
  assert.match(denied.stderr, 'error KERNEL_DENIED');
});

test('untrusted JavaScript runs in QuickJS; what cannot be started says why', async (context) => {
  const { file } = place(context);
  writeFileSync(file('program.js'), 'console.log("inside"); const row = await agentmesh.call({ type: "read", resource: "x" }); return { row, host: typeof process };');
  const ran = await inside(['run', '--policy', file('open.yaml'), '--sandbox', 'quickjs', '--json', '--', file('program.js')]);
  assert.match(ran.stdout, /^inside\n/);
  const said: { readonly result: unknown; readonly sandbox: string } = JSON.parse(ran.stdout.slice('inside\n'.length));
  assert.equal([said.sandbox, said.result], ['quickjs', { row: null, host: 'undefined' }]);
  for (const [inputs, code, text] of [
    [['run', '--data', file('none'), '--', 'ls'], 2, 'nobody would decide'],
    [['run', '--agent', 'a', '--policy', file('open.yaml'), '--', 'ls'], 2, 'both an agent and a policy'],
    [['run', '--policy', file('open.yaml'), '--sandbox', 'process', '--', 'no-such-program'], 1, 'PROGRAM_UNKNOWN'],
    [['run', '--policy', file('none.yaml'), '--', 'ls'], 1, 'POLICY_UNREADABLE'],
    [['run', '--policy', file('open.yaml'), '--sandbox', 'quickjs', '--', file('none.js')], 1, 'FILE_UNREADABLE'],
    [['run', '--policy', file('open.yaml'), '--sandbox', 'bwrap', '--data', file('.'), '--workspace', file('.'), '--', 'ls'], 1, 'WORKSPACE_FORBIDDEN'],
    [['run', '--policy', file('open.yaml'), '--sandbox', 'process', '--timeout', '1s', '--', 'sh', '-c', 'while :; do :; done'], 1, 'SANDBOX_TIMEOUT'],
    ...(findExecutable('bwrap') === undefined ? [[['run', '--policy', file('open.yaml'), '--sandbox', 'bwrap', '--', 'ls'], 1, 'SANDBOX_UNAVAILABLE'] as const] : []),
  ] as const) {
    const ended = await inside([...inputs]);
    assert.is(ended.code, code, inputs.join(' '));
    assert.match(ended.stderr, text);
  }
});

const bwrap_missing = findExecutable('bwrap') === undefined;
const shown_name = 'under bubblewrap the home folder is no workspace, and a program that lacks something is told how it is shown it';
if (bwrap_missing) test.skip(shown_name, 'bubblewrap is not installed on this host');
else test(shown_name, async (context) => {
  const { file } = place(context);
  const [workspace, tools] = [context.folder(), context.folder()];
  writeFileSync(join(tools, 'tool'), '#!/bin/sh\necho tool\n', { mode: 0o755 });
  const line = (...more: string[]): string[] => ['run', '--policy', file('open.yaml'), '--sandbox', 'bwrap', '--workspace', workspace, ...more];
  const lacking = await cli(line('--', 'sh', '-c', `${tools}/tool`));
  assert.is(lacking.code, 127);
  assert.match(lacking.stderr, /sandbox bwrap: ran after .*\nsomething that it needs may lie outside .*--show FOLDER/);
  const having = await cli(line('--show', tools, '--', 'sh', '-c', `${tools}/tool; (: > ${tools}/new) || exit 5`));
  assert.equal([having.code, having.stdout], [5, 'tool\n']);
  const home = await cli(line('--', 'true'), { env: { HOME: workspace } });
  assert.equal([home.code, /error WORKSPACE_FORBIDDEN: .* holds the home folder/.test(home.stderr)], [1, true], home.stderr);
});

async function up(context: TestContext, { data, file }: Place): Promise<Node> {
  const node = unwrap(await createNode({ data, name: 'test' }));
  context.after(() => node.stop());
  assert.is((await inside(['sponsor', 'create', 'alice', '--data', data])).code, 0);
  assert.is((await inside(['agent', 'create', 'coder', '--sponsor', 'alice', '--capability', 'execute:**', '--policy', file('open.yaml'), '--data', data])).code, 0);
  return node;
}

test('as an agent of a node: its log has the start with its sandbox, SIGSTOP holds the program, SIGKILL ends it and all that it has started', async (context) => {
  const at = place(context);
  const { data } = at;
  const node = await up(context, at);
  const child = spawn(process.execPath, [launch, 'run', '--agent', 'coder', '--sandbox', 'process', '--data', data, '--', 'sh', '-c', 'sh -c "while :; do echo child; sleep 0.02; done" & while :; do sleep 1; done'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const seen = { lines: 0, talk: '' };
  child.stdout.on('data', (bytes: Buffer) => { seen.lines += bytes.toString().split('\n').length - 1; });
  child.stderr.on('data', (bytes: Buffer) => { seen.talk += bytes.toString(); });
  context.after(() => void child.kill('SIGKILL'));
  const more = async (than: number): Promise<void> => {
    await until('it prints', () => Promise.resolve(seen.lines > than ? true : undefined));
  };
  await more(3);
  assert.is((await inside(['signal', 'coder', 'SIGSTOP', '--data', data])).code, 0);
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  const while_stopped = seen.lines;
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  assert.is(seen.lines, while_stopped);
  assert.is((await inside(['signal', 'coder', 'SIGCONT', '--data', data])).code, 0);
  await more(while_stopped);
  assert.is((await inside(['signal', 'coder', 'SIGKILL', '--reason', 'enough', '--data', data])).code, 0);
  const [code] = await once(child, 'close');
  assert.is(code, 1);
  assert.match(seen.talk, /error SANDBOX_KILLED: .*enough/);
  const records = await node.getLogs('coder', { kind: 'decision' });
  assert.equal(records.filter(({ action }) => JSON.stringify(action).includes('execute')).map(({ verdict, sandbox, enforcement }) => [verdict, sandbox, enforcement]), [['allow', 'process', 'cooperative']]);
  const outcomes = await node.getLogs('coder', { kind: 'outcome' });
  assert.ok(outcomes.some(({ status }) => status === 'aborted'));
});

test('as an agent of a node: the exit code comes back and the entry is named; a killed agent starts nothing', async (context) => {
  const at = place(context);
  const node = await up(context, at);
  const ran = await inside(['run', '--agent', 'coder', '--sandbox', 'quickjs', '--data', at.data, '--json', '--', (writeFileSync(at.file('p.js'), 'return (await agentmesh.call({ type: "read", resource: "x" }).then(() => "read", (error) => error.code));'), at.file('p.js'))]);
  const said: { readonly index: number; readonly result: unknown } = JSON.parse(ran.stdout);
  assert.equal(said.result, 'SCOPE_EXCEEDED', 'the agent may execute, and nothing else');
  const [decision] = await node.getLogs('coder', { kind: 'decision', limit: 100 });
  assert.is(decision?.index, said.index);
  const alone = await inside(['run', '--sandbox', 'process', '--data', at.data, '--', 'true']);
  assert.equal([alone.code, /recorded as entry/.test(alone.stderr)], [0, true], 'the only agent of the node is meant');
  assert.is((await inside(['agent', 'create', 'idler', '--sponsor', 'alice', '--capability', 'read:**', '--policy', at.file('open.yaml'), '--data', at.data])).code, 0);
  const unsaid = await inside(['run', '--sandbox', 'process', '--data', at.data, '--', 'true']);
  assert.equal([unsaid.code, /the node has 2 agents/.test(unsaid.stderr)], [2, true]);
  const outside = await inside(['run', '--agent', 'idler', '--sandbox', 'process', '--data', at.data, '--', 'echo', 'hello']);
  assert.is(outside.code, 4);
  const [denial] = await node.getLogs('idler', { verdict: 'deny' });
  assert.match(outside.stderr, new RegExp(`^sandbox process: denied after .*; recorded as entry ${denial?.index}\nerror SCOPE_EXCEEDED`));
  assert.is((await inside(['signal', 'coder', 'SIGKILL', '--data', at.data])).code, 0);
  const refused = await inside(['run', '--agent', 'coder', '--sandbox', 'process', '--data', at.data, '--', 'echo', 'hello']);
  assert.is(refused.code, 4);
  assert.match(refused.stderr, 'AGENT_KILLED');
});

test.run();
