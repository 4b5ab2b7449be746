import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { Result } from '../../../../crypto/result.ts';
import type { SandboxedOutcome } from '../../../../node/kernel/sandbox/index.ts';
import { suite } from '../../../harness.ts';
import { codeOf } from '../../../simulated-hosts.ts';
import { agent, sandboxWorld } from './sandbox-world.ts';

const test = suite('node/kernel/sandbox/quickjs');

function causeOf(result: Result<SandboxedOutcome>): string {
  if (result.ok) return 'ok';
  const { cause } = result.failure;
  return cause instanceof Error && 'failure' in cause ? cause.message : result.failure.code;
}

function resultOf(result: Result<SandboxedOutcome>): unknown {
  if (!result.ok) throw new Error(`${result.failure.code}: ${causeOf(result)}`);
  return result.value.value.result;
}

test('a program computes, prints, asks, and is refused what the policy forbids; the tier stands in every record', async (context) => {
  const world = await sandboxWorld(context);
  const ended = await world.run(`
    console.log('begins', { a: 1 });
    const row = await agentmesh.call({ type: 'read', resource: 'rows' }, { id: 7 });
    let refused = '';
    try { await agentmesh.call({ type: 'delete', resource: 'rows' }); } catch (error) { refused = [error.name, error.code, error.rule].join(' '); }
    const both = await Promise.all([1, 2].map((id) => agentmesh.call({ type: 'read', resource: 'rows' }, { id })));
    return { row, refused, both };
  `);
  assert.equal(resultOf(ended), { row: { id: 7 }, refused: 'Denied KERNEL_DENIED no-delete', both: [{ id: 1 }, { id: 2 }] });
  assert.equal(world.printed, ['stdout: begins {"a":1}\n']);
  assert.equal(world.served.map(({ type }) => type), ['read', 'read', 'read']);
  const records = world.decisions();
  assert.equal(records.map(({ verdict, sandbox, enforcement }) => [verdict, sandbox, enforcement]), [
    ['allow', 'quickjs', 'isolated'], ['allow', 'quickjs', 'isolated'], ['deny', 'quickjs', 'isolated'], ['allow', 'quickjs', 'isolated'], ['allow', 'quickjs', 'isolated'],
  ]);
});

test('nothing of the host can be reached: no process, require, import, timers, network, and no way out through constructors', async (context) => {
  const world = await sandboxWorld(context);
  const ended = await world.run(`
    const found = ['process', 'require', 'fetch', 'setTimeout', 'WebAssembly', 'Buffer', 'Deno', 'module', 'std', 'os', 'scriptArgs', 'Worker']
      .filter((name) => typeof globalThis[name] !== 'undefined');
    const ways = [
      () => agentmesh.call.constructor('return process')(),
      () => Object.getPrototypeOf(agentmesh.call).constructor.constructor('return this.process.env')(),
      () => console.log.constructor('return require')()('fs'),
      () => eval('process.exit(1)'),
      () => [].constructor.constructor('return globalThis.process.binding')(),
      () => new Error().stack.constructor.constructor('return process.mainModule')(),
    ].map((way) => { try { return typeof way(); } catch (error) { return error.name; } });
    const imported = await import('fs').then(() => 'imported', (error) => error.name);
    return { found, ways, imported };
  `);
  assert.equal(resultOf(ended), { found: [], ways: ['ReferenceError', 'TypeError', 'ReferenceError', 'ReferenceError', 'TypeError', 'ReferenceError'], imported: 'ReferenceError' });
});

test('SIGKILL ends a loop without end, SIGSTOP holds it and its calls, SIGCONT lets it go on', async (context) => {
  const world = await sandboxWorld(context);
  const looping = world.run('await agentmesh.call({ type: "read" }); while (true) {}');
  while (world.served.length === 0) await sleep(5);
  const began = performance.now();
  await world.kernel.signal(agent, 'SIGKILL', { reason: 'enough' });
  assert.is(codeOf(await looping), 'CALL_ABORTED');
  console.log(`    an infinite loop ended ${(performance.now() - began).toFixed(1)} ms after SIGKILL`);
  const other = await sandboxWorld(context);
  const counting = other.run('for (let i = 0; i < 1e9; i += 1) { if (i % 1000 === 0) await agentmesh.call({ type: "read" }, i); if (i > 40_000) return i; }');
  while (other.served.length < 3) await sleep(2);
  await other.kernel.signal(agent, 'SIGSTOP');
  const while_stopped = other.served.length;
  await sleep(100);
  assert.ok(other.served.length <= while_stopped + 1, 'a stopped program asks for nothing more');
  await other.kernel.signal(agent, 'SIGCONT');
  const ended = await counting;
  // The call that met the stop was refused, and says so to the program.
  assert.ok(ended.ok || /AGENT_STOPPED|is stopped/.test(causeOf(ended)), causeOf(ended));
});

test('memory, time, output and messages are bounded', async (context) => {
  const world = await sandboxWorld(context);
  const hog = await world.run('return new Uint8Array(1 << 28).length', { limits: { memory_bytes: 16 * 1024 * 1024 } });
  assert.match(causeOf(hog), /out of memory|SANDBOX_FAILED|null/);
  assert.match(causeOf(await world.run('while (true) {}', { limits: { wall_ms: 100 } })), /longer than 100 ms/);
  assert.match(causeOf(await world.run('await new Promise(() => {})')), /cannot come/);
  assert.match(causeOf(await world.run("return 'x'.repeat(20_000)", { limits: { message_bytes: 1000 } })), /at most 1000/);
  assert.match(causeOf(await world.run("await agentmesh.call({ type: 'read' }, 'x'.repeat(20_000))", { limits: { message_bytes: 1000 } })), /at most 1000/);
  const loud = await world.run("for (let i = 0; i < 1000; i += 1) console.log('x'.repeat(100)); return 1", { limits: { output_bytes: 5000 } });
  if (!loud.ok) throw new Error(causeOf(loud));
  assert.is(loud.value.value.dropped_bytes, 1000 * 101 - 5000);
  assert.is(world.printed.join('').replaceAll('stdout: ', '').length, 5000);
  assert.match(causeOf(await world.run('const f = () => f(); f()')), /stack|RangeError|InternalError/);
  assert.match(causeOf(await world.run('syntax error here')), /SyntaxError/);
  assert.match(causeOf(await world.run("throw new TypeError('no')")), /TypeError: no/);
  assert.match(causeOf(await world.run("return await agentmesh.call({ type: 'read' }, { get x() { throw new Error('getter') } })")), /getter/);
  assert.match(causeOf(await world.run("return new Proxy({}, { ownKeys() { throw new Error('trap') } })")), /trap/);
});

test('memory is bounded however small the pieces are, and answers that a program has forgotten take none', async (context) => {
  const world = await sandboxWorld(context);
  const hog = 'const all = []; try { for (;;) all.push(new Uint8Array(1 << 20)) } catch (error) { const held = all.length; all.length = 0; return held }';
  const held = Number(resultOf(await world.run(hog, { limits: { memory_bytes: 32 * 1024 * 1024 } })));
  assert.ok(held > 8 && held < 48, `${held} MiB in pieces`);
  const asking = "let answers = 0; while (answers < 30) { await agentmesh.call({ type: 'read' }); answers += 1 } return answers";
  const row = 'x'.repeat(900_000);
  assert.is(resultOf(await world.run(asking, { limits: { memory_bytes: 4 * 1024 * 1024 }, serve: () => Promise.resolve(row) })), 30);
});

test('more calls at once than are allowed are refused one by one, and the others are answered', async (context) => {
  const world = await sandboxWorld(context);
  const ended = await world.run(
    "const all = await Promise.allSettled(Array.from({ length: 10 }, (_, id) => agentmesh.call({ type: 'read' }, id))); return all.map(({ status, reason }) => reason?.code ?? status)",
    { limits: { calls: 4 }, serve: async (data) => { await sleep(20); return data; } },
  );
  assert.equal(resultOf(ended), [...Array.from({ length: 4 }, () => 'fulfilled'), ...Array.from({ length: 6 }, () => 'SANDBOX_OVERLOADED')]);
});

test('who asks or prints in a loop without end fills no queue, and is ended at once all the same', async (context) => {
  const served: number[] = [];
  const asking = await sandboxWorld(context);
  const flooding = await asking.run("for (;;) agentmesh.call({ type: 'read' }, 1).catch(() => undefined)", { limits: { wall_ms: 1_500, calls: 8 }, serve: (data) => { served.push(1); return Promise.resolve(data); } });
  assert.match(causeOf(flooding), /longer than 1500 ms/);
  assert.ok(served.length <= 8, `${served.length} calls of a program that never looks at an answer`);
  const loud = await sandboxWorld(context);
  const running = loud.run("for (;;) console.log('x')", { limits: { output_bytes: 2e9 } });
  for (let waits = 0; loud.printed.length === 0 && waits < 2000; waits += 1) await sleep(5);
  // While our own thread is held up nothing is heard: what comes in the next turn is all that was on its way.
  const before = loud.printed.length;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  await new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });
  const heard = loud.printed.length - before;
  assert.ok(heard <= 100, `${heard} messages were on their way`);
  await loud.kernel.signal(agent, 'SIGKILL');
  assert.is(codeOf(await running), 'CALL_ABORTED');
});

test('rules about what comes back hold for the answers to a program, and for the errors', async (context) => {
  const world = await sandboxWorld(context, `version: '1.0'\nname: private\nrules:\n  - { name: all, condition: "action.type in ['execute', 'read']", action: allow }\n  - { name: hide, condition: "action.type == 'tool_result' and data.contains_pii", action: redact }\n`);
  const program = "try { return await agentmesh.call({ type: 'read' }) } catch (error) { return error.message }";
  const row = 'written by anna.smith@example.com';
  const answered = await world.run(program, { serve: () => Promise.resolve({ row }) });
  const failed = await world.run(program, { serve: () => Promise.reject(new Error(row)) });
  for (const ended of [answered, failed]) assert.match(JSON.stringify(resultOf(ended)), /written by \[/);
});

test('a policy that requires bubblewrap denies the start in QuickJS, and the record says in which tier it was asked', async (context) => {
  const world = await sandboxWorld(context, "version: '1.0'\nname: strict\nsandbox: bwrap\nrules:\n  - { name: start, condition: \"action.type == 'execute'\", action: allow }\n");
  assert.is(codeOf(await world.run('return 1')), 'KERNEL_DENIED');
  assert.equal(world.decisions().map(({ verdict, sandbox }) => [verdict, sandbox]), [['deny', 'quickjs']]);
});

test.run();
