/** The other process of the call benchmark: a node with an agent that serves, and a bare libp2p echo beside it. */
import { AgentIdentity, createNode, KernelSpace, Policy, unwrap } from '../../node/index.ts';
import { startEcho } from './raw-echo.ts';

const [, , data = '', roots = ''] = process.argv;
const policy = unwrap(await Policy.parse(`
version: "1.0"
name: bench
rules:
  - name: reads
    condition: "action.type == 'read' and agent.trust_score >= 300"
    action: allow
  - name: no-pii-export
    condition: "action.type == 'export' and data.contains_pii"
    action: deny
`, 'bench'));
const node = unwrap(await createNode({ data, name: 'executor', control: false }));
unwrap(await node.actions.createSponsor('bob@bench.example', 'human'));
const identity = await AgentIdentity.create({
  node, name: 'desk', sponsor: 'bob@bench.example', capabilities: ['read:**'], authority: 'open',
  kernel: new KernelSpace({ policies: [policy] }), ...(roots === '' ? {} : { roots: [roots] }),
});
identity.serve(({ arguments: given }) => given);
const echo = await startEcho();
console.log(JSON.stringify({ did: identity.did, address: node.addresses[0], echo: echo.address }));
process.once('SIGTERM', () => void Promise.all([node.stop(), echo.stop()]).then(() => process.exit(0)));
