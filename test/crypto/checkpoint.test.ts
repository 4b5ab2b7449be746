import * as assert from 'uvu/assert';
import { fromUtf8, toHex, utf8 } from '../../crypto/bytes.ts';
import {
  checkpointBody, cosign, didOfOrigin, isKeyOfName, logOrigin, openCheckpoint, parseCheckpoint, parseDecimal, signCheckpoint, verifyCosignature, withLines, witnessName,
} from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { Frontier, leafHash } from '../../crypto/merkle.ts';
import { openNote, parseNote, parseVerifier, signature_type_log, signature_type_witness, signNote, verifierKey } from '../../crypto/note.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { suite } from '../harness.ts';
import { vector, vectorText, withVectors } from '../vectors.ts';

const test = suite('crypto/checkpoint');

const log_key = signingKey(new Uint8Array(32).fill(1));
const witness_key = signingKey(new Uint8Array(32).fill(2));
const did = 'did:mesh:bexample';
const origin = logOrigin(did, log_key.public_key);
const name = witnessName(did, witness_key.public_key);
const log = unwrap(parseVerifier(verifierKey(origin, signature_type_log, log_key.public_key)));
const witness = unwrap(parseVerifier(verifierKey(name, signature_type_witness, witness_key.public_key)));
const checkpoint = { origin, size: 3, root: leafHash(utf8('x')) };
const note = signCheckpoint(log_key, checkpoint);

const code = (result: Result<unknown>): string => (result.ok ? 'ok' : result.failure.code);

test('origins name the DID and commit to the key', () => {
  assert.is(origin, `${did}/log/${toHex(sha256(log_key.public_key)).slice(0, 32)}`);
  assert.is(didOfOrigin(origin), did);
  assert.ok(isKeyOfName(origin, log_key.public_key));
  assert.not(isKeyOfName(origin, witness_key.public_key));
  for (const bad of ['', 'x', `${did}/log/`, `${did}/wit/${'0'.repeat(32)}`, `${did}/log/${'0'.repeat(31)}`, `did: a/log/${'0'.repeat(32)}`, `did:${'a'.repeat(255)}/log/${'0'.repeat(32)}`]) {
    assert.is(didOfOrigin(bad), undefined, bad);
  }
});

test('a checkpoint opens under its log, with the cosignatures of known witnesses', () => {
  const full = withLines(note, [cosign(witness_key, name, checkpoint, 1_700_000_000), '— stranger AAAAAAAA']);
  const opened = unwrap(openCheckpoint(full, log, [witness]));
  assert.equal(opened.checkpoint, checkpoint);
  assert.equal(opened.cosignatures.map(({ time_s }) => time_s), [1_700_000_000]);
  assert.equal(opened.bare, note);
});

test('a checkpoint that only witnesses signed, or another log, is refused', () => {
  const body = checkpointBody(checkpoint);
  const only_witness = utf8(`${fromUtf8(body) ?? ''}\n${cosign(witness_key, name, checkpoint, 5)}\n`);
  assert.is(code(openCheckpoint(only_witness, log, [witness])), 'CHECKPOINT_UNSIGNED');
  const stranger = unwrap(parseVerifier(verifierKey('stranger', signature_type_log, log_key.public_key)));
  assert.is(code(openCheckpoint(signNote(log_key, 'stranger', body), stranger)), 'CHECKPOINT_UNSIGNED');
});

test('bodies are three strict lines', () => {
  const root = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
  assert.ok(parseCheckpoint(utf8(`o\n0\n${root}\n`)).ok);
  assert.ok(parseCheckpoint(utf8(`o\n9007199254740991\n${root}\n`)).ok);
  const bad = [
    `o\n1\n${root}`, `o\n01\n${root}\n`, `o\n+1\n${root}\n`, `o\n-1\n${root}\n`, `o\n1.0\n${root}\n`, `o\n\n${root}\n`, `\n1\n${root}\n`,
    `o\n9007199254740992\n${root}\n`, `o\n1\n${root}\nextension\n`, `o\n1\n${root}\n\nextension\n`, `o\n1\nAAAA\n`, `o\n1\n${root.slice(0, -2)}B=\n`, `o\n1 \n${root}\n`,
    `${'o'.repeat(256)}\n1\n${root}\n`, '',
  ];
  for (const text of bad) assert.is(code(parseCheckpoint(utf8(text))), 'CHECKPOINT_INVALID', text);
});

test('decimals have one spelling', () => {
  assert.equal(['0', '7', '10', '9007199254740991'].map(parseDecimal), [0, 7, 10, 9_007_199_254_740_991]);
  for (const text of ['', '00', '01', '+1', '-0', '1e3', '0x1', ' 1', '1\n', '9007199254740992', '99999999999999999999']) assert.is(parseDecimal(text), undefined, text);
});

test('a cosignature holds for its checkpoint, witness and time alone', () => {
  const line = cosign(witness_key, name, checkpoint, 77);
  assert.is(unwrap(verifyCosignature(witness, checkpoint, line)).time_s, 77);
  assert.is(code(verifyCosignature(witness, { ...checkpoint, size: 4 }, line)), 'COSIGNATURE_INVALID');
  assert.is(code(verifyCosignature(log, checkpoint, line)), 'COSIGNATURE_INVALID');
  const later = cosign(witness_key, name, checkpoint, 78);
  const [signature, moved] = [line, later].map((text) => unwrap(parseNote(utf8(`x\n\n${text}\n`))).signatures[0]?.signature ?? new Uint8Array());
  assert.not.equal(signature, moved);
  assert.throws(() => cosign(witness_key, name, checkpoint, 0), /states its time/);
});

withVectors(test, 'audit/tessera-log', "all 16 checkpoints of another implementation's log open, and its entries have their roots", () => {
  const folder = 'audit/tessera-log/testdata/log';
  const published = unwrap(parseVerifier(vectorText('audit/tessera-log/log.vkey').trim()));
  const leaves = vector(`${folder}/tile/0/000.p/15`);
  const frontier = new Frontier();
  for (let size = 0; size <= 15; size += 1) {
    const opened = unwrap(openCheckpoint(vector(`${folder}/checkpoint.${size}`), published));
    assert.is(opened.checkpoint.size, size);
    assert.equal(opened.checkpoint.root, frontier.root());
    if (size < 15) frontier.append(leaves.subarray(size * 32, (size + 1) * 32));
  }
  const bundle = vector(`${folder}/tile/entries/000.p/15`);
  const length = (bundle[0] ?? 0) * 256 + (bundle[1] ?? 0);
  assert.equal(leafHash(bundle.subarray(2, 2 + length)), leaves.subarray(0, 32));
});

withVectors(test, 'audit/sunlight', 'cosignatures made by another implementation hold, and their origin hash is ours', () => {
  const folder = 'audit/sunlight/cmd/skylight/testdata';
  const published: { final_tree_head: { timestamp: number } } = JSON.parse(vectorText(`${folder}/tree/log.v3.json`));
  const cases = [
    ['witness', 'witness/witness.v0.json', 'witness/000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706'],
    ['witness2', 'witness2/witness.v0.json', 'witness2/88ad7a28caeb0b2aa890fdf0304c2fcaf59fca2ee140134ff8c1300bac493482'],
    ['mirror', 'witness/mirror/mirror.v0.json', 'witness/mirror/000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706'],
  ] as const;
  for (const [who, description, log_folder] of cases) {
    const { verifier_keys: [vkey = ''] }: { verifier_keys: string[] } = JSON.parse(vectorText(`${folder}/${description}`));
    const verifier = unwrap(parseVerifier(vkey));
    const opened = unwrap(openNote(vector(`${folder}/${log_folder}/checkpoint`), [verifier]));
    const parsed = unwrap(parseCheckpoint(opened.text));
    assert.is(parsed.size, 300, who);
    assert.is(toHex(sha256(utf8(parsed.origin))), log_folder.split('/').at(-1));
    const line = opened.verified[0]?.line ?? '';
    assert.is(unwrap(verifyCosignature(verifier, parsed, line)).time_s * 1000, published.final_tree_head.timestamp, who);
    assert.is(code(verifyCosignature(verifier, { ...parsed, size: 301 }, line)), 'COSIGNATURE_INVALID');
  }
});

test.run();
