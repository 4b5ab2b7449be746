import { bigEndian, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor } from '../../crypto/canonical.ts';
import { logOrigin, signCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { Result } from '../../crypto/result.ts';
import { handshake_limits } from '../../protocols/handshake/constants.ts';
import * as handshake from '../../protocols/handshake/transcript.ts';
import { message_limits } from '../../protocols/message/constants.ts';
import * as message from '../../protocols/message/receipt.ts';
import { encodeFailure, peerFailure } from '../../protocols/reply.ts';
import { sync_limits } from '../../protocols/statements/constants.ts';
import * as sync from '../../protocols/statements/sync-wire.ts';
import { witness_limits } from '../../protocols/witness/constants.ts';
import { decodeState, encodeState } from '../../protocols/witness/state.ts';
import * as witness from '../../protocols/witness/wire.ts';
import { suite } from '../harness.ts';
import { testParser, type Parser } from '../hostile-bytes.ts';
import { keyNamed, person, start_s } from '../people.ts';

const test = suite('protocols/parsers');
const alice = await person('alice');
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
];

for (const parser of parsers) testParser(test, parser);

test.run();
