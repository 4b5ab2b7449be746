/** The story of the demo, a step a function. Each step throws where something is not as it says. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseProof } from '../../crypto/tlog-proof.ts';
import { unwrap } from '../../crypto/result.ts';
import type { CallView, DelegationView, ScoreView } from '../../node/control/views.ts';
import { NodeProcess, processExists, until } from './nodes.ts';

const policy = fileURLToPath(new URL('policy.yaml', import.meta.url));
const trusting_policy = fileURLToPath(new URL('trusting-policy.yaml', import.meta.url));
const handler = fileURLToPath(new URL('archive.mjs', import.meta.url));

/** Says what was checked. */
export type Say = (line: string) => void;

/** Everything that the steps share. */
export class Story {
  readonly home: string;
  readonly nodes: Map<string, NodeProcess> = new Map();
  /** DIDs by name. */
  readonly dids: Map<string, string> = new Map();
  readonly delegations: Map<string, DelegationView> = new Map();
  call: CallView | undefined;

  constructor(home: string) {
    this.home = home;
  }

  node(name: string): NodeProcess {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  did(name: string): string {
    const did = this.dids.get(name);
    if (did === undefined) throw new Error(`there is no ${name}`);
    return did;
  }

  delegation(name: string): DelegationView {
    const found = this.delegations.get(name);
    if (found === undefined) throw new Error(`there is no delegation ${name}`);
    return found;
  }

  /** Ends whatever still runs, at once. */
  async killAll(): Promise<void> {
    await Promise.all([...this.nodes.values()].filter((node) => processExists(node.process_id)).map((node) => node.end('SIGKILL')));
  }
}

function check(condition: boolean, claim: string): void {
  if (!condition) throw new Error(claim);
}

function mustRefuse(answer: { readonly ok: boolean; readonly failure?: { readonly code: string; readonly reason: string } }, ...codes: readonly string[]): string {
  if (answer.ok || answer.failure === undefined) throw new Error(`it was not refused, although ${codes.join(' or ')} was due`);
  check(codes.includes(answer.failure.code), `it was refused with ${answer.failure.code} (${answer.failure.reason}), not ${codes.join(' or ')}`);
  return `${answer.failure.code}: ${answer.failure.reason}`;
}

const names = ['alpha', 'beta', 'gamma', 'delta'] as const;

async function join4(story: Story, say: Say): Promise<void> {
  const alpha = await NodeProcess.prepare('alpha', story.home, []);
  story.nodes.set('alpha', alpha);
  await alpha.start();
  const [bootstrap] = (await alpha.get('status', {})).addresses;
  if (bootstrap === undefined) throw new Error('alpha listens nowhere');
  for (const name of names.slice(1)) story.nodes.set(name, await NodeProcess.prepare(name, story.home, [bootstrap]));
  await Promise.all(names.slice(1).map((name) => story.node(name).start()));
  const { took_ms } = await until('all four know each other', async () => {
    const seen = await Promise.all(names.map((name) => story.node(name).get('peers', {})));
    return seen.every((peers, index) => peers.filter((peer) => peer.did !== null).length >= (index === 0 ? 3 : 1)) ? seen : undefined;
  });
  for (const name of names) story.dids.set(name, (await story.node(name).get('status', {})).did);
  say(`alpha listens on ${bootstrap.replace(/p2p\/.*/, 'p2p/…')}, the others joined through it alone (${took_ms} ms)`);
  say('every peer proved the DID of its node in a handshake bound to its channel');
}

async function identities(story: Story, say: Say): Promise<void> {
  const sponsors = [['alpha', 'alice@acme.example'], ['beta', 'bob@beta.example'], ['gamma', 'carol@gamma.example'], ['delta', 'dana@delta.example']] as const;
  for (const [host, name] of sponsors) story.dids.set(name, (await story.node(host).get('sponsor.create', { name })).did);
  const create = async (host: string, name: string, sponsor: string, capabilities: string[], more: { policy?: string; required_trust?: number; authority?: string; roots?: string[] } = {}): Promise<void> => {
    const agent = await story.node(host).get('agent.create', { name, sponsor, capabilities, policy, handler, ...more });
    story.dids.set(name, agent.did);
  };
  const alice = story.did('alice@acme.example');
  await create('alpha', 'orchestrator', 'alice@acme.example', ['read:**', 'write:**', 'export:**'], { policy: trusting_policy });
  await create('beta', 'analyst', 'bob@beta.example', ['read:**', 'write:**']);
  await create('gamma', 'summarizer', 'carol@gamma.example', ['read:**', 'write:**']);
  await create('beta', 'desk', 'bob@beta.example', ['read:**', 'write:**', 'export:**'], { authority: 'open' });
  await create('delta', 'archive', 'dana@delta.example', ['read:**', 'write:**'], { roots: [alice] });
  await create('alpha', 'library', 'alice@acme.example', ['read:**'], {});
  await create('delta', 'vault', 'dana@delta.example', ['read:**'], { authority: 'open', required_trust: 600 });
  for (const name of ['orchestrator', 'analyst', 'summarizer']) {
    const { value: resolved } = await until(`delta resolves ${name}`, async () => {
      const resolution = await story.node('delta').get('did.resolve', { did: story.did(name) });
      return resolution.didDocument === null ? undefined : resolution;
    });
    check(JSON.stringify(resolved.didDocument).includes(story.did(name)), `the document is not that of ${name}`);
    check(JSON.stringify(resolved.didDocumentMetadata).includes('did:mesh:'), `${name} has no sponsor`);
  }
  say('sponsors alice, bob, carol, dana; agents orchestrator (alpha), analyst (beta), summarizer (gamma)');
  say('delta resolved all three through the DHT: record, key, sponsor verified from the DID alone');
}

async function tooLittleTrust(story: Story, say: Say): Promise<void> {
  const answer = await story.node('alpha').ask('call', { from: 'orchestrator', to: story.did('vault'), command: 'read:reports' });
  say(`vault on delta wants 600: ${mustRefuse(answer, 'TRUST_TOO_LOW')}`);
}

async function governedCall(story: Story, say: Say): Promise<void> {
  const answer = await story.node('alpha').get('call', { from: 'orchestrator', to: story.did('desk'), command: 'read:reports', arguments: { quarter: 'Q3' } });
  check(answer.verdict === 'allow', `desk answered ${answer.verdict}: ${answer.reason}`);
  check(answer.executor === story.did('desk') && answer.audit !== null, 'the receipt names no decision of desk');
  const index = answer.audit?.index ?? -1;
  const entry = await story.node('beta').get('audit.show', { index });
  check(JSON.stringify(entry.payload).includes(story.did('orchestrator')), 'the decision is not in the log of beta');
  const again = await story.node('alpha').get('call', { from: 'orchestrator', to: story.did('desk'), command: 'read:reports', arguments: { quarter: 'Q3' }, invocation: answer.invocation });
  check(again.receipt === answer.receipt, 'a repetition got another receipt');
  story.call = answer;
  say(`desk on beta allowed read:reports by rule ${answer.rule ?? '-'} in ${answer.duration_ms} ms and signed receipt ${answer.receipt_hash.slice(0, 12)}…`);
  say(`the decision stands at index ${index} of beta's log; the same invocation again got the same receipt`);
}

async function policyDenial(story: Story, say: Say): Promise<void> {
  const answer = await story.node('alpha').get('call', {
    from: 'orchestrator', to: story.did('desk'), command: 'export:customers', arguments: { rows: ['Erika Mustermann, erika@example.org, 4111 1111 1111 1111'] },
  });
  check(answer.verdict === 'deny' && answer.rule === 'no-pii-export', `desk answered ${answer.verdict} by ${answer.rule ?? 'no rule'}: ${answer.reason}`);
  check(answer.result === null && answer.audit !== null, 'the denial brought a result, or is not in the log');
  say(`desk found personal data in the arguments: ${answer.reason}`);
  say(`denied by rule ${answer.rule ?? '-'}; the denial has a signed receipt too, and stands at index ${answer.audit?.index ?? '-'} of beta's log`);
}

async function chainOfThree(story: Story, say: Say): Promise<void> {
  const [alpha, beta, gamma] = [story.node('alpha'), story.node('beta'), story.node('gamma')];
  const first = await alpha.get('delegate', { from: 'alice@acme.example', to: story.did('orchestrator'), capabilities: ['read:**', 'write:**'], max_depth: 3 });
  const second = await alpha.get('delegate', { from: 'orchestrator', to: story.did('analyst'), capabilities: ['read:**', 'write:reports'], parent: first.id });
  const third = await beta.get('delegate', { from: 'analyst', to: story.did('summarizer'), capabilities: ['read:public-data', 'write:reports'], parent: second.id });
  check(second.delivered && third.delivered, 'a delegation did not reach its holder');
  for (const [name, value] of [['first', first], ['second', second], ['third', third]] as const) story.delegations.set(name, value);
  const answer = await gamma.get('call', { from: 'summarizer', to: story.did('archive'), command: 'read:public-data', delegation: third.id });
  check(answer.verdict === 'allow', `archive answered ${answer.verdict}: ${answer.reason}`);
  say('alice → orchestrator [read:**, write:**] → analyst [read:**, write:reports] → summarizer [read:public-data, write:reports]');
  say(`archive on delta verified all three links offline and allowed the summarizer's read:public-data (index ${answer.audit?.index ?? '-'})`);
}

async function widening(story: Story, say: Say): Promise<void> {
  const issued = await story.node('beta').ask('delegate', { from: 'analyst', to: story.did('summarizer'), capabilities: ['write:**'], parent: story.delegation('second').id });
  say(`analyst tries to delegate write:**: ${mustRefuse(issued, 'CHAIN_WIDENED')}`);
  const used = await story.node('gamma').ask('call', { from: 'summarizer', to: story.did('archive'), command: 'read:payroll', delegation: story.delegation('third').id });
  const refusal = used.ok ? `${used.value.code ?? ''}: ${used.value.reason}` : `${used.failure.code}: ${used.failure.reason}`;
  check((used.ok ? used.value.verdict === 'deny' : true) && /CHAIN_EXCEEDED|CAPABILITY|SCOPE/.test(refusal), `read:payroll was answered with ${refusal}`);
  say(`summarizer tries read:payroll: ${refusal}`);
}

function mentions(score: ScoreView, kind: string): boolean {
  return score.items.some((item) => item.kind === kind);
}

async function endorsement(story: Story, say: Say): Promise<void> {
  const subject = story.did('orchestrator');
  const before = await story.node('delta').get('trust.show', { subject, observer: 'vault' });
  const held_before = await Promise.all(names.map(async (name) => (await story.node(name).get('status', {})).statements));
  await story.node('delta').get('endorse', { from: 'dana@delta.example', subject, weight: 1000, why: 'a year of good work' });
  const { took_ms } = await until('the endorsement reaches all', async () => {
    const held = await Promise.all(names.map(async (name) => (await story.node(name).get('status', {})).statements));
    return held.every((count, index) => count > (held_before[index] ?? 0)) ? held : undefined;
  });
  const after = await story.node('delta').get('trust.show', { subject, observer: 'vault' });
  check(after.score > before.score && mentions(after, 'endorsement'), `the score went from ${before.score} to ${after.score}`);
  check(after.score >= 600, `the score is only ${after.score}`);
  const answer = await story.node('alpha').get('call', { from: 'orchestrator', to: story.did('vault'), command: 'read:reports' });
  check(answer.verdict === 'allow', `vault still answers ${answer.verdict}: ${answer.reason}`);
  say(`dana endorsed the orchestrator; all four nodes had it after ${took_ms} ms, and vault's score of it rose from ${before.score} to ${after.score}`);
  say('what step 3 refused is allowed now');
}

async function revocation(story: Story, say: Say): Promise<void> {
  const subject = story.did('analyst');
  const since = performance.now();
  await story.node('alpha').get('revoke', { from: 'alice@acme.example', kind: 'agent', target: subject, why: 'left the project' });
  // The summarizer's own host lets it try, so that what is seen is the refusal of the executor; the analyst is stopped at home already.
  const powerless = async (host: string, from: string, to: string, delegation: string): Promise<number> => {
    await until(`${from} is refused at ${to}`, async () => {
      const answer = await story.node(host).ask('call', { from, to: story.did(to), command: 'read:public-data', delegation });
      const code = answer.ok ? answer.value.code : answer.failure.code;
      return code === 'REVOKED' ? code : undefined;
    });
    return Math.round(performance.now() - since);
  };
  const [second, third] = [story.delegation('second').id, story.delegation('third').id];
  const times = await Promise.all([
    powerless('gamma', 'summarizer', 'archive', third),
    powerless('gamma', 'summarizer', 'library', third),
    powerless('beta', 'analyst', 'archive', second),
    powerless('beta', 'analyst', 'library', second),
  ]);
  const counts = await until('every node holds the revocation', async () => {
    const held = await Promise.all(names.map(async (name) => (await story.node(name).get('status', {})).statements));
    return held.every((count) => count >= 2) ? held : undefined;
  });
  say(`alice revoked the analyst: after ${Math.max(...times)} ms archive (delta) and library (alpha) refused the summarizer below it, and its own host the analyst, all with REVOKED`);
  say(`all four nodes hold the revocation (${counts.value.join(', ')} statements)`);
  const other = await story.node('alpha').get('call', { from: 'orchestrator', to: story.did('archive'), command: 'read:reports', delegation: story.delegation('first').id });
  check(other.verdict === 'allow', `the orchestrator lost its power too: ${other.reason}`);
  say('the orchestrator, above the analyst in the chain, still has its own');
}

async function checkpoints(story: Story, say: Say): Promise<void> {
  for (const name of names) {
    const { value: head } = await until(`${name} has two cosignatures`, async () => {
      const anchored = await story.node(name).get('audit.anchor', {});
      return anchored.cosignatures.length >= 2 ? anchored : undefined;
    });
    say(`${name}: ${head.size} entries, root ${head.root.slice(0, 12)}…, cosigned by ${head.cosignatures.length} peers`);
  }
}

async function auditor(story: Story, say: Say): Promise<void> {
  const index = story.call?.audit?.index ?? -1;
  const proof = await story.node('gamma').get('audit.prove', { index, did: story.did('beta') });
  const verified = await story.node('gamma').get('audit.verify', { proof: proof.proof, policy: proof.policy });
  check(verified.index === index && verified.cosignatures >= 2, `only ${verified.cosignatures} cosignatures`);
  const forged = await story.node('gamma').ask('audit.verify', { proof: proof.proof.replace(`index ${index}\n`, `index ${index + 1}\n`), policy: proof.policy });
  check(!forged.ok, 'a proof with another index verifies too');
  say(`gamma, with no access to beta's data, proved that entry ${index} (the decision of step 4) is in beta's log of ${verified.size} entries`);
  say('under the keys in the DID documents, with two cosignatures; the same proof for another index is refused');
}

/** Flips one bit of a stored entry in the files of the store. */
function flipByte(folder: string, entry: Uint8Array): string {
  for (const file of readdirSync(join(folder, 'store'))) {
    const path = join(folder, 'store', file);
    const bytes = readFileSync(path);
    const at = bytes.indexOf(entry);
    if (at < 0) continue;
    const middle = at + Math.floor(entry.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    return `${file} at ${middle}`;
  }
  throw new Error('the entry is not in the files of the store');
}

async function tampering(story: Story, say: Say): Promise<void> {
  const beta = story.node('beta');
  const index = story.call?.audit?.index ?? -1;
  const proof = await beta.get('audit.prove', { index });
  const { extra } = unwrap(parseProof(Buffer.from(proof.proof)));
  if (extra === undefined) throw new Error('the proof carries no entry');
  await beta.end('SIGTERM');
  const where = flipByte(beta.folder, extra);
  await beta.start();
  const { audit } = await beta.get('status', {});
  if (audit.frozen === null) throw new Error('the log was not frozen');
  say(`one bit of entry ${index} was flipped in ${where} while beta was down`);
  say(`at start: ${audit.frozen.code}: ${audit.frozen.reason}`);
  check(beta.output.includes('frozen') || beta.output.includes('FROZEN'), 'up did not say that the log is frozen');
  const { value: refused } = await until('desk refuses', async () => {
    const answer = await story.node('alpha').ask('call', { from: 'orchestrator', to: story.did('desk'), command: 'read:reports' });
    return answer.ok && answer.value.verdict !== 'allow' ? answer.value : undefined;
  });
  say(`desk does nothing that it cannot record: ${refused.code ?? ''}: ${refused.reason}`);
  const held = await story.node('alpha').get('audit.head', { did: story.did('beta') });
  check(held.size > index, `alpha only knows ${held.size} entries`);
  say(`alpha still holds beta's signed head: ${held.size} entries, root ${held.root.slice(0, 12)}…`);
}

async function sigkill(story: Story, say: Say): Promise<void> {
  const delta = story.node('delta');
  const file = join(story.home, 'ledger.txt');
  const acknowledged: { readonly line: string; readonly view: CallView }[] = [];
  const unanswered: string[] = [];
  const write = async (line: string): Promise<void> => {
    const answer = await story.node('alpha').ask('call', { from: 'orchestrator', to: story.did('archive'), command: 'write:ledger', arguments: { file, line }, delegation: story.delegation('first').id });
    if (answer.ok && answer.value.verdict === 'allow') acknowledged.push({ line, view: answer.value });
    else unanswered.push(line);
    if (acknowledged.length === 40) await delta.end('SIGKILL');
  };
  const lines = Array.from({ length: 160 }, (_, index) => `line-${index}`);
  const worker = async (): Promise<void> => {
    for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
      await write(line);
      if (!processExists(delta.process_id)) return;
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  check(acknowledged.length >= 40, `only ${acknowledged.length} writes were acknowledged`);
  await delta.start();
  const { audit } = await delta.get('status', {});
  check(audit.frozen === null, `the log froze: ${audit.frozen?.reason ?? ''}`);
  const effects = readFileSync(file, 'utf8').trim().split('\n');
  for (const { line, view } of acknowledged) {
    check(effects.filter((effect) => effect === line).length === 1, `${line} was acknowledged but written ${effects.filter((effect) => effect === line).length} times`);
    const entry = await delta.get('audit.show', { index: view.audit?.index ?? -1 });
    check(JSON.stringify(entry.payload).includes('write'), `the decision for ${line} is gone`);
  }
  const last = acknowledged.at(-1);
  if (last === undefined) throw new Error('nothing was acknowledged');
  const { value: again } = await until('the last call gets its receipt again', async () => {
    const answer = await story.node('alpha').ask('call', {
      from: 'orchestrator', to: story.did('archive'), command: 'write:ledger', arguments: { file, line: last.line }, delegation: story.delegation('first').id, invocation: last.view.invocation,
    });
    return answer.ok ? answer.value : undefined;
  });
  check(again.receipt === last.view.receipt, `the receipt is another one: ${again.reason}`);
  check(readFileSync(file, 'utf8').trim().split('\n').length === effects.length, 'the repetition wrote again');
  say(`delta was killed with ${acknowledged.length} writes acknowledged and ${unanswered.length} under way; it came back with a sound log of ${audit.size} entries`);
  say('every acknowledged write has its one effect and its decision; repeating the last one brought its old receipt and no second effect');
}

async function stopAll(story: Story, say: Say): Promise<void> {
  const running = [...story.nodes.values()];
  const ids = running.map((node) => node.process_id);
  const since = performance.now();
  const codes = await Promise.all(running.map((node) => node.end('SIGTERM')));
  const took_ms = Math.round(performance.now() - since);
  check(codes.every((code) => code === 0), `exit codes ${codes.join(', ')}`);
  check(took_ms <= 2000, `it took ${took_ms} ms`);
  check(ids.every((id) => !processExists(id)), 'a process is left');
  check(running.every((node) => !readdirSync(node.folder).includes('control.sock')), 'a control socket is left');
  say(`all four ended with exit code 0 after ${took_ms} ms; no process and no socket is left`);
}

/** The steps in order. */
export const steps: readonly { readonly title: string; run(story: Story, say: Say): Promise<void> }[] = [
  { title: 'four nodes join from one bootstrap address', run: join4 },
  { title: 'sponsors and agents are created on three hosts and resolved on the fourth', run: identities },
  { title: 'a peer with too little trust is refused', run: tooLittleTrust },
  { title: 'a governed call across hosts ends in a receipt', run: governedCall },
  { title: 'a policy denies, with rule and reason', run: policyDenial },
  { title: 'a chain of three narrowing delegations is used', run: chainOfThree },
  { title: 'an attempt to widen it is refused', run: widening },
  { title: 'an endorsement reaches all and raises a score', run: endorsement },
  { title: 'the sponsor revokes the analyst: it and the summarizer lose their power on every host', run: revocation },
  { title: 'every host\'s log has a checkpoint with two cosignatures', run: checkpoints },
  { title: 'an auditor verifies an inclusion proof from a host that it cannot access', run: auditor },
  { title: 'a stored log is tampered with: its node freezes it, the peers hold the truth', run: tampering },
  { title: 'a node is killed in mid-work and comes back with nothing acknowledged lost', run: sigkill },
  { title: 'all stop within two seconds', run: stopAll },
];
