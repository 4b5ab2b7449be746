/**
 * A node that forks its log, as a process of its own: one host with two faces,
 * each a node of its own over a copy of the same data, that shows its history to
 * a different peer. Arguments: a data folder, and the address that each face
 * joins. Prints one line of JSON when both histories are told.
 */
import { utf8 } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { system_clock, system_random } from '../../node/clock.ts';
import { holdFolder } from '../../node/held-folder.ts';
import { startHost, type Host } from '../../node/host.ts';
import { libp2pNetwork } from '../../node/libp2p.ts';
import { makeNodeKeys } from '../../node/node-keys.ts';
import { openKeystore } from '../../storage/keystore.ts';
import { copyOf, type Remains } from '../simulated-hosts.ts';
import { forker } from './fork-world.ts';
import { until } from './node-process.ts';

const quiet_ms = 86_400_000;
let is_forked = false;
const silent = { record: (): void => undefined };

async function face(remains: Remains, genesis: boolean, seed: Uint8Array, join: string): Promise<Host> {
  const keystore = unwrap(await openKeystore({ files: remains.files, random: (length) => system_random.bytes(length) }));
  const built: { host?: Host } = {};
  const network = await libp2pNetwork({ seed, bootstrap: [join], mdns: false, clock: system_clock, random: system_random, recorder: silent });
  built.host = unwrap(await startHost({
    clock: system_clock, random: system_random, network: forker(network, 'refuses', () => built.host?.log, () => !is_forked), ...remains, keystore, recorder: silent,
  }, { name: 'forker', genesis, required_trust: 0, witness: { quorum: 1, checkpoint_ms: quiet_ms } }));
  return built.host;
}

async function anchor(host: Host): Promise<void> {
  await until('a witness cosigns', async () => unwrap(await host.witness.anchor()));
}

const [folder = '', first_address = '', second_address = ''] = process.argv.slice(2);
const { store, files } = unwrap(await holdFolder(folder));
const keystore = unwrap(await openKeystore({ files, random: (length) => system_random.bytes(length) }));
await makeNodeKeys(keystore, system_random);
const first = await face({ store, files }, true, keystore.key('peer')?.seed ?? system_random.bytes(32), first_address);
await anchor(first);
const second = await face(await copyOf({ store, files }), false, system_random.bytes(32), second_address);
// Each has asked its witness what that has seen, and found nothing; from here on their histories differ.
for (const host of [second, first]) await anchor(host);
is_forked = true;
for (const [index, host] of [first, second].entries()) unwrap(await host.log.append({ subject: 'agent', payload: utf8(`history ${index}`) }));
await anchor(first);
// By now every honest witness may know the first history and cosign no other: the second one is told as it is.
second.monitor.publish(unwrap(await second.log.checkpoint()));
console.log(JSON.stringify({ did: first.identities.node.did, origin: first.log.origin, sizes: [first.log.latest()?.size, second.log.latest()?.size] }));
