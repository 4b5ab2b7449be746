import { gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { bigEndian, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, isFields, type Fields } from '../../crypto/canonical.ts';
import { logOrigin, signCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken, token_bytes_max } from '../../crypto/jwt.ts';
import { fail, type Result } from '../../crypto/result.ts';
import { decodeTile, parseTilePath } from '../../crypto/tlog-tiles.ts';
import { delegation_limits } from '../../protocols/delegation/constants.ts';
import * as delegation from '../../protocols/delegation/wire.ts';
import { handshake_limits } from '../../protocols/handshake/constants.ts';
import * as handshake from '../../protocols/handshake/transcript.ts';
import { identity_witness_limits } from '../../protocols/identity-witness/constants.ts';
import * as event_witness from '../../protocols/identity-witness/event-witness.ts';
import * as event_witnesses from '../../protocols/identity-witness/witnesses.ts';
import { message_limits } from '../../protocols/message/constants.ts';
import * as message from '../../protocols/message/receipt.ts';
import { encodeFailure, peerFailure } from '../../protocols/reply.ts';
import { parseAttestation } from '../../protocols/revocation/index.ts';
import * as sponsor from '../../protocols/revocation/sponsor-request.ts';
import { snapshot_bytes_max, snapshot_tokens_max, sync_limits } from '../../protocols/statements/constants.ts';
import * as sync from '../../protocols/statements/sync-wire.ts';
import { tile_limits } from '../../protocols/tiles/constants.ts';
import { decodeMirror, encodeMirror } from '../../protocols/tiles/mirror-state.ts';
import { witness_limits } from '../../protocols/witness/constants.ts';
import { decodeState, encodeState } from '../../protocols/witness/state.ts';
import * as witness from '../../protocols/witness/wire.ts';
import { chainOf, hashOf } from '../chains.ts';
import { suite } from '../harness.ts';
import { asJson, ofText, testParser, type Parser } from '../hostile-bytes.ts';
import { agentOf, keyNamed, person, start_ms, start_s } from '../people.ts';

const test = suite('protocols/parsers');
const alice = await person('alice');
const agent = await agentOf(alice, 'agent');
const [attestation = ''] = agent.record.attestations;
const asked = { agent: agent.did, sponsor: alice.did, role: 'owner', lifetime_s: 3600, nonce: toBase64url(new Uint8Array(16)) };
const chain = await chainOf([{ from: alice, to: agent, cap: ['read:**'] }]);
const done = await createToken('mesh-done+jwt', agent.signer, { aud: alice.did, dlg: hashOf(chain[0] ?? ''), res_h: hashOf('{}'), iat: start_s, v: 1 });
const log_key = keyNamed('log');
const origin = logOrigin(alice.did, log_key.public_key);
const root = sha256(utf8('root'));
const note = signCheckpoint(log_key, { origin, size: 7, root });
const hash = root.subarray(0, 16);

const introduction = {
  agent_did: alice.did, nonce: new Uint8Array(32), capabilities: ['read:a'], required_trust_score: 500, policy_digest: new Uint8Array(32), records: [alice.record.bytes],
};
const name: sync.NodeName = { day: 20_454, prefix: 'a', hash };

/** A parser of what CBOR says as a parser of bytes. */
function ofCbor(parse: (value: unknown) => Result<unknown>): Parser['parse'] {
  return (bytes) => {
    const decoded = decodeCbor(bytes);
    return decoded.ok ? parse(decoded.value) : decoded;
  };
}

/** A parser of the fields of a message as a parser of bytes. */
const ofFields = (parse: (fields: Fields) => Result<unknown>): Parser['parse'] => ofCbor((value) => isFields(value) ? parse(value) : fail('NO_FIELDS', 'the message is no map'));

/** The tokens in the page of a snapshot that an answer holds. */
function pageOf(value: unknown): Result<readonly string[]> {
  const page = sync.snapshotOf(value);
  return page.ok ? sync.unpacked(page.value.tokens) : page;
}

const parsers: readonly Parser[] = [
  {
    name: 'handshake request', parse: handshake.decodeRequest, bytes_max: handshake_limits.request_bytes_max,
    samples: [handshake.encodeStep({ step: 1, to: alice.did, ...introduction }), handshake.encodeStep({ step: 3, session: new Uint8Array(16), signature: new Uint8Array(64) })],
  },
  {
    name: 'handshake answer', parse: handshake.decodeAnswer, bytes_max: handshake_limits.response_bytes_max,
    samples: [handshake.encodeStep({ step: 2, expires: start_s, signature: new Uint8Array(64), ...introduction })],
  },
  {
    name: 'message request', parse: message.decodeRequest, bytes_max: message_limits.request_bytes_max,
    samples: [message.encodeRequest({ invocation: 'a.b.c', chain: ['a.b.c'], records: [alice.record.bytes], arguments: utf8('{}') })],
  },
  { name: 'message answer', parse: message.decodeAnswer, samples: [message.encodeAnswer('a.b.c', utf8('{}')), message.encodeAnswer('a.b.c', null)], bytes_max: message_limits.response_bytes_max },
  { name: 'witness request', parse: witness.decodeRequest, samples: [witness.encodeRequest(3, [root], note)], bytes_max: witness_limits.request_bytes_max },
  { name: 'witness answer', parse: witness.decodeAnswer, samples: [witness.encodeAnswer({ status: 409, body: '7\n' }), bigEndian(200, 2)], bytes_max: witness_limits.response_bytes_max },
  {
    name: 'witness state', parse: (bytes) => decodeState(bytes, origin), bytes_max: witness_limits.request_bytes_max,
    samples: [encodeState({ origin, size: 7, root, note, time_s: start_s, exposed: false })],
  },
  { name: 'path of a tile', parse: ofText(parseTilePath), samples: ['checkpoint', 'tile/0/x001/x234/067', 'tile/entries/000.p/17'].map(utf8), bytes_max: tile_limits.request_bytes_max },
  { name: 'tile', parse: (bytes) => decodeTile(bytes, 256), samples: [new Uint8Array(8192)], bytes_max: tile_limits.response_bytes_max },
  {
    name: 'state of a mirror', parse: decodeMirror, bytes_max: witness_limits.request_bytes_max,
    samples: [encodeMirror({ did: alice.did, origin, verifier_key: 'vkey', size: 7, note, bytes: 100, time_ms: start_ms })],
  },
  { name: 'failure of a peer', parse: peerFailure, samples: [encodeFailure({ code: 'A_CODE', reason: 'why', fix: 'how', detail: { link: 1 } })], bytes_max: sync_limits.response_bytes_max },
  {
    name: 'sync request', parse: ofCbor(sync.requestOf), bytes_max: sync_limits.request_bytes_max,
    samples: [
      { kind: 'days', topic: 'revocations', after: null }, { kind: 'nodes', topic: 'revocations', nodes: [name] }, { kind: 'statements', ids: [root] },
      { kind: 'snapshot', topic: 'revocations', day: 1, prefix: '0', after: root },
    ].map(encodeCbor),
  },
  { name: 'sync days', parse: ofCbor((value) => sync.daysOf(value, null)), samples: [encodeCbor({ days: [{ day: 1, count: 2, root: hash }] })], bytes_max: sync_limits.response_bytes_max },
  { name: 'sync nodes', parse: ofCbor((value) => sync.nodesOf(value, [name])), samples: [encodeCbor({ nodes: [null] })], bytes_max: sync_limits.response_bytes_max },
  { name: 'sync statements', parse: ofCbor((value) => sync.tokensOf(value, 248)), samples: [encodeCbor({ statements: ['a.b.c'] })], bytes_max: sync_limits.response_bytes_max },
  { name: 'sync snapshot', parse: ofCbor(sync.snapshotOf), samples: [encodeCbor({ tokens: new Uint8Array(9), more: true })], bytes_max: sync_limits.response_bytes_max },
  {
    name: 'page of a snapshot', parse: ofCbor(pageOf), bytes_max: sync_limits.response_bytes_max,
    samples: ['', 'a.b.c\nd.e.f', `${'x'.repeat(200)}\n`.repeat(snapshot_tokens_max - 1)].map((lines) => encodeCbor({ tokens: gzipSync(lines), more: true })),
  },
  {
    name: 'event witness request', parse: event_witness.parseRequest, bytes_max: identity_witness_limits.request_bytes_max,
    samples: [encodeCbor({ version: 1, establishments: [alice.establishment], witness_signatures: [] })],
  },
  { name: 'event witness answer', parse: event_witnesses.parseAnswer, samples: [encodeCbor({ signature: new Uint8Array(64) })], bytes_max: identity_witness_limits.response_bytes_max },
  {
    name: 'delegation offer', parse: ofFields(delegation.parseOffer), bytes_max: delegation_limits.request_bytes_max,
    samples: [encodeCbor({ version: 1, kind: 'offer', chain, records: [alice.record.bytes] })],
  },
  {
    name: 'delegation completion', parse: ofFields(delegation.parseReport), bytes_max: delegation_limits.request_bytes_max,
    samples: [encodeCbor({ version: 1, kind: 'completion', token: done, invocation: null })],
  },
  { name: 'attestation', parse: ofText(parseAttestation), samples: [utf8(attestation)], bytes_max: 2 * token_bytes_max },
  {
    name: 'sponsor request', parse: ofText((text) => sponsor.parseRequest(text, start_ms)), bytes_max: sponsor.sponsor_file_bytes_max,
    samples: asJson(sponsor.requestText(asked, agent.record)),
  },
  {
    name: 'sponsor response', parse: ofText(sponsor.parseResponse), bytes_max: sponsor.sponsor_file_bytes_max,
    samples: asJson(sponsor.responseText({ agent: agent.did, sponsor: alice.did, attestation, records: [alice.record.bytes] })),
  },
];

for (const parser of parsers) testParser(test, parser);

test('a page of a snapshot has so many statements at most, however small it is on the way', () => {
  const codeOf = (lines: string): string => {
    const page = sync.unpacked(gzipSync(lines));
    return page.ok ? `${page.value.length} tokens` : page.failure.reason;
  };
  assert.is(codeOf('\n'.repeat(snapshot_tokens_max - 1)), `${snapshot_tokens_max} tokens`);
  for (const count of [snapshot_tokens_max, snapshot_bytes_max]) assert.match(codeOf('\n'.repeat(count)), /more statements than any/);
  assert.match(codeOf('a'.repeat(snapshot_bytes_max + 1)), /not gzip of the size/);
});

test.run();
