/** The cases of `statements.json` about evidence against logs and witnesses. Evidence is packed without compression here, so that the bytes depend on no library. */
import { deflateRawSync } from 'node:zlib';
import { compare, concat, toBase64url, utf8 } from '../../crypto/bytes.ts';
import type { Fields } from '../../crypto/canonical.ts';
import {
  cosignerRollbackEvidence, cosignerSplitEvidence, leafConflictEvidence, packed_evidence_bytes_max, sameSizeEvidence,
} from '../../crypto/fork-evidence.ts';
import { createToken } from '../../crypto/jwt.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { hashOf } from '../chains.ts';
import { TestLog, TestWitness, treeOf, type TestTree } from '../crypto/fork-evidence-world.ts';
import { keyNamed, person, start_ms, start_s, type Person } from '../people.ts';
import { refusal, type VectorCase } from './case.ts';

const reporter = await person('vectors, reporter');
// One key that is both its log's and its witness's, so that one record serves every kind.
const host = await person('vectors, host', { kind: 'node', uses: ['log', 'witness'] });
const lasting_s = 36_525 * 86_400;
const now_ms: number = start_ms + 60_000;

const log = new TestLog(host.did, host.signer.key);
const witness = new TestWitness(host.did, host.signer.key);
const watched = new TestLog(reporter.did, keyNamed('vectors, watched'));
const [tree, other] = [treeOf(6, 'a'), treeOf(6, 'b')];

function fork(by: TestLog = log): Result<Uint8Array> {
  return sameSizeEvidence(by.verifier_key, [by.note(tree), by.note(other)]);
}

function cosigned(which: TestTree, size: number, time_s: number): Uint8Array {
  return witness.cosigned(watched, watched.head(which, size), time_s);
}

const packed = (file: Uint8Array): string => toBase64url(new Uint8Array(deflateRawSync(file, { level: 0 })));

function token(file: Uint8Array, changes: Fields = {}): Promise<string> {
  return createToken('mesh-audit-evidence+jwt', reporter.signer, { sub: host.did, evidence: packed(file), nbf: start_s, exp: start_s + lasting_s, v: 1, ...changes });
}

async function forms(): Promise<VectorCase[]> {
  const file = unwrap(fork());
  const said = async (name: string, changes: Fields, expect?: Fields): Promise<VectorCase> => {
    const text = await token(file, changes);
    return { name, task: 'parse statement', input: { token: text }, expect: expect === undefined ? refusal('STATEMENT_MALFORMED') : { ...expect, hash: hashOf(text) } };
  };
  const good = { kind: 'audit-evidence', iss: reporter.did, sub: host.did, nbf: start_s, exp: start_s + lasting_s };
  const longest = toBase64url(new Uint8Array(packed_evidence_bytes_max));
  const wrong: readonly Fields[] = [
    { v: 2 }, { extra: 1 }, { sub: 'host' }, { evidence: '' }, { evidence: 'a b' }, { evidence: 'AB' }, { evidence: 1 }, { evidence: toBase64url(new Uint8Array(packed_evidence_bytes_max + 1)) },
    { exp: start_s + lasting_s - 1 }, { nbf: -1 },
  ];
  return [
    await said('evidence against a log', {}, { ...good, evidence: packed(file) }),
    await said('packed evidence of 1,960 bytes', { evidence: longest }, { ...good, evidence: longest }),
    ...await Promise.all(wrong.map((change, index) => said(`mesh-audit-evidence+jwt, wrong form ${index + 1}: ${JSON.stringify(change).slice(0, 60)}`, change))),
  ];
}

async function admissions(): Promise<VectorCase[]> {
  const admitted = (name: string, text: string, code?: string, people: readonly Person[] = [reporter, host]): VectorCase => ({
    name, task: 'admit statement', expect: code === undefined ? { kept: hashOf(text) } : refusal(code),
    input: { token: text, before: [], records: people.map(({ record }) => toBase64url(record.bytes)), fresh_records: [], now_ms },
  });
  const file = unwrap(fork());
  const unproven = 'STATEMENT_UNPROVEN';
  const bent = Uint8Array.from(file, (byte, at) => (at === file.length - 5 ? byte ^ 1 : byte));
  const thief = new TestLog(host.did, keyNamed('vectors, thief'));
  return [
    admitted('evidence: two trees of one size', await token(file)),
    admitted('evidence: two leaves at one index', await token(unwrap(leafConflictEvidence(log.verifier_key, [log.leaf(tree, 1), log.leaf(other, 1, 4)])))),
    admitted('evidence: a witness that cosigned two trees', await token(unwrap(cosignerSplitEvidence(witness.verifier_key, [cosigned(tree, 6, 1), cosigned(other, 6, 1)])))),
    admitted('evidence: a witness that went back', await token(unwrap(cosignerRollbackEvidence(witness.verifier_key, [cosigned(tree, 6, 1), cosigned(tree, 5, 2)])))),
    admitted('evidence with a flipped bit', await token(bent), unproven),
    admitted('evidence with a byte more', await token(concat(file, utf8('\n'))), unproven),
    admitted('evidence about another host than the accused', await token(file, { sub: reporter.did }), unproven),
    admitted('evidence that cannot be unpacked', await token(file, { evidence: toBase64url(utf8('noise')) }), unproven),
    admitted('evidence by a key that is named after the host and is not its own', await token(unwrap(fork(thief))), 'STATEMENT_KEY_UNKNOWN'),
    admitted('evidence against a host that is not known', await token(file), 'STATEMENT_ISSUER_UNKNOWN', [reporter]),
  ];
}

function files(): VectorCase[] {
  const verified = (name: string, bytes: Uint8Array, expect: Fields = refusal('EVIDENCE_INVALID')): VectorCase => ({ name, task: 'verify evidence', input: { file: toBase64url(bytes) }, expect });
  const against_log = { did: host.did, name: log.origin, role: 'log', origin: log.origin };
  const against_witness = { did: host.did, name: witness.name, role: 'witness', origin: watched.origin };
  const same_size = unwrap(fork());
  const text = Buffer.from(same_size).toString();
  const [header = '', one = '', second = ''] = text.split('part ');
  const leaves = unwrap(leafConflictEvidence(log.verifier_key, [log.leaf(tree, 1, 4), log.leaf(other, 1, 6)]));
  const written = (kind: string, key: string, parts: readonly Uint8Array[]): Uint8Array =>
    concat(utf8(`mesh-audit-evidence/v1\nkind ${kind}\nvkey ${key}\n`), ...parts.flatMap((part) => [utf8(`part ${part.length}\n`), part, utf8('\n')]));
  // The leaf with the smaller hash comes first.
  const sizes = compare(tree.leaves[1] ?? same_size, other.leaves[1] ?? same_size) < 0 ? [4, 6] : [6, 4];
  const notes = [log.note(tree), log.note(tree, 5)];
  return [
    verified('two trees of one size', same_size, { kind: 'same-size', ...against_log, sizes: [6, 6] }),
    verified('two leaves at one index', leaves, { kind: 'leaf-conflict', ...against_log, sizes }),
    verified('a witness that cosigned two trees', unwrap(cosignerSplitEvidence(witness.verifier_key, [cosigned(tree, 6, 1), cosigned(other, 6, 1)])), { kind: 'cosigner-split', ...against_witness, sizes: [6, 6] }),
    verified('a witness that went back', unwrap(cosignerRollbackEvidence(witness.verifier_key, [cosigned(tree, 6, 1), cosigned(tree, 5, 2)])), { kind: 'cosigner-rollback', ...against_witness, sizes: [6, 5] }),
    verified('the parts in the other order', utf8(`${header}part ${second}part ${one}`)),
    verified('a part with another length', utf8(text.replace(/part (\d)/, 'part 0$1'))),
    verified('a kind that does not fit the key', utf8(text.replace('kind same-size', 'kind cosigner-split'))),
    verified('a kind that is none', utf8(text.replace('kind same-size', 'kind forked'))),
    verified('another version', utf8(text.replace('evidence/v1', 'evidence/v2'))),
    verified('the same tree twice', written('same-size', log.verifier_key, [notes[0] ?? leaves, notes[0] ?? leaves])),
    verified('two sizes', written('same-size', log.verifier_key, notes)),
    verified('two cosignatures of one second', written('cosigner-rollback', witness.verifier_key, [cosigned(tree, 6, 2), cosigned(tree, 5, 2)])),
    verified('a tree that grew', written('cosigner-rollback', witness.verifier_key, [cosigned(tree, 5, 1), cosigned(tree, 6, 2)])),
    verified('a note with the log\'s signature beside the witness\'s', written('cosigner-rollback', witness.verifier_key, [cosigned(tree, 6, 1), cosigned(tree, 5, 2)])),
    verified('nothing', new Uint8Array()),
  ];
}

/** Every case about evidence. */
export async function evidenceCases(): Promise<readonly VectorCase[]> {
  return [...await forms(), ...files(), ...await admissions()];
}
