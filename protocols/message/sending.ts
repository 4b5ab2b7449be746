/** Sending a command to a remote agent, and holding its host to the receipt. */
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { canonicalJsonBytes, parseCanonicalJson } from '../../crypto/canonical.ts';
import { parseChain } from '../../crypto/chain.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken } from '../../crypto/jwt.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { Session } from '../handshake/index.ts';
import { locate } from '../place.ts';
import { unlessFailure } from '../reply.ts';
import { deadline, unixSeconds } from '../time.ts';
import { arguments_bytes_max, invocation_lifetime_s, message_limits, message_protocol } from './constants.ts';
import type { Answered, MessageParts, Sending } from './message.ts';
import { decodeAnswer, encodeRequest, verifyReceipt, type MessageRequest } from './receipt.ts';

/** Whether the executor knows none of our sessions, or by now only another than the one that we have named. An invocation that is repeated names its session for good. */
function isSessionLost({ invocation }: Sending, answered: Result<Answered>): boolean {
  return answered.ok ? invocation === undefined && answered.value.receipt.code === 'INVOCATION_SESSION' : answered.failure.code === 'SESSION_UNKNOWN';
}

/** The caller's side. */
export class MessageSending {
  readonly #parts: MessageParts;

  constructor(parts: MessageParts) {
    this.#parts = parts;
  }

  #now_s(): number {
    return unixSeconds(this.#parts.clock);
  }

  /** Sends a command and verifies the receipt; see `Message.send`. */
  async send(sending: Sending): Promise<Result<Answered>> {
    const limit = deadline(this.#parts.clock, message_limits.exchange_ms_max, sending.signal);
    try {
      const first = await this.#exchange(sending, limit.signal);
      // The executor restarted and forgot the session: one new handshake, then no more.
      if (!isSessionLost(sending, first)) return first;
      this.#parts.handshake.close(sending.to);
      return await this.#exchange(sending, limit.signal);
    } finally {
      limit.done();
    }
  }

  async #exchange(sending: Sending, signal: AbortSignal): Promise<Result<Answered>> {
    const { identity, handshake, network } = this.#parts;
    const executor = await identity.resolve(sending.to);
    if (!executor.ok) return executor;
    const place = await locate(network, executor.value);
    if (!place.ok) return place;
    const session = await handshake.open(sending.from.did, sending.to, place.value, { signal });
    if (!session.ok) return session;
    const request = await this.#request(sending, session.value);
    if (!request.ok) return request;
    const bytes = unlessFailure(await network.request(place.value, message_protocol, encodeRequest(request.value), { limits: message_limits, signal }));
    if (!bytes.ok) return fail(bytes.failure.code, bytes.failure.reason, { ...bytes.failure, detail: { ...bytes.failure.detail, invocation: request.value.invocation } });
    return this.#accept(bytes.value, request.value.invocation, sending);
  }

  async #request(sending: Sending, session: Session): Promise<Result<MessageRequest>> {
    const { identity, random } = this.#parts;
    const { approval, wait_ms } = sending;
    const given = canonicalJsonBytes(sending.arguments);
    if (given.length > arguments_bytes_max) return fail('MESSAGE_TOO_LARGE', `arguments have at most ${arguments_bytes_max} bytes, these ${given.length}`);
    const chain = sending.chain ?? [];
    const links = chain.length === 0 ? undefined : parseChain(chain);
    if (links?.ok === false) return links;
    const last = links?.value.at(-1);
    const now_s = this.#now_s();
    const invocation = sending.invocation ?? await createToken('mesh-inv+jwt', sending.from.signer, {
      aud: sending.to,
      sub: last?.sub ?? sending.from.did,
      cmd: sending.command,
      args_h: toBase64url(sha256(given)),
      prf: last === undefined ? null : toBase64url(last.token.hash),
      nonce: toBase64url(random.bytes(16)),
      iat: now_s,
      exp: now_s + invocation_lifetime_s,
      chl: session.id,
      v: 1,
    });
    // The records of all issuers travel with the chain, so that it can be verified where the DHT cannot be reached.
    const records = identity.accountable((links?.value ?? []).map((link) => link.iss));
    return ok({ invocation, chain, records, arguments: given, ...(approval === undefined ? {} : { approval, ...(wait_ms === undefined ? {} : { wait_ms }) }) });
  }

  async #accept(bytes: Uint8Array, invocation: string, sending: Sending): Promise<Result<Answered>> {
    const answer = decodeAnswer(bytes);
    if (!answer.ok) return answer;
    const executor = this.#parts.identity.known(sending.to);
    if (executor === undefined) return fail('DID_NOT_FOUND', `the record of ${sending.to} is gone`);
    const receipt = verifyReceipt(answer.value, invocation, executor);
    if (!receipt.ok) return receipt;
    const receipt_hash = sha256(utf8(answer.value.receipt));
    const result = answer.value.result === null ? ok(undefined) : parseCanonicalJson(answer.value.result);
    if (!result.ok) return fail('RECEIPT_MALFORMED', `the result: ${result.failure.reason}`);
    // Nobody waits for our own book-keeping; a receipt that a crash keeps us from noting raises no score, that is all.
    this.#parts.settled(sending.from.did, sending.to, receipt.value, receipt_hash, [])
      .catch((error: unknown) => this.#parts.recorder.record({ kind: 'message.settle.failed', reason: messageOf(error) }));
    return ok({ invocation, receipt: receipt.value, receipt_hash, receipt_token: answer.value.receipt, result: result.value });
  }
}
