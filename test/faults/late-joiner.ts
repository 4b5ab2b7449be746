/**
 * One who comes late: two node processes hold many statements, a third starts
 * with an empty folder, joins both, and catches up. `node test/faults/late-joiner.ts [count]`
 * prints the time; it fails when the sets differ or one peer did everything.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { toHex, utf8 } from '../../crypto/bytes.ts';
import { isFields, type Fields } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import { parseStatement, signEndorsement } from '../../crypto/statement.ts';
import { createNode, type Node } from '../../node/node.ts';
import type { Fact } from '../../protocols/ports.ts';
import { statements_per_issuer_max, type StatementStore } from '../../storage/statements.ts';
import { person } from '../people.ts';

const script = fileURLToPath(import.meta.url);
const [, , role = '100000', ...rest] = process.argv;
const listen = ['/ip4/127.0.0.1/tcp/0'];
const wait_ms = 100;
const limit_ms = 600_000;

/** The hashes of all endorsements in a store, in one order. */
function endorsementsIn(store: StatementStore): readonly string[] {
  return store.endorsers().flatMap((did) => store.endorsementsBy(did).map(({ hash }) => hash));
}

function digestOf(store: StatementStore): string {
  return toHex(sha256(utf8(endorsementsIn(store).join('\n'))));
}

function tell(line: Fields): void {
  console.log(JSON.stringify(line));
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end_ms = Date.now() + limit_ms;
  while (!holds()) {
    if (Date.now() > end_ms) throw new Error(`not within ${limit_ms} ms: ${what}`);
    await sleep(wait_ms);
  }
}

function stopWhenTold(node: Node): void {
  process.once('SIGTERM', () => void node.stop().then(() => process.exit(0)));
}

/** Holds the statements. Signing gives the same tokens in both seeds, for the keys depend on names and the dates on `base_s`. */
async function seed(data: string, count: number, base_s: number, bootstrap: readonly string[]): Promise<void> {
  const node = unwrap(await createNode({ data, name: 'seed', control: false, listen, bootstrap }));
  stopWhenTold(node);
  const { host } = node;
  const per_issuer = statements_per_issuer_max.endorsement;
  const issuers = await Promise.all(Array.from({ length: Math.ceil(count / per_issuer) }, (_, index) => person(`issuer ${index}`, { now_ms: base_s * 1000 })));
  for (const [number, { signer, did }] of issuers.entries()) {
    const size = Math.min(per_issuer, count - number * per_issuer);
    await Promise.all(Array.from({ length: size }, async (_, index) => {
      const text = unwrap(await signEndorsement(signer, {
        sub: did, scope: `s${index}`, seq: 1, nbf: base_s, exp: base_s + 86_400 * (1 + index % 60), weight: index % 1000, why: `statement ${index}`,
      }));
      await host.statement_store.put(unwrap(parseStatement(text)).statement, text);
    }));
  }
  if (bootstrap.length > 0) {
    await until('the other seed is there', () => host.parts.network.peers().length > 0);
    for (const { record } of issuers) unwrap(await host.identity.publish(record.bytes));
  }
  tell({ address: node.addresses[0], size: endorsementsIn(host.statement_store).length, digest: digestOf(host.statement_store) });
}

/** Starts with nothing, and says when it has everything. */
async function late(data: string, count: number, bootstrap: readonly string[]): Promise<void> {
  const bytes: { [peer: string]: number } = {};
  const recorder = {
    record(fact: Fact): void {
      if (fact.kind === 'sync.done' || fact.kind === 'sync.failed') process.stderr.write(`${JSON.stringify(fact)}\n`);
      if (fact.kind === 'sync.done') bytes[String(fact['peer'])] = (bytes[String(fact['peer'])] ?? 0) + Number(fact['bytes']);
    },
  };
  const node = unwrap(await createNode({ data, name: 'late', control: false, listen, bootstrap, recorder }));
  stopWhenTold(node);
  const since_ms = performance.now();
  const since = process.cpuUsage();
  const { host: { statement_store, statements } } = node;
  await until('everything is here', () => statement_store.size >= count && endorsementsIn(statement_store).length >= count);
  const { user, system } = process.cpuUsage(since);
  const seconds = (performance.now() - since_ms) / 1000;
  await until('the last sync is complete', () => Object.keys(bytes).length > 1 && statements.completeAsOf() > 0);
  tell({ seconds, cpu_seconds: (user + system) / 1e6, mebibytes: process.memoryUsage().rss / 2 ** 20, size: statement_store.size, digest: digestOf(statement_store), bytes });
}

/** A process of this script and the line that it tells. */
function start(children: ChildProcess[], ...args: readonly string[]): Promise<Fields> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const { stdout } = child;
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the process ${args[0]} ended with ${code}`)));
    if (stdout !== null) createInterface(stdout).once('line', (line) => {
      const told: unknown = JSON.parse(line);
      resolve(isFields(told) ? told : {});
    });
  });
}

async function run(count: number): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'agentmesh-late-'));
  const children: ChildProcess[] = [];
  const base_s = Math.floor(Date.now() / 1000);
  try {
    const first = await start(children, 'seed', join(home, 'a'), String(count), String(base_s));
    const second = await start(children, 'seed', join(home, 'b'), String(count), String(base_s), String(first['address']));
    console.log(`two nodes hold ${String(first['size'])} statements each`);
    if (first['digest'] !== second['digest']) throw new Error('the seeds differ');
    const told = await start(children, 'late', join(home, 'c'), String(count), String(first['address']), String(second['address']));
    if (told['digest'] !== first['digest']) throw new Error('what came is not what the seeds hold');
    const shares = isFields(told['bytes']) ? Object.values(told['bytes']).map(Number) : [];
    console.log(`a third with an empty folder had all of them after ${Number(told['seconds']).toFixed(1)} s (${Number(told['cpu_seconds']).toFixed(1)} s of its CPU, ${Number(told['mebibytes']).toFixed(0)} MiB), `
      + `${(count / Number(told['seconds'])).toFixed(0)} a second, each verified; from each peer ${shares.map((share) => `${(share / 2 ** 20).toFixed(1)} MiB`).join(' and ')}`);
    if (Math.min(...shares) < Math.max(...shares) / 5) throw new Error('one peer did nearly everything');
  } finally {
    await Promise.all(children.map((child) => new Promise<void>((resolve) => {
      if (child.exitCode !== null || !child.kill('SIGTERM')) resolve();
      else child.removeAllListeners('exit').once('exit', () => resolve());
    })));
    rmSync(home, { recursive: true, force: true });
  }
}

const [data = '', count = '0', ...others] = rest;
if (role === 'seed') await seed(data, Number(count), Number(others[0]), others.slice(1));
else if (role === 'late') await late(data, Number(count), others);
else await run(Number(role));
