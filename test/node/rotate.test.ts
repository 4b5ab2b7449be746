/** Real node processes on the loopback interface: an owner rotates through the command line, and a thief with the stolen key tries to. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { equal, fromBase64url } from '../../crypto/bytes.ts';
import { encodeRecord, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { parseDid } from '../../crypto/did.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { ok, unwrap } from '../../crypto/result.ts';
import { system_clock, system_random } from '../../node/clock.ts';
import { libp2pNetwork } from '../../node/libp2p.ts';
import { record_namespace } from '../../protocols/identity/constants.ts';
import { documentOf, nextEvent, signAs, soleControl, new_standing } from '../../protocols/identity/controller.ts';
import type { Network } from '../../protocols/ports.ts';
import { suite, type TestContext } from '../harness.ts';
import { keyNamed } from '../people.ts';
import { NodeProcess, until } from './node-process.ts';
import { cli } from './run-cli.ts';

const test = suite('node/rotate');
const limit = (): { readonly signal: AbortSignal } => ({ signal: AbortSignal.timeout(5000) });

/** The key of a folder that lies open whose public key this is. */
function stolenKey(folder: string, public_key: Uint8Array): SigningKey {
  const { keys }: { readonly keys: Readonly<Record<string, string>> } = JSON.parse(readFileSync(join(folder, 'keys.json'), 'utf8'));
  const found = Object.values(keys).map((text) => signingKey(fromBase64url(text) ?? new Uint8Array())).find((key) => equal(key.public_key, public_key));
  if (found === undefined) throw new Error('the key is not in the folder');
  return found;
}

/** A peer that follows no rules of the records, connected to some nodes. */
async function thiefAmong(context: TestContext, addresses: readonly string[]): Promise<Network> {
  const thief = await libp2pNetwork({ seed: system_random.bytes(32), clock: system_clock, recorder: { record: () => undefined } });
  // Takes whatever comes last, its own forgeries above all.
  thief.records(record_namespace, { validate: () => Promise.resolve(ok(undefined)), select: (_key, values) => values.length - 1 });
  unwrap(await thief.start());
  context.after(() => thief.stop());
  for (const address of addresses) unwrap(await thief.dial(address, limit()));
  return thief;
}

/** What whoever has the current update key alone can sign: the next event, for keys of their own or for the stolen one, and a later document. */
function forgeries(record: DidRecord, update: SigningKey): Readonly<Record<'rotation' | 'same key' | 'document', Uint8Array>> {
  const now_ms = system_clock.now();
  const own = { update: keyNamed('thief, update'), next: keyNamed('thief, next'), use: keyNamed('thief, use') };
  const plan = { kind: record.kind, name: '', sponsor: null, capabilities: [], did: record.did, witness_signatures: [], ...new_standing };
  const signed = (establishments: DidRecord['establishments'], keys: typeof own): Uint8Array => {
    const current = establishments.at(-1)?.event;
    if (current === undefined) throw new Error('there is an event');
    const document = documentOf({ ...plan, establishments, keys }, { sequence: 1_000_000, now_ms, services: [], methods: [], attestations: [] });
    return encodeRecord({ establishments, document: signAs(current, document, [keys.update]), attestations: [], witness_signatures: [] });
  };
  const rotation = (keys: typeof own): Uint8Array => {
    const event = nextEvent(record.current, soleControl(keys), { now_ms, bad_since: null });
    return signed([...record.establishments, signAs(event, event, [keys.update, update])], keys);
  };
  return { 'rotation': rotation(own), 'same key': rotation({ ...own, update }), 'document': signed(record.establishments, { ...own, update }) };
}

/** The keys in use of a DID as `did resolve` on a node prints them; none where it does not find the DID. */
async function keysAt(node: NodeProcess, did: string): Promise<readonly string[]> {
  const { code, stdout } = await cli(['did', 'resolve', did, '--fresh', '--json', '--data', node.folder]);
  if (code !== 0) return [];
  const { didDocument }: { readonly didDocument: { readonly authentication: readonly string[] } } = JSON.parse(stdout);
  return didDocument.authentication;
}

test('an owner rotates and every node sees the new key; a thief with the stolen current key is refused by every storer', async (context) => {
  const started = async (name: string, join_at?: string): Promise<readonly [NodeProcess, string]> => {
    const node = new NodeProcess({ name, folder: join(context.folder(), name), port: 0, ...(join_at === undefined ? {} : { join: join_at }) });
    context.after(() => node.stop());
    return [node, await node.started()];
  };
  const [a, a_address] = await started('A');
  const [b, b_address] = await started('B', a_address);
  await until('the nodes meet', async () => (await b.get('peers', {})).some(({ did }) => did !== null) ? true : undefined);
  const { did } = await a.get('sponsor.create', { name: 'alice' });
  const before = await until('B knows alice', async () => {
    const keys = await keysAt(b, did);
    return keys.length === 1 ? keys : undefined;
  });

  const thief = await thiefAmong(context, [a_address, b_address]);
  const place = unwrap(parseDid(did)).digest;
  /** What the nodes themselves hold of alice. */
  const held = async (): Promise<readonly DidRecord[]> => {
    const answers = unwrap(await thief.get(record_namespace, place, { answers: 20, ...limit() })).filter(({ from }) => from !== thief.id);
    return answers.flatMap(({ value }) => value === undefined ? [] : [unwrap(verifyRecord(value, { now_ms: system_clock.now() }))]);
  };
  const put = async (bytes: Uint8Array): Promise<number> => unwrap(await thief.put(record_namespace, place, bytes, limit()));
  // Which of the two the DHT asks is its own affair; what both hold is looked at in the end. A record that was replaced since it was read is taken by nobody.
  const known = await until('both nodes store alice, and a storer takes from this peer what is in order', async () => {
    const [record, ...others] = await held();
    return record !== undefined && others.length === 1 && await put(record.bytes) > 0 ? record : undefined;
  });
  const stolen = stolenKey(a.folder, known.current.keys[0] ?? new Uint8Array());
  const forged = forgeries(known, stolen);
  for (const name of ['rotation', 'same key'] as const) assert.is(await put(forged[name]), 0, `${name}, before the owner rotates`);
  assert.equal(await keysAt(b, did), before);

  const rotated = await cli(['did', 'rotate', 'alice', '--emergency', '--data', a.folder, '--json']);
  assert.is(rotated.code, 0, rotated.stderr);
  const { keys, number }: { readonly number: number; readonly keys: readonly { readonly id: string; readonly uses: readonly string[] }[] } = JSON.parse(rotated.stdout);
  const after = keys.filter(({ uses }) => uses.includes('authentication')).map(({ id }) => `${did}#${id.split('#').at(-1) ?? ''}`);
  assert.is(number, 1);
  assert.not.equal(after, before);
  assert.equal(await keysAt(b, did), after, 'the new key is what B resolves');
  for (const [name, bytes] of Object.entries(forged)) assert.is(await put(bytes), 0, `${name}, after the owner has rotated`);
  assert.equal(await keysAt(b, did), after, 'and stays so');
  const stored = await until('both nodes say what they hold', async () => {
    const records = await held();
    return records.length === 2 ? records : undefined;
  });
  assert.ok(stored.every((record) => record.number === 1 && record.current.keys.every((key) => !equal(key, stolen.public_key))), 'no storer holds anything of the thief');
});

test.run();
