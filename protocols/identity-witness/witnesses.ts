/** The asking side of witnessing establishment events, and what both sides are made of. */
import { decodeCbor, encodeCbor, hasShape } from '../../crypto/canonical.ts';
import { witnessedBytes, witnesses_max, type Establishment, type WitnessSignature } from '../../crypto/did-events.ts';
import { witnessesOf } from '../../crypto/did-record.ts';
import { signature_bytes, verifySignature } from '../../crypto/keys.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { History } from '../identity/index.ts';
import { locate } from '../place.ts';
import { unlessFailure } from '../reply.ts';
import { deadline } from '../time.ts';
import { identity_witness_limits, identity_witness_protocol } from './constants.ts';
import { EventWitness } from './event-witness.ts';
import type { IdentityWitnesses, IdentityWitnessParts } from './index.ts';

/** Who countersigns the newest event of a chain. */
function witnessesOfLast({ establishments }: History): { readonly event: Establishment; readonly witnesses: readonly Uint8Array[]; readonly threshold: number } {
  const event = establishments.at(-1)?.event;
  if (event === undefined) throw new Error('broken invariant: an event chain has a genesis event');
  const { witnesses, witness_threshold } = witnessesOf(event, establishments.at(-2)?.event);
  return { event, witnesses, threshold: witness_threshold };
}

/** The signature in an answer; whose it is remains to be checked. Fails with `WITNESS_ANSWER`. */
export function parseAnswer(bytes: Uint8Array): Result<Uint8Array> {
  const decoded = decodeCbor(bytes);
  const signature = decoded.ok && hasShape(decoded.value, ['signature']) ? decoded.value['signature'] : undefined;
  const is_signature = signature instanceof Uint8Array && signature.length === signature_bytes;
  return is_signature ? ok(signature) : fail('WITNESS_ANSWER', 'the witness answered with something that is no signature');
}

class MeshIdentityWitnesses implements IdentityWitnesses {
  readonly #parts: IdentityWitnessParts;

  constructor(parts: IdentityWitnessParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const witness = new EventWitness(this.#parts);
    await witness.load();
    this.#parts.network.handle(identity_witness_protocol, identity_witness_limits, (request, from) => witness.answer(request, from));
  }

  async keysOf(nodes: readonly string[], threshold: number): Promise<Result<readonly Uint8Array[]>> {
    // Two halves could stand under two histories, although none of them has ever signed twice.
    const is_count = nodes.length === 0 ? threshold === 0 : Number.isSafeInteger(threshold) && threshold * 2 > nodes.length && threshold <= nodes.length;
    if (!is_count || nodes.length > witnesses_max || new Set(nodes).size !== nodes.length) {
      return fail('WITNESS_THRESHOLD', `${threshold} of ${nodes.length} witnesses cannot be`, { fix: `name up to ${witnesses_max} different nodes, of which more than half must sign` });
    }
    const keys: Uint8Array[] = [];
    for (const node of nodes) {
      const record = await this.#parts.identity.resolve(node);
      if (!record.ok) return record;
      const method = record.value.document.methods.find(({ uses }) => uses.includes('eventWitness'));
      if (method === undefined || record.value.document.deactivated) return fail('WITNESS_UNKNOWN', `the record of ${node} names no key for witnessing`, { fix: 'give the DID of a node (agentmesh peers)' });
      keys.push(method.key);
    }
    return ok(keys);
  }

  async collect(history: History, nodes: readonly string[]): Promise<Result<readonly WitnessSignature[]>> {
    const { event, witnesses, threshold } = witnessesOfLast(history);
    const request = encodeCbor({ version: 1, establishments: history.establishments, witness_signatures: history.witness_signatures });
    const answers = await Promise.all(nodes.map((node) => this.#ask(node, request)));
    const good: WitnessSignature[] = [];
    const refusals: string[] = [];
    for (const [index, answer] of answers.entries()) {
      const key = witnesses[index];
      if (!answer.ok) refusals.push(`${nodes[index]}: ${answer.failure.code}`);
      else if (key === undefined || !verifySignature(key, witnessedBytes(event), answer.value)) refusals.push(`${nodes[index]}: the signature is wrong`);
      else good.push({ number: event.number, witness: index, signature: answer.value });
    }
    // More than are needed would only make every record of the DID longer.
    if (good.length >= threshold) return ok(good.slice(0, threshold));
    return fail('WITNESSES_TOO_FEW', `${good.length} witnesses signed, ${threshold} must: ${refusals.join('; ')}`, { fix: 'do the same again when more of them can be reached' });
  }

  async #ask(node: string, request: Uint8Array): Promise<Result<Uint8Array>> {
    const { clock, network, identity } = this.#parts;
    const record = await identity.resolve(node);
    if (!record.ok) return record;
    const place = await locate(network, record.value);
    if (!place.ok) return place;
    const limit = deadline(clock, identity_witness_limits.exchange_ms_max);
    try {
      const answer = unlessFailure(await network.request(place.value, identity_witness_protocol, request, { limits: identity_witness_limits, signal: limit.signal }));
      return answer.ok ? parseAnswer(answer.value) : answer;
    } finally {
      limit.done();
    }
  }
}

/** Witnessing over the parts of a host: asking others, and once started, being asked. */
export function identityWitnesses(parts: IdentityWitnessParts): IdentityWitnesses {
  return new MeshIdentityWitnesses(parts);
}
