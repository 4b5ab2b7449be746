import * as assert from 'uvu/assert';
import { concat, toBase64, utf8 } from '../../crypto/bytes.ts';
import { signCheckpoint } from '../../crypto/checkpoint.ts';
import { cosignerSplitEvidence, sameSizeEvidence, verifyEvidence } from '../../crypto/fork-evidence.ts';
import { sha256 } from '../../crypto/hash.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { parseStatement, signAuditEvidence } from '../../crypto/statement.ts';
import { Accusations, republish_ms } from '../../node/accusations.ts';
import { accusationChecks, auditEvidenceMethods } from '../../node/control/audit-evidence-methods.ts';
import { encodeRequest } from '../../protocols/witness/wire.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { decodeEntry } from '../../storage/audit-entry.ts';
import { openStore } from '../../storage/store.ts';
import { TestLog, TestWitness, treeOf } from '../crypto/fork-evidence-world.ts';
import { suite } from '../harness.ts';
import { keyNamed, person } from '../people.ts';
import { codeOf, copyOf, hostWorld, type HostWorld, type SimulatedHost } from '../simulated-hosts.ts';

const test = suite('node/accusations');

const [tree, other] = [treeOf(9, 'a'), treeOf(9, 'b')];

function keyOf({ host }: SimulatedHost, name: 'log' | 'witness'): TestLog['key'] {
  const key = host.parts.keystore.key(name);
  if (key === undefined) throw new Error(`a host has a ${name} key`);
  return key;
}

/** Two heads of one size as a host signs them that tells two stories. */
function forkOf(liar: SimulatedHost, size?: number): Uint8Array {
  const log = new TestLog(liar.host.identities.node.did, keyOf(liar, 'log'));
  assert.is(log.verifier_key, liar.host.log.verifier_key);
  return unwrap(sameSizeEvidence(log.verifier_key, [log.note(tree, size), log.note(other, size)]));
}

async function evidenceEntries({ host }: SimulatedHost): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  for await (const record of host.log.entries()) {
    const decoded = record.ok ? decodeEntry(record.value.entry) : record;
    if (decoded.ok && decoded.value.kind === 'evidence') found.push(decoded.value.body);
  }
  return found;
}

const keyOfFile = (file: Uint8Array): Uint8Array => concat(utf8('x'), sha256(file));
const exposedAt = (world: HostWorld, liar: SimulatedHost, ...indices: readonly number[]): boolean =>
  indices.every((index) => world.at(index).host.accusations.exposed(liar.host.identities.node.did));

test('a host whose log told two stories is exposed everywhere, for good: no trust, no dealings with its agents, and its log stays readable', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const [liar, finder, third] = [world.at(0), world.at(1), world.at(2)];
  const { did } = liar.host.identities.node;
  const guest = await world.hire(0, 'guest', { authority: 'open' });
  const worker = await world.hire(1, 'worker', { authority: 'open' });
  const bystander = await world.hire(2, 'bystander', { authority: 'open' });
  const call = async (index: number, from: string, to: string): Promise<string> => {
    const answered = await world.finish(world.at(index).actions.call({ from, to, command: 'read:x' }));
    return answered.ok ? answered.value.receipt.verdict : answered.failure.code;
  };
  assert.equal([await call(0, 'guest', worker.did), await call(1, 'worker', guest.did), await call(2, 'bystander', worker.did)], ['allow', 'allow', 'allow'], 'before');
  const file = forkOf(liar);
  await world.get(finder.host.accusations.report(file));
  assert.equal(await evidenceEntries(finder), [sha256(file)], 'its hash is in the log of who found it');
  assert.equal(await finder.store.get('witness', keyOfFile(file)), file);
  await world.until('everybody knows', () => exposedAt(world, liar, 0, 1, 2));
  assert.equal(third.host.accusations.list(), [{
    did, name: liar.host.log.origin, kind: 'same-size', misdeed: 'its audit log signed two different trees of one size',
    since_ms: third.host.accusations.list()[0]?.since_ms, by: finder.host.identities.node.did, statement: third.host.statement_store.auditEvidence(did)?.hash,
  }]);
  assert.ok(unwrap(verifyEvidence(unwrap(third.host.accusations.file(did)).file)).reason.includes(liar.host.log.origin), 'the file is at everybody\'s hand');
  const score = third.host.trust.score(bystander.did, did);
  assert.is(score.score, 0);
  assert.match(score.items[0]?.text ?? '', /signed two different trees of one size, as did:mesh:\S+ proved/);
  assert.is(score.items[0]?.statement, third.host.statement_store.auditEvidence(did)?.hash);
  assert.equal([await call(0, 'guest', worker.did), await call(1, 'worker', guest.did)], ['HOST_EXPOSED', 'HOST_EXPOSED']);
  assert.is(await call(2, 'bystander', worker.did), 'allow', 'the others go on');
  await world.get(finder.host.witness.askHead(liar.peer));
  assert.not.ok(finder.host.witnesses().some(({ peer }) => peer === liar.peer), 'its witness is asked no more');
  const facts = third.facts.filter(({ kind }) => kind === 'audit.exposed');
  assert.equal(facts.map(({ did: accused, own }) => [accused, own]), [[did, false]], 'told once');
  const again = await world.restart(1);
  assert.ok(again.host.accusations.exposed(did), 'a restart forgives nothing');
  world.employ(1, worker);
  assert.is(await call(0, 'guest', worker.did), 'HOST_EXPOSED');
});

test('each file is kept and noted once, one statement is told of a host, and one key does not fill the store', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [liar, finder] = [world.at(0), world.at(1)];
  const file = forkOf(liar);
  await Promise.all([world.get(finder.host.accusations.report(file)), world.get(finder.host.accusations.report(file))]);
  await world.get(finder.host.accusations.report(file));
  assert.is((await evidenceEntries(finder)).length, 1);
  const codes: string[] = [];
  for (let size = 1; size <= 8; size += 1) codes.push(codeOf(await world.finish(finder.host.accusations.report(forkOf(liar, size)))));
  assert.equal(codes, [...Array.from({ length: 7 }, () => 'ok'), 'EVIDENCE_FULL']);
  assert.is((await evidenceEntries(finder)).length, 8);
  assert.is(finder.facts.filter(({ kind, type }) => kind === 'statement.applied' && type === 'audit-evidence').length, 1);
  const after = await world.restart(1);
  await world.get(after.host.accusations.report(file));
  assert.is((await evidenceEntries(after)).length, 8, 'nor again after a restart');
});

test('evidence is told again when the statement about it has lost its place', async () => {
  const simulator = new Simulator('accusations');
  const clock = simulator.clock('accuser');
  const reporter = await person('reporter', { kind: 'node' });
  const log = new TestLog(reporter.did, keyNamed('log'));
  const file = unwrap(sameSizeEvidence(log.verifier_key, [log.note(tree), log.note(other)]));
  const { statement: evidence } = unwrap(parseStatement(unwrap(await signAuditEvidence(reporter.signer, { evidence: file, nbf: 0 }))));
  if (evidence.kind !== 'audit-evidence') throw new Error('it is evidence');
  const told: string[] = [];
  let is_exposed = false;
  const accusations = new Accusations({
    clock, store: unwrap(await openStore({ kind: 'memory' })), recorder: { record: () => undefined },
    identities: { node: { did: reporter.did, signer: reporter.signer } },
    identity: { resolve: () => Promise.resolve(fail('DID_NOT_FOUND', 'nobody has it')) },
    statement_store: { auditEvidence: () => (is_exposed ? evidence : undefined), exposures: () => [] },
    statements: {
      publish: (token) => {
        told.push(token);
        is_exposed = true;
        return Promise.resolve(ok(unwrap(parseStatement(token)).statement));
      },
    },
    wasListed: () => true,
    log: () => ({ appendRecord: () => Promise.resolve(fail('AUDIT_FROZEN', 'not now')) }),
  });
  unwrap(await accusations.report(file));
  accusations.start();
  await simulator.run(simulator.now_ms + 3 * republish_ms);
  assert.is(told.length, 1, 'once, while it is known');
  is_exposed = false;
  await simulator.run(simulator.now_ms + 2 * republish_ms);
  assert.is(told.length, 2);
  await simulator.finish(accusations.stop());
});

test('what was kept and not told before a crash is told after it, and without a record it waits', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const liar = world.at(0);
  const file = forkOf(liar);
  await world.at(1).store.batch([{ space: 'witness', key: keyOfFile(file), value: file }, { space: 'witness', key: keyOfFile(utf8('rot')), value: utf8('rotten') }], { sync: true });
  assert.not.ok(exposedAt(world, liar, 1));
  const finder = await world.restart(1);
  await world.until('everybody knows', () => exposedAt(world, liar, 0, 1, 2), 60_000);
  assert.ok(finder.facts.some(({ kind }) => kind === 'audit.evidence-unreadable'), 'what is rotten is named and left out');
});

test('a witness that cosigned two trees exposes its host', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [liar, finder] = [world.at(0), world.at(1)];
  const witness = new TestWitness(liar.host.identities.node.did, keyOf(liar, 'witness'));
  const log = new TestLog(finder.host.identities.node.did, keyOf(finder, 'log'));
  const file = unwrap(cosignerSplitEvidence(witness.verifier_key, [witness.cosigned(log, log.head(tree), 5), witness.cosigned(log, log.head(other), 6)]));
  await world.get(finder.host.accusations.report(file));
  assert.ok(exposedAt(world, liar, 1));
  assert.is(finder.host.accusations.exposed(finder.host.identities.node.did), false, 'the log that it cosigned is not accused');
});

test('nothing is kept of what proves nothing, or only against a key that is not the host\'s', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [victim, finder] = [world.at(0), world.at(1)];
  const forged = new TestLog(victim.host.identities.node.did, keyNamed('thief'));
  const file = unwrap(sameSizeEvidence(forged.verifier_key, [forged.note(tree), forged.note(other)]));
  assert.is(codeOf(await world.finish(finder.host.accusations.report(file))), 'STATEMENT_KEY_UNKNOWN');
  assert.is(codeOf(await world.finish(finder.host.accusations.report(utf8('mesh-audit-evidence/v1\n')))), 'EVIDENCE_INVALID');
  assert.equal(await evidenceEntries(finder), []);
  assert.is(await finder.store.get('witness', keyOfFile(file)), undefined);
  assert.not.ok(exposedAt(world, victim, 0, 1));
});

test('a host with a frozen log keeps evidence against others all the same, and hears of evidence against itself', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [liar, finder] = [world.at(0), world.at(1)];
  await finder.host.log.freeze('for the test');
  await world.get(finder.host.accusations.report(forkOf(liar)));
  await world.until('the accused knows it too', () => exposedAt(world, liar, 0, 1));
  assert.ok(liar.facts.some(({ kind, own }) => kind === 'audit.exposed' && own === true));
  assert.equal(accusationChecks(finder.host), []);
  const [check] = accusationChecks(liar.host);
  assert.is(check?.state, 'failed');
  assert.match(check?.text ?? '', /^this host is proven to have contradicted itself: its audit log signed two different trees of one size; reported by did:mesh:/);
});

test('a host that was put back to an older copy does not cosign what would make it look guilty', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const [asker, witness] = [world.at(0), world.at(1)];
  const { log } = asker.host;
  const heads: { readonly size: number; readonly note: Uint8Array }[] = [];
  const headOf = async (...cosigners: readonly SimulatedHost[]): Promise<Uint8Array> => {
    unwrap(await log.append({ subject: 'agent', payload: utf8('x') }));
    const note = unwrap(await log.checkpoint());
    const [before] = heads.slice(-1);
    const old_size = before?.size ?? 0;
    const size = log.latest()?.size ?? 0;
    heads.push({ size, note });
    const request = encodeRequest(old_size, old_size === 0 ? [] : unwrap(await log.consistency(old_size, size)), note);
    for (const each of cosigners) assert.is((await world.finish(each.host.witness.cosign(request))).status, 200);
    return request;
  };
  await headOf(witness);
  await world.get(witness.host.witness.anchor());
  const old_copy = await copyOf(witness);
  const second = await headOf(witness);
  await headOf(witness);
  unwrap(await witness.host.log.append({ subject: 'agent', payload: utf8('more') }));
  await world.get(witness.host.witness.anchor());
  await world.finish(witness.host.stop());
  const restored = unwrap(await world.start('host-1', old_copy));
  context.after(() => world.finish(restored.host.stop()));
  const alone = await world.finish(restored.host.witness.cosign(second));
  assert.is(alone.status, 503, `alone it cannot know: ${alone.body}`);
  for (const other of [asker, world.at(2)]) await world.connect(restored, other);
  await world.until('it hears that it is an old copy', () => restored.host.log.frozen !== undefined);
  assert.is((await world.finish(restored.host.witness.cosign(second))).status, 503, 'nor does it cosign with a frozen log');
});

test('over the control API an auditor lists who is exposed, takes the file, and hands it in elsewhere', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const [liar, finder, auditor] = [world.at(0), world.at(1), world.at(2)];
  const { did } = liar.host.identities.node;
  const never = new AbortController().signal;
  const [found, handed] = [auditEvidenceMethods(finder.host), auditEvidenceMethods(auditor.host)];
  assert.equal((await world.get(found['audit.evidence']({}, never))).exposed, []);
  const missing = await world.finish(found['audit.evidence.file']({ who: did }, never));
  assert.is(codeOf(missing), 'EVIDENCE_UNKNOWN');
  const file = forkOf(liar);
  const reported = await world.get(handed['audit.evidence.report']({ file: toBase64(file) }, never));
  assert.equal([reported.kind, reported.did, reported.role, reported.sizes], ['same-size', did, 'log', [9, 9]]);
  await world.until('everybody knows', () => exposedAt(world, liar, 0, 1, 2));
  const { exposed } = await world.get(found['audit.evidence']({}, never));
  assert.equal(exposed.map((each) => [each.did, each.did_name, each.by_name, each.own]), [[did, 'host-0', 'host-2', false]]);
  const shown = await world.get(found['audit.evidence.file']({ who: did }, never));
  assert.is(shown.file, toBase64(file));
  assert.is(codeOf(await world.finish(handed['audit.evidence.report']({ file: '!' }, never))), 'PARAMS_INVALID');
});

test('a host answers for a log that it has closed, so nobody who shows its old checkpoints around makes it suspect', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const { host: { log, keeper } } = world.at(0);
  const notes: Uint8Array[] = [];
  for (const text of ['one', 'two', 'three']) {
    unwrap(await log.append({ subject: 'agent', payload: utf8(text) }));
    notes.push(unwrap(await log.checkpoint()));
  }
  await world.get(keeper.succeed());
  const again = await world.restart(0);
  assert.is.not(again.host.log.origin, log.origin);
  const [judge, gossip] = [world.at(1).host, world.at(2).host];
  for (const note of notes.toReversed()) {
    gossip.monitor.publish(note);
    await world.pass(5_000);
  }
  assert.is(judge.monitor.state(log.origin), 'trusted');
  await world.pass(900_000);
  assert.is(judge.monitor.state(log.origin), 'trusted');
  const past = await world.get(again.host.past_logs.log(0));
  const forged = signCheckpoint(keyOf(again, 'log'), { origin: log.origin, size: past.size() + 5, root: new Uint8Array(32) });
  gossip.monitor.publish(forged);
  await world.pass(900_000);
  assert.equal([judge.monitor.state(log.origin), past.frozen], ['suspected', undefined], 'what it does not hold it cannot prove, and that stops nothing');
});

test.run();
