import * as assert from 'uvu/assert';
import { concat, fromBase32, fromBase64, fromBase64url, fromHex, utf8 } from '../../crypto/bytes.ts';
import { canonicalJsonBytes, decodeCbor, encodeCbor, parseCanonicalJson } from '../../crypto/canonical.ts';
import { parseCapabilities, parseCapability } from '../../crypto/capability.ts';
import { chain_bytes_max, parseChain, parseInvocation } from '../../crypto/chain.ts';
import { logOrigin, openCheckpoint, parseCheckpoint, signCheckpoint, cosign, witnessName, withLines } from '../../crypto/checkpoint.ts';
import { signEvent } from '../../crypto/did-events.ts';
import { parseDidKey } from '../../crypto/did-key.ts';
import { encodeRecord, record_bytes_max, statedRecord, verifyRecord } from '../../crypto/did-record.ts';
import { parseDid } from '../../crypto/did.ts';
import { evidence_bytes_max, packed_evidence_bytes_max, packEvidence, sameSizeEvidence, unpackEvidence, verifyEvidence } from '../../crypto/fork-evidence.ts';
import { sha256 } from '../../crypto/hash.ts';
import { importUcan, readUcan, ucanBytes } from '../../crypto/interop/ucan.ts';
import { ucan_bytes_max } from '../../crypto/interop/ucan-token.ts';
import { decodeToken, token_bytes_max } from '../../crypto/jwt.ts';
import { note_bytes_max, parseNote, parseVerifier, signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { unwrap } from '../../crypto/result.ts';
import { parseStatement, signDuplicity, signEndorsement, signEquivocation, signHead, signRevocation } from '../../crypto/statement.ts';
import { parseLogPolicy, policy_bytes_max } from '../../crypto/tlog-policy.ts';
import { formatProof, parseProof, tlog_proof_bytes_max } from '../../crypto/tlog-proof.ts';
import { chainOf, hashOf } from '../chains.ts';
import { handmadeToken } from '../handmade.ts';
import { suite } from '../harness.ts';
import { ofText, testParser, type Parser } from '../hostile-bytes.ts';
import { agentOf, keyNamed, person, start_ms, start_s } from '../people.ts';

const test = suite('crypto/parsers');
const sponsor = await person('sponsor');
const a = await agentOf(sponsor, 'a');
const b = await agentOf(sponsor, 'b');
const chain = await chainOf([{ from: sponsor, to: a, cap: ['read:**'] }, { from: a, to: b, cap: ['read:reports/*'], cav: { max_depth: 1, trust: 500 } }]);
const nonce = 'A'.repeat(22);
const invocation = handmadeToken({ alg: 'EdDSA', typ: 'mesh-inv+jwt', kid: b.signer.key_id }, {
  iss: b.did, aud: a.did, sub: sponsor.did, cmd: 'read:reports/today', args_h: hashOf('{}'), prf: hashOf(chain[1] ?? ''), nonce, iat: start_s, exp: start_s + 60, chl: 'session', v: 1,
}, b.signer);
const endorsement = unwrap(await signEndorsement(a.signer, { sub: b.did, scope: 'read', seq: 1, nbf: start_s, exp: start_s + 60, weight: 500, why: 'good' }));
const revocation = unwrap(await signRevocation(sponsor.signer, { target: { kind: 'delegation', id: hashOf('x') }, seq: 1, nbf: start_s, why: 'gone' }));

const other_endorsement = unwrap(await signEndorsement(a.signer, { sub: b.did, scope: 'read', seq: 1, nbf: start_s, exp: start_s + 60, weight: 0, why: 'bad' }));
const head = unwrap(await signHead(a.signer, { number: 0, sequence: 1, record: hashOf('record'), nbf: start_s, exp: start_s + 60 }));
const equivocation = unwrap(await signEquivocation(sponsor.signer, { sub: a.did, nbf: start_s, statements: [endorsement, other_endorsement] }));
const event = (time: number): Uint8Array => encodeCbor(signEvent({ ...a.establishment.event, number: 1, previous: sha256(utf8('genesis')), time }, [{ index: 0, key: keyNamed('a, next') }]));
const duplicity = unwrap(await signDuplicity(sponsor.signer, { did: a.did, number: 1, nbf: start_s, events: [event(start_ms), event(start_ms + 1)] }));

/** Bytes of the form of a record with something in each of its lists; nothing in it is true. */
const full_record = encodeRecord({
  establishments: [{ ...a.establishment, event: { ...a.establishment.event, witnesses: [keyNamed('w').public_key], witness_threshold: 1 } }],
  document: {
    event: {
      ...a.document, retired: [{ id: 'key-old', key: keyNamed('old').public_key, uses: ['log'], until: start_ms }], services: [{ id: 'mesh', type: 'MeshP2P', endpoints: ['/ip4/127.0.0.1'] }],
      capabilities: ['read:a'], successor: b.did, predecessor: sponsor.did,
    },
    signatures: [{ key: 0, signature: new Uint8Array(64) }],
  },
  attestations: ['a.b.c'], witness_signatures: [{ number: 0, witness: 0, signature: new Uint8Array(64) }],
});

const log_key = keyNamed('log');
const witness_key = keyNamed('witness');
const origin = logOrigin(sponsor.did, log_key.public_key);
const witness = witnessName(a.did, witness_key.public_key);
const checkpoint = { origin, size: 7, root: sha256(utf8('root')) };
const note = withLines(signCheckpoint(log_key, checkpoint), [cosign(witness_key, witness, checkpoint, start_s)]);
const other_note = signCheckpoint(log_key, { ...checkpoint, root: sha256(utf8('other root')) });
const log_vkey = verifierKey(origin, signature_type_log, log_key.public_key);
const fork = unwrap(sameSizeEvidence(log_vkey, [note, other_note]));
const log_verifier = unwrap(parseVerifier(log_vkey));
const policy = utf8(`# ours\nlog ${log_vkey}\nwitness w ${verifierKey(witness, signature_type_witness, witness_key.public_key)}\ngroup g any w\nquorum g\n`);
const ucan = new Uint8Array(Buffer.from('glhAjm4YpBUWgEVmBWSotkY7bjWxj9AJLs9NfQykfoF2LhKZ76lQH0B720Qq0/YxNu+dKuQLEzlfJvmYRnZGgI7dA6JhaEg0Ae0B7QETcW51Y2FuL2RsZ0AxLjAuMKdjYXVkeDhkaWQ6a2V5Ono2TWttSmNlVm9RU0hzNDVjUmVFWG9MdFdtMXdvc0NHOFJMeGZLd2h4b3F6b1RrQ2NjbWRoL2FjY291bnRjZXhwGmiCDLFjaXNzeDhkaWQ6a2V5Ono2TWttVDlqNmZWWnF6WFY4dTJ3VlZTdTQ5Z1lTUllHU1FuZHVXWEY2Zm9BSnJxemNwb2yAY3N1Yng4ZGlkOmtleTp6Nk1rbVQ5ajZmVlpxelhWOHUyd1ZWU3U0OWdZU1JZR1NRbmR1V1hGNmZvQUpycXplbm9uY2VMJ20r9pHkJ/yoNirD', 'base64'));

/** The largest message of any protocol. */
const message_bytes_max = 1_048_576;
/** The largest arguments and results. */
const arguments_bytes_max = 262_144;

const parsers: readonly Parser[] = [
  { name: 'fromHex', parse: ofText(fromHex), samples: [utf8('00ff')], bytes_max: token_bytes_max },
  { name: 'fromBase64', parse: ofText(fromBase64), samples: [utf8('AAECAw==')], bytes_max: note_bytes_max },
  { name: 'fromBase64url', parse: ofText(fromBase64url), samples: [utf8('AAECAw')], bytes_max: token_bytes_max },
  { name: 'fromBase32', parse: ofText(fromBase32), samples: [utf8('aaaq')], bytes_max: token_bytes_max },
  { name: 'decodeCbor', parse: decodeCbor, samples: [encodeCbor({ a: [1, null, { b: Uint8Array.of(1) }], c: 'd' })], bytes_max: message_bytes_max },
  { name: 'parseCanonicalJson', parse: parseCanonicalJson, samples: [canonicalJsonBytes({ a: [1, null, { b: 'c' }], d: 1.5 })], bytes_max: arguments_bytes_max },
  { name: 'parseDid', parse: ofText(parseDid), samples: [utf8(a.did)], bytes_max: token_bytes_max },
  { name: 'parseDidKey', parse: ofText(parseDidKey), samples: [utf8('did:key:z6MkmJceVoQSHs45cReEXoLtWm1wosCG8RLxfKwhxoqzoTkC')], bytes_max: token_bytes_max },
  { name: 'parseCapability', parse: ofText(parseCapability), samples: [utf8('read:a/b/**'), utf8('*:*')], bytes_max: token_bytes_max },
  { name: 'parseCapabilities', parse: ofText((text) => parseCapabilities(text.split(' '))), samples: [utf8('read:a write:b/**')], bytes_max: token_bytes_max },
  { name: 'decodeToken', parse: ofText((text) => decodeToken(text)), samples: [chain[0] ?? '', invocation, endorsement].map(utf8), bytes_max: 2 * token_bytes_max },
  { name: 'parseStatement', parse: ofText(parseStatement), samples: [endorsement, revocation, head, equivocation, duplicity].map(utf8), bytes_max: 2 * token_bytes_max },
  { name: 'parseChain', parse: ofText((text) => parseChain(text.split('\n'))), samples: [utf8(chain.join('\n'))], bytes_max: 2 * chain_bytes_max },
  { name: 'parseInvocation', parse: ofText(parseInvocation), samples: [utf8(invocation)], bytes_max: 2 * token_bytes_max },
  { name: 'verifyRecord', parse: (bytes) => verifyRecord(bytes, { now_ms: start_ms }), samples: [sponsor.record.bytes, a.record.bytes], bytes_max: record_bytes_max },
  { name: 'statedRecord', parse: statedRecord, samples: [a.record.bytes, full_record], bytes_max: record_bytes_max },
  { name: 'parseNote', parse: parseNote, samples: [note], bytes_max: note_bytes_max },
  { name: 'parseVerifier', parse: ofText(parseVerifier), samples: [utf8(log_vkey)], bytes_max: policy_bytes_max },
  { name: 'parseCheckpoint', parse: parseCheckpoint, samples: [unwrap(parseNote(note)).text], bytes_max: note_bytes_max },
  { name: 'openCheckpoint', parse: (bytes) => openCheckpoint(bytes, log_verifier), samples: [note], bytes_max: note_bytes_max },
  { name: 'verifyEvidence', parse: verifyEvidence, samples: [fork], bytes_max: evidence_bytes_max },
  { name: 'unpackEvidence', parse: unpackEvidence, samples: [unwrap(packEvidence(fork))], bytes_max: packed_evidence_bytes_max },
  { name: 'parseLogPolicy', parse: parseLogPolicy, samples: [policy], bytes_max: policy_bytes_max },
  { name: 'parseProof', parse: parseProof, samples: [formatProof({ extra: utf8('x'), index: 3, hashes: [sha256(utf8('h'))], checkpoint: note })], bytes_max: tlog_proof_bytes_max },
  { name: 'readUcan', parse: readUcan, samples: [ucan], bytes_max: ucan_bytes_max },
  { name: 'importUcan', parse: (bytes) => importUcan(ucanBytes(bytes), [bytes], 1_753_353_392), samples: [ucan], bytes_max: 2 * ucan_bytes_max },
];

for (const parser of parsers) testParser(test, parser);

test('what is too large is refused by its size, before anything else is looked at', () => {
  const sizes = [
    decodeToken('a'.repeat(token_bytes_max + 1)), parseNote(new Uint8Array(note_bytes_max + 1)), parseLogPolicy(new Uint8Array(policy_bytes_max + 1)),
    parseProof(new Uint8Array(tlog_proof_bytes_max + 1)), verifyEvidence(new Uint8Array(evidence_bytes_max + 1)),
    verifyRecord(concat(a.record.bytes, new Uint8Array(record_bytes_max)), { now_ms: start_ms }), readUcan(new Uint8Array(ucan_bytes_max + 1)),
    parseChain(Array.from({ length: 8 }, () => 'a'.repeat(chain_bytes_max / 8 + 1))),
  ];
  for (const result of sizes) assert.match(result.ok ? 'accepted' : result.failure.reason, /at most/);
});

test.run();
