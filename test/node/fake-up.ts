/** Runs `up` over a node that is none, so that its signals can be tested: `fake-up.ts <behaviour> [--json]`. */
import { FailureError, fail, ok } from '../../crypto/result.ts';
import { runUp, type StartedNode, type UpFlags } from '../../node/cli/commands/up.ts';
import { createContext } from '../../node/cli/context.ts';

const behaviour = process.argv[2] ?? 'plain';
const flags: UpFlags = {
  json: process.argv.includes('--json'), mdns: false, data: '/data',
  ...(process.env['PASSPHRASE_FILE'] === undefined ? {} : { passphraseFile: process.env['PASSPHRASE_FILE'] }),
};
// Stands for the sockets that keep a real node's process alive.
const work = setInterval(() => undefined, 1000);
// Outlives no test, whatever happens to it.
setTimeout(() => process.exit(99), 15_000).unref();

const node: StartedNode = {
  did: 'did:mesh:bexample',
  peer_id: '12D3KooWExample',
  addresses: behaviour === 'reachable' ? ['/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWExample'] : ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWExample'],
  data: '/data',
  gateway: behaviour === 'gateway' ? 'http://127.0.0.1:8080' : undefined,
  sidecar: behaviour === 'gateway' ? { socket_path: '/data/sidecar.sock', url: 'http://127.0.0.1:8081' } : undefined,
  frozen: behaviour === 'frozen' ? { code: 'AUDIT_FROZEN', reason: 'entry 7 was changed\u001b[2J', fix: 'agentmesh doctor' } : undefined,
  keys_protected: behaviour === 'protected',
  reloadPolicies: (by) => Promise.resolve([
    { layer: 'host', agent: null, agent_name: null, file: `host.yaml by ${by}`, state: 'changed', failure: null, digests: [] },
    { layer: 'agent', agent: 'did:mesh:bagent', agent_name: 'analyst', file: 'analyst.yaml', state: 'refused', failure: { code: 'POLICY_INVALID', reason: 'analyst.yaml:3:1: no' }, digests: [] },
  ]),
  stop: () => {
    if (behaviour === 'stuck') return new Promise(() => undefined);
    if (behaviour !== 'leaking') clearInterval(work);
    return new Promise((resolve) => { setTimeout(resolve, 50); });
  },
};

if (behaviour === 'stops-itself') setTimeout(() => clearInterval(work), 100).unref();
const outcome = await runUp(createContext(process), flags, (config) => {
  if (behaviour === 'config') console.log(JSON.stringify({ ...config, recorder: undefined, environment: process.env['AGENTMESH_PASSPHRASE'] ?? null }));
  if (behaviour === 'stale') {
    for (const peer of ['12D3KooWOld', '12D3KooWOld', '12D3KooWOther']) config.recorder?.record({ kind: 'identity.stale-answer', peer, did: 'did:mesh:balice', served: '0-1', newest: '1-2' });
    config.recorder?.record({ kind: 'identity.repaired', did: 'did:mesh:balice', holders: 1 });
  }
  if (behaviour === 'taken') return Promise.resolve(fail('ADDRESS_IN_USE', 'the address is taken'));
  return Promise.resolve(ok(node));
});
if (outcome instanceof FailureError) {
  clearInterval(work);
  console.log(JSON.stringify({ code: outcome.code, fix: outcome.failure.fix ?? null }));
}
