import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { concat, utf8 } from '../../crypto/bytes.ts';
import { cosign, logOrigin, signCheckpoint, witnessName } from '../../crypto/checkpoint.ts';
import { signingKey } from '../../crypto/keys.ts';
import { leafHash, nodeHash } from '../../crypto/merkle.ts';
import { signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { formatProof } from '../../crypto/tlog-proof.ts';
import { commitment, encodeDisclosure, encodeEntry } from '../../storage/audit-entry.ts';
import { suite } from '../harness.ts';
import { did } from './fake-methods.ts';
import { host, inside, type Ended } from './run-cli.ts';

const test = suite('node/cli/verify');

/** A log of three entries with its head cosigned by one witness: the proof of entry 1, and the policy that believes that witness. */
function provenLog(): { readonly proof: Uint8Array; readonly policy: string; readonly without_entry: Uint8Array; readonly other_entry: Uint8Array } {
  const log_key = signingKey(new Uint8Array(32).fill(1));
  const witness_key = signingKey(new Uint8Array(32).fill(2));
  const salt = new Uint8Array(32).fill(3);
  const payload = utf8('{"verdict":"allow"}');
  const entries = [0, 1, 2].map((index) => encodeEntry({ kind: 'event', time_ms: 1_700_000_000_000 + index, body: commitment(salt, payload) }));
  const [left, middle, right] = entries.map((entry) => leafHash(entry));
  if (left === undefined || middle === undefined || right === undefined) throw new Error('three leaves');
  const origin = logOrigin(did, log_key.public_key);
  const checkpoint = { origin, size: 3, root: nodeHash(nodeHash(left, middle), right) };
  const name = witnessName(did, witness_key.public_key);
  const note = concat(signCheckpoint(log_key, checkpoint), utf8(`${cosign(witness_key, name, checkpoint, 1_700_000_100)}\n`));
  const [first = new Uint8Array(), second = new Uint8Array()] = entries;
  const proofOf = (extra?: Uint8Array): Uint8Array => formatProof({ ...(extra === undefined ? {} : { extra }), index: 1, hashes: [left, right], checkpoint: note });
  return {
    proof: proofOf(encodeDisclosure({ entry: second, opened: { salt, payload } })),
    without_entry: proofOf(),
    other_entry: proofOf(encodeDisclosure({ entry: first })),
    policy: `log ${verifierKey(origin, signature_type_log, log_key.public_key)}\nwitness w ${verifierKey(name, signature_type_witness, witness_key.public_key)}\nquorum w\n`,
  };
}

test('verify holds a proof against a policy with no node running, and refuses every change', async (context) => {
  const folder = context.folder();
  const { proof, policy, without_entry, other_entry } = provenLog();
  const verify = (proof_bytes: Uint8Array, policy_text: string, ...more: string[]): Promise<Ended> => {
    writeFileSync(join(folder, 'proof'), proof_bytes);
    writeFileSync(join(folder, 'policy'), policy_text);
    return inside(['audit', 'verify', '--proof', join(folder, 'proof'), '--policy', join(folder, 'policy'), '--data', join(folder, 'none'), ...more]);
  };
  const verified = await verify(proof, policy);
  assert.equal([verified.code, verified.stderr], [0, '']);
  const [log_line = ''] = policy.split('\n');
  for (const flags of [[], ['--json']]) {
    const alone = await verify(proof, `${log_line}\nquorum none\n`, ...flags);
    assert.is(alone.code, 0, alone.stderr);
    assert.match(alone.stderr, /^warning: nobody cosigned: /);
  }
  assert.match(verified.stdout, /^verified\nlog +did:mesh:.*\nentry +1 of 3\n.*\ncosignatures +1\nkind +event\ntime +2023-11-14 22:13:20Z\npayload +shown, and the one that the entry commits to\n\n\{"verdict":"allow"\}\n$/);
  const { payload, index, size } = JSON.parse((await verify(proof, policy, '--json')).stdout);
  assert.equal([payload, index, size], ['{"verdict":"allow"}', 1, 3]);
  const other_witness = verifierKey('other', signature_type_witness, signingKey(new Uint8Array(32).fill(9)).public_key);
  const refusals: readonly (readonly [bytes: Uint8Array, policy: string, code: string])[] = [
    [other_entry, policy, 'PROOF_INVALID'],
    [without_entry, policy, 'PROOF_WITHOUT_ENTRY'],
    [proof, policy.replace(/^witness.*$/m, `witness w ${other_witness}`), 'QUORUM_MISSING'],
    [proof, policy.replace(/^log.*\n/, ''), 'LOG_UNKNOWN'],
    [proof, 'quorum\n', 'POLICY_INVALID'],
    [utf8('garbage'), policy, 'TLOG_PROOF_INVALID'],
  ];
  for (const [bytes, text, code] of refusals) {
    const refused = await verify(bytes, text);
    assert.equal([refused.code, refused.stdout], [1, ''], code);
    assert.match(refused.stderr, new RegExp(`^error ${code}: `));
  }
  for (let at = 0; at < proof.length; at += 7) {
    const changed = Uint8Array.from(proof);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.is.not((await verify(changed, policy)).code, 0, `byte ${at}`);
  }
});

test('verify without a policy asks the running node', async (context) => {
  const { data, run, asked } = await host(context);
  writeFileSync(join(data, 'proof'), 'the proof\n');
  const ended = await run('audit', 'verify', '--proof', join(data, 'proof'));
  assert.match(ended.stdout, /^verified\n.*\nentry +12 of 42\n/);
  assert.equal(asked, [{ method: 'audit.verify', params: { proof: 'the proof\n' } }]);
});

test.run();
