import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import type { AgentHandler } from '../../node/agents.ts';
import type { SignalView } from '../../node/control/signal-api.ts';
import { signalMethods } from '../../node/control/signal-methods.ts';
import { readPayload } from '../../node/flight-recorder.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { KernelSpace, Policy, signal_names, type SignalName } from '../../node/kernel/index.ts';
import { signalCapability } from '../../node/remote-signals.ts';
import { suite } from '../harness.ts';
import { codeOf, hostWorld, type HostWorld, type SimulatedHost } from '../simulated-hosts.ts';
import { NodeProcess, until } from './node-process.ts';
import { inside } from './run-cli.ts';

const test = suite('node/signals');
const never = new AbortController().signal;
const text = (signal: SignalName, did: string): string => unwrap(signalCapability(signal, did)).text;

/** Works until it is told to stop. */
const working: AgentHandler = ({ signal }) => new Promise((_, reject) => {
  signal.addEventListener('abort', () => reject(new Error('aborted')));
});

function stateOf({ host }: SimulatedHost, did: string): string | undefined {
  return host.agents.get(did)?.kernel.stateOf(did);
}

/** What the audit log of a host says about signals to an agent: `SIGSTOP stopped by …`. */
async function signalsIn(world: HostWorld, { host }: SimulatedHost, did: string): Promise<readonly string[]> {
  const found: string[] = [];
  const read = async (): Promise<void> => {
    for await (const entry of host.log.entries({ from: 0, to: host.log.size() })) {
      const payload: unknown = entry.ok && entry.value.payload !== undefined ? readPayload(entry.value.payload) : null;
      const { agent, action, verdict, code } = Object(payload);
      if (agent !== did || Object(action).type !== 'signal') continue;
      found.push(verdict === 'allow' ? `${action.signal} ${action.outcome} by ${action.by}` : `${action.resource} ${code} by ${action.caller}`);
    }
  };
  await world.finish(read());
  return found;
}

/** A worker on host 1, and a watchdog on host 0 that its sponsor lets send some signals. */
async function watched(context: Parameters<typeof hostWorld>[0], signals: readonly string[], serve?: AgentHandler): Promise<{ readonly world: HostWorld; readonly worker: LocalIdentity; readonly watchdog: LocalIdentity }> {
  const world = await hostWorld(context, { count: 2 });
  const watchdog = await world.hire(0, 'watchdog', { capabilities: ['signal:**'] });
  const worker = await world.hire(1, 'worker', { authority: 'open', ...(serve === undefined ? {} : { serve }) });
  const capabilities = signals.map((each) => each.replace('<id>', worker.did.slice('did:mesh:'.length)));
  if (capabilities.length > 0) unwrap(await world.finish(world.at(1).actions.delegate({ from: 'sponsor-1', to: watchdog.did, capabilities })));
  return { world, worker, watchdog };
}

test('whom the sponsor lets signals an agent on another host: it acts, with one effect, a receipt and its record', async (context) => {
  const { world, worker, watchdog } = await watched(context, ['signal:sigstop/<id>', 'signal:sigcont/<id>']);
  const { actions } = world.at(0);
  const sent = await world.get(actions.call({ from: 'watchdog', to: worker.did, command: text('SIGSTOP', worker.did), arguments: { reason: 'odd' } }));
  assert.equal([sent.receipt.verdict, sent.receipt.code, sent.result], ['allow', null, { signal: 'SIGSTOP', outcome: 'stopped', state: 'stopped' }]);
  assert.is(stateOf(world.at(1), worker.did), 'stopped');
  await world.hire(0, 'asker');
  const asked = await world.get(actions.call({ from: 'asker', to: worker.did, command: 'read:x' }));
  assert.equal([asked.receipt.verdict, asked.receipt.code], ['deny', 'AGENT_STOPPED']);
  const again = await world.get(actions.call({ from: 'watchdog', to: worker.did, command: text('SIGSTOP', worker.did), arguments: { reason: 'odd' }, invocation: sent.invocation }));
  assert.is(again.receipt_token, sent.receipt_token, 'a repetition gets its receipt, and nothing happens again');
  const continued = await world.get(actions.call({ from: 'watchdog', to: worker.did, command: text('SIGCONT', worker.did) }));
  assert.is(continued.receipt.verdict, 'allow');
  assert.is(stateOf(world.at(1), worker.did), 'running');
  assert.equal(await signalsIn(world, world.at(1), worker.did), [`SIGSTOP stopped by ${watchdog.did}`, `SIGCONT continued by ${watchdog.did}`]);
  assert.is((await world.get(actions.call({ from: 'asker', to: worker.did, command: 'read:x' }))).receipt.verdict, 'allow');
});

test('a signal from afar aborts what runs; neither the agent nor its policies are asked', async (context) => {
  const { world, worker } = await watched(context, ['signal:sigkill/<id>'], working);
  world.at(1).host.agents.replacePolicies('host', [unwrap(await Policy.parse('version: "1.0"\nrules:\n  - name: no-signals\n    condition: "action.type == \'signal\'"\n    action: deny\n  - name: rest\n    condition: "action.type != \'signal\'"\n    action: allow\n', 'p.yaml'))]);
  await world.hire(0, 'asker');
  const running = world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'write:x' });
  await world.pass(1_000);
  const killed = await world.get(world.at(0).actions.call({ from: 'watchdog', to: worker.did, command: text('SIGKILL', worker.did) }));
  assert.is(killed.receipt.verdict, 'allow');
  const aborted = await world.get(running);
  assert.equal([aborted.receipt.verdict, aborted.receipt.code], ['error', 'CALL_ABORTED']);
  const back = await world.get(world.at(0).actions.call({ from: 'watchdog', to: worker.did, command: text('SIGKILL', worker.did) }));
  assert.is(back.receipt.verdict, 'allow', 'killing the dead changes nothing');
  assert.is(stateOf(world.at(1), worker.did), 'killed');
});

test('who has no delegation of exactly this signal to exactly this agent is refused, and that is in the record', async (context) => {
  const { world, worker, watchdog } = await watched(context, ['signal:sigstop/<id>']);
  const other = await world.hire(1, 'other', { authority: 'open' });
  const ask = async (command: string, to: string, delegation?: string): Promise<string> => {
    const answer = await world.finish(world.at(0).actions.call({ from: 'watchdog', to, command, ...(delegation === undefined ? {} : { delegation }) }));
    return answer.ok ? answer.value.receipt.code ?? 'ok' : answer.failure.code;
  };
  assert.is(await ask(text('SIGKILL', worker.did), worker.did), 'DELEGATION_REQUIRED', 'another signal, at an agent that is open for commands');
  assert.is(await ask(text('SIGSTOP', worker.did), worker.did, 'none'), 'DELEGATION_REQUIRED');
  assert.is(await ask(text('SIGSTOP', other.did), other.did), 'DELEGATION_REQUIRED', 'another agent');
  assert.is(await ask(text('SIGSTOP', worker.did), other.did), 'SIGNAL_MISDIRECTED');
  assert.is(await ask('signal:sighup/x', worker.did), 'SIGNAL_UNKNOWN');
  assert.is(await ask('signal:sigstop', worker.did), 'SIGNAL_MISDIRECTED');
  // A delegation of a sponsor whom the worker does not answer to is none.
  await world.hire(0, 'helper');
  const foreign = await world.get(world.at(0).actions.delegate({ from: 'sponsor-0', to: watchdog.did, capabilities: [text('SIGKILL', worker.did)] }));
  assert.is(await ask(text('SIGKILL', worker.did), worker.did, foreign.delegation.id), 'DELEGATION_REQUIRED');
  assert.equal([stateOf(world.at(1), worker.did), stateOf(world.at(1), other.did)], ['running', 'running']);
  const recorded = await signalsIn(world, world.at(1), worker.did);
  assert.ok(recorded.includes(`${text('SIGKILL', worker.did).slice('signal:'.length)} DELEGATION_REQUIRED by ${watchdog.did}`), recorded.join('\n'));
  assert.equal(recorded.filter((each) => !each.endsWith(`by ${watchdog.did}`)), []);
  const careful = await world.hire(0, 'careful', { capabilities: ['read:**'] });
  assert.is(codeOf(await world.finish(world.at(0).actions.call({ from: careful.did, to: worker.did, command: text('SIGSTOP', worker.did) }))), 'SCOPE_EXCEEDED', 'its own host asks for the capability first');
});

test('who may not signal hears only that, whatever the agent is stopped or killed for, and the record says the same', async (context) => {
  const { world, worker, watchdog } = await watched(context, ['signal:sigstop/<id>']);
  const methods = signalMethods(world.at(1).host, world.at(1).actions);
  const heard: string[] = [];
  for (const signal of ['SIGSTOP', 'SIGKILL']) {
    await world.get(methods.signal({ agent: 'worker', signal, reason: 'a secret of ours' }, never));
    for (const [command, delegation] of [[text('SIGCONT', worker.did), 'none'], [text('SIGUSR1', worker.did), undefined], ['signal:sighup/x', 'none'], ['signal:sigstop', 'none']] as const) {
      const { receipt } = await world.get(world.at(0).actions.call({ from: 'watchdog', to: worker.did, command, ...(delegation === undefined ? {} : { delegation }) }));
      heard.push(`${receipt.verdict} ${receipt.code ?? ''}`);
      assert.not.match(receipt.reason, /stopped|killed|secret/);
      assert.type(receipt.log?.index, 'number');
    }
  }
  const each = ['deny DELEGATION_REQUIRED', 'deny DELEGATION_REQUIRED', 'deny SIGNAL_UNKNOWN', 'deny SIGNAL_MISDIRECTED'];
  assert.equal(heard, [...each, ...each]);
  const recorded = (await signalsIn(world, world.at(1), worker.did)).filter((line) => line.endsWith(`by ${watchdog.did}`));
  assert.equal(recorded.map((line) => `deny ${line.split(' ')[1] ?? ''}`), heard);
  const allowed = await world.get(world.at(0).actions.call({ from: 'watchdog', to: worker.did, command: text('SIGSTOP', worker.did) }));
  assert.is(allowed.receipt.code, 'AGENT_KILLED', 'who may is told what there is');
});

test('an agent whose budget is used up is let go on by one command, which every refusal names', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const desk = await world.hire(0, 'front desk', { authority: 'open' });
  const { host, actions } = world.at(0);
  unwrap(host.agents.replacePolicies('agent', [unwrap(await Policy.parse('version: "1.0"\nbudgets:\n  calls: 1\nrules:\n  - name: all\n    condition: "true"\n    action: allow\n', 'p.yaml'))], desk.did));
  await world.hire(0, 'asker');
  const ask = async (): Promise<string> => {
    const { receipt } = await world.get(actions.call({ from: 'asker', to: desk.did, command: 'read:x' }));
    return `${receipt.code ?? 'ok'} ${/(?<=what would pass: ).*(?=\))/.exec(receipt.reason)?.[0] ?? ''}`;
  };
  const anew = "agentmesh signal 'front desk' SIGCONT --reset";
  const refusals = [`BUDGET_EXCEEDED ${anew} gives it the whole budget anew; or raise the budget in the policy`, `AGENT_STOPPED ${anew}`];
  assert.equal([await ask(), await ask(), await ask()], ['ok ', ...refusals]);
  const send = (more: object): Promise<SignalView> => world.get(signalMethods(host, actions).signal({ agent: 'front desk', signal: 'SIGCONT', ...more }, never));
  const continued = await send({});
  assert.equal([continued.outcome, Object(continued.detail).code, String(Object(continued.detail).fix).startsWith(anew)], ['continued', 'BUDGET_EXCEEDED', true], 'SIGCONT alone helps for nothing, and says so');
  assert.is(await ask(), refusals[0]);
  assert.is((await send({ reset: true })).detail, null);
  assert.is(await ask(), 'ok ');
  await world.get(signalMethods(host, actions).signal({ agent: 'front desk', signal: 'SIGSTOP' }, never));
  assert.is(await ask(), "AGENT_STOPPED agentmesh signal 'front desk' SIGCONT");
});

test('what a signal has stopped or killed stays so over a restart, whatever kernel a program brings', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const agents: { readonly [name: string]: LocalIdentity } = {
    stopped: await world.hire(0, 'stopped'), killed: await world.hire(0, 'killed'), continued: await world.hire(0, 'continued'), looping: await world.hire(0, 'looping'), untouched: await world.hire(0, 'untouched'),
  };
  const methods = signalMethods(world.at(0).host, world.at(0).actions);
  const send = (agent: string, signal: string): Promise<unknown> => world.get(methods.signal({ agent, signal, reason: `for ${agent}` }, never));
  await send('stopped', 'SIGSTOP');
  await send('killed', 'SIGKILL');
  await send('continued', 'SIGSTOP');
  await send('continued', 'SIGCONT');
  await send('looping', 'SIGLOOP');
  const states = (host: SimulatedHost): object => Object.fromEntries(Object.entries(agents).map(([name, { did }]) => [name, stateOf(host, did)]));
  const expected = { stopped: 'stopped', killed: 'killed', continued: 'running', looping: 'stopped', untouched: 'running' };
  assert.equal(states(world.at(0)), expected);
  const again = await world.restart(0);
  assert.equal(states(again), expected);
  for (const agent of Object.values(agents)) world.employ(0, agent);
  assert.equal(states(again), expected);
  const { did } = agents['stopped'] ?? { did: '' };
  assert.is(again.host.agents.get(did)?.kernel.standingOf(did).reason, 'for stopped');
  await world.get(signalMethods(again.host, again.actions).signal({ agent: 'stopped', signal: 'SIGCONT' }, never));
  assert.is(codeOf(await world.finish(signalMethods(again.host, again.actions).signal({ agent: 'killed', signal: 'SIGCONT' }, never))), 'AGENT_KILLED');
  assert.equal(states(await world.restart(0)), { ...expected, stopped: 'running' });
});

test('an agent that calls something a signal changes nothing about itself, and its record is no signal\'s', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const worker = await world.hire(0, 'worker');
  const { host, actions } = world.at(0);
  const forge = (state: string, outcome: string): Promise<string> => {
    const kernel = host.agents.get(worker.did)?.kernel;
    const action = { type: 'signal', signal: 'SIGCONT', number: 2, by: 'local user', outcome, state };
    return kernel === undefined ? Promise.reject(new Error('no kernel')) : world.finish(kernel.run({ agent: worker.did, action, effect: () => Promise.resolve(null) })).then(codeOf);
  };
  assert.is(await forge('killed', 'killed'), 'CALL_INVALID');
  await world.get(signalMethods(host, actions).signal({ agent: 'worker', signal: 'SIGSTOP' }, never));
  assert.is(await forge('running', 'continued'), 'AGENT_STOPPED');
  assert.is(stateOf(await world.restart(0), worker.did), 'stopped');
});

test('the kernel that another takes the place of ends with everything that runs in it', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const worker = await world.hire(0, 'worker');
  const { kernel: before } = unwrap(world.at(0).host.agents.adopt(worker, new KernelSpace({ policy: 'permissive' })));
  const running = before.run({ agent: worker.did, action: { type: 'read' }, effect: () => new Promise(() => undefined) });
  await world.finish(Promise.resolve());
  world.at(0).host.agents.adopt(worker, before);
  assert.is(before.stateOf(worker.did), 'running', 'its own place it may take again');
  world.employ(0, worker);
  assert.is(codeOf(await world.finish(running)), 'CALL_ABORTED');
  assert.is(codeOf(await world.finish(before.run({ agent: worker.did, action: { type: 'read' }, effect: () => Promise.resolve() }))), 'KERNEL_STOPPED');
  assert.is(stateOf(world.at(0), worker.did), 'running');
});

test('the control socket signals the agents of its host, in the name of the local user or of their sponsor', async (context) => {
  const { world, worker } = await watched(context, ['signal:**']);
  const [there, here] = [world.at(0), world.at(1)];
  const ask = (host: SimulatedHost, params: { agent: string; signal: string; from?: string; reason?: string; reset?: boolean }): Promise<string> => world.finish(signalMethods(host.host, host.actions).signal(params, never)).then((answer) => answer.ok ? answer.value.outcome : answer.failure.code);
  assert.equal([await ask(here, { agent: 'worker', signal: '1' }), await ask(here, { agent: 'worker', signal: 'cont', from: 'sponsor-1' })], ['stopped', 'continued']);
  await world.get(here.actions.createSponsor('stranger', 'human'));
  assert.equal([
    await ask(here, { agent: 'worker', signal: 'SIGSTOP', from: 'stranger' }), await ask(here, { agent: 'worker', signal: 'SIGHUP' }), await ask(here, { agent: 'nobody', signal: 'SIGSTOP' }),
    await ask(there, { agent: worker.did, signal: 'SIGSTOP' }), await ask(there, { agent: worker.did, signal: 'SIGSTOP', from: 'sponsor-0' }), await ask(here, { agent: 'worker', signal: 'SIGSTOP', reason: 'x'.repeat(301) }),
  ], ['SIGNAL_UNAUTHORISED', 'SIGNAL_UNKNOWN', 'NAME_UNKNOWN', 'SIGNAL_ELSEWHERE', 'SIGNAL_ELSEWHERE', 'PARAMS_INVALID']);
  assert.is(await ask(there, { agent: worker.did, signal: 'SIGSTOP', from: 'watchdog' }), 'stopped');
  const shown = await world.get(signalMethods(here.host, here.actions)['signal.show']({ agent: 'worker' }, never));
  assert.equal([shown.state, shown.reason, shown.signals.map(({ signal, outcome }) => `${signal} ${outcome}`)], ['stopped', 'no reason given', ['SIGSTOP stopped', 'SIGCONT continued', 'SIGSTOP stopped']]);
  const { kernel } = here.host.agents.get(worker.did) ?? {};
  kernel?.spent(worker.did, { tokens: 5 });
  kernel?.taints.add(worker.did, 'web', 'fetch');
  assert.is(await ask(there, { agent: worker.did, signal: 'SIGCONT', from: 'watchdog', reset: true }), 'PARAMS_INVALID');
  assert.is(await ask(here, { agent: 'worker', signal: 'SIGCONT', reset: true }), 'continued');
  assert.equal([kernel?.spending(worker.did).tokens, kernel?.taints.labels(worker.did)], [0, []]);
  assert.match(kernel?.signalsOf(worker.did).past.at(-1)?.reason ?? '', /its budget was given anew/, 'and the record says so');
});

test('policies of the host and of an agent are replaced while it works, also for kernels that programs bring', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const worker = await world.hire(0, 'worker', { authority: 'open' });
  const { host, actions } = world.at(0);
  await world.hire(0, 'asker');
  const ask = async (): Promise<string> => {
    const answer = await world.finish(actions.call({ from: 'asker', to: worker.did, command: 'read:x' }));
    return answer.ok ? answer.value.receipt.code ?? 'ok' : answer.failure.code;
  };
  const policy = (action: string): Promise<Policy> => Policy.parse(`version: "1.0"\nrules:\n  - name: all\n    condition: "action.direction == 'in' or true"\n    action: ${action}\n`, 'p.yaml').then(unwrap);
  const digest = (): string => Buffer.from(host.agents.policyDigest(worker.did)).toString('hex');
  const digests = new Set([digest()]);
  assert.is(await ask(), 'ok');
  unwrap(host.agents.replacePolicies('agent', [await policy('deny')], worker.did));
  digests.add(digest());
  assert.is(await ask(), 'KERNEL_DENIED');
  unwrap(host.agents.replacePolicies('agent', [], worker.did));
  unwrap(host.agents.replacePolicies('organisation', [await policy('deny')]));
  digests.add(digest());
  assert.is(await ask(), 'KERNEL_DENIED');
  world.employ(0, worker);
  assert.is(await ask(), 'KERNEL_DENIED', 'a kernel that comes later stands under the same');
  unwrap(host.agents.replacePolicies('organisation', [await policy('allow')]));
  assert.is(await ask(), 'ok');
  assert.is(digests.size, 2, 'what is told to peers changes with it');
  assert.is(codeOf(host.agents.replacePolicies('agent', [], 'did:mesh:nobody')), 'AGENT_UNKNOWN');
});

test('the command line lists the signals without a node, and says what it needs', async () => {
  const listed = await inside(['signal', '--list', '--json']);
  const names: readonly { readonly name: string; readonly number: number; readonly meaning: string }[] = JSON.parse(listed.stdout);
  assert.equal([listed.code, names.map(({ name }) => name)], [0, [...signal_names]]);
  assert.equal(names.filter(({ meaning }) => meaning.includes('cannot be masked or caught')).map(({ number }) => number), [1, 4, 8, 9]);
  assert.match((await inside(['signal', '--list'])).stdout, /SIGDRIFT +12 +it has left its task: stops it/);
  const bare = await inside(['signal']);
  assert.equal([bare.code, bare.stderr], [2, 'error USAGE_INVALID: no agent is named\nfix: agentmesh signal AGENT SIGNAL, or agentmesh signal --list\n']);
  const unsaid = await inside(['signal', 'front desk', '--reset']);
  assert.equal([unsaid.code, unsaid.stdout, unsaid.stderr], [2, '', "error USAGE_INVALID: --reset goes with a signal\nfix: agentmesh signal 'front desk' SIGCONT --reset\n"]);
  const help = (await inside(['signal', '--help'])).stdout.replaceAll(/\s+/g, ' ');
  assert.match(help, /The policy of the one that sends it \(--from\) must allow the action "signal", too\./);
  assert.match(help, /its signals since its host started; agentmesh audit tail --agent AGENT shows earlier ones/);
});

test('with real processes: SIGSTOP outlives a kill -9 of the node, and a revocation by the sponsor ends a running command', async (context) => {
  const folder = context.folder();
  const handler = join(folder, 'handler.mjs');
  const marks = join(folder, 'marks');
  writeFileSync(marks, '');
  writeFileSync(handler, `import { appendFileSync } from 'node:fs';
export default ({ arguments: given, signal }) => given === 'wait'
  ? new Promise((_, reject) => { appendFileSync(${JSON.stringify(marks)}, 'begun '); signal.addEventListener('abort', () => { appendFileSync(${JSON.stringify(marks)}, 'aborted '); reject(new Error('aborted')); }); })
  : given;
`);
  const policy = join(folder, 'policy.yaml');
  writeFileSync(policy, 'version: "1.0"\nrules:\n  - name: all\n    condition: "true"\n    action: allow\n');
  const plan = { name: 'host-a', folder: join(folder, 'data'), port: 0 };
  let node = new NodeProcess(plan);
  context.after(() => node.stop());
  await node.started();
  await node.get('sponsor.create', { name: 'alice' });
  for (const name of ['asker', 'worker']) await node.get('agent.create', { name, sponsor: 'alice', capabilities: ['read:**'], policy, handler, authority: 'open' });
  const ask = async (given: string): Promise<string> => {
    const { verdict, code } = await node.get('call', { from: 'asker', to: 'worker', command: 'read:x', arguments: given });
    return code ?? verdict;
  };
  assert.is(await ask('hello'), 'allow');
  assert.is((await node.get('signal', { agent: 'worker', signal: 'SIGSTOP', reason: 'wait' })).outcome, 'stopped');
  assert.is(await ask('hello'), 'AGENT_STOPPED');
  await node.stop();
  node = new NodeProcess(plan);
  await node.started();
  assert.is((await node.get('agent.list', {})).find(({ name }) => name === 'worker')?.state, 'stopped');
  const found = async (): Promise<readonly unknown[]> => (await node.get('doctor', {})).filter(({ name }) => name === 'agent worker').map(({ state, text: said, fix }) => [state, said, fix]);
  assert.equal(await found(), [['warning', 'stopped: wait', 'agentmesh signal worker SIGCONT']]);
  assert.is(await ask('hello'), 'AGENT_STOPPED');
  await node.get('signal', { agent: 'worker', signal: 'SIGBUDGET', reason: 'spent' });
  assert.equal(await found(), [['warning', 'stopped: SIGBUDGET: spent', 'agentmesh signal worker SIGCONT --reset']]);
  await node.get('signal', { agent: 'worker', signal: 'SIGCONT' });
  const running = ask('wait');
  await until('the command runs', () => Promise.resolve(readFileSync(marks, 'utf8') === 'begun ' ? true : undefined));
  await node.get('revoke', { from: 'alice', kind: 'agent', target: 'worker', why: 'compromised' });
  assert.is(await running, 'CALL_ABORTED');
  assert.is(readFileSync(marks, 'utf8'), 'begun aborted ');
  const { entries } = await node.get('audit.entries', { limit: 50, agent: 'worker' });
  const payloads = entries.map(({ payload }) => Object(payload));
  assert.ok(payloads.some(({ kind, status, reason }) => kind === 'outcome' && status === 'aborted' && /was killed: SIGKILL: .*compromised/.test(String(reason))), JSON.stringify(payloads));
  assert.ok(payloads.some(({ action }) => Object(action).signal === 'SIGKILL' && Object(action).outcome === 'killed'));
});

test.run();
