/** Opens the node of a data folder, has its agent `worker` make calls without end, several at once, and says of each that it was acknowledged; until it is killed. */
import { unwrap } from '../../crypto/result.ts';
import { createNode } from '../../node/node.ts';

const [, , data = '', policy = ''] = process.argv;
const node = unwrap(await createNode({ name: 'spender', data, listen: [], control: false }));
unwrap(await node.actions.createSponsor('alice', 'human'));
const { did } = unwrap(await node.actions.createAgent({ name: 'worker', sponsor: 'alice', capabilities: ['*:**'], policy, authority: 'open' }));
const kernel = node.host.agents.get(did)?.kernel;
if (kernel === undefined) throw new Error('there is no worker');

async function work(): Promise<never> {
  for (let each = 0; ; each += 1) {
    unwrap(await kernel?.run({ agent: did, action: { type: 'read', resource: `r${each}` }, usage: () => ({ tokens: 10 }), effect: () => Promise.resolve(each) }) ?? { ok: false, failure: { code: 'NONE', reason: 'there is no kernel' } });
    process.stdout.write('.');
  }
}

await Promise.all([...Array(8).keys()].map(work));
