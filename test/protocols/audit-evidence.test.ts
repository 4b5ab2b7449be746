import * as assert from 'uvu/assert';
import type { KeyUse, RetiredMethod } from '../../crypto/did-events.ts';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { cosignerRollbackEvidence, leafConflictEvidence, packEvidence, packed_evidence_bytes_max, sameSizeEvidence, verifyEvidence } from '../../crypto/fork-evidence.ts';
import { token_bytes_max } from '../../crypto/jwt.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { checkAccused, lasting_revocation_lifetime_s, misdeedOf, parseStatement, signAuditEvidence } from '../../crypto/statement.ts';
import { topicOf } from '../../storage/statements.ts';
import { TestLog, TestWitness, treeOf } from '../crypto/fork-evidence-world.ts';
import { handmadeToken } from '../handmade.ts';
import { suite } from '../harness.ts';
import { keyNamed, person, start_s, type Person } from '../people.ts';
import { alice, at, bob, kinds, mute, world, type Host } from './statement-world.ts';

const test = suite('protocols/audit-evidence');

const accused = await person('accused host', { kind: 'node' });
const [log_key, witness_key, thief_key] = [keyNamed('its log'), keyNamed('its witness'), keyNamed('a thief')];
const log = new TestLog(accused.did, log_key);
const witness = new TestWitness(accused.did, witness_key);
const [tree, other] = [treeOf(6, 'a'), treeOf(6, 'b')];

/** The record of the accused with more keys. */
function recordWith(methods: readonly { readonly key: SigningKey; readonly uses: readonly KeyUse[] }[], retired: readonly { readonly key: SigningKey; readonly uses: readonly KeyUse[] }[] = []): DidRecord {
  const { record } = accused;
  const document = {
    ...record.document,
    methods: [...record.document.methods, ...methods.map(({ key, uses }, index) => ({ id: `method-${index}`, key: key.public_key, uses }))],
    retired: retired.map(({ key, uses }, index): RetiredMethod => ({ id: `retired-${index}`, key: key.public_key, uses, until: start_s * 1000 })),
  };
  return { ...record, document };
}

const own_record = recordWith([{ key: log_key, uses: ['log'] }, { key: witness_key, uses: ['witness'] }]);
const fork = (by: TestLog = log, tree_size?: number): Uint8Array => unwrap(sameSizeEvidence(by.verifier_key, [by.note(tree, tree_size), by.note(other, tree_size)]));
const report = async (file: Uint8Array, by: Person = alice): Promise<string> => unwrap(await signAuditEvidence(by.signer, { evidence: file, nbf: start_s }));

async function publish({ exchange }: Host, finish: <T>(work: Promise<T>) => Promise<T>, token: string): Promise<string> {
  const published = await finish(exchange.publish(token));
  return published.ok ? 'published' : published.failure.code;
}

test('evidence is a statement of what takes away, and is refused in any other shape', async () => {
  const token = await report(fork());
  const { statement } = unwrap(parseStatement(token));
  if (statement.kind !== 'audit-evidence') throw new Error('it is evidence');
  const exp = start_s + lasting_revocation_lifetime_s;
  const evidence = toBase64url(unwrap(packEvidence(fork())));
  assert.equal(statement, { kind: 'audit-evidence', iss: alice.did, sub: accused.did, evidence, nbf: start_s, exp, hash: statement.hash });
  assert.is(topicOf(statement), 'revocations');
  assert.is(misdeedOf(statement), 'its audit log signed two different trees of one size');
  const claims = { iss: alice.did, sub: accused.did, evidence, nbf: start_s, exp, v: 1 };
  const code = (changes: object): string => {
    const parsed = parseStatement(handmadeToken({ alg: 'EdDSA', typ: 'mesh-audit-evidence+jwt', kid: alice.signer.key_id }, { ...claims, ...changes }, alice.signer));
    return parsed.ok ? 'accepted' : parsed.failure.code;
  };
  assert.is(code({}), 'accepted');
  for (const changes of [{ v: 2 }, { extra: 1 }, { sub: 'accused' }, { evidence: '' }, { evidence: 'a b' }, { evidence: `${evidence}=` }, { evidence: 1 }, { exp: exp + 1 }, { exp: start_s + 60 }]) {
    assert.is(code(changes), 'STATEMENT_MALFORMED', JSON.stringify(changes).slice(0, 60));
  }
  assert.is(code({ evidence: 'A'.repeat(Math.ceil(packed_evidence_bytes_max * 4 / 3) + 1) }), 'STATEMENT_MALFORMED');
  const largest = handmadeToken({ alg: 'EdDSA', typ: 'mesh-audit-evidence+jwt', kid: alice.signer.key_id }, { ...claims, evidence: toBase64url(new Uint8Array(packed_evidence_bytes_max)) }, alice.signer);
  assert.ok(parseStatement(largest).ok && largest.length <= token_bytes_max, 'the longest packed evidence fits into a token');
});

test('whoever hears it believes the file, and nobody who reports it', async (context) => {
  const { hosts, connect, pass, finish } = await world(context, 3);
  for (const { records } of hosts) records.set(accused.did, own_record);
  await connect(0, 1);
  await connect(1, 2);
  await pass(2000);
  assert.is(await publish(at(hosts, 0), finish, await report(fork())), 'published');
  await pass(2000);
  for (const { store, applied } of hosts) {
    assert.is(store.auditEvidence(accused.did)?.iss, alice.did);
    assert.equal(store.exposures().map(({ sub }) => sub), [accused.did]);
    assert.is(applied.length, 1, 'the host is told, once');
  }
  const again = await publish(at(hosts, 2), finish, await report(fork(log, 4), bob));
  assert.ok(['published', 'STATEMENT_STALE'].includes(again));
  await pass(2000);
  assert.is(new Set(hosts.map(({ store }) => store.auditEvidence(accused.did)?.hash)).size, 1, 'of two reports all keep the same');
});

test('who was away is brought it with the revocations', async (context) => {
  const { hosts, connect, pass, finish } = await world(context, 2);
  for (const { records } of hosts) records.set(accused.did, own_record);
  assert.is(await publish(at(hosts, 0), finish, await report(fork())), 'published');
  await connect(0, 1);
  await pass(60_000);
  assert.is(at(hosts, 1).store.auditEvidence(accused.did)?.sub, accused.did);
  assert.ok(at(hosts, 1).exchange.completeAsOf() > 0);
});

test('anybody can name a log after a victim and sign with a key of his own: that never counts', async (context) => {
  const { hosts, finish } = await world(context, 1);
  const host = at(hosts, 0);
  host.records.set(accused.did, own_record);
  const forged = new TestLog(accused.did, thief_key);
  assert.is(await publish(host, finish, await report(fork(forged))), 'STATEMENT_KEY_UNKNOWN');
  const swapped = new TestLog(accused.did, witness_key);
  assert.is(await publish(host, finish, await report(fork(swapped))), 'STATEMENT_KEY_UNKNOWN', 'the witness key is no key of the log');
  const daily = new TestLog(accused.did, accused.signer.key);
  assert.is(await publish(host, finish, await report(fork(daily))), 'STATEMENT_KEY_UNKNOWN', 'nor is the key in daily use');
  assert.is(host.store.auditEvidence(accused.did), undefined);
  const verified = unwrap(verifyEvidence(fork()));
  assert.ok(checkAccused(own_record, verified).ok);
  assert.not.ok(checkAccused({ ...own_record, did: bob.did }, verified).ok, 'the record of another host that lists the same key');
  // The file is of one host, the statement of another.
  const { statement } = unwrap(parseStatement(await report(fork())));
  if (statement.kind !== 'audit-evidence') throw new Error('it is evidence');
  const { evidence, nbf, exp } = statement;
  const bent = handmadeToken({ alg: 'EdDSA', typ: 'mesh-audit-evidence+jwt', kid: alice.signer.key_id }, { iss: alice.did, sub: bob.did, evidence, nbf, exp, v: 1 }, alice.signer);
  assert.is(await publish(host, finish, bent), 'STATEMENT_UNPROVEN');
  const noise = handmadeToken({ alg: 'EdDSA', typ: 'mesh-audit-evidence+jwt', kid: alice.signer.key_id }, { iss: alice.did, sub: accused.did, evidence: toBase64url(utf8('noise')), nbf, exp, v: 1 }, alice.signer);
  assert.is(await publish(host, finish, noise), 'STATEMENT_UNPROVEN');
  assert.is(await publish(host, finish, await report(fork(), mute)), 'STATEMENT_KEY_UNKNOWN', 'a reporter whose key signs no statements');
  assert.equal([host.store.size, host.applied.length], [0, 0]);
});

test('a retired key is its key still, and each role has its own kinds', async (context) => {
  const { hosts, finish } = await world(context, 3);
  at(hosts, 0).records.set(accused.did, recordWith([], [{ key: log_key, uses: ['log'] }]));
  assert.is(await publish(at(hosts, 0), finish, await report(fork())), 'published');
  const watched = new TestLog(bob.did, keyNamed('log of bob'));
  const back = unwrap(cosignerRollbackEvidence(witness.verifier_key, [witness.cosigned(watched, watched.head(tree), 7), witness.cosigned(watched, watched.head(tree, 4), 8)]));
  at(hosts, 1).records.set(accused.did, own_record);
  assert.is(await publish(at(hosts, 1), finish, await report(back)), 'published');
  const said = at(hosts, 1).store.auditEvidence(accused.did);
  assert.is(said === undefined ? '' : misdeedOf(said), 'its witness cosigned a smaller tree of a log after a larger one');
  assert.is(at(hosts, 1).store.auditEvidence(bob.did), undefined, 'the log that was cosigned is not accused');
  at(hosts, 2).records.set(accused.did, own_record);
  const leaves = unwrap(leafConflictEvidence(log.verifier_key, [log.leaf(tree, 2), log.leaf(other, 2)]));
  assert.is(await publish(at(hosts, 2), finish, await report(leaves)), 'published');
});

test('who has followed the log believes the evidence also after its host took the key out of its record, or is gone', async (context) => {
  const { hosts, finish } = await world(context, 3);
  const [forgetful, follower, lonely] = [at(hosts, 0), at(hosts, 1), at(hosts, 2)];
  for (const { records } of [forgetful, follower]) records.set(accused.did, accused.record);
  for (const { followed } of [follower, lonely]) followed.add(log.origin);
  assert.is(await publish(forgetful, finish, await report(fork())), 'STATEMENT_KEY_UNKNOWN');
  assert.is(await publish(follower, finish, await report(fork())), 'published');
  assert.is(await publish(lonely, finish, await report(fork())), 'published');
  const forged = new TestLog(accused.did, thief_key);
  assert.is(await publish(follower, finish, await report(fork(forged))), 'STATEMENT_KEY_UNKNOWN', 'of another name it remembers nothing');
});

test('a key that the record at hand does not list yet is looked up once more, and an unknown host\'s evidence waits for its record', async (context) => {
  const { hosts, connect, pass, finish } = await world(context, 2);
  const [first, second] = [at(hosts, 0), at(hosts, 1)];
  first.records.set(accused.did, accused.record);
  first.fresh.set(accused.did, own_record);
  assert.is(await publish(first, finish, await report(fork())), 'published');
  assert.ok(first.resolved.includes(`fresh ${accused.did}`));
  await connect(0, 1);
  await pass(30_000);
  assert.is(second.store.auditEvidence(accused.did), undefined, 'nobody here has the record');
  second.records.set(accused.did, own_record);
  await finish(second.exchange.reconsider([accused.did]));
  assert.is(second.store.auditEvidence(accused.did)?.iss, alice.did);
  assert.is(kinds(first, 'peer.penalised').length + kinds(second, 'peer.penalised').length, 0, 'nobody is blamed for what waited');
});

test.run();
