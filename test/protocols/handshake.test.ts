import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { signEvent } from '../../crypto/did-events.ts';
import { encodeRecord } from '../../crypto/did-record.ts';
import type { TokenSigner } from '../../crypto/jwt.ts';
import { ok, unwrap, type Result } from '../../crypto/result.ts';
import { handshake_limits, handshake_protocol, pending_max, pending_ms_max, pending_per_peer_max, session_ms, sessions_max, sessions_per_peer_max } from '../../protocols/handshake/constants.ts';
import { Sessions, type Session } from '../../protocols/handshake/sessions.ts';
import {
  decodeAnswer, decodeRequest, encodeStep, signedBytes, transcriptHash, type Answer, type Introduction, type Opening, type Party,
} from '../../protocols/handshake/transcript.ts';
import { document_lifetime_ms, offered_records_max } from '../../protocols/identity/constants.ts';
import type { Network } from '../../protocols/ports.ts';
import { unlessFailure } from '../../protocols/reply.ts';
import { suite } from '../harness.ts';
import { agentOf, keyNamed, person, start_ms, type Person } from '../people.ts';
import { codeOf, failureOf, hostWorld, type HostWorld, type SimulatedHost } from '../simulated-hosts.ts';

const test = suite('protocols/handshake');
const never = new AbortController().signal;
const mallory = await person('mallory');
const victim = await person('victim');
const worker_did = (await person('worker')).did;

function introduction(who: Person, changes: Partial<Introduction> = {}): Introduction {
  return {
    agent_did: who.did, nonce: new Uint8Array(32).fill(7), capabilities: ['read:**'], required_trust_score: 0,
    policy_digest: new Uint8Array(32), records: [who.record.bytes], ...changes,
  };
}

function party({ agent_did, nonce, capabilities, required_trust_score, policy_digest }: Introduction, peer_id: string): Party {
  return { agent_did, nonce, capabilities, required_trust_score, policy_digest, peer_id };
}

async function ask(world: HostWorld, network: Network, peer: string, bytes: Uint8Array): Promise<Result<Uint8Array>> {
  return unlessFailure(await world.finish(network.request(peer, handshake_protocol, bytes, { limits: handshake_limits, signal: never })));
}

interface Started {
  readonly answer: Answer;
  readonly transcript: Uint8Array;
  /** Sends the initiator's proof. */
  prove(signer: TokenSigner, changes?: { readonly network?: Network; readonly role?: 'initiator' | 'responder'; readonly transcript?: Uint8Array }): Promise<Result<Uint8Array>>;
}

/** The first two messages, as a peer that speaks for itself sends them. */
async function opening(world: HostWorld, network: Network, host: SimulatedHost, who: Person, to = '', changes: Partial<Introduction> = {}): Promise<Result<Started>> {
  const own = introduction(who, changes);
  const answered = await ask(world, network, host.peer, encodeStep({ step: 1, to, ...own }));
  if (!answered.ok) return answered;
  const answer = unwrap(decodeAnswer(answered.value));
  const transcript = transcriptHash(party(own, network.id), party(answer, host.peer), answer.expires);
  return ok({
    answer, transcript,
    prove: (signer, { network: by = network, role = 'initiator', transcript: signed = transcript } = {}) => ask(world, by, host.peer, encodeStep({
      step: 3, session: transcript.subarray(0, 16), signature: signer.key.sign(signedBytes(role, signed)),
    })),
  });
}

async function opened(...given: Parameters<typeof opening>): Promise<Started> {
  return unwrap(await opening(...given));
}

function sessions(host: SimulatedHost, remote: string): number {
  return host.facts.filter((fact) => fact.kind === 'handshake.done' && fact['remote'] === remote).length;
}

function penalties(host: SimulatedHost, peer: string): number {
  return host.facts.filter((fact) => fact.kind === 'network.peer.penalised' && fact['peer'] === peer).length;
}

/** A peer that answers handshakes as it is told. */
function answering(world: HostWorld, to: SimulatedHost, answer: (message: Opening, from: string, own: string) => Uint8Array): Promise<Network> {
  return world.stranger('liar', to, (network) => network.handle(handshake_protocol, handshake_limits, (request, from) => {
    const message = unwrap(decodeRequest(request));
    return Promise.resolve(message.step === 1 ? answer(message, from, network.id) : encodeStep({ step: 4 }));
  }));
}

/** What a responder would send that says it is `who` and signs with `signer`. */
function answerAs(who: Person, signer: TokenSigner, expires: number, role: 'initiator' | 'responder' = 'responder') {
  return (message: Opening, from: string, own: string): Uint8Array => {
    const said = introduction(who);
    const transcript = transcriptHash(party(message, from), party(said, own), expires);
    return encodeStep({ step: 2, expires, signature: signer.key.sign(signedBytes(role, transcript)), ...said });
  };
}

test('both sides end with one session, each knowing whom it talks to and over which channel', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [a, b] = [world.at(0), world.at(1)];
  const asker = await world.hire(0, 'asker', { capabilities: ['read:reports'] });
  const worker = await world.hire(1, 'worker', { capabilities: ['write:reports'] });
  const here = await world.get(a.host.handshake.open(asker.did, worker.did, b.peer));
  const there = b.host.handshake.session(here.id, worker.did, a.peer);
  assert.equal(there, { ...here, local: worker.did, remote: asker.did, peer: a.peer, capabilities: ['read:reports'] });
  assert.is(here.remote, worker.did);
  assert.equal(here.capabilities, ['write:reports']);
  assert.is(here.expires_ms - world.simulator.now_ms < session_ms, true);
  assert.is(b.host.handshake.session(here.id, worker.did, 'somebody-else'), undefined, 'a session belongs to a peer');
  assert.is(b.host.handshake.session(here.id, asker.did, a.peer), undefined, 'and to one of our identities');
  assert.is((await world.get(a.host.handshake.open(asker.did, worker.did, b.peer))).id, here.id, 'it is used again while it lives');
});

test('a session ends with its time, and the next one is another', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [a, b] = [world.at(0), world.at(1)];
  const [asker, worker] = [await world.hire(0, 'asker'), await world.hire(1, 'worker')];
  const first = await world.get(a.host.handshake.open(asker.did, worker.did, b.peer));
  await world.pass(session_ms);
  assert.is(b.host.handshake.session(first.id, worker.did, a.peer), undefined);
  assert.is(b.host.handshake.between(worker.did, asker.did, a.peer), undefined);
  assert.is.not((await world.get(a.host.handshake.open(asker.did, worker.did, b.peer))).id, first.id);
});

test('a session is worth nothing while the record of its remote side is not known', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [a, b] = [world.at(0), world.at(1)];
  const [asker, worker] = [await world.hire(0, 'asker'), await world.hire(1, 'worker')];
  const first = await world.get(a.host.handshake.open(asker.did, worker.did, b.peer));
  const { identity } = a.host;
  const known = identity.known.bind(identity);
  identity.known = (did) => (did === worker.did ? undefined : known(did));
  assert.is.not((await world.get(a.host.handshake.open(asker.did, worker.did, b.peer))).id, first.id, 'it proves itself again, and shows its record');
  identity.known = known;
});

test('one peer that opens sessions without end loses its own oldest ones, nobody else\'s', () => {
  const sessions = new Sessions({ now: () => start_ms });
  const session = (peer: string, index: number): Session => ({
    id: `${peer}-${index}`, local: worker_did, remote: `did:mesh:${peer}`, peer, capabilities: [], expires_ms: start_ms + session_ms,
  });
  sessions.keep(session('honest', 0));
  for (let index = 0; index < sessions_max + 1; index += 1) sessions.keep(session('greedy', index));
  assert.is(sessions.find('honest-0', worker_did, 'honest')?.id, 'honest-0');
  assert.is(sessions.between(worker_did, 'did:mesh:honest', 'honest')?.id, 'honest-0');
  assert.is(sessions.size, sessions_per_peer_max + 1);
  assert.is(sessions.find(`greedy-${sessions_max - sessions_per_peer_max}`, worker_did, 'greedy'), undefined, 'the oldest are gone');
  assert.is(sessions.find(`greedy-${sessions_max - sessions_per_peer_max + 1}`, worker_did, 'greedy')?.peer, 'greedy');
  sessions.close('did:mesh:greedy');
  assert.is(sessions.size, 1);
});

test('many peers take a bounded place, and expired sessions none', () => {
  let now_ms = start_ms;
  const sessions = new Sessions({ now: () => now_ms });
  const keep = (peer: string, index: number): void => sessions.keep({
    id: `${index}`, local: worker_did, remote: mallory.did, peer, capabilities: [], expires_ms: now_ms + session_ms,
  });
  for (let index = 0; index < sessions_max + 10; index += 1) keep(`peer-${index % 1000}`, index);
  assert.is(sessions.size, sessions_max);
  assert.is(sessions.find('9', worker_did, 'peer-9'), undefined);
  assert.is(sessions.find('10', worker_did, 'peer-10')?.id, '10');
  now_ms += session_ms;
  keep('late', 0);
  assert.is(sessions.size, 1);
  now_ms += session_ms;
  assert.is(sessions.between(worker_did, mallory.did, 'late'), undefined);
  assert.is(sessions.size, 0);
});

test('who answers in another name than was asked for is not taken', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { host } = world.at(0);
  const liar = await answering(world, world.at(0), answerAs(mallory, mallory.signer, world.simulator.now_ms + session_ms));
  const failure = failureOf(await world.finish(host.handshake.open('', victim.did, liar.id)));
  assert.is(failure.code, 'HANDSHAKE_WRONG_PARTY');
  assert.match(failure.reason, mallory.did);
});

test('a responder that cannot sign for its DID over this very transcript is found out', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { host } = world.at(0);
  const expires = Math.floor(world.simulator.now_ms) + session_ms;
  let answer = answerAs(victim, mallory.signer, expires);
  const liar = await answering(world, world.at(0), (...given) => answer(...given));
  const codeFor = async (who: Person): Promise<string> => codeOf(await world.finish(host.handshake.open('', who.did, liar.id)));
  assert.is(await codeFor(victim), 'HANDSHAKE_FORGED');
  answer = answerAs(mallory, mallory.signer, expires, 'initiator');
  assert.is(await codeFor(mallory), 'HANDSHAKE_FORGED', 'a signature in the other role');
  answer = (message, _from, own) => answerAs(mallory, mallory.signer, expires)(message, 'another peer', own);
  assert.is(await codeFor(mallory), 'HANDSHAKE_FORGED', 'a transcript with another channel');
  answer = (message, from, own) => answerAs(mallory, mallory.signer, expires)({ ...message, nonce: new Uint8Array(32) }, from, own);
  assert.is(await codeFor(mallory), 'HANDSHAKE_FORGED', 'a transcript with another nonce');
  assert.is(sessions(world.at(0), victim.did) + sessions(world.at(0), mallory.did), 0);
  answer = answerAs(mallory, mallory.signer, expires + 3 * session_ms);
  assert.is(await codeFor(mallory), 'HANDSHAKE_MALFORMED', 'a session without end');
  answer = answerAs(mallory, mallory.signer, expires);
  assert.is(await codeFor(mallory), 'ok', 'and with nothing wrong it is taken');
});

test('an initiator that cannot sign for its DID is refused and penalised', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const host = world.at(0);
  const network = await world.stranger('liar', host);
  const forged = await opened(world, network, host, victim);
  assert.is(codeOf(await forged.prove(mallory.signer)), 'HANDSHAKE_FORGED');
  assert.is(penalties(host, 'liar'), 1);
  const swapped = await opened(world, network, host, mallory);
  assert.is(codeOf(await swapped.prove(mallory.signer, { role: 'responder' })), 'HANDSHAKE_FORGED');
  assert.is(sessions(host, victim.did) + sessions(host, mallory.did), 0);
  const honest = await opened(world, network, host, mallory);
  unwrap(await honest.prove(mallory.signer));
  assert.is(sessions(host, mallory.did), 1);
});

test('a relay that passes the messages of two honest sides on over its own channels gets no session on either', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [a, b] = [world.at(0), world.at(1)];
  const [asker, worker] = [await world.hire(0, 'asker'), await world.hire(1, 'worker')];
  const relay: Network = await world.stranger('relay', a, (network) => network.handle(handshake_protocol, handshake_limits,
    async (request) => unwrap(await network.request(b.peer, handshake_protocol, request, { limits: handshake_limits, signal: never }))));
  await relay.learn(b.peer, [`/simulated/${b.peer}`]);
  const failure = failureOf(await world.finish(a.host.handshake.open(asker.did, worker.did, relay.id)));
  assert.is(failure.code, 'HANDSHAKE_FORGED');
  assert.is(sessions(a, worker.did) + sessions(b, asker.did), 0);
  unwrap(await world.finish(a.host.handshake.open(asker.did, worker.did, b.peer)));
});

test('a proof counts once, and only from the peer that began', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const host = world.at(0);
  const network = await world.stranger('first', host);
  const other = await world.stranger('second', host);
  const started = await opened(world, network, host, mallory);
  assert.is(codeOf(await started.prove(mallory.signer, { network: other })), 'HANDSHAKE_UNKNOWN', 'from another peer');
  unwrap(await started.prove(mallory.signer));
  assert.is(codeOf(await started.prove(mallory.signer)), 'HANDSHAKE_UNKNOWN', 'the same proof again');
  const next = await opened(world, network, host, mallory);
  assert.is(codeOf(await next.prove(mallory.signer, { transcript: started.transcript })), 'HANDSHAKE_FORGED', 'an earlier proof for a new handshake');
  assert.is(sessions(host, mallory.did), 1);
});

test('a proof that comes too late finds nothing that waits for it', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const host = world.at(0);
  const network = await world.stranger('slow', host);
  const in_time = await opened(world, network, host, mallory);
  await world.pass(pending_ms_max - 1000);
  unwrap(await in_time.prove(mallory.signer));
  const late = await opened(world, network, host, mallory);
  await world.pass(pending_ms_max + 1000);
  assert.is(codeOf(await late.prove(mallory.signer)), 'HANDSHAKE_UNKNOWN');
});

test('too little trust is refused on either side, with the score and what is needed', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [a, b] = [world.at(0), world.at(1)];
  const asker = await world.hire(0, 'asker');
  const [strict, open] = [await world.hire(1, 'strict', { required_trust: 600 }), await world.hire(1, 'open')];
  const there = failureOf(await world.finish(a.host.handshake.open(asker.did, strict.did, b.peer)));
  assert.is(there.code, 'TRUST_TOO_LOW');
  assert.match(there.reason, /the peer says: .* trust score of 500 .* 600 is needed/);
  const here = failureOf(await world.finish(a.host.handshake.open(asker.did, open.did, b.peer, { required_trust_score: 600 })));
  assert.is(here.code, 'TRUST_TOO_LOW');
  assert.equal([here.detail?.['score'], here.detail?.['required']], [500, 600]);
  assert.is(sessions(a, strict.did) + sessions(b, asker.did) + sessions(a, open.did), 0, 'neither ends in a session on either side');
  unwrap(await world.finish(a.host.handshake.open(asker.did, open.did, b.peer, { required_trust_score: 500 })));
  assert.is(codeOf(await world.finish(a.host.handshake.open(asker.did, open.did, b.peer, { required_trust_score: 501 }))), 'TRUST_TOO_LOW', 'a live session is no way around');
});

test('who asks for more trust is not served by a handshake that asked for less', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [a, b] = [world.at(0), world.at(1)];
  const [asker, worker] = [await world.hire(0, 'asker'), await world.hire(1, 'worker')];
  const open = (required_trust_score: number): Promise<Result<unknown>> => a.host.handshake.open(asker.did, worker.did, b.peer, { required_trust_score });
  const [low, high] = await world.finish(Promise.all([open(0), open(900)]));
  assert.is(codeOf(low), 'ok');
  assert.is(codeOf(high), 'TRUST_TOO_LOW');
  const [first, second] = await world.finish(Promise.all([open(900), open(0)]));
  assert.equal([codeOf(first), codeOf(second)], ['TRUST_TOO_LOW', 'ok'], 'nor held up by one that asked for more');
});

test('revoked and unsponsored agents are refused, and a revocation ends the sessions that there are', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [a, b] = [world.at(0), world.at(1)];
  const [asker, worker] = [await world.hire(0, 'asker'), await world.hire(1, 'worker')];
  const session = await world.get(a.host.handshake.open(asker.did, worker.did, b.peer));
  await world.get(a.actions.revoke('sponsor-0', 'agent', asker.did, 'retired'));
  await world.until('the revocation arrives', () => b.host.statement_store.revocations().length === 1);
  assert.is(b.host.handshake.session(session.id, worker.did, a.peer), undefined, 'the session is over');
  a.host.handshake.close(worker.did);
  assert.is(codeOf(await world.finish(a.host.handshake.open(asker.did, worker.did, b.peer))), 'REVOKED');
  const network = await world.stranger('stranger', b);
  const orphan = await agentOf(mallory, 'orphan', { attest: () => Promise.resolve([]) });
  for (const [agent, records, code] of [
    [orphan, [orphan.record.bytes, mallory.record.bytes], 'SPONSOR_MISSING'],
    [orphan, [orphan.record.bytes], 'SPONSOR_MISSING'],
    [await agentOf(victim, 'ward'), [(await agentOf(victim, 'ward')).record.bytes], 'SPONSOR_UNKNOWN'],
  ] as const) {
    const started = await opened(world, network, b, agent, worker.did, { records });
    assert.is(codeOf(await started.prove(agent.signer)), code);
  }
  assert.is(sessions(b, orphan.did), 0);
});

test('a record that has expired since proves nobody, although its key is still known', async (context) => {
  const world = await hostWorld(context, { count: 1, settings: { witness: { checkpoint_ms: 3_600_000, anchor_ms: 3_600_000 } } });
  const host = world.at(0);
  const before = await world.stranger('before', host);
  unwrap(await (await opened(world, before, host, mallory)).prove(mallory.signer));
  await before.stop();
  await world.pass(document_lifetime_ms);
  const after = await world.stranger('after', host);
  const started = await opened(world, after, host, mallory, '', { records: [] });
  assert.is(codeOf(await started.prove(mallory.signer)), 'HANDSHAKE_RECORD');
  assert.is(sessions(host, mallory.did), 1);
});

test('bytes that are no handshake, or too many, are refused with a code and counted', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const host = world.at(0);
  const good = { step: 1, to: '', ...introduction(mallory) } as const;
  const malformed = [
    new Uint8Array(), utf8('garbage'), new Uint8Array(50_000).fill(0x81), encodeStep({ step: 4 }),
    encodeStep({ ...good, to: 'victim' }), encodeStep({ ...good, nonce: new Uint8Array(31) }), encodeStep({ ...good, required_trust_score: 1001 }),
    encodeStep({ ...good, capabilities: Array.from({ length: 33 }, () => 'read:x') }), encodeStep({ ...good, agent_did: 'did:web:mallory' }),
  ];
  for (const [index, bytes] of malformed.entries()) {
    const network = await world.stranger(`garbler-${index}`, host);
    assert.is(codeOf(await ask(world, network, host.peer, bytes)), 'HANDSHAKE_MALFORMED', `malformed ${index}`);
    assert.is(penalties(host, network.id), 1);
  }
  assert.is(host.facts.filter(({ kind, code }) => kind === 'handshake.refused' && code === 'HANDSHAKE_MALFORMED').length, malformed.length);
  const network = await world.stranger('honest', host);
  assert.is(codeOf(await ask(world, network, host.peer, new Uint8Array(handshake_limits.request_bytes_max + 1))), 'REQUEST_TOO_LARGE');
  const unknown = failureOf(await opening(world, network, host, mallory, victim.did));
  assert.is(unknown.code, 'AGENT_UNKNOWN');
  assert.match(unknown.fix ?? '', 'resolve');
  for (const records of [[utf8('garbage')], Array.from({ length: offered_records_max + 1 }, () => mallory.record.bytes), [victim.record.bytes]]) {
    const started = await opened(world, network, host, mallory, '', { records });
    assert.is(codeOf(await started.prove(mallory.signer)), 'HANDSHAKE_RECORD', `${records.length} records`);
  }
  assert.is(codeOf(await opening(world, network, host, mallory)), 'ok');
});

test('openings that are never proven take a bounded place, of one peer and not of others, and for half a minute', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const host = world.at(0);
  const [flood, honest] = [await world.stranger('flood', host), await world.stranger('honest', host)];
  for (let index = 0; index < pending_per_peer_max; index += 1) await opened(world, flood, host, mallory);
  const refused = failureOf(await opening(world, flood, host, mallory));
  assert.is(refused.code, 'HANDSHAKE_OVERLOADED');
  assert.match(refused.fix ?? '', 'half a minute');
  unwrap(await (await opened(world, honest, host, mallory)).prove(mallory.signer));
  await world.pass(pending_ms_max + 1000);
  assert.is(codeOf(await opening(world, flood, host, mallory)), 'ok');
});

test('many peers that leave openings behind do not keep an honest one out', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const host = world.at(0);
  const own = introduction(mallory);
  for (let index = 0; index < pending_max / pending_per_peer_max; index += 1) {
    const flood = await world.stranger(`flood-${index}`, host);
    const bytes = encodeStep({ step: 1, to: '', ...own });
    const answers = Array.from({ length: pending_per_peer_max }, () => flood.request(host.peer, handshake_protocol, bytes, { limits: handshake_limits, signal: never }));
    for (const answer of await world.finish(Promise.all(answers))) unwrap(unlessFailure(answer));
  }
  const honest = await world.stranger('honest', host);
  unwrap(await (await opened(world, honest, host, mallory)).prove(mallory.signer));
});

test('two agents of one host prove themselves to each other like those of two hosts', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { host, peer } = world.at(0);
  const [asker, worker] = [await world.hire(0, 'asker'), await world.hire(0, 'worker')];
  const session = await world.get(host.handshake.open(asker.did, worker.did, peer));
  assert.equal([session.local, session.remote], [asker.did, worker.did]);
  const other_end = host.handshake.session(session.id, worker.did, peer);
  assert.equal([other_end?.local, other_end?.remote], [worker.did, asker.did]);
});

test('an agent that asks for a node does not take the node\'s place among the neighbours', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [a, b] = [world.at(0), world.at(1)];
  const asker = await world.hire(0, 'asker');
  assert.is(b.host.neighbours.did(a.peer), a.host.identities.node.did);
  unwrap(await world.finish(a.host.handshake.open(asker.did, b.host.identities.node.did, b.peer)));
  assert.is(b.host.neighbours.did(a.peer), a.host.identities.node.did);
});

test('records that come with a handshake are kept once it is proven, not before', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const host = world.at(0);
  const network = await world.stranger('stranger', host);
  const records = [mallory.record.bytes, victim.record.bytes];
  const { prove } = await opened(world, network, host, mallory, '', { records });
  assert.is(codeOf(await prove(victim.signer)), 'HANDSHAKE_FORGED');
  const claimed = await opened(world, network, host, victim, '', { records });
  assert.is(codeOf(await claimed.prove(mallory.signer)), 'HANDSHAKE_FORGED');
  assert.is(host.host.identity.known(mallory.did), undefined);
  assert.is(host.host.identity.known(victim.did), undefined);
  const honest = await opened(world, network, host, mallory, '', { records });
  assert.is(codeOf(await honest.prove(mallory.signer)), 'ok');
  assert.is(host.host.identity.known(mallory.did)?.did, mallory.did);
});

test('a record with an older key proves nobody once a newer one is known', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const host = world.at(0);
  const network = await world.stranger('stranger', host);
  const changed = await person('mallory, changed');
  const newer = signEvent({ ...mallory.document, sequence: 9, methods: changed.document.methods }, [{ index: 0, key: keyNamed('mallory, update') }]);
  unwrap(await world.finish(host.host.identity.offer([encodeRecord({ establishments: [mallory.establishment], document: newer, attestations: [], witness_signatures: [] })])));
  const { prove } = await opened(world, network, host, mallory);
  assert.is(codeOf(await prove(mallory.signer)), 'HANDSHAKE_FORGED');
});

test.run();
