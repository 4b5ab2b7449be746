/** Decisions of the kernel: alone, beside others on the same rules, and end to end with what records them. */
import { join } from 'node:path';
import { sha256Hex } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { system_random } from '../../node/clock.ts';
import { auditRecorder } from '../../node/flight-recorder.ts';
import { KernelSpace } from '../../node/kernel/kernel.ts';
import { decideCall, prepare } from '../../node/kernel/decide.ts';
import { decisionRecord } from '../../node/kernel/journal.ts';
import { effectOfLayers, evaluateLayers } from '../../node/kernel/policy/evaluate.ts';
import { Meter } from '../../node/kernel/policy/limit.ts';
import { memoryRecorder, type DecisionRecord } from '../../node/kernel/recorder.ts';
import { openAuditLog } from '../../storage/audit-log.ts';
import { diskFiles } from '../../storage/files.ts';
import { openStore } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { closures, composedClosures, otherEngines, policyOf, workload, type Engine, type Workload } from './decision-engines.ts';
import { line, measure, short } from './stats.ts';

const seed = 20_261_122;
const turn_ms = 40;
const turns = 12;

const full = 'full decision record';
const bare = 'text, hash and fields of a record (its floor)';

interface Rate {
  per_s: number;
  p50_us: number;
  p99_us: number;
}

/** Runs an engine through the requests for about as long as a turn lasts, and gives how many it decided. */
function turn(engine: Engine, from: number, requests: number, length_ms: number): { readonly decided: number; readonly cpu_us: number } {
  const cpu = process.cpuUsage();
  const until = performance.now() + length_ms;
  let decided = 0;
  // A slow engine looks at the clock after each request, a fast one after many.
  for (let many = 1; performance.now() < until; many = Math.min(many * 2, 4_096)) {
    for (let index = 0; index < many; index += 1) engine((from + decided + index) % requests);
    decided += many;
  }
  const { user, system } = process.cpuUsage(cpu);
  return { decided, cpu_us: user + system };
}

function timed(engine: Engine, requests: number): Pick<Rate, 'p50_us' | 'p99_us'> {
  const durations: number[] = [];
  const until = performance.now() + 3 * turn_ms;
  for (let index = 0; index < 20_000 && performance.now() < until; index += 1) {
    const started = performance.now();
    engine(index % requests);
    durations.push((performance.now() - started) * 1_000);
  }
  durations.sort((a, b) => a - b);
  return { p50_us: durations[Math.floor(durations.length * 0.5)] ?? Number.NaN, p99_us: durations[Math.floor(durations.length * 0.99)] ?? Number.NaN };
}

/** The rates of engines that take turns, so that all meet the same machine. */
function rates(engines: readonly Engine[], requests: number): readonly Rate[] {
  const spent = engines.map(() => ({ decided: 0, cpu_us: 0 }));
  for (const engine of engines) turn(engine, 0, requests, 3 * turn_ms);
  for (let round = 0; round < turns; round += 1) {
    for (const [which, engine] of engines.entries()) {
      const sum = spent[which];
      if (sum === undefined) continue;
      const { decided, cpu_us } = turn(engine, sum.decided, requests, turn_ms);
      sum.decided += decided;
      sum.cpu_us += cpu_us;
    }
  }
  return engines.map((engine, which) => {
    const { decided = 0, cpu_us = 1 } = spent[which] ?? {};
    return { per_s: decided / (cpu_us / 1e6), ...timed(engine, requests) };
  });
}

/** Our verdict alone. */
function verdicts(given: Workload): Engine {
  const layers = [[policyOf(given)]];
  const meter = new Meter(() => 0);
  return (index) => {
    const request = given.requests[index];
    return request !== undefined && effectOfLayers(layers, request, meter, { charge: true }) === 'allow';
  };
}

/** The verdict with its reason, rule and obligations. */
function reasons(given: Workload): Engine {
  const layers = [[policyOf(given)]];
  const meter = new Meter(() => 0);
  return (index) => {
    const request = given.requests[index];
    return request !== undefined && evaluateLayers(layers, request, meter, { charge: true }).effect === 'allow';
  };
}

/** All that the kernel does from a call's arguments to the record that it hands to the recorder. */
function records(given: Workload, keep: (record: DecisionRecord) => void): Engine {
  const layers = [[], [policyOf(given)], []];
  const around = { layers, meter: new Meter(() => Date.now()), refusal: undefined, folder: process.cwd(), entering: false, charge: true };
  let calls = 0;
  return (index) => {
    const asked = given.requests[index];
    if (asked === undefined) return false;
    const prepared = prepare({ agent: asked.agent.id, action: asked.action, data: asked.data, context: {}, trust_score: asked.agent.trust_score, scopes: [], delegated: undefined });
    const decision = decideCall(prepared, around);
    calls += 1;
    keep(decisionRecord(prepared, decision, { call_id: `0123456789abcdef-${calls}`, audit: 'durable', time_ms: Date.now() }));
    return decision.code === null;
  };
}

/** The least that a record can cost: the verdict of the closures, JSON text and hash of the arguments, and an object with the fields of a record; nothing is copied, checked or explained. */
function bareRecords(given: Workload, keep: (record: DecisionRecord) => void): Engine {
  const allows = closures(given);
  const { digest } = policyOf(given);
  let calls = 0;
  return (index) => {
    const asked = given.requests[index];
    if (asked === undefined) return false;
    const allowed = allows(index);
    calls += 1;
    keep({
      action: asked.action, agent: asked.agent.id, args_hash: sha256Hex(JSON.stringify(asked.data)), audit: 'durable', call_id: `0123456789abcdef-${calls}`, code: allowed ? null : 'KERNEL_DENIED',
      delegation: null, enforcement: 'cooperative', errors: [], kind: 'decision', obligations: [], peer: null, policies: [digest], policy: 'bench', reason: 'as the closures say', rule: null,
      sandbox: 'none', scope: [], sponsor: null, taint: [], time_ms: Date.now(), trust_score: asked.agent.trust_score, verdict: allowed ? 'allow' : 'deny',
    });
    return allowed;
  };
}

function shown(name: string, rate: Rate, limit: Rate, more = ''): string {
  return `  ${name.padEnd(44)} ${short(rate.per_s).padStart(11)}/s   p50 ${short(rate.p50_us).padStart(6)} us   p99 ${short(rate.p99_us).padStart(6)} us   ${short(100 * rate.per_s / limit.per_s).padStart(6)} % of closures${more}`;
}

async function table(rules: number, mark: Workload['mark'], print: (text: string) => void): Promise<void> {
  const given = workload(rules, mark, seed);
  const { length } = given.requests;
  let last: DecisionRecord | undefined;
  let bare_last: DecisionRecord | undefined;
  const others = await otherEngines(given);
  const engines: readonly (readonly [string, Engine])[] = [
    ['hand-written closures by type (the limit)', closures(given)],
    ['closures composed for each operator', composedClosures(given)],
    ['verdict', verdicts(given)],
    ['verdict with its reason', reasons(given)],
    [full, records(given, (record) => { last = record; })],
    [bare, bareRecords(given, (record) => { bare_last = record; })],
    ...others,
  ];
  const [limit] = engines;
  if (limit === undefined) return;
  const expected = given.requests.map((_, index) => limit[1](index));
  print(`${rules} ${rules === 1 ? 'rule' : 'rules'}, ${mark}: ${expected.filter((allowed) => !allowed).length} of ${length} requests are denied`);
  // A thousand rules of the slowest take a second for some dozen requests.
  const checked = engines.map(([name, engine]) => {
    const until = performance.now() + 2_000;
    let index = 0;
    for (; index < length && performance.now() < until; index += 1) {
      if (engine(index) !== expected[index]) throw new Error(`${name} decides request ${index} of ${rules} rules otherwise than the closures`);
    }
    return index;
  });
  const measured = rates(engines.map(([, engine]) => engine), length);
  const [of_limit] = measured;
  for (const [which, [name]] of engines.entries()) {
    const rate = measured[which];
    const count = checked[which] ?? 0;
    if (rate !== undefined && of_limit !== undefined) print(shown(name, rate, of_limit, count === length ? '' : `   (${count} verdicts checked)`));
  }
  const rateOf = (wanted: string): number => measured[engines.findIndex(([name]) => name === wanted)]?.per_s ?? Number.NaN;
  print(`  a full record has ${short(100 * rateOf(full) / rateOf(bare))} % of the rate of its floor`);
  if (last === undefined || last.args_hash === null || last.reason === '') throw new Error('a record is not full');
  if (bare_last === undefined || Object.keys(bare_last).join() !== Object.keys(last).join()) throw new Error('the floor is not that of a full record');
}

/** Runs the benchmark and prints it. */
export async function benchDecisions(home: string, print: (text: string) => void): Promise<void> {
  for (const rules of [1, 10, 100, 1_000]) await table(rules, 'data.marked', print);
  await table(100, 'data.contains_pii', print);
  await endToEnd(home, print);
}

/** A governed function that does nothing, with what keeps the record. */
async function endToEnd(home: string, print: (text: string) => void): Promise<void> {
  const policies = [policyOf(workload(100, 'data.marked', seed))];
  const action = { type: 'read', resource: 'reports/1' };
  const call = (kernel: KernelSpace, audit: 'durable' | 'batched') => async (order: number): Promise<void> => {
    unwrap(await kernel.run({ agent: 'bench', action, data: { order }, audit, effect: () => Promise.resolve(null) }));
  };
  const in_memory = new KernelSpace({ policies, flight_recorder: memoryRecorder() });
  print(line('governed no-op, recorded in memory, 1 in flight', await measure(20_000, 1, call(in_memory, 'durable'))));
  const folder = join(home, 'decisions');
  const store = unwrap(await openStore({ kind: 'disk', folder: join(folder, 'store'), create: true }));
  const files = diskFiles(folder);
  const vault = unwrap(await openVault({ files, random: (length) => system_random.bytes(length), create: true }));
  const log = unwrap(await openAuditLog({ store, files, vault, now: () => Date.now(), key: signingKey(system_random.bytes(32)), did: 'did:mesh:bench', create: true }));
  const kernel = new KernelSpace({ policies, flight_recorder: auditRecorder(log) });
  const payload = new Uint8Array(600);
  for (const [in_flight, count] of [[1, 1_500], [64, 20_000], [256, 20_000]] as const) {
    const bare = await measure(count, in_flight, async () => unwrap(await log.append({ subject: 'bench', payload })));
    const durable = await measure(count, in_flight, call(kernel, 'durable'));
    const batched = await measure(count, in_flight, call(kernel, 'batched'));
    print(line(`bare durable append of ${payload.length} bytes, ${in_flight} in flight`, bare));
    print(line(`governed no-op, decision durable first, ${in_flight} in flight`, durable));
    print(line(`governed no-op, decision batched, ${in_flight} in flight`, batched));
  }
  await log.close();
  await store.close();
}
