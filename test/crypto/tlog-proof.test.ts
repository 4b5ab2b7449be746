import * as assert from 'uvu/assert';
import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { cosign, logOrigin, signCheckpoint, withLines, witnessName } from '../../crypto/checkpoint.ts';
import { signingKey } from '../../crypto/keys.ts';
import { Frontier, inclusionProof, leafHash, type TreeNode } from '../../crypto/merkle.ts';
import { signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { checkByPolicy, parseLogPolicy, quorumMet } from '../../crypto/tlog-policy.ts';
import { formatProof, parseProof, verifyProof } from '../../crypto/tlog-proof.ts';
import { suite } from '../harness.ts';
import { vector, withVectors } from '../vectors.ts';

const test = suite('crypto/tlog-proof');

const code = (result: Result<unknown>): string => (result.ok ? 'ok' : result.failure.code);

const did = 'did:mesh:bhost';
const log_key = signingKey(new Uint8Array(32).fill(1));
const origin = logOrigin(did, log_key.public_key);
const log_line = `log ${verifierKey(origin, signature_type_log, log_key.public_key)}\n`;
const witnesses = [2, 3, 4].map((seed) => {
  const key = signingKey(new Uint8Array(32).fill(seed));
  const name = witnessName(`did:mesh:b${seed}`, key.public_key);
  return { key, name, vkey: verifierKey(name, signature_type_witness, key.public_key) };
});
const witness_lines = witnesses.map(({ vkey }, index) => `witness w${index} ${vkey}\n`).join('');
const policy = unwrap(parseLogPolicy(utf8(`${log_line}${witness_lines}group two 2 w0 w1 w2\nquorum two\n`)));

const leaves = Array.from({ length: 11 }, (_, index) => leafHash(utf8(`entry ${index}`)));
const rootOf = (from: number, to: number): Uint8Array => {
  const frontier = new Frontier();
  for (const leaf of leaves.slice(from, to)) frontier.append(leaf);
  return frontier.root();
};
const hashAt = ({ level, index }: TreeNode): Uint8Array => rootOf(index * 2 ** level, (index + 1) * 2 ** level);
const checkpoint = { origin, size: 11, root: rootOf(0, 11) };

function proofFile(index: number, cosigners: readonly number[], extra?: Uint8Array): Uint8Array {
  const lines = cosigners.flatMap((at) => {
    const witness = witnesses[at];
    return witness === undefined ? [] : [cosign(witness.key, witness.name, checkpoint, 1_700_000_000)];
  });
  const note = withLines(signCheckpoint(log_key, checkpoint), lines);
  return formatProof({ index, hashes: inclusionProof(index, 11, hashAt), checkpoint: note, ...(extra === undefined ? {} : { extra }) });
}

const leaf = (index: number): Uint8Array => leaves[index] ?? new Uint8Array();

test('a proof is verified with the policy alone, for every entry', () => {
  for (let index = 0; index < 11; index += 1) {
    const verified = unwrap(verifyProof(proofFile(index, [0, 2]), leaf(index), policy));
    assert.is(verified.index, index);
    assert.equal(verified.checkpoint, checkpoint);
    assert.is(verified.cosignatures.length, 2);
  }
});

test('another leaf, too few cosigners, a strange log and changed hashes are refused', () => {
  assert.is(code(verifyProof(proofFile(3, [0, 1]), leaf(4), policy)), 'PROOF_INVALID');
  assert.is(code(verifyProof(proofFile(3, [1]), leaf(3), policy)), 'QUORUM_MISSING');
  assert.is(code(verifyProof(proofFile(3, [1, 1]), leaf(3), policy)), 'QUORUM_MISSING');
  const other = unwrap(parseLogPolicy(utf8(`${witness_lines}group two 2 w0 w1 w2\nquorum two\n`)));
  assert.is(code(verifyProof(proofFile(3, [0, 1]), leaf(3), other)), 'LOG_UNKNOWN');
  const parsed = unwrap(parseProof(proofFile(3, [0, 1])));
  const swapped = formatProof({ ...parsed, hashes: parsed.hashes.toReversed() });
  assert.is(code(verifyProof(swapped, leaf(3), policy)), 'PROOF_INVALID');
  assert.is(code(verifyProof(formatProof({ ...parsed, index: 11 }), leaf(3), policy)), 'PROOF_INVALID');
  const forged = utf8((fromUtf8(proofFile(3, [0, 1])) ?? '').replace('\n11\n', '\n12\n'));
  assert.is(code(verifyProof(forged, leaf(3), policy)), 'NOTE_FORGED');
});

test('every flipped byte of a proof is noticed, except in the extra line that nothing covers', () => {
  const bytes = proofFile(6, [0, 1]);
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Uint8Array.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.not(verifyProof(changed, leaf(6), policy).ok, `byte ${at}`);
  }
});

test('a proof file comes back as it was written, with and without extra data', () => {
  const plain = proofFile(0, [0]);
  assert.equal(formatProof(unwrap(parseProof(plain))), plain);
  const extra = Uint8Array.of(1, 2, 3);
  assert.equal(unwrap(parseProof(proofFile(0, [0], extra))).extra, extra);
});

test('malformed proof files are refused', () => {
  const good = fromUtf8(proofFile(3, [0], Uint8Array.of(7))) ?? '';
  const [hash = ''] = good.split('\n').slice(3);
  const bad: readonly [string, string][] = [
    ['another version', good.replace('@v1', '@v2')],
    ['CRLF', good.replaceAll('\n', '\r\n')],
    ['leading zero', good.replace('index 3', 'index 03')],
    ['plus', good.replace('index 3', 'index +3')],
    ['negative', good.replace('index 3', 'index -3')],
    ['beyond 2^53', good.replace('index 3', 'index 9007199254740992')],
    ['empty extra', good.replace(/extra .*\n/, 'extra \n')],
    ['extra with spare bits', good.replace(/extra .*\n/, 'extra Bx==\n')],
    ['extra after index', good.replace(/(extra .*\n)(index .*\n)/, '$2$1')],
    ['short hash', good.replace(hash, 'AAAA')],
    ['no blank line', good.replaceAll('\n\n', '\n')],
    ['64 hashes', good.replace(`${hash}\n`, `${hash}\n`.repeat(64))],
    ['empty', ''],
  ];
  for (const [what, text] of bad) assert.is(code(parseProof(utf8(text))), 'TLOG_PROOF_INVALID', what);
  assert.is(code(parseProof(new Uint8Array(1_000_000))), 'TLOG_PROOF_INVALID');
});

test('quorums follow groups of groups', () => {
  const nested = unwrap(parseLogPolicy(utf8(`# comment\n\n \t${log_line}${witness_lines}group x any w0\ngroup y  all\tw1 w2 \ngroup both 2 x y\nquorum both\n`)));
  assert.ok(quorumMet(nested, ['w0', 'w1', 'w2']));
  assert.not(quorumMet(nested, ['w0', 'w1']));
  assert.not(quorumMet(nested, ['w1', 'w2']));
  assert.ok(quorumMet(unwrap(parseLogPolicy(utf8('quorum none\n'))), []));
  const single = unwrap(parseLogPolicy(utf8(`${witness_lines}quorum w1\n`)));
  assert.ok(quorumMet(single, ['w1']));
  assert.not(quorumMet(single, ['w0', 'w2']));
});

test('malformed policies are refused with their line', () => {
  const start = `${log_line}${witness_lines}`;
  const bad: readonly [string, string, number | undefined][] = [
    ['no quorum', start, undefined],
    ['two quorums', `${start}quorum w0\nquorum w0\n`, 6],
    ['quorum before its definition', `quorum w0\n${start}`, 1],
    ['unknown member', `${start}group g 1 w9\nquorum g\n`, 5],
    ['group of itself', `${start}group g 1 g\nquorum g\n`, 5],
    ['none as member', `${start}group g 1 none\nquorum g\n`, 5],
    ['none as name', `${start}group none 1 w0\nquorum none\n`, 5],
    ['one witness in two groups', `${start}group g 1 w0\ngroup h 1 w0\nquorum h\n`, 6],
    ['one witness twice in a group', `${start}group g 2 w0 w0\nquorum g\n`, 5],
    ['threshold 0', `${start}group g 0 w0\nquorum g\n`, 5],
    ['threshold too high', `${start}group g 2 w0\nquorum g\n`, 5],
    ['no members', `${start}group g 1\nquorum g\n`, 5],
    ['name twice', `${start}group w0 1 w1\nquorum w0\n`, 5],
    ['key twice', `${start}${witness_lines}quorum w0\n`, 5],
    ['log key for a witness', `witness w ${log_line.slice(4)}quorum w\n`, 1],
    ['witness key for a log', `log ${witnesses[0]?.vkey ?? ''}\nquorum none\n`, 1],
    ['unknown word', 'logs x\nquorum none\n', 1],
    ['control character', 'quorum none\r\n', undefined],
    ['no newline', 'quorum none', undefined],
  ];
  for (const [what, text, line] of bad) {
    const result = parseLogPolicy(utf8(text));
    assert.is(code(result), 'POLICY_INVALID', what);
    if (!result.ok) assert.is(result.failure.detail?.['line'], line, what);
  }
  assert.is(code(parseLogPolicy(new Uint8Array(70_000))), 'POLICY_TOO_LARGE');
  const many = Array.from({ length: 70 }, (_, seed) => {
    const key = signingKey(new Uint8Array(32).fill(100 + seed));
    return `witness w${seed} ${verifierKey('n', signature_type_witness, key.public_key)}\n`;
  });
  assert.is(code(parseLogPolicy(utf8(`${many.join('')}quorum w0\n`))), 'POLICY_INVALID');
});

test('a cosignature that was made for another tree spoils the checkpoint', () => {
  const [witness] = witnesses;
  if (witness === undefined) return;
  const line = cosign(witness.key, witness.name, { ...checkpoint, size: 12 }, 5);
  assert.is(code(checkByPolicy(policy, withLines(signCheckpoint(log_key, checkpoint), [line]))), 'NOTE_FORGED');
});

withVectors(test, 'audit/sigsum', "a policy in another system's dialect is refused with its line, not half understood", () => {
  const result = parseLogPolicy(vector('audit/sigsum/sigsum-generic-2025-1.builtin-policy'));
  assert.is(code(result), 'POLICY_INVALID');
  if (!result.ok) assert.match(result.failure.reason, /^line 5: /);
});

test.run();
